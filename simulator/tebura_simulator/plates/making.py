"""How counts come to be: load, warmth, noise, what is broken, and the converter, in this order."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.plates.breakage import Breakage
from tebura_simulator.plates.cells import Cells
from tebura_simulator.plates.disturbances import Disturbance
from tebura_simulator.plates.models import COUNT_LIMIT, PlateModel
from tebura_simulator.plates.noise import Response, Slow, Warmth, White
from tebura_simulator.plates.quantiles import Floats


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some time of all plates: `at_s` (n,) seconds, `counts` (n, plates)."""

    first_row: int
    at_s: Floats
    counts: NDArray[np.int64]


class Load:
    """What presses on each plate, as a function of time that only goes forward.

    Args:
        standing_g: On each plate at the start, (plates,).
        felt: Ordered by when it begins.
    """

    def __init__(self, standing_g: Floats, felt: Sequence[Disturbance]) -> None:
        self._rests_g = standing_g.copy()
        self._coming = deque(felt)
        self._active: deque[Disturbance] = deque()

    def grams(self, at_s: Floats) -> Floats:
        """(n, plates) at moments after all those asked for before."""
        end_s = float(at_s[-1])
        while self._coming and self._coming[0].from_s <= end_s:
            self._active.append(self._coming.popleft())
        grams = np.repeat(self._rests_g[None], len(at_s), axis=0)
        for one in self._active:
            first, over = np.searchsorted(at_s, [one.from_s, one.to_s])
            if first < over:
                grams[first:over, one.columns] += one.grams(at_s[first:over])
            if over < len(at_s):
                grams[over:, one.columns] += one.after_g
        # Only in their order, so that the last bit of a sum depends on no stretch's length.
        while self._active and self._active[0].to_s <= end_s:
            over_now = self._active.popleft()
            self._rests_g[over_now.columns] += over_now.after_g
        return grams


@dataclass(eq=False, kw_only=True)
class Making:
    """Makes the counts of all plates once, from the first row on."""

    cells: Cells
    model: PlateModel
    load: Load
    white: White
    slow: Slow
    warmth: Warmth
    response: Response
    broken: Breakage

    def stretches(self, rows: int, chunk_s: float) -> Iterator[Stretch]:
        """All `rows`, about `chunk_s` at a time."""
        knot_rows = self.slow.knot_rows
        step = max(1, round(chunk_s * self.model.rate_hz / knot_rows)) * knot_rows
        for first in range(0, rows, step):
            yield self._stretch(first, min(step, rows - first))

    def _stretch(self, first: int, rows: int) -> Stretch:
        at_s = np.arange(first, first + rows) / self.model.rate_hz
        grams = self.load.grams(at_s)
        if self.cells.gain_per_k.any():
            warmer = self.warmth.at(at_s)[:, self.cells.shelf]
            grams *= 1.0 + self.cells.gain_per_k * warmer
        knot_rows = self.slow.knot_rows
        grams += self.slow.next(-(-rows // knot_rows) * knot_rows)[:rows]
        grams += self.white.next(rows)
        for wear in self.broken.wear:
            wear.wear(first, grams)
        return Stretch(first, at_s, self._converted(first, self.response.of(grams)))

    def _converted(self, first: int, grams: Floats) -> NDArray[np.int64]:
        cells, step = self.cells, self.model.step_counts
        counts = np.round((grams * cells.true_gain + cells.tare) / step) * step
        for glitches in self.broken.glitches:
            glitches.strike(first, counts)
        for stuck in self.broken.stuck:
            stuck.hold(first, counts)
        if cells.is_dead.any():
            counts[:, cells.is_dead] = cells.tare[cells.is_dead]
        return np.clip(counts, -COUNT_LIMIT, COUNT_LIMIT).astype(np.int64)
