"""A Redis server that answers as a test tells it to."""

import contextlib
import socket
import threading
import time


class ScriptedNode:
    """`answer(name, arguments)` gives a reply as bytes, or as an iterable of its pieces, or None for the usual one; b""
    closes the connection.

    Usual: PONG to PING, :0 to EXISTS, OK to everything else. What was asked stands in `asked`, each connection's
    beginning in `accepted`.
    """

    def __init__(self, answer=lambda name, arguments: None):
        self.answer, self.asked, self.accepted = answer, [], []

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._server.accept()[0]
                self.accepted.append(time.monotonic())
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, ValueError), connection.makefile("rb") as file:
            while head := file.readline():
                arguments = [file.read(int(file.readline()[1:]) + 2)[:-2].decode() for _ in range(int(head[1:]))]
                name = arguments[0].upper()
                self.asked.append(name)
                reply = self.answer(name, arguments[1:])
                if reply == b"":
                    return
                reply = reply or {"PING": b"+PONG\r\n", "EXISTS": b":0\r\n"}.get(name, b"+OK\r\n")
                for piece in [reply] if isinstance(reply, bytes) else reply:
                    connection.sendall(piece)

    def count(self, name):
        return self.asked.count(name)
