"""Pieces of surface that hang on bones: cut along a line, eased off the body, smoothed, rimmed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Surface:
    """Triangles with what each vertex carries.

    `vertices_m` (N, 3), `faces` (M, 3), `weights` (N, B) on the body's bones, `uv` (N, 2) in the
    picture printed on it; `base_m` (N, 3) and `out` (N, 3) are the point of the skin below and its
    normal there.
    """

    vertices_m: Array
    faces: Index
    weights: Array
    uv: Array
    base_m: Array
    out: Array

    def faced(self, keep: NDArray[np.bool_]) -> "Surface":
        """Only some of its faces, and the vertices they need."""
        used, faces = np.unique(self.faces[keep], return_inverse=True)
        return Surface(
            self.vertices_m[used],
            faces.reshape(-1, 3).astype(np.int64),
            self.weights[used],
            self.uv[used],
            self.base_m[used],
            self.out[used],
        )

    def moved(self, vertices_m: Array) -> "Surface":
        return replace(self, vertices_m=vertices_m)

    def printed(self, uv: Array) -> "Surface":
        return replace(self, uv=uv)


def surface(vertices_m: Array, faces: NDArray[np.int32], weights: Array) -> Surface:
    """A surface that lies on the body itself."""
    index = faces.astype(np.int64)
    uv = np.zeros((len(vertices_m), 2))
    return Surface(vertices_m, index, weights, uv, vertices_m, normals(vertices_m, index))


def normals(vertices_m: Array, faces: Index) -> Array:
    """Unit normals of the vertices, (N, 3)."""
    a, b, c = (vertices_m[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(vertices_m)
    for i in range(3):
        np.add.at(total, faces[:, i], across)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def clipped(whole: Surface, field: Array) -> Surface:
    """The part where `field` (N,) is positive, cut exactly along its zero line."""
    inside = field > 0
    count = inside[whole.faces].sum(1)
    kept = [whole.faces[count == 3]]
    cut = whole.faces[(count == 1) | (count == 2)]
    if not len(cut):
        return whole.faced(count == 3)
    # Turned so that the corner that stands alone is the first.
    alone = np.where(inside[cut].sum(1) == 1, inside[cut].T, ~inside[cut].T).argmax(0)
    rows = np.arange(len(cut))
    a, b, c = (cut[rows, (alone + i) % 3] for i in range(3))
    edges = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    unique, place = np.unique(edges, axis=0, return_inverse=True)
    place = place.ravel() + len(field)
    share = field[unique[:, 0]] / (field[unique[:, 0]] - field[unique[:, 1]])
    ab, ac = place[: len(cut)], place[len(cut) :]
    one = inside[a]
    kept.append(np.stack([a, ab, ac], 1)[one])
    kept.append(np.stack([ab, b, c], 1)[~one])
    kept.append(np.stack([ab, c, ac], 1)[~one])

    def grown(values: Array) -> Array:
        first, second = values[unique[:, 0]], values[unique[:, 1]]
        return np.concatenate([values, first + share[:, None] * (second - first)])

    more = Surface(
        grown(whole.vertices_m),
        np.concatenate(kept),
        grown(whole.weights),
        grown(whole.uv),
        grown(whole.base_m),
        grown(whole.out),
    )
    return more.faced(np.ones(len(more.faces), dtype=bool))


def joined(parts: Sequence[Surface]) -> Surface:
    """Several as one; they keep their own vertices."""
    starts = np.cumsum([0, *(len(p.vertices_m) for p in parts)])
    return Surface(
        np.concatenate([p.vertices_m for p in parts]),
        np.concatenate([p.faces + start for p, start in zip(parts, starts[:-1], strict=True)]),
        np.concatenate([p.weights for p in parts]),
        np.concatenate([p.uv for p in parts]),
        np.concatenate([p.base_m for p in parts]),
        np.concatenate([p.out for p in parts]),
    )


def border(faces: Index) -> Index:
    """Edges with a face on one side only, (E, 2), as their face goes round."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    size = int(edges.max()) + 1
    there, back = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    return np.asarray(edges[~np.isin(there, back)])


def smoothed(part: Surface, rounds: int, share: float = 0.5) -> Surface:
    """Each vertex drawn towards the mean of its neighbours, some times over; the border by itself.

    A hem so becomes a straight line, and does not creep up.
    """
    faces = part.faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rim = border(faces)
    on_rim = np.zeros(len(part.vertices_m), dtype=bool)
    on_rim[rim.ravel()] = True
    moved = part.vertices_m.copy()
    pairs = np.concatenate([edges[~on_rim[edges[:, 0]]], edges[~on_rim[edges[:, 1]]][:, ::-1]])
    pairs = np.concatenate([pairs, rim, rim[:, ::-1]])
    degree = np.maximum(np.bincount(pairs[:, 0], minlength=len(moved)), 1)[:, None]
    for _ in range(rounds):
        total = np.stack(
            [np.bincount(pairs[:, 0], moved[pairs[:, 1], i], len(moved)) for i in range(3)], axis=1
        )
        moved += share * (total / degree - moved)
    return part.moved(moved)


def hemmed(part: Surface, rounds: int) -> Surface:
    """With its open edges drawn straight, each edge vertex to its neighbours along the edge."""
    rim = border(part.faces)
    pairs = np.concatenate([rim, rim[:, ::-1]])
    moved = part.vertices_m.copy()
    degree = np.bincount(pairs[:, 0], minlength=len(moved))
    on = degree > 0
    for _ in range(rounds):
        total = np.stack(
            [np.bincount(pairs[:, 0], moved[pairs[:, 1], i], len(moved)) for i in range(3)], axis=1
        )
        moved[on] += 0.5 * (total[on] / degree[on, None] - moved[on])
    return part.moved(moved)


def eased(part: Surface, ease_m: Array | float) -> Surface:
    """Nowhere nearer to the skin than `ease_m`."""
    off = ((part.vertices_m - part.base_m) * part.out).sum(1)
    short = np.maximum(ease_m - off, 0.0)
    return part.moved(part.vertices_m + short[:, None] * part.out)


def rimmed(part: Surface, depth_m: float) -> Surface:
    """With its open edges turned in, so that they show a thickness."""
    rim = border(part.faces)
    ids, place = np.unique(rim, return_inverse=True)
    place = place.reshape(-1, 2) + len(part.vertices_m)
    inner = part.vertices_m[ids] - depth_m * normals(part.vertices_m, part.faces)[ids]
    more = np.concatenate(
        [
            np.stack([rim[:, 1], rim[:, 0], place[:, 0]], 1),
            np.stack([rim[:, 1], place[:, 0], place[:, 1]], 1),
        ]
    )

    def grown(values: Array) -> Array:
        return np.concatenate([values, values[ids]])

    return Surface(
        np.concatenate([part.vertices_m, inner]),
        np.concatenate([part.faces, more]),
        grown(part.weights),
        grown(part.uv),
        grown(part.base_m),
        grown(part.out),
    )


def panelled(part: Surface, at: Array, low: Array, high: Array) -> Surface:
    """Printed as cut from two panels: the front on the picture's left half, the back on the right.

    `at` (N, 2) is each vertex on its panel, metres to the left and up; `low` and `high` (2,) are
    the panels' corners. Vertices along the side seam are doubled.
    """
    behind = part.out[part.faces][:, :, 1].mean(1) > 0
    keys = part.faces * 2 + behind[:, None]
    unique, faces = np.unique(keys, return_inverse=True)
    old, back = unique // 2, (unique % 2).astype(bool)
    share = np.clip((at[old] - low) / (high - low), 0.002, 0.998)
    uv = np.stack([0.5 * share[:, 0] + 0.5 * back, share[:, 1]], axis=1)
    return Surface(
        part.vertices_m[old],
        faces.reshape(-1, 3).astype(np.int64),
        part.weights[old],
        uv,
        part.base_m[old],
        part.out[old],
    )
