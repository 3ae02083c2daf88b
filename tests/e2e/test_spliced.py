"""INFO, CONFIG GET, SLOWLOG GET, LATENCY LATEST and PUBSUB within a transaction: asked of all nodes when it was executed, and read in their places."""

import re

import pytest

from servers import Fleet, PATIENT, RawClient, encode, wait_for


@pytest.fixture(scope="module", params=[1, 3], ids=["one node", "three nodes"])
def shared_fleet(request):
    with Fleet(request.param, workers=2, **PATIENT) as fleet:
        yield fleet


ASKED = [["SET", "{t}a", "1"], ["INFO", "server"], ["CONFIG", "GET", "maxmemory"], ["PUBSUB", "NUMSUB", "c", "d"], ["GET", "{t}a"],
         ["PUBSUB", "CHANNELS"], ["PUBSUB", "NUMPAT"], ["PUBSUB", "SHARDCHANNELS"], ["PUBSUB", "SHARDNUMSUB", "s"],
         ["CONFIG", "GET", "nosuch*"], ["SLOWLOG", "GET", "0"], ["LATENCY", "LATEST"], ["CLIENT", "GETNAME"], ["INCR", "{t}a"]]


def run(client, *commands):
    client.send(b"".join(encode(*words) for words in (["MULTI"], *commands, ["EXEC"], ["PING"])))
    replies = [client.reply() for _ in range(len(commands) + 3)]
    assert replies[:-2] == [b"+OK\r\n"] + [b"+QUEUED\r\n"] * len(commands)
    assert replies[-1] == b"+PONG\r\n"
    return replies[-2]


def without_info(reply):
    """The reply with the text of INFO left out, whose length and words are each server's own."""
    return re.sub(rb"([$=])\d+\r\n(txt:)?# Server\r\n.*?\r\n\r\n", rb"\1INFO\2", reply, flags=re.DOTALL)


@pytest.mark.smoke
@pytest.mark.parametrize("first", [[], ["HELLO", "3"], ["SELECT", "3"]], ids=["RESP2", "RESP3", "another database"])
def test_the_same_as_a_plain_redis(fleet, redis, first):
    for server in (redis, *fleet.nodes):
        server.ask("FLUSHALL")
        server.ask("SLOWLOG", "RESET")
    with fleet.client() as through, RawClient(redis.port) as direct:
        if first:
            through.ask(*first), direct.ask(*first)
        ours, theirs = run(through, *ASKED), run(direct, *ASKED)
    assert b"redis_version:" in ours
    assert b"INFO" in without_info(ours)
    assert without_info(ours) == without_info(theirs)


def test_without_a_command_for_a_node_and_for_one_who_watches(fleet, redis):
    questions = [["CONFIG", "GET", "maxmemory"], ["PUBSUB", "NUMPAT"]]
    with fleet.client() as through, RawClient(redis.port) as direct:
        assert run(through, *questions) == run(direct, *questions)
        for client in (through, direct):
            assert client.ask("WATCH", "{t}w") == b"+OK\r\n"
        assert run(through, *questions) == run(direct, *questions)
        for client in (through, direct):
            client.ask("WATCH", "{t}w")
            client.ask("SET", "{t}w", "1")
        assert run(through, *questions, ["GET", "{t}w"]) == run(direct, *questions, ["GET", "{t}w"]) == b"*-1\r\n"


def test_subscribers_are_counted_as_outside_of_a_transaction(fleet, client):
    with fleet.client() as one, fleet.client() as other:
        for listener in (one, other):
            listener.ask("SUBSCRIBE", "news")
        counted = b"*2\r\n$4\r\nnews\r\n:2\r\n"
        assert client.ask("PUBSUB", "NUMSUB", "news") == counted
        assert run(client, ["SET", "{t}n", "1"], ["PUBSUB", "NUMSUB", "news"]) == b"*2\r\n+OK\r\n" + counted


def test_a_node_that_stops_before_it_is_asked_fails_its_element_alone():
    with Fleet(3, timeouts={"request": "300ms"}) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        fleet.nodes[1].stop()
        try:
            # All have to tell of what was slow, and the others tell of their settings.
            reply = run(client, ["SET", key, "1"], ["SLOWLOG", "GET"], ["CONFIG", "GET", "maxmemory"], ["GET", key])
            assert re.match(rb"\*4\r\n\+OK\r\n-(TIMEOUT|NODEDOWN)[^\r]* r1 [^\r]*\r\n\*2\r\n\$9\r\nmaxmemory\r\n\$1\r\n0\r\n\$1\r\n1\r\n$", reply), reply
        finally:
            fleet.nodes[1].cont()
        fleet.proxy.wait_for_state("r1", "up")
        assert run(client, ["SET", key, "2"], ["SLOWLOG", "GET", "0"]) == b"*2\r\n+OK\r\n*0\r\n"


def test_a_client_that_leaves_in_the_middle_harms_no_stranger():
    with Fleet(3, **PATIENT) as fleet, fleet.client() as stranger:
        key = fleet.key_of(0)
        fleet.nodes[1].stop()
        try:
            leaver = fleet.client()
            leaver.send(b"".join(encode(*words) for words in (["MULTI"], ["SET", key, "1"], ["SLOWLOG", "GET"], ["INFO", "stats"], ["EXEC"])))
            wait_for(lambda: fleet.nodes[0].ask("GET", key) == b"$1\r\n1\r\n", "the transaction")
            leaver.socket.close()
            assert stranger.ask("GET", key) == b"$1\r\n1\r\n"
        finally:
            fleet.nodes[1].cont()
        wait_for(lambda: fleet.proxy.metric("sessions") == 1, "the end of who has left")
        assert run(stranger, ["PUBSUB", "NUMPAT"], ["GET", key]) == b"*2\r\n:0\r\n$1\r\n1\r\n"
