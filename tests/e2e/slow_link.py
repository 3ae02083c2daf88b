"""A link to a server that moves only so many bytes a second, each way."""

import contextlib
import socket
import threading

PIECE = 64 << 10
SO_MAX_PACING_RATE = 47  # The kernel sends no faster; Python has no name for it.


class SlowLink:
    def __init__(self, target, bytes_a_second):
        self.target, self.rate = target, bytes_a_second

    def __enter__(self):
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)  # Little is on its way at a time.
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
                near = self._server.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
                for source, sink in ((near, far), (far, near)):
                    sink.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, self.rate)
                    sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                sink.sendall(piece)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
