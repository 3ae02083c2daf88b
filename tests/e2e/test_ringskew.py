"""ringskew as its users run it: files, pipes, live nodes, a page in a browser."""

import contextlib
import json
import os
import pathlib
import random
import subprocess

import pytest
from memcache_servers import MemcachedServer, storage
from servers import BINARY, Fleet, RedisServer, encode, wait_for

RINGSKEW = str(pathlib.Path(BINARY).with_name("ringskew"))


def run(*arguments, stdin=b"", code=0):
    done = subprocess.run([RINGSKEW, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def report(*arguments, **options):
    return json.loads(run(*arguments, "--format", "json", **options).stdout)


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
    assert found["keys"] == 3 and found["bytes"] == 250


def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path, config):
    for arguments, stdin, code, text in [
            (["--nodes", "a", "--keys", tmp_path / "none"], b"", 1, b"No such file"),
            (["--nodes", "a", "--keys", "-"], b"", 1, b"no keys in it"),
            (["--nodes", "a", "--keys", "-"], b"k\tx\n", 1, b"-:1: the line has the weight 'x'"),
            (["--config", config("redis", {"r1": 1}), "--pool", "q", "--keys", "-"], b"k\n", 1, b"no pool is called q"),
            (["--nodes", "a=x", "--keys", "-"], b"k\n", 2, b"the weight of a is x"),
            (["--config", config("redis", {"r1": 1}), "--scan"], b"", 1, b"no node could be read")]:
        done = run(*arguments, stdin=stdin, code=code)
        assert text in done.stderr and done.stdout == b""


def test_scan_reads_the_keys_and_sizes_of_live_redis_nodes(config):
    with RedisServer() as one, RedisServer() as two:
        one.ask("MSET", *[word for i in range(4000) for word in (f"k:{i}", "v" * 50)])
        two.ask("MSET", *[word for i in range(4000, 7000) for word in (f"k:{i}", "v" * 50)])
        found = report("--config", config("redis", {"r1": one.port, "r2": two.port}), "--scan")
        assert found["keys"] == 7000 and not found["partial"]
        assert 7000 * 80 < found["bytes"] < 7000 * 200


def test_a_partial_scan_says_so(config):
    with RedisServer() as one:
        one.ask("MSET", "a", "1", "b", "2")
        path = config("redis", {"r1": one.port, "r2": 1})
        done = run("--config", path, "--scan", code=3)
        assert b"PARTIAL" in done.stdout and b"node r2 (127.0.0.1:1): Connection refused" in done.stderr


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
        assert "alone is" in found["advice"][0] or found["advice"][0].startswith("Nothing to change")
        assert b"--live has shares, not keys" in run("--live", url, "--sweep", "16..64", code=2).stderr
    assert b"Connection refused" in run("--live", url, code=1).stderr
