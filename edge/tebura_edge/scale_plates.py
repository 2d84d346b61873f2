"""The plates of one scale: where they are, which are near each other, and what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tebura_contract.ids import PlateId

from tebura_edge.level_settings import LevelSettings
from tebura_edge.levels import Levels
from tebura_edge.weight_step import PlateSite


@dataclass(frozen=True, eq=False, slots=True)
class ScalePlates:
    """The plates of one scale, in its own order; others name them by their column.

    Attributes:
        sites: Where each is.
        near: The columns near each.
        levels: What they do.
        smallest_g: Smallest step that is told of them.
    """

    sites: tuple[PlateSite, ...]
    near: tuple[tuple[int, ...], ...]
    levels: Levels
    smallest_g: float

    @classmethod
    def of(
        cls,
        sites: Sequence[PlateSite],
        smallest_g: float,
        settings: LevelSettings | None,
        noise_g: Mapping[PlateId, float],
    ) -> "ScalePlates":
        """Plates whose levels are not known yet; `noise_g` as calibration measured it."""
        measured = np.array([noise_g.get(site.plate, 0.0) for site in sites], np.float64)
        near = tuple(
            tuple(
                column
                for column, other in enumerate(sites)
                if other is not site and site.is_near(other)
            )
            for site in sites
        )
        return cls(tuple(sites), near, Levels(len(sites), settings, measured), smallest_g)
