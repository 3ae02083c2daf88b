"""WAIT and WAITAOF through the proxy: replicas that are there, that have stopped, and that are none."""

import contextlib
import socket
import time

import pytest

from servers import Fleet, PATIENT, RedisServer, blocked, converse, encode, wait_for


class Replicated:
    """A fleet of which some nodes have a replica each."""

    def __init__(self, nodes, replicas=None, **options):
        self.fleet = Fleet(nodes, workers=2, **PATIENT, **options)
        self.count = nodes if replicas is None else replicas

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.fleet)
            masters = self.fleet.nodes[:self.count]
            for node in masters:
                node.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0")
            self.replicas = [stack.enter_context(RedisServer("--replicaof", "127.0.0.1", str(node.port))) for node in masters]
            for node in masters:
                wait_for(lambda: b"state=online" in node.ask("INFO", "replication"), "the replica")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        for replica in self.replicas:
            replica.cont()
        self.stack.__exit__(*details)


@contextlib.contextmanager
def paused(replica):
    replica.stop()
    try:
        yield
    finally:
        replica.cont()


@pytest.fixture(scope="module")
def one():
    with Replicated(1) as replicated:
        yield replicated


@pytest.fixture(scope="module")
def several():
    with Replicated(3) as replicated:
        yield replicated


def client_of(replicated, protocol):
    client = replicated.fleet.client()
    client.ask("HELLO", protocol)
    return client


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_a_replica_counts_when_it_has_what_the_client_wrote(one, protocol):
    with client_of(one, protocol) as client, client_of(one, protocol) as fresh:
        assert client.ask("SET", "k", "1") == b"+OK\r\n"
        assert client.ask("WAIT", "1", "20000") == b":1\r\n"
        with paused(one.replicas[0]):
            assert client.ask("SET", "k", "2") == b"+OK\r\n"
            began = time.monotonic()
            assert client.ask("WAIT", "1", "300") == b":0\r\n"
            assert time.monotonic() - began >= 0.3
            # Whoever asks over a link that has written nothing is not told of earlier times.
            assert fresh.ask("WAIT", "1", "100") == b":0\r\n"
        assert client.ask("WAIT", "1", "20000") == b":1\r\n"


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_of_several_nodes_the_least_number_counts(several, protocol):
    with client_of(several, protocol) as client:
        for i in range(3):
            assert client.ask("SET", several.fleet.key_of(i), "1") == b"+OK\r\n"
        assert client.ask("WAIT", "1", "20000") == b":1\r\n"
        for replica in several.replicas:
            with paused(replica):
                for i in range(3):
                    client.ask("SET", several.fleet.key_of(i), "2")
                assert client.ask("WAIT", "1", "100") == b":0\r\n"
            assert client.ask("WAIT", "1", "20000") == b":1\r\n"


def test_a_node_without_replicas_has_none():
    with Replicated(2, replicas=1) as replicated, replicated.fleet.client() as client:
        assert client.ask("WAIT", "0", "0") == b":0\r\n"
        assert client.ask("WAIT", "1", "50") == b":0\r\n"


def test_nobody_else_waits_and_the_link_serves_the_next(one):
    with one.fleet.client() as client, one.fleet.client() as other, paused(one.replicas[0]):
        client.send(encode("SET", "k", "1") + encode("WAIT", "1", "0") + encode("GET", "k"))
        assert client.reply() == b"+OK\r\n"
        wait_for(lambda: blocked(one.fleet.nodes) == 1, "the wait")
        for _ in range(20):
            assert other.ask("SET", "other", "1") == b"+OK\r\n"
        assert blocked(one.fleet.nodes) == 1
        one.replicas[0].cont()
        assert client.reply() == b":1\r\n"
        assert client.reply() == b"$1\r\n1\r\n"


def test_its_writes_are_answered_before(one):
    with one.fleet.client() as client:
        for i in range(20):
            client.send(b"".join(encode("SET", f"k{n}", "x" * 1000) for n in range(50)) + encode("WAIT", "1", "20000"))
            assert [client.reply() for _ in range(51)] == [b"+OK\r\n"] * 50 + [b":1\r\n"], i


@pytest.mark.parametrize("leave", ["close", "half-close"])
def test_it_ends_when_the_client_leaves(several, leave):
    with contextlib.ExitStack() as stack:
        for replica in several.replicas:
            stack.enter_context(paused(replica))
        with several.fleet.client() as client:
            client.send(encode("WAIT", "1", "0"))
            wait_for(lambda: blocked(several.fleet.nodes) == 3, "the wait")
            if leave == "half-close":
                # It has not gone yet, and reads what there is.
                client.socket.shutdown(socket.SHUT_WR)
                assert client.closed_by_peer() == b":0\r\n"
        wait_for(lambda: blocked(several.fleet.nodes) == 0, "its end")


def test_wrong_words_are_those_of_redis(one, several, redis):
    lines = ["WAIT x 0", "WAIT 1 x", "WAIT 1 -1", "WAIT 1", "WAIT 1 0 0"]
    for replicated in (one, several):
        assert converse(replicated.fleet.proxy.port, lines) == converse(redis.port, lines)


def test_within_multi_nothing_waits(one):
    with one.fleet.client() as client, paused(one.replicas[0]):
        client.send(encode("SET", "k", "1") + encode("MULTI") + encode("SET", "k", "2") + encode("WAIT", "1", "0") + encode("EXEC"))
        replies = [client.reply() for _ in range(5)]
        assert replies[-1] == b"*2\r\n+OK\r\n:0\r\n"


def test_what_a_server_does_not_know_reads_its_words(several, redis):
    with several.fleet.client() as client:
        assert client.ask("WAITAOF", "1", "1", "0") == redis.ask("WAITAOF", "1", "1", "0")
        assert client.ask("WAIT", "1", "20000") == b":1\r\n"


def test_a_node_that_is_lost_ends_it():
    with Replicated(2) as replicated, replicated.fleet.client() as client:
        with paused(replicated.replicas[0]):
            client.ask("SET", replicated.fleet.key_of(0), "1")
            client.send(encode("WAIT", "1", "0"))
            wait_for(lambda: blocked(replicated.fleet.nodes[:1]) == 1, "the wait")
            replicated.fleet.nodes[0].kill()
            assert client.reply().startswith(b"-NODEDOWN ")
        wait_for(lambda: client.ask("WAIT", "0", "0").startswith(b"-NODEDOWN "), "the node's end")
        assert client.ask("PING") == b"+PONG\r\n"


def test_no_listener_hears_of_it(one):
    with one.fleet.client() as client, one.fleet.client() as listener:
        listener.ask("PSUBSCRIBE", "*")
        assert client.ask("WAIT", "1", "20000") == b":1\r\n"
        client.ask("PUBLISH", "c", "x")
        assert b"ringproxy:wait" not in listener.reply()


def test_a_drain_ends_it():
    with Replicated(1) as replicated, paused(replicated.replicas[0]), replicated.fleet.client() as client:
        client.send(encode("SET", "k", "1") + encode("WAIT", "1", "0"))
        assert client.reply() == b"+OK\r\n"
        wait_for(lambda: blocked(replicated.fleet.nodes) == 1, "the wait")
        replicated.fleet.proxy.terminate()
        assert client.reply() == b":0\r\n"
