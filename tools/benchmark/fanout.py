"""A published message's way to many listeners: through ringproxy, and from a redis-server at once."""
import statistics
import sys

from . import proxies
from .fleet import start_fleet
from .proxies import RINGPROXY, Proxy

SERVER = "redis-server"
LISTENERS = 10_000
MESSAGES = 50
CPU_RATIO, TIME_RATIO = 1.2, 1.2  # Of redis-server's; reported against it.


def run(children, programs, load, proxy_core, cores, files, rounds):
    """Prints the table: medians of interleaved rounds, each on its own listeners."""
    fleet = start_fleet("redis", children, programs, cores)
    listeners = min(LISTENERS, files - 200)
    server = start_fleet("redis", children, programs, proxy_core)
    subjects = [proxies.start_proxy(RINGPROXY, fleet, children, programs, proxy_core, files),
                Proxy(SERVER, server.addresses[0], server.processes[0], 0)]
    runs = {subject.name: [] for subject in subjects}
    for index in range(rounds):
        for subject in subjects:
            report = load(subject.address, ["--listeners", listeners, "--messages", MESSAGES, "--watch", f"proxy={subject.pid}"])
            figures = (report["cpu_us"]["proxy"] / report["deliveries"], report["seconds"] / MESSAGES * 1e3, report["slowest_ms"])
            runs[subject.name].append(figures)
            print(f"  fanout {index + 1}/{rounds} {subject.name:<12} {figures[0]:.2f} us CPU a delivery, "
                  f"{figures[1]:.1f} ms until all have it, at most {figures[2]:.1f} ms", file=sys.stderr)
    print(_table(runs, listeners, rounds))


def _table(runs, listeners, rounds):
    lines = [f"{MESSAGES} messages of 64 B to {listeners:,} listeners, medians of {rounds} interleaved rounds:", "",
             "| | CPU µs a delivery | ms until all have it | at most, ms |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | " + " | ".join(f"{statistics.median(column):.2f}" for column in zip(*rows)) + " |"
              for name, rows in runs.items()]
    cpu, time, _ = (statistics.median(mine / other for mine, other in zip(*pair))
                    for pair in zip(zip(*runs[RINGPROXY]), zip(*runs[SERVER])))
    return "\n".join([*lines, f"| ratio | {cpu:.2f} (≤ {CPU_RATIO}) | {time:.2f} (≤ {TIME_RATIO}) | |"])
