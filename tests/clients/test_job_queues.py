"""Job queues with their defaults, over a node and over three with the group that is theirs: every job is done and none twice, also when
a worker is killed in the middle and when the nodes restart."""

import pytest
from conftest import run_program
from targets import QueueTarget


@pytest.fixture
def queues(count):
    """A function, for each framework has a group of its own."""
    def run(program, groups, *arguments, **pool):
        with QueueTarget(count, groups if count > 1 else [], **pool) as target:
            run_program(target, program, *arguments)
    return run


def test_bullmq(queues):
    queues("bullmq.js", ["bullmq"])


def test_rq(queues):
    queues("rq_jobs.py", ["rq"])


def test_celery(queues):
    queues("celery_jobs.py", ["celery"])


def test_sidekiq(queues):
    queues("sidekiq_jobs.rb", ["sidekiq"])


def test_bull(queues):
    queues("bull.js", ["bull"])


def test_bee_queue(queues):
    queues("bee_queue.js", ["bee_queue"])
