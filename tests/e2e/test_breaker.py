"""What a worker learns from the answers to its clients' requests, and what it does then."""

import re
import sys
import threading
import time

import pytest

from scripted_node import ScriptedNode
from servers import PATIENT, ROOT, Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk
from test_failures import DOWN
from test_health import quick, transitions

sys.path.insert(0, str(ROOT / "tools"))
from chaos_lib.delay import Delay  # noqa: E402

# No checks: what happens is the breaker's doing.
ALONE = quick(health={"interval": "0s"})


def breaker_state(proxy):
    return proxy.metric("node_breaker_state")


def repeat(client, times, *request):
    client.send(encode(*request) * times)
    return [client.reply() for _ in range(times)]


def serves_what_it_may(fleet, client, word, key="a"):
    """Writes read the node's own word a hundred times; reads and deletes go on, on this and on new connections."""
    assert {reply[:len(word)] for reply in repeat(client, 100, "SET", key, "2")} == {word}
    assert client.ask("GET", key) == bulk("1")
    fleet.proxy.wait_for_state("r0", "up")
    with fleet.client() as another:
        assert another.ask("GET", key) == bulk("1")
    assert breaker_state(fleet.proxy) == 0 and not transitions(fleet.proxy, "r0")


@pytest.mark.smoke
@pytest.mark.parametrize("options", [ALONE, quick()], ids=["alone", "checked"])
def test_a_full_redis_still_reads_and_deletes(options):
    with Fleet(2, **{**options, **PATIENT}) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("SET", key, "1") == b"+OK\r\n"
        fleet.nodes[0].ask("CONFIG", "SET", "maxmemory", "1")
        serves_what_it_may(fleet, client, b"-OOM ", key)
        assert client.ask("DEL", key) == b":1\r\n"
        fleet.nodes[0].ask("CONFIG", "SET", "maxmemory", "0")
        assert client.ask("SET", key, "3") == b"+OK\r\n"


@pytest.mark.parametrize("options", [ALONE, quick()], ids=["alone", "checked"])
def test_a_redis_that_cannot_save_still_reads_also_for_a_proxy_that_starts_meanwhile(options):
    with Fleet(1, node_arguments=("--save", "3600 1"), **options) as fleet, fleet.client() as client:
        assert client.ask("SET", "a", "1") == b"+OK\r\n"
        fleet.nodes[0].ask("CONFIG", "SET", "dbfilename", "not-there.rdb")
        fleet.nodes[0].folder.cleanup()  # It has nowhere to write to.
        fleet.nodes[0].ask("BGSAVE")
        # Redis answers even PING so.
        wait_for(lambda: fleet.nodes[0].ask("PING").startswith(b"-MISCONF"), "the save to fail")
        serves_what_it_may(fleet, client, b"-MISCONF")
        with Proxy(fleet.config) as late, late.client() as other:
            assert other.ask("GET", "a") == bulk("1")
            assert late.wait_for_state("r0", "up")


def test_a_replica_and_a_primary_without_enough_replicas_still_read():
    with Fleet(1, **quick()) as fleet, fleet.client() as client:
        assert client.ask("SET", "a", "1") == b"+OK\r\n"
        fleet.nodes[0].ask("CONFIG", "SET", "min-replicas-to-write", "1")
        serves_what_it_may(fleet, client, b"-NOREPLICAS ")
        fleet.nodes[0].ask("CONFIG", "SET", "min-replicas-to-write", "0")
    with RedisServer() as primary, Fleet(1, **quick()) as fleet, fleet.client() as client:
        primary.ask("SET", "a", "1")
        fleet.nodes[0].ask("REPLICAOF", "127.0.0.1", primary.port)
        wait_for(lambda: fleet.nodes[0].ask("GET", "a") == bulk("1"), "the copy")
        fleet.proxy.wait_for_state("r0", "up")
        assert {reply[:10] for reply in repeat(client, 100, "SET", "a", "2")} == {b"-READONLY "}
        assert client.ask("GET", "a") == bulk("1")
        assert fleet.proxy.node("r0")["state"] == "up"


def test_no_client_takes_a_node_from_the_others_by_what_its_scripts_say():
    function = ("#!lua name=forger\nredis.register_function{function_name='say', flags={'no-writes'}, "
                "callback=function(keys, args) return redis.error_reply(args[1]) end}")
    with Fleet(1, **quick()) as fleet, fleet.client() as client, fleet.client() as other:
        assert other.ask("SET", "a", "1") == b"+OK\r\n"
        script = "return redis.error_reply(ARGV[1])"
        digest = client.ask("SCRIPT", "LOAD", script).split(b"\r\n")[1]
        assert client.ask("FUNCTION", "LOAD", function) == bulk("forger")
        long_script = script + " " * 100_000  # It travels in a block of its own.
        for word in (b"LOADING", b"BUSY", b"MASTERDOWN", b"CLUSTERDOWN", b"OOM", b"READONLY", b"MISCONF", b"TRYAGAIN"):
            for call in (("EVAL", script), ("EVAL_RO", script), ("EVALSHA", digest), ("EVALSHA_RO", digest), ("FCALL", "say"),
                         ("FCALL_RO", "say"), ("EVAL", long_script)):
                replies = repeat(client, 6, *call, "1", "a", word + b" x")
                assert replies == [b"-%s x\r\n" % word] * 6, call[0]
                assert other.ask("GET", "a") == bulk("1"), (call[0], word)
        for request in (("FUNCTION", "LOAD", "LOADING x"), ("SCRIPT", "LOAD", "LOADING x"), ("XREADGROUP", "GROUP", "LOADING", "x", "STREAMS", "a", ">"),
                        ("SORT", "a", "BY", "LOADING x", "GET"), ("OBJECT", "LOADING x")):
            repeat(client, 6, *request)
        assert other.ask("GET", "a") == bulk("1")
        assert breaker_state(fleet.proxy) == 0 and not transitions(fleet.proxy, "r0")


def test_a_redis_whose_user_may_not_ping_is_served(tmp_path):
    password = tmp_path / "password"
    password.write_text("pw\n")
    with RedisServer() as node:
        node.ask("ACL", "SETUSER", "app", "on", ">pw", "~*", "-@all", "+@read", "+@write")
        config = pool_config([node], **quick(auth={"username": "app", "password_file": str(password)}))
        with Proxy(config) as proxy, proxy.client() as client:
            assert client.ask("SET", "a", "1") == b"+OK\r\n"
            # Each check is a PING that is refused.
            refused = lambda: int(re.search(rb"cmdstat_ping:.*rejected_calls=(\d+)", node.ask("INFO", "commandstats"))[1])  # noqa: E731
            before = refused()
            wait_for(lambda: refused() >= before + 3, "more checks")
            assert client.ask("GET", "a") == bulk("1") and not transitions(proxy, "r0")


@pytest.mark.parametrize("reply", [b"-LOADING Redis is loading the dataset in memory\r\n", b"-MASTERDOWN Link is down\r\n",
                                   b"-CLUSTERDOWN The cluster is down\r\n"])
def test_replies_that_say_not_now_open_the_breaker_after_five_in_a_row(reply):
    with ScriptedNode(lambda name, _: reply if name == "SET" else None) as node, Proxy(pool_config([node], **ALONE)) as proxy:
        with proxy.client() as client:
            assert [client.ask("SET", "a", "1") for _ in range(4)] == [reply] * 4
            assert client.ask("GET", "a") == b"+OK\r\n"  # In a row: this one breaks it.
            assert [client.ask("SET", "a", "1") for _ in range(5)] == [reply] * 5
            wait_for(lambda: transitions(proxy, "r0").get(("up", "down")), "the breaker to open")
        assert node.count("SET") == 9


def test_replies_that_blame_the_request_never_open_the_breaker(fleet, client):
    assert client.ask("SET", "text", "x") == b"+OK\r\n"
    for request, word in ((("LPUSH", "text", "x"), b"-WRONGTYPE"), (("INCR", "text"), b"-ERR"),
                          (("SETRANGE", "text", "-1", "x"), b"-ERR")):
        replies = repeat(client, 100, *request)
        assert {reply.split()[0] for reply in replies} == {word}
    assert breaker_state(fleet.proxy) == 0
    assert fleet.proxy.metric("node_transitions_total") == 0


@pytest.mark.parametrize("reply", [b"-MOVED 3999 127.0.0.1:6381\r\n", b"-MOVED 3999 :6381\r\n", b"-MOVED 3999 [::1]:6381\r\n",
                                   b"-MOVED 3999 node-3.example.com:6381\r\n", b"-MOVED 3999 ?:6381\r\n",
                                   b"-ASK 3999 127.0.0.1:6381@16381\r\n", b"-NOSCRIPT No matching script.\r\n"])
def test_redirects_pass_untouched_and_are_no_failures(reply):
    # semantics.md 35: the node is well, its owner has set the pool up otherwise than the cluster.
    with ScriptedNode(lambda name, _: reply if name == "GET" else None) as node, Proxy(pool_config([node], **ALONE)) as proxy:
        with proxy.client() as client:
            assert repeat(client, 200, "GET", "a") == [reply] * 200
            assert client.ask("SET", "a", "1") == b"+OK\r\n"
        assert breaker_state(proxy) == 0 and not transitions(proxy, "r0")
        assert proxy.metric("node_connects_total") == 1


def test_what_may_have_been_executed_is_not_sent_again():
    # semantics.md 35: the connection breaks while an INCR is under way.
    with ScriptedNode(lambda name, _: b"" if name == "INCR" else None) as node:
        with Proxy(pool_config([node], retries={"max": 3}, **ALONE)) as proxy, proxy.client() as client:
            assert client.ask("INCR", "a") == DOWN
            wait_for(lambda: client.ask("GET", "a") == b"+OK\r\n", "the node to be connected again")
    assert node.count("INCR") == 1


def test_a_slow_node_is_cut_off_while_it_is_slow():
    delay = Delay()
    with RedisServer() as slow, RedisServer() as well:
        class Front:
            port = delay.start(slow.port)

        options = quick(breaker={"slow_threshold": "50ms", "min_requests": 5, "consecutive_failures": 0, "failure_ratio": "0%",
                                 "open": "1s"}, timeouts={"request": "10s"}, health={"interval": "0s"})
        with Proxy(pool_config([Front, well], **options)) as proxy, proxy.client() as client:
            fleet = Fleet(2)
            fleet.proxy = proxy
            key, other = fleet.key_of(0), fleet.key_of(1)
            assert client.ask("SET", key, "x") == client.ask("SET", other, "y") == b"+OK\r\n"
            delay.hold(0.1)
            wait_for(lambda: DOWN in repeat(client, 20, "GET", key), "the breaker to open")
            assert proxy.metric("node_transitions_total", node="r0", reason="slow", to="down") >= 1
            assert proxy.metric("node_timeouts_total") == 0
            assert client.ask("GET", other) == bulk("y")
            delay.hold(0)
            wait_for(lambda: repeat(client, 20, "GET", key) == [bulk("x")] * 20, "the node to be trusted again")
    delay.stop()


def test_timeouts_in_a_row_open_the_breaker_and_late_replies_reach_nobody():
    # See semantics.md 6.
    with Fleet(2, **quick(health={"interval": "0s"}, timeouts={"request": "100ms"})) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        assert client.ask("SET", key, "x") == b"+OK\r\n"
        connects = fleet.proxy.metric("node_connects_total", node="r0")
        fleet.nodes[0].stop()
        replies = repeat(client, 10, "GET", key)
        assert replies == [b"-TIMEOUT node r0 did not answer within 100ms\r\n"] * 10
        wait_for(lambda: client.ask("GET", key) == DOWN, "the breaker to open")
        assert fleet.proxy.wait_for_state("r0", "down")["reason"] == "timeouts"
        fleet.nodes[0].cont()
        wait_for(lambda: client.ask("GET", key) == bulk("x"), "the breaker to close")
        late = fleet.proxy.metric("node_late_replies_total", node="r0")
        reconnected = fleet.proxy.metric("node_connects_total", node="r0") > connects
        assert late >= 10 or reconnected


def test_what_waits_behind_an_endless_reply_is_late_in_the_end_and_cuts_nobody_off():
    size, finish = 1_000_000, threading.Event()

    def large():
        yield b"$%d\r\n" % size
        sent = 0
        while not finish.wait(0.02):
            yield b"x"
            sent += 1
        yield b"x" * (size - sent) + b"\r\n"

    with ScriptedNode(lambda name, arguments: large() if arguments == ["large"] else None) as node:
        options = quick(health={"interval": "0s"}, timeouts={"request": "100ms", "total": "300ms"})
        with Proxy(pool_config([node], **options)) as proxy:
            with proxy.client() as greedy, proxy.client() as other:
                greedy.send(encode("GET", "large") + encode("GET", "small") * 10)
                assert [greedy.reply()[:8] for _ in range(11)] == [b"-TIMEOUT"] * 11
                finish.set()
                wait_for(lambda: other.ask("GET", "small") == b"+OK\r\n", "the large reply to be through")
                assert greedy.ask("GET", "small") == b"+OK\r\n"
            assert proxy.metric("node_excused_timeouts_total") >= 11
            assert transitions(proxy, "r0") == {}


def test_above_its_bound_a_nodes_keys_spill_over_to_the_next():
    with Fleet(3, on_down="rehash", ring={"load_bound": "1.25"}, health={"interval": "0s"},
               breaker={"consecutive_failures": 0, "failure_ratio": "0%", "slow_ratio": "0%"}, timeouts={"request": "60s"}) as fleet:
        key = fleet.key_of(0)
        for node in fleet.nodes:
            node.ask("SET", key, "same everywhere")
        fleet.nodes[0].stop()
        clients = [fleet.client() for _ in range(30)]
        for client in clients:
            client.send(encode("GET", key))
        # A few wait for the node that hangs, the others were answered by its neighbours.
        neighbours = wait_for(lambda: sum(fleet.proxy.metric("node_requests_total", node=f"r{n}") for n in (1, 2)) +
                              fleet.proxy.metric("node_in_flight", node="r0") >= 30 and
                              fleet.proxy.metric("node_requests_total", node="r1") +
                              fleet.proxy.metric("node_requests_total", node="r2"), "the spill")
        assert neighbours > fleet.proxy.metric("node_in_flight", node="r0") > 0
        fleet.nodes[0].cont()
        for client in clients:
            assert client.reply() == bulk("same everywhere")
            client.socket.close()


def test_connections_are_opened_no_faster_than_the_rate():
    with ScriptedNode(lambda name, _: b"") as node:  # Takes every connection, and closes it when it is asked.
        config = pool_config([node], health={"interval": "0s"}, reconnect={"initial": "1ms", "max": "1ms", "rate": "10/s"})
        start = time.monotonic()
        with Proxy(config, ready=False):
            wait_for(lambda: len(node.accepted) >= 25, "many attempts")
            opened, passed = len(node.accepted), time.monotonic() - start
    assert opened <= 10 * (passed + 1)


def test_a_storm_of_requests_at_a_dead_node_opens_no_storm_of_connections():
    with ScriptedNode(lambda name, _: b"") as node:
        config = pool_config([node], reconnect={"rate": "5/s"})
        start = time.monotonic()
        with Proxy(config, ready=False) as proxy:
            finish = threading.Event()

            def ask():
                with proxy.client() as client:
                    while not finish.is_set():
                        client.ask("GET", "a")

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            wait_for(lambda: proxy.metric("node_requests_total") > 3000, "many requests")
            opened, passed = len(node.accepted), time.monotonic() - start
            finish.set()
            for thread in threads:
                thread.join()
    # The worker's connections, and one with each check: a second apart, or 200 ms while they disagree.
    assert opened <= (5 + 5) * (passed + 1)
