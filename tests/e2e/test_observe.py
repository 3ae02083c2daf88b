"""INFO, CONFIG, SLOWLOG and LATENCY: what the nodes tell about themselves, as one server would."""

import re
import subprocess
import time

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, RawClient, converse, encode, wait_for

OK = b"+OK\r\n"
# What the proxy says itself, and what no two readings have in common.
OWN = {"redis_mode", "process_id", "tcp_port", "loading", "role", "connected_slaves", "master_replid",
       "master_repl_offset", "cluster_enabled"}
# Of the replication section, which is the proxy's.
REPLICATION = re.compile(r"master_|second_repl_|repl_|slave\d")


def fields(reply):
    """Those of an INFO, as text."""
    lines = reply.decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("="))


def sections(reply):
    return re.findall(rb"# (\w+)\r\n", reply)


def numbers(text):
    return {name: float(value) for name, value in (pair.split("=") for pair in text.split(","))}


@pytest.mark.smoke
@pytest.mark.parametrize("words", [[], ["all"], ["everything"], ["default"], ["memory", "KEYSPACE"], ["commandstats"], ["nosuch"]],
                         ids=" ".join)
def test_info_of_one_node_has_the_fields_of_redis(words):
    with Fleet(1) as fleet, fleet.client() as client:
        client.ask("SET", "k", "v", "EX", "1000")
        through, direct = client.ask("INFO", *words), fleet.nodes[0].ask("INFO", *words)
        assert [name for name in sections(through) if name != b"Ringproxy"] == sections(direct)
        ours, theirs = fields(through), fields(direct)
        missing = {name for name in theirs.keys() - ours.keys() if not REPLICATION.match(name)}
        # A command that only the other one has been asked so far.
        assert {name for name in missing if not name.startswith(("cmdstat_", "latency_"))} == set()
        for name in ("redis_version", "run_id", "os", "arch_bits", "maxmemory_policy", "db0", "keyspace_misses", "redis_build_id"):
            assert (ours.get(name) or "").split("avg_ttl")[0] == (theirs.get(name) or "").split("avg_ttl")[0], name
        replication = b"# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:%s\r\nmaster_repl_offset:0\r\n"
        replication %= b"0" * 40
        assert client.ask("INFO", "replication") == b"$%d\r\n%s\r\n" % (len(replication), replication)


def test_info_of_three_nodes_is_their_sum(fleet, client):
    for node in fleet.nodes:
        node.ask("CONFIG", "RESETSTAT")
    keys = [fleet.key_of(node) for node in range(3)]
    for i, key in enumerate(keys):
        client.ask("SET", key, "v")
        for _ in range(i + 1):
            client.ask("GET", key)
            client.ask("HGET", key, "f")
        client.ask("GET", key + "none{" + key + "}")
    client.ask("EXPIRE", keys[0], "1000")
    told = fields(client.ask("INFO", "everything"))
    nodes = [fields(node.ask("INFO", "everything")) for node in fleet.nodes]
    total = {name: sum(int(node[name]) for node in nodes) for name in ("keyspace_hits", "keyspace_misses", "total_error_replies")}
    assert {name: int(told[name]) for name in total} == total
    assert total["keyspace_misses"] == 3 and total["total_error_replies"] == 6
    assert numbers(told["db0"]).items() >= {"keys": 3, "expires": 1}.items()
    calls = numbers(told["cmdstat_get"])
    assert calls["calls"] == sum(numbers(node["cmdstat_get"])["calls"] for node in nodes) == 9
    assert calls["usec_per_call"] == pytest.approx(calls["usec"] / 9, abs=0.01)
    assert numbers(told["errorstat_WRONGTYPE"]) == {"count": 6}
    assert int(told["used_memory"]) > 2 * int(nodes[0]["used_memory"])
    assert int(told["connected_clients"]) == len(client.ask("CLIENT", "LIST").split(b"id=")) - 1 and told["tracking_clients"] == "0"
    assert int(told["maxclients"]) == sum(int(node["maxclients"]) for node in nodes)
    assert told["arch_bits"] == nodes[0]["arch_bits"] and told["os"] == nodes[0]["os"]
    assert re.fullmatch(r"[0-9a-f]{40}", told["run_id"]) and told["run_id"] not in [node["run_id"] for node in nodes]
    assert told["maxmemory_policy"] == "noeviction"
    assert told["ringproxy_nodes"] == "3" and "ringproxy_nodes_silent" not in told


def test_what_nodes_differ_in_is_left_out_and_named(fleet, client):
    try:
        fleet.nodes[1].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        # What was told within the last second may be told to a client that has used no node yet.
        wait_for(lambda: "maxmemory_policy" not in (told := fields(client.ask("INFO", "memory", "ringproxy"))) and
                 told["ringproxy_nodes_differ"] == "maxmemory_policy", "the nodes' difference to be told")
    finally:
        fleet.nodes[1].ask("CONFIG", "SET", "maxmemory-policy", "noeviction")


@pytest.mark.smoke
def test_libraries_and_tools_read_it(fleet, client):
    library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    library.mset({f"k{i}": "v" for i in range(30)})
    info = library.info("everything")
    assert info["db0"]["keys"] == 30 and info["cmdstat_mset"]["calls"] >= 3 and info["arch_bits"] in (32, 64)
    assert library.info("keyspace") == {"db0": {"keys": 30, "expires": 0, "avg_ttl": 0}}
    with subprocess.Popen(["redis-cli", "-p", str(fleet.proxy.port), "-i", "0.1", "--stat"], stdout=subprocess.PIPE, text=True) as stat:
        try:
            lines = [stat.stdout.readline() for _ in range(4)]
        finally:
            stat.kill()
    assert lines[2].split()[0] == lines[3].split()[0] == "30", lines
    assert client.ask("HELLO", "3").startswith(b"%")
    assert client.ask("INFO", "keyspace") == b"=49\r\ntxt:# Keyspace\r\ndb0:keys=30,expires=0,avg_ttl=0\r\n\r\n"


def test_info_of_a_single_node_is_its_own(fleet, client):
    for name in ("@r1", "@main/r1"):
        told = fields(client.ask("INFO", name, "server"))
        assert told["run_id"] == fields(fleet.nodes[1].ask("INFO", "server"))["run_id"]
        assert told["tcp_port"] == str(fleet.nodes[1].port)
    assert client.ask("INFO", "@r9") == b"-ERR no node behind this listener is called 'r9'\r\n"


def test_a_node_that_is_down_is_named_and_the_others_are_told():
    with Fleet(3) as fleet, fleet.client() as client:
        for i in range(60):
            client.ask("SET", f"k{i}", "v")
        left = sum(int(node.ask("DBSIZE")[1:]) for node in fleet.nodes[:2])
        fleet.nodes[2].kill()
        fleet.proxy.wait_for_state("r2", "down")
        told = fields(client.ask("INFO"))
        assert numbers(told["db0"])["keys"] == left and told["ringproxy_nodes_silent"] == "r2"
        assert client.ask("CONFIG", "GET", "save") == b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"
        assert client.ask("SLOWLOG", "GET").startswith(b"-NODEDOWN node r2 ")
        assert client.ask("INFO", "@r2").startswith(b"-NODEDOWN node r2 ")
        for node in fleet.nodes[:2]:
            node.kill()
            fleet.proxy.wait_for_state(f"r{fleet.nodes.index(node)}", "down")
        # Libraries ask it when they connect, and go away when they read an error.
        told = fields(client.ask("INFO"))
        assert told["ringproxy_nodes_silent"] == "r0 r1 r2" and told["loading"] == "0" and "db0" not in told
        assert client.ask("CONFIG", "GET", "save").startswith(b"-NODEDOWN ")


def info_calls(node):
    return int(re.search(rb"cmdstat_info:calls=(\d+)", node.ask("INFO", "commandstats"))[1])


def test_a_crowd_that_asks_info_is_one_question(fleet):
    """Whether it connects again and again, or asks all the time."""
    def asked(work):
        before, begin = [info_calls(node) for node in fleet.nodes], time.monotonic()
        work()
        took = time.monotonic() - begin
        # One of them is our own.
        return max(info_calls(node) - calls for node, calls in zip(fleet.nodes, before)) - 1, took

    def connect():
        for _ in range(200):
            with fleet.client() as client:
                assert b"# Keyspace" in client.ask("INFO")

    def ask():
        clients = [fleet.client() for _ in range(50)]
        for one in clients:
            one.ask("GET", "k")
            one.send(encode("INFO") * 5)
        for one in clients:
            assert all(b"# Keyspace" in one.reply() for _ in range(5))
            one.socket.close()

    calls, took = asked(connect)
    assert calls <= took + 1, "what was told within the last second does for a client that is new"
    calls, took = asked(ask)
    assert calls <= took / 0.01 + 1, "one question every 10 ms"


def test_who_has_written_reads_it_in_info(fleet, client):
    for i in range(20):
        client.ask("SET", f"k{i}", "v")
        assert numbers(fields(client.ask("INFO", "keyspace"))["db0"])["keys"] == i + 1


def test_config_get_is_that_of_the_nodes(fleet, redis, client):
    parameters = ["maxmemory", "SAVE", "maxmemory-policy", "appendonly", "timeout", "nosuch", "databases"]
    for hello in (None, "HELLO 3"):
        lines = [f"CONFIG GET {name}" for name in parameters]
        assert converse(fleet.proxy.port, lines, hello) == converse(redis.port, lines, hello)
    library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    ours, theirs = library.config_get("*"), redis_py.Redis(port=redis.port, decode_responses=True).config_get("*")
    # Each server has its own.
    assert theirs.keys() - ours.keys() <= {"port", "dir", "requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"}
    assert ours["maxclients"] == theirs["maxclients"]
    assert client.ask("CONFIG", "GET").startswith(b"-ERR wrong number of arguments for 'config|get' command")
    differ = client.ask("CONFIG", "GET", "port")
    assert differ.startswith(b"-ERR nodes differ in 'port': ")
    assert all(b"'%d' on r%d" % (node.port, i) in differ for i, node in enumerate(fleet.nodes))
    fleet.nodes[2].ask("CONFIG", "SET", "maxmemory", "100mb")
    assert client.ask("CONFIG", "GET", "maxm*").startswith(b"-ERR nodes differ in 'maxmemory': '0' on r0 and r1, '104857600' on r2;")
    fleet.nodes[2].ask("CONFIG", "SET", "maxmemory", "0")


OF_ONE_NODE = ["DEBUG SLEEP 0", "SAVE", "BGSAVE", "BGREWRITEAOF", "PFSELFTEST"]
ADMIN = ["CONFIG SET maxmemory 1gb", "CONFIG RESETSTAT", "SLOWLOG RESET", "MEMORY PURGE"]


def test_how_nodes_run_is_not_changed_by_everybody(fleet, client):
    for line in [*ADMIN, "CONFIG REWRITE", "LATENCY RESET", "PFDEBUG ENCODING h"]:
        reply = client.ask(*line.split())
        assert reply.startswith(b"-ERR '") and b"or set admin_commands: true of the listener" in reply, line
    for line in OF_ONE_NODE:
        assert b"it concerns one server" in client.ask(*line.split()), line
    with Fleet(1) as lone, lone.client() as other:
        for line in [*OF_ONE_NODE, "SWAPDB 0 1"]:
            assert b"or set admin_commands: true of the listener" in other.ask(*line.split()), line
    assert fleet.nodes[0].ask("CONFIG", "GET", "maxmemory") == b"*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"
    library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    assert "config|get" in library.execute_command("COMMAND LIST FILTERBY PATTERN config|*")
    assert library.execute_command("COMMAND LIST FILTERBY PATTERN debug") == []


def test_admin_commands_change_all_nodes():
    with Fleet(3, listener={"admin_commands": True}) as fleet, fleet.client() as client:
        for line in ADMIN:
            assert client.ask(*line.split()) == OK, line
        for node in fleet.nodes:
            assert node.ask("CONFIG", "GET", "maxmemory") == b"*2\r\n$9\r\nmaxmemory\r\n$10\r\n1073741824\r\n"
        assert client.ask("CONFIG", "GET", "maxmemory") == fleet.nodes[0].ask("CONFIG", "GET", "maxmemory")
        assert client.ask("CONFIG", "SET", "nosuch", "1") == fleet.nodes[0].ask("CONFIG", "SET", "nosuch", "1")
        assert client.ask("CONFIG", "REWRITE") == fleet.nodes[0].ask("CONFIG", "REWRITE")
        for line in OF_ONE_NODE:
            assert b"it concerns one server" in client.ask(*line.split()), line
        assert b"nodes cannot swap databases" in client.ask("SWAPDB", "0", "1")
        assert client.ask("LATENCY", "RESET") == b":0\r\n"
        for line in ("CONFIG HELP", "SLOWLOG HELP", "LATENCY HELP"):
            assert client.ask(*line.split()) == fleet.nodes[0].ask(*line.split())
    with Fleet(1, listener={"admin_commands": True}) as fleet, fleet.client() as client:
        for line in ("DEBUG SLEEP 0", "DEBUG SET-ACTIVE-EXPIRE 1", "DEBUG JMAP", "LATENCY HISTOGRAM nosuch", "LATENCY HISTORY command"):
            assert client.ask(*line.split()) == fleet.nodes[0].ask(*line.split()), line
        assert client.ask("PFADD", "h", "a") == b":1\r\n"
        for line in ("SAVE", "SAVE now", "PFDEBUG ENCODING h", "PFDEBUG GETREG nosuch", "PFSELFTEST"):
            assert client.ask(*line.split()) == fleet.nodes[0].ask(*line.split()), line
        assert client.ask("BGSAVE") == b"+Background saving started\r\n"
        assert client.ask("SWAPDB", "0", "1") == OK and client.ask("DBSIZE") == b":0\r\n"
        assert client.ask("SELECT", "1") == OK and client.ask("PFCOUNT", "h") == b":1\r\n" and client.ask("SELECT", "0") == OK
        assert client.ask("MEMORY", "STATS").startswith(b"*")
        # A stuck node is what was asked for.
        assert client.ask("DEBUG", "SLEEP", "1.5") == OK and fleet.proxy.node("r0")["state"] == "up"


def arguments_of(entry):
    return entry["command"] if isinstance(entry["command"], str) else entry["command"].decode()


def test_the_slow_log_is_that_of_all_nodes():
    with Fleet(3, listener={"admin_commands": True}) as fleet, fleet.client() as client:
        library = redis_py.Redis(port=fleet.proxy.port)
        assert library.slowlog_get() == [] and library.slowlog_len() == 0
        for node in fleet.nodes:
            node.ask("CONFIG", "SET", "slowlog-log-slower-than", "20000")
        keys = [fleet.key_of(node) for node in (1, 0, 2, 0)]
        for i, key in enumerate(keys):
            fleet.nodes[(1, 0, 2, 0)[i]].ask("DEBUG", "SLEEP", f"0.0{3 + i}")
            second = int(time.time())
            wait_for(lambda: int(time.time()) > second, "another second")
        entries = library.slowlog_get(10)
        assert [entry["command"] for entry in entries] == [b"DEBUG SLEEP 0.0%d" % n for n in (6, 5, 4, 3)]
        assert [entry["start_time"] for entry in entries] == sorted((entry["start_time"] for entry in entries), reverse=True)
        assert library.slowlog_len() == 4
        assert [entry["command"] for entry in library.slowlog_get(2)] == [b"DEBUG SLEEP 0.06", b"DEBUG SLEEP 0.05"]
        assert len(library.execute_command("SLOWLOG GET", -1)) == 4
        for words in (["GET", "x"], ["GET", "-2"], ["GET", "1", "2"], ["GET", "0"]):
            assert client.ask("SLOWLOG", *words) == fleet.nodes[0].ask("SLOWLOG", *words), words
        assert client.ask("HELLO", "3").startswith(b"%")
        assert client.ask("SLOWLOG", "GET", "1").startswith(b"*1\r\n*6\r\n:")
        assert client.ask("SLOWLOG", "RESET") == OK and client.ask("SLOWLOG", "LEN") == b":0\r\n"


def test_latency_latest_is_that_of_all_nodes():
    with Fleet(2, listener={"admin_commands": True}) as fleet, fleet.client() as client:
        assert client.ask("LATENCY", "LATEST") == b"*0\r\n"
        assert client.ask("CONFIG", "SET", "latency-monitor-threshold", "1") == OK
        fleet.nodes[0].ask("DEBUG", "SLEEP", "0.05")
        fleet.nodes[1].ask("DEBUG", "SLEEP", "0.01")
        event, at, latest, most = redis_py.Redis(port=fleet.proxy.port).execute_command("LATENCY LATEST")[0]
        assert event == b"command" and abs(at - time.time()) < 60 and most >= 50 and latest >= 10
        assert b"it concerns one server" in client.ask("LATENCY", "HISTOGRAM")
        assert client.ask("LATENCY", "RESET") == b":2\r\n"


def test_what_is_asked_of_a_key_goes_to_its_node(fleet, client):
    for i in range(30):
        key, owner = f"k{i}", fleet.nodes[fleet.owner(f"k{i}")]
        client.ask("SET", key, i)
        for words in (["MEMORY", "USAGE", key], ["OBJECT", "ENCODING", key], ["OBJECT", "REFCOUNT", key], ["DUMP", key]):
            reply = client.ask(*words)
            assert reply == owner.ask(*words) and not reply.startswith((b"-", b"$-1")), words
        with RawClient(fleet.proxy.port) as other:
            dumped = redis_py.Redis(port=fleet.proxy.port).dump(key)
            assert other.ask("RESTORE", f"copy{i}", "0", dumped) == OK
            assert other.ask("GET", f"copy{i}") == b"$%d\r\n%d\r\n" % (len(str(i)), i)
