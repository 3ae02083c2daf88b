"""Limits that several proxies share: leases, exact questions, and a store that hangs, dies, forgets or comes back."""

import contextlib
import re
import select
import time

import pytest

from crowd import Crowd
from limited import HOUR_MS, ClientFrom, decisions, limit, limited, refusal, refused_by, refusers, state
from servers import Proxy, RedisServer, encode, wait_for
from test_health import quick

SCOPE = {"scope": "global"}
EXACT = {"scope": "global", "check": "exact"}
# What a worker may owe in any case, when nothing comes back to the bucket.
CREDIT = 1


def most(burst):
    """What two proxies may admit of a burst, by quota_lease.h: until they have heard of each other, each may owe all of it."""
    return 2 * (burst + CREDIT)


def json_store(proxy, name):
    return state(proxy, name)["store"]


class Shared:
    """Proxies in front of one node, whose limits are kept by these stores."""

    def __init__(self, node, *limits, proxies=2, stores=1, timeout="1s", workers=1):
        self.stores = [RedisServer() for _ in range(stores)]
        self.config = limited([node], *limits, workers=workers)
        self.config["pools"]["limiter"] = {**quick(), "nodes": [f"127.0.0.1:{store.port}" for store in self.stores]}
        self.config["global_limits"] = {"store": "limiter", "timeout": timeout}
        self.proxies = [Proxy(self.config) for _ in range(proxies)]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for process in (*self.stores, *self.proxies):
                stack.enter_context(process)
            if len(self.proxies) > 1:
                self.wait_for_proxies(len(self.proxies))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        self.stack.__exit__(*details)

    def wait_for_proxies(self, count):
        for proxy in self.proxies:
            wait_for(lambda who=proxy: not who.alive() or who.metric("limit_proxies") == count, f"{count} proxies to be known")

    def store_calls(self, name, result):
        return sum(proxy.metric("limit_store_calls_total", limit=name, result=result) for proxy in self.proxies)


class Spenders(Crowd):
    """A client of each proxy, which asks a few requests at a time; counts what passes."""

    def __init__(self, shared, key="a", depth=4):
        super().__init__(shared.proxies)
        self.admitted, self.refused, self.last_waits = [0] * len(shared.proxies), [0] * len(shared.proxies), {}
        self._key, self._depth = key, depth
        self.began = time.monotonic()

    def ask(self, number, client):
        client.send(encode("GET", self._key) * self._depth)
        for _ in range(self._depth):
            said = refusal(client.reply())
            if said is None:
                self.admitted[number] += 1
            else:
                self.refused[number] += 1
                self.last_waits[number] = said[1]

    def total(self):
        return sum(self.admitted)

    def wait_until_all_is_spent(self):
        """Each has been told to wait for so long that nothing is left, again and again."""
        refused = list(self.refused)
        wait_for(lambda: all(now > before + 200 for now, before in zip(self.refused, refused)) and
                 len(self.last_waits) == len(refused) and min(self.last_waits.values()) > HOUR_MS / 4, "the limit to be spent")


@pytest.mark.smoke
def test_proxies_share_a_burst_by_leases(redis):
    with Shared(redis, limit("shared", 50, **SCOPE)) as shared:
        # Who is fast enough spends all of a burst on credit; a first request that is paid for shows that the store grants.
        for proxy in shared.proxies:
            with proxy.client() as client:
                assert refused_by(client.ask("GET", "a")) is None
            wait_for(lambda who=proxy: who.metric("limit_store_calls_total", limit="shared", result="granted") >= 1, "a grant")
        with Spenders(shared) as crowd:
            crowd.wait_until_all_is_spent()
        assert 25 <= len(shared.proxies) + crowd.total() <= most(50)
        assert shared.store_calls("shared", "granted") >= 2 and shared.store_calls("shared", "refused") >= 2
        assert shared.store_calls("shared", "error") == 0
        assert json_store(shared.proxies[0], "shared")["proxies"] == 2


def test_proxies_share_a_rate(redis):
    rate, burst = 200, 20
    with Shared(redis, limit("shared", burst, f"{rate}/s", **SCOPE)) as shared, Spenders(shared) as crowd:
        wait_for(lambda: crowd.total() > 3 * rate, "some seconds' worth")
        admitted, passed = crowd.total(), time.monotonic() - crowd.began
        # Nobody held any tokens when it began; the credit is what the rate gives in 20 ms, or one request each.
        assert admitted <= burst + rate * passed + max(2, rate * 0.02)
        assert admitted >= rate * passed / 2
        calls = shared.store_calls("shared", "granted") + shared.store_calls("shared", "refused")
        assert calls < sum(crowd.refused) + admitted


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [1, 2])
def test_exactly_so_many_pass_all_proxies(redis, workers):
    with Shared(redis, limit("few", 20, **EXACT), workers=workers) as shared:
        clients = [proxy.client() for proxy in shared.proxies for _ in range(4)]
        for client in clients:
            client.send(encode("GET", "a") * 10)
        outcomes = [refusal(client.reply()) for client in clients for _ in range(10)]
        for client in clients:
            client.socket.close()
        assert outcomes.count(None) == 20
        assert all(said is None or said[0] == "few" and HOUR_MS / 2 < said[1] <= HOUR_MS for said in outcomes)
        assert shared.store_calls("few", "granted") == 20


def test_an_exact_limit_takes_nothing_from_requests_that_others_refuse(redis):
    limits = limit("few", 5, **EXACT), limit("own", 2, per="key"), limit("leased", 1, match={"prefix": "l"}, **SCOPE)
    with Shared(redis, *limits, proxies=1) as shared, shared.proxies[0].client() as client:
        assert refusers(client, *["GET a"] * 10, "PING") == [None] * 2 + ["own"] * 8 + [None]
        assert [refused_by(client.ask("GET", f"l{i}")) for i in range(10)] == [None] + ["leased"] * 9
        assert refusers(client, "GET b", "MGET b c", "GET b", "GET c", "GET d") == [None, None, "own", "few", "few"]
        assert shared.store_calls("few", "granted") == decisions(shared.proxies[0], "few")["admitted"] == 5


def test_nobody_else_waits_for_a_store_that_hangs(redis):
    with Shared(redis, limit("few", 5, match={"prefix": "x:"}, on_store_failure="closed", **EXACT), proxies=1) as shared:
        proxy, store = shared.proxies[0], shared.stores[0]
        with proxy.client() as asking, proxy.client() as other:
            assert refused_by(asking.ask("GET", "x:1")) is None
            store.stop()

            def others_are_answered_meanwhile():
                asking.send(encode("GET", "x:1"))
                meanwhile = refusers(other, *["GET a"] * 20) == [None] * 20 and not select.select([asking.socket], [], [], 0)[0]
                assert refused_by(asking.reply()) == "few"
                return meanwhile

            wait_for(others_are_answered_meanwhile, "others to be answered while one waits")
            assert shared.store_calls("few", "timeout") + shared.store_calls("few", "error") >= 1
            store.cont()
            wait_for(lambda: refused_by(asking.ask("GET", "x:1")) is None, "the store to be asked again")


@pytest.mark.parametrize("check", [SCOPE, EXACT], ids=["lease", "exact"])
@pytest.mark.parametrize("failure", ["open", "closed"])
def test_without_a_store_all_pass_or_none(redis, failure, check):
    with Shared(redis, limit("all", 10, on_store_failure=failure, **check), timeout="20ms") as shared:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(proxy.client()) for proxy in shared.proxies]
            assert [refused_by(client.ask("GET", "a")) for client in clients] == [None] * 2
            shared.stores[0].kill()
            expected = {None} if failure == "open" else {"all"}
            for proxy, client in zip(shared.proxies, clients):
                wait_for(lambda who=client: set(refusers(who, *["GET a"] * 40)) == expected, "the fallback")
                for _ in range(10):
                    assert set(refusers(client, *["GET a"] * 40)) == expected
                wait_for(lambda who=proxy: who.metric("limit_fallback_seconds_total", limit="all") > 0, "the fallback's time")
                assert json_store(proxy, "all")["state"] == "failing" and json_store(proxy, "all")["on_failure"] == failure
            shared.stores[0].start()
            for proxy, client in zip(shared.proxies, clients):
                # What the store has forgotten is not given again.
                wait_for(lambda who=client: set(refusers(who, *["GET a"] * 40)) == {"all"}, "the store to be asked again")
                wait_for(lambda who=proxy: refusers(client, "GET a") and json_store(who, "all")["state"] == "ok", "its state")


@pytest.mark.parametrize("check", [SCOPE, EXACT], ids=["lease", "exact"])
def test_without_a_store_each_proxy_admits_its_share(redis, check):
    rate, burst = 200, 20
    with Shared(redis, limit("shared", burst, f"{rate}/s", **check), timeout="20ms") as shared, Spenders(shared) as crowd:
        wait_for(lambda: crowd.total() > rate, "some load")
        shared.stores[0].kill()
        for proxy in shared.proxies:
            wait_for(lambda who=proxy: json_store(who, "shared")["state"] == "failing", "the failure to be seen")
        before, began = list(crowd.admitted), time.monotonic()
        wait_for(lambda: all(now > old + rate for now, old in zip(crowd.admitted, before)), "more load")
        after, passed = list(crowd.admitted), time.monotonic() - began
        for old, now in zip(before, after):
            assert passed * rate / 4 <= now - old <= burst + passed * rate / 2 + 4
        shared.stores[0].start()
        for proxy in shared.proxies:
            wait_for(lambda who=proxy: json_store(who, "shared")["state"] == "ok", "the store to be asked again")
        before = crowd.total()
        wait_for(lambda: crowd.total() > before + rate, "more load")
        assert crowd.total() <= 2 * burst + (time.monotonic() - crowd.began) * rate + 8 + 2 * rate * 0.05


@pytest.mark.parametrize("failure", ["local", "closed"])
def test_a_store_that_comes_back_empty_gives_no_second_burst(redis, failure):
    with Shared(redis, limit("shared", 50, on_store_failure=failure, **SCOPE), timeout="20ms") as shared, Spenders(shared) as crowd:
        crowd.wait_until_all_is_spent()
        spent = crowd.total()
        shared.stores[0].kill()
        for proxy in shared.proxies:
            wait_for(lambda who=proxy: json_store(who, "shared")["state"] == "failing", "the failure to be seen")
        shared.stores[0].start()
        for proxy in shared.proxies:
            wait_for(lambda who=proxy: json_store(who, "shared")["state"] == "ok", "the store to be asked again")
        crowd.last_waits.clear()
        crowd.wait_until_all_is_spent()
        assert crowd.total() <= spent + 2 * CREDIT


def test_a_store_that_is_not_there_from_the_start(redis):
    limits = [limit(name, 30, match={"prefix": name}, on_store_failure=name, **SCOPE) for name in ("open", "closed", "local")]
    shared = Shared(redis, *limits, proxies=1, timeout="20ms")
    shared.proxies[0].ready = False
    with shared.proxies[0] as proxy, proxy.client() as client:
        wait_for(lambda: proxy.node("r0")["state"] == "up", "the node to be up")
        assert refusers(client, *["GET open"] * 100) == [None] * 100
        for name in ("closed", "local"):
            wait_for(lambda what=name: set(refusers(client, *[f"GET {what}"] * 20)) == {name}, "the refusals")
        assert client.ask("GET", "free") == b"$-1\r\n"


@pytest.mark.parametrize("check", [SCOPE, EXACT], ids=["lease", "exact"])
def test_a_store_that_forgets_its_scripts_is_told_again(redis, check):
    with Shared(redis, limit("shared", 60, **check)) as shared:
        total = 0
        clients = [proxy.client() for proxy in shared.proxies]
        for _ in range(10):
            shared.stores[0].ask("SCRIPT", "FLUSH")
            for client in clients:
                total += refusers(client, *["GET a"] * 5).count(None)
        assert shared.store_calls("shared", "error") == shared.store_calls("shared", "timeout") == 0
        assert total == 60 if check is EXACT else total <= most(60)
        for client in clients:
            client.socket.close()


def test_buckets_are_spread_over_the_nodes_of_the_store(redis):
    with Shared(redis, limit("each", 3, per="key", **EXACT), limit("client", 1000, "1000/s", per=["client_ip", "prefix(1)"], **SCOPE),
                stores=3, proxies=1) as shared:
        with shared.proxies[0].client() as client:
            for i in range(100):
                wait_for(lambda key=f"GET k{i}": refusers(client, key) == [None], "its first request")
            assert wait_for(lambda: [who for who in refusers(client, *["GET k7"] * 6) if who != "client"], "a refusal")[-1] == "each"
        wait_for(lambda: shared.proxies[0].metric("limit_proxies") == 1, "the speaker")
        found = [re.findall(rb"\r\n(ringproxy:[^\r]*)", store.ask("KEYS", "*")) for store in shared.stores]
        assert all(len(names) > 5 for names in found)
        names = {name.decode() for store in found for name in store}
        assert sum(map(len, found)) == len(names)  # None is on two.
        assert names - {"ringproxy:{members}"} == {f"ringproxy:{{each:k{i}}}" for i in range(100)} | {"ringproxy:{client:127.0.0.1,k}"}


def test_one_of_many_store_nodes_fails_alone(redis):
    with Shared(redis, limit("each", 2, per="key", on_store_failure="closed", **EXACT), stores=3, proxies=1, timeout="20ms") as shared:
        shared.stores[0].kill()
        with shared.proxies[0].client() as client:
            def outcome():
                return {refused_by(client.ask("GET", f"new{next(numbers)}")) for _ in range(30)}
            numbers = iter(range(1_000_000))
            assert wait_for(lambda: (got := outcome()) == {None, "each"} and got, "some to pass and some not")


def test_proxies_are_counted_while_they_live(redis):
    with Shared(redis, limit("shared", 10, **SCOPE)) as shared:
        shared.proxies[1].kill()
        shared.wait_for_proxies(1)
        with Proxy(shared.config) as third:
            shared.proxies[1] = third
            shared.wait_for_proxies(2)


def test_requests_wait_for_tokens_of_the_fleet(redis):
    redis.ask("DEL", "n")
    with Shared(redis, limit("slow", 5, "100/s", action="delay", max_wait="60s", match={"prefix": "n"}, **SCOPE)) as shared:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(proxy.client()) for proxy in shared.proxies]
            other = stack.enter_context(shared.proxies[0].client())
            before = time.monotonic()
            for client in clients:
                client.send(encode("INCR", "n") * 40 + encode("PING"))
            assert refusers(other, *["GET a"] * 100) == [None] * 100
            numbers = [[int(client.reply()[1:]) for _ in range(40)] for client in clients]
            assert sorted(numbers[0] + numbers[1]) == list(range(1, 81)) and all(each == sorted(each) for each in numbers)
            assert time.monotonic() - before >= (80 - most(5)) / 100 - 0.1
            assert [client.reply() for client in clients] == [b"+PONG\r\n"] * 2
            assert sum(proxy.metric("limit_waiting") for proxy in shared.proxies) == 0


def test_bytes_of_replies_are_charged_to_the_fleet(redis):
    redis.ask("SET", "large", "x" * 10_000)
    with Shared(redis, limit("bytes", 40, bytes_per_token=1000, **SCOPE)) as shared, Spenders(shared, key="large", depth=1) as crowd:
        crowd.wait_until_all_is_spent()
        assert crowd.total() <= most(40) / 11 + 2  # Eleven each; the last of each proxy before its debt is known.


def test_a_limit_of_the_fleet_that_only_counts_asks_nobody_to_wait(redis):
    with Shared(redis, limit("shadow", 5, action="shadow", **EXACT), proxies=1, timeout="20ms") as shared:
        with shared.proxies[0].client() as client:
            assert refusers(client, *["GET a"] * 100) == [None] * 100
            shared.stores[0].stop()
            assert refusers(client, *["GET a"] * 100) == [None] * 100
            shared.stores[0].cont()
        counted = decisions(shared.proxies[0], "shadow")
        assert sum(counted.values()) == 200 and counted["shadow_refused"] > 0


@pytest.mark.parametrize("rate, burst, depth", [("100/s", 50, 10), ("1000/s", 1000, 100), ("60/m", 20, 3)])
def test_a_pipeline_within_the_burst_passes_at_once(redis, rate, burst, depth):
    with Shared(redis, limit("shared", burst, rate, **SCOPE), proxies=1) as shared, shared.proxies[0].client() as client:
        assert refusers(client, *["GET a"] * depth) == [None] * depth


def test_who_is_refused_by_one_exact_limit_does_not_use_up_another(redis):
    with Shared(redis, limit("all", 10, **EXACT), limit("each", 1, per="client_ip", **EXACT), proxies=1) as shared:
        with ClientFrom(shared.proxies[0].port, "127.0.0.2") as greedy, ClientFrom(shared.proxies[0].port, "127.0.0.3") as modest:
            assert refusers(greedy, *["GET a"] * 50) == [None] + ["each"] * 49
            assert refusers(modest, "GET a") == [None]


def test_a_refusal_is_remembered_and_the_store_is_not_asked_for_each(redis):
    with Shared(redis, limit("few", 1, **EXACT), proxies=1) as shared, shared.proxies[0].client() as client:
        assert refusers(client, *["GET a"] * 1000) == [None] + ["few"] * 999
        assert shared.store_calls("few", "refused") <= 10


def test_max_waiting_holds_for_requests_that_ask_the_store_too(redis):
    limits = limit("slow", 1, "3/m", action="delay", max_wait="60s", max_waiting=1), limit("many", 1000, "1000/s", **EXACT)
    with Shared(redis, *limits, proxies=1) as shared, contextlib.ExitStack() as stack:
        proxy = shared.proxies[0]
        patient = [stack.enter_context(proxy.client()) for _ in range(2)]
        assert refusers(patient[0], "GET a") == [None]
        patient[0].send(encode("GET", "a"))
        wait_for(lambda: proxy.metric("limit_waiting", limit="slow") == 1, "one to wait for its limit")
        assert refusers(patient[1], "GET a") == ["slow"]


@pytest.mark.parametrize("check", [SCOPE, EXACT], ids=["lease", "exact"])
def test_those_who_waited_for_tokens_of_the_fleet_are_counted_as_delayed(redis, check):
    with Shared(redis, limit("slow", 1, "20/s", action="delay", max_wait="60s", **check), proxies=1) as shared:
        with shared.proxies[0].client() as client:
            assert refusers(client, *["GET a"] * 6) == [None] * 6
        counted = decisions(shared.proxies[0], "slow")
        assert sum(counted.values()) == 6 and counted.get("delayed", 0) >= 1
