"""Cells and converters that break: what a scenario's faults do to grams and counts.

Where a fault has no length it lasts to the end of the scenario.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import PlateId, ShelfId

from tebura_simulator.plates.cells import Cells, stream
from tebura_simulator.plates.models import COUNT_LIMIT, PlateModel
from tebura_simulator.plates.noise import Warming
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.story.faults import NEEDS
from tebura_simulator.story.scenario import FaultKind, FaultScript

HOUR_S = 3600.0
DOUBLE_GLITCHES = 0.2
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """A stretch of rows."""

    first: int
    stop: int

    def within(self, begin: int, rows: int) -> slice:
        """Its part of the `rows` that begin at row `begin`, counted from there."""
        first = min(max(self.first - begin, 0), rows)
        return slice(first, min(max(self.stop - begin, first), rows))


def end_of(fault: FaultScript, duration_s: float) -> float:
    """When a fault is over."""
    return (fault.at_s or 0.0) + fault.for_s if fault.for_s > 0 else duration_s + 1.0


def size_of(fault: FaultScript) -> float:
    """How bad it is, in the unit of `NEEDS`."""
    size = fault.size if fault.size is not None else NEEDS[fault.kind].size
    return size or 0.0


def span_of(fault: FaultScript, duration_s: float, rate_hz: float) -> Span:
    """The rows while a fault lasts."""
    begin_s = fault.at_s or 0.0
    return Span(round(begin_s * rate_hz), round(end_of(fault, duration_s) * rate_hz))


@dataclass(eq=False)
class Glitches:
    """Single and double samples of nonsense, drawn beforehand, ordered by row."""

    rows: Ints
    columns: Ints
    counts: Ints
    is_offset: bool

    def strike(self, begin: int, counts: Floats) -> None:
        """Put those that fall on these rows, the first of which is row `begin`, into `counts`."""
        first, stop = np.searchsorted(self.rows, [begin, begin + len(counts)])
        rows, columns = self.rows[first:stop] - begin, self.columns[first:stop]
        before = counts[rows, columns] if self.is_offset else 0.0
        counts[rows, columns] = before + self.counts[first:stop]


def native_glitches(model: PlateModel, cells: Cells, rows: int, seed: int) -> Glitches | None:
    """Those that a kind of plate has by itself, as far off as the real one's."""
    if not model.glitches:
        return None
    rng = stream(seed, "glitches")
    at = _struck(rng, model.glitches, rows * len(cells.plates))
    row, column = np.divmod(at, len(cells.plates))
    row, column = _some_twice(rng, row, column, model.double_glitches, rows)
    off_g = model.glitch_g.draw(rng, len(row))
    off_g *= np.where(rng.random(len(row)) < model.glitch_up, 1.0, -1.0)
    return Glitches(row, column, np.round(off_g * cells.gain[column]).astype(np.int64), True)


def scripted_glitches(fault: FaultScript, mine: Ints, span: Span, seed: int, rows: int) -> Glitches:
    """Anything up to the ends of the converter's range on the plates of a shelf."""
    rng = stream(seed, "fault", fault.kind, fault.on or "", f"{fault.at_s}")
    stop = min(span.stop, rows)
    at = _struck(rng, size_of(fault), max(0, stop - span.first) * len(mine))
    row, column = np.divmod(at, len(mine))
    row, column = _some_twice(rng, row + span.first, mine[column], DOUBLE_GLITCHES, stop)
    counts = rng.integers(-COUNT_LIMIT, COUNT_LIMIT, len(row), endpoint=True)
    return Glitches(row, column, counts, False)


def _struck(rng: np.random.Generator, share: float, samples: int) -> Ints:
    """Which of so many samples are struck, in order; memory goes with those struck alone."""
    share = min(share, 1.0)
    if samples <= 0 or share <= 0:
        return np.zeros(0, np.int64)
    most = int(samples * share + 10 * (samples * share) ** 0.5 + 20)
    at: Ints = np.cumsum(rng.geometric(share, most)) - 1
    return at[at < samples]


def _some_twice(
    rng: np.random.Generator, row: Ints, column: Ints, share: float, stop: int
) -> tuple[Ints, Ints]:
    again = (rng.random(len(row)) < share) & (row + 1 < stop)
    rows, columns = np.append(row, row[again] + 1), np.append(column, column[again])
    order = np.argsort(rows, kind="stable")
    return rows[order], columns[order]


@dataclass(eq=False)
class Dying:
    """A cell whose noise grows until it can no longer be read through."""

    column: int
    span: Span
    worst_g: float
    rng: np.random.Generator

    def wear(self, begin: int, grams: Floats) -> None:
        part = self.span.within(begin, len(grams))
        rows = np.arange(begin + part.start, begin + part.stop)
        grown = (rows - self.span.first) / max(1, self.span.stop - self.span.first)
        grams[part, self.column] += self.worst_g * grown * self.rng.standard_normal(len(rows))


@dataclass(eq=False)
class Drift:
    """A zero that runs away while it lasts and stays where it got to."""

    column: int
    span: Span
    g_per_row: float

    def wear(self, begin: int, grams: Floats) -> None:
        rows = np.clip(np.arange(begin, begin + len(grams)), self.span.first, self.span.stop)
        grams[:, self.column] += (rows - self.span.first) * self.g_per_row


@dataclass(eq=False)
class Stuck:
    """A cell that gives its last count again and again."""

    column: int
    span: Span
    _last: float | None = None

    def hold(self, begin: int, counts: Floats) -> None:
        part = self.span.within(begin, len(counts))
        if part.start < part.stop:
            self._last = counts[part.start, self.column] if self._last is None else self._last
            counts[part, self.column] = self._last


@dataclass(frozen=True, eq=False)
class Breakage:
    """All that is broken in cells and converters."""

    wear: tuple[Dying | Drift, ...]
    glitches: tuple[Glitches, ...]
    stuck: tuple[Stuck, ...]
    warming: tuple[Warming, ...]


def breakage(
    faults: Sequence[FaultScript], cells: Cells, model: PlateModel, duration_s: float, seed: int
) -> Breakage:
    """Prepare the faults of plates and of their converters, and what the kind has by itself."""
    rows = row_count(duration_s, model)
    own = native_glitches(model, cells, rows, seed)
    wear: list[Dying | Drift] = []
    glitches = [own] if own else []
    stuck, warming = [], []
    column = {str(plate): i for i, plate in enumerate(cells.plates)}
    for fault in faults:
        span = span_of(fault, duration_s, model.rate_hz)
        on = fault.on or ""
        match fault.kind:
            case FaultKind.GLITCHES:
                mine = cells.columns_of(ShelfId(on))
                glitches.append(scripted_glitches(fault, mine, span, seed, rows))
            case FaultKind.CELL_STUCK:
                stuck.append(Stuck(column[PlateId(on)], span))
            case FaultKind.CELL_DYING:
                rng = stream(seed, "fault", fault.kind, on, f"{fault.at_s}")
                shown = Span(span.first, min(span.stop, rows))
                wear.append(Dying(column[PlateId(on)], shown, size_of(fault), rng))
            case FaultKind.DRIFT:
                per_row = size_of(fault) / HOUR_S / model.rate_hz
                wear.append(Drift(column[PlateId(on)], span, per_row))
            case FaultKind.WARMING:
                shelf = cells.shelves.index(ShelfId(on))
                end_s = end_of(fault, duration_s)
                warming.append(Warming(shelf, fault.at_s or 0.0, end_s, size_of(fault) / HOUR_S))
            case _:
                pass
    return Breakage(tuple(wear), tuple(glitches), tuple(stuck), tuple(warming))


def row_count(duration_s: float, model: PlateModel) -> int:
    """Samples of every plate from the first to the last moment of a scenario."""
    return int(np.floor(duration_s * model.rate_hz + 1e-9)) + 1
