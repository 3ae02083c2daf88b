"""memcached for the tests: real servers, a proxy in front of them, a client that gives replies as bytes."""

import itertools
import json
import pathlib
import re
import select
import subprocess
import urllib.parse

from servers import Fleet, Process, Proxy, RawClient, free_port, pool_config, wait_for

# Each exchange ends with a question of its own, so that a reply too many or too few is seen at once.
SERIAL = itertools.count(1)


def storage(command, key, value, flags=0, exptime=0, tail=b""):
    """One of set, add, … as bytes; tail is what stands after the size, with its space."""
    key = key.encode() if isinstance(key, str) else key
    return b"%s %s %d %d %d%s\r\n%s\r\n" % (command.encode(), key, flags, exptime, len(value), tail, value)


def value(key, data, flags=0):
    key = key.encode() if isinstance(key, str) else key
    return b"VALUE %s %d %d\r\n%s\r\n" % (key, flags, len(data), data)


class MemcacheClient(RawClient):
    """A socket that speaks the text protocol."""

    def ask(self, request):
        """One request and its one reply; the line end is added."""
        self.send((request.encode() if isinstance(request, str) else request) + b"\r\n")
        return self.reply()

    def reply(self):
        """A line, a value with its block, or all lines up to END."""
        end = 0
        while True:
            start, end = end, self._line(end)
            fields = self.buffer[start:end - 2].split(b" ")
            if fields[0] in (b"VALUE", b"VA"):
                end += int(fields[3 if fields[0] == b"VALUE" else 1]) + 2
                self._fill(end)
            if fields[0] not in (b"VALUE", b"STAT"):
                return self._take(end)

    def exchange(self, data, pieces=None):
        """Sends (in pieces, if given) and gives all that comes back before the reply to a question that only this call asks."""
        mark = b"O%d" % next(SERIAL)
        for piece in pieces or [data]:
            self.send(piece)
        self.send(b"mg end-of-exchange %s\r\n" % mark)
        return self.until(b"EN %s\r\n" % mark)

    def until(self, end):
        """What comes before these bytes, which are taken as well."""
        searched = 0
        while (found := self.buffer.find(end, searched)) < 0:
            searched = max(0, len(self.buffer) - len(end))
            self._more()
        return self._take(found + len(end))[:found]

    def take_what_has_come(self):
        while select.select([self.socket], [], [], 0)[0]:
            self._more()
        return self.buffer

    def _fill(self, count):
        while len(self.buffer) < count:
            self._more()

    def _take(self, count):
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


class MemcachedServer(Process):
    def __init__(self, *arguments):
        super().__init__()
        self.port, self.arguments = free_port(), arguments

    def start(self):
        self.process = subprocess.Popen(
            ["memcached", "-u", "root", "-U", "0", "-l", "127.0.0.1", "-p", str(self.port), *self.arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "memcached")

    def stop(self):
        """Stops all of its threads, which a signal alone has not done yet when it is sent."""
        super().stop()
        threads = [task / "stat" for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir()]
        wait_for(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads), "memcached to stop")

    def _answers(self):
        with self.client() as client:
            return client.ask("mn")

    def client(self):
        return MemcacheClient(self.port)

    def ask(self, request):
        with self.client() as client:
            return client.ask(request)

    def exchange(self, data):
        with self.client() as client:
            return client.exchange(data)

    def stats(self, what=""):
        return parse_stats(self.ask(f"stats {what}".strip()))


def parse_stats(reply):
    """What exporters do with a reply to stats: each line a name and a value, each name once."""
    lines = reply.decode().split("\r\n")
    assert lines[-2:] == ["END", ""], lines[-3:]
    pairs = [re.fullmatch(r"STAT (\S+) (.*)", line).groups() for line in lines[:-2]]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


class MemcacheFleet(Fleet):
    """memcached servers r0, r1, … and a proxy in front of them."""

    def __init__(self, count=3, workers=1, listener=None, node_arguments=(), **pool):
        self.nodes = [MemcachedServer(*node_arguments) for _ in range(count)]
        self.config = {**memcache_config(self.nodes, listener, **pool), "workers": workers}
        self.proxy = Proxy(self.config)

    def client(self):
        return MemcacheClient(self.proxy.port)

    def owner(self, key):
        return int(self.locate(key)["node"][1:])

    def locate(self, key, pool="main"):
        return json.loads(self.proxy.get(f"/api/v1/locate?pool={pool}&key={urllib.parse.quote(key, safe='')}")[1])

    def flush(self):
        for node in self.nodes:
            node.ask("flush_all")


def memcache_config(nodes, listener=None, **pool):
    return pool_config(nodes, {"protocol": "memcached", **(listener or {})}, protocol="memcached", **pool)
