"""The memory of the process stays under its limit whatever clients ask or send, and those who ask for little are served."""

import contextlib
import socket

import pytest
from memcache_servers import MemcacheFleet
from servers import Fleet, RawClient, encode, wait_for
from test_commands import bulk

MIB = 1 << 20
# What is measured is memory: no node is ever too slow, nor taken for ill because it is stopped.
SLOW = {"timeouts": {"request": "20s", "total": "20s"}, "health": {"interval": "0s"}}
NO_MEMORY = b"-ERR ringproxy has no memory left for this: ask for less at a time, read replies sooner, or raise memory_limit\r\n"


def limited(limit, count=2, fleet=Fleet, **options):
    made = fleet(count, **{**SLOW, **options})
    made.config["memory_limit"] = f"{limit // MIB}MiB"
    return made


def expect_served(fleet):
    with fleet.client() as client:
        for i in range(5):
            assert client.ask("SET", f"small{i}", "v" * i) == b"+OK\r\n"
            assert client.ask("GET", f"small{i}") == bulk("v" * i)


def send_all_that_fits(client, data):
    """Without ever reading; what the proxy does not take stays unsent."""
    client.socket.settimeout(0.02)
    with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
        client.socket.sendall(data)
    client.socket.settimeout(20)


class Deaf(RawClient):
    """A client whose system takes next to nothing off its hands, so that what it does not read stays with the proxy."""

    def __init__(self, port):
        self.buffer, self.socket = b"", socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))


@pytest.mark.parametrize("command", ["COMMAND", "INFO", "CLIENT LIST"])
def test_clients_that_pipeline_the_worst_command_and_do_not_read(command):
    limit = 64 * MIB
    with limited(limit) as fleet, contextlib.ExitStack() as stack:
        pipeline = (encode(*command.split()) * 5000)[:128 << 10]
        for _ in range(200):
            send_all_that_fits(stack.enter_context(Deaf(fleet.proxy.port)), pipeline)
        expect_served(fleet)
        assert fleet.proxy.peak_bytes() < limit
        assert fleet.proxy.metric("memory_bytes", what="limit") == limit
        wait_for(lambda: fleet.proxy.metric("memory_bytes", what="requests") > MIB, "what is not taken to be counted")


def test_one_that_asks_for_many_large_values_behind_a_slow_request():
    limit = 96 * MIB
    with limited(limit) as fleet, fleet.client() as client:
        slow, large = fleet.key_of(0), fleet.key_of(1)
        fleet.nodes[1].ask("SET", large, "v" * MIB)
        fleet.nodes[0].stop()
        client.send(encode("GET", slow) + encode("GET", large) * 1023)
        # It is asked no further once that much waits, though nothing has been read yet.
        wait_for(lambda: fleet.proxy.metric("memory_bytes", what="replies") > 10 * MIB, "replies to wait")
        with fleet.client() as other:
            for _ in range(20):
                assert other.ask("GET", large)[-3:] == b"v\r\n"
        fleet.nodes[0].cont()
        assert client.reply() == b"$-1\r\n"
        for _ in range(1023):
            assert len(client.reply()) == MIB + len("$1048576\r\n\r\n")
        assert fleet.proxy.peak_bytes() < limit
        assert fleet.proxy.metric("clients_cut_off_total") == 0


def test_a_client_that_reads_slowly_gets_all_of_its_large_values():
    limit = 256 * MIB
    with limited(limit, 1) as fleet, fleet.client() as client:
        fleet.nodes[0].ask("SET", "large", "v" * (4 * MIB))
        client.send(encode("GET", "large") * 200)
        expect_served(fleet)  # All this time it reads nothing.
        for _ in range(200):
            assert len(client.reply()) == 4 * MIB + len("$4194304\r\n\r\n")
        assert fleet.proxy.peak_bytes() < limit


def test_a_value_larger_than_the_limit_is_refused_and_costs_nobody_else_anything():
    limit = 64 * MIB
    with limited(limit, 1) as fleet, fleet.client() as client, fleet.client() as other:
        assert fleet.nodes[0].ask("SETRANGE", "huge", 300 * MIB, "x").startswith(b":")
        for _ in range(3):
            client.send(encode("GET", "huge"))
            assert other.ask("SET", "k", "v") == b"+OK\r\n"
            assert client.reply() == NO_MEMORY
        assert client.ask("GET", "k") == bulk("v")
        assert fleet.proxy.metric("node_connects_total") == 1
        assert fleet.proxy.peak_bytes() < limit
        assert fleet.proxy.metric("errors_total", code="out_of_memory") == 3


def test_parts_that_are_too_large_together_are_refused():
    limit = 64 * MIB
    with limited(limit, 3) as fleet, fleet.client() as client:
        keys = [fleet.key_of(node) for node in range(3)]
        for node, key in zip(fleet.nodes, keys):
            node.ask("SET", key, "v" * (20 * MIB))
        for _ in range(3):
            assert client.ask("MGET", *keys) == NO_MEMORY
        expect_served(fleet)
        assert fleet.proxy.peak_bytes() < limit


def test_a_request_that_is_too_large_is_refused_before_it_has_come():
    limit = 64 * MIB
    with limited(limit, 1) as fleet, fleet.client() as client:
        send_all_that_fits(client, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$209715200\r\n")
        assert client.reply() == NO_MEMORY
        assert client.closed_by_peer() == b""
        expect_served(fleet)
        assert fleet.proxy.peak_bytes() < limit


def test_many_uploads_that_never_end():
    limit = 96 * MIB
    with limited(limit, 1) as fleet, contextlib.ExitStack() as stack:
        for _ in range(400):
            client = stack.enter_context(fleet.client())
            send_all_that_fits(client, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n" + b"x" * 900_000)
        expect_served(fleet)
        assert fleet.proxy.peak_bytes() < limit


def test_a_memcached_item_that_no_server_takes_is_swallowed():
    limit = 128 * MIB
    with limited(limit, 1, MemcacheFleet) as fleet, fleet.client() as client:
        before = fleet.proxy.resident_bytes()
        client.send(b"set big 0 0 %d\r\n" % (150 * MIB))
        for _ in range(150):
            client.send(b"x" * MIB)
        assert client.ask("") == b"SERVER_ERROR out of memory\r\n"
        assert client.ask("version").startswith(b"VERSION")
        assert fleet.proxy.peak_bytes() < before + 8 * MIB


def test_a_large_item_takes_little_more_than_its_size():
    with MemcacheFleet(1, **SLOW) as fleet, fleet.client() as client:
        before = fleet.proxy.resident_bytes()
        client.send(b"set big 0 0 %d\r\n" % (150 * MIB))
        for _ in range(150):
            client.send(b"x" * MIB)
        assert client.ask("") == b"SERVER_ERROR object too large for cache\r\n"
        assert fleet.proxy.peak_bytes() < before + 165 * MIB
        wait_for(lambda: fleet.proxy.resident_bytes() < before + 8 * MIB, "the memory to be given back")


def test_what_a_burst_took_is_given_back():
    with Fleet(3, **SLOW) as fleet, contextlib.ExitStack() as stack:
        expect_served(fleet)
        before = fleet.proxy.resident_bytes()
        clients = [stack.enter_context(fleet.client()) for _ in range(100)]
        keys = [f"key{i}" for i in range(2000)]
        for client in clients:
            client.send(encode("MGET", *keys) * 5 + encode("COMMAND") * 3 + b"*2\r\n$4\r\nECHO\r\n$100\r\n")
        for client in clients:
            for _ in range(8):
                client.reply()
            client.socket.close()
        wait_for(lambda: fleet.proxy.resident_bytes() < before + 12 * MIB, "the memory to be given back")
        assert fleet.proxy.metric("memory_bytes", what="blocks") < MIB
