"""ringskew as its users run it: files, pipes, live nodes, a page in a browser."""

import contextlib
import csv
import io
import json
import os
import pty
import random
import socket
import subprocess
import threading

import pytest
from memcache_servers import MemcachedServer, storage
from ringskew_runs import RINGSKEW, report, run
from servers import Fleet, RedisServer, encode, wait_for


@pytest.fixture
def config(tmp_path):
    def write(protocol, nodes):
        lines = "\n".join(f"      - {{name: {name}, address: 127.0.0.1:{port}}}" for name, port in nodes.items())
        path = tmp_path / "ringproxy.yaml"
        path.write_text(f"listeners: [{{name: l, listen: 127.0.0.1:9, protocol: {protocol}, pool: p}}]\n"
                        f"pools:\n  p:\n    protocol: {protocol}\n    nodes:\n{lines}\n")
        return path
    return write


def test_keys_come_from_a_file_or_through_a_pipe(tmp_path):
    keys = b"".join(b"user:%d\t%d\n" % (i, 1 + i % 3) for i in range(3000))
    (tmp_path / "keys.txt").write_bytes(keys)
    from_file = report("--nodes", "a,b,c", "--keys", tmp_path / "keys.txt")
    piped = report("--nodes", "a,b,c", "--keys", "-", stdin=keys)
    assert from_file["keys"] == 3000 and from_file["requests"] == 6000
    assert from_file["nodes"] == piped["nodes"]
    assert sum(node["share"] for node in from_file["nodes"]) == pytest.approx(1)


def test_a_log_gives_its_named_columns():
    log = b"time,client,key,bytes\n1,x,cart:1,100\n2,y,cart:1,100\n3,x,user:2,50\n"
    found = report("--nodes", "a,b", "--keys", "-", "--key-column", "key", "--bytes-column", "bytes", stdin=log)
    # Three lines are three requests of two keys.
    assert found["keys"] == 3 and found["requests"] == 3 and found["bytes"] == 250
    assert found["distinct_keys"] == 2 and found["keys_repeat"]
    assert sum(node["distinct_keys"] for node in found["nodes"]) == 2
    table = run("--nodes", "a,b", "--keys", "-", "--key-column", "3", stdin=b"".join(log.splitlines(True)[1:])).stdout
    assert b"about 2 keys in 3 lines of -, 3 requests" in table


def test_one_pass_names_the_hot_keys_of_a_log_and_its_answer_is_known(tmp_path):
    # Half of the lines are of one key, a quarter of another, the rest of a thousand.
    lines = [b"GET hot:a", b"GET hot:a", b"GET hot:b", b"GET cold:%d"]
    (tmp_path / "log").write_bytes(b"".join(lines[i % 4].replace(b"%d", b"%d" % (i // 4 % 1000)) + b"\n"
                                            for i in range(40_000)))
    found = report("--nodes", "n1,n2,n3,n4", "--keys", tmp_path / "log", "--key-column", "2")
    assert [row["key"] for row in found["hot_keys"][:2]] == ["hot:a", "hot:b"]
    assert [row["share"] for row in found["hot_keys"][:2]] == pytest.approx([0.5, 0.25], rel=0.01)
    # ceil(p * N / 0.5), at most all.
    assert [row["copies"] for row in found["hot_keys"][:2]] == [4, 2]
    assert found["distinct_keys"] == pytest.approx(1002, rel=0.05)
    assert [(row["prefix"], round(row["share"], 2)) for row in found["hot_prefixes"]] == [
        ("hot:", 0.75), ("cold:", 0.25)]
    assert sum(node["keys"] for node in found["nodes"]) == 40_000
    assert found["spread"]["requests"]["peak_to_mean"] > 2 > found["spread"]["without_hot_keys"]["peak_to_mean"]


def test_the_reference_case_shows_the_known_picture(tmp_path):
    """100,000 uniform keys over 3 nodes: one point a node, 128, 1,024."""
    (tmp_path / "keys").write_text("".join(f"user:{i}\n" for i in range(100_000)))
    found = report("--nodes", "redis1,redis2,redis3", "--keys", tmp_path / "keys", "--sweep", "1..1024", "--target", "1.05")
    fullest = {row["virtual_nodes"]: row["fullest_share"] for row in found["sweep"]}
    assert fullest[1] > 0.5 and fullest[128] <= 0.355 and fullest[1024] <= 0.347
    marked = [row for row in found["sweep"] if row["reaches_target"]]
    assert len(marked) == 1 and marked[0]["keys"]["peak_to_mean"] <= 1.05
    assert all(row["keys"]["peak_to_mean"] > 1.05 for row in found["sweep"]
               if row["virtual_nodes"] < marked[0]["virtual_nodes"])
    assert all(row["memory_bytes"] > 0 and row["lookup_ns"] > 0 for row in found["sweep"])


def test_ketamas_points_are_swept_and_rings_without_any_refused():
    for algorithm in ("ketama", "twemproxy"):
        found = report("--nodes", "a,b,c", "--algorithm", algorithm, "--keys", "50000:uniform", "--sweep", "16..4096")
        assert found["sweep"][-1]["keys"]["cv"] < 0.05 < found["sweep"][0]["keys"]["cv"]
    for algorithm in ("maglev", "jump", "rendezvous", "modula"):
        done = run("--nodes", "a,b,c", "--algorithm", algorithm, "--keys", "9:uniform", "--sweep", "16..64", code=2)
        assert done.stderr.decode() == (f"ringskew: --sweep: the algorithm {algorithm} has no virtual nodes; "
                                        "vnode, ketama and twemproxy have\n")


def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path, config):
    (tmp_path / "empty").write_bytes(b"")
    for arguments, stdin, code, text in [
            (["--nodes", "a", "--keys", tmp_path / "none"], b"", 1, b"No such file"),
            (["--nodes", "a", "--keys", tmp_path / "empty"], b"", 1, b"empty: no keys in it"),
            (["--nodes", "a", "--keys", tmp_path], b"", 1, b"Is a directory"),
            (["--nodes", "a"], b"", 2, b"--keys or --scan is needed"),
            (["--nodes", "a", "--kyes", "-"], b"", 2, b"unrecognised option '--kyes'; --help lists"),
            (["--config", tmp_path / "none", "--keys", "-"], b"k\n", 1, b"none"),
            (["--nodes", "a,b", "--keys", "-", "--weight", "a=-1"], b"k\n", 2, b"the weight of a is -1"),
            (["--nodes", "a", "--keys", "-"], b"", 1, b"no keys in it"),
            (["--nodes", "a", "--keys", "-"], b"k\tx\n", 1, b"-:1: the line has the weight 'x'"),
            (["--config", config("redis", {"r1": 1}), "--pool", "q", "--keys", "-"], b"k\n", 1, b"no pool is called q"),
            (["--nodes", "a=x", "--keys", "-"], b"k\n", 2, b"the weight of a is x"),
            (["--nodes", "a", "--keys", "9:uniform", "--out", tmp_path / "no" / "report"], b"", 1, b"cannot be written")]:
        done = run(*arguments, stdin=stdin, code=code)
        assert text in done.stderr and done.stdout == b""
        assert done.stderr.startswith(b"ringskew: ") and done.stderr.count(b"\n") == 1, done.stderr


def test_an_unreachable_node_is_named(config):
    done = run("--config", config("redis", {"r1": 1}), "--scan", code=1)
    assert done.stderr == (b"ringskew: node r1 (127.0.0.1:1): Connection refused\n"
                           b"ringskew: no node could be read\n")
    assert done.stdout == b""


def test_scan_reads_the_keys_and_sizes_of_live_redis_nodes(config):
    with RedisServer() as one, RedisServer() as two:
        one.ask("MSET", *[word for i in range(4000) for word in (f"k:{i}", "v" * 50)])
        two.ask("MSET", *[word for i in range(4000, 7000) for word in (f"k:{i}", "v" * 50)])
        found = report("--config", config("redis", {"r1": one.port, "r2": two.port}), "--scan")
        assert found["keys"] == 7000 and not found["partial"]
        assert found["distinct_keys"] == pytest.approx(7000, rel=0.05) and not found["keys_repeat"]
        assert 7000 * 80 < found["bytes"] < 7000 * 200


def test_a_partial_scan_says_so(config):
    with RedisServer() as one:
        one.ask("MSET", "a", "1", "b", "2")
        path = config("redis", {"r1": one.port, "r2": 1})
        done = run("--config", path, "--scan", code=3)
        assert b"PARTIAL" in done.stdout and b"node r2 (127.0.0.1:1): Connection refused" in done.stderr


def test_a_scan_that_breaks_off_is_partial(config):
    """A server that lists two keys, of which one is asked for its size, and is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n")
                connection.recv(1 << 16)
        server = threading.Thread(target=serve)
        server.start()
        done = run("--config", config("redis", {"r1": listener.getsockname()[1]}), "--scan", "--format", "json", code=3)
        server.join()
    assert b"node r1 (127.0.0.1:" in done.stderr and b"it closed the connection" in done.stderr
    found = json.loads(done.stdout)
    assert found["partial"] and found["keys"] == 1


def test_a_scan_of_nodes_without_keys_says_so(config):
    with RedisServer() as one:
        done = run("--config", config("redis", {"r1": one.port}), "--scan", code=1)
        assert done.stderr == b"ringskew: the nodes that were read hold no keys\n"


def test_scan_tells_which_keys_lie_where_the_ring_does_not_look(config):
    """Two nodes become three: what the third should have lies on the others, and none of it is found."""
    with RedisServer() as one, RedisServer() as two, RedisServer() as three:
        before = {"r1": one, "r2": two}
        keys = [f"k:{i}" for i in range(2000)]
        # A key's node by the ring, asked key by key of the program itself.
        moved, owners = [], {}
        for key in keys[:40]:
            found = report("--nodes", "r1,r2", "--add", "r3", "--keys", "-", stdin=key.encode() + b"\n")
            owners[key] = next(node["name"] for node in found["nodes"] if node["keys"])
            moved += [key] if found["change"]["extra_misses"] else []
        for key, owner in owners.items():
            before[owner].ask("SET", key, "v")
        path = config("redis", {"r1": one.port, "r2": two.port, "r3": three.port})
        found = report("--config", path, "--scan", "--remove", "r3")
        assert found["misplaced"]["keys"] == len(moved) > 5
        assert found["misplaced"]["share"] == pytest.approx(len(moved) / 40)
        assert {node["name"]: node["misplaced"] for node in found["nodes"]} == {
            name: sum(owners[key] == name for key in moved) for name in ("r1", "r2", "r3")}
        for example in found["misplaced"]["examples"]:
            assert example["key"] in moved and example["node"] == owners[example["key"]] and example["owner"] == "r3"
        assert found["change"]["misplaced"] == 0
        assert "lie on a node that the ring does not map them to" in found["advice"][0]
        for form in ("table", "html"):
            text = run("--config", path, "--scan", "--format", form).stdout.decode()
            assert "eys on a node that is not theirs" in text and found["misplaced"]["examples"][0]["key"] in text
        rows = csv.DictReader(io.StringIO(run("--config", path, "--scan", "--format", "csv").stdout.decode()))
        assert sum(int(row["misplaced"]) for row in rows) == len(moved)
        # Where the ring is the one that they were written with, nothing is.
        found = report("--config", config("redis", {"r1": one.port, "r2": two.port}), "--scan")
        assert found["misplaced"] == {"keys": 0, "share": 0, "examples": []}


def test_progress_and_colours_are_for_terminals_only(tmp_path):
    arguments = [RINGSKEW, "--nodes", "a,b", "--keys", "1000000:uniform"]
    plain = subprocess.run(arguments, capture_output=True, timeout=60)
    assert plain.stderr == b"" and b"\x1b" not in plain.stdout
    ours, terminal = pty.openpty()
    with open(tmp_path / "screen", "wb") as screen:
        # A thread of its own: a terminal that nobody reads from fills up.
        def copy():
            with contextlib.suppress(OSError):
                while data := os.read(ours, 1 << 16):
                    screen.write(data)
        reader = threading.Thread(target=copy)
        reader.start()
        done = subprocess.run(arguments, stdout=terminal, stderr=terminal, timeout=60)
        os.close(terminal)
        reader.join()
        os.close(ours)
    shown = (tmp_path / "screen").read_bytes()
    assert done.returncode == 0 and b"MiB read" in shown and b"\x1b[1mpool nodes" in shown


def test_scan_reads_the_keys_of_live_memcached_nodes(config):
    with MemcachedServer() as one, MemcachedServer() as two:
        for server, keys in ((one, ["a", "b%c", "d"]), (two, ["e"])):
            for key in keys:
                server.ask(storage("set", key, b"x" * 100)[:-2])
        found = report("--config", config("memcached", {"m1": one.port, "m2": two.port}), "--scan")
        assert found["keys"] == 4 and 400 < found["bytes"] < 1200


def test_the_page_opens_in_a_browser_without_a_network(tmp_path):
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    run("--nodes", "r1,r2,r3,r4", "--keys", "100000:zipf:1.2", "--sweep", "16..4096", "--add", "r5", "--format", "html",
        "--out", page)
    assert "http" not in page.read_text() and "<script" not in page.read_text()
    subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
                    "--window-size=1000,2400", f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}",
                    page.as_uri()], check=True, capture_output=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)})
    # A page of text and charts, not an empty sheet.
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 50_000


def check_the_proxys_own_pages(fleet, found):
    pool, = json.loads(fleet.proxy.get("/api/v1/skew")[1])["pools"]
    for window in (pool["minute"], pool["hour"]):
        assert window["requests"] >= 40_000 and window["bytes"] > 40_000 * len("$-1\r\n")
        assert sum(node["requests"] for node in window["nodes"]) == window["requests"]
        assert sum(node["bytes"] for node in window["nodes"]) == window["bytes"]
        assert sum(node["share"] for node in window["nodes"]) == pytest.approx(1)
    for node in found["nodes"]:
        assert fleet.proxy.metric("ring_share", node=node["name"]) == pytest.approx(node["ring_share"], abs=1e-6)
        assert node["ring_share"] == pytest.approx(1 / 3, rel=0.15)


def test_live_names_the_true_hot_keys_of_a_proxy_under_a_zipf_load():
    # The i-th key gets 1/i of the first one's requests.
    with Fleet(3, workers=2) as fleet:
        weights = [1 / (rank + 1) for rank in range(2000)]
        draw = random.Random(7)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(fleet.client()) for _ in range(4)]
            for _ in range(10):
                for client in clients:
                    keys = draw.choices(range(len(weights)), weights, k=1000)
                    client.send(b"".join(encode("GET", f"zipf:{key}") for key in keys))
                    for _ in keys:
                        client.reply()
        url = f"http://127.0.0.1:{fleet.proxy.admin_port}"
        # Lists are published once a second, loads sampled every five.
        found = wait_for(lambda: (now := report("--live", url))["requests"] >= 40_000 and len(now["hot_keys"]) >= 5 and now,
                         "the load to be seen")
        assert [row["key"] for row in found["hot_keys"][:3]] == ["zipf:0", "zipf:1", "zipf:2"]
        assert found["hot_keys"][0]["share"] == pytest.approx(weights[0] / sum(weights), rel=0.15)
        assert sum(row["requests"] for row in found["nodes"]) == found["requests"]
        # One request in sixteen is looked at: the fifth key has some sixty looks and the eleventh thirty.
        assert {row["key"] for row in found["hot_keys"][:10]} >= {f"zipf:{rank}" for rank in range(5)}
        check_the_proxys_own_pages(fleet, found)
        # Three nodes' first key has an eighth of the requests, which no ring can spread.
        assert found["causes"][0]["cause"] == "hot keys" and "hot keys make" in " ".join(found["advice"])
        kinds = {cure["cure"].split()[0]: cure for cure in found["cures"]}
        assert set(kinds) == {"cache", "keep", "set", "reweight", "add"}
        assert kinds["cache"]["peak_to_mean"] < found["spread"]["requests"]["peak_to_mean"]
        assert 0 < kinds["cache"]["spared_requests"] < 1
        assert b"--live has shares, not keys" in run("--live", url, "--sweep", "16..64", code=2).stderr
    assert b"Connection refused" in run("--live", url, code=1).stderr
