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


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
@pytest.mark.parametrize("push,wait,look", FORMS.values(), ids=FORMS.keys())
def test_it_goes_back(one_node, push, wait, look, how, protocol):
    node, proxy = one_node.nodes[0], one_node.proxy
    node.ask("FLUSHALL")
    node.ask(*push.split())
    whole = node.ask(*look.split())
    node.ask("FLUSHALL")
    before = proxy.metric("wait_data_given_back_total")
    with one_node.client() as client, RawClient(node.port) as pusher:
        client.ask("HELLO", protocol)
        pusher.ask("PING")
        client.send(encode(*wait.split()))
        wait_for(lambda: blocked([node]) == 1, "the client to wait")
        # Stopped, the node finds the push first, and what ends the wait behind it.
        node.stop()
        try:
            pusher.send(encode(*push.split()))
            leave(client, how)
            # The proxy has seen that it has left, and has told the node.
            wait_for(lambda: proxy.metric("node_in_flight") > 0, "the node to be told")
        finally:
            node.cont()
        assert pusher.reply().startswith(b":")
        wait_for(lambda: proxy.metric("wait_data_given_back_total") == before + 1, "it to be given back")
        assert node.ask(*look.split()) == whole
        if how == "half-close":
            assert client.reply() == (b"*-1\r\n" if protocol == "2" else b"_\r\n")
            assert client.closed_by_peer() == b""
    assert proxy.metric("wait_data_lost_total") == 0
    wait_for(lambda: proxy.metric("pinned_links") == 0, "the link to be free")
