"""Hair and hats: shells grown over the skull along rays from its middle, and what hangs there."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES, Mark
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.surface import Surface, joined, rimmed
from tebura_simulator.story.attire import HairStyle, Hat

Array = NDArray[np.float64]
_AROUND, _DOWN, _HANGING = 60, 18, 9


@dataclass(frozen=True)
class _Shell:
    """Hairline and volume: where it ends, over the eyes' height, in front, above the ear, behind.

    `thick_m` is how high it stands off the skull, `rough` how uneven, `hang_m` (front, side,
    behind) how far it hangs below its line.
    """

    line_m: tuple[float, float, float]
    thick_m: float
    rough: float = 0.0
    hang_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


_STYLES: dict[HairStyle, _Shell] = {
    HairStyle.CROPPED: _Shell((0.068, 0.008, -0.052), 0.006, 0.1),
    HairStyle.SHORT: _Shell((0.066, 0.000, -0.060), 0.018, 0.3),
    HairStyle.PARTED: _Shell((0.062, -0.008, -0.066), 0.026, 0.3),
    HairStyle.CURLY: _Shell((0.060, -0.010, -0.070), 0.042, 1.0),
    HairStyle.BOB: _Shell((0.040, -0.020, -0.030), 0.022, 0.15, (0.0, 0.065, 0.055)),
    HairStyle.LONG: _Shell((0.060, -0.020, -0.030), 0.020, 0.2, (0.0, 0.11, 0.27)),
    HairStyle.PONYTAIL: _Shell((0.066, 0.004, -0.056), 0.012, 0.1),
    HairStyle.BUN: _Shell((0.066, 0.004, -0.056), 0.012, 0.1),
    HairStyle.FRINGE: _Shell((0.028, -0.015, -0.065), 0.024, 0.25, (0.0, 0.02, 0.02)),
}
_TAILS: dict[HairStyle, tuple[tuple[tuple[float, float, float], ...], tuple[float, ...]]] = {
    HairStyle.PONYTAIL: (
        ((0.0, 0.0, 0.02), (0.0, 0.045, 0.024), (0.0, 0.062, -0.03), (0.0, 0.05, -0.17)),
        (0.002, 0.030, 0.028, 0.001),
    ),
    HairStyle.BUN: (
        ((0.0, -0.01, 0.045), (0.0, 0.006, 0.053), (0.0, 0.035, 0.067), (0.0, 0.06, 0.079)),
        (0.002, 0.036, 0.036, 0.001),
    ),
}
"""A tail's path from the back of the skull, and how thick it is there."""
_HATS = {
    Hat.CAP: _Shell((0.046, 0.030, -0.012), 0.024),
    Hat.BEANIE: _Shell((0.040, -0.004, -0.030), 0.026),
}


def hair(m: Measures, style: HairStyle, hat: Hat, rng: Generator) -> Surface | None:
    """The hair, pressed down under a hat; None for a bald head."""
    if style is HairStyle.BALD:
        return None
    shape = _STYLES[style]
    if hat is not Hat.NONE:
        shape = _Shell(shape.line_m, min(shape.thick_m, 0.012), 0.1, shape.hang_m)
    parts = [_grown(m, shape, rng)]
    if style in _TAILS:
        offsets, radii = _TAILS[style]
        parts.append(_tail(m, _behind(m) + np.array(offsets), radii))
    return joined(parts)


def hat(m: Measures, kind: Hat, rng: Generator) -> Surface | None:
    """A cap with its peak, or a beanie."""
    if kind is Hat.NONE:
        return None
    shell = _grown(m, _HATS[kind], rng)
    return joined([shell, _peak(m)]) if kind is Hat.CAP else shell


def _middle(m: Measures) -> Array:
    v = m.body.vertices_m
    head = v[(m.body.share("head") > 0.6) & (v[:, 2] > m.eyes_m[0, 2])]
    return np.array([0.0, float((head[:, 1].min() + head[:, 1].max()) / 2), m.eyes_m[0, 2] + 0.012])


def _behind(m: Measures) -> Array:
    """The back of the skull at the eyes' height."""
    v = m.body.vertices_m
    near = (m.body.share("head") > 0.6) & (np.abs(v[:, 2] - m.eyes_m[0, 2]) < 0.02)
    return np.array([0.0, float(v[near, 1].max()), float(m.eyes_m[0, 2])])


def _skull(m: Measures, rays: Array) -> Array:
    """How far the skull's skin is from the head's middle along rays (N, 3); ears left out."""
    keep = (m.body.share("head", "neck") > 0.4) & ~m.body.marked(Mark.EARS)
    off = m.body.vertices_m[keep] - _middle(m)
    far = np.linalg.norm(off, axis=1)
    off, far = off[::2], far[::2]
    ways = (off / far[:, None]).astype(np.float32)
    near = np.exp((rays.astype(np.float32) @ ways.T - 1.0) / 0.006)
    return np.asarray((near @ far) / np.maximum(near.sum(1), 1e-12))


def _between(values: tuple[float, float, float], around: Array) -> Array:
    """A value in front, above the ear and behind, eased between; `around` 0 is ahead."""
    front, side, back = values
    share = np.abs(around) / np.pi
    stops = [0.0, 0.20, 0.33, 0.41, 0.56, 0.64, 1.0]
    temple = 0.8 * front + 0.2 * side
    between = [front, front - 0.003, temple, side, side + 0.004, 0.4 * side + 0.6 * back, back]
    return np.interp(share, stops, between)


def _grown(m: Measures, shape: _Shell, rng: Generator) -> Surface:
    s = m.scale**0.5
    middle = _middle(m)
    around = np.linspace(-np.pi, np.pi, _AROUND + 1)
    bump = rng.normal(0.0, 1.0, (_DOWN + _HANGING, _AROUND))
    soft = np.asarray(cv2.GaussianBlur(bump, (3, 3), 0.8, borderType=cv2.BORDER_REFLECT))
    bump = np.concatenate([soft, soft[:, :1]], axis=1) * 0.25 * shape.rough
    line = m.eyes_m[0, 2] + _between(shape.line_m, around) * s
    ragged = rng.normal(0.0, 0.0025, _AROUND)
    line = line + np.append(ragged, ragged[0]) * (np.abs(around) < 1.1)
    # The angle below the crown at which the surface meets the hairline, found by trying.
    angles = np.linspace(0.02, 2.6, 40)
    ways = np.stack(
        [
            np.sin(angles)[None] * np.sin(around)[:, None],
            -np.sin(angles)[None] * np.cos(around)[:, None],
            np.broadcast_to(np.cos(angles), (len(around), len(angles))),
        ],
        axis=2,
    )
    radius = _skull(m, ways.reshape(-1, 3)).reshape(len(around), len(angles))
    height = middle[2] + radius * np.cos(angles)
    low = np.array([np.interp(-z, -height[i], angles) for i, z in enumerate(line)])
    rows = []
    for row in range(_DOWN):
        t = (row + 0.02) / (_DOWN - 1)
        at = np.minimum(t, 1.0) * low
        way = np.stack(
            [np.sin(at) * np.sin(around), -np.sin(at) * np.cos(around), np.cos(at)], axis=1
        )
        far = np.array([np.interp(a, angles, radius[i]) for i, a in enumerate(at)])
        hangs = max(shape.hang_m) > 0
        edge = 0.75 if hangs else 0.18
        fading = np.interp(np.abs(around), [1.0, 1.3, 2.2], [0.10, min(0.25, edge), edge])
        volume = (1.0 - (1.0 - fading) * t**4) * (1.0 + bump[row])
        rows.append(middle + way * (far + 0.002 + shape.thick_m * s * volume)[:, None])
    rows.extend(_hung(m, rows[-1], around, shape, bump[_DOWN:]))
    return rimmed(_sheet(m, rows), 0.004)


def _hung(m: Measures, last: Array, around: Array, shape: _Shell, bump: Array) -> list[Array]:
    """Rows that hang below the hairline, outside the neck and the back."""
    if max(shape.hang_m) <= 0:
        return []
    s = m.scale**0.5
    open_share = np.clip((np.abs(around) - 1.4) / 0.3, 0.0, 1.0)
    length = (
        open_share
        * np.interp(
            np.abs(around),
            [0.0, 1.6, 2.1, np.pi],
            [
                shape.hang_m[0],
                shape.hang_m[1],
                0.5 * (shape.hang_m[1] + shape.hang_m[2]),
                shape.hang_m[2],
            ],
        )
        * s
    )
    v = m.body.vertices_m
    trunk = v[(m.on_arm < 0.2) & (np.abs(v[:, 0]) < 0.11 * s)]
    rows = []
    for row in range(1, _HANGING + 1):
        t = row / _HANGING
        at = last.copy()
        at[:, 2] -= t * length
        # Beside the face it falls towards the neck.
        inwards = np.interp(np.abs(around), [1.4, 1.9, 2.3], [0.24, 0.20, 0.08])
        at[:, :2] *= (1.0 - inwards * t * open_share + 0.03 * bump[row - 1])[:, None]
        for column in np.flatnonzero(open_share > 0):
            near = trunk[np.abs(trunk[:, 2] - at[column, 2]) < 0.025]
            if len(near) and length[column] > 0.12 * s:
                # It lies on the back, the more so the farther behind it grows.
                behind = float(np.clip((abs(around[column]) - 1.6) / 0.9, 0.0, 1.0))
                short = max(0.0, float(near[:, 1].max()) + 0.022 - at[column, 1])
                at[column, 1] += behind * min(1.0, 2.5 * t) * short
        rows.append(at)
    return rows


def _sheet(m: Measures, rows: list[Array]) -> Surface:
    """Rows of points from the crown down, closed around behind."""
    count, wide = len(rows), len(rows[0])
    vertices = np.concatenate(rows)
    a = (np.arange(count - 1)[:, None] * wide + np.arange(wide - 1)[None]).ravel()
    b, c, d = a + 1, a + wide, a + wide + 1
    faces = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    uv = np.stack(
        [
            np.tile(np.linspace(0.0, 1.0, wide), count),
            1.0 - np.repeat(np.linspace(0.0, 1.0, count), wide),
        ],
        axis=1,
    )
    return Surface(vertices, faces, _head_weights(m, vertices), uv, vertices, vertices * 0.0)


def _head_weights(m: Measures, vertices: Array) -> Array:
    """With the head; what hangs below the shoulders stays with the chest."""
    weights = np.zeros((len(vertices), len(BONES)))
    low = float(m.body.bone("neck")[2])
    chest = 0.85 * np.clip((low + 0.02 - vertices[:, 2]) / 0.10, 0.0, 1.0)
    weights[:, BONES.index("head")] = 1.0 - chest
    weights[:, BONES.index("chest")] = chest
    return weights


def _peak(m: Measures) -> Surface:
    """A cap's peak: a bowed sheet ahead of the forehead."""
    s = m.scale**0.5
    middle = _middle(m)
    around = np.linspace(-0.95, 0.95, 15)
    rows = []
    for out, drop in (
        (0.0, 0.0),
        (0.03, 0.004),
        (0.06, 0.014),
        (0.07, 0.020),
        (0.06, 0.022),
        (0.03, 0.012),
        (0.0, 0.008),
    ):
        way = np.stack([np.sin(around), -np.cos(around)], axis=1)
        z = m.eyes_m[0, 2] + 0.048 * s - drop * s - 0.012 * s * (1 - np.cos(around))
        ray = np.c_[way, np.full(len(around), 0.25)]
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        far = _skull(m, ray) * 0.97 + 0.018
        reach = (out * s * np.cos(around * 1.4))[:, None]
        rows.append(np.c_[middle[:2] + way * (far[:, None] + reach), z])
    return _sheet(m, rows)


def _tail(m: Measures, path: Array, radii: tuple[float, ...]) -> Surface:
    """A tail of hair along a path, thicker and thinner."""
    s = m.scale**0.5
    steps = np.linspace(0.0, len(path) - 1, 14)
    line = np.stack([np.interp(steps, np.arange(len(path)), path[:, i]) for i in range(3)], axis=1)
    wide = np.interp(steps, np.arange(len(path)), radii) * s
    way = np.gradient(line, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    side = np.array([1.0, 0.0, 0.0])
    up = np.cross(way, side)
    angles = np.linspace(0.0, 2 * np.pi, 17)
    rows = [
        point + r * (np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * u)
        for point, r, u in zip(line, wide, up, strict=True)
    ]
    return _sheet(m, rows)
