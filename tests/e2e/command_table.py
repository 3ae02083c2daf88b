"""The proxy's command table as the tests see it, and the keys that it finds in requests."""

import json
import pathlib
import subprocess

from servers import BINARY

DUMP = pathlib.Path(BINARY).with_name("command_table_dump")


def rows():
    """Name → row, of every command and subcommand."""
    lines = subprocess.run([DUMP], capture_output=True, check=True, text=True).stdout.splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def rows_of_seven():
    """Those of Redis 7.0, and those of its commands that every server is asked for."""
    return {name: row for name, row in rows().items() if not row["is_younger"]}


def words(line):
    """A line's words; `""` is an empty one."""
    return ["" if word == '""' else word for word in line.split(" ")]


def keys_of(lines):
    """Line → its keys, or None where they cannot be told."""
    answer = subprocess.run([DUMP, "--keys"], input="\n".join(lines) + "\n", capture_output=True, check=True, text=True)
    return dict(zip(lines, map(json.loads, answer.stdout.splitlines()), strict=True))


def parse(reply):
    """A RESP2 reply as Python values; errors as bytes that start with '-'."""
    def value(at):
        end = reply.index(b"\r\n", at)
        kind, rest = reply[at:at + 1], reply[at + 1:end]
        if kind == b"$" and rest != b"-1":
            return reply[end + 2:end + 2 + int(rest)].decode(), end + 4 + int(rest)
        if kind == b"*" and rest != b"-1":
            items, at = [], end + 2
            for _ in range(int(rest)):
                item, at = value(at)
                items.append(item)
            return items, at
        parsed = int(rest) if kind == b":" else rest.decode() if kind == b"+" else None if rest == b"-1" else b"-" + rest
        return parsed, end + 2
    return value(0)[0]
