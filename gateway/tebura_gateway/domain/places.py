"""Where on the floor one stands before a part of a shelf."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tebura_contract.geometry import Pose, Xy, Xyz
from tebura_contract.ids import ShelfId
from tebura_contract.layout import Gondola, Layout, Shelf


@dataclass(frozen=True, slots=True)
class Places:
    """The front edges of all shelves, seen from above."""

    _shelves: Mapping[ShelfId, tuple[Gondola, Shelf]]

    @classmethod
    def of(cls, layout: Layout) -> "Places":
        return cls(layout.shelves())

    def front_xy_m(self, shelf: ShelfId, x_m: float) -> Xy | None:
        """The point of a shelf's front edge `x_m` from its left end; None of an unknown shelf."""
        found = self._shelves.get(shelf)
        if found is None:
            return None
        gondola, board = found
        x, y, _ = _moved(
            gondola.store_from_gondola, _moved(board.gondola_from_shelf, (x_m, 0.0, 0.0))
        )
        return x, y


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
