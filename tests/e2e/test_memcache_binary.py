"""memcached's binary protocol: as one server has it, before one node and before three (semantics.md 28)."""

import random
import struct
import subprocess

import pytest

from binary_client import (
    ADD, ADDQ, APPEND, APPENDQ, BUSY, DECR, DECRQ, DELETE, DELETEQ, EXISTS, FLUSH, FLUSHQ, GAT, GATK, GATKQ, GATQ, GET, GETK, GETKQ, GETQ, INCR, INCRQ,
    NOOP, NOT_FOUND, PREPEND, PREPENDQ, QUIT, QUITQ, REPLACE, REPLACEQ, SET, SETQ, STAT, TEMPORARY, TOUCH, VERBOSITY, VERSION, BinaryClient, count, packet,
    store, touch)
from limited import decisions, limit
from memcache_servers import MemcachedServer, MemcacheFleet, memcache_config, storage, value
from servers import PATIENCE, PATIENT, Proxy, wait_for


@pytest.fixture(scope="module")
def server():
    with MemcachedServer() as node:
        yield node


@pytest.fixture(scope="module", params=[1, 3], ids=["one", "three"])
def shared_binary(request):
    with MemcacheFleet(request.param, **PATIENT) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def shared_fleet():
    with MemcacheFleet(**PATIENT) as fleet:
        yield fleet


@pytest.fixture
def pair(server, shared_binary):
    """One server, and the proxy."""
    server.ask("flush_all")
    shared_binary.flush()
    with BinaryClient(server.port) as direct, BinaryClient(shared_binary.proxy.port) as proxied:
        yield direct, proxied


@pytest.fixture
def binary(fleet):
    with BinaryClient(fleet.proxy.port) as client:
        yield client


def without_tokens(replies):
    """Each server counts its own; whether there is one is the same."""
    return [reply._replace(cas=min(reply.cas, 1)) for reply in replies]


ONE_BY_ONE = {
    "storage": [store(op, f"k{i % 3}", b"value %d" % i, flags=i, opaque=i) for i, op in enumerate([SET, ADD, REPLACE, SETQ, ADDQ, REPLACEQ, ADD, SET] * 3)],
    "reads": [store(SETQ, key, key.encode(), flags=9) for key in ("a", "b")]
    + [packet(op, key, opaque=op) for op in (GET, GETQ, GETK, GETKQ) for key in ("a", "none", "b")],
    "touch": [store(SETQ, "a", b"v", flags=3)] + [touch(op, key, 100, opaque=op) for op in (TOUCH, GAT, GATQ, GATK, GATKQ) for key in ("a", "none")],
    "expired": [store(SET, "a", b"v", exptime=1 << 31), packet(GET, "a"), touch(TOUCH, "a", 0), packet(GET, "a")],
    "counters": [count(op, key, delta, initial, opaque=i) for i, (op, key, delta, initial) in enumerate(
        [(INCR, "n", 1, 10), (INCR, "n", 5, 10), (DECR, "n", 100, 0), (INCRQ, "n", 7, 0), (DECRQ, "m", 1, 50), (DECR, "m", 1, 50), (INCR, "n", 2**64 - 1, 0)])]
    + [count(INCR, "none", exptime=0xffffffff), store(SET, "text", b"abc"), count(INCR, "text"), count(INCRQ, "text")],
    "appending": [packet(APPEND, "none", value=b"x"), store(SET, "a", b"middle")]
    + [packet(op, "a", value=b"%d" % op) for op in (APPEND, PREPEND, APPENDQ, PREPENDQ)] + [packet(APPENDQ, "none", value=b"x"), packet(GET, "a")],
    "deletes": [store(SETQ, "a", b"v"), packet(DELETE, "a"), packet(DELETE, "a"), store(SETQ, "a", b"v"), packet(DELETEQ, "a"), packet(DELETEQ, "a")],
    "flush": [store(SETQ, "a", b"v"), packet(FLUSH, opaque=4), packet(GET, "a"), store(SETQ, "a", b"v"), packet(FLUSHQ), packet(GET, "a"),
              store(SETQ, "a", b"v"), packet(FLUSH, extras=struct.pack(">I", 1000)), packet(GET, "a")],
    "unkeyed": [packet(NOOP, opaque=7), packet(VERSION, opaque=2**32 - 1), packet(STAT, "reset", opaque=8), packet(STAT, "nonsense", opaque=9)],
    "unknown": [packet(op, opaque=op) for op in (VERBOSITY, 0x20, 0x30, 0x40, 0xff)],
    "any-key": [store(SET, key, b"v") for key in (b"a b", b"\r\n", b"\0\x80", b"k" * 250)] + [packet(GETK, key) for key in (b"a b", b"\r\n", b"\0\x80", b"k" * 250)],
    "large": [store(SET, "a", b"v" * 500_000), packet(GET, "a"), store(SET, "a", b"v" * 2_000_000, opaque=5), packet(GET, "a"), store(SET, "a", b"v"),
              packet(APPEND, "a", value=b"v" * 2_000_000), packet(GET, "a"), store(SETQ, "a", b"v" * 2_000_000, opaque=6), store(ADD, "b", b"v" * 2_000_000)],
    "bad-tokens": [store(SET, "a", b"v", cas=1 << 60), store(SET, "a", b"v"), store(SET, "a", b"v", cas=1 << 60), packet(DELETE, "a", cas=1 << 60),
                   packet(APPEND, "a", value=b"v", cas=1 << 60), count(INCR, "a", cas=1 << 60), store(SETQ, "a", b"v", cas=1 << 60)],
}


@pytest.mark.smoke
@pytest.mark.parametrize("requests", ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
def test_all_commands_answer_as_one_server_does(pair, requests):
    expected, got = [without_tokens(client.exchange(b"", [b"".join(requests)])) for client in pair]
    assert got == expected
    if len(b"".join(requests)) < 100_000:
        cut = b"".join(requests)
        pieces = [cut[i:i + 7] for i in range(0, len(cut), 7)]
        expected, got = [without_tokens(client.exchange(b"", pieces)) for client in pair]
        assert got == expected


CLOSING = {
    "get without a key": packet(GET), "get with extras": packet(GET, "k", b"1234"), "get with a value": packet(GET, "k", value=b"v"),
    "long key": packet(GET, "k" * 251), "long key of a set": store(SET, "k" * 251, b"v"), "key beyond the body": packet(GET, "key", body=2),
    "set with few extras": packet(SET, "k", b"1234", b"v"), "set without a key": store(SET, "", b"v"), "incr with few extras": packet(INCR, "k", b"12345678"),
    "append with extras": packet(APPEND, "k", b"1234", b"v"), "delete with extras": packet(DELETE, "k", b"1234"), "touch without extras": packet(TOUCH, "k"),
    "noop with a body": packet(NOOP, value=b"v"), "version with a key": packet(VERSION, "k"), "quit with a key": packet(QUIT, "k"),
    "flush with a key": packet(FLUSH, "k"), "stat with extras": packet(STAT, extras=b"1234"), "quit": packet(QUIT, opaque=5), "quitq": packet(QUITQ),
    "text": b"get k\r\n" * 4,  # The server waits for as much as a header has.
}


@pytest.mark.parametrize("request_bytes", CLOSING.values(), ids=CLOSING.keys())
def test_what_the_server_closes_on_closes_here_with_the_same_words(server, shared_binary, request_bytes):
    answers = []
    for port in (server.port, shared_binary.proxy.port):
        with BinaryClient(port) as client:
            client.send(packet(NOOP, opaque=1) + request_bytes)
            assert client.reply().opaque == 1
            answers.append(client.closed_by_peer())
    assert answers[0] == answers[1]


def test_tokens_belong_to_their_item_and_to_both_protocols(fleet, binary, client):
    """See semantics.md 24."""
    keys = [fleet.key_of(node, "token") for node in range(3)]
    first = [binary.ask(store(SET, key, b"1")).cas for key in keys]
    assert all(0 < token < 2**53 for token in first) and len(set(first)) == 3
    assert [binary.ask(packet(GET, key)).cas for key in keys] == first
    # One server's counter says the same of another's item: the proxy's tokens do not.
    assert binary.ask(store(SET, keys[0], b"2", cas=first[1])).status == EXISTS
    assert client.ask(storage("cas", keys[0], b"2", tail=b" %d" % first[0])[:-2]) == b"STORED\r\n"
    second = binary.ask(packet(GET, keys[0])).cas
    assert second != first[0] and binary.ask(store(SET, keys[0], b"3", cas=first[0])).status == EXISTS
    changed = binary.ask(store(SET, keys[0], b"3", cas=second))
    assert changed.status == 0 and binary.ask(packet(DELETE, keys[0], cas=changed.cas)).status == 0


def test_items_are_the_same_in_both_protocols(fleet, binary, client):
    for i in range(30):
        assert binary.ask(store(SET, f"both{i}", b"binary %d" % i, flags=i)).status == 0
        assert client.ask(f"get both{i}") == value(f"both{i}", b"binary %d" % i, i) + b"END\r\n"
        client.ask(storage("set", f"both{i}", b"text", flags=7)[:-2])
        assert binary.ask(packet(GET, f"both{i}"))[4:] == (struct.pack(">I", 7), b"", b"text")


def batch(keys, opcode=GETKQ):
    return b"".join(packet(opcode, key, opaque=i) for i, key in enumerate(keys))


@pytest.mark.smoke
def test_a_batch_of_quiet_gets_comes_back_in_its_order_from_all_nodes(fleet, binary):
    keys = [f"batch{i}" for i in range(500)]
    binary.exchange(b"".join(store(SETQ, key, key.encode()) for key in keys[::2]))
    got = binary.exchange(batch(keys))
    assert [(reply.opaque, reply.key.decode(), reply.value.decode()) for reply in got] == [(i, keys[i], keys[i]) for i in range(0, 500, 2)]
    assert {reply.opcode for reply in got} == {GETKQ}


def test_a_hundred_thousand_requests_before_the_first_reply_is_read(binary):
    binary.socket.settimeout(60)
    got = binary.exchange(b"".join(store(SETQ, f"deep{i % 1000}", b"%06d" % i) for i in range(50_000)) + batch([f"deep{i % 1000}" for i in range(50_000)]))
    assert [reply.value for reply in got] == [b"%06d" % (49_000 + i % 1000) for i in range(50_000)]


def test_random_requests_of_several_clients_read_their_own_replies(fleet):
    """Out of step by one, a value would be another key's."""
    seed = random.randrange(2**32)
    choice = random.Random(seed)
    clients = [BinaryClient(fleet.proxy.port) for _ in range(6)]
    for turn in range(30):
        expected = []
        for number, client in enumerate(clients):
            asked = [(choice.choice([GET, GETK, SET, SETQ, GETKQ]), f"mine{number}-{choice.randrange(20)}") for _ in range(50)]
            data = b"".join(packet(op, key, opaque=i) if op in (GET, GETK, GETKQ) else store(op, key, key.encode() * 3, opaque=i) for i, (op, key) in enumerate(asked))
            client.send(data + packet(NOOP, opaque=turn))
            expected.append(asked)
        for client, asked in zip(clients, expected):
            last = -1
            while (reply := client.reply()).opcode != NOOP:
                op, key = asked[reply.opaque]
                assert reply.opcode == op and reply.opaque > last, seed
                last = reply.opaque
                assert reply.status in (0, NOT_FOUND) and (op not in (GET, GETK, GETKQ) or reply.status or reply.value == key.encode() * 3), seed
            assert reply.opaque == turn
    for client in clients:
        client.socket.close()


def test_statistics_are_those_of_one_large_memcached():
    """See semantics.md 26. Servers of its own: a flush leaves items counted until they are looked at."""
    with MemcacheFleet(3, **PATIENT) as fleet, BinaryClient(fleet.proxy.port) as binary:
        binary.exchange(b"".join(store(SETQ, f"stat{i}", b"x" * 50) for i in range(30)))
        stats = binary.stats()
        assert stats["curr_items"] == "30" and stats["ringproxy_nodes"] == "3" and stats["ringproxy_nodes_answered"] == "3"
        assert binary.stats(b"settings")["maxconns"] == fleet.nodes[0].stats("settings")["maxconns"]
        assert any(name.endswith(":number") for name in binary.stats(b"items")) and "active_slabs" in binary.stats(b"slabs")
        for group in (b"items\r\nflush_all", b"detail dump", b"cachedump 1 1", b"\0"):
            assert binary.ask(packet(STAT, group)).status == NOT_FOUND
        assert binary.stats()["curr_items"] == "30"


def test_a_flush_neither_overtakes_nor_is_overtaken(binary):
    keys = [f"order{i}" for i in range(50)]
    for _ in range(20):
        sets = b"".join(store(SETQ, key, b"v") for key in keys)
        assert [r.status for r in binary.exchange(sets + packet(FLUSHQ) + batch(keys, GETQ) + sets + batch(keys, GETQ))] == [0] * 50


@pytest.mark.parametrize("on_partial", ["error", "miss"])
def test_a_node_that_is_down_fails_its_own_keys_alone(on_partial):
    with MemcacheFleet(3, on_partial=on_partial, health={"interval": "100ms"}) as fleet:
        keys = [fleet.key_of(node, "down") for node in range(3)]
        with BinaryClient(fleet.proxy.port) as client:
            client.exchange(b"".join(store(SETQ, key, key.encode()) for key in keys))
            fleet.nodes[1].kill()
            wait_for(lambda: client.ask(packet(GET, keys[1])).status == TEMPORARY, "the node to be missed")
            wait_for(lambda: fleet.proxy.metric("node_up", node="r1") == 0, "the check to fail")
            got = client.exchange(batch(keys) + packet(GET, keys[1], opaque=7) + store(SETQ, keys[1], b"v", opaque=8))
            failed = [(r.opaque, r.status, r.value) for r in got if r.status]
            quiet = [] if on_partial == "miss" else [(1, TEMPORARY, b"node down")]
            assert failed == quiet + [(7, TEMPORARY, b"node down"), (8, TEMPORARY, b"node down")]
            assert [(r.opaque, r.value.decode()) for r in got if not r.status] == [(0, keys[0]), (2, keys[2])]


def test_links_break_and_come_back_under_load(fleet, binary):
    key = fleet.key_of(0, "back")
    assert binary.ask(store(SET, key, b"v")).status == 0
    fleet.nodes[0].kill()
    wait_for(lambda: binary.ask(packet(GET, key)).status == TEMPORARY, "the node to be missed")
    fleet.nodes[0].start()
    wait_for(lambda: binary.ask(packet(GET, key)).status == NOT_FOUND, "the node to be back")


def test_a_node_of_text_alone_serves_text_clients_and_refuses_binary_ones():
    with MemcacheFleet(1, node_arguments=("-B", "ascii"), health={"interval": "100ms"}) as fleet, fleet.client() as text:
        with BinaryClient(fleet.proxy.port) as client:
            wait_for(lambda: client.ask(packet(GET, "k")).status == 0x83, "the refusal")
            for _ in range(50):
                assert client.ask(packet(GET, "k", opaque=3))[:3] == (GET, 3, 0x83)
                assert text.ask("get k") == b"END\r\n"
            assert client.ask(packet(NOOP)).status == 0 and client.stats()["curr_items"] == "0"
        fleet.proxy.wait_for_log("refuses links that speak memcached's binary protocol: ERROR")
        assert fleet.proxy.metric("node_up") == 1


def test_limits_and_metrics_meet_the_commands_of_both_protocols(server):
    server.ask("flush_all")
    config = {**memcache_config([server]), "limits": [limit("few", 2, match={"command": "get"})]}
    with Proxy(config) as proxy, BinaryClient(proxy.port) as client:
        assert [client.ask(packet(op, "k")).status for op in (GET, GETK, GET, GETQ)] == [NOT_FOUND, NOT_FOUND, BUSY, BUSY]
        assert client.ask(store(SET, "k", b"v")).status == 0
        wait_for(lambda: proxy.metric("requests_total", command="get") == 4, "the counter")
        assert decisions(proxy, "few") == {"admitted": 2, "refused": 2}


@pytest.mark.smoke
def test_libmemcached_says_that_the_binary_protocol_is_whole(fleet):
    result = subprocess.run(["memccapable", "-h", "127.0.0.1", "-p", str(fleet.proxy.port), "-b", "-t", "5"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 0 and "All tests passed" in result.stdout, result.stdout


def test_binary_bytes_that_are_none_disturb_nobody(fleet, client):
    choice = random.Random(7)
    for _ in range(100):
        with BinaryClient(fleet.proxy.port) as stranger:
            head = bytes([0x80, choice.choice([0, 1, 4, 5, 8, 0x10, 0x1c, 0x7f])]) + choice.randbytes(22)
            stranger.send(head + choice.randbytes(choice.randrange(300)))
    assert client.ask("mn") == b"MN\r\n"
    assert all(fleet.proxy.metric("node_up", node=f"r{node}") == 1 for node in range(3))
