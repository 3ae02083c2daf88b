"""Clients that speak RESP3, and those that change between the two: what they read is what a server alone would say."""

import re
import shlex
import subprocess

import pytest

from servers import PATIENT, Fleet, RawClient, RedisServer, encode, wait_for

# One line a topic; its requests, separated by bars, run in order on empty servers.
SAMPLES = """
strings: set k v | get k | get none | mget k none k | getset k w | getdel none | set k x NX | set k x GET | incrbyfloat n 1.5 | append k y
hashes: hset h a 1 b 2 | hgetall h | hgetall none | hmget h a x | hget h x | hrandfield h 5 WITHVALUES | hrandfield none | hincrbyfloat h f 1.5 | hkeys h
sets: sadd s a | smembers s | smembers none | spop s 1 | spop s | spop none | sismember s a | smismember s a b | srandmember none | srandmember none 2
two sets: sadd {t}a x y | sadd {t}b y | sinter {t}a {t}b | sdiff {t}a {t}b | sunion {t}b {t}none | sintercard 2 {t}a {t}b
sorted sets: zadd z 1 a 2.5 b inf c | zscore z b | zscore z none | zmscore z a x c | zrange z 0 -1 WITHSCORES | zrange z 0 0 | zrevrange z 0 0 WITHSCORES | zrangebyscore z 1 2 WITHSCORES | zincrby z 1.5 a | zadd z INCR 1 a | zadd z NX INCR 1 a | zrank z none | zpopmin z | zpopmin z 2 | zpopmax none | zmpop 1 z MIN | zrandmember none | zscan z 0
unions: zadd {t}a 1 x | zadd {t}b 2 x 3 y | zunion 2 {t}a {t}b WITHSCORES | zinter 2 {t}a {t}b WITHSCORES | zdiff 2 {t}b {t}a WITHSCORES
lists: rpush l a b | lrange l 0 -1 | lpop none | lpop none 2 | lpop l 5 | lpos l x | lmpop 1 none LEFT | lmove none {t}x LEFT LEFT
streams: xadd s 1-1 f v | xrange s - + | xread STREAMS s 0 | xread STREAMS s $ | xgroup create s g 0 | xreadgroup group g c STREAMS s > | xpending s g | xinfo stream s | xautoclaim s g c 1000000 0 | xread STREAMS none 0
places: geoadd g 13.361389 38.115556 p | geopos g p none | geodist g p p | geodist g p none | geosearch g FROMMEMBER p BYRADIUS 1 km ASC WITHCOORD WITHDIST
scripts: eval "return {1, 'a', false, {3}}" 0 | eval "redis.setresp(3); return redis.call('hgetall', KEYS[1])" 1 none | eval "return {double=3.5}" 0 | eval "redis.setresp(3); return {map={a=1}}" 0 | eval "return redis.error_reply('OWN text')" 0 | eval "redis.setresp(3); return true" 0 | eval "redis.setresp(3); return {set={a=true}}" 0 | eval "redis.setresp(3); return {big_number='1234567890123456789'}" 0 | evalsha ffffffffffffffffffffffffffffffffffffffff 0
functions: function list | function load "#!lua name=l1\\nredis.register_function('f1', function() return {double=1.25} end)" | function list | fcall f1 0 | function delete l1
whole database: keys * | dbsize | randomkey | set only 1 | keys * | dbsize | randomkey | script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db | flushdb | dbsize
about keys: set k 1 | object encoding k | object encoding none | type none | ttl none | dump none | sort none | exists k none k | touch k none | unlink k none | copy {t}a {t}b | renamenx {t}a {t}b
about itself: client getname | client setname me | client getname | client trackinginfo | client getredir | client tracking off | client no-evict on | config get save | config get nosuch* | role | slowlog get | latency latest | module list | acl whoami | command getkeys mget a b | command getkeysandflags set a b | command docs get | command info nosuch | cluster info | unwatch | ping | ping x | echo x
errors: get | nosuch a b | config nosuch | lpush k v | get k | incr k | hello 4 | hello x | hello 3 foo | hello 3 auth u p | select x | select -1 | select 16 | select 3000000000 | exec | discard | asking
""".strip()


def topics():
    for line in SAMPLES.splitlines():
        name, _, text = line.partition(": ")
        requests = [[word.replace("\\n", "\n") for word in shlex.split(sample)] for sample in text.split(" | ")]
        yield pytest.param(requests, id=name)


@pytest.fixture(scope="module")
def single():
    """A proxy in front of one node, and a server of its own to compare with."""
    with RedisServer() as plain, Fleet(1, **PATIENT) as fleet, fleet.client() as client, RawClient(plain.port) as direct:
        told = comparable(direct.ask("HELLO"))
        wait_for(lambda: comparable(client.ask("HELLO")) == told, "the node to have told its release")
        yield fleet, plain


def empty(fleet, plain):
    for server in (*fleet.nodes, plain):
        server.ask("FLUSHALL")
        server.ask("SCRIPT", "FLUSH")


def comparable(replies):
    """Without what is a connection's own."""
    return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1:N", replies)


def everything(port, requests):
    """All that a client reads that sends its requests in one write."""
    with RawClient(port) as client:
        client.send(b"".join(encode(*words) for words in [*requests, ["QUIT"]]))
        return comparable(client.closed_by_peer())


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("requests", topics())
def test_the_same_bytes_as_from_the_node_itself(single, requests, protocol):
    fleet, plain = single
    empty(fleet, plain)
    with fleet.client() as ours, RawClient(plain.port) as theirs:
        assert comparable(ours.ask("HELLO", protocol)) == comparable(theirs.ask("HELLO", protocol))
        for words in requests:
            assert comparable(ours.ask(*words)) == comparable(theirs.ask(*words)), words


def test_a_client_may_hash_its_way_through_a_nested_reply(single):
    """Attributes, big numbers, nested maps: whatever a node says passes untouched."""
    fleet, plain = single
    empty(fleet, plain)
    script = "redis.setresp(3); return {map={a={double=1.5}, b={set={x=true}}}}"
    replies = [everything(port, [["HELLO", "3"], ["EVAL", script, "0"]]) for port in (fleet.proxy.port, plain.port)]
    assert sorted(replies[0]) == sorted(replies[1])


PIPELINES = [
    "SET k v, HELLO 3, GET k, SELECT 1, GET k, SELECT 0, GET k",
    "HGETALL x, HELLO 3, HGETALL x, GET none, HELLO 2, GET none",
    "SET k 0, SELECT 1, SET k 1, SELECT 2, SET k 2, HELLO 3, GET k, SELECT 1, GET k, SELECT 0, GET k, DBSIZE, RESET, GET k",
    "SELECT 3, SET k 3, MOVE k 4, GET k, SELECT 4, GET k, COPY k k DB 3, SELECT 3, GET k, FLUSHDB, GET k, SELECT 4, GET k, FLUSHALL, GET k",
    "SELECT 2, MSET a 1, KEYS *, RANDOMKEY, DBSIZE, SELECT 15, KEYS *, RANDOMKEY, SELECT 16, DBSIZE, SELECT 2, DBSIZE",
    "HELLO 3, CLIENT REPLY SKIP, GET none, GET none, CLIENT REPLY OFF, SELECT 5, SET k 5, CLIENT REPLY ON, GET k",
    "CLIENT REPLY OFF, HELLO 3, SELECT 2, SET k v, RESET, GET k, SELECT 2, GET k",
    "HELLO 3, LPUSH l a, HELLO 2, LPUSH l b, HELLO 3, LPUSH l c, HELLO 2, LRANGE l 0 -1",
    "SELECT 9, SELECT 99, SET k v, SELECT x, GET k, SELECT 0, GET k",
    "HELLO 3 SETNAME a, CLIENT GETNAME, HELLO, HELLO 2, CLIENT GETNAME, RESET, CLIENT GETNAME",
    "SELECT 1, INCR n, SELECT 0, INCR n, SELECT 1, INCR n, SELECT 0, GET n, SELECT 1, GET n",
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_pipeline_that_changes_protocol_and_database_runs_in_order(single, pipeline):
    fleet, plain = single
    requests = [line.split() for line in pipeline.split(", ")]
    for _ in range(10):
        empty(fleet, plain)
        assert everything(fleet.proxy.port, requests) == everything(plain.port, requests)


def test_merges_speak_the_clients_protocol(fleet):
    keys = [fleet.key_of(node) for node in range(3)]
    with fleet.client() as client:
        client.ask("HELLO", "3")
        assert client.ask("MSET", keys[0], "a", keys[1], "b", keys[2], "c") == b"+OK\r\n"
        wanted = [keys[2], "none0", keys[0], "none1", "none2", keys[1]]
        assert client.ask("MGET", *wanted) == b"*6\r\n$1\r\nc\r\n_\r\n$1\r\na\r\n_\r\n_\r\n$1\r\nb\r\n"
        listed = client.ask("KEYS", "*")
        assert listed.startswith(b"*3\r\n") and all(b"\r\n%s\r\n" % key.encode() in listed for key in keys)
        assert client.ask("DBSIZE") == b":3\r\n"
        assert client.ask("EXISTS", *keys, "none0") == b":3\r\n"
        assert client.ask("DEL", *keys) == b":3\r\n"
        assert client.ask("RANDOMKEY") == b"_\r\n"
        assert client.ask("KEYS", "*") == b"*0\r\n"
        assert client.ask("SCRIPT", "EXISTS", "f" * 40) == b"*1\r\n:0\r\n"
        assert client.ask("HELLO", "2").startswith(b"*14\r\n")
        assert client.ask("MGET", *wanted[:2]) == b"*2\r\n$-1\r\n$-1\r\n"
        assert client.ask("RANDOMKEY") == b"$-1\r\n"


def test_two_protocols_and_databases_share_the_nodes_without_a_word_too_much(fleet):
    """Each of many clients reads its own database in its own protocol, whatever the others do meanwhile."""
    clients = [(fleet.client(), protocol, database) for protocol in "23" for database in range(4) for _ in range(3)]
    for client, protocol, database in clients:
        client.ask("HELLO", protocol)
        assert client.ask("SELECT", str(database)) == b"+OK\r\n"
        client.ask("SET", "k", str(database))
    for _ in range(20):
        for client, _, _ in clients:
            client.send(encode("GET", "k") + encode("GET", "none"))
        for client, protocol, database in clients:
            assert client.reply() == b"$1\r\n%d\r\n" % database
            assert client.reply() == (b"_\r\n" if protocol == "3" else b"$-1\r\n")
    for client, _, _ in clients:
        client.socket.close()


# What the libraries send when they connect, by default and with a database; a line is one write.
CONNECTS = {
    "redis-py 8": ["HELLO 3", "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-fqdn",
                   "CLIENT SETINFO LIB-NAME redis-py; CLIENT SETINFO LIB-VER 8.0.0; SELECT 2", "PING"],
    "node-redis 6": ["HELLO 3; SELECT 2; CLIENT SETINFO LIB-VER 6.3.1; CLIENT SETINFO LIB-NAME node-redis; "
                     "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip"],
    "go-redis 9.16": ["hello 3", "select 2; client setname app", "client setinfo LIB-NAME go-redis(,go1.24.1); "
                      "client setinfo LIB-VER 9.16.0", "client maint_notifications on moving-endpoint-type none"],
    "Lettuce 7": ["HELLO 3 SETNAME app", "CLIENT SETINFO lib-name Lettuce; CLIENT SETINFO lib-ver 7.0.0",
                  "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-fqdn", "SELECT 2", "PING"],
    "Jedis 6": ["HELLO 3", "CLIENT SETNAME app; CLIENT SETINFO LIB-NAME jedis; CLIENT SETINFO LIB-VER 6.0.0; SELECT 2", "PING"],
    "StackExchange.Redis 3": ["HELLO 3 SETNAME host", "CLIENT SETINFO LIB-NAME SE.Redis; CLIENT SETINFO LIB-VER 3.0.0; CLIENT ID",
                              "CONFIG GET replica-read-only; CONFIG GET databases; INFO replication; INFO server", "ECHO guid; SELECT 2"],
    "Valkey GLIDE 2.5": ["HELLO 3", "CLIENT SETINFO LIB-NAME GlideJS; CLIENT SETINFO LIB-VER 2.5.2", "INFO REPLICATION", "SELECT 2",
                         "CLIENT CAPA redirect"],
    "ioredis 6": ["hello 3; client SETINFO LIB-NAME ioredis; client SETINFO LIB-VER 6.0.0; select 2; info; readonly"],
    "redis-rb 5": ["HELLO 3; SELECT 2", "CLIENT SETINFO LIB-NAME redis-client", "CLIENT NO-TOUCH ON; CLIENT NO-EVICT ON; CLIENT TRACKING OFF"],
}


@pytest.mark.parametrize("library", CONNECTS)
def test_what_libraries_say_when_they_connect_is_answered_without_an_error(fleet, library):
    with fleet.client() as client:
        for write in CONNECTS[library]:
            requests = [words.split() for words in write.split("; ")]
            client.send(b"".join(encode(*words) for words in requests))
            for words in requests:
                assert not client.reply().startswith((b"-", b"!")), words
        assert b" db=2 " in client.ask("CLIENT", "INFO") and b" resp=3 " in client.ask("CLIENT", "INFO")
        assert client.ask("SET", "k", library.replace(" ", "_")) == b"+OK\r\n"
        assert client.ask("HGETALL", "none") == b"%0\r\n"
    assert fleet.nodes[fleet.owner("k")].ask("EXISTS", "k") == b":0\r\n"


def cli(fleet, *arguments, lines=""):
    done = subprocess.run(["redis-cli", "-p", str(fleet.proxy.port), *arguments], input=lines, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_redis_cli_speaks_resp3_and_selects_a_database(fleet):
    assert cli(fleet, "-3", lines="hset h a 1.5\nhgetall h\nget none\n").splitlines()[:3] == ["1", '{"a" => "1.5"}', ""] or \
        "a" in cli(fleet, "-3", "hgetall", "h")
    assert cli(fleet, "-n", "3", lines="set k three\nget k\n").split() == ["OK", "three"]
    assert cli(fleet, "-3", "-n", "3", "get", "k").strip() == "three"
    assert cli(fleet, "get", "k").strip() == ""
    assert cli(fleet, "--json", "hgetall", "h").strip() == '{"a":"1.5"}'
