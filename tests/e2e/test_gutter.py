"""A gutter: another pool takes the keys of a node that is down, for a while and with what is safe there."""

import contextlib

import pytest

from binary_client import ADD, APPEND, EXISTS, GET, INCR, NOT_FOUND, SET, SETQ, TEMPORARY, TOUCH, BinaryClient, count, packet, store, touch
from memcache_servers import MemcacheClient, MemcachedServer, memcache_config, storage, value
from servers import Fleet, Proxy, RedisServer, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN
from test_health import NIL, quick

TTL_SECONDS = 30


@contextlib.contextmanager
def guttered(config_of, server):
    """Three servers: two of the pool main, and one behind them, with its fleet."""
    with server() as first, server() as second, server() as spare:
        config = config_of([first, second], on_down={"gutter": "spare"}, gutter_ttl=f"{TTL_SECONDS}s", **quick())
        config["pools"]["spare"] = {**config_of([spare])["pools"]["main"], **quick()}
        config["pools"]["spare"]["nodes"][0]["name"] = "g0"
        with Proxy(config) as proxy:
            fleet = Fleet(0, nodes=[first, second])
            fleet.proxy = proxy
            yield fleet, spare


@pytest.mark.smoke
def test_a_gutter_takes_a_dead_nodes_keys_until_it_is_back():
    with guttered(pool_config, RedisServer) as (fleet, spare), fleet.client() as client:
        key, other = fleet.key_of(0), fleet.key_of(1)
        assert client.ask("SET", key, "before") == client.ask("SET", other, "there") == b"+OK\r\n"
        assert spare.ask("DBSIZE") == b":0\r\n"
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("GET", key) == NIL, "the gutter to be asked")
        assert client.ask("SET", key, "meanwhile") == b"+OK\r\n"
        assert spare.ask("GET", key) == bulk("meanwhile") == client.ask("GET", key)
        assert 0 < int(spare.ask("TTL", key)[1:]) <= TTL_SECONDS
        assert client.ask("SETEX", key, "9999", "later") == b"+OK\r\n"
        assert 0 < int(spare.ask("TTL", key)[1:]) <= TTL_SECONDS
        assert client.ask("MGET", other, key) == b"*2\r\n" + bulk("there") + bulk("later")
        # Counters and locks would begin anew there.
        for request in (("INCR", key), ("SET", key, "mine", "NX"), ("SETNX", key, "mine"), ("LPUSH", key, "x")):
            assert client.ask(*request) == DOWN, request
        assert spare.ask("GET", key) == bulk("later")
        fleet.nodes[0].start()
        fleet.proxy.wait_for_state("r0", "up")
        assert client.ask("GET", key) == NIL and client.ask("INCR", key) == b":1\r\n"
        assert fleet.nodes[0].ask("GET", key) == bulk("1")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_only_node_of_a_pool_has_its_gutter_too(how):
    with RedisServer() as node, RedisServer() as spare:
        config = pool_config([node], on_down={"gutter": "spare"}, **quick())
        config["pools"]["spare"] = {**pool_config([spare])["pools"]["main"], **quick()}
        config["pools"]["spare"]["nodes"][0]["name"] = "g0"
        with Proxy(config) as proxy, proxy.client() as client:
            assert client.ask("SET", "k", "before") == b"+OK\r\n"
            getattr(node, how)()
            wait_for(lambda: client.ask("GET", "k") == NIL, "the gutter to be asked")
            proxy.wait_for_state("r0", "down")
            for _ in range(50):
                assert client.ask("SET", "k", "meanwhile") == b"+OK\r\n"
            assert spare.ask("GET", "k") == bulk("meanwhile")
            node.start() if how == "kill" else node.cont()
            proxy.wait_for_state("r0", "up")
            assert client.ask("GET", "k") == (NIL if how == "kill" else bulk("before"))


def test_without_a_living_gutter_the_keys_fail():
    with guttered(pool_config, RedisServer) as (fleet, spare), fleet.client() as client:
        key, other = fleet.key_of(0), fleet.key_of(1)
        fleet.nodes[0].kill()
        spare.kill()
        wait_for(lambda: client.ask("GET", key) == DOWN, "the refusal")
        assert client.ask("SET", other, "x") == b"+OK\r\n"
        spare.start()
        wait_for(lambda: client.ask("SET", key, "x") == b"+OK\r\n", "the gutter to be found")


def test_a_memcached_gutter_caps_expiry_and_refuses_what_needs_the_owner():
    with guttered(memcache_config, MemcachedServer) as (fleet, spare), MemcacheClient(fleet.proxy.port) as client:
        key = fleet.key_of(0)
        assert client.ask(storage("set", key, b"before")[:-2]) == b"STORED\r\n"
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(f"get {key}") == b"END\r\n", "the gutter to be asked")
        assert client.ask(storage("set", key, b"1")[:-2]) == b"STORED\r\n"
        assert client.ask(f"get {key}") == value(key, b"1") + b"END\r\n" == spare.ask(f"get {key}")
        left = spare.ask(f"mg {key} t").split()[1]
        assert left.startswith(b"t") and 0 < int(left[1:]) <= TTL_SECONDS
        down = b"SERVER_ERROR node down\r\n"
        assert client.ask(f"incr {key} 1") == client.ask(storage("add", key, b"x")[:-2]) == client.ask(f"gets {key}") == down
        fleet.nodes[0].start()
        wait_for(lambda: client.ask(f"get {key}") == b"END\r\n", "the node to serve again")
        fleet.proxy.wait_for_state("r0", "up")


def test_a_memcached_gutter_does_the_same_in_binary():
    with guttered(memcache_config, MemcachedServer) as (fleet, spare), BinaryClient(fleet.proxy.port) as client:
        key = fleet.key_of(0)
        before = client.ask(store(SET, key, b"before"))
        assert before.status == 0
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(packet(GET, key)).status == NOT_FOUND, "the gutter to be asked")
        for request in (store(SETQ, key, b"1"), store(SETQ, key, b"1", exptime=9999), touch(TOUCH, key, 0)):
            assert [reply.status for reply in client.exchange(request)] in ([], [0])
            assert client.ask(packet(GET, key)).value == b"1" and spare.ask(f"get {key}") == value(key, b"1") + b"END\r\n"
            left = spare.ask(f"mg {key} t").split()[1]
            assert left.startswith(b"t") and 0 < int(left[1:]) <= TTL_SECONDS
        # Counters would begin anew there, and no token means anything.
        token = client.ask(packet(GET, key)).cas
        for request in (count(INCR, key), store(ADD, key, b"x"), packet(APPEND, key, value=b"x"), store(SET, key, b"x", cas=token)):
            assert client.ask(request).status == TEMPORARY
        fleet.nodes[0].start()
        wait_for(lambda: client.ask(packet(GET, key)).status == NOT_FOUND, "the node to serve again")
        fleet.proxy.wait_for_state("r0", "up")
        assert client.ask(store(SET, key, b"new")).status == 0
        assert {client.ask(store(SET, key, b"x", cas=old)).status for old in (token, before.cas ^ 1)} == {EXISTS}
