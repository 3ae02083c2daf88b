"""Real proxies with a limit before a node that counts, and loads on them that tell what they have really offered."""
import array
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmark.admin_port import AdminPort
from benchmark.children import free_port
from chaos_lib.fleet import Node, poll
from chaos_lib.load import RECORD, read_trace, together
from chaos_lib.sampler import Witness

from .arrivals import MS, SECOND, Arrivals

LIMIT = "measured"
PATIENCE = 10


class Proxy:
    """A ringproxy whose only limit is LIMIT, of one bucket."""

    def __init__(self, number, bench, workers, pools, limit, **config):
        self.name, self.port, self.admin = f"ringproxy{number}", free_port(), AdminPort()
        path = bench.children.folder / f"{self.name}.yaml"
        path.write_text(json.dumps({
            "workers": workers, "admin": {"listen": self.admin.address},
            "listeners": [{"name": "measured", "listen": f"127.0.0.1:{self.port}", "pool": "main"}],
            "pools": pools, "limits": [{"name": LIMIT, **limit}] if limit else [], **config}))
        self._log = bench.children.folder / f"{self.name}.log"
        self.process = bench.children.start(self.name, [bench.programs / "ringproxy", "--config", path], bench.cores)

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with status {self.process.returncode}: {self._log.read_text()[-300:].strip()}")
        return self.admin.is_ready()


class Bench:
    """The processes of one measurement, in a folder of their own."""

    def __init__(self, children, programs, cores):
        self.children, self.programs, self.cores = children, programs, cores
        self._path = children.folder / "arrivals"
        self._node = children.start("node", [sys.executable, Path(__file__).with_name("counting_node.py"), self._path], cores,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pools = {"main": {"nodes": [{"name": "counting", "address": f"127.0.0.1:{int(self._node.stdout.readline())}"}]}}
        self.proxies = []

    def start_store(self):
        store = Node(0, self.children, self.cores)
        store.start()
        store.wait_until_it_serves()
        self.pools["store"] = {"nodes": [{"name": "store", "address": f"127.0.0.1:{store.port}"}]}
        return store

    def start_proxies(self, count, workers, limit):
        shared = {"global_limits": {"store": "store"}} if "store" in self.pools else {}
        self.proxies = [Proxy(number, self, workers, self.pools, limit, **shared) for number in range(count)]
        for proxy in self.proxies:
            poll(proxy.is_ready, f"{proxy.name} is ready", PATIENCE, 0.02)
            if shared:
                poll(lambda proxy=proxy: proxy.admin.metric("limit_proxies") == count, f"{proxy.name} knows of the others", PATIENCE, 0.05)

    def arrivals(self):
        """Ends the node."""
        self._node.stdin.close()
        self._node.wait(PATIENCE)
        return Arrivals(self._path)


class Loads:
    """Offers each proxy its rate, in open loop, from the beginning of the `with` block to its end."""

    def __init__(self, bench, rates, connections=16):
        self._bench, self._running = bench, []
        self._rates, self._connections, self._witness = rates, connections, Witness()
        self._traces, self._reports, self._dues = [], [], []
        self.answered = 0
        self.span = (1 << 63, 0)  # When the first and when the last request was due.
        self.lag_ms = 0.0  # The middle latency at the end, of the latest load: large if it offered more than was carried.
        self.stall_ms = 0.0  # How long the machine kept a process waiting, at most.

    def __enter__(self):
        for number, (proxy, rate) in enumerate(zip(self._bench.proxies, self._rates, strict=True)):
            trace = self._bench.children.folder / f"{number}.trace"
            self._running.append((trace, self._bench.children.start(f"bench_load{number}", [
                self._bench.programs / "bench_load", "--address", f"127.0.0.1:{proxy.port}", "--rate", rate, "--command", "set",
                "--keys", 1, "--connections", self._connections, "--warmup", 0, "--trace", trace, "--until-stdin-ends"],
                self._bench.cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))
        self._witness.__enter__()
        return self

    def __exit__(self, *_):
        self._witness.__exit__()
        self.stall_ms = self._witness.longest_ms
        for _, child in self._running:
            child.stdin.close()
        for trace, child in self._running:
            output = child.stdout.read()
            child.wait()
            if child.returncode != 0:
                raise RuntimeError(f"bench_load ended with status {child.returncode}")
            self._reports.append(json.loads(output))
            self._traces.append(trace)
            self._look_at(trace)

    def _look_at(self, trace):
        data = trace.read_bytes()
        if not data:
            raise RuntimeError("no request was answered")
        dues = array.array("Q", (due for due, _, _ in RECORD.iter_unpack(data)))  # Not quite in order: replies come as they come.
        self._dues.append(dues)
        self.answered += len(dues)
        self.span = min(self.span[0], min(dues)), max(self.span[1], max(dues))
        latest = RECORD.iter_unpack(data[-min(1000, len(dues)) * RECORD.size:])
        self.lag_ms = max(self.lag_ms, statistics.median(replied - due for due, replied, _ in latest) / MS)

    def offered(self):
        """A second."""
        return self.answered * SECOND / (self.span[1] - self.span[0])

    def lost(self):
        """Requests without an answer and connections that ended."""
        return sum(report["unanswered"] + report["disconnects"] for report in self._reports)

    def due(self):
        """How many requests were due in each millisecond of the span."""
        counts = [0] * ((self.span[1] - self.span[0]) // MS + 1)
        for due in itertools.chain(*self._dues):
            counts[(due - self.span[0]) // MS] += 1
        return counts

    def requests(self):
        """The chaos tools' list of all requests."""
        return together([read_trace(trace) for trace in self._traces])
