"""Which plates of a scale rest, and at what weight.

The last `settle_s` (at least `settle_samples`) of filtered samples are judged: a plate rests when
their range and the difference between their halves are within what its own noise explains. Its
weight is then their trimmed mean. Noisy plates are judged over longer, unless they moved by much.
"""

from typing import Final

import numpy as np

from tebura_edge.level_settings import LevelSettings
from tebura_edge.samples import FILTER, Bools, Floats, Ints, Samples
from tebura_edge.unasked import REST_SHARE, Unasked, known

_WINDOW_ROWS: Final = 48

_WALK_RANGES: Final = 4.0
"""A random walk's range within a window is hardly ever more, in deviations of where it ends."""

_STIRS: Final = 5.0
"""A difference between the halves of a window of so many deviations of the plate's noise, and as
large as it hardly ever wanders in several times as long, is not the plate's own."""


class Resting:
    """The rests of all plates of one scale.

    Args:
        samples: What they are judged by.
        unasked: What the plates do by themselves; learns from their rests.
        settings: Tuned numbers.

    Attributes:
        rest_g: Weight in the window judged last; meaningful where `is_resting`.
        slope_g: Difference between the halves of that window.
        early_g2: What white noise adds to the rest of a noisy plate that was told early.
        stirred_s: When something moved each plate last that was not the plate (samples' time).
    """

    def __init__(self, samples: Samples, unasked: Unasked, settings: LevelSettings) -> None:
        plates = len(unasked.noise_g)
        self._samples, self._unasked, self._settings = samples, unasked, settings
        self.rest_g = np.full(plates, np.nan)
        self.is_resting = np.zeros(plates, np.bool_)
        self.slope_g = np.zeros(plates)
        self.early_g2 = np.zeros(plates)
        self.stirred_s = np.full(plates, -np.inf)

    def judge(self, end: int, since_s: float, level_g: Floats, is_sick: Bools) -> None:
        """Judge the samples before row `end`, so long after the last judgement.

        Args:
            end: Behind the newest row.
            since_s: Seconds.
            level_g: Level of each plate, NaN where it has none, (plates,).
            is_sick: Plates that have no weight, (plates,).
        """
        samples, unasked = self._samples, self._unasked
        begin = self._begin(end)
        if begin < 0:
            self.is_resting = np.zeros_like(self.is_resting)
            return
        unasked.window_s = float(samples.time_s[end - 1] - samples.time_s[begin])
        rest_g, is_calm, spread_g, self.slope_g = self._window(begin, end, level_g, slice(None))
        is_read = np.isfinite(rest_g) & ~is_sick
        was_read = samples.was_read[begin:end]
        if not was_read.all():
            is_read &= was_read.mean(axis=0) > 0.7
        half_sd_g = np.sqrt(2 * REST_SHARE / max((end - begin) // 2, 1)) * known(unasked.noise_g)
        stirs_g = np.maximum(unasked.handled_g, _STIRS * half_sd_g)
        self.stirred_s[is_read & (self.slope_g > stirs_g)] = samples.time_s[end - 1]
        unasked.learn_noise(rest_g - level_g, spread_g, is_read, since_s)
        for grade, (_, long_s) in enumerate(self._settings.noisy, 1):
            noisy = np.flatnonzero(unasked.grade == grade)
            if len(noisy) and unasked.window_s < long_s:
                soon_s = min(grade * unasked.window_s, long_s)
                self._judge_noisy(end, (soon_s, long_s), noisy, level_g, (rest_g, is_calm))
        self.rest_g, self.is_resting = rest_g, is_read & is_calm

    def rest_since_g(self, plate: int, end: int, since: int) -> float:
        """The present rest without what was before a row; as it is, where too little is left."""
        begin = max(self._samples.rows_before(float(self._unasked.rest_s[plate]), end), 0)
        if since <= begin or end - since < FILTER:
            return float(self.rest_g[plate])
        ordered = np.sort(self._samples.grams[since:end, plate])
        quarter = len(ordered) // 4
        return float(ordered[quarter : len(ordered) - quarter].mean())

    def _begin(self, end: int) -> int:
        """First row of the shortest window; negative if there are too few."""
        settings, samples = self._settings, self._samples
        period_s = samples.typical_period_s()
        fewest = [rows for from_s, rows in settings.settle_samples if period_s >= from_s][-1]
        begin = min(samples.rows_before(settings.settle_s, end), end - fewest)
        limit = min(samples.rows_before(settings.settle_limit_s, end), end - FILTER)
        return max(begin, limit)

    def _judge_noisy(
        self,
        end: int,
        rests_s: tuple[float, float],
        noisy: Ints,
        level_g: Floats,
        found: tuple[Floats, Bools],
    ) -> None:
        """Judge noisy plates over the longer window, unless they moved by much in the shorter.

        `found` takes their weights and whether they are calm.
        """
        (soon_s, long_s), (rest_g, is_calm) = rests_s, found
        begin = self._samples.rows_before(long_s, end)
        if begin < 0:
            is_calm[noisy] = False
            return
        long_g, is_long_calm, _, slope_g = self._window(begin, end, level_g, noisy)
        soon = max(self._samples.rows_before(soon_s, end), begin)
        soon_g, is_soon_calm, _, soon_slope_g = self._window(soon, end, level_g, noisy)
        limit_g = self._settings.far * self._unasked.move_g[noisy]
        is_far = is_soon_calm & (np.abs(soon_g - level_g[noisy]) > limit_g)
        is_far &= ~is_long_calm
        rest_g[noisy] = np.where(is_far, soon_g, long_g)
        self.slope_g[noisy] = np.where(is_far, soon_slope_g, slope_g)
        early_g2 = REST_SHARE / (end - soon) * known(self._unasked.noise_g[noisy]) ** 2
        self.early_g2[noisy] = np.where(is_far, early_g2, 0.0)
        is_calm[noisy] = is_far | is_long_calm

    def _window(
        self, begin: int, end: int, level_g: Floats, plates: slice | Ints
    ) -> tuple[Floats, Bools, Floats, Floats]:
        """Weight in a window of samples, whether it is calm, its samples' deviation, its slope."""
        settings, unasked = self._settings, self._unasked
        stride = 1 + (end - 1 - begin) // _WINDOW_ROWS
        window = self._samples.grams[begin:end:stride, plates]
        half, quarter = len(window) // 2, len(window) // 4
        ordered = np.sort(window, axis=0)
        spread_g = (ordered[(84 * len(window)) // 100] - ordered[(16 * len(window)) // 100]) / 2
        slope_g = np.abs(mean(window[-half:]) - mean(window[:half]))
        range_g = ordered[-1] - ordered[0]
        rest_g = mean(ordered[quarter : len(window) - quarter])
        noise_g = known(unasked.noise_g[plates])
        change_g = known(rest_g - level_g[plates])
        rings_g = np.where(change_g > 0, settings.leans_share, -settings.range_share) * change_g
        half_g = settings.slope_sigmas * np.sqrt(2 * REST_SHARE / max(half * stride, 1)) * noise_g
        length_s = self._samples.time_s[end - 1] - self._samples.time_s[begin]
        walk_g = np.sqrt(unasked.walk_g2_per_s[plates] * length_s)
        own_g = np.maximum(settings.range_noises * noise_g, _WALK_RANGES * walk_g)
        is_calm = range_g <= np.maximum(settings.range_g, own_g) + rings_g
        half_g = np.maximum(half_g, settings.slope_sigmas * walk_g)
        is_calm &= slope_g <= np.maximum(settings.slope_g, half_g) + rings_g / 2
        return rest_g, is_calm, spread_g, slope_g


def mean(rows: Floats) -> Floats:
    """`rows.mean(axis=0)` without its overhead, to the same bits."""
    found: Floats = np.add.reduce(rows, axis=0) / len(rows)
    return found
