"""What weighing tells: a settled change of weight on one shelf, and where its plates are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tebura_contract.events import Trace
from tebura_contract.ids import PlateId, ShelfId

LISTED_G: Final = 10.0
LISTED_SHARE: Final = 0.25
"""A plate of a step is named from 10 g or a quarter of the step's largest move on. Neighbours may
stay off by 9 g; a light bag lies on three plates by 56, 25 and 18 %. Of 116 simulated light actions
a share of 0.5 gets 5 wrong in weight, one of 0.1 names an idle neighbour in 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSite:
    """Where a plate is: its shelf and its extent along the shelf's front, metres."""

    plate: PlateId
    shelf: ShelfId
    x_m: tuple[float, float]

    def is_near(self, other: "PlateSite") -> bool:
        """On the same shelf with at most about one plate between them."""
        gap_m = max(self.x_m[0], other.x_m[0]) - min(self.x_m[1], other.x_m[1])
        width_m = max(self.x_m[1] - self.x_m[0], other.x_m[1] - other.x_m[0])
        return self.shelf == other.shelf and gap_m <= 1.2 * width_m


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightStep:
    """A settled change of weight on one shelf.

    Attributes:
        plates: Those that moved, in the order of the scale.
        delta_g: Sum over `plates`, negative where something left; those that moved the other way
            are in `deltas_g` alone.
        sigma_g: Deviation of that sum from noise; gain errors are the identification's matter.
        deltas_g: Change of every plate near the action that rests, also of those too small to be
            named: what one explanation calls coupling another may call its product's third plate.
        sigmas_g: Deviation of each of these from noise, where it is known by itself.
        from_ns, to_ns: Store time from the last moment at the old level to the first at the new.
        trace: What the plates that moved most showed, for people to look at.
        blind: Why the node could not watch all of it; empty where it could.
        is_shaken: Something near its plates moved meanwhile: they may stay a little off by that.
        is_back: It takes back some of what was told of its plates just before: whatever that was,
            it is not nothing.
        is_passing: One of two that come to nothing, told one right after the other: the plates rest
            where they were, or what left one came to the next at once. Both are of the time of
            both.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    delta_g: float
    sigma_g: float
    deltas_g: Mapping[PlateId, float]
    from_ns: int
    to_ns: int
    blind: str = ""
    trace: Trace | None = None
    is_shaken: bool = False
    is_back: bool = False
    is_passing: bool = False
    sigmas_g: Mapping[PlateId, float] = field(default_factory=dict)

    def noise_g(self, plate: PlateId) -> float:
        """Deviation of one plate's change from noise."""
        alike_g = self.sigma_g / math.sqrt(max(len(self.plates), 1))
        return self.sigmas_g.get(plate, alike_g)

    def noises_g(self) -> dict[PlateId, float]:
        """The same of all of them."""
        return {plate: self.noise_g(plate) for plate in self.deltas_g}
