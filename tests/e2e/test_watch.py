"""WATCH through the proxy: as a plain Redis answers it, and never an execution that it should have prevented."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, RawClient, encode, wait_for

NIL = b"*-1\r\n"


def converse(port, lines, other=None):
    """All that a server says to these lines, one after the other; a line of "other: …" is another client's."""
    said = []
    with RawClient(port) as client, RawClient(port) as stranger:
        if other:
            stranger.ask(*other.split())
        for line in lines:
            if line.startswith("other: "):
                stranger.ask(*line.removeprefix("other: ").split())
            else:
                said.append(client.ask(*line.split()))
    return said


SAME = {
    "clean": ["WATCH a", "GET a", "MULTI", "SET a 1", "EXEC", "GET a"],
    "dirty": ["WATCH a", "other: SET a 2", "MULTI", "SET a 1", "EXEC", "GET a"],
    "own write": ["WATCH a", "SET a 2", "MULTI", "GET a", "EXEC"],
    "own write before": ["SET a 2", "WATCH a", "MULTI", "GET a", "EXEC"],
    "dirty and empty": ["WATCH a", "other: SET a 2", "MULTI", "EXEC", "MULTI", "EXEC"],
    "clean and empty": ["WATCH a", "MULTI", "EXEC"],
    "dirty and aborted": ["WATCH a", "other: SET a 2", "MULTI", "NOSUCH", "EXEC", "MULTI", "GET a", "EXEC"],
    "unwatched": ["WATCH a", "other: SET a 2", "UNWATCH", "MULTI", "GET a", "EXEC"],
    "unwatched inside": ["WATCH a", "other: SET a 2", "MULTI", "UNWATCH", "GET a", "EXEC"],
    "discarded": ["WATCH a", "MULTI", "GET a", "DISCARD", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "reset": ["WATCH a", "RESET", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "two keys": ["WATCH a b", "other: SET b 2", "MULTI", "GET a", "EXEC"],
    "two watches": ["WATCH a", "WATCH b", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "nothing done": ["WATCH a", "other: DEL a", "other: TOUCH a", "MULTI", "GET a", "EXEC"],
    "expiry": ["SET a 1", "WATCH a", "other: EXPIRE a 100", "MULTI", "GET a", "EXEC"],
    "flushed": ["SET a 1", "WATCH a", "other: FLUSHALL", "MULTI", "GET a", "EXEC"],
    "once only": ["WATCH a", "MULTI", "EXEC", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "exec and discard without multi": ["WATCH a", "EXEC", "DISCARD", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "exec with arguments": ["WATCH a", "MULTI", "EXEC x", "other: SET a 2", "MULTI", "GET a", "EXEC"],
    "another database": ["WATCH a", "SELECT 1", "SET a 5", "MULTI", "GET a", "EXEC", "GET a", "SELECT 0", "GET a"],
    "another database, dirty": ["WATCH a", "SELECT 1", "other: SET a 5", "MULTI", "GET a", "EXEC", "SELECT 0"],
    "in a database": ["SELECT 2", "WATCH a", "other: SET a 5", "MULTI", "SET a 1", "EXEC", "GET a", "SELECT 0", "GET a"],
    "wrong arity": ["WATCH", "MULTI", "GET a", "EXEC"],
    "wrong type": ["SET s x", "WATCH s", "MULTI", "LPUSH s a", "EXEC"],
}


@pytest.fixture(scope="module")
def one_node():
    with Fleet(1, workers=2, **PATIENT) as fleet:
        yield fleet


@pytest.mark.parametrize("lines", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(one_node, redis, lines):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    assert converse(one_node.proxy.port, lines) == converse(redis.port, lines)


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_in_another_protocol(one_node, redis, protocol):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    said = []
    for port in (one_node.proxy.port, redis.port):
        with RawClient(port) as client, RawClient(port) as stranger:
            client.ask("HELLO", protocol)
            client.ask("WATCH", "a")
            stranger.ask("SET", "a", "1")
            client.send(b"".join(encode(*words) for words in (["MULTI"], ["HGETALL", "h"], ["EXEC"])))
            replies = [client.reply() for _ in range(3)]
            # It changes in the middle.
            client.ask("WATCH", "h")
            client.ask("HELLO", "5" if protocol == "2" else "2")
            client.ask("HELLO", "3" if protocol == "2" else "2")
            client.send(b"".join(encode(*words) for words in (["MULTI"], ["HGETALL", "h"], ["EXEC"], ["GET", "none"])))
            said.append(replies + [client.reply() for _ in range(4)])
    assert said[0] == said[1]


def test_one_pipeline_keeps_its_order(one_node, redis):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    lines = ["SET a 1", "WATCH a", "GET a", "MULTI", "INCR a", "EXEC", "GET a", "WATCH a", "SET a 7", "MULTI", "INCR a", "EXEC",
             "GET a", "WATCH a", "UNWATCH", "SET a 8", "MULTI", "INCR a", "EXEC", "WATCH a", "QUIT"]
    said = []
    for port in (one_node.proxy.port, redis.port):
        with RawClient(port) as client:
            client.send(b"".join(encode(*line.split()) for line in lines))
            said.append(client.closed_by_peer())
    assert said[0] == said[1]


@pytest.mark.smoke
def test_keys_of_several_nodes(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    assert client.ask("WATCH", a, b).startswith(b"-CROSSSLOT ")
    # Nobody watches, so nothing may run.
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SET", a, "1") == b"+QUEUED\r\n"
    assert client.ask("EXEC").startswith(b"-EXECABORT Transaction discarded because of: ERR the WATCH before it")
    assert client.ask("WATCH", a) == b"+OK\r\n"
    assert client.ask("WATCH", b).startswith(b"-CROSSSLOT ")
    # The first one stays. Other nodes are read as ever.
    assert client.ask("SET", b, "1") == b"+OK\r\n"
    assert client.ask("MGET", a, b) == b"*2\r\n$-1\r\n$1\r\n1\r\n"
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("SET", b, "2").startswith(b"-CROSSSLOT ")
    assert client.ask("EXEC") == b"-EXECABORT Transaction discarded because of previous errors.\r\n"
    assert client.ask("WATCH", a) == b"+OK\r\n"
    with fleet.client() as other:
        other.ask("SET", a, "9")
    client.send(b"".join(encode(*words) for words in (["MULTI"], ["PING"], ["EXEC"])))
    assert [client.reply() for _ in range(3)] == [b"+OK\r\n", b"+QUEUED\r\n", NIL]


def test_a_client_that_does_nothing_for_too_long_watches_no_more():
    with Fleet(1, listener={"watch_idle": "1s"}, **PATIENT) as fleet, fleet.client() as client:
        for protocol, nil in (("2", b"*-1\r\n"), ("3", b"_\r\n")):
            client.ask("HELLO", protocol)
            assert client.ask("WATCH", "k") == b"+OK\r\n"
            assert fleet.proxy.metric("pinned_links", node="r0") == 1
            wait_for(lambda: fleet.proxy.metric("pinned_links", node="r0") == 0, "its link")
            for reply in (nil, b"*1\r\n+OK\r\n"):
                assert client.ask("MULTI") == b"+OK\r\n"
                assert client.ask("SET", "k", protocol) == b"+QUEUED\r\n"
                assert client.ask("EXEC") == reply


def test_the_links_are_counted_used_again_and_bounded():
    with Fleet(1, pinned_per_node=2, **PATIENT) as fleet:
        def links():
            return fleet.proxy.metric("pinned_links", node="r0")
        with fleet.client() as a, fleet.client() as b, fleet.client() as c:
            assert a.ask("WATCH", "k") == b"+OK\r\n"
            assert b.ask("WATCH", "k") == b"+OK\r\n"
            assert links() == 2
            assert c.ask("WATCH", "k").startswith(b"-ERR max number of blocked clients of r0 reached: ")
            assert c.ask("SET", "other", "1") == b"+OK\r\n"
            assert a.ask("UNWATCH") == b"+OK\r\n"
            wait_for(lambda: c.ask("WATCH", "k") == b"+OK\r\n", "a link that is free again")
            b.ask("MULTI")
            assert b.ask("EXEC") == b"*0\r\n"
        wait_for(lambda: links() == 0, "clients that left to hold no link")
        before = fleet.nodes[0].ask("INFO", "stats")
        for _ in range(50):
            with fleet.client() as client:
                # The link of the one before may not be clean yet.
                wait_for(lambda: client.ask("WATCH", "k") == b"+OK\r\n", "a link")
        wait_for(lambda: links() == 0, "the last link")

        def connections(info):
            return int(info.split(b"total_connections_received:")[1].split()[0])
        # One of them is this question's.
        assert connections(fleet.nodes[0].ask("INFO", "stats")) - connections(before) <= 5
        with fleet.client() as client:
            assert client.ask("CLIENT", "LIST")


@pytest.mark.parametrize("moment", ["after WATCH", "after MULTI", "after GET"])
def test_a_node_that_dies_between_watch_and_exec_is_a_changed_key(moment):
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        node = fleet.nodes[0]
        assert client.ask("WATCH", "a") == b"+OK\r\n"
        if moment == "after GET":
            client.ask("GET", "a")
        if moment == "after MULTI":
            client.ask("MULTI")
            client.ask("SET", "a", "1")
        node.kill()
        node.start()
        with fleet.client() as stranger:
            wait_for(lambda: stranger.ask("PING") and stranger.ask("SET", "b", "1") == b"+OK\r\n", "the node to be back")
        if moment != "after MULTI":
            client.ask("MULTI")
            client.ask("SET", "a", "1")
        assert client.ask("EXEC") == NIL
        assert client.ask("GET", "a") == b"$-1\r\n"
        # And the next attempt goes through.
        assert client.ask("WATCH", "a") == b"+OK\r\n"
        client.ask("MULTI")
        client.ask("SET", "a", "1")
        assert client.ask("EXEC") == b"*1\r\n+OK\r\n"


@pytest.mark.parametrize("how", ["SELECT 5", "HELLO 3", "HELLO 3 and SELECT 5"])
def test_what_becomes_of_the_link_changes_neither_database_nor_protocol(how):
    with Fleet(1) as fleet, fleet.client() as client:
        node = fleet.nodes[0]
        client.ask("WATCH", "k")
        for line in how.split(" and "):
            client.ask(*line.split())
        node.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_for(lambda: client.ask("SET", "x", "1") == b"+OK\r\n", "the node to be asked again")
        in_five = "SELECT 5" in how
        with RawClient(node.port) as direct:
            direct.ask("SELECT", "5" if in_five else "0")
            assert direct.ask("GET", "x") == b"$1\r\n1\r\n"
            direct.ask("SELECT", "0" if in_five else "5")
            assert direct.ask("GET", "x") == b"$-1\r\n"
        assert client.ask("HGETALL", "x2").startswith(b"%" if "HELLO" in how else b"*")
        client.ask("MULTI")
        client.ask("GET", "x")
        assert client.ask("EXEC") == (b"_\r\n" if "HELLO" in how else NIL)


def test_a_node_that_is_gone_reads_as_a_changed_key_too():
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        assert client.ask("WATCH", "a") == b"+OK\r\n"
        client.ask("MULTI")
        client.ask("SET", "a", "1")
        fleet.nodes[0].kill()
        wait_for(lambda: fleet.proxy.metric("node_up", node="r0") == 0, "the node to be known as down")
        assert client.ask("EXEC") == NIL
        assert client.ask("WATCH", "a").startswith(b"-NODEDOWN ")


def test_exec_written_and_unanswered_is_never_nil():
    # The client waits longer than the proxy does.
    with Fleet(1, timeouts={"request": "2s"}) as fleet, fleet.client() as client:
        node = fleet.nodes[0]
        assert client.ask("WATCH", "a") == b"+OK\r\n"
        node.stop()
        client.send(b"".join(encode(*words) for words in (["MULTI"], ["INCR", "a"], ["EXEC"])))
        assert [client.reply(), client.reply()] == [b"+OK\r\n", b"+QUEUED\r\n"]
        reply = client.reply()
        assert reply.startswith(b"-ERR transaction sent to ") and b"it may have run" in reply
        node.cont()


@pytest.mark.smoke
def test_the_library_retries_until_it_wins(fleet):
    def add(times):
        library = redis_py.Redis(port=fleet.proxy.port)
        for _ in range(times):
            library.transaction(lambda pipe: (lambda value: (pipe.multi(), pipe.set("{c}n", value + 1)))(
                int(pipe.get("{c}n") or 0)), "{c}n")

    with ThreadPoolExecutor() as threads:
        list(threads.map(add, [50] * 4))
    assert redis_py.Redis(port=fleet.proxy.port).get("{c}n") == b"200"


def test_no_increment_is_lost_or_doubled_while_links_and_nodes_die():
    """Optimistic counters: what a client read as done is in the counter once, what it read as nil never."""
    with Fleet(2, node_arguments=["--appendonly", "yes", "--appendfsync", "always"], **PATIENT) as fleet:
        keys = [fleet.key_of(0), fleet.key_of(1)]
        done, unknown, nil = [0, 0], [0, 0], [0]
        stop = threading.Event()
        lock = threading.Lock()

        def count(seed):
            choice = random.Random(seed)
            client = fleet.client()
            while not stop.is_set():
                i = choice.randrange(2)
                key = keys[i]
                watched = client.ask("WATCH", key)
                value = client.ask("GET", key) if watched == b"+OK\r\n" else b"-"
                if value.startswith(b"-"):
                    client.ask("UNWATCH")
                    continue
                number = 0 if value == b"$-1\r\n" else int(value.split(b"\r\n")[1])
                client.send(b"".join(encode(*words) for words in (["MULTI"], ["SET", key, number + 1], ["EXEC"])))
                replies = [client.reply() for _ in range(3)]
                with lock:
                    if replies[2] == b"*1\r\n+OK\r\n":
                        done[i] += 1
                    elif replies[2] == NIL:
                        nil[0] += 1
                    elif not replies[2].startswith(b"-EXECABORT"):
                        assert b"it may have run" in replies[2], replies
                        unknown[i] += 1
            client.socket.close()

        with ThreadPoolExecutor() as threads:
            counters = [threads.submit(count, seed) for seed in range(6)]
            try:
                for round_ in range(4):
                    wait_for(lambda: sum(done) > (round_ + 1) * 300, "increments")
                    for node in fleet.nodes:
                        node.ask("CLIENT", "KILL", "TYPE", "normal")
                    victim = fleet.nodes[round_ % 2]
                    victim.kill()
                    victim.start()
                wait_for(lambda: sum(done) > 2000, "increments after the last kill")
            finally:
                stop.set()
            for counter in counters:
                counter.result()
        assert nil[0] > 0
        with fleet.client() as client:
            for i, key in enumerate(keys):
                # The other node alone may have counted since the last kill.
                wait_for(lambda: not client.ask("GET", key).startswith(b"-"), f"node {i} to be back")
                value = int(client.ask("GET", key).split(b"\r\n")[1])
                assert done[i] <= value <= done[i] + unknown[i], (done, unknown, value)
