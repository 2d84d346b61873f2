"""Pictures of a shop's surfaces: floors, walls, ceilings, what is seen behind glass."""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.look import Ceiling, Floor, Wall

Picture = NDArray[np.uint8]
Shade = NDArray[np.float64]
Rng = np.random.Generator
Colour = tuple[float, float, float]

PX_M = 160
"""Pixels of a surface's picture a metre; fewer where it would get too large."""
_MOST_PX = 1536


def size_px(wide_m: float, high_m: float) -> tuple[int, int]:
    """Size of a surface's picture."""
    scale = min(float(PX_M), _MOST_PX / max(wide_m, high_m))
    return max(16, round(wide_m * scale)), max(16, round(high_m * scale))


def floor_picture(kind: Floor, wide_m: float, deep_m: float, rng: Rng) -> Picture:
    wide, high = size_px(wide_m, deep_m)
    scale = wide / wide_m
    picture = _FLOORS[kind](wide, high, scale, rng)
    # Trodden paths: large, faint stains.
    return _bytes(picture * (1 + 0.02 * _clouds(wide, high, 0.8 * scale, rng)[..., None]))


def wall_picture(kind: Wall, colour: Colour, wide_m: float, high_m: float, rng: Rng) -> Picture:
    wide, high = size_px(wide_m, high_m)
    scale = wide / wide_m
    base = np.full((high, wide, 3), 255.0) * colour
    if kind is Wall.PLASTER:
        base += 2.5 * _clouds(wide, high, 0.02 * scale, rng)[..., None]
    elif kind is Wall.BRICK:
        base = _blocks(base, round(0.24 * scale), round(0.08 * scale), 0.05, rng, is_offset=True)
    elif kind is Wall.PANELS:
        base = _blocks(base, round(0.6 * scale), high, 0.02, rng, is_offset=False)
    else:
        base = _blocks(base, round(0.2 * scale), round(0.2 * scale), 0.015, rng, is_offset=False)
    return _bytes(base + 3 * _clouds(wide, high, 0.5 * scale, rng)[..., None])


def ceiling_picture(
    kind: Ceiling, wide_m: float, deep_m: float, lamps_m: NDArray[np.float64]
) -> Picture:
    """Seen from below; `lamps_m` (N, 2) are from the ceiling's corner."""
    wide, high = size_px(wide_m, deep_m)
    scale = wide / wide_m
    picture = np.full((high, wide, 3), (206, 206, 203), np.uint8)
    step = round(0.6 * scale)
    if kind is not Ceiling.SPOTS:
        picture[::step] = picture[:, ::step] = (172, 172, 170)
    half = {Ceiling.PANELS: (0.3, 0.3), Ceiling.STRIPS: (0.55, 0.05), Ceiling.SPOTS: (0.06, 0.06)}
    for x, y in lamps_m * scale:
        across, along = (round(side * scale) for side in half[kind])
        low = (int(x) - across, int(y) - along)
        cv2.rectangle(picture, low, (int(x) + across, int(y) + along), (255, 255, 252), -1)
    return picture


def cooler_picture(rng: Rng, columns: int = 14, rows: int = 5) -> Picture:
    """Drinks in rows behind a glass door, lit from the sides, darker towards the back."""
    wide, high = 512, 768
    picture = np.full((high, wide, 3), (52, 56, 62), np.uint8)
    picture[:, :14] = picture[:, -14:] = (214, 220, 226)
    pitch, step = high // rows, (wide - 40) // columns
    for row in range(rows):
        base = (row + 1) * pitch - 16
        picture[base : base + 9] = (176, 180, 184)
        kind, colour = 0, _muted(rng)
        for column in range(columns):
            if column % int(rng.integers(2, 4)) == 0:
                kind = int(rng.integers(3))
                colour = _muted(rng)
            _drink(picture, 22 + column * step, base, step - 5, pitch - 40, kind, colour)
    shine = np.linspace(0.82, 1.05, high)[:, None, None]
    return _bytes(picture * shine)


def behind_glass_picture(rng: Rng) -> Picture:
    """What stands in the dim room behind a glass front: racks, boxes, the floor's far end."""
    wide, high = 512, 512
    picture = np.full((high, wide, 3), (44, 46, 50), np.uint8)
    picture[400:] = (92, 86, 78)
    for left in range(10, wide, 130):
        for row in range(80, 400, 62):
            cv2.line(picture, (left, row), (left + 110, row), (120, 122, 126), 3)
            for x in range(left + 4, left + 100, 16):
                tall = int(rng.integers(18, 48))
                colour = tuple(value // 2 for value in _muted(rng))
                cv2.rectangle(picture, (x, row - tall), (x + 12, row - 3), colour, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.uint8)


def _muted(rng: Rng) -> tuple[int, ...]:
    """A colour as things are printed in: seldom pure."""
    tint = colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(0.1, 0.75)), 1.0)
    return tuple(int(float(rng.uniform(90, 225)) * value) for value in tint)


def _drink(
    picture: Picture,
    x: int,
    base: int,
    wide: int,
    tall: int,
    kind: int,
    colour: tuple[int, ...],
) -> None:
    """One drink's front: 0 a bottle, 1 a can on a can, 2 a carton."""
    top = base - tall
    dark = tuple(value // 2 for value in colour)
    if kind == 0:
        cv2.rectangle(picture, (x, top + tall // 3), (x + wide, base), dark, -1)
        cv2.rectangle(picture, (x, base - tall // 2), (x + wide, base - tall // 6), colour, -1)
        neck = wide // 3
        cv2.rectangle(picture, (x + neck, top), (x + wide - neck, top + tall // 3), dark, -1)
        cv2.rectangle(picture, (x + neck, top), (x + wide - neck, top + 8), (230, 230, 230), -1)
    elif kind == 1:
        for half in (0, 1):
            low = base - half * tall // 2
            cv2.rectangle(picture, (x, low - tall // 2 + 6), (x + wide, low), colour, -1)
            cv2.rectangle(
                picture, (x, low - tall // 2 + 2), (x + wide, low - tall // 2 + 8), (190,) * 3, -1
            )
    else:
        cv2.rectangle(picture, (x, top + 8), (x + wide, base), (226, 226, 222), -1)
        cv2.rectangle(picture, (x, base - tall // 2), (x + wide, base), colour, -1)
    light = picture[top:base, x : x + max(2, wide // 6)]
    light[:] = np.minimum(light.astype(int) + 45, 255)


def _tiles(wide: int, high: int, scale: float, rng: Rng) -> Shade:
    base = np.full((high, wide, 3), (206.0, 202.0, 194.0))
    side = round(float(rng.choice([0.3, 0.45, 0.6])) * scale)
    return _blocks(base, side, side, 0.02, rng, is_offset=False)


def _wood(wide: int, high: int, scale: float, rng: Rng) -> Shade:
    tone = (np.array((196.0, 160.0, 116.0)), np.array((214.0, 190.0, 158.0)))[int(rng.integers(2))]
    base = np.full((high, wide, 3), 1.0) * tone
    grain = cv2.resize(rng.normal(0, 1, (high, max(4, wide // 40))), (wide, high))
    base *= 1 + 0.045 * grain[..., None]
    return _blocks(base, round(1.3 * scale), max(8, round(0.15 * scale)), 0.06, rng, is_offset=True)


def _terrazzo(wide: int, high: int, scale: float, rng: Rng) -> Shade:
    picture = np.full((high, wide, 3), (214, 210, 202), np.uint8)
    for _ in range(round(wide * high / 90)):
        at = (int(rng.integers(wide)), int(rng.integers(high)))
        tone = int(rng.integers(110, 235))
        size = max(1, round(scale * float(rng.uniform(0.004, 0.013))))
        colour = (tone, int(0.96 * tone), int(0.9 * tone))
        cv2.ellipse(
            picture, at, (size, max(1, size // 2)), int(rng.integers(180)), 0, 360, colour, -1
        )
    return picture.astype(float)


def _concrete(wide: int, high: int, scale: float, rng: Rng) -> Shade:
    base = np.full((high, wide, 3), (158.0, 157.0, 153.0))
    base += 9 * _clouds(wide, high, 0.35 * scale, rng)[..., None]
    return np.asarray(base + 5 * _clouds(wide, high, 0.03 * scale, rng)[..., None])


def _vinyl(wide: int, high: int, scale: float, rng: Rng) -> Shade:
    """Squares of two tones, speckled."""
    side = round(0.45 * scale)
    rows, columns = np.indices((high, wide)) // side
    light, dark = np.array((222.0, 220.0, 212.0)), np.array((150.0, 166.0, 178.0))
    is_dark = ((rows + columns) % 2 == 0) & (rng.random() < 0.6)
    base = np.where(is_dark[..., None], dark, light)
    return np.asarray(base + 4 * rng.normal(0, 1, (high, wide, 1)))


_FLOORS = {
    Floor.TILES: _tiles,
    Floor.WOOD: _wood,
    Floor.TERRAZZO: _terrazzo,
    Floor.CONCRETE: _concrete,
    Floor.VINYL: _vinyl,
}


def _blocks(
    base: Shade, wide: int, high: int, spread: float, rng: Rng, *, is_offset: bool
) -> Shade:
    """Cut a surface into tiles, bricks or boards: each a tone of its own, joints between."""
    rows, columns = np.indices(base.shape[:2])
    row = rows // high
    across = columns + (row * wide * 3 // 7 if is_offset else 0)
    column = across // wide
    tones = rng.normal(1.0, spread, (int(row.max()) + 1, int(column.max()) + 1))
    picture = base * tones[row, column][..., None]
    joint = max(1, min(wide, high) // 45)
    is_joint = (rows % high < joint) | (across % wide < joint)
    picture[is_joint] *= 0.72
    return np.asarray(picture)


def _clouds(wide: int, high: int, grain_px: float, rng: Rng) -> Shade:
    """Smooth noise of deviation about 1 with stains about that large."""
    step = max(1.0, grain_px)
    small = rng.normal(0, 1, (max(2, round(high / step)), max(2, round(wide / step))))
    return np.asarray(cv2.resize(small, (wide, high), interpolation=cv2.INTER_CUBIC))


def _bytes(picture: Shade) -> Picture:
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
