"""A drain: clients that have asked for it are told where to go, and have no error until they have gone."""

import contextlib
import time

import pytest

from servers import Fleet, PATIENCE, Proxy, RawClient, blocked, encode, free_port, pool_config, wait_for
from test_operations import run

ASK = ("CLIENT", "MAINT_NOTIFICATIONS", "ON")


@contextlib.contextmanager
def two_proxies(drain_timeout="1h", advertise=True):
    """The first proxy of a fleet, which knows the second, and that one's port."""
    with Fleet(3) as fleet:
        port = free_port()
        with Proxy(pool_config(fleet.nodes, {"listen": f"127.0.0.1:{port}"})):
            fleet.proxy.kill()
            fleet.proxy.config["drain_timeout"] = drain_timeout
            if advertise:
                fleet.proxy.config["advertise"] = f"127.0.0.1:{port}"
            fleet.proxy.start()
            yield fleet, port


def client_that_asks(fleet, protocol="3", *endpoint_type):
    client = fleet.client()
    client.ask("HELLO", protocol)
    assert client.ask(*ASK, *endpoint_type) == b"+OK\r\n"
    return client


def drain(fleet):
    fleet.proxy.terminate()
    wait_for(lambda: "draining" in fleet.proxy.log(), "the drain")


def parts(push):
    """Seconds and endpoint; the number may be any."""
    *head, number, seconds, endpoint = push.split(b"\r\n", 5)
    assert head == [b">4", b"$6", b"MOVING"] and int(number.removeprefix(b":")) > 0
    return seconds, endpoint


def test_a_client_that_asks_is_told_where_to_go_and_served_until_it_leaves():
    with two_proxies() as (fleet, port):
        movers = [client_that_asks(fleet), client_that_asks(fleet, "3", "moving-endpoint-type", "external-ip")]
        silent, resp2 = fleet.client(), client_that_asks(fleet, "2")
        silent.ask("HELLO", "3")
        drain(fleet)
        endpoint = b"127.0.0.1:%d" % port
        for mover in movers:
            assert parts(mover.reply()) == (b":3600", b"$%d\r\n%s\r\n" % (len(endpoint), endpoint))
        assert silent.closed_by_peer() == resp2.closed_by_peer() == b""
        with pytest.raises(OSError):
            fleet.client()
        for node in range(3):
            for mover in movers:
                assert mover.ask("INCR", fleet.key_of(node)) in (b":1\r\n", b":2\r\n")
        movers[0].socket.close()
        assert movers[1].ask("GET", fleet.key_of(0)) == b"$1\r\n2\r\n"
        assert fleet.proxy.alive()
        movers[1].socket.close()
        assert fleet.proxy.wait() == 0


def test_who_stays_is_told_once_and_leaves_before_the_drain_timeout():
    with two_proxies(drain_timeout="2s") as (fleet, _):
        mover = client_that_asks(fleet, "3", "moving-endpoint-type", "none")
        begin = time.monotonic()
        drain(fleet)
        assert parts(mover.reply()) == (b":2", b"_\r\n")
        assert mover.ask("PING") == b"+PONG\r\n"
        assert mover.closed_by_peer() == b""
        assert 1 < time.monotonic() - begin < PATIENCE
        assert fleet.proxy.wait() == 0
        assert "cut off" not in fleet.proxy.log()


def test_whoever_is_bound_to_its_connection_is_disconnected_as_if_it_had_not_asked():
    with two_proxies() as (fleet, _):
        clients = {words: client_that_asks(fleet) for words in (
            ("SUBSCRIBE", "news"), ("PSUBSCRIBE", "n*"), ("SSUBSCRIBE", "news"), ("SELECT", "3"), ("RESET",))}
        for words, client in clients.items():
            assert not client.ask(*words).startswith(b"-"), words
        clients["RESET",].ask("HELLO", "3")
        silent, waits = client_that_asks(fleet), client_that_asks(fleet)
        silent.send(encode("CLIENT", "REPLY", "OFF") + encode("SET", "seen", "1"))
        waits.send(encode("BLPOP", "list", "0"))
        with fleet.client() as other:
            wait_for(lambda: other.ask("EXISTS", "seen") == b":1\r\n", "what the silent one says")
            wait_for(lambda: blocked(fleet.nodes) == 1, "the wait to begin")
        drain(fleet)
        for words, client in clients.items():
            assert client.closed_by_peer() == b"", words
        assert silent.closed_by_peer() == b""
        assert waits.reply() == b"_\r\n" and waits.closed_by_peer() == b""
        assert fleet.proxy.wait() == 0


def test_whoever_begins_in_another_database_is_told():
    with two_proxies() as (fleet, _), fleet.client() as mover:
        mover.send(encode("HELLO", "3") + encode("SELECT", "2") + encode(*ASK))
        assert mover.reply().startswith(b"%") and mover.reply() == mover.reply() == b"+OK\r\n"
        drain(fleet)
        assert mover.reply().startswith(b">4\r\n$6\r\nMOVING\r\n")


def reads_both(client, *replies):
    """These, and the message once: before the last of them or behind it."""
    read = [client.reply() for _ in range(len(replies) + 1)]
    assert sum(push.startswith(b">4\r\n$6\r\nMOVING\r\n") for push in read[-2:]) == 1, read
    assert [reply for reply in read if not reply.startswith(b">")] == list(replies)


def test_a_transaction_is_finished_before_its_client_is_told():
    with two_proxies() as (fleet, _):
        key = fleet.key_of(0)
        queues, discards, watches, unwatches, too_late = movers = [client_that_asks(fleet) for _ in range(5)]
        for client in (queues, discards):
            assert client.ask("MULTI") == b"+OK\r\n" and client.ask("INCR", key) == b"+QUEUED\r\n"
        for client in (watches, unwatches, too_late):
            assert client.ask("WATCH", key) == b"+OK\r\n" and client.ask("GET", key) == b"_\r\n"
        drain(fleet)
        for client, words, *replies in (
                (watches, ("MULTI", "INCR", "EXEC"), b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n:1\r\n"),
                (too_late, ("MULTI", "INCR", "EXEC"), b"+OK\r\n", b"+QUEUED\r\n", b"_\r\n"),
                (queues, ("EXEC",), b"*1\r\n:2\r\n"), (discards, ("DISCARD",), b"+OK\r\n"), (unwatches, ("UNWATCH",), b"+OK\r\n")):
            for word in words:
                client.send(encode(word, key) if word == "INCR" else encode(word))
            reads_both(client, *replies)
        for client in movers:
            assert client.ask("GET", key) == b"$1\r\n2\r\n", "and is served on"
            client.socket.close()
        assert fleet.proxy.wait() == 0


@pytest.mark.parametrize("words", [("WATCH", "a"), ("SELECT", "3"), ("SUBSCRIBE", "a"), ("CLIENT", "REPLY", "OFF")])
def test_whoever_was_told_binds_nothing_to_its_connection(words):
    """It may be gone before it needs it; what it has sent behind it is not executed."""
    with two_proxies() as (fleet, port):
        mover = client_that_asks(fleet)
        drain(fleet)
        assert parts(mover.reply())[0] == b":3600"
        mover.send(encode(*words) + encode("SET", "written", "1"))
        assert mover.reply() == b"-TRYAGAIN the proxy ends and this connection moves: connect anew\r\n"
        assert mover.closed_by_peer() == b""
        assert fleet.proxy.wait() == 0
        with RawClient(port) as other:
            assert other.ask("EXISTS", "written") == b":0\r\n"


def test_without_an_address_only_those_are_told_who_wish_none():
    with two_proxies(advertise=False) as (fleet, _):
        wishes_one, wishes_none = client_that_asks(fleet), client_that_asks(fleet, "3", "moving-endpoint-type", "none")
        drain(fleet)
        assert wishes_one.closed_by_peer() == b""
        assert parts(wishes_none.reply()) == (b":3600", b"_\r\n")
        wishes_none.socket.close()
        assert fleet.proxy.wait() == 0


def test_an_address_that_cannot_be_one_is_an_error(tmp_path):
    path = tmp_path / "ringproxy.yaml"
    rest = "listeners: [{name: a, listen: 127.0.0.1:0, pool: p}]\npools: {p: {nodes: [127.0.0.1:1]}}\n"
    for wrong in ("proxy-2", "proxy-2:0", "0.0.0.0:6380", "unix:/run/x"):
        path.write_text(f"advertise: {wrong}\n{rest}")
        result = run("--config", str(path), "--check")
        assert result.returncode == 1 and "ringproxy.yaml:1:12: advertise: " in result.stdout + result.stderr, wrong
    path.write_text(f"advertise: proxy-2:6380\n{rest}")
    assert run("--config", str(path), "--check").returncode == 0
