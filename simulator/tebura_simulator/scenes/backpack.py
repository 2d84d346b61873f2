"""A backpack: flat on the back, smaller than it, with what is sewn onto one."""

import math
import zlib

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.fabric import Detail, Pattern, Picture, cloth, rgb
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.solids import add_printed, add_tubes, add_webbing, bowed, grid, soft

Array = NDArray[np.float64]
_ROWS, _COLUMNS = 17, 41
_WEBBING = (0.07, 0.07, 0.08)
_SQUARE = 0.35
"""How square it is seen from above: 1 would be round, 0 a box."""


def add_backpack(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    colour: str,
    m: Measures,
    clear_m: float,
) -> None:
    """In the chest bone's frame, from the shoulders down to above the belt; arms and hips clear."""
    s, chest = m.scale, m.body.bone("chest")
    v = m.body.vertices_m
    half = np.array([0.122, 0.056, 0.20]) * s
    high = float(m.body.bone("neck")[2] - chest[2]) - 0.015 * s - half[2]
    behind = (m.on_arm < 0.1) & (np.abs(v[:, 0]) < 0.09 * s)
    behind &= np.abs(v[:, 2] - chest[2] - high) < 0.8 * half[2]
    depth = float(v[behind][:, 1].max() - chest[1]) + clear_m + 0.004
    rng = np.random.default_rng(zlib.crc32(colour.encode()))
    sack, pocket = _sewn(colour, rng), _pocket(colour, rng)
    add_printed(spec, body, f"{name}/bag-sack", grid(_pack(half)), _uv(), sack, (0.0, depth, high))
    low = half * (0.80, 0.42, 0.40)
    outside = (0.0, depth + 1.9 * half[1], high - 0.48 * half[2])
    add_printed(spec, body, f"{name}/bag-pocket", grid(_pack(low)), _uv(), pocket, outside)
    top = high + half[2]
    loop = np.array([[-0.03, 0.0, 0.0], [-0.025, 0.0, 0.03], [0.025, 0.0, 0.03], [0.03, 0.0, 0.0]])
    handle = bowed(loop * s + [0.0, depth + 0.4 * half[1], top - 0.008], 9)
    add_tubes(spec, body, f"{name}/bag-handle", [handle], 0.006, _WEBBING)
    straps = [_strap(m, side, clear_m) - chest for side in (-1.0, 1.0)]
    add_webbing(spec, body, f"{name}/bag-straps", straps, _WEBBING)


def _pack(half_m: Array) -> Array:
    """A wedge with rounded edges, (rows, columns, 3): flat on its side y = 0, fuller below."""
    up = np.linspace(-np.pi / 2, np.pi / 2, _ROWS)
    around = np.linspace(0, 2 * np.pi, _COLUMNS)
    ring, high = soft(np.cos(up), _SQUARE)[:, None], soft(np.sin(up), 0.5)[:, None]
    narrow, full = 1.0 - 0.12 * high, 1.0 - 0.30 * high
    x = half_m[0] * ring * narrow * soft(np.cos(around), 0.5)[None]
    y = half_m[1] * full * (1.0 + ring * soft(np.sin(around), 0.5)[None])
    return np.stack([x, y, half_m[2] * np.broadcast_to(high, x.shape)], axis=2)


def _uv() -> Array:
    """Where a pack's vertices are in its picture: its outer half on the left."""
    up = soft(np.sin(np.linspace(-np.pi / 2, np.pi / 2, _ROWS)), 0.5)
    u, v = np.meshgrid(np.linspace(0.0, 1.0, _COLUMNS), (1.0 + up) / 2)
    return np.stack([u, v], axis=2).reshape(-1, 2)


def _column(picture: Picture, x: float) -> int:
    """The column of the outer side's point at `x`, -1 to 1 across."""
    wide: int = picture.shape[1]
    return round(math.acos(math.copysign(x * x, x)) / math.tau * wide)


def _sewn(colour: str, rng: np.random.Generator) -> Picture:
    """Nylon with an upper pocket, piping, compression straps and side pockets of mesh."""
    picture = cloth(colour, colour, Pattern.PLAIN, Detail.NONE, rng).copy()
    high, wide, _ = picture.shape
    dark = _shaded(colour, 0.5)
    mesh_end = round(0.03 * wide)
    for left, right in ((0, mesh_end), (wide // 2 - mesh_end, wide // 2 + mesh_end)):
        picture[round(0.62 * high) :, left:right] = _shaded(colour, 0.35)
    picture[round(0.62 * high) :, wide - mesh_end :] = _shaded(colour, 0.35)
    for x in (-0.93, 0.93):
        at = _column(picture, x)
        picture[:, at - 3 : at + 3] = dark
    left, right = sorted(_column(picture, x) for x in (-0.78, 0.78))
    _zip(picture, np.array([[left, 150], [left + 14, 96], [right - 14, 96], [right, 150]]), dark)
    for row in (round(0.27 * high), round(0.50 * high)):
        picture[row : row + 9, : wide // 2] = (22, 22, 24)
    patch = (wide // 4 - 16, round(0.33 * high), wide // 4 + 16, round(0.39 * high))
    cv2.rectangle(picture, patch[:2], patch[2:], (196, 194, 188), -1)
    return picture


def _pocket(colour: str, rng: np.random.Generator) -> Picture:
    """The pocket in front: a little darker, a zip under its flap."""
    picture = cloth(colour, colour, Pattern.PLAIN, Detail.NONE, rng)
    picture = np.asarray(0.78 * picture, np.uint8)
    left, right = sorted(_column(picture, x) for x in (-0.86, 0.86))
    _zip(picture, np.array([[left, 120], [right, 120]]), _shaded(colour, 0.4))
    return picture


def _zip(picture: Picture, line: NDArray[np.int_], dark: tuple[int, ...]) -> None:
    """A zip along a line: its tape, its teeth, its puller."""
    points = line.astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(picture, [points], False, dark, 12)
    cv2.polylines(picture, [points], False, (150, 150, 152), 2)
    x, y = (int(value) for value in line[0])
    cv2.rectangle(picture, (x - 3, y), (x + 4, y + 22), (30, 30, 32), -1)


def _shaded(colour: str, share: float) -> tuple[int, ...]:
    return tuple(int(value) for value in 14 + share * rgb(colour))


def _strap(m: Measures, side: float, clear_m: float) -> Array:
    """A loop around a shoulder: the outline of the trunk there, a little off it."""
    v, s = m.body.vertices_m, m.scale
    at = side * 0.66 * float(m.body.bone("upperarm.l")[0])
    low = float(m.body.bone("chest")[2]) - 0.06 * s
    slab = v[(m.on_arm < 0.4) & (np.abs(v[:, 0] - at) < 0.025 * s) & (v[:, 2] > low)]
    slab = slab[slab[:, 2] < float(m.body.bone("upperarm.l")[2]) + 0.12 * s]
    hull = cv2.convexHull(slab[:, 1:].astype(np.float32))[:, 0].astype(np.float64)
    out = hull - (hull.min(0) + hull.max(0)) / 2
    hull = hull + (clear_m + 0.006) * out / np.linalg.norm(out, axis=1, keepdims=True)
    loop = np.concatenate([hull, hull[:1]])
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    even = np.linspace(0.0, steps[-1], 33)
    y, z = (np.interp(even, steps, loop[:, i]) for i in (0, 1))
    # Nearer together behind than in front.
    x = at * (1.0 - 0.5 * np.clip((y - y.mean()) / 0.2, -0.15, 1.0))
    return np.stack([x, y, z], axis=1)
