"""The machine: who it is, which core the proxy gets, how many files a process may open, what a process costs."""
import os
import platform
import re
import resource
import time
from pathlib import Path


def describe():
    """A line for the report, e.g. "AMD EPYC, 2 cores, Linux 6.18 x86_64"."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    name = re.sub(r"\s+", " ", cpu.group(1)) if cpu else platform.machine()
    kernel = re.match(r"[\d.]+", platform.release()).group(0).rstrip(".")
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return f"{name}, {os.cpu_count()} cores, Linux {kernel} {platform.machine()}, TCP {congestion}"


def cores():
    """(the core of the proxy, the cores of everything else). On a machine of one core both share it."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[0]}, set(allowed[1:]) or {allowed[0]}


def raise_file_limit(wanted=65536):
    """Raises the limit of open files as far as the system lets us; children inherit it. Returns what it became."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (wanted, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, hard)))
            return limit
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def resident_kib(pid, field="VmRSS"):
    """VmRSS (now) or VmHWM (the most so far) of a process."""
    return int(re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M).group(1))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_until(condition, seconds, what):
    """Polls until condition() is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)
