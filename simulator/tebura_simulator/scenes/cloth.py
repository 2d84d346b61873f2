"""Makes garments: pieces of a body's surface cut to a pattern, eased off the body and draped."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES
from tebura_simulator.scenes.measures import LEG, Measures
from tebura_simulator.scenes.rings import outline
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
_MOST_AROUND = 0.6
"""A layer goes around the body where this much of it is there."""


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


def top(m: Measures, cut: Cut, under: Surface | None = None) -> Surface:
    """A shirt, pullover, jacket, or the upper part of a coat, perhaps worn over something."""
    body, v, s = m.body, m.body.vertices_m, m.scale
    field = covers(m, cut)
    if cut.open_m is not None:
        front = (v[:, 1] < float(body.bone("chest")[1])) & (m.on_arm < 0.3)
        low = np.clip((m.neck_m[2] - v[:, 2]) / (0.6 * s), 0.0, 1.0)
        gap = np.abs(v[:, 0]) - cut.open_m * (0.6 + 0.6 * low)
        field = np.where(front, np.minimum(field, gap), field)
    skin = surface(v, body.faces, body.weights)
    piece = clipped(skin.printed(m.unrolled_m), field)
    piece = _draped(piece, m, cut.loose, under)
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


def _draped(piece: Surface, m: Measures, loose: float, under: Surface | None) -> Surface:
    """The trunk's part hung straight down from where it, or what is `under` it, is widest."""
    v = piece.vertices_m
    armpit = float(m.body.bone("upperarm.l")[2]) - 0.12 * m.scale
    share = np.clip((armpit - v[:, 2]) / (0.08 * m.scale), 0.0, 1.0) * _of_trunk(piece)
    middle = np.array([0.0, float(m.body.bone("belly")[1])])
    low = float(v[:, 2].min())
    layers = max(4, int((armpit + 0.05 - low) / _LAYER_M) + 1)
    rho, row, column = _around(v, middle, low, layers)
    grid = np.zeros((layers, _AROUND))
    on = share > 0.02
    np.maximum.at(grid, (row[on].astype(int), column[on].astype(int) % _AROUND), rho[on])
    if under is not None:
        below = under.vertices_m[(_of_trunk(under) > 0.9) & (under.vertices_m[:, 2] < armpit)]
        below = below[below[:, 2] > low]
        wide, at, side = _around(below, middle, low, layers)
        np.maximum.at(grid, (at.astype(int), side.astype(int) % _AROUND), wide)
    for _ in range(2):
        # Holes of the grid take the widest of their neighbours.
        near = np.maximum.reduce([np.roll(grid, 1, 1), np.roll(grid, -1, 1), grid])
        grid = np.where(grid > 0, grid, near)
    grid = _spanned(grid)
    for layer in range(layers - 2, -1, -1):
        grid[layer] = np.maximum(grid[layer], grid[layer + 1] - 0.10 * _LAYER_M)
    around = np.concatenate([grid[:, -6:], grid, grid[:, :6]], axis=1)
    around = cv2.GaussianBlur(around, (0, 0), 1.3)[:, 5:-5].astype(np.float32)
    hung = cv2.remap(
        around,
        (column + 0.5).astype(np.float32)[:, None],
        row.astype(np.float32)[:, None],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )[:, 0]
    grown = np.maximum(rho, rho + loose * share * (hung - rho))
    moved = v.copy()
    off = v[:, :2] - middle
    moved[:, :2] = middle + off * (grown / np.maximum(rho, 1e-9))[:, None]
    return piece.moved(moved)


def _of_trunk(piece: Surface) -> Array:
    """How much each vertex hangs on the trunk, and on no arm, (V,)."""
    arms = [i for i, bone in enumerate(BONES) if "arm" in bone or "hand" in bone]
    return np.asarray(np.clip(1.0 - 3.0 * piece.weights[:, arms].sum(1), 0.0, 1.0))


def _around(v: Array, middle: Array, low_m: float, layers: int) -> tuple[Array, Array, Array]:
    """Points as distance from the trunk's middle, layer from below, and column around it."""
    off = v[:, :2] - middle
    rho, angle = np.hypot(off[:, 0], off[:, 1]), np.arctan2(off[:, 1], off[:, 0])
    row = np.clip((v[:, 2] - low_m) / _LAYER_M, 0, layers - 1)
    return rho, row, (angle / (2 * np.pi) + 0.5) * _AROUND


def _spanned(grid: Array) -> Array:
    """Layers of radii all around, each as wide as its convex outline: cloth spans hollows.

    An open front, where there is none, is no hollow.
    """
    angles = (np.arange(_AROUND) + 0.5) / _AROUND * 2 * np.pi
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    spanned = grid.copy()
    for radii, wide in zip(grid, spanned, strict=True):
        on = radii > 0
        if on.mean() > _MOST_AROUND:
            reach = np.linalg.norm(outline(radii[on, None] * rays[on], angles[on]), axis=1)
            wide[on] = np.maximum(radii[on], reach)
    return spanned


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
