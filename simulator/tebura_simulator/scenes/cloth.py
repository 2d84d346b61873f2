"""Makes garments of pieces of a body's mesh: straight hems, shoes without toes."""

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_HEM_ROUNDS = 12
_SHOE_SIDES = 36
_SHOE_LEVELS = (
    (0.0, 0.03, 0.004),
    (0.012, 0.03, 0.008),
    (0.025, 0.04, 0.007),
    (0.04, 0.06, 0.005),
    (0.055, 0.075, 0.004),
    (0.075, 0.1, 0.004),
)
"""Of each outline: its height, up to where the foot counts, and how much wider it is; metres."""


def hemmed(vertices_m: Array, faces: NDArray[np.int_]) -> Array:
    """The mesh with its open edges straightened: each edge vertex drawn to its neighbours."""
    edges, count = np.unique(_edges(faces), axis=0, return_counts=True)
    return _drawn_together(vertices_m, edges[count == 1], _HEM_ROUNDS)


def shoe(foot_m: Array) -> tuple[Array, NDArray[np.int_]]:
    """A shoe around the vertices of one foot at rest: vertices and faces, without toes.

    Outlines of the foot at a few heights, each convex, joined to a closed surface.
    """
    angles = np.linspace(0.0, 2 * np.pi, _SHOE_SIDES, endpoint=False)
    rings = []
    for low, high, grown in _SHOE_LEVELS:
        part = foot_m[(foot_m[:, 2] >= low) & (foot_m[:, 2] <= high + 0.012), :2]
        middle = (part.min(0) + part.max(0)) / 2
        outline = middle + _outline(part - middle, angles) + grown * _circle(angles)
        rings.append(np.c_[outline, np.full(len(angles), low)])
    rings[0][:, 2] = 0.0
    base, top = rings[0].mean(0), rings[-1].mean(0)
    vertices = np.concatenate([*rings, base[None], top[None]])
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


def _edges(faces: NDArray[np.int_]) -> NDArray[np.int_]:
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.sort(pairs, axis=1)


def _drawn_together(vertices_m: Array, edges: NDArray[np.int_], rounds: int) -> Array:
    """Each vertex of the edges moved half way to the mean of its neighbours, some times over."""
    moved = vertices_m.copy()
    degree = np.bincount(edges.ravel(), minlength=len(moved))
    on = degree > 0
    for _ in range(rounds):
        total = np.zeros_like(moved)
        np.add.at(total, edges[:, 0], moved[edges[:, 1]])
        np.add.at(total, edges[:, 1], moved[edges[:, 0]])
        moved[on] += 0.5 * (total[on] / degree[on, None] - moved[on])
    return moved
