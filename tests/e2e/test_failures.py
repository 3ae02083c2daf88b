"""Nodes that die, hang, come back, refuse: every reply still belongs to its request."""

import random
import threading
import time

import pytest

from crowd import Crowd
from servers import Fleet, PATIENCE, Proxy, RedisServer, encode, free_port, pool_config, wait_for
from test_commands import bulk

DOWN = b"-NODEDOWN node r0 of pool main is down\r\n"


class Load(Crowd):
    """Clients that set and get keys and check every reply; errors of ours are counted by their first word."""

    CLIENTS, DEPTH = 4, 8

    def __init__(self, fleet):
        super().__init__([fleet] * self.CLIENTS)
        self.errors, self.wrong, self.answered = {}, [], 0
        self._choose = [random.Random(number) for number in range(self.CLIENTS)]

    def __exit__(self, *_):
        super().__exit__()
        assert not self.wrong, self.wrong[:3]

    def ask(self, number, client):
        keys = [f"load{self._choose[number].randrange(500)}" for _ in range(self.DEPTH)]
        client.send(b"".join(encode("SET", k, k + "=value") + encode("GET", k) for k in keys))
        for key in keys:
            self._check(client.reply(), b"+OK\r\n", key)
            self._check(client.reply(), bulk(key + "=value"), key)

    def _check(self, reply, expected, key):
        self.answered += 1
        if reply == expected or (reply == b"$-1\r\n" and self.errors):  # A SET that failed leaves nothing to GET.
            return
        word = reply[1:].split(b" ")[0].decode()
        if word in ("NODEDOWN", "TIMEOUT", "LOADING"):
            self.errors.setdefault(word, set()).add(key)
        else:
            self.wrong.append((key, reply))


@pytest.mark.smoke
def test_a_killed_node_costs_only_its_own_keys_and_comes_back():
    with Fleet(4) as fleet, Load(fleet) as load:
        wait_for(lambda: load.answered > 2000, "some load")
        fleet.nodes[0].kill()
        wait_for(lambda: load.errors.get("NODEDOWN"), "the node's keys to fail")
        with fleet.client() as client:
            key = fleet.key_of(0)
            wait_for(lambda: client.ask("GET", key) == DOWN, "the node to be known as down")
            start = time.monotonic()
            for _ in range(100):
                assert client.ask("GET", key) == DOWN
            assert (time.monotonic() - start) < PATIENCE / 10  # Failing does not wait for any timeout.
            assert client.ask("MGET", key, fleet.key_of(1)) == DOWN  # semantics.md 1: never a nil.
            assert client.ask("SET", fleet.key_of(2), "x") == b"+OK\r\n"
            fleet.nodes[0].start()
            wait_for(lambda: client.ask("SET", key, "back") == b"+OK\r\n", "the node to serve again")
            assert client.ask("GET", key) == bulk("back")
        owners = {fleet.owner(key) for keys in load.errors.values() for key in keys}
        assert owners == {0}


def test_a_dead_node_is_known_as_such_within_milliseconds():
    def time_to_know(fleet, client):
        key = fleet.key_of(0)
        wait_for(lambda: client.ask("SET", key, "v") == b"+OK\r\n", "the node to serve")
        fleet.nodes[0].kill()
        start = time.monotonic()
        wait_for(lambda: client.ask("GET", key) == DOWN, "the node to be known as down")
        took = time.monotonic() - start
        fleet.nodes[0].start()
        return took

    with Fleet(2) as fleet, fleet.client() as client:
        # No timer stands in between; a busy machine may stand in some.
        assert min(time_to_know(fleet, client) for _ in range(3)) < 0.05


def test_a_stopped_node_times_out_then_is_down_and_recovers():
    # Until its check says so its requests pile up: how many may is another matter.
    with Fleet(3, timeouts={"request": "100ms", "connect": "200ms"}, concurrency={"algorithm": "off"}) as fleet, Load(fleet) as load:
        wait_for(lambda: load.answered > 1000, "some load")
        fleet.nodes[0].stop()
        key = fleet.key_of(0)
        with fleet.client() as client:
            assert client.ask("GET", key) in (b"-TIMEOUT node r0 did not answer within 100ms\r\n", DOWN)
            wait_for(lambda: client.ask("GET", key) == DOWN, "the node to be given up")
            fleet.nodes[0].cont()
            wait_for(lambda: client.ask("SET", key, "back") == b"+OK\r\n", "the node to serve again")
        assert {fleet.owner(k) for keys in load.errors.values() for k in keys} == {0}


def test_a_late_reply_is_discarded_once_and_the_connection_stays():
    # See semantics.md 6.
    with Fleet(1, timeouts={"request": "150ms"}) as fleet:
        with fleet.client() as client, fleet.client() as other:
            assert client.ask("SET", "a", "1") == b"+OK\r\n"
            connects = fleet.proxy.metric("node_connects_total")
            fleet.nodes[0].stop()
            assert client.ask("GET", "a") == b"-TIMEOUT node r0 did not answer within 150ms\r\n"
            fleet.nodes[0].cont()
            for i in range(50):
                assert other.ask("SET", f"o{i}", i) == b"+OK\r\n"
                assert client.ask("GET", f"o{i}") == bulk(str(i))
            assert fleet.proxy.metric("node_late_replies_total") == 1
            assert fleet.proxy.metric("node_connects_total") == connects


def test_a_node_that_loads_its_data_is_not_used_until_it_can_serve():
    with Fleet(1) as fleet, fleet.client() as client:
        assert client.ask("SET", "a", "1") == b"+OK\r\n"
        fleet.nodes[0].ask("DEBUG", "POPULATE", "50000", "pre", "100")
        fleet.nodes[0].ask("SAVE")
        fleet.nodes[0].kill()
        # With a pause after each key it accepts connections for a while and answers -LOADING.
        fleet.nodes[0].arguments = ("--key-load-delay", "20", "--loading-process-events-interval-bytes", "1024")
        fleet.nodes[0].start()
        replies = set()

        def served():
            replies.add(client.ask("GET", "a"))
            return bulk("1") in replies

        wait_for(served, "the node to serve again", 60)
        assert replies <= {DOWN, bulk("1")}  # Not one LOADING reached the client.


def test_the_proxy_starts_and_lives_without_any_node():
    nodes = [RedisServer(), RedisServer()]
    with Proxy(pool_config(nodes), ready=False) as proxy, proxy.client() as client:
        wait_for(lambda: client.ask("GET", "a").startswith(b"-NODEDOWN node r"), "a refusal")
        assert proxy.get("/healthz")[0] == 200
        status, reason = proxy.get("/readyz")
        assert status == 503 and "pool main has no usable node" in reason
        with nodes[0], nodes[1]:
            wait_for(lambda: client.ask("SET", "a", "1") == b"+OK\r\n", "the nodes to be found")
            assert proxy.get("/readyz")[0] == 200


@pytest.mark.parametrize("username", ["", "app"])
def test_nodes_with_a_password(tmp_path, username):
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    with RedisServer(password="s3cret") as node:
        node.ask("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "+@all")
        auth = {"password_file": str(secret), **({"username": username} if username else {})}
        with Proxy(pool_config([node], auth=auth)) as proxy, proxy.client() as client:
            assert client.ask("SET", "a", "b") == b"+OK\r\n"
        secret.write_text("wrong\n")
        with Proxy(pool_config([node], auth=auth), ready=False) as proxy, proxy.client() as client:
            wait_for(lambda: "WRONGPASS" in proxy.log(), "the refusal in the log")
            assert client.ask("GET", "a") == DOWN
            assert "wrong" not in proxy.log().replace("WRONGPASS", "")
            proxy.wait_for_log("is down")
            assert proxy.log().count("is down") == 1


def test_something_that_is_no_redis_is_down():
    import socket
    with socket.create_server(("127.0.0.1", free_port())) as server:
        class Fake:
            port = server.getsockname()[1]

        def greet():
            try:
                while True:
                    server.accept()[0].sendall(b"220 mail ready\r\n")
            except OSError:
                return

        threading.Thread(target=greet, daemon=True).start()
        with Proxy(pool_config([Fake]), ready=False) as proxy, proxy.client() as client:
            wait_for(lambda: client.ask("GET", "a") == DOWN, "a refusal")
