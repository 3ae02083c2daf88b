"""What one local limit that matches and refuses nothing costs the proxy, by tools/bench's way of measuring."""
import os
import statistics

from benchmark import machine, proxies, workloads
from benchmark.fleet import start_fleet
from benchmark.measure import Loader, run_rounds, summarise
from chaos_lib.fleet import poll

from .real import PATIENCE, Proxy
from .rows import Finding

ROUNDS, QUICK_ROUNDS = 15, 5
MOST_PERCENT = 3
WITHOUT, AGAIN, WITH = "no limit", "no limit again", "one limit"  # The second tells what the machine alone makes of the figures.
RATE = 10_000_000  # More than any proxy sees.
LIMITS = {WITHOUT: None, AGAIN: None, WITH: {"rate": f"{RATE}/s"}}


class _Place:
    """What a Proxy wants to know of a Bench."""

    def __init__(self, children, programs, cores):
        self.children, self.programs, self.cores = children, programs, cores


def cost(open_bench, seconds, quick):
    own, others = machine.cores()
    with open_bench() as (children, programs):
        fleet = start_fleet("canned" if (programs / "bench_server").exists() else "redis", children, programs, others)
        pools = {"main": {"nodes": fleet.addresses}}
        running = []
        for number, (name, limit) in enumerate(LIMITS.items()):
            proxy = Proxy(number, _Place(children, programs, own), 1, pools, limit)
            poll(proxy.is_ready, f"{proxy.name} is ready", PATIENCE, 0.02)
            running.append(proxies.Proxy(name, f"127.0.0.1:{proxy.port}", proxy.process, 0))
        load = Loader(children, programs, others)
        for workload in workloads.WORKLOADS:
            if workload.name not in workloads.QUICK:
                continue
            runs = run_rounds(load, workload, running, fleet, QUICK_ROUNDS if quick else ROUNDS, seconds)
            yield from findings(workload, runs)


def more_percent(runs, name):
    """By how much it used more than WITHOUT: the quartiles of the rounds."""
    ratios = [(run["cpu_us"] / other["cpu_us"] - 1) * 100 for run, other in zip(runs[name], runs[WITHOUT], strict=True)]
    return statistics.quantiles(ratios, n=4, method="inclusive")


def findings(workload, runs):
    summary = summarise(runs, WITHOUT)
    used = {name: medians["cpu_us"] for name, medians in summary["medians"].items()}
    name = f"cost, {workload.title}"
    yield Finding(name, f"CPU a request, {WITHOUT} / {WITH}, us", f"{used[WITHOUT]:.3f} / {used[WITH]:.3f}")
    for other, most in ((WITH, MOST_PERCENT), (AGAIN, None)):
        lower, median, upper = more_percent(runs, other)
        yield Finding(name, f"{other} uses more: median of the rounds", median, "%", most)
        yield Finding(name, f"{other} uses more: half of the rounds lie between, %", f"{lower:.1f} and {upper:.1f}")
    yield Finding(name, "faults, and the machine's load average", f"{sum(summary['faults'].values())}, {os.getloadavg()[0]:.1f}")
