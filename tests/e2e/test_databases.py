"""SELECT: what a client does in its database stays there, on every node."""

import json
import time

import pytest
import redis as redis_py

from servers import PATIENT, Fleet, RawClient, RedisServer, encode, wait_for

OUT_OF_RANGE = b"-ERR DB index is out of range\r\n"


def sizes(fleet, database):
    """The keys that the nodes have there, by node."""
    counts = []
    for node in fleet.nodes:
        with RawClient(node.port) as client:
            client.ask("SELECT", str(database))
            counts.append(int(client.ask("DBSIZE")[1:]))
    return counts


@pytest.mark.smoke
def test_a_whole_database_is_that_of_the_client_on_all_nodes(fleet):
    with fleet.client() as client:
        for database in (0, 1, 7):
            assert client.ask("SELECT", str(database)) == b"+OK\r\n"
            for i in range(30):
                client.ask("SET", f"k{i}", str(database))
        assert sum(sizes(fleet, 7)) == sum(sizes(fleet, 0)) == 30
        assert client.ask("DBSIZE") == b":30\r\n"
        assert client.ask("MGET", "k1", "k2", "k3") == b"*3\r\n" + b"$1\r\n7\r\n" * 3
        assert client.ask("FLUSHDB") == b"+OK\r\n"
        assert (sizes(fleet, 7), sum(sizes(fleet, 1)), sum(sizes(fleet, 0))) == ([0, 0, 0], 30, 30)
        assert client.ask("RANDOMKEY") == b"$-1\r\n" and client.ask("KEYS", "*") == b"*0\r\n"
        assert client.ask("FLUSHALL") == b"+OK\r\n"
        assert sum(sizes(fleet, 1)) + sum(sizes(fleet, 0)) == 0


def test_keys_move_and_are_copied_between_databases(fleet, client):
    client.ask("SET", "k", "v")
    assert client.ask("COPY", "k", "k", "DB", "3") == b":1\r\n"
    assert client.ask("MOVE", "k", "3") == b":0\r\n"
    assert client.ask("MOVE", "k", "2") == b":1\r\n"
    assert client.ask("MOVE", "k", "x") == b"-ERR value is not an integer or out of range\r\n"
    assert client.ask("MOVE", "k", "0") == b"-ERR source and destination objects are the same\r\n"
    assert client.ask("EXISTS", "k") == b":0\r\n"
    for database in (2, 3):
        client.ask("SELECT", str(database))
        assert client.ask("GET", "k") == b"$1\r\nv\r\n"
    assert b"nodes cannot swap databases at the same instant" in client.ask("SWAPDB", "0", "1")


def test_a_node_with_fewer_databases_refuses_and_nothing_happens_elsewhere():
    nodes = [RedisServer(), RedisServer("--databases", "4")]
    with Fleet(nodes=nodes, **PATIENT) as fleet, fleet.client() as client:
        for i in range(20):
            client.ask("SET", f"k{i}", "0")
        requests = [["SELECT", "4"], ["FLUSHDB"], ["SELECT", "3"], ["DBSIZE"], ["SELECT", "15"], ["SET", "k", "3"], ["SELECT", "0"], ["DBSIZE"]]
        client.send(b"".join(encode(*words) for words in requests))
        replies = [client.reply() for _ in requests]
        assert replies == [OUT_OF_RANGE, b"+OK\r\n", b"+OK\r\n", b":0\r\n", OUT_OF_RANGE, b"+OK\r\n", b"+OK\r\n", b":0\r\n"]
        assert sum(sizes(fleet, 3)) == 1


def test_a_listener_has_as_many_databases_as_it_says():
    with Fleet(1, listener={"databases": 3}, **PATIENT) as fleet, fleet.client() as client:
        assert client.ask("SELECT", "2") == b"+OK\r\n"
        assert client.ask("SELECT", "3") == OUT_OF_RANGE
        assert client.ask("CONFIG", "GET", "databases") == b"*2\r\n$9\r\ndatabases\r\n$1\r\n3\r\n"
        assert b" db=2 " in client.ask("CLIENT", "INFO")


def test_nodes_that_are_down_are_not_asked():
    with Fleet(3, **PATIENT) as fleet, fleet.client() as client:
        key, lost = fleet.key_of(0), fleet.key_of(2)
        fleet.nodes[2].kill()
        fleet.proxy.wait_for_state("r2", "down")
        assert client.ask("SELECT", "5") == b"+OK\r\n"
        assert client.ask("SET", key, "5") == b"+OK\r\n"
        assert client.ask("GET", lost).startswith(b"-NODEDOWN")
        fleet.nodes[2].start()
        wait_for(lambda: client.ask("SET", lost, "5") == b"+OK\r\n", "the node to serve again")
        assert (sizes(fleet, 5)[0], sizes(fleet, 5)[2], sum(sizes(fleet, 0))) == (1, 1, 0)
        for node in fleet.nodes:
            node.kill()
        for name in ("r0", "r1", "r2"):
            fleet.proxy.wait_for_state(name, "down")
        with fleet.client() as other:
            assert other.ask("SELECT", "9").startswith(b"-NODEDOWN")
            assert b" db=0 " in other.ask("CLIENT", "INFO")
            assert other.ask("SELECT", "5") == b"+OK\r\n", "it is proved"


def test_a_library_with_a_database_works_there(fleet):
    first, second = (redis_py.Redis(port=fleet.proxy.port, db=db, decode_responses=True) for db in (1, 2))
    first.set("k", "one")
    assert second.get("k") is None
    second.mset({f"k{i}": i for i in range(10)})
    assert first.dbsize() == 1 and second.dbsize() == 10
    second.flushdb()
    assert first.get("k") == "one" and second.dbsize() == 0


def test_no_database_is_kept_waiting_by_the_connections_of_the_others():
    with Fleet(1, connections_per_node=8) as fleet, fleet.client() as client:
        begin = time.monotonic()
        for number in range(1, 16):
            assert client.ask("SELECT", str(number)) == b"+OK\r\n"
            assert client.ask("SET", "k", str(number)) == b"+OK\r\n"
        # Eight new ones are allowed in a second beside those that follow.
        assert time.monotonic() - begin < 5


def test_keys_of_two_databases_are_two_keys_to_limits_and_lists():
    with RedisServer() as node:
        fleet = Fleet(nodes=[node], **PATIENT)
        fleet.config["limits"] = [{"name": "each", "rate": "2/h", "burst": 2, "per": "key", "match": {"command": "write"}}]
        with fleet.proxy as proxy, proxy.client() as client:
            for database in ("0", "6"):
                client.ask("SELECT", database)
                assert [client.ask("SET", "k", "v" * 50_000)[:1] for _ in range(3)] == [b"+", b"+", b"-"]

            def biggest():
                pool = json.loads(proxy.get("/api/v1/hotkeys")[1])["pools"][0]
                return {(row["key"], row.get("database", 0)) for row in pool["biggest"]}
            wait_for(lambda: biggest() == {("k", 0), ("k", 6)}, "both keys to be listed")
