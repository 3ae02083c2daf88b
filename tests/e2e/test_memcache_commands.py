"""What memcached's commands mean in front of several nodes: all nodes, the right node, tokens, sizes, pools."""

import base64
import itertools
import json

import pytest

from memcache_servers import MemcacheClient, MemcachedServer, MemcacheFleet, memcache_config, parse_stats, storage, value
from servers import PATIENT, Proxy, wait_for

STORED = b"STORED\r\n"


@pytest.fixture(scope="module")
def shared_fleet():
    with MemcacheFleet(**PATIENT) as fleet:
        yield fleet


def keys_of_every_node(fleet, prefix="k"):
    return [fleet.key_of(node, prefix) for node in range(len(fleet.nodes))]


def encoded(key):
    return base64.b64encode(key)


@pytest.mark.smoke
def test_keys_live_on_the_nodes_that_locate_names(fleet, client):
    keys = [f"where{i}" for i in range(60)]
    assert client.exchange(b"".join(storage("set", key, key.encode()) for key in keys)) == STORED * len(keys)
    for key in keys:
        for number, node in enumerate(fleet.nodes):
            assert (node.ask("get " + key) != b"END\r\n") == (number == fleet.owner(key))


@pytest.mark.parametrize("command,reply", [("get", b""), ("gets", b" CAS"), ("gat 0", b""), ("gats 0", b" CAS")])
def test_values_come_in_the_order_of_the_keys_and_duplicates_twice(fleet, client, command, reply):
    """See semantics.md 9."""
    keys = [f"order{i}" for i in range(40)]
    client.exchange(b"".join(storage("set", key, key.encode(), flags=7) for key in keys if key != "order3"))
    asked = [*keys, *reversed(keys), "order5", "order5", "order3", "none"]
    got = client.ask(command + " " + " ".join(asked)).split(b"\r\n")
    headers, bodies = got[:-2:2], got[1:-2:2]
    found = [key.encode() for key in asked if key not in ("order3", "none")]
    assert bodies == found and got[-2:] == [b"END", b""]
    for header, key in zip(headers, found):
        fields = header.split(b" ")
        assert fields[:4] == [b"VALUE", key, b"7", b"%d" % len(key)] and len(fields) == (5 if reply else 4)


def test_flush_all_and_verbosity_reach_every_node(fleet, client):
    """See semantics.md 26."""
    keys = keys_of_every_node(fleet)
    for line in ("flush_all", "flush_all 0", "flush_all noreply"):
        client.exchange(b"".join(storage("set", key, b"1") for key in keys))
        assert client.exchange(line.encode() + b"\r\n") == (b"" if "noreply" in line else b"OK\r\n")
        assert [node.ask("get " + key) for node, key in zip(fleet.nodes, keys)] == [b"END\r\n"] * 3
    assert client.ask("verbosity 1") == b"OK\r\n"
    assert [node.stats("settings")["verbosity"] for node in fleet.nodes] == ["1"] * 3
    assert client.exchange(b"verbosity 0 noreply\r\n") == b""
    assert [node.stats("settings")["verbosity"] for node in fleet.nodes] == ["0"] * 3
    assert client.ask("flush_all 0 0 0") == b"ERROR\r\n"  # What all nodes agree on, once.
    assert client.ask("version") == b"VERSION " + fleet.nodes[0].stats()["version"].encode() + b"\r\n"


def test_a_delayed_flush_all_comes_at_its_time_on_every_node(fleet, client):
    """See semantics.md 26."""
    keys = keys_of_every_node(fleet)
    client.exchange(b"".join(storage("set", key, b"1") for key in keys))
    assert client.ask("flush_all 2") == b"OK\r\n"
    assert client.ask("get " + " ".join(keys)).count(b"VALUE") == 3
    wait_for(lambda: client.ask("get " + " ".join(keys)) == b"END\r\n", "the items to go")


def test_stats_are_those_of_one_large_memcached(fleet, client):
    """semantics.md 26: exporters read stats, stats settings, stats slabs and stats items."""
    keys = [f"stat{i}" for i in range(30)]
    client.exchange(b"".join(storage("set", key, b"x" * 50) for key in keys))
    client.ask("get none " + " ".join(keys))
    nodes = [node.stats() for node in fleet.nodes]
    merged = parse_stats(client.ask("stats"))
    for name in ("curr_items", "total_items", "bytes", "cmd_set", "cmd_get", "get_hits", "get_misses", "limit_maxbytes", "evictions"):
        assert int(merged[name]) == sum(int(node[name]) for node in nodes), name
    assert int(merged["curr_items"]) == 30
    assert merged["version"] == nodes[0]["version"] and merged["pointer_size"] == nodes[0]["pointer_size"]
    assert merged["pid"] in {node["pid"] for node in nodes}
    assert abs(int(merged["time"]) - int(nodes[0]["time"])) < 5
    assert int(merged["uptime"]) < sum(int(node["uptime"]) for node in nodes) + 3
    assert abs(float(merged["rusage_user"]) - sum(float(node["rusage_user"]) for node in nodes)) < 1
    assert set(nodes[0]) | {"ringproxy_nodes", "ringproxy_nodes_answered"} == set(merged)
    assert merged["ringproxy_nodes"] == merged["ringproxy_nodes_answered"] == "3"


def test_stats_of_settings_items_and_slabs_are_merged(fleet, client):
    """See semantics.md 26."""
    client.exchange(b"".join(storage("set", f"stat{i}", b"x" * 20) for i in range(30)))
    settings, plain = parse_stats(client.ask("stats settings")), fleet.nodes[0].stats("settings")
    assert set(settings) == set(plain)
    for name in ("item_size_max", "growth_factor", "chunk_size", "evictions", "cas_enabled", "hash_algorithm", "slab_chunk_max"):
        assert settings[name] == plain[name], name
    items = parse_stats(client.ask("stats items"))
    numbers = {name: sum(int(node.stats("items").get(name, 0)) for node in fleet.nodes) for name in items if name.endswith(":number")}
    assert numbers and all(int(items[name]) == number for name, number in numbers.items()) and sum(numbers.values()) == 30
    slabs, of_nodes = parse_stats(client.ask("stats slabs")), [node.stats("slabs") for node in fleet.nodes]
    for name in (name for name in slabs if name.endswith((":chunk_size", ":chunks_per_page"))):
        assert slabs[name] in {node.get(name) for node in of_nodes}
    for name in (name for name in slabs if name.endswith((":used_chunks", ":cmd_set", ":total_pages"))):
        assert int(slabs[name]) == sum(int(node.get(name, 0)) for node in of_nodes)
    assert int(slabs["total_malloced"]) == sum(int(node["total_malloced"]) for node in of_nodes)


@pytest.mark.smoke
def test_mn_waits_for_quiet_requests_of_all_nodes(fleet, client):
    """See semantics.md 27."""
    keys = keys_of_every_node(fleet)
    client.exchange(b"".join(storage("set", key, b"hit") for key in keys[:2]))
    fleet.nodes[2].stop()
    try:
        lines = b"".join(b"mg %s v q k O%d\r\n" % (key.encode(), i) for i, key in enumerate([*keys, *keys]))
        client.send(lines + b"md none%s q\r\n" % keys[2].encode() + b"ms %s 2 q\r\nab\r\nmn\r\nmg %s v q\r\nmn\r\n" % ((keys[0].encode(),) * 2))
        first = b"".join(b"VA 3 k%s O%d\r\nhit\r\n" % (keys[i].encode(), i) for i in (0, 1))
        assert client.reply() + client.reply() == first  # Those before the node that does not answer come at once.
        wait_for(lambda: fleet.proxy.metric("node_in_flight", node="r2") >= 2, "requests at the node")
        with fleet.client() as other:
            assert other.ask("get " + keys[1]) == value(keys[1], b"hit") + b"END\r\n"
        assert client.take_what_has_come() == b""
    finally:
        fleet.nodes[2].cont()
    second = b"".join(b"VA 3 k%s O%d\r\nhit\r\n" % (keys[i].encode(), i + 3) for i in (0, 1))
    expected = second + b"NF\r\nMN\r\nVA 2\r\nab\r\nMN\r\n"
    assert client.until(b"ab\r\nMN\r\n") + b"ab\r\nMN\r\n" == expected


@pytest.mark.parametrize("key", [b"plain", b"with space", b"\x01\xff\xfe", b"tab\tend", b"caf\xc3\xa9", b"x" * 186, b"a:b/c?d&e=f%20"])
def test_a_base64_key_lives_where_its_decoded_form_does(fleet, client, key):
    """See semantics.md 27."""
    assert client.ask(b"ms %s 3 b k O7\r\nabc" % encoded(key)) == b"HD k%s b O7\r\n" % encoded(key)
    owner = fleet.owner(key)
    found = [node.ask(b"mg %s b v" % encoded(key)) for node in fleet.nodes]
    assert found == [b"VA 3\r\nabc\r\n" if number == owner else b"EN\r\n" for number in range(3)]
    if key.isalnum():
        assert client.ask(b"get " + key) == value(key, b"abc") + b"END\r\n"
    assert client.ask(b"mg %s b v k q" % encoded(key)) == b"VA 3 k%s b\r\nabc\r\n" % encoded(key)
    assert client.ask(b"md %s b k" % encoded(key)) == b"HD k%s b\r\n" % encoded(key)


@pytest.mark.parametrize("key", [b"new\nline", b"\r\n", b"\x00", b"a\x00b\r\x00\n"])
def test_a_base64_key_with_line_ends_or_zeros_works_but_is_not_returned(client, key):
    """semantics.md 27; the next test says why."""
    assert client.ask(b"ms %s 3 b O7\r\nabc" % encoded(key)) == b"HD O7\r\n"
    assert client.ask(b"mg %s b v q O8" % encoded(key)) == b"VA 3 O8\r\nabc\r\n"
    if b"\n" in key or b"\r" in key:
        refused = b"CLIENT_ERROR a key with line ends cannot be returned\r\n"
        assert client.exchange(b"mg %s b k v\r\nms %s 2 b k\r\nxy\r\nmn\r\n" % ((encoded(key),) * 2)) == refused * 2 + b"MN\r\n"
    assert client.ask(b"md %s b" % encoded(key)) == b"HD\r\n"
    assert client.ask(b"mg %s b v" % encoded(key)) == b"EN\r\n"


@pytest.mark.parametrize("request_line", [b"me %s b", b"mg %s b N1000 k v", b"mg %s b N1000 k", b"mg %s b k N1000 v q", b"ma %s b N1000 k v"])
@pytest.mark.parametrize("key", [b"x\r\nVALUE mine 0 4\r\nevil\r\nEND", b"x\r\nEND", b"x\nHD", b"x\r\n\r\nMN"])
def test_a_base64_key_with_line_ends_cannot_forge_replies_to_others(fleet, client, request_line, key):
    """memcached prints such a key as it is in the reply to me, and to mg for an item that N made (semantics.md 27, 8)."""
    connects = fleet.proxy.metric("node_connects_total")
    owner = fleet.owner(key)
    mine = next(k for k in (f"mine{i}" for i in itertools.count()) if fleet.owner(k) == owner)
    with fleet.client() as other:
        assert other.ask(storage("set", mine, b"good")[:-2]) == STORED
        for _ in range(3):
            client.send((request_line % encoded(key) + b"\r\n") * 2)
            assert other.exchange(b"get %s\r\nmg %s v\r\n" % (mine.encode(), mine.encode())) == value(mine, b"good") + b"END\r\nVA 4\r\ngood\r\n"
    assert fleet.proxy.metric("node_connects_total") == connects


def test_a_token_of_one_node_matches_nothing_on_another(fleet, client):
    """See semantics.md 24."""
    first, second = keys_of_every_node(fleet)[:2]

    def raw(node, key):
        return int(fleet.nodes[node].ask("gets " + key).split()[4])

    def token(key):
        return int(client.ask("gets " + key).split()[4])

    client.exchange(storage("set", first, b"a") + storage("set", second, b"b"))
    behind, ahead = sorted((0, 1), key=lambda node: raw(node, (first, second)[node]))
    while raw(behind, (first, second)[behind]) < raw(ahead, (first, second)[ahead]):
        fleet.nodes[behind].ask(storage("set", (first, second)[behind], b"c")[:-2])
    assert raw(0, first) == raw(1, second) and token(first) != token(second)
    foreign, own = token(first), token(second)
    assert client.ask(b"mg %s c" % second.encode()) == b"HD c%d\r\n" % own
    key = second.encode()
    assert client.ask(b"cas %s 0 0 1 %d\r\nx" % (key, foreign)) == b"EXISTS\r\n"
    assert client.ask(b"cas %s 0 0 1 %d\r\nx" % (key, raw(1, second))) == b"EXISTS\r\n"  # Nor does the node's own number.
    assert client.ask(b"ms %s 1 C%d\r\nx" % (key, foreign)) == b"EX\r\n"
    assert client.ask(b"md %s C%d" % (key, foreign)) == b"EX\r\n"
    assert client.ask(b"md %s q C%d" % (key, foreign)) == b"EX\r\n"
    assert client.ask(b"ma %s C%d" % (key, foreign)).startswith((b"EX", b"CLIENT_ERROR cannot increment"))
    assert client.ask(b"gats 0 " + key).split()[4] == b"%d" % own
    assert client.ask(b"cas %s 0 0 1 %d\r\nx" % (key, own)) == STORED
    assert client.ask(b"cas %s 0 0 1 %d\r\nx" % (key, own)) == b"EXISTS\r\n"


def test_a_token_stays_good_when_the_proxy_restarts_and_the_nodes_change_places():
    """semantics.md 24: it is the node's name that counts."""
    with MemcacheFleet(workers=2) as fleet:
        keys = keys_of_every_node(fleet)
        with fleet.client() as client:
            client.exchange(b"".join(storage("set", key, b"1") for key in keys))
            tokens = [client.ask("gets " + key).split()[4] for key in keys]
        fleet.proxy.kill()
        fleet.proxy.config["pools"]["main"]["nodes"].reverse()
        fleet.proxy.start()
        for key, token in zip(keys, tokens):
            with fleet.client() as client:
                assert client.ask(b"cas %s 0 0 1 %s\r\n2" % (key.encode(), token)) == STORED
                assert client.ask(b"ms %s 1 C%s\r\n2" % (key.encode(), token)) == b"EX\r\n"


def test_prefixes_lead_to_their_pools():
    with MemcachedServer() as main, MemcachedServer() as carts:
        config = memcache_config([main])
        config["pools"]["carts"] = {"protocol": "memcached", "nodes": [f"127.0.0.1:{carts.port}"]}
        config["listeners"][0].pop("pool")
        config["listeners"][0]["routes"] = [{"prefix": "cart:", "pool": "carts"}, {"pool": "main"}]
        with Proxy(config) as proxy, MemcacheClient(proxy.port) as client:
            assert client.exchange(storage("set", "cart:1", b"a") + storage("set", "user:1", b"b")) == STORED * 2
            assert client.ask(b"ms %s 1 b\r\nc" % encoded(b"cart:2")) == b"HD\r\n"  # The decoded key has the prefix.
            assert main.ask("get cart:1 cart:2 user:1") == value("user:1", b"b") + b"END\r\n"
            assert carts.ask("get cart:1 user:1") == value("cart:1", b"a") + b"END\r\n"
            assert carts.ask(b"mg %s b v" % encoded(b"cart:2")) == b"VA 1\r\nc\r\n"
            assert client.ask("get user:1 cart:1 user:1") == value("user:1", b"b") + value("cart:1", b"a") + value("user:1", b"b") + b"END\r\n"
            stats = parse_stats(client.ask("stats"))
            assert stats["curr_items"] == "3" and stats["ringproxy_nodes"] == "2"
            assert client.ask("flush_all") == b"OK\r\n"
            assert main.ask("get user:1") == carts.ask("get cart:1") == b"END\r\n"


def test_the_command_line_alone_is_enough():
    with MemcachedServer() as first, MemcachedServer() as second:
        nodes = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
        with Proxy(arguments=["--memcached", nodes, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]) as proxy, MemcacheClient(proxy.port) as client:
            assert client.exchange(b"".join(storage("set", f"k{i}", b"1") for i in range(100))) == STORED * 100
            assert sorted([first.stats()["curr_items"], second.stats()["curr_items"]])[0] != "0"
            assert parse_stats(client.ask("stats"))["curr_items"] == "100"
            assert proxy.get("/api/v1/locate?pool=memcached&key=k1")[0] == 200


def test_nodes_that_want_a_password(tmp_path):
    users, secret = tmp_path / "users", tmp_path / "password"
    users.write_text("app:s3cret\n")
    secret.write_text("s3cret\n")
    auth = {"username": "app", "password_file": str(secret)}
    with MemcachedServer("-Y", str(users)) as node:
        assert node.ask("get k") == b"CLIENT_ERROR unauthenticated\r\n"
        with Proxy(memcache_config([node], auth=auth)) as proxy, MemcacheClient(proxy.port) as client:
            assert client.exchange(storage("set", "k", b"1") + b"get k\r\nmg k v\r\n") == STORED + value("k", b"1") + b"END\r\nVA 1\r\n1\r\n"
        secret.write_text("wr0ng\n")
        with Proxy(memcache_config([node], auth=auth), ready=False) as proxy, MemcacheClient(proxy.port) as client:
            wait_for(lambda: client.ask("get k") == b"SERVER_ERROR node down\r\n", "a refusal")
            wait_for(lambda: "is down" in proxy.log(), "the reason in the log")
            assert "wr0ng" not in proxy.log()


def test_the_metrics_count_memcached_commands(fleet, client):
    def counts():
        return [fleet.proxy.metric("requests_total", command=name) for name in ("get", "set", "mg", "other")]

    before = counts()
    client.send(b"get a b c\r\nset a 0 0 1\r\n1\r\nset a 0 0 1 noreply\r\n1\r\nmg a v q\r\nnonsense\r\nmn\r\n")
    client.until(b"MN\r\n")
    assert [after - old for after, old in zip(counts(), before)] == [1, 2, 1, 1]
    assert fleet.proxy.metric("node_in_flight") == 0
    pools = json.loads(fleet.proxy.get("/api/v1/pools")[1])["pools"]
    assert all(node["up"] for node in pools[0]["nodes"])
