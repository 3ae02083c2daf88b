"""Blocking commands through the proxy: as a plain Redis answers them, with nothing lost and nobody else kept waiting."""

import contextlib
import random
import socket
import threading
import time

import pytest
import redis as redis_py

from limited import vanish
from servers import Fleet, PATIENT, Proxy, RawClient, RedisServer, encode, pool_config, wait_for
from slow_link import SlowLink


@pytest.fixture(scope="module")
def one_node():
    with Fleet(1, workers=2, **PATIENT) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def stranger(one_node):
    with one_node.client() as client:
        yield client


# A first line that fills something, the blocking line, and what another client does meanwhile.
SAME = {
    "blpop, there": (["RPUSH q a b"], "BLPOP q 0", None),
    "brpop, there": (["RPUSH q a b"], "BRPOP p q 0", None),
    "blpop, later": ([], "BLPOP p q 0", "RPUSH q a b c"),
    "brpop, later": ([], "BRPOP q 0", "RPUSH q a b c"),
    "blpop, never": ([], "BLPOP q 0.05", None),
    "blmove, there": (["RPUSH q a b"], "BLMOVE q p LEFT RIGHT 0", None),
    "blmove, later": ([], "BLMOVE q p LEFT RIGHT 0", "RPUSH q a"),
    "blmove, never": ([], "BLMOVE q p LEFT RIGHT 0.05", None),
    "blmove onto a wrong type": (["SET p x"], "BLMOVE q p LEFT RIGHT 0", "RPUSH q a"),
    "brpoplpush, later": ([], "BRPOPLPUSH q p 0", "RPUSH q a b"),
    "brpoplpush, never": ([], "BRPOPLPUSH q p 0.05", None),
    "blmpop, there": (["RPUSH q a b"], "BLMPOP 0 2 p q LEFT COUNT 5", None),
    "blmpop, later": ([], "BLMPOP 0 2 p q RIGHT", "RPUSH q a b"),
    "blmpop, never": ([], "BLMPOP 0.05 1 q LEFT", None),
    "bzpopmin, there": (["ZADD z 1.5 a 2 b"], "BZPOPMIN z 0", None),
    "bzpopmin, later": ([], "BZPOPMIN y z 0", "ZADD z 1.5 a"),
    "bzpopmax, later": ([], "BZPOPMAX z 0", "ZADD z 1.5 a 3 c"),
    "bzmpop, later": ([], "BZMPOP 0 1 z MIN", "ZADD z 1.5 a"),
    "bzmpop, never": ([], "BZMPOP 0.05 1 z MIN", None),
    "xread, later": ([], "XREAD BLOCK 0 STREAMS s $", "XADD s 5-1 f v"),
    "xread, there": (["XADD s 5-1 f v"], "XREAD BLOCK 0 STREAMS s 0", None),
    "xread, never": ([], "XREAD BLOCK 50 STREAMS s $", None),
    "xreadgroup, later": (["XGROUP CREATE s g $ MKSTREAM"], "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XADD s 5-1 f v"),
    "xreadgroup, destroyed": (["XGROUP CREATE s g $ MKSTREAM"], "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XGROUP DESTROY s g"),
    "xreadgroup, deleted": (["XGROUP CREATE s g $ MKSTREAM"], "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "DEL s"),
    "wrong type first": (["SET q x", "RPUSH p a"], "BLPOP q p 0", None),
    "wrong type behind": (["SET q x", "RPUSH p a"], "BLPOP p q 0", None),
    "no number": ([], "BLPOP q x", None),
    "negative": ([], "BLPOP q -1", None),
    "infinite": ([], "BLPOP q inf", None),
    "hexadecimal": (["RPUSH q a"], "BLPOP q 0x10", None),
    "exponent": ([], "BLPOP q 5e-2", None),
    "no number of milliseconds": ([], "XREAD BLOCK x STREAMS s $", None),
    "no count": ([], "BLMPOP 1 x q LEFT", None),
    "no direction": ([], "BLMPOP 1 1 q UP", None),
    "wrong arity": ([], "BLPOP q", None),
}


def blocked_clients(server):
    return int(server.ask("INFO", "clients").split(b"blocked_clients:")[1].split()[0])


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("first,line,later", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(one_node, redis, first, line, later, protocol):
    said = []
    for port, server in ((one_node.proxy.port, one_node.nodes[0]), (redis.port, redis)):
        server.ask("FLUSHALL")
        with RawClient(port) as client:
            client.ask("HELLO", protocol)
            # In one pipeline: what came before it is done, and what comes behind it waits.
            client.send(b"".join(encode(*words.split()) for words in [*first, line, "PING", "LRANGE q 0 -1", "LRANGE p 0 -1"]))
            if later:
                wait_for(lambda: blocked_clients(server) == 1, "the client to wait")
                with RawClient(port) as other:
                    other.ask(*later.split())
            said.append([client.reply() for _ in range(len(first) + 4)])
    assert said[0] == said[1]


@pytest.mark.smoke
def test_nobody_else_waits_and_the_links_are_used_again(one_node, stranger):
    node, proxy = one_node.nodes[0], one_node.proxy
    node.ask("FLUSHALL")
    clients = [one_node.client() for _ in range(20)]
    for i, client in enumerate(clients):
        client.send(encode("BLPOP", f"w{i}", "0"))
    wait_for(lambda: blocked_clients(node) == 20, "all to wait")
    assert proxy.metric("pinned_links") == 20
    assert proxy.metric("node_in_flight") == 0
    begin = time.monotonic()
    for i in range(200):
        assert stranger.ask("SET", "x", str(i)) == b"+OK\r\n"
    assert time.monotonic() - begin < 5
    for i, client in enumerate(clients):
        stranger.ask("RPUSH", f"w{i}", "v")
        assert client.reply() == b"*2\r\n" + b"$%d\r\nw%d\r\n" % (len(f"w{i}"), i) + b"$1\r\nv\r\n"
    wait_for(lambda: proxy.metric("pinned_links") == 0, "the links to be free")
    before = proxy.metric("node_connects_total")
    for client in clients:
        assert client.ask("BLPOP", "none", "0.01") == b"*-1\r\n"
        client.socket.close()
    assert proxy.metric("node_connects_total") == before
    assert proxy.metric("node_up", node="r0") == 1


@pytest.mark.parametrize("leave", ["close", "half-close", "reset"])
def test_a_client_that_leaves_ends_its_wait(one_node, stranger, leave):
    node = one_node.nodes[0]
    node.ask("FLUSHALL")
    client = one_node.client()
    # What it sends meanwhile does not hide that it leaves.
    client.send(encode("BLPOP", "q", "0") + encode("PING"))
    wait_for(lambda: blocked_clients(node) == 1, "the client to wait")
    if leave == "half-close":
        client.socket.shutdown(socket.SHUT_WR)
    elif leave == "reset":
        vanish(client)
    else:
        client.socket.close()
    wait_for(lambda: blocked_clients(node) == 0, "the wait to end")
    assert stranger.ask("RPUSH", "q", "a") == b":1\r\n"
    assert stranger.ask("LLEN", "q") == b":1\r\n"
    wait_for(lambda: one_node.proxy.metric("pinned_links") == 0, "the link to be free or closed")
    client.socket.close()


def test_what_was_asked_behind_a_wait_is_done_though_the_client_sends_no_more(one_node, stranger):
    for _ in range(20):
        one_node.nodes[0].ask("FLUSHALL")
        stranger.ask("RPUSH", "q", "a")
        with one_node.client() as client:
            client.send(encode("BLPOP", "q", "0") + encode("SET", "x", "1") + encode("GET", "x"))
            client.socket.shutdown(socket.SHUT_WR)
            assert [client.reply() for _ in range(3)] == [b"*2\r\n$1\r\nq\r\n$1\r\na\r\n", b"+OK\r\n", b"$1\r\n1\r\n"]
            assert client.closed_by_peer() == b""


def test_a_wait_ends_though_a_large_value_fills_the_link_that_all_share():
    with RedisServer() as node, SlowLink(node.port, 1 << 20) as link, Proxy(pool_config([link], timeouts={"request": "60s"})) as proxy:
        with proxy.client() as client, proxy.client() as other:
            client.send(encode("BLPOP", "q", "0"))
            wait_for(lambda: blocked_clients(node) == 1, "the client to wait")
            other.send(encode("SET", "large", b"x" * (20 << 20)))
            wait_for(lambda: proxy.metric("node_bytes_sent_total") > 1 << 20, "the link to be filled")
            client.socket.shutdown(socket.SHUT_WR)
            assert client.reply() == b"*-1\r\n"
            assert node.ask("EXISTS", "large") == b":0\r\n", "the large value is still on its way"
            assert blocked_clients(node) == 0


def test_moving_between_nodes_and_more_keys_than_may_be_are_refused(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    assert client.ask("BLPOP", a, *(f"k{i}" for i in range(1000)), "1").startswith(b"-CROSSSLOT ")
    assert client.ask("BRPOPLPUSH", a, b, "1").startswith(b"-CROSSSLOT ")
    assert client.ask("BLMOVE", a, b, "LEFT", "LEFT", "1").startswith(b"-CROSSSLOT ")
    for key in (a, b):
        client.ask("RPUSH", key, "v")
        assert client.ask("BLPOP", key, "1").startswith(b"*2\r\n")


def test_a_waiting_client_may_watch_keys_too(one_node, stranger):
    node = one_node.nodes[0]
    node.ask("FLUSHALL")
    with one_node.client() as client:
        client.ask("WATCH", "k")
        client.send(encode("BLPOP", "q", "0"))
        wait_for(lambda: blocked_clients(node) == 1, "the client to wait")
        assert one_node.proxy.metric("pinned_links") == 1
        stranger.ask("RPUSH", "q", "a")
        assert client.reply() == b"*2\r\n$1\r\nq\r\n$1\r\na\r\n"
        stranger.ask("SET", "k", "1")
        client.ask("MULTI")
        assert client.ask("EXEC") == b"*-1\r\n"
        client.ask("WATCH", "k")
        client.send(encode("BLPOP", "q", "0"))
        wait_for(lambda: blocked_clients(node) == 1, "the client to wait")
    wait_for(lambda: blocked_clients(node) == 0, "the wait to end")
    wait_for(lambda: one_node.proxy.metric("pinned_links") == 0, "the link to be free")


def test_a_node_that_dies_is_never_a_timeout():
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        client.send(encode("BLPOP", "q", "0"))
        wait_for(lambda: blocked_clients(fleet.nodes[0]) == 1, "the client to wait")
        fleet.nodes[0].kill()
        assert client.reply() == b"-ERR r0 lost while waiting: an element may have been taken\r\n"
        assert client.ask("PING") == b"+PONG\r\n"
        wait_for(lambda: client.ask("BLPOP", "q", "0.1").startswith(b"-NODEDOWN"), "the node to be known as down")
        fleet.nodes[0].start()
        wait_for(lambda: client.ask("BLPOP", "q", "0.1") == b"*-1\r\n", "the node to be back")


def test_a_node_that_stops_is_given_up_after_the_timeout_of_the_wait():
    with Fleet(1, timeouts={"request": "300ms"}) as fleet, fleet.client() as client:
        client.send(encode("BLPOP", "q", "0.2"))
        wait_for(lambda: blocked_clients(fleet.nodes[0]) == 1 or True, "")
        assert client.reply() == b"*-1\r\n"
        client.send(encode("BLPOP", "q", "1"))
        wait_for(lambda: blocked_clients(fleet.nodes[0]) == 1, "the client to wait")
        fleet.nodes[0].stop()
        try:
            assert client.reply() == b"-ERR r0 lost while waiting: an element may have been taken\r\n"
        finally:
            fleet.nodes[0].cont()


def test_waiting_longer_than_any_timeout_is_no_illness():
    with Fleet(1, timeouts={"request": "100ms", "total": "200ms", "heavy": "300ms"}) as fleet, fleet.client() as client, \
            fleet.client() as other:
        client.send(encode("BLPOP", "q", "0"))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert other.ask("SET", "x", "1") == b"+OK\r\n"
        other.ask("RPUSH", "q", "a")
        assert client.reply() == b"*2\r\n$1\r\nq\r\n$1\r\na\r\n"
        assert fleet.proxy.metric("node_timeouts_total") == 0
        assert fleet.proxy.metric("node_failures_total") == 0


def test_a_drain_ends_waits_like_their_timeout():
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client, fleet.client() as mover:
        client.send(encode("BLPOP", "q", "0"))
        mover.send(encode("BLMOVE", "q", "p", "LEFT", "LEFT", "0"))
        wait_for(lambda: blocked_clients(fleet.nodes[0]) == 2, "the clients to wait")
        begin = time.monotonic()
        fleet.proxy.terminate()
        assert client.reply() == b"*-1\r\n"
        assert mover.reply() == b"*-1\r\n"
        assert fleet.proxy.wait() == 0
        assert time.monotonic() - begin < 10


def test_too_many_read_an_error():
    with Fleet(1, pinned_per_node=1, **PATIENT) as fleet, fleet.client() as a, fleet.client() as b:
        a.send(encode("BLPOP", "q", "0"))
        wait_for(lambda: blocked_clients(fleet.nodes[0]) == 1, "the client to wait")
        assert b.ask("BLPOP", "q", "0").startswith(b"-ERR max number of blocked clients of r0 reached")
        assert b.ask("PING") == b"+PONG\r\n"


@pytest.mark.parametrize("busy", [0, 0.4])
def test_many_that_begin_to_wait_at_once_all_wait(busy):
    # More than the node's kernel keeps until the node accepts them.
    with Fleet(1, node_arguments=("--tcp-backlog", "32"), pinned_per_node=400, reconnect={"rate": "1/m"}) as fleet, \
            contextlib.ExitStack() as stack:
        node = fleet.nodes[0]
        clients = [stack.enter_context(fleet.client()) for _ in range(400)]
        assert all(client.ask("PING") == b"+PONG\r\n" for client in clients)
        sleeper = stack.enter_context(RawClient(node.port))
        sleeper.send(encode("DEBUG", "SLEEP", str(busy)))
        for client in clients:
            client.send(encode("BLPOP", "q", "0"))
        assert sleeper.reply() == b"+OK\r\n"
        wait_for(lambda: blocked_clients(node) == 400, "all to wait")
        assert fleet.proxy.metric("node_connect_failures_total") == 0
        node.ask("RPUSH", "q", *["v"] * len(clients))
        for client in clients:
            assert client.reply() == b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n"


def test_clients_that_leave_before_they_have_a_connection_need_none():
    patient = {"timeouts": {"connect": "60s", "request": "60s"}, "health": {"interval": "0s"}}
    with Fleet(1, **patient) as fleet, contextlib.ExitStack() as stack:
        node, proxy = fleet.nodes[0], fleet.proxy
        clients = [stack.enter_context(fleet.client()) for _ in range(60)]
        assert all(client.ask("PING") == b"+PONG\r\n" for client in clients)
        node.stop()
        try:
            for client in clients:
                client.send(encode("BLPOP", "q", "0"))
            wait_for(lambda: proxy.metric("pinned_links") == 60, "all to have asked")
            for client in clients:
                vanish(client)
            wait_for(lambda: proxy.metric("pinned_links") == 0, "the links to be free")
        finally:
            node.cont()
        assert blocked_clients(node) == 0


def test_a_full_node_is_drained(one_node, stranger):
    node = one_node.nodes[0]
    node.ask("FLUSHALL")
    with one_node.client() as client:
        client.ask("RPUSH", "q", "a")
        node.ask("CONFIG", "SET", "maxmemory", "1")
        try:
            assert client.ask("BLPOP", "q", "0") == b"*2\r\n$1\r\nq\r\n$1\r\na\r\n"
        finally:
            node.ask("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.smoke
def test_a_library_waits(fleet):
    library = redis_py.Redis(port=fleet.proxy.port)
    threading.Timer(0.1, lambda: redis_py.Redis(port=fleet.proxy.port).rpush("{l}q", "a")).start()
    assert library.blpop("{l}q", timeout=5) == (b"{l}q", b"a")
    assert library.blpop("{l}q", timeout=0.1) is None
    library.xadd("{l}s", {"f": "v"})
    assert library.xread({"{l}s": "0"}, block=100)[0][0] == b"{l}s"


def test_every_element_is_read_once_or_still_there():
    """Workers that pop, some of which leave between two waits; pushes over all nodes; links that are killed while nobody
    pushes are not part of it, as a plain Redis loses elements then."""
    with Fleet(3, workers=2, **PATIENT) as fleet:
        queues = [fleet.key_of(i, f"q{i}-") for i in range(3)]
        popped, lock, stop = [], threading.Lock(), threading.Event()

        def work(seed):
            choice = random.Random(seed)
            client = fleet.client()
            while not stop.is_set():
                if choice.random() < 0.05:
                    # Nothing is under way, so nothing can be lost.
                    client.socket.close()
                    client = fleet.client()
                reply = client.ask(choice.choice(["BLPOP", "BRPOP"]), choice.choice(queues), "0.05")
                if reply != b"*-1\r\n":
                    assert reply.startswith(b"*2\r\n"), reply
                    with lock:
                        popped.append(reply.split(b"\r\n")[4])
            client.socket.close()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        with fleet.client() as pusher:
            for i in range(3000):
                pusher.send(encode("RPUSH", queues[i % 3], str(i)))
                pusher.reply()
        stop.set()
        for thread in threads:
            thread.join()
        with fleet.client() as client:
            for queue in queues:
                reply = client.ask("LRANGE", queue, "0", "-1")
                popped += reply.split(b"\r\n")[2::2][:int(reply[1:reply.index(b"\r")])]
        assert sorted(popped, key=int) == [b"%d" % i for i in range(3000)]
