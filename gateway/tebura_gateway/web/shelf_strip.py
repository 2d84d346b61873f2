"""One shelf from the front as a strip: its facings, the plates that moved, where hands went in."""

from typing import Final

import msgspec
from tebura_contract.ids import FacingId, ShelfId, Sku, VisitId, facing_id, plate_id
from tebura_contract.layout import Layout

from tebura_gateway.service.views import ReviewStep

WIDTH: Final = 480.0
LETTER: Final = 7.4
"""Width of a Latin letter in a facing's name; a Japanese one is two of them wide."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A facing; `is_moved` when a plate beneath it did. `letters` is about how many fit."""

    id: FacingId
    sku: Sku
    x: float
    width: float
    letters: int
    is_moved: bool


class Beam(msgspec.Struct, frozen=True, kw_only=True):
    """A plate beneath the facings."""

    x: float
    width: float
    is_moved: bool


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hand went in."""

    x: float
    visit: VisitId | None


class ShelfStrip(msgspec.Struct, frozen=True, kw_only=True):
    """The strip; `facing` is the product's slot by its number from the left, where one is meant."""

    gondola: str
    shelf: str
    slots: tuple[Slot, ...]
    plates: tuple[Beam, ...]
    hands: tuple[Pointer, ...]
    facing: Slot | None
    facing_number: int | None


def shelf_strip(layout: Layout, step: ReviewStep) -> ShelfStrip | None:
    """The shelf of a step; None where the layout does not know it."""
    found = layout.shelves().get(step.shelf)
    if found is None:
        return None
    gondola, shelf = found
    scale = WIDTH / shelf.size_m[0]
    moved = set(step.plates)
    slots = tuple(
        Slot(
            id=facing_id(step.shelf, facing.id),
            sku=facing.sku,
            x=facing.x_m[0] * scale,
            width=(facing.x_m[1] - facing.x_m[0]) * scale,
            letters=max(3, int((facing.x_m[1] - facing.x_m[0]) * scale / LETTER)),
            is_moved=bool(moved & {plate_id(step.shelf, plate) for plate in facing.plates}),
        )
        for facing in sorted(shelf.facing, key=lambda one: one.x_m)
    )
    plates = tuple(
        Beam(
            x=plate.xy_m[0] * scale,
            width=plate.size_m[0] * scale,
            is_moved=plate_id(step.shelf, plate.id) in moved,
        )
        for plate in shelf.plate
    )
    number = next((n for n, slot in enumerate(slots, 1) if slot.id == step.facing), None)
    return ShelfStrip(
        gondola=gondola.id,
        shelf=short_name(step.shelf),
        slots=slots,
        plates=plates,
        hands=tuple(
            Pointer(x=min(max(hand.x_m, 0.0), shelf.size_m[0]) * scale, visit=hand.visit)
            for hand in step.hands
        ),
        facing=slots[number - 1] if number is not None else None,
        facing_number=number,
    )


def short_name(shelf: ShelfId) -> str:
    """The shelf's own name, without the gondola's."""
    return shelf.rpartition("/")[2]
