"""Samples of a scale: in order, without glitches, on a time that never runs backwards.

A running median of five takes glitches of one or two samples away, whatever their size. All rows of
a batch are filtered at once; how the stream is cut into batches changes no bit of what is kept.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FILTER: Final = 5
_CAPACITY: Final = 1024
_MOST_ROWS: Final = 128


class Samples:
    """The last filtered samples of all plates of a scale.

    Args:
        plates: How many.
        gap_s: Samples further apart than this (and than four sample periods) are not joined.

    Attributes:
        grams: (rows, plates), of which the first `end` are filled; so of the other three.
        was_read: Whether a sample was read or its value is the one before.
        at_ns: Store time.
        time_s: Seconds since the first sample; a clock that is set back counts as one period.
    """

    def __init__(self, plates: int, gap_s: float) -> None:
        self._gap_s = gap_s
        self.grams = np.zeros((_CAPACITY, plates))
        self.was_read = np.zeros((_CAPACITY, plates), np.bool_)
        self.at_ns = np.zeros(_CAPACITY, np.int64)
        self.time_s = np.zeros(_CAPACITY)
        self.end = 0
        self._periods: deque[float] = deque(maxlen=63)
        self._last_raw = np.full(plates, np.nan)
        self._last_ns: int | None = None
        self._now_s = 0.0
        self._tail_g = np.zeros((0, plates))
        self._tail_read = np.zeros((0, plates), np.bool_)
        self._tail_ns: Ints = np.zeros(0, np.int64)
        self._tail_s: Floats = np.zeros(0)

    def typical_period_s(self) -> float:
        """Median time between samples lately; 0.1 s before it is known."""
        return float(np.median(self._periods)) if self._periods else 0.1

    def rows_before(self, span_s: float, end: int) -> int:
        """Index of the newest of the first `end` samples that is at least so old; -1 if none is."""
        times_s = self.time_s[:end]
        return int(np.searchsorted(times_s, times_s[-1] - span_s + 1e-9, side="right")) - 1

    def take(self, at_ns: Ints, grams: Floats) -> Iterator[tuple[int, int]]:
        """Take samples, (n,) store time and (n, plates) grams with NaN where none was read.

        Yields:
            The row from which on samples are new, and by how many rows all older ones moved up;
            -1 where nothing before can be joined to them.
        """
        for part in self._runs(at_ns):
            rows_s, is_gap = self._times(at_ns[part])
            if is_gap:
                self._forget()
            begin, moved = self._push(at_ns[part], rows_s, grams[part])
            yield begin, -1 if is_gap else moved

    def _runs(self, at_ns: Ints) -> Iterator[slice]:
        """Pieces within which time goes on steadily."""
        if not len(at_ns):
            return
        apart_ns = np.diff(at_ns)
        gap_ns = self._gap_s * SECOND_NS
        breaks = (np.flatnonzero((apart_ns < 0) | (apart_ns >= gap_ns)) + 1).tolist()
        for begin, end in zip([0, *breaks], [*breaks, len(at_ns)], strict=True):
            for at in range(begin, end, _MOST_ROWS):
                yield slice(at, min(at + _MOST_ROWS, end))

    def _times(self, at_ns: Ints) -> tuple[Floats, bool]:
        """Elapsed time of each row of a run, and whether it cannot be joined to what was before."""
        first_s, is_gap = 0.0, False
        if self._last_ns is not None:
            first_s = (int(at_ns[0]) - self._last_ns) / SECOND_NS
            if not 0 <= first_s < self._gap_s:
                period_s = self.typical_period_s()
                is_gap = first_s > max(self._gap_s, 4 * period_s)
                first_s = period_s if first_s < 0 else first_s
            if not is_gap:
                self._periods.append(first_s)
        apart_s = np.diff(at_ns) / SECOND_NS
        self._periods.extend(apart_s[-63:].tolist())
        rows_s: Floats = np.add.accumulate(np.concatenate([[self._now_s, first_s], apart_s]))[1:]
        self._last_ns, self._now_s = int(at_ns[-1]), float(rows_s[-1])
        return rows_s, is_gap

    def _forget(self) -> None:
        self.end = 0
        self._tail_g, self._tail_read = self._tail_g[:0], self._tail_read[:0]
        self._tail_ns, self._tail_s = self._tail_ns[:0], self._tail_s[:0]

    def _push(self, at_ns: Ints, rows_s: Floats, grams: Floats) -> tuple[int, int]:
        was_read = ~np.isnan(grams)
        if not was_read.all():
            grams = _filled(grams, was_read, self._last_raw)
        self._last_raw = grams[-1]
        rows_g = np.concatenate([self._tail_g, grams])
        read = np.concatenate([self._tail_read, was_read])
        rows_ns = np.concatenate([self._tail_ns, at_ns])
        rows_s = np.concatenate([self._tail_s, rows_s])
        moved, count = 0, len(rows_g) - FILTER + 1
        begin = self.end
        if count > 0:
            moved = self._make_room(count)
            begin = self.end
            room, middle = slice(begin, begin + count), FILTER // 2
            self.grams[room] = _median_of_five([rows_g[n : n + count] for n in range(FILTER)])
            self.was_read[room] = read[middle : middle + count]
            self.at_ns[room] = rows_ns[middle : middle + count]
            self.time_s[room] = rows_s[middle : middle + count]
            self.end = room.stop
        kept = slice(max(count, 0), None)
        self._tail_g, self._tail_read = rows_g[kept], read[kept]
        self._tail_ns, self._tail_s = rows_ns[kept], rows_s[kept]
        return begin, moved

    def _make_room(self, count: int) -> int:
        if self.end + count <= _CAPACITY:
            return 0
        keep = _CAPACITY // 2
        moved = self.end - keep
        for array in (self.grams, self.was_read, self.at_ns, self.time_s):
            array[:keep] = array[moved : self.end]
        self.end = keep
        return moved


def _filled(grams: Floats, was_read: Bools, last: Floats) -> Floats:
    """Where nothing was read, the value before."""
    grams = grams.copy()
    for row, is_read in zip(grams, was_read, strict=True):
        row[~is_read] = last[~is_read]
        last = row
    return grams


def _median_of_five(rows: list[Floats]) -> Floats:
    """Element-wise median by a sorting network; NaN where any of the five is NaN."""
    a, b, c, d, e = rows
    a, b = np.minimum(a, b), np.maximum(a, b)
    d, e = np.minimum(d, e), np.maximum(d, e)
    low, high = np.maximum(a, d), np.minimum(b, e)
    middle: Floats = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), c))
    return middle
