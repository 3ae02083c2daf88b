"""Celery: its own worker program in two processes, of which one is killed; countdowns, retries, results, a chord, remote control.

The worker imports this file to learn the task."""

import os
import sys
import time

import redis
from celery import Celery, chord

from checks import PORT, check, done, eventually, restart
from jobs import ALL, COUNT, Ledger, begun_before, is_delayed, work

app = Celery("celery_jobs", broker=f"redis://127.0.0.1:{PORT}/0", backend=f"redis://127.0.0.1:{PORT}/1")
# What a killed worker had comes back after the visibility timeout, if its tasks are acknowledged late; a worker looks when it starts, and then
# after 100 s.
VISIBILITY = 10
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_transport_options={"visibility_timeout": VISIBILITY}, result_extended=True)


@app.task(autoretry_for=(RuntimeError,), default_retry_delay=1, max_retries=3)
def job(number):
    return work(number)


@app.task
def total(numbers):
    return sum(numbers)


def command(name):
    os.environ["PYTHONPATH"] = os.path.dirname(__file__)
    return [sys.executable, "-m", "celery", "--app", "celery_jobs", "worker", "--concurrency", "2", "--hostname", name, "--loglevel", "WARNING"]


def those_who_answer(question):
    """The names of both workers, of which one may still be starting."""
    def both():
        names = sorted(question())
        if len(names) < 2:
            raise RuntimeError(f"only {names} answer")
        return names
    return eventually(both)


def ask(ledger):
    results = [job.apply_async((number,), countdown=1 if is_delayed(number) else None) for number in ALL]
    victim = ledger.hire_victim(*command("goes@here"))
    ledger.hire(*command("stays@here"))
    ledger.until(lambda: len(ledger.done()) >= COUNT // 2, 60)
    held = ledger.held_by(victim)
    ledger.kill(victim)
    # Only what a worker has taken with BRPOP and not yet put on the list of what is not acknowledged is lost with it.
    broker = redis.Redis(port=PORT)
    ledger.until(lambda: not broker.zcount("unacked_index", time.time() - VISIBILITY, "+inf"), 60)
    ledger.hire(*command("comes@here"))
    ledger.until(lambda: len(ledger.done()) >= COUNT - 1 and not broker.hlen("unacked") and not broker.llen("celery"), 60)
    times = ledger.done()
    never = [number for number in ALL if not times[number]]
    check("jobs, later and retried ones, a worker killed", [number for number in never if begun_before(number)], [])
    check("what was in its hands is done by another, once", [times[number] for number in held], [1] * len(held))
    check("none twice but what it had just done", len([number for number in ALL if times[number] > 1]) <= 4, True)
    check("their results", [results[number].get(timeout=20) for number in ALL if number not in never], [number for number in ALL if number not in never])
    check("a chord", chord(job.s(1000 + 10 * i) for i in range(5))(total.s()).get(timeout=20), 5100)
    both = ["comes@here", "stays@here"]
    check("remote control", those_who_answer(lambda: [name for reply in app.control.ping(timeout=3) for name in reply]), both)
    check("what a worker says of itself", those_who_answer(lambda: app.control.inspect(timeout=3).registered() or []), both)

    # Workers of this release do not always find Redis again after a restart: a new one is started.
    app.control.shutdown()
    check("a command to all workers", [worker.wait(30) for worker in ledger.workers], [-9, 0, 0])
    for number in ALL[:20]:
        job.apply_async((2001 + 10 * number,), countdown=2)
    restart("nodes")
    ledger.hire(*command("new@here"))
    ledger.until(lambda: all(ledger.done()[2001 + 10 * number] for number in ALL[:20]), 60)
    check("jobs that wait while the nodes restart", [ledger.done()[2001 + 10 * number] for number in ALL[:20]], [1] * 20)
    check("a result after it", eventually(lambda: job.delay(3001).get(timeout=5)), 3001)


def main():
    ledger = Ledger()
    try:
        ask(ledger)
    finally:
        ledger.dismiss()
    done()


if __name__ == "__main__":
    sys.exit(main())
