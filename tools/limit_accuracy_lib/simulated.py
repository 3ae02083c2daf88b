"""Fleets in simulation: the real lease of every worker, the model of the store, and the reference limiters."""
import json
import subprocess

from .rows import Row, Targets

FLEETS = {"4 proxies": (4, 2, 0.98), "32 proxies": (32, 1, 0.97)}  # Proxies, workers of each, least goodput.
RATES = (1_000, 50_000)
# SECONDS:OFFERED:ZIPF[:FIRST_PROXY], OFFERED in times of the rate.
LOADS = {
    "even, 3 times": ["{s}:3:0"],
    "uneven, 3 times": ["{s}:3:1"],
    "uneven, 0.95 times": ["{s}:0.95:1"],
    "0.95, then 3 times": ["{s}:0.95:0", "{s}:3:0"],
}
OVERLOADED = ("even, 3 times", "uneven, 3 times")
MOST_BEYOND = 0.02
MOST_CALLS = {50_000: 0.02}


def targets(limiter, rate, load, goodput):
    if limiter != "lease" or load not in OVERLOADED:
        return None
    return Targets(goodput, MOST_BEYOND, MOST_CALLS.get(rate))


def measure(program, seconds, seed):
    for fleet, (proxies, workers, goodput) in FLEETS.items():
        for rate in RATES:
            for load, phases in LOADS.items():
                arguments = [rate, proxies, workers, seed, *(phase.format(s=seconds) for phase in phases)]
                said = subprocess.run([program, "simulate", *map(str, arguments)], capture_output=True, text=True, check=True)
                limiters = json.loads(said.stdout)["limiters"]
                for limiter, figures in sorted(limiters.items(), key=lambda item: item[0] != "lease"):
                    yield Row(fleet, rate, load, limiter, figures["goodput"], figures["beyond_second"],
                              figures["calls_per_request"], figures["tenths"], targets(limiter, rate, load, goodput))
