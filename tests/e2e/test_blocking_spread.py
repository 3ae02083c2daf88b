"""Blocking commands whose keys lie on several nodes: what a plain Redis says, and no element lost, doubled or moved."""

import time

import pytest

from servers import Fleet, PATIENT, RawClient, blocked, encode, wait_for


def lines_of(text, keys):
    return encode(*(keys.get(word, word) for word in text.split()))


# What there is, the blocking line, what another client does meanwhile, and how many wait at the nodes until then.
SAME = {
    "blpop, there": (["RPUSH b x y"], "BLPOP a b c 0", None, 0),
    "blpop, the first key with something": (["RPUSH c x", "RPUSH b y"], "BLPOP a b c 0", None, 0),
    "brpop, there": (["RPUSH c x y"], "BRPOP a b c 0", None, 0),
    "blpop, later": ([], "BLPOP a b c 0", "RPUSH b x y z", 3),
    "brpop, later": ([], "BRPOP a b c 0", "RPUSH c x y z", 3),
    "blpop, pushed in front": ([], "BLPOP a b 0", "LPUSH b x y z", 2),
    "blpop, a key twice": ([], "BLPOP a b a 0", "RPUSH a x", 2),
    "blpop, a moment": ([], "BLPOP a b c 0.05", None, 0),
    "blmpop, there": (["RPUSH b x y z"], "BLMPOP 0 3 a b c LEFT COUNT 2", None, 0),
    "blmpop, later": ([], "BLMPOP 0 3 a b c RIGHT COUNT 5", "RPUSH b x y", 3),
    "blmpop, a moment": ([], "BLMPOP 0.05 2 a b LEFT", None, 0),
    "bzpopmin, there": (["ZADD b 1.5 x 2 y"], "BZPOPMIN a b c 0", None, 0),
    "bzpopmin, later": ([], "BZPOPMIN a b c 0", "ZADD c 2 x 1 y", 1),
    "bzpopmax, later": ([], "BZPOPMAX a b 0", "ZADD b 2 x 1 y", 1),
    "bzpopmin, a moment": ([], "BZPOPMIN a b c 0.25", None, 0),
    "bzmpop, later": ([], "BZMPOP 0 2 a b MIN COUNT 2", "ZADD b 2 x 1 y 3 z", 1),
    "xread, there": (["XADD a 1-1 f v", "XADD b 2-1 f v"], "XREAD BLOCK 0 STREAMS a b 0 0", None, 0),
    "xread, a later id": (["XADD a 1-1 f v", "XADD b 2-1 f v"], "XREAD COUNT 1 BLOCK 0 STREAMS a b 1-1 1", None, 0),
    "xread, later": (["XADD b 2-1 f v"], "XREAD BLOCK 0 STREAMS a b c $ $ $", "XADD b 5-1 f v", 3),
    "xread, after an entry that was deleted": (["XADD b 5-1 f v", "XDEL b 5-1"], "XREAD BLOCK 0 STREAMS a b $ $",
                                               "XADD b 5-2 f v", 2),
    "xread, a moment": (["XADD b 2-1 f v"], "XREAD BLOCK 50 STREAMS a b $ $", None, 0),
    "xread, wrong type": (["SET b x"], "XREAD BLOCK 0 STREAMS a b $ $", None, 0),
    "xread, wrong type behind an id": (["SET b x"], "XREAD BLOCK 0 STREAMS a b 0 0", None, 0),
    "xread, no id": ([], "XREAD BLOCK 0 STREAMS a b 0 x", None, 0),
    "xreadgroup, there": (["XGROUP CREATE a g $ MKSTREAM", "XGROUP CREATE b g $ MKSTREAM", "XADD b 5-1 f v", "XADD a 6-1 f v"],
                          "XREADGROUP GROUP g n BLOCK 0 STREAMS a b > >", None, 0),
    "xreadgroup, later": (["XGROUP CREATE a g $ MKSTREAM", "XGROUP CREATE b g $ MKSTREAM"],
                          "XREADGROUP GROUP g n COUNT 3 BLOCK 0 NOACK STREAMS a b > >", "XADD b 5-1 f v", 2),
    "xreadgroup, history": (["XGROUP CREATE a g $ MKSTREAM", "XGROUP CREATE b g $ MKSTREAM"],
                            "XREADGROUP GROUP g n BLOCK 0 STREAMS a b 0 >", None, 0),
    "xreadgroup, no group": (["XGROUP CREATE a g $ MKSTREAM"], "XREADGROUP GROUP g n BLOCK 0 STREAMS a b > >", None, 0),
    "xreadgroup, destroyed": (["XGROUP CREATE a g $ MKSTREAM", "XGROUP CREATE b g $ MKSTREAM"],
                              "XREADGROUP GROUP g n BLOCK 0 STREAMS a b > >", "XGROUP DESTROY b g", 2),
    "wrong type in front": (["SET a x", "RPUSH b y"], "BLPOP a b 0", None, 0),
    "wrong type behind": (["SET b x", "RPUSH a y"], "BLPOP a b 0", None, 0),
    "wrong type alone": (["SET b x"], "BLPOP a b 0", None, 0),
    "wrong type of a sorted set": (["SET b x"], "BZPOPMIN a b 0", None, 0),
    "no time": ([], "BLPOP a b x", None, 0),
    "no time, from the right": ([], "BRPOP b a x", None, 0),
    "a negative time": ([], "BLPOP a b c -1", None, 0),
    "an infinite time": ([], "BZPOPMIN a b inf", None, 0),
    "no time in front": ([], "BLMPOP x 2 a b LEFT", None, 0),
    "a negative time in front": (["ZADD a 1 x"], "BZMPOP -1 2 a b MIN", None, 0),
    "no time, whatever is there": (["RPUSH b x"], "BLPOP a b x", None, 0),
    "no time to block": (["XADD a 1-1 f v"], "XREAD BLOCK x STREAMS a b 0 0", None, 0),
    "a negative time to block": (["XADD a 1-1 f v"], "XREAD BLOCK -1 STREAMS a b 0 0", None, 0),
    "no time to block, of a group": ([], "XREADGROUP GROUP g n BLOCK x STREAMS a b > >", None, 0),
    "no time, between two lists": (["RPUSH a x"], "BLMOVE a b LEFT LEFT x", None, 0),
    "a negative time, between two lists": (["RPUSH a x"], "BRPOPLPUSH a b -1", None, 0),
    "no count of streams": ([], "XREAD COUNT x BLOCK 0 STREAMS a b 0 0", None, 0),
    "no direction": ([], "BLMPOP 1 2 a b UP", None, 0),
    "no count": ([], "BLMPOP 1 2 a b LEFT COUNT x", None, 0),
}


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("first,line,later,waiters", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(three, keys, redis, first, line, later, waiters, protocol):
    said = []
    for port, servers, many in ((three.proxy.port, three.nodes, waiters), (redis.port, [redis], min(waiters, 1))):
        redis.ask("FLUSHALL")
        with RawClient(port) as client:
            client.ask("HELLO", protocol)
            # In one pipeline: what came before it is done, and what comes behind it waits.
            lines = [*first, line, "PING", "LRANGE a 0 -1", "LRANGE b 0 -1", "ZRANGE c 0 -1"]
            client.send(b"".join(lines_of(text, keys) for text in lines))
            if later:
                wait_for(lambda: blocked(servers) == many, "the client to wait")
                with RawClient(port) as other:
                    other.send(lines_of(later, keys))
                    other.reply()
            said.append([client.reply() for _ in lines])
    assert said[0] == said[1]


@pytest.mark.smoke
def test_the_wait_ends_in_time_and_its_links_are_used_again(three, keys):
    with three.client() as client:
        for command, least in (("BLPOP", 0.3), ("BZPOPMIN", 0.3)):
            begin = time.monotonic()
            assert client.ask(command, *keys.values(), str(least)) == b"*-1\r\n"
            assert least <= time.monotonic() - begin < least + 5
        before = three.proxy.metric("node_connects_total")
        for _ in range(20):
            assert client.ask("BLPOP", *keys.values(), "0.01") == b"*-1\r\n"
        client.ask("RPUSH", keys["c"], "x")
        assert client.ask("BLPOP", *keys.values(), "0.01").endswith(b"x\r\n")
        assert three.proxy.metric("pinned_links") == 0
        # Of 63 waiters at three nodes: one more may be opened at each, where a link is still being cleaned.
        assert three.proxy.metric("node_connects_total") <= before + 3


def test_waiters_leave_lists_as_they_are(three, keys):
    """The first of them to see an element moves it onto its own place: order and time to live stay."""
    a, b = keys["a"], keys["b"]
    with three.client() as client, three.client() as other:
        for end, pops in (("LEFT", "BLPOP"), ("RIGHT", "BRPOP")):
            three.flush()
            client.send(encode(pops, a, b, "0"))
            wait_for(lambda: blocked(three.nodes) == 2, "the client to wait")
            other.send(encode("MULTI") + encode("RPUSH", b, "1", "2", "3") + encode("EXPIRE", b, "1000") + encode("EXEC"))
            for _ in range(4):
                other.reply()
            got, rest = ("1", [b"2", b"3"]) if end == "LEFT" else ("3", [b"1", b"2"])
            assert client.reply() == encode(b, got)
            assert other.ask("LRANGE", b, "0", "-1") == encode(*rest)
            assert 990 <= int(other.ask("TTL", b)[1:]) <= 1000


@pytest.mark.parametrize("command,many", [("BLPOP", 3), ("BZPOPMIN", 1)])
def test_a_client_that_leaves_ends_its_wait_everywhere(three, keys, command, many):
    client = three.client()
    client.send(encode(command, *keys.values(), "0") + encode("PING"))
    wait_for(lambda: blocked(three.nodes) == many, "the client to wait")
    client.socket.close()
    wait_for(lambda: blocked(three.nodes) == 0 and three.proxy.metric("pinned_links") == 0, "the wait to end")
    with three.client() as other:
        assert other.ask("RPUSH", keys["b"], "x") == b":1\r\n"
        assert other.ask("LLEN", keys["b"]) == b":1\r\n"


def test_what_is_there_is_popped_though_the_client_sends_no_more(three, keys):
    import socket
    for _ in range(20):
        with three.client() as client:
            client.send(encode("RPUSH", keys["c"], "x") + encode("BLPOP", *keys.values(), "0") + encode("PING"))
            client.socket.shutdown(socket.SHUT_WR)
            assert [client.reply() for _ in range(3)] == [b":1\r\n", encode(keys["c"], "x"), b"+PONG\r\n"]
            assert client.closed_by_peer() == b""


def test_the_end_of_its_input_and_a_drain_end_it_like_its_timeout():
    import socket
    with Fleet(2, **PATIENT) as fleet, fleet.client() as first, fleet.client() as client, fleet.client() as turns:
        a, b = fleet.key_of(0), fleet.key_of(1)
        first.send(encode("BLPOP", a, b, "0"))
        wait_for(lambda: blocked(fleet.nodes) == 2, "the client to wait")
        first.socket.shutdown(socket.SHUT_WR)
        assert first.closed_by_peer() == b"*-1\r\n"
        wait_for(lambda: blocked(fleet.nodes) == 0, "the wait to end")
        client.send(encode("BLPOP", a, b, "0"))
        wait_for(lambda: blocked(fleet.nodes) == 2, "the client to wait")
        turns.send(encode("BZPOPMAX", "z" + a, "z" + b, a, b, "0"))
        begin = time.monotonic()
        wait_for(lambda: blocked(fleet.nodes) == 3, "both to wait")
        fleet.proxy.terminate()
        assert client.reply() == b"*-1\r\n"
        assert turns.reply() == b"*-1\r\n"
        assert fleet.proxy.wait() == 0
        assert time.monotonic() - begin < 10


def test_each_waiter_counts_and_too_many_read_an_error():
    with Fleet(3, pinned_per_node=1, listener={"pinned_per_client": 2}, **PATIENT) as fleet, \
            fleet.client() as a, fleet.client() as b:
        keys = [fleet.key_of(i) for i in range(3)]
        assert a.ask("BLPOP", *keys, "0").startswith(
            b"-ERR max number of connections to nodes of one client's own reached: pinned_per_client allows 2")
        a.send(encode("BLPOP", *keys[:2], "0"))
        wait_for(lambda: blocked(fleet.nodes) == 2, "the client to wait")
        # The link that it has already at the other node is given back.
        assert b.ask("BLPOP", keys[2], keys[1], "0").startswith(b"-ERR max number of blocked clients of r1 reached")
        assert b.ask("BLPOP", keys[2], "0.01") == b"*-1\r\n"
        # What is there needs no link.
        b.ask("RPUSH", keys[2], "x")
        assert b.ask("BLPOP", *keys, "0") == encode(keys[2], "x")
        b.ask("RPUSH", keys[1], "y")
        assert a.reply() == encode(keys[1], "y")


def test_full_nodes_are_drained(three, keys):
    with three.client() as client, three.client() as pusher:
        pusher.ask("RPUSH", keys["c"], "x")
        for node in three.nodes:
            node.ask("CONFIG", "SET", "maxmemory", "1")
        try:
            assert client.ask("BLPOP", *keys.values(), "0") == encode(keys["c"], "x")
            assert client.ask("BLPOP", *keys.values(), "0.15") == b"*-1\r\n"
        finally:
            for node in three.nodes:
                node.ask("CONFIG", "SET", "maxmemory", "0")


def test_nodes_that_become_full_while_one_waits_are_drained_too(three, keys):
    """A full node refuses waiters, but not what pops."""
    with three.client() as client, three.client() as first, three.client() as pusher:
        for waiting in (first, client):
            waiting.send(encode("BLPOP", *keys.values(), "0"))
        wait_for(lambda: blocked(three.nodes) == 6, "the clients to wait")
        for node in three.nodes:
            node.ask("CONFIG", "SET", "maxmemory", "1")
        try:
            for i, node in enumerate(three.nodes):
                node.ask("CONFIG", "SET", "maxmemory", "0")
                node.ask("RPUSH", keys["abc"[i]], "x")
                node.ask("CONFIG", "SET", "maxmemory", "1")
            assert client.reply().endswith(b"x\r\n")
            assert first.reply().endswith(b"x\r\n")
        finally:
            for node in three.nodes:
                node.ask("CONFIG", "SET", "maxmemory", "0")


def test_users_of_the_nodes_without_the_waiters_command_are_served():
    with Fleet(2, node_arguments=("--rename-command", "BLMOVE", ""), **PATIENT) as fleet, fleet.client() as client, \
            fleet.client() as other:
        a, b = fleet.key_of(0), fleet.key_of(1)
        client.send(encode("BLPOP", a, b, "0"))
        wait_for(lambda: blocked(fleet.nodes) == 1, "the client to wait")
        other.ask("RPUSH", b, "x")
        assert client.reply() == encode(b, "x")


def test_nodes_without_transactions_are_served():
    with Fleet(2, node_arguments=("--rename-command", "MULTI", ""), **PATIENT) as fleet, fleet.client() as client, \
            fleet.client() as other:
        a, b = fleet.key_of(0), fleet.key_of(1)
        client.send(encode("BLPOP", a, b, "0"))
        wait_for(lambda: blocked(fleet.nodes) > 0, "the client to wait")
        assert other.ask("RPUSH", b, "x") == b":1\r\n"
        assert client.reply() == encode(b, "x")
        assert other.ask("PING") == b"+PONG\r\n"


def test_a_node_that_ends_no_waits_keeps_none():
    """Its CLIENT is gone: what is to be ended early goes with its connection."""
    with Fleet(2, node_arguments=("--rename-command", "CLIENT", ""), **PATIENT) as fleet, fleet.client() as client, \
            fleet.client() as other:
        a, b = fleet.key_of(0), fleet.key_of(1)
        for _ in range(3):
            client.send(encode("BLPOP", a, b, "0"))
            wait_for(lambda: blocked(fleet.nodes) == 2, "the client to wait")
            other.ask("RPUSH", b, "x")
            assert client.reply() == encode(b, "x")
            wait_for(lambda: blocked(fleet.nodes) == 0, "the other waiter to be gone")
            wait_for(lambda: fleet.proxy.metric("pinned_links") == 0, "its link to be free")


@pytest.mark.parametrize("command", ["BLPOP", "BZPOPMIN"])
def test_a_node_that_dies_is_never_a_timeout(command):
    with Fleet(2, **PATIENT) as fleet, fleet.client() as client:
        a, b = fleet.key_of(0), fleet.key_of(1)
        client.send(encode(command, a, b, "0"))
        wait_for(lambda: blocked(fleet.nodes) > 0, "the client to wait")
        if command == "BLPOP":
            wait_for(lambda: blocked(fleet.nodes) == 2, "the client to wait")
        fleet.nodes[0].kill()
        said = client.reply()
        assert said == b"-ERR r0 lost while waiting: an element may have been taken\r\n" or (
            command == "BZPOPMIN" and said.startswith(b"-NODE"))
        wait_for(lambda: blocked(fleet.nodes[1:]) == 0, "the other node to be left")
        assert client.ask("PING") == b"+PONG\r\n"
        wait_for(lambda: client.ask(command, a, b, "0.1").startswith(b"-NODEDOWN"), "the node to be known as down")
        fleet.nodes[0].start()
        wait_for(lambda: client.ask(command, a, b, "0.1") == b"*-1\r\n", "the node to be back")


def test_a_waiting_client_may_watch_keys_too(three, keys):
    with three.client() as client, three.client() as other:
        client.ask("WATCH", keys["a"] + "w")
        client.send(encode("BLPOP", *keys.values(), "0"))
        wait_for(lambda: blocked(three.nodes) == 3, "the client to wait")
        assert three.proxy.metric("pinned_links") == 4
        other.ask("RPUSH", keys["b"], "x")
        assert client.reply() == encode(keys["b"], "x")
        client.ask("MULTI")
        client.ask("SET", keys["a"] + "w", "1")
        assert client.ask("EXEC") == b"*1\r\n+OK\r\n"
