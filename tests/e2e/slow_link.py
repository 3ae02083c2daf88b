"""A link to a server that moves only so many bytes a second, each way."""

import contextlib
import socket
import threading

from loopback_server import LoopbackServer

PIECE = 64 << 10
SO_MAX_PACING_RATE = 47  # The kernel sends no faster; Python has no name for it.


class SlowLink(LoopbackServer):
    def __init__(self, target, bytes_a_second):
        super().__init__()
        self.target, self.rate = target, bytes_a_second

    def prepare(self, listening):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)  # Little is on its way at a time.

    def serve(self, near):
        with contextlib.suppress(OSError):
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
