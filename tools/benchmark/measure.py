"""One run of the load generator against one proxy, and the rounds in which the proxies take turns."""
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from .fleet import fill

CALLS_SECONDS = 0.5
BUSY_ENOUGH = 0.90  # of its core; a proxy below was not what limited the throughput


class Loader:
    """Runs bench_load on the cores beside the proxy's."""

    def __init__(self, children, programs, cores):
        self._children, self._program, self.cores = children, programs / "bench_load", cores

    def start(self, address, arguments):
        return self._children.start("bench_load", [self._program, "--address", address, *arguments], self.cores,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, address, arguments):
        child = self.start(address, arguments)
        try:
            output, _ = child.communicate()
        finally:
            self._children.stop(child)
        if child.returncode != 0:
            log = (self._children.folder / "bench_load.log").read_text(errors="replace").strip()
            raise RuntimeError(f"bench_load failed with status {child.returncode}: {log[-300:]}")
        return json.loads(output)


def run_once(load, workload, proxy, fleet, seconds):
    watch = [f"proxy={proxy.pid}", *[f"server{index}={pid}" for index, pid in enumerate(fleet.pids)]]
    report = load(proxy.address, [*workload.load_arguments(), "--seconds", seconds,
                                  *[part for who in watch for part in ("--watch", who)]])
    requests, cpu = max(report["requests"], 1), report["cpu_us"]
    return {
        "requests": report["requests"],
        "requests_per_second": report["requests_per_second"],
        "cpu_us": cpu["proxy"] / requests,
        "busy": cpu["proxy"] / 1e6 / report["seconds"],
        "load_cpu_us": cpu["load"] / requests,
        "servers_cpu_us": sum(used for name, used in cpu.items() if name.startswith("server")) / requests,
        **{f"{name}_us": report["latency_us"][name] for name in ("p50", "p99", "p999", "mean", "max")},
        **{name: report[name] for name in ("errors", "disconnects", "unanswered", "first_error")},
    }


def run_rounds(load, workload, proxies, fleet, rounds, seconds):
    """{proxy name: [a run for each round]}, the proxies in turn: whatever disturbs the machine disturbs all alike."""
    fill(fleet, workload, load)
    runs = {proxy.name: [] for proxy in proxies}
    for index in range(rounds):
        for proxy in proxies:
            run = run_once(load, workload, proxy, fleet, seconds)
            runs[proxy.name].append(run)
            print(f"  {workload.name} {index + 1}/{rounds} {proxy.name:<10} {run['requests_per_second']:>10,.0f}/s "
                  f"{run['cpu_us']:>8.2f} us CPU, busy {run['busy']:.0%}, p99 {run['p99_us']:,.0f} us", file=sys.stderr)
    return runs


def count_calls(load, workload, proxy, children):
    """System calls per request by name, in a short run apart, because counting them slows the proxy."""
    arguments = [*workload.load_arguments(), "--seconds", CALLS_SECONDS]
    report = load(proxy.address, [*arguments, "--count-calls", proxy.pid])
    calls = report["calls"]
    if not calls.get("total") and shutil.which("strace"):
        report, calls = _count_with_strace(load, arguments, proxy, children)
    per_request = {name: count / max(report["requests"], 1) for name, count in calls.items()}
    shown = ", ".join(f"{name} {count:.2f}" for name, count in sorted(per_request.items(), key=lambda call: -call[1]))
    print(f"  {workload.name} calls {proxy.name}: {shown}", file=sys.stderr)
    return per_request


def _count_with_strace(load, arguments, proxy, children):
    """For kernels that do not let us count by tracepoint. It slows the proxy much and so flatters batching a little."""
    table = children.folder / "strace.txt"
    strace = children.start("strace", ["strace", "-c", "-f", "-qq", "-o", table, "-p", proxy.pid], load.cores)
    time.sleep(0.3)  # strace does not tell when it has attached.
    report = load(proxy.address, [*arguments, "--warmup", 0])
    children.stop(strace, signal.SIGINT)
    rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", table.read_text(), re.M)
    return report, {name: int(count) for count, name in rows}


def summarise(runs, baseline):
    """Per proxy the median of every measure; against the baseline the median of the ratios of each round."""
    numbers = [name for name, value in next(iter(runs.values()))[0].items() if not isinstance(value, str)]
    medians = {proxy: {name: statistics.median(run[name] for run in rounds) for name in numbers}
               for proxy, rounds in runs.items()}
    faults = {proxy: sum(run["errors"] + run["disconnects"] + run["unanswered"] for run in rounds)
              for proxy, rounds in runs.items()}
    ratios = {}
    for proxy, rounds in runs.items():
        if proxy == baseline or baseline not in runs:
            continue
        pairs = list(zip(rounds, runs[baseline]))
        ratios[proxy] = {name: statistics.median(mine[name] / other[name] for mine, other in pairs)
                         for name in ("cpu_us", "requests_per_second", "p50_us", "p99_us", "p999_us")
                         if all(other[name] for _, other in pairs)}
    return {"medians": medians, "faults": faults, "ratios": ratios}
