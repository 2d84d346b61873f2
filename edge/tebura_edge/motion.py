"""Decides which frames the network must see: those in which something is not where it was.

A frame is compared with the last one that was *looked at*, not with the one before and not with an
average: however slowly a hand moves, what it has moved by adds up until it is noticed, and nothing
fades meanwhile. What light does to the whole picture is taken out first.
"""

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s

from tebura_edge.glance import Glance

LOOK_EVERY_NS = ns_from_s(2)
"""Somebody is there: a look this often although nothing moves."""
LOOK_IDLE_NS = ns_from_s(20)
"""Nobody was there: insurance against what is too faint to notice."""
MOVED_GREYS = 5.0
"""Change of one cell, 8 x 8 pixels at 640 x 360. Where nothing moves, the real store's recording
reaches 3; a hand of 30 greys' contrast gives 5 after 1.5 pixels."""
NOISES = 6.0
"""A cell must change by so many deviations of its noise: once in a day of 3,600 cells."""
MOST_NOISE_GREYS = 2.0
"""Beyond it is no sensor's noise, averaged over a cell, but rain or leaves on most of the picture:
looked at rather than let through."""
NOISE_SHARE = 0.05
MEDIAN_TO_DEVIATION = 1.48
LEAST_GREY = 8.0


class MotionGate:
    """The gate of one camera: ask it about each frame, and tell it which ones were looked at."""

    def __init__(self) -> None:
        self._looked_at: NDArray[np.float32] | None = None
        self._looked_ns = 0
        self._every_ns = LOOK_EVERY_NS
        self._before: NDArray[np.float32] | None = None
        self._noise_greys: float | None = None

    def must_look(self, glance: Glance, at_ns: int) -> bool:
        """Whether something moved since the last look, or it is too long ago."""
        self._learn_noise(glance.cells)
        age_ns = at_ns - self._looked_ns
        if self._looked_at is None or not 0 <= age_ns < self._every_ns:
            return True
        limit = max(MOVED_GREYS, NOISES * min(self._noise_greys or 0.0, MOST_NOISE_GREYS))
        lit = self._looked_at * _light(glance.cells, self._looked_at)
        return bool(np.abs(glance.cells - lit).max() >= limit)

    def looked(self, glance: Glance, at_ns: int, *, is_empty: bool) -> None:
        """The network saw this frame, and whether it found nobody."""
        self._looked_at, self._looked_ns = glance.cells, at_ns
        self._every_ns = LOOK_IDLE_NS if is_empty else LOOK_EVERY_NS

    def _learn_noise(self, cells: NDArray[np.float32]) -> None:
        """From the cells that changed least: people cover fewer than half of them."""
        if self._before is not None:
            changed = _median(np.abs(cells - self._before)) * MEDIAN_TO_DEVIATION
            known = changed if self._noise_greys is None else self._noise_greys
            self._noise_greys = known + NOISE_SHARE * (changed - known)
        self._before = cells


def _light(cells: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """By what factor the whole picture got lighter: exposure and daylight multiply."""
    return min(2.0, max(0.5, _median(cells / np.maximum(before, LEAST_GREY))))


def _median(cells: NDArray[np.floating]) -> float:
    """The upper one of two: NumPy's own costs four times as much, each frame of each camera."""
    middle = cells.size // 2
    return float(np.partition(cells.ravel(), middle)[middle])
