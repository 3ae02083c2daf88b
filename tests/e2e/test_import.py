"""--import: what the real nutcracker has stored is found by ringproxy with the configuration that was made of its file,
every key of it, at the addresses where clients had nutcracker."""

import binascii
import contextlib
import itertools
import pathlib
import random
import socket
import subprocess
import tempfile
import zlib

import pytest

from memcache_servers import MemcacheClient
from nutcracker import Nutcracker
from servers import BINARY, PATIENCE, ROOT, Proxy, RawClient, RedisServer, free_port
from test_ring_compatibility import HASHES, KEYS, AnyClient, Memcached, address_at_memcached_port, ask_for_all

FORMS = ["{user%d}:cart", "view_{%d}_html", "{}%d", "{\"id\":%d}", "}%d{x}", "a.b.%d", "größe:%d", "\u2028%d", "$%d$"]
TEXT_KEYS = [(form.replace("%d", str(i))).encode() for form in FORMS for i in range(20)]
# Only Redis has such keys; twemproxy takes none that is longer than one of its buffers, 16 KiB.
REDIS_KEYS = TEXT_KEYS + [b"with blank %d" % i for i in range(20)] + [b"line\r\nbreak%d" % i for i in range(20)]
REDIS_KEYS += [bytes(range(256)) + b"%d" % i for i in range(20)] + [b"long%d" % i * 1500 for i in range(20)] + KEYS[:200]
MEMCACHE_KEYS = TEXT_KEYS + KEYS[:100] + [b"long-%d-" % i + b"x" * 240 for i in range(10)]


def imported(path, *arguments):
    """The configuration that --import makes of a file; --check accepts it."""
    done = subprocess.run([BINARY, "--import", str(path), *arguments], capture_output=True, timeout=PATIENCE, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(done.stdout)
        file.flush()
        checked = subprocess.run([BINARY, "--check", file.name], capture_output=True, timeout=PATIENCE, text=True)
    assert checked.returncode == 0, checked.stderr
    return done.stdout


class ImportedProxy(Proxy):
    """The proxy with what --import has made of a file; its admin port is a free one, and so is `listen` in place of mcrouter's."""

    def __init__(self, path, listen="127.0.0.1:11311"):
        super().__init__()
        file = pathlib.Path(self.folder.name) / "imported.yaml"
        file.write_text("admin: {listen: 127.0.0.1:0}\n" + imported(path).replace("127.0.0.1:11311", listen))
        self.arguments = ["--config", str(file)]


def client_of(listen, kind):
    client = kind.__new__(kind)
    client.buffer = b""
    if listen.startswith("/"):
        client.socket = socket.socket(socket.AF_UNIX)
        client.socket.settimeout(PATIENCE)
        client.socket.connect(listen.split(" ")[0])
    else:
        host, port = listen.rsplit(":", 1)
        client.socket = socket.create_connection((host, int(port)), PATIENCE)
    return client


class MovingFleet:
    """nutcracker with pools, each of which gets keys of its own; then ringproxy in its place."""

    def __init__(self, **pools):
        self.pools = pools
        self.keys = {name: [b"%s:%s" % (name.encode(), key) for key in (REDIS_KEYS if pool.get("redis") else MEMCACHE_KEYS)]
                     for name, pool in pools.items()}
        for name, pool in pools.items():  # Braces at the beginning of a key have a meaning of their own.
            self.keys[name] += [b"{%s%d}x" % (name.encode(), i) for i in range(50)]
            if not pool.get("redis"):
                self.keys[name] = [key for key in self.keys[name] if len(key) <= 250]

    def client(self, name):
        return client_of(self.pools[name]["listen"], RawClient if self.pools[name].get("redis") else MemcacheClient)

    def store(self, name):
        with self.client(name) as client:
            for key in self.keys[name]:
                if self.pools[name].get("redis"):
                    assert client.ask("SET", key, "x") == b"+OK\r\n"
                else:
                    assert client.ask(b"set %s 0 0 1\r\nx" % key) == b"STORED\r\n"

    def missed(self, name):
        with self.client(name) as client:
            if self.pools[name].get("redis"):
                return [key for key in self.keys[name] if client.ask("GET", key) != b"$1\r\nx\r\n"]
            return sorted(set(self.keys[name]) - ask_for_all(client, self.keys[name]))

    def move(self):
        """What is missed of each pool that misses anything."""
        with Nutcracker(**self.pools) as nutcracker:
            for name in self.pools:
                self.store(name)
            nutcracker.kill()
            with ImportedProxy(nutcracker.path):
                missed = {name: self.missed(name) for name in self.pools}
        return {name: f"{len(keys)} of {len(self.keys[name])}: {keys[:3]}" for name, keys in missed.items() if keys}


def loopback():
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def memcacheds():
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        addresses = [("127.0.0.1", free_port()) for _ in range(3)] + [address_at_memcached_port(), f"{folder}/a.sock"]
        for address in addresses:
            stack.enter_context(Memcached(address))
        yield [address if isinstance(address, str) else "%s:%d" % address for address in addresses]


@pytest.fixture(scope="module")
def redises():
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = [stack.enter_context(RedisServer()) for _ in range(3)]
        stack.enter_context(RedisServer("--unixsocket", f"{folder}/r.sock"))
        yield [f"127.0.0.1:{server.port}" for server in servers] + [f"{folder}/r.sock"]


def servers_of(addresses, weights, names=()):
    return [f"{address}:{weight} {name}".strip() for address, weight, name in itertools.zip_longest(addresses, weights, names, fillvalue="")]


@pytest.mark.parametrize("distribution", ["ketama", "modula"])
def test_every_hash_of_nutcracker_is_imported(memcacheds, distribution):
    """Also those that are too narrow for ketama: there as here one server has nearly all keys."""
    pools = {name: {"listen": loopback(), "hash": name, "distribution": distribution, "servers": servers_of(memcacheds, (1, 3, 2, 1, 4))}
             for name in HASHES}
    assert MovingFleet(**pools).move() == {}


def test_redis_pools_of_all_kinds_are_imported(redises):
    """Names with colons, heavy weights, hash tags, Unix sockets on both sides, several connections, defaults."""
    names = ("eu:shard:1", "eu:shard:2", "größe", "r4.example.com:6379")
    with tempfile.TemporaryDirectory() as folder:
        pools = {
            "defaults": {"listen": loopback(), "redis": True, "servers": servers_of(redises, (1, 1, 1, 1))},
            "names": {"listen": f"{folder}/names.sock", "redis": True, "hash": "murmur", "servers": servers_of(redises, (1, 1, 1, 1), names)},
            "weights": {"listen": loopback(), "redis": True, "timeout": 4000, "server_connections": 3,
                        "servers": servers_of(redises, (2048, 4096, 1024, 100000), names)},
            "tags": {"listen": f"{folder}/tags.sock 0600", "redis": True, "hash_tag": "{}", "hash": "md5", "preconnect": True,
                     "servers": servers_of(redises, (1, 2, 3, 1))},
            "dollars": {"listen": loopback(), "redis": True, "hash_tag": "$$", "distribution": "modula", "auto_eject_hosts": True,
                        "server_failure_limit": 3, "server_retry_timeout": 2000, "servers": servers_of(redises, (2000, 3, 4, 1), names)},
            "one": {"listen": loopback(), "redis": True, "servers": servers_of(redises[:1], (1,))},
        }
        assert MovingFleet(**pools).move() == {}


@pytest.mark.parametrize("seed", range(3))
def test_memcached_pools_of_any_weights_and_names_are_imported(memcacheds, seed):
    choose = random.Random(seed)
    pools = {}
    for i in range(6):
        count = choose.randint(2, len(memcacheds))
        names = choose.sample(["a", "b:1", "cache-10", "cache-9", "10.0.0.1", "x" * 60, "Ä"], count) if i % 2 else ()
        weights = [choose.choice([1, 2, 7, 64, 1500, 16384]) for _ in range(count)]
        pools[f"p{i}"] = {"listen": loopback(), "hash": choose.choice(HASHES), "distribution": choose.choice(["ketama", "modula"]),
                          **({"hash_tag": choose.choice(["{}", "[]"])} if i % 3 else {}),
                          "servers": servers_of(choose.sample(memcacheds, count), weights, names)}
    # A server at port 11211 is called by its host; with its own address as its name it is called otherwise.
    pools["own"] = {"listen": loopback(), "servers": servers_of(memcacheds[2:4], (1, 1), memcacheds[2:4])}
    assert MovingFleet(**pools).move() == {}


EXAMPLES = sorted(path.name.removesuffix(".ringproxy.yaml") for path in (ROOT / "tests/golden/import").glob("*.ringproxy.yaml"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_imported_passes_the_check(name):
    assert imported(ROOT / "tests/golden/import" / name).startswith("# Made by ringproxy --import from ")


# predixy and mcrouter are no Debian packages: their hashes are computed here from what they say of them.


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_keys_lie_where_predixy_puts_them(redises, groups):
    """CRC-16 (XMODEM) of the key or its hash tag, modulo the groups in their order."""
    keys = KEYS[:2000] + REDIS_KEYS
    tagged = [b"{user%d}:%d" % (i, i % 7) for i in range(200)]
    listen = loopback()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(f"Bind {listen}\nStandaloneServerPool {{\n Hash crc16\n HashTag \"{{}}\"\n Distribution modula\n RefreshMethod fixed\n")
        for i, address in enumerate(redises[:groups]):
            file.write(f" Group shard{i} {{\n  + {address}\n }}\n")
        file.write("}\n")
        file.flush()
        clients = [client_of(address, RawClient) for address in redises[:groups]]
        for key in keys + tagged:
            begin = key.find(b"{")
            end = key.find(b"}", begin + 1)
            hashed = key[begin + 1:end] if 0 <= begin < end - 1 else key
            assert clients[binascii.crc_hqx(hashed, 0) % groups].ask("SET", key, "x") == b"+OK\r\n"
        with ImportedProxy(file.name), client_of(listen, RawClient) as client:
            missed = [key for key in keys + tagged if client.ask("GET", key) != b"$1\r\nx\r\n"]
        for address in redises:
            client_of(address, RawClient).ask("FLUSHALL")
    assert missed == []


def test_keys_lie_where_mcrouters_crc32_puts_them(memcacheds):
    """With a power of two of servers: mcrouter drops the uppermost bit of the CRC."""
    servers = memcacheds[:4]
    keys = [key for key in MEMCACHE_KEYS if b"|#|" not in key]
    listen = loopback()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        names = ", ".join(f'"{server}"' for server in servers)
        file.write('{"pools": {"A": {"servers": [%s]}}, "route": {"type": "PoolRoute", "pool": "A", "hash": "Crc32"}} // ch3' % names)
        file.flush()
        clients = [client_of(server, MemcacheClient) for server in servers]
        for client in clients:
            client.ask("flush_all")
        for key in keys:
            owner = (zlib.crc32(key) & 0x7FFFFFFF) % len(servers)
            assert clients[owner].ask(b"set %s 0 0 1\r\nx" % key) == b"STORED\r\n"
        with ImportedProxy(file.name, listen), client_of(listen, MemcacheClient) as client:
            missed = sorted(set(keys) - ask_for_all(client, keys))
    assert missed == []


def test_a_mistake_is_told_with_its_line_and_ends_with_one():
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write("a:\n  listen: 127.0.0.1:1\n  servers:\n    - 127.0.0.1:2:0\n")
        file.flush()
        done = subprocess.run([BINARY, "--import", file.name], capture_output=True, timeout=PATIENCE, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{file.name}:4:7: the weight 0 is no number from 1\n"
