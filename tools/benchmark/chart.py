"""The chart: CPU per request and p99 of each proxy, relative to twemproxy, with the targets marked."""
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend must be chosen first)

from .proxies import AGAINST, HAPROXY, RINGPROXY, TWEMPROXY  # noqa: E402
from .workloads import WORKLOADS  # noqa: E402

COLOURS = {RINGPROXY: "#2166ac", AGAINST: "#92c5de", TWEMPROXY: "#b2b2b2", HAPROXY: "#f4a582"}
WIDEST = 2.0  # A longer bar is cut off; its number says how long it is.
PANELS = [("cpu_us", "CPU per request", "cpu_ratio"), ("p99_us", "p99 latency", "p99_ratio")]


def draw(sets, proxies, title, path, aims):
    """Draws one server set of a result, with or without targets; does nothing when there is no twemproxy to compare with."""
    rows = [(workload, sets[workload.name]["summary"]) for workload in reversed(WORKLOADS) if workload.name in sets]
    shown = [proxy for proxy in proxies if proxy != TWEMPROXY]
    if not rows or not shown or not any(summary["ratios"] for _, summary in rows):
        return False
    figure, axes = pyplot.subplots(1, len(PANELS), sharey=True, figsize=(11, 1.6 + 0.55 * len(rows)))
    for axis, (measure, label, target) in zip(axes, PANELS):
        _panel(axis, rows, shown, measure, target if aims else None)
        axis.set_title(f"{label}, twemproxy = 1 (less is better)", fontsize=10)
    axes[0].set_yticks(range(len(rows)), [workload.title for workload, _ in rows], fontsize=9)
    axes[0].legend(loc="lower right", fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return True


def _panel(axis, rows, proxies, measure, target):
    height = 0.8 / len(proxies)
    for index, proxy in enumerate(proxies):
        places = [row + 0.4 - height * (index + 0.5) for row in range(len(rows))]
        values = [summary["ratios"].get(proxy, {}).get(measure, 0) for _, summary in rows]
        axis.barh(places, values, height, color=COLOURS[proxy], label=proxy)
        for place, value in zip(places, values):
            axis.text(0.02, place, f"{value:.2f}" if value else "", va="center", fontsize=8,
                      color="white" if proxy == RINGPROXY and value > 0.2 else "black")
    axis.axvline(1, color="#666666", linewidth=1)
    axis.set_xlim(0, WIDEST)
    aims = [(row, getattr(workload, target)) for row, (workload, _) in enumerate(rows)
            if target and getattr(workload, target)]
    for row, aim in aims:
        label = "target of ringproxy" if (row, aim) == aims[0] else None
        axis.plot([aim, aim], [row - 0.42, row + 0.42], color="#b2182b", linewidth=2, label=label)
