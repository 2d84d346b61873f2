"""The shop as pictures: the floor from above and the shelves from the front, from the layout file.

Drawing coordinates are centimetres with y downwards, as SVG has it. Pure geometry, no markup.
"""

import math
from typing import Final

import msgspec
from tebura_contract.geometry import Pose, Xy, Xyz
from tebura_contract.ids import FacingId, ShelfId, Sku, facing_id, shelf_id
from tebura_contract.layout import Camera, Gondola, Layout, Product, Shelf

CM: Final = 100.0
MARGIN_CM: Final = 14.0
RAIL_CM: Final = 10.5
SIGHT_CM: Final = 260.0
LETTER_CM: Final = 1.2
"""Width of a Latin letter beneath a facing; a Japanese one is two of them wide."""
_LOOK_DOWN: Final = 0.05


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """An outline as SVG points, its front edge where it has one, and where its name goes."""

    id: str
    points: str
    x: float
    y: float
    front: str = ""


class Eye(msgspec.Struct, frozen=True, kw_only=True):
    """A camera from above: where it hangs and the wedge of floor it looks over."""

    x: float
    y: float
    sight: str


class FloorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The shop from above. Draw a store position (x, y in metres) at (100 x, -100 y)."""

    view: str
    floor: str
    gondolas: tuple[Area, ...]
    gates: tuple[Area, ...]
    cameras: tuple[Eye, ...]
    sight: float = SIGHT_CM


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One product's front in a facing."""

    x: float
    y: float
    width: float
    height: float


class FacingFront(msgspec.Struct, frozen=True, kw_only=True):
    """One facing from the front; `letters` is about how many fit beneath it."""

    id: FacingId
    sku: Sku
    x: float
    width: float
    middle: float
    letters: int
    items: tuple[Item, ...]


class ShelfFront(msgspec.Struct, frozen=True, kw_only=True):
    """One shelf from the front: the recess from `top` on, then the board with its price rail."""

    id: ShelfId
    x: float
    top: float
    width: float
    height: float
    board: float
    rail: float
    facings: tuple[FacingFront, ...]


class GondolaFront(msgspec.Struct, frozen=True, kw_only=True):
    """One gondola from the front, cut off a little below its lowest shelf."""

    id: str
    view: str
    x: float
    y: float
    width: float
    height: float
    shelves: tuple[ShelfFront, ...]


def floor_plan(layout: Layout) -> FloorPlan:
    """The shop from above."""
    outlines = [(g, _footprint(g)) for g in layout.gondola]
    corners = [*layout.store.floor_m, *(xy for _, ring in outlines for xy in ring)]
    corners += [xy for gate in layout.gate for xy in gate.zone_m]
    corners = corners or [(0.0, 0.0), (1.0, 1.0)]
    left, right = min(x for x, _ in corners) * CM, max(x for x, _ in corners) * CM
    top, bottom = -max(y for _, y in corners) * CM, -min(y for _, y in corners) * CM
    view = (
        f"{left - MARGIN_CM:.0f} {top - MARGIN_CM:.0f} "
        f"{right - left + 2 * MARGIN_CM:.0f} {bottom - top + 2 * MARGIN_CM:.0f}"
    )
    return FloorPlan(
        view=view,
        floor=_points(layout.store.floor_m),
        gondolas=tuple(_gondola_area(gondola, ring) for gondola, ring in outlines),
        gates=tuple(_gate_area(gate.id, gate.zone_m) for gate in layout.gate if gate.zone_m),
        cameras=tuple(_eye(camera) for camera in layout.camera if camera.watches),
    )


def fronts(layout: Layout) -> tuple[GondolaFront, ...]:
    """Every gondola that has shelves, from the front."""
    products = layout.products()
    return tuple(_front(gondola, products) for gondola in layout.gondola if gondola.shelf)


def rotated(rotation_rad: Xyz, vector: Xyz) -> Xyz:
    """A vector turned by a Rodrigues rotation.

    >>> [round(v, 6) for v in rotated((0.0, 0.0, math.pi / 2), (1.0, 0.0, 0.0))]
    [0.0, 1.0, 0.0]
    """
    angle = math.hypot(*rotation_rad)
    if angle == 0.0:
        return vector
    kx, ky, kz = (part / angle for part in rotation_rad)
    x, y, z = vector
    cross = (ky * z - kz * y, kz * x - kx * z, kx * y - ky * x)
    along = (kx * x + ky * y + kz * z) * (1.0 - math.cos(angle))
    cos, sin = math.cos(angle), math.sin(angle)
    return (
        x * cos + cross[0] * sin + kx * along,
        y * cos + cross[1] * sin + ky * along,
        z * cos + cross[2] * sin + kz * along,
    )


def _placed(pose: Pose, point: Xyz) -> Xyz:
    x, y, z = rotated(pose.rotation_rad, point)
    tx, ty, tz = pose.translation_m
    return x + tx, y + ty, z + tz


def _footprint(gondola: Gondola) -> list[Xy]:
    width, depth, _ = gondola.size_m
    ring = ((0.0, 0.0, 0.0), (width, 0.0, 0.0), (width, depth, 0.0), (0.0, depth, 0.0))
    return [_placed(gondola.store_from_gondola, corner)[:2] for corner in ring]


def _gondola_area(gondola: Gondola, ring: list[Xy]) -> Area:
    x, y = _middle(ring)
    return Area(id=gondola.id, points=_points(ring), x=x, y=y, front=_points(ring[:2]))


def _gate_area(name: str, zone_m: tuple[Xy, ...]) -> Area:
    x, y = _middle(zone_m)
    return Area(id=name, points=_points(zone_m), x=x, y=y)


def _eye(camera: Camera) -> Eye:
    pose = camera.store_from_camera
    x, y, _ = pose.translation_m
    ahead = rotated(pose.rotation_rad, (0.0, 0.0, 1.0))
    flat = math.hypot(ahead[0], ahead[1])
    if flat < _LOOK_DOWN:
        return Eye(x=x * CM, y=-y * CM, sight="")
    heading = math.atan2(ahead[1], ahead[0])
    half = math.atan2(camera.intrinsics.size_px[0] / 2, camera.intrinsics.focal_px[0])
    edges = [
        (
            x + SIGHT_CM / CM * math.cos(heading + turn),
            y + SIGHT_CM / CM * math.sin(heading + turn),
        )
        for turn in (-half, -half / 2, 0.0, half / 2, half)
    ]
    return Eye(x=x * CM, y=-y * CM, sight=_points([(x, y), *edges]))


def _front(gondola: Gondola, products: dict[Sku, Product]) -> GondolaFront:
    width, height = gondola.size_m[0] * CM, gondola.size_m[2] * CM
    shelves = tuple(
        _shelf_front(gondola, shelf, products)
        for shelf in sorted(
            gondola.shelf, key=lambda s: s.gondola_from_shelf.translation_m[2], reverse=True
        )
    )
    top = min([-height, *(shelf.top for shelf in shelves)])
    bottom = max(shelf.board + shelf.rail for shelf in shelves) + 5.0
    return GondolaFront(
        id=gondola.id,
        view=f"-2 {top - 3:.1f} {width + 4:.1f} {bottom - top + 3:.1f}",
        x=0.0,
        y=top - 1.5,
        width=width,
        height=bottom - top + 6.0,
        shelves=shelves,
    )


def _shelf_front(gondola: Gondola, shelf: Shelf, products: dict[Sku, Product]) -> ShelfFront:
    name = shelf_id(gondola.id, shelf.id)
    left, _, floor = (part * CM for part in shelf.gondola_from_shelf.translation_m)
    board = -floor
    height = shelf.size_m[2] * CM
    facings = []
    for facing in shelf.facing:
        x0, x1 = left + facing.x_m[0] * CM, left + facing.x_m[1] * CM
        facings.append(
            FacingFront(
                id=facing_id(name, facing.id),
                sku=facing.sku,
                x=x0,
                width=x1 - x0,
                middle=(x0 + x1) / 2,
                letters=max(4, int((x1 - x0) / LETTER_CM)),
                items=_items(products[facing.sku].size_m, x0, x1, board, height),
            )
        )
    return ShelfFront(
        id=name,
        x=left,
        top=board - height,
        width=shelf.size_m[0] * CM,
        height=height,
        board=board,
        rail=RAIL_CM,
        facings=tuple(facings),
    )


def _items(size_m: Xyz | None, x0: float, x1: float, board: float, room: float) -> tuple[Item, ...]:
    """As many fronts side by side as the facing holds, at true scale."""
    wide, _, high = (part * CM for part in size_m or (0.08, 0.08, 0.12))
    high = min(high, room - 1.5)
    wide = min(wide, x1 - x0 - 2.0)
    count = max(1, int((x1 - x0 - 1.0) / (wide + 1.2)))
    gap = (x1 - x0 - count * wide) / (count + 1)
    return tuple(
        Item(x=x0 + gap + index * (wide + gap), y=board - high, width=wide, height=high)
        for index in range(count)
    )


def _middle(ring: list[Xy] | tuple[Xy, ...]) -> Xy:
    x = sum(x for x, _ in ring) / len(ring) * CM
    return x, -sum(y for _, y in ring) / len(ring) * CM


def _points(ring: list[Xy] | tuple[Xy, ...]) -> str:
    return " ".join(f"{x * CM:.1f},{-y * CM:.1f}" for x, y in ring)
