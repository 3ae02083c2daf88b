"""Clients that ask on and on while a test does something else."""

import threading


class Crowd:
    """A client of each of `servers` (what has client(); one of them as often as it stands there) to the end of the block."""

    def __init__(self, servers):
        self._finish = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=each) for each in enumerate(servers)]

    def ask(self, number, client):
        """One round of client `number`."""
        raise NotImplementedError

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._finish.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number, server):
        with server.client() as client:
            while not self._finish.is_set():
                self.ask(number, client)
