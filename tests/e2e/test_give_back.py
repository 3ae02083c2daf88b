"""What a node has popped for a client that has left meanwhile goes back to where it was."""

import socket
import struct

import pytest

from servers import Fleet, PATIENT, RawClient, blocked, encode, wait_for


def leave(client, how):
    if how == "half-close":
        return client.socket.shutdown(socket.SHUT_WR)
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


FORMS = {
    "blpop": ("RPUSH q a b", "BLPOP q 0", "LRANGE q 0 -1"),
    "brpop": ("LPUSH q b a", "BRPOP q 0", "LRANGE q 0 -1"),
    "blmpop": ("RPUSH q a b c d", "BLMPOP 0 1 q LEFT COUNT 3", "LRANGE q 0 -1"),
    "blmpop right": ("RPUSH q a b c d", "BLMPOP 0 1 q RIGHT COUNT 3", "LRANGE q 0 -1"),
    "bzpopmin": ("ZADD q 1.5 a 2 b", "BZPOPMIN q 0", "ZRANGE q 0 -1 WITHSCORES"),
    "bzpopmax": ("ZADD q -inf a 1e300 b", "BZPOPMAX q 0", "ZRANGE q 0 -1 WITHSCORES"),
    "bzmpop": ("ZADD q 1.5 a 2 b 3 c", "BZMPOP 0 1 q MIN COUNT 2", "ZRANGE q 0 -1 WITHSCORES"),
}


@pytest.fixture(scope="module")
def one_node():
    with Fleet(1, **PATIENT) as fleet:
        yield fleet


def pop_for_nobody(fleet, client, how, push, wait):
    """The node does `push`, commands in one write, after `client` has left and before it hears that the wait is to end."""
    node, proxy = fleet.nodes[0], fleet.proxy
    with RawClient(node.port) as pusher:
        pusher.ask("PING")
        client.send(encode(*wait.split()))
        wait_for(lambda: blocked([node]) == 1, "the client to wait")
        # What the node has said of the link by then, the worker has read when another client is answered.
        with fleet.client() as other:
            other.ask("GET", "another")
        # Stopped, the node finds the push first, and what ends the wait behind it.
        node.stop()
        try:
            pusher.send(b"".join(encode(*words.split()) for words in push))
            leave(client, how)
            # The proxy has seen that it has left, and has told the node.
            wait_for(lambda: proxy.metric("node_in_flight") > 0, "the node to be told")
        finally:
            node.cont()
        assert pusher.reply().startswith(b":")


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
@pytest.mark.parametrize("push,wait,look", FORMS.values(), ids=FORMS.keys())
def test_it_goes_back(one_node, push, wait, look, how, protocol):
    node, proxy = one_node.nodes[0], one_node.proxy
    node.ask("FLUSHALL")
    node.ask(*push.split())
    whole = node.ask(*look.split())
    node.ask("FLUSHALL")
    before, lost = proxy.metric("wait_data_given_back_total"), proxy.metric("wait_data_lost_total")
    with one_node.client() as client:
        client.ask("HELLO", protocol)
        pop_for_nobody(one_node, client, how, [push], wait)
        wait_for(lambda: proxy.metric("wait_data_given_back_total") == before + 1, "it to be given back")
        assert node.ask(*look.split()) == whole
        if how == "half-close":
            assert client.reply() == (b"*-1\r\n" if protocol == "2" else b"_\r\n")
            assert client.closed_by_peer() == b""
    assert proxy.metric("wait_data_lost_total") == lost
    wait_for(lambda: proxy.metric("pinned_links") == 0, "the link to be free")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("push,wait,look", FORMS.values(), ids=FORMS.keys())
def test_it_goes_back_though_it_was_there_at_once(one_node, push, wait, look, how):
    """The proxy reads the command and the client's end before the node has been asked, or the end before it writes."""
    node, proxy = one_node.nodes[0], one_node.proxy
    node.ask("FLUSHALL")
    node.ask(*push.split())
    whole = node.ask(*look.split())
    before, lost = proxy.metric("wait_data_given_back_total"), proxy.metric("wait_data_lost_total")
    for i in range(5):
        with one_node.client() as client:
            client.ask("PING")
            proxy.stop()
            try:
                client.send(encode(*wait.split()))
                leave(client, how)
            finally:
                proxy.cont()
        # A server that reads a reset before the command never does that.
        if how == "close":
            wait_for(lambda: proxy.metric("wait_data_given_back_total") == before + i + 1, "it to be given back")
        wait_for(lambda: proxy.metric("pinned_links") == 0, "the link to be free")
        assert node.ask(*look.split()) == whole
    assert proxy.metric("wait_data_lost_total") == lost


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
def test_who_leaves_when_it_comes_has_it_or_the_node_has(one_node, how):
    """The reply and the client's end are there in the same turn."""
    node, proxy = one_node.nodes[0], one_node.proxy
    node.ask("FLUSHALL")
    lost = proxy.metric("wait_data_lost_total")
    for i in range(20):
        element = b"%d" % i
        with one_node.client() as client:
            client.send(encode("BLPOP", "q", "0"))
            wait_for(lambda: blocked([node]) == 1, "the client to wait")
            with one_node.client() as other:
                other.ask("GET", "another")
            proxy.stop()
            try:
                assert node.ask("RPUSH", "q", element) == b":1\r\n"
                leave(client, how)
            finally:
                proxy.cont()
            reply = client.reply() if how == "half-close" else b"*-1\r\n"
        whole = encode("q", element)
        assert reply in (whole, b"*-1\r\n")
        kept = encode() if reply == whole else encode(element)
        wait_for(lambda: node.ask("LRANGE", "q", "0", "-1") == kept, "it to be where it belongs")
        node.ask("DEL", "q")
        wait_for(lambda: proxy.metric("pinned_links") == 0, "the link to be free")
    assert proxy.metric("wait_data_lost_total") == lost


FILL = ["RPUSH q a", "CONFIG SET maxmemory 1"]


@pytest.fixture
def full_node():
    with Fleet(1, timeouts={"request": "2s"}) as fleet:
        yield fleet
        wait_for(lambda: fleet.proxy.metric("pinned_links") == 0, "the link to be free")


def test_a_full_node_is_asked_again(full_node):
    node, proxy = full_node.nodes[0], full_node.proxy
    with full_node.client() as client:
        pop_for_nobody(full_node, client, "close", FILL, "BLPOP q 0")
        wait_for(lambda: "errorstat_OOM" in str(node.ask("INFO", "errorstats")), "the node to refuse it")
        node.ask("CONFIG", "SET", "maxmemory", "0")
        wait_for(lambda: proxy.metric("wait_data_given_back_total") == 1, "it to be given back")
    assert node.ask("LRANGE", "q", "0", "-1") == b"*1\r\n$1\r\na\r\n"


def test_what_a_full_node_never_takes_is_counted_as_lost(full_node):
    with full_node.client() as client:
        pop_for_nobody(full_node, client, "reset", FILL, "BLPOP q 0")
        wait_for(lambda: full_node.proxy.metric("wait_data_lost_total") == 1, "it to be given up")
    assert full_node.nodes[0].ask("EXISTS", "q") == b":0\r\n"


def test_who_still_reads_gets_what_a_full_node_never_takes(full_node):
    with full_node.client() as client:
        pop_for_nobody(full_node, client, "half-close", FILL, "BLPOP q 0")
        assert client.reply() == b"*2\r\n$1\r\nq\r\n$1\r\na\r\n"
        assert client.closed_by_peer() == b""
    assert full_node.proxy.metric("wait_data_lost_total") == 0
