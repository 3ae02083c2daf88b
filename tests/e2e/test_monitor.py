"""MONITOR: the commands of all clients of the proxy as Redis shows its own, without their passwords."""

import re

import pytest

from servers import Fleet, PATIENT, RawClient, encode, wait_for

ADMIN = {"listener": {"admin_commands": True}, **PATIENT}
LINE = re.compile(rb"\+\d+\.\d{6} \[(\d+) \S+:\d+\] (.*)\r\n", re.DOTALL)


def monitor(port, *words):
    client = RawClient(port)
    assert client.ask("MONITOR", *words) == b"+OK\r\n"
    return client


def read(client, last):
    """Databases and words of the lines up to the one that has this word."""
    lines = []
    while not lines or last not in lines[-1][1]:
        lines.append(LINE.fullmatch(client.reply()).groups())
    return lines


@pytest.fixture(scope="module")
def watched():
    with Fleet(2, workers=2, **ADMIN) as fleet:
        yield fleet


SHOWN = [
    ["SET", "a", b'x"\\\r\n\t\x00\xff'], ["get", "a"], ["SELECT", "3"], ["GET", "b"], ["SELECT", "0"], ["PING"],
    ["CONFIG", "GET", "maxmemory"], ["NOSUCH", "x"], ["GET"], ["MGET", "{a}1", "{a}2"], ["ECHO", ""], ["DEL", "end"],
]


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["2", "3"])
def test_the_lines_are_those_of_redis(watched, redis, protocol):
    def watch(port):
        with monitor(port) as reader, RawClient(port) as client:
            client.ask("HELLO", protocol)
            for words in SHOWN:
                client.ask(*words)
            # With SELECT Redis tells the database after it.
            return [line[b"SELECT" in line[1]:] for line in read(reader, b'"end"')]

    assert watch(watched.proxy.port) == watch(redis.port)


def test_commands_of_all_workers_are_shown_to_monitors_of_all_workers(watched):
    readers = [monitor(watched.proxy.port) for _ in range(4)]
    clients = [watched.client() for _ in range(6)]
    for i, client in enumerate(clients):
        client.ask("SET", f"by{i}", "x")
    for reader in readers:
        shown = {LINE.fullmatch(reader.reply())[2] for _ in clients}
        assert shown == {b'"SET" "by%d" "x"' % i for i in range(len(clients))}
        reader.ask("QUIT")
    for client in clients:
        client.socket.close()


def test_no_password_is_shown(tmp_path):
    (tmp_path / "password").write_text("hush")
    listener = {"admin_commands": True, "password_file": str(tmp_path / "password")}
    with Fleet(1, listener=listener, **PATIENT) as fleet, fleet.client() as reader, fleet.client() as client:
        assert reader.ask("AUTH", "hush") == b"+OK\r\n" and reader.ask("MONITOR") == b"+OK\r\n"
        client.ask("GET", "x")  # It is refused, and not shown.
        client.ask("AUTH", "hush")
        client.ask("AUTH", "default", "hush")
        client.ask("HELLO", "3", "AUTH", "default", "hush", "SETNAME", "me")
        client.ask("CONFIG", "SET", "masterauth", "hush")
        client.ask("ACL", "SETUSER", "x", ">hush")
        client.ask("MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH", "hush")
        client.ask("GET", "end")
        lines = read(reader, b'"end"')
        assert not [line for line in lines if b"hush" in line[1]]
        assert [line[1] for line in lines][:3] == [
            b'"AUTH" "(redacted)"', b'"AUTH" "(redacted)" "(redacted)"',
            b'"HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me"']


def test_a_transaction_is_shown_as_it_comes(watched):
    with monitor(watched.proxy.port) as reader, watched.client() as client:
        for line in ["MULTI", "SET {t}a 1", "GET {t}a", "EXEC", "MULTI", "EXEC", "MULTI", "DISCARD", "GET end"]:
            client.ask(*line.split())
        assert [words.replace(b'"', b"").decode() for _, words in read(reader, b'"end"')] == [
            "MULTI", "SET {t}a 1", "GET {t}a", "EXEC", "MULTI", "EXEC", "MULTI", "DISCARD", "GET end"]


def test_a_sample_is_its_share():
    with Fleet(1, **ADMIN) as fleet, monitor(fleet.proxy.port, "SAMPLE", "100") as reader, fleet.client() as client:
        client.send(b"".join(encode("GET", f"k{i}") for i in range(1000)))
        for _ in range(1000):
            client.reply()
        assert len([reader.reply() for _ in range(10)]) == 10
        # One that reads all changes nothing of that.
        with monitor(fleet.proxy.port) as all_of_it:
            client.send(b"".join(encode("GET", f"k{i}") for i in range(1000)))
            for _ in range(1000):
                client.reply()
            client.ask("GET", "end")
            assert len(read(all_of_it, b'"end"')) == 1001
        assert len([reader.reply() for _ in range(10)]) == 10


def test_who_may_not_monitor_and_how():
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        assert client.ask("MONITOR").startswith(b"-ERR 'monitor' is not supported by ringproxy: ")
        assert client.ask("GET", "x") == b"$-1\r\n"
    with Fleet(1, **ADMIN) as fleet, fleet.client() as client:
        for words in ["x", "SAMPLE", "SAMPLE 0", "SAMPLE x", "SAMPLE 10 20", "SAMPLE 99999999999"]:
            assert client.ask("MONITOR", *words.split()) == b"-ERR syntax error\r\n"
        assert client.ask("GET", "x") == b"$-1\r\n"
        readers = [monitor(fleet.proxy.port) for _ in range(4)]
        assert client.ask("MONITOR") == b"-ERR max number of monitors reached\r\n"
        assert client.ask("SET", "x", "1") == b"+OK\r\n"
        for reader in readers:
            assert LINE.fullmatch(reader.reply())[2] == b'"SET" "x" "1"'
        readers[0].socket.close()
        wait_for(lambda: client.ask("MONITOR") == b"+OK\r\n", "room for another one")
        assert client.ask("GET", "x") == b"-ERR Replica can't interact with the keyspace\r\n"
        assert client.ask("PING") != b""  # It reads its own commands as well.
        for reader in readers[1:]:
            reader.socket.close()


def test_reset_ends_it(watched):
    with monitor(watched.proxy.port) as reader, watched.client() as client:
        reader.send(encode("RESET"))
        while reader.reply() != b"+RESET\r\n":
            pass
        assert client.ask("SET", "x", "1") == b"+OK\r\n"
        assert reader.ask("GET", "x") == b"$1\r\n1\r\n"


def test_one_that_does_not_read_is_cut_off_and_nobody_waits():
    listener = {"admin_commands": True, "limits": {"output": "256KiB"}}
    with Fleet(1, listener=listener, **PATIENT) as fleet, monitor(fleet.proxy.port), fleet.client() as client:
        def load():
            client.send(encode("GET", "x" * 100) * 2000)
            for _ in range(2000):
                client.reply()
            return fleet.proxy.metric("clients_cut_off_total") == 1

        wait_for(load, "the slow one cut off")
        assert client.ask("PING") == b"+PONG\r\n"
