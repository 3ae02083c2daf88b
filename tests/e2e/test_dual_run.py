"""Each command to the proxy and to a plain Redis: the same bytes must come back, errors included.

Two servers' clocks tick apart, so what tells the time is asked of the key's own node, before and after the proxy.
Keys share a hash tag unless a sample is about several nodes. A command of Redis that stands in no table below fails
test_no_command_is_forgotten.
"""

import shlex

import pytest
import redis as redis_py

from servers import RawClient


# One line a command: its samples, separated by `;`. They run in order on empty servers.
SAMES = """
append: append {t}k a; append {t}k b; get {t}k; append {t}k
bitcount: set {t}k foobar; bitcount {t}k; bitcount {t}k 0 0; bitcount {t}k 1 1 BYTE; bitcount {t}none
bitfield: bitfield {t}k SET u8 0 200 GET u8 0 OVERFLOW FAIL INCRBY u8 0 100; bitfield {t}k nonsense
bitfield_ro: set {t}k a; bitfield_ro {t}k GET u8 0; bitfield_ro {t}k SET u8 0 1
bitop: set {t}a x; set {t}b y; bitop AND {t}c {t}a {t}b; get {t}c; bitop WHAT {t}c {t}a; bitop NOT {t}c {t}a {t}b
bitpos: set {t}k abc; bitpos {t}k 1; bitpos {t}k 0 1; bitpos {t}k 2
blmove: rpush {t}q a b; blmove {t}q {t}p LEFT RIGHT 1; lrange {t}p 0 -1; blmove {t}q {t}p LEFT UP 1; blmove {t}n {t}p LEFT LEFT 0.01
blmpop: rpush {t}q a b c; blmpop 1 2 {t}p {t}q LEFT COUNT 2; blmpop 0.01 1 {t}n LEFT; blmpop 1 x {t}q LEFT
blpop: rpush {t}q a b; blpop {t}p {t}q 1; blpop {t}n 0.01; blpop {t}q x; blpop {t}q -1
brpop: rpush {t}q a b; brpop {t}p {t}q 1; brpop {t}n 0.01
brpoplpush: rpush {t}q a b; brpoplpush {t}q {t}p 1; brpoplpush {t}n {t}p 0.01
bzmpop: zadd {t}z 1.5 a 2 b; bzmpop 1 1 {t}z MIN; bzmpop 0.01 1 {t}n MAX
bzpopmax: zadd {t}z 1.5 a 2 b; bzpopmax {t}y {t}z 1; bzpopmax {t}n 0.01
bzpopmin: zadd {t}z 1.5 a 2 b; bzpopmin {t}y {t}z 1; bzpopmin {t}n 0.01
copy: set {t}a 1; copy {t}a {t}a DB 2; copy {t}a {t}a DB 2; copy {t}a {t}a DB 2 REPLACE; copy {t}a {t}a; copy {t}a {t}b DB 16; copy {t}a {t}b DB x; copy {t}a {t}b; copy {t}a {t}b; copy {t}a {t}b REPLACE; get {t}b; copy {t}none {t}c
decr: decr k; decr k; set s x; decr s
decrby: decrby k 5; decrby k x; decrby k -3
del: mset a 1 b 2 c 3 d 4; del a b zz c; del a; exists a b c d; del
dump: dump none; set k 1; dump k
echo: echo hello; echo
eval: eval "return{KEYS[1],ARGV[1]}" 1 {t}k v; eval "return redis.call('set',KEYS[1],ARGV[1])" 1 {t}k v; get {t}k; eval bad( 0; eval return 1; eval return x; eval return -1; eval return 5 a; eval "return{err='MY error'}" 0
eval_ro: eval_ro return(1) 0; eval_ro "return redis.call('set',KEYS[1],1)" 1 {t}k; eval_ro "return redis.call('get',KEYS[1])" 1 {t}k
evalsha: evalsha 0000000000000000000000000000000000000000 0; script load return(7); evalsha 8fa0f2b1b4d5b0c7a1b9f0f0f0f0f0f0f0f0f0f0 1 {t}k; evalsha x
evalsha_ro: evalsha_ro 0000000000000000000000000000000000000000 0; evalsha_ro x
exists: mset a 1 b 2 c 3; exists a b c none a; exists none; exists
expire: set k 1; expire k 1000; expire k 1000 NX; expire k x; expire none 1; persist k
expireat: set k 1; expireat k 33177117420; expireat k 1; get k; expireat k
expiretime: set k 1; expiretime k; expireat k 33177117420; expiretime k; expiretime none
fcall: fcall nofunc 0; fcall nofunc 1 {t}k; fcall nofunc
fcall_ro: fcall_ro nofunc 0; fcall_ro nofunc x
flushall: set a 1; set b 2; flushall; exists a b; flushall ASYNC; flushall nonsense
flushdb: set a 1; flushdb SYNC; exists a; flushdb a b
geoadd: geoadd k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania; geoadd k 13 38; geoadd k 500 500 x
geodist: geoadd k 13.361389 38.115556 P 15.087269 37.502669 C; geodist k P C; geodist k P C km; geodist k P none
geohash: geoadd k 13.361389 38.115556 P; geohash k P none
geopos: geoadd k 13.361389 38.115556 P; geopos k P none
georadius: geoadd {t}k 13.361389 38.115556 P; georadius {t}k 15 37 200 km; georadius {t}k 15 37 200 km STORE {t}d; zcard {t}d
georadius_ro: geoadd k 13.361389 38.115556 P; georadius_ro k 15 37 200 km WITHDIST
georadiusbymember: geoadd {t}k 13.361389 38.115556 P; georadiusbymember {t}k P 100 km STOREDIST {t}d; zrange {t}d 0 -1
georadiusbymember_ro: geoadd k 13.361389 38.115556 P; georadiusbymember_ro k P 100 km
geosearch: geoadd k 13.361389 38.115556 P; geosearch k FROMLONLAT 15 37 BYRADIUS 200 km ASC
geosearchstore: geoadd {t}k 13.361389 38.115556 P; geosearchstore {t}d {t}k FROMLONLAT 15 37 BYRADIUS 200 km; zcard {t}d
get: get none; set k v; get k; get; get a b; lpush l x; get l
getbit: setbit k 7 1; getbit k 7; getbit k 0; getbit k x
getdel: set k v; getdel k; getdel k
getex: set k v; getex k EX 100; getex k EXAT 33177117420; expiretime k; getex k PERSIST; ttl k; getex k EX x
getrange: set k hello; getrange k 1 3; getrange k -3 -1; getrange k x 1
getset: getset k a; getset k b; get k
hdel: hset h a 1 b 2; hdel h a none; hdel h
hexists: hset h a 1; hexists h a; hexists h b
hget: hset h a 1; hget h a; hget h b; set s 1; hget s a
hgetall: hset h a 1; hgetall h; hgetall none
hincrby: hincrby h a 5; hincrby h a x; hincrby h a -7
hincrbyfloat: hincrbyfloat h a 1.5; hincrbyfloat h a x
hkeys: hset h a 1; hkeys h; hkeys none
hlen: hset h a 1 b 2; hlen h; hlen none
hmget: hset h a 1 b 2; hmget h a none b; hmget h
hmset: hmset h a 1 b 2; hmset h a; hlen h
hrandfield: hset h a 1; hrandfield h; hrandfield h 1 WITHVALUES; hrandfield none
hscan: hset h a 1; hscan h 0; hscan h 0 MATCH b* COUNT 10; hscan h x
hset: hset h a 1 b 2; hset h a; hset h a 2
hsetnx: hsetnx h a 1; hsetnx h a 2; hget h a
hstrlen: hset h a abc; hstrlen h a; hstrlen h b
hvals: hset h a 1; hvals h
incr: incr k; incr k; set s x; incr s; set big 9223372036854775807; incr big
incrby: incrby k 5; incrby k x; incrby k -3
incrbyfloat: incrbyfloat k 1.25; incrbyfloat k 3; incrbyfloat k x
keys: set only 1; keys *; keys none*; keys
lcs: set {t}a ohmytext; set {t}b mynewtext; lcs {t}a {t}b; lcs {t}a {t}b LEN; lcs {t}a {t}b IDX MINMATCHLEN 4
lindex: rpush l a b; lindex l 1; lindex l 9; lindex l x
linsert: rpush l a c; linsert l BEFORE c b; linsert l WHERE c b; lrange l 0 -1
llen: rpush l a; llen l; llen none; set s 1; llen s
lmove: rpush {t}a x y; lmove {t}a {t}b LEFT RIGHT; lmove {t}a {t}b UP DOWN; lrange {t}b 0 -1
lmpop: rpush {t}b x; lmpop 2 {t}a {t}b LEFT; lmpop 2 {t}a {t}b LEFT; lmpop 0 {t}a LEFT; lmpop x {t}a LEFT; lmpop 9 {t}a LEFT
lpop: rpush l a b c; lpop l; lpop l 2; lpop l; lpop l -1
lpos: rpush l a b a; lpos l a; lpos l a RANK 2; lpos l a COUNT 0
lpush: lpush l a b; lpush l; set s 1; lpush s a
lpushx: lpushx l a; lpush l a; lpushx l b
lrange: rpush l a b c; lrange l 0 -1; lrange l 1 1; lrange l x y
lrem: rpush l a b a; lrem l 1 a; lrem l x a
lset: rpush l a; lset l 0 b; lset l 5 c; lset none 0 a
ltrim: rpush l a b c; ltrim l 1 1; lrange l 0 -1
memory|usage: memory usage none; memory usage
mget: mset a 1 b 2 c 3; mget a none b c a; mget none; mget; lpush l x; mget a l
mset: mset a 1 b 2 c 3 a 9; mget a b c; mset a; mset a 1 b
msetnx: msetnx {t}a 1 {t}b 2; msetnx {t}b 3 {t}c 4; get {t}c; msetnx a
migrate: migrate 127.0.0.1 1 none 0 100; migrate x
object|encoding: set k 1; object encoding k; object encoding none; object encoding
object|freq: set k 1; object freq k; object freq none
object|idletime: object idletime none; object idletime
object|refcount: set k abc; object refcount k; object refcount none
object|help: object help
persist: set k 1; persist k; expire k 100; persist k
pexpire: set k 1; pexpire k 100000; pexpire k x; pexpire none 1
pexpireat: set k 1; pexpireat k 33177117420000; pexpireat k x
pexpiretime: set k 1; pexpiretime k; pexpireat k 33177117420000; pexpiretime k
pfadd: pfadd p a b c; pfadd p a; set s 1; pfadd s a
pfcount: pfadd {t}p a b; pfadd {t}q c; pfcount {t}p {t}q; pfcount {t}none
pfmerge: pfadd {t}p a; pfadd {t}q b; pfmerge {t}r {t}p {t}q; pfcount {t}r
ping: ping; ping hello; ping a b
psetex: psetex k 100000 v; get k; psetex k 0 v; psetex k x v
psubscribe: psubscribe; psubscribe p*; get k; psubscribe p*; ping
pttl: pttl none; set k 1; pttl k
publish: publish c m; publish c; publish c m x
pubsub|channels: pubsub channels; pubsub channels a*
pubsub|help: pubsub help; pubsub help x
pubsub|numpat: pubsub numpat; pubsub numpat x
pubsub|numsub: pubsub numsub; pubsub numsub a b a
pubsub|shardchannels: pubsub shardchannels; pubsub shardchannels a*
pubsub|shardnumsub: pubsub shardnumsub; pubsub shardnumsub a b
punsubscribe: punsubscribe; punsubscribe p*; psubscribe p*; punsubscribe p*; get k
rename: set {t}a 1; rename {t}a {t}b; get {t}b; rename {t}none {t}c; rename {t}a
renamenx: set {t}a 1; set {t}b 2; renamenx {t}a {t}b; renamenx {t}a {t}c
restore: restore k 0 garbage; restore k x y
rpop: rpush l a b; rpop l; rpop l 5; rpop l
rpoplpush: rpush {t}a x; rpoplpush {t}a {t}b; rpoplpush {t}a {t}b
rpush: rpush l a b; rpush l
rpushx: rpushx l a; rpush l a; rpushx l b
sadd: sadd s a b a; sadd s; set k 1; sadd k a
scard: sadd s a b; scard s; scard none
sdiff: sadd {t}a x y; sadd {t}b y; sdiff {t}a {t}b
sdiffstore: sadd {t}a x y; sadd {t}b y; sdiffstore {t}c {t}a {t}b; smembers {t}c
set: set k v; set k v NX; set k v XX GET; set k v EX 0; set k v EX 10 PX 10; set k v KEEPTTL; set k; set k v nonsense
setbit: setbit k 7 1; setbit k x 1; setbit k 0 2; get k
setex: setex k 100 v; setex k 0 v; setex k x v; get k
setnx: setnx k 1; setnx k 2; get k
setrange: set k hello; setrange k 1 ipp; get k; setrange k -1 x
sinter: sadd {t}a x y; sadd {t}b y; sinter {t}a {t}b
sintercard: sadd {t}a x y; sadd {t}b y; sintercard 2 {t}a {t}b; sintercard 2 {t}a {t}b LIMIT 1; sintercard 0 {t}a; sintercard 3 {t}a
sinterstore: sadd {t}a x y; sadd {t}b y; sinterstore {t}c {t}a {t}b; smembers {t}c
sismember: sadd s a; sismember s a; sismember s b
smembers: sadd s a; smembers s; smembers none
smismember: sadd s a; smismember s a b a
smove: sadd {t}a x; smove {t}a {t}b x; smove {t}a {t}b x
sort: rpush {t}l 3 1 2; sort {t}l; sort {t}l DESC LIMIT 0 2; sort {t}l STORE {t}d; lrange {t}d 0 -1; sort {t}l BY nosort GET #; rpush {t}w x; sort {t}w
sort_ro: rpush l 3 1 2; sort_ro l ALPHA; sort_ro l STORE x
spop: sadd s a; spop s; spop s; sadd s a; spop s 5; spop s x
spublish: spublish c m; spublish c
srandmember: sadd s a; srandmember s; srandmember s 3; srandmember none
srem: sadd s a b; srem s a none; srem s
sscan: sadd s a; sscan s 0; sscan s 0 MATCH b*; sscan s
ssubscribe: ssubscribe; ssubscribe s; get k; subscribe c
strlen: set k hello; strlen k; strlen none
subscribe: subscribe; subscribe c; get k; subscribe c; ping x; client id; nosuch; subscribe d
substr: set k hello; substr k 1 3
sunion: sadd {t}a x; sadd {t}b x; sunion {t}a {t}b
sunionstore: sadd {t}a x; sadd {t}b y; sunionstore {t}c {t}a {t}b; scard {t}c
sunsubscribe: sunsubscribe; sunsubscribe s; ssubscribe s; sunsubscribe s; get k
touch: mset a 1 b 2; touch a b none; touch
ttl: ttl none; set k 1; ttl k; ttl
type: type none; set k 1; type k; lpush l a; type l
unlink: mset a 1 b 2 c 3; unlink a b none c; unlink
unsubscribe: unsubscribe; unsubscribe c; subscribe c; unsubscribe d; unsubscribe; get k
xack: xadd x 1-1 f v; xgroup create x g 0; xack x g 1-1; xack x g bad
xadd: xadd x 1-1 f v; xadd x 1-1 f v; xadd x 2-* f v; xadd x 5-1 f; xadd x NOMKSTREAM bad f v; xlen x
xautoclaim: xadd x 1-1 f v; xgroup create x g 0; xautoclaim x g c 0 0; xautoclaim none g c 0 0
xclaim: xadd x 1-1 f v; xgroup create x g 0; xclaim x g c 0 1-1; xclaim none g c 0 1-1
xdel: xadd x 1-1 f v; xdel x 1-1 9-9; xdel x bad
xgroup|create: xadd x 1-1 f v; xgroup create x g 0; xgroup create x g 0; xgroup create none g 0; xgroup create y g $ MKSTREAM
xgroup|createconsumer: xadd x 1-1 f v; xgroup create x g 0; xgroup createconsumer x g c; xgroup createconsumer x none c
xgroup|delconsumer: xadd x 1-1 f v; xgroup create x g 0; xgroup delconsumer x g c
xgroup|destroy: xadd x 1-1 f v; xgroup create x g 0; xgroup destroy x g; xgroup destroy x g
xgroup|setid: xadd x 1-1 f v; xgroup create x g 0; xgroup setid x g 1-1; xgroup setid x none 0
xgroup|help: xgroup help
xinfo|consumers: xadd x 1-1 f v; xgroup create x g 0; xinfo consumers x g; xinfo consumers x none
xinfo|groups: xadd x 1-1 f v; xgroup create x g 0; xinfo groups x; xinfo groups none
xinfo|stream: xadd x 1-1 f v; xinfo stream x; xinfo stream none; xinfo stream x FULL
xinfo|help: xinfo help
xlen: xadd x 1-1 f v; xlen x; xlen none
xpending: xadd x 1-1 f v; xgroup create x g 0; xpending x g; xpending x none; xpending x g - + 10
xrange: xadd x 1-1 f v; xrange x - +; xrange x - + COUNT 1; xrange x bad +
xread: xadd {t}x 1-1 f v; xread STREAMS {t}x {t}y 0 0; xread COUNT 1 STREAMS {t}x 0; xread STREAMS {t}x; xread STREAMS {t}x {t}y 0; xread nonsense {t}x 0
xreadgroup: xadd {t}x 1-1 f v; xgroup create {t}x g 0; xreadgroup GROUP g c STREAMS {t}x >; xreadgroup GROUP none c STREAMS {t}x >; xreadgroup GROUP g c COUNT 1 STREAMS {t}x 0
xrevrange: xadd x 1-1 f v; xrevrange x + -; xrevrange x + - COUNT 1
xsetid: xadd x 1-1 f v; xsetid x 5-5; xsetid x 0-1; xsetid none 1-1
xtrim: xadd x 1-1 f v; xadd x 2-1 f v; xtrim x MAXLEN 1; xtrim x MAXLEN bad; xlen x
zadd: zadd z 1 a 2 b; zadd z NX 5 a; zadd z x a; zadd z 1; zadd z INCR 1 a; zscore z a
zcard: zadd z 1 a; zcard z; zcard none
zcount: zadd z 1 a 2 b; zcount z 1 2; zcount z (1 2; zcount z x y
zdiff: zadd {t}a 1 x 2 y; zadd {t}b 1 x; zdiff 2 {t}a {t}b; zdiff 2 {t}a {t}b WITHSCORES; zdiff 0 {t}a; zdiff 5 {t}a
zdiffstore: zadd {t}a 1 x 2 y; zadd {t}b 1 x; zdiffstore {t}c 2 {t}a {t}b; zdiffstore {t}c 0 {t}a; zdiffstore {t}c x {t}a; zrange {t}c 0 -1
zincrby: zincrby z 2 a; zincrby z x a
zinter: zadd {t}a 1 x; zadd {t}b 2 x; zinter 2 {t}a {t}b WITHSCORES; zinter 2 {t}a {t}b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES
zintercard: zadd {t}a 1 x; zadd {t}b 2 x; zintercard 2 {t}a {t}b; zintercard 2 {t}a {t}b LIMIT 1
zinterstore: zadd {t}a 1 x; zadd {t}b 2 x; zinterstore {t}c 2 {t}a {t}b; zscore {t}c x; zinterstore {t}c 9 {t}a
zlexcount: zadd z 0 a 0 b; zlexcount z - +; zlexcount z [a [a; zlexcount z x y
zmpop: zadd {t}b 1 x; zmpop 2 {t}a {t}b MIN; zmpop 2 {t}a {t}b MAX; zmpop 0 {t}a MIN; zmpop 1 {t}a WHAT
zmscore: zadd z 1 a; zmscore z a none
zpopmax: zadd z 1 a 2 b; zpopmax z; zpopmax z 5; zpopmax z
zpopmin: zadd z 1 a 2 b; zpopmin z; zpopmin z x
zrandmember: zadd z 1 a; zrandmember z; zrandmember z 2 WITHSCORES
zrange: zadd z 1 a 2 b; zrange z 0 -1; zrange z 0 -1 WITHSCORES; zrange z (1 2 BYSCORE; zrange z 0 -1 REV
zrangebylex: zadd z 0 a 0 b; zrangebylex z - [a
zrangebyscore: zadd z 1 a 2 b; zrangebyscore z -inf +inf WITHSCORES LIMIT 0 1
zrangestore: zadd {t}a 1 x; zrangestore {t}b {t}a 0 -1; zrange {t}b 0 -1
zrank: zadd z 1 a; zrank z a; zrank z b
zrem: zadd z 1 a; zrem z a b; zrem z
zremrangebylex: zadd z 0 a 0 b; zremrangebylex z [a [a
zremrangebyrank: zadd z 1 a 2 b; zremrangebyrank z 0 0
zremrangebyscore: zadd z 1 a 2 b; zremrangebyscore z 1 1
zrevrange: zadd z 1 a 2 b; zrevrange z 0 -1 WITHSCORES
zrevrangebylex: zadd z 0 a 0 b; zrevrangebylex z + -
zrevrangebyscore: zadd z 1 a 2 b; zrevrangebyscore z 2 1
zrevrank: zadd z 1 a 2 b; zrevrank z a
zscan: zadd z 1 a; zscan z 0; zscan z 0 MATCH b*
zscore: zadd z 1.5 a; zscore z a; zscore z b; set k 1; zscore k a
zunion: zadd {t}a 1 x; zadd {t}b 2 x; zunion 2 {t}a {t}b WITHSCORES
zunionstore: zadd {t}a 1 x; zadd {t}b 2 x; zunionstore {t}c 2 {t}a {t}b WEIGHTS 2 3; zscore {t}c x; zunionstore {t}c
dbsize: dbsize; mset a 1 b 2 c 3; dbsize; dbsize x
randomkey: randomkey; set only 1; randomkey
scan: scan x; scan " 1"; scan 1x; scan ""x; scan 18446744073709551616; scan 0 COUNT 0; scan 0 COUNT; scan 0 COUNT x; scan 0 NONSENSE 1; scan
script|load: script load return(1); script load bad(
script|exists: script load return(1); script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0000000000000000000000000000000000000000
script|flush: script flush; script flush ASYNC; script flush nonsense
script|help: script help
function|load: function load nonsense
function|delete: function delete none
function|flush: function flush; function flush nonsense
function|list: function list
function|dump: function dump
function|restore: function restore garbage
function|help: function help
select: select 0; select 5; set k 5; get k; select 15; get k; select 16; get k; select -1; select x; select 3000000000; select 0; get k; flushall
move: set {t}k 1; move {t}k 3; move {t}k 3; set {t}k 2; move {t}k 3; move {t}k 0; move {t}k 16; move {t}k x; flushall
quit: quit
reset: reset
client|getname: client getname
client|getredir: client getredir; client getredir x
client|tracking: client tracking off; client tracking off bcast; client tracking foo; client tracking on foo; client tracking
client|trackinginfo: client trackinginfo
client|setname: client setname good; client setname "bad name"; client getname
client|no-evict: client no-evict on; client no-evict maybe
command|getkeys: command getkeys get a; command getkeys nosuch; command getkeys ping; command getkeys eval x 2 a b; command getkeys mset a 1 b 2
acl|whoami: acl whoami
asking: asking; asking x
auth: auth x; auth default x; auth u x; auth a b c; auth
client|reply: client reply x; client reply on
discard: discard; discard x
multi: multi; discard; multi x
exec: exec; exec x
latency|latest: latency latest
latency|help: latency help
config|help: config help
module|list: module list
slowlog|help: slowlog help
slowlog|get: slowlog get 0; slowlog get x; slowlog get -2; slowlog get 1 2
watch: watch {t}a {t}b; set {t}a 1; multi; get {t}a; exec; watch {t}a; multi; get {t}a; exec; watch
unwatch: unwatch; unwatch x
script|kill: script kill; script kill x
function|kill: function kill; function kill x
wait: wait 0 0; wait 1 1; wait x 0; wait 0 x; wait 0 -1; wait 0
"""

# Answered by the proxy about itself (test_commands.py and the unit tests look at the words), or different every time.
OWN_WORDS = """slowlog|len lastsave memory|doctor readonly readwrite hello info command command|count command|docs command|getkeysandflags command|help command|info command|list
client client|help client|id client|info client|list client|unblock config|get role time lolwut memory|help""".split()

# Refused with the reason; a family stands for its subcommands.
REFUSED = """acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save acl|setuser
acl|users bgrewriteaof bgsave client|caching
client|kill client|pause client|unpause cluster
config debug failover function|stats latency|doctor latency|graph latency|histogram
latency|history latency|reset memory|malloc-stats memory|purge memory|stats module|help module|load module|loadex
module|unload monitor pfdebug pfselftest psync replconf replicaof
restore-asking save script|debug shutdown slaveof slowlog|reset
swapdb sync""".split()

FAMILIES = "acl client cluster command config function latency memory module object pubsub script slowlog xgroup xinfo".split()


def samples():
    for line in SAMES.strip().splitlines():
        name, _, text = line.partition(": ")
        yield pytest.param(name, [shlex.split(sample, posix=True) for sample in text.split("; ")], id=name)


@pytest.mark.parametrize("name,requests", samples())
def test_the_same_reply_as_a_plain_redis(fleet, redis, client, name, requests):
    redis.ask("FLUSHALL")
    redis.ask("SCRIPT", "FLUSH")
    for node in fleet.nodes:
        node.ask("SCRIPT", "FLUSH")
    with RawClient(redis.port) as plain:
        for request in requests:
            assert client.ask(*request) == plain.ask(*request), request


@pytest.mark.parametrize("words", [("OBJECT", "IDLETIME"), ("TTL",), ("PTTL",)], ids=" ".join)
def test_what_tells_the_time_is_what_its_node_says(fleet, client, words):
    client.ask("SET", "k", "1", "EX", "1000")
    node = fleet.nodes[fleet.owner("k")]
    replies = [ask(*words, "k") for ask in (node.ask, client.ask, node.ask)]
    assert all(reply.startswith(b":") for reply in replies), replies
    before, told, after = (int(reply[1:]) for reply in replies)
    assert min(before, after) <= told <= max(before, after)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_reason_on_a_connection_that_lives(client, redis, name):
    words = name.split("|")
    # As many arguments as the plain server wants, so that the refusal is not one of their number.
    info = redis.ask("COMMAND", "INFO", name.upper())
    arity = int(info.split(b"\r\n:")[1].split(b"\r\n")[0])
    if name in FAMILIES:
        words, arity = [name, {"config": "rewrite", "cluster": "myid"}[name]], 2
    reply = client.ask(*words, *["x"] * (abs(arity) - len(words)))
    assert reply.startswith(b"-ERR '" + name.encode()) and b"is not supported by ringproxy: " in reply
    assert client.ask("PING") == b"+PONG\r\n"


def test_no_command_is_forgotten(redis):
    plain = redis_py.Redis(port=redis.port, decode_responses=True)
    # Redis lists families and subcommands alike: "config" and "config|get".
    known = {p.id for p in samples()} | set(OWN_WORDS) | set(REFUSED) | set(FAMILIES)
    refused_families = set(REFUSED) & set(FAMILIES)
    listed = {name.lower() for name in plain.execute_command("COMMAND LIST")}
    forgotten = {name for name in listed - known if name.split("|")[0] not in refused_families}
    assert forgotten == set()
