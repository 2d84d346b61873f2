"""Is each load cell well? A sick one is a state with a reason, never a weight.

Judged on raw counts, before calibration, for all plates of a scale at once. Each state has
hysteresis: bad for a while before a cell is called sick, good for a while before it is well again.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, ns_from_s

from tebura_edge.serial_frame import COUNT_LIMIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CellHealth(StrEnum):
    """Why a plate's weight cannot be believed, or that it can."""

    OK = "ok"
    NOT_READ = "not-read"
    OUT_OF_RANGE = "out-of-range"
    STUCK = "stuck"
    NOISY = "noisy"
    RESTLESS = "restless"


RAIL_COUNTS: Final = COUNT_LIMIT - 8
"""A 24-bit converter at its end: an open or shorted bridge. Such a count is as good as none."""

SICK_AFTER_S: Final = {
    CellHealth.NOT_READ: 2.0,
    CellHealth.OUT_OF_RANGE: 2.0,
    CellHealth.NOISY: 10.0,
    CellHealth.STUCK: 60.0,
    CellHealth.RESTLESS: 60.0,
}
"""How long before it is said: the deadlines of the fault matrix (silent 2 s, noisy 10 s). A hand
that presses on the real pot for 20 s is not yet restless. Worst first."""

WELL_AFTER_S: Final = 3.0
JUDGED_NS: Final = SECOND_NS // 2
NOISY_G: Final = 20.0
NOISY_SHARE: Final = 0.3
"""A cell is noisy where this share of its samples go up and down by more than `NOISY_G` from one to
the next. Gaussian noise of 20 g reaches 0.4, of 40 g 0.5; the hands on the real pot, seen at 4 Hz,
0.21; its glitches 0.05. Still store plates' noise is below 10 g (99 %)."""

LIVELY_S: Final = 60.0
LIVELY_SHARE: Final = 0.7
"""A cell is called stuck only if it was lively before: for `LIVELY_S` no pause of 5 s, and in most
samples a new count. One in ten good plates of the store rests on a single count for seconds; one
near the border of two counts changes in up to half of the samples, until drift moves it away."""


FADES: Final = 0.02
"""What a sample counts in these shares; all before it fade by so much."""

PAUSE_NS: Final = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class CellChange:
    """A plate's cell changed its state; `since_ns` is the first sample that was so."""

    plate: int
    health: CellHealth
    since_ns: int


_ORDER: Final = tuple(CellHealth)


class Cells:
    """The health of all cells of one scale.

    Args:
        counts_per_g: Gain of each plate, (plates,).
    """

    def __init__(self, counts_per_g: NDArray[np.float64]) -> None:
        plates = len(counts_per_g)
        self._noisy_counts = NOISY_G * np.abs(counts_per_g)
        self._state = np.zeros(plates, np.intp)
        self._waiting: list[tuple[Ints, Floats]] = []
        self._last = np.full(plates, np.nan)
        self._change = np.zeros(plates)
        self._shares = np.zeros(2 * plates)
        self._noisy_share, self._change_share = self._shares[:plates], self._shares[plates:]
        self._changed_ns = np.zeros(plates, np.int64)
        self._lively_share = np.zeros(plates)
        self._paused_ns = np.zeros(plates, np.int64)
        self._well_ns = np.zeros(plates, np.int64)
        self._suspect_ns = np.zeros(plates, np.int64)
        self._bad_since_ns: dict[CellHealth, Ints] = {
            health: np.zeros(plates, np.int64) for health in SICK_AFTER_S
        }

    @property
    def health(self) -> tuple[CellHealth, ...]:
        """State of each plate."""
        return tuple(_ORDER[state] for state in self._state)

    def feed(self, at_ns: Ints, counts: Floats, busy_since_ns: Ints) -> list[CellChange]:
        """Take raw counts, and judge once at the end of every `JUDGED_NS` of them.

        Args:
            at_ns: Store time of each row, (n,).
            counts: Raw counts, (n, plates), NaN where none was read.
            busy_since_ns: Since when each plate has been away from its level, (plates,); 0 if not.
        """
        if not len(at_ns):
            return []
        self._waiting.append((at_ns, counts))
        if 0 <= at_ns[-1] - self._waiting[0][0][0] < JUDGED_NS:
            return []
        at_ns = np.concatenate([one[0] for one in self._waiting])
        counts = np.concatenate([one[1] for one in self._waiting])
        self._waiting.clear()
        return self._feed(at_ns, counts, busy_since_ns)

    def _feed(self, at_ns: Ints, counts: Floats, busy_since_ns: Ints) -> list[CellChange]:
        if not self._paused_ns.any():
            # How long a plate was away before anybody looked says nothing of its cell.
            self._changed_ns[:] = self._paused_ns[:] = self._well_ns[:] = at_ns[0]
        if self._is_plain(at_ns, counts):
            self._take_all(at_ns, counts)
        else:
            for row_ns, row in zip(at_ns.tolist(), counts, strict=True):
                self._take(row_ns, row)
        now_ns = int(at_ns[-1])
        is_sick = (self._state > 0) & (self._state != _ORDER.index(CellHealth.RESTLESS))
        # What a sick cell showed says nothing of its plate's rest.
        self._well_ns[is_sick] = now_ns
        is_busy = (busy_since_ns > 0) & ~is_sick
        self._bad_since_ns[CellHealth.RESTLESS] = np.where(
            is_busy, np.maximum(busy_since_ns, self._well_ns), 0
        )
        is_lively = self._changed_ns - self._paused_ns > ns_from_s(LIVELY_S)
        is_lively &= self._lively_share > LIVELY_SHARE
        is_frozen = is_lively & (now_ns - self._changed_ns > PAUSE_NS)
        self._bad_since_ns[CellHealth.STUCK] = np.where(is_frozen, self._changed_ns, 0)
        return self._judge(now_ns)

    def _is_plain(self, at_ns: Ints, counts: Floats) -> bool:
        """Whether all was read, and within a shorter time than any pause that matters."""
        is_short = 0 <= at_ns[-1] - at_ns[0] <= PAUSE_NS and bool((np.diff(at_ns) >= 0).all())
        return is_short and not np.isnan(counts).any() and not np.isnan(self._last).any()

    def _take_all(self, at_ns: Ints, counts: Floats) -> None:
        """As `_take` row by row, for rows as they nearly always are."""
        rows = np.concatenate([self._last[None], counts])
        change = np.diff(rows, axis=0)
        before = np.concatenate([self._change[None], change[:-1]])
        is_zigzag = (change * before < 0) & (
            np.minimum(np.abs(change), np.abs(before)) > self._noisy_counts
        )
        is_new = change != 0
        fresh, fading = _fading(len(counts))
        both = np.concatenate([is_zigzag, is_new], axis=1)
        shares = fresh @ both.astype(np.float64) + fading * self._shares
        self._shares[:] = shares[-1]
        plates = counts.shape[1]
        is_noisy = shares[:, :plates] > NOISY_SHARE
        self._bad_since_ns[CellHealth.NOT_READ][:] = 0
        self._note_all(CellHealth.OUT_OF_RANGE, np.abs(counts) >= RAIL_COUNTS, at_ns)
        self._note_all(CellHealth.NOISY, is_noisy, at_ns)
        has_new = is_new.any(axis=0)
        first_ns = at_ns[np.argmax(is_new, axis=0)]
        last = len(at_ns) - 1 - np.argmax(is_new[::-1], axis=0)
        self._lively_share[has_new] = shares[last, plates + np.arange(plates)][has_new]
        # Within so short a time only the first change of a plate can end a pause.
        paused = has_new & (first_ns - self._changed_ns > PAUSE_NS)
        self._paused_ns[paused] = first_ns[paused]
        self._changed_ns[has_new] = at_ns[last][has_new]
        self._change, self._last = change[-1], counts[-1].copy()

    def _note_all(self, health: CellHealth, is_bad: NDArray[np.bool_], at_ns: Ints) -> None:
        """As `_note` for each row in turn."""
        since_ns = self._bad_since_ns[health]
        if not is_bad.any():
            since_ns[:] = 0
            return
        for row_ns, bad in zip(at_ns.tolist(), is_bad, strict=True):
            self._note(health, bad, row_ns)

    def _take(self, row_ns: int, row: Floats) -> None:
        is_read = ~np.isnan(row)
        with np.errstate(invalid="ignore"):
            at_end = np.abs(row) >= RAIL_COUNTS
            change = np.nan_to_num(row - self._last)
        self._note(CellHealth.NOT_READ, ~is_read, row_ns)
        self._note(CellHealth.OUT_OF_RANGE, at_end, row_ns)
        is_zigzag = (change * self._change < 0) & (
            np.minimum(np.abs(change), np.abs(self._change)) > self._noisy_counts
        )
        self._change = change
        self._noisy_share += FADES * (is_zigzag - self._noisy_share)
        self._note(CellHealth.NOISY, self._noisy_share > NOISY_SHARE, row_ns)
        is_new = is_read & (change != 0)
        paused = is_new & (row_ns - self._changed_ns > PAUSE_NS)
        self._paused_ns[paused] = row_ns
        self._changed_ns[is_new] = row_ns
        self._change_share += FADES * (is_new - self._change_share)
        self._lively_share[is_new] = self._change_share[is_new]
        self._last = np.where(is_read, row, self._last)

    def _note(self, health: CellHealth, is_bad: NDArray[np.bool_], row_ns: int) -> None:
        since_ns = self._bad_since_ns[health]
        since_ns[~is_bad] = 0
        since_ns[is_bad & (since_ns == 0)] = row_ns

    def _judge(self, now_ns: int) -> list[CellChange]:
        if not self._state.any() and not any(s.any() for s in self._bad_since_ns.values()):
            return []
        state = np.zeros_like(self._state)
        for health, after_s in SICK_AFTER_S.items():
            since_ns = self._bad_since_ns[health]
            is_bad = (since_ns > 0) & (now_ns - since_ns >= ns_from_s(after_s))
            state[is_bad & (state == 0)] = _ORDER.index(health)
            is_suspect = since_ns > 0
            if health is CellHealth.RESTLESS:
                is_suspect &= self._state == _ORDER.index(health)
            self._suspect_ns[is_suspect] = now_ns
        recovers = (state == 0) & (now_ns - self._suspect_ns >= ns_from_s(WELL_AFTER_S))
        state = np.where((state == 0) & ~recovers, self._state, state)
        changed = np.flatnonzero(state != self._state)
        self._state = state
        return [self._told(int(plate), now_ns) for plate in changed]

    def _told(self, plate: int, now_ns: int) -> CellChange:
        health = _ORDER[self._state[plate]]
        if health is CellHealth.OK:
            return CellChange(plate, health, now_ns)
        return CellChange(plate, health, int(self._bad_since_ns[health][plate]))


@cache
def _fading(rows: int) -> tuple[Floats, Floats]:
    """What each of so many samples, (rows, rows), and the share before, (rows, 1), count."""
    left: Floats = (1.0 - FADES) ** np.arange(rows + 1.0)
    ages = np.subtract.outer(np.arange(rows), np.arange(rows))
    fresh: Floats = np.where(ages >= 0, FADES * left[np.maximum(ages, 0)], 0.0)
    return fresh, left[1:, None]


def readable(counts: Floats) -> Floats:
    """The counts, (n, plates), with those at the converter's ends as not read (NaN)."""
    with np.errstate(invalid="ignore"):
        at_end = np.abs(counts) >= RAIL_COUNTS
    return np.where(at_end, np.nan, counts) if at_end.any() else counts
