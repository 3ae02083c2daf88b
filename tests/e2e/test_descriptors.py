"""Descriptors: the limit is raised, nodes come before clients, and a lack of them is nobody's fault."""

import collections
import contextlib
import json
import pathlib
import re
import resource
import socket
import subprocess
import time

import pytest

from memcache_servers import MemcacheFleet
from servers import BINARY, PATIENCE, Fleet, Proxy, RawClient, RedisServer, pool_config, wait_for


def limited(soft, hard):
    return ["prlimit", f"--nofile={soft}:{hard}"]


def soft_limit(proxy):
    text = pathlib.Path(f"/proc/{proxy.pid}/limits").read_text()
    return int(re.search(r"Max open files\s+(\d+)", text)[1])


def test_the_descriptor_limit_is_raised_to_what_the_configuration_needs(redis):
    config = pool_config([redis], listener={"max_connections": 400})
    with Proxy(config, prefix=limited(100, 4096)) as proxy, contextlib.ExitStack() as stack:
        assert 400 < soft_limit(proxy) < 1000
        assert "descriptors" not in proxy.log()
        clients = [stack.enter_context(proxy.client()) for _ in range(400)]
        assert all(client.ask("PING") == b"+PONG\r\n" for client in clients)


def test_a_hard_limit_that_is_too_low_is_said_in_one_line(redis):
    with Proxy(pool_config([redis]), prefix=limited(100, 300)) as proxy:
        assert soft_limit(proxy) == 300
        line, = [line for line in proxy.log().splitlines() if "descriptors" in line]
        assert re.search(r"may need 10\d\d\d descriptors \(clients 10000, nodes 267, checks 1, .*the limit is 300", line)


def test_a_limit_that_leaves_no_room_for_a_client_refuses_the_start(redis, tmp_path):
    config = tmp_path / "ringproxy.yaml"
    config.write_text(json.dumps(pool_config([redis], connections_per_node=24)))
    run = subprocess.run([*limited(16, 32), BINARY, "--config", config], capture_output=True, text=True,
                         timeout=PATIENCE)
    assert run.returncode == 3
    assert "the limit on descriptors, 32, leaves no room for a client" in run.stdout + run.stderr


@contextlib.contextmanager
def no_descriptor_left(proxy):
    """The process can open nothing, and a client waits to be accepted."""
    before = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE):
        yield
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, before)


def test_without_descriptors_no_node_is_called_ill_and_nobody_spins():
    nodes = [RedisServer(), RedisServer()]
    config = pool_config(nodes, health={"interval": "1s", "fall": 1}, timeouts={"total": "20s", "request": "20s"},
                         on_down="rehash", flush_on_return=True, reconnect={"rate": "1/s"})
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
        proxy = stack.enter_context(Proxy(config, prefix=limited(64, 64)))
        client = stack.enter_context(proxy.client())
        for i in range(20):
            assert client.ask("SET", f"k{i}", "v") == b"+OK\r\n"
        admin_port = proxy.admin_port
        with no_descriptor_left(proxy):
            scrape = stack.enter_context(RawClient(admin_port))
            scrape.send(b"GET /metrics HTTP/1.0\r\n\r\n")
            for node in nodes:
                node.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            before = proxy.cpu_seconds()
            start = time.monotonic()
            wait_for(lambda: time.monotonic() - start > 2, "two seconds of waiting")
            used = proxy.cpu_seconds() - before
            lines = proxy.log().count("\n")
            assert used < 0.5 and lines < 40, (used, lines, proxy.log())
        page = scrape.closed_by_peer().decode()
        assert re.search(r'descriptor_errors_total\{what="accept"\} [1-9]', page)
        assert re.search(r'accept_errors_total [1-9]', page)
        wait_for(lambda: all(client.ask("GET", f"k{i}") == b"$1\r\nv\r\n" for i in range(20)), "all keys")
        assert proxy.metric("node_breaker_state") == 0
        assert proxy.metric("node_transitions_total") == 0
        for what in "node", "check", "admin":
            assert proxy.metric("descriptor_errors_total", what=what) > 0, what


def test_a_node_that_restarts_while_there_is_no_descriptor_serves_again_when_there_is():
    with RedisServer() as node, Proxy(pool_config([node]), prefix=limited(64, 64)) as proxy, proxy.client() as client:
        assert client.ask("SET", "a", "b") == b"+OK\r\n"
        with no_descriptor_left(proxy):
            node.kill()
            wait_for(lambda: "is lost" in proxy.log() or client.ask("GET", "a") != b"$1\r\nb\r\n", "the loss")
            node.start()
        wait_for(lambda: client.ask("SET", "a", "b") == b"+OK\r\n", "the node")
        wait_for(lambda: proxy.metric("node_up") == 1, "the node to be called up")


REFUSALS = {"redis": b"-ERR max number of clients reached\r\n", "memcached": b"ERROR Too many open connections\r\n"}
FLEETS = {"redis": (Fleet, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", b"+OK\r\n"),
          "memcached": (MemcacheFleet, b"set k 0 0 1\r\nv\r\n", b"STORED\r\n")}


def ask(client, request):
    """The reply's line; empty: cut off without a word."""
    with contextlib.suppress(OSError):
        client.sendall(request)
    line = b""
    with contextlib.suppress(ConnectionError):
        while not line.endswith(b"\r\n") and (more := client.recv(1)):
            line += more
    return line


@pytest.mark.parametrize("protocol", FLEETS)
@pytest.mark.parametrize("hard, fits", [(4096, True), (256, False)])
def test_clients_beyond_the_descriptors_are_refused_in_words(protocol, hard, fits):
    make, request, reply = FLEETS[protocol]
    with make(2) as fleet, contextlib.ExitStack() as stack:
        proxy = stack.enter_context(Proxy(fleet.config, prefix=limited(256, hard)))
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE))
                   for _ in range(600)]
        answers = collections.Counter(ask(client, request) for client in clients)
        assert set(answers) <= {reply, REFUSALS[protocol]}, answers
        served = answers[reply]
        assert served == 600 if fits else 64 <= served < 256, answers
        assert proxy.metric("descriptors", what="limit") >= proxy.metric("descriptors", what="used") > served
        lines = [line for line in proxy.log().splitlines() if "descriptors" in line]
        assert sum("there is room for" in line for line in lines) == (1 if hard < 10_000 else 0)
        # A node that restarts meanwhile gets its connections.
        for node in fleet.nodes:
            node.kill()
            node.start()
        back = time.monotonic()
        wait_for(lambda: ask(clients[0], request) == reply, "the nodes", patience=2)
        assert time.monotonic() - back < 2
        # Who leaves makes room.
        for client in clients[:100]:
            client.close()
        wait_for(lambda: newcomer_is_served(proxy.port, request, reply), "room for a new client")


def newcomer_is_served(port, request, reply):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        return ask(client, request) == reply
