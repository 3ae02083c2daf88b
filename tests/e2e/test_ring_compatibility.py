"""Keys that twemproxy or libmemcached have placed are found where the rings of their names look for them (trap 31)."""

import contextlib
import ctypes
import subprocess

import pytest
from memcache_servers import MemcacheClient, MemcachedServer
from servers import Proxy, free_port, wait_for

KEYS = 10_000
WEIGHTS = [1, 2, 1, 4]
HASHES = ["md5", "fnv1a_64", "fnv1a_32", "fnv1_64", "fnv1_32", "crc32a", "murmur", "hsieh", "jenkins", "one_at_a_time"]


def keys(tag=b""):
    """Some with a hash tag, some with bytes above 0x7f: twemproxy's characters are signed."""
    shapes = [b"user:%d", b"{group%d}:member", b"k\xc3\xa9y:%d", b"%d", b"a-rather-long-key-that-fills-several-words:%d"]
    return [shapes[i % len(shapes)] % i + tag for i in range(KEYS)]


def set_all(port, names):
    with MemcacheClient(port) as client:
        for first in range(0, len(names), 500):
            part = names[first:first + 500]
            client.send(b"".join(b"set %s 0 0 1\r\nx\r\n" % key for key in part))
            for key in part:
                assert client.reply() == b"STORED\r\n", key


def missing(port, names):
    """The keys that are not found."""
    gone = []
    with MemcacheClient(port) as client:
        for first in range(0, len(names), 500):
            part = names[first:first + 500]
            client.send(b"".join(b"get %s\r\n" % key for key in part))
            gone += [key for key in part if client.reply() == b"END\r\n"]
    return gone


@pytest.fixture(scope="module")
def servers():
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(MemcachedServer()) for _ in WEIGHTS]


def proxy(servers, algorithm, key_hash=None, named=False, **ring):
    nodes = [{**({"name": f"server-{number}"} if named else {}), "address": f"127.0.0.1:{server.port}", "weight": weight}
             for number, (server, weight) in enumerate(zip(servers, WEIGHTS))]
    ring = {"algorithm": algorithm, **({"hash": key_hash} if key_hash else {}), **ring}
    return Proxy({"admin": {"listen": "127.0.0.1:0"}, "workers": 1,
                  "listeners": [{"name": "l", "listen": "127.0.0.1:0", "protocol": "memcached", "pool": "p"}],
                  "pools": {"p": {"protocol": "memcached", "nodes": nodes, "ring": ring}}})


@contextlib.contextmanager
def nutcracker(tmp_path, servers, key_hash, named, hash_tag=None):
    port, stats = free_port(), free_port()
    lines = ["p:", f"  listen: 127.0.0.1:{port}", f"  hash: {key_hash}", "  distribution: ketama", "  preconnect: true",
             *([f'  hash_tag: "{hash_tag}"'] if hash_tag else []), "  servers:",
             *[f"   - 127.0.0.1:{server.port}:{weight}" + (f" server-{number}" if named else "")
               for number, (server, weight) in enumerate(zip(servers, WEIGHTS))]]
    path = tmp_path / "nutcracker.yml"
    path.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(["nutcracker", "-c", path, "-s", str(stats), "-a", "127.0.0.1"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)

    def serves():
        with MemcacheClient(port) as client:
            return client.ask("get x") == b"END\r\n"
    try:
        wait_for(serves, "nutcracker")
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("key_hash", HASHES)
@pytest.mark.parametrize("named", [False, True], ids=["by-address", "by-name"])
def test_keys_that_twemproxy_placed_are_found(tmp_path, servers, key_hash, named):
    names = keys(b":%s:%d" % (key_hash.encode(), named))
    with nutcracker(tmp_path, servers, key_hash, named) as port:
        set_all(port, names)
    with proxy(servers, "twemproxy", key_hash, named, hash_tag="") as ours:
        assert missing(ours.port, names) == []


def test_keys_with_hash_tags_that_twemproxy_placed_are_found(tmp_path, servers):
    names = keys(b":tagged")
    with nutcracker(tmp_path, servers, "fnv1a_64", True, hash_tag="{}") as port:
        set_all(port, names)
    with proxy(servers, "twemproxy", None, True, hash_tag="{}") as ours:
        assert missing(ours.port, names) == []


class Libmemcached:
    """As much of the library as places keys by weighted ketama."""

    KETAMA_WEIGHTED = 16  # memcached_behavior_t

    def __init__(self, servers):
        self.library = ctypes.CDLL("libmemcached.so.11")
        self.library.memcached_create.restype = ctypes.c_void_p
        self.memory = ctypes.c_void_p(self.library.memcached_create(None))
        for server, weight in zip(servers, WEIGHTS):
            done = self.library.memcached_server_add_with_weight(self.memory, b"127.0.0.1", ctypes.c_uint16(server.port),
                                                                 ctypes.c_uint32(weight))
            assert done == 0
        assert self.library.memcached_behavior_set(self.memory, self.KETAMA_WEIGHTED, ctypes.c_uint64(1)) == 0

    def owner(self, key):
        return self.library.memcached_generate_hash(self.memory, key, ctypes.c_size_t(len(key)))


def test_keys_lie_where_libmemcached_looks_for_them(servers):
    library = Libmemcached(servers)
    names = keys(b":libmemcached")
    for number, server in enumerate(servers):
        set_all(server.port, [key for key in names if library.owner(key) == number])
    assert {library.owner(key) for key in names} == set(range(len(servers)))
    with proxy(servers, "ketama", hash_tag="") as ours:
        assert missing(ours.port, names) == []


def test_a_hash_that_is_too_narrow_is_refused(servers):
    ours = proxy(servers, "twemproxy", "crc32")
    ours.ready = False
    ours.start()
    assert ours.wait() == 1
    assert "ring.hash: crc32 has 15 bits, too few for the ring twemproxy" in ours.log()
