"""The Markdown report: a table of what is to be reached, the full figures, memory, and how it was measured."""
from .fleet import SERVERS
from .measure import BUSY_ENOUGH
from .proxies import AGAINST, HAPROXY, RINGPROXY, TWEMPROXY
from .workloads import BURST, BURST_RATIO_TARGET, IDLE, IDLE_BYTES_TARGET, WORKLOADS

ABSENT = "–"
BUSY_MACHINE = 0.7  # load average before the run
AGAINST_CPU_RATIO = 1.05  # Of the CPU of the ringproxy that --against names.


def markdown(result):
    """The whole report of a result (see cli.py), ready to stand in a README."""
    parts = [_head(result)]
    for kind, sets in result["servers"].items():
        if sets:
            aimed = SERVERS[kind].aimed and result["baseline"] == TWEMPROXY
            parts += [f"### {SERVERS[kind].title}", _cost_table(aimed, sets, result["proxies"]),
                      _speed_table(aimed, sets, result["proxies"])]
    if result["memory"]:
        parts += ["### Memory", _memory_table(result["memory"], result["proxies"])]
    parts += [_notes(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result):
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (f"Measured on {result['machine']}; {versions}; {result['date']}. One worker each, pinned to one core; load and "
            f"servers on the other. Medians of {result['rounds']} interleaved rounds of {result['seconds']:g} s; a ratio is "
            f"the median of the rounds' ratios of ringproxy to {result['baseline']}. Targets stand in brackets.")


def _rows(sets):
    return [(workload, sets[workload.name]) for workload in WORKLOADS if workload.name in sets]


def _table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _judged(value, target, form):
    if value is None:
        return ABSENT
    if target is None:
        return form.format(value)
    return _verdict(form.format(value), form.format(target), value <= target)


def _verdict(shown, target, met):
    return f"{shown} (≤ {target}, met)" if met else f"**{shown} (≤ {target}, missed)**"


def _cost_table(aimed, sets, proxies):
    head = ["workload", *[f"CPU µs: {proxy}" for proxy in proxies], "ratio", *[f"calls: {proxy}" for proxy in proxies]]
    rows = []
    for workload, entry in _rows(sets):
        summary, calls = entry["summary"], entry["calls"]
        cpu_ratio = AGAINST_CPU_RATIO if AGAINST in proxies else workload.cpu_ratio if aimed else None
        ratio = summary["ratios"].get(RINGPROXY, {}).get("cpu_us")
        row = [workload.title, *[_cpu(summary, proxy, workload) for proxy in proxies],
               _judged(ratio, cpu_ratio, "{:.2f}")]
        for proxy in proxies:
            target = workload.calls if aimed and proxy == RINGPROXY else None
            row.append(_judged(calls.get(proxy, {}).get("total"), target, "{:.2f}"))
        rows.append(row)
    return "CPU time of the proxy (user and system) and its system calls, per request:\n\n" + _table(head, rows)


def _cpu(summary, proxy, workload):
    medians = summary["medians"].get(proxy)
    if not medians:
        return ABSENT
    idle = not workload.rate and medians["busy"] < BUSY_ENOUGH
    faults = "!" if summary["faults"][proxy] else ""
    return f"{medians['cpu_us']:.2f}{'°' if idle else ''}{faults}"


def _speed_table(aimed, sets, proxies):
    head = ["workload", *[f"{proxy}: requests/s" for proxy in proxies],
            *[f"{proxy}: p50 / p99 / p99.9 ms" for proxy in proxies], "p99 ratio"]
    rows = []
    for workload, entry in _rows(sets):
        summary = entry["summary"]
        medians = [summary["medians"].get(proxy) for proxy in proxies]
        ratio = summary["ratios"].get(RINGPROXY, {}).get("p99_us")
        rows.append([workload.title,
                     *[f"{figures['requests_per_second']:,.0f}" if figures else ABSENT for figures in medians],
                     *[_latencies(figures) if figures else ABSENT for figures in medians],
                     _judged(ratio, workload.p99_ratio if aimed else None, "{:.2f}")])
    return "Throughput and latency:\n\n" + _table(head, rows)


def _latencies(figures):
    return " / ".join(f"{figures[name] / 1e3:.2f}" for name in ("p50_us", "p99_us", "p999_us"))


def _memory_table(memory, proxies):
    def cell(proxy, what, part):
        target = IDLE_BYTES_TARGET if proxy == RINGPROXY else None
        figures = memory.get(what, {}).get(proxy, {}).get(part)
        return _judged(figures["bytes"], target, "{:,.0f}") if figures else ABSENT

    rows = []
    if IDLE in memory:
        rows += [["bytes per idle connection, nothing sent yet", *[cell(proxy, IDLE, "silent") for proxy in proxies]],
                 ["bytes per idle connection, after one PING", *[cell(proxy, IDLE, "pinged") for proxy in proxies]]]
    if BURST in memory:
        for title, part in (("before a burst of 1 MiB values, MiB", "before_kib"), ("at most", "most_kib"),
                            ("5 s after it, its clients still connected", "after_open_kib"),
                            ("5 s after they left", "after_closed_kib")):
            rows.append([title, *[_burst_cell(memory[BURST].get(proxy), part, proxy) for proxy in proxies]])
    return _table(["resident memory of the proxy", *proxies], rows)


def _burst_cell(figures, part, proxy):
    if not figures:
        return ABSENT
    shown, ratio = f"{figures[part] / 1024:.1f}", figures[part] / figures["before_kib"]
    if not part.startswith("after"):
        return shown
    text = f"{shown}, x {ratio:.2f}"
    return _verdict(text, f"{BURST_RATIO_TARGET:.2f}", ratio <= BURST_RATIO_TARGET) if proxy == RINGPROXY else text


def _notes(result):
    entries = [(kind, workload, entry) for kind, sets in result["servers"].items() for workload, entry in _rows(sets)]
    summaries = [entry["summary"] for _, _, entry in entries]
    notes = []
    if result["load_before"] > BUSY_MACHINE:
        notes.append(f"The machine had other work when this began (load average {result['load_before']:.1f}): "
                     "read the ratios, not the figures.")
    if any(not workload.rate and figures["busy"] < BUSY_ENOUGH
           for _, workload, entry in entries for figures in entry["summary"]["medians"].values()):
        notes.append(f"° This proxy used less than {BUSY_ENOUGH:.0%} of its core: the load, the servers or other work on "
                     "the machine were the limit, so its throughput could be higher.")
    if any(count for summary in summaries for count in summary["faults"].values()):
        faults = [f"{proxy} {count} in {workload.name} ({kind})" for kind, workload, entry in entries
                  for proxy, count in entry["summary"]["faults"].items() if count]
        notes.append("! Error replies, disconnects or missing replies: " + ", ".join(faults) + ".")
    idle = result["memory"].get(IDLE, {})
    fewer = [f"{proxy} {figures['silent']['connections']:,}" for proxy, figures in idle.items()]
    if fewer:
        notes.append("Idle connections held: " + ", ".join(fewer) + ".")
    notes += [f"Failed: {failure}" for failure in result["failures"]]
    if HAPROXY in result["proxies"]:
        notes.append("haproxy passes bytes through (TCP mode): it knows no keys and splits nothing. "
                     f"{TWEMPROXY} runs ketama, fnv1a_64, preconnect.")
    return "\n\n".join(notes)
