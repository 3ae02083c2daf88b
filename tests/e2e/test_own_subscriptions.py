"""Pools whose `subscriptions` are `own`: the nodes count the clients of every proxy, each with links of its own."""

import pytest

from servers import Fleet, PATIENT, Proxy, RawClient, RedisServer, encode, pool_config, wait_for
from test_pubsub import messages, subscriber

OWN = {**PATIENT, "subscriptions": "own"}


def numsub(port, channel):
    with RawClient(port) as client:
        return int(client.ask("PUBSUB", "NUMSUB", channel).split(b":")[-1])


@pytest.mark.smoke
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("protocol", ["2", "3"])
def test_several_proxies_tell_the_numbers_of_the_server(count, protocol):
    with Fleet(count, workers=2, **OWN) as fleet, Proxy(fleet.config) as other:
        listeners = [subscriber(fleet, "SUBSCRIBE c", "PSUBSCRIBE c*", protocol=protocol) for _ in range(3)]
        with other.client() as far, RawClient(fleet.nodes[0].port) as direct, fleet.client() as client:
            far.ask("SUBSCRIBE", "c")
            direct.ask("SUBSCRIBE", "c")
            # The direct client listens at one node only, and PUBLISH goes to that of the channel.
            ports = [fleet.proxy.port, other.port, fleet.nodes[0].port]
            assert [numsub(port, "c") for port in ports] == [5, 5, 5]
            assert [numsub(node.port, "c") for node in fleet.nodes[1:]] == [4] * (count - 1)
            told = 7 + (fleet.owner("c") == 0)
            assert client.ask("PUBLISH", "c", "x") == b":%d\r\n" % told
            assert client.ask("EVAL", "return redis.call('PUBLISH', 'c', 'y')", "1", "c") == b":%d\r\n" % told
            assert client.ask("PUBSUB", "NUMPAT") == b":1\r\n"
            for listener in listeners:
                assert sorted(listener.reply().split(b"\r\n")[-2] for _ in range(4)) == [b"x", b"x", b"y", b"y"]
            assert messages(far, b"y") == [b"x", b"y"]
        for listener in listeners:
            listener.socket.close()


def test_whatever_is_published_anywhere_arrives_once():
    with Fleet(3, **OWN) as fleet, subscriber(fleet, "SUBSCRIBE c", "SSUBSCRIBE s") as listener, fleet.client() as client:
        expected = []
        for i, node in enumerate(fleet.nodes):
            key = fleet.key_of(i)
            client.ask("EVAL", "return redis.call('PUBLISH', 'c', ARGV[1])", "1", key, f"eval{i}")
            client.ask("MULTI")
            client.ask("SET", key, "x")
            client.ask("PUBLISH", "c", f"exec{i}")
            assert client.ask("EXEC") == b"*2\r\n+OK\r\n:1\r\n"
            node.ask("PUBLISH", "c", f"direct{i}")
            node.ask("SPUBLISH", "s", f"shard{i}")
            expected += [f"eval{i}", f"exec{i}", f"direct{i}", f"shard{i}"]
        assert sorted(listener.reply().split(b"\r\n")[-2].decode() for _ in expected) == sorted(expected)
        client.send(b"".join(encode("PUBLISH", "c", str(i)) for i in range(300)))
        assert [client.reply() for _ in range(300)] == [b":1\r\n"] * 300
        assert messages(listener, b"299") == [str(i).encode() for i in range(300)]


def test_what_has_ended_is_not_counted_and_its_connections_close():
    with Fleet(2, **OWN) as fleet:
        def links():
            return sum(node.ask("CLIENT", "LIST", "TYPE", "PUBSUB").count(b"id=") for node in fleet.nodes)

        ends = {
            "UNSUBSCRIBE": lambda client: client.ask("UNSUBSCRIBE", "c"),
            "RESET": lambda client: client.ask("RESET"),
            "QUIT": lambda client: client.ask("QUIT"),
            "the client's leaving": lambda client: client.socket.close(),
        }
        for name, end in ends.items():
            with subscriber(fleet, "SUBSCRIBE c") as client:
                assert links() == 2 and numsub(fleet.nodes[1].port, "c") == 1
                end(client)
                wait_for(lambda: links() == 0, f"no links after {name}")
                wait_for(lambda: fleet.proxy.metric("pinned_links") == 0, f"no leases after {name}")
        with subscriber(fleet, "SUBSCRIBE c d") as client:
            client.ask("UNSUBSCRIBE", "c")
            assert links() == 2 and numsub(fleet.nodes[0].port, "c") == 0
            assert fleet.proxy.metric("pinned_links") == 2
            # Back again while its links are still there.
            client.ask("UNSUBSCRIBE", "d")
            assert client.ask("SUBSCRIBE", "e").endswith(b"\r\ne\r\n:1\r\n")
            assert fleet.nodes[1].ask("PUBLISH", "e", "x") == b":1\r\n"
            assert messages(client, b"x") == [b"x"]


def test_as_many_have_links_of_their_own_as_may_be():
    with Fleet(2, pinned_per_node=2, listener={"pinned_per_client": 3}, **OWN) as fleet:
        with subscriber(fleet, "SUBSCRIBE a") as first, subscriber(fleet, "SUBSCRIBE a"), fleet.client() as third:
            refusal = b"-ERR max number of blocked clients of r0 reached: pinned_per_node of pool main allows 2\r\n"
            assert third.ask("SUBSCRIBE", "a") == refusal
            # It is no subscriber.
            assert third.ask("SET", "x", "1") == b"+OK\r\n" and numsub(fleet.nodes[0].port, "a") == 2
            # One that has its links may subscribe to more.
            assert first.ask("SUBSCRIBE", "b").endswith(b"\r\nb\r\n:2\r\n")
            first.ask("RESET")
            wait_for(lambda: third.ask("SUBSCRIBE", "a").startswith(b"*3\r\n$9\r\nsubscribe"), "room for the third")


def test_what_else_a_client_has_for_itself_counts_as_well():
    with Fleet(2, listener={"pinned_per_client": 2}, **OWN) as fleet:
        refusal = b"-ERR max number of connections to nodes of one client's own reached: pinned_per_client allows "
        with subscriber(fleet, "SUBSCRIBE a") as client:
            assert client.ask("BLPOP", "q", "1") == refusal + b"2\r\n"
            assert client.ask("WATCH", "k") == refusal + b"2\r\n"
            assert client.ask("GET", "k") == b"_\r\n"
        with fleet.client() as client:
            client.ask("HELLO", "3")
            client.ask("WATCH", "k")
            assert client.ask("SUBSCRIBE", "a").startswith(refusal)
            assert client.ask("UNWATCH") == b"+OK\r\n"
            assert client.ask("SUBSCRIBE", "a").endswith(b"\r\na\r\n:1\r\n")
    with Fleet(3, listener={"pinned_per_client": 2}, **OWN) as fleet, fleet.client() as client:
        assert client.ask("SUBSCRIBE", "a") == refusal + b"2\r\n"
        assert client.ask("GET", "k") == b"$-1\r\n"


def test_a_node_is_subscribed_again_when_it_is_back():
    with Fleet(2, **OWN, health={"interval": "100ms"}) as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as first, subscriber(fleet, "SUBSCRIBE c") as second:
            fleet.nodes[1].kill()
            assert fleet.nodes[0].ask("PUBLISH", "c", "a") == b":2\r\n"
            fleet.nodes[1].start()
            wait_for(lambda: fleet.nodes[1].ask("PUBLISH", "c", "back") == b":2\r\n", "the node subscribed again")
            assert messages(first, b"back")[0] == messages(second, b"back")[0] == b"a"
            wait_for(lambda: fleet.proxy.metric("subscription_gaps_total", node="r1") == 2, "the gaps")


def test_a_gap_ends_the_connections_concerned_if_the_pool_says_so():
    with Fleet(2, **OWN, on_gap="disconnect") as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as first, subscriber(fleet, "SUBSCRIBE c") as second:
            ids = [line.split()[0][3:] for line in fleet.nodes[1].ask("CLIENT", "LIST", "TYPE", "PUBSUB").split(b"\n")
                   if b"id=" in line]
            fleet.nodes[1].ask("CLIENT", "KILL", "ID", ids[0].split(b"=")[-1])
            wait_for(lambda: numsub(fleet.nodes[0].port, "c") == 1, "one of them gone")
            assert fleet.nodes[0].ask("PUBLISH", "c", "x") == b":1\r\n"
            heard = [client.socket.recv(100) for client in (first, second)]
            assert sorted(len(each) > 0 for each in heard) == [False, True]


def test_a_listener_that_does_not_read_is_cut_off_and_nobody_waits():
    with Fleet(1, listener={"limits": {"output": "1MiB"}}, **OWN) as fleet:
        with subscriber(fleet, "SUBSCRIBE c"), subscriber(fleet, "SUBSCRIBE d") as quick, fleet.client() as client:
            wait_for(lambda: client.ask("PUBLISH", "c", b"x" * 500_000) == b":0\r\n", "the slow one gone")
            assert fleet.proxy.metric("clients_cut_off_total") == 1
            assert client.ask("PUBLISH", "d", "end") == b":1\r\n"
            assert messages(quick, b"end") == [b"end"]


def test_a_drain_closes_them():
    with RedisServer() as node:
        with Proxy(pool_config([node], **OWN)) as proxy, proxy.client() as client:
            client.ask("SUBSCRIBE", "c")
            assert numsub(node.port, "c") == 1
        wait_for(lambda: numsub(node.port, "c") == 0, "no link left")
