"""Large values: what takes long because it is large is not late, and nobody has to wait behind all of somebody else's."""

import threading

from servers import Fleet, Proxy, RedisServer, encode, pool_config, wait_for
from slow_link import SlowLink
from test_commands import bulk
from test_health import transitions

MEBIBYTE = 1 << 20


def through(link, **pool):
    return Proxy(pool_config([link], timeouts={"request": "1s"}, **pool))


def test_a_large_value_that_is_being_written_is_not_late():
    with RedisServer() as node, SlowLink(node.port, 8 * MEBIBYTE) as link, through(link) as proxy, proxy.client() as client:
        value = b"x" * (20 * MEBIBYTE)
        assert client.ask("SET", "large", value) == b"+OK\r\n"
        assert node.ask("STRLEN", "large") == b":%d\r\n" % len(value)
        assert not transitions(proxy, "r0") and proxy.metric("node_timeouts_total") == 0


def test_what_is_asked_behind_a_large_value_on_its_way_out_is_not_late():
    with RedisServer() as node, SlowLink(node.port, 8 * MEBIBYTE) as link, through(link) as proxy:
        with proxy.client() as client, proxy.client() as other:
            client.send(encode("SET", "large", b"x" * (20 * MEBIBYTE)))
            wait_for(lambda: proxy.metric("node_in_flight") == 1, "the large value to be on its way")
            assert other.ask("SET", "small", "1") == b"+OK\r\n"
            assert client.reply() == b"+OK\r\n"
        assert not transitions(proxy, "r0") and proxy.metric("node_timeouts_total") == 0


def test_a_large_reply_that_streams_is_not_cut_nor_is_what_waits_behind_it():
    with RedisServer() as node, SlowLink(node.port, 8 * MEBIBYTE) as link, through(link) as proxy:
        value = b"x" * (20 * MEBIBYTE)
        assert node.ask("SET", "large", value) == node.ask("SET", "small", "1") == b"+OK\r\n"
        with proxy.client() as client, proxy.client() as other:
            client.send(encode("GET", "large"))
            wait_for(lambda: proxy.metric("node_bytes_received_total") > MEBIBYTE, "the reply to stream")
            assert other.ask("GET", "small") == bulk("1")
            assert client.reply() == bulk(value.decode())
        assert not transitions(proxy, "r0") and proxy.metric("node_timeouts_total") == 0


def test_the_total_time_bounds_what_flows():
    with RedisServer() as node, SlowLink(node.port, MEBIBYTE) as link:
        with Proxy(pool_config([link], timeouts={"request": "500ms", "total": "1s"})) as proxy, proxy.client() as client:
            node.ask("SET", "large", b"x" * (20 * MEBIBYTE))
            assert client.ask("GET", "large").startswith(b"-TIMEOUT ")


def test_a_client_that_pipelines_large_gets_leaves_others_served():
    with Fleet(1) as fleet, fleet.client() as small:
        assert fleet.nodes[0].ask("SET", "large", b"x" * 900_000) == b"+OK\r\n"
        assert small.ask("SET", "small", "1") == b"+OK\r\n"
        finish, wrong = threading.Event(), []

        def be_greedy():
            with fleet.client() as greedy:
                expected = bulk("x" * 900_000)
                while not finish.is_set():
                    greedy.send(encode("GET", "large") * 100)
                    wrong.extend(reply[:60] for reply in (greedy.reply() for _ in range(100)) if reply != expected)

        thread = threading.Thread(target=be_greedy)
        thread.start()
        try:
            wait_for(lambda: fleet.proxy.metric("node_bytes_received_total") > 100 * MEBIBYTE, "the greedy one to be at it")
            assert [small.ask("GET", "small") for _ in range(300)] == [bulk("1")] * 300
        finally:
            finish.set()
            thread.join()
        assert not wrong
        assert fleet.proxy.metric("node_timeouts_total") == 0 and not transitions(fleet.proxy, "r0")
