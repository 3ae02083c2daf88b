"""How exactly real proxies keep a limit: one process with a local limit, and a fleet with a global one."""
import os
import time

from benchmark import machine

from .arrivals import SECOND
from .real import Bench, Loads
from .rows import Finding, Row, Targets

PROCESS_RATES = (5_000, 20_000)
PROCESS_OFFERED = 2
FLEET = 4
FLEET_OFFERED = 3
FLEET_RATE = 1_000
HIGH_RATES = (50_000, 35_000, 25_000, 15_000, 10_000, 5_000)  # The first of them that the machine carries.
PROBE_SECONDS = 1.5
MOST_LAG_MS = 5
SPREADS = {"even": [1] * FLEET, "uneven": [1 / (number + 1) for number in range(FLEET)]}  # The latter is Zipf's, 1.


def shares(spread):
    return [part / sum(SPREADS[spread]) for part in SPREADS[spread]]


def burst_of(rate):
    return rate // 10


def offer(bench, rates, seconds):
    with Loads(bench, rates) as loads:
        time.sleep(seconds)
    return loads


def best_possible(due, rate):
    """What one bucket that sees all requests would admit of those that are due in each millisecond."""
    tokens, admitted = burst_of(rate), 0
    for count in due:
        tokens = min(burst_of(rate), tokens + rate / 1000)
        taken = min(int(tokens), count)
        tokens -= taken
        admitted += taken
    return admitted


def row_of(bench, loads, rate, **texts):
    """The row of a run with one steady load."""
    arrivals = bench.arrivals()
    begin, end = loads.span
    beyond = max(0, arrivals.most_in_a_second()[0] - rate - burst_of(rate)) / rate
    return Row(rate=rate, goodput=arrivals.between(begin, end) / best_possible(loads.due(), rate), beyond=beyond,
               tenths=arrivals.tenths(begin, (end - begin) / SECOND), offered=loads.offered(), stall_ms=loads.stall_ms, **texts)


def findings_of(row, loads):
    yield Finding(row.fleet, f"{row.rate:,}/s, {row.load}: requests without a reply", loads.lost(), "", 0)


def process(open_bench, seconds):
    own, _ = machine.cores()
    for workers, cores in ((1, own), (2, os.sched_getaffinity(0))):
        for rate in PROCESS_RATES:
            with open_bench() as (children, programs):
                bench = Bench(children, programs, os.sched_getaffinity(0))
                bench.start_proxies(1, workers, {"rate": f"{rate}/s"})
                os.sched_setaffinity(bench.proxies[0].process.pid, cores)
                loads = offer(bench, [rate * PROCESS_OFFERED], seconds)
                row = row_of(bench, loads, rate, fleet=f"1 process, {workers} worker{'s' * (workers > 1)}",
                             load=f"real, {PROCESS_OFFERED} times", limiter="token bucket", calls=None,
                             targets=Targets(0.99, 0.001))
                yield row
                yield from findings_of(row, loads)


def start_fleet(children, programs, rate, **limit):
    """The fleet and its store."""
    bench = Bench(children, programs, os.sched_getaffinity(0))
    store = bench.start_store()
    bench.start_proxies(FLEET, 1, {"rate": f"{rate}/s", "scope": "global", **limit})
    return bench, store


def run_fleet(open_bench, rate, spread, seconds):
    with open_bench() as (children, programs):
        bench, _ = start_fleet(children, programs, rate)
        loads = offer(bench, [share * rate * FLEET_OFFERED for share in shares(spread)], seconds)
        calls = sum(proxy.admin.metric("limit_store_calls_total") for proxy in bench.proxies) / max(loads.answered, 1)
        row = row_of(bench, loads, rate, fleet=f"{FLEET} real proxies", load=f"{spread}, {FLEET_OFFERED} times",
                     limiter="lease", calls=calls, targets=Targets(0.98, 0.02, 0.02 if rate >= 50_000 else None))
        failed = sum(proxy.admin.metric("limit_fallback_seconds_total") for proxy in bench.proxies) / len(bench.proxies)
        return row, loads, failed


def highest_rate(open_bench):
    """The highest of HIGH_RATES whose load the machine carries with every spread."""
    for rate in HIGH_RATES:
        if all(run_fleet(open_bench, rate, spread, PROBE_SECONDS)[1].lag_ms <= MOST_LAG_MS for spread in SPREADS):
            return rate
    return None


def fleet(open_bench, seconds):
    highest = highest_rate(open_bench)
    yield Finding(f"{FLEET} real proxies",
                  f"highest rate tried whose {FLEET_OFFERED} times the machine carries", highest, "/s")
    for rate in sorted({FLEET_RATE, highest or FLEET_RATE}):
        for spread in SPREADS:
            row, loads, failed = run_fleet(open_bench, rate, spread, seconds)
            yield row
            yield from findings_of(row, loads)
            yield Finding(row.fleet, f"{rate:,}/s, {spread}: time for which a proxy went without the store", failed, "s")
