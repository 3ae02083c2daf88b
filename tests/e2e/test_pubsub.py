"""Publish and subscribe through the proxy: as a plain Redis has it on one node, each message once on several."""

import threading

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, Proxy, RawClient, RedisServer, converse, encode, pool_config, wait_for


SAME = {
    "channels": ["SUBSCRIBE a b a", "UNSUBSCRIBE a", "UNSUBSCRIBE nosuch", "UNSUBSCRIBE b b", "GET x"],
    "patterns": ["PSUBSCRIBE p* q*", "SUBSCRIBE a", "PUNSUBSCRIBE p*", "PUNSUBSCRIBE", "UNSUBSCRIBE a"],
    "shard channels": ["SSUBSCRIBE s t", "SUBSCRIBE a", "SUNSUBSCRIBE s", "UNSUBSCRIBE a", "SUNSUBSCRIBE t", "GET x"],
    "one left": ["SUBSCRIBE a", "PSUBSCRIBE p", "UNSUBSCRIBE", "PUNSUBSCRIBE", "GET x"],
    "from nothing": ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE a b"],
    "arity": ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "PUBLISH a", "SPUBLISH", "PUBSUB", "PUBSUB NOSUCH"],
    "subscriber": ["SUBSCRIBE a", "GET x", "CLIENT GETNAME", "NOSUCH", "GET", "PING", "PING hi", "PING a b", "MULTI"],
    "shard subscriber": ["SSUBSCRIBE a", "GET x", "PING"],
    "reset": ["SUBSCRIBE a b", "RESET", "GET x", "UNSUBSCRIBE a"],
    "in order": ["SET x 1", "SUBSCRIBE a", "PING", "UNSUBSCRIBE a", "GET x", "SUBSCRIBE b"],
    "no replies": ["CLIENT REPLY OFF", "SET x 1", "SUBSCRIBE a", "UNSUBSCRIBE a", "CLIENT REPLY ON"],
    "skipped": ["CLIENT REPLY SKIP", "SUBSCRIBE a", "PING"],
    "to nobody": ["PUBLISH a b", "SPUBLISH a b", "MULTI", "PUBLISH a b", "SPUBLISH a b", "EXEC"],
    "asked": ["PUBSUB NUMSUB a b a", "PUBSUB NUMSUB", "PUBSUB NUMPAT", "PUBSUB CHANNELS", "PUBSUB CHANNELS a*",
              "PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB s", "PUBSUB HELP", "PUBSUB CHANNELS a b"],
}
IN_RESP3 = {
    "everything is allowed": ["SUBSCRIBE a", "SET x 1", "GET x", "PING", "PING hi", "MULTI", "GET x", "EXEC"],
    "back to RESP2": ["SUBSCRIBE a", "HELLO 2", "GET x", "PING", "UNSUBSCRIBE a", "GET x"],
    "counts": ["SUBSCRIBE a b", "PSUBSCRIBE a* b*", "SSUBSCRIBE a", "PUBSUB NUMSUB a b c", "PUBSUB NUMPAT",
               "PUBSUB CHANNELS a", "PUBSUB CHANNELS *x", "PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB a b",
               "UNSUBSCRIBE a", "PUBSUB NUMSUB a b", "PUBSUB CHANNELS", "PUNSUBSCRIBE a*", "PUBSUB NUMPAT", "RESET",
               "PUBSUB NUMPAT", "PUBLISH b x", "PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS"],
    "reset at once": ["PSUBSCRIBE a* b*", "SUBSCRIBE b", "RESET", "PUBSUB NUMPAT", "PUBSUB NUMSUB b", "CLIENT GETNAME"],
}


def without_id(stream):
    """HELLO tells the number of the connection."""
    lines = stream.split(b"\r\n")
    return [line for i, line in enumerate(lines) if i == 0 or lines[i - 1] != b"id"]


@pytest.fixture(scope="module", params=["shared", "own"])
def one_node(request):
    with Fleet(1, workers=2, **PATIENT, subscriptions=request.param) as fleet:
        yield fleet


@pytest.mark.parametrize("first", [None, "HELLO 3"])
@pytest.mark.parametrize("lines", SAME.values(), ids=SAME.keys())
def test_the_same_as_a_plain_redis(one_node, redis, lines, first):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    assert converse(one_node.proxy.port, lines, first) == converse(redis.port, lines, first)


@pytest.mark.parametrize("lines", IN_RESP3.values(), ids=IN_RESP3.keys())
def test_the_same_in_resp3(one_node, redis, lines):
    redis.ask("FLUSHALL")
    one_node.nodes[0].ask("FLUSHALL")
    through = converse(one_node.proxy.port, lines, "HELLO 3")
    assert without_id(through) == without_id(converse(redis.port, lines, "HELLO 3"))


@pytest.mark.parametrize("first", ["HELLO 2", "HELLO 3"])
def test_messages_have_the_same_bytes(one_node, redis, first):
    def listen(port):
        with RawClient(port) as client, RawClient(port) as publisher:
            client.ask(*first.split())
            client.send(encode("SUBSCRIBE", "a", "news.1") + encode("PSUBSCRIBE", "news.*", "*.1") +
                        encode("SSUBSCRIBE", "s"))
            acks = [client.reply() for _ in range(5)]
            counts = [publisher.ask("PUBLISH", "a", "x"), publisher.ask("PUBLISH", "news.1", ""),
                      publisher.ask("SPUBLISH", "s", "y"), publisher.ask("PUBLISH", "a", b"z" * 100_000),
                      publisher.ask("PUBLISH", "none", "x"), publisher.ask("PUBLISH", "news.2", b"\r\n\0")]
            return acks, counts, sorted(client.reply() for _ in range(7))

    assert listen(one_node.proxy.port) == listen(redis.port)


def subscriber(fleet, *commands, protocol="3"):
    client = fleet.client()
    client.ask("HELLO", protocol)
    for command in commands:
        client.send(encode(*command.split()))
        for _ in command.split()[1:]:
            client.reply()
    return client


def messages(client, last):
    """The payloads that come up to this one."""
    payloads = []
    while not payloads or payloads[-1] != last:
        payloads.append(client.reply().split(b"\r\n")[-2])
    return payloads


@pytest.mark.smoke
def test_whatever_is_published_anywhere_arrives_once(fleet):
    with subscriber(fleet, "SUBSCRIBE c", "PSUBSCRIBE p*") as listener, fleet.client() as client:
        expected = []
        for i, node in enumerate(fleet.nodes):
            key = fleet.key_of(i)
            expected += [f"eval{i}", f"exec{i}", f"direct{i}", f"pattern{i}"]
            client.ask("EVAL", "return redis.call('PUBLISH', 'c', ARGV[1])", "1", key, f"eval{i}")
            client.ask("MULTI")
            client.ask("SET", key, "x")
            client.ask("PUBLISH", "c", f"exec{i}")
            client.ask("SPUBLISH", "c", "x")
            assert client.ask("EXEC").startswith(b"*3\r\n+OK\r\n:")
            node.ask("PUBLISH", "c", f"direct{i}")
            node.ask("PUBLISH", "p1", f"pattern{i}")
        for i in range(30):
            client.ask("PUBLISH", f"p{i}", f"plain{i}")
            expected.append(f"plain{i}")
        # Order holds for a channel, not between nodes.
        got = [listener.reply().split(b"\r\n")[-2].decode() for _ in expected]
        assert sorted(got) == sorted(expected)
        for node in fleet.nodes:
            node.ask("PUBLISH", "c", "end")
        assert [listener.reply().split(b"\r\n")[-2] for _ in fleet.nodes] == [b"end"] * len(fleet.nodes)


def test_keyspace_events_of_every_node_arrive(fleet):
    for node in fleet.nodes:
        node.ask("CONFIG", "SET", "notify-keyspace-events", "KEA")
    with subscriber(fleet, "PSUBSCRIBE __keyspace@0__:* __keyevent@0__:set") as listener, fleet.client() as client:
        for i in range(len(fleet.nodes)):
            key = fleet.key_of(i, "event")
            client.ask("SET", key, "1")
            got = sorted(listener.reply().split(b"\r\n")[-4] for _ in range(2))
            assert got == [b"__keyevent@0__:set", b"__keyspace@0__:" + key.encode()]
    for node in fleet.nodes:
        node.ask("CONFIG", "SET", "notify-keyspace-events", "")


def test_messages_of_a_channel_keep_their_order(fleet):
    with subscriber(fleet, "SUBSCRIBE order") as listener, fleet.client() as client:
        client.send(b"".join(encode("PUBLISH", "order", str(i)) for i in range(500)))
        assert [client.reply() for _ in range(500)] == [b":1\r\n"] * 500
        assert messages(listener, b"499") == [str(i).encode() for i in range(500)]


def test_who_is_woken_reads_what_was_written_before(fleet):
    """The write goes to one node and the message to another."""
    with subscriber(fleet, "SUBSCRIBE wake") as listener, fleet.client() as client, fleet.client() as reader:
        key = next(k for k in (fleet.key_of(i) for i in range(3)) if fleet.owner(k) != fleet.owner("wake"))
        for i in range(300):
            client.send(encode("SET", key, str(i)) + encode("PUBLISH", "wake", "x") + encode("PING"))
            listener.reply()
            assert reader.ask("GET", key) == b"$%d\r\n%d\r\n" % (len(str(i)), i)
            assert [client.reply() for _ in range(3)] == [b"+OK\r\n", b":1\r\n", b"+PONG\r\n"]


def test_a_client_reads_the_reply_to_its_own_publish_before_the_message(fleet):
    with subscriber(fleet, "SUBSCRIBE own") as client:
        for _ in range(50):
            client.send(encode("PUBLISH", "own", "x"))
            assert client.reply() == b":1\r\n"
            assert client.reply() == b">3\r\n$7\r\nmessage\r\n$3\r\nown\r\n$1\r\nx\r\n"


def test_listeners_are_counted_and_not_links(redis):
    with Fleet(3, workers=2, **PATIENT) as fleet:
        listeners = [subscriber(fleet, "SUBSCRIBE c", "PSUBSCRIBE c*") for _ in range(6)]
        with fleet.client() as client, RawClient(fleet.nodes[0].port) as direct:
            assert client.ask("PUBLISH", "c", "x") == b":12\r\n"
            assert client.ask("PUBSUB", "NUMSUB", "c", "d") == b"*4\r\n$1\r\nc\r\n:6\r\n$1\r\nd\r\n:0\r\n"
            assert client.ask("PUBSUB", "NUMPAT") == b":1\r\n"
            assert client.ask("PUBSUB", "CHANNELS") == b"*1\r\n$1\r\nc\r\n"
            wait_for(lambda: fleet.proxy.metric("subscriptions") == 12, "the gauge")
            direct.ask("SUBSCRIBE", "c")
            assert client.ask("PUBSUB", "NUMSUB", "c") == b"*2\r\n$1\r\nc\r\n:7\r\n"
            for listener in listeners[1:]:
                assert len(messages(listener, b"x") + messages(listener, b"x")) == 2
                listener.ask("UNSUBSCRIBE", "c")
                listener.ask("PUNSUBSCRIBE", "c*")
            assert client.ask("PUBSUB", "NUMSUB", "c") == b"*2\r\n$1\r\nc\r\n:2\r\n"
            listeners[0].socket.close()
            wait_for(lambda: client.ask("PUBLISH", "d", "x") == b":0\r\n" and client.ask("PUBSUB", "NUMPAT") == b":0\r\n",
                     "the last pattern gone")
            wait_for(lambda: client.ask("PUBSUB", "NUMSUB", "c") == b"*2\r\n$1\r\nc\r\n:1\r\n", "one direct listener")
            for listener in listeners:
                listener.socket.close()


def test_a_node_is_subscribed_again_when_it_is_back():
    with Fleet(3, **PATIENT, health={"interval": "100ms"}) as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as listener, fleet.client() as client:
            fleet.nodes[1].kill()
            # Every channel can be published to as long as any node is there.
            wait_for(lambda: client.ask("PUBLISH", "c", "a") == b":1\r\n", "a publication")
            messages(listener, b"a")
            with subscriber(fleet, "SUBSCRIBE d") as late:
                fleet.nodes[1].start()
                wait_for(lambda: fleet.nodes[1].ask("PUBLISH", "c", "back") == b":1\r\n", "the node subscribed again")
                assert messages(listener, b"back")[-1] == b"back"
                wait_for(lambda: fleet.nodes[1].ask("PUBLISH", "d", "back") == b":1\r\n", "the other channel too")
                assert messages(late, b"back")[-1] == b"back"
                assert fleet.proxy.metric("subscription_gaps_total", node="r1") == 2
                assert fleet.proxy.metric("subscription_gaps_total", node="r0") == 0


@pytest.mark.parametrize("count, workers, subscriptions", [(1, 1, "shared"), (3, 2, "shared"), (3, 2, "own")])
def test_what_is_published_while_a_node_comes_back_is_heard_or_refused(count, workers, subscriptions):
    with Fleet(count, workers, **PATIENT, health={"interval": "100ms"}, subscriptions=subscriptions) as fleet:
        listeners = [subscriber(fleet, "SUBSCRIBE c") for _ in range(4)]
        owner = fleet.owner("c")
        node, name = fleet.nodes[owner], f"r{owner}"
        sent = []

        def publish(client):
            for i in range(30):
                text = f"{len(sent)}.{i}"
                reply = client.ask("PUBLISH", "c", text)
                assert reply == b":4\r\n" or reply.startswith(b"-NODE")
                if reply == b":4\r\n":
                    sent.append(text.encode())
            return "cmdstat_publish" in node.ask("INFO", "commandstats").decode()

        with fleet.client() as client:
            for _ in range(5):
                node.kill()
                wait_for(lambda: fleet.proxy.node(name)["state"] != "up", "the node lost")
                node.start()
                wait_for(lambda: publish(client), "messages at the node again")
        for listener in listeners:
            assert sorted(listener.reply().split(b"\r\n")[-2] for _ in sent) == sorted(sent)
            listener.socket.close()


def test_a_gap_ends_connections_if_its_pool_says_so():
    with Fleet(2, **PATIENT, on_gap="disconnect") as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as listener, fleet.client() as other:
            fleet.nodes[1].kill()
            assert listener.closed_by_peer() == b""
            assert other.ask("PING") == b"+PONG\r\n"


def test_a_stopped_node_holds_an_acknowledgement_for_a_second_only():
    with Fleet(2, **PATIENT) as fleet:
        with subscriber(fleet, "SUBSCRIBE c"), fleet.client() as client:
            fleet.nodes[1].stop()
            try:
                assert client.ask("SUBSCRIBE", "d") == b"*3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:1\r\n"
                fleet.nodes[0].ask("PUBLISH", "d", "x")
                assert messages(client, b"x") == [b"x"]
            finally:
                fleet.nodes[1].cont()
            wait_for(lambda: fleet.nodes[1].ask("PUBLISH", "d", "y") == b":1\r\n", "the node joined")
            assert messages(client, b"y") == [b"y"]


def test_a_listener_that_does_not_read_is_cut_off_and_nobody_waits():
    with Fleet(1, listener={"limits": {"output": "1MiB"}}, **PATIENT) as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as slow, subscriber(fleet, "SUBSCRIBE c") as quick, \
                fleet.client() as client:
            read = []

            def follow():
                while b"end" not in read[-1:]:
                    read.append(quick.reply().split(b"\r\n")[-2])

            thread = threading.Thread(target=follow)
            thread.start()
            for i in range(400):
                client.ask("PUBLISH", "c", b"x" * 50_000)
                # It must never be a MiB behind, however busy the machine is.
                wait_for(lambda: len(read) > i - 10, "the quick one to follow")
            assert client.ask("PUBLISH", "c", "end") == b":1\r\n"
            thread.join()
            assert len(read) == 401
            wait_for(lambda: fleet.proxy.metric("clients_cut_off_total") == 1, "the slow one cut off")
            assert len(slow.closed_by_peer()) < 400 * 50_000


@pytest.mark.smoke
def test_libraries_subscribe_and_publish(fleet):
    library = redis_py.Redis(port=fleet.proxy.port)
    listener = library.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("lib")
    listener.psubscribe("lib.*")
    wait_for(lambda: library.pubsub_numsub("lib") == [(b"lib", 1)] and library.pubsub_numpat() == 1, "the subscriptions")
    assert library.publish("lib", "one") == 1
    assert library.publish("lib.x", "two") == 1
    got = []
    wait_for(lambda: (message := listener.get_message(timeout=1)) and (got.append(message["data"]) or len(got) == 2), "two")
    assert sorted(got) == [b"one", b"two"]
    listener.close()


def test_what_a_client_publishes_behind_its_subscription_reaches_it(fleet):
    for i in range(50):
        with fleet.client() as client:
            client.ask("HELLO", "3")
            client.send(encode("SUBSCRIBE", f"a{i}") + encode("PUBLISH", f"a{i}", "x"))
            got = [client.reply() for _ in range(3)]
            assert got[1] == b":1\r\n" and b"message" in got[2]
            client.send(encode("UNSUBSCRIBE", f"a{i}") + encode("PUBLISH", f"a{i}", "y") + encode("PING"))
            got = [client.reply() for _ in range(3)]
            assert got[1:] == [b":0\r\n", b"+PONG\r\n"]


def test_a_message_does_not_come_before_the_acknowledgement(fleet):
    stop = threading.Event()

    def publish():
        with RawClient(fleet.nodes[0].port) as publisher:
            while not stop.is_set():
                publisher.ask("PUBLISH", "busy", "x")

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(100):
            with fleet.client() as client:
                assert client.ask("SUBSCRIBE", "busy").startswith(b"*3\r\n$9\r\nsubscribe\r\n")
                assert client.reply().startswith(b"*3\r\n$7\r\nmessage\r\n")
    finally:
        stop.set()
        thread.join()


def test_a_refused_subscription_reads_the_nodes_words(tmp_path):
    (tmp_path / "password").write_text("pw")
    auth = {"username": "app", "password_file": str(tmp_path / "password")}
    with RedisServer() as node:
        node.ask("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "resetchannels", "&ours.*")
        with Proxy(pool_config([node], **PATIENT, auth=auth)) as proxy, proxy.client() as client:
            assert client.ask("SUBSCRIBE", "theirs").startswith(b"-NOPERM ")
            # It is no subscriber.
            assert client.ask("GET", "x") == b"$-1\r\n"
            assert client.ask("SUBSCRIBE", "ours.a") == b"*3\r\n$9\r\nsubscribe\r\n$6\r\nours.a\r\n:1\r\n"


def test_many_listeners_hear_everything(fleet):
    listeners = [subscriber(fleet, "SUBSCRIBE crowd") for _ in range(300)]
    with fleet.client() as client:
        for i in range(20):
            assert client.ask("PUBLISH", "crowd", str(i)) == b":300\r\n"
    for listener in listeners:
        assert messages(listener, b"19") == [str(i).encode() for i in range(20)]
        listener.socket.close()
    with fleet.client() as client:
        wait_for(lambda: client.ask("PUBLISH", "crowd", "x") == b":0\r\n", "all gone")


def test_too_many_subscriptions_of_a_client_are_refused(fleet):
    with fleet.client() as client:
        names = [f"n{i}" for i in range(1 << 15)]
        client.send(encode("SUBSCRIBE", *names) + encode("PSUBSCRIBE", *names))
        for _ in range(2 << 15):
            client.reply()
        assert client.ask("SUBSCRIBE", "more") == b"-ERR max number of subscriptions of a client reached\r\n"
        assert client.ask("PING") == b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"


def test_a_name_that_would_cut_off_everybody_is_refused(fleet):
    with fleet.client() as client:
        too_long = b"-ERR a name of more than 65536 bytes cannot be subscribed to\r\n"
        assert client.ask("SUBSCRIBE", "a", "x" * 65537) == too_long and client.ask("PSUBSCRIBE", "x" * 65537) == too_long
        assert client.ask("SUBSCRIBE", "x" * 65536).startswith(b"*3\r\n$9\r\nsubscribe\r\n$65536\r\n")
        assert client.ask("EXEC").startswith(b"-EXECABORT Transaction discarded because of: Can't execute 'exec': only ")


def test_the_end_of_the_proxy_ends_subscriptions():
    with Fleet(2, **PATIENT) as fleet:
        with subscriber(fleet, "SUBSCRIBE c") as listener:
            fleet.proxy.terminate()
            assert listener.closed_by_peer() == b""
            assert fleet.proxy.wait() == 0
