"""CLIENT LIST, KILL, UNBLOCK and PAUSE over the clients of all workers, as libraries and redis-cli use them."""

import contextlib
import itertools
import subprocess
import threading
import time

import pytest
import redis as redis_py

from servers import Fleet, PATIENT, Proxy, RawClient, blocked, encode, pool_config, wait_for

WORKERS = 2
UNBLOCKED = b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"


@pytest.fixture(scope="module")
def admin():
    """Three nodes, two workers and a listener whose clients may do everything."""
    with Fleet(3, workers=WORKERS, listener={"admin_commands": True}, **PATIENT) as fleet:
        yield fleet


@pytest.fixture
def crowd(admin):
    """Eight clients, some on each worker, and the ids by which they know themselves."""
    admin.flush()
    wait_for(lambda: admin.proxy.metric("worker_sessions") == 0, "the clients of the last test to be gone")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(admin.client()) for _ in range(8)]
        yield {int(client.ask("CLIENT", "ID")[1:]): client for client in clients}


def library(fleet, **options):
    return redis_py.Redis(port=fleet.proxy.port, decode_responses=True, **options)


def rows(reply):
    """The lines of CLIENT LIST, in either protocol, as dictionaries."""
    text = reply.split(b"\r\n", 1)[1].removeprefix(b"txt:").decode()
    return [dict(pair.split("=", 1) for pair in line.split(" ")) for line in text.splitlines() if line]


def counted(client, name):
    return int(client.ask("INFO", "clients").split(name.encode() + b":")[1].split()[0])


def blocked_as_told(client):
    return counted(client, "blocked_clients")


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["2", "3"])
def test_list_tells_of_the_clients_of_all_workers(admin, crowd, protocol):
    first = next(iter(crowd.values()))
    first.ask("HELLO", protocol)
    for number, client in crowd.items():
        client.ask("CLIENT", "SETNAME", f"c{number}")
    told = rows(first.ask("CLIENT", "LIST"))
    assert [int(row["id"]) for row in told] == sorted(crowd)
    assert all(row["name"] == f"c{row['id']}" for row in told)
    for row in told:
        host, port = crowd[int(row["id"])].socket.getsockname()
        assert row["addr"] == f"{host}:{port}" and row["laddr"] == f"127.0.0.1:{admin.proxy.port}"
        assert int(row["fd"]) > 2 and row["user"] == "default"
    some = list(crowd)[2:5]
    assert [int(row["id"]) for row in rows(first.ask("CLIENT", "LIST", "ID", *some, 10**9))] == some
    info = rows(first.ask("CLIENT", "INFO"))
    assert info[0]["name"] == f"c{next(iter(crowd))}" and info[0]["resp"] == protocol and info[0]["cmd"] == "client|info"


def test_info_counts_the_clients_that_list_tells_of(admin, crowd):
    asker = next(iter(crowd.values()))
    assert counted(asker, "connected_clients") == len(crowd) == len(rows(asker.ask("CLIENT", "LIST")))
    with admin.client() as another:
        assert counted(another, "connected_clients") == len(crowd) + 1
    wait_for(lambda: counted(asker, "connected_clients") == len(crowd), "the client that left to be forgotten")
    # Whoever is told that they were killed counts them no more.
    assert asker.ask("CLIENT", "KILL", "SKIPME", "yes") == b":%d\r\n" % (len(crowd) - 1)
    assert counted(asker, "connected_clients") == 1


def test_ids_are_never_given_twice(admin, crowd):
    seen = set(crowd)
    for _ in range(20):
        with admin.client() as client:
            number = int(client.ask("CLIENT", "ID")[1:])
            assert number > max(seen)
            seen.add(number)


def own_row(client, *question):
    number = client.ask("CLIENT", "ID").decode().strip()[1:]
    return next(row for row in rows(client.ask(*question)) if row["id"] == number)


@pytest.mark.parametrize("question", [("CLIENT", "INFO"), ("CLIENT", "LIST"), ("CLIENT", "LIST", "TYPE", "normal")])
def test_fields_are_those_of_a_plain_redis(admin, redis, question):
    with RawClient(redis.port) as plain, admin.client() as ours:
        theirs, told = (own_row(client, *question) for client in (plain, ours))
    assert set(theirs) - {"argv-mem"} <= set(told)
    assert set(told) - set(theirs) == {"lib-name", "lib-ver"}
    same = ["name", "flags", "db", "sub", "psub", "ssub", "multi", "qbuf", "multi-mem", "obl", "oll", "omem", "cmd", "user", "redir", "resp",
            "events"]
    assert {name: told[name] for name in same} == {name: theirs[name] for name in same}


def test_list_tells_what_clients_do(admin, crowd):
    watcher, subscriber, queuer, waiter = list(crowd.items())[:4]
    subscriber[1].ask("SUBSCRIBE", "a")
    subscriber[1].ask("PSUBSCRIBE", "p*")
    queuer[1].ask("MULTI")
    queuer[1].ask("GET", "k")
    waiter[1].send(encode("BLPOP", "q", "0"))
    wait_for(lambda: blocked(admin.nodes) == 1, "the client to wait")
    told = {int(row["id"]): row for row in rows(watcher[1].ask("CLIENT", "LIST"))}
    assert (told[subscriber[0]]["flags"], told[subscriber[0]]["sub"], told[subscriber[0]]["psub"]) == ("P", "1", "1")
    assert (told[queuer[0]]["flags"], told[queuer[0]]["multi"]) == ("x", "1")
    assert (told[waiter[0]]["flags"], told[waiter[0]]["cmd"]) == ("b", "blpop")
    assert blocked_as_told(watcher[1]) == 1
    assert [int(row["id"]) for row in rows(watcher[1].ask("CLIENT", "LIST", "TYPE", "pubsub"))] == [subscriber[0]]
    assert watcher[1].ask("CLIENT", "KILL", "TYPE", "pubsub") == b":1\r\n"
    assert subscriber[1].closed_by_peer() == b""


def test_kill_ends_clients_of_all_workers(admin, crowd):
    numbers = list(crowd)
    killer = crowd[numbers[0]]
    for number in numbers[1:3]:
        assert killer.ask("CLIENT", "KILL", "ID", number) == b":1\r\n"
        assert crowd[number].closed_by_peer() == b""
        assert killer.ask("CLIENT", "KILL", "ID", number) == b":0\r\n"
    host, port = crowd[numbers[3]].socket.getsockname()
    assert killer.ask("CLIENT", "KILL", f"{host}:{port}") == b"+OK\r\n"
    assert crowd[numbers[3]].closed_by_peer() == b""
    assert killer.ask("CLIENT", "KILL", f"{host}:{port}") == b"-ERR No such client\r\n"
    assert killer.ask("CLIENT", "KILL", "MAXAGE", "100000") == b":0\r\n"
    assert killer.ask("CLIENT", "KILL", "LADDR", f"127.0.0.1:{admin.proxy.port}", "USER", "default") == b":4\r\n"
    assert killer.ask("PING") == b"+PONG\r\n"
    assert killer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") == b":1\r\n"
    assert killer.closed_by_peer() == b""


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("line", ["BLPOP a 0", "BLMOVE a {a}x LEFT RIGHT 0", "BLPOP a b c 0", "BZPOPMIN a b 0", "XREAD BLOCK 0 STREAMS a $",
                                  "XREAD BLOCK 0 STREAMS a b c $ $ $"])
def test_unblock_ends_a_wait_of_any_worker(admin, crowd, protocol, line):
    numbers = list(crowd)
    keys = {name: admin.key_of(i, f"{name}-") for i, name in enumerate("abc")}
    keys["{a}x"] = "{%s}x" % keys["a"]
    words = [keys.get(word, word) for word in line.split()]
    asker = crowd[numbers[0]]
    # Two that follow each other are on different workers.
    for number in numbers[1:3]:
        waiter = crowd[number]
        waiter.ask("HELLO", protocol)
        for how in ([], ["TIMEOUT"], ["ERROR"]):
            waiter.send(encode(*words))
            wait_for(lambda: asker.ask("CLIENT", "UNBLOCK", number, *how) == b":1\r\n", "the client to wait")
            if how == ["ERROR"]:
                assert waiter.reply() == UNBLOCKED
            else:
                assert waiter.reply() == {"2": b"*-1\r\n", "3": b"_\r\n"}[protocol]
            assert asker.ask("CLIENT", "UNBLOCK", number) == b":0\r\n"
            assert waiter.ask("PING") == b"+PONG\r\n"
    wait_for(lambda: blocked_as_told(asker) == 0, "nobody to wait")


def test_unblock_ends_a_wait_for_replicas(admin, crowd):
    asker, waiter = list(crowd.values())[:2]
    number = list(crowd)[1]
    for how, reply in (([], b":0\r\n"), (["ERROR"], UNBLOCKED), (["TIMEOUT"], b":0\r\n")):
        waiter.send(encode("WAIT", "1", "0"))
        wait_for(lambda: asker.ask("CLIENT", "UNBLOCK", number, *how) == b":1\r\n", "the client to wait")
        assert waiter.reply() == reply
        assert asker.ask("CLIENT", "UNBLOCK", number) == b":0\r\n"


@pytest.mark.parametrize("line", ["CLIENT UNBLOCK x", "CLIENT UNBLOCK 1 x", "CLIENT UNBLOCK", "CLIENT KILL", "CLIENT KILL 1.2.3.4:5",
                                  "CLIENT KILL ID x", "CLIENT KILL ID 0", "CLIENT KILL TYPE x", "CLIENT KILL USER x", "CLIENT KILL SKIPME x",
                                  "CLIENT KILL ID 1 TYPE", "CLIENT KILL foo x", "CLIENT KILL ID 999999", "CLIENT KILL TYPE replica",
                                  "CLIENT PAUSE x", "CLIENT PAUSE -1", "CLIENT PAUSE 1 x", "CLIENT PAUSE 0", "CLIENT UNPAUSE", "CLIENT UNPAUSE x",
                                  "CLIENT UNBLOCK 999999", "CLIENT LIST TYPE master"])
def test_the_same_words_as_a_plain_redis(admin, redis, line):
    with admin.client() as ours, RawClient(redis.port) as plain:
        assert ours.ask(*line.split()) == plain.ask(*line.split())


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_the_same_words_as_a_plain_redis_within_multi(admin, redis, protocol):
    lines = ["CLIENT UNBLOCK x", "CLIENT UNBLOCK 999999", "CLIENT KILL ID 999999", "CLIENT KILL ID 0", "CLIENT KILL TYPE replica", "SET {t}k v",
             "CLIENT PAUSE x", "CLIENT PAUSE 0", "CLIENT UNPAUSE", "CLIENT LIST TYPE x", "CLIENT LIST TYPE master", "CLIENT LIST x",
             "CLIENT TRACKING OFF", "CLIENT TRACKING x", "GET {t}k"]
    with admin.client() as ours, RawClient(redis.port) as plain:
        for client in (ours, plain):
            client.ask("HELLO", protocol)
            assert client.ask("MULTI") == b"+OK\r\n"
            assert {client.ask(*line.split()) for line in lines} == {b"+QUEUED\r\n"}
        assert ours.ask("EXEC") == plain.ask("EXEC")
        for client in (ours, plain):
            assert client.ask("MULTI") == b"+OK\r\n"
            assert client.ask("CLIENT", "KILL") == b"-ERR wrong number of arguments for 'client|kill' command\r\n"
            assert client.ask("EXEC").startswith(b"-EXECABORT")


def test_kill_within_multi_ends_clients_of_all_workers(admin, crowd):
    killer, *others = crowd.values()
    killer.send(b"".join(encode(*line.split()) for line in ("MULTI", "CLIENT LIST", "CLIENT KILL SKIPME yes", "CLIENT LIST", "EXEC", "PING")))
    assert [killer.reply() for _ in range(4)] == [b"+OK\r\n"] + [b"+QUEUED\r\n"] * 3
    reply = killer.reply()
    assert reply.count(b"id=") == len(crowd) + 1 and b":%d\r\n" % len(others) in reply
    assert killer.reply() == b"+PONG\r\n"
    assert all(client.closed_by_peer() == b"" for client in others)


def test_a_client_reaches_those_of_its_own_listener_alone(admin):
    config = pool_config(admin.nodes, {"admin_commands": True}, **PATIENT)
    config["workers"] = WORKERS
    config["listeners"].append({**config["listeners"][0], "name": "other", "admin_commands": False})
    with Proxy(config) as proxy, proxy.client() as ours, RawClient(proxy._port("listener other")) as theirs:
        number = int(theirs.ask("CLIENT", "ID")[1:])
        assert len(rows(ours.ask("CLIENT", "LIST"))) == len(rows(theirs.ask("CLIENT", "LIST"))) == 1
        assert ours.ask("CLIENT", "KILL", "ID", number) == b":0\r\n"
        theirs.send(encode("BLPOP", "q", "0"))
        wait_for(lambda: blocked(admin.nodes) == 1, "the client to wait")
        assert ours.ask("CLIENT", "UNBLOCK", number) == b":0\r\n"
        assert ours.ask("CLIENT", "PAUSE", "60000") == b"+OK\r\n"
        with RawClient(proxy._port("listener other")) as second:
            assert second.ask("SET", "k", "1") == b"+OK\r\n"
            assert second.ask("CLIENT", "UNBLOCK", number) == b":1\r\n"
            for line in ("CLIENT KILL ID 1", "CLIENT PAUSE 1", "CLIENT UNPAUSE"):
                assert second.ask(*line.split()).endswith(b"it acts on other clients: set admin_commands: true of the listener\r\n")
        # The admin port is not held.
        assert proxy.get("/readyz")[0] == 200
        assert ours.ask("CLIENT", "UNPAUSE") == b"+OK\r\n"


def test_a_pause_of_writes_holds_those_of_all_workers(admin, crowd):
    pauser, reader, *writers = crowd.values()
    assert pauser.ask("CLIENT", "PAUSE", "60000", "WRITE") == b"+OK\r\n"
    for i, writer in enumerate(writers):
        writer.send(encode("PING") + encode("SET", f"k{i}", "v") + encode("GET", f"k{i}"))
        assert writer.reply() == b"+PONG\r\n"
    wait_for(lambda: blocked_as_told(reader) == len(writers), "all to be held")
    assert reader.ask("EVAL", "#!lua flags=no-writes\nreturn 1", "0") == b":1\r\n"
    with admin.client() as late:
        late.send(encode("INCR", "n"))
        wait_for(lambda: blocked_as_told(reader) == len(writers) + 1, "one that comes later to be held, too")
    wait_for(lambda: blocked_as_told(reader) == len(writers), "who has left to be forgotten")
    assert all(reader.ask("EXISTS", f"k{i}") == b":0\r\n" for i in range(len(writers)))
    assert sum(row["flags"] == "b" for row in rows(reader.ask("CLIENT", "LIST"))) == len(writers)
    assert pauser.ask("CLIENT", "UNPAUSE") == b"+OK\r\n"
    for writer in writers:
        assert [writer.reply(), writer.reply()] == [b"+OK\r\n", b"$1\r\nv\r\n"]
    assert reader.ask("GET", "n") == b"$-1\r\n"
    assert blocked_as_told(reader) == 0


def test_a_pause_ends_by_itself(admin, crowd):
    pauser, *others = crowd.values()
    begin = time.monotonic()
    assert pauser.ask("CLIENT", "PAUSE", "300") == b"+OK\r\n"
    for client in others:
        client.send(encode("PING"))
    for client in others:
        assert client.reply() == b"+PONG\r\n"
    assert time.monotonic() - begin >= 0.3


def test_a_pause_may_be_as_long_as_a_server_takes_it(admin, crowd):
    pauser, *others = crowd.values()
    for time_ms in (60_000_000, 2**63 - 1):
        assert pauser.ask("CLIENT", "PAUSE", time_ms, "WRITE") == b"+OK\r\n"
        for client in others:
            client.send(encode("SET", "k", "v"))
        wait_for(lambda: blocked_as_told(pauser) == len(others), "all others to be held")
        assert pauser.ask("CLIENT", "UNPAUSE") == b"+OK\r\n"
        for client in others:
            assert client.reply() == b"+OK\r\n"


def test_redis_py_uses_them(admin):
    client, other = library(admin, client_name="one"), library(admin, client_name="two")
    number = other.client_id()
    assert {row["name"] for row in client.client_list()} >= {"one", "two"}
    assert client.client_list(client_id=[str(number)])[0]["id"] == str(number)
    assert client.client_info()["name"] == "one"
    assert client.client_unblock(number) == 0
    assert client.client_pause(1, all=False) and client.client_unpause()
    assert client.client_kill_filter(_id=number) == 1
    assert client.client_kill_filter(_type="pubsub") == 0
    assert other.ping()  # It connects anew.
    assert client.client_kill(next(row["addr"] for row in client.client_list() if row["name"] == "two"))


def test_redis_cli_shows_them(admin):
    run = subprocess.run(["redis-cli", "-p", str(admin.proxy.port), "CLIENT", "LIST"], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.startswith("id=") and "cmd=client|list" in run.stdout


def test_a_crowd_that_asks_while_clients_come_and_go(admin):
    """Nobody reads anything but his own replies, and in order."""
    wrong, stop = [], threading.Event()

    def ask():
        with admin.client() as client:
            for i in itertools.count():
                if stop.is_set():
                    return
                client.send(encode("ECHO", i) + encode("CLIENT", "LIST") + encode("CLIENT", "UNBLOCK", 1) + encode("ECHO", i))
                replies = [client.reply() for _ in range(4)]
                if replies[0] != replies[3] or not replies[1].startswith(b"$") or replies[2] != b":0\r\n":
                    wrong.append(replies)
                    return

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    with admin.client() as killer:
        for _ in range(100):
            with admin.client() as victim:
                number = int(victim.ask("CLIENT", "ID")[1:])
                assert killer.ask("CLIENT", "KILL", "ID", number) == b":1\r\n"
                assert victim.closed_by_peer() == b""
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
