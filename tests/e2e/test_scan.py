"""SCAN over all nodes of a listener: every key that stays is seen, whatever happens meanwhile."""

import itertools
import re
import subprocess

import pytest
import redis as redis_py

from servers import PATIENT, Fleet, Proxy, RawClient, RedisServer, pool_config, wait_for

EXACT_DOUBLES = 1 << 53


def page_of(reply):
    """The cursor and the keys of a reply of SCAN."""
    assert reply.startswith(b"*2\r\n$"), reply
    _, _, cursor, rest = reply.split(b"\r\n", 3)
    lines = rest.split(b"\r\n")
    assert lines[0] == b"*%d" % ((len(lines) - 2) // 2)
    return int(cursor), lines[2::2]


def walk(client, *options, cursor=0, after_page=lambda cursor: None):
    """All keys from `cursor` on, which is kept as clients in JavaScript and PHP do."""
    keys = []
    while True:
        cursor, page = page_of(client.ask("SCAN", str(int(float(cursor))), *options))
        assert cursor < EXACT_DOUBLES
        keys += page
        if cursor == 0:
            return keys
        after_page(cursor)


def fill(fleet_or_port, count, prefix="key:"):
    port = fleet_or_port if isinstance(fleet_or_port, int) else fleet_or_port.proxy.port
    client = redis_py.Redis(port=port)
    names = [f"{prefix}{i}" for i in range(count)]
    for i in range(0, count, 10_000):
        client.mset(dict.fromkeys(names[i:i + 10_000], "v"))
    return {name.encode() for name in names}


@pytest.mark.smoke
def test_a_hundred_thousand_keys_are_all_seen(fleet, client):
    names = fill(fleet, 100_000)
    seen = walk(client, "COUNT", "1000")
    assert set(seen) == names
    assert len(seen) < 1.1 * len(names)


def test_match_count_and_type_are_the_nodes(fleet, client):
    for i in range(60):
        client.ask("SET", f"a{i}", "1")
        client.ask("SADD", f"b{i}", "1")
    assert set(walk(client, "MATCH", "a1*")) == {b"a1", *(b"a%d" % i for i in range(10, 20))}
    assert set(walk(client, "TYPE", "set", "COUNT", "3")) == {b"b%d" % i for i in range(60)}
    assert walk(client, "TYPE", "hash") == []
    cursor, keys = page_of(client.ask("SCAN", "0", "COUNT", "1000"))
    assert cursor != 0 and len(keys) in [int(node.ask("DBSIZE")[1:]) for node in fleet.nodes], "one node a call"


def test_both_protocols_and_every_database(fleet, client):
    for database in ("0", "5"):
        client.ask("SELECT", database)
        fill_names = {f"db{database}:{i}".encode() for i in range(100)}
        for name in fill_names:
            client.ask("SET", name, "1")
        assert set(walk(client)) == fill_names
        client.ask("HELLO", "3")
        assert set(walk(client)) == fill_names
        client.ask("HELLO", "2")


def test_libraries_iterate(fleet):
    names = fill(fleet, 2_000)
    for protocol in (2, 3):
        with fleet.client() as client:
            client.ask("HELLO", str(protocol))
            assert set(walk(client)) == names
    library = redis_py.Redis(port=fleet.proxy.port)
    assert set(library.scan_iter(count=100)) == names
    assert len(set(library.scan_iter("key:1?"))) == 10


def test_keys_that_stay_are_seen_while_others_come_and_go(fleet, client):
    names = fill(fleet, 3_000)
    with fleet.client() as other:
        number = itertools.count()

        def disturb(_):
            # The nodes' tables grow, and shrink again.
            for _ in range(40):
                other.ask("SET", f"more:{next(number)}", "1")
            if next(number) % 50 == 0:
                for key in walk(other, "MATCH", "more:*", "COUNT", "5000"):
                    other.ask("DEL", key)
        assert names <= set(walk(client, after_page=disturb))


def test_a_node_that_is_down_is_named_and_the_cursor_stays_good():
    with Fleet(3, health={"interval": "100ms", "timeout": "200ms"}, max_ejected="100%") as fleet, fleet.client() as client:
        names = fill(fleet, 3_000)
        for node in fleet.nodes:
            node.stop()
        for i in range(3):
            fleet.proxy.wait_for_state(f"r{i}", "down")
        cursor, seen, named = 0, set(), set()
        while True:
            # Each is back only when the scan has met it.
            reply = client.ask("SCAN", str(cursor), "COUNT", "100")
            if reply.startswith(b"-"):
                name = re.fullmatch(rb"-NODEDOWN node (r\d) of pool main is down\r\n", reply)[1].decode()
                named.add(name)
                fleet.nodes[int(name[1])].cont()
                fleet.proxy.wait_for_state(name, "up")
                wait_for(lambda: not client.ask("SCAN", str(cursor)).startswith(b"-"), "the node to serve")
                continue
            cursor, keys = page_of(reply)
            seen.update(keys)
            if cursor == 0:
                break
        assert seen == names and named == {"r0", "r1", "r2"}


def test_a_node_that_is_down_may_be_left_out():
    health = {"interval": "100ms", "timeout": "200ms"}
    with Fleet(3, health=health, scan={"skip_down": True}) as fleet, fleet.client() as client:
        names = fill(fleet, 1_000)
        lost = {key for key in walk(client) if fleet.nodes[1].ask("EXISTS", key) == b":1\r\n"}
        fleet.nodes[1].stop()
        fleet.proxy.wait_for_state("r1", "down")
        assert set(walk(client)) == names - lost
        assert fleet.proxy.metric("node_scans_skipped_total", node="r1") == 1
        assert fleet.proxy.metric("node_scans_skipped_total") == 1
        fleet.nodes[1].cont()


def test_nodes_come_and_go_in_the_middle():
    nodes = [RedisServer() for _ in range(5)]

    def proxy_of(*numbers):
        config = pool_config(nodes, **PATIENT)
        config["pools"]["main"]["nodes"] = [config["pools"]["main"]["nodes"][i] for i in numbers]
        return Proxy(config)

    def middles(proxy):
        """A cursor in the middle of each node, in the order of the scan."""
        found, cursor = {}, 0
        with proxy.client() as client:
            while True:
                cursor, keys = page_of(client.ask("SCAN", str(cursor), "COUNT", "20"))
                if cursor >> 16:
                    found.setdefault(int(keys[0][1:2]), cursor)
                if cursor == 0:
                    return list(found.items())

    with Fleet(nodes=nodes, **PATIENT):
        names = [{f"n{i}:{k}".encode() for k in range(500)} for i in range(5)]
        for node, keys in zip(nodes, names):
            with RawClient(node.port) as client:
                for key in keys:
                    client.ask("SET", key, "v")
        with proxy_of(0, 1, 2, 3, 4) as proxy:
            order = middles(proxy)
        assert sorted(owner for owner, _ in order) == [0, 1, 2, 3, 4]
        for position, (owner, middle) in enumerate(order):
            behind = [other for other, _ in order[position + 1:]]
            # It is gone: the scan goes on with the next one, from its beginning.
            left = [i for i in range(5) if i != owner]
            with proxy_of(*left) as proxy, proxy.client() as client:
                assert set(walk(client, cursor=middle)) == set().union(*(names[i] for i in behind))
                assert set(walk(client)) == set().union(*(names[i] for i in left))
            # All others are gone, or were not there yet.
            with proxy_of(owner) as proxy, proxy.client() as client:
                alone = page_of(client.ask("SCAN", "0", "COUNT", "20"))
                assert set(walk(client, cursor=middle)) | set(alone[1]) == names[owner]
            assert alone[0] == middle, "the cursors of a node are its own, whoever is beside it"


def test_a_listener_with_routes_is_scanned_over_all_its_pools():
    with RedisServer() as first, RedisServer() as second, RedisServer() as third, RedisServer() as foreign:
        config = pool_config([first, second], **PATIENT)
        for name, node in (("carts", third), ("foreign", foreign)):
            # Nodes of two pools may have one name.
            config["pools"][name] = {"nodes": [{"name": "r0", "address": f"127.0.0.1:{node.port}"}]}
        config["listeners"][0].pop("pool")
        config["listeners"][0]["routes"] = [{"prefix": "cart:", "pool": "carts"}, {"pool": "main"}]
        with Proxy(config) as proxy, proxy.client() as client:
            names = fill(proxy.port, 500) | fill(proxy.port, 300, "cart:")
            foreign.ask("SET", "k", "v")
            seen = walk(client)
            assert set(seen) == names and len(seen) == len(names)


def test_in_a_transaction_it_is_refused(client):
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SCAN", "0").startswith(b"-ERR 'scan' is not supported by ringproxy: within a transaction")
    assert client.ask("EXEC").startswith(b"-EXECABORT")


def cli(fleet, *arguments):
    command = ["redis-cli", "-p", str(fleet.proxy.port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_redis_cli_lists_and_weighs_the_keys_of_all_nodes(fleet, client):
    names = {name.decode() for name in fill(fleet, 500)}
    client.ask("SET", "a string", "x" * 5000)
    client.ask("RPUSH", "a list", *range(30))
    client.ask("HSET", "a hash", *range(40))
    assert set(cli(fleet, "--scan").splitlines()) == names | {"a string", "a list", "a hash"}
    assert set(cli(fleet, "--scan", "--pattern", "a *").splitlines()) == {"a string", "a list", "a hash"}
    big = cli(fleet, "--bigkeys")
    assert "Sampled 503 keys in the keyspace!" in big
    for line in ('Biggest string found \'"a string"\' has 5000 bytes', 'Biggest   list found \'"a list"\' has 30 items',
                 'Biggest   hash found \'"a hash"\' has 20 fields'):
        assert line in big, big
    memory = cli(fleet, "--memkeys")
    assert "Sampled 503 keys in the keyspace!" in memory and 'Biggest string found \'"a string"\'' in memory


def test_redis_cli_finds_hot_keys_of_nodes_that_count():
    arguments = ("--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0")
    with Fleet(3, node_arguments=arguments, **PATIENT) as fleet, fleet.client() as client:
        fill(fleet, 300)
        hot = [fleet.key_of(node, "key:") for node in range(3)]
        for _ in range(100):
            for key in hot:
                client.ask("GET", key)
        found = re.findall(r'hot key found with counter: (\d+)\s+keyname: "(.*)"', cli(fleet, "--hotkeys"))
        assert {key for _, key in found[:3]} == set(hot), found
