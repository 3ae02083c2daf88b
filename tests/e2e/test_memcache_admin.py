"""memcached's administrative commands: what all nodes are told, what they list, and what nobody may ask of them."""

import contextlib
import re
import urllib.parse

import pytest

from memcache_servers import MemcachedServer, MemcacheFleet, storage
from servers import PATIENT, wait_for
from test_health import quick

ADMIN = {"admin_commands": True}

# Each leaves the server as the next one expects it.
LINES = """
cache_memlimit; cache_memlimit 64; cache_memlimit x; cache_memlimit 1; cache_memlimit 64 a; cache_memlimit 64 a b; cache_memlimit 64 noreply
verbosity x; lru; lru x; lru tune 20 40 0.1 0.5; lru tune 20 40 0.1; lru tune 90 40 0.1 0.5; lru tune x 40 0.1 0.5; lru mode flat; lru mode segmented
lru mode x; lru temp_ttl 60; lru temp_ttl x; lru temp_ttl -1; lru mode segmented noreply; lru_crawler; lru_crawler x; lru_crawler enable
lru_crawler enable noreply; lru_crawler sleep; lru_crawler sleep 100; lru_crawler sleep x; lru_crawler sleep 10000000; lru_crawler sleep 1 2
lru_crawler tocrawl 0; lru_crawler tocrawl x; lru_crawler crawl; lru_crawler crawl x; lru_crawler crawl 999; lru_crawler metadump
lru_crawler metadump x; lru_crawler metadump 2,3; lru_crawler metadump all noreply; lru_crawler mgdump; lru_crawler mgdump all
slabs; slabs x; slabs reassign; slabs reassign 1; slabs reassign x 2; slabs reassign -1 2; slabs reassign 1 1; slabs automove; slabs automove 0
slabs automove 1; slabs automove x; slabs automove 5; slabs automove 1 2; slabs automove ratio 0.5; slabs automove 1 noreply
stats detail; stats detail x; stats detail on; stats detail dump; stats detail off; stats detail off x
"""


@pytest.fixture(scope="module", params=[1, 3])
def shared_fleet(request):
    with MemcacheFleet(request.param, listener=ADMIN, **PATIENT) as fleet:
        yield fleet


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().replace("\n", ";").split(";")])
def test_arguments_right_and_wrong_read_as_of_one_server(fleet, client, alone, line):
    request = line.encode() + b"\r\n"
    expected = alone.exchange(request)
    assert client.exchange(request) == expected


@pytest.fixture(scope="module")
def alone():
    with MemcachedServer() as server, server.client() as client:
        yield client


def settings(fleet, name):
    return {node.stats("settings")[name] for node in fleet.nodes}


def test_all_nodes_are_told(fleet, client):
    assert client.ask("cache_memlimit 32") == b"OK\r\n"
    assert settings(fleet, "maxbytes") == {str(32 << 20)}
    assert client.exchange(b"cache_memlimit 64 noreply\r\nlru_crawler tocrawl 7\r\nlru temp_ttl 61\r\nslabs automove 0\r\n") == b"OK\r\n" * 3
    for name, value in {"maxbytes": str(64 << 20), "lru_crawler_tocrawl": "7", "temporary_ttl": "61", "slab_automove": "0"}.items():
        assert settings(fleet, name) == {value}, name
    client.exchange(b"lru temp_ttl -1\r\nslabs automove 1\r\nlru_crawler tocrawl 0\r\n")


def test_a_node_that_says_something_else_is_named(fleet, client):
    last = fleet.nodes[-1]
    assert last.ask("lru_crawler disable") == b"OK\r\n"
    # The server's thread ends a moment later.
    wait_for(lambda: last.ask("lru_crawler metadump all") == b"CLIENT_ERROR lru crawler disabled\r\n", "the crawler to end")
    name = "" if len(fleet.nodes) == 1 else " (node r2)"
    assert client.exchange(b"lru_crawler crawl 1\r\n").decode() == f"CLIENT_ERROR lru crawler disabled{name}\r\n"
    assert client.exchange(b"lru_crawler metadump all\r\n").decode().endswith(f"CLIENT_ERROR lru crawler disabled{name}\r\n")
    assert last.ask("lru_crawler enable") == b"OK\r\n"


def test_nobody_may_ask_for_these(client):
    for line in ("watch", "watch fetchers", "shutdown", "shutdown graceful", "misbehave", "debugtime p", "stats sizes_enable"):
        assert re.fullmatch(rb"CLIENT_ERROR .* is not supported by ringproxy: .*\r\nMN\r\n", client.exchange(line.encode() + b"\r\nmn\r\n")), line


def listed(reply):
    lines = reply.split(b"\n")
    assert lines[-2:] == [b"END\r", b""], lines[-3:]
    return [dict(field.split(b"=", 1) for field in line.split(b" ")) for line in lines[:-2]]


def test_metadump_lists_every_key_of_all_nodes_with_tokens_that_fit(fleet, client):
    fleet.flush()
    keys = [f"dump:{i}" for i in range(2000)]
    client.exchange(b"".join(storage("set", key, b"x") for key in keys))
    # Where the proxy can repeat what a client has chosen, it is encoded.
    client.exchange(b"ms YQ0KRU5EDQpWQUxVRSB4 1 b\r\nx\r\n")
    items = listed(client.exchange(b"lru_crawler metadump hash\r\n"))
    assert sorted(urllib.parse.unquote(item[b"key"].decode()) for item in items) == sorted([*keys, "a\r\nEND\r\nVALUE x"])
    for item in items[:20]:
        key = urllib.parse.unquote_to_bytes(item[b"key"])
        if b"\n" not in key:
            assert client.exchange(storage("cas", key, b"y", tail=b" " + item[b"cas"])) == b"STORED\r\n"
            assert int(item[b"cas"]) < 1 << 53


def test_a_long_list_keeps_nobody_waiting_and_its_place(fleet, client):
    fleet.flush()
    count = 40_000
    for start in range(0, count, 1000):
        client.exchange(b"".join(storage("set", f"long:{i:0100d}", b"x", tail=b" noreply") for i in range(start, start + 1000)))
    with fleet.client() as other:
        client.send(b"get none\r\nlru_crawler metadump hash\r\nmn\r\n")
        assert other.exchange(b"get none\r\n" * 100) == b"END\r\n" * 100
        # It is read slowly at first.
        assert client.until(b"END\r\n") == b""
        items = listed(client.until(b"MN\r\n"))
    assert len(items) == count


def test_connections_and_prefixes_of_all_nodes(fleet, client):
    fleet.flush()
    reply = client.ask("stats conns").decode()
    several = len(fleet.nodes) > 1
    for number, node in enumerate(fleet.nodes):
        assert re.search(rf"STAT {f'r{number}:' if several else ''}\d+:listen_addr tcp:127.0.0.1:{node.port}\r\n", reply), reply
    assert client.ask("stats detail on") == b"OK\r\n"
    keys = [f"p{i % 3}:{i}" for i in range(30)]
    client.exchange("".join(f"get {key}\r\n" for key in keys).encode())
    dumped = client.exchange(b"stats detail dump\r\n").decode()
    assert sorted(dumped.split("\r\n")) == sorted(["", "END", *(f"PREFIX p{i} get 10 hit 0 set 0 del 0" for i in range(3))])
    assert client.ask("stats detail off") == b"OK\r\n"


def test_a_node_that_is_lost_ends_the_list_with_an_error():
    with MemcacheFleet(2, listener=ADMIN, **quick()) as fleet, fleet.client() as client:
        client.exchange(b"".join(storage("set", f"key:{i}", b"x") for i in range(50)))
        fleet.nodes[1].kill()
        fleet.proxy.wait_for_state("r1", "down")
        assert client.ask("lru_crawler metadump all") == b"SERVER_ERROR node down\r\n"
        assert client.ask("cache_memlimit 64") == b"SERVER_ERROR node down (node r1)\r\n"


def test_a_listener_without_admin_commands_lists_and_changes_nothing():
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(MemcacheFleet(2, **PATIENT))
        client = stack.enter_context(fleet.client())
        before = [node.stats("settings") for node in fleet.nodes]
        for line in ("cache_memlimit 32", "lru mode flat", "slabs automove 0", "lru_crawler disable", "lru_crawler crawl all", "stats detail on"):
            reply = client.exchange(line.encode() + b"\r\n")
            assert reply.endswith(b"or set admin_commands: true of the listener\r\n"), reply
        assert [node.stats("settings") for node in fleet.nodes] == before
        assert client.ask("lru_crawler metadump all") == b"END\r\n"
        assert client.ask("stats detail dump") == b"END\r\n"
