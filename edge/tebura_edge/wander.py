"""How far the rests of a plate lie apart with nothing happening, learnt of each plate by itself.

A change of weight is judged against what its own plate does unasked: noise of any colour, 1/f,
wandering. So means of windows next to each other, and of windows `FAR` apart, are compared while a
plate is still (its Allan deviation at two times). The one tells what a rest is worth, the growth to
the other how fast the plate wanders.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FAR: Final = 4
"""Windows between the rests of the far comparison: 2 s at 60 Hz, 5 s at 10 Hz."""

MEMORY: Final = 100
"""Comparisons remembered: a minute at 60 Hz. Fewer learn sooner, and are less sure: 20 % of the
variance with this many."""

FIRST: Final = 8
"""A first guess from the noise within a window counts as so many."""

GUESS: Final = 0.6
"""Rests of 30 samples of white noise, filtered by a median of five, differ by so many of the
filtered samples' deviations."""

OUTLIER: Final = 9.0
"""A comparison counts at most so many times the mean square: three deviations."""

LEAST_G2: Final = 0.01
"""Nothing is surer than a tenth of a gram: half a step of the converter."""

BEFORE_SHARE: Final = 0.4
"""What the level before adds to the variance of one rest: it is a mean over a longer time."""


class Wander:
    """Mean squares of differences of rests of all plates of a scale.

    Attributes:
        near_g2: Of windows next to each other, (plates,); NaN where nothing is known yet.
        far_g2: Of windows `FAR` apart.
    """

    def __init__(self, plates: int) -> None:
        self.near_g2 = np.full(plates, np.nan)
        self.far_g2 = np.full(plates, np.nan)
        self._count = np.zeros((2, plates))
        self._run = np.zeros(plates, np.int64)
        self._rests: list[Floats] = []

    def begin(self, noise_g: Floats) -> None:
        """Guess of what is new from the deviation of its samples, (plates,), NaN if not known."""
        is_new = np.isnan(self.near_g2) & ~np.isnan(noise_g)
        if is_new.any():
            self.near_g2[is_new] = np.maximum((GUESS * noise_g[is_new]) ** 2, LEAST_G2)
            self.far_g2[is_new] = self.near_g2[is_new]
            self._count[:, is_new] = FIRST

    def take(self, rest_g: Floats, is_still: Bools) -> None:
        """Take the rests of the next window.

        Args:
            rest_g: Weight of each plate in it, (plates,).
            is_still: Whether nothing happened since the last window.
        """
        self._run = np.where(is_still, self._run + 1, 0)
        self._compare(self.near_g2, self._count[0], rest_g, 1)
        self._compare(self.far_g2, self._count[1], rest_g, FAR)
        self._rests = [*self._rests[-FAR + 1 :], rest_g.copy()]

    def _compare(self, mean_g2: Floats, count: Floats, rest_g: Floats, lag: int) -> None:
        if len(self._rests) < lag:
            return
        is_known = self._run > lag
        count += is_known
        np.minimum(count, MEMORY, out=count)
        square = np.minimum((rest_g - self._rests[-lag]) ** 2, OUTLIER * mean_g2)
        change = (square - mean_g2) / np.maximum(count, 1.0)
        mean_g2[is_known] += change[is_known]

    def variance(self, window_s: float, apart_s: float) -> Floats:
        """Variance of the difference of a rest and the level `apart_s` before, (plates,)."""
        near_g2 = np.where(np.isnan(self.near_g2), LEAST_G2, np.maximum(self.near_g2, LEAST_G2))
        walk_g2 = self._walk_g2()
        rest_g2 = np.maximum(near_g2 - walk_g2, LEAST_G2) / 2
        found: Floats = (1.0 + BEFORE_SHARE) * rest_g2 + walk_g2 * (apart_s / window_s)
        return found

    def slope_g(self) -> Floats:
        """Deviation of the difference of a window's halves, (plates,)."""
        slope: Floats = np.sqrt(2.0 * np.where(np.isnan(self.near_g2), LEAST_G2, self.near_g2))
        return slope

    def pace_g_per_s(self, window_s: float) -> Floats:
        """How fast each plate wanders within a window."""
        pace: Floats = np.sqrt(self._walk_g2()) / window_s
        return pace

    def _walk_g2(self) -> Floats:
        """What the wandering adds to the mean square with each window."""
        grown = np.maximum(self.far_g2 - self.near_g2, 0.0) / (FAR - 1)
        return np.where(np.isnan(grown), 0.0, grown)
