"""Transactions of a pool whose `transactions` are `per_node`: one on each node, and one reply in the order of queueing."""

import threading

import pytest
import redis as redis_py

import test_transactions
from servers import Fleet, PATIENT, RawClient, converse, encode, wait_for

# What needs several keys of one command, or all nodes, is refused: see below.
SAME = {name: lines for name, lines in test_transactions.SAME.items() if name not in ("several keys", "whole fleet")}
SAME |= {
    "many keys": ["MULTI", *(f"SET k{i} {i}" for i in range(40)), *(f"GET k{39 - i}" for i in range(40)), "EXEC"],
    "errors in their places": ["SET k0 x", "SET k5 x", "MULTI", "INCR k0", "INCR k1", "LPUSH k5 a", "INCR k2", "INCR k3", "EXEC"],
    "shapes of several": ["HSET k0 a 1", "ZADD k1 1.5 a", "SADD k2 m", "MULTI", "HGETALL k0", "ZRANGE k1 0 -1 WITHSCORES",
                          "SMEMBERS k2", "GET k3", "BLPOP k4 0", "ECHO x", "EXEC"],
    "keyless between": ["MULTI", "PING", "SET k0 1", "ECHO a", "SET k1 2", "PING b", "SET k2 3", "UNWATCH", "EXEC"],
    "scripts": ["SCRIPT LOAD return(KEYS[1])", "MULTI", *(f"EVALSHA c25612b82607a58c0a27b966f5ea53f2556fcb4e 1 k{i}" for i in range(9)), "EXEC"],
    "aborted": ["MULTI", "SET k0 1", "SET k1", "SET k2 3", "EXEC", "GET k0", "GET k2"],
    "watched": ["WATCH k0", "MULTI", "SET k0 1", "INCR k0", "EXEC", "MULTI", "SET k1 1", "SET k2 1", "EXEC"],
}


@pytest.fixture(scope="module")
def shared_fleet():
    with Fleet(3, workers=2, transactions="per_node", **PATIENT) as fleet:
        yield fleet


@pytest.mark.parametrize("first", [None, "HELLO 3", "SELECT 3"])
@pytest.mark.parametrize("lines", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(fleet, redis, lines, first):
    redis.ask("FLUSHALL")
    assert converse(fleet.proxy.port, lines, first) == converse(redis.port, lines, first)


def run(client, *commands):
    client.send(b"".join(encode(*words) for words in (["MULTI"], *commands, ["EXEC"])))
    return [client.reply() for _ in range(len(commands) + 2)][-1]


@pytest.mark.smoke
def test_redis_py_runs_its_default_pipeline_over_all_nodes(fleet):
    library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    pipe = library.pipeline()
    for i in range(300):
        pipe.set(f"key:{i}", i)
    assert pipe.execute() == [True] * 300
    pipe = library.pipeline()
    for i in range(300):
        pipe.get(f"key:{i}").incr(f"n:{i % 7}")
    replies = pipe.execute()
    assert replies[::2] == [str(i) for i in range(300)]
    assert replies[1::2] == [1 + i // 7 for i in range(300)]
    assert all(int(node.ask("DBSIZE")[1:]) > 50 for node in fleet.nodes)


def test_one_command_needs_its_keys_together_and_so_do_watched_ones(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SET", a, "1") == b"+QUEUED\r\n"
    assert client.ask("MSET", a, "1", b, "1").startswith(b"-CROSSSLOT ")
    assert client.ask("EXEC") == test_transactions.EXECABORT
    assert client.ask("WATCH", a) == b"+OK\r\n"
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SET", b, "1").startswith(b"-CROSSSLOT ")
    assert client.ask("EXEC") == test_transactions.EXECABORT
    assert client.ask("EXISTS", a, b) == b":0\r\n"
    assert run(client, ["SET", a, "1"], ["SET", b, "2"]) == b"*2\r\n+OK\r\n+OK\r\n"


def test_a_node_that_refuses_reads_its_error_in_its_own_places(fleet, client):
    keys = [fleet.key_of(i) for i in range(3)]
    sets = [["SET", key, "1"] for key in keys]
    fleet.nodes[1].ask("CONFIG", "SET", "maxmemory", "1")
    try:
        reply = run(client, *sets, ["GET", keys[1]])
        oom = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        assert reply == b"*4\r\n+OK\r\n" + oom + b"+OK\r\n" + oom
        # Nothing at all ran: a retry is safe, and the client is told so.
        assert run(client, sets[1]) == b"-EXECABORT Transaction discarded because of: " + oom[1:]
        for node in fleet.nodes:
            node.ask("CONFIG", "SET", "maxmemory", "1")
        assert run(client, *sets) == b"-EXECABORT Transaction discarded because of: " + oom[1:]
    finally:
        for node in fleet.nodes:
            node.ask("CONFIG", "SET", "maxmemory", "0")


def test_a_node_that_dies_in_between_and_one_that_is_known_to_be_down():
    with Fleet(3, transactions="per_node", **PATIENT) as fleet, fleet.client() as client:
        keys = [fleet.key_of(i) for i in range(3)]
        incrs = [["INCR", key] for key in keys]
        fleet.nodes[1].stop()
        client.send(b"".join(encode(*words) for words in (["MULTI"], *incrs, ["EXEC"])))
        assert [client.reply() for _ in range(4)] == [b"+OK\r\n"] + 3 * [b"+QUEUED\r\n"]
        # The others have run before it is gone.
        wait_for(lambda: fleet.nodes[0].ask("GET", keys[0]) == b"$1\r\n1\r\n", "the first part")
        fleet.nodes[1].kill()
        assert client.reply() == b"*3\r\n:1\r\n-ERR transaction sent to r1, no reply: it may have run\r\n:1\r\n"
        wait_for(lambda: client.ask("GET", keys[1]).startswith(b"-NODEDOWN"), "the node to be known as down")
        reply = run(client, *incrs)
        assert reply.startswith(b"-EXECABORT Transaction discarded because of: NODEDOWN node r1 "), reply
        assert [fleet.nodes[i].ask("GET", keys[i]) for i in (0, 2)] == 2 * [b"$1\r\n1\r\n"]
        assert run(client, incrs[0], incrs[2]) == b"*2\r\n:2\r\n:2\r\n"


def test_nothing_is_counted_twice_while_a_node_is_killed_again_and_again():
    with Fleet(3, transactions="per_node", **PATIENT) as fleet:
        keys = [fleet.key_of(i) for i in range(2)]
        done = threading.Event()
        sure, unknown = [0, 0], [0, 0]

        def count():
            with fleet.client() as client:
                while not done.is_set():
                    reply = run(client, ["INCR", keys[0]], ["INCR", fleet_key], ["INCR", keys[1]])
                    if reply.startswith(b"-EXECABORT"):
                        continue
                    assert reply.startswith(b"*3\r\n"), reply
                    parts = reply.split(b"\r\n")
                    for i, part in enumerate((parts[1], parts[3])):
                        assert part.startswith((b":", b"-ERR transaction sent", b"-NODEDOWN")), reply
                        sure[i] += part.startswith(b":")
                        unknown[i] += part.startswith(b"-ERR transaction sent")

        fleet_key = fleet.key_of(2)
        thread = threading.Thread(target=count)
        thread.start()
        for _ in range(4):
            node = fleet.nodes[2]
            node.kill()
            fleet.proxy.wait_for_state("r2", "down")
            node.start()
            fleet.proxy.wait_for_state("r2", "up")
        before = sure[0]
        wait_for(lambda: sure[0] > before + 20, "transactions after all that")
        done.set()
        thread.join()
        # Their own nodes were well all the time, so that nothing of theirs is unknown.
        assert unknown == [0, 0]
        for i in range(2):
            assert fleet.nodes[i].ask("GET", keys[i]) == b"$%d\r\n%d\r\n" % (len(str(sure[i])), sure[i])


def test_clients_that_leave_leave_nothing_behind(fleet):
    keys = [fleet.key_of(i) for i in range(3)]
    for i in range(50):
        with RawClient(fleet.proxy.port) as client:
            client.send(b"".join(encode(*words) for words in (["MULTI"], *(["INCR", key] for key in keys), *[["EXEC"]] * (i % 2))))
    with fleet.client() as client:
        # Those that had said EXEC have run as wholes.
        wait_for(lambda: run(client, *(["GET", key] for key in keys)) == b"*3\r\n" + 3 * b"$2\r\n25\r\n", "the last ones")
    wait_for(lambda: fleet.proxy.metric("node_in_flight") == 0, "nothing to be under way")
