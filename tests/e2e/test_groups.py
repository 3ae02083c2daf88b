"""Keys that belong together by the names that frameworks give them, on several nodes and without braces."""

import json
import subprocess
import urllib.parse

import pytest
from ringskew_runs import report
from servers import BINARY, PATIENT, Fleet

GROUPS = ["bullmq", "bee_queue", "laravel", "sidekiq", "rq", "celery", {"pattern": "shop:{*}:*"}, {"pattern": "lock:*", "tag": "locks"}]
TOUCH_ALL = "for i, key in ipairs(KEYS) do redis.call('incr', key) end return #KEYS"
TOGETHER = {
    "bullmq": ["bull:mail:id", "bull:mail:wait", "bull:mail:meta", "bull:mail:marker", "bull:mail:1"],
    "bee_queue": ["bq:mail:id", "bq:mail:jobs", "bq:mail:waiting", "bq:mail:delayed"],
    "laravel": ["queues:default", "queues:default:notify", "queues:default:reserved", "queues:default:delayed"],
    "laravel with its prefix": ["laravel_database_queues:default", "laravel_database_queues:default:notify"],
    "sidekiq": ["queues", "queue:default", "processes", "web:17:0123456789ab", "web:17:0123456789ab-signals", "stat:processed"],
    "rq": ["rq:queues", "rq:queue:default", "rq:job:1"],
    "celery": ["celery", "celery\x06\x163", "celery\x06\x166", "unacked", "unacked_index", "_kombu.binding.celery"],
    "a pattern": ["shop:17:cart", "shop:17:total", "{17}"],
    "a tag": ["lock:a", "lock:b", "{locks}x"],
}


@pytest.fixture(scope="module")
def grouped():
    with Fleet(3, groups=GROUPS, **PATIENT) as fleet:
        yield fleet


def locate(fleet, key):
    return json.loads(fleet.proxy.get("/api/v1/locate?pool=main&key=" + urllib.parse.quote(key, safe=""))[1])


@pytest.mark.parametrize("keys", TOGETHER.values(), ids=TOGETHER)
def test_scripts_transactions_and_plain_commands_find_them_on_one_node(grouped, keys):
    grouped.flush()
    with grouped.client() as client:
        assert client.ask("EVAL", TOUCH_ALL, len(keys), *keys) == b":%d\r\n" % len(keys)
        client.ask("MULTI")
        for key in keys:
            assert client.ask("INCR", key) == b"+QUEUED\r\n"
        assert client.ask("EXEC") == b"*%d\r\n" % len(keys) + b":2\r\n" * len(keys)
        assert client.ask("MGET", *keys) == b"*%d\r\n" % len(keys) + b"$1\r\n2\r\n" * len(keys)
    assert sorted(node.ask("DBSIZE") for node in grouped.nodes) == [b":0\r\n", b":0\r\n", b":%d\r\n" % len(keys)]
    assert len({locate(grouped, key)["node"] for key in keys}) == 1


def test_queues_are_spread_and_other_keys_too(grouped):
    for pattern in ("bull:q%d:wait", "shop:%d:cart", "page:%d", "celery-task-meta-%d"):
        assert {locate(grouped, pattern % i)["node"] for i in range(50)} == {"r0", "r1", "r2"}, pattern
    assert locate(grouped, "bull:mail:wait")["hashed_part"] == "mail"
    assert locate(grouped, "bull:{own}:wait")["hashed_part"] == "own"


def test_without_groups_they_are_on_several_nodes(fleet, client):
    keys = [f"bull:mail:{i}" for i in range(20)]
    assert client.ask("EVAL", TOUCH_ALL, len(keys), *keys).startswith(b"-CROSSSLOT ")


def test_ringskew_puts_them_where_the_proxy_does(grouped, tmp_path):
    grouped.flush()
    keys = [f"bull:q{i}:{what}" for i in range(40) for what in ("wait", "active", "id")] + [f"rq:{i}" for i in range(100)]
    with grouped.client() as client:
        for key in keys:
            client.ask("SET", key, "v")
    (tmp_path / "keys").write_text("\n".join(keys) + "\n")
    (tmp_path / "ringproxy.yaml").write_text(json.dumps(grouped.config))
    found = report("--config", tmp_path / "ringproxy.yaml", "--pool", "main", "--keys", tmp_path / "keys")
    held = {f"r{i}": int(node.ask("DBSIZE")[1:]) for i, node in enumerate(grouped.nodes)}
    assert {node["name"]: node["requests"] for node in found["nodes"]} == held


def test_the_check_says_that_they_move_keys(grouped, tmp_path):
    (tmp_path / "ringproxy.yaml").write_text(json.dumps(grouped.config))
    checked = subprocess.run([BINARY, "--config", tmp_path / "ringproxy.yaml", "--check"], capture_output=True, text=True, check=True)
    assert "pools.main.groups: a key that fits one lies elsewhere than it does without it" in checked.stdout + checked.stderr
