"""The dual run: every served command of the table, sent to the proxy and to a plain Redis; the replies are equal.

Keys of one command share a hash tag where the command cannot be split, as a client of a sharded fleet has to write them.
"""

import json
import pathlib
import subprocess

from servers import BINARY, RawClient

DUMP = pathlib.Path(BINARY).with_name("command_table_dump")

# What each server answers for itself; test_command_table and test_commands look at those.
OF_EACH_SERVER = {
    "client|help", "client|id", "client|info", "client|list", "client|setinfo", "command", "command|count",
    "command|help", "command|info", "command|list", "config|get", "hello", "info", "lolwut", "randomkey", "time",
    "object|idletime",
}

# In order: later lines see what earlier ones have written. `""` is an empty word; {a,b} tags keep keys together.
CONVERSATION = r"""
set s1 hello|set s1 x nx|set s1 x get|set s1 world xx keepttl|set s1 a b|set|get s1|get none|get|append s1 !|strlen s1
getrange s1 0 2|substr s1 0 2|setrange s1 1 OO|setnx s2 1|setnx s2 2|setex s3 100 v|setex s3 0 v|psetex s3 100000 v
getset s2 10|getdel s3|getex s2 ex 100|getex s2 persist|incr s2|decr s2|incrby s2 5|decrby s2 x|decrby s2 3
incrbyfloat s2 0.5|incr s2|incr s1|setbit b1 7 1|getbit b1 7|bitcount b1|bitpos b1 1|bitfield b1 set u8 0 255 get u4 0
bitfield_ro b1 get u8 0|bitfield_ro b1 set u8 0 1|set {b}1 abc|set {b}2 abd|bitop xor {b}d {b}1 {b}2|get {b}d
lcs {b}1 {b}2 len|mset m1 1 m2 2 m3 3 m1 9|mset m1|mset m1 1 m2|mget m1 none m2 m1 m3|mget|msetnx {m}1 1 {m}2 2
msetnx {m}1 1|msetnx {m}1 1 {m}3|exists m1 m2 none m1|touch m1 m2 none|type m1|type none|ttl m1|pttl none|expire m1 100
expire m1 10 gt|expire m1 x|pexpire m1 100000 nx|expireat m2 99999999999|pexpireat m3 99999999999999|expiretime m2
pexpiretime m3|persist m1|persist m1|rename {m}1 {m}9|rename {m}none {m}x|renamenx {m}9 {m}2|copy {m}9 {m}8
copy {m}9 {m}8|copy {m}9 {m}8 replace|copy {m}9 {m}7 db 0|object encoding m1|object refcount none|object freq m1
object encoding none|object help|object|object nosuch m1|dump none|memory usage none|memory help|memory usage m2 samples 0
del m1 m1 none|unlink m2 m3 none|del|hset h1 f v g w|hset h1 f|hget h1 f|hget s1 f|hmget h1 f none|hmset h2 a 1 b 2
hgetall h2|hkeys h2|hvals h2|hlen h2|hexists h2 a|hstrlen h2 a|hincrby h2 a 5|hincrbyfloat h2 b 0.5|hsetnx h2 a 9
hdel h2 a none|hrandfield h2|hscan h2 0|hscan h2 x|hscan h2 0 match z* count 5
rpush l1 a b c d|lpush l1 z|rpushx l1 e|lpushx none e|llen l1|lrange l1 0 -1|lindex l1 1|linsert l1 before b x|lpos l1 c
lrem l1 1 x|lset l1 0 y|lset l1 99 y|ltrim l1 0 3|lpop l1|rpop l1 2|lpop l1 0|rpush {l}1 a b c|lmove {l}1 {l}2 left right
rpoplpush {l}1 {l}2|lmpop 2 {l}1 {l}2 left count 2|lmpop 1 {l}9 left|lmpop 0 {l}1 left|lmpop x {l}1 left
sadd t1 1|sadd t1 1|scard t1|sismember t1 1|smismember t1 1 2|smembers t1|srandmember t1|spop t1|srem t1 1|sscan t1 0
sadd {t}1 1 2 3|sadd {t}2 2 3 4|sdiff {t}1 {t}2|sinter {t}1 {t}2|sunion {t}1 {t}2|sintercard 2 {t}1 {t}2
sintercard -1 {t}1|sintercard 9 {t}1|sdiffstore {t}d {t}1 {t}2|sinterstore {t}i {t}1 {t}2|sunionstore {t}u {t}1 {t}2
smove {t}1 {t}2 1|sort {t}u desc|sort {t}u alpha limit 0 2|sort {t}u by nosort|sort {t}u foo|sort {t}u store {t}s
sort_ro {t}u|sort_ro {t}u store {t}x|mset {t}w1 3 {t}w2 2 {t}w3 1 {t}w4 0|sort {t}u by {t}w*|sort {t}u by {t}w* get # get {t}w*
zadd z1 1 a 2 b 3 c|zadd z1 gt ch 5 a|zadd z1 x a|zcard z1|zcount z1 1 3|zscore z1 a|zmscore z1 a none|zincrby z1 2 b
zrank z1 c|zrevrank z1 c|zrange z1 0 -1 withscores|zrangebyscore z1 2 9|zrevrange z1 0 -1|zrevrangebyscore z1 9 2
zrangebylex z1 - +|zrevrangebylex z1 + -|zlexcount z1 - +|zrandmember none|zscan z1 0|zrem z1 b|zpopmin z1|zpopmax z1
zadd z1 1 a 2 b 3 c|zremrangebyrank z1 0 0|zremrangebyscore z1 2 2|zremrangebylex z1 - +|zadd {z}1 1 a 2 b|zadd {z}2 3 b 4 c
zdiff 2 {z}1 {z}2|zinter 2 {z}1 {z}2 withscores|zunion 2 {z}1 {z}2 weights 2 1|zunion 0 {z}1|zunion x {z}1|zunion 3 {z}1
zintercard 2 {z}1 {z}2|zdiffstore {z}d 2 {z}1 {z}2|zinterstore {z}i 2 {z}1 {z}2|zunionstore {z}u 2 {z}1 {z}2
zunionstore {z}u 5 {z}1|zunionstore {z}u a {z}1|zrangestore {z}r {z}1 0 -1|zmpop 2 {z}9 {z}1 min|zmpop 1 {z}9 max
pfadd p1 a b c|pfcount p1|pfadd {p}1 a|pfadd {p}2 b|pfmerge {p}3 {p}1 {p}2|pfcount {p}1 {p}2
geoadd g1 13.361389 38.115556 Palermo 15.087269 37.502669 Catania|geodist g1 Palermo Catania km|geohash g1 Palermo
geopos g1 Palermo none|georadius g1 15 37 200 km|georadius g1 15 37 200 km store|georadius_ro g1 15 37 100 km
georadiusbymember g1 Palermo 100 km|georadiusbymember_ro g1 Palermo 300 km asc
geosearch g1 fromlonlat 15 37 byradius 200 km asc|geoadd {g}1 13 38 a|geosearchstore {g}2 {g}1 frommember a byradius 9 km
georadius {g}1 13 38 9 km storedist {g}3|zcard {g}3
xadd x1 1-1 f v|xadd x1 1-1 f v|xadd x1 2-1 f w|xlen x1|xrange x1 - +|xrevrange x1 + -|xread count 1 streams x1 0
xread streams x1 0 1|xread streams x1|xread foo 1 streams x1 0|xread streams x1 $|xadd {x}1 1-1 a b|xadd {x}2 1-1 a b
xread streams {x}1 {x}2 0 0|xgroup create x1 g 0|xgroup create x1 g 0|xgroup createconsumer x1 g c|xgroup help|xgroup foo x1
xreadgroup group g c count 1 streams x1 >|xreadgroup group g c streams none >|xreadgroup group g|xack x1 g 9-9
xclaim x1 g c 0 9-9|xautoclaim x1 g c 99999999 0|xpending x1 g|xgroup setid x1 g 0|xgroup delconsumer x1 g none
xinfo groups none|xinfo stream none|xinfo consumers none g|xinfo help|xinfo groups x1|xgroup destroy x1 g|xdel x1 1-1
xtrim x1 maxlen 1|xsetid x1 9-9
eval {return(KEYS[1])} 1 k|eval {return(1)} 0|eval {return(1)} 5 a|eval {return(1)} -1 a|eval {return(1)} x|eval {return( 0
eval_ro {return(redis.call('get',KEYS[1]))} 1 s1|evalsha 0000000000000000000000000000000000000000 1 k
evalsha_ro 0000000000000000000000000000000000000000 0|script load return(7)|evalsha 1cc60c3a8bd7d6f2b4b7f5d3b1a4e3f5c7a2f0d4 1 k
script exists 0000000000000000000000000000000000000000|script flush|script flush sync|script flush foo|script help|script foo
function load #!lua_name=lib\nredis.register_function('one',function(k,a)return(k[1])end)|fcall one 1 k|fcall none 1 k|fcall one x k
fcall one 0|fcall_ro one 1 k|function list|function list libraryname none|function dump|function help|function delete none
function restore x|function delete lib|function flush|function flush foo|function foo
migrate 127.0.0.1 1 none 0 10|migrate 127.0.0.1 1 none x 10|restore r1 0 junk|restore s1 0 junk|restore r1 -1 junk
ping|ping a|ping a b|echo x|echo|select 0|select x|role|reset|client setname me|client getname|client setname|client no-evict on
client no-evict x|client foo|client|command getkeys get a|command getkeysandflags set a b|command docs get|command foo
config get nosuch|config foo|nosuch a b|get a b c|Get s1|GET s1
dbsize|dbsize x|keys none*|keys|flushdb foo|flushdb async|dbsize|set s1 x|flushall sync|flushall foo|dbsize
""".replace("\n", "|").strip("|").split("|")


def words(line):
    arguments = ["" if word == '""' else word.replace("\\n", "\n") for word in line.split(" ")]
    # {…} around a script stands for the script: hash tags need the braces for themselves.
    if arguments[0].startswith("eval") and arguments[1].startswith("{"):
        arguments[1] = arguments[1].strip("{}")
    return [a.replace("_name", " name") if a.startswith("#!lua") else a for a in arguments]


def test_every_served_command_answers_like_a_plain_redis(redis, fleet):
    differences = []
    with RawClient(redis.port) as plain, fleet.client() as client:
        plain.ask("FLUSHALL")
        for line in CONVERSATION:
            expected, got = plain.ask(*words(line)), client.ask(*words(line))
            if got != expected:
                differences.append(f"{line}: {got!r} instead of {expected!r}")
    assert not differences, "\n".join(differences)


def test_the_dual_run_misses_no_command():
    table = [json.loads(row) for row in subprocess.run([DUMP], capture_output=True, check=True).stdout.splitlines()]
    said = {tuple(line.lower().split(" ")[:2]) for line in CONVERSATION}
    names = {first for first, *_ in said} | {"|".join(pair) for pair in said} | {"quit"}
    containers = {row["name"].split("|")[0] for row in table if "|" in row["name"]} - {"command"}
    missing = {row["name"] for row in table if not row["refused"]} - names - OF_EACH_SERVER - containers
    assert not missing
