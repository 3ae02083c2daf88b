"""RQ: its own worker program in two processes, of which one is killed; scheduled jobs, retries, a dependency, a command to a worker."""

import datetime
import os
import time

import redis
from rq import Queue, Retry
from rq.command import send_shutdown_command
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.worker import Worker

from checks import PORT, check, done, eventually, restart
from jobs import ALL, COUNT, Ledger, fails_at_first, is_delayed, work

HERE = os.path.dirname(__file__)
COMMAND = ["rq", "worker", "--url", f"redis://127.0.0.1:{PORT}", "--path", HERE]
IN_ONE_PROCESS = ["--worker-class", "rq.SimpleWorker"]  # By default RQ forks for each job, which takes its time.


def main():
    connection = redis.Redis(port=PORT)
    queue = Queue(connection=connection)
    ledger = Ledger()
    try:
        ask(connection, queue, ledger)
    finally:
        ledger.dismiss()
    done()


def ask(connection, queue, ledger):
    jobs = []
    for job in ALL:
        options = {"retry": Retry(max=3, interval=1)}
        jobs.append(queue.enqueue_in(datetime.timedelta(seconds=1), work, job, **options) if is_delayed(job) else queue.enqueue(work, job, **options))
    last = queue.enqueue(work, 1000, depends_on=jobs[0])
    victim = ledger.hire_victim(*COMMAND, *IN_ONE_PROCESS)
    stayer = ledger.hire(*COMMAND, *IN_ONE_PROCESS, "--with-scheduler")
    ledger.until(lambda: len(ledger.done()) >= COUNT // 2)
    stays = next(worker for worker in Worker.all(connection) if worker.pid == stayer.pid)
    held = ledger.held_by(victim)
    ledger.kill(victim)
    started = StartedJobRegistry(queue=queue)
    ledger.until(lambda: all(job.get_status() == JobStatus.FINISHED or job.args[0] in held for job in jobs))
    check("one job was in its hands", [Job.fetch(id, connection=connection).args[0] for id in started.get_job_ids()], held)
    started.cleanup(time.time() + 3600)  # As RQ itself does when the time that a job may take is over.
    ledger.until(lambda: all(job.get_status() == JobStatus.FINISHED for job in [*jobs, last]))
    times = ledger.done()
    check("jobs, scheduled and retried ones, a worker killed: each is done once", times, {job: 1 for job in [*ALL, 1000]})
    check("their results", sorted(job.refresh() or job.result for job in jobs), ALL)
    check("those that failed were tried again", sum(job.retries_left == 2 for job in jobs if fails_at_first(job.args[0])) >= COUNT // 10 - 1, True)
    check("the queue is empty", [len(queue), queue.started_job_registry.count, queue.failed_job_registry.count], [0, 0, 0])

    send_shutdown_command(connection, stays.name)
    check("a command to a worker", stayer.wait(20), 0)
    later = [queue.enqueue_in(datetime.timedelta(seconds=1), work, 2001 + 10 * job) for job in ALL[:20]]
    restart("nodes")
    eventually(connection.ping)
    # RQ's scheduler ends when it loses Redis, and is started again by whoever looks after it.
    ledger.hire(*COMMAND, "--with-scheduler")
    ledger.until(lambda: all(eventually(job.get_status) == JobStatus.FINISHED for job in later))
    check("jobs that wait while the nodes restart", [ledger.done()[2001 + 10 * job] for job in ALL[:20]], [1] * 20)


main()
