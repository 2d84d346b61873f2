"""When each plate of a scale was last at its level, to the sample, and what is away from it now."""

from typing import Final

import numpy as np
from tebura_contract.clock import ns_from_s

from tebura_edge.passing import Passing
from tebura_edge.samples import Bools, Floats, Samples

_STAYS_S: Final = 0.15
"""A plate is at its level where it is for so long: the weight of somebody who leans there passes
through it, and what is taken meanwhile would begin after the hand that took it was gone."""

_LEANT_STAYS_S: Final = 1.0
"""So long where somebody leans for longer than a hand takes: who sways may press for a moment with
just the weight of what is gone, but not for a second."""


class Band:
    """Follows all plates of a scale about their levels.

    Attributes:
        still_ns: Store time at which each plate was last seen at its level.
        is_busy: Away from its level in the newest sample, by `off_g`.
        is_away: Away since `still_ns`, whatever it passes through.
        passing: What is away now.
        noted: How many rows of the samples were taken.
    """

    def __init__(self, plates: int) -> None:
        self.still_ns = np.zeros(plates, np.int64)
        self.is_busy = np.zeros(plates, np.bool_)
        self.is_away = np.zeros(plates, np.bool_)
        self.off_g = np.zeros(plates)
        self.passing = Passing()
        self.noted = 0
        self._came_ns = np.zeros(plates, np.int64)

    def moved_up(self, rows: int) -> None:
        """All samples moved up by so many rows."""
        self.noted = max(self.noted - rows, 0)

    def forget(self) -> None:
        """Nothing before can be joined to what comes."""
        self.noted, self.passing = 0, Passing()

    def settled(self, plates: Bools) -> None:
        """These are at a new level."""
        self._came_ns[plates] = 0

    def take(
        self, samples: Samples, end: int, level_g: Floats, band_g: Floats, is_sick: Bools
    ) -> None:
        """Take the samples before row `end`: a plate within `band_g` of its level is there."""
        begin = max(self.noted - 1, 0)
        off_g = samples.grams[begin:end] - level_g
        self.off_g = off_g[-1]
        at_ns, was_read = samples.at_ns[begin:end], samples.was_read[begin:end]
        in_band = (np.abs(off_g) <= band_g) & was_read
        if not in_band.all():
            fresh = slice(self.noted - begin, None)
            is_out = ~in_band[fresh] & was_read[fresh] & ~np.isnan(level_g) & ~is_sick
            self.passing.note(at_ns[fresh], off_g[fresh], is_out)
        # What passes through the band for a moment is somebody's weight.
        left = np.where(in_band.all(axis=0), len(in_band), np.argmin(in_band, axis=0))
        last_ns = at_ns[np.maximum(left - 1, 0)]
        stays_ns = np.full(len(left), ns_from_s(_STAYS_S))
        stays_ns[list(self.passing.leant_on)] = ns_from_s(_LEANT_STAYS_S)
        stayed = (left > 0) & (last_ns - self._came_ns >= stays_ns)
        self.still_ns[stayed] = last_ns[stayed]
        came = len(in_band) - np.argmin(in_band[::-1], axis=0)
        came_ns = at_ns[np.minimum(came, len(at_ns) - 1)]
        has_left = left < len(in_band)
        self._came_ns[has_left] = came_ns[has_left]
        is_known = ~np.isnan(level_g)
        self.is_busy = ~in_band[-1] & is_known
        self.is_away = self.is_busy | ((at_ns[-1] - self._came_ns < stays_ns) & is_known)
        self.noted = end
