"""Transactions through the proxy: as a plain Redis answers them on one node, whole or not at all on several."""

import subprocess
import threading
import time

import pytest
import redis as redis_py

from servers import Fleet, PATIENCE, PATIENT, RawClient, converse, encode, wait_for

EXECABORT = b"-EXECABORT Transaction discarded because of previous errors.\r\n"


SAME = {
    "plain": ["MULTI", "SET a 1", "INCR a", "GET a", "EXEC", "GET a"],
    "empty": ["MULTI", "EXEC"],
    "without MULTI": ["EXEC", "DISCARD", "SET a 2", "GET a"],
    "discarded": ["SET a 1", "MULTI", "SET a 2", "DISCARD", "GET a", "EXEC"],
    "nested": ["MULTI", "MULTI", "SET a 3", "EXEC", "GET a"],
    "watch inside": ["MULTI", "WATCH a", "SET a 4", "EXEC", "GET a"],
    "unwatch inside": ["MULTI", "UNWATCH", "PING", "ECHO x", "EXEC"],
    "wrong arity": ["MULTI", "SET a 5", "GET", "SET a 6", "EXEC", "GET a"],
    "unknown command": ["MULTI", "NOSUCH x", "SET a 7", "EXEC", "GET a"],
    "unknown subcommand": ["MULTI", "OBJECT NOSUCH a", "EXEC"],
    "exec with arguments": ["MULTI", "SET a 8", "EXEC a", "EXEC", "GET a"],
    "discard with arguments": ["MULTI", "DISCARD a", "EXEC", "GET a"],
    "errors within": ["SET a x", "MULTI", "INCR a", "LPUSH a y", "SET b 1", "EXEC", "GET b"],
    "reset": ["MULTI", "SET a 9", "RESET", "EXEC", "GET a"],
    "quit": ["MULTI", "SET a 10", "QUIT"],
    "script": ["MULTI", "EVAL return(KEYS[1]) 1 a", "EVAL return 0", "EXEC"],
    "no keys": ["MULTI", "PING", "ECHO y", "EXEC"],
    "hidden MULTI": ["CLIENT REPLY SKIP", "MULTI", "SET a 11", "EXEC", "GET a"],
    "two in a row": ["MULTI", "SET a 1", "EXEC", "MULTI", "INCR a", "EXEC", "INCR a"],
    "shapes": ["HSET h a 1", "MULTI", "HGETALL h", "GET none", "SMEMBERS none", "ZADD z 1.5 a", "ZSCORE z a", "EXEC"],
    "another protocol and database next": ["MULTI", "SET a 1", "EXEC", "RESET", "SELECT 1", "MULTI", "GET a", "EXEC"],
    "about the client": ["MULTI", "CLIENT SETNAME me", "SET a 1", "CLIENT GETNAME", "CLIENT NO-EVICT ON", "ACL WHOAMI", "EXEC", "CLIENT GETNAME"],
    "about the client alone": ["MULTI", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT NO-EVICT maybe", "EXEC", "MULTI", "EXEC"],
    "about the client, aborted": ["CLIENT SETNAME me", "MULTI", "CLIENT SETNAME you", "NOSUCH", "EXEC", "CLIENT GETNAME"],
    "about the client, discarded": ["CLIENT SETNAME me", "MULTI", "CLIENT SETNAME you", "DISCARD", "CLIENT GETNAME"],
    "about a client that watches": ["WATCH a", "MULTI", "CLIENT SETNAME me", "EXEC", "WATCH a", "SET a 1", "MULTI", "CLIENT SETNAME you", "EXEC",
                                    "CLIENT GETNAME"],
    "selects": ["SET a 0", "MULTI", "GET a", "SELECT 5", "SET a 5", "SELECT 6", "GET a", "EXEC", "GET a", "SELECT 5", "GET a", "SELECT 0", "GET a",
                "SELECT 5", "DEL a"],
    "selects in vain": ["SET a 0", "MULTI", "SELECT 99", "SELECT x", "SELECT -1", "SELECT 16", "GET a", "EXEC", "GET a"],
    "selects, aborted": ["SET a 0", "MULTI", "SELECT 5", "NOSUCH", "EXEC", "GET a"],
    "selects, discarded": ["SET a 0", "MULTI", "SELECT 5", "DISCARD", "GET a"],
    "selects and watches": ["WATCH a", "MULTI", "SELECT 5", "SET a 5", "EXEC", "GET a", "DEL a", "WATCH a", "SET a 1", "MULTI", "SELECT 0", "EXEC",
                            "GET a", "DEL a"],
    "selects and is hidden": ["CLIENT REPLY OFF", "MULTI", "SELECT 5", "SET a 5", "EXEC", "CLIENT REPLY ON", "GET a", "DEL a"],
    "several keys": ["MULTI", "MSET a 1 b 2", "MGET a b c", "DEL a b c", "EXEC"],
    "whole fleet": ["MULTI", "SET a 1", "DBSIZE", "KEYS a*", "FLUSHALL", "EXEC", "DBSIZE"],
}


@pytest.fixture(scope="module")
def one_node():
    with Fleet(1, workers=2, **PATIENT) as fleet:
        yield fleet


@pytest.mark.parametrize("first", [None, "HELLO 3", "SELECT 3"])
@pytest.mark.parametrize("lines", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(one_node, redis, lines, first):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    assert converse(one_node.proxy.port, lines, first) == converse(redis.port, lines, first)


def test_a_node_that_refuses_a_queued_command_is_named_as_the_reason(one_node):
    node = one_node.nodes[0]
    node.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        with one_node.client() as client:
            assert client.ask("MULTI") == b"+OK\r\n"
            assert client.ask("SET", "a", "1") == b"+QUEUED\r\n"
            reply = client.ask("EXEC")
            assert reply.startswith(b"-EXECABORT Transaction discarded because of: OOM command not allowed"), reply
    finally:
        node.ask("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.smoke
def test_keys_of_several_nodes_abort_it_and_nothing_is_executed(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SET", a, "1") == b"+QUEUED\r\n"
    assert client.ask("SET", b, "1").startswith(b"-CROSSSLOT ")
    assert client.ask("EXEC") == EXECABORT
    assert client.ask("EXISTS", a, b) == b":0\r\n"
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("DBSIZE").startswith(b"-ERR 'dbsize' is not supported by ringproxy: within a transaction")
    assert client.ask("EXEC") == EXECABORT


@pytest.mark.smoke
def test_libraries_run_their_transactions(fleet):
    library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    pipe = library.pipeline()
    pipe.set("{u}:name", "x").incr("{u}:visits").lpush("{u}:log", "a", "b").get("{u}:name")
    assert pipe.execute() == [True, 1, 2, "x"]


def test_nothing_comes_between_the_commands_of_one(fleet):
    """Each transaction swaps the two values of a pair; whoever reads both in one must find them different."""
    with fleet.client() as client:
        client.ask("MSET", "{p}a", "0", "{p}b", "1")
    torn = []

    def swap():
        library = redis_py.Redis(port=fleet.proxy.port)
        for i in range(300):
            pipe = library.pipeline()
            pipe.set("{p}a", i % 2).set("{p}b", 1 - i % 2).execute()

    def read():
        library = redis_py.Redis(port=fleet.proxy.port)
        for _ in range(300):
            pipe = library.pipeline()
            a, b = pipe.get("{p}a").get("{p}b").execute()
            if a == b:
                torn.append((a, b))

    threads = [threading.Thread(target=target) for target in (swap, swap, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []


def transaction(client, *commands):
    client.send(b"".join(encode(*words) for words in (["MULTI"], *commands, ["EXEC"])))
    return [client.reply() for _ in range(len(commands) + 2)][-1]


@pytest.mark.parametrize("renamed", ["MULTI", "EXEC"])
def test_a_node_that_refuses_transactions_is_sent_none_and_harms_no_stranger(renamed):
    with Fleet(1, node_arguments=["--rename-command", renamed, ""], **PATIENT) as fleet, fleet.client() as client, \
            fleet.client() as stranger:
        refusal = b"-EXECABORT Transaction discarded because of: ERR node r0 of pool main refuses MULTI or EXEC\r\n"
        # Its first check finds it out.
        wait_for(lambda: transaction(client, ["SET", "first", "1"]) == refusal, "the check")
        for i in range(5):
            assert transaction(client, ["INCR", "a"]) == refusal
            wait_for(lambda: stranger.ask("SET", "b", str(i)) == b"+OK\r\n", "a link that is in no transaction")
            assert stranger.ask("EXISTS", "a", "b") == b":1\r\n"


def test_without_checks_a_node_that_refuses_exec_keeps_its_link_for_nobody():
    with Fleet(1, node_arguments=["--rename-command", "EXEC", ""], health={"interval": "0s"}, timeouts={"request": "10s"}) as fleet, \
            fleet.client() as client, fleet.client() as stranger:
        assert transaction(client, ["INCR", "a"]).startswith(b"-ERR unknown command")
        wait_for(lambda: stranger.ask("SET", "b", "1") == b"+OK\r\n", "a link that is in no transaction")
        assert stranger.ask("EXISTS", "a", "b") == b":1\r\n"


def test_a_node_that_dies_in_the_middle_leaves_the_outcome_open():
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        node = fleet.nodes[0]
        client.ask("SET", "a", "1")
        node.stop()
        client.send(b"".join([encode("MULTI"), encode("INCR", "a"), encode("EXEC")]))
        assert [client.reply(), client.reply()] == [b"+OK\r\n", b"+QUEUED\r\n"]
        reply = client.reply()
        assert reply.startswith(b"-ERR transaction sent to ") and b"it may have run" in reply
        node.cont()
        # One that is known to be down is sent nothing, and a retry is safe.
        node.kill()
        name = fleet.proxy.get("/api/v1/nodes")
        assert name
        wait_for(lambda: client.ask("GET", "a").startswith(b"-NODEDOWN"), "the node to be known as down")
        client.send(b"".join([encode("MULTI"), encode("INCR", "a"), encode("EXEC")]))
        assert [client.reply(), client.reply()] == [b"+OK\r\n", b"+QUEUED\r\n"]
        assert client.reply().startswith(b"-EXECABORT Transaction discarded because of: NODEDOWN node ")


def test_redis_cli_queues_and_executes(fleet):
    done = subprocess.run(["redis-cli", "-p", str(fleet.proxy.port)], input="multi\nset {c}a 1\nincr {c}a\nexec\n",
                          capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["OK", "QUEUED", "QUEUED", "OK", "2"]


def test_clients_that_leave_in_the_middle_have_sent_nothing(fleet):
    for _ in range(20):
        with fleet.client() as client:
            client.ask("MULTI")
            client.ask("SET", "left", "1")
    with fleet.client() as client:
        assert client.ask("EXISTS", "left") == b":0\r\n"


def test_what_one_says_of_the_proxy(one_node):
    with one_node.client() as client:
        client.send(b"".join(encode(*line.split()) for line in ("MULTI", "COMMAND COUNT", "CLIENT ID", "COMMAND INFO get", "EXEC",
                                                                "COMMAND COUNT", "CLIENT ID", "COMMAND INFO get")))
        replies = [client.reply() for _ in range(8)]
    assert replies[:4] == [b"+OK\r\n"] + 3 * [b"+QUEUED\r\n"]
    assert replies[4] == b"*3\r\n" + b"".join(replies[5:])


def test_a_select_within_one_concerns_nobody_else(one_node):
    with one_node.client() as client, one_node.client() as stranger:
        stranger.ask("SET", "mine", "0")
        for i in range(20):
            lines = ("MULTI", f"SELECT {1 + i % 3}", "SET mine x", "DEL mine", "GET none", "EXEC")
            client.send(b"".join(encode(*line.split()) for line in lines))
            assert stranger.ask("INCR", "mine") == b":%d\r\n" % (1 + i)
            assert [client.reply() for _ in range(6)][-1] == b"*4\r\n+OK\r\n+OK\r\n:1\r\n$-1\r\n"


def test_a_large_one_is_the_same_as_on_a_plain_redis(one_node, redis):
    for lines in ([["INCR", "n"]] * 5000, [["SET", f"k{i}", "x" * 300_000] for i in range(20)] + [["GET", "k7"], ["LPUSH", "k1", "a"]]):
        said = []
        for port in (one_node.proxy.port, redis.port):
            with RawClient(port) as client:
                client.ask("FLUSHALL")
                client.send(b"".join(encode(*words) for words in (["SET", "n", "7"], ["MULTI"], *lines, ["EXEC"], ["GET", "n"])))
                said.append([client.reply() for _ in range(len(lines) + 4)])
        assert said[0] == said[1]


def test_a_large_one_delays_nobody_and_leaves_nothing(one_node):
    slowest, done = [0.0], threading.Event()

    def others():
        with one_node.client() as client:
            while not done.is_set():
                begun = time.monotonic()
                client.ask("GET", "small")
                slowest[0] = max(slowest[0], time.monotonic() - begun)

    thread = threading.Thread(target=others)
    thread.start()
    with one_node.client() as client:
        for _ in range(3):
            sets = [["SET", f"big{i}", "x" * 1_000_000] for i in range(60)]
            client.send(b"".join(encode(*words) for words in (["MULTI"], *sets, ["EXEC"])))
            assert [client.reply() for _ in range(62)][-1] == b"*60\r\n" + 60 * b"+OK\r\n"
    done.set()
    thread.join()
    print(f"the slowest request of another client took {slowest[0] * 1000:.0f} ms")
    assert slowest[0] < PATIENCE / 10
    one_node.nodes[0].ask("FLUSHALL")


def test_one_that_is_too_large_is_aborted(one_node):
    with one_node.client() as client:
        client.send(encode("MULTI") + encode("INCR", "huge") * 65_537 + encode("EXEC"))
        replies = [client.reply() for _ in range(65_539)]
        assert replies[65_536:] == [b"+QUEUED\r\n", b"-ERR transaction too large\r\n", EXECABORT]
        assert client.ask("EXISTS", "huge") == b":0\r\n"


def test_a_large_one_that_is_lost_or_finds_no_link():
    with Fleet(1, pinned_per_node=1, **PATIENT) as fleet, fleet.client() as client, fleet.client() as watcher:
        incrs = [["INCR", "n"]] * 1001
        assert watcher.ask("WATCH", "n") == b"+OK\r\n"
        reply = transaction(client, *incrs)
        assert reply.startswith(b"-EXECABORT Transaction discarded because of: ERR max number of blocked clients of r0 reached"), reply
        assert watcher.ask("UNWATCH") == b"+OK\r\n"
        wait_for(lambda: transaction(client, *incrs).startswith(b"*1001\r\n"), "the link to be free")
        fleet.nodes[0].stop()
        client.send(b"".join(encode(*words) for words in (["MULTI"], *incrs, ["EXEC"])))
        assert [client.reply() for _ in range(1002)][-1] == b"+QUEUED\r\n"
        wait_for(lambda: fleet.proxy.metric("node_in_flight") > 0, "it to be sent")
        fleet.nodes[0].kill()
        assert client.reply() == b"-ERR transaction sent to r0, no reply: it may have run\r\n"
