"""A set that is too large: memcached drops the item that it was to replace, and so does the proxy, without reading it."""

import pytest

from memcache_servers import MemcacheClient, MemcachedServer, memcache_config, storage, value
from servers import Proxy

TOO_LARGE = b"SERVER_ERROR object too large for cache\r\n"
SIZE = 1_200_000


@pytest.fixture(scope="module", params=[{}, {"limits": {"bulk": "1MiB"}}], ids=["the servers' limit", "the listener's"])
def client(request):
    with MemcachedServer() as first, MemcachedServer() as second:
        config = memcache_config([first, second])
        config["listeners"][0].update(request.param)
        with Proxy(config) as proxy, MemcacheClient(proxy.port) as connection:
            yield connection


@pytest.mark.parametrize("line", ["set {} 0 0 {}", "ms {} {}", "ms {} {} c s", "ms {} {} MA"])
def test_a_set_that_is_too_large_drops_the_old_item(client, line):
    assert client.ask(storage("set", "k", b"old")[:-2]) == b"STORED\r\n"
    assert client.ask(line.format("k", SIZE) + "\r\n" + "x" * SIZE) == TOO_LARGE
    assert client.ask("get k") == b"END\r\n"


def test_other_storage_commands_leave_the_old_item(client):
    assert client.ask(storage("set", "k", b"old")[:-2]) == b"STORED\r\n"
    for command in ("add", "replace", "append", "prepend"):
        assert client.ask(f"{command} k 0 0 {SIZE}\r\n" + "x" * SIZE) == TOO_LARGE, command
        assert client.ask("get k") == value("k", b"old") + b"END\r\n", command


def test_a_quiet_set_is_not_answered(client):
    assert client.ask(storage("set", "k", b"old")[:-2]) == b"STORED\r\n"
    assert client.ask(f"set k 0 0 {SIZE} noreply\r\n" + "x" * SIZE + "\r\nget k") == b"END\r\n"
    assert client.ask(storage("set", "k", b"old")[:-2]) == b"STORED\r\n"
    assert client.ask(f"ms k {SIZE} q\r\n" + "x" * SIZE + "\r\nmn") == TOO_LARGE
    assert client.reply() == b"MN\r\n" and client.ask("get k") == b"END\r\n"


def test_a_key_in_base64_is_the_same_key(client):
    assert client.ask(storage("set", "key", b"old")[:-2]) == b"STORED\r\n"
    assert client.ask(f"ms a2V5 {SIZE} b\r\n" + "x" * SIZE) == TOO_LARGE
    assert client.ask("get key") == b"END\r\n"


def test_replies_keep_their_order(client):
    assert client.ask(storage("set", "a", b"1")[:-2]) == client.ask(storage("set", "b", b"2")[:-2]) == b"STORED\r\n"
    client.send(b"get a\r\n" + f"set a 0 0 {SIZE}\r\n".encode() + b"x" * SIZE + b"\r\nget a\r\nget b\r\n")
    assert client.reply() == value("a", b"1") + b"END\r\n"
    assert client.reply() == TOO_LARGE
    assert client.reply() == b"END\r\n" and client.reply() == value("b", b"2") + b"END\r\n"
