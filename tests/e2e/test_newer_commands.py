"""Commands younger than Redis 7.0 before nodes of several releases, and commands that the operator has added."""

import contextlib
import json

import pytest

from command_table import parse
from scripted_node import ScriptedNode
from servers import Fleet, Proxy, RedisServer, pool_config, wait_for
from test_operations import run


def bulk(text):
    return f"${len(text)}\r\n{text}\r\n".encode()


def node_of(release, server="redis", answers=None):
    """One that says that it is of this release, and answers some commands."""
    hello = b"*4\r\n" + bulk("server") + bulk(server) + bulk("version") + bulk(release)
    known = {"HELLO": lambda _: hello, **(answers or {})}
    return ScriptedNode(lambda name, arguments: known[name](arguments) if name in known else None)


@contextlib.contextmanager
def fleet_of(*nodes, **config):
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
        fleet = Fleet(nodes=list(nodes))
        fleet.config.update(config)
        stack.enter_context(fleet.proxy)
        yield fleet


def has(client, name):
    return parse(client.ask("COMMAND", "INFO", name)) != [None]


def test_an_unknown_command_says_which_node_of_several_does_not_know_it():
    newer = node_of("7.4.2", answers={"HEXPIRE": lambda _: b"*1\r\n:1\r\n"})
    with fleet_of(RedisServer(), newer) as fleet, fleet.client() as client:
        old, new = fleet.key_of(0), fleet.key_of(1)
        assert client.ask("HEXPIRE", new, "10", "FIELDS", "1", "f") == b"*1\r\n:1\r\n"
        error = wait_for(lambda: (reply := client.ask("HEXPIRE", old, "10", "FIELDS", "1", "f")) and b"not known" not in reply and reply,
                         "the node to have said who it is")
        release = parse(fleet.nodes[0].ask("INFO", "server")).split("redis_version:")[1].split("\r\n")[0]
        direct = fleet.nodes[0].ask("HEXPIRE", old, "10", "FIELDS", "1", "f").removesuffix(b" \r\n")
        assert error == direct + f" (node r0 of pool main, Redis {release})\r\n".encode()
        # Within a transaction nothing is executed, and it says why.
        assert client.ask("MULTI") == b"+OK\r\n"
        assert client.ask("HEXPIRE", old, "10", "FIELDS", "1", "f") == b"+QUEUED\r\n"
        assert b"(node r0 of pool main, Redis " in client.ask("EXEC")
        assert client.ask("PING") == b"+PONG\r\n"


def test_the_only_node_says_it_in_its_own_words(redis):
    with Proxy(pool_config([redis])) as proxy, proxy.client() as client:
        request = "HEXPIRE", "k", "10", "FIELDS", "1", "f"
        assert client.ask(*request) == redis.ask(*request)


def test_command_tells_what_all_nodes_are_new_enough_for():
    newer, older = node_of("8.4.0"), node_of("7.4.2")
    with fleet_of(newer, older) as fleet, fleet.client() as client:
        wait_for(lambda: has(client, "HEXPIRE"), "the nodes to have said who they are")
        assert not has(client, "HGETEX") and not has(client, "MSETEX") and has(client, "GET")
        names = parse(client.ask("COMMAND", "LIST"))
        assert "hexpire" in names and "hgetex" not in names
        families = [name for name in names if "|" not in name]
        assert parse(client.ask("COMMAND", "COUNT")) == len(families) == len(parse(client.ask("COMMAND")))
    both = [node_of("8.2.0"), node_of("9.0.1", "valkey")]
    with fleet_of(*both) as fleet, fleet.client() as client:
        wait_for(lambda: has(client, "HGETEX"), "the nodes to have said who they are")
        assert not has(client, "XACKDEL") and not has(client, "DELIFEQ")


def test_what_one_node_can_do_and_several_cannot_is_left_to_a_pool_of_one():
    answers = {"FT.SEARCH": lambda _: b"*1\r\n:0\r\n"}
    with fleet_of(node_of("8.2.0", answers=answers)) as fleet, fleet.client() as client:
        assert client.ask("FT.SEARCH", "i", "*") == b"*1\r\n:0\r\n"
        wait_for(lambda: has(client, "FT.SEARCH"), "the node to have said who it is")
    with fleet_of(node_of("8.2.0", answers=answers), node_of("8.2.0", answers=answers)) as fleet, fleet.client() as client:
        reply = client.ask("FT.SEARCH", "i", "*")
        assert reply.startswith(b"-ERR 'ft.search' is not supported by ringproxy: an index knows the keys of its own node"), reply
        assert client.ask("PING") == b"+PONG\r\n" and not has(client, "FT.SEARCH")


COMMANDS = [
    {"name": "my.get", "arity": 2, "keys": {"first": 1}, "access": "read"},
    {"name": "my.mget", "arity": -2, "keys": {"first": 1, "last": -1}, "access": "read", "handling": "split", "merge": "in_key_order"},
    {"name": "my.size", "arity": 1, "access": "read", "handling": "all_nodes", "merge": "sum", "heavy": True},
    {"name": "my.copy", "arity": -3, "keys": {"count_at": 1}},
    {"name": "my.drop", "arity": -1, "handling": "refuse"},
]


@pytest.fixture(scope="module")
def own_fleet():
    """Two nodes with the commands, and a proxy that has been told of them."""
    answers = {
        "MY.GET": lambda arguments: bulk(f"value of {arguments[0]}"),
        "MY.MGET": lambda arguments: f"*{len(arguments)}\r\n".encode() + b"".join(map(bulk, arguments)),
        "MY.SIZE": lambda _: b":20\r\n",
        "MY.COPY": lambda arguments: bulk(" ".join(arguments)),
    }
    limits = [{"name": "few", "match": {"command": "my.copy"}, "rate": "2/h", "burst": 2}]
    nodes = [node_of("7.2.0", answers=answers), node_of("7.2.0", answers=answers)]
    with fleet_of(*nodes, commands=COMMANDS, limits=limits) as fleet:
        yield fleet


def test_configured_commands_go_where_their_keys_lie(own_fleet):
    with own_fleet.client() as client:
        for node in (0, 1):
            key = own_fleet.key_of(node)
            before = [each.count("MY.GET") for each in own_fleet.nodes]
            assert client.ask("my.Get", key) == bulk(f"value of {key}")
            assert [each.count("MY.GET") - count for each, count in zip(own_fleet.nodes, before)] == [node == 0, node == 1]
        a, b = own_fleet.key_of(0), own_fleet.key_of(1)
        assert parse(client.ask("MY.MGET", b, a, b)) == [b, a, b]
        assert client.ask("MY.SIZE") == b":40\r\n"
        assert client.ask("MY.COPY", "2", a, b).startswith(b"-CROSSSLOT ")
        assert client.ask("MY.DROP").startswith(b"-ERR 'my.drop' is not supported by ringproxy: the configuration")
        assert client.ask("MY.GET") == b"-ERR wrong number of arguments for 'my.get' command\r\n"
        assert client.ask("MY.OTHER").startswith(b"-ERR unknown command 'MY.OTHER'")


def test_configured_commands_are_like_all_others_to_limits_metrics_and_transactions(own_fleet):
    proxy = own_fleet.proxy
    key = own_fleet.key_of(0, "t")
    with own_fleet.client() as client:
        served = proxy.metric("requests_total", command="my.get")
        assert client.ask("MY.GET", key) == bulk(f"value of {key}")
        assert proxy.metric("requests_total", command="my.get") == served + 1
        replies = [client.ask("MY.COPY", "1", key) for _ in range(4)]
        assert replies[-1].startswith(b"-RATELIMITED ") and b"limit=few" in replies[-1]
        assert client.ask("MULTI") == b"+OK\r\n"
        assert client.ask("MY.GET", key) == b"+QUEUED\r\n"
        assert client.ask("MY.SIZE").startswith(b"-ERR 'my.size' is not supported")
        assert client.ask("DISCARD") == b"+OK\r\n"
        row = parse(client.ask("COMMAND", "INFO", "my.mget"))[0]
        assert row[:6] == ["my.mget", -2, ["readonly"], 1, -1, 1]
        assert not has(client, "my.drop")


def test_the_admin_port_tells_where_each_command_comes_from(own_fleet):
    rows = {row["name"]: row for row in json.loads(own_fleet.proxy.get("/api/v1/commands")[1])["commands"]}
    assert {name for name, row in rows.items() if row["source"] == "configured"} == {row["name"] for row in COMMANDS}
    assert rows["my.mget"] == {"name": "my.mget", "arity": -2, "access": "read", "handling": "split", "merge": "in_key_order",
                               "keys": {"first": 1, "last": -1, "step": 1}, "heavy": False, "source": "configured"}
    assert rows["my.copy"]["keys"] == {"count_at": 1, "step": 1} and rows["my.size"]["heavy"]
    assert rows["hexpire"]["since"] == {"redis": "7.4.0", "valkey": "9.0.0"} and "since" not in rows["get"]
    assert rows["sync"]["handling"] == "refuse" and rows["sync"]["why"]
    assert json.loads(own_fleet.proxy.get("/api/v1/commands?name=get")[1])["commands"] == [rows["get"]]
    assert own_fleet.proxy.get("/api/v1/commands?name=nosuch")[0] == 404


def test_a_scan_of_a_cluster_is_refused_and_says_what_to_use(redis):
    with Proxy(pool_config([redis])) as proxy, proxy.client() as client:
        reply = client.ask("CLUSTERSCAN", "0", "COUNT", "10")
        assert reply.startswith(b"-ERR 'clusterscan' is not supported by ringproxy: ") and b"SCAN goes over the keys of all nodes" in reply
        assert not has(client, "CLUSTERSCAN")
        assert client.ask("SCAN", "0").startswith(b"*2\r\n")


def test_a_configured_command_may_not_be_one_that_ringproxy_knows(tmp_path):
    config = pool_config([])
    config["pools"]["main"]["nodes"] = ["127.0.0.1:7001"]
    path = tmp_path / "ringproxy.yaml"
    for name, code in (("my.get", 0), ("get", 1)):
        config["commands"] = [{"name": name, "arity": 2, "keys": {"first": 1}}]
        config["limits"] = [{"name": "few", "match": {"command": name}, "rate": "1/s"}]
        path.write_text(json.dumps(config))
        done = run("--config", str(path), "--check")
        assert done.returncode == code, done.stderr
    assert "commands[0].name: get is a command that ringproxy knows by itself" in done.stderr
