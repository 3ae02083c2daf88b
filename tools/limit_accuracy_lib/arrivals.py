"""What a node has noted: when how many admitted requests arrived."""
import array
import bisect
import itertools

SECOND = 1_000_000_000
MS = 1_000_000


class Arrivals:
    def __init__(self, path):
        data = path.read_bytes()
        self._times, counts = array.array("Q"), array.array("Q")
        self._times.frombytes(data[:len(data) // 2])
        counts.frombytes(data[len(data) // 2:])
        self._sums = [0, *itertools.accumulate(counts)]  # Before each of the times.

    def __len__(self):
        return self._sums[-1]

    def first(self, begin=0):
        """The first at `begin` or after it; None if there is none."""
        index = bisect.bisect_left(self._times, begin)
        return self._times[index] if index < len(self._times) else None

    def last(self, end=1 << 63):
        """The last before `end`."""
        index = bisect.bisect_left(self._times, end)
        return self._times[index - 1] if index > 0 else None

    def between(self, begin, end):
        return self._sums[bisect.bisect_left(self._times, end)] - self._sums[bisect.bisect_left(self._times, begin)]

    def most_in_a_second(self, begin=0, end=1 << 63):
        """The most within any second that lies between the two, and when that second begins."""
        first, most = bisect.bisect_left(self._times, begin), (0, begin)
        for index in range(first, bisect.bisect_left(self._times, end)):
            while self._times[index] - self._times[first] >= SECOND:
                first += 1
            most = max(most, (self._sums[index + 1] - self._sums[first], self._times[first]))
        return most

    def tenths(self, begin, seconds):
        return [self.between(begin + tenth * 100 * MS, begin + (tenth + 1) * 100 * MS) for tenth in range(round(seconds * 10))]
