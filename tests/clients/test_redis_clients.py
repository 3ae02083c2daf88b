"""Client libraries of Redis with their defaults: what they say when they connect, all kinds of data, pipelines, scripts, a transaction,
databases, a password, and that they find back after a restart."""

import pytest
from conftest import run_program
from targets import MovingTarget


def test_node_redis(redis):
    run_program(redis, "node_redis.js")


# The second one is the release before, which the package of keyv brings. A server alone has nowhere to send its clients.
@pytest.mark.parametrize("nodes", [1, 3])
@pytest.mark.parametrize("package", ["redis", "@redis/client"])
def test_node_redis_moves_without_an_error(nodes, package):
    with MovingTarget(nodes) as target:
        run_program(target, "moving.js", package)


@pytest.mark.parametrize("package", ["ioredis", "ioredis5", "iovalkey"])
def test_ioredis(redis, package):
    run_program(redis, "ioredis.js", package)


def test_valkey_glide(redis):
    run_program(redis, "glide.js")


def test_redis_py(redis):
    run_program(redis, "redis_py.py")


def test_phpredis(redis):
    run_program(redis, "phpredis.php")


def test_redis_rb(redis):
    run_program(redis, "redis_rb.rb")


def test_redis_cli(redis):
    run_program(redis, "redis_cli.sh")
