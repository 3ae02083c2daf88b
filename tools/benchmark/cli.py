"""The command line of tools/bench: builds, starts servers and proxies, measures, writes the report."""
import argparse
import contextlib
import datetime
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import chart, fanout, instructions, machine, memory, proxies, report
from .children import Children
from .fleet import SERVERS, start_fleet
from .measure import Loader, count_calls, run_rounds, summarise
from .programs import ROOT, build
from .workloads import IDLE, IDLE_CONNECTIONS, MEMORY, QUICK, WORKLOADS

NAMES = [workload.name for workload in WORKLOADS]


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Compares ringproxy with twemproxy and haproxy in one interleaved run.")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: two workloads, canned servers")
    parser.add_argument("--workload", nargs="+", choices=NAMES + MEMORY, metavar="NAME",
                        help="only these: " + ", ".join(NAMES + MEMORY))
    parser.add_argument("--servers", nargs="+", choices=list(SERVERS), help=", ".join(SERVERS) + " (all)")
    parser.add_argument("--proxies", default=",".join(proxies.KINDS), help="which, by commas (%(default)s)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5; quick 3)")
    parser.add_argument("--seconds", type=float, help="measured seconds of a run (2; quick 1)")
    parser.add_argument("--bin", type=Path, help="folder of the built programs; without it the release preset is built")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench", help="folder of the results (%(default)s)")
    parser.add_argument("--against", type=Path, metavar="BINARY",
                        help="compare with this ringproxy instead of the other proxies")
    parser.add_argument("--instructions", action="store_true",
                        help="count user-space instructions per request by callgrind, and nothing else")
    parser.add_argument("--path", action="store_true", help="the same, and name the source units on a request's way")
    parser.add_argument("--fanout", action="store_true",
                        help="a published message's way to many listeners, beside redis-server's, and nothing else")
    options = parser.parse_args(arguments)
    if options.against:
        options.against = options.against.resolve()
        proxies.add_another(options.against)
        options.proxies = f"{proxies.RINGPROXY},{proxies.AGAINST}"
    options.instructions |= options.path
    quick = options.quick
    options.servers = options.servers or [kind for kind, servers in SERVERS.items() if servers.aimed or not quick]
    if unserved := unserved_workloads(options):
        parser.error(f"no servers of --servers speak the protocol of {', '.join(unserved)}")
    options.workload = options.workload or (QUICK if quick else NAMES + MEMORY)
    options.servers = [kind for kind in options.servers if workloads_of(kind, options)]
    options.rounds = options.rounds or (3 if quick else 5)
    options.seconds = options.seconds or (1.0 if quick else 2.0)
    options.proxies = options.proxies.split(",")
    if unknown := set(options.proxies) - set(proxies.KINDS):
        parser.error(f"unknown proxy {', '.join(unknown)}; there are {', '.join(proxies.KINDS)}")
    return options


def workloads_of(kind, options):
    """The chosen workloads that speak the protocol of these servers."""
    return [workload for workload in WORKLOADS
            if workload.name in options.workload and workload.protocol == SERVERS[kind].protocol]


def unserved_workloads(options):
    """Names that were given although no server of the given ones can serve them."""
    protocols = {SERVERS[kind].protocol for kind in options.servers}
    return [workload.name for workload in WORKLOADS
            if workload.name in (options.workload or []) and workload.protocol not in protocols]


def missing_programs(options, programs):
    wanted = [proxies.PROGRAMS[name] for name in options.proxies if name in proxies.PROGRAMS]
    wanted += [SERVERS[kind].program for kind in options.servers if SERVERS[kind].program]
    own = ["bench_load", "bench_server"] + (["ringproxy"] if proxies.RINGPROXY in options.proxies else [])
    return [name for name in wanted if not shutil.which(name)] + [name for name in own if not (programs / name).exists()]


class Bench:
    """One invocation: knows the cores, the programs and the options, and collects the result."""

    def __init__(self, options, programs, children):
        self.options, self.programs, self.children = options, programs, children
        self.proxy_core, self.other_cores = machine.cores()
        self.files = machine.raise_file_limit()
        self.load = Loader(children, programs, self.other_cores)
        self.result = {
            "machine": machine.describe(), "load_before": os.getloadavg()[0],
            "date": datetime.date.today().isoformat(), "rounds": options.rounds,
            "seconds": options.seconds, "proxies": options.proxies,
            "versions": {name: proxies.version(name, programs) for name in options.proxies},
            "baseline": self.baseline(), "servers": {kind: {} for kind in options.servers}, "memory": {}, "failures": []}

    def start_proxy(self, name, fleet):
        return proxies.start_proxy(name, fleet, self.children, self.programs, self.proxy_core, self.files)

    def baseline(self):
        return proxies.AGAINST if self.options.against else proxies.TWEMPROXY

    @contextlib.contextmanager
    def tolerating(self, what):
        """One failed measurement is told in the report and does not end the others."""
        try:
            yield
        except (RuntimeError, OSError, ValueError) as error:
            print(f"  {what}: {error}", file=sys.stderr)
            self.result["failures"].append(f"{what}: {error}")

    def measure_workloads(self, kind):
        fleet = start_fleet(kind, self.children, self.programs, self.other_cores)
        running = [self.start_proxy(name, fleet) for name in self.options.proxies]
        for workload in workloads_of(kind, self.options):
            print(f"{kind} servers, {workload.title}", file=sys.stderr)
            serving = [proxy for proxy in running if workload.is_served_by(proxy.name)]
            with self.tolerating(f"{workload.name} ({kind})"):
                runs = run_rounds(self.load, workload, serving, fleet, self.options.rounds, self.options.seconds)
                calls = {proxy.name: count_calls(self.load, workload, proxy, self.children) for proxy in serving}
                self.result["servers"][kind][workload.name] = {
                    "summary": summarise(runs, self.baseline()), "calls": calls, "runs": runs}
        for proxy in running:
            self.children.stop(proxy.process)

    def measure_memory(self):
        wanted = [what for what in MEMORY if what in self.options.workload]
        if not wanted:
            return
        fleet = start_fleet("canned", self.children, self.programs, self.other_cores)
        for what in wanted:
            for name in self.options.proxies:
                print(f"memory, {what}: {name}", file=sys.stderr)
                with self.tolerating(f"{what} ({name})"):
                    figures = self.idle(name, fleet) if what == IDLE else self.burst(name, fleet)
                    self.result["memory"].setdefault(what, {})[name] = figures

    def idle(self, name, fleet):
        connections = min(IDLE_CONNECTIONS, proxies.client_limit(name, self.files))
        figures = {}
        for part, ping in (("silent", False), ("pinged", True)):
            proxy = self.start_proxy(name, fleet)
            figures[part] = memory.idle_bytes(self.load, self.children, proxy, connections, ping)
            self.children.stop(proxy.process)
        return figures

    def burst(self, name, fleet):
        proxy = self.start_proxy(name, fleet)
        figures = memory.burst_memory(self.load, self.children, proxy)
        self.children.stop(proxy.process)
        return figures

    def write(self):
        folder = self.options.output
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(json.dumps(self.result, indent=1))
        text = report.markdown(self.result)
        (folder / "bench.md").write_text(text)
        for kind, sets in self.result["servers"].items():
            chart.draw(sets, self.options.proxies, f"{SERVERS[kind].title}\n{self.result['machine']}",
                       folder / f"bench-{kind}.png", aims=SERVERS[kind].aimed)
        print(text)
        print(f"Written to {folder}", file=sys.stderr)


def count_instructions(options, programs, children):
    binaries = {"ringproxy": programs / "ringproxy"} | ({proxies.AGAINST: options.against} if options.against else {})
    workloads = [workload for workload in WORKLOADS if workload.name in instructions.WORKLOAD_NAMES and workload.name in options.workload]
    instructions.run(binaries, workloads, children, programs, set(os.sched_getaffinity(0)), options.path)


def main(arguments=None):
    options = parse_arguments(arguments)
    programs = options.bin.resolve() if options.bin else build("ringproxy", "bench_load", "bench_server")
    if missing := missing_programs(options, programs):
        print(f"tools/bench: not there: {', '.join(missing)}. The packages are nutcracker, haproxy, redis-server and "
              "memcached; --proxies and --servers leave some out.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that the children are stopped on the way out.
    with tempfile.TemporaryDirectory(prefix="ringproxy-bench-") as folder, Children(Path(folder)) as children:
        if options.instructions:
            count_instructions(options, programs, children)
            return 0
        bench = Bench(options, programs, children)
        if options.fanout:
            fanout.run(children, programs, bench.load, bench.proxy_core, bench.other_cores, bench.files, options.rounds)
            return 0
        for kind in options.servers:
            bench.measure_workloads(kind)
        bench.measure_memory()
    bench.write()
    return 1 if bench.result["failures"] else 0
