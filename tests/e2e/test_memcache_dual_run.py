"""The same bytes to the proxy in front of three memcached servers and to one plain memcached: the same bytes back.

What differs on purpose has its own test below. cas tokens differ by nature and are compared by what they do.
"""

import random
import re
import socket

import pytest

from memcache_servers import MemcachedServer, MemcacheFleet, storage, value
from servers import PATIENT, wait_for

# One line a command: its requests, separated by `; `. They run in order on empty servers. `|` is a line end, $K a key of
# 250 bytes, $L one of 251, $C the last cas token that this side was given, $P the one before.
SAMES = """
get: get k; set k 5 0 3|abc; get k; get k none k; get none nope; get $K; get $L; get k $L; get k $L k;   get   k  ; set a 1 0 1|A; set b 2 0 2|BB; set c 3 0 3|CCC; set d 4 0 0|; get a b c d; get d c b a; get a none b a a; get none a; get
gets: gets k; set k 5 0 3|abc; gets k; set a 1 0 1|A; set b 2 0 2|BB; set c 3 0 0|; gets c none b a c; gets $L; gets k $L; gets
gat: gat 1000 k; set a 1 0 1|A; set b 2 0 2|BB; set c 3 0 0|; gat 1000 a; mg a t; gat 2000 c none a b a; mg a t; mg b t; mg c t; gat 0 a; mg a t; gat x a; gat x a b c; gat -1 a; get a b; gat; gat 0 $L; gat 0 b $L c; gat 10x b
gats: gats 1000 k; set a 1 0 1|A; set b 2 0 2|BB; gats 1000 b none a b; mg a t; gats x a; gats -1 a b; get a b; gats; gats 0 $L
set: set k 0 0 3|abc; get k; set k 4294967295 0 1|x; get k; set k 0 0 0|; get k; set $K 7 0 1|x; get $K; set k 0 1000 1|x; mg k t; set k 0 2592000 1|x; mg k t; set k 0 2592001 1|x; get k; set k 0 2147483647 1|x; get k; set k 0 -1 1|x; get k; set k 0 -100 1|x; get k; set k 0 0 6|ab||; get k; set k 0 0 8|END|get; get k; set k 0 0 5|VALUE; get k; set k 0 0 1 other|y; get k; set k 0 0 +1|z; get k; set k 0 0 01|0; get k;  set  k  0  0  1  |1; get k; set k 0 0; set k 0 0 3|hello; get k; set k; set; set k 0 0 -1; set k 0 0 x; set k 0 0 1x
set-noreply: set k 0 0 1 noreply|a; get k; set k 0 0 2 noreply|ab; get k; set k 0 -1 1 noreply|a; get k
add: add k 1 0 1|a; add k 2 0 1|b; get k; add k 0 0 1 noreply|c; get k; add $K 0 0 0|; add k 0 0
replace: replace k 1 0 1|a; set k 0 0 1|a; replace k 2 1000 2|bb; get k; mg k t; replace k 0 0 1 noreply|c; get k; replace none 0 0 1 noreply|c; get none
append: append k 0 0 1|a; set k 5 1000 1|a; append k 9 0 2|bc; get k; mg k t; append k 0 0 1 noreply|d; get k; append none 0 0 1 noreply|d; append k 0 0 0|; get k
prepend: prepend k 0 0 1|a; set k 5 0 1|a; prepend k 9 0 2|bc; get k; prepend k 0 0 1 noreply|d; get k
cas: set k 1 0 1|a; gets k; cas k 2 0 1 $C|b; get k; cas k 3 0 1 $C|c; gets k; cas k 3 1000 1 $P|c; cas k 4 0 1 $C noreply|z; get k; cas k 4 0 1 $C noreply|y; get k; cas none 0 0 1 $C|x; cas none 0 0 1 $C noreply|x; cas k 0 0 1 999999999|x; cas k 0 0 1; gats 0 k; cas k 0 0 1 $C other|q; get k
delete: delete k; set k 0 0 1|a; delete k; delete k; get k; set k 0 0 1|a; delete k 0; set k 0 0 1|a; delete k noreply; get k; set k 0 0 1|a; delete k 0 noreply; get k; delete k 5; delete k 5 noreply; delete none noreply; delete; delete k a b c; delete $L; delete $K
incr: incr k 1; set k 0 0 1|5; incr k 1; incr k 10; get k; incr k 18446744073709551615; get k; incr k 0; incr k 1 noreply; get k; incr k x; incr k -1; incr k 0x1; incr k 99999999999999999999; incr k; incr; incr k 1 2; incr k 1 2 3; incr $L 1; incr none 1 noreply; set s 0 0 3|abc; incr s 1; incr s 1 noreply; set e 0 0 0|; incr e 1; set k 0 0 20|18446744073709551615; incr k 1
decr: decr k 1; set k 0 0 3|100; decr k 1; decr k 1000; decr k 0; decr k 1 noreply; decr k 0; decr k x; decr k; decr $L 1; set s 0 0 3|abc; decr s 1
touch: touch k 0; set k 0 0 1|a; touch k 1000; mg k t; touch k 0; mg k t; touch k x; touch k; touch; touch $L 1; touch k 2000 noreply; mg k t; touch k 0 other; touch none 0 noreply; touch k -1; get k; touch k -1; touch k 2592001
flush_all: set a 0 0 1|a; set b 0 0 1|b; set c 0 0 1|c; flush_all; get a b c; set a 0 0 1|a; get a; flush_all 0; get a; set a 0 0 1|a; flush_all noreply; get a; set a 0 0 1|a; flush_all 0 noreply; get a; flush_all x; flush_all 1 2 3; set b 0 0 1|b; flush_all 1000; get b; flush_all -1; flush_all 0 0
version: version; version x
verbosity: verbosity 0; verbosity; verbosity x; verbosity 0 noreply; verbosity noreply; verbosity 1 2 3 4; verbosity 0
stats: stats reset; stats sizes; stats nonsense
mn: mn; mn x; mn q
me: me none; set k 3 0 3|abc; me k; mg k; me k; me k q; me k v v; me; me YmFy b; set bar 0 1000 1|x; me YmFy b; me YmF b; me $L; me $K
mg: mg k; mg k v; mg k v k O1; mg k v q; mg k k q O9; set k 5 1000 3|abc; mg k; mg k v; mg k v k q O12 f s t h l; mg k c; mg k O123 k; mg k f v c s; mg k h; mg k l; mg k t; mg k u v; mg k q; mg k v q; mg k T2000 t v; mg k t; mg k T-1 v; mg k; mg $K v k; mg $L v; mg $L v q; mg; mg    k   v  ;  mg k v; mg none q1 v; mg k0 v0 q0 k1
mg-errors: set k 0 0 1|a; mg k v v; mg k q q; mg k v !; mg k ~; mg k z; mg k Tx v; mg k T; mg k N; mg k R; mg k M; mg k S1; mg k v q O1234567890123456789012345678901234567890; mg k v O; mg k O12345678901234567890123456789012; mg k v v v v v v v v v v v v v v v v v v v v v v v v; mg k v P1 Lfoo; mg k E1; mg k v q O1 ~
mg-vivify: mg k N1000 v t; mg k N1000 v t; mg k v; mg k N1000 v q k O1; ms k 3|abc; mg k N1000 v t; mg new N1000 q; mg newer N1000 q v; mg newer v q; mg other N1000 c; ms other 1 C$C|x; mg other v
mg-recache: ms k 1 T1000|a; mg k R10 v t; mg k R2000 v t; mg k R2000 v t; mg k v; mg k R2000 q v; ms k 1 T1000|b; mg k v
ms: ms k 3|abc; mg k v; ms k 0|; mg k v s; ms k 3 k O1 c|abc; ms k 2 F7 T1000|ab; mg k f t v; ms k 1 F4294967295|a; mg k f; ms k 6|ab||; mg k v; ms k 1 q|x; mg k v; ms k 1 q k O1 c|y; mg k v; ms k 1 T-1|x; mg k v; ms  k  2   |12; mg k v; ms $K 1 k|x; mg $K v; ms k 01|1; ms k +1|1; ms; ms k; ms k 3|hello; ms k 3 q|hello; ms k 1 t N30|z
ms-errors: ms k 1 v v|2; ms k 1 q q|2; ms k 1 ~|2; ms k 1 T|2; ms k 1 Tx|2; ms k 1 Cx|2; ms k 1 C|2; ms k 1 F|2; ms k 1 F-1|2; ms k 1 M|2; ms k 1 MX|2; ms k 4 N|abcd; ms k 1 E5 c|1; ms k 1 q ~|1; ms k 1 O12345678901234567890123456789012345|1; ms k 1 s f h l t v u x|1; ms k x; ms k -1; ms k 1x; ms k S1; get k
ms-mode: ms k 1 MA|a; ms k 1 MA q|a; ms k 1 MP|a; ms k 1 MR|a; ms k 1 MR q|a; ms k 1 ME|a; ms k 1 ME|b; ms k 1 ME c|b; ms k 1 ME q|b; ms k 1 MA|c; ms k 1 MP k|d; ms k 1 MP q|f; mg k v; ms k 1 MR F9|e; mg k v f; ms k 1 MS|g; mg k v f; ms k 1 Ms|h; ms k 1 MAppend|i; mg k v; ms new 1 ME q|n; mg new v
ms-cas: ms k 1 C1|a; ms k 1 C1 q|a; ms k 1 c|a; ms k 1 C$C c|b; ms k 1 C$P c|c; ms k 1 C$P k O1|c; ms k 1 C$P q|c; ms k 1 C$C q|d; mg k v; ms k 1 C999999999|e; mg k c; ms k 1 C$C MA c|f; mg k v; ms k 1 C$P MP|f; mg k v
ms-invalidate: ms k 1 c|a; ms k 1 c|b; ms k 1 I C$P T1000|c; mg k v c t; mg k v; ms k 1 C$C|d; mg k v; ms k 1 I q|e; mg k v
md: md none; md none q; md none q k O1; set k 0 0 1|a; md k k O1; md k; set k 0 0 1|a; md k q; mg k; set k 0 0 1|a; mg k c; md k C999999999; md k C999999999 q; md k C$C; mg k; md $K; md $L; md; md k z; md k !; md k q q; md k T; md k C; md k 0; set bar 0 0 1|x; md YmFy b k q; get bar; md YmF b
md-stale: ms k 1 T2000|1; mg k c; md k I T1000; mg k v c t; mg k v; md k C$P I; ms k 1 C$C|2; mg k v; mg k c; md k C$C I q; mg k v; md k I T1000 q k; mg k c v t; md k C$P I T5
ma: ma k; ma k q; ma k q k O1; ma k N1000 J5 v t; ma k; ma k v; ma k q; ma k v q t c k O1; ma k D5 MD v; ma k D5 MI v; ma k D2 M+ v; ma k D1 M- v; ma k MD D1000 v; ma k D18446744073709551615 v; ma k T1000 t v; mg k c; ma k C$C v c; ma k C$P v; ma k C$P q; ma k C$C q; ma k D0 v; ma new N0; ma new v; ma $K N0 v; ma $L; ma
ma-errors: set k 0 0 1|1; ma k Dx; ma k D-5 v; ma k MX; ma k M; ma k N; ma k J; ma k D; ma k T; ma k z; ma k !; ma k q q; ma k q z; set s 0 0 3|abc; ma s; ma s q; ma s v k O1; ma k Jx N0
base64: ms aGkgdGhlcmU= 3 b k|abc; mg aGkgdGhlcmU= b v k O9; mg aGkgdGhlcmU= b v k q; mg aGkgdGhlcmU= v k b; ma aGkgdGhlcmU= b k O8; md aGkgdGhlcmU= b k O8; mg aGkgdGhlcmU= b k v; mg aGkgdGhlcmU= b k v q; ma aGkgdGhlcmU= b k N0 J7 v; ma aGkgdGhlcmU= b v q; ms aGkgdGhlcmU= 1 b k q|x; me aGkgdGhlcmU= b; set bar 0 0 3|bar; mg YmFy b k v; mg bar k v; mg YmFyYg== b; mg YmFyYg b; mg YmF b v; mg YmF b v q; mg !!! b v; mg = b; mg ==== b; ms x 1 b|1; ms YmF 1 b k|2; ms YmF 1 b q|2; md YmF b; ma YmF b; mg YmFy b N1000 k v; mg Zm9v b N1000 k v; mg foo k v
"""

# Lines that are no request, alone and between requests. The plain server keeps the connection after each of them.
MALFORMED = [b"garbage", b"", b" ", b"get", b"GET k", b"get\tk", b"Set k 0 0 1", b"mz k", b"mgx k", b"mg\tk", b"getq k", b"gett k",
             b"\xff\xfe", b"stats  noreply", b"x" * 1500, b"x" * 3000, b"set k 0", b"set k 0 0 1 noreply x\r\n1", b"noreply",
             b"cas k 0 0 1 1 noreply x\r\n1", b"set k 0 0 noreply", b"delete k noreply x y", b"incr k noreply", b"touch k noreply",
             b"get k\nmn", b"set k 0 0 1\n1", b"set k 0 0 1\r\n1\nmn", b"ms k 1\r\n2\nxmn", b"get caf\xc3\xa9 k\x01x", b"mg k\x7f v k",
             b"set k\x01x 0 0 1\r\n1", b"get a\rb", b"*1\r\n$4\r\nPING", 
             b"get " + b"k" * 100000, b"mg k O\x01", b"set k 0 0 1 1 1 1 1\r\n1", b"get k k", b"set " + b"k" * 2100 + b" 0 0"]

KEYS = {"K": "k" * 250, "L": "k" * 251}
TOKEN = re.compile(rb"^(VALUE \S+ \d+ \d+ |(?:VA \d+|HD)(?: [^c\s]\S*)* c|ME .* cas=)(\d+)", re.M)
# The remaining time may differ by the second in which one of the two servers was asked.
CLOCK = re.compile(rb"(?<= t)\d{3,}|(?<= exp=)\d{3,}|(?<= l)\d(?= |\r)|(?<= la=)\d")


@pytest.fixture(scope="module")
def shared_fleet():
    with MemcacheFleet(**PATIENT) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def plain_server():
    with MemcachedServer() as server:
        yield server


@pytest.fixture
def plain(plain_server):
    plain_server.ask("flush_all")
    with plain_server.client() as client:
        yield client


def comparable(reply):
    # A token of 0 says that there is none, and stays.
    without_tokens = TOKEN.sub(lambda m: m[1] + (b"0" if m[2] == b"0" else b"CAS"), reply)
    return CLOCK.sub(lambda m: b"%d" % round(int(m[0]), -2), without_tokens)


class Side:
    """One of the two, with the tokens it has given."""

    def __init__(self, client):
        self.client, self.tokens = client, [b"1", b"1"]

    def exchange(self, request):
        filled = request.replace(b"$C", self.tokens[-1]).replace(b"$P", self.tokens[-2])
        reply = self.client.exchange(filled)
        self.tokens += [match[2] for match in TOKEN.finditer(reply)]
        return comparable(reply)


def samples(with_tokens=True):
    for line in SAMES.strip().splitlines():
        name, _, text = line.partition(": ")
        for letter, key in KEYS.items():
            text = text.replace("$" + letter, key)
        requests = [request.replace("|", "\r\n").encode() + b"\r\n" for request in text.split("; ")]
        if with_tokens or b"$" not in b"".join(requests):
            yield pytest.param(requests, id=name)


@pytest.mark.parametrize("requests", samples())
def test_the_same_reply_as_a_plain_memcached(client, plain, requests):
    proxied, direct = Side(client), Side(plain)
    for request in requests:
        assert proxied.exchange(request) == direct.exchange(request), request


@pytest.mark.smoke
@pytest.mark.parametrize("requests", samples(with_tokens=False))
def test_the_same_replies_when_pipelined(client, plain, requests):
    # The plain server is asked one by one: it loses replies when a get with a bad key stands in a pipeline.
    assert comparable(client.exchange(b"".join(requests))) == comparable(b"".join(plain.exchange(request) for request in requests))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_replies_when_everything_comes_at_once_in_pieces(client, plain, seed):
    choose = random.Random(seed)
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = list(samples(with_tokens=False))
    choose.shuffle(lines)
    requests = [request for line in lines for request in line.values[0]]
    data = b"".join(requests)
    longest, pieces, start = (1, 7, 300)[seed], [], 0
    while start < len(data):
        end = start + choose.randint(1, longest)
        pieces.append(data[start:end])
        start = end
    assert comparable(client.exchange(data, pieces)) == comparable(b"".join(plain.exchange(request) for request in requests))


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: repr(line[:20]))
def test_what_is_no_request_is_answered_as_memcached_answers_it(client, plain, line):
    """Also semantics.md 8: a noreply line that is malformed is answered, and its answer goes to nobody else."""
    for data in (line + b"\r\n", storage("set", "k", b"1") + line + b"\r\nget k\r\n" + line + b"\r\nmn\r\n"):
        assert comparable(client.exchange(data)) == comparable(plain.exchange(data))


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: repr(line[:20]))
def test_what_is_no_request_disturbs_no_other_client_of_the_same_node(client, fleet, line):
    """semantics.md 8 and 30: a request that the node would answer twice, or whose data it would take for commands."""
    connects = fleet.proxy.metric("node_connects_total")
    with fleet.client() as other:
        assert other.ask(b"set mine 0 0 4\r\nmine") == b"STORED\r\n"
        client.send((line + b"\r\n") * 3)
        for _ in range(3):
            assert other.ask("get mine k") .startswith(value("mine", b"mine"))
        client.exchange(b"\r\n")
        assert other.exchange(b"get mine\r\nmn\r\n") == value("mine", b"mine") + b"END\r\nMN\r\n"
    assert fleet.proxy.metric("node_connects_total") == connects


@pytest.mark.parametrize("data", [b"quit\r\n", b"quit x\r\n", b"quit noreply\r\n", b"get k\r\nquit\r\nget k\r\n",
                                  b"set k 0 0 1\r\n1\r\nmg k v\r\nmg k q\r\nquit\r\nset k 0 0 1\r\n2\r\n"])
def test_quit_sends_what_is_pending_and_closes_without_a_word(client, plain, data):
    """See semantics.md 11."""
    answers = []
    for side in (client, plain):
        side.send(data)
        answers.append(side.closed_by_peer())
    assert answers[0] == answers[1]
    assert b"OK" not in answers[0]


# What differs on purpose: memcached takes the body of these for commands, or keeps other flags than it was given.
SWALLOWED = {
    "key": storage("set", "k" * 251, b"flush_all"), "flags": b"set k 4294967296 0 9\r\nflush_all\r\n",
    "flags-word": b"set k x 0 9\r\nflush_all\r\n", "exptime": b"set k 0 2147483648 9\r\nflush_all\r\n",
    "exptime-word": b"set k 0 x 9\r\nflush_all\r\n", "add": storage("add", "k" * 251, b"flush_all"),
    "meta-key": b"ms " + b"k" * 251 + b" 9\r\nflush_all\r\n",
}


@pytest.mark.parametrize("data", SWALLOWED.values(), ids=SWALLOWED.keys())
def test_the_body_of_a_refused_storage_request_is_swallowed(client, data):
    """semantics.md 22 and 30; and a long key is no reason to close."""
    assert client.ask(b"set kept 0 0 1\r\n1") == b"STORED\r\n"
    assert client.exchange(data + b"get kept\r\n") == b"CLIENT_ERROR bad command line format\r\n" + value("kept", b"1") + b"END\r\n"
    assert client.exchange(data * 5) == b"CLIENT_ERROR bad command line format\r\n" * 5


def test_the_body_of_a_meta_set_with_too_many_flags_is_swallowed(client):
    """semantics.md 30: the node would answer twice, the second time to the body."""
    for count in (17, 24, 30, 300):
        data = b"ms k 9" + b" v" * count + b"\r\nflush_all\r\n"
        assert client.exchange(data * 2 + b"mn\r\n") == b"CLIENT_ERROR options flags too long\r\n" * 2 + b"MN\r\n"


def test_a_large_cas_token_is_large_but_a_token(client):
    """semantics.md 24: tokens carry the node, so they are larger than memcached's; clients parse 64 bits."""
    client.ask(b"set k 0 0 1\r\n1")
    token = int(client.ask("gets k").split(b"\r\n")[0].split(b" ")[4])
    assert (1 << 40) <= token < (1 << 62)
    assert client.ask("mg k c") == b"HD c%d\r\n" % token


LONG = b"mg " + b"k" * 70000


@pytest.mark.parametrize("data", [LONG, b"x" * 70000, b"set k 0 0 " + b"1" * 70000, b"delete " + b"k" * 70000], ids=lambda d: repr(d[:8]))
def test_a_line_without_an_end_is_refused_and_closed(client, data):
    try:
        client.send(data)
        assert client.closed_by_peer() == b"CLIENT_ERROR line too long\r\n"
    except ConnectionResetError:
        pass


# The listener has no admin_commands.
REFUSED = ["cache_memlimit 64", "shutdown", "shutdown graceful", "slabs reassign 1 2", "slabs automove 1", "lru mode flat", "lru tune 10 25 0.1 2.0",
           "lru_crawler enable", "watch", "watch mutations", "refresh_certs", "extstore free_memchunks 1 1", "misbehave", "debugtime p",
           "stats detail on", "stats sizes_enable", "stats extstore", "stats proxy"]


@pytest.mark.parametrize("line", REFUSED)
def test_administration_of_a_node_is_refused_on_a_connection_that_lives(client, line):
    """See semantics.md 26."""
    reply = client.exchange(line.encode() + b"\r\nmn\r\n")
    assert re.fullmatch(rb"CLIENT_ERROR [a-z_ ]+ is not supported by ringproxy: [^\r]{20,150}\r\nMN\r\n", reply), reply
