"""What each plate of a scale does by itself: noise, wandering, and what is more than that."""

from typing import Final

import numpy as np
from tebura_contract.clock import SECOND_NS, ns_from_s

from tebura_edge.level_settings import LevelSettings
from tebura_edge.samples import Bools, Floats, Ints, Samples
from tebura_edge.wander import EVERY_S, Wander

_FILTERED: Final = 0.54
"""Deviation of white noise behind a median of five."""

REST_SHARE: Final = 4.6
"""Variance of the trimmed mean of n filtered samples, times n: they are not independent."""

_SHORTEST_S: Final = 0.001
"""Samples that come all at one time tell nothing of how often they come."""

_CALM_NOISES: Final = 2.0
"""The mean of a tenth of a second of a still plate is hardly ever farther off, in deviations."""


class Unasked:
    """What all plates of one scale do unasked, and what follows from that.

    Args:
        samples: What they show.
        settings: Tuned numbers.
        noise_g: What calibration measured for each plate, (plates,); 0 or NaN where unknown.

    Attributes:
        noise_g: Deviation of filtered samples, NaN where it is not known yet.
        grade: How noisy that is: an index into the settings' `noisy`, from 1 on.
        window_s, rest_s: How long the shortest rest takes, and one of each plate.
        move_g: From how much on a change is a move rather than drift.
        handled_g: The same, where something moved the plate that was not the plate.
        calm_g: The mean of a few samples is off the level by no more.
        walk_g2_per_s: Variance that wandering adds with each second.
        pace_g_per_s: How fast the level follows.
    """

    def __init__(self, samples: Samples, settings: LevelSettings, noise_g: Floats) -> None:
        plates = len(noise_g)
        self._samples, self._settings = samples, settings
        self._wander = Wander(plates)
        self.noise_g = np.full(plates, np.nan)
        self.noise_g[noise_g > 0] = _FILTERED * noise_g[noise_g > 0]
        self.grade: Ints = np.zeros(plates, np.int64)
        self.window_s = settings.settle_s
        self._compared_s = -np.inf
        self._was_still = np.ones(plates, np.bool_)
        self._take_up()

    def learn_noise(self, off_g: Floats, spread_g: Floats, is_read: Bools, since_s: float) -> None:
        """Follow the noise within windows near rest: hands and ringing teach little at once.

        Args:
            off_g: How far each plate is off its level, (plates,).
            spread_g: Deviation of its samples.
            is_read: Whether it has a weight.
            since_s: How long ago it was learnt last.
        """
        is_first = is_read & np.isnan(self.noise_g)
        self.noise_g[is_first] = spread_g[is_first]
        most_g = np.minimum(2.0 * self.noise_g + 0.1, self._settings.noise_limit_g)
        spread_g = np.minimum(spread_g, most_g)
        is_near = ~(np.abs(off_g) > 30.0)
        rate = np.where(spread_g < self.noise_g, 0.2, np.where(is_near, 0.1, 0.0)) * since_s
        change_g = (spread_g - self.noise_g) * rate
        self.noise_g[is_read] += change_g[is_read]
        if is_first.any():
            self._take_up()

    def learn_wander(self, rest_g: Floats, is_near: Bools, now_s: float) -> None:
        """Compare rests that do not overlap, where nothing happened in between."""
        self._was_still &= is_near
        if now_s - self._compared_s >= EVERY_S - 1e-6:
            self._wander.take(rest_g, self._was_still)
            self._compared_s = now_s
            self._was_still = is_near.copy()
            self._take_up()

    def _take_up(self) -> None:
        """Work out once what follows from what was learnt last."""
        settings = self._settings
        grade = np.zeros_like(self.grade)
        for noise_g, _ in settings.noisy:
            grade += self.noise_g > noise_g
        is_new = np.isnan(self._wander.near_g2) | (grade != self.grade)
        is_new &= ~np.isnan(self.noise_g) & (self._samples.end > 0)
        self.grade = grade
        rests = np.array([0.0, *(rest_s for _, rest_s in settings.noisy)])
        self.rest_s: Floats = np.maximum(rests[grade], self.window_s)
        if is_new.any():
            self._wander.guess(self._guess_g2(), self.rest_s, is_new)
        sigma_g = np.sqrt(self._wander.variance(2 * self.window_s))
        self.move_g: Floats = np.maximum(settings.move_g, settings.move_sigmas * sigma_g)
        self.handled_g: Floats = np.maximum(settings.move_g, settings.handled_sigmas * sigma_g)
        self.calm_g: Floats = np.maximum(0.7 * self.move_g, _CALM_NOISES * known(self.noise_g))
        self.walk_g2_per_s: Floats = self._wander.walk_g2_per_s()
        self.pace_g_per_s: Floats = settings.drift_g_per_s + self._wander.pace_g_per_s()

    def _guess_g2(self) -> Floats:
        """Variance of a rest by its noise, if that is somewhat more than white."""
        rows = np.maximum(self.rest_s / self._period_s(), 1.0)
        found: Floats = 2.0 * REST_SHARE * known(self.noise_g) ** 2 / rows
        return found

    # What a rest is worth ------------------------------------------------------------------------

    def variance_g2(self, plate: int, apart_s: float) -> float:
        """Variance of the difference of two rests of this plate with so much time between them."""
        return float(self._wander.variance(apart_s + self.window_s)[plate])

    def unknown_g2(self, plate: int, apart_s: float) -> float:
        """What wandering may add to that, as far as it is not known yet."""
        return float(self._wander.unknown_g2_per_s()[plate]) * (apart_s + self.window_s)

    def needs_ns(self, plate: int, sigma_g: float) -> int:
        """How long a rest of this plate takes until its white noise is no more than this."""
        rows = REST_SHARE * (float(known(self.noise_g[plate])) / sigma_g) ** 2
        return ns_from_s(min(rows * self._period_s(), float(self.rest_s[plate])))

    def early_g2(self, plate: int, lasts_ns: int) -> float:
        """What white noise adds to a rest that has lasted for so long only."""
        period_s = self._period_s()
        whole = max(self.rest_s[plate] / period_s, 1.0)
        rows = max(lasts_ns / SECOND_NS / period_s, 1.0)
        noise_g2 = REST_SHARE * float(known(self.noise_g[plate])) ** 2
        return float(max(noise_g2 / rows - noise_g2 / whole, 0.0))

    def _period_s(self) -> float:
        return max(self._samples.typical_period_s(), _SHORTEST_S)


def known(values: Floats) -> Floats:
    """The values with 0 for those not known yet; `np.nan_to_num` takes ten times as long."""
    return np.where(np.isnan(values), 0.0, values)
