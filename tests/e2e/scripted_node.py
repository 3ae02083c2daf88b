"""A Redis server that answers as a test tells it to."""

import contextlib
import time

from loopback_server import LoopbackServer


class ScriptedNode(LoopbackServer):
    """`answer(name, arguments)` gives a reply as bytes, or as an iterable of its pieces, or None for the usual one; b""
    closes the connection.

    Usual: PONG to PING, an empty array to EXEC, :0 to EXISTS, OK to everything else. What was asked stands in `asked`, each connection's
    beginning in `accepted`.
    """

    def __init__(self, answer=lambda name, arguments: None):
        super().__init__()
        self.answer, self.asked, self.accepted = answer, [], []

    def serve(self, connection):
        self.accepted.append(time.monotonic())
        with connection, contextlib.suppress(OSError, ValueError), connection.makefile("rb") as file:
            while head := file.readline():
                arguments = [file.read(int(file.readline()[1:]) + 2)[:-2].decode() for _ in range(int(head[1:]))]
                name = arguments[0].upper()
                self.asked.append(name)
                reply = self.answer(name, arguments[1:])
                if reply == b"":
                    return
                reply = reply or {"PING": b"+PONG\r\n", "EXISTS": b":0\r\n", "EXEC": b"*0\r\n"}.get(name, b"+OK\r\n")
                for piece in [reply] if isinstance(reply, bytes) else reply:
                    connection.sendall(piece)

    def count(self, name):
        return self.asked.count(name)
