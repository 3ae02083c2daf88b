"""Nodes that fall sick: who notices, what becomes of their keys, what an operator sees and orders."""

import json
import re

import pytest

from namespaces import Namespace, NamespacedRedis
from servers import Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN, Load

NIL = b"$-1\r\n"
# So that nobody waits for a second where a test can do with a moment.
QUICK = {"health": {"interval": "100ms", "fast_interval": "20ms", "down_interval": "200ms", "timeout": "500ms"},
         "breaker": {"open": "100ms", "ramp": "0s"}, "timeouts": {"connect": "500ms", "request": "200ms"},
         "reconnect": {"max": "100ms"}}
# Of a node that was killed a worker and the checker hear in the same instant: either may be the one to say it.
FIRST_TO_KNOW = "connection", "check"


def quick(**more):
    """QUICK, with single options of its maps replaced."""
    return {key: {**QUICK.get(key, {}), **value} if isinstance(value, dict) and key in QUICK else value
            for key, value in {**QUICK, **more}.items()}


def transitions(proxy, name):
    """{(from, to): how often} of a node."""
    moves = {}
    for line in proxy.get("/metrics")[1].splitlines():
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        if line.startswith("ringproxy_node_transitions_total{") and labels["node"] == name:
            move = labels["from"], labels["to"]
            moves[move] = moves.get(move, 0) + float(line.split()[-1])
    return moves


@pytest.mark.smoke
def test_under_error_the_keys_of_a_dead_node_fail_and_none_moves():
    with Fleet(3, **quick()) as fleet, fleet.client() as client:
        key, other = fleet.key_of(0), fleet.key_of(1)
        assert client.ask("SET", other, "x") == b"+OK\r\n"
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("SET", key, "lost") == DOWN, "the refusal")
        fleet.proxy.wait_for_state("r0", "down")
        assert client.ask("SET", key, "lost") == DOWN and client.ask("GET", other) == bulk("x")
        assert client.ask("MGET", other, key) == DOWN  # semantics.md 1: an error, never a nil.
        assert client.ask("DEL", key, other) == DOWN
        assert fleet.owner(key) == 0
        assert [node.ask("EXISTS", key) for node in fleet.nodes[1:]] == [b":0\r\n"] * 2


def test_under_rehash_the_keys_of_a_dead_node_go_to_others_and_come_back():
    # See semantics.md 5.
    with Fleet(3, on_down="rehash", **quick()) as fleet, fleet.client() as client:
        keys = [fleet.key_of(0, prefix) for prefix in ("a", "b", "c", "d")]
        untouched = fleet.key_of(1), fleet.key_of(2)
        for key in (*keys, *untouched):
            assert client.ask("SET", key, "before") == b"+OK\r\n"
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("GET", keys[0]) == NIL, "the next node to be asked")
        for key in keys:
            assert client.ask("SET", key, "meanwhile") == b"+OK\r\n"
            assert [node.ask("EXISTS", key) for node in fleet.nodes[1:]].count(b":1\r\n") == 1
        assert client.ask("MGET", *keys) == b"*4\r\n" + bulk("meanwhile") * 4
        assert [client.ask("GET", key) for key in untouched] == [bulk("before")] * 2
        fleet.nodes[0].start()
        fleet.proxy.wait_for_state("r0", "up")
        for key in keys:
            assert client.ask("SET", key, "after") == b"+OK\r\n"
            assert fleet.nodes[0].ask("GET", key) == bulk("after")


@pytest.mark.parametrize("flushes", [True, False])
def test_a_node_that_returns_under_rehash_has_its_old_values_unless_it_is_flushed(flushes):
    # semantics.md 5: it hangs and keeps its data while its neighbour takes newer values.
    with Fleet(3, on_down="rehash", flush_on_return=flushes, **quick()) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("SET", key, "old") == b"+OK\r\n"
        fleet.nodes[0].stop()
        fleet.proxy.wait_for_state("r0", "down")
        assert client.ask("SET", key, "new") == b"+OK\r\n"
        fleet.nodes[0].cont()
        seen = {bulk("new")}
        wait_for(lambda: seen.add(client.ask("GET", key)) or fleet.proxy.node("r0")["state"] == "up", "the node to be up")
        seen.add(client.ask("GET", key))
        assert seen == {bulk("new"), NIL if flushes else bulk("old")}
        assert fleet.nodes[0].ask("DBSIZE") == (b":0\r\n" if flushes else b":1\r\n")
        fleet.proxy.wait_for_log("node r0 of pool main is up")
        assert ("it is back, and empty" in fleet.proxy.log()) == flushes


def test_a_node_that_loads_its_data_is_down_in_its_own_words():
    with Fleet(2, **quick()) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("SET", key, "kept") == b"+OK\r\n"
        fleet.nodes[0].ask("DEBUG", "POPULATE", "20000", "pre", "100")
        fleet.nodes[0].ask("SAVE")
        fleet.nodes[0].kill()
        fleet.proxy.wait_for_state("r0", "down")
        fleet.nodes[0].arguments = ("--key-load-delay", "50", "--loading-process-events-interval-bytes", "1024")
        fleet.nodes[0].start()
        replies = set()
        wait_for(lambda: replies.add(client.ask("GET", key)) or bulk("kept") in replies, "the node to serve again", 60)
        assert replies == {DOWN, bulk("kept")}  # It was never asked while it answered LOADING.
        fleet.proxy.wait_for_state("r0", "up")
        assert transitions(fleet.proxy, "r0").get(("trial", "down")) is None


def test_the_maintenance_key_takes_a_node_out_and_lets_it_back():
    with Fleet(2, **quick(health={"maintenance_key": "out-of-service"})) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("SET", key, "x") == b"+OK\r\n"
        fleet.nodes[0].ask("SET", "out-of-service", "1")
        view = fleet.proxy.wait_for_state("r0", "down")
        assert (view["reason"], view["detail"]) == ("check", "its maintenance key exists")
        assert client.ask("GET", key) == DOWN
        fleet.nodes[0].ask("DEL", "out-of-service")
        fleet.proxy.wait_for_state("r0", "up")
        assert client.ask("GET", key) == bulk("x")


def test_a_node_without_room_for_the_check_goes_on_serving():
    """The workers' connections, or another program's, may be all that the node takes."""
    full = RedisServer("--maxclients", "12")
    with Fleet(nodes=[full, RedisServer()], **quick(connections_per_node=32)) as fleet, fleet.client() as client:
        key = fleet.key_of(0)

        def rejected():
            info = client.ask("EVAL", "return redis.call('info', 'stats')", "1", key)
            return int(re.search(rb"rejected_connections:(\d+)", info)[1])
        before = rejected()
        wait_for(lambda: rejected() > before + 20, "the node to reject the checks, and more connections")
        assert all(client.ask("SET", key, "v") == b"+OK\r\n" for _ in range(100))
        assert fleet.proxy.node("r0")["state"] == "up" and not transitions(fleet.proxy, "r0")


def test_beyond_max_ejected_the_pool_fails_open_and_says_so():
    with Fleet(2, max_ejected="50%", **quick(health={"maintenance_key": "out"})) as fleet, fleet.client() as client:
        keys = [fleet.key_of(0), fleet.key_of(1)]
        fleet.nodes[0].ask("SET", "out", "1")
        fleet.proxy.wait_for_state("r0", "down")
        assert client.ask("SET", keys[0], "x") == DOWN
        fleet.nodes[1].ask("SET", "out", "1")
        fleet.proxy.wait_for_state("r1", "down")
        # Both are called sick and are asked all the same, since together they are the pool.
        assert [client.ask("SET", key, "x") for key in keys] == [b"+OK\r\n"] * 2
        fleet.proxy.wait_for_log("more nodes of pool main are down than max_ejected: all of them are asked")
        for node in fleet.nodes:
            node.ask("DEL", "out")
        for name in ("r0", "r1"):
            fleet.proxy.wait_for_state(name, "up")
        fleet.proxy.wait_for_log("pool main has enough nodes again")
        assert fleet.proxy.log().count("pool main has enough nodes again") == 1


def test_under_rehash_those_beyond_max_ejected_keep_their_keys():
    with Fleet(3, max_ejected="34%", on_down="rehash", **quick(health={"maintenance_key": "out"})) as fleet:
        with fleet.client() as client:
            keys = [fleet.key_of(0), fleet.key_of(1)]
            for number in (0, 1):
                fleet.nodes[number].ask("SET", "out", "1")
                fleet.proxy.wait_for_state(f"r{number}", "down")
            assert [client.ask("SET", key, "x") for key in keys] == [b"+OK\r\n"] * 2
            assert [fleet.nodes[number].ask("EXISTS", keys[number]) for number in (0, 1)] == [b":0\r\n", b":1\r\n"]


def test_an_operator_drains_disables_and_enables_a_node():
    with Fleet(2, **quick()) as fleet, fleet.client() as client:
        key, other = fleet.key_of(0), fleet.key_of(1)
        for order, state in (("drain", "drained"), ("disable", "disabled"), ("enable", "up")):
            status, text = fleet.proxy.post(f"/api/v1/nodes/r0/{order}")
            assert status == 200 and json.loads(text) == {"name": "r0", "order": order, "pools": 1}
            view = fleet.proxy.wait_for_state("r0", state)
            assert view["reason"] == "operator"
            wait_for(lambda want=state != "disabled": (fleet.proxy.node("r0")["connections"] > 0) == want, "its connections")
            wait_for(lambda want=b"+OK\r\n" if state == "up" else DOWN: client.ask("SET", key, "x") == want, "the order's effect")
            assert client.ask("SET", other, "x") == b"+OK\r\n"
        fleet.proxy.wait_for_log("an operator's order: disable node r0")
        assert fleet.proxy.log().count("an operator's order: disable node r0") == 1
        assert fleet.proxy.post("/api/v1/nodes/r9/drain")[0] == 404
        assert fleet.proxy.post("/api/v1/nodes/r0/explode")[0] == 404
        assert fleet.proxy.post("/api/v1/nodes/r0/drain?pool=none")[0] == 404
        assert fleet.proxy.get("/api/v1/nodes/r0/drain")[0] == 404
        assert fleet.proxy.node("r0")["state"] == "up"


def test_a_disabled_node_is_left_alone_whatever_becomes_of_it():
    with Fleet(2, **quick()) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert fleet.proxy.post("/api/v1/nodes/r0/disable")[0] == 200
        wait_for(lambda: fleet.proxy.node("r0")["connections"] == 0, "its connections to be closed")
        fleet.nodes[0].kill()
        fleet.nodes[0].start()
        fleet.nodes[0].ask("CONFIG", "RESETSTAT")
        assert client.ask("SET", key, "x") == DOWN
        connections = re.search(rb"total_connections_received:(\d+)", fleet.nodes[0].ask("INFO", "stats"))
        assert int(connections[1]) <= 1  # This test's own.
        assert fleet.proxy.post("/api/v1/nodes/r0/enable")[0] == 200
        wait_for(lambda: client.ask("SET", key, "x") == b"+OK\r\n", "the node to serve again")


def test_under_rehash_a_drained_node_hands_its_keys_over_without_an_error():
    with Fleet(3, on_down="rehash", **quick()) as fleet, Load(fleet) as load:
        wait_for(lambda: load.answered > 500, "some load")
        key = fleet.key_of(0, "drained")
        load.errors["NODEDOWN"] = set()  # Keys that move may be missing from now on.
        assert fleet.proxy.post("/api/v1/nodes/r0/drain")[0] == 200
        fleet.proxy.wait_for_state("r0", "drained")
        with fleet.client() as client:
            wait_for(lambda: client.ask("SET", key, "x") == b"+OK\r\n" and fleet.nodes[0].ask("EXISTS", key) == b":0\r\n",
                     "another node to take it")
        answered = load.answered
        wait_for(lambda: load.answered > answered + 500, "more load")
        assert load.errors == {"NODEDOWN": set()}


def test_orders_need_the_token(tmp_path, redis):
    token = tmp_path / "token"
    token.write_text("letmein\n")
    config = pool_config([redis])
    config["admin"]["token_file"] = str(token)
    with Proxy(config) as proxy:
        granted = {"Authorization": "Bearer letmein"}
        for headers in (None, {"Authorization": "Bearer wrong"}):
            assert proxy.post("/api/v1/nodes/r0/disable", headers)[0] == 401
            assert proxy.get("/api/v1/nodes", headers)[0] == 401
        assert json.loads(proxy.get("/api/v1/nodes", granted)[1])["nodes"][0]["state"] == "up"
        assert proxy.post("/api/v1/nodes/r0/disable", granted)[0] == 200
        assert json.loads(proxy.get("/api/v1/nodes", granted)[1])["nodes"][0]["state"] == "disabled"


@pytest.mark.smoke
def test_every_transition_is_one_log_line_one_count_and_a_new_view():
    with Fleet(2, workers=2, **quick()) as fleet, fleet.client() as client:
        proxy = fleet.proxy
        key, before = fleet.key_of(0), fleet.proxy.node("r0")
        assert before["state"] == "up" and before["address"] == f"127.0.0.1:{fleet.nodes[0].port}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", before["since"]) and before["pool"] == "main"
        assert (proxy.metric("node_up", node="r0"), proxy.metric("node_breaker_state", node="r0")) == (1, 0)
        fleet.nodes[0].kill()
        view = proxy.wait_for_state("r0", "down")
        assert view["reason"] in FIRST_TO_KNOW and view["detail"] and view["since"] >= before["since"]
        wait_for(lambda: client.ask("GET", key) == DOWN, "the refusal")
        assert (proxy.metric("node_up", node="r0"), proxy.metric("node_up", node="r1")) == (0, 1)
        assert proxy.metric("node_breaker_state", node="r0") == 1
        assert proxy.metric("node_transitions_total", node="r0", to="down", reason=view["reason"]) == 1
        fleet.nodes[0].start()
        proxy.wait_for_state("r0", "up")
        wait_for(lambda: proxy.metric("node_breaker_state", node="r0") == 0, "both workers' breakers to close")
        assert proxy.metric("node_up", node="r0") == 1
        moves = transitions(proxy, "r0")

        def lines():
            return re.findall(r"node r0 of pool main is (\w+)", proxy.log())

        wait_for(lambda: len(lines()) == sum(moves.values()), "the log to name every change")
        assert sum(count for (old, _), count in moves.items() if old == "up") == \
            sum(count for (_, new), count in moves.items() if new == "up")
        assert not transitions(proxy, "r1") and "node r1" not in proxy.log()


def test_a_node_whose_packets_vanish_is_given_up_and_comes_back():
    # No RST and no error: the connections stand, the node just is not heard any more.
    with Namespace() as namespace:
        nodes = [NamespacedRedis(namespace), RedisServer(), RedisServer()]
        with Fleet(3, nodes=nodes, concurrency={"algorithm": "off"}, **quick()) as fleet, Load(fleet) as load:
            wait_for(lambda: load.answered > 1000, "some load")
            key = fleet.key_of(0)
            namespace.swallow()
            fleet.proxy.wait_for_state("r0", "down")
            with fleet.client() as client:
                assert client.ask("GET", key) == DOWN
                assert client.ask("SET", fleet.key_of(1), "x") == b"+OK\r\n"
                namespace.release()
                wait_for(lambda: client.ask("SET", key, "back") == b"+OK\r\n", "the node to serve again")
            answered = load.answered
            wait_for(lambda: load.answered > answered + 1000, "more load")
            assert {fleet.owner(k) for keys in list(load.errors.values()) for k in set(keys)} == {0}


def test_a_node_that_cannot_be_reached_from_the_start_harms_nobody():
    with Namespace() as namespace:
        nodes = [NamespacedRedis(namespace), RedisServer()]
        fleet = Fleet(2, nodes=nodes, **quick())
        with nodes[0], nodes[1]:
            namespace.swallow()
            with fleet.proxy, fleet.client() as client:
                fleet.proxy.wait_for_state("r0", "down")
                assert client.ask("SET", fleet.key_of(1), "x") == b"+OK\r\n"
                client.send(encode("GET", fleet.key_of(0)) + encode("GET", fleet.key_of(1)))
                assert (client.reply(), client.reply()) == (DOWN, bulk("x"))
                namespace.release()
                wait_for(lambda: client.ask("SET", fleet.key_of(0), "x") == b"+OK\r\n", "the node to be found")
