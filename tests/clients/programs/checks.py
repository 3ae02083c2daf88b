"""What the programs in Python share: the server's address, a line for each check, a restart on request."""

import os
import sys
import time

PORT = int(os.environ["PORT"])
SECURED_PORT = int(os.environ.get("SECURED_PORT", "0"))
PASSWORD = os.environ.get("PASSWORD")
BINARY = bytes(range(256))
LARGE = BINARY * (3 << 12)  # 3 MiB.

checks = 0


def check(what, actual, expected):
    global checks
    if actual != expected:
        sys.exit(f"FAILED {what}: {actual!r} is not {expected!r}")
    checks += 1
    print("ok", what, flush=True)


def check_fails(what, action, words):
    """The action has to fail with these words."""
    try:
        outcome = f"no error, but {action()!r}"
    except Exception as error:  # Each library has classes of its own.
        outcome = str(error)
    check(f"{what}: {outcome}", words in outcome, True)


def eventually(attempt):
    """The first result that is no error; clients report lost connections in many ways."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return attempt()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def check_becomes(what, ask, expected):
    """As check; it may take a while to be so."""
    deadline = time.monotonic() + 20
    while (actual := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    check(what, actual, expected)


def restart(what):
    """'nodes' or 'server'; both are back when it returns."""
    print("please restart", what, flush=True)
    sys.stdin.readline()


def kill_node():
    """One node, or the server itself if it has none; it is dead when this returns, and back with a restart of the nodes."""
    print("please kill node", flush=True)
    sys.stdin.readline()


def names(count, prefix="many"):
    return [f"{prefix}:{i}" for i in range(count)]


def done():
    print(checks, "checks")
