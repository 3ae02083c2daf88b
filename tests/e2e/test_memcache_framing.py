"""Bytes of memcached: large requests, buffer boundaries, sizes at and above the limits, clients that hang up or never read."""

import contextlib
import socket

import pytest

from memcache_servers import MemcacheFleet, storage, value
from servers import PATIENT, wait_for

STORED, TOO_LARGE = b"STORED\r\n", b"SERVER_ERROR object too large for cache\r\n"
MEBI = 1 << 20


@pytest.fixture(scope="module")
def shared_fleet():
    with MemcacheFleet(**PATIENT) as fleet:
        yield fleet


def test_a_request_cut_at_every_byte_is_the_same_request(client):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = [storage("set", "cut", b"va\r\nlue", flags=3), b"get cut none cut other\r\n", b"ms cut 2 q\r\n\r\n\r\n", b"mg cut v k\r\n",
                b"set cut 0 0 1 noreply\r\n1\r\n", b"mg none v q\r\n", b"incr cut 5\r\n", b"mn\r\n"]
    data = b"".join(requests)
    expected = STORED + value("cut", b"va\r\nlue", 3) * 2 + b"END\r\nVA 2 kcut\r\n\r\n\r\n6\r\nMN\r\n"
    for cut in range(1, len(data)):
        assert client.exchange(data, [data[:cut], data[cut:]]) == expected


@pytest.mark.smoke
@pytest.mark.parametrize("command,count", [("get", 10_000), ("gets", 10_000), ("gat 0", 5_000)])
def test_a_multi_get_of_ten_thousand_keys(client, command, count):
    """A line of 110 KB, with hits, misses and duplicates; memcached takes such lines from get and gets only (semantics.md 29)."""
    keys = [f"many{i:06}" for i in range(count)]
    stored = [key for i, key in enumerate(keys) if i % 3]
    assert client.exchange(b"".join(storage("set", key, key.encode()) for key in stored)) == STORED * len(stored)
    asked = keys + stored[:50]
    reply = client.ask(f"{command} {' '.join(asked)}")
    assert reply.split(b"\r\n")[1:-2:2] == [key.encode() for key in stored + stored[:50]]
    if command != "gets":
        assert reply == b"".join(value(key, key.encode()) for key in stored + stored[:50]) + b"END\r\n"


def test_multi_gets_of_long_keys_in_a_deep_pipeline(client):
    """semantics.md 29: keys of 250 bytes, lines of 64 KiB and around it."""
    keys = [(f"{i:04}" + "k" * 250)[:250] for i in range(300)]
    client.exchange(b"".join(storage("set", key, b"v") for key in keys[::2]))
    requests = expected = b""
    for count in (260, 261, 262, 263, 300, 1, 130):
        requests += b"get " + " ".join(keys[:count]).encode() + b"\r\nmn\r\n"
        expected += b"".join(value(key, b"v") for key in keys[:count:2]) + b"END\r\nMN\r\n"
    assert client.exchange(requests) == expected


def test_keys_and_values_around_the_buffer_sizes(client):
    """semantics.md 29: lines, values and their sums at and around multiples of 16 KiB."""
    pairs = [(f"edge{total}-{short}", bytes((total + i) % 251 for i in range(total - short)))
             for total in (1 << 14, 2 << 14, 3 << 14, 1 << 16) for short in (*range(-3, 4), *range(18, 34), 40)]
    requests = b"".join(storage("set", key, data) + f"get {key}\r\nmg {key} v\r\n".encode() for key, data in pairs)
    expected = b"".join(STORED + value(key, data) + b"END\r\nVA %d\r\n%s\r\n" % (len(data), data) for key, data in pairs)
    for start in range(0, len(pairs), 4):  # Small groups first, so that a failure is easy to read.
        for key, data in pairs[start:start + 4]:
            assert client.exchange(storage("set", key, data)) == STORED
            assert client.exchange(f"get {key}\r\n".encode()) == value(key, data) + b"END\r\n", key
    client.send(b"".join(storage("set", key, data, tail=b" noreply") for key, data in pairs))
    asked = [key for key, _ in pairs]
    assert client.ask("get " + " ".join(asked)) == b"".join(value(key, data) for key, data in pairs) + b"END\r\n"
    for start in range(0, len(requests), 1 << 14):
        client.send(requests[start:start + (1 << 14)])
        client.take_what_has_come()  # So that neither side has to wait for the other.
    got = client.exchange(b"")
    assert len(got) == len(expected) and got == expected


@pytest.mark.parametrize("command", [b"set %s 0 0 %d\r\n", b"ms %s %d\r\n"])
def test_values_up_to_a_mebibyte_and_above(fleet, client, command):
    """semantics.md 7: the node refuses before it has read the value; every reply still belongs to its request."""
    good = STORED if command.startswith(b"set") else b"HD\r\n"
    with fleet.client() as other:
        for key in (fleet.key_of(node).encode() for node in range(3)):
            assert other.ask(b"set mine%s 0 0 4\r\nmine" % key) == STORED
            for size, reply in ((MEBI - 1024, good), (MEBI, TOO_LARGE), (MEBI + 1, TOO_LARGE), (1, good), (3 * MEBI, TOO_LARGE)):
                data = b"v" * size
                got = client.exchange(b"get none\r\n" + command % (key, size) + data + b"\r\nget %s\r\nmn\r\n" % key)
                left = value(key, data) if reply == good else b""  # What was there before is gone, as the server does it.
                assert got == b"END\r\n" + reply + left + b"END\r\nMN\r\n", (size, got[:100])
                assert other.ask(b"get mine%s" % key) == value(b"mine" + key, b"mine") + b"END\r\n"
            assert client.exchange(b"set %s 0 0 %d noreply\r\n%s\r\n" % (key, MEBI, b"v" * MEBI)) == b""


def test_an_early_refusal_waits_for_the_body_without_disturbing_others(fleet, client):
    """semantics.md 7: half of a value that is too large, then nothing for a while."""
    key = fleet.key_of(0).encode()
    body = b"get mine\r\nflush_all\r\n" * (2 * MEBI // 21)
    client.send(b"set %s 0 0 %d\r\n" % (key, len(body)) + body[:MEBI + 100_000])
    with fleet.client() as other:
        for i in range(100):
            assert other.ask(b"set %s 0 0 4\r\n%04d" % (key, i)) == STORED
            assert other.ask(b"get " + key) == value(key, b"%04d" % i) + b"END\r\n"
    client.send(body[MEBI + 100_000:] + b"\r\n")
    assert client.exchange(b"mn\r\n") == TOO_LARGE + b"MN\r\n"


def test_a_client_that_leaves_in_the_middle_of_a_value_disturbs_nobody(fleet, client):
    key = fleet.key_of(0).encode()
    for size in (10, 100_000, 900_000, 3 * MEBI):
        with fleet.client() as leaver:
            leaver.send(b"set %s 0 0 %d\r\n" % (key, size) + b"x" * (size // 2))
        assert client.exchange(b"set %s 0 0 1\r\n1\r\nget %s\r\n" % (key, key)) == STORED + value(key, b"1") + b"END\r\n"
    assert not [node for node in range(3) if fleet.proxy.metric("node_up", node=f"r{node}") != 1]


SIZES = [99999999999, 2**31 - 1, 2**31, 2**32 + 1, 2**63, 2**64, 2**64 + 1, 10**40]


@pytest.mark.parametrize("size", SIZES)
def test_a_value_that_is_declared_too_large_is_never_taken_for_commands(fleet, client, size):
    """semantics.md 30: refused and drained, or closed; what follows is its value and not a request."""
    keys = [fleet.key_of(node).encode() for node in range(3)]
    client.exchange(b"".join(storage("set", key, b"kept") for key in keys))
    for line in (b"set k 0 0 %d", b"set k 0 0 %d noreply", b"ms k %d", b"ms k %d q", b"cas k 0 0 %d 1", b"append k 0 0 %d"):
        with fleet.client() as rude:
            with contextlib.suppress(OSError):
                rude.send(line % size + b"\r\n" + b"flush_all noreply\r\n" * 3000)
                rude.socket.shutdown(socket.SHUT_WR)
            assert rude.closed_by_peer() in (b"", TOO_LARGE, b"CLIENT_ERROR bad command line format\r\n"), line
        for key in keys:
            assert client.ask(b"get " + key) == value(key, b"kept") + b"END\r\n", line


def test_the_listener_has_its_own_limits():
    """See semantics.md 7, 22 and 30."""
    with MemcacheFleet(1, listener={"limits": {"bulk": "64KiB"}}) as fleet, fleet.client() as client:
        largest = b"v" * 65536
        assert client.exchange(storage("set", "k", largest) + b"get k\r\n") == STORED + value("k", largest) + b"END\r\n"
        for data in (storage("set", "k", largest + b"v"), b"ms k 65537\r\n" + largest + b"v\r\n", b"ms k 65537 q\r\n" + largest + b"v\r\n",
                     storage("append", "k", b"x" * 3 * MEBI)):
            assert client.exchange(b"mn\r\n" + data + b"mn\r\n") == b"MN\r\n" + TOO_LARGE + b"MN\r\n"
        assert client.exchange(storage("set", "k", largest + b"v", tail=b" noreply") + b"mn\r\n") == b"MN\r\n"
        assert fleet.nodes[0].stats()["store_too_large"] == "0"


def test_a_half_closed_client_still_gets_its_replies(fleet, client):
    """See semantics.md 12."""
    keys = [f"half{i}" for i in range(200)]
    client.send(b"".join(storage("set", key, key.encode()) + f"get {key} none\r\n".encode() for key in keys))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.closed_by_peer() == b"".join(STORED + value(key, key.encode()) + b"END\r\n" for key in keys)


def test_a_hundred_thousand_requests_before_the_first_reply_is_read(client):
    count = 100_000
    client.socket.settimeout(60)
    client.send(b"".join(b"set deep%d 0 0 6\r\n%06d\r\n" % (i % 1000, i) for i in range(count)))
    assert client.exchange(b"mn\r\n") == STORED * count + b"MN\r\n"


GARBAGE = {
    "tls": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 189, "http": b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n",
    "redis": b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "random": bytes((i * 7919) % 256 for i in range(3000)) + b"\r\n", "nuls": b"\x00" * 100_000,
    "nul-key": b"get mine\x00x\r\nset mine\x00 0 0 4\r\nevil\r\nmg mine\x00 v\r\nms mine\x00 4 q\x00\r\nevil\r\n" * 10,
    "nul-size": b"set mine 0 0 4\x005\r\nevil\r\nset mine\x00 0 0 100\r\n", "cut": b"set k 0 0 100\r\nabc", "binary": b"\x80\x00\x00\x01" + b"\x00" * 20 + b"k",
    # memcached closes a connection when a line is longer than 2 KiB and has not come whole; the proxy's serves many clients.
    "long-number": b"incr mine " + b"0" * 60_000 + b"1\r\n", "long-opaque": b"mg mine O" + b"x" * 60_000 + b"\r\n", "spaces": b"touch mine 0" + b" " * 60_000 + b"\r\n",
    "long-gat": b"gat 0" + b" mine" * 10_000 + b"\r\n", "long-size": b"set mine 0 0 " + b"0" * 60_000 + b"1\r\n1\r\n", "flags": b"mg mine" + b" v" * 30_000 + b"\r\n",
    "long-extra": b"delete mine " + b"x" * 60_000 + b"\r\n", "long-stats": b"stats " + b"x" * 60_000 + b"\r\n", "long-flush": b"flush_all 0 " + b"x" * 60_000 + b"\r\n",
}


@pytest.mark.smoke
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_disturbs_nobody(fleet, client, data):
    connects, lines = fleet.proxy.metric("node_connects_total"), len(fleet.proxy.lines_about_clients())
    keys = [fleet.key_of(node, "mine").encode() for node in range(3)]
    for key in keys:
        with fleet.client() as stranger:
            with contextlib.suppress(OSError):
                stranger.send(data.replace(b"mine", key))
                stranger.socket.shutdown(socket.SHUT_WR)
            stranger.closed_by_peer()
        assert client.exchange(b"".join(storage("set", key, key) + b"get %s\r\n" % key for key in keys)) == b"".join(
            STORED + value(key, key) + b"END\r\n" for key in keys)
    assert fleet.proxy.metric("node_connects_total") == connects
    assert len(fleet.proxy.lines_about_clients()) <= lines + len(keys)


def test_what_a_browser_is_made_to_say_is_no_request(fleet, client):
    key = fleet.key_of(0).encode()
    for method in (b"GET /", b"POST /x", b"DELETE"):
        with fleet.client() as browser:
            browser.send(method + b" HTTP/1.1\r\n" + storage("set", key, b"forged"))
            assert browser.closed_by_peer() == b""
    assert client.exchange(b"get %s\r\n" % key) == b"END\r\n"


def test_a_client_that_never_reads_is_disconnected_and_others_do_not_notice():
    with MemcacheFleet(2, listener={"limits": {"output": "8MiB"}}, **PATIENT) as fleet:
        with fleet.client() as good, fleet.client() as bad:
            keys = [fleet.key_of(0), fleet.key_of(1)]
            good.exchange(b"".join(storage("set", key, b"x" * 1_000_000) for key in keys))
            with contextlib.suppress(ConnectionError):
                bad.send(f"get {' '.join(keys)}\r\n".encode() * 100)
            wait_for(lambda: fleet.proxy.metric("sessions") == 1, "the client to be disconnected")
            assert good.ask("get none") == b"END\r\n"
            assert good.ask("get " + keys[0]) == value(keys[0], b"x" * 1_000_000) + b"END\r\n"


def test_a_slow_reader_gets_everything_and_holds_up_nobody(fleet, client):
    keys = [f"slow{i}" for i in range(30)]
    client.exchange(b"".join(storage("set", key, key.encode() * 10_000) for key in keys))
    with fleet.client() as slow:
        slow.send(f"get {' '.join(keys)}\r\n".encode() * 10)
        for i in range(200):
            assert client.exchange(b"set fast 0 0 3\r\n%03d\r\nget fast\r\n" % i) == STORED + value("fast", b"%03d" % i) + b"END\r\n"
        expected = b"".join(value(key, key.encode() * 10_000) for key in keys) + b"END\r\n"
        for _ in range(10):
            assert slow.until(b"END\r\n") + b"END\r\n" == expected
