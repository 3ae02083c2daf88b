"""Real servers for the tests: redis-servers and the proxy, on free loopback ports, stopped by their own pid."""

import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RINGPROXY_BIN", str(ROOT / "build/dev/bin/ringproxy"))
# Sanitizers make everything slower; waiting longer costs nothing when all is well.
PATIENCE = float(os.environ.get("RINGPROXY_PATIENCE", "20"))


def first_outgoing_port():
    return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


PORTS_GIVEN = set()


def free_port():
    """A port for a server, never the same twice, and below those from which outgoing connections come: one of them could
    take it while the server is down, and a client that connects to it again and again would some day meet itself."""
    while True:
        port = random.randrange(10_000, max(first_outgoing_port(), 12_000))
        if port in PORTS_GIVEN:
            continue
        PORTS_GIVEN.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition, what, patience=PATIENCE):
    """The first true value of condition(), which may raise OSError until then."""
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError):
            value = condition()
            if value:
                return value
        assert time.monotonic() < deadline, f"waited too long for: {what}"
        time.sleep(0.005)


def encode(*arguments):
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class RawClient:
    """A socket that speaks RESP and gives replies as the bytes they came in."""

    def __init__(self, port, timeout=PATIENCE, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *arguments):
        self.send(encode(*arguments))
        return self.reply()

    def _more(self):
        chunk = self.socket.recv(1 << 20)
        if not chunk:
            raise EOFError(self.buffer)
        self.buffer += chunk

    def _line(self, start):
        while (end := self.buffer.find(b"\r\n", start)) < 0:
            self._more()
        return end + 2

    def _end_of_value(self, start):
        end = self._line(start)
        kind, rest = self.buffer[start:start + 1], self.buffer[start + 1:end - 2]
        if kind in b"$=!" and rest != b"-1":
            end += int(rest) + 2
            while len(self.buffer) < end:
                self._more()
        elif kind in b"*~>%|" and rest != b"-1":
            # A map has two values for each pair; an attribute stands before its value.
            for _ in range(int(rest) * (2 if kind in b"%|" else 1) + (kind == b"|")):
                end = self._end_of_value(end)
        return end

    def reply(self):
        end = self._end_of_value(0)
        reply, self.buffer = self.buffer[:end], self.buffer[end:]
        return reply

    def closed_by_peer(self):
        """Reads up to the end of the stream; what came before it."""
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.socket.recv(1 << 20):
                self.buffer += chunk
        return self.buffer


class Process:
    def __init__(self):
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()  # Nobody else would.
            raise
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        # Its threads stop one after the other; or it has ended before.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG)

    def cont(self):
        self.process.send_signal(signal.SIGCONT)


class RedisServer(Process):
    prefix, host = (), "127.0.0.1"

    def __init__(self, *arguments, password=None):
        super().__init__()
        self.port, self.arguments, self.password = free_port(), arguments, password
        self.folder = tempfile.TemporaryDirectory()

    def start(self):
        command = [*self.prefix, "redis-server", "--port", str(self.port), "--bind", self.host, "--save", "", "--dir",
                   self.folder.name, "--enable-debug-command", "yes", *self.arguments]
        if self.password:
            command += ["--requirepass", self.password]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: not self.alive() or self._answers(), "redis-server")
        assert self.alive(), "another server has its port"

    def _answers(self):
        with RawClient(self.port, host=self.host) as client:
            return client.ask("PING").startswith((b"+PONG", b"-NOAUTH", b"-LOADING"))

    def ask(self, *arguments):
        with RawClient(self.port, host=self.host) as client:
            if self.password:
                client.ask("AUTH", self.password)
            return client.ask(*arguments)

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()


def blocked(servers):
    """How many clients wait at them."""
    return sum(int(server.ask("INFO", "clients").split(b"blocked_clients:")[1].split()[0]) for server in servers)


class Proxy(Process):
    """The proxy with a configuration (a dict, written as JSON, which is YAML) or other arguments."""

    def __init__(self, config=None, arguments=(), ready=True, prefix=()):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.config, self.arguments, self.ready, self.prefix = config, list(arguments), ready, list(prefix)
        self.log_path = pathlib.Path(self.folder.name) / "log"

    def start(self):
        arguments = self.arguments
        if self.config is not None:
            path = pathlib.Path(self.folder.name) / "ringproxy.yaml"
            path.write_text(json.dumps(self.config))
            arguments = ["--config", str(path), *arguments]
        with self.open_log() as log:
            command = [*self.prefix, BINARY, *arguments]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        wait_for(lambda: "admin port listens" in self.log() or not self.alive(), "the proxy")
        if self.ready:
            wait_for(lambda: self.get("/readyz")[0] == 200, "the proxy to be ready")

    def open_log(self):
        return open(self.log_path, "wb")

    def log(self):
        return self.log_path.read_text()

    def lines_about_clients(self):
        return [line for line in self.log().splitlines() if " client " in line]

    def wait_for_log(self, text):
        """The log is written by a thread of its own, so a line may come after what it tells of."""
        wait_for(lambda: text in self.log(), f"the log to say: {text}")

    def _port(self, pattern):
        return int(re.search(pattern + r" listens on .*:(\d+)", self.log()).group(1))

    @property
    def port(self):
        return self._port("listener \\S+")

    @property
    def admin_port(self):
        return self._port("admin port")

    def client(self):
        return RawClient(self.port)

    def post(self, path, headers=None):
        return self.get(path, headers, method="POST")

    def get(self, path, headers=None, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def node(self, name):
        """What /api/v1/nodes says of it."""
        return next(node for node in json.loads(self.get("/api/v1/nodes")[1])["nodes"] if node["name"] == name)

    def wait_for_state(self, name, *states, patience=PATIENCE):
        return wait_for(lambda: (view := self.node(name))["state"] in states and view, f"{name} to be {states}", patience)

    def metric(self, name, **labels):
        """The sum over all samples of `name` that carry these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            match = re.fullmatch(r"ringproxy_(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                have = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= have.items():
                    total += float(match[3])
        return total

    def cpu_seconds(self):
        times = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self, which="VmRSS"):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(which + r":\s+(\d+) kB", status)[1]) << 10

    def peak_bytes(self):
        return self.resident_bytes("VmHWM")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(PATIENCE)

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()


def pool_config(nodes, listener=None, **pool):
    return {
        "workers": 1,
        "admin": {"listen": "127.0.0.1:0"},
        "listeners": [{"name": "web", "listen": "127.0.0.1:0", "pool": "main", **(listener or {})}],
        "pools": {"main": {"nodes": [{"name": f"r{i}", "address": f"{getattr(node, 'host', '127.0.0.1')}:{node.port}"}
                                     for i, node in enumerate(nodes)], **pool}},
    }


# For tests in which a node is never too late: a busy machine may keep it waiting for longer than by default.
PATIENT = {"timeouts": {"request": "20s"}}


def converse(port, lines, first=None):
    """All that a server says to these lines, sent as one pipeline, until it has answered a QUIT."""
    with RawClient(port) as client:
        if first:
            client.ask(*first.split())
        client.send(b"".join(encode(*line.split()) for line in [*lines, "QUIT"]))
        return client.closed_by_peer()


class Fleet:
    """Nodes and a proxy in front of them."""

    def __init__(self, count=3, workers=1, listener=None, node_arguments=(), nodes=None, **pool):
        self.nodes = nodes or [RedisServer(*node_arguments) for _ in range(count)]
        self.config = {**pool_config(self.nodes, listener, **pool), "workers": workers}
        self.proxy = Proxy(self.config)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            stack.enter_context(self.proxy)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        self.stack.__exit__(*details)

    def client(self):
        return self.proxy.client()

    def owner(self, key):
        """The number of the node that /api/v1/locate names."""
        return int(json.loads(self.proxy.get(f"/api/v1/locate?pool=main&key={key}")[1])["node"][1:])

    def key_of(self, node, prefix="k"):
        """A key that the node owns."""
        return next(key for key in (f"{prefix}{i}" for i in range(1000)) if self.owner(key) == node)

    def flush(self):
        for node in self.nodes:
            node.ask("FLUSHALL")
