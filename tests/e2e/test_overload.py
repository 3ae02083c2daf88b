"""A node that is asked more than it can answer in time: what waits for it is bounded, and nobody else notices."""

import threading

from crowd import Crowd
from scripted_node import ScriptedNode
from servers import Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN
from test_health import quick, transitions

# No checks and no breaker: what happens is the limit's doing.
ALONE = quick(health={"interval": "0s"}, breaker={"consecutive_failures": 0, "failure_ratio": "0%", "slow_ratio": "0%"},
              timeouts={"request": "200ms"})
LEAST, MOST = 64, 65536  # The defaults.
OVERLOADED = b"-OVERLOADED node r0 of pool main has too many requests in flight\r\n"


class SlowNode(ScriptedNode):
    """Answers one GET after another, each after 5 ms unless it is in a `hurry`: 40 of them in time."""

    def __init__(self):
        super().__init__(lambda name, _: self._get() if name == "GET" else None)
        self.hurry = threading.Event()

    def _get(self):
        self.hurry.wait(0.005)
        return bulk("slow")


class Readers(Crowd):
    """Clients that ask for the key, `depth` requests at a time."""

    def __init__(self, proxy, key, clients=4, depth=100):
        super().__init__([proxy] * clients)
        self.replies, self._key, self._depth, self._lock = {}, key, depth, threading.Lock()

    def ask(self, _, client):
        client.send(encode("GET", self._key) * self._depth)
        for reply in [client.reply() for _ in range(self._depth)]:
            with self._lock:
                self.replies[reply] = self.replies.get(reply, 0) + 1

    def count(self, reply):
        return self.replies.get(reply, 0)


def limit(proxy, node="r0"):
    return proxy.metric("node_concurrency_limit", node=node)


def test_a_node_that_is_in_time_is_asked_everything():
    with Fleet(1, **ALONE) as fleet, fleet.client() as client:
        client.send(encode("SET", "a", "1") * 20_000)
        assert {client.reply() for _ in range(20_000)} == {b"+OK\r\n"}
        assert limit(fleet.proxy) == MOST == fleet.proxy.node("r0")["concurrency_limit"]
        assert fleet.proxy.metric("node_overloads_total") == 0


def test_what_waits_for_an_overloaded_node_is_bounded_and_its_neighbour_is_untouched():
    with SlowNode() as slow, RedisServer() as well, Proxy(pool_config([slow, well], **ALONE)) as proxy:
        slow.hurry.set()
        fleet = Fleet(2)
        fleet.proxy = proxy
        key, other = fleet.key_of(0), fleet.key_of(1)
        with proxy.client() as client, Readers(proxy, key) as crowd:
            assert client.ask("SET", other, "y") == b"+OK\r\n"
            wait_for(lambda: crowd.count(bulk("slow")) > 500, "the crowd to be answered")
            assert limit(proxy) == MOST
            slow.hurry.clear()
            wait_for(lambda: limit(proxy) == LEAST, "the limit to fall")
            wait_for(lambda: proxy.metric("node_in_flight", node="r0") <= LEAST, "the queue to shrink")
            served, refused = crowd.count(bulk("slow")), crowd.count(OVERLOADED)
            for _ in range(50):
                assert proxy.metric("node_in_flight", node="r0") <= LEAST
                assert client.ask("GET", other) == bulk("y")
            wait_for(lambda: crowd.count(OVERLOADED) > refused + 1000, "the rest to be refused")
            assert limit(proxy, "r1") == MOST and proxy.metric("node_overloads_total", node="r1") == 0
            # It is in time again: what it is asked grows with what it answers.
            slow.hurry.set()
            wait_for(lambda: crowd.count(bulk("slow")) > served + 500, "the node to answer again")
            wait_for(lambda: limit(proxy) > LEAST + 5, "the limit to grow")
        assert set(crowd.replies) == {bulk("slow"), OVERLOADED, b"-TIMEOUT node r0 did not answer within 200ms\r\n"}
        # Errors of ours, but none of the node's.
        node = proxy.node("r0")
        assert node["overloads"] == crowd.count(OVERLOADED) == proxy.metric("errors_total", code="node_overloaded")
        assert node["failures"] == node["timeouts"] == sum(crowd.replies.values()) - crowd.count(OVERLOADED) - crowd.count(bulk("slow"))
        assert not transitions(proxy, "r0")


def test_keys_of_an_overloaded_node_go_nowhere_else():
    with SlowNode() as slow, RedisServer() as well:
        with Proxy(pool_config([slow, well], on_down="rehash", **ALONE)) as proxy:
            fleet = Fleet(2)
            fleet.proxy = proxy
            key = fleet.key_of(0)
            before = proxy.metric("node_requests_total", node="r1")
            with Readers(proxy, key) as crowd:
                wait_for(lambda: crowd.count(OVERLOADED) > 1000, "requests to be refused")
            assert DOWN not in crowd.replies
            assert proxy.metric("node_requests_total", node="r1") == before


def test_what_the_cap_of_a_connection_refuses_is_no_failure_either():
    with Fleet(1, limits={"requests_in_flight": 10}, **ALONE) as fleet, fleet.client() as client:
        client.send(encode("GET", "a") * 1000)
        replies = [client.reply() for _ in range(1000)]
        assert set(replies) <= {b"$-1\r\n", OVERLOADED} and OVERLOADED in replies
        assert fleet.proxy.node("r0")["failures"] == 0
        assert fleet.proxy.node("r0")["overloads"] == replies.count(OVERLOADED)
