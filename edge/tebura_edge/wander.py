"""How far the rests of a plate lie apart with nothing happening, learnt of each plate by itself.

A change of weight is judged against what its own plate does unasked: noise of any colour, 1/f,
wandering. So rests that follow each other, and rests `FAR` times as far apart, are compared while
nothing is handled (the plate's Allan deviation at two times). The one tells what a rest is worth,
the growth to the other how fast the plate wanders.

That takes half a minute. Until then a plate may be one of the few that wander by grams in a second,
as far as what it was seen to do does not speak against it.
"""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

EVERY_S: Final = 1.0
"""How often rests are taken."""

FAR: Final = 4
MEMORY: Final = 60
"""Comparisons remembered. Fewer learn sooner, and are less sure: a quarter of the variance."""

FIRST: Final = 8
"""A first guess counts as so many."""

OUTLIER: Final = 9.0
SURPRISE_G2: Final = 0.5
"""A comparison counts at most so many times the mean square: three deviations. But what is known of
a plate at first is only its white noise: one that wanders would take a minute to be believed, if a
mean square were never taken to be this much. That keeps a plate's thresholds where they are."""

LEAST_G2: Final = 0.01
"""Nothing is surer than a tenth of a gram: half a step of the converter."""

BEFORE_SHARE: Final = 0.3
"""What the level before adds to the variance of one rest: it is a mean over a longer time."""

MOST_LAGS: Final = 8

RESTLESS_G2: Final = 2.4**2
"""What the most restless plates of the real store wander in a second (variance)."""

QUIET_G2: Final = 0.5
"""Those have hardly any noise: where the first guess is more than this, a plate is none of them."""

SURELY: Final = -10.0
"""Log odds beyond which nothing more is learnt from a plate that is still: one that begins to
wander later is suspected at once."""


class Wander:
    """Mean squares of differences of rests of all plates of a scale.

    Args:
        plates: How many.

    Attributes:
        near_g2: Of rests that follow each other, (plates,); NaN where nothing is known yet.
        far_g2: Of rests `FAR` times as far apart.
        lag: How many times `EVERY_S` a rest of each plate takes.
    """

    def __init__(self, plates: int) -> None:
        self.near_g2 = np.full(plates, np.nan)
        self.far_g2 = np.full(plates, np.nan)
        self.lag: Ints = np.ones(plates, np.int64)
        self._count = np.zeros((2, plates))
        self._first_g2 = np.full(plates, LEAST_G2)
        self._log_restless = np.zeros(plates)
        self._run = np.zeros(plates, np.int64)
        self._rests: deque[Floats] = deque(maxlen=FAR * MOST_LAGS)
        self._taken = 0
        self._last: tuple[Floats, Bools] | None = None

    def guess(self, rest_g2: Floats, rest_s: Floats, which: Bools) -> None:
        """Begin anew where `which` says so.

        Args:
            rest_g2: Guess of the variance of one rest, (plates,).
            rest_s: How long a rest of each plate takes.
            which: (plates,).
        """
        self._first_g2[which] = np.maximum(2.0 * rest_g2[which], LEAST_G2)
        self.near_g2[which] = self.far_g2[which] = self._first_g2[which]
        lag = np.ceil(rest_s / EVERY_S - 1e-6).astype(np.int64)
        self.lag[which] = np.clip(lag, 1, MOST_LAGS)[which]
        self._count[:, which] = FIRST
        self._run[which] = 0

    def take(self, rest_g: Floats, is_still: Bools) -> None:
        """Take the next rest of each plate; it counts once nothing happens after it, either.

        Who leans begins softly: 5 g in the second before look as if the plate wandered by itself.

        Args:
            rest_g: Weight of each plate, (plates,).
            is_still: Whether nothing happened since the last one.
        """
        if self._last is not None:
            last_g, was_still = self._last
            self._learn(last_g, was_still & is_still)
        self._last = rest_g, is_still

    def _learn(self, rest_g: Floats, is_still: Bools) -> None:
        self._run = np.where(is_still, self._run + 1, 0)
        self._taken += 1
        for lag in np.unique(self.lag).tolist():
            if self._taken % lag == 0:
                mine = self.lag == lag
                self._compare(self.near_g2, self._count[0], rest_g, lag, mine)
                self._compare(self.far_g2, self._count[1], rest_g, FAR * lag, mine)
                self._suspect(rest_g, lag, mine)
        self._rests.append(rest_g)

    def _is_known(self, lag: int, mine: Bools) -> Bools:
        """Which of these plates were still since the rest `lag` before."""
        is_known: Bools = mine & (self._run > lag) & (len(self._rests) >= lag)
        return is_known

    def _suspect(self, rest_g: Floats, lag: int, mine: Bools) -> None:
        """Weigh a restless plate against one that only has the noise of the first guess.

        The odds are even at most: what wandered once may do so again.
        """
        is_known = self._is_known(lag, mine)
        if not is_known.any():
            return
        still_g2 = self._first_g2[is_known]
        restless_g2 = still_g2 + RESTLESS_G2 * EVERY_S * lag
        square = (rest_g - self._rests[-lag])[is_known] ** 2
        log_odds = self._log_restless[is_known] + 0.5 * (
            np.log(still_g2 / restless_g2) + square * (1 / still_g2 - 1 / restless_g2)
        )
        self._log_restless[is_known] = np.clip(log_odds, SURELY, 0.0)

    def _compare(
        self, mean_g2: Floats, count: Floats, rest_g: Floats, lag: int, mine: Bools
    ) -> None:
        is_known = self._is_known(lag, mine)
        if not is_known.any():
            return
        count += is_known
        np.minimum(count, MEMORY, out=count)
        most_g2 = OUTLIER * np.maximum(mean_g2, SURPRISE_G2)
        square = np.minimum((rest_g - self._rests[-lag]) ** 2, most_g2)
        change = (square - mean_g2) / np.maximum(count, 1.0)
        mean_g2[is_known] += change[is_known]

    def variance(self, apart_s: float) -> Floats:
        """Variance of the difference of a rest and the level `apart_s` before, (plates,)."""
        near_g2 = np.where(np.isnan(self.near_g2), LEAST_G2, np.maximum(self.near_g2, LEAST_G2))
        walk_g2 = self._walk_g2()
        rest_g2 = np.maximum(near_g2 - walk_g2, LEAST_G2) / 2
        apart = np.maximum(apart_s / (EVERY_S * self.lag), 1.0)
        found: Floats = (1.0 + BEFORE_SHARE) * rest_g2 + walk_g2 * apart
        return found

    def unknown_g2_per_s(self) -> Floats:
        """Variance that wandering may add with each second beyond what is known of it, (plates,).

        All that a restless plate does at first; none of it where a plate was seen to be still, and
        ever less where its own comparisons replace the first guess.
        """
        first_share = FIRST / np.maximum(self._count[1], FIRST)
        unknown_g2 = RESTLESS_G2 * first_share * np.exp(self._log_restless)
        unknown: Floats = np.where(self._first_g2 <= QUIET_G2, unknown_g2, 0.0)
        return unknown

    def pace_g_per_s(self) -> Floats:
        """How fast each plate wanders from one rest to the next."""
        pace: Floats = np.sqrt(self._walk_g2()) / (EVERY_S * self.lag)
        return pace

    def walk_g2_per_s(self) -> Floats:
        """Variance that wandering adds with each second."""
        walk: Floats = self._walk_g2() / (EVERY_S * self.lag)
        return walk

    def _walk_g2(self) -> Floats:
        """What the wandering adds to the mean square from one rest to the next."""
        grown = np.maximum(self.far_g2 - self.near_g2, 0.0) / (FAR - 1)
        return np.where(np.isnan(grown), 0.0, grown)
