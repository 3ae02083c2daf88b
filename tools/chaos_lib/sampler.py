"""What the proxy's process holds, what it counts, and whether the machine ran anybody, many times a second."""
import threading
import time

EVERY_SECONDS = 0.05
WITNESS_SECONDS = 0.005


def now():
    """Nanoseconds of the clock that the traces have."""
    return time.monotonic_ns()


class Sampler:
    """Samples of read(), as (time, value), from the beginning of the `with` block to its end."""

    def __init__(self, read, every=EVERY_SECONDS):
        self._read, self._every = read, every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(self._every):
            self.samples.append((now(), self._read()))

    def most(self, begin=0, end=1 << 63):
        return max((value for time, value in self.samples if begin <= time < end), default=0)

    def most_in_a_second(self):
        """The largest growth of a counter within any second."""
        most, first = 0, 0
        for time, value in self.samples:
            while time - self.samples[first][0] > 1_000_000_000:
                first += 1
            most = max(most, value - self.samples[first][1])
        return most


class Witness:
    """How long the machine kept a thread waiting that wanted to run every 5 ms: whoever else it kept waiting was as late."""

    def __init__(self):
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.longest_ms = 0.0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.is_set():
            before = now()
            time.sleep(WITNESS_SECONDS)
            self.longest_ms = max(self.longest_ms, (now() - before) / 1e6 - WITNESS_SECONDS * 1000)
