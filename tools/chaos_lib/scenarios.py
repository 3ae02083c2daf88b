"""What is done to the nodes, and the rows of the table that come of it; flapping.py has the long one."""
from dataclasses import dataclass, field

from .delay import Delay
from .fleet import Fleet
from .load import FAST_NS, MS, Load, pause
from .sampler import Sampler, now

BEFORE_SECONDS = 3
DEAD_SECONDS = 3
DATA_MEBIBYTES = 200
WAITED_LONGEST_NS = 500 * MS  # What is sent so long before a kill has been answered, or has timed out, without it.
WAITED_NS = 50 * MS  # A request that took longer was waiting for the node.


@dataclass
class Row:
    what: str
    target: str
    measured: str
    met: bool | None = None  # None: nothing was to be reached.
    figures: dict = field(default_factory=dict)


@dataclass
class Bench:
    """What every scenario is given."""
    children: object
    programs: object
    cores: set
    rate: int
    flap_seconds: float

    def fleet(self, **options):
        return Fleet(self.children, self.programs, self.cores, **options)

    def load(self, fleet):
        return Load(fleet, self.rate)


def no_error(load, nodes, begin, end, whose):
    requests = load.of(*nodes).between(begin, end)
    errors = len(requests.failed())
    return Row(f"errors of {whose}", "0", f"{errors} of {len(requests):,}", errors == 0,
               {"errors": requests.words(), "requests": len(requests)})


def p99_kept(load, nodes, before, during, whose):
    """Whether the 99th percentile stays within twice of before; `before` and `during` are (begin, end)."""
    was, became = (load.of(*nodes).between(*window).good().latency_ms(0.99) for window in (before, during))
    return Row(f"p99 of {whose}", f"≤ 2 × of before ({2 * was:.2f} ms)", f"{became:.2f} ms", became <= 2 * was,
               {"before_ms": was, "during_ms": became})


def detection(requests, event, end):
    """When the first request was refused, and when the last one was sent that still waited for the node."""
    after = requests.between(event, end)
    first = after.failed("NODEDOWN").first_reply()
    waited = [started for started, replied, word in after.rows if word != "NODEDOWN" or replied - started > WAITED_NS]
    return first, max([first or end, *waited])


def detected_within(requests, event, end, milliseconds):
    first, complete = detection(requests, event, end)
    took = (complete - event) / MS
    first_ms = (first - event) / MS if first else None
    return Row("detection, until no request waits for the node", f"≤ {milliseconds:,} ms",
               f"{took:,.0f} ms" + (f" (first refusal after {first_ms:,.0f} ms)" if first else ": never"),
               first is not None and took <= milliseconds, {"first_ms": first_ms, "complete_ms": took}), complete


def fast_errors(requests, noise, whose):
    """Each error within 1 ms; `noise`: requests while nothing was wrong, for what the machine adds."""
    failed = requests.failed()
    every = bool(failed) and len(failed) == len(requests) and failed.share_within(FAST_NS) == 1
    slow, total = sum(replied - started > FAST_NS for started, replied, _ in failed.rows), len(failed)
    measured = (f"p50 {failed.latency_ms(0.5):.3f}, p99 {failed.latency_ms(0.99):.3f}, longest {failed.latency_ms(1):.2f} ms; "
                f"{slow} of {total:,} above 1 ms; served requests before the fault: "
                f"{1 - noise.share_within(FAST_NS):.2%} above 1 ms, longest {noise.latency_ms(1):.2f} ms")
    return Row(f"each request of {whose} fails within", "1 ms", measured, every, {
        "p50_ms": failed.latency_ms(0.5), "p99_ms": failed.latency_ms(0.99), "p999_ms": failed.latency_ms(0.999),
        "longest_ms": failed.latency_ms(1), "above": slow, "requests": len(requests), "errors": failed.words(),
        "noise_share_above": 1 - noise.share_within(FAST_NS), "noise_longest_ms": noise.latency_ms(1)})


def nothing_crossed(load):
    measured = "0" if not load.wrong else f"{len(load.wrong)}: {load.wrong[0]}"
    extra = f"; {load.disconnects} clients disconnected, {load.unanswered} requests without a reply"
    if load.crowded:
        extra += f"; {load.crowded} requests waited for a connection"
    return Row("replies that belong to another request or client", "0", measured + extra,
               not load.wrong and not load.disconnects and not load.unanswered, {"wrong": load.wrong, "stall_ms": load.stall_ms})


def memory(what, target_mebibytes, before, most, after):
    grew = (most - before) / 1024
    return Row(f"resident memory {what}", f"grows by ≤ {target_mebibytes} MiB",
               f"{before / 1024:.1f} MiB before, at most {most / 1024:.1f}, {after / 1024:.1f} afterwards",
               grew <= target_mebibytes, {"before_kib": before, "most_kib": most, "after_kib": after})


def kill(bench):
    with bench.fleet() as fleet:
        victim, others = fleet.nodes[0], fleet.nodes[1:]
        victim.add_data(DATA_MEBIBYTES)
        with bench.load(fleet) as load:
            begin = now()
            pause(BEFORE_SECONDS)
            killed = now()
            closed = victim.kill()
            pause(DEAD_SECONDS)
            restarted = now()
            victim.start()
            victim.yield_to_others(True)
            victim.wait_until_it_serves()
            can_serve = now()
            victim.yield_to_others(False)
            fleet.wait_until_served(victim)
            is_up = now()
            pause(2)
            end = now()
        return _kill_rows(load, victim, others, (begin, killed, closed, restarted, can_serve, is_up, end))


def _kill_rows(load, victim, others, times):
    begin, killed, closed, restarted, can_serve, is_up, end = times
    dead = load.of(victim)
    found, complete = detected_within(dead, closed, restarted, 100)
    found.measured += f"; the kernel took {(closed - killed) / MS:.0f} ms to end its connections"
    served = dead.between(restarted, end).good().first_reply() or end
    # The first answers may be few: a breaker lets some reads try the node. Errors of the node itself are another thing.
    early = dead.between(restarted, end).rows
    early = [row for row in early if row[2] not in ("", "NODEDOWN") or (row[2] and row[0] > is_up)]
    tried = dead.between(served, is_up)
    took = (served - can_serve) / MS
    whose = "the other three nodes' keys"
    return [
        no_error(load, others, begin, end, whose),
        p99_kept(load, others, (begin, killed), (killed, restarted), f"{whose} while it is dead"),
        p99_kept(load, others, (begin, killed), (restarted, is_up), f"{whose} while it loads and returns"),
        found,
        fast_errors(dead.between(complete, restarted), load.of(*others).between(begin, killed), "its keys, once detected,"),
        Row("from when it can serve until it is asked again", "≤ 2,000 ms",
            f"{took:,.0f} ms (it loaded {DATA_MEBIBYTES} MiB for {(can_serve - restarted) / MS:,.0f} ms)", took <= 2000,
            {"served_ms": took, "loading_ms": (can_serve - restarted) / MS}),
        Row("requests that failed because it was asked too early", "0",
            f"{len(early)} (refused while it was on trial, for {(is_up - served) / MS:,.0f} ms: "
            f"{len(tried.failed('NODEDOWN')):,} of {len(tried):,})", not early,
            {"early": len(early), "trial_refused": len(tried.failed("NODEDOWN")), "trial": len(tried)}),
        nothing_crossed(load),
    ]


def stop(bench):
    with bench.fleet() as fleet:
        victim, others = fleet.nodes[0], fleet.nodes[1:]
        with bench.load(fleet) as load, Sampler(fleet.resident_kib) as resident:
            begin = now()
            pause(BEFORE_SECONDS)
            # For little more than a request may take, so that the connections outlive it and the late replies come.
            victim.stop()
            pause(1.1)
            victim.cont()
            fleet.wait_until_served(victim)
            late = fleet.admin.metric("node_late_replies_total", node=victim.name)
            pause(1)
            stopped = now()
            victim.stop()
            pause(4)
            resumed = now()
            victim.cont()
            fleet.wait_until_served(victim)
            is_up = now()
            pause(2)
            end = now()
        found, complete = detected_within(load.of(victim), stopped, resumed, 1500)
        timed_out = load.of(victim).failed("TIMEOUT")
        whose = "the other three nodes' keys"
        return [
            nothing_crossed(load),
            found,
            fast_errors(load.of(victim).between(complete, resumed), load.of(*others).between(begin, stopped),
                        "its keys, once detected,"),
            Row("late replies, dropped and counted (stopped for 1.1 s)", "> 0", f"{late:,.0f} of {len(timed_out):,} timeouts in all",
                late > 0, {"late": late, "timeouts": len(timed_out)}),
            no_error(load, others, begin, end, whose),
            p99_kept(load, others, (begin, stopped), (stopped, resumed), whose),
            Row("from SIGCONT until it is up", "≤ 2,000 ms", f"{(is_up - resumed) / MS:,.0f} ms", is_up - resumed <= 2000 * MS,
                {"up_ms": (is_up - resumed) / MS}),
            memory("(stopped for 4 s)", 32, resident.most(begin, stopped), resident.most(stopped, resumed), resident.samples[-1][1]),
        ]


def slow(bench):
    delay = Delay()
    with bench.fleet(front=delay.start) as fleet:
        victim, others = fleet.nodes[0], fleet.nodes[1:]
        with bench.load(fleet) as load:
            begin = now()
            pause(BEFORE_SECONDS)
            slowed = now()
            # It still passes its checks, and stays: its clients would rather wait than read errors.
            delay.hold(0.3)
            pause(4)
            # Now it fails them too.
            failing = now()
            delay.hold(2)
            pause(8)
            view = fleet.view(victim)
            quick = now()
            delay.hold(0)
            fleet.wait_until_served(victim)
            is_up = now()
        delay.stop()
        after = load.of(victim).between(failing, quick)
        refused = after.failed("NODEDOWN").first_reply() or quick
        took, rest = (refused - failing) / MS, after.between(refused, quick)
        whose = "the other three nodes' keys"
        return [
            # What was sent last reads of the longer delay.
            no_error(load, [victim], slowed, failing - 500 * MS, "its own keys, while it passes its checks"),
            Row("until it is cut off, from when its checks fail", "≤ 5,000 ms",
                f"{took:,.0f} ms; of the requests after that {len(rest.failed('NODEDOWN')) / max(len(rest), 1):.1%} were refused "
                f"(state {view['state']}: {view['reason']}, {view['detail']})", took <= 5000, {"took_ms": took, "view": view}),
            no_error(load, others, begin, is_up, whose),
            p99_kept(load, others, (begin, slowed), (slowed, quick), whose),
            Row("from when it is quick again until it is up", "–", f"{(is_up - quick) / MS:,.0f} ms"),
            nothing_crossed(load),
        ]


def half(bench):
    with bench.fleet() as fleet:
        first, third, last = fleet.nodes[:2], fleet.nodes[2], fleet.nodes[3]
        with bench.load(fleet) as load:
            begin = now()
            pause(BEFORE_SECONDS)
            killed = now()
            for node in first:
                node.kill()
            pause(DEAD_SECONDS)
            more = now()
            third.kill()
            pause(DEAD_SECONDS)
            fails_open = "all of them are asked" in fleet.log()
            restarted = now()
            for node in (*first, third):
                node.start()
            for node in (*first, third):
                fleet.wait_until_served(node)
            is_up = now()
        alive, noise = (third, last), load.of(last).between(begin, killed)
        two = max(detection(load.of(node), killed, more)[1] for node in first)
        three = detection(load.of(third), more, restarted)[1]
        return [
            no_error(load, alive, begin, more - WAITED_LONGEST_NS, "the living nodes' keys, two of four dead"),
            p99_kept(load, alive, (begin, killed), (killed, more), "the living nodes' keys, two of four dead"),
            fast_errors(load.of(*first).between(two, more), noise, "the two dead nodes' keys"),
            no_error(load, [last], begin, is_up, "the last node's keys, three of four dead"),
            p99_kept(load, [last], (begin, killed), (more, restarted), "the last node's keys, three of four dead"),
            Row("fails open beyond max_ejected", "yes", "yes" if fails_open else "no", fails_open),
            fast_errors(load.of(*first, third).between(three, restarted), noise, "the three dead nodes' keys, asked all the same,"),
            Row("from the start of three empty servers until all are up", "–", f"{(is_up - restarted) / MS:,.0f} ms"),
            nothing_crossed(load),
        ]


def all_dead(bench):
    with bench.fleet() as fleet:
        with bench.load(fleet) as load, Sampler(fleet.resident_kib) as resident:
            begin = now()
            pause(BEFORE_SECONDS)
            killed = now()
            for node in fleet.nodes:
                node.kill()
            pause(4)
            restarted = now()
            for node in fleet.nodes:
                node.start()
            for node in fleet.nodes:
                fleet.wait_until_served(node)
            is_up = now()
        detected = max(detection(load.of(node), killed, restarted)[1] for node in fleet.nodes)
        every = load.of(*fleet.nodes)
        return [
            Row("detection of all four", "≤ 100 ms", f"{(detected - killed) / MS:,.0f} ms", detected - killed <= 100 * MS),
            fast_errors(every.between(detected, restarted), every.between(begin, killed), "any key"),
            memory("(all dead for 4 s)", 2, resident.most(begin, killed), resident.most(killed, restarted), resident.samples[-1][1]),
            Row("from the start of four servers until all are up", "–", f"{(is_up - restarted) / MS:,.0f} ms"),
            nothing_crossed(load),
        ]
