import contextlib
import os
import pathlib
import re
import subprocess
import threading

import pytest

from targets import MemcachedTarget, RedisTarget

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
NODE_MODULES = ROOT / "build/clients/node_modules"
INTERPRETERS = {".js": ["node"], ".py": ["/usr/bin/python3", "-B"], ".php": ["php"], ".rb": ["ruby"], ".sh": ["bash"]}
PATIENCE = 150


def pytest_addoption(parser):
    parser.addoption("--plain", action="store_true", help="run the clients against a server without ringproxy, to try the tests themselves")


def pytest_generate_tests(metafunc):
    if "count" in metafunc.fixturenames:
        plain = metafunc.config.getoption("--plain")
        metafunc.parametrize("count", [0] if plain else [1, 3], ids=lambda count: f"{count}-nodes" if count else "plain", scope="session")


@pytest.fixture(scope="session")
def redis_target(count):
    with RedisTarget(count) as target:
        yield target


@pytest.fixture(scope="session")
def memcached_target(count):
    with MemcachedTarget(count) as target:
        yield target


@pytest.fixture
def redis(redis_target):
    redis_target.flush()
    return redis_target


@pytest.fixture
def memcached(memcached_target):
    memcached_target.flush()
    return memcached_target


def run_program(target, program, *arguments):
    """Runs one of programs/, restarts what it asks for; it has to say in the end how many checks it made."""
    environment = {**os.environ, **target.environment(), "NODE_PATH": str(NODE_MODULES)}
    command = [*INTERPRETERS[pathlib.Path(program).suffix], str(PROGRAMS / program), *arguments]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    output = []
    try:
        for line in process.stdout:
            output.append(line)
            if request := re.fullmatch(r"please (restart (?:nodes|server)|kill node)\n", line):
                getattr(target, request[1].replace(" ", "_"))()
                with contextlib.suppress(BrokenPipeError):  # It has died of it, and its last words say why.
                    process.stdin.write("done\n")
                    process.stdin.flush()
    finally:
        timer.cancel()
        process.kill()  # It has ended, unless a restart failed.
        code = process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    whole = code == 0 and output and re.fullmatch(r"[1-9]\d* checks\n", output[-1])
    assert whole, f"{program} ended with {code}:\n{''.join(output[-30:])}"
