"""Real clients in front of three nodes: pymemcache, python-memcached, libmemcached's tools, the text protocol in all of them."""

import contextlib
import subprocess
import threading

import memcache
import pymemcache
import pytest
from pymemcache.client.base import PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

from memcache_servers import MemcacheFleet
from servers import PATIENCE, PATIENT


@pytest.fixture(scope="module")
def shared_fleet():
    with MemcacheFleet(**PATIENT) as fleet:
        yield fleet


@pytest.fixture(params=["plain", "pooled", "hash"])
def pymemcache_client(fleet, request):
    address = ("127.0.0.1", fleet.proxy.port)
    made = {"plain": lambda: pymemcache.Client(address, default_noreply=False), "pooled": lambda: PooledClient(address, default_noreply=False),
            "hash": lambda: HashClient([address], default_noreply=False, use_pooling=True)}[request.param]()
    yield made
    made.close()


@pytest.mark.smoke
def test_pymemcache_stores_and_reads(pymemcache_client):
    client = pymemcache_client
    pairs = {f"py{i}": b"value%d" % i for i in range(200)}
    assert client.set_many(pairs) == []
    assert client.get_many([*pairs, "none"]) == pairs
    assert client.gets("py1")[0] == b"value1" and client.get("none", default=7) == 7
    assert client.add("py1", b"x") is False and client.replace("none", b"x") is False
    assert client.append("py1", b"!") and client.prepend("py1", b"?") and client.get("py1") == b"?value1!"
    assert client.set("n", b"5") and client.incr("n", 3) == 8 and client.decr("n", 100) == 0 and client.incr("none", 1) is None
    assert client.touch("n", 100) and not client.touch("none", 100)
    assert client.delete("n") and not client.delete("n")
    assert client.delete_many(pairs) and client.get_many(list(pairs)) == {}
    with pytest.raises(MemcacheClientError):
        client.set("n", b"x") and client.incr("n", 1)


def test_pymemcache_cas(pymemcache_client):
    """semantics.md 24: a token as pymemcache hands it back."""
    client = pymemcache_client
    for i in range(20):
        key = f"cas{i}"
        client.set(key, b"a")
        token = client.gets(key)[1]
        assert client.cas(key, b"b", token) is True
        assert client.cas(key, b"c", token) is False
        assert client.get(key) == b"b"
        assert client.cas("none", b"c", token) is None
    tokens = client.gets_many([f"cas{i}" for i in range(20)])
    assert all(client.cas(key, b"d", token) for key, (_, token) in tokens.items())


@pytest.mark.smoke
def test_pymemcache_without_replies(fleet):
    """semantics.md 8: pymemcache's default is noreply, with errors that nobody reads."""
    with contextlib.closing(pymemcache.Client(("127.0.0.1", fleet.proxy.port))) as client:
        for i in range(300):
            client.set(f"nr{i}", str(i))
            client.incr("none", 1, noreply=True)
            client.delete("none")
            client.set("large", b"x" * (2 << 20))
        assert client.get_many([f"nr{i}" for i in range(300)]) == {f"nr{i}": b"%d" % i for i in range(300)}
        client.flush_all()
        assert client.get_many([f"nr{i}" for i in range(300)]) == {}


def test_pymemcache_administration_and_errors(fleet):
    with contextlib.closing(pymemcache.Client(("127.0.0.1", fleet.proxy.port), default_noreply=False)) as client:
        assert client.version() == fleet.nodes[0].stats()["version"].encode()
        stats = client.stats()
        assert stats[b"ringproxy_nodes"] == 3 and stats[b"version"] == client.version()
        assert client.stats("settings")[b"item_size_max"] == 1 << 20
        assert client.flush_all() is True
        with pytest.raises(MemcacheServerError, match="too large"):
            client.set("large", b"x" * (2 << 20))
        with pytest.raises(MemcacheClientError, match="set admin_commands: true of the listener"):
            client.cache_memlimit(64)
        assert client.set("after", b"1") and client.get("after") == b"1"
        client.quit()


def test_pymemcache_in_many_threads(fleet):
    client = PooledClient(("127.0.0.1", fleet.proxy.port), max_pool_size=8, default_noreply=False)
    wrong = []

    def work(number):
        for i in range(150):
            pairs = {f"t{number}-{i}-{k}": b"%d-%d-%d" % (number, i, k) for k in range(5)}
            client.set_many(pairs)
            if client.get_many(list(pairs)) != pairs:
                wrong.append(pairs)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert not wrong


@pytest.mark.smoke
def test_python_memcached(fleet):
    client = memcache.Client([f"127.0.0.1:{fleet.proxy.port}"], cache_cas=True)
    try:
        pairs = {f"pm{i}": {"number": i} for i in range(100)}
        assert client.set_multi(pairs) == []
        assert client.get_multi([*pairs, "none"]) == pairs
        assert client.set("n", 5) and client.incr("n") == 6 and client.decr("n", 2) == 4 and client.get("n") == 4
        assert client.gets("n") == 4 and client.cas("n", 7) and client.get("n") == 7
        client.gets("n")
        client.set("n", 8)
        assert not client.cas("n", 9) and client.get("n") == 8
        assert client.add("new", "é") and not client.add("new", "x") and client.replace("new", "y") and client.touch("new", 100)
        assert client.append("new", "z") and client.get("new") == "yz"
        assert client.set("compressed", "long " * 10_000, min_compress_len=100) and client.get("compressed") == "long " * 10_000
        assert client.delete_multi(pairs) and client.get_multi(list(pairs)) == {}
        assert client.delete("n") and client.get("n") is None
        assert client.set("large", "x" * (2 << 20)) == 0 and client.get("new") == "yz"
        statistics = client.get_stats()[0][1]
        assert statistics["ringproxy_nodes"] == "3" and int(statistics["curr_items"]) >= 2
        assert client.get_stats("items")[0][1] and client.get_stats("slabs")[0][1]["total_malloced"]
        client.flush_all()
        assert client.get("new") is None
    finally:
        client.disconnect_all()


class Tools:
    """libmemcached's command line tools, in a folder of their own."""

    def __init__(self, fleet, folder):
        self.servers, self.folder = f"--servers=127.0.0.1:{fleet.proxy.port}", folder

    def run(self, tool, *arguments, code=0):
        result = subprocess.run([tool, self.servers, *arguments], cwd=self.folder, capture_output=True, timeout=PATIENCE)
        assert result.returncode == code, (tool, arguments, result)
        return result.stdout


@pytest.fixture
def tools(fleet, tmp_path):
    return Tools(fleet, tmp_path)


@pytest.mark.smoke
def test_libmemcached_tools(tools, tmp_path, client):
    names = [f"file{i}" for i in range(20)]
    for name in names:
        (tmp_path / name).write_text(f"content of {name}\n")
    tools.run("memcping")
    tools.run("memccp", *names)
    tools.run("memccp", "--set", "--expire=1000", "--flag=7", "file0")
    for name in names:
        assert f"content of {name}\n".encode() in tools.run("memccat", name)
    assert client.ask("get file0").startswith(b"VALUE file0 7 ")
    tools.run("memcexist", "file1")
    tools.run("memctouch", "--expire=1000", "file1")
    tools.run("memcrm", "file1")
    tools.run("memcexist", "file1", code=1)
    assert b"ringproxy_nodes: 3" in tools.run("memcstat")
    tools.run("memcflush")
    tools.run("memcexist", "file2", code=1)


def test_libmemcached_says_that_the_text_protocol_is_whole(fleet):
    """memccapable asks for each command of the text protocol, noreply forms included."""
    result = subprocess.run(["memccapable", "-h", "127.0.0.1", "-p", str(fleet.proxy.port), "-a", "-t", "5"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 0 and "All tests passed" in result.stdout, result.stdout


def test_libmemcached_under_load(tools):
    for test in ("set", "get", "mget"):
        tools.run("memcslap", f"--test={test}", "--concurrency=4", "--execute-number=200", "--initial-load=200")


def test_libmemcacheds_tools_speak_the_binary_protocol(fleet, tools, tmp_path, client):
    """See semantics.md 28."""
    names = [f"binary{i}" for i in range(20)]
    for name in names:
        (tmp_path / name).write_text(name * 10)
    run = lambda tool, *arguments: subprocess.run([tool, tools.servers, "--binary", *arguments], cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    assert run("memccp", *names).returncode == 0
    assert client.ask(f"get {names[3]}").startswith(b"VALUE binary3 ")
    got = run("memccat", *names)
    assert got.returncode == 0 and [line.decode() for line in got.stdout.splitlines()] == [name * 10 for name in names]
    assert run("memctouch", "--expire=1000", names[0]).returncode == 0 and run("memcrm", names[0]).returncode == 0
    assert client.ask(f"get {names[0]}") == b"END\r\n" and b"ringproxy_nodes: 3" in run("memcstat").stdout
    assert run("memcflush").returncode == 0 and client.ask("get " + " ".join(names)) == b"END\r\n"
