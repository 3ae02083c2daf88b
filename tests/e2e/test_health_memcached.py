"""memcached nodes that fall sick: what becomes of their keys, their cas tokens, their soft errors."""

import threading

import pytest

from memcache_servers import MemcacheFleet, storage, value
from servers import wait_for
from test_health import FIRST_TO_KNOW, quick, transitions

STORED, DOWN, MISS = b"STORED\r\n", b"SERVER_ERROR node down\r\n", b"END\r\n"


def set_value(client, key, content):
    return client.ask(storage("set", key, content)[:-2])


@pytest.mark.smoke
def test_a_dead_memcached_fails_its_keys_and_comes_back_empty():
    with MemcacheFleet(3, **quick()) as fleet, fleet.client() as client:
        key, other = fleet.key_of(0), fleet.key_of(1)
        assert set_value(client, key, b"x") == set_value(client, other, b"y") == STORED
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(f"get {key}") == DOWN, "the refusal")
        view = fleet.proxy.wait_for_state("r0", "down")
        assert view["reason"] in FIRST_TO_KNOW
        assert client.ask(f"get {other}") == value(other, b"y") + MISS
        assert client.ask(f"get {key} {other}") == DOWN  # semantics.md 1: on_partial is error.
        fleet.nodes[0].start()
        wait_for(lambda: client.ask(f"get {key}") == MISS, "the node to serve again")
        fleet.proxy.wait_for_state("r0", "up")


def test_under_rehash_a_cas_token_of_another_node_never_stores():
    # semantics.md 24: tokens belong to the server that gave them.
    with MemcacheFleet(3, on_down="rehash", **quick()) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert set_value(client, key, b"first") == STORED
        token = client.ask(f"gets {key}").split(b"\r\n")[0].split()[-1].decode()
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(f"get {key}") == MISS, "the next node to be asked")
        assert client.ask(f"cas {key} 0 0 6 {token}\r\nsecond") == b"NOT_FOUND\r\n"
        # The first value of each of two fresh servers has the same number there.
        assert set_value(client, key, b"meanwhile") == STORED
        assert client.ask(f"cas {key} 0 0 6 {token}\r\nsecond") == b"EXISTS\r\n"
        assert client.ask(f"get {key}") == value(key, b"meanwhile") + MISS


@pytest.mark.parametrize("flushes", [True, False])
def test_a_memcached_that_returns_under_rehash_is_flushed_if_wished(flushes):
    # See semantics.md 5.
    with MemcacheFleet(3, on_down="rehash", flush_on_return=flushes, **quick()) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert set_value(client, key, b"old") == STORED
        fleet.nodes[0].stop()
        fleet.proxy.wait_for_state("r0", "down")
        assert set_value(client, key, b"new") == STORED
        fleet.nodes[0].cont()
        seen = set()
        wait_for(lambda: seen.add(client.ask(f"get {key}")) or fleet.proxy.node("r0")["state"] == "up", "the node to be up")
        seen.add(client.ask(f"get {key}"))
        assert seen == {value(key, b"new") + MISS, MISS if flushes else value(key, b"old") + MISS}


def test_errors_of_the_request_never_count_and_those_of_the_server_count_softly():
    with MemcacheFleet(2, node_arguments=("-m", "1024", "-I", "1m"), **quick(health={"interval": "0s"})) as fleet:
        with fleet.client() as client:
            key = fleet.key_of(0)
            assert set_value(client, key, b"text") == STORED
            for _ in range(100):
                assert client.ask(f"incr {key} 1").startswith(b"CLIENT_ERROR")
            assert fleet.proxy.metric("node_breaker_state") == 0 and not transitions(fleet.proxy, "r0")
            large = b"x" * (2 << 20)
            for _ in range(25):
                assert set_value(client, key, large).startswith(b"SERVER_ERROR object too large")
            assert fleet.proxy.metric("node_breaker_state") == 0 and not transitions(fleet.proxy, "r0")
            assert set_value(client, key, b"text") == STORED


def test_a_memcached_without_room_still_reads_and_deletes():
    with MemcacheFleet(1, node_arguments=("-M", "-m", "2"), **quick()) as fleet, fleet.client() as client:
        assert set_value(client, "first", b"x" * 1000) == STORED
        replies = [set_value(client, f"k{i}", b"x" * 100_000) for i in range(200)]
        assert replies[-100:] == [b"SERVER_ERROR out of memory storing object\r\n"] * 100
        assert client.ask("get first") == value("first", b"x" * 1000) + MISS
        assert client.ask("delete first") == b"DELETED\r\n"
        assert fleet.proxy.metric("node_breaker_state") == 0 and not transitions(fleet.proxy, "r0")


def test_an_operator_drains_a_memcached_and_its_neighbours_take_over():
    with MemcacheFleet(3, on_down="rehash", **quick()) as fleet:
        key, wrong, finish = fleet.key_of(0), [], threading.Event()

        def ask():
            with fleet.client() as client:
                while not finish.is_set():
                    reply = client.ask(f"get {key}")
                    if reply not in (MISS, value(key, b"x") + MISS):
                        wrong.append(reply)

        thread = threading.Thread(target=ask)
        thread.start()
        with fleet.client() as client:
            assert set_value(client, key, b"x") == STORED
            for _ in range(10):
                assert fleet.proxy.post("/api/v1/nodes/r0/disable")[0] == 200
                wait_for(lambda: client.ask(f"get {key}") == MISS, "the next node to be asked")
                assert fleet.proxy.post("/api/v1/nodes/r0/enable")[0] == 200
                wait_for(lambda: client.ask(f"get {key}") == value(key, b"x") + MISS, "the node to be asked again")
        finish.set()
        thread.join()
    assert not wrong, wrong[:3]
