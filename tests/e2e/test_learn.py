"""Commands that the proxy learns from its nodes: those of a module that neither it nor its configuration knows."""

import json
import pathlib
import subprocess

import pytest

from command_table import parse
from scripted_node import ScriptedNode
from servers import Fleet, RawClient, RedisServer, wait_for
from test_health import transitions
from test_newer_commands import bulk

SOURCE = pathlib.Path(__file__).with_name("command_module.c")
UNKNOWN = b"-ERR unknown command 'demo."


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    library = tmp_path_factory.mktemp("module") / "demo.so"
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return str(library)


def learnt(proxy, listener="web"):
    rows = json.loads(proxy.get("/api/v1/commands")[1])["commands"]
    return {row["name"]: row for row in rows if row["source"] == "learnt" and row["listener"] == listener}


def wait_until_learnt(proxy, *names):
    return wait_for(lambda: (rows := learnt(proxy)) and set(names) <= set(rows) and rows, f"the proxy to have learnt {names}")


@pytest.fixture(scope="module")
def shared_fleet(module):
    with Fleet(2, workers=2, node_arguments=("--loadmodule", module), learn=True) as fleet:
        wait_until_learnt(fleet.proxy, "demo.put")
        yield fleet


@pytest.mark.smoke
def test_commands_of_a_module_go_where_their_keys_lie(fleet):
    with fleet.client() as client:
        keys = [fleet.key_of(node) for node in range(2)]
        for key in keys:
            wait_for(lambda: client.ask("DEMO.PUT", key, "v") == b"+OK\r\n", "the worker to have heard of it")
            assert client.ask("demo.Take", key) == b"$1\r\nv\r\n"
        assert [node.ask("DBSIZE") for node in fleet.nodes] == [b":1\r\n", b":1\r\n"]
        assert client.ask("demo.count", keys[0], keys[0]) == b":2\r\n"
        assert client.ask("demo.count", *keys).startswith(b"-CROSSSLOT ")
        assert client.ask("demo.hello") == b"+hello\r\n"
        # The node's own words.
        assert client.ask("demo.take") == b"-ERR wrong number of arguments for 'demo.take' command\r\n"
        client.ask("MULTI")
        assert client.ask("demo.put", keys[1], "w") == client.ask("demo.take", keys[1]) == b"+QUEUED\r\n"
        assert client.ask("EXEC") == b"*2\r\n+OK\r\n$1\r\nw\r\n"


def test_what_would_concern_others_is_refused_with_a_reason(fleet):
    with fleet.client() as client:
        wait_for(lambda: client.ask("demo.hello") == b"+hello\r\n", "the worker to have heard of it")
        for name, why in (("demo.run", b"it concerns how the nodes run"), ("demo.wait", b"it may wait at a node")):
            assert client.ask(name, "k").startswith(b"-ERR '" + name.encode() + b"' is not supported by ringproxy: " + why)
        assert client.ask("learnt.write", "k").startswith(b"-ERR wrong number of arguments")
        assert client.ask("demo.nosuch", "k").startswith(UNKNOWN)


def test_command_and_the_admin_port_tell_of_them(fleet):
    rows = learnt(fleet.proxy)
    assert rows["demo.put"] == {"name": "demo.put", "arity": -1, "access": "write", "handling": "forward", "merge": "none",
                                "keys": {"first": 1, "last": 1, "step": 1}, "heavy": False, "source": "learnt", "listener": "web"}
    assert rows["demo.hello"]["handling"] == "any_node" and rows["demo.wait"]["why"]
    assert "learnt.read" not in fleet.proxy.get("/api/v1/commands")[1]
    with fleet.client() as client:
        wait_for(lambda: parse(client.ask("COMMAND", "INFO", "demo.put")) != [None], "the worker to have heard of it")
        names = parse(client.ask("COMMAND", "LIST"))
        assert {"demo.put", "demo.hello"} <= set(names) and not {"demo.wait", "learnt.read"} & set(names)
        families = [name for name in names if "|" not in name]
        assert len(families) == parse(client.ask("COMMAND", "COUNT")) == len(parse(client.ask("COMMAND")))
        (row,) = parse(client.ask("COMMAND", "INFO", "DEMO.put"))
        assert row[:2] == ["demo.put", -1] and row[3:6] == [1, 1, 1]
        assert fleet.proxy.metric("requests_total", command="learnt.write") > 0


def test_they_are_learnt_anew_when_a_node_comes_back(module):
    with Fleet(2, node_arguments=("--loadmodule", module), learn=True) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        wait_until_learnt(fleet.proxy, "demo.put")
        wait_for(lambda: client.ask("demo.put", key, "v") == b"+OK\r\n", "the worker to have heard of it")
        node = fleet.nodes[1]
        node.kill()
        # It keeps its word while it is away.
        assert client.ask("demo.take", key) == b"$1\r\nv\r\n"
        # Another version: one of its commands is of another kind.
        node.arguments = ("--loadmodule", module, "another")
        node.start()
        wait_for(lambda: "demo.kind" not in (rows := learnt(fleet.proxy)) and "demo.take" in rows, "the new version to be known")
        wait_for(lambda: client.ask("demo.kind", key).startswith(UNKNOWN), "the worker to have heard of it")
        node.kill()
        node.arguments = ()
        node.start()
        wait_for(lambda: not learnt(fleet.proxy), "the module to be forgotten")
        wait_for(lambda: client.ask("demo.take", key).startswith(UNKNOWN), "the worker to have heard of it")
        assert client.ask("GET", key) == b"$1\r\nv\r\n"


def test_without_the_option_nothing_is_learnt(module):
    with Fleet(1, node_arguments=("--loadmodule", module)) as fleet, fleet.client() as client:
        wait_for(lambda: fleet.proxy.node("r0")["state"] == "up", "the node to be checked")
        assert client.ask("demo.hello").startswith(UNKNOWN) and not learnt(fleet.proxy)
        assert b"cmdstat_command:" not in fleet.nodes[0].ask("INFO", "commandstats")


def array(*elements):
    return b"*%d\r\n" % len(elements) + b"".join(elements)


def number(value):
    return b":%d\r\n" % value


def words(*all):
    return array(*(b"+%s\r\n" % word.encode() for word in all))


def told(name, arity=-2, flags=("write",), triple=(1, 1, 1)):
    return array(bulk(name), number(arity), words(*flags), *map(number, triple), words(), array(), array(), array())


HOSTILE = [
    b"-NOPERM this user has no permissions to run the 'command' command\r\n",
    b"+OK\r\n",
    b"*-1\r\n",
    array(number(1), array(), array(array())),
    b"*1000000000\r\n",
    b"$2000000000\r\nx",
    b"*1\r\n" * 100_000 + b":1\r\n",
    array(told("GET", triple=(3, 3, 1)), told("config|get"), told("ev il"), told("x" * 100), told("\r\n+OK"),
          told("demo.far", triple=(1 << 40, 1, 1)), told("demo.odd", triple=(-5, 7, 0)), told("demo.fine")),
    array(*(told(f"demo.{i}") for i in range(20_000))),
]


@pytest.mark.parametrize("answer", HOSTILE, ids=range(len(HOSTILE)))
def test_a_node_may_say_what_it_likes(answer):
    node = ScriptedNode(lambda name, arguments: answer if name == "COMMAND" else bulk("got") if name == "GET" else None)
    with node:
        fleet = Fleet(nodes=[node], learn=True)
        with fleet.proxy, fleet.client() as client:
            wait_for(lambda: node.count("COMMAND"), "the node to be asked")
            if b"demo.fine" in answer:
                rows = wait_until_learnt(fleet.proxy, "demo.fine")
                assert set(rows) == {"demo.fine", "demo.far", "demo.odd"}
                assert rows["demo.far"]["handling"] == rows["demo.odd"]["handling"] == "refuse"
            # What the table has stays as it is.
            assert client.ask("GET", "k") == bulk("got")
            assert client.ask("GET", "k", "x").startswith(b"-ERR wrong number of arguments")
            assert len(learnt(fleet.proxy)) <= 1024
            assert fleet.proxy.node("r0")["state"] == "up"
            assert fleet.proxy.resident_bytes() < 200 << 20


def test_what_a_module_says_is_not_its_nodes_word():
    answers = {"COMMAND": array(told("demo.say", flags=("readonly",))), "DEMO.SAY": b"-LOADING says the module\r\n"}
    with ScriptedNode(lambda name, arguments: answers.get(name)) as node:
        fleet = Fleet(nodes=[node], learn=True)
        with fleet.proxy, fleet.client() as client:
            wait_until_learnt(fleet.proxy, "demo.say")
            wait_for(lambda: client.ask("demo.say", "k") == answers["DEMO.SAY"], "the worker to have heard of it")
            for _ in range(50):
                assert client.ask("demo.say", "k") == answers["DEMO.SAY"]
            assert client.ask("SET", "k", "v") == b"+OK\r\n"
            assert not transitions(fleet.proxy, "r0")


def test_no_node_says_what_is_served_before_a_login(tmp_path):
    (tmp_path / "password").write_text("secret\n")
    answers = {"COMMAND": array(told("demo.open", arity=-1, flags=("readonly", "no_auth"), triple=(0, 0, 0)))}
    with ScriptedNode(lambda name, arguments: answers.get(name)) as node:
        fleet = Fleet(nodes=[node], learn=True, listener={"password_file": str(tmp_path / "password")})
        with fleet.proxy, fleet.client() as user, fleet.client() as guest:
            wait_until_learnt(fleet.proxy, "demo.open")
            assert user.ask("AUTH", "secret") == b"+OK\r\n"
            wait_for(lambda: user.ask("demo.open") == b"+OK\r\n", "the worker to have heard of it")
            assert guest.ask("demo.open") == b"-NOAUTH Authentication required.\r\n"


def test_a_node_that_does_not_answer_it_is_as_well_as_before(module):
    """Nor does it keep the others from being learnt of."""
    silent = ScriptedNode(lambda name, arguments: iter(()) if name == "COMMAND" else None)
    with silent, RedisServer("--loadmodule", module) as server:
        fleet = Fleet(nodes=[silent, server], learn=True)
        with fleet.proxy:
            wait_until_learnt(fleet.proxy, "demo.put")
            assert fleet.proxy.node("r0")["state"] == "up"


def test_a_listener_with_a_pool_that_does_not_learn_learns_nothing(module):
    with RedisServer("--loadmodule", module) as a, RedisServer("--loadmodule", module) as b:
        fleet = Fleet(nodes=[a], learn=True)
        fleet.config["pools"]["other"] = {"nodes": [f"127.0.0.1:{b.port}"]}
        fleet.config["listeners"].append({"name": "both", "listen": "127.0.0.1:0",
                                          "routes": [{"prefix": "o:", "pool": "other"}, {"pool": "main"}]})
        with fleet.proxy:
            wait_until_learnt(fleet.proxy, "demo.put")
            assert not learnt(fleet.proxy, "both")
            with RawClient(fleet.proxy._port("listener both")) as client:
                assert client.ask("demo.hello").startswith(UNKNOWN)
