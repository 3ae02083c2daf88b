"""A drain: clients that have asked for it are told where to go, and have no error until they have gone."""

import contextlib
import time

import pytest

from servers import Fleet, PATIENCE, Proxy, blocked, encode, free_port, pool_config, wait_for
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


def test_whoever_listens_waits_or_queues_reads_it_between_two_replies():
    with two_proxies() as (fleet, _):
        listens, waits, queues, resets = (client_that_asks(fleet) for _ in range(4))
        listens.ask("SUBSCRIBE", "news")
        waits.send(encode("BLPOP", "list", "0"))
        assert queues.ask("MULTI") == b"+OK\r\n" and queues.ask("SET", "a", "1") == b"+QUEUED\r\n"
        assert resets.ask("RESET") == b"+RESET\r\n"
        resets.ask("HELLO", "3")
        wait_for(lambda: blocked(fleet.nodes) == 1, "the wait to begin")
        drain(fleet)
        assert resets.closed_by_peer() == b""
        for mover in (listens, waits, queues):
            assert mover.reply().startswith(b">4\r\n$6\r\nMOVING\r\n")
        assert queues.ask("EXEC") == b"*1\r\n+OK\r\n"
        assert queues.ask("PUBLISH", "news", "x").startswith(b":")
        assert listens.reply() == b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n"
        assert queues.ask("RPUSH", "list", "x") == b":1\r\n"
        assert waits.reply() == b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n"
        for mover in (listens, waits, queues):
            mover.socket.close()
        assert fleet.proxy.wait() == 0


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
