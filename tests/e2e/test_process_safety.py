"""Nothing from outside ends the process or stops it: signals, scrapers and log readers that leave."""

import contextlib
import fcntl
import http.client
import os
import re
import signal
import socket
import struct

import pytest

from servers import PATIENCE, Proxy, RawClient, RedisServer, free_port, pool_config, wait_for


class PipedProxy(Proxy):
    """Its stderr is a pipe, which is read by log() and by nobody else."""

    def open_log(self):
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4 * 4096)  # Soon full.
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


class Silent(Proxy):
    """Says nothing; its ports are known."""

    def log(self):
        return "admin port listens"


def write_a_log_line(proxy):
    """A client that breaks the protocol, which is said at the default level."""
    with proxy.client() as client:
        client.send(b"*1\r\n:3\r\n")
        client.closed_by_peer()


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_of_other_servers_do_no_harm(fleet, client, number):
    fleet.proxy.process.send_signal(number)
    assert client.ask("PING") == b"+PONG\r\n" and fleet.proxy.alive()


def test_a_scraper_that_leaves_in_the_middle_of_metrics_ends_nobody():
    port = free_port()  # Nobody listens there: many nodes make the page long.
    nodes = [{"name": f"n{i}", "address": f"127.0.0.1:{port}"} for i in range(300)]
    config = pool_config([], health={"interval": "0s"})
    config["pools"]["main"]["nodes"] = nodes
    with Proxy(config, ready=False) as proxy, proxy.client() as client:
        for way_to_leave in ("reset", "end") * 5:
            with socket.socket() as scraper:
                scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                scraper.connect(("127.0.0.1", proxy.admin_port))
                scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: proxy\r\n\r\n")
                assert scraper.recv(100)
                proxy.stop()  # It finds all of it at once.
                if way_to_leave == "end":
                    scraper.shutdown(socket.SHUT_WR)
                scraper.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            proxy.cont()
            assert client.ask("PING") == b"+PONG\r\n"
        assert proxy.get("/healthz")[0] == 200


def test_a_log_reader_that_ends_ends_nobody_else(redis):
    with PipedProxy(pool_config([redis])) as proxy, proxy.client() as client:
        os.close(proxy.stop_reading())
        write_a_log_line(proxy)
        assert client.ask("PING") == b"+PONG\r\n"
        proxy.terminate()
        client.socket.close()
        assert proxy.wait() == 0


def fill_the_log(proxy, orders=700):
    """Each order of an operator is two lines."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=PATIENCE)
    with contextlib.closing(connection):
        for i in range(orders):
            connection.request("POST", "/api/v1/nodes/r1/" + ("drain", "enable")[i % 2])
            assert connection.getresponse().read()


def test_a_log_that_nobody_reads_keeps_nobody_waiting():
    with RedisServer() as busy, RedisServer() as other, PipedProxy(pool_config([busy, other])) as proxy:
        key = next(k for k in map(str, range(1000)) if '"r0"' in proxy.get(f"/api/v1/locate?pool=main&key={k}")[1])
        with proxy.client() as client:
            reader = proxy.stop_reading()
            fill_the_log(proxy)
            for _ in range(100):
                assert client.ask("SET", key, "v") == b"+OK\r\n"
            dropped = wait_for(lambda: proxy.metric("log_lines_dropped_total"), "lines to be dropped")
            proxy.reader = reader
            wait_for(lambda: re.search(r"warning \d+ log lines were dropped", proxy.log()), "that to be said")
            assert proxy.metric("log_lines_dropped_total") >= dropped
            proxy.stop_reading()
            fill_the_log(proxy)
        proxy.terminate()
        assert proxy.wait() == 0  # Though it has lines that nobody reads.
        os.close(reader)


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


def test_lines_that_clients_cause_are_limited_in_rate(redis):
    with Proxy(pool_config([redis])) as proxy:
        for _ in range(300):
            write_a_log_line(proxy)
        lines = proxy.log().count("client ")
        assert 10 <= lines < 50
        wait_for(lambda: write_a_log_line(proxy) or "more lines like this were left out" in proxy.log(), "the number")
