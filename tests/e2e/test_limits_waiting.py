"""Requests that limits hold back or follow: action delay and shadow, algorithm concurrency, pipelines, clients that leave."""

import select
import socket
import threading
import time

import pytest

from limited import OK, concurrency, decisions, limit, limited, refusal, refused_by, refusers, state, vanish
from scripted_node import ScriptedNode
from servers import Fleet, Proxy, encode, wait_for
from test_commands import bulk

# 20 s between two tokens and up to a minute's patience: longer than any test.
LONG = {"rate": "3/m", "action": "delay", "max_wait": "60s"}
NUMBERS = [b":%d\r\n" % i for i in range(1, 31)]


def waiting(proxy, name):
    return proxy.metric("limit_waiting", limit=name)


def wait_for_waiting(proxy, name, count):
    wait_for(lambda: waiting(proxy, name) == count, f"{count} to wait")


@pytest.fixture
def node(redis):
    redis.ask("FLUSHALL")
    return redis


@pytest.mark.smoke
def test_a_delayed_pipeline_is_answered_in_order_and_at_the_rate(node):
    with Proxy(limited([node], limit("slow", 5, "50/s", action="delay", max_wait="60s", max_waiting=1))) as proxy:
        with proxy.client() as client:
            before = time.monotonic()
            client.send(encode("INCR", "n") * 30)
            assert [client.reply() for _ in range(30)] == NUMBERS
            assert time.monotonic() - before > 25 / 50 - 0.1
        counted = decisions(proxy, "slow")
        assert sum(counted.values()) == 30 and set(counted) == {"admitted", "delayed"} and counted["delayed"] >= 1
        assert waiting(proxy, "slow") == 0


def test_who_waits_holds_up_nobody_else(node):
    with Proxy(limited([node], limit("slow", 1, match={"prefix": "s:"}, **LONG))) as proxy:
        with proxy.client() as patient, proxy.client() as other:
            patient.send(encode("SET", "a", "1") + encode("INCR", "s:n") * 2 + encode("GET", "a") + encode("PING"))
            assert (patient.reply(), patient.reply()) == (OK, b":1\r\n")
            wait_for_waiting(proxy, "slow", 1)
            assert refusers(other, *["GET a"] * 500) == [None] * 500
            assert not select.select([patient.socket], [], [], 0)[0] and waiting(proxy, "slow") == 1
            # Its answers keep their order, those of the proxy itself too; and it can be seen that it waits.
            assert abs(state(proxy, "slow")["fill"] - 2) < 0.9 and state(proxy, "slow")["waiting"] == 1


def test_no_more_wait_than_may_and_the_refused_take_nothing(node):
    with Proxy(limited([node], limit("slow", 1, max_waiting=2, **LONG))) as proxy, proxy.client() as client:
        assert client.ask("INCR", "n") == b":1\r\n"
        patient = [proxy.client() for _ in range(2)]
        for number, each in enumerate(patient, 1):
            each.send(encode("INCR", "n"))
            wait_for_waiting(proxy, "slow", number)
        before = state(proxy, "slow")["fill"]
        for _ in range(20):
            name, wait = refusal(client.ask("INCR", "n"))
            assert name == "slow" and 0 < wait <= 60_000
        assert state(proxy, "slow")["fill"] <= before <= 3
        assert decisions(proxy, "slow") == {"admitted": 1, "refused": 20}
        for each in patient:
            each.socket.close()


def test_nobody_waits_for_longer_than_max_wait(node):
    with Proxy(limited([node], limit("slow", 1, "1/m", action="delay", max_wait="5s"))) as proxy, proxy.client() as client:
        client.send(encode("INCR", "n") * 3)
        assert client.reply() == b":1\r\n"
        waits = [refusal(client.reply()) for _ in range(2)]
        # After this it would be allowed to wait.
        assert all(name == "slow" and 30_000 < wait <= 55_000 for name, wait in waits)
        assert client.ask("PING") == b"+PONG\r\n" and waiting(proxy, "slow") == 0


def test_a_client_that_leaves_while_it_waits_sends_nothing(node):
    with Proxy(limited([node], limit("slow", 1, "20/m", action="delay", max_wait="60s"), concurrency("one", 1))) as proxy:
        with proxy.client() as client:
            assert client.ask("INCR", "n") == b":1\r\n"
            client.send(encode("INCR", "n"))
            wait_for_waiting(proxy, "slow", 1)
            vanish(client)
        wait_for_waiting(proxy, "slow", 0)
        with proxy.client() as client:
            assert client.ask("INCR", "n") == b":2\r\n"  # And the place among those in flight is free again.
        assert state(proxy, "one")["fill"] == 0


@pytest.mark.parametrize("leaves", ["quits", "stops sending"])
def test_what_was_asked_before_the_end_is_answered_after_its_wait(node, leaves):
    with Proxy(limited([node], limit("slow", 1, "4/s", action="delay", max_wait="60s"))) as proxy, proxy.client() as client:
        client.send(encode("INCR", "n") * 3 + (encode("QUIT") if leaves == "quits" else b""))
        if leaves == "stops sending":
            client.socket.shutdown(socket.SHUT_WR)
        assert client.closed_by_peer() == b"".join(NUMBERS[:3]) + (OK if leaves == "quits" else b"")


def test_a_drain_lets_those_finish_who_wait(node):
    with Proxy(limited([node], limit("slow", 1, "1/s", action="delay", max_wait="60s"))) as proxy, proxy.client() as client:
        client.send(encode("INCR", "n") * 2)
        wait_for_waiting(proxy, "slow", 1)
        proxy.terminate()
        assert client.closed_by_peer() == b"".join(NUMBERS[:2])
        assert proxy.wait() == 0


def test_large_requests_wait_whole(node):
    value = "x" * 300_000
    with Proxy(limited([node], limit("slow", 1, "8/s", action="delay", max_wait="60s"))) as proxy, proxy.client() as client:
        client.send(b"".join(encode("SET", f"large{i}", value + str(i)) for i in range(4)) +
                    b"".join(encode("GET", f"large{i}") for i in range(4)))
        assert [client.reply() for _ in range(8)] == [OK] * 4 + [bulk(value + str(i)) for i in range(4)]


@pytest.mark.smoke
def test_a_limit_that_only_counts_lets_all_pass(node):
    limits = limit("shadow", 2, action="shadow"), limit("real", 5), concurrency("places", 1, action="shadow")
    with Proxy(limited([node], *limits)) as proxy, proxy.client() as client:
        client.send(encode("INCR", "n") * 7)
        assert [client.reply() for _ in range(5)] == NUMBERS[:5]
        assert [refused_by(client.reply()) for _ in range(2)] == ["real"] * 2
        assert decisions(proxy, "shadow") == {"admitted": 2, "shadow_refused": 3}
        assert decisions(proxy, "real") == {"admitted": 5, "refused": 2}
        assert sum(decisions(proxy, "places").values()) == 5 and state(proxy, "places")["fill"] == 0


def test_refusals_stand_in_their_places_in_a_pipeline(node):
    with Proxy(limited([node], limit("writes", 3, match={"command": "write"}), limit("a", 2, per="key", match={"prefix": "a"}))) as proxy:
        with proxy.client() as client:
            client.send(encode("INCR", "n") + encode("PING") + encode("GET", "a") + encode("INCR", "n") + encode("GET", "a") +
                        encode("GET", "a") + encode("ECHO", "x") + encode("INCR", "n") + encode("INCR", "n") + encode("GET", "n") +
                        encode("MGET", "n", "a") + encode("QUIT"))
            replies = [client.reply() for _ in range(12)]
            assert [refused_by(reply) for reply in replies] == [None] * 5 + ["a", None, None, "writes", None, "a", None]
            assert [replies[i] for i in (0, 1, 2, 3, 6, 7, 9)] == [
                b":1\r\n", b"+PONG\r\n", b"$-1\r\n", b":2\r\n", bulk("x"), b":3\r\n", bulk("3")]


def test_delays_of_parts_are_one_wait():
    with Fleet(3) as fleet:
        keys = [fleet.key_of(number) for number in range(3)]
        limits = [limit("slow", 2, "10/s", action="delay", max_wait="60s", per="key"), limit("all", 5, "20/s", action="delay", max_wait="60s")]
        with Proxy({**fleet.config, "limits": limits}) as proxy, proxy.client() as client:
            client.send((encode("MSET", *[word for key in keys for word in (key, "v")]) + encode("MGET", *keys)) * 4 + encode("DEL", *keys))
            assert [client.reply() for _ in range(9)] == [OK, b"*3\r\n" + bulk("v") * 3] * 4 + [b":3\r\n"]
            assert sum(decisions(proxy, "slow").values()) == sum(decisions(proxy, "all").values()) == 9


class BlockingNode(ScriptedNode):
    """Answers no GET before it is told to; "close" ends the connection instead."""

    def __init__(self):
        super().__init__(lambda name, _: self._get() if name == "GET" else None)
        self.go, self.reply = threading.Event(), bulk("late")

    def _get(self):
        self.go.wait()
        return self.reply


@pytest.fixture
def blocking():
    with BlockingNode() as node:
        yield node
        node.go.set()


PLACES = concurrency("places", 2, match={"command": "get"})
CALM = {"health": {"interval": "0s"}, "timeouts": {"request": "60s"}}


def fill_both(proxy, node, client):
    client.send(encode("GET", "a") * 2)
    wait_for(lambda: state(proxy, "places")["fill"] == 1 and node.count("GET"), "both places to be taken")


def both_are_free(proxy):
    wait_for(lambda: state(proxy, "places")["fill"] == 0, "both places to be free")
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_place_is_free_again_with_the_reply(blocking, workers):
    with Proxy(limited([blocking], PLACES, workers=workers, **CALM)) as proxy, proxy.client() as client, proxy.client() as other:
        fill_both(proxy, blocking, client)
        for _ in range(3):
            assert refusal(other.ask("GET", "a")) == ("places", 0)
        blocking.go.set()
        assert [client.reply(), client.reply()] == [bulk("late")] * 2
        assert both_are_free(proxy)
        for _ in range(50):
            assert client.ask("GET", "a") == bulk("late")
            other.send(encode("GET", "a") * 2)
            assert [other.reply(), other.reply()] == [bulk("late")] * 2
        assert decisions(proxy, "places") == {"admitted": 152, "refused": 3}


def test_a_place_is_free_again_when_the_node_fails(blocking):
    with Proxy(limited([blocking], PLACES, **CALM)) as proxy, proxy.client() as client:
        fill_both(proxy, blocking, client)
        assert refused_by(proxy.client().ask("GET", "a")) == "places"
        blocking.reply = b""
        blocking.go.set()
        assert [client.reply()[:9], client.reply()[:9]] == [b"-NODEDOWN"] * 2
        assert both_are_free(proxy)


def test_a_place_is_free_again_when_the_node_takes_too_long(blocking):
    with Proxy(limited([blocking], PLACES, **{**CALM, "timeouts": {"request": "200ms"}})) as proxy, proxy.client() as client:
        client.send(encode("GET", "a") * 2)
        assert [client.reply()[:8], client.reply()[:8]] == [b"-TIMEOUT"] * 2
        assert both_are_free(proxy)


def test_a_place_is_free_again_when_its_client_has_left_and_not_before_the_node_is_done(blocking):
    with Proxy(limited([blocking], PLACES, **CALM)) as proxy, proxy.client() as other:
        with proxy.client() as client:
            fill_both(proxy, blocking, client)
            vanish(client)
        wait_for(lambda: proxy.metric("sessions") == 1, "the client to be gone")
        assert refused_by(other.ask("GET", "a")) == "places"  # The node has still to answer both.
        blocking.go.set()
        assert both_are_free(proxy)
        assert other.ask("GET", "a") == bulk("late")


def test_places_are_counted_by_what_per_names(blocking):
    with Proxy(limited([blocking], concurrency("places", 1, per="key", overrides=[{"value": "b", "requests_in_flight": 2}]), **CALM)) as proxy:
        with proxy.client() as client, proxy.client() as other:
            client.send(encode("GET", "a") + encode("GET", "b") * 2 + encode("GET", "c"))
            wait_for(lambda: proxy.metric("limit_buckets", limit="places") == 3, "three keys")
            wait_for(lambda: decisions(proxy, "places") == {"admitted": 4}, "all to be under way")
            assert refusers(other, "GET a", "GET b", "GET c") == ["places"] * 3
            blocking.go.set()
            assert [client.reply() for _ in range(4)] == [bulk("late")] * 4
            assert refusers(other, "GET a", "GET b", "GET c") == [None] * 3


def test_who_waits_takes_no_place_before_it_goes(node):
    limits = limit("slow", 1, match={"prefix": "s:"}, **LONG), concurrency("places", 1)
    with Proxy(limited([node], *limits)) as proxy, proxy.client() as patient, proxy.client() as other:
        assert patient.ask("INCR", "s:n") == b":1\r\n"
        patient.send(encode("INCR", "s:n"))
        wait_for_waiting(proxy, "slow", 1)
        assert refusers(other, "GET a") == [None]
