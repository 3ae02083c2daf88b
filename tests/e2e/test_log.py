"""The log keeps nobody waiting, says what is missing, and is what its format says, whoever causes its lines."""

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import socket
import struct
import time

import pytest

from memcache_servers import memcache_config
from scripted_node import ScriptedNode
from servers import Proxy, RawClient, RedisServer, encode, free_port, pool_config, wait_for

PIPE_BUF = 4096
LEFT_OUT = re.compile(r"(\d+) more lines? like this w(?:as|ere) left out")
DROPPED = re.compile(r"(\d+) log lines were dropped")


class PipedProxy(Proxy):
    """Its stderr is a pipe, which is read by log() and by nobody else."""

    def open_log(self):
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4 * PIPE_BUF)  # Soon full.
        self.text = b""
        return os.fdopen(writer, "wb")

    def log(self):
        if self.reader is not None:
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(self.reader, 1 << 16):
                    self.text += chunk
        return self.text.decode()

    def stop_reading(self):
        self.log()
        reader, self.reader = self.reader, None
        return reader

    def __exit__(self, *details):
        super().__exit__(*details)
        if self.reader is not None:
            os.close(self.reader)


class AppendingProxy(Proxy):
    def open_log(self):
        return open(self.log_path, "ab")


class Silent(Proxy):
    """Says nothing; its ports are known."""

    def log(self):
        return "admin port listens"


def config_of(nodes, log, **more):
    return {**pool_config(nodes), "log": log, **more}


def say(proxy, request):
    with proxy.client() as client:
        client.send(request)
        client.closed_by_peer()


def write_a_log_line(proxy):
    """A client that breaks the protocol, which is said at the default level."""
    say(proxy, b"*1\r\n:3\r\n")


def write_debug_lines(proxy, count):
    """At the level debug whatever clients do is said each time."""
    for _ in range(count):
        say(proxy, b"POST / HTTP/1.1\r\n")


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def entries_of(proxy):
    entries = [json.loads(line) for line in proxy.log().splitlines()]
    assert all(set(entry) == {"time", "level", "message"} for entry in entries)
    return entries


def test_a_log_reader_that_ends_ends_nobody_else(redis):
    with PipedProxy(pool_config([redis])) as proxy, proxy.client() as client:
        os.close(proxy.stop_reading())
        write_a_log_line(proxy)
        assert client.ask("PING") == b"+PONG\r\n"
        proxy.terminate()
        client.socket.close()
        assert proxy.wait() == 0


def test_a_log_that_nobody_reads_keeps_nobody_waiting(redis):
    with PipedProxy(config_of([redis], {"level": "debug", "format": "json"})) as proxy, proxy.client() as client:
        reader = proxy.stop_reading()
        write_debug_lines(proxy, 1500)  # More than the pipe and the queue hold.
        for _ in range(100):
            assert client.ask("SET", "key", "v") == b"+OK\r\n"
        dropped = wait_for(lambda: proxy.metric("log_lines_dropped_total"), "lines to be dropped")
        proxy.reader = reader
        wait_for(lambda: DROPPED.search(proxy.log()), "that to be said")
        entries_of(proxy)
        assert proxy.metric("log_lines_dropped_total") >= dropped
        proxy.stop_reading()
        write_debug_lines(proxy, 1500)
        proxy.terminate()
        client.socket.close()
        assert proxy.wait() == 0  # Though it has lines that nobody reads.
        os.close(reader)


@contextlib.contextmanager
def stuck_proxy(drain_timeout):
    """Nobody reads its log, and a client waits for a reply that does not come."""
    with RedisServer() as node:
        config = config_of([node], {"level": "debug"}, drain_timeout=drain_timeout)
        config["pools"]["main"]["timeouts"] = {"request": "60s", "total": "60s"}
        with PipedProxy(config) as proxy, proxy.client() as client:
            reader = proxy.stop_reading()
            write_debug_lines(proxy, 1500)
            node.stop()
            client.send(encode("GET", "key"))
            yield proxy, client
            os.close(reader)


def test_lines_that_nobody_reads_are_not_waited_for_beyond_the_drain_timeout():
    with stuck_proxy(drain_timeout="500ms") as (proxy, client):
        proxy.terminate()
        client.closed_by_peer()
        start = time.monotonic()
        assert proxy.wait() == 0
        assert time.monotonic() - start < 0.9  # Where there is time it waits for a second.


def test_lines_that_nobody_reads_are_not_waited_for_after_a_second_signal():
    with stuck_proxy(drain_timeout="10m") as (proxy, client):
        proxy.terminate()
        wait_for(lambda: proxy.get("/readyz") == (503, "draining\n"), "the drain")
        proxy.terminate()
        client.closed_by_peer()
        start = time.monotonic()
        assert proxy.wait() == 0
        assert time.monotonic() - start < 0.9


def test_a_second_signal_ends_the_wait_for_the_last_lines_and_is_no_failure():
    with stuck_proxy(drain_timeout="10m") as (proxy, client):
        port = proxy.admin_port
        # Whoever only ends its stream still gets its reply.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()
        proxy.terminate()
        wait_for(lambda: not accepts(port), "the end of the drain")
        proxy.terminate()
        assert proxy.wait() == 0


def test_a_log_file_that_may_grow_no_more_ends_nobody_and_is_whole_afterwards(redis):
    with AppendingProxy(config_of([redis], {"level": "debug", "format": "json"})) as proxy, proxy.client() as client:
        size = proxy.log_path.stat().st_size + 1000  # It ends in the middle of a line.
        unlimited = resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        write_debug_lines(proxy, 50)
        assert client.ask("PING") == b"+PONG\r\n"
        wait_for(lambda: proxy.metric("log_lines_dropped_total"), "lines to be dropped")
        assert proxy.log_path.stat().st_size == size
        resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, unlimited)
        # Though no client causes another line.
        wait_for(lambda: DROPPED.search(proxy.log()), "that to be said")
        said = sum(int(match[1]) for entry in entries_of(proxy) if (match := DROPPED.search(entry["message"])))
        assert said == proxy.metric("log_lines_dropped_total")


def test_a_full_disk_keeps_nobody_waiting_and_its_lines_are_counted(redis):
    port, admin = free_port(), free_port()
    config = pool_config([redis], listener={"listen": f"127.0.0.1:{port}"})
    config["admin"]["listen"] = f"127.0.0.1:{admin}"
    with Silent(config, ready=False, prefix=["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]) as proxy:
        with wait_for(lambda: RawClient(port), "the listener") as client:
            assert client.ask("PING") == b"+PONG\r\n"
        proxy.terminate()
        assert proxy.wait() == 0


def test_the_next_reader_of_a_fifo_is_told_what_is_missing(tmp_path, redis):
    fifo = tmp_path / "log"
    os.mkfifo(fifo)

    class FifoProxy(PipedProxy):
        def open_log(self):
            self.reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            self.text = b""
            return open(fifo, "wb")

    with FifoProxy(pool_config([redis])) as proxy:
        os.close(proxy.stop_reading())
        write_a_log_line(proxy)
        wait_for(lambda: proxy.metric("log_lines_dropped_total"), "a line to be dropped")
        proxy.reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        wait_for(lambda: DROPPED.search(proxy.log()), "that to be said")


def test_a_closed_stderr_is_no_socket_that_gets_the_log(redis):
    port, admin = free_port(), free_port()
    config = pool_config([redis], listener={"listen": f"127.0.0.1:{port}"})
    config["admin"]["listen"] = f"127.0.0.1:{admin}"
    with Silent(config, ready=False, prefix=["sh", "-c", 'exec "$@" 2>&-', "sh"]) as proxy:
        with wait_for(lambda: RawClient(port), "the listener") as client:
            assert client.ask("PING") == b"+PONG\r\n"
            with RawClient(port) as other:
                other.send(b"*1\r\n:3\r\n")
                other.closed_by_peer()
            assert client.ask("PING") == b"+PONG\r\n"
            assert os.readlink(f"/proc/{proxy.pid}/fd/2") == "/dev/null"


def close_after(name, _):
    return b"" if name == "GET" else None


def ask_a_node_that_closes(proxy):
    with proxy.client() as client:
        client.ask("GET", "key")


# What tells the lines of a kind, a configuration, and what causes one of them.
KINDS = {
    "Protocol error": (pool_config, write_a_log_line),
    "syntax$": (memcache_config, lambda proxy: say(proxy, b"set key 0 0 18446744073709551615\r\n")),
    "is malformed": (memcache_config, lambda proxy: say(proxy, b"\x80" + bytes(23))),
    "is refused": (lambda nodes: pool_config(nodes, {"max_connections": 1}), lambda proxy: say(proxy, b"PING\r\n")),
    "an operator's order": (pool_config, lambda proxy: proxy.post("/api/v1/nodes/r0/enable")),
    "is lost with": (lambda nodes: pool_config(nodes, reconnect={"initial": "10ms", "max": "10ms"}), ask_a_node_that_closes),
}


@pytest.mark.parametrize("kind", KINDS)
def test_lines_that_clients_cause_are_limited_and_the_rest_is_counted(kind):
    config, cause = KINDS[kind]
    with ScriptedNode(close_after) as node, Proxy(config([node]), ready=False) as proxy, proxy.client():
        start = time.monotonic()
        wait_for(lambda: cause(proxy) or LEFT_OUT.search(proxy.log()), "the number of those left out")
        for _ in range(100):
            cause(proxy)
        # At once, and one each second.
        most = 10 + time.monotonic() - start + 1
        assert len(re.findall(kind, proxy.log(), re.MULTILINE)) <= most
        said = len(LEFT_OUT.findall(proxy.log()))
        wait_for(lambda: len(LEFT_OUT.findall(proxy.log())) > said, "the rest, though no more come")


def test_the_log_can_be_json(redis):
    with Proxy(config_of([redis], {"format": "json", "level": "debug"})) as proxy, proxy.client() as client:
        client.send(b"*1\r\n\"\\\r\n")
        client.closed_by_peer()
        wait_for(lambda: any("Protocol error" in entry["message"] for entry in entries_of(proxy)), "the line")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_whatever_clients_and_nodes_send_a_line_is_one_line_of_printable_ascii(log_format):
    words = b"ERR \x1b[2J \x7f \xc2\x9b2J \xe2\x80\xae \xff \x00 \" " + 50_000 * b"\x9b"
    with ScriptedNode(lambda *_: b"-" + words + b"\r\n") as node:
        # libevent has something to say before anything else.
        config = config_of([node], {"format": log_format, "level": "debug"})
        with Proxy(config, ready=False, prefix=["env", "EVENT_SHOW_METHOD=1"]) as proxy:
            for byte in range(256):
                say(proxy, b"*1\r\n" + bytes([byte]) + b"\r\n")
            say(proxy, b"POST \x1b]0;title\x07\r\n")
            proxy.wait_for_log("is down: ERR")
            proxy.terminate()
            assert proxy.wait() == 0
            raw = proxy.log_path.read_bytes()
            assert all(0x20 <= byte < 0x7f or byte == 0x0a for byte in raw)
            assert max(map(len, raw.splitlines())) < PIPE_BUF
            assert b"libevent using" in raw
            if log_format == "json":
                assert entries_of(proxy)[-1]["message"] == "bye"


def test_last_words_are_in_the_format_of_the_log(redis):
    # So many threads there is no memory for.
    limited = ["sh", "-c", 'ulimit -v 300000; exec "$@"', "sh"]
    config = config_of([redis], {"format": "json"}, workers=64)
    with Proxy(config, ready=False, prefix=limited) as proxy:
        assert proxy.wait() == -signal.SIGABRT
        assert entries_of(proxy)[-1]["message"].startswith("an exception that nobody catches: ")
