"""Clients' slow commands, and who takes them for a sick node: nobody, as long as it answers its checks."""

import threading
import time

import pytest

from scripted_node import ScriptedNode
from servers import Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN
from test_health import quick, transitions

# Runs for ARGV[1] microseconds.
SPIN = ("local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
        "local start = now() while now() - start < tonumber(ARGV[1]) do end return 'done'")
# Checks every few milliseconds would find any excuse too small.
NEVER_SCHEDULED = {"interval": "30s"}


class Neighbour:
    """A client that asks for one key again and again while the `with` block runs, and what it read."""

    def __init__(self, proxy, key):
        self.proxy, self.key, self.replies, self.finish = proxy, key, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        wait_for(lambda: self.replies, "the neighbour to be served")
        return self

    def _ask(self):
        with self.proxy.client() as client:
            while not self.finish.is_set():
                self.replies.append(client.ask("GET", self.key))

    def __exit__(self, *_):
        self.finish.set()
        self.thread.join()

    def words(self):
        return {reply.split()[0] for reply in self.replies}


def slow(name, key, milliseconds):
    """The requests, one of which keeps a node busy for about so long."""
    return {
        "script": ("EVAL", SPIN, "1", key, milliseconds * 1000),
        "read-only script": ("EVAL_RO", SPIN, "1", key, milliseconds * 1000),
    }[name]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["script", "read-only script"])
def test_pipelined_slow_scripts_take_the_node_from_nobody(name, workers):
    with Fleet(2, workers=workers, timeouts={"request": "200ms"}) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        with Neighbour(fleet.proxy, key) as neighbour:
            client.send(encode(*slow(name, key, 450)) * 5)
            assert [client.reply() for _ in range(5)] == [bulk("done")] * 5
            wait_for(lambda: neighbour.replies[-1] == b"$-1\r\n", "the neighbour to be served again")
        assert neighbour.words() <= {b"$-1", b"-TIMEOUT"}
        assert not transitions(fleet.proxy, "r0")


def test_a_script_of_four_seconds_takes_the_node_from_nobody():
    with Fleet(2) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        with Neighbour(fleet.proxy, key) as neighbour:
            assert client.ask(*slow("script", key, 4000)) == bulk("done")
            wait_for(lambda: neighbour.replies[-1] == b"$-1\r\n", "the neighbour to be served again")
        assert neighbour.words() <= {b"$-1", b"-TIMEOUT"}
        assert not transitions(fleet.proxy, "r0")


def test_keys_sort_and_their_like_take_the_node_from_nobody():
    with RedisServer() as node:
        node.ask("DEBUG", "POPULATE", "100000", "filler")
        node.ask("EVAL", "for i = 1, 50000 do redis.call('ZADD', 'z', i, i) redis.call('RPUSH', 'l', i) end", "0")
        requests = [("KEYS", "*"), ("SORT", "l", "DESC", "LIMIT", "0", "1"), ("ZUNIONSTORE", "d", "1", "z"), ("COPY", "z", "c"),
                    ("SETBIT", "b", "400000000", "1"), ("BITFIELD", "f", "SET", "u8", "#50000000", "1"), ("FLUSHALL",)]
        with Proxy(pool_config([node], timeouts={"request": "20ms"}, max_ejected="100%")) as proxy, proxy.client() as client:
            with Neighbour(proxy, "small") as neighbour:
                for request in requests:
                    client.send(encode(*request) * 3)
                    for _ in range(3):
                        assert not client.reply().startswith(b"-"), request
                wait_for(lambda: neighbour.replies[-1] == b"$-1\r\n", "the neighbour to be served again")
            assert neighbour.words() <= {b"$-1", b"-TIMEOUT"}
            assert not transitions(proxy, "r0")


def test_slow_commands_have_a_deadline_of_their_own():
    with Fleet(1, timeouts={"request": "100ms", "heavy": "400ms"}) as fleet, fleet.client() as client:
        assert client.ask(*slow("script", "a", 300)) == bulk("done")
        assert client.ask(*slow("script", "a", 2000)) == b"-TIMEOUT node r0 did not answer within 400ms\r\n"


def test_a_stopped_node_is_out_within_a_second_and_a_half():
    def time_to_be_out(fleet, client):
        key = fleet.key_of(0)
        wait_for(lambda: client.ask("GET", key) == b"$-1\r\n", "the node to serve")
        fleet.nodes[0].stop()
        start = time.monotonic()
        wait_for(lambda: client.ask("GET", key) == DOWN, "the refusal")
        took = time.monotonic() - start
        fleet.nodes[0].cont()
        fleet.proxy.wait_for_state("r0", "up")
        return took

    with Fleet(2) as fleet, fleet.client() as client:
        assert min(time_to_be_out(fleet, client) for _ in range(3)) < 1.5  # A busy machine may add to some of them.


@pytest.mark.smoke
def test_a_stopped_node_is_found_by_its_silence():
    with Fleet(2, health=NEVER_SCHEDULED) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("GET", key) == b"$-1\r\n"
        fleet.nodes[0].stop()
        wait_for(lambda: client.ask("GET", key) == DOWN, "the refusal")
        view = fleet.proxy.wait_for_state("r0", "down")
        assert (view["reason"], view["detail"]) == ("check", "no answer to a check within 500ms")
        fleet.nodes[0].cont()
        fleet.proxy.wait_for_state("r0", "up")
        wait_for(lambda: client.ask("GET", key) == b"$-1\r\n", "the node to be asked again")


@pytest.mark.parametrize("words", [("EXISTS", "f" * 40), ("LOAD", "return 1"), ("FLUSH",)])
def test_what_only_names_scripts_waits_for_a_stopped_node_no_longer_than_others(words):
    with Fleet(2, health=NEVER_SCHEDULED) as fleet, fleet.client() as client:
        assert client.ask("SCRIPT", "EXISTS", "f" * 40) == b"*1\r\n:0\r\n"
        fleet.nodes[0].stop()
        client.send(encode("SCRIPT", *words))
        assert fleet.proxy.wait_for_state("r0", "down")["detail"] == "no answer to a check within 500ms"
        assert client.reply().startswith((b"-TIMEOUT node r0 ", DOWN))
        fleet.nodes[0].cont()


def test_a_node_that_stops_in_the_middle_of_a_script_is_found_too():
    with Fleet(2, health=NEVER_SCHEDULED) as fleet, fleet.client() as client, fleet.client() as other:
        key = fleet.key_of(0)
        client.send(encode(*slow("script", key, 3000)))
        wait_for(lambda: fleet.proxy.metric("node_in_flight", node="r0") == 1, "the script to be under way")
        fleet.nodes[0].stop()
        wait_for(lambda: other.ask("GET", key) == DOWN, "the refusal")
        assert fleet.proxy.wait_for_state("r0", "down")["detail"] == "no answer to a check within 5s"
        fleet.nodes[0].cont()
        fleet.proxy.wait_for_state("r0", "up")


def test_a_good_check_gives_a_node_back_that_one_workers_breaker_has_taken_out():
    sick = threading.Event()
    with ScriptedNode(lambda name, _: b"-LOADING not really\r\n" if name == "SET" and sick.is_set() else None) as node:
        with RedisServer() as well:
            config = {**pool_config([node, well], breaker={"open": "60s"}), "workers": 2}
            with Proxy(config) as proxy, proxy.client() as one, proxy.client() as two:
                fleet = Fleet(2)
                fleet.proxy = proxy
                key = fleet.key_of(0)
                sick.set()
                for _ in range(5):
                    assert one.ask("SET", key, "x") == b"-LOADING not really\r\n"
                wait_for(lambda: transitions(proxy, "r0").get(("up", "down")), "the breaker to open")
                # The other worker was told by the process, and is told now that the node is well.
                wait_for(lambda: two.ask("GET", key) == b"+OK\r\n", "the other worker to ask again")
                sick.clear()
                wait_for(lambda: one.ask("SET", key, "x") == b"+OK\r\n", "its own worker to ask again")
                proxy.wait_for_state("r0", "up")


def test_a_slow_foreign_command_is_forgiven_as_soon_as_it_is_over():
    # Not of this process: it asks, and nobody answers in time; then it takes the node back with the first answer.
    with Fleet(2, **quick(health={"interval": "30s", "fast_interval": "50ms"})) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("GET", key) == b"$-1\r\n"
        blocked = threading.Thread(target=lambda: fleet.nodes[0].ask("DEBUG", "SLEEP", "2"))
        blocked.start()
        wait_for(lambda: client.ask("GET", key) == DOWN, "the refusal")
        blocked.join()
        wait_for(lambda: client.ask("GET", key) == b"$-1\r\n", "the node to be asked again")
        fleet.proxy.wait_for_state("r0", "up")
