"""Makes garments: pieces of a body's surface cut to a pattern, eased off the body and draped."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import ARM, BONES
from tebura_simulator.scenes.measures import LEG, Measures
from tebura_simulator.scenes.surface import (
    Surface,
    clipped,
    eased,
    hemmed,
    panelled,
    rimmed,
    smoothed,
    surface,
)

Array = NDArray[np.float64]
_AROUND, _LAYER_M = 48, 0.015
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


@dataclass(frozen=True)
class Cut:
    """A top's pattern.

    `hem` is how far below the belt it ends, `sleeve` the share of the arm it covers, `neck` how far
    the neckline lies below the pit of the neck in front, `vee` how much deeper its middle goes;
    `open` is half the width of an open front; metres. `loose` (0 to 1) is how freely it hangs.
    """

    hem_m: float = 0.1
    sleeve: float = 0.35
    neck_m: float = 0.0
    vee_m: float = 0.0
    ease_m: float = 0.009
    loose: float = 0.5
    open_m: float | None = None


def covers(m: Measures, cut: Cut) -> Array:
    """How far each vertex of the body is inside a top's pattern, (V,); negative outside."""
    v, s = m.body.vertices_m, m.scale
    trunk = m.on_arm < 0.3
    field = np.where(trunk, 1.0, cut.sleeve * m.arm_m - m.along_arm_m)
    field = np.minimum(field, np.where(trunk, v[:, 2] - (m.waist_m - cut.hem_m * s), 1.0))
    field = np.minimum(field, _neckline(m, cut))
    return np.asarray(np.where(m.body.share("head") > 0.5, -1.0, field))


def top(m: Measures, cut: Cut) -> Surface:
    """A shirt, pullover, jacket, or the upper part of a coat."""
    body, v, s = m.body, m.body.vertices_m, m.scale
    field = covers(m, cut)
    if cut.open_m is not None:
        front = (v[:, 1] < float(body.bone("chest")[1])) & (m.on_arm < 0.3)
        low = np.clip((m.neck_m[2] - v[:, 2]) / (0.6 * s), 0.0, 1.0)
        gap = np.abs(v[:, 0]) - cut.open_m * (0.6 + 0.6 * low)
        field = np.where(front, np.minimum(field, gap), field)
    skin = surface(v, body.faces, body.weights)
    piece = clipped(skin.printed(m.unrolled_m), field)
    piece = _draped(piece, m, cut.loose)
    piece = eased(smoothed(piece, 10), cut.ease_m * s)
    piece = rimmed(_softened(piece), 0.9 * cut.ease_m * s)
    half = 0.19 * s + 0.25
    low_m, high_m = float(piece.uv[:, 1].min()), float(piece.uv[:, 1].max())
    return panelled(piece, piece.uv, np.array([-half, low_m]), np.array([half, high_m]))


def collar(m: Measures, cut: Cut, high_m: float) -> Surface:
    """A band that stands around the neck, along a top's neckline."""
    body, s = m.body, m.scale
    line = _neckline(m, cut)
    field = np.minimum(line + high_m * s, 0.012 * s - line)
    field = np.where((body.share("head") > 0.7) | (m.on_arm > 0.1), -1.0, field)
    piece = clipped(surface(body.vertices_m, body.faces, body.weights), field)
    piece = rimmed(_softened(eased(smoothed(piece, 4), (cut.ease_m + 0.004) * s)), 0.008)
    return panelled(piece, piece.base_m[:, [0, 2]], np.array([-0.2, 0.0]), np.array([0.2, 2.0]))


def trousers(m: Measures, hem_m: float, width_m: float, ease_m: float = 0.008) -> Surface:
    """Trousers, jeans or shorts: down to `hem_m` over the floor, `width_m` from the leg's line."""
    body, v = m.body, m.body.vertices_m
    field = np.minimum(m.waist_m - v[:, 2], v[:, 2] - hem_m)
    lower = body.share("root", "waist", "belly", *LEG)
    field = np.where(lower > 0.4, field, -1.0)
    skin = surface(v, body.faces, body.weights)
    piece = clipped(skin.printed(v[:, [0, 2]]), field)
    piece = _straight_legs(piece, m, hem_m, width_m)
    piece = eased(smoothed(piece, 14), ease_m * m.scale)
    piece = rimmed(_softened(piece), 0.8 * ease_m * m.scale)
    half = 0.30 * m.scale
    return panelled(piece, piece.uv, np.array([-half, hem_m]), np.array([half, m.waist_m + 0.01]))


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
        outline = np.linalg.norm(_outline(slab, angles), axis=1) + ease_m * m.scale
        below = float(np.clip((m.hip_m - z) / max(m.hip_m - hem_m, 0.05), 0.0, 1.0))
        # It falls straight from where it is widest, and swings out by its flare.
        radius = np.maximum(outline, radius - 0.004)
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
        out = normals_from(middle, vertices)
        parts.append(Surface(vertices, faces, weights, uv, vertices, out))
    left, right = parts
    return Surface(
        np.concatenate([left.vertices_m, right.vertices_m]),
        np.concatenate([left.faces, right.faces + len(left.vertices_m)]),
        np.concatenate([left.weights, right.weights]),
        np.concatenate([left.uv, right.uv]),
        np.concatenate([left.base_m, right.base_m]),
        np.concatenate([left.out, right.out]),
    )


def normals_from(middle: Array, vertices: Array) -> Array:
    """Directions away from a middle."""
    out = vertices - middle
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))


def _neckline(m: Measures, cut: Cut) -> Array:
    """Positive below the neckline: a tilted plane round the neck, and a notch in front."""
    v, pit = m.body.vertices_m, m.neck_m
    s = m.scale
    line = pit[2] + 0.010 * s - cut.neck_m * s + 0.55 * (v[:, 1] - pit[1])
    if cut.vee_m:
        front = v[:, 1] < float(m.body.bone("neck")[1]) - 0.01
        notch = cut.vee_m * s - 1.6 * np.abs(v[:, 0])
        line = np.where(front, line - np.maximum(notch, 0.0), line)
    return np.asarray(np.where(m.on_arm > 0.5, 1.0, line - v[:, 2]))


def _softened(piece: Surface) -> Surface:
    """Once over after the easing, so that its folds are soft and its hem is straight."""
    return hemmed(smoothed(piece, 3, 0.4), 10)


def _draped(piece: Surface, m: Measures, loose: float) -> Surface:
    """The trunk's part hung straight down from where it is widest."""
    v = piece.vertices_m
    arm = piece.weights[:, [i for i, b in enumerate(BONES) if "arm" in b or "hand" in b]].sum(1)
    armpit = float(m.body.bone("upperarm.l")[2]) - 0.12 * m.scale
    share = np.clip((armpit - v[:, 2]) / (0.08 * m.scale), 0.0, 1.0) * np.clip(1 - 3 * arm, 0, 1)
    middle = np.array([0.0, float(m.body.bone("belly")[1])])
    off = v[:, :2] - middle
    rho, angle = np.hypot(off[:, 0], off[:, 1]), np.arctan2(off[:, 1], off[:, 0])
    low = float(v[:, 2].min())
    layers = max(4, int((armpit + 0.05 - low) / _LAYER_M) + 1)
    column = (angle / (2 * np.pi) + 0.5) * _AROUND
    row = np.clip((v[:, 2] - low) / _LAYER_M, 0, layers - 1)
    grid = np.zeros((layers, _AROUND))
    on = share > 0.02
    np.maximum.at(grid, (row[on].astype(int), column[on].astype(int) % _AROUND), rho[on])
    for _ in range(2):
        # Holes of the grid take the widest of their neighbours.
        near = np.maximum.reduce([np.roll(grid, 1, 1), np.roll(grid, -1, 1), grid])
        grid = np.where(grid > 0, grid, near)
    for layer in range(layers - 2, -1, -1):
        grid[layer] = np.maximum(grid[layer], grid[layer + 1] - 0.10 * _LAYER_M)
    wide = np.concatenate([grid[:, -6:], grid, grid[:, :6]], axis=1)
    wide = cv2.GaussianBlur(wide, (0, 0), 1.3)[:, 5:-5].astype(np.float32)
    hung = cv2.remap(
        wide,
        (column + 0.5).astype(np.float32)[:, None],
        row.astype(np.float32)[:, None],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )[:, 0]
    grown = np.maximum(rho, rho + loose * share * (hung - rho))
    moved = v.copy()
    moved[:, :2] = middle + off * (grown / np.maximum(rho, 1e-9))[:, None]
    return piece.moved(moved)


def _straight_legs(piece: Surface, m: Measures, hem_m: float, width_m: float) -> Surface:
    """Legs widened to tubes that keep their width down to the hem."""
    v = piece.vertices_m
    moved = v.copy()
    for sign, side in ((1.0, "l"), (-1.0, "r")):
        line = np.stack([m.body.bone(f"{bone}.{side}") for bone in ("foot", "shin", "thigh")])
        mine = (v[:, 0] * sign > 0) & (v[:, 2] < m.crotch_m + 0.06)
        z = v[mine, 2]
        middle = np.stack([np.interp(z, line[:, 2], line[:, i]) for i in (0, 1)], axis=1)
        off = v[mine, :2] - middle
        rho = np.hypot(off[:, 0], off[:, 1])
        share = np.clip((m.crotch_m + 0.03 - z) / (0.10 * m.scale), 0.0, 1.0)
        at_crotch = 0.098 * m.scale
        wanted = np.interp(z, [hem_m, m.crotch_m], [width_m * m.scale, at_crotch])
        grown = np.maximum(rho, rho + share * (wanted - rho))
        at = middle + off * (grown / np.maximum(rho, 1e-9))[:, None]
        at[:, 0] = sign * np.maximum(at[:, 0] * sign, np.minimum(0.006, np.abs(v[mine, 0])))
        moved[mine, :2] = at
    return piece.moved(moved)


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
        outline = middle + _outline(part - middle, angles) + grown * scale * _circle(angles)
        rings.append(np.c_[outline, np.full(len(angles), low * scale)])
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


def _outline(points: Array, angles: Array) -> Array:
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
