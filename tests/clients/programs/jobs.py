"""What the programs of job queues in Python share: workers in processes of their own, of which one is killed, and a ledger of what they have done.

A job is a line `begun N WORKER` and a line `done N WORKER` in a file. A line is written at once, so a kill loses none."""

import collections
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

COUNT = 200
ALL = list(range(COUNT))
HELD_FROM = COUNT // 4  # From this job on, the worker that is to be killed keeps what it has in hand.


def is_delayed(job):
    return job % 7 == 3


def fails_at_first(job):
    return job % 10 == 6


def note(what, job):
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{what} {job} {os.getpgid(0)}\n")


def begun_before(job):
    return f"begun {job} " in pathlib.Path(os.environ["LEDGER"]).read_text()


def work(job):
    """A job; one that has to fail does so the first time."""
    is_first = not begun_before(job)
    note("begun", job)
    if "VICTIM" in os.environ and job >= HELD_FROM:
        threading.Event().wait(60)
        raise RuntimeError("nobody has killed this worker")
    if is_first and fails_at_first(job):
        raise RuntimeError("as is meant to be")
    note("done", job)
    return job


class Ledger:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        os.environ["LEDGER"] = str(pathlib.Path(self.folder.name) / "ledger")
        pathlib.Path(os.environ["LEDGER"]).touch()
        self.words = pathlib.Path(self.folder.name) / "words"
        self.workers = []

    def hire(self, *command, **environment):
        """A worker in a group of its own, so that all of it can be killed at once."""
        with open(self.words, "a") as words:
            worker = subprocess.Popen(command, env={**os.environ, **environment}, stdout=words, stderr=words, stdin=subprocess.DEVNULL, start_new_session=True)
        self.workers.append(worker)
        return worker

    def hire_victim(self, *command):
        """A worker that has a job in hand, and keeps it until it is killed."""
        victim = self.hire(*command, VICTIM="yes")
        self.until(lambda: self.held_by(victim), 60)
        return victim

    def held_by(self, victim):
        lines = [line.split() for line in pathlib.Path(os.environ["LEDGER"]).read_text().splitlines()]
        return [int(job) for what, job, worker in lines if worker == str(victim.pid) and what == "begun" and int(job) >= HELD_FROM]

    def kill(self, worker):
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def dismiss(self):
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)

    def done(self):
        return collections.Counter(int(line.split()[1]) for line in pathlib.Path(os.environ["LEDGER"]).read_text().splitlines() if line.startswith("done"))

    def until(self, condition, patience=30):
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f"FAILED only {len(self.done())} jobs are done; the workers say:\n{self.words.read_text()[-6000:]}")
            time.sleep(0.02)
