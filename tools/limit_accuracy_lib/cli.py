"""The command line of tools/limit_accuracy."""
import argparse
import contextlib
import dataclasses
import datetime
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark import machine
from benchmark.children import Children
from benchmark.programs import build

from . import accuracy, chart, simulated
from .cost import cost
from .outage import outage
from .rows import Finding, Row, table

SIMULATED = "simulated"
SECONDS, QUICK_SECONDS = 10, 3
# part → (what it measures, its function of how to open a bench and the options)
PARTS = {
    SIMULATED: ("fleets of 4 and of 32 in simulation, beside three simple limiters", None),
    "process": ("one real process, a local limit, 1 and 2 workers",
                lambda open_bench, options: accuracy.process(open_bench, options.seconds)),
    "fleet": ("four real processes, a global limit, a real store",
              lambda open_bench, options: accuracy.fleet(open_bench, options.seconds)),
    "outage": ("the same, and the store is killed or hangs for a while",
               lambda open_bench, options: outage(open_bench, options.seconds / 2)),
    "cost": ("CPU of a request with and without a limit",
             lambda open_bench, options: cost(open_bench, options.seconds / 5, options.quick)),
}


def parse_arguments(arguments):
    known = "\n".join(f"  {name:10} {what}" for name, (what, _) in PARTS.items())
    parser = argparse.ArgumentParser(prog="tools/limit_accuracy", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Measures how exactly a limit holds, and what it costs.",
                                     epilog=f"parts (all of them without a name):\n{known}")
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], metavar="PART", help="only these")
    parser.add_argument("--quick", action="store_true", help="shorter: a first look")
    parser.add_argument("--bin", type=Path, help="folder of the built programs; without it the release preset is built")
    parser.add_argument("--seconds", type=float, help=f"length of a load ({SECONDS}; quick {QUICK_SECONDS})")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated arrivals (%(default)s)")
    parser.add_argument("--chart", type=Path, help="also write a chart there, as one HTML file")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args(arguments)
    options.part = options.part or list(PARTS)
    options.seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    return options


@contextlib.contextmanager
def open_bench(programs):
    """A folder of its own for a measurement; whatever it starts ends with it."""
    with tempfile.TemporaryDirectory(prefix="ringproxy-limits-") as folder, Children(Path(folder)) as children:
        yield children, programs


def measure(part, options, programs):
    """Yields rows and findings."""
    print(f"{part}: {PARTS[part][0]}", file=sys.stderr)
    if part == SIMULATED:
        yield from simulated.measure(programs / "lease_fleet", options.seconds, options.seed)
        return
    for result in PARTS[part][1](functools.partial(open_bench, programs), options):
        print("  " + " ".join(text for text in result.texts() if text), file=sys.stderr)
        yield result


def heading():
    return f"{machine.describe()}; {datetime.date.today().isoformat()}; load average before {os.getloadavg()[0]:.1f}"


def run(options, programs):
    results, failures = [], []
    for part in options.part:
        try:
            for result in measure(part, options, programs):
                results.append(result)
        except (RuntimeError, OSError, AssertionError, subprocess.CalledProcessError) as error:
            failures.append(f"{part}: {type(error).__name__}: {error}")
    return [row for row in results if isinstance(row, Row)], [each for each in results if isinstance(each, Finding)], failures


def main(arguments=None):
    options = parse_arguments(arguments)
    real = set(options.part) - {SIMULATED}
    if real and not shutil.which("redis-server"):
        print("tools/limit_accuracy: redis-server is not there; it is a package of that name", file=sys.stderr)
        return 2
    wanted = [*(["lease_fleet"] if SIMULATED in options.part else []), *(["ringproxy", "bench_load", "bench_server"] if real else [])]
    programs = options.bin.resolve() if options.bin else build(*wanted)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that the children are stopped on the way out.
    machine.raise_file_limit()
    head = heading()
    rows, findings, failures = run(options, programs)
    text = f"{head}\n\n{table(rows, findings)}" + "".join(f"\nfailed: {failure}" for failure in failures) + "\n" * bool(failures)
    print(text, end="")
    if options.chart:
        options.chart.write_text(chart.page(rows, text))
    if options.json:
        figures = [dataclasses.asdict(each) | {"met": each.met} for each in (*rows, *findings)]
        options.json.write_text(json.dumps({"machine": head, "rows": figures[:len(rows)], "findings": figures[len(rows):],
                                            "failures": failures}, indent=1))
    return 1 if failures or any(row.met is False for row in rows if row.offered is None) else 0
