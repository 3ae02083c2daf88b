"""Client libraries of memcached and what frameworks use it for, all with the text protocol."""

from conftest import run_program


def test_memcached_of_npm(memcached):
    run_program(memcached, "memcached.js")


def test_php_memcached(memcached):
    run_program(memcached, "php_memcached.php")


def test_php_sessions(memcached):
    run_program(memcached, "php_session.php", "memcached")


def test_rate_limiter_flexible(memcached):
    run_program(memcached, "rate_limiter.js", "memcached")


def test_django(memcached):
    run_program(memcached, "django_cache.py", "memcached")


def test_flask_limiter(memcached):
    run_program(memcached, "flask_limiter_app.py", "memcached")
