"""A proxy before this one names its clients: by the real haproxy, and by hand."""

import contextlib
import pathlib
import re
import resource
import socket
import subprocess
import tempfile

import pytest

from memcache_servers import MemcacheClient, MemcachedServer
from servers import PATIENCE, PATIENT, Fleet, Process, Proxy, RawClient, RedisServer, encode, free_port, pool_config, wait_for

TRUSTED = "127.0.0.1"  # From where haproxy connects, and whoever says nothing else.
HEADER = b"PROXY TCP4 192.168.7.7 10.0.0.1 4711 6380\r\n"
BINARY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\xa8\x07\x07\x0a\0\0\x01\x12\x67\x18\xec"
DEADLINE = 5


class From:
    """What makes a client come from an address of its own."""

    def __init__(self, port, source=TRUSTED):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        self.buffer = b""

    @property
    def address(self):
        return b"%s:%d" % tuple(part.encode() if isinstance(part, str) else part for part in self.socket.getsockname())


class RedisFrom(From, RawClient):
    pass


class MemcacheFrom(From, MemcacheClient):
    pass


class HaProxy(Process):
    """Passes the bytes of each of its ports on to one port, `words` behind it."""

    def __init__(self, *servers):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "haproxy.cfg"
        self.ports = [free_port() for _ in servers]
        lines = ["global", "  nbthread 1", "defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 1h", "  timeout server 1h"]
        for (port, words), listen in zip(servers, self.ports):
            lines += [f"listen l{listen}", f"  bind 127.0.0.1:{listen}", f"  server s 127.0.0.1:{port} {words}"]
        self.path.write_text("\n".join(lines) + "\n")

    def start(self):
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(self.path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: all(socket.create_connection(("127.0.0.1", port)).close() is None for port in self.ports), "haproxy")

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()


def behind(count=1, **listener):
    return Fleet(count, listener={"proxy_protocol": [TRUSTED], **listener}, **PATIENT)


def connect(fleet, header=HEADER):
    client = fleet.client()
    client.send(header)
    return client


@pytest.mark.smoke
@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_clients_of_haproxy_are_known_by_their_own_address(version):
    with behind() as fleet, HaProxy((fleet.proxy.port, version)) as haproxy:
        with RedisFrom(haproxy.ports[0], "127.0.0.5") as client, RedisFrom(haproxy.ports[0], "127.0.0.6") as other:
            assert client.ask("SET", "k", "v") == b"+OK\r\n"
            assert other.ask("GET", "k") == b"$1\r\nv\r\n"
            assert b" addr=" + client.address + b" " in client.ask("CLIENT", "INFO")
            lines = other.ask("CLIENT", "LIST")
            assert b" addr=" + client.address + b" " in lines and b" addr=" + other.address + b" " in lines


def test_checks_of_haproxy_are_connections_like_others():
    with behind() as fleet:
        words = "check inter 50ms fall 1 rise 1 check-send-proxy"
        with HaProxy(*((fleet.proxy.port, f"{version} {words}") for version in ("send-proxy", "send-proxy-v2"))) as haproxy:
            wait_for(lambda: fleet.proxy.metric("accepted_total") >= 20, "some checks")
            assert fleet.proxy.metric("greeting_failures_total") == 0
            for port in haproxy.ports:
                with RawClient(port) as client:
                    assert client.ask("PING") == b"+PONG\r\n"


def test_a_limit_counts_the_clients_of_a_proxy_one_by_one():
    config = pool_config([], {"proxy_protocol": [TRUSTED]}, **PATIENT)
    with RedisServer() as node:
        config["pools"]["main"]["nodes"] = [f"127.0.0.1:{node.port}"]
        config["limits"] = [{"name": "each", "per": "client_ip", "rate": "1/m", "burst": 1}]
        with Proxy(config) as proxy, HaProxy((proxy.port, "send-proxy-v2")) as haproxy:
            for source in ("127.0.0.5", "127.0.0.6"):
                with RedisFrom(haproxy.ports[0], source) as client:
                    assert client.ask("GET", "k") == b"$-1\r\n"
                with RedisFrom(haproxy.ports[0], source) as again:
                    assert again.ask("GET", "k").startswith(b"-RATELIMITED "), source


def test_clients_of_memcached_are_known_too():
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(MemcachedServer())
        config = pool_config([node], {"proxy_protocol": [TRUSTED], "protocol": "memcached"}, protocol="memcached", **PATIENT)
        config["limits"] = [{"name": "each", "per": "client_ip", "rate": "1/m", "burst": 1}]
        proxy = stack.enter_context(Proxy(config))
        haproxy = stack.enter_context(HaProxy(*((proxy.port, version) for version in ("send-proxy", "send-proxy-v2"))))
        for source, port in (("127.0.0.5", haproxy.ports[0]), ("127.0.0.6", haproxy.ports[1])):
            with MemcacheFrom(port, source) as client:
                assert client.ask("get k") == b"END\r\n"
                assert client.ask("get k") == b"SERVER_ERROR rate limited\r\n"


@pytest.mark.parametrize("header", [HEADER, BINARY], ids=["text", "binary"])
def test_what_comes_with_the_header_is_answered_wherever_it_is_cut(header):
    requests = encode("SET", "k", "v") + encode("GET", "k") + encode("CLIENT", "INFO") + encode("QUIT")
    with behind() as fleet:
        for cut in [*range(len(header) + 3), len(header + requests)]:
            with fleet.client() as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.send((header + requests)[:cut])
                client.send((header + requests)[cut:])
                said = client.closed_by_peer()
            assert said.startswith(b"+OK\r\n$1\r\nv\r\n") and said.endswith(b"+OK\r\n"), cut
            assert b" addr=192.168.7.7:4711 " in said, cut


def test_a_client_that_ends_its_side_with_the_header_is_answered():
    with behind() as fleet, connect(fleet, BINARY + encode("PING")) as client:
        client.socket.shutdown(socket.SHUT_WR)
        assert client.closed_by_peer() == b"+PONG\r\n"


def test_who_may_send_a_header_has_to_and_nobody_else_may():
    with behind() as fleet:
        with fleet.client() as client:
            client.send(encode("PING"))
            assert client.closed_by_peer() == b""
        fleet.proxy.wait_for_log("of listener web is closed: the PROXY header is wrong")
        assert re.search(r"client 127\.0\.0\.1:\d+ of listener web is closed", fleet.proxy.log())
        with RedisFrom(fleet.proxy.port, "127.0.0.9") as other:
            assert b" addr=" + other.address + b" " in other.ask("CLIENT", "INFO")
            other.send(HEADER)
            assert other.reply().startswith(b"-ERR unknown command 'PROXY'")
        with connect(fleet, HEADER[:20]) as leaves:
            leaves.socket.shutdown(socket.SHUT_WR)
            assert leaves.closed_by_peer() == b""
        fleet.proxy.wait_for_log("the PROXY header was not whole when it left")
        assert fleet.proxy.metric("greeting_failures_total") == 2
        wait_for(lambda: fleet.proxy.metric("sessions") == 0, "all to be gone")


def test_whoever_is_slow_ends_at_the_deadline_and_costs_nobody_anything():
    slow = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * slow), hard))
    try:
        with behind() as fleet, contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(connect(fleet, b"P")).socket for _ in range(slow)]
            client = stack.enter_context(connect(fleet))
            sent = 1
            while fleet.proxy.metric("greeting_failures_total") < slow:
                assert client.ask("SET", "k", "v") == b"+OK\r\n"
                if sent < 6:
                    sent += 1
                    with contextlib.suppress(ConnectionError):
                        for each in sockets:
                            each.send(HEADER[sent - 1:sent])
            for each in sockets:
                with contextlib.suppress(ConnectionResetError):
                    assert each.recv(1) == b""
            assert client.ask("GET", "k") == b"$1\r\nv\r\n"
            fleet.proxy.wait_for_log(f"the PROXY header was not whole after {DEADLINE}s")
            assert 0 < len([line for line in fleet.proxy.lines_about_clients() if "not whole" in line]) < 50
            assert fleet.proxy.metric("sessions") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_whose_header_is_missing_counts_among_the_clients():
    with behind(max_connections=2) as fleet, connect(fleet, b"P") as first, connect(fleet) as second:
        assert second.ask("PING") == b"+PONG\r\n"
        with fleet.client() as third:
            assert third.closed_by_peer() == b"-ERR max number of clients reached\r\n"
        first.socket.close()
        wait_for(lambda: fleet.proxy.metric("greeting_failures_total") == 1, "the first to be gone")
        with connect(fleet) as fourth:
            assert fourth.ask("PING") == b"+PONG\r\n"


def test_a_drain_waits_for_no_header():
    with behind() as fleet, connect(fleet, b"P") as client:
        fleet.proxy.terminate()
        assert fleet.proxy.wait() == 0
        assert client.closed_by_peer() == b""
