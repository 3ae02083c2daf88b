"""Rate limits: which requests they mean, whose bucket they take from, how much, and what the refused read."""

import time

import pytest

from limited import (ACCOUNT, HOUR_MS, OK, ClientFrom, UnixClient, concurrency, decisions, limit, limited, port_of, refusal,
                     refused_by, refusers, state)
from servers import Fleet, Proxy, RedisServer, encode, wait_for
from test_commands import bulk


SCRIPT = ("EVAL", "return 1", "0")


def proxy_with(redis, *limits, **more):
    return Proxy(limited([redis], *limits, **more))


@pytest.mark.smoke
def test_refuses_in_these_words_and_the_connection_stays_open(redis):
    with proxy_with(redis, limit("all", 3)) as proxy, proxy.client() as client:
        assert [client.ask("SET", "a", "1") for _ in range(3)] == [OK] * 3
        name, wait = refusal(client.ask("SET", "a", "2"))
        assert name == "all" and HOUR_MS / 2 < wait <= HOUR_MS
        assert client.ask("PING") == b"+PONG\r\n" and refused_by(client.ask("GET", "a")) == "all"
        assert redis.ask("GET", "a") == bulk("1")
        assert decisions(proxy, "all") == {"admitted": 3, "refused": 2}
        assert proxy.metric("errors_total", code="rate_limited") == 2
        assert proxy.node("r0")["failures"] == 0


@pytest.mark.parametrize("match, fitting, others", [
    ({}, ["GET a", "SET a 1", "KEYS x"], []),
    ({"command": "get"}, ["GET a"], ["GETDEL x", "SET a 1", "MGET a"]),
    ({"command": ["mget", "set"]}, ["MGET a b", "SET a 1"], ["GET a", "MSET a 1"]),
    ({"command": "read"}, ["GET a", "MGET a b", "STRLEN a", "KEYS x"], ["SET a 1", "DEL a"]),
    ({"command": "write"}, ["SET a 1", "DEL a", "INCR n", "MSET a 1 b 2"], ["GET a", "KEYS x"]),
    ({"command": "heavy"}, ["KEYS x", "SUNION a{t} b{t}", SCRIPT], ["GET a", "MGET a b"]),
    ({"command": ["heavy", "get"]}, ["KEYS x", "GET a"], ["SET a 1"]),
    ({"command": "memory"}, ["MEMORY USAGE a"], ["GET a"]),
    ({"prefix": "t:"}, ["GET t:1", "MGET a t:2 b", "SET t: 1"], ["GET t", "GET at:1", "KEYS t:*"]),
    ({"prefix": ["t:", "u:"]}, ["GET t:1", "GET u:1"], ["GET v:1"]),
    ({"glob": "user:*:name"}, ["GET user:7:name", "MGET a user::name"], ["GET user:7:names", "GET a:user:7:name"]),
    ({"glob": ["a?", "[xy]*"]}, ["GET ab", "GET x", "GET yes"], ["GET a", "GET abc", "GET z"]),
    ({"prefix": "t:", "command": "write"}, ["SET t:1 1", "DEL a t:2"], ["GET t:1", "SET a 1"]),
    ({"prefix": "t:", "glob": "*:x"}, ["GET t:x"], ["GET t:y", "GET u:x"]),
    ({"client": ["10.0.0.0/8", "127.0.0.1"]}, ["GET a"], []),
    ({"client": ["10.0.0.0/8", "127.0.0.2", "::1"]}, [], ["GET a"]),
    ({"listener": "web"}, ["GET a"], []),
    ({"user": ACCOUNT}, [], ["GET a"]),
], ids=str)
def test_means_the_requests_that_fit_every_condition(redis, match, fitting, others):
    with proxy_with(redis, limit("these", 1, match=match)) as proxy, proxy.client() as client:
        assert set(refusers(client, *others * 2)) <= {None}
        assert refusers(client, *fitting * 2) == [None, *["these"] * (2 * len(fitting) - 1)][:2 * len(fitting)]
        assert set(refusers(client, *others * 2)) <= {None}


def test_means_a_listener_and_a_pool(redis):
    with RedisServer() as other:
        config = limited([redis], limit("batch", 1, match={"listener": "batch"}), limit("other", 2, match={"pool": "other"}))
        config["pools"]["other"] = {"nodes": [f"127.0.0.1:{other.port}"]}
        routes = [{"prefix": "o:", "pool": "other"}, {"pool": "main"}]
        config["listeners"] = [{"name": name, "listen": "127.0.0.1:0", "routes": routes} for name in ("web", "batch")]
        with Proxy(config) as proxy, proxy.client() as web, ClientFrom(port_of(proxy, "batch"), "127.0.0.1") as batch:
            assert refusers(batch, "GET a", "GET a") == [None, "batch"]
            assert refusers(web, *["GET a"] * 4) == [None] * 4
            assert refusers(web, "GET o:1", "MGET a o:2", "GET o:3", "GET a") == [None, None, "other", None]
            # Requests without keys go to the default route's pool, or to all.
            assert refusers(web, SCRIPT, "KEYS x") == [None, "other"]


def test_means_clients_by_their_address(redis):
    with proxy_with(redis, limit("second", 1, match={"client": "127.0.0.2/31"})) as proxy:
        for address, expected in (("127.0.0.1", [None] * 3), ("127.0.0.2", [None, "second", "second"]),
                                  ("127.0.0.3", ["second"] * 3), ("127.0.0.4", [None] * 3)):
            with ClientFrom(proxy.port, address) as client:
                assert refusers(client, *["GET a"] * 3) == expected


def test_knows_the_account_at_the_other_end_of_a_unix_socket(redis, tmp_path):
    path = tmp_path / "local.sock"
    config = limited([redis], limit("account", 2, match={"user": [ACCOUNT, "nobody"]}),
                     limit("others", 9, match={"listener": "local"}, per="user",
                           overrides=[{"value": ACCOUNT, "rate": "1/h", "burst": 1}]))
    config["listeners"].append({"name": "local", "listen": f"unix:{path}", "pool": "main"})
    with Proxy(config) as proxy, proxy.client() as tcp:
        assert refusers(tcp, *["GET a"] * 20) == [None] * 20
        with UnixClient(path) as one, UnixClient(path) as two:
            assert refusers(one, "GET a", "GET a") == [None, "others"]
            assert refusers(two, "GET a") == ["others"]
        assert decisions(proxy, "account") == {"admitted": 1}


def test_has_a_bucket_for_each_address(redis):
    overrides = [{"value": "127.0.0.3", "rate": "1/h", "burst": 5}]
    with proxy_with(redis, limit("each", 2, per="client_ip", overrides=overrides)) as proxy:
        for address, most in (("127.0.0.1", 2), ("127.0.0.2", 2), ("127.0.0.3", 5), ("127.0.0.1", 0)):
            with ClientFrom(proxy.port, address) as client:
                assert refusers(client, *["GET a"] * 7) == [None] * most + ["each"] * (7 - most)


@pytest.mark.parametrize("given", [{"per": "connection"}, {"scope": "connection"}], ids=str)
def test_has_a_bucket_for_each_connection(redis, given):
    with proxy_with(redis, limit("each", 2, **given)) as proxy:
        with proxy.client() as one, proxy.client() as two:
            for client in (one, two):
                assert refusers(client, *["GET a"] * 3) == [None, None, "each"]
        with proxy.client() as three:
            assert refusers(three, *["GET a"] * 3) == [None, None, "each"]


@pytest.mark.smoke
def test_has_a_bucket_for_each_key(redis):
    with proxy_with(redis, limit("each", 2, per="key", overrides=[{"value": "more", "rate": "1/h", "burst": 3}])) as proxy:
        with proxy.client() as client:
            assert refusers(client, "GET a", "GET a", "GET a", "GET b") == [None, None, "each", None]
            assert refusers(client, *["GET more"] * 4) == [None] * 3 + ["each"]
            # Each distinct key of a request counts, and one that is refused takes from none of them.
            assert refusers(client, "MGET b c a", "MGET b c c", "GET b", "GET c", "GET c") == ["each", None, "each", None, "each"]
            assert refusers(client, *["KEYS x"] * 5) == [None] * 5
        assert decisions(proxy, "each") == {"admitted": 2 + 1 + 3 + 1 + 1, "refused": 5}


def test_has_a_bucket_for_each_beginning_of_a_key(redis):
    overrides = [{"value": "us:", "rate": "1/h", "burst": 4}]
    with proxy_with(redis, limit("each", 2, per="prefix(3)", match={"prefix": ["de:", "us:", "x"]}, overrides=overrides)) as proxy:
        with proxy.client() as client:
            assert refusers(client, "GET de:1", "SET de:2 1", "GET de:3") == [None, None, "each"]
            assert refusers(client, *[f"GET us:{i}" for i in range(5)]) == [None] * 4 + ["each"]
            assert refusers(client, "GET x", "GET x", "GET x", "GET xy", "GET fr:1") == [None, None, "each", None, None]


def test_has_a_bucket_for_each_combination(redis):
    overrides = [{"value": "127.0.0.1,a,b", "rate": "1/h", "burst": 3}]
    with proxy_with(redis, limit("pair", 1, per=["client_ip", "key"], overrides=overrides)) as proxy:
        for address in ("127.0.0.1", "127.0.0.2"):
            with ClientFrom(proxy.port, address) as client:
                assert refusers(client, "GET a", "GET b", "GET a", "GET b") == [None, None, "pair", "pair"]
                most = 3 if address == "127.0.0.1" else 1
                assert refusers(client, *["GET a,b"] * 4) == [None] * most + ["pair"] * (4 - most)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("tight", [{"match": {"prefix": "t:"}}, {"match": {"prefix": "t:"}, "scope": "connection"},
                                   {"match": {"prefix": "t:"}, "algorithm": "fixed_window", "rate": "1/d", "burst": None}], ids=str)
def test_all_that_match_have_to_agree_and_a_refusal_takes_from_none(redis, reverse, tight):
    limits = [limit("tight", **{"burst": 1, **tight}), limit("wide", 4), limit("key", 3, per="key")]
    with proxy_with(redis, *(limits[::-1] if reverse else limits)) as proxy, proxy.client() as client:
        assert refusers(client, *["GET t:1"] * 20) == [None] + ["tight"] * 19
        assert refusers(client, *["GET a"] * 3) == [None] * 3
        assert refusers(client, "GET a", "GET b") == ["key" if reverse else "wide", "wide"]
        assert decisions(proxy, "wide")["admitted"] == decisions(proxy, "key")["admitted"] == 4
        assert decisions(proxy, "tight") == {"admitted": 1, "refused": 19}


def test_a_request_costs_what_its_command_does(redis):
    with proxy_with(redis, limit("cost", 30, cost="command")) as proxy, proxy.client() as client:
        keys = " ".join(f"k{i}" for i in range(12))
        assert refusers(client, f"MGET {keys}", "KEYS x", "DEL a b c", "MSET a 1 b 2 c 3", "GET a", "GET a", "GET a") == \
            [None] * 6 + ["cost"]
    with proxy_with(redis, limit("cost", 30)) as proxy, proxy.client() as client:
        assert refusers(client, *[f"MGET {keys}"] * 31) == [None] * 30 + ["cost"]


@pytest.mark.parametrize("given", [{"burst": 10}, {"rate": "10/d", "burst": None, "algorithm": "fixed_window"},
                                   {"rate": "10/d", "burst": None, "algorithm": "sliding_window"}], ids=str)
def test_what_costs_more_than_can_ever_be_there_is_told_not_to_wait(redis, given):
    with proxy_with(redis, limit("small", **given, cost="command")) as proxy, proxy.client() as client:
        assert refusal(client.ask("MGET", *(f"k{i}" for i in range(11)))) == ("small", -1)
        assert refused_by(client.ask("MGET", *(f"k{i}" for i in range(10)))) is None
        assert refusal(client.ask("MGET", "a", "b"))[1] > 0


def test_bytes_of_requests_are_paid_ahead_and_those_of_replies_afterwards(redis):
    redis.ask("SET", "large", "x" * 1000)
    with proxy_with(redis, limit("bytes", 20, bytes_per_token=100)) as proxy, proxy.client() as client:
        assert client.ask("SET", "a", "x" * 900) == OK  # 1 and 9.
        assert refusal(client.ask("SET", "a", "x" * 2000)) == ("bytes", -1)
        assert client.ask("GET", "large") == bulk("x" * 1000)  # 1, and 10 that are not there: debt.
        name, wait = refusal(client.ask("GET", "a"))
        assert name == "bytes" and HOUR_MS / 2 < wait <= HOUR_MS + 1000  # No more of it than a second's.
    with proxy_with(redis, limit("bytes", 20, bytes_per_token=100)) as proxy, proxy.client() as client:
        assert refusers(client, *["GET none"] * 21) == [None] * 20 + ["bytes"]
    with proxy_with(redis, limit("bytes", 200, bytes_per_token=100, per="key")) as proxy, proxy.client() as client:
        for _ in range(3):
            assert client.ask("MGET", "large", "a").startswith(b"*2\r\n$1000\r\n")
        assert proxy.metric("limit_buckets", limit="bytes") >= 2


@pytest.mark.parametrize("algorithm", ["token_bucket", "fixed_window", "sliding_window"])
def test_gives_back_what_time_gives_back_and_not_before_it_said(redis, algorithm):
    more = {"burst": 2} if algorithm == "token_bucket" else {}
    rate = "1/s" if algorithm == "token_bucket" else "2/s"
    with proxy_with(redis, limit("second", rate=rate, algorithm=algorithm, **more)) as proxy, proxy.client() as client:
        asked = []

        def ask():
            asked.append(time.monotonic())
            return refusal(client.ask("GET", "a"))

        for _ in range(2):
            wait = wait_for(ask, "a refusal")[1] / 1000
            since = asked[-1]
            assert 0 < wait <= 2
            wait_for(lambda: ask() is None, "an admission")
            assert time.monotonic() - since > wait - 0.1  # Workers read the clock once a turn.


@pytest.mark.parametrize("algorithm", ["token_bucket", "fixed_window", "sliding_window"])
def test_holds_exactly_over_all_workers(redis, algorithm):
    given = {"burst": 500} if algorithm == "token_bucket" else {"rate": "500/d", "algorithm": algorithm}
    with proxy_with(redis, limit("exact", **given), workers=2) as proxy:
        clients = [proxy.client() for _ in range(40)]
        for client in clients:
            client.send(encode("GET", "a") * 50)
        outcomes = [refused_by(client.reply()) for client in clients for _ in range(50)]
        for client in clients:
            client.socket.close()
        assert outcomes.count(None) == 500 and outcomes.count("exact") == 1500
        assert decisions(proxy, "exact") == {"admitted": 500, "refused": 1500}


def test_invented_keys_fill_the_table_and_no_more_memory(redis):
    with proxy_with(redis, limit("each", 1, per="key", buckets=1000, action="deny")) as proxy, proxy.client() as client:
        most = state(proxy, "each")["buckets"]["most"]

        def invent(round):
            for start in range(0, 20_000, 500):
                client.send(b"".join(encode("GET", f"{round}-{i}") for i in range(start, start + 500)))
                yield sum(refused_by(client.reply()) is None for _ in range(500))

        admitted = sum(invent(0))
        before = proxy.resident_bytes()
        # New ones share the buckets of those that found no place: they are admitted less, never more.
        assert most >= 1000 and admitted <= 2 * most
        assert all(sum(invent(round)) <= admitted for round in range(1, 4))
        assert proxy.resident_bytes() < before + (8 << 20)
        assert proxy.metric("limit_buckets", limit="each") <= most
        assert proxy.metric("limit_bucket_overflows_total", limit="each") > 0
        assert state(proxy, "each")["buckets"]["overflows"] > 0


LOCAL = ["PING", "HELLO", "ECHO x", "CLIENT ID", "CLIENT LIST", "COMMAND COUNT", "INFO", "ROLE", "SELECT 0", "RESET"]


def test_what_the_proxy_answers_itself_is_free(redis):
    with proxy_with(redis, limit("all", 1), concurrency("one", 1)) as proxy, proxy.client() as client:
        assert refusers(client, "GET a", "GET a") == [None, "all"]
        assert refusers(client, *LOCAL) == [None] * len(LOCAL)
        client.send(encode("NONSENSE") + encode("GET") + encode("MONITOR"))  # Errors of their own.
        assert [client.reply()[:4] for _ in range(3)] == [b"-ERR"] * 3
        client.send(encode("QUIT"))
        assert client.closed_by_peer() == OK
        assert decisions(proxy, "all") == {"admitted": 1, "refused": 1}


@pytest.mark.smoke
def test_a_request_for_keys_of_many_nodes_is_one():
    config_limits = (limit("all", 4), concurrency("parts", 1, match={"command": ["mget", "del"]}))
    with Fleet(3) as fleet:
        keys = [fleet.key_of(node) for node in range(3)]
        proxy = Proxy({**fleet.config, "limits": list(config_limits)})
        with proxy, proxy.client() as client:
            assert client.ask("MSET", *[word for key in keys for word in (key, "v")]) == OK
            assert client.ask("MGET", *keys) == b"*3\r\n" + bulk("v") * 3
            assert client.ask("DEL", *keys) == b":3\r\n"
            assert client.ask("DBSIZE") == b":0\r\n"
            assert refused_by(client.ask("MGET", *keys)) == "all"
            assert decisions(proxy, "all") == {"admitted": 4, "refused": 1}
            assert decisions(proxy, "parts") == {"admitted": 2} and state(proxy, "parts")["fill"] == 0


def test_a_retried_read_is_one(redis):
    limits = limit("all", 5), concurrency("one", 1)
    with RedisServer() as node, Proxy(limited([node], *limits, retries={"max": 2})) as proxy, proxy.client() as client:
        assert client.ask("SET", "a", "1") == OK
        node.kill()
        wait_for(lambda: proxy.node("r0")["state"] == "down", "the node to be down")
        assert client.ask("GET", "a").startswith(b"-NODEDOWN")
        assert decisions(proxy, "all") == {"admitted": 2} == decisions(proxy, "one")
        assert state(proxy, "one")["fill"] == 0
