"""The reserve of an overloaded node: requests of priority get through where others are refused, and other nodes serve all."""

import json
import threading
import urllib.parse

import pytest

from limited import ACCOUNT, ClientFrom, UnixClient, concurrency, limited
from scripted_node import ScriptedNode
from servers import Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk
from test_overload import ALONE, OVERLOADED

# Of four places two are for the requests of priority, whatever the node does.
FOUR = {**ALONE, "timeouts": {"request": "60s", "connect": "60s"},
        "concurrency": {"algorithm": "aimd", "min": 4, "max": 4, "reserve": "50%"}}
PRIORITY = [{"prefix": "cart:"}]


class BlockingNode(ScriptedNode):
    """Answers no GET before it is told to."""

    def __init__(self):
        super().__init__(lambda name, _: self._get() if name == "GET" else None)
        self.go = threading.Event()

    def _get(self):
        self.go.wait()
        return bulk("late")


@pytest.fixture
def node():
    with BlockingNode() as blocking:
        yield blocking
        blocking.go.set()


def in_flight(proxy, count):
    wait_for(lambda: proxy.metric("node_in_flight", node="r0") == count, f"{count} to be under way")


def with_priority(nodes, priority=PRIORITY, **more):
    return {**pool_config(nodes, **{**FOUR, **more}), "priority": priority}


def refused(client, *request, node="r0"):
    reply = client.ask(*request)
    assert reply == OVERLOADED.replace(b"r0", node.encode()), reply
    return True


def ask_ahead(proxy, client, *request, count):
    """The request is under way, as one of `count`."""
    client.send(encode(*request))
    in_flight(proxy, count)


@pytest.mark.smoke
def test_the_reserve_is_for_requests_of_priority(node):
    with Proxy(with_priority([node])) as proxy, proxy.client() as client, proxy.client() as cart, proxy.client() as late:
        ask_ahead(proxy, client, "GET", "a", count=1)
        ask_ahead(proxy, client, "GET", "a", count=2)
        for _ in range(5):
            assert refused(late, "GET", "a") and refused(late, "SET", "a", "1")
        ask_ahead(proxy, cart, "GET", "cart:1", count=3)
        assert refused(late, "GET", "a")
        ask_ahead(proxy, cart, "GET", "cart:2", count=4)
        # All of it is used up now, for everybody.
        assert refused(late, "GET", "cart:3") and refused(late, "GET", "a")
        node.go.set()
        assert [client.reply(), client.reply(), cart.reply(), cart.reply()] == [bulk("late")] * 4
        in_flight(proxy, 0)
        assert late.ask("GET", "a") == bulk("late") == late.ask("GET", "cart:1")
        view = proxy.node("r0")
        assert (view["overloads"], view["failures"], view["concurrency_limit"]) == (13, 0, 4) and view["state"] == "up"
        assert proxy.metric("errors_total", code="node_overloaded") == 13


def test_requests_of_priority_alone_use_all_of_it(node):
    with Proxy(with_priority([node])) as proxy, proxy.client() as cart, proxy.client() as late:
        cart.send(encode("GET", "cart:1") * 6)
        in_flight(proxy, 4)
        assert refused(late, "GET", "a")
        node.go.set()
        assert [cart.reply() for _ in range(6)] == [bulk("late")] * 4 + [OVERLOADED] * 2


def test_other_nodes_serve_all(node):
    with RedisServer() as well, Proxy(with_priority([node, well])) as proxy:
        fleet = Fleet(2)
        fleet.proxy = proxy
        slow, other = fleet.key_of(0), fleet.key_of(1)
        with proxy.client() as client, proxy.client() as late:
            client.send(encode("GET", slow) * 2)
            in_flight(proxy, 2)
            for _ in range(50):
                assert refused(late, "GET", slow) and late.ask("SET", other, "1") == b"+OK\r\n"
            late.send(encode("MGET", slow, other) + encode("GET", other))
            assert (late.reply(), late.reply()) == (OVERLOADED, bulk("1"))
            assert proxy.metric("node_overloads_total", node="r1") == 0
            assert proxy.metric("node_overloads_total", node="r0") == 51


def has_priority(proxy, **query):
    return json.loads(proxy.get("/api/v1/limits/explain?" + urllib.parse.urlencode(query))[1])["has_priority"]


@pytest.mark.parametrize("match, fitting, others", [
    ({"prefix": "cart:"}, ["GET cart:1", "MGET a cart:1", "SET cart:1 x"], ["GET a", "MGET a b", "KEYS cart:*"]),
    ({"command": "write"}, ["SET a 1", "DEL a"], ["GET a"]),
    ({"command": ["get", "mget"], "prefix": ["a", "b"]}, ["GET a", "MGET c b"], ["GET c", "SET a 1"]),
    ({"glob": "*:vip"}, ["GET x:vip"], ["GET x:vip:y"]),
    ({"client": "127.0.0.0/8"}, ["GET a"], []),
    ({"client": "10.0.0.0/8"}, [], ["GET a"]),
    ({"listener": "web"}, ["GET a"], []),
    ({"pool": "main"}, ["GET a", "KEYS x"], [])], ids=str)
def test_which_requests_have_priority(redis, match, fitting, others):
    with Proxy(with_priority([redis], [{"prefix": "never"}, match])) as proxy:
        assert all(has_priority(proxy, command=request, ip="127.0.0.1") for request in fitting)
        assert not any(has_priority(proxy, command=request, ip="127.0.0.1") for request in others)


def test_clients_of_an_address_and_of_an_account_have_priority(node, tmp_path):
    path = tmp_path / "local.sock"
    config = with_priority([node], [{"client": "127.0.0.2"}, {"user": ACCOUNT}])
    config["listeners"].append({"name": "local", "listen": f"unix:{path}", "pool": "main"})
    with Proxy(config) as proxy, proxy.client() as client, proxy.client() as late:
        with ClientFrom(proxy.port, "127.0.0.2") as near, UnixClient(path) as local:
            client.send(encode("GET", "a") * 2)
            in_flight(proxy, 2)
            assert refused(late, "GET", "a")
            ask_ahead(proxy, near, "GET", "a", count=3)
            ask_ahead(proxy, local, "GET", "a", count=4)
            node.go.set()
            assert [each.reply() for each in (client, client, near, local)] == [bulk("late")] * 4


def test_rate_limits_hold_for_requests_of_priority_too(node):
    config = {**limited([node], concurrency("one", 1, match={"prefix": "cart:"}), **FOUR), "priority": PRIORITY}
    with Proxy(config) as proxy, proxy.client() as client, proxy.client() as cart:
        client.send(encode("GET", "a") * 2)
        in_flight(proxy, 2)
        ask_ahead(proxy, cart, "GET", "cart:1", count=3)
        with proxy.client() as late:
            assert late.ask("GET", "cart:1") == b"-RATELIMITED retry_after_ms=0 limit=one\r\n"
        node.go.set()
        assert cart.reply() == bulk("late")


def test_what_a_node_refuses_for_its_load_gives_its_place_back(node):
    config = {**limited([node], concurrency("places", 3), **FOUR), "priority": PRIORITY}
    with Proxy(config) as proxy, proxy.client() as client, proxy.client() as late:
        client.send(encode("GET", "a") * 2)
        in_flight(proxy, 2)
        for _ in range(20):
            assert refused(late, "GET", "a")
        node.go.set()
        assert [client.reply(), client.reply()] == [bulk("late")] * 2


@pytest.mark.parametrize("given, most", [({"algorithm": "off", "reserve": "50%"}, 50), ({"algorithm": "aimd", "min": 4, "max": 4}, 4),
                                         ({"algorithm": "gradient", "min": 4, "max": 4, "reserve": "50%"}, 2),
                                         ({"algorithm": "aimd", "min": 10, "max": 10, "reserve": "33%"}, 6),
                                         ({"algorithm": "aimd", "min": 1, "max": 1, "reserve": "90%"}, 1)], ids=str)
def test_so_many_ordinary_requests_are_asked(node, given, most):
    with Proxy(with_priority([node], concurrency=given)) as proxy, proxy.client() as client:
        node.go.set()
        for _ in range(100):  # A client whose replies are known to be small may have many under way.
            assert client.ask("GET", "a") == bulk("late")
        node.go.clear()
        client.send(encode("GET", "a") * 50)
        in_flight(proxy, most)
        node.go.set()
        assert [client.reply() for _ in range(50)] == [bulk("late")] * most + [OVERLOADED] * (50 - most)
