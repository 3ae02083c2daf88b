"""memcached nodes that die, hang, come back: every value carries its key, and no reply goes to another request."""

import random
import socket
import threading

import pytest

from crowd import Crowd
from memcache_servers import MemcacheClient, MemcachedServer, MemcacheFleet, memcache_config, parse_stats, storage, value
from servers import Proxy, RedisServer, wait_for

STORED, DOWN, TIMEOUT = b"STORED\r\n", b"SERVER_ERROR node down\r\n", b"SERVER_ERROR timeout\r\n"


def content(key):
    return key.encode() + b"=" + key.encode() * (hash(key) % 40)


class Load(Crowd):
    """Clients that set and get their own keys in all ways and check every reply; refusals are counted by their words."""

    CLIENTS = 4

    def __init__(self, fleet):
        super().__init__([fleet] * self.CLIENTS)
        self.fleet, self.errors, self.wrong, self.answered = fleet, {}, [], 0
        self._choose = [random.Random(number) for number in range(self.CLIENTS)]

    def __exit__(self, *_):
        super().__exit__()
        assert not self.wrong, self.wrong[:3]

    def ask(self, number, client):
        keys = [f"load{number}-{self._choose[number].randrange(300)}" for _ in range(6)]
        parts = [storage("set", k, content(k)) + f"get {k}\r\nmg {k} v k O7\r\n".encode() for k in keys]
        quiet = [storage("set", k, content(k), tail=b" noreply") + f"mg {k}-none v q\r\ndelete {k}-none noreply\r\n".encode() for k in keys]
        client.send(b"".join(parts) + f"get {' '.join(keys)}\r\n".encode() + b"".join(quiet) + b"mn\r\n")
        for key in keys:
            self._check(key, client.reply(), STORED)
            self._check(key, client.reply(), value(key, content(key)) + b"END\r\n", b"END\r\n")
            self._check(key, client.reply(), b"VA %d k%s O7\r\n%s\r\n" % (len(content(key)), key.encode(), content(key)),
                        b"EN k%s O7\r\n" % key.encode())
        self._check_many(keys, client.reply())
        for _ in range(len(keys) + 1):  # A quiet request of meta shows its errors, so up to one a key.
            reply = client.reply()
            if reply == b"MN\r\n":
                break
            self._check(None, reply)
        else:
            self.wrong.append(("mn", reply))

    def _check(self, key, reply, *expected):
        self.answered += 1
        if reply in expected[:1] or (reply in expected and self.errors):  # A set that failed leaves nothing to get.
            return
        if reply in (DOWN, TIMEOUT):
            self.errors.setdefault(reply, set()).update([key] if key else [])
        else:
            self.wrong.append((key, reply))

    def _check_many(self, keys, reply):
        whole = b"".join(value(key, content(key)) for key in keys) + b"END\r\n"
        if reply in (whole, DOWN, TIMEOUT):
            return
        found = [key for key in keys if value(key, content(key)) in reply]
        if not self.errors or reply != b"".join(value(key, content(key)) for key in found) + b"END\r\n":
            self.wrong.append((keys, reply))

    def owners_of_failures(self):
        return {self.fleet.owner(key) for keys in self.errors.values() for key in keys}


@pytest.mark.smoke
def test_a_killed_node_costs_only_its_own_keys_and_comes_back():
    """See semantics.md 8 and 10."""
    with MemcacheFleet(3, workers=2) as fleet:
        with Load(fleet) as load:
            wait_for(lambda: load.answered > 3000, "some load")
            fleet.nodes[0].kill()
            key, good = fleet.key_of(0), fleet.key_of(1)
            with fleet.client() as client:
                wait_for(lambda: client.ask("get " + key) == DOWN and load.errors.get(DOWN), "the node to be known as down")
                for _ in range(100):
                    assert client.ask("get " + key) == DOWN and client.ask(f"mg {key} v q") == DOWN
                assert client.ask(storage("set", good, b"x")[:-2]) == STORED and client.ask(f"get {good}") == value(good, b"x") + b"END\r\n"
                assert client.ask(f"get {good} {key} {good}") == DOWN  # Nothing of what was collected.
                fleet.nodes[0].start()
                wait_for(lambda: client.ask(storage("set", key, b"back")[:-2]) == STORED, "the node to serve again")
                assert client.ask(f"get {key}") == value(key, b"back") + b"END\r\n"
        assert load.owners_of_failures() == {0}


def test_a_stopped_node_times_out_then_is_down_and_recovers():
    # Until its check says so its requests pile up: how many may is another matter.
    with MemcacheFleet(3, timeouts={"request": "100ms", "connect": "200ms"}, concurrency={"algorithm": "off"}) as fleet:
        with Load(fleet) as load:
            wait_for(lambda: load.answered > 1000, "some load")
            fleet.nodes[0].stop()
            key = fleet.key_of(0)
            with fleet.client() as client:
                assert client.ask("get " + key) in (TIMEOUT, DOWN)
                wait_for(lambda: client.ask("get " + key) == DOWN, "the node to be given up")
                fleet.nodes[0].cont()
                wait_for(lambda: client.ask(storage("set", key, b"back")[:-2]) == STORED, "the node to serve again")
        assert load.owners_of_failures() == {0}


def test_a_late_reply_is_discarded_once_and_the_connection_stays():
    """semantics.md 6, with replies of several lines and of none."""
    with MemcacheFleet(1, timeouts={"request": "150ms"}) as fleet, fleet.client() as client, fleet.client() as other:
        client.exchange(storage("set", "a", b"late" * 1000) + storage("set", "b", b"1"))
        connects = fleet.proxy.metric("node_connects_total")
        fleet.nodes[0].stop()
        client.send(b"get a b a\r\nset a 0 0 1 noreply\r\n1\r\nmg a v q\r\nget a\r\n")
        assert [client.reply() for _ in range(3)] == [TIMEOUT] * 3
        fleet.nodes[0].cont()
        for i in range(50):
            key = f"o{i}"
            assert other.ask(storage("set", key, key.encode())[:-2]) == STORED
            assert client.exchange(f"get {key} {key}\r\nmg none q\r\n".encode()) == value(key, key.encode()) * 2 + b"END\r\n"
        assert fleet.proxy.metric("node_late_replies_total") == 4
        assert fleet.proxy.metric("node_connects_total") == connects


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_on_partial_error_sends_nothing_of_the_values(how):
    """semantics.md 10: twemproxy drops all, mcrouter sends values and then an error instead of END."""
    with MemcacheFleet(3, timeouts={"request": "100ms"}) as fleet, fleet.client() as client:
        keys = [fleet.key_of(node) for node in range(3)]
        client.exchange(b"".join(storage("set", key, b"v") for key in keys))
        getattr(fleet.nodes[1], how)()
        replies = {client.ask("get " + " ".join(keys)) for _ in range(5)}
        assert replies <= {DOWN, TIMEOUT}
        assert {client.ask(f"{command} {' '.join(keys)}") for command in ("gets", "gat 0", "gats 0")} <= {DOWN, TIMEOUT}
        assert fleet.proxy.metric("partial_replies_total", outcome="error") == 8
        assert fleet.proxy.metric("partial_replies_total", outcome="miss") == 0
        assert client.ask(f"get {keys[0]} {keys[2]}") == value(keys[0], b"v") + value(keys[2], b"v") + b"END\r\n"
        fleet.nodes[1].cont()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_on_partial_miss_sends_the_values_of_the_other_nodes(how):
    with MemcacheFleet(3, on_partial="miss", timeouts={"request": "100ms"}) as fleet, fleet.client() as client:
        keys = [fleet.key_of(node) for node in range(3)]
        client.exchange(b"".join(storage("set", key, b"v") for key in keys))
        getattr(fleet.nodes[1], how)()
        expected = value(keys[0], b"v") + value(keys[2], b"v") + value(keys[0], b"v") + b"END\r\n"
        for command in ("get", "gat 0"):
            assert client.ask(f"{command} {keys[0]} {keys[1]} {keys[2]} {keys[0]}") == expected
        assert fleet.proxy.metric("partial_replies_total", outcome="miss") == 2
        assert fleet.proxy.metric("partial_replies_total", outcome="error") == 0
        assert client.ask("get " + keys[1]) in (DOWN, TIMEOUT)  # One node, one key: nothing is partial about it.
        assert client.ask(storage("set", keys[1], b"x")[:-2]) in (DOWN, TIMEOUT)
        fleet.nodes[1].cont()


NOREPLY = [b"set %s 0 0 1 noreply\r\n1\r\n", b"add %s 0 0 1 noreply\r\n1\r\n", b"replace %s 0 0 1 noreply\r\n1\r\n", b"append %s 0 0 1 noreply\r\n1\r\n",
           b"prepend %s 0 0 1 noreply\r\n1\r\n", b"cas %s 0 0 1 5 noreply\r\n1\r\n", b"delete %s noreply\r\n", b"incr %s 1 noreply\r\n",
           b"decr %s 1 noreply\r\n", b"touch %s 0 noreply\r\n"]


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_noreply_stays_silent_when_the_node_does_not_answer(how):
    """See semantics.md 8."""
    with MemcacheFleet(2, timeouts={"request": "100ms"}) as fleet, fleet.client() as client:
        bad, good = fleet.key_of(0).encode(), fleet.key_of(1).encode()
        getattr(fleet.nodes[0], how)()
        data = b"".join(line % bad + line % good for line in NOREPLY) + b"flush_all noreply\r\nverbosity 0 noreply\r\n"
        for _ in range(3):
            client.send(data + b"set %s 0 0 1\r\n1\r\nmn\r\n" % good)
            assert client.until(b"MN\r\n") == STORED
        client.send(b"mg %s v q\r\nmd %s q\r\nms %s 1 q\r\n1\r\nma %s q\r\nmn\r\n" % ((bad,) * 4))
        replies = client.until(b"MN\r\n")  # Quiet meta requests hide success only.
        assert replies.replace(TIMEOUT, DOWN) == DOWN * 4
        fleet.nodes[0].cont()


def test_mn_is_answered_when_nothing_else_is():
    """semantics.md 27: also while a node is down, or all are."""
    with MemcacheFleet(1) as fleet, fleet.client() as client:
        fleet.nodes[0].kill()
        assert client.ask("mn") == b"MN\r\n"
        wait_for(lambda: client.ask("get a") == DOWN, "the node to be known as down")
        client.send(b"get a\r\nmn\r\nquit\r\n")
        assert client.closed_by_peer() == DOWN + b"MN\r\n"


def test_commands_for_all_nodes_need_all_nodes_but_stats_and_version_do_not():
    """See semantics.md 26."""
    with MemcacheFleet(3) as fleet, fleet.client() as client:
        version = client.ask("version")
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("get " + fleet.key_of(0)) == DOWN, "the node to be known as down")
        assert client.ask("flush_all") == client.ask("verbosity 0") == DOWN
        assert client.ask("version") == version
        stats = parse_stats(client.ask("stats"))
        assert (stats["ringproxy_nodes"], stats["ringproxy_nodes_answered"]) == ("3", "2")
        assert int(stats["limit_maxbytes"]) == 2 * (64 << 20)
        assert int(parse_stats(client.ask("stats settings"))["item_size_max"]) == 1 << 20


def test_errors_made_by_the_proxy_wait_their_turn():
    """See semantics.md 13."""
    with MemcacheFleet(2) as fleet, fleet.client() as client:
        slow, fast = fleet.key_of(0), fleet.key_of(1)
        client.exchange(storage("set", slow, b"s") + storage("set", fast, b"f"))
        fleet.nodes[0].stop()
        client.send(f"get {fast}\r\nget {slow}\r\nnonsense\r\nget {fast}\r\nshutdown\r\nget {'k' * 251}\r\nmn\r\nget {slow} {fast}\r\n".encode())
        assert client.reply() == value(fast, b"f") + b"END\r\n"
        wait_for(lambda: fleet.proxy.metric("node_in_flight", node="r0") >= 1, "the request to be under way")
        assert client.take_what_has_come() == b""
        fleet.nodes[0].cont()
        assert [client.reply() for _ in range(7)] == [
            value(slow, b"s") + b"END\r\n", b"ERROR\r\n", value(fast, b"f") + b"END\r\n",
            b"CLIENT_ERROR shutdown is not supported by ringproxy: it would end all nodes at once: stop them one by one, where they run\r\n",
            b"CLIENT_ERROR bad command line format\r\n", b"MN\r\n", value(slow, b"s") + value(fast, b"f") + b"END\r\n"]


def test_an_incr_is_never_done_twice():
    """semantics.md 25: whatever happens to the node, each incr counts at most once and each reply is the count."""
    with MemcacheFleet(1, timeouts={"request": "100ms"}) as fleet, fleet.client() as client:
        client.exchange(b"set n 0 0 1\r\n0\r\n")
        sent = 0
        for _ in range(3):
            fleet.nodes[0].stop()
            client.send(b"incr n 1\r\n")
            sent += 1
            assert client.reply() in (TIMEOUT, DOWN)
            fleet.nodes[0].cont()
            wait_for(lambda: client.ask("get n").startswith(b"VALUE"), "the node to serve again")
        count = int(client.ask("get n").split(b"\r\n")[1])
        assert count <= sent
        assert [client.ask("incr n 1") for _ in range(50)] == [b"%d\r\n" % (count + i) for i in range(1, 51)]


def test_incr_and_decr_have_64_bits_and_stop_at_0(shared_node):
    """See semantics.md 25."""
    with shared_node.client() as client:
        client.exchange(b"set n 0 0 20\r\n18446744073709551615\r\nset s 0 0 1\r\nx\r\n")
        assert [client.ask(line) for line in ("incr n 1", "incr n 10", "decr n 3", "decr n 100", "incr s 1")] == [
            b"0\r\n", b"10\r\n", b"7\r\n", b"0\r\n", b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"]
        assert client.ask("get n").split(b"\r\n")[1].rstrip() == b"0"  # It may be padded to its old length.


def test_negative_and_far_expiry_times(shared_node):
    """See semantics.md 23."""
    with shared_node.client() as client:
        for exptime, kept in ((-1, False), (-2147483648, False), (0, True), (1000, True), (2592001, False), (2147483647, True)):
            assert client.exchange(b"set e 0 %d 1\r\n1\r\nget e\r\n" % exptime) == STORED + (value("e", b"1") if kept else b"") + b"END\r\n"
            client.ask(b"set e 0 0 1\r\n1")
            assert client.ask("touch e %d" % exptime) == b"TOUCHED\r\n"
            assert client.ask("get e") == (value("e", b"1") if kept else b"") + b"END\r\n"
            client.ask(b"set e 0 0 1\r\n1")
            assert client.ask("gat %d e" % exptime) == value("e", b"1") + b"END\r\n"
            assert client.ask("mg e v T%d" % exptime) == (b"VA 1\r\n1\r\n" if kept else b"EN\r\n")


@pytest.fixture(scope="module")
def shared_node():
    with MemcacheFleet(1) as fleet:
        yield fleet


def test_the_proxy_starts_and_lives_without_any_node():
    nodes = [MemcachedServer(), MemcachedServer()]
    with Proxy(memcache_config(nodes), ready=False) as proxy, MemcacheClient(proxy.port) as client:
        wait_for(lambda: client.ask("get a") == DOWN, "a refusal")
        assert client.ask("get a b c d e f") == DOWN
        assert proxy.get("/readyz")[0] == 503
        with nodes[0], nodes[1]:
            wait_for(lambda: client.ask(b"set a 0 0 1\r\n1") == STORED, "the nodes to be found")
            wait_for(lambda: proxy.get("/readyz")[0] == 200, "the proxy to be ready")


def test_something_that_is_no_memcached_is_down():
    with RedisServer() as node, Proxy(memcache_config([node]), ready=False) as proxy, MemcacheClient(proxy.port) as client:
        wait_for(lambda: client.ask("get a") == DOWN, "a refusal")
        wait_for(lambda: "is down" in proxy.log(), "the log line")


def test_a_memcached_from_before_mn_is_greeted_with_version():
    """Old servers, and others that speak the protocol, answer ERROR to mn."""
    answers = {b"mn": b"ERROR\r\n", b"version": b"VERSION 1.4.0\r\n", b"get a": value("a", b"old") + b"END\r\n"}
    asked = []

    def serve(connection):
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                asked.append(line.rstrip())
                connection.sendall(answers.get(line.rstrip(), b"ERROR\r\n"))

    def accept(server):
        while True:
            try:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        node = type("Old", (), {"port": server.getsockname()[1]})
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        with Proxy(memcache_config([node])) as proxy, MemcacheClient(proxy.port) as client:
            assert client.ask("get a") == value("a", b"old") + b"END\r\n"
            assert asked.index(b"mn") < asked.index(b"version") < asked.index(b"get a")
        server.shutdown(socket.SHUT_RDWR)
