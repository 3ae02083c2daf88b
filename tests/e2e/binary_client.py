"""A client of memcached's binary protocol that gives replies as they are."""

import struct
import typing

from servers import RawClient

HEADER = struct.Struct(">BBHBBHIIQ")
GET, SET, ADD, REPLACE, DELETE, INCR, DECR, QUIT, FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND, STAT = range(0x11)
SETQ, ADDQ, REPLACEQ, DELETEQ, INCRQ, DECRQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ, VERBOSITY, TOUCH, GAT, GATQ = range(0x11, 0x1f)
GATK, GATKQ = 0x23, 0x24
NOT_FOUND, EXISTS, TOO_LARGE, INVALID, NOT_STORED, UNKNOWN, BUSY, TEMPORARY = 1, 2, 3, 4, 5, 0x81, 0x85, 0x86
NOT_NUMBER = 6


class Reply(typing.NamedTuple):
    opcode: int
    opaque: int
    status: int
    cas: int
    extras: bytes
    key: bytes
    value: bytes


def packet(opcode, key=b"", extras=b"", value=b"", opaque=0, cas=0, body=None):
    key = key.encode() if isinstance(key, str) else key
    size = len(extras) + len(key) + len(value) if body is None else body
    return HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, size, opaque, cas) + extras + key + value


def store(opcode, key, value, flags=0, exptime=0, **rest):
    return packet(opcode, key, struct.pack(">II", flags, exptime), value, **rest)


def count(opcode, key, delta=1, initial=0, exptime=0, **rest):
    return packet(opcode, key, struct.pack(">QQI", delta, initial, exptime), **rest)


def touch(opcode, key, exptime=0, **rest):
    return packet(opcode, key, struct.pack(">I", exptime), **rest)


class BinaryClient(RawClient):
    def reply(self):
        self._fill(HEADER.size)
        _, opcode, key, extras, _, status, body, opaque, cas = HEADER.unpack(self.buffer[:HEADER.size])
        assert self.buffer[0] == 0x81, self.buffer[:100]
        self._fill(HEADER.size + body)
        parts, self.buffer = self.buffer[HEADER.size:HEADER.size + body], self.buffer[HEADER.size + body:]
        return Reply(opcode, opaque, status, cas, parts[:extras], parts[extras:extras + key], parts[extras + key:])

    def ask(self, request):
        self.send(request)
        return self.reply()

    def exchange(self, data, pieces=None):
        """Sends (in pieces, if given) and gives all that comes back before the reply to a no-op of its own."""
        for piece in pieces or [data]:
            self.send(piece)
        self.send(packet(NOOP, opaque=0xe0de0de0))
        replies = []
        while (reply := self.reply())[:2] != (NOOP, 0xe0de0de0):
            replies.append(reply)
        return replies

    def stats(self, group=b""):
        self.send(packet(STAT, group))
        stats = {}
        while (reply := self.reply()).key:
            assert reply.status == 0 and reply.key not in stats
            stats[reply.key.decode()] = reply.value.decode()
        return stats

    def _fill(self, size):
        while len(self.buffer) < size:
            self._more()
