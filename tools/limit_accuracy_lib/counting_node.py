"""A Redis node that only counts: it answers every SET with +OK and remembers when how many of them arrived.

python3 counting_node.py FILE: prints its port, serves until standard input ends, then writes the arrivals to FILE. A process of its
own that comes before the others when it has something to do: what was admitted has to be noted when it arrives.
"""
import array
import contextlib
import os
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from limit_accuracy_lib.requests import REQUEST, START, split_command  # noqa: E402

READ_BYTES = 1 << 18
REPLY = b"+OK\r\n"


class Connection:
    def __init__(self, accepted):
        self.socket = accepted
        self._rest = b""

    def read(self):
        """How many SETs have arrived; None when the peer has left."""
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionError:
            return None
        if not data:
            return None
        data = self._rest + data
        sets, odd = divmod(len(data), len(REQUEST))
        if odd == 0 and data.count(START) == sets:  # Nothing but whole SETs: nearly always.
            self._rest = b""
            self._answer(REPLY * sets)
            return sets
        sets, replies = 0, []
        while command := split_command(data):
            words, length = command
            data = data[length:]
            sets += words[0] == b"SET"
            replies.append(b"+PONG\r\n" if words[0] == b"PING" else REPLY)
        self._rest = data
        self._answer(b"".join(replies))
        return sets

    def _answer(self, replies):
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(replies)


def serve(path):
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    times, counts, connections = array.array("Q"), array.array("Q"), {}
    epoll = select.epoll()
    for file in (listener, sys.stdin):
        epoll.register(file.fileno(), select.EPOLLIN)
    while True:
        for file, _ in epoll.poll():
            if file == sys.stdin.fileno():
                path.write_bytes(times.tobytes() + counts.tobytes())
                return
            if file == listener.fileno():
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = Connection(accepted)
                epoll.register(accepted.fileno(), select.EPOLLIN)
                continue
            arrived = connections[file].read()
            if arrived is None:
                connections.pop(file).socket.close()
            elif arrived:
                times.append(time.monotonic_ns())
                counts.append(arrived)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
