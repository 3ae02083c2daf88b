#!/usr/bin/python3
"""Writes the golden picks of the ketama rings without the rings' code: what the golden files of a compatible ring pin must
not come from the ring itself. Needs libxxhash, for the sample keys' hashes."""

import bisect
import ctypes
import hashlib
import math
import pathlib
import struct

KEYS, IN_THE_CLEAR, PER_LINE = 100_000, 2000, 40


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def words(name):
    return struct.unpack("<4I", hashlib.md5(name.encode()).digest())


def ring(names, weights):
    """Sorted (point, node); of equal points the first listed wins, as nowhere in these lists two are equal."""
    points = []
    for node, (name, weight) in enumerate(zip(names, weights)):
        share = float32(float32(weight) / float32(sum(weights)))
        hashes = math.floor(float32(float32(float32(float32(share * 160) / 4) * len(names)) + 1e-10))
        points += [(value, node) for k in range(hashes) for value in words(f"{name}-{k}")]
    assert len(dict(points)) == len(points)
    return sorted(points)


def text(names, weights):
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_64bits.argtypes, xxhash.XXH3_64bits.restype = [ctypes.c_char_p, ctypes.c_size_t], ctypes.c_uint64
    points = ring(names, weights)
    picks = []
    for key in (b"key:%d" % i for i in range(KEYS)):
        hash_value = xxhash.XXH3_64bits(key, len(key)) & 0xFFFFFFFF
        picks.append(str(points[bisect.bisect_left(points, (hash_value, -1)) % len(points)][1]))
    digest = 0xCBF29CE484222325
    for byte in "".join(pick + " " for pick in picks).encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    lines = [" ".join(picks[i:i + PER_LINE]) for i in range(0, IN_THE_CLEAR, PER_LINE)]
    return f"node indices of key:0 to key:99999, digest {digest}; of the first 2000 in the clear:\n" + "\n".join(lines) + "\n"


def main():
    named = [f"n{10 + i}" for i in range(100)]
    # Addresses as KetamaNodes of ring_test.cc has them: every other one at port 11211, every third with an alias.
    addresses = [f"10.0.0.{i}" if i % 2 == 0 else f"10.0.0.{i}:11212" for i in range(10)]
    aliases = [f"n{10 + i}" if i % 3 == 0 else address for i, address in enumerate(addresses)]
    uneven = [1, 2, 4] * 3 + [1]
    cases = {"ketama_100_equal": (named, [1] * 100), "ketama_10_weighted": (addresses, uneven), "twemproxy_10_weighted": (aliases, uneven)}
    for name, (names, weights) in cases.items():
        pathlib.Path(__file__).with_name(name + ".txt").write_text(text(names, weights))


if __name__ == "__main__":
    main()
