"""Twemproxy's key hashes, all 32 bits of them: tests/golden/ring/twemproxy_hashes.txt, which unit tests compare with ours,
against the real nutcracker.

A pool of N servers with the distribution modula shows a hash modulo N. Seven pools whose sizes have no common divisor and
a product above 2^32 show all of it.
"""

import asyncio
import contextlib
import math
import pathlib
import socket
import tempfile
import threading

import pytest

from nutcracker import Nutcracker
from servers import PATIENCE, ROOT, RawClient, encode

SIZES = [32, 31, 29, 27, 25, 23, 19]
assert math.lcm(*SIZES) == math.prod(SIZES) > 1 << 32


def golden():
    """From the name of a hash to its value for each key."""
    header, *lines = (ROOT / "tests/golden/ring/twemproxy_hashes.txt").read_text().splitlines()
    hashes = {name: {} for name in header.split()[1:]}
    for line in lines:
        key, *values = line.split()
        for hash_values, value in zip(hashes.values(), values, strict=True):
            hash_values[bytes.fromhex(key)] = int(value, 16)
    return hashes


GOLDEN = golden()


class Answerers:
    """As many servers as the largest pool has, on Unix sockets; each answers every Redis command with its own number."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        # Of equal length and ascending: nutcracker sorts servers by their names.
        self.names = [f"s{number:02}" for number in range(max(SIZES))]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(PATIENCE)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.folder.cleanup()

    def path(self, name):
        return str(pathlib.Path(self.folder.name) / name)

    def servers(self, count):
        return [f"{self.path(name)}:1 {name}" for name in self.names[:count]]

    async def _listen(self):
        for number, name in enumerate(self.names):
            await asyncio.start_unix_server(lambda reader, writer, number=number: self._answer(reader, writer, number), self.path(name))

    async def _close(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @staticmethod
    async def _answer(reader, writer, number):
        with contextlib.closing(writer), contextlib.suppress(asyncio.CancelledError):
            while header := await reader.readline():
                for _ in range(int(header[1:])):
                    await reader.readexactly(int((await reader.readline())[1:]) + 2)
                writer.write(b":%d\r\n" % number)


@pytest.fixture(scope="module")
def answerers():
    with Answerers() as started:
        yield started


class UnixClient(RawClient):
    def __init__(self, path):
        self.buffer = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)


def remainders(path, keys):
    with UnixClient(path) as client:
        client.send(b"".join(encode(b"get", key) for key in keys))
        return [int(client.reply()[1:]) for _ in keys]


def join(remainders_by_size):
    """The only number below the sizes' product that has these remainders (the Chinese remainder theorem)."""
    number, step = 0, 1
    for size, remainder in remainders_by_size:
        while number % size != remainder:
            number += step
        step *= size
    return number


def test_the_golden_keys_are_of_every_length_and_every_byte():
    for name, values in GOLDEN.items():
        assert set(map(len, values)) >= set(range(1, 41)), name
        assert {byte for key in values for byte in key} == set(range(256)), name


@pytest.mark.parametrize("hash_name", GOLDEN)
def test_hashes_are_nutcrackers_in_every_bit(answerers, hash_name):
    """semantics.md 31: signed characters, and functions that are not what they are called."""
    keys = list(GOLDEN[hash_name])
    listen = {size: answerers.path(f"{hash_name}-{size}") for size in SIZES}
    pools = {f"pool{size}": {"listen": listen[size], "hash": hash_name, "distribution": "modula", "redis": True,
                             "servers": answerers.servers(size)} for size in SIZES}
    with Nutcracker(**pools):
        by_size = [[(size, remainder) for remainder in remainders(listen[size], keys)] for size in SIZES]
    theirs = {key: join(of_key) for key, of_key in zip(keys, zip(*by_size))}
    different = [(key, hex(ours), hex(theirs[key])) for key, ours in GOLDEN[hash_name].items() if ours != theirs[key]]
    assert not different, f"{len(different)} of {len(keys)} keys: (key, ours, nutcracker's) {different[:5]}"
