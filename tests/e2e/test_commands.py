"""What a client sees of commands: spread over nodes, split and merged, local, whole-fleet, refused."""

import subprocess
import threading

import pytest
import redis as redis_py

from servers import PATIENT, Fleet, encode


def bulk(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


@pytest.mark.smoke
def test_keys_are_spread_over_the_nodes_where_locate_says(fleet, client):
    for i in range(300):
        assert client.ask("SET", f"key:{i}", f"value:{i}") == b"+OK\r\n"
    for i in range(300):
        assert client.ask("GET", f"key:{i}") == bulk(f"value:{i}")
    sizes = [int(node.ask("DBSIZE")[1:]) for node in fleet.nodes]
    assert sum(sizes) == 300 and min(sizes) > 50
    for i in range(20):
        assert fleet.nodes[fleet.owner(f"key:{i}")].ask("GET", f"key:{i}") == bulk(f"value:{i}")
    assert client.ask("DBSIZE") == b":300\r\n"


@pytest.mark.smoke
def test_redis_cli_works(fleet):
    def cli(*arguments):
        command = ["redis-cli", "-p", str(fleet.proxy.port), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert cli("set", "a", "b") == "OK"
    assert cli("get", "a") == "b"
    assert cli("mget", "a", "nothing", "a") == "b\n\nb"


@pytest.mark.parametrize("value", [b"", b"\x00\r\n\xff*3\r\n$", bytes(range(256)) * 64, b"x" * (1 << 20), b"y" * (20 << 20)],
                         ids=["empty", "binary", "16KiB", "1MiB", "20MiB"])
def test_values_of_every_size_pass_unchanged(client, value):
    assert client.ask("SET", b"bin\x00\r\nkey", value) == b"+OK\r\n"
    assert client.ask("GET", b"bin\x00\r\nkey") == bulk(value)
    assert client.ask("MGET", b"bin\x00\r\nkey", "none") == b"*2\r\n" + bulk(value) + b"$-1\r\n"


def test_multi_key_commands_keep_order_and_duplicates(client):
    # See semantics.md 2 and 4.
    pairs = [part for i in range(50) for part in (f"k{i}", f"v{i}")]
    assert client.ask("MSET", *pairs, "k0", "last wins") == b"+OK\r\n"
    keys = ["k7", "none", "k0", "k7", *[f"k{i}" for i in range(50)], "none"]
    expected = [None if key == "none" else "last wins" if key == "k0" else "v" + key[1:] for key in keys]
    reply = client.ask("MGET", *keys)
    assert reply == b"*%d\r\n" % len(keys) + b"".join(b"$-1\r\n" if e is None else bulk(e) for e in expected)
    assert client.ask("EXISTS", "k1", "k1", "none", "k2") == b":3\r\n"
    assert client.ask("TOUCH", "k1", "k2", "none") == b":2\r\n"
    assert client.ask("DEL", "k1", "k1", "k2", "none") == b":2\r\n"
    assert client.ask("UNLINK", "k3", "k4", "k5", "none") == b":3\r\n"


def test_an_error_on_one_shard_is_the_whole_answer_with_the_nodes_own_words(fleet, client):
    # semantics.md 1 and 3: never a nil for a key whose node refused.
    keys = [fleet.key_of(i) for i in range(3)]
    fleet.nodes[1].ask("CONFIG", "SET", "maxmemory", "1")
    try:
        assert client.ask("MSET", *[p for key in keys for p in (key, "v")]).startswith(b"-OOM ")
    finally:
        fleet.nodes[1].ask("CONFIG", "SET", "maxmemory", "0")
    assert client.ask("MSET", *[p for key in keys for p in (key, "v")]) == b"+OK\r\n"


def test_keys_on_different_nodes_are_refused_unless_a_hash_tag_joins_them(fleet, client):
    a, b = fleet.key_of(0), fleet.key_of(1)
    words = "-CROSSSLOT Keys in request don't hash to the same node: '%s' is on r0, '%s' on r1; use a hash tag or a route\r\n"
    crossslot = (words % (a, b)).encode()
    for command in (["RENAME", a, b], ["SUNION", a, b], ["PFMERGE", a, b], ["MSETNX", a, "1", b, "2"],
                    ["EVAL", "return 1", "2", a, b], ["ZUNIONSTORE", a, "1", b], ["BITOP", "AND", a, a, b]):
        assert client.ask(*command) == crossslot, command
    assert client.ask("MSETNX", "{t}a", "1", "{t}b", "2") == b":1\r\n"
    assert client.ask("RENAME", "{t}a", "{t}c") == b"+OK\r\n"
    assert client.ask("EVAL", "return redis.call('get', KEYS[2])", "2", "{t}b", "{t}c") == bulk("1")


@pytest.mark.parametrize("key,tag", [("{a}x", "a"), ("x{a}y{b}", "a"), ("{}x", None), ("{a", None), ("}{a}", "a"),
                                     ("{{a}}", "{a")])
def test_hash_tags_follow_the_rule_of_redis_cluster(fleet, key, tag):
    # See semantics.md 21.
    import json
    import urllib.parse
    page = fleet.proxy.get("/api/v1/locate?pool=main&key=" + urllib.parse.quote(key))[1]
    assert json.loads(page)["hashed_part"] == (tag or key)


def test_whole_fleet_commands_ask_every_node(fleet, client):
    for i in range(60):
        client.ask("SET", f"w{i}", "1")
    assert client.ask("DBSIZE") == b":60\r\n"
    reply = client.ask("KEYS", "w*")
    assert reply.startswith(b"*60\r\n") and all(bulk(f"w{i}") in reply for i in range(60))
    assert client.ask("RANDOMKEY").split(b"\r\n")[1].startswith(b"w")
    sha = client.ask("SCRIPT", "LOAD", "return ARGV[1]")
    digest = sha.split(b"\r\n")[1]
    assert client.ask("SCRIPT", "EXISTS", digest, "0" * 40) == b"*2\r\n:1\r\n:0\r\n"
    for i in range(20):
        assert client.ask("EVALSHA", digest, "1", f"w{i}", "yes") == bulk("yes")
    assert client.ask("SCRIPT", "FLUSH") == b"+OK\r\n"
    assert client.ask("SCRIPT", "EXISTS", digest) == b"*1\r\n:0\r\n"
    assert client.ask("FLUSHALL") == b"+OK\r\n"
    assert client.ask("DBSIZE") == b":0\r\n"
    assert client.ask("RANDOMKEY") == b"$-1\r\n"


def test_unknown_and_refused_commands_keep_the_connection(client):
    # See semantics.md 14 and 16.
    assert client.ask("NOSUCH", "a", "b") == b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"
    for command in (["MONITOR"], ["SHUTDOWN"], ["DEBUG", "SLEEP", "1"]):
        reply = client.ask(*command)
        assert reply.startswith(b"-ERR '") and b"is not supported by ringproxy: " in reply, command
    assert client.ask("HELLO", "4") == b"-NOPROTO unsupported protocol version\r\n"
    assert client.ask("PING") == b"+PONG\r\n"


def test_local_commands_know_their_own_client(client):
    # semantics.md 16: nothing of this may reach the shared connections.
    assert client.ask("CLIENT", "SETNAME", "me") == b"+OK\r\n"
    assert client.ask("CLIENT", "GETNAME") == bulk("me")
    assert client.ask("CLIENT", "SETINFO", "lib-name", "tests") == b"+OK\r\n"
    own = client.ask("CLIENT", "ID")[1:-2]
    assert b"id=" + own + b" " in client.ask("CLIENT", "INFO")
    assert b"name=me" in client.ask("CLIENT", "LIST")
    assert client.ask("ECHO", "x") == bulk("x")
    assert client.ask("PING", "x") == bulk("x")
    assert client.ask("SELECT", "0") == b"+OK\r\n"
    assert client.ask("HELLO", "2").startswith(b"*14\r\n")
    assert b"ringproxy_version:" in client.ask("INFO")
    assert client.ask("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == b"*2\r\n" + bulk("a") + bulk("b")
    assert client.ask("RESET") == b"+RESET\r\n"
    assert client.ask("CLIENT", "GETNAME") == b"$-1\r\n"


@pytest.mark.smoke
def test_python_redis_pipelines_from_many_threads(fleet):
    failures = []

    def work(number):
        try:
            client = redis_py.Redis(port=fleet.proxy.port)
            for round_number in range(20):
                with client.pipeline(transaction=False) as pipe:
                    for i in range(50):
                        pipe.set(f"t{number}:{i}", f"{round_number}:{i}")
                        pipe.get(f"t{number}:{i}")
                    replies = pipe.execute()
                assert replies == [r for i in range(50) for r in (True, f"{round_number}:{i}".encode())]
                assert client.mget([f"t{number}:{i}" for i in range(50)]) == [f"{round_number}:{i}".encode() for i in range(50)]
        except Exception as error:  # Carried to the test's own thread.
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_script_without_keys_always_runs_on_the_same_node(fleet, client):
    client.ask("EVAL", "return redis.call('set', 'hidden', 'here')", "0")
    assert client.ask("EVAL", "return redis.call('get', 'hidden')", "0") == bulk("here")


def test_sort_reaches_only_keys_of_its_node(client):
    for i in (3, 1, 2):
        client.ask("RPUSH", "{s}list", i)
        client.ask("SET", f"{{s}}weight_{i}", -i)
    assert client.ask("SORT", "{s}list", "BY", "{s}weight_*") == b"*3\r\n" + bulk("3") + bulk("2") + bulk("1")
    assert b"is not supported" in client.ask("SORT", "{s}list", "BY", "weight_*")


def test_before_one_node_sort_reaches_all_and_the_functions_that_run_are_told(redis):
    with Fleet(1, **PATIENT) as fleet, fleet.client() as client:
        for server in (redis, client):
            server.ask("MSET", "weight_1", "2", "weight_2", "1")
            server.ask("RPUSH", "list", "1", "2")
        for line in ("SORT list BY weight_* GET # GET weight_*", "FUNCTION STATS"):
            assert client.ask(*line.split()) == redis.ask(*line.split())


def test_pipelined_errors_wait_their_turn(client):
    # See semantics.md 13.
    client.send(b"".join([encode("SET", "p", "1"), encode("NOSUCH"), encode("GET", "p"), encode("GET"), encode("MONITOR"),
                          encode("MGET", *[f"p{i}" for i in range(40)]), encode("PING")]))
    assert client.reply() == b"+OK\r\n"
    assert client.reply().startswith(b"-ERR unknown command 'NOSUCH'")
    assert client.reply() == bulk("1")
    assert client.reply() == b"-ERR wrong number of arguments for 'get' command\r\n"
    assert b"'monitor' is not supported" in client.reply()
    assert client.reply() == b"*40\r\n" + b"$-1\r\n" * 40
    assert client.reply() == b"+PONG\r\n"
