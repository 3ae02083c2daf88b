"""What a node takes in another's place (on_down: rehash, a gutter) is gone in time: within rehash_ttl or gutter_ttl, and
never later than its client asked."""

import contextlib
import time

from memcache_servers import MemcacheClient, MemcachedServer, memcache_config, storage, value
from servers import Fleet, Proxy, RedisServer, pool_config, wait_for
from test_commands import bulk
from test_gutter import guttered
from test_health import NIL, quick

NEVER = b":-1\r\n"
TTL_SECONDS = 50


@contextlib.contextmanager
def rehashed(config_of, server, **options):
    """Two nodes that stand in for each other."""
    with server() as first, server() as second:
        config = config_of([first, second], data="cache", on_down="rehash",
                           **{"rehash_ttl": f"{TTL_SECONDS}s", **options}, **quick())
        with Proxy(config) as proxy:
            fleet = Fleet(0, nodes=[first, second])
            fleet.proxy = proxy
            yield fleet


def test_every_redis_write_to_a_stand_in_has_an_expiry():
    with rehashed(pool_config, RedisServer) as fleet, fleet.client() as client:
        moved, own, stand_in = fleet.key_of(0), fleet.key_of(1), fleet.nodes[1]
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("GET", moved) == NIL, "the stand-in to be asked")
        writes = (("SET", "v"), ("SET", "v", "EX", "9999"), ("SET", "1", "NX"), ("APPEND", "1"), ("INCR",), ("PERSIST",),
                  ("EXPIREAT", "9999999999"), ("HSET", "f", "v"), ("RPUSH", "a", "b"), ("SADD", "m"), ("ZADD", "1", "m"),
                  ("XADD", "*", "f", "v"), ("PFADD", "m"), ("SETBIT", "7", "1"), ("GETSET", "v"))
        for name, *arguments in writes:
            if name not in ("PERSIST", "EXPIREAT"):
                client.ask("DEL", moved)
            assert client.ask(name, moved, *arguments)[:1] != b"-", name
            assert 0 < int(stand_in.ask("TTL", moved)[1:]) <= TTL_SECONDS, name
        # An expiry is never made longer.
        assert client.ask("SET", moved, "1", "EX", "5") == b"+OK\r\n" and client.ask("INCR", moved) == b":2\r\n"
        assert 0 < int(stand_in.ask("TTL", moved)[1:]) <= 5
        # The node's own keys have none.
        assert client.ask("MSET", own, "1", moved, "2") == b"+OK\r\n" and client.ask("RPUSH", own + "l", "x")[:1] in b":-"
        assert stand_in.ask("TTL", own) == NEVER and 0 < int(stand_in.ask("TTL", moved)[1:]) <= TTL_SECONDS
        # Replies keep their order, and nobody reads those to expiries.
        client.send(b"".join(b"*3\r\n$6\r\nINCRBY\r\n$%d\r\n%s\r\n$1\r\n1\r\n" % (len(moved), moved.encode()) for _ in range(50)))
        assert [client.reply() for _ in range(50)] == [b":%d\r\n" % (3 + i) for i in range(50)]
        assert client.ask("GET", moved) == bulk("52")


def test_a_second_outage_brings_no_value_of_the_first_back():
    with rehashed(pool_config, RedisServer, rehash_ttl="1s", flush_on_return=True) as fleet, fleet.client() as client:
        key = fleet.key_of(0)
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("SET", key, "first outage") == b"+OK\r\n", "the stand-in to be asked")
        fleet.nodes[0].start()
        fleet.proxy.wait_for_state("r0", "up")
        wait_for(lambda: client.ask("SET", key, "newer") == b"+OK\r\n" and fleet.nodes[0].ask("GET", key) == bulk("newer"),
                 "the owner to serve again")
        wait_for(lambda: fleet.nodes[1].ask("GET", key) == NIL, "the stand-in's value to expire")
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask("GET", key) == NIL, "the stand-in to be asked again")


def test_every_memcached_write_to_a_stand_in_has_an_expiry():
    with rehashed(memcache_config, MemcachedServer) as fleet, MemcacheClient(fleet.proxy.port) as client:
        key, own, stand_in = fleet.key_of(0), fleet.key_of(1), fleet.nodes[1]

        def seconds_left(of=key):
            return int(stand_in.ask(f"mg {of} t").split()[1][1:])

        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(f"get {key}") == b"END\r\n", "the stand-in to be asked")
        assert client.ask(storage("set", own, b"1")[:-2]) == b"STORED\r\n" and seconds_left(own) == -1
        for write in (storage("set", key, b"1")[:-2], f"touch {key} 9999", f"gat 0 {key}", storage("replace", key, b"1")[:-2],
                      f"incr {key} 5", storage("append", key, b"7")[:-2], f"mg {key} T9999", f"ma {key} T0", f"ms {key} 1\r\nx"):
            reply = client.ask(write)
            assert not reply.startswith((b"SERVER_ERROR", b"CLIENT_ERROR", b"ERROR", b"NOT_")), (write, reply)
            assert 0 < seconds_left() <= TTL_SECONDS, write
        # Compare-and-swap works there as on any node, and is capped too.
        token = client.ask(f"gets {key}").split(b"\r\n")[0].split()[-1].decode()
        assert client.ask(f"cas {key} 0 0 1 {token}\r\ny") == b"STORED\r\n" and 0 < seconds_left() <= TTL_SECONDS
        assert client.ask(f"cas {key} 0 0 1 {token}\r\nz") == b"EXISTS\r\n"
        # What is to be gone is gone.
        assert client.ask(f"gat {int(time.time()) - 10} {key}") == value(key, b"y") + b"END\r\n"
        assert client.ask(f"get {key}") == b"END\r\n"


def test_a_gutter_keeps_nothing_longer_than_its_client_asked():
    with guttered(memcache_config, MemcachedServer) as (fleet, spare), MemcacheClient(fleet.proxy.port) as client:
        key = fleet.key_of(0)
        fleet.nodes[0].kill()
        wait_for(lambda: client.ask(f"get {key}") == b"END\r\n", "the gutter to be asked")
        now = int(time.time())
        for past in (now - 100, 2592001):
            assert client.ask(f"set {key} 0 {past} 1\r\nx") == b"STORED\r\n"
            assert client.ask(f"get {key}") == spare.ask(f"get {key}") == b"END\r\n", past
        assert client.ask(f"set {key} 0 {now + 5} 1\r\nx") == b"STORED\r\n"
        assert 0 < int(spare.ask(f"mg {key} t").split()[1][1:]) <= 5
        assert client.ask(f"touch {key} {now - 1}") == b"TOUCHED\r\n"
        assert client.ask(f"get {key}") == b"END\r\n"
