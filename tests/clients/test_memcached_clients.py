"""Client libraries of memcached and what frameworks use it for: those that speak text, then those that speak the binary protocol."""

import pytest

from conftest import run_program
from targets import MemcachedTarget


@pytest.fixture
def forgiving(count):
    """Quiet reads of a node that is down are misses: see dalli in proxy/clients.md."""
    with MemcachedTarget(count, on_partial="miss") as target:
        yield target


def test_memcached_of_npm(memcached):
    run_program(memcached, "memcached.js")


def test_php_memcached(memcached):
    run_program(memcached, "php_memcached.php", "text")


def test_php_sessions(memcached):
    run_program(memcached, "php_session.php", "memcached", "text")


def test_rate_limiter_flexible(memcached):
    run_program(memcached, "rate_limiter.js", "memcached")


def test_django(memcached):
    run_program(memcached, "django_cache.py", "memcached")


def test_flask_limiter(memcached):
    run_program(memcached, "flask_limiter_app.py", "memcached")


def test_pylibmc(memcached):
    run_program(memcached, "pylibmc_client.py", "text")


def test_pylibmc_in_binary(memcached):
    run_program(memcached, "pylibmc_client.py", "binary")


def test_php_memcached_in_binary(memcached):
    run_program(memcached, "php_memcached.php", "binary")


def test_php_sessions_as_by_default(memcached):
    run_program(memcached, "php_session.php", "memcached")


def test_dalli(forgiving):
    run_program(forgiving, "dalli.rb")


def test_memjs(memcached):
    run_program(memcached, "memjs.js")


def test_keyv_with_memjs(memcached):
    run_program(memcached, "keyv_memcache.js")


def test_tools_of_libmemcached(memcached):
    run_program(memcached, "libmemcached_tools.sh")
