"""Many connections to a node: they come back with it, and any of them serves."""

import contextlib
import time

import pytest

from crowd import Crowd
from scripted_node import ScriptedNode
from servers import Fleet, Proxy, encode, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN


class Writers(Crowd):
    """Clients that go on setting the keys of node 0; when the last error was, and what node_up said then."""

    def __init__(self, fleet, clients=8):
        super().__init__([fleet] * clients)
        self.key = fleet.key_of(0)
        self.answered, self.errors, self.last_error = 0, 0, 0.0

    def ask(self, number, client):
        if client.ask("SET", self.key, "v") == b"+OK\r\n":
            self.answered += 1
        else:
            self.errors += 1
            self.last_error = time.monotonic()


@pytest.mark.parametrize("gone", [0, 0.05, 1.5])
@pytest.mark.parametrize("connections", [8, 32])
def test_a_restarted_node_is_back_within_a_second(connections, gone):
    with Fleet(2, connections_per_node=connections) as fleet, Writers(fleet) as writers:
        wait_for(lambda: writers.answered > 500 and fleet.proxy.node("r0")["connections"] == connections, "some load")
        fleet.nodes[0].kill()
        killed = time.monotonic()
        wait_for(lambda: time.monotonic() - killed >= gone, "the outage to last")
        fleet.nodes[0].start()
        back = time.monotonic()
        answered = writers.answered
        wait_for(lambda: fleet.proxy.node("r0")["connections"] == connections, "all connections")
        wait_for(lambda: time.monotonic() - back > 2.5, "errors that come late")
        assert writers.last_error - back < 1
        assert writers.answered > answered
        assert fleet.proxy.metric("node_up", node="r0") == 1


def test_node_up_says_no_while_a_node_is_gone():
    with Fleet(2, connections_per_node=16) as fleet, Writers(fleet, 4) as writers:
        wait_for(lambda: writers.answered > 50, "some load")
        fleet.nodes[0].kill()
        wait_for(lambda: fleet.proxy.metric("node_up", node="r0") == 0, "the node to be called down")
        fleet.nodes[0].start()
        wait_for(lambda: fleet.proxy.metric("node_up", node="r0") == 1, "the node to be called up")
        errors = writers.errors
        answered = writers.answered
        wait_for(lambda: writers.answered > answered + 500, "some load")
        assert writers.errors - errors <= 4  # Those that were under way when it was asked.


@pytest.mark.parametrize("connections", [1, 8, 32])
def test_a_server_that_closes_idle_connections_costs_no_request(connections):
    with Fleet(1, node_arguments=("--timeout", "1"), connections_per_node=connections) as fleet:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(fleet.client()) for _ in range(8)]
            failed = 0
            for _ in range(4):
                pause = time.monotonic()
                wait_for(lambda: time.monotonic() - pause > 1.7, "the server to close what is idle")
                failed += sum(client.ask("SET", "k", "v") != b"+OK\r\n" for client in clients)
        assert fleet.proxy.metric("node_connects_total", node="r0") > connections
        # A request may meet a connection in the moment in which the server closes it.
        assert failed <= 1


def test_who_waits_in_vain_for_a_connection_of_its_kind_reads_so_and_the_node_is_not_blamed():
    times = {"connect": "50ms", "request": "50ms", "total": "100ms"}
    with Fleet(1, reconnect={"rate": "1/m"}, timeouts=times) as fleet, fleet.client() as plain, fleet.client() as other:
        assert plain.ask("SET", "k", "v") == b"+OK\r\n"
        # The only connection that may be opened within this minute is the other's.
        assert other.ask("HELLO", "3").startswith(b"%")
        for _ in range(10):
            assert other.ask("GET", "k") == b"-TIMEOUT no connection of this kind to node r0 could be had within 100ms\r\n"
            assert plain.ask("GET", "k") == b"$1\r\nv\r\n"
        assert fleet.proxy.metric("node_failures_total", node="r0") == 0
        assert fleet.proxy.metric("errors_total", code="no_connection") == 10
        assert fleet.proxy.metric("node_up", node="r0") == 1


def test_replies_out_of_step_reach_nobody():
    # semantics.md 40: the node gives one reply too many, of a kind that no GET has.
    def answer(name, arguments):
        replies = {"slip": [bulk("slip"), b":8\r\n"], "n": b":7\r\n"}
        return replies.get(arguments[0], bulk(arguments[0])) if name in ("GET", "INCR") else None

    with ScriptedNode(answer) as node:
        with Proxy(pool_config([node])) as proxy, proxy.client() as client, proxy.client() as other:
            assert other.ask("GET", "mine") == bulk("mine")
            client.send(encode("GET", "slip") + encode("GET", "a") + encode("GET", "b"))
            assert [client.reply() for _ in range(3)] == [bulk("slip"), DOWN, DOWN]
            wait_for(lambda: other.ask("GET", "mine") == bulk("mine"), "the node to be connected again")
            assert other.ask("INCR", "n") == b":7\r\n"
            proxy.wait_for_log("a reply of another kind than the command has")
