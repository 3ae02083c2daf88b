"""The command line of tools/chaos."""
import argparse
import dataclasses
import datetime
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

from . import scenarios
from .flapping import flap
from .greedy import greedy
from .report import markdown

SCENARIOS = {
    "kill": (scenarios.kill, "SIGKILL of one node of four, restarted with 200 MiB to load"),
    "stop": (scenarios.stop, "SIGSTOP of one node of four"),
    "slow": (scenarios.slow, "one node answers everything 300 ms late, then 2 s"),
    "half": (scenarios.half, "two, then three of four dead"),
    "all": (scenarios.all_dead, "all four dead"),
    "greedy": (greedy, "a client that pipelines gets of 900 KB beside one of small gets"),
    "flap": (flap, "down 2 s, up 2 s, for a minute"),
}


def parse_arguments(arguments):
    known = "\n".join(f"  {name:6} {what}" for name, (_, what) in SCENARIOS.items())
    parser = argparse.ArgumentParser(prog="tools/chaos", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Harms real nodes under load and measures what their clients notice.",
                                     epilog=f"scenarios (all of them without a name):\n{known}")
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], metavar="SCENARIO", help="only these")
    parser.add_argument("--bin", type=Path, help="folder of the built programs; without it the release preset is built")
    parser.add_argument("--rate", type=int, default=20_000, help="requests a second (%(default)s)")
    parser.add_argument("--flap-seconds", type=float, default=60, help="length of flap (%(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    return parser.parse_args(arguments)


def measure(name, options, programs):
    """One scenario in a folder of its own; whatever it has started ends with it."""
    print(f"{name}: {SCENARIOS[name][1]}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="ringproxy-chaos-") as folder, Children(Path(folder)) as children:
        bench = scenarios.Bench(children, programs, os.sched_getaffinity(0), options.rate, options.flap_seconds)
        try:
            return {"rows": SCENARIOS[name][0](bench), "failure": None}
        except (RuntimeError, OSError, AssertionError) as error:
            return {"rows": [], "failure": f"{type(error).__name__}: {error}"}


def version(programs):
    said = subprocess.run([programs / "ringproxy", "--version"], capture_output=True, text=True, check=True).stdout
    return next((word for word in said.split() if word[0].isdigit()), said.strip())


def main(arguments=None):
    options = parse_arguments(arguments)
    if not shutil.which("redis-server"):
        print("tools/chaos: redis-server is not there; it is a package of that name", file=sys.stderr)
        return 2
    programs = options.bin.resolve() if options.bin else build("ringproxy", "bench_load")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that the children are stopped on the way out.
    machine.raise_file_limit()
    result = {"machine": machine.describe(), "version": version(programs), "date": datetime.date.today().isoformat(),
              "rate": options.rate, "load_before": os.getloadavg()[0], "scenarios": {}}
    for name in options.scenario or SCENARIOS:
        result["scenarios"][name] = measure(name, options, programs)
    print(markdown(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, default=dataclasses.asdict))
    wrong = any(row.figures.get("wrong") for each in result["scenarios"].values() for row in each["rows"])
    return 1 if wrong or any(each["failure"] for each in result["scenarios"].values()) else 0
