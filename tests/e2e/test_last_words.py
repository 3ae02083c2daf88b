"""A client that is sent away reads why, whatever it goes on sending, and holds nothing for long."""

import contextlib
import os
import pathlib
import stat

import pytest

from servers import Proxy, RawClient, encode, pool_config, wait_for

PROTOCOL_ERROR = b"-ERR Protocol error: invalid bulk length\r\n"


def words_and_end(client):
    """All that it reads. A reset in place of the end raises."""
    while chunk := client.socket.recv(1 << 20):
        client.buffer += chunk
    return client.buffer


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.pid}/fd"))


@pytest.fixture(scope="module")
def proxy(redis):
    with Proxy(pool_config([redis], listener={"limits": {"bulk": "64KiB"}, "max_connections": 2000})) as proxy:
        yield proxy


def test_who_sends_too_much_reads_why_after_having_sent_all_of_it(proxy):
    for _ in range(20):
        with proxy.client() as client:
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000\r\n" + bytes(5_000_000) + b"\r\n")
            assert words_and_end(client) == PROTOCOL_ERROR


def test_who_quits_reads_ok_and_the_end_whatever_follows(proxy):
    for _ in range(20):
        with proxy.client() as client:
            client.send(encode("QUIT") + encode("ECHO", "x" * 60_000) * 20)
            assert words_and_end(client) == b"+OK\r\n"


def test_a_thousand_clients_that_never_leave_hold_no_descriptors(proxy):
    most = descriptors(proxy) + 2  # The link to the node and its check may open meanwhile.
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(proxy.client()) for _ in range(1000)]
        for client in clients:
            client.send(b"*1\r\n$x\r\n")
        for client in clients:
            assert words_and_end(client) == PROTOCOL_ERROR
        wait_for(lambda: descriptors(proxy) <= most, "all of them to be closed")
    assert proxy.metric("sessions") == 0


def test_who_is_one_too_many_reads_why_though_it_asks_later(redis):
    with Proxy(pool_config([redis], listener={"max_connections": 1})) as proxy, proxy.client() as first:
        assert first.ask("PING") == b"+PONG\r\n"
        for _ in range(50):
            with RawClient(proxy.port) as client:
                client.send(encode("ECHO", "x" * 100_000))
                assert words_and_end(client) == b"-ERR max number of clients reached\r\n"


@pytest.mark.parametrize("mode", ["0660", "0777", None])
def test_the_mode_of_a_unix_socket_is_the_one_that_is_configured(redis, tmp_path, mode):
    path = pathlib.Path(tmp_path) / "web.sock"
    config = pool_config([redis])
    config["listeners"].append({"name": "local", "listen": f"unix:{path}", "pool": "main"})
    if mode:
        config["listeners"][-1]["socket_mode"] = mode
    with Proxy(config, prefix=["sh", "-c", 'umask 027; exec "$@"', "sh"]):
        assert oct(stat.S_IMODE(path.stat().st_mode))[2:] == (mode or "0750")[1:]
