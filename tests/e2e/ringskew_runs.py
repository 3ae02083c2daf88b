"""Runs ringskew."""

import json
import pathlib
import subprocess

from servers import BINARY

RINGSKEW = str(pathlib.Path(BINARY).with_name("ringskew"))


def run(*arguments, stdin=b"", code=0):
    done = subprocess.run([RINGSKEW, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def report(*arguments, **options):
    return json.loads(run(*arguments, "--format", "json", **options).stdout)
