"""The processes that the benchmark starts: pinned to their cores, logged, and stopped by their own pid whatever happens."""
import ctypes
import os
import signal
import socket
import subprocess

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 3
_libc = ctypes.CDLL(None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Children:
    """Starts processes and stops them all at the end of its `with` block."""

    def __init__(self, folder):
        self.folder = folder  # for configuration files and logs
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self._running[:]):
            self.stop(child)

    def start(self, name, command, cores, **popen):
        def prepare():
            os.sched_setaffinity(0, cores)
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # Nothing outlives us, even if we are killed.

        with open(self.folder / f"{name}.log", "ab") as log:
            popen = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **popen}
            child = subprocess.Popen([str(part) for part in command], preexec_fn=prepare, **popen)
        self._running.append(child)
        return child

    def stop(self, child, how=signal.SIGTERM):
        if child.poll() is None:
            child.send_signal(how)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                stream.close()
        self._running.remove(child)
