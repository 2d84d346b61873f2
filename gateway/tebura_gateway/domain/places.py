"""Where shelves and plates are, and how one stands before them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tebura_contract.geometry import Pose, Xy, Xyz
from tebura_contract.ids import PlateId, ShelfId, plate_id
from tebura_contract.layout import Gondola, Layout, Shelf


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A point of a shelf's front edge, seen from above; `along` is the edge's direction."""

    xy_m: Xy
    along: Xy

    def stand_m(self, xy_m: Xy) -> tuple[float, float]:
        """How far to the side and how far before the shelf somebody stands (behind: below 0)."""
        x, y = xy_m[0] - self.xy_m[0], xy_m[1] - self.xy_m[1]
        return x * self.along[0] + y * self.along[1], x * self.along[1] - y * self.along[0]


@dataclass(frozen=True, slots=True)
class Places:
    """All shelves, seen from above; made once for many questions, and remembers the answers."""

    _shelves: Mapping[ShelfId, tuple[Gondola, Shelf]]
    _fronts: dict[tuple[ShelfId, float], FrontPoint] = field(default_factory=dict)

    @classmethod
    def of(cls, layout: Layout) -> "Places":
        return cls(layout.shelves())

    def front_at(self, shelf: ShelfId, x_m: float) -> FrontPoint | None:
        """The point of a shelf's front edge `x_m` from its left end; None of an unknown shelf."""
        known = self._fronts.get((shelf, x_m))
        found = self._shelves.get(shelf)
        if known is not None or found is None:
            return known
        gondola, board = found
        (x, y, _), (ahead_x, ahead_y, _) = (
            _moved(gondola.store_from_gondola, _moved(board.gondola_from_shelf, (at, 0.0, 0.0)))
            for at in (x_m, x_m + 1.0)
        )
        self._fronts[shelf, x_m] = FrontPoint((x, y), (ahead_x - x, ahead_y - y))
        return self._fronts[shelf, x_m]

    def extent_m(self, shelf: ShelfId, plates: Sequence[PlateId]) -> tuple[float, float] | None:
        """From where to where along a shelf's front these plates lie."""
        found = self._shelves.get(shelf)
        if found is None:
            return None
        spans = [
            (plate.xy_m[0], plate.xy_m[0] + plate.size_m[0])
            for plate in found[1].plate
            if plate_id(shelf, plate.id) in plates
        ]
        if not spans:
            return None
        return min(low for low, _ in spans), max(high for _, high in spans)


def _moved(pose: Pose, point: Xyz) -> Xyz:
    """A point of a frame in its parent (Rodrigues' formula)."""
    turned = _turned(pose.rotation_rad, point)
    x, y, z = (a + b for a, b in zip(pose.translation_m, turned, strict=True))
    return x, y, z


def _turned(rotation_rad: Xyz, point: Xyz) -> Xyz:
    angle = math.hypot(*rotation_rad)
    if angle < 1e-12:
        return point
    kx, ky, kz = (part / angle for part in rotation_rad)
    x, y, z = point
    along = (kx * x + ky * y + kz * z) * (1.0 - math.cos(angle))
    cross = (ky * z - kz * y, kz * x - kx * z, kx * y - ky * x)
    cosine, sine = math.cos(angle), math.sin(angle)
    return (
        x * cosine + cross[0] * sine + kx * along,
        y * cosine + cross[1] * sine + ky * along,
        z * cosine + cross[2] * sine + kz * along,
    )
