"""All scales of a node: samples in, settled steps out, none told twice, none forgotten."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import PlateId

from tebura_edge.level_settings import LevelSettings
from tebura_edge.levels import Levels
from tebura_edge.passing import Away
from tebura_edge.scale_plates import ScalePlates
from tebura_edge.scale_steps import ScaleSteps
from tebura_edge.weight_step import PlateSite, WeightStep

MIN_STEP_G: Final = (10.0, 20.0)
"""Smallest step told, between these bounds 0.6 of the store's lightest product: neighbours of a
pick stay off by up to 9 g, so less than 10 g would tell of them; more than 20 g would hide what the
real pot's settled levels (3 s within 20 g) call a change."""

LIGHTEST_SHARE: Final = 0.6


def min_step_g(lightest_g: float | None) -> float:
    """Smallest step worth telling where the lightest product weighs this; None without products."""
    low_g, high_g = MIN_STEP_G
    return high_g if lightest_g is None else min(max(LIGHTEST_SHARE * lightest_g, low_g), high_g)


class Weigher:
    """The scales of a node.

    Args:
        scales: The plates of each scale, in the scale's own order.
        smallest_g: Smallest step to tell, from `min_step_g`.
        settings: Tuned numbers of the plates' mechanics.
        noise_g: Still deviation by plate from calibration, where measured.
    """

    def __init__(
        self,
        scales: Mapping[str, Sequence[PlateSite]],
        smallest_g: float,
        settings: LevelSettings | None = None,
        noise_g: Mapping[PlateId, float] | None = None,
    ) -> None:
        self._scales = {
            name: ScaleSteps(ScalePlates.of(sites, smallest_g, settings, noise_g or {}))
            for name, sites in scales.items()
        }

    def levels(self, scale: str) -> Levels:
        """The levels of a scale's plates: for health, saving and restoring."""
        return self._scales[scale].plates.levels

    def feed(
        self, scale: str, at_ns: NDArray[np.int64], grams: NDArray[np.float64]
    ) -> list[WeightStep]:
        """Take samples of a scale: (n,) store time, (n, plates) grams, NaN where none was read."""
        return self._scales[scale].feed(at_ns, grams)

    def tick(self, now_ns: int) -> list[WeightStep]:
        """Time passes: steps that have waited long enough, on scales that brought no sample."""
        return [step for scale in self._scales.values() for step in scale.tick(now_ns)]

    def watermark_ns(self, silent: Collection[str] = ()) -> int | None:
        """Every step that began up to here has been told.

        None until each scale has spoken, except those known to be silent.
        """
        heard = [scale for name, scale in self._scales.items() if name not in silent]
        marks = [mark for scale in heard if (mark := scale.watermark_ns()) is not None]
        return min(marks) if marks and len(marks) == len(heard) else None

    def told_levels(self) -> dict[PlateId, tuple[float, float, int]]:
        """What to save of each plate: level up to which steps were told, noise, when last there."""
        scales = self._scales.values()
        return {plate: one for scale in scales for plate, one in scale.told_levels().items()}

    def away(self) -> dict[PlateId, Away]:
        """What to save of each plate on which something passes that is not told yet."""
        scales = self._scales.values()
        return {plate: one for scale in scales for plate, one in scale.away().items()}

    def restore(
        self,
        told: Mapping[PlateId, tuple[float, float, int]],
        away: Mapping[PlateId, Away] | None = None,
    ) -> None:
        """Continue from what `told_levels` and `away` gave."""
        for scale in self._scales.values():
            scale.restore(told, away or {})
