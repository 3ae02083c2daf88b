"""A script that runs for long on a real node: what everybody else reads meanwhile, as at the node itself."""

import contextlib

import pytest

from servers import Fleet, PATIENT, encode, wait_for

ENDLESS = ("EVAL", "while true do end", "1")
BUSY = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"
DISCARDED = b"-EXECABORT Transaction discarded because of: " + BUSY[1:]
NODE = ("--busy-reply-threshold", "10")


@contextlib.contextmanager
def endless(fleet, key="k", database=None):
    """A client whose script runs until somebody ends it, and all know it by then."""
    with fleet.client() as owner, fleet.client() as other:
        for client in (owner, other):
            assert database is None or client.ask("SELECT", database) == b"+OK\r\n"
        owner.send(encode(*ENDLESS, key))
        wait_for(lambda: fleet.nodes[0].ask("PING") == BUSY, "the script to run")
        # Where there are several nodes PING is the proxy's own.
        question = ("PING",) if len(fleet.nodes) == 1 else ("GET", key)
        wait_for(lambda: other.ask(*question) == BUSY, "a client to read that the node is busy")
        try:
            yield owner, other
        finally:
            fleet.nodes[0].ask("SCRIPT", "KILL")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def busy_fleet(request):
    with Fleet(1, workers=request.param, node_arguments=NODE, timeouts={"request": "2s"}) as fleet:
        yield fleet


@pytest.mark.smoke
def test_everybody_else_reads_the_nodes_words_until_the_script_is_ended(busy_fleet):
    with endless(busy_fleet) as (owner, other):
        assert other.ask("GET", "k") == other.ask("PING") == other.ask("SET", "k", 1) == BUSY
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                client = stack.enter_context(busy_fleet.client())
                assert client.ask("GET", "k") == client.ask("PING") == BUSY
        assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
        assert b"killed by user" in owner.reply()
        assert owner.ask("PING") == b"+PONG\r\n"
        assert owner.ask("GET", "k") == b"$-1\r\n"
        wait_for(lambda: other.ask("PING") == b"+PONG\r\n", "PING to be answered")
        assert other.ask("SET", "k", 1) == b"+OK\r\n"


def test_the_same_in_another_database(busy_fleet):
    with endless(busy_fleet, database=9) as (owner, other):
        assert other.ask("GET", "k") == other.ask("PING") == BUSY
        assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
        assert b"killed by user" in owner.reply()
        assert owner.ask("GET", "k") == b"$-1\r\n"


def test_a_pipeline_keeps_its_order(busy_fleet):
    with endless(busy_fleet) as (owner, other):
        other.send(encode("GET", "k") + encode("ECHO", "1") + encode("MGET", "k", "l") + encode("SET", "k", "w") + encode("ECHO", "2"))
        assert [other.reply() for _ in range(5)] == [BUSY, b"$1\r\n1\r\n", BUSY, BUSY, b"$1\r\n2\r\n"]
        # What stands behind one's own script waits for it.
        owner.send(encode("PING") + encode("SET", "k", "v") + encode("GET", "k"))
        assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
        assert b"killed by user" in owner.reply()
        assert [owner.reply() for _ in range(3)] == [b"+PONG\r\n", b"+OK\r\n", b"$1\r\nv\r\n"]


def test_a_transaction_is_refused_where_a_server_refuses_it(busy_fleet):
    with busy_fleet.client() as early:
        assert early.ask("MULTI") == b"+OK\r\n" and early.ask("INCR", "n") == b"+QUEUED\r\n"
        with endless(busy_fleet) as (owner, other):
            direct = busy_fleet.nodes[0]
            assert direct.ask("EXEC") == DISCARDED
            assert early.ask("EXEC") == DISCARDED
            assert early.ask("MULTI") == b"+OK\r\n"
            assert early.ask("INCR", "n") == BUSY
            assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
            assert b"killed by user" in owner.reply()
            wait_for(lambda: other.ask("PING") == b"+PONG\r\n", "PING to be answered")
            assert early.ask("INCR", "n") == b"+QUEUED\r\n"
            assert early.ask("EXEC") == b"-EXECABORT Transaction discarded because of previous errors.\r\n"
            assert early.ask("GET", "n") == b"$-1\r\n"


def test_it_costs_one_connection_however_many_clients_there_are():
    with Fleet(1, node_arguments=NODE, timeouts={"request": "2s"}) as fleet:
        with fleet.client() as client:
            assert client.ask("SET", "k", "v") == b"+OK\r\n"
        with endless(fleet) as (owner, other), contextlib.ExitStack() as stack:
            clients = [stack.enter_context(fleet.client()) for _ in range(200)]
            for client in clients:
                client.send(encode("GET", "k") * 10)
            for client in clients:
                assert [client.reply() for _ in range(10)] == [BUSY] * 10
            # Its own, and the one over which the node is asked.
            assert fleet.proxy.node("r0")["connections"] == 2
            assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
            assert b"killed by user" in owner.reply()
            for client in clients:
                assert client.ask("GET", "k") == b"$1\r\nv\r\n"


def test_of_several_nodes_the_others_serve():
    with Fleet(2, node_arguments=NODE, timeouts={"request": "2s"}) as fleet:
        own, elsewhere = fleet.key_of(0), fleet.key_of(1)
        with endless(fleet, own) as (owner, other):
            assert other.ask("GET", own) == BUSY
            assert other.ask("GET", elsewhere) == b"$-1\r\n"
            assert other.ask("MGET", own, elsewhere) == BUSY
            assert other.ask("PING") == b"+PONG\r\n"
            assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
            assert b"killed by user" in owner.reply()
            assert other.ask("GET", own) == b"$-1\r\n"


def test_who_has_waited_in_vain_behind_the_script_reads_the_nodes_words_as_soon_as_it_has_any():
    with Fleet(1, timeouts={"request": "200ms"}) as fleet, fleet.client() as owner, fleet.client() as other:
        fleet.nodes[0].ask("CONFIG", "SET", "busy-reply-threshold", "1000")
        owner.send(encode(*ENDLESS, "k"))
        replies = []
        wait_for(lambda: replies.append(other.ask("SET", "k", len(replies))) or replies[-1] == BUSY, "the node's words")
        assert set(replies[:-1]) <= {b"-TIMEOUT node r0 did not answer within 200ms\r\n", b"+OK\r\n"}
        assert other.ask("PING") == BUSY
        assert other.ask("SCRIPT", "KILL") == b"+OK\r\n"
        assert b"killed by user" in owner.reply()
        assert fleet.proxy.node("r0")["state"] == "up"


def test_the_function_that_runs_is_told():
    with Fleet(1, node_arguments=NODE, timeouts={"request": "2s"}) as fleet, fleet.client() as owner, fleet.client() as other:
        library = "#!lua name=lib\nredis.register_function('endless', function() while true do end end)"
        assert other.ask("FUNCTION", "LOAD", library) == b"$3\r\nlib\r\n"
        owner.send(encode("FCALL", "endless", "1", "k"))
        wait_for(lambda: other.ask("PING").startswith(b"-BUSY"), "PING to read that the node is busy")
        told = other.ask("FUNCTION", "STATS")
        assert b"running_script" in told and b"endless" in told
        assert other.ask("GET", "k") == BUSY.replace(b"SCRIPT KILL", b"FUNCTION KILL")
        assert other.ask("FUNCTION", "KILL") == b"+OK\r\n"
        assert b"killed by user" in owner.reply()


def test_scripts_that_are_merely_slow_refuse_nobody():
    spin = ("local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
            "local start = now() while now() - start < 700000 do end return 'done'")
    with Fleet(1, **PATIENT) as fleet, fleet.client() as owner, fleet.client() as other:
        owner.send(encode("EVAL", spin, "1", "k") * 3)
        assert owner.reply() == b"$4\r\ndone\r\n"
        assert other.ask("PING") == b"+PONG\r\n"
        assert other.ask("GET", "k") == b"$-1\r\n"
        assert owner.reply() == owner.reply() == b"$4\r\ndone\r\n"
