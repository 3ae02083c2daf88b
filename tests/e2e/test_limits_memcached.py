"""Rate limits of memcached clients: what they read instead, and that the next request is found where it begins."""

import contextlib
import threading

import pymemcache
import pytest
from pymemcache.exceptions import MemcacheServerError

from limited import ACCOUNT, UnixClient, concurrency, decisions, limit, state
from memcache_servers import MemcacheClient, MemcachedServer, MemcacheFleet, memcache_config, storage, value
from servers import Proxy, wait_for

REFUSED = b"SERVER_ERROR rate limited\r\n"
MISS = {"deny_as": "miss"}


@pytest.fixture(scope="module")
def shared_node():
    with MemcachedServer() as node:
        yield node


@pytest.fixture
def node(shared_node):
    shared_node.ask("flush_all")
    return shared_node


def limited(nodes, *limits, workers=1, **more):
    return {**memcache_config(nodes, **more), "limits": list(limits), "workers": workers}


@contextlib.contextmanager
def limited_client(nodes, *limits, **more):
    with Proxy(limited(nodes, *limits, **more)) as proxy, MemcacheClient(proxy.port) as client:
        client.proxy = proxy
        yield client


def all_of(client, data):
    """What comes back to these requests, up to the answer to one that is never limited."""
    client.send(data + b"mn\r\n")
    return client.until(b"MN\r\n")


@pytest.mark.smoke
def test_refuses_in_these_words_and_the_connection_stays_open(node):
    with limited_client([node], limit("all", 2)) as client:
        assert all_of(client, storage("set", "a", b"1") + b"get a\r\n") == b"STORED\r\n" + value("a", b"1") + b"END\r\n"
        for request in (b"get a\r\n", b"get a b c\r\n", b"gets a\r\n", b"mg a v\r\n", b"delete a\r\n", b"incr a 1\r\n", b"touch a 0\r\n",
                        b"gat 0 a\r\n", b"ms a 1\r\n2\r\n", b"md a\r\n", b"ma a\r\n", b"flush_all\r\n", b"stats\r\n", b"version\r\n",
                        *(storage(command, "a", b"2") for command in ("set", "add", "replace", "append", "prepend")),
                        storage("cas", "a", b"2", tail=b" 1")):
            assert all_of(client, request) == REFUSED, request
        assert node.ask("get a") == value("a", b"1") + b"END\r\n"
        assert decisions(client.proxy, "all")["admitted"] == 2 and client.proxy.metric("errors_total", code="rate_limited") == 20


REQUESTS = [(b"get a\r\n", b"END\r\n"), (b"get a b c\r\n", b"END\r\n"), (b"gets a\r\n", b"END\r\n"), (b"gets a b\r\n", b"END\r\n"),
            (b"gat 10 a\r\n", b"END\r\n"), (b"gats 10 a b\r\n", b"END\r\n"), (b"mg a v\r\n", b"EN\r\n"), (b"mg a s v f\r\n", b"EN\r\n"),
            (b"me a\r\n", b"EN\r\n"), (b"ms a 1\r\n2\r\n", b"NS\r\n"), (b"ms a 1 MA\r\n2\r\n", b"NS\r\n"), (b"md a\r\n", b"NF\r\n"),
            (b"ma a N0\r\n", b"NF\r\n"), (b"delete a\r\n", b"NOT_FOUND\r\n"), (b"touch a 10\r\n", b"NOT_FOUND\r\n"),
            (b"incr a 1\r\n", b"NOT_FOUND\r\n"), (b"decr a 1\r\n", b"NOT_FOUND\r\n"), (storage("cas", "a", b"2", tail=b" 7"), b"NOT_FOUND\r\n"),
            *((storage(command, "a", b"2"), b"NOT_STORED\r\n") for command in ("set", "add", "replace", "append", "prepend")),
            # What has no key has no miss.
            (b"flush_all\r\n", REFUSED), (b"stats\r\n", REFUSED), (b"version\r\n", REFUSED)]


@pytest.mark.parametrize("request_bytes, miss", REQUESTS, ids=[request.split(b"\r\n")[0].decode() for request, _ in REQUESTS])
def test_reads_like_a_miss_where_that_is_wanted(node, request_bytes, miss):
    node.exchange(storage("set", "a", b"1"))
    with limited_client([node], limit("all", 1, **MISS)) as client:
        assert all_of(client, b"get a\r\n") == value("a", b"1") + b"END\r\n"
        assert all_of(client, request_bytes * 3 + b"get a\r\n") == miss * 3 + b"END\r\n"
        assert node.ask("get a") == value("a", b"1") + b"END\r\n"


@pytest.mark.parametrize("request_bytes", [b"mg none v k O7\r\n", b"ms none 1 k O7 MR\r\n2\r\n", b"md none O7 k\r\n", b"ma none k O7\r\n",
                                           b"mg none v k q O7\r\n", b"md none q O7 k\r\n"])
def test_a_miss_says_which_request_it_belongs_to_as_a_server_does(node, request_bytes):
    with limited_client([node], limit("all", 1, **MISS)) as client:
        assert all_of(client, b"get a\r\n") == b"END\r\n"
        with node.client() as server:
            assert all_of(client, request_bytes) == all_of(server, request_bytes)


QUIET = [(storage("set", "a", b"2", tail=b" noreply"), b"", b""), (b"delete a noreply\r\n", b"", b""), (b"incr a 1 noreply\r\n", b"", b""),
         (b"touch a 1 noreply\r\n", b"", b""), (storage("cas", "a", b"2", tail=b" 1 noreply"), b"", b""), (b"flush_all noreply\r\n", b"", b""),
         (b"mg a v q\r\n", REFUSED, b""), (b"ms a 1 q\r\n2\r\n", REFUSED, b"NS\r\n"), (b"md a q\r\n", REFUSED, b"NF\r\n"), (b"ma a q\r\n", REFUSED, b"NF\r\n")]


@pytest.mark.parametrize("request_bytes, error, miss", QUIET, ids=[request.split(b"\r\n")[0].decode() for request, *_ in QUIET])
@pytest.mark.parametrize("as_miss", [False, True])
def test_quiet_requests_stay_as_quiet_as_they_are(node, request_bytes, error, miss, as_miss):
    node.exchange(storage("set", "a", b"1"))
    with limited_client([node], limit("all", 1, **(MISS if as_miss else {}))) as client:
        assert all_of(client, b"get a\r\n") == value("a", b"1") + b"END\r\n"
        assert all_of(client, request_bytes * 3) == (miss if as_miss else error) * 3
        assert node.ask("get a") == value("a", b"1") + b"END\r\n"
        assert decisions(client.proxy, "all")["refused"] == 3


@pytest.mark.parametrize("given", [{}, MISS], ids=str)
def test_the_data_of_a_refused_set_is_no_request(node, given):
    with limited_client([node], limit("writes", 1, match={"command": ["set", "ms"]}, **given)) as client:
        no = b"NOT_STORED\r\n" if given else REFUSED
        trap = b"flush_all\r\nset b 0 0 1\r\n1\r\n"
        assert all_of(client, storage("set", "a", b"kept")) == b"STORED\r\n"
        for data in (b"", b"x", trap, trap * 4000, b"\r\n" * 9, bytes(range(256)) * 3000):
            assert all_of(client, storage("set", "a", data) + b"get a\r\n") == no + value("a", b"kept") + b"END\r\n"
            client.send(storage("set", "a", data)[:-1])  # All but the last byte: it is not whole yet.
            assert all_of(client, b"\n" + b"get a\r\n") == no + value("a", b"kept") + b"END\r\n"
        assert all_of(client, b"ms a 4\r\nevil\r\nget a\r\n")[4:].endswith(value("a", b"kept") + b"END\r\n")


def test_what_is_not_a_request_is_an_error_of_its_own_and_free(node):
    with limited_client([node], limit("all", 1, **MISS)) as client:
        assert all_of(client, b"get a\r\n") == b"END\r\n"
        assert all_of(client, b"nonsense\r\n") == b"ERROR\r\n"
        assert all_of(client, b"get\r\n") == b"ERROR\r\n"
        assert all_of(client, b"get " + b"k" * 251 + b"\r\n").startswith(b"CLIENT_ERROR")
        assert decisions(client.proxy, "all") == {"admitted": 1}


@pytest.mark.smoke
def test_keys_of_a_multi_get_are_one_request_or_as_many():
    with MemcacheFleet(3) as fleet:
        keys = [fleet.key_of(number) for number in range(3)]
        for given, admitted in (({}, 6), ({"cost": "command"}, 2)):
            with limited_client(fleet.nodes, limit("all", 6, **given)) as client:
                for _ in range(admitted):
                    assert all_of(client, f"get {' '.join(keys)}\r\n".encode()) == b"END\r\n"
                assert all_of(client, f"get {' '.join(keys)}\r\n".encode()) == REFUSED
        with limited_client(fleet.nodes, limit("each", 2, per="key", **MISS)) as client:
            client.send(b"".join(storage("set", key, b"v") for key in keys))
            assert [client.reply() for _ in keys] == [b"STORED\r\n"] * 3
            hits = b"".join(value(key, b"v") for key in keys) + b"END\r\n"
            assert all_of(client, f"get {' '.join(keys)}\r\n".encode()) == hits
            assert all_of(client, f"get {' '.join(keys)} none\r\nget none\r\n".encode()) == b"END\r\n" * 2
            assert decisions(client.proxy, "each") == {"admitted": 5, "refused": 1}


def test_refusals_stand_in_their_places_in_a_pipeline(node):
    limits = limit("writes", 2, match={"command": "write"}), limit("a", 2, per="key", match={"prefix": "a"}, **MISS)
    with limited_client([node], *limits) as client:
        assert all_of(client, storage("set", "b", b"1") + b"get a\r\n" + storage("set", "b", b"2", tail=b" noreply") + b"get b a\r\n" +
                      storage("set", "b", b"3") + b"get a\r\nget b\r\nmg a v\r\nincr b 1\r\nincr b 1 noreply\r\n") == (
            b"STORED\r\nEND\r\n" + value("b", b"2") + b"END\r\n" + REFUSED + b"END\r\n" + value("b", b"2") + b"END\r\nEN\r\n" + REFUSED)


def test_a_delayed_pipeline_is_answered_in_order(node):
    node.exchange(storage("set", "n", b"0"))
    with limited_client([node], limit("slow", 2, "40/s", action="delay", max_wait="60s")) as client:
        with MemcacheClient(client.proxy.port) as other:
            assert all_of(client, b"incr n 1\r\nincr n 1 noreply\r\nget n\r\n" * 5) == b"".join(
                b"%d\r\n" % (2 * i + 1) + value("n", b"%d" % (2 * i + 2)) + b"END\r\n" for i in range(5))
            assert all_of(other, storage("set", "large", b"x" * 200_000) * 3 + b"get large\r\n") == \
                b"STORED\r\n" * 3 + value("large", b"x" * 200_000) + b"END\r\n"
        counted = decisions(client.proxy, "slow")
        assert sum(counted.values()) == 19 and counted["delayed"] >= 1


def test_quit_after_a_delayed_request(node):
    with limited_client([node], limit("slow", 1, "4/s", action="delay", max_wait="60s")) as client:
        client.send(b"get a\r\n" * 2 + storage("set", "a", b"1") + b"quit\r\n")
        assert client.closed_by_peer() == b"END\r\n" * 2 + b"STORED\r\n"


def test_a_limit_that_only_counts_lets_all_pass(node):
    with limited_client([node], limit("shadow", 1, action="shadow", **MISS)) as client:
        assert all_of(client, b"get a\r\n" * 3 + storage("set", "a", b"1")) == b"END\r\n" * 3 + b"STORED\r\n"
        assert decisions(client.proxy, "shadow") == {"admitted": 1, "shadow_refused": 3}


def test_buckets_of_clients_accounts_and_beginnings_of_keys(node, tmp_path):
    path = tmp_path / "local.sock"
    config = limited([node], limit("account", 1, match={"user": ACCOUNT}), limit("tenant", 1, per=["client_ip", "prefix(2)"], match={"listener": "web"}))
    config["listeners"].append({"name": "local", "listen": f"unix:{path}", "protocol": "memcached", "pool": "main"})
    with Proxy(config) as proxy, MemcacheClient(proxy.port) as client:
        assert all_of(client, b"get a:1\r\nget b:1\r\nget a:2\r\nget c b:2\r\n") == b"END\r\n" * 2 + REFUSED * 2
        with UnixClient(path) as local:
            local.send(b"get a:1\r\nget a:1\r\nquit\r\n")
            assert local.closed_by_peer() == b"END\r\n" + REFUSED


def test_places_come_back_whatever_became_of_the_request():
    with MemcacheFleet(2, timeouts={"request": "300ms"}, health={"interval": "0s"}) as fleet:
        keys = [fleet.key_of(0), fleet.key_of(1)]
        with limited_client(fleet.nodes, concurrency("places", 2), timeouts={"request": "300ms"}, health={"interval": "0s"}) as client:
            assert all_of(client, storage("set", keys[0], b"1", tail=b" noreply") + f"get {keys[0]}\r\n".encode()) == value(keys[0], b"1") + b"END\r\n"
            fleet.nodes[0].stop()
            replies = all_of(client, f"get {keys[0]}\r\nget {' '.join(keys)}\r\nget {keys[1]}\r\n".encode())
            assert replies == b"SERVER_ERROR timeout\r\n" * 2 + REFUSED
            fleet.nodes[0].cont()
            wait_for(lambda: state(client.proxy, "places")["fill"] == 0, "the places")


def test_holds_exactly_over_all_workers_and_bytes_count(node):
    with limited_client([node], limit("exact", 300), workers=2) as client:
        replies = []

        def ask():
            with MemcacheClient(client.proxy.port) as each:
                each.send(b"get a\r\n" * 50)
                replies.extend(each.reply() for _ in range(50))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (replies.count(b"END\r\n"), replies.count(REFUSED)) == (300, 700)
    with limited_client([node], limit("bytes", 20, bytes_per_token=100)) as client:
        assert all_of(client, storage("set", "large", b"x" * 950)) == b"STORED\r\n"
        assert all_of(client, b"get large\r\n") == value("large", b"x" * 950) + b"END\r\n"
        assert all_of(client, b"get large\r\n" + storage("set", "large", b"x" * 3000)) == REFUSED * 2


@pytest.mark.smoke
def test_pymemcache_lives_with_misses_and_reads_errors_as_the_servers(node):
    with Proxy(limited([node], limit("all", 4, **MISS))) as proxy:
        client = pymemcache.Client(("127.0.0.1", proxy.port), default_noreply=False)
        assert client.set("a", b"1") and client.get("a") == b"1" and client.set_many({"b": b"2"}) == [] and client.get_many(["a", "b"]) == {"a": b"1", "b": b"2"}
        assert client.get("a") is None and client.get_many(["a", "b"]) == {} and client.gets("a") == (None, None)
        assert client.set("a", b"2") is False and client.add("c", b"2") is False and client.set_many({"a": b"2", "b": b"3"}) == ["a", "b"]
        assert client.cas("a", b"2", b"7") is None and client.incr("a", 1) is None and client.delete("a") is False and client.touch("a", 9) is False
        client.set("a", b"2", noreply=True)
        client.close()
    with Proxy(limited([node], limit("all", 1))) as proxy:
        client = pymemcache.Client(("127.0.0.1", proxy.port), default_noreply=False)
        assert client.get("a") == b"1"
        for _ in range(3):
            with pytest.raises(MemcacheServerError, match="rate limited"):
                client.get("a")
        client.close()
