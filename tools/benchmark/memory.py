"""Memory of a proxy: what an idle connection costs, and what is left after a burst of large values."""
import time

from .machine import open_files, resident_kib, wait_until
from .workloads import BURSTS, WARM_UP

SETTLE_SECONDS = 1
AFTER_BURST_SECONDS = 5
WARM_SECONDS = 0.5
BURST_SECONDS = 1.5


def warm(load, proxy):
    """Brings in the code and the buffers of ordinary work, so that what follows counts only what it adds."""
    load(proxy.address, [*WARM_UP.load_arguments(), "--seconds", WARM_SECONDS])
    time.sleep(SETTLE_SECONDS)


def idle_bytes(load, children, proxy, connections, ping):
    """Resident bytes per idle connection, with or without one PING on each before."""
    warm(load, proxy)
    files, before = open_files(proxy.pid), resident_kib(proxy.pid)
    holder = load.start(proxy.address, ["--idle", connections, *(["--ping"] if ping else [])])
    try:
        if holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{proxy.name} did not take {connections} idle connections")
        wait_until(lambda: open_files(proxy.pid) >= files + connections, 30, f"{proxy.name} accepted all of them")
        time.sleep(SETTLE_SECONDS)
        after = resident_kib(proxy.pid)
    finally:
        children.stop(holder)
    return {"connections": connections, "before_kib": before, "after_kib": after,
            "bytes": (after - before) * 1024 / connections}


def burst_memory(load, children, proxy):
    """Resident KiB before, at most, and some seconds after GETs and SETs of 1 MiB, first with their clients still there."""
    warm(load, proxy)
    result = {"before_kib": resident_kib(proxy.pid)}
    for burst in BURSTS[:-1]:
        load(proxy.address, [*burst.load_arguments(), "--seconds", BURST_SECONDS])
    client = load.start(proxy.address, [*BURSTS[-1].load_arguments(), "--seconds", BURST_SECONDS,
                                        "--linger", 10 * AFTER_BURST_SECONDS])
    try:
        if not client.stdout.readline():
            raise RuntimeError(f"the burst through {proxy.name} failed")
        time.sleep(AFTER_BURST_SECONDS)
        result["after_open_kib"] = resident_kib(proxy.pid)
    finally:
        children.stop(client)
    time.sleep(AFTER_BURST_SECONDS)
    return {**result, "after_closed_kib": resident_kib(proxy.pid), "most_kib": resident_kib(proxy.pid, "VmHWM")}
