"""Load on the keys of each node, and what became of every request."""
import json
import struct
import subprocess
import time
from dataclasses import dataclass

from .sampler import Witness

RECORD = struct.Struct("=QQ16s")  # As in tools/benchmark/trace.h.
MS = 1_000_000
IN_FLIGHT_SECONDS = 0.5  # A node that hangs keeps the requests of this time waiting, each on a connection.
WARM_UP_SECONDS = 2
FAST_NS = 1 * MS  # An error that comes within this did not wait for the node.


def pause(seconds):
    time.sleep(seconds)


@dataclass(frozen=True)
class Requests:
    """Some requests, as (scheduled, replied, error or "")."""
    rows: list

    def between(self, begin, end):
        """Those that were scheduled then."""
        return Requests([row for row in self.rows if begin <= row[0] < end])

    def good(self):
        return Requests([row for row in self.rows if not row[2]])

    def failed(self, *words):
        """With one of these errors; with any if none is named."""
        return Requests([row for row in self.rows if row[2] and (not words or row[2] in words)])

    def __len__(self):
        return len(self.rows)

    def words(self):
        """How often each error."""
        counts = {}
        for _, _, word in self.rows:
            if word:
                counts[word] = counts.get(word, 0) + 1
        return counts

    def latency_ms(self, share):
        """The latency that this share of the requests does not exceed; 1 is the longest."""
        latencies = sorted(replied - started for started, replied, _ in self.rows)
        return latencies[min(len(latencies) - 1, int(share * len(latencies)))] / MS if latencies else 0.0

    def share_within(self, nanoseconds):
        if not self.rows:
            return 1.0
        return sum(replied - started <= nanoseconds for started, replied, _ in self.rows) / len(self.rows)

    def first_start(self):
        return min((row[0] for row in self.rows), default=None)

    def first_reply(self):
        return min((row[1] for row in self.rows), default=None)

    def last_start(self):
        return max((row[0] for row in self.rows), default=None)


def together(parts):
    return Requests([row for part in parts for row in part.rows])


def read_trace(path):
    records = RECORD.iter_unpack(path.read_bytes())
    return Requests([(started, replied, word.rstrip(b"\0").decode()) for started, replied, word in records])


class Load:
    """`rate` requests a second on all keys of the fleet from the beginning of the `with` block to its end."""

    def __init__(self, fleet, rate):
        self._fleet, self._rate = fleet, rate
        self._running = []
        self.by_node = {}  # name → Requests, afterwards
        self.wrong = []  # What bench_load said of a reply that was not its request's.
        self.disconnects = self.unanswered = 0
        self.stall_ms = 0.0  # How long the machine kept this process waiting, at most.
        self._witness = Witness()
        self.crowded = 0  # Requests that had to wait for a connection.

    def __enter__(self):
        folder = self._fleet.children.folder
        keys = sum(len(node.numbers) for node in self._fleet.nodes)
        for node in self._fleet.nodes:
            rate = self._rate * len(node.numbers) / keys
            numbers, trace = folder / f"{node.name}.numbers", folder / f"{node.name}.trace"
            numbers.write_text("\n".join(map(str, node.numbers)))
            child = self._fleet.children.start(f"bench_load-{node.name}", [
                self._fleet.programs / "bench_load", "--address", f"127.0.0.1:{self._fleet.port}", "--rate", rate,
                "--connections", int(rate * IN_FLIGHT_SECONDS) + 50, "--one-at-a-time", "--key-numbers", numbers, "--trace", trace, "--until-stdin-ends"],
                self._fleet.cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._running.append((node, child, trace))
        pause(WARM_UP_SECONDS)
        self._witness.__enter__()
        return self

    def __exit__(self, *_):
        self._witness.__exit__()
        self.stall_ms = self._witness.longest_ms
        for _, child, _ in self._running:
            child.stdin.close()
        for node, child, trace in self._running:
            output = child.stdout.read()
            child.wait()
            self._fleet.children.stop(child)
            if child.returncode != 0:
                log = (self._fleet.children.folder / f"bench_load-{node.name}.log").read_text(errors="replace")
                self.wrong.append(log.strip()[-300:] or f"bench_load left with {child.returncode}")
                continue
            report = json.loads(output)
            self.disconnects += report["disconnects"]
            self.unanswered += report["unanswered"]
            self.crowded += report["crowded"]
            self.by_node[node.name] = read_trace(trace)
            trace.unlink()

    def of(self, *nodes):
        return together(self.by_node.get(node.name, Requests([])) for node in nodes)
