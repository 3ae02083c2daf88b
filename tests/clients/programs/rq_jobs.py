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
    ledger.hire(*COMMAND, *IN_ONE_PROCESS, "--with-scheduler")
    victim = ledger.hire(*COMMAND, *IN_ONE_PROCESS)
    ledger.until(lambda: len(ledger.done()) >= COUNT // 4)
    stays = next(worker for worker in Worker.all(connection) if worker.pid == ledger.workers[0].pid)
    ledger.kill(victim)
    started = StartedJobRegistry(queue=queue)
    in_its_hands = {id for id in started.get_job_ids() if Job.fetch(id, connection=connection).worker_name != stays.name}
    ledger.until(lambda: all(job.get_status() == JobStatus.FINISHED or job.id in in_its_hands for job in jobs))
    started.cleanup(time.time() + 3600)  # As RQ itself does when the time that a job may take is over.
    ledger.until(lambda: all(job.get_status() == JobStatus.FINISHED for job in [*jobs, last]))
    times = ledger.done()
    check("jobs, scheduled and retried ones, a worker killed", [job for job in [*ALL, 1000] if not times[job]], [])
    check("none twice but what was in its hands", len([job for job in times if times[job] > 1]) <= 1, True)
    check("their results", sorted(job.refresh() or job.result for job in jobs), ALL)
    check("those that failed were tried again", sum(job.retries_left == 2 for job in jobs if fails_at_first(job.args[0])) >= COUNT // 10 - 1, True)
    check("the queue is empty", [len(queue), queue.started_job_registry.count, queue.failed_job_registry.count], [0, 0, 0])

    send_shutdown_command(connection, stays.name)
    check("a command to a worker", ledger.workers[0].wait(20), 0)
    later = [queue.enqueue_in(datetime.timedelta(seconds=1), work, 2001 + 10 * job) for job in ALL[:20]]
    restart("nodes")
    eventually(connection.ping)
    # RQ's scheduler ends when it loses Redis, and is started again by whoever looks after it.
    ledger.hire(*COMMAND, "--with-scheduler")
    ledger.until(lambda: all(eventually(job.get_status) == JobStatus.FINISHED for job in later))
    check("jobs that wait while the nodes restart", [ledger.done()[2001 + 10 * job] for job in ALL[:20]], [1] * 20)



main()
