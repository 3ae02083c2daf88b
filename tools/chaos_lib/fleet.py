"""Four redis-servers and the proxy in front of them, and what can be done to them."""
import contextlib
import http.client
import json
import os
import signal
import socket
import time

from benchmark.admin_port import AdminPort
from benchmark.children import free_port
from benchmark.machine import resident_kib

NODES = 4
KEYS = 2000
VALUE_BYTES = 64
PATIENCE = 30


def key_of(number):
    """As bench_load names it (see request_set.h)."""
    return f"s{VALUE_BYTES}:{number:010d}"


def encode(*arguments):
    parts = [str(argument).encode() for argument in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Client:
    """A connection that asks one thing after the other; errors come back as text."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def ask(self, *arguments):
        self.send(encode(*arguments))
        return self.reply()

    def reply(self):
        line = self._file.readline()
        if not line:
            raise ConnectionResetError("closed")
        if line[:1] == b"$" and line[1:2] != b"-":
            return self._file.read(int(line[1:]) + 2)[:-2].decode()
        return line[:-2].decode()


def poll(condition, what, seconds=PATIENCE, every=0.002):
    """The first true value of condition(), which may fail to connect until then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            value = condition()
            if value:
                return value
        time.sleep(every)
    raise RuntimeError(f"waited {seconds} s in vain until {what}")


class Node:
    """A redis-server that keeps its data over a restart, once it was saved."""

    def __init__(self, number, children, cores):
        self.name, self.port = f"r{number}", free_port()
        self._children, self._cores = children, cores
        self.folder = children.folder / f"{self.name}-{self.port}"
        self.folder.mkdir()
        self.numbers = []  # Of the keys it owns.
        self.process = None

    def start(self):
        """Does not wait until it serves."""
        self.process = self._children.start(f"redis-{self.port}", [
            "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder, "--appendonly", "no",
            "--rdbcompression", "no", "--enable-debug-command", "yes", "--loglevel", "warning", "--maxclients", 4000],
            self._cores)

    def wait_until_it_serves(self):
        def serves():
            with Client(self.port) as client:
                return client.ask("PING") == "+PONG"

        poll(serves, f"{self.name} serves")

    def ask(self, *arguments):
        with Client(self.port) as client:
            return client.ask(*arguments)

    def fill(self):
        """Its keys as bench_load wants them, saved for a restart."""
        with Client(self.port) as client:
            client.send(b"".join(encode("SET", key_of(number), key_of(number).ljust(VALUE_BYTES, ".")) for number in self.numbers))
            for _ in self.numbers:
                assert client.reply() == "+OK"
            assert client.ask("SAVE") == "+OK"

    def add_data(self, mebibytes):
        with Client(self.port) as client:
            assert client.ask("DEBUG", "POPULATE", mebibytes * 1024, "filler", 1024) == "+OK"
            assert client.ask("SAVE") == "+OK"

    def yield_to_others(self, does):
        """While it loads: it stands for another machine and should not take this one's cores from the proxy."""
        os.sched_setscheduler(self.process.pid, os.SCHED_IDLE if does else os.SCHED_OTHER, os.sched_param(0))

    def kill(self):
        """The moment at which its connections ended: the kernel first takes back its memory, which may be a lot."""
        with Client(self.port) as witness:
            witness.ask("PING")
            self.process.send_signal(signal.SIGKILL)
            with contextlib.suppress(OSError):
                witness.reply()
            closed = time.monotonic_ns()
        self._children.stop(self.process, signal.SIGKILL)
        return closed

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def cont(self):
        self.process.send_signal(signal.SIGCONT)


class Fleet:
    """Nodes that hold their keys, and a proxy that serves them. `fronts`: node number → port that stands for it."""

    def __init__(self, children, programs, cores, front=None, workers=2, **pool):
        self.children, self.programs, self.cores = children, programs, cores
        self.nodes = [Node(number, children, cores) for number in range(NODES)]
        for node in self.nodes:
            node.start()
        self.port, self.admin = free_port(), AdminPort()
        ports = [node.port for node in self.nodes]
        if front:
            ports[0] = front(ports[0])
        self.config = {
            "workers": workers, "admin": {"listen": self.admin.address},
            "listeners": [{"name": "chaos", "listen": f"127.0.0.1:{self.port}", "pool": "main", "max_connections": 40_000}],
            "pools": {"main": {"nodes": [{"name": node.name, "address": f"127.0.0.1:{port}"}
                                         for node, port in zip(self.nodes, ports)], **pool}}}
        self._path = children.folder / f"ringproxy-{self.port}.yaml"
        self._path.write_text(json.dumps(self.config))
        for node in self.nodes:
            node.wait_until_it_serves()
        self.proxy = children.start(f"ringproxy-{self.port}", [programs / "ringproxy", "--config", self._path], cores)
        poll(self.admin.is_ready, "the proxy is ready")
        self._share_out()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.proxy, *(node.process for node in self.nodes)):
            if process.poll() is None:
                self.children.stop(process, signal.SIGKILL)

    def _share_out(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin.port, timeout=PATIENCE)
        by_name = {node.name: node for node in self.nodes}
        for number in range(KEYS):
            connection.request("GET", f"/api/v1/locate?pool=main&key={key_of(number)}")
            by_name[json.loads(connection.getresponse().read())["node"]].numbers.append(number)
        connection.close()
        for node in self.nodes:
            node.fill()

    def view(self, node):
        """What /api/v1/nodes says of it."""
        return next(view for view in json.loads(self.admin.get("/api/v1/nodes")[1])["nodes"] if view["name"] == node.name)

    def log(self):
        return (self.children.folder / f"ringproxy-{self.port}.log").read_text()

    def resident_kib(self):
        return resident_kib(self.proxy.pid)

    def wait_until_served(self, node):
        """Until the proxy serves the node's keys and calls it up."""
        with Client(self.port) as client:
            poll(lambda: not client.ask("GET", key_of(node.numbers[0])).startswith("-"), f"{node.name} is served again", 60, 0.005)
        poll(lambda: self.view(node)["state"] == "up", f"{node.name} is up again", 90, 0.02)
