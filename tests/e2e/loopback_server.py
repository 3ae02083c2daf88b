"""A server in this process, on a free port of loopback: each connection goes to `serve`, on a thread of its own."""

import contextlib
import socket
import threading


class LoopbackServer:
    def __init__(self):
        self.port = None

    def serve(self, connection):
        raise NotImplementedError

    def prepare(self, listening):
        """For options of the socket that have to be set before it listens."""

    def __enter__(self):
        self._server = socket.socket()
        self.prepare(self._server)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self._server.accept()[0],), daemon=True).start()
