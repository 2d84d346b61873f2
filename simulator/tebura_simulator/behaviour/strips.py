"""A small strip of what the plates weighed around an event: as text, and as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId, ShelfId
from tebura_contract.recording import CountBatch
from tebura_contract.truth import Outcome

from tebura_simulator.behaviour.changes import Change
from tebura_simulator.recordings import calibrations_of, layout_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay_layout import first_sample_ns
from tebura_simulator.view.envelopes import Values, grams_of

BEFORE_S, AFTER_S = 3.0, 4.0
COLUMNS = 42
BARS = "▁▂▃▄▅▆▇█"
WIDE_PX, HIGH_PX = 336, 48
MOST_PLATES = 3
MOVED_G = 12.0
"""A plate that the event does not name is shown if it moved by this."""
LEAST_SPAN_G = 25.0
"""Noise is not blown up to fill the strip."""
ROOM = 0.15
ENDS = 5

Grams = NDArray[np.float64]


@dataclass
class Strip:
    """One plate's smallest and largest grams in `COLUMNS` equal moments; NaN where not read."""

    plate: PlateId
    low_g: Grams = field(default_factory=lambda: np.full(COLUMNS, np.nan))
    high_g: Grams = field(default_factory=lambda: np.full(COLUMNS, np.nan))

    def add(self, column: NDArray[np.int64], grams: Values) -> None:
        np.fmin.at(self.low_g, column, grams)
        np.fmax.at(self.high_g, column, grams)

    def middle_g(self) -> Grams:
        return (self.low_g + self.high_g) / 2

    def moved_g(self) -> float:
        """How far the level went, glitches aside."""
        known = self.middle_g()[~np.isnan(self.middle_g())]
        if not len(known):
            return 0.0
        return float(np.quantile(known, 0.9) - np.quantile(known, 0.1))

    def as_text(self) -> str:
        """A bar a moment, a dot where none was read."""
        least, most = _range_g(self.middle_g(), self.middle_g())
        span = max(most - least, LEAST_SPAN_G)
        top = len(BARS) - 1
        steps = np.clip((self.middle_g() - least) / span, 0.0, 1.0) * top
        return "".join("·" if np.isnan(step) else BARS[round(step)] for step in steps)

    def settled_g(self) -> tuple[float, float] | None:
        """The first and the last level; None if it was never read."""
        known = self.middle_g()[~np.isnan(self.middle_g())]
        if not len(known):
            return None
        return float(np.median(known[:ENDS])), float(np.median(known[-ENDS:]))

    def as_points(self) -> str:
        """The outline from largest to smallest and back, for an SVG polygon."""
        is_read = ~np.isnan(self.low_g)
        if not is_read.any():
            return ""
        least, most = _range_g(self.low_g, self.high_g)
        span = max(most - least, LEAST_SPAN_G)
        x = (np.arange(COLUMNS) + 0.5) * WIDE_PX / COLUMNS
        low, high = (np.clip((g - least) / span, -0.05, 1.05) for g in (self.low_g, self.high_g))
        y_low, y_high = (HIGH_PX - 3 - share * (HIGH_PX - 6) for share in (low, high))
        there = [f"{x[i]:.1f},{y_high[i]:.1f}" for i in np.flatnonzero(is_read)]
        back = [f"{x[i]:.1f},{y_low[i]:.1f}" for i in np.flatnonzero(is_read)[::-1]]
        return " ".join([*there, *back])


def strips(reel: Reel, changed: Sequence[Change]) -> list[tuple[Strip, ...]]:
    """For each change the plates of its shelf that it names or that moved most, at most three.

    Raises:
        RecordingError: If the recording cannot be read.
        CalibrationError: If a calibration inside was altered.
    """
    shelves, calibrations = layout_of(reel).shelves(), calibrations_of(reel)
    start_ns = first_sample_ns(reel)
    found: list[dict[PlateId, Strip]] = [{} for _ in changed]
    wanted = {_shelf(change.either) for change in changed}
    topics = [topic for topic in reel.topics() if topic.startswith("/counts/")]
    for recorded in reel.messages(topics):
        batch = recorded.message
        if not isinstance(batch, CountBatch) or not batch.at_ns:
            continue
        shelf = ShelfId(batch.plates[0].rpartition("/")[0])
        if shelf not in wanted or shelf not in shelves:
            continue
        calibration = calibrations.get(shelves[shelf][1].reports_picks)
        if calibration is None:
            continue
        at_s = (np.array(batch.at_ns, np.int64) - start_ns) / SECOND_NS
        grams = None
        for change, mine in zip(changed, found, strict=True):
            column = np.floor(
                (at_s - change.either.time_s + BEFORE_S) / (BEFORE_S + AFTER_S) * COLUMNS
            ).astype(np.int64)
            is_near = (column >= 0) & (column < COLUMNS)
            if _shelf(change.either) != shelf or not is_near.any():
                continue
            grams = grams_of(batch, calibration) if grams is None else grams
            for n, plate in enumerate(batch.plates):
                mine.setdefault(plate, Strip(plate)).add(column[is_near], grams[is_near, n])
    return [_chosen(mine, change.either) for change, mine in zip(changed, found, strict=True)]


def _range_g(low_g: Grams, high_g: Grams) -> tuple[float, float]:
    """What a strip shows: the levels with some room; a glitch goes to its edge."""
    low, high = low_g[~np.isnan(low_g)], high_g[~np.isnan(high_g)]
    if not len(low):
        return 0.0, LEAST_SPAN_G
    least, most = float(np.quantile(low, 0.05)), float(np.quantile(high, 0.95))
    room = max(ROOM * (most - least), (LEAST_SPAN_G - (most - least)) / 2)
    return max(least - room, float(low.min())), min(most + room, float(high.max()))


def _shelf(event: Outcome) -> ShelfId:
    return ShelfId(f"{event.gondola}/{event.shelf}")


def _chosen(found: dict[PlateId, Strip], event: Outcome) -> tuple[Strip, ...]:
    named = {f"{_shelf(event)}/{plate}" for plate in event.plates}
    worth = [s for s in found.values() if s.plate in named or s.moved_g() > MOVED_G]
    ordered = sorted(
        worth, key=lambda strip: (strip.plate not in named, -strip.moved_g(), strip.plate)
    )
    return tuple(ordered[:MOST_PLATES])
