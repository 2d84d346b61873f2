"""Shops drawn from a seed: gondolas in one row or two, their boards, what stands on them.

Only the shape of a shop and its half of the assortment; floor and gate come from `furnishing`.
"""

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from tebura_contract.geometry import Pose
from tebura_contract.ids import GondolaId, NodeId, ShelfId, StoreId
from tebura_contract.layout import Camera, Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo

from tebura_simulator import stores
from tebura_simulator.scenes.split import Split
from tebura_simulator.story.furnishing import furnished
from tebura_simulator.story.stocking import size_of

_NODE = NodeId("plates-1")
_EDGE_M, _GAP_M, _HEADROOM_M = 0.02, 0.01, 0.03
_FRONT_M = 0.11
"""Rows begin this far behind a board's edge."""
_MOST_ROWS = 5


def assortment(split: Split) -> tuple[Product, ...]:
    """The products of a half: every second one of all that the stores at hand sell, by name."""
    known = {p.sku: p for name in stores.names() for p in stores.store(name)[0].product}
    ordered = [known[sku] for sku in sorted(known)]
    return tuple(ordered[0 if split is Split.TRAIN else 1 :: 2])


def shop(split: Split, rng: np.random.Generator, is_high: bool = False) -> Layout:
    """A shop of one to five gondolas with products of its half, its floor and gate.

    Where `is_high`, the topmost boards are those of wall racks.

    Raises:
        ValueError: If what was drawn leaves no place for a gate.
    """
    count = int(rng.integers(1, 6))
    products = assortment(split)
    in_back = count if count < 3 else math.ceil(count / 2)
    aisle_m = float(rng.uniform(1.7, 2.6))
    gondolas, x_m = [], 0.0
    for number in range(count):
        if number == in_back:
            x_m = 0.0
        wide = round(float(rng.uniform(0.9, 1.4)), 2)
        # The second row faces the first one across an aisle.
        pose = (
            Pose(translation_m=(x_m, 0.0, 0.0))
            if number < in_back
            else Pose(
                translation_m=(x_m + wide, -round(aisle_m, 2), 0.0),
                rotation_rad=(0.0, 0.0, round(math.pi, 6)),
            )
        )
        boards = _high_boards(rng) if is_high else _boards(rng)
        gondolas.append(_gondola(f"g{number + 1}", pose, wide, boards, products, rng))
        x_m = round(x_m + wide + (0.04 if rng.random() < 0.8 else 1.0), 2)
    sold = {facing.sku for g in gondolas for shelf in g.shelf for facing in shelf.facing}
    bare = Layout(
        store=StoreInfo(id=StoreId(f"{split}-shop"), name="drawn"),
        product=tuple(product for product in products if product.sku in sold),
        gondola=tuple(gondolas),
    )
    return furnished(bare, lambda _: None)


@dataclass(frozen=True)
class _Boards:
    """So many above each other."""

    count: int
    lowest_m: float
    pitch_m: float


def _boards(rng: np.random.Generator) -> _Boards:
    """Of a gondola that one looks over."""
    count = int(rng.integers(2, 6))
    lowest_m = float(rng.uniform(0.25, 0.5)) if count > 2 else float(rng.uniform(0.55, 0.8))
    return _Boards(count, lowest_m, min(0.42, (1.6 - lowest_m) / count))


def _high_boards(rng: np.random.Generator) -> _Boards:
    """Of a rack: the topmost is between a shopper's eyes and as high as a hand gets."""
    count, top_m = int(rng.integers(3, 6)), float(rng.uniform(1.5, 1.85))
    lowest_m = float(rng.uniform(0.3, top_m - 0.28 * (count - 1)))
    return _Boards(count, lowest_m, (top_m - lowest_m) / (count - 1))


def _gondola(
    name: str,
    pose: Pose,
    wide_m: float,
    boards: _Boards,
    products: tuple[Product, ...],
    rng: np.random.Generator,
) -> Gondola:
    lowest, pitch = boards.lowest_m, boards.pitch_m
    deep = round(float(rng.uniform(0.36, 0.46)), 2)
    shelves = tuple(
        _shelf(
            ShelfId(f"s{number + 1}"),
            (round(wide_m - 2 * _EDGE_M, 3), deep - 0.04, round(pitch, 3)),
            round(lowest + number * pitch, 3),
            products,
            rng,
        )
        for number in range(boards.count)
    )
    high = round(lowest + boards.count * pitch + 0.05, 2)
    return Gondola(
        id=GondolaId(name), store_from_gondola=pose, size_m=(wide_m, deep, high), shelf=shelves
    )


def _shelf(
    name: ShelfId,
    size_m: tuple[float, float, float],
    high_m: float,
    products: tuple[Product, ...],
    rng: np.random.Generator,
) -> Shelf:
    """A board of plates side by side, one facing each."""
    wide, deep, room = size_m
    fitting = [p for p in products if size_of(p)[2] < room - _HEADROOM_M] or [
        min(products, key=lambda p: size_of(p)[2])
    ]
    plates: list[Plate] = []
    facings: list[Facing] = []
    left = 0.0
    while True:
        product = fitting[int(rng.integers(len(fitting)))]
        one_m, deep_m, _ = size_of(product)
        columns = int(rng.integers(1, 4))
        right = round(left + columns * (one_m + _GAP_M) + _GAP_M, 3)
        if right > wide:
            break
        number = len(plates) + 1
        plate = Plate(
            id=f"p{number}",
            xy_m=(left, 0.01),
            size_m=(round(right - left - 0.004, 3), round(deep - 0.02, 3)),
        )
        rows = max(1, min(_MOST_ROWS, int((deep - _FRONT_M) / (deep_m + 0.006))))
        plates.append(plate)
        facings.append(
            Facing(
                id=f"f{number}", sku=product.sku, x_m=(left, right), plates=(plate.id,), depth=rows
            )
        )
        left = right
    return Shelf(
        id=name,
        gondola_from_shelf=Pose(translation_m=(_EDGE_M, _EDGE_M, high_m)),
        size_m=size_m,
        reports_picks=_NODE,
        plate=tuple(plates),
        facing=tuple(facings),
    )


def resized(layout: Layout, size_px: tuple[int, int]) -> Layout:
    """The layout with all cameras of one picture size, seeing as much across as they saw."""
    return msgspec.structs.replace(
        layout, camera=tuple(_resized(camera, size_px) for camera in layout.camera)
    )


def _resized(camera: Camera, size_px: tuple[int, int]) -> Camera:
    lens = camera.intrinsics
    (wide, high), (fx, fy), (cx, cy) = lens.size_px, lens.focal_px, lens.center_px
    scale = size_px[0] / wide
    new = msgspec.structs.replace(
        lens,
        size_px=size_px,
        focal_px=(fx * scale, fy * scale),
        center_px=(cx * scale, size_px[1] / 2 + (cy - high / 2) * scale),
    )
    return msgspec.structs.replace(camera, intrinsics=new)
