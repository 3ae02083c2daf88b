"""After a refusal a client is where it knows, and an operator sees what was refused."""

import re

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, RawClient, encode, wait_for

EXECABORT = b"-EXECABORT Transaction discarded because of previous errors.\r\n"


def keys_left(fleet):
    return sum(int(node.ask("DBSIZE")[1:]) for node in fleet.nodes)


@pytest.mark.smoke
def test_nothing_of_a_refused_transaction_is_executed(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    client.send(b"".join([encode("WATCH", a, b), encode("MULTI"), encode("SET", a, "1"), encode("LPUSH", a, "1"),
                          encode("EXEC"), encode("SET", "c", "1")]))
    replies = [client.reply() for _ in range(6)]
    assert replies[0].startswith(b"-CROSSSLOT ")
    assert replies[4:] == [b"-EXECABORT Transaction discarded because of: ERR the WATCH before it has failed\r\n", b"+OK\r\n"]
    assert keys_left(fleet) == 1


def test_a_librarys_transaction_fails_as_a_whole(fleet):
    library = redis_py.Redis(port=fleet.proxy.port)
    pipe = library.pipeline()
    pipe.incr(fleet.key_of(0)).lpush(fleet.key_of(1), "x")
    with pytest.raises(redis_py.ResponseError, match="CROSSSLOT|EXECABORT"):
        pipe.execute()
    assert keys_left(fleet) == 0
    assert library.pipeline(transaction=False).incr("a").lpush("b", "x").execute() == [1, 1]
    assert library.ping()


@pytest.mark.parametrize("sequence", [
    ["CLIENT REPLY OFF", "PING", "NOSUCH", "SET k 1", "GET", "CLIENT REPLY ON", "GET k"],
    ["CLIENT REPLY SKIP", "SET k 2", "GET k"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "GET k", "GET k"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY ON", "PING"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY OFF", "PING", "CLIENT REPLY ON"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY x", "PING"],
    ["CLIENT REPLY OFF", "CLIENT REPLY SKIP", "PING", "CLIENT REPLY ON", "PING"],
    ["CLIENT REPLY OFF", "PING", "RESET", "PING"],
    ["CLIENT REPLY SKIP", "RESET", "PING"],
], ids=", ".join)
def test_client_reply_hides_what_redis_hides(fleet, redis, sequence):
    def everything(port):
        with RawClient(port) as client:
            client.send(b"".join(encode(*line.split()) for line in [*sequence, "QUIT"]))
            return client.closed_by_peer()
    redis.ask("FLUSHALL")
    assert everything(fleet.proxy.port) == everything(redis.port)


def test_a_quit_whose_reply_is_hidden_closes_all_the_same(client):
    # Redis itself leaves such a connection open.
    client.send(encode("CLIENT", "REPLY", "OFF") + encode("QUIT"))
    assert client.closed_by_peer() == b""


def test_lastsave_is_that_of_the_node_which_saved_longest_ago(fleet, client):
    saves = [int(node.ask("LASTSAVE")[1:]) for node in fleet.nodes]
    assert client.ask("LASTSAVE") == b":%d\r\n" % min(saves)


def test_refusals_are_counted_and_said_once_a_minute_and_command():
    with Fleet(2, workers=2, **PATIENT) as fleet:
        a, b = fleet.key_of(0), fleet.key_of(1)
        for _ in range(3):
            with fleet.client() as client:
                client.ask("MONITOR")
                client.ask("MULTI")
                client.ask("SET", a, "1")
                client.ask("EXEC")
                client.ask("RENAME", a, b)
                client.ask("SWAPDB", "0", "1")
                client.ask("NOSUCH")

        def refusals(command, reason):
            return fleet.proxy.metric("refusals_total", listener="web", command=command, reason=reason)
        assert refusals("monitor", "not_supported") == 3
        assert refusals("rename", "cross_slot") == 3
        assert refusals("swapdb", "not_supported") == 3
        assert refusals("other", "unknown_command") == 3

        def said():
            return re.findall(r"refused (?:'(\S+)'|(unknown) commands): (.*)", fleet.proxy.log())

        wait_for(lambda: len(said()) >= 4, "the log to name each refused command")
        commands = [name or unknown for name, unknown, _ in said()]
        assert sorted(commands) == sorted(set(commands))
        assert any("at listener web (not_supported)" in text for name, _, text in said() if name == "monitor")
