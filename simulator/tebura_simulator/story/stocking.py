"""What stands where on the shelves: a place for every item of a facing, in store coordinates."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Pose, Xyz
from tebura_contract.ids import FacingId, PlateId, Sku
from tebura_contract.layout import Facing, Gondola, Layout, Product, Shelf

_GAP_M = 0.006
_FRONT_GAP_M = 0.11
"""Between the shelf's edge and the first row, so that the wrist, too, comes over the edge: it
stays some 8 cm behind what the hand grips."""
PLATE_TOP_M = 0.012
"""Items stand on the plates, this much over the board."""
_PLAIN_SIZE_M: Xyz = (0.07, 0.07, 0.15)


@dataclass(frozen=True)
class Frame:
    """A coordinate system in the store: `store = rotation @ local + origin_m`."""

    rotation: NDArray[np.float64]
    origin_m: NDArray[np.float64]

    def point(self, local_m: Xyz) -> Xyz:
        x, y, z = (float(v) for v in self.rotation @ np.asarray(local_m) + self.origin_m)
        return x, y, z

    def axis(self, index: int) -> Xyz:
        x, y, z = (float(v) for v in self.rotation[:, index])
        return x, y, z


def frame_of(*chain: Pose) -> Frame:
    """The frame of the last pose of a chain that starts at the store: store_from_a, a_from_b …."""
    rotation, origin = np.eye(3), np.zeros(3)
    for pose in chain:
        origin = origin + rotation @ np.asarray(pose.translation_m)
        turned, _ = cv2.Rodrigues(np.asarray(pose.rotation_rad, dtype=np.float64))
        rotation = rotation @ turned
    return Frame(rotation, origin)


def shelf_frame(gondola: Gondola, shelf: Shelf) -> Frame:
    return frame_of(gondola.store_from_gondola, shelf.gondola_from_shelf)


def size_of(product: Product) -> Xyz:
    """Width along the front, depth and height, metres; a plain box where the layout is silent."""
    return product.size_m or _PLAIN_SIZE_M


@dataclass(frozen=True)
class Slot:
    """A place an item can stand: its centre, and a point before the shelf a hand passes on the way.

    Slots of a facing are ordered as they are emptied: the front row first.
    """

    facing: FacingId
    center_m: Xyz
    via_m: Xyz


@dataclass(frozen=True)
class StockedFacing:
    """A facing with its slots, and the direction a shopper looks who stands before it."""

    id: FacingId
    sku: Sku
    plates: tuple[PlateId, ...]
    slots: tuple[Slot, ...]
    inward: Xyz
    rightward: Xyz
    front_m: Xyz


def facings_of(sku: Sku | None, facing: FacingId | None, layout: Layout) -> tuple[FacingId, ...]:
    """The facings a step may be about: the named one, else all that are its product's."""
    if facing is not None:
        return (facing,)
    return tuple(name for name, (_, f) in layout.facings().items() if f.sku == sku)


def stocked_facings(layout: Layout) -> dict[FacingId, StockedFacing]:
    """Every facing of a layout with its slots."""
    shelves, products = layout.shelves(), layout.products()
    return {
        name: _stocked(name, *shelves[shelf], facing, products[facing.sku])
        for name, (shelf, facing) in layout.facings().items()
    }


def _stocked(
    name: FacingId, gondola: Gondola, shelf: Shelf, facing: Facing, product: Product
) -> StockedFacing:
    frame = shelf_frame(gondola, shelf)
    wide, deep, high = size_of(product)
    left, right = facing.x_m
    columns = max(1, int((right - left) / (wide + _GAP_M)))
    pitch = (right - left) / columns
    # A row that no longer fits moves up against the one before it.
    row_pitch = min(
        deep + _GAP_M, (shelf.size_m[1] - deep - _FRONT_GAP_M) / max(1, facing.depth - 1)
    )
    z = PLATE_TOP_M + high / 2
    slots = []
    for row in range(facing.depth):
        y = _FRONT_GAP_M + deep / 2 + row * row_pitch
        for column in range(columns):
            x = left + (column + 0.5) * pitch
            slots.append(Slot(name, frame.point((x, y, z)), frame.point((x, -0.10, z + 0.05))))
    shelf_name = name.rsplit("/", 1)[0]
    return StockedFacing(
        id=name,
        sku=facing.sku,
        plates=tuple(PlateId(f"{shelf_name}/{plate}") for plate in facing.plates),
        slots=tuple(slots),
        inward=frame.axis(1),
        rightward=frame.axis(0),
        front_m=frame.point(((left + right) / 2, 0.0, z)),
    )
