"""Starts three redis-servers, three memcached and ringproxy in front of them on loopback, puts some keys in, says what
to try next.

The fleet is a child of this process and lives in a temporary directory; Ctrl-C or SIGTERM stops all of it.
"""
import argparse
import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PROXY_PORT, MEMCACHED_PORT, ADMIN_PORT = 6380, 11311, 9180
NODES = ["r1", "r2", "r3"]
MEMCACHED_NODES = ["m1", "m2", "m3"]
KEYS = 10_000
PATIENCE_SECONDS = 15

CONFIG = """\
drain_timeout: 2s
admin: {{listen: {host}:{admin}}}
listeners:
  - {{name: redis, listen: {host}:{proxy}, pool: redis}}
  - {{name: memcached, protocol: memcached, listen: {host}:{memcached}, pool: memcached}}
pools:
  redis:
    nodes:
{nodes}
  memcached:
    protocol: memcached
    nodes:
{memcached_nodes}
"""

NEXT = """
Try:
  redis-cli -p {proxy} set a b
  redis-cli -p {proxy} mget a key:1 key:2 key:3
  printf 'set a 0 0 1\\r\\nb\\r\\nget a key:1 key:2\\r\\nmg key:3 v k\\r\\nquit\\r\\n' | nc {host} {memcached}
  redis-benchmark -p {proxy} -t set,get -P 16 -n 200000 -q
  curl -s '{host}:{admin}/api/v1/locate?pool=redis&key=a'
  curl -s {host}:{admin}/api/v1/pools
  curl -s {host}:{admin}/metrics | grep ringproxy_
  redis-cli -p {node} shutdown nosave    # one node goes down:
  redis-cli -p {proxy} get {lost}         # its keys answer NODEDOWN at once, all others are served as before
The configuration is {config}, the proxy's log {log}.
Ctrl-C stops everything."""


class Failed(Exception):
    """Something did not work; its text is for the user."""


def free_port(wanted=0):
    """`wanted` if it can be bound, else a free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return probe.getsockname()[1]
    raise Failed("no free port on loopback")


def port_or_another(wanted, purpose):
    port = free_port(wanted)
    if port != wanted:
        print(f"port {wanted} is taken, {purpose} uses {port}")
    return port


def wait_until(condition, process, what, log):
    """Polls a condition that depends on a process; fails when that ends or too much time has passed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            how = "ended" if process.poll() is not None else f"was not ready within {PATIENCE_SECONDS} s"
            raise Failed(f"{what} {how}; its log:\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


class RedisClient:
    """The few lines of RESP that a load needs: requests out, replies in, in order."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
        self.stream = self.socket.makefile("rb")

    def call_all(self, commands):
        """Sends all commands at once, returns their replies: text, number, None or Failed."""
        out = []
        for command in commands:
            words = [str(word).encode() for word in command]
            out.append(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        self.socket.sendall(b"".join(out))
        return [self.read_reply() for _ in commands]

    def call(self, *command):
        return self.call_all([command])[0]

    def read_reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise Failed("the connection was closed instead of a reply")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"$":
            return None if text == "-1" else self.stream.read(int(text) + 2)[:-2].decode()
        if kind == b":":
            return int(text)
        return Failed(text) if kind == b"-" else text

    def close(self):
        self.stream.close()
        self.socket.close()


class MemcachedClient:
    """The few lines of memcached's text protocol that a load needs."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
        self.stream = self.socket.makefile("rb")

    def ask(self, requests):
        self.socket.sendall(requests.encode())

    def line(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise Failed("the connection was closed instead of a reply")
        return line[:-2].decode()

    def values(self):
        """The rest of a get's reply."""
        found = {}
        while (line := self.line()).startswith("VALUE "):
            _, key, _, size = line.split(" ")
            found[key] = self.stream.read(int(size) + 2)[:-2].decode()
        if line != "END":
            raise Failed(line)
        return found

    def items(self):
        self.ask("stats\r\n")
        found = {}
        while (line := self.line()).startswith("STAT "):
            _, name, value = line.split(" ", 2)
            found[name] = value
        return int(found["curr_items"])

    def close(self):
        self.stream.close()
        self.socket.close()


class Fleet:
    """The processes that were started, stopped in the opposite order by their own pid."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = {}

    def start(self, name, *command):
        # A session of its own: Ctrl-C in the terminal reaches this program alone, which then stops them in order.
        log = self.folder / f"{name}.log"
        with open(log, "wb") as output:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=self.folder)
        return self.processes[name], log

    def stop(self):
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def build(log):
    """Builds the release preset, returns the program."""
    print("building build/release/bin/ringproxy (the first time takes some minutes)", flush=True)
    commands = [["cmake", "--build", "build/release", "--target", "ringproxy"]]
    if not (ROOT / "build/release/build.ninja").exists():
        commands.insert(0, ["cmake", "--preset", "release"])
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as output:
        for command in commands:
            if subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT).returncode != 0:
                raise Failed(f"the build failed, the whole log is {log}:\n{log.read_text()[-2000:]}")
    return ROOT / "build/release/bin/ringproxy"


def answers_ping(port):
    with contextlib.suppress(OSError, Failed), contextlib.closing(RedisClient(port)) as client:
        return client.call("PING") == "PONG"
    return False


def start_node(fleet, name):
    port = free_port()
    process, log = fleet.start(name, "redis-server", "--port", port, "--bind", HOST, "--save", "", "--appendonly", "no")
    wait_until(lambda: answers_ping(port), process, f"redis-server {name}", log)
    return port


def answers_mn(port):
    with contextlib.suppress(OSError, Failed), contextlib.closing(MemcachedClient(port)) as client:
        client.ask("mn\r\n")
        return client.line() == "MN"
    return False


def start_memcached(fleet, name):
    port = free_port()
    # Where root starts it, it wants to be told who to be; elsewhere it ignores that.
    process, log = fleet.start(name, "memcached", "-u", "root", "-l", HOST, "-p", port, "-U", 0)
    wait_until(lambda: answers_mn(port), process, f"memcached {name}", log)
    return port


def is_ready(port):
    with contextlib.suppress(urllib.error.URLError, OSError):
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=1) as reply:
            return reply.status == 200
    return False


def node_rows(nodes):
    return "\n".join(f"      - {{name: {name}, address: {HOST}:{port}}}" for name, port in nodes.items())


def start_proxy(fleet, program, nodes, memcached_nodes, ports):
    config = fleet.folder / "ringproxy.yaml"
    config.write_text(CONFIG.format(host=HOST, **ports, nodes=node_rows(nodes),
                                    memcached_nodes=node_rows(memcached_nodes)))
    process, log = fleet.start("ringproxy", program, "--config", config)
    wait_until(lambda: is_ready(ports["admin"]), process, "ringproxy", log)
    return config, log


def run_load(proxy, nodes):
    """Writes and reads KEYS keys through the proxy; fails unless all are right and every node got some."""
    keys = [(f"key:{number}", f"value:{number}") for number in range(KEYS)]
    with contextlib.closing(RedisClient(proxy)) as client:
        for first in range(0, KEYS, 500):
            part = keys[first:first + 500]
            replies = client.call_all([("SET", key, value) for key, value in part])
            if wrong := [reply for reply in replies if reply != "OK"]:
                raise Failed(f"SET through the proxy answered {wrong[0]!r} instead of OK")
            replies = client.call_all([("GET", key) for key, _ in part])
            for (key, value), reply in zip(part, replies):
                if reply != value:
                    raise Failed(f"GET {key} through the proxy answered {reply!r} instead of {value!r}")
    counts = {}
    for name, port in nodes.items():
        with contextlib.closing(RedisClient(port)) as client:
            counts[name] = client.call("DBSIZE")
    check_spread("Redis", counts)


def check_spread(protocol, counts):
    if sum(counts.values()) != KEYS or 0 in counts.values():
        raise Failed(f"{KEYS} keys were not spread over all nodes: {counts}")
    print(f"{protocol}: wrote and read {KEYS:,} keys: " + ", ".join(f"{n:,} on {name}" for name, n in counts.items()))


def run_memcached_load(proxy, nodes):
    """As run_load, with sets that want no reply and gets of 100 keys at once."""
    keys = {f"key:{number}": f"value:{number}" for number in range(KEYS)}
    with contextlib.closing(MemcachedClient(proxy)) as client:
        client.ask("".join(f"set {key} 0 0 {len(value)} noreply\r\n{value}\r\n" for key, value in keys.items()))
        names = list(keys)
        for first in range(0, KEYS, 100):
            part = names[first:first + 100]
            client.ask(f"get {' '.join(part)}\r\n")
            if client.values() != {key: keys[key] for key in part}:
                raise Failed("a get through the proxy answered other values than were set")
    counts = {}
    for name, port in nodes.items():
        with contextlib.closing(MemcachedClient(port)) as client:
            counts[name] = client.items()
    check_spread("memcached", counts)


def watch(fleet):
    """Until a signal comes or the proxy ends."""
    ended = set()
    while fleet.processes["ringproxy"].poll() is None:
        for name, process in fleet.processes.items():
            if process.poll() is not None and name not in ended:
                ended.add(name)
                print(f"node {name} has ended", flush=True)
        time.sleep(0.2)
    raise Failed("ringproxy ended:\n" + (fleet.folder / "ringproxy.log").read_text()[-2000:])


def serve(fleet, options):
    program = options.bin.resolve() if options.bin else build(ROOT / "build" / "quickstart.log")
    nodes = {name: start_node(fleet, name) for name in NODES}
    memcached_nodes = {name: start_memcached(fleet, name) for name in MEMCACHED_NODES}
    for kind, started in (("redis-servers", nodes), ("memcached", memcached_nodes)):
        print(f"{kind}: " + ", ".join(f"{name} on {HOST}:{port}" for name, port in started.items()))
    ports = {"proxy": port_or_another(PROXY_PORT, "the proxy"),
             "memcached": port_or_another(MEMCACHED_PORT, "the proxy's memcached listener"),
             "admin": port_or_another(ADMIN_PORT, "the admin port")}
    config, log = start_proxy(fleet, program, nodes, memcached_nodes, ports)
    print(f"ringproxy: Redis on {HOST}:{ports['proxy']}, memcached on {HOST}:{ports['memcached']}, "
          f"admin on http://{HOST}:{ports['admin']}")
    run_load(ports["proxy"], nodes)
    run_memcached_load(ports["memcached"], memcached_nodes)
    if options.exit:
        return
    with contextlib.closing(RedisClient(nodes["r3"])) as client:
        lost = client.call("RANDOMKEY")
    print(NEXT.format(host=HOST, **ports, node=nodes["r3"], lost=lost, config=config, log=log), flush=True)
    watch(fleet)


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart", description=(
        "Installs the packages, builds the release preset, starts three redis-servers, three memcached and ringproxy in "
        "front of them, runs a short load and says what to try next. Ctrl-C stops all that it started."))
    parser.add_argument("--exit", action="store_true", help="check that it works, stop everything, leave with 0 or 1")
    parser.add_argument("--bin", type=Path, metavar="FILE", help="this ringproxy instead of building one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    with tempfile.TemporaryDirectory(prefix="ringproxy-") as folder:
        fleet = Fleet(Path(folder))
        try:
            serve(fleet, options)
        except Failed as failure:
            print(f"tools/quickstart: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nstopping")
        finally:
            # A second Ctrl-C must not leave servers behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            fleet.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
