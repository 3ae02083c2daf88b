"""User-space instructions per request, counted by callgrind: unlike time they do not change with what else the machine does."""
import re
import signal
import sys
from collections import Counter
from pathlib import Path

from . import proxies
from .fleet import start_fleet

WORKLOAD_NAMES = ["get-64-p16", "get-64", "get-64-p16-resp3", "get-64-p5", "multi-5", "mget-16-p8",
                  "mc-get-64-p16", "mc-get-64-p16-binary", "mc-set-64-p16"]
FLEETS = {"redis": "canned", "memcached": "canned-memcached"}
FEW, MANY = 10_000, 50_000  # Requests of the two runs; their difference has no start and no end in it.
READY_SECONDS = 60          # valgrind starts slowly.
# Nothing but requests may happen: no check between them, and no request may be too late for a slowed proxy.
QUIET_POOL = ["    timeouts: {request: 60s}", "    health: {interval: 0s}"]
ON_THE_PATH = 1.0           # A source unit on a request's way costs at least so many instructions a request.
SOURCE = re.compile(r"(?:^|/)((?:ring|conf|backends|proxy)/.*)\.(?:cc|h)$")


def measure(workload, programs, children, cores):
    """(instructions a request, {source unit: instructions a request}) of the ringproxy in `programs`."""
    few, many = (_run(workload, programs, children, cores, requests) for requests in (FEW, MANY))
    per_request = {name: (many[name] - few[name]) / (MANY - FEW) for name in many}
    units = Counter()
    for name, count in per_request.items():
        if found := SOURCE.search(name):
            units[found.group(1)] += count
    return sum(per_request.values()), {unit: count for unit, count in units.items() if count >= ON_THE_PATH}


def _run(workload, programs, children, cores, requests):
    """{source file: instructions} of a proxy's whole life with so many requests."""
    fleet = start_fleet(FLEETS[workload.protocol], children, programs, cores)
    profile = children.folder / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    proxy = proxies.start_ringproxy(fleet, children, programs, cores, pool=QUIET_POOL, under=valgrind, seconds=READY_SECONDS)
    load = children.start("bench_load", [programs / "bench_load", "--address", proxy.address, *workload.load_arguments(),
                                         "--requests", requests, "--warmup", 0], cores)
    if load.wait(600) != 0:
        raise RuntimeError(f"bench_load failed; see {children.folder / 'bench_load.log'}")
    children.stop(load)
    # It drains and writes its profile.
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(READY_SECONDS)
    children.stop(proxy.process)
    for server in fleet.processes:
        children.stop(server)
    return by_file(profile.read_text(errors="replace"))


def by_file(profile):
    """{source file: its own instructions} of a callgrind profile; code that was inlined counts for the caller's file."""
    names, costs = {}, Counter()
    file, is_call = None, False
    for line in profile.splitlines():
        if found := re.match(r"(fl|fi|fe)=\((\d+)\)(?: (.*))?$", line):
            kind, number, name = found.groups()
            if name:
                names[number] = name
            if kind == "fl":
                file = names[number]
        elif line.startswith("calls="):
            is_call = True  # The next line is the callee's cost.
        elif re.match(r"[+\-*\d]", line):
            if not is_call:
                costs[file] += int(line.split()[1])
            is_call = False
        elif found := re.match(r"cfi=\((\d+)\) (.*)$|cfl=\((\d+)\) (.*)$", line):
            number, name = (found.group(1), found.group(2)) if found.group(1) else (found.group(3), found.group(4))
            names[number] = name
    return costs


def report(rows, with_units):
    """`rows`: [(workload, who, instructions, units)] as Markdown."""
    lines = ["| workload | program | instructions a request | source units on its way |", "| --- | --- | ---: | ---: |"]
    lines += [f"| {workload.title} | {who} | {count:,.0f} | {len(units)} |" for workload, who, count, units in rows]
    if with_units:
        for workload, who, _, units in rows:
            lines += ["", f"{workload.title}, {who}:"]
            lines += [f"- {unit} {count:,.0f}" for unit, count in sorted(units.items(), key=lambda row: -row[1])]
    return "\n".join(lines) + "\n"


def run(binaries, workloads, children, programs, cores, with_units):
    """Measures each ringproxy of `binaries` ({name: path}) and prints the table."""
    rows = []
    for workload in workloads:
        for who, folder in binaries.items():
            print(f"instructions, {workload.title}: {who}", file=sys.stderr)
            rows.append((workload, who, *measure(workload, Programs(programs, folder), children, cores)))
    print(report(rows, with_units))


class Programs:
    """A folder of programs in which ringproxy is another one."""

    def __init__(self, folder, ringproxy):
        self._folder, self._ringproxy = folder, Path(ringproxy)

    def __truediv__(self, name):
        return self._ringproxy if name == "ringproxy" else self._folder / name
