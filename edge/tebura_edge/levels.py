"""When does each plate of a scale rest, and at what weight: raw grams to moves between levels.

All plates of a scale are followed at once with numpy; nothing loops over plates that rest. Method,
for each plate:

1. A running median of five removes glitches of one or two samples, whatever their size.
2. Ten times a second the last `settle_s` (at least `settle_samples`) of filtered samples are
   judged: the plate *rests* when their range and the difference between their halves are within
   what its own noise explains. Its weight is then their median.
3. A resting weight that differs from the plate's level by more than its noise explains is a *move*
   and the new level; a smaller difference is drift, which the level follows slowly.

Windows are of time and of sample count, tolerances come from the noise that the plate itself shows,
so 4, 10 and 60 Hz need no settings of their own. Order of plates, cutting into batches and steps of
the clock do not matter: decisions fall on the samples' own time.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_FILTER: Final = 5
_CAPACITY: Final = 1024
_WINDOW_ROWS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSettings:
    """Tuned numbers of the plates' mechanics.

    Measured on the real recordings (4 and 10 Hz: 23 and 0 steps are right) and on simulated store
    plates at 60 Hz (192 actions 0.9 to 2.5 s apart, 116 of 15 to 60 g). What is not said to break
    there does not: the values stand on wide plateaus.

    Attributes:
        settle_s: Shortest rest. A plate rings for about 0.5 s after a pick. With 0.8 s the rest
            between two quick actions is missed (6 of 192); 0.3 s broke nothing simulated and would
            be 0.2 s sooner, but leaves the ring no margin.
        settle_samples: Fewest samples of a rest, which rules below 24 Hz: 1.1 s at 10 Hz, 3 s at
            4 Hz. With 10 a lift of 2.4 s of the real pot is told as two steps, with 16 a rest of
            3.5 s is missed.
        settle_limit_s: A rest of this length needs no more samples than the filter has: what
            "settled" means for slow plates, below 4 Hz.
        decide_s: How often rests are judged; finer only costs time.
        gap_s: Samples further apart than this (and than four sample periods) are not joined.
        range_g: A rest's range is never asked to be smaller. At 3 g 2 of 192 quick actions are
            lost to the ring's tail; 12 g broke nothing, but a 15 g pick has little more.
        range_noises: The same in units of the plate's noise; 30 filtered Gaussian samples stay
            within about 5.
        slope_g, slope_noises: Largest difference between the halves' means: what keeps the median
            of a window that holds a small step from being taken for a level.
        move_g, move_noises: Smallest change of level. Settled medians of the store's plates differ
            by up to 4 g over 22 s with nothing taken (99 %).
        drift_g_per_s: How fast a level follows what is no move. Drift is 10 g/h; the real pot
            creeps by up to 17 g in 10 s, which is absorbed as moves too small to tell. A pick
            takes 0.3 s, in which this eats 0.02 g.
        noise_limit_g: More than this is not noise but a sick cell or a hand.
        heavy_g, heavy_hold_s: What lies above the level by so much is a hand until it has rested
            for so long: presses on the real pot are 5-12 kg for up to 20 s. They never rest; a
            perfectly steady one would be told as a foreign object with less than 20 s.
    """

    settle_s: float = 0.5
    settle_samples: int = 12
    settle_limit_s: float = 3.0
    decide_s: float = 0.1
    gap_s: float = 2.0
    range_g: float = 6.0
    range_noises: float = 8.0
    slope_g: float = 2.0
    slope_noises: float = 3.0
    move_g: float = 4.0
    move_noises: float = 2.5
    drift_g_per_s: float = 0.05
    noise_limit_g: float = 15.0
    heavy_g: float = 5000.0
    heavy_hold_s: float = 30.0


@dataclass(frozen=True, slots=True)
class PlateMove:
    """One plate came to rest at another level.

    `from_ns` is when it was last at the old level, `turned_ns` when it went past halfway for the
    last time, `to_ns` since when it has been at the new one (store time). `blind` says why it could
    not be watched in between.
    """

    plate: int
    before_g: float
    after_g: float
    sigma_g: float
    from_ns: int
    turned_ns: int
    to_ns: int
    blind: str

    @property
    def delta_g(self) -> float:
        return self.after_g - self.before_g


class Levels:
    """The levels of all plates of one scale.

    Args:
        plates: How many.
        settings: Tuned numbers.
        noise_g: What calibration measured for each plate, (plates,); 0 or NaN where unknown.

    Attributes:
        level_g: Level of each plate, NaN before its first rest.
        rest_g: Weight in the window judged last; meaningful where `is_resting`.
        still_ns: Store time at which each plate was last seen at its level.
        is_busy: Away from its level in the newest sample.
        is_ignored: Sick: steps and watermark do not wait for it.
        now_ns: Store time of the newest filtered sample; None before the first.
    """

    def __init__(
        self, plates: int, settings: LevelSettings | None = None, noise_g: Floats | None = None
    ) -> None:
        self.settings = settings or LevelSettings()
        self.level_g = np.full(plates, np.nan)
        self.rest_g = np.full(plates, np.nan)
        self.noise_g = np.full(plates, np.nan)
        if noise_g is not None:
            self.noise_g[noise_g > 0] = noise_g[noise_g > 0]
        self.still_ns = np.zeros(plates, np.int64)
        self.is_resting = np.zeros(plates, np.bool_)
        self.is_busy = np.zeros(plates, np.bool_)
        self.is_sick = np.zeros(plates, np.bool_)
        self.is_ignored = np.zeros(plates, np.bool_)
        self.now_ns: int | None = None
        self._doubt: dict[int, str] = {}
        self._before_g = np.full(plates, np.nan)
        self._heavy_since_s = np.full(plates, np.nan)
        self._history: deque[tuple[int, Floats, Bools]] = deque(maxlen=64)
        self._grams = np.zeros((_CAPACITY, plates))
        self._was_read = np.zeros((_CAPACITY, plates), np.bool_)
        self._at_ns = np.zeros(_CAPACITY, np.int64)
        self._time_s = np.zeros(_CAPACITY)
        self._end = 0
        self._judged_to = 0
        self._judged_s = -np.inf
        self._last_raw = np.full(plates, np.nan)
        self._last_ns: int | None = None
        self._now_s = 0.0
        self._periods: deque[float] = deque(maxlen=63)
        self._tail: list[tuple[int, float, Floats, Bools]] = []

    # State across restarts -----------------------------------------------------------------------

    def restore(self, plate: int, level_g: float, noise_g: float, at_ns: int) -> None:
        """Continue from a saved level; another weight at the first rest is a move nobody saw."""
        self.level_g[plate] = self._before_g[plate] = level_g
        self.noise_g[plate] = noise_g
        self.still_ns[plate] = at_ns
        self._doubt[plate] = "restart"

    def doubt(self, plate: int, reason: str) -> None:
        """From here to its next rest this plate could not be watched."""
        self._doubt[plate] = reason

    def set_sick(self, plate: int, reason: str, can_rest: bool = False) -> None:
        """Nobody waits for a sick plate any more, and unless it `can_rest` it has no weight."""
        self.is_ignored[plate] = True
        self.is_sick[plate] = not can_rest
        self._doubt[plate] = reason

    def set_well(self, plate: int) -> None:
        """The plate can be believed again from its next rest on."""
        self.is_ignored[plate] = self.is_sick[plate] = False

    # Samples in ----------------------------------------------------------------------------------

    def feed(self, at_ns: Ints, grams: Floats) -> Iterator[list[PlateMove]]:
        """Take samples, (n,) store time and (n, plates) grams with NaN where none was read.

        Yields once per judgement, with the moves it found; the attributes then hold the state at
        that moment.
        """
        if self._is_steady(at_ns):
            yield from self._feed_steady(at_ns, grams)
            return
        for row_ns, row in zip(at_ns.tolist(), grams, strict=True):
            self._advance(row_ns)
            was_read = ~np.isnan(row)
            if not was_read.all():
                row = np.where(was_read, row, self._last_raw)
            self._last_raw = row
            self._tail.append((row_ns, self._now_s, row, was_read))
            if len(self._tail) < _FILTER:
                continue
            middle = self._tail[_FILTER // 2]
            self._push(middle, _median_of_five([entry[2] for entry in self._tail]))
            del self._tail[0]
            if self._time_s[self._end - 1] - self._judged_s >= self.settings.decide_s - 1e-6:
                yield self._judge()

    def _is_steady(self, at_ns: Ints) -> bool:
        """Whether the samples go on without a gap or a step of the clock."""
        if self._last_ns is None or len(at_ns) == 0:
            return False
        times_ns = [self._last_ns, *at_ns.tolist()]
        gap_ns = self.settings.gap_s * SECOND_NS
        return all(0 <= after - before < gap_ns for before, after in pairwise(times_ns))

    def _feed_steady(self, at_ns: Ints, grams: Floats) -> Iterator[list[PlateMove]]:
        """As row by row, to the same bits, with all medians at once."""
        tail, was_read = self._tail, ~np.isnan(grams)
        if not was_read.all():
            grams = grams.copy()
            last = self._last_raw
            for row, is_read in zip(grams, was_read, strict=True):
                row[~is_read] = last[~is_read]
                last = row
        self._last_raw = grams[-1]
        rows = np.concatenate([*(entry[2][None] for entry in tail), grams])
        count = len(rows) - _FILTER + 1
        filtered = (
            _median_of_five([rows[n : n + count] for n in range(_FILTER)])
            if count > 0
            else rows[:0]
        )
        before = len(tail)
        for number, row_ns in enumerate(at_ns.tolist()):
            self._advance(row_ns)
            tail.append((row_ns, self._now_s, grams[number], was_read[number]))
            if len(tail) < _FILTER:
                continue
            self._push(tail[_FILTER // 2], filtered[before + number - _FILTER + 1])
            del tail[0]
            if self._time_s[self._end - 1] - self._judged_s >= self.settings.decide_s - 1e-6:
                yield self._judge()

    def typical_period_s(self) -> float:
        """Median time between samples lately; 0.1 s before it is known."""
        return float(np.median(self._periods)) if self._periods else 0.1

    def _advance(self, row_ns: int) -> None:
        """Elapsed time never runs backwards: a clock set back counts as one sample period."""
        if self._last_ns is not None:
            elapsed_s = (row_ns - self._last_ns) / SECOND_NS
            period_s = self.typical_period_s() if not 0 <= elapsed_s < self.settings.gap_s else 0.0
            if elapsed_s < 0:
                elapsed_s = period_s
            elif elapsed_s > max(self.settings.gap_s, 4 * period_s) and period_s:
                self._forget_samples()
            else:
                self._periods.append(elapsed_s)
            self._now_s += elapsed_s
        self._last_ns = row_ns

    def _forget_samples(self) -> None:
        self._tail.clear()
        self._end = self._judged_to = 0
        self.is_resting[:] = False

    def _push(self, entry: tuple[int, float, Floats, Bools], filtered: Floats) -> None:
        if self._end == _CAPACITY:
            keep = _CAPACITY // 2
            for array in (self._grams, self._was_read, self._at_ns, self._time_s):
                array[:keep] = array[-keep:]
            self._judged_to = max(self._judged_to - (_CAPACITY - keep), 0)
            self._end = keep
        at = self._end
        self._at_ns[at], self._time_s[at], _, self._was_read[at] = entry
        self._grams[at] = filtered
        self._end += 1
        self.now_ns = entry[0]

    # Judgement -----------------------------------------------------------------------------------

    def _judge(self) -> list[PlateMove]:
        # Plates without a level or a reading are NaN; one context for all that compares them.
        with np.errstate(invalid="ignore"):
            return self._judged()

    def _judged(self) -> list[PlateMove]:
        now_s = float(self._time_s[self._end - 1])
        since_s = min(now_s - self._judged_s, 1.0)
        self._judged_s = now_s
        self._judge_rest(since_s)
        difference_g = self.rest_g - self.level_g
        threshold_g = self.move_threshold_g()
        is_still = self.is_resting & (np.abs(difference_g) <= threshold_g)
        is_moved = self.is_resting & (np.abs(difference_g) > threshold_g)
        is_moved &= ~self._is_held_back(difference_g, now_s)
        moves = [self._move(int(plate)) for plate in np.flatnonzero(is_moved)]
        self._follow_drift(is_still, difference_g, since_s)
        is_new = self.is_resting & np.isnan(self.level_g)
        for settled in (is_new, is_moved):
            self.level_g[settled] = self._before_g[settled] = self.rest_g[settled]
        self._note_band(threshold_g)
        if self._doubt:
            for plate in np.flatnonzero(is_still | is_moved | is_new):
                self._doubt.pop(int(plate), None)
        assert self.now_ns is not None
        self._history.append((self.now_ns, self.rest_g.copy(), self.is_resting.copy()))
        return moves

    def move_threshold_g(self) -> Floats:
        """Smallest change of each plate that is a move rather than drift."""
        noise = _known(self.noise_g)
        threshold_g: Floats = np.maximum(self.settings.move_g, self.settings.move_noises * noise)
        return threshold_g

    def _judge_rest(self, since_s: float) -> None:
        settings, end = self.settings, self._end
        begin = min(self._rows_before(settings.settle_s), end - settings.settle_samples)
        begin = max(begin, min(self._rows_before(settings.settle_limit_s), end - _FILTER))
        if begin < 0:
            self.is_resting[:] = False
            return
        stride = 1 + (end - 1 - begin) // _WINDOW_ROWS
        window = self._grams[begin:end:stride]
        half = len(window) // 2
        ordered = np.sort(window, axis=0)
        spread_g = (ordered[(84 * len(window)) // 100] - ordered[(16 * len(window)) // 100]) / 2
        slope_g = np.abs(_mean(window[-half:]) - _mean(window[:half]))
        range_g = ordered[-1] - ordered[0]
        was_read = self._was_read[begin:end:stride]
        is_read = np.isfinite(range_g) & ~self.is_sick
        if not was_read.all():
            is_read &= was_read.mean(axis=0) > 0.7
        self.rest_g = (ordered[half] + ordered[(len(window) - 1) // 2]) / 2
        self._learn_noise(spread_g, is_read, since_s)
        noise_g = _known(self.noise_g)
        self.is_resting = (
            is_read
            & (range_g <= np.maximum(settings.range_g, settings.range_noises * noise_g))
            & (slope_g <= np.maximum(settings.slope_g, settings.slope_noises * noise_g))
        )

    def _rows_before(self, span_s: float) -> int:
        """Index of the newest sample that is at least so old; -1 if none is."""
        times_s = self._time_s[: self._end]
        return int(np.searchsorted(times_s, times_s[-1] - span_s + 1e-9, side="right")) - 1

    def _learn_noise(self, spread_g: Floats, is_read: Bools, since_s: float) -> None:
        """Follow the quiet moments.

        Down within a second, up within a minute and only near rest, so that hands and ringing
        teach nothing.
        """
        spread_g = np.minimum(spread_g, self.settings.noise_limit_g)
        is_first = is_read & np.isnan(self.noise_g)
        self.noise_g[is_first] = spread_g[is_first]
        is_near = ~(np.abs(self.rest_g - self.level_g) > 30.0)
        rate = np.where(spread_g < self.noise_g, 1.0, np.where(is_near, 0.02, 0.0)) * since_s
        change_g = (spread_g - self.noise_g) * rate
        self.noise_g[is_read] += change_g[is_read]

    def _is_held_back(self, difference_g: Floats, now_s: float) -> Bools:
        """Where a hand may be pressing: much above the level and not for long enough."""
        is_heavy = self.is_resting & (difference_g > self.settings.heavy_g)
        self._heavy_since_s[~is_heavy] = np.nan
        self._heavy_since_s[is_heavy & np.isnan(self._heavy_since_s)] = now_s
        return is_heavy & (now_s - self._heavy_since_s < self.settings.heavy_hold_s)

    def _follow_drift(self, is_still: Bools, difference_g: Floats, since_s: float) -> None:
        limit_g = self.settings.drift_g_per_s * since_s
        step_g = np.clip(difference_g, -limit_g, limit_g)
        self.level_g[is_still] += step_g[is_still]
        nearer = self._before_g + (self.rest_g - self._before_g) * min(since_s, 1.0)
        self._before_g[is_still] = nearer[is_still]

    def _note_band(self, threshold_g: Floats) -> None:
        """When each plate was last at its level, to the sample."""
        begin, end = max(self._judged_to - 1, 0), self._end
        band_g = 1.0 + threshold_g + 3.0 * _known(self.noise_g)
        in_band = np.abs(self._grams[begin:end] - self.level_g) <= band_g
        in_band &= self._was_read[begin:end]
        # One sample in the band may be a hand's weight passing through it.
        stays = in_band[1:] & in_band[:-1]
        seen = stays.any(axis=0)
        if seen.any():
            last = len(stays) - 1 - np.argmax(stays[::-1], axis=0)
            self.still_ns[seen] = self._at_ns[begin + 1 : end][last[seen]]
        self.is_busy = ~in_band[-1] & ~np.isnan(self.level_g)
        self._judged_to = end

    def _move(self, plate: int) -> PlateMove:
        before_g, after_g = float(self._before_g[plate]), float(self.rest_g[plate])
        track = self._grams[: self._end, plate]
        at_ns = self._at_ns[: self._end]
        near_before = np.abs(track - before_g) < np.abs(track - after_g)
        noise_g = float(np.nan_to_num(self.noise_g[plate]))
        reach_g = max(self.settings.range_g, self.settings.range_noises * noise_g)
        turned_ns = int(at_ns[_behind_last(near_before)])
        to_ns = int(at_ns[_behind_last(np.abs(track - after_g) > reach_g)])
        from_ns = min(int(self.still_ns[plate]), turned_ns)
        return PlateMove(
            plate=plate,
            before_g=before_g,
            after_g=after_g,
            sigma_g=self.sigma_g(plate),
            from_ns=from_ns,
            turned_ns=turned_ns,
            to_ns=max(to_ns, turned_ns),
            blind=self._doubt.get(plate, ""),
        )

    def sigma_g(self, plate: int) -> float:
        """Deviation of a difference of two rests of this plate.

        Noise of both medians (the filtered samples of a rest count as four independent ones) and
        half a gram of creep.
        """
        noise_g = float(np.nan_to_num(self.noise_g[plate]))
        return float(np.hypot(0.5, noise_g * np.sqrt(2 / 4)))

    def rest_before(self, plate: int, at_ns: int) -> float | None:
        """Weight of the plate's last rest that ended by then, within the last seconds."""
        for seen_ns, rest_g, is_resting in reversed(self._history):
            if seen_ns <= at_ns and is_resting[plate]:
                return float(rest_g[plate])
        return None

    def absorb(self, plate: int) -> None:
        """Take the present rest as the level: a change that was told as part of another's."""
        if self.is_resting[plate]:
            self.level_g[plate] = self._before_g[plate] = self.rest_g[plate]


def _behind_last(flags: Bools) -> int:
    """Index of the sample behind the last one flagged; 0 if none is."""
    flagged = np.flatnonzero(flags)
    return min(int(flagged[-1]) + 1, len(flags) - 1) if len(flagged) else 0


def _known(values: Floats) -> Floats:
    """The values with 0 for those not known yet; `np.nan_to_num` takes ten times as long."""
    return np.where(np.isnan(values), 0.0, values)


def _mean(rows: Floats) -> Floats:
    """`rows.mean(axis=0)` without its overhead, to the same bits."""
    mean: Floats = np.add.reduce(rows, axis=0) / len(rows)
    return mean


def _median_of_five(rows: list[Floats]) -> Floats:
    """Element-wise median by a sorting network; NaN where any of the five is NaN."""
    a, b, c, d, e = rows
    a, b = np.minimum(a, b), np.maximum(a, b)
    d, e = np.minimum(d, e), np.maximum(d, e)
    low, high = np.maximum(a, d), np.minimum(b, e)
    middle: Floats = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), c))
    return middle
