"""The store of a real fleet's limit is killed and comes back empty, or hangs, under load."""
import time

from chaos_lib.fleet import Node

from .accuracy import FLEET, FLEET_OFFERED, best_possible, burst_of, shares, start_fleet
from .arrivals import MS, SECOND
from .real import Loads
from .rows import Finding, Row, Targets

RATE = 4_000
DOWN_SECONDS = 2
STORE_TIMEOUT_MS = 20  # global_limits.timeout; a request that waited for the store would wait as long.
HOLDS_MS = 100
STEP_NS = 10 * MS
SPAN_NS = 50 * MS  # In which a rate is told from another …
LONG_SPAN_NS = 200 * MS  # … and from one with a burst.
RECOVERY = {"open": "the limit holds again after", "closed": "the first is admitted again after"}
MODES = ("local", "open", "closed")


def restart(store):
    store.start()
    store.wait_until_it_serves()


# harm → (begin, end): a store that was killed comes back empty, one that hung still has its bucket.
HARMS = {"killed": (Node.kill, restart), "stopped": (Node.stop, Node.cont)}


def first_step(arrivals, begin, end, fits, span=SPAN_NS):
    """When the first span begins, in ms after `begin`, in which as many are admitted as `fits` wants; None if none does."""
    for start in range(begin, end - span, STEP_NS):
        if fits(arrivals.between(start, start + span)):
            return (start - begin) / MS
    return None


def fallback_ms(mode, arrivals, down, up):
    """How long after the store's end what the mode wants holds."""
    in_span = RATE * SPAN_NS / SECOND
    if mode == "open":
        return first_step(arrivals, down, up, lambda count: count >= 0.95 * in_span * FLEET_OFFERED)
    if mode == "local":
        return first_step(arrivals, down, up, lambda count: 0.9 * in_span <= count <= 1.1 * in_span)
    last = arrivals.last(up)
    return max(0, last - down) / MS


def recovery_ms(mode, arrivals, up, end):
    """How long after the store serves again the limit holds again; `local` never let go of it."""
    if mode == "open":
        return first_step(arrivals, up, end, lambda count: count <= 1.2 * RATE * LONG_SPAN_NS / SECOND, LONG_SPAN_NS)
    first = arrivals.first(up) if mode == "closed" else up
    return (first - up) / MS if first else None


def worst_second(mode, arrivals, down, up, end, recovered):
    """The most in a second in which the limit has to hold, and when it begins: with `open`, not during the outage."""
    if mode != "open":
        return arrivals.most_in_a_second()
    return max(arrivals.most_in_a_second(0, down), arrivals.most_in_a_second(up + int(recovered * MS), end))


def latencies(name, loads, begin, down, up):
    requests = loads.requests()
    for title, part in (("before", requests.between(begin, down)), ("meanwhile", requests.between(down, up))):
        texts = " / ".join(f"{part.latency_ms(share):.2f}" for share in (0.5, 0.99, 1))
        yield Finding(name, f"latency p50 / p99 / longest {title}, ms", texts)
    yield Finding(name, "latency of 99.9 % meanwhile", requests.between(down, up).latency_ms(0.999), "ms", STORE_TIMEOUT_MS)
    words = {word: count for word, count in requests.words().items() if word not in ("RATELIMITED", "-RATELIMITED")}
    yield Finding(name, "requests without a reply, or with another error", loads.lost() + sum(words.values()), "", 0)


def run(open_bench, harm, mode, seconds):
    begin_harm, end_harm = HARMS[harm]
    with open_bench() as (children, programs):
        bench, store = start_fleet(children, programs, RATE, on_store_failure=mode)
        with Loads(bench, [share * RATE * FLEET_OFFERED for share in shares("uneven")]) as loads:
            time.sleep(seconds / 2)
            down = time.monotonic_ns()
            begin_harm(store)
            time.sleep(DOWN_SECONDS)
            end_harm(store)
            up = time.monotonic_ns()
            time.sleep(seconds)
        arrivals = bench.arrivals()
        begin, end = loads.span
        name = f"store {harm}, {mode}"
        holds, recovered = fallback_ms(mode, arrivals, down, up), recovery_ms(mode, arrivals, up, end)
        most, worst_begin = worst_second(mode, arrivals, down, up, end, recovered or 0)
        beyond = max(0, most - RATE - burst_of(RATE)) / RATE
        yield Row(f"{FLEET} real proxies", RATE, name, "lease", arrivals.between(begin, end) / best_possible(loads.due(), RATE), beyond,
                  None, arrivals.tenths(begin, (end - begin) / SECOND), Targets(0, 0.02), loads.offered(), loads.stall_ms,
                  [((down - begin) / SECOND, harm), ((up - begin) / SECOND, "back")])
        yield Finding(name, "the fallback holds after", holds, "ms", HOLDS_MS)
        yield Finding(name, "admitted meanwhile, of the limit", arrivals.between(down + HOLDS_MS * MS, up) * SECOND
                      / (RATE * (up - down - HOLDS_MS * MS)) * 100, "%")
        yield Finding(name, "the worst second, against the store's return, begins at", (worst_begin - up) / SECOND, "s")
        if mode in RECOVERY:
            yield Finding(name, RECOVERY[mode], recovered, "ms")
        yield from latencies(name, loads, begin + SECOND // 2, down, up)


def outage(open_bench, seconds):
    for harm in HARMS:
        for mode in MODES:
            yield from run(open_bench, harm, mode, seconds)
