"""What a shop is furnished with: gondolas, boards, plates, price strips, the gate, baskets."""

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xyz
from tebura_contract.layout import Gate, Gondola, Product, Shelf

from tebura_simulator.scenes.look import Decor
from tebura_simulator.scenes.panes import add_pane
from tebura_simulator.scenes.products import Colour, add_geom
from tebura_simulator.scenes.rotation import quaternion
from tebura_simulator.story.stocking import PLATE_TOP_M, Frame, frame_of, shelf_frame

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_DARK: Colour = (0.17, 0.18, 0.20)
_STRIP_M = 0.044
_PX_M = 460
_UNDER_M = 0.16
"""So far below a board its shadow reaches on the back panel."""


def add_gondola(
    spec: mujoco.MjSpec, gondola: Gondola, products: dict[str, Product], decor: Decor
) -> None:
    """A gondola with its boards, plates and price strips; the packages come later."""
    wide, deep, high = gondola.size_m
    frame = frame_of(gondola.store_from_gondola)
    steel = decor.fixture
    _board(spec, frame, (wide / 2, deep - 0.01, high / 2), (wide / 2, 0.009, high / 2), steel)
    lifts = [shelf.gondola_from_shelf.translation_m[2] for shelf in gondola.shelf]
    _pane(spec, frame, f"{gondola.id}/back", (0.0, deep - 0.021, 0.0), (wide, 0, 0), (0, 0, high),
          _back_picture(wide, high, lifts, steel))  # fmt: skip
    if deep > 0.1:
        # Boards that hang before a thin back have no base under them.
        foot_m = float(np.clip((min(lifts, default=0.2) - 0.06) / 2, 0.02, 0.07))
        tone = 0.55 * steel[0], 0.55 * steel[1], 0.55 * steel[2]
        _board(spec, frame, (wide / 2, deep / 2, foot_m), (wide / 2, deep / 2 - 0.03, foot_m), tone)
    for x in (0.0, wide):
        _board(spec, frame, (x, deep - 0.02, high / 2), (0.012, 0.02, high / 2), _DARK)
    for shelf in gondola.shelf:
        _add_shelf(
            spec, f"{gondola.id}/{shelf.id}", shelf_frame(gondola, shelf), shelf, products, decor
        )


def _add_shelf(
    spec: mujoco.MjSpec,
    name: str,
    at: Frame,
    shelf: Shelf,
    products: dict[str, Product],
    decor: Decor,
) -> None:
    wide, deep, _ = shelf.size_m
    _board(spec, at, (wide / 2, deep / 2, -0.015), (wide / 2, deep / 2, 0.012), decor.fixture)
    _pane(
        spec, at, "shelf-top", (0.0, 0.0, -0.002), (wide, 0, 0), (0, deep, 0), _top_picture(decor)
    )
    _board(spec, at, (wide / 2, -0.006, -0.018), (wide / 2, 0.006, _STRIP_M / 2), decor.accent)
    corner = (0.0, -0.0125, -0.018 - _STRIP_M / 2)
    strip = _strip_picture(shelf, products, decor.accent)
    _pane(spec, at, f"{name}/strip", corner, (wide, 0, 0), (0, 0, _STRIP_M), strip)
    for plate in shelf.plate:
        (x, y), (pw, pd) = plate.xy_m, plate.size_m
        high = PLATE_TOP_M / 2
        tone = (0.66, 0.68, 0.70)
        _board(spec, at, (x + pw / 2, y + pd / 2, high), (pw / 2 - 0.002, pd / 2, high), tone)


def _back_picture(wide_m: float, high_m: float, lifts_m: list[float], steel: Colour) -> Picture:
    """Perforated steel, dark under each board."""
    high, wide = max(16, round(200 * high_m)), max(16, round(200 * wide_m))
    z = high_m * (1 - (np.arange(high) + 0.5) / high)
    shade = np.ones(high)
    for lift in lifts_m:
        below = lift - z
        shade *= np.where(below > 0, 1 - 0.55 * np.exp(-np.maximum(below, 0) / _UNDER_M), 1.0)
    picture = np.full((high, wide, 3), 255.0) * steel * shade[:, None, None]
    picture[4::10, 4::10] *= 0.6
    return np.asarray(0.92 * picture, np.uint8)


def _top_picture(decor: Decor) -> Picture:
    """A board seen from above: darker towards the back."""
    shade = np.linspace(0.5, 1.0, 64)[:, None, None]
    return np.asarray(np.full((64, 16, 3), 250.0) * decor.fixture * shade, np.uint8)


def _strip_picture(shelf: Shelf, products: dict[str, Product], accent: Colour) -> Picture:
    """The board's front edge: a price tag before each facing."""
    wide_m = shelf.size_m[0]
    scale = min(_PX_M, 900 / wide_m)
    high = round(_STRIP_M * scale)
    bare = np.full((high, round(wide_m * scale), 3), 255.0) * accent
    picture: Picture = np.asarray(bare, np.uint8)
    for facing in shelf.facing:
        middle = round(sum(facing.x_m) / 2 * scale)
        half = round(min(0.036, (facing.x_m[1] - facing.x_m[0]) / 2) * scale)
        cv2.rectangle(picture, (middle - half, 2), (middle + half, high - 3), (250, 247, 232), -1)
        price = str(products[facing.sku].price_minor)
        size = round(0.62 * high)
        font = cv2.FontFace("sans")
        across = cv2.getTextSize((0, 0), price, (0, 0), font, size, 700)[2]
        cv2.putText(
            picture, price, (middle - across // 2 + 3, high - 6), (30, 28, 30), font, size, 700
        )
        picture[4 : high - 4, middle - half + 2 : middle - half + 6] = (200, 40, 40)
    return picture


def add_reader(spec: mujoco.MjSpec, frame: Frame) -> None:
    """A pillar with a window; the camera looks out of it."""
    ahead = frame.rotation[:, 2]
    level = np.array([ahead[0], ahead[1], 0.0]) / max(1e-9, float(np.linalg.norm(ahead[:2])))
    turned = np.stack([np.cross(level, [0, 0, 1]), level, [0, 0, 1]], axis=1)
    x, y, z = frame.origin_m - 0.12 * level
    quat = quaternion(turned)
    world = spec.worldbody
    add_geom(world, _BOX, [0.09, 0.06, z / 2], (0.93, 0.94, 0.95), (x, y, z / 2), quat=quat)
    add_geom(world, _BOX, [0.092, 0.062, 0.02], (0.10, 0.55, 0.62), (x, y, z - 0.12), quat=quat)
    add_geom(world, _BOX, [0.075, 0.05, 0.02], _DARK, (x, y, z + 0.01), quat=quat)


def add_exit(spec: mujoco.MjSpec, gate: Gate, accent: Colour) -> None:
    """Two low posts at a gate's door side; their glass wings stand open, it is never locked."""
    zone = np.asarray(gate.zone_m)
    (left, near), (right, _) = zone.min(0), zone.max(0)
    for x, wing in ((left + 0.02, 1), (right - 0.02, -1)):
        add_geom(spec.worldbody, _BOX, [0.045, 0.14, 0.45], (0.86, 0.87, 0.88), (x, near, 0.45))
        add_geom(spec.worldbody, _BOX, [0.047, 0.142, 0.012], accent, (x, near, 0.87))
        glass = spec.worldbody.add_geom(
            type=_BOX, size=[0.006, 0.16, 0.3], pos=[x + 0.05 * wing, near - 0.22, 0.52]
        )
        glass.rgba, glass.contype, glass.conaffinity = [0.7, 0.86, 0.88, 0.35], 0, 0


def add_baskets(spec: mujoco.MjSpec, at_m: Array, accent: Colour, count: int = 6) -> None:
    """A stack of shopping baskets."""
    x, y = (float(v) for v in at_m)
    for number in range(count):
        z = 0.11 + 0.055 * number
        red, green, blue = (min(1.0, value * (0.9 + 0.03 * number)) for value in accent)
        add_geom(spec.worldbody, _BOX, [0.21, 0.15, 0.022], (red, green, blue), (x, y, z))
        add_geom(spec.worldbody, _BOX, [0.19, 0.13, 0.024], (0.12, 0.12, 0.13), (x, y, z + 0.002))
    for side in (-1, 1):
        handle = [x - 0.2, y + 0.1 * side, z + 0.02, x + 0.2, y + 0.1 * side, z + 0.02]
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        add_geom(spec.worldbody, capsule, [0.008], _DARK, fromto=handle)


def _pane(
    spec: mujoco.MjSpec, at: Frame, name: str, corner: Xyz, across: Xyz, up: Xyz, picture: Picture
) -> None:
    turn = at.rotation
    add_pane(
        spec, name, np.asarray(at.point(corner)), turn @ np.asarray(across, float),
        turn @ np.asarray(up, float), picture,
    )  # fmt: skip


def _board(spec: mujoco.MjSpec, frame: Frame, middle_m: Xyz, half_m: Xyz, colour: Colour) -> None:
    turned = quaternion(frame.rotation)
    add_geom(spec.worldbody, _BOX, list(half_m), colour, frame.point(middle_m), quat=turned)
