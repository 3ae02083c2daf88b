"""Scripts through the proxy: loaded once, as on one server, and run on whichever node has the keys."""

import hashlib
import time

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, RawClient, encode, wait_for
from test_health import transitions

NOSCRIPT = b"-NOSCRIPT No matching script. Please use EVAL.\r\n"


@pytest.fixture(scope="module")
def shared_fleet():
    with Fleet(workers=2, **PATIENT) as fleet:
        yield fleet


@pytest.fixture
def keys(fleet):
    return [fleet.key_of(node) for node in range(3)]


@pytest.fixture
def script(client, request):
    """A text that nobody has run, and its name."""
    client.ask("SCRIPT", "FLUSH")
    text = f"return {{KEYS[1], ARGV[1]}} -- {request.node.name}"
    return text, hashlib.sha1(text.encode()).hexdigest()


def reply_of(key):
    return b"*2\r\n$%d\r\n%s\r\n$1\r\nx\r\n" % (len(key), key.encode())


@pytest.mark.smoke
def test_a_script_that_one_node_has_run_runs_on_every_other_by_its_name(fleet, client, keys, script):
    text, sha = script
    for node in fleet.nodes:
        node.ask("CONFIG", "RESETSTAT")
    assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
    for key in keys:
        assert client.ask("EVALSHA", sha, 1, key, "x") == reply_of(key)
        assert client.ask("EVALSHA_RO", sha.upper(), 1, key, "x") == reply_of(key)
        assert client.ask("evalsha", sha, 1, key, "x") == reply_of(key)
    for node in fleet.nodes:
        stats = node.ask("INFO", "commandstats")
        assert b"cmdstat_eval:calls=1," in stats and b"cmdstat_evalsha_ro:calls=1," in stats, stats


def test_a_pipeline_may_name_what_it_has_just_brought(client, keys, script):
    text, sha = script
    client.send(encode("EVAL", text, 1, keys[0], "x") + b"".join(encode("EVALSHA", sha, 1, key, "x") for key in keys))
    assert [client.reply() for _ in range(4)] == [reply_of(key) for key in (keys[0], *keys)]
    client.send(encode("EVAL", "return '", 0) + encode("SCRIPT", "EXISTS", hashlib.sha1(b"return '").hexdigest()))
    assert client.reply().startswith(b"-ERR Error compiling script")
    assert client.reply() == b"*1\r\n:0\r\n"


def test_the_clients_of_all_workers_know_it(fleet, client, keys, script):
    text, sha = script
    with fleet.client() as other:
        assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
        for key in keys[1:]:
            wait_for(lambda: other.ask("EVALSHA", sha, 1, key, "x") == reply_of(key), "the other worker to know the script")
            assert client.ask("EVALSHA", sha, 1, key, "x") == reply_of(key)


def test_a_flush_is_one_of_all_nodes_and_workers(fleet, client, keys, script):
    text, sha = script
    with fleet.client() as other:
        for _ in range(20):
            assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
            assert client.ask("EVALSHA", sha, 1, keys[1], "x") == reply_of(keys[1])
            assert other.ask("SCRIPT", "FLUSH") == b"+OK\r\n"
            for key in keys:
                assert client.ask("EVALSHA", sha, 1, key, "x") == NOSCRIPT
                assert other.ask("EVALSHA", sha, 1, key, "x") == NOSCRIPT
            assert client.ask("SCRIPT", "EXISTS", sha) == b"*1\r\n:0\r\n"


def test_a_flush_within_a_transaction_is_remembered_too(script):
    text, sha = script
    with Fleet(1) as fleet, fleet.client() as client:
        assert client.ask("EVAL", text, 1, "k", "x") == reply_of("k")
        assert client.ask("MULTI") == b"+OK\r\n"
        assert client.ask("SCRIPT", "FLUSH") == client.ask("GET", "k") == b"+QUEUED\r\n"
        assert client.ask("EXEC") == b"*2\r\n+OK\r\n$-1\r\n"
        assert client.ask("EVALSHA", sha, 1, "k", "x") == NOSCRIPT


def test_a_loaded_script_outlives_the_restart_of_a_node(script):
    text, sha = script
    with Fleet(workers=2, **PATIENT) as fleet, fleet.client() as client:
        keys = [fleet.key_of(node) for node in range(3)]
        assert client.ask("SCRIPT", "LOAD", text) == b"$40\r\n%s\r\n" % sha.encode()
        for key in keys:
            assert client.ask("EVALSHA", sha, 1, key, "x") == reply_of(key)
        fleet.nodes[1].kill()
        wait_for(lambda: client.ask("GET", keys[1]).startswith(b"-"), "the proxy to notice")
        fleet.nodes[1].start()
        wait_for(lambda: client.ask("GET", keys[1]) == b"$-1\r\n", "the node to be back")
        assert fleet.nodes[1].ask("SCRIPT", "EXISTS", sha) == b"*1\r\n:0\r\n"
        assert client.ask("SCRIPT", "EXISTS", sha, "0" * 40) == b"*2\r\n:1\r\n:0\r\n"
        assert client.ask("EVALSHA", sha, 1, keys[1], "x") == reply_of(keys[1])


def test_a_transaction_finds_its_scripts(fleet, client, keys, script):
    text, sha = script
    assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
    assert client.ask("MULTI") == b"+OK\r\n"
    for _ in range(3):
        assert client.ask("EVALSHA", sha, 1, keys[1], "x") == b"+QUEUED\r\n"
    assert client.ask("EXEC") == b"*3\r\n" + 3 * reply_of(keys[1])
    assert client.ask("MULTI") == b"+OK\r\n"
    assert client.ask("EVALSHA", "f" * 40, 1, keys[1], "x") == b"+QUEUED\r\n"
    assert client.ask("EXEC") == b"*1\r\n" + NOSCRIPT


def test_a_batch_of_a_large_script_fits_into_a_transaction(fleet, client, keys, script):
    text = script[0] + "x" * 20_000
    sha = hashlib.sha1(text.encode()).hexdigest()
    assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
    assert client.ask("MULTI") == b"+OK\r\n"
    for _ in range(900):
        assert client.ask("EVALSHA", sha, 1, keys[2], "x") == b"+QUEUED\r\n"
    assert client.ask("EXEC") == b"*900\r\n" + 900 * reply_of(keys[2])


def test_a_node_that_was_flushed_by_others_is_given_the_script_anew(fleet, client, keys, script):
    text, sha = script
    assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
    fleet.nodes[0].ask("SCRIPT", "FLUSH")
    assert client.ask("EVALSHA", sha, 1, keys[0], "x") == NOSCRIPT
    assert client.ask("EVALSHA", sha, 1, keys[0], "x") == reply_of(keys[0])


def test_errors_are_those_of_redis(fleet, client, keys, script):
    text, sha = script
    broken = "return redis.call('nosuch')"
    assert client.ask("EVAL", text, 1, keys[0], "x") == reply_of(keys[0])
    for numkeys in ("x", "-1", "7"):
        by_name = client.ask("EVALSHA", sha, numkeys, keys[1], "x")
        assert by_name.startswith(b"-ERR ") and by_name == fleet.nodes[0].ask("EVALSHA", sha, numkeys, keys[1], "x")
    assert client.ask("EVALSHA", sha, 2, keys[0], keys[1]).startswith(b"-CROSSSLOT")
    assert client.ask("EVAL", "return 'unfinished", 0).startswith(b"-ERR Error compiling script")
    assert client.ask("EVAL", broken, 1, keys[0]) == fleet.nodes[0].ask("EVAL", broken, 1, keys[0])


def test_a_library_registers_its_script_once(fleet, script):
    client = redis_py.Redis(port=fleet.proxy.port)
    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    for i in range(30):
        assert add(keys=[f"counter{i}"], args=[i]) == i
    pipe = client.pipeline(transaction=False)
    for i in range(30):
        add(keys=[f"counter{i}"], args=[1], client=pipe)
    assert pipe.execute() == [i + 1 for i in range(30)]


def test_many_texts_take_a_bounded_part_of_the_memory(fleet, client, keys, script):
    def run(number):
        assert client.ask("EVAL", f"return {number} --" + "x" * 100_000, 1, keys[0]) == b":%d\r\n" % number

    for number in range(100):
        run(number)
    before = fleet.proxy.resident_bytes()
    for number in range(100, 1000):
        run(number)
    # 90 MB went by.
    assert fleet.proxy.resident_bytes() - before < 45 << 20


def test_one_node_is_the_server_itself(redis):
    text = "return {KEYS[1], ARGV[1]}"
    sha = hashlib.sha1(text.encode()).hexdigest()
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client, RawClient(redis.port) as server:
        for request in (["EVALSHA", sha, 1, "k", "x"], ["EVAL", text, 1, "k", "x"], ["EVALSHA", sha, 1, "k", "x"],
                        ["MULTI"], ["SCRIPT", "FLUSH"], ["EVALSHA", sha, 1, "k", "x"], ["EXEC"],
                        ["EVALSHA", sha, 1, "k", "x"],
                        ["SCRIPT", "EXISTS", sha], ["SCRIPT", "LOAD", text], ["SCRIPT", "EXISTS", sha]):
            assert client.ask(*request) == server.ask(*request), request


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_connection_that_never_broke_finds_its_scripts_after_a_restart(nodes):
    text, kept = "return {KEYS[1], ARGV[1]}", "return {ARGV[1], KEYS[1]}"
    with Fleet(nodes, workers=2, **PATIENT) as fleet, fleet.client() as client, fleet.client() as other:
        key, node = fleet.key_of(0), fleet.nodes[0]
        assert client.ask("SCRIPT", "LOAD", text) == b"$40\r\n%s\r\n" % hashlib.sha1(text.encode()).hexdigest().encode()
        # Bull sends each of its scripts first within a transaction.
        assert client.ask("MULTI") == b"+OK\r\n"
        for sent in (kept, "return '", kept):
            assert client.ask("EVAL", sent, 1, key, "x") == b"+QUEUED\r\n"
        assert client.ask("CLIENT", "GETNAME") == b"+QUEUED\r\n"
        assert client.ask("EXEC").startswith(b"*4\r\n")
        node.kill()
        wait_for(lambda: client.ask("GET", key).startswith(b"-"), "the proxy to notice")
        node.start()
        wait_for(lambda: client.ask("GET", key) == b"$-1\r\n", "the node to be back")
        wait_for(lambda: other.ask("GET", key) == b"$-1\r\n", "the node to be back for the other worker")
        for asker in (client, other):
            swapped = b"*2\r\n$1\r\nx\r\n$%d\r\n%s\r\n" % (len(key), key.encode())
            for sent, reply in ((text, reply_of(key)), (kept, swapped)):
                sha = hashlib.sha1(sent.encode()).hexdigest()
                assert asker.ask("MULTI") == b"+OK\r\n"
                assert asker.ask("EVALSHA", sha, 1, key, "x") == b"+QUEUED\r\n"
                assert asker.ask("EXEC") == b"*1\r\n" + reply
                assert asker.ask("EVALSHA", sha, 1, key, "x") == reply
        broken = hashlib.sha1(b"return '").hexdigest()
        assert client.ask("EVALSHA", broken, 1, key) == NOSCRIPT


def test_a_library_is_deleted_wherever_it_is(fleet, client):
    library = "#!lua name=somewhere\nredis.register_function{function_name='f', flags={'no-writes'}, callback=function() return 1 end}"
    assert client.ask("FUNCTION", "LOAD", library) == b"$9\r\nsomewhere\r\n"
    assert fleet.nodes[0].ask("FUNCTION", "DELETE", "somewhere") == b"+OK\r\n"
    assert client.ask("FUNCTION", "DELETE", "somewhere") == b"+OK\r\n"
    assert client.ask("FUNCTION", "DELETE", "somewhere") == b"-ERR Library not found\r\n"
    assert all(node.ask("FUNCTION", "LIST") == b"*0\r\n" for node in fleet.nodes)


def test_a_library_that_one_node_has_is_new_nowhere(fleet, client):
    library = "#!lua name=twice\nredis.register_function{function_name='g', flags={'no-writes'}, callback=function() return 1 end}"
    assert fleet.nodes[1].ask("FUNCTION", "LOAD", library) == b"$5\r\ntwice\r\n"
    assert client.ask("FUNCTION", "LOAD", library) == b"-ERR Library 'twice' already exists\r\n"
    assert [node.ask("FUNCTION", "LIST") == b"*0\r\n" for node in fleet.nodes] == [True, False, True]
    other = library.replace("twice", "other")
    assert client.ask("FUNCTION", "LOAD", other) == b"-ERR Function g already exists\r\n"
    assert [node.ask("FUNCTION", "LIST") == b"*0\r\n" for node in fleet.nodes] == [True, False, True]
    assert client.ask("FUNCTION", "LOAD", "REPLACE", library) == b"$5\r\ntwice\r\n"
    assert client.ask("FUNCTION", "LOAD", library) == b"-ERR Library 'twice' already exists\r\n"
    assert all(b"twice" in node.ask("FUNCTION", "LIST") for node in fleet.nodes), "it was there before"
    assert client.ask("FUNCTION", "DELETE", "twice") == b"+OK\r\n"


def test_a_library_of_which_a_node_did_not_hear_is_told_and_may_be_loaded_again():
    with Fleet(3) as fleet, fleet.client() as client:
        library = "#!lua name=l\nredis.register_function{function_name='f', flags={'no-writes'}, callback=function() return 1 end}"
        fleet.nodes[1].kill()
        fleet.proxy.wait_for_state("r1", "down")
        assert client.ask("FUNCTION", "LOAD", library).startswith(b"-ERR library l loaded on 2 of 3 nodes, not on r1: NODEDOWN ")
        fleet.nodes[1].start()
        fleet.proxy.wait_for_state("r1", "up")
        assert client.ask("FUNCTION", "LOAD", "REPLACE", library) == b"$1\r\nl\r\n"
        assert all(b"l" in node.ask("FUNCTION", "LIST") for node in fleet.nodes)


ENDLESS = "while true do end"
KILLED = b"-ERR Script killed by user with "
BUSY_SOON = ("--busy-reply-threshold", "50")
ENDLESS_FUNCTION = ("#!lua name=endless\nredis.register_function{function_name='endless', flags={'no-writes'}, "
                    "callback=function(keys, args) while true do end end}")


def is_busy(node):
    return node.ask("PING").startswith(b"-BUSY ")


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("nodes", [1, 3])
def test_another_client_ends_a_script_that_never_would(nodes, protocol):
    with Fleet(nodes, node_arguments=BUSY_SOON, **PATIENT) as fleet, fleet.client() as client, fleet.client() as killer:
        for each in (client, killer):
            each.ask("HELLO", protocol)
        key = fleet.key_of(0)
        assert client.ask("FUNCTION", "LOAD", ENDLESS_FUNCTION) == b"$7\r\nendless\r\n"
        for family, other, call in (("SCRIPT", "FUNCTION", ("EVAL", ENDLESS)), ("FUNCTION", "SCRIPT", ("FCALL", "endless"))):
            assert killer.ask(family, "KILL") == b"-NOTBUSY No scripts in execution right now.\r\n"
            client.send(encode(*call, 1, key))
            wait_for(lambda: is_busy(fleet.nodes[0]), "the node to be busy")
            assert killer.ask(other, "KILL").startswith(b"-BUSY ")  # It is not what runs.
            # What stands behind it on the same link is read when it is over.
            killer.send(encode(family, "KILL") + encode("SET", key, "1"))
            assert killer.reply() == b"+OK\r\n"
            assert client.reply().startswith(KILLED)
            assert killer.reply() == b"+OK\r\n"
        # Nobody took the node for ill.
        assert fleet.proxy.metric("node_up", node="r0") == 1
        assert not transitions(fleet.proxy, "r0")


def test_a_node_that_hangs_does_not_keep_the_one_who_ends_scripts_waiting():
    settings = PATIENT | {"timeouts": {"request": "300ms", "heavy": "60s"}}
    with Fleet(2, node_arguments=BUSY_SOON, **settings) as fleet, fleet.client() as client, fleet.client() as killer:
        stopped = fleet.nodes[1]
        assert killer.ask("SCRIPT", "KILL") == b"-NOTBUSY No scripts in execution right now.\r\n"
        client.send(encode("EVAL", ENDLESS, 1, fleet.key_of(0)))
        wait_for(lambda: is_busy(fleet.nodes[0]), "the node to be busy")
        stopped.stop()
        try:
            begun = time.monotonic()
            assert killer.ask("SCRIPT", "KILL") == b"+OK\r\n"
            assert client.reply().startswith(KILLED)
            # Nothing else runs, as far as the nodes that answer can say.
            assert killer.ask("SCRIPT", "KILL").startswith((b"-TIMEOUT node r1 ", b"-NODEDOWN node r1 "))
            assert time.monotonic() - begun < 10
        finally:
            stopped.cont()


def test_a_script_that_has_written_is_not_ended():
    with Fleet(2, node_arguments=BUSY_SOON, **PATIENT) as fleet, fleet.client() as client, fleet.client() as killer:
        client.send(encode("EVAL", "redis.call('SET', KEYS[1], '1') " + ENDLESS, 1, fleet.key_of(0)))
        wait_for(lambda: is_busy(fleet.nodes[0]), "the node to be busy")
        assert killer.ask("SCRIPT", "KILL").startswith(b"-UNKILLABLE Sorry the script already executed write commands")
        assert killer.ask("FUNCTION", "KILL") == fleet.nodes[0].ask("FUNCTION", "KILL")
        fleet.nodes[0].kill()
        assert client.reply().startswith(b"-NODEDOWN ")


def test_a_node_that_a_script_keeps_busy_is_well_and_says_so_to_others():
    """Over links that the script does not hold: those of another worker, or of clients that come anew."""
    with Fleet(1, workers=2, node_arguments=BUSY_SOON, timeouts={"request": "1s"}, health={"interval": "100ms"}) as fleet:
        node, proxy = fleet.nodes[0], fleet.proxy
        with RawClient(node.port) as direct, fleet.client() as killer, fleet.client() as other:
            direct.send(encode("EVAL", ENDLESS, 0))
            wait_for(lambda: is_busy(node), "the node to be busy")
            # For many checks.
            end = time.monotonic() + 1
            while time.monotonic() < end:
                assert other.ask("GET", "k").startswith(b"-BUSY ")
            assert not transitions(proxy, "r0")
            assert killer.ask("SCRIPT", "KILL") == b"+OK\r\n"
            assert direct.reply().startswith(KILLED)
            wait_for(lambda: other.ask("SET", "k", "1") == b"+OK\r\n", "the node to be free")
