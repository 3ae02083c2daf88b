"""Rings against the programs whose names they bear: the keys that nutcracker and libmemcached's library send to a server
must be the ring's, every one of them.

Keys go through the real nutcracker into real memcached servers, and then each server is asked which ones it has.
libmemcached's library is asked directly; it needs no servers for that.
"""

import contextlib
import ctypes
import hashlib
import json
import pathlib
import random
import socket
import struct
import subprocess
import tempfile
import urllib.parse

import pytest

from memcache_servers import MemcacheClient, MemcachedServer
from nutcracker import Nutcracker
from servers import BINARY, PATIENCE, Proxy, free_port, wait_for

RING_PICK = pathlib.Path(BINARY).with_name("ring_pick")

# Short and long, bytes above 0x7f (twemproxy's characters are signed), and every odd form of a hash tag: semantics.md 31, 21.
TAGGED = [b"{}%d", b"{%d", b"}%d{a}", b"{%d}{a}", b"{{%d}}", b"x{user%d}y", b"a{}{%d}", b"$%d$", b"$$%d", b"$a$%d$"]
KEYS = ([b"key:%d" % i for i in range(5000)] + [tag % i for tag in TAGGED for i in range(300)] +
        [b"\xc3\xa9\xff\x80%d" % i for i in range(1000)] + [b"long-%03d:" % i * 20 for i in range(900)] +
        [b"abcdefghij"[i:] * (i % 3 + 1) for i in range(10)] + [bytes([c]) * 2 for c in range(33, 123)])
assert len(set(KEYS)) == len(KEYS) >= 10_000 and max(map(len, KEYS)) <= 250

# Two points of these names are equal, by md5, and 10.0.0.1's ports have such a pair as well.
TWINS, TWIN_POINT = ("n81", "n975"), 607858066
TWIN_PORTS, TWIN_PORTS_POINT = (159, 975), 305570588

HASHES = ["one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64", "fnv1_32", "fnv1a_32", "hsieh", "murmur",
          "jenkins"]


class Node:
    """A server of a list: its address as the programs write it, its weight, perhaps a name, and its process if it has one."""

    def __init__(self, host, port=0, weight=1, name=""):
        self.host, self.port, self.weight, self.name = host, port, weight, name

    def ours(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        address = f"{host}:{self.port}" if self.port else f"unix:{self.host}"
        return {"address": address, "weight": self.weight, **({"name": self.name} if self.name else {})}

    def for_ring_pick(self):
        return " ".join(str(value) for value in self.ours().values())

    def nutcrackers_name(self):
        return self.name or (self.host if self.port == 11211 else f"{self.host}:{self.port or ''}")

    def for_nutcracker(self):
        address = f"{self.host}:{self.port}" if self.port else self.host
        return f"{address}:{self.weight} {self.name}".strip()


def picks(algorithm, hash_name, nodes, keys, hash_tag=""):
    """The number of each key's node."""
    done = subprocess.run([RING_PICK, algorithm, hash_name, hash_tag, *(node.for_ring_pick() for node in nodes)],
                          input=b"".join(key + b"\n" for key in keys), capture_output=True, check=True, timeout=PATIENCE)
    return [int(line) for line in done.stdout.split()]


def assert_same(found, expected, keys):
    """Says how many keys differ, and the first few, rather than two lists of ten thousand numbers."""
    assert len(found) == len(expected) == len(keys)
    different = [(key, ours, theirs) for key, ours, theirs in zip(keys, found, expected) if ours != theirs]
    assert not different, f"{len(different)} of {len(keys)} keys lie elsewhere: (key, ring, program) {different[:5]}"


def ask_for_all(client, keys):
    """Which of the keys are there; in parts, for more would not fit into a socket whose replies nobody reads."""
    lines = []
    for start in range(0, len(keys), 500):
        lines += client.exchange(b"".join(b"mg %s\r\n" % key for key in keys[start:start + 500])).split(b"\r\n")[:-1]
    assert len(lines) == len(keys) and set(lines) <= {b"HD", b"EN"}, lines[:5]
    return {key for key, line in zip(keys, lines) if line == b"HD"}


def keys_before(point, count=20):
    """Keys whose md5 hash is so little below the point that, on a ring of two nodes, they belong to it."""
    found, i = [], 0
    while len(found) < count:
        key, i = b"near-%d" % i, i + 1
        if 0 <= point - struct.unpack("<I", hashlib.md5(key).digest()[:4])[0] < 1 << 18:
            found.append(key)
    return found


# nutcracker


class AnyClient(MemcacheClient):
    """A MemcacheClient of any address: a port of 127.0.0.1, (host, port) or a path."""

    def __init__(self, address):
        self.buffer = b""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, PATIENCE)


class Memcached(MemcachedServer):
    """memcached where it is told to listen: at (host, port) or on a path."""

    def __init__(self, address):
        super().__init__()
        self.address = address

    def start(self):
        where = ["-s", self.address] if isinstance(self.address, str) else ["-U", "0", "-l", self.address[0], "-p", str(self.address[1])]
        self.process = subprocess.Popen(["memcached", "-u", "root", *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "memcached")

    def client(self):
        return AnyClient(self.address)

    def has(self, keys):
        with self.client() as client:
            return ask_for_all(client, keys)


class MemcacheNutcracker(Nutcracker):
    def __init__(self, nodes, distribution, hash_name, hash_tag=""):
        self.port = free_port()
        tag = {"hash_tag": hash_tag} if hash_tag else {}
        super().__init__(pool={"listen": f"127.0.0.1:{self.port}", "hash": hash_name, "distribution": distribution, **tag,
                               "servers": [node.for_nutcracker() for node in nodes]})

    def store(self, keys):
        with MemcacheClient(self.port) as client:
            for start in range(0, len(keys), 500):
                part = keys[start:start + 500]
                client.send(b"".join(b"set %s 0 0 1\r\nx\r\n" % key for key in part))
                assert {client.reply() for _ in part} == {b"STORED\r\n"}


def address_at_memcached_port():
    """A loopback address whose port 11211 is free: the port has a meaning for ketama, so another will not do."""
    while True:
        host = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((host, 11211))
            return host, 11211


@pytest.fixture(scope="module")
def servers():
    """Eight servers: five at ports of 127.0.0.1, two at port 11211 of other addresses, one on a Unix socket."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        addresses = [("127.0.0.1", free_port()) for _ in range(5)] + [address_at_memcached_port() for _ in range(2)] + [f"{folder}/a.sock"]
        yield [stack.enter_context(Memcached(address)) for address in addresses]


def nodes_of(servers, weights, names=()):
    nodes = []
    for i, (server, weight) in enumerate(zip(servers, weights)):
        host, port = (server.address, 0) if isinstance(server.address, str) else server.address
        nodes.append(Node(host, port, weight, names[i] if names else ""))
    return nodes


def nutcrackers_picks(servers, nodes, keys, distribution, hash_name, hash_tag=""):
    """Stores the keys through nutcracker; the number of the server at which each one lies."""
    servers = servers[:len(nodes)]
    for server in servers:
        server.ask("flush_all")
    with MemcacheNutcracker(nodes, distribution, hash_name, hash_tag) as nutcracker:
        nutcracker.store(keys)
    owners = {}
    for i, server in enumerate(servers):
        for key in server.has(keys):
            assert key not in owners
            owners[key] = i
    return [owners[key] for key in keys]


def compare_with_nutcracker(servers, nodes, hash_name, hash_tag="", keys=KEYS):
    theirs = nutcrackers_picks(servers, nodes, keys, "ketama", hash_name, hash_tag)
    assert_same(picks("twemproxy", hash_name, nodes, keys, hash_tag), theirs, keys)
    return theirs


@pytest.mark.parametrize("hash_name", ["md5", "fnv1a_64"])
@pytest.mark.parametrize("names", [(), ("a", "shard-02", "cache.eu/3", "d", "r10", "r9", "n", "unix")], ids=["addresses", "names"])
@pytest.mark.parametrize("weights", [(1,) * 8, (1, 2, 4, 1, 3, 2, 5, 4), (1000, 1, 999, 37, 500, 8, 250, 3)], ids=["equal", "uneven", "wild"])
def test_keys_lie_where_nutcracker_puts_them(servers, weights, names, hash_name):
    """Names, port 11211, rounding; weights of named servers count, whatever twemproxy's notes say (semantics.md 31)."""
    theirs = compare_with_nutcracker(servers, nodes_of(servers, weights, names), hash_name)
    assert len(set(theirs)) == 8 or min(weights) * 40 * 8 < sum(weights)


@pytest.mark.parametrize("hash_name", HASHES)
def test_key_hashes_are_nutcrackers(servers, hash_name):
    compare_with_nutcracker(servers, nodes_of(servers, (2, 3, 1)), hash_name)
    # hash modulo weights shows the low bits, which a narrow hash has alone.
    nodes = nodes_of(servers, (31, 1, 23, 9, 33), ("b", "d", "aa", "bb", "aaa"))
    theirs = nutcrackers_picks(servers, nodes, KEYS, "modula", hash_name)
    assert_same(picks("modula", hash_name, nodes, KEYS), theirs, KEYS)


@pytest.mark.parametrize("names", [(), ("r10", "r9", "aa", "b", "a", "cache-1", "B", "aB")], ids=["addresses", "names"])
def test_modula_is_nutcrackers_once_the_list_is_in_its_order(servers, names):
    """nutcracker sorts its servers by their names, by length and then by bytes; ours go by the list."""
    nodes = nodes_of(servers, (5, 1, 4, 2, 3, 1, 2, 6), names)
    order = sorted(range(8), key=lambda i: (len(nodes[i].nutcrackers_name()), nodes[i].nutcrackers_name()))
    ours = picks("modula", "fnv1a_64", [nodes[i] for i in order], KEYS)
    assert_same([order[i] for i in ours], nutcrackers_picks(servers, nodes, KEYS, "modula", "fnv1a_64"), KEYS)


@pytest.mark.parametrize("hash_tag", ["{}", "$$", "}{"])
def test_hash_tags_are_nutcrackers(servers, hash_tag):
    compare_with_nutcracker(servers, nodes_of(servers, (1, 1, 2)), "fnv1a_64", hash_tag)


def test_one_server_has_all_keys_and_a_second_one_takes_its_share_only(servers):
    """See semantics.md 32."""
    assert set(compare_with_nutcracker(servers, nodes_of(servers, (3,)), "murmur")) == {0}
    compare_with_nutcracker(servers, nodes_of(servers, (3, 3)), "murmur")


@pytest.mark.parametrize("names", [TWINS, TWINS[::-1]])
def test_a_point_of_two_servers_belongs_to_the_shorter_name_as_in_nutcracker(servers, names):
    keys = keys_before(TWIN_POINT)
    theirs = compare_with_nutcracker(servers, nodes_of(servers, (1, 1), names), "md5", keys=keys)
    assert {names[i] for i in theirs} == {"n81"}


def proxy_config(nodes, **ring):
    pool = {"protocol": "memcached", "nodes": [node.ours() for node in nodes], "ring": {"algorithm": "twemproxy", **ring}}
    return {"workers": 1, "admin": {"listen": "127.0.0.1:0"}, "pools": {"main": pool},
            "listeners": [{"name": "web", "listen": "127.0.0.1:0", "pool": "main", "protocol": "memcached"}]}


def test_the_proxy_finds_all_that_nutcracker_has_stored(servers):
    """What somebody sees who changes from one to the other."""
    nodes = nodes_of(servers, (1, 2, 4, 1, 3, 2, 5, 4), ("a", "b", "c", "d", "", "", "", ""))
    nutcrackers_picks(servers, nodes, KEYS, "ketama", "fnv1a_64")
    with Proxy(proxy_config(nodes)) as proxy, MemcacheClient(proxy.port) as client:
        missed = set(KEYS) - ask_for_all(client, KEYS)
    assert not missed, f"{len(missed)} of {len(KEYS)} keys missed: {list(missed)[:5]}"


def test_a_hash_that_is_too_narrow_is_named_at_the_start():
    """See semantics.md 31."""
    with Proxy(proxy_config([Node("127.0.0.1", 11212)], hash="crc32"), ready=False) as proxy:
        assert "ring.hash: crc32 has 15 bits, too few for the ring twemproxy" in proxy.log()


def test_a_node_too_light_for_a_point_is_named_at_the_start():
    with Proxy(proxy_config([Node("127.0.0.1", 11212, 1, "light"), Node("127.0.0.1", 11213, 1000, "heavy")]), ready=False) as proxy:
        assert "pools.main.nodes[0]: weight 1 of 1001 is too small a share for a point on the ring twemproxy: light gets no key" in proxy.log()


# libmemcached

# Of memcached_behavior_t: MEMCACHED_BEHAVIOR_HASH, …_KETAMA, …_KETAMA_WEIGHTED. Without any the distribution is modula.
HASH, KETAMA, KETAMA_WEIGHTED = 2, 3, 16
PREFIX_KEY = 0  # Of memcached_callback_t.
# memcached_hash_t; Debian's library is built without hsieh.
LIBMEMCACHEDS_HASHES = {"one_at_a_time": 0, "md5": 1, "crc32": 2, "fnv1_64": 3, "fnv1a_64": 4, "fnv1_32": 5, "fnv1a_32": 6, "murmur": 8,
                        "jenkins": 9}


class LibMemcached:
    def __init__(self, nodes, behavior=KETAMA_WEIGHTED, value=1):
        self.library = ctypes.CDLL("libmemcached.so.11")
        handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
        self.library.memcached_create.restype = handle
        self.library.memcached_create.argtypes = [handle]
        self.library.memcached_free.argtypes = [handle]
        self.library.memcached_behavior_set.argtypes = [handle, ctypes.c_int, ctypes.c_uint64]
        self.library.memcached_server_add_with_weight.argtypes = [handle, text, ctypes.c_uint16, number]
        self.library.memcached_server_add_unix_socket_with_weight.argtypes = [handle, text, number]
        self.library.memcached_generate_hash.argtypes = [handle, text, ctypes.c_size_t]
        self.library.memcached_generate_hash.restype = number
        self.memcached = self.library.memcached_create(None)
        self.library.memcached_callback_set.argtypes = [handle, ctypes.c_int, text]
        self.set(behavior, value)
        for node in nodes:
            assert self._add(node.host.encode(), node.port, node.weight) == 0

    def set(self, behavior, value):
        assert self.library.memcached_behavior_set(self.memcached, behavior, value) == 0

    def set_prefix(self, prefix):
        assert self.library.memcached_callback_set(self.memcached, PREFIX_KEY, prefix) == 0

    def _add(self, host, port, weight):
        if port:
            return self.library.memcached_server_add_with_weight(self.memcached, host, port, weight)
        return self.library.memcached_server_add_unix_socket_with_weight(self.memcached, host, weight)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.memcached_free(self.memcached)

    def picks(self, keys):
        return [self.library.memcached_generate_hash(self.memcached, key, len(key)) for key in keys]


def compare_with_libmemcached(nodes, keys=KEYS):
    with LibMemcached(nodes) as libmemcached:
        theirs = libmemcached.picks(keys)
    assert_same(picks("ketama", "md5", nodes, keys), theirs, keys)
    return theirs


NODE_LISTS = {
    "one": [Node("10.0.0.1", 11211, 3)],
    "equal": [Node("10.0.0.%d" % i, 11212) for i in range(1, 6)],
    "at the port that is left out": [Node("10.0.0.%d" % i, 11211, i) for i in range(1, 6)],
    "mixed ports": [Node("10.0.0.1", 11211, 1), Node("10.0.0.1", 11212, 2), Node("cache-3.internal", 11211, 4), Node("cache-3.internal", 1, 3)],
    "names do not count": [Node("10.0.0.1", 11211, 1, "a"), Node("10.0.0.1", 11212, 2, "b")],
    "IPv6 and Unix": [Node("::1", 11211, 1), Node("fe80::17", 11212, 2), Node("/run/cache/a.sock", weight=3), Node("/run/b.sock")],
    "too light for a point": [Node("10.0.0.1", 11211, 1), Node("10.0.0.2", 11211, 500), Node("10.0.0.3", 11211, 700)],
    "a hundred": [Node("10.0.1.%d" % i, 11211) for i in range(100)],
}


@pytest.mark.parametrize("name", NODE_LISTS)
def test_keys_lie_where_libmemcached_puts_them(name):
    compare_with_libmemcached(NODE_LISTS[name])


@pytest.mark.parametrize("seed", range(10))
def test_keys_lie_where_libmemcached_puts_them_whatever_the_weights(seed):
    choose = random.Random(seed)
    nodes = [Node("10.%d.0.%d" % (seed, i), choose.choice([11211, 11212, 6379]), choose.choice([choose.randint(1, 10), choose.randint(1, 1000)]))
             for i in range(choose.randint(2, 60))]
    compare_with_libmemcached(nodes)


@pytest.mark.parametrize("ports", [TWIN_PORTS, TWIN_PORTS[::-1]])
def test_a_point_of_two_servers_belongs_to_the_first_listed_as_in_libmemcached(ports):
    theirs = compare_with_libmemcached([Node("10.0.0.1", port) for port in ports], keys_before(TWIN_PORTS_POINT))
    assert set(theirs) == {0}


WIDE_HASHES = [name for name in LIBMEMCACHEDS_HASHES if name != "crc32"]  # Of fifteen bits, two points in three are equal.


@pytest.mark.parametrize("hash_name", WIDE_HASHES)
def test_keys_lie_where_libmemcacheds_consistent_distribution_puts_them(hash_name):
    """pylibmc's `ketama`, PHP's DISTRIBUTION_CONSISTENT: no weights, and one hash for keys and points."""
    nodes = [Node("10.0.0.%d" % i, port) for i in range(1, 8) for port in (11211, 11300)] + [Node("/run/a.sock"), Node("::1", 6379)]
    with LibMemcached(nodes, HASH, LIBMEMCACHEDS_HASHES[hash_name]) as libmemcached:
        libmemcached.set(KETAMA, 1)
        assert_same(picks("ketama_unweighted", hash_name, nodes, KEYS), libmemcached.picks(KEYS), KEYS)


def test_the_hash_of_libmemcacheds_consistent_distribution_is_one_at_a_time_unless_told():
    nodes = [Node("10.0.0.%d" % i, 11211) for i in range(1, 8)]
    with LibMemcached(nodes, KETAMA) as libmemcached:
        assert_same(picks("ketama_unweighted", "auto", nodes, KEYS), libmemcached.picks(KEYS), KEYS)


def test_keys_with_a_namespace_lie_where_libmemcached_puts_them():
    """It sends the prefix with each key and does not hash it; clients of the proxy send the same keys."""
    nodes = [Node("127.0.0.1", free_port()) for _ in range(4)]
    with LibMemcached(nodes) as libmemcached:
        libmemcached.set_prefix(b"app:")
        theirs = libmemcached.picks(KEYS[:300])
    config = proxy_config(nodes, algorithm="ketama", unhashed_prefix="app:", hash_tag="")
    with Proxy(config, ready=False) as proxy:
        found = [json.loads(proxy.get("/api/v1/locate?pool=main&key=" + urllib.parse.quote(b"app:" + key, safe=""))[1])["address"]
                 for key in KEYS[:300]]
    assert_same(found, [nodes[i].ours()["address"] for i in theirs], KEYS[:300])


def test_weights_do_not_count_in_libmemcacheds_modula():
    heavy = [Node("10.0.0.%d" % i, 11211, i) for i in range(1, 6)]
    with LibMemcached(heavy, HASH, LIBMEMCACHEDS_HASHES["fnv1a_32"]) as libmemcached:
        light = [Node(node.host, node.port) for node in heavy]
        assert_same(picks("modula", "fnv1a_32", light, KEYS), libmemcached.picks(KEYS), KEYS)


@pytest.mark.parametrize("hash_name", LIBMEMCACHEDS_HASHES)
def test_modula_is_libmemcacheds_whatever_the_order_of_the_list(hash_name):
    nodes = [Node("10.0.0.%d" % i, 11211) for i in (30, 1, 2, 9, 5, 4, 8)]
    with LibMemcached(nodes, HASH, LIBMEMCACHEDS_HASHES[hash_name]) as libmemcached:
        assert_same(picks("modula", hash_name, nodes, KEYS), libmemcached.picks(KEYS), KEYS)
