"""What frameworks use Redis for: sessions, caches, limits and locks, each with its defaults."""

import pytest
from conftest import run_program
from targets import QueueTarget


def test_express_sessions(redis):
    run_program(redis, "connect_redis.js")


def test_keyv(redis):
    run_program(redis, "keyv.js")


@pytest.mark.parametrize("client", ["ioredis", "redis"])
def test_rate_limiter_flexible(redis, client):
    run_program(redis, "rate_limiter.js", client)


def test_redlock(redis):
    run_program(redis, "redlock.js")


def test_django_redis(redis):
    run_program(redis, "django_cache.py", "redis")


def test_flask_limiter(redis):
    run_program(redis, "flask_limiter_app.py", "redis")


def test_php_sessions(redis):
    run_program(redis, "php_session.php", "redis")


def test_laravel_cache(redis):
    run_program(redis, "laravel_cache.php")


def test_socket_io(redis):
    run_program(redis, "socket_io.js")


def test_channels_redis(count):
    # A message to a group is one script for all of its channels.
    with QueueTarget(count, [{"pattern": "asgi*", "tag": "asgi"}]) as target:
        run_program(target, "channels_layer.py")


def test_prometheus_redis_exporter(redis):
    run_program(redis, "redis_exporter.py")
