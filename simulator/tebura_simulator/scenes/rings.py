"""Garments that do not follow the body: built of rings around it, as skirts and shoes are."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import ARM, BONES
from tebura_simulator.scenes.measures import LEG, Measures
from tebura_simulator.scenes.surface import Surface, joined, rimmed

Array = NDArray[np.float64]
_AROUND = 48
_SHOE_SIDES = 36
_SHOE_LEVELS = (
    (0.0, 0.03, 0.006),
    (0.008, 0.03, 0.010),
    (0.022, 0.03, 0.010),
    (0.024, 0.03, 0.006),
    (0.034, 0.045, 0.007),
    (0.048, 0.06, 0.005),
    (0.064, 0.08, 0.004),
    (0.086, 0.1, 0.005),
)
"""Of each outline: its height, up to where the foot counts, and how much wider it is; metres."""


def skirt(
    m: Measures,
    hem_m: float,
    flare_m: float,
    ease_m: float,
    high_m: float,
    under: Surface | None = None,
) -> Surface:
    """A closed cloth around both legs, from `high_m` down to `hem_m`; the skirt of a coat too.

    It goes around `under` as well.
    """
    body = m.body
    lower = (body.share("root", "waist", "belly", *LEG) > 0.5) & (m.on_arm < 0.05)
    v = body.vertices_m[lower]
    if under is not None:
        arms = under.weights[:, [i for i, b in enumerate(BONES) if b.split(".")[0] in ARM]].sum(1)
        v = np.concatenate([v, under.vertices_m[arms < 0.05]])
    angles = np.linspace(0.0, 2 * np.pi, _AROUND + 1)
    heights = np.arange(high_m, hem_m - 1e-6, -0.03 * m.scale)
    heights = np.append(heights, hem_m)
    rings, radius = [], np.zeros(len(angles))
    for z in heights:
        slab = v[np.abs(v[:, 2] - z) < 0.025 * m.scale, :2]
        reach = np.linalg.norm(outline(slab, angles), axis=1) + ease_m * m.scale
        below = float(np.clip((m.hip_m - z) / max(m.hip_m - hem_m, 0.05), 0.0, 1.0))
        # It falls straight from where it is widest, and swings out by its flare.
        radius = np.maximum(reach, radius - 0.004)
        folds = 1.0 + 0.05 * below * np.cos(9 * angles)
        grown = (radius + flare_m * m.scale * below) * folds
        rings.append(np.c_[grown[:, None] * _circle(angles), np.full(len(angles), z)])
    count, around = len(rings), len(angles)
    vertices = np.concatenate(rings)
    faces = _tube(count, around)
    weights = _skirt_weights(m, vertices)
    # The front panel is the picture's left half: angles begin on the body's left side.
    uv = np.stack(
        [
            np.tile(1.0 - np.linspace(0.0, 1.0, around), count),
            np.repeat(np.linspace(1.0, 0.0, count), around),
        ],
        axis=1,
    )
    out = vertices * [1, 1, 0]
    out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    piece = Surface(vertices, faces, weights, uv, vertices, out)
    return rimmed(piece, 0.006)


def shoes(m: Measures) -> Surface:
    """Both shoes, closed and without toes; printed by height: the sole is the lowest third."""
    body = m.body
    foot = body.vertices_m[body.share("foot") > 0.5]
    scale = m.scale
    parts = []
    for sign, bone in ((1.0, "foot.l"), (-1.0, "foot.r")):
        vertices, faces = _shoe(foot[foot[:, 0] * sign > 0], scale)
        weights = np.zeros((len(vertices), len(BONES)))
        weights[:, BONES.index(bone)] = 1.0
        middle = vertices.mean(0)
        uv = np.stack(
            [0.5 + (vertices[:, 1] - middle[1]) / (0.34 * scale), vertices[:, 2] / (0.09 * scale)],
            axis=1,
        )
        out = _away_from(middle, vertices)
        parts.append(Surface(vertices, faces, weights, uv, vertices, out))
    return joined(parts)


def _away_from(middle: Array, vertices: Array) -> Array:
    """Directions away from a middle."""
    out = vertices - middle
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))


def _skirt_weights(m: Measures, vertices: Array) -> Array:
    """A skirt hangs on the hips, and goes with both legs further down."""
    weights = np.zeros((len(vertices), len(BONES)))
    below = np.clip((m.hip_m + 0.04 - vertices[:, 2]) / (0.18 * m.scale), 0.0, 1.0)
    left = np.clip(0.5 + vertices[:, 0] / (0.17 * m.scale), 0.0, 1.0)
    shin = 0.5 * np.clip((m.knee_m + 0.03 - vertices[:, 2]) / (0.25 * m.scale), 0.0, 1.0)
    thigh = 0.97 * below
    weights[:, BONES.index("root")] = 1.0 - thigh
    for side, share in (("l", left), ("r", 1.0 - left)):
        weights[:, BONES.index(f"thigh.{side}")] = thigh * share * (1 - shin)
        weights[:, BONES.index(f"shin.{side}")] = thigh * share * shin
    above = np.clip((vertices[:, 2] - m.waist_m) / (0.10 * m.scale), 0.0, 1.0)
    weights[:, BONES.index("waist")] = weights[:, BONES.index("root")] * above
    weights[:, BONES.index("root")] *= 1.0 - above
    return weights


def _shoe(foot_m: Array, scale: float) -> tuple[Array, NDArray[np.int64]]:
    """A shoe around the vertices of one foot at rest: outlines at a few heights, joined."""
    angles = np.linspace(0.0, 2 * np.pi, _SHOE_SIDES, endpoint=False)
    rings = []
    for low, high, grown in _SHOE_LEVELS:
        part = foot_m[(foot_m[:, 2] >= low * scale) & (foot_m[:, 2] <= (high + 0.012) * scale), :2]
        middle = (part.min(0) + part.max(0)) / 2
        around_it = middle + outline(part - middle, angles) + grown * scale * _circle(angles)
        rings.append(np.c_[around_it, np.full(len(angles), low * scale)])
    base, top_ = rings[0].mean(0), rings[-1].mean(0)
    vertices = np.concatenate([*rings, base[None], top_[None]])
    count, around = len(rings), np.arange(_SHOE_SIDES)
    after = (around + 1) % _SHOE_SIDES
    faces = []
    for ring in range(count - 1):
        a, b = ring * _SHOE_SIDES, (ring + 1) * _SHOE_SIDES
        faces.append(np.c_[a + around, a + after, b + around])
        faces.append(np.c_[a + after, b + after, b + around])
    last = (count - 1) * _SHOE_SIDES
    faces.append(np.c_[after, around, np.full(_SHOE_SIDES, count * _SHOE_SIDES)])
    faces.append(np.c_[last + around, last + after, np.full(_SHOE_SIDES, count * _SHOE_SIDES + 1)])
    return vertices, np.concatenate(faces)


def _tube(rings: int, around: int) -> NDArray[np.int64]:
    """Faces between rings of `around` vertices each, the first ring on top, seen from outside."""
    a = np.arange(rings - 1)[:, None] * around + np.arange(around - 1)[None]
    a = a.ravel()
    b, c, d = a + 1, a + around, a + around + 1
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def outline(points: Array, angles: Array) -> Array:
    """Points of a convex outline in the given directions from its origin, (N, 2)."""
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    start, edge = hull, np.roll(hull, -1, axis=0) - hull
    rays = _circle(angles)
    # Along each ray, where it leaves the outline: the nearest crossing with an edge's line.
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1)
    normal *= np.sign((normal * start).sum(1, keepdims=True))
    speed = rays @ normal.T
    far = np.where(speed > 1e-9, (normal * start).sum(1) / np.maximum(speed, 1e-9), np.inf)
    return np.asarray(far.min(1)[:, None] * rays)


def _circle(angles: Array) -> Array:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)
