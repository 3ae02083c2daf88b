"""What an operator sees of rate limits: metrics, /api/v1/limits, /api/v1/limits/explain, --check."""

import json
import re
import urllib.parse

import pytest

from limited import HOUR_MS, OK, concurrency, decisions, limit, limited, refusers, state
from servers import Fleet, Proxy
from test_operations import run

FAMILIES = {"limit_decisions_total", "limit_store_calls_total", "limit_fallback_seconds_total", "limit_buckets",
            "limit_bucket_overflows_total", "limit_near_limit_total", "limit_waiting", "limit_leases", "limit_lease_tokens",
            "limit_failing_leases", "limit_proxies"}


def explain(proxy, **query):
    status, text = proxy.get(f"/api/v1/limits/explain?{urllib.parse.urlencode(query)}")
    return status, json.loads(text)


def names(entries):
    return [entry["name"] for entry in entries]


@pytest.mark.smoke
def test_metrics_have_a_sample_of_each_limit(redis):
    limits = limit("first", 10), limit("second", 1, action="shadow")
    with Proxy(limited([redis], *limits)) as proxy, proxy.client() as client:
        assert refusers(client, *["GET a"] * 11) == [None] * 10 + ["first"]
        text = proxy.get("/metrics")[1]
        assert FAMILIES == set(re.findall(r"^ringproxy_(limit_\w+)[{ ]", text, re.MULTILINE))
        samples = re.findall(r'^ringproxy_limit_decisions_total\{limit="(\w+)",decision="(\w+)"\} (\d+)$', text, re.MULTILINE)
        assert {(name, what): int(count) for name, what, count in samples if count != "0"} == {
            ("first", "admitted"): 10, ("first", "refused"): 1, ("second", "admitted"): 1, ("second", "shadow_refused"): 9}
        assert len(samples) == 8
        assert proxy.metric("limit_near_limit_total", limit="first") == 3
        assert proxy.metric("limit_buckets", limit="first") == 1


def test_a_proxy_without_limits_has_none(redis):
    with Proxy(limited([redis])) as proxy:
        assert json.loads(proxy.get("/api/v1/limits")[1]) == {"limits": [], "store": ""}
        assert explain(proxy, command="GET a")[1]["decision"] == "admit"


def test_limits_are_listed_as_they_stand_in_the_file_with_what_they_did(redis):
    limits = (limit("each", 3, per="key", action="shadow"), limit("all", 10), concurrency("places", 7),
              limit("own", 5, "600/m", scope="connection", action="delay"), limit("window", rate="9/d", algorithm="sliding_window"))
    with Proxy(limited([redis], *limits)) as proxy, proxy.client() as client:
        assert refusers(client, *["GET a"] * 4, "GET b") == [None] * 5
        listed = json.loads(proxy.get("/api/v1/limits")[1])["limits"]
        assert names(listed) == ["each", "all", "places", "own", "window"]
        each, whole, places, own, window = listed
        assert (each["admitted"], each["refused"], each["shadow_refused"], each["buckets"]["used"]) == (4, 0, 1, 2)
        assert (each["action"], each["burst"], each["rate"], "fill" in each) == ("shadow", 3, "1/h", False)
        assert abs(whole["fill"] - 0.5) < 0.01 and whole["buckets"] == {"used": 1, "most": 1, "overflows": 0}
        assert (places["requests_in_flight"], places["fill"], "rate" in places) == (7, 0, False)
        assert (own["scope"], own["action"]) == ("connection", "delay")
        assert (window["algorithm"], "burst" in window) == ("sliding_window", False) and abs(window["fill"] - 5 / 9) < 0.01
        assert names(json.loads(proxy.get("/api/v1/limits?limit=none")[1])["limits"]) == []


def test_explains_what_a_request_would_meet_and_changes_nothing(redis):
    limits = (limit("tenant", 5, per="prefix(5)", match={"prefix": "t:"}, cost="command", overrides=[{"value": "t:042", "rate": "2/h", "burst": 9}]),
              limit("writes", 2, match={"command": "write"}), limit("far", 1, match={"client": "10.0.0.0/8"}),
              limit("named", 1, match={"user": "root"}), limit("batch", 1, match={"listener": "batch"}), limit("all", 100))
    config = limited([redis], *limits)
    config["listeners"].append({"name": "batch", "listen": "127.0.0.1:0", "pool": "main"})
    config["priority"] = [{"prefix": "t:"}]
    with Proxy(config) as proxy, proxy.client() as client:
        status, said = explain(proxy, command="MGET t:042:1 t:042:2 t:007:1 other", ip="127.0.0.1")
        assert status == 200 and (said["listener"], said["command"], said["decision"], said["has_priority"]) == ("web", "mget", "admit", True)
        assert sorted((one["name"], one["bucket"], one["cost"], one["says"]) for one in said["limits"]) == [
            ("all", "", 1, "admit"), ("tenant", "t:007", 1, "admit"), ("tenant", "t:042", 2, "admit")]
        assert {one["name"]: one["why"] for one in said["others"]} == {
            "writes": "another command", "far": "another client", "named": "another client", "batch": "another listener"}
        assert refusers(client, "SET t:1 1", "SET t:1 1", "SET t:1 1") == [None, None, "writes"]
        for _ in range(3):
            status, said = explain(proxy, command="set t:1 x", listener="batch", ip="10.1.1.1", user="root")
            says = {one["name"]: one for one in said["limits"]}
            assert set(says) == {"tenant", "writes", "far", "named", "batch", "all"} and said["decision"] == "refuse"
            assert says["writes"]["says"] == "refuse" and HOUR_MS / 2 < says["writes"]["retry_after_ms"] <= HOUR_MS
            assert says["far"]["says"] == "admit" and abs(says["tenant"]["used"] - 0.4) < 0.01
        assert explain(proxy, command="GET none")[1]["others"][0] == {"name": "tenant", "why": "another key"}
        assert explain(proxy, command="MGET " + " ".join(f"t:00{i}" for i in range(3)))[1]["has_priority"] is True
        assert explain(proxy, command="GET x")[1]["has_priority"] is False
        assert decisions(proxy, "all") == {"admitted": 2} and state(proxy, "writes")["refused"] == 1


def test_explains_a_wait_and_a_refusal_for_good(redis):
    limits = limit("slow", 1, "1/m", action="delay", max_wait="59s", match={"prefix": "s"}), limit("small", 3, cost="command")
    with Proxy(limited([redis], *limits)) as proxy, proxy.client() as client:
        assert client.ask("SET", "s", "1") == OK
        said = explain(proxy, command="GET s")[1]
        assert said["decision"] in ("delay", "refuse") and said["limits"][0]["name"] == "slow"
        said = explain(proxy, command="MGET a b c d")[1]
        assert (said["decision"], said["limits"][0]["retry_after_ms"]) == ("refuse", -1)
        assert explain(proxy, command="PING")[1]["limits"] == []


@pytest.mark.parametrize("query, status", [
    ({}, 400), ({"command": ""}, 400), ({"command": "   "}, 400), ({"command": "NONSENSE a"}, 400), ({"command": "GET"}, 400),
    ({"command": "CONFIG NONSENSE"}, 400), ({"command": "GET a", "ip": "10.0.0"}, 400), ({"command": "GET a", "ip": ""}, 400),
    ({"command": "GET a", "listener": "none"}, 404), ({"command": "GET a", "listener": "web", "ip": "::1"}, 200),
    ({"command": "EVAL return 1"}, 200), ({"command": "MGET"}, 400), ({"command": "EVAL s 99 a"}, 200),
    ({"command": "get \x00\xff\n" + "x" * 5000}, 200)], ids=str)
def test_explain_refuses_what_is_no_question(redis, query, status):
    with Proxy(limited([redis], limit("each", 1, per="key"), limit("all", 1, cost="command"))) as proxy:
        got, said = explain(proxy, **query)
        assert got == status and ("error" in said) == (status != 200), said
        assert proxy.alive()


@pytest.mark.parametrize("word, accepted", [
    ("get", True), ("config|get", True), ("config", True), ("read", True), ("write", True), ("heavy", True), ("admin", True),
    ("mg", True), ("gat", True), ("getx", False), ("config|nonsense", False), ("reads", False), ("GET", False), ("", False)])
def test_check_knows_the_words_for_commands(redis, tmp_path, word, accepted):
    config = limited([redis], limit("these", 1, match={"command": ["set", word]}))
    path = tmp_path / "ringproxy.yaml"
    for place in ("limits", "priority"):
        path.write_text(json.dumps(config))
        result = run("--config", str(path), "--check")
        assert (result.returncode == 0) == accepted, result.stdout + result.stderr
        assert accepted or f"{place}[0]" in result.stdout + result.stderr
        if not accepted:
            assert run("--config", str(path)).returncode == 1
        config["limits"], config["priority"] = [], [{"command": ["set", word]}]


@pytest.mark.parametrize("wrong, where", [
    ({"rate": None}, "rate"), ({"rate": "1/w"}, "rate"), ({"burst": 0}, "burst"), ({"scope": "global"}, "scope"),
    ({"algorithm": "concurrency"}, "rate"), ({"algorithm": "fixed_window"}, "burst"), ({"deny_as": "miss"}, "deny_as"),
    ({"per": "host"}, "per"), ({"match": {"listener": "none"}}, "match.listener"), ({"match": {"pool": "none"}}, "match.pool"),
    ({"match": {"client": "10.0.0.0/33"}}, "match.client"), ({"overrides": [{"value": "a", "rate": "1/s"}]}, "overrides")], ids=str)
def test_check_names_what_is_wrong_with_a_limit(redis, tmp_path, wrong, where):
    given = {key: value for key, value in {**limit("these", 1), **wrong}.items() if value is not None}
    path = tmp_path / "ringproxy.yaml"
    path.write_text(json.dumps(limited([redis], given)))
    result = run("--config", str(path), "--check")
    assert result.returncode == 1 and f"limits[0].{where}" in result.stdout + result.stderr


def test_names_of_buckets_that_are_no_text_can_be_shown():
    with Fleet(1) as fleet:
        with Proxy({**fleet.config, "limits": [limit("each", 1, per="prefix(1)")]}) as proxy:
            # The first byte of ü alone is no UTF-8.
            status, said = explain(proxy, command="GET ü")
            assert status == 200 and names(said["limits"]) == ["each"]
            assert proxy.alive() and proxy.get("/readyz")[0] == 200
