"""Running it: listeners, signals, exit codes, the admin port."""

import contextlib
import json
import re
import signal
import socket
import subprocess

import pytest

from servers import BINARY, Fleet, PATIENCE, Proxy, RedisServer, encode, pool_config, wait_for
from test_commands import bulk


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.smoke
def test_sigterm_drains_and_exits_with_0():
    with Fleet(2) as fleet, fleet.client() as busy, fleet.client():
        fleet.nodes[0].stop()
        busy.send(encode("GET", fleet.key_of(0)) + encode("GET", fleet.key_of(1)))
        wait_for(lambda: fleet.proxy.metric("node_in_flight", node="r0") == 1, "the request to be under way")
        fleet.proxy.terminate()
        wait_for(lambda: "draining" in fleet.proxy.log(), "the drain")
        with pytest.raises(OSError):
            fleet.client()
        fleet.nodes[0].cont()
        assert busy.reply() == b"$-1\r\n" and busy.reply() == b"$-1\r\n"  # What was in flight is finished.
        assert busy.closed_by_peer() == b""
        assert fleet.proxy.wait() == 0


def test_the_drain_ends_at_its_timeout_and_a_second_signal_ends_it_at_once():
    for timeout, second in (("300ms", False), ("1h", True)):
        with Fleet(1, timeouts={"request": "60s"}) as fleet:
            fleet.proxy.kill()
            fleet.proxy.config["drain_timeout"] = timeout
            fleet.proxy.start()
            with fleet.client() as client:
                fleet.nodes[0].stop()
                client.send(encode("GET", "a"))
                wait_for(lambda: fleet.proxy.metric("node_in_flight") == 1, "the request to be under way")
                fleet.proxy.terminate()
                wait_for(lambda: "draining" in fleet.proxy.log(), "the drain")
                if second:
                    assert fleet.proxy.get("/readyz")[0] == 503
                    fleet.proxy.process.send_signal(signal.SIGINT)
                assert fleet.proxy.wait() == 0


def test_sighup_does_no_harm(fleet, client):
    fleet.proxy.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP" in fleet.proxy.log(), "its log line")
    assert client.ask("PING") == b"+PONG\r\n"


def test_exit_codes(tmp_path):
    assert run("--version").returncode == 0
    assert run("--help").returncode == 0
    assert run("--nonsense").returncode == 2
    bad = tmp_path / "bad.yaml"
    bad.write_text("workers: many\nlisteners: [{name: a, listen: 127.0.0.1:0, pool: none}]\nspeed: fast\n")
    for arguments in (["--check"], []):
        result = run("--config", str(bad), *arguments)
        assert result.returncode == 1
        assert len(re.findall(r"bad\.yaml:\d+:\d+: ", result.stdout + result.stderr)) >= 3
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--redis", "127.0.0.1:1", "--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0")
        assert result.returncode == 3 and f"127.0.0.1:{port}" in result.stderr
        result = run("--redis", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{port}")
        assert result.returncode == 3


def test_print_config_is_a_configuration(tmp_path):
    result = run("--print-config")
    path = tmp_path / "printed.yaml"
    path.write_text(result.stdout)
    assert run("--config", str(path), "--check").returncode == 0
    assert json.loads(run("--print-schema").stdout)["type"] == "object"


def test_a_unix_socket_listener(tmp_path, redis):
    path = tmp_path / "proxy.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()  # The file stays, as after a crash.
    config = pool_config([redis])
    config["listeners"].append({"name": "local", "listen": f"unix:{path}", "pool": "main"})
    with Proxy(config) as proxy:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(encode("SET", "unix", "1") + encode("CLIENT", "LIST"))
            data = b""
            while b"addr=" not in data:
                data += client.recv(4096)
        assert data.startswith(b"+OK\r\n")
        proxy.terminate()
        assert proxy.wait() == 0
    assert not path.exists()


def test_a_node_behind_a_unix_socket(tmp_path):
    path = tmp_path / "redis.sock"
    with RedisServer("--unixsocket", str(path)) as node:
        config = pool_config([node])
        config["pools"]["main"]["nodes"] = [{"name": "r0", "address": f"unix:{path}"}]
        with Proxy(config) as proxy, proxy.client() as client:
            assert client.ask("SET", "a", "b") == b"+OK\r\n"


def test_a_node_with_a_host_name(redis):
    config = pool_config([redis])
    config["pools"]["main"]["nodes"] = [{"name": "r0", "address": f"localhost:{redis.port}"}]
    with Proxy(config) as proxy, proxy.client() as client:
        assert client.ask("SET", "named", "b") == b"+OK\r\n"


@pytest.mark.smoke
def test_new_connections_go_to_the_worker_with_the_fewest_sessions():
    with Fleet(2, workers=2) as fleet, contextlib.ExitStack() as stack:
        for count in range(1, 42):
            client = stack.enter_context(fleet.client())
            assert client.ask("PING") == b"+PONG\r\n"
            sessions = [fleet.proxy.metric("worker_sessions", worker=str(w)) for w in range(2)]
            assert sum(sessions) == count and abs(sessions[0] - sessions[1]) <= 1


def test_too_many_clients_are_told_so():
    with Fleet(1, listener={"max_connections": 2}) as fleet:
        with fleet.client() as a, fleet.client() as b:
            assert a.ask("PING") == b.ask("PING") == b"+PONG\r\n"
            with fleet.client() as c:
                assert c.closed_by_peer().startswith(b"-ERR max number of clients reached")
        wait_for(lambda: fleet.proxy.metric("sessions") == 0, "the clients to be gone")
        with fleet.client() as d:
            assert d.ask("PING") == b"+PONG\r\n"


def test_idle_clients_are_closed_when_so_configured():
    with Fleet(1, listener={"idle_timeout": "1s"}) as fleet, fleet.client() as client:
        assert client.ask("PING") == b"+PONG\r\n"
        assert client.closed_by_peer() == b""


def test_routes_send_prefixes_to_their_pools(redis):
    with RedisServer() as carts:
        config = pool_config([redis])
        config["pools"]["carts"] = {"nodes": [f"127.0.0.1:{carts.port}"]}
        config["listeners"][0].pop("pool")
        config["listeners"][0]["routes"] = [{"prefix": "cart:", "pool": "carts"}, {"pool": "main"}]
        with Proxy(config) as proxy, proxy.client() as client:
            redis.ask("FLUSHALL")
            assert client.ask("MSET", "cart:1", "a", "user:1", "b") == b"+OK\r\n"
            assert carts.ask("KEYS", "*") == b"*1\r\n" + bulk("cart:1")
            assert redis.ask("KEYS", "*") == b"*1\r\n" + bulk("user:1")
            assert client.ask("MGET", "user:1", "cart:1") == b"*2\r\n" + bulk("b") + bulk("a")
            assert client.ask("DBSIZE") == b":2\r\n"


@pytest.mark.smoke
def test_metrics_are_prometheus_text_and_count_what_happened(fleet, client):
    def counts():
        names = {"requests": ("requests_total", {"command": "get"}), "unknown": ("requests_total", {"command": "other"}),
                 "replies": ("replies_total", {}), "nodes": ("node_requests_total", {}), "in": ("bytes_in_total", {}),
                 "errors": ("errors_total", {"code": "unknown_command"})}
        return {name: fleet.proxy.metric(metric, **labels) for name, (metric, labels) in names.items()}

    before = counts()
    client.send(encode("GET", "x") * 10 + encode("NOSUCH"))
    for _ in range(11):
        client.reply()
    after = counts()
    assert {name: after[name] - before[name] for name in after} == {
        "requests": 10, "unknown": 1, "replies": 11, "nodes": 10, "errors": 1, "in": len(encode("GET", "x")) * 10 + len(encode("NOSUCH"))}
    text = fleet.proxy.get("/metrics")[1]
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="[^"\n]*",?)*\})? [-+0-9.e]+(inf|nan)?', re.I)
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line
    for name in ("request_duration_seconds_bucket", "node_request_duration_seconds_count", "node_up", "sessions",
                 "errors_total", "ring_share", "build_info", "config_version"):
        assert f"ringproxy_{name}" in text
    assert abs(fleet.proxy.metric("ring_share") - 1) < 1e-6
    assert fleet.proxy.metric("node_in_flight") == 0


def test_admin_pages(fleet):
    pools = json.loads(fleet.proxy.get("/api/v1/pools")[1])["pools"]
    assert [node["name"] for node in pools[0]["nodes"]] == ["r0", "r1", "r2"] and all(n["up"] for n in pools[0]["nodes"])
    assert fleet.proxy.get("/healthz")[0] == fleet.proxy.get("/readyz")[0] == 200
    assert fleet.proxy.get("/api/v1/locate")[0] == 400
    assert fleet.proxy.get("/api/v1/locate?pool=none&key=a")[0] == 404
    status, page = fleet.proxy.get("/nothing")
    assert status == 404 and "/metrics" in json.loads(page)["pages"]


def test_the_admin_token_guards_all_but_the_probes(tmp_path, redis):
    token = tmp_path / "token"
    token.write_text("letmein\n")
    config = pool_config([redis])
    config["admin"]["token_file"] = str(token)
    with Proxy(config) as proxy:
        assert proxy.get("/metrics")[0] == proxy.get("/healthz")[0] == 200
        assert proxy.get("/api/v1/pools")[0] == 401
        assert proxy.get("/api/v1/pools", {"Authorization": "Bearer wrong"})[0] == 401
        assert proxy.get("/api/v1/pools", {"Authorization": "Bearer letmein"})[0] == 200
        assert "letmein" not in proxy.log()


def test_locate_takes_any_byte_of_a_key():
    with Fleet(3) as fleet:
        for escaped, key in (("a%00b", "a\0b"), ("a+b%20c", "a b c"), ("%25", "%"), ("", ""), ("k%3D1%26x", "k=1&x")):
            status, body = fleet.proxy.get(f"/api/v1/locate?pool=main&key={escaped}")
            assert status == 200 and json.loads(body)["key"] == key


def test_the_busy_ratio_and_the_loop_delay_of_each_worker_are_told():
    with Fleet(1, workers=2) as fleet, fleet.client() as client:
        wait_for(lambda: all(fleet.proxy.metric("worker_loop_delay_seconds_count", worker=str(w)) for w in range(2)), "turns")
        # Nobody asks for anything.
        wait_for(lambda: fleet.proxy.metric("worker_busy_ratio") < 0.1, "idle workers")
        batch = encode("GET", "k") * 5000

        def ratios_after_a_batch():
            client.send(batch)
            # Looked at one by one, the replies would keep the test busier than the worker.
            left = 5000 * len(b"$-1\r\n")
            while left > 0:
                left -= len(client.socket.recv(left))
            return sorted(fleet.proxy.metric("worker_busy_ratio", worker=str(w)) for w in range(2))

        def only_one_is_busy():
            idle, busy = ratios_after_a_batch()
            return busy > 0.1 and idle < busy / 2

        # It is the one that has the client.
        wait_for(only_one_is_busy, "a busy worker")
        assert 0 < fleet.proxy.metric("worker_loop_delay_seconds_sum") < 60


def test_the_biggest_keys_are_told_beside_the_hottest(fleet, client):
    assert client.ask("SET", "whale", "v" * 100_000) == b"+OK\r\n"
    for _ in range(300):
        assert client.ask("GET", "minnow") == b"$-1\r\n"

    def biggest():
        pool = json.loads(fleet.proxy.get("/api/v1/hotkeys?pool=main")[1])["pools"][0]
        sizes = {big["key"]: big for big in pool["biggest"]}
        return sizes if {"whale", "minnow"} <= sizes.keys() else None

    whale = wait_for(biggest, "the keys to be listed")["whale"]
    assert 100_000 <= whale["bytes"] < 100_100 and whale["seen_in"] == "request"
    assert whale["node"] == f"r{fleet.owner('whale')}" and whale["seconds_ago"] < 60
    client.ask("APPEND", "whale", "v" * 50_000)
    for _ in range(1000):
        client.ask("GET", "whale")
    wait_for(lambda: (grown := biggest()["whale"])["bytes"] > 150_000 and grown["seen_in"] == "reply", "its new size")
