"""prometheus-redis-exporter as its package has it: what it tells of the servers after a known load, and after their restart."""

import contextlib
import re
import socket
import subprocess
import urllib.request

import redis

from checks import PASSWORD, SECURED_PORT, check, done, eventually, restart

PAGES, USERS, EXPIRING = 100, 50, 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def exporter(*options):
    """A function that scrapes a running exporter: what Prometheus would read, as numbers by name and labels."""
    port = free_port()
    process = subprocess.Popen(["prometheus-redis-exporter", "--redis.addr", f"redis://127.0.0.1:{SECURED_PORT}", "--redis.password", PASSWORD,
                                "--web.listen-address", f"127.0.0.1:{port}", *options], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def scrape():
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20).read().decode()
        return {name: float(value) for name, value in re.findall(r"^(redis_\S+?(?:\{.*\})?) (\S+)$", text, re.M)}

    try:
        eventually(scrape)
        yield scrape
    finally:
        process.kill()
        process.wait()


def fill(databases):
    pages, users = databases
    for number in range(PAGES):
        pages.set(f"page:{number}", number)
    for number in range(USERS):
        users.set(f"user:{number}", number, ex=1000 if number < EXPIRING else None)
    pages.rpush("list", *range(7))
    pages.hset("hash", mapping={str(number): number for number in range(5)})


def read(pages):
    for number in range(PAGES):
        pages.get(f"page:{number}")
    for number in range(10):
        pages.get(f"none:{number}")


def told(scrape, expected):
    """What it tells of these; INFO may be a second old, so it is asked until they are as expected."""
    def ask():
        metrics = scrape()
        values = {name: metrics.get(name) for name in expected}
        assert values == expected, values
        return values
    try:
        return eventually(ask)
    except AssertionError as error:
        return error.args[0]


def check_sums(scrape, pages):
    known = {"redis_up": 1, "redis_exporter_last_scrape_error{err=\"\"}": 0, "redis_db_keys{db=\"db0\"}": PAGES + 2, "redis_db_keys{db=\"db3\"}": USERS,
             "redis_db_keys_expiring{db=\"db0\"}": 0, "redis_db_keys_expiring{db=\"db3\"}": EXPIRING}
    check("all keys of each database", told(scrape, known), known)
    before = scrape()
    read(pages)
    counted = {name: before.get(name, 0) + more for name, more in (
        ("redis_keyspace_hits_total", PAGES), ("redis_keyspace_misses_total", 10), ("redis_commands_total{cmd=\"get\"}", PAGES + 10))}
    check("hits, misses and calls, each once", told(scrape, counted), counted)
    now = scrape()
    check("counters grow", [name for name in ("redis_commands_processed_total", "redis_net_input_bytes_total", "redis_net_output_bytes_total",
                                              "redis_cpu_sys_seconds_total", "redis_cpu_user_seconds_total") if not now[name] >= before[name] > 0], [])
    check("something is connected, takes memory and has run for a while", [name for name in (
        "redis_connected_clients", "redis_memory_used_bytes", "redis_memory_used_rss_bytes", "redis_start_time_seconds",
        "redis_commands_duration_seconds_total{cmd=\"set\"}") if not now[name] > 0], [])
    refusals = ("redis_rejected_connections_total", "redis_commands_rejected_calls_total", "redis_commands_failed_calls_total")
    check("nothing was refused", [name for name, value in now.items() if name.startswith(refusals) and value != before.get(name, 0)], [])
    about = [name for name in now if name.startswith("redis_instance_info{")]
    check("one master", [re.findall(r'role="(\w*)"', name) for name in about], [["master"]])
    check("its release", re.findall(r'redis_version="([^"]*)"', about[0]), [pages.info()["redis_version"]])


def main():
    databases = [redis.Redis(port=SECURED_PORT, password=PASSWORD, db=number) for number in (0, 3)]
    fill(databases)
    with exporter() as scrape:
        check_sums(scrape, databases[0])
        restart("server")
        eventually(lambda: [database.ping() for database in databases])
        up = {"redis_up": 1, "redis_exporter_last_scrape_error{err=\"\"}": 0}
        check("after a restart of the server", told(scrape, up), up)
        databases[0].flushall()
        fill(databases)
    with exporter("--check-keys", "page:*", "--check-single-keys", "list,db0=hash", "--count-keys", "db3=user:*", "--include-config-metrics") as scrape:
        known = {"redis_key_size{db=\"db0\",key=\"list\"}": 7, "redis_key_size{db=\"db0\",key=\"hash\"}": 5,
                 "redis_keys_count{db=\"db3\",key=\"user:*\"}": USERS}
        check("single keys and counts", told(scrape, known), known)
        pages = {name: value for name, value in scrape().items() if name.startswith("redis_key_value{")}
        check("the value of every key of a pattern", sorted(pages.values()), sorted(range(PAGES)))
    done()


main()
