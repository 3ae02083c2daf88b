"""Bytes: splits, inline commands, deep pipelines, half-closed and rude clients, and input that is no Redis at all."""

import contextlib
import re
import socket

import pytest

from servers import PATIENT, Fleet, RawClient, encode, wait_for
from test_commands import bulk


def test_a_request_split_at_every_byte_is_the_same_request(client):
    request = encode("SET", "split", "va\r\nlue") + b"get split\r\n" + encode("MGET", "split", "none", "split")
    for cut in range(1, len(request)):
        client.send(request[:cut])
        client.send(request[cut:])
        assert client.reply() == b"+OK\r\n"
        assert client.reply() == bulk("va\r\nlue")
        assert client.reply() == b"*3\r\n" + bulk("va\r\nlue") + b"$-1\r\n" + bulk("va\r\nlue")


@pytest.mark.smoke
def test_inline_commands_with_quotes(client):
    client.send(b"SET inline \"a b\\x41\\n\"\r\n\r\nGET inline\nPING\r\n")
    assert client.reply() == b"+OK\r\n"
    assert client.reply() == bulk("a bA\n")
    assert client.reply() == b"+PONG\r\n"


def test_a_hundred_thousand_commands_before_the_first_reply_is_read(fleet, client):
    # As client libraries do it: stopping to read the client would be a deadlock.
    count = 100_000
    client.socket.settimeout(60)
    client.send(b"".join(encode("SET", f"deep{i % 1000}", i) for i in range(count)))
    for _ in range(count):
        assert client.reply() == b"+OK\r\n"


def test_a_half_closed_client_still_gets_its_replies(client):
    # See semantics.md 12.
    keys = [f"half{i}" for i in range(500)]
    client.send(b"".join(encode("SET", key, key) for key in keys) + b"".join(encode("GET", key) for key in keys))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.closed_by_peer() == b"+OK\r\n" * 500 + b"".join(bulk(key) for key in keys)


def test_quit_answers_what_came_before_and_ignores_what_follows(client):
    # See semantics.md 11.
    client.send(encode("SET", "q", "1") + encode("GET", "q") + encode("QUIT") + encode("SET", "q", "2"))
    assert client.closed_by_peer() == b"+OK\r\n" + bulk("1") + b"+OK\r\n"


PROTOCOL_ERRORS = [b"*abc\r\n", b"*1\r\nPING\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$abc\r\n", b"*1\r\n$99999999999\r\n",
                   b"*99999999999\r\n", b"*1" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b"a" * 70000,
                   b"SET a \"unbalanced\r\n", b"*2\r\n*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\n*1\r\n$4\r\nPING\r\n"]


@pytest.mark.parametrize("data", PROTOCOL_ERRORS, ids=[repr(d[:16]) for d in PROTOCOL_ERRORS])
def test_a_protocol_error_is_answered_as_redis_answers_it_and_closes(fleet, redis, data):
    answers = []
    for port in (fleet.proxy.port, redis.port):
        with RawClient(port) as client:
            client.send(encode("ECHO", "before"))
            assert client.reply() == bulk("before")
            with contextlib.suppress(OSError):
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
            answers.append(client.closed_by_peer())
    assert answers[0] == answers[1]


GARBAGE = {
    "tls": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 189,
    "http-get": b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n",
    "http-post": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "memcached-text": b"set k 0 0 3\r\nabc\r\nget k\r\n",
    "memcached-binary": b"\x80\x00\x00\x01" + b"\x00" * 20 + b"k",
    "random": bytes((i * 7919) % 256 for i in range(3000)) + b"\r\n",
    "nuls": b"\x00" * 100_000,
    "truncated": b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100\r\nabc",
}


@pytest.mark.smoke
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_with_one_log_line_at_most_and_disturbs_nobody(fleet, client, data):
    lines = len(fleet.proxy.lines_about_clients())
    with fleet.client() as stranger:
        with contextlib.suppress(OSError):
            stranger.send(data)
            stranger.socket.shutdown(socket.SHUT_WR)
        stranger.closed_by_peer()
        assert stranger.buffer == b"" or stranger.buffer.startswith((b"-ERR ", b"$-1", b"-CROSSSLOT"))
    assert client.ask("PING") == b"+PONG\r\n"
    assert len(fleet.proxy.lines_about_clients()) <= lines + 1


def test_a_thousand_bad_clients_leave_no_memory_behind(fleet):
    def round_of_bad_clients(count):
        for i in range(count):
            with fleet.client() as stranger, contextlib.suppress(ConnectionError):
                stranger.send((b"*2\r\n$3\r\nGET\r\n$300000\r\n" + b"x" * 200_000) if i % 10 == 0 else b"*1\r\n$5\r\nabc")
        wait_for(lambda: fleet.proxy.metric("sessions") == 0, "the bad clients to be gone")

    round_of_bad_clients(100)
    before = fleet.proxy.resident_bytes()
    round_of_bad_clients(1000)
    wait_for(lambda: fleet.proxy.resident_bytes() < before + (8 << 20), "memory to come back")


def test_limits_are_configurable_and_answered_as_redis_would():
    with Fleet(1, listener={"limits": {"bulk": "1KiB", "key": "16B", "arguments": 8}}) as fleet:
        with fleet.client() as client:
            assert client.ask("SET", "k" * 16, "v") == b"+OK\r\n"
            assert client.ask("SET", "k" * 17, "v").startswith(b"-ERR ")
            assert client.ask("GET", "k" * 16) == bulk("v")
        for data, words in ((encode("SET", "k", "v" * 1025), b"-ERR Protocol error: invalid bulk length\r\n"),
                            (b"*9\r\n", b"-ERR Protocol error: invalid multibulk length\r\n")):
            with fleet.client() as client, contextlib.suppress(ConnectionResetError):
                client.send(data)
                assert client.closed_by_peer() == words


def test_a_client_that_never_reads_is_disconnected_and_others_do_not_notice():
    with Fleet(2, listener={"limits": {"output": "8MiB"}}, **PATIENT) as fleet:
        with fleet.client() as good, fleet.client() as bad:
            assert good.ask("SET", "big", b"x" * (1 << 20)) == b"+OK\r\n"
            before = fleet.proxy.resident_bytes()
            with contextlib.suppress(OSError):
                bad.send(encode("GET", "big") * 200)
            wait_for(lambda: fleet.proxy.metric("sessions") == 1, "the client to be disconnected")
            assert good.ask("PING") == b"+PONG\r\n"
            wait_for(lambda: fleet.proxy.resident_bytes() < before * 1.2 + (4 << 20), "its memory to come back")


def test_a_slow_upload_blocks_nobody(fleet, client):
    with fleet.client() as slow:
        request = encode("SET", "slow", b"s" * (4 << 20))
        slow.send(request[:3 << 20])
        for i in range(200):
            assert client.ask("SET", f"fast{i}", i) == b"+OK\r\n"
        slow.send(request[3 << 20:])
        assert slow.reply() == b"+OK\r\n"
    assert len(client.ask("GET", "slow")) > 4 << 20


def test_every_log_line_has_one_event_and_no_client_bytes(fleet):
    with fleet.client() as stranger, contextlib.suppress(ConnectionError):
        stranger.send(b"*1\r\n\x1b[31m\r\n")
        stranger.closed_by_peer()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", fleet.proxy.log())
