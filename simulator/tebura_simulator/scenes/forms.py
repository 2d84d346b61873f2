"""Shapes of packages as meshes with places on a printed sheet that wraps around them.

A form fills its box: x across the front, y to the back, z up, from -1 to 1 each way. The sheet's u
runs around the package from the middle of its back over the left side to the front (0.5) and on;
v runs down, the first `TOP` of it being the top face. A shopper looks at the front from -y.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int_]

TOP = 0.1
"""Share of the sheet's height that is the top face."""
_SIDES = 20


class Form(StrEnum):
    BAG = "bag"
    BAR = "bar"
    BOOK = "book"
    BOTTLE = "bottle"
    BOWL = "bowl"
    BOX = "box"
    BUN = "bun"
    CAN = "can"
    CARD = "card"
    CARTON = "carton"
    CUP = "cup"
    JAR = "jar"
    JUG = "jug"
    ONIGIRI = "onigiri"
    PACK = "pack"
    POUCH = "pouch"
    ROLL = "roll"
    ROUND = "round"
    SANDWICH = "sandwich"
    TRAY = "tray"
    TUBE = "tube"


@dataclass(frozen=True, eq=False)
class Mesh:
    """Vertices (V, 3), their places on the sheet (V, 2) and faces (F, 3), outward."""

    vertices: Array
    uv: Array
    faces: Faces

    def scaled(self, half: Array) -> "Mesh":
        return Mesh(self.vertices * half, self.uv, self.faces)

    def normals(self) -> Array:
        """Of each vertex, (V, 3): the mean of its faces', by their areas."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        across = np.cross(b - a, c - a)
        total = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(total, self.faces[:, corner], across)
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-12)[:, None])


Level = tuple[float, float, float]
"""A height and the half widths in x and y there. The same level twice makes an edge."""

_LOFTS: dict[Form, tuple[float, tuple[Level, ...]]] = {
    # The power of the outline: 2 an ellipse, more a rectangle with round corners.
    Form.BOTTLE: (
        2.2,
        (
            (-1, 0.86, 0.86),
            (-0.96, 1, 1),
            (0.28, 1, 1),
            (0.42, 0.92, 0.92),
            (0.62, 0.62, 0.62),
            (0.76, 0.36, 0.36),
            (0.85, 0.36, 0.36),
            (0.85, 0.43, 0.43),
            (0.85, 0.43, 0.43),
            (1, 0.42, 0.42),
        ),
    ),
    Form.JUG: (
        3.5,
        (
            (-1, 0.9, 0.9),
            (-0.97, 1, 1),
            (0.45, 1, 1),
            (0.7, 0.8, 0.8),
            (0.84, 0.34, 0.34),
            (0.88, 0.38, 0.38),
            (0.88, 0.38, 0.38),
            (1, 0.37, 0.37),
        ),
    ),
    Form.CAN: (
        2.0,
        (
            (-1, 0.8, 0.8),
            (-0.9, 1, 1),
            (0.86, 1, 1),
            (0.95, 0.87, 0.87),
            (0.95, 0.89, 0.89),
            (1, 0.89, 0.89),
            (1, 0.89, 0.89),
            (0.97, 0.8, 0.8),
        ),
    ),
    Form.JAR: (
        2.0,
        (
            (-1, 0.9, 0.9),
            (-0.94, 1, 1),
            (0.5, 1, 1),
            (0.64, 0.86, 0.86),
            (0.68, 0.86, 0.86),
            (0.68, 0.94, 0.94),
            (0.68, 0.94, 0.94),
            (0.97, 0.94, 0.94),
            (1, 0.9, 0.9),
        ),
    ),
    Form.CUP: (
        2.0,
        ((-1, 0.7, 0.7), (-0.97, 0.72, 0.72), (0.86, 0.96, 0.96), (0.88, 1, 1), (1, 1, 1)),
    ),
    Form.BOWL: (
        2.3,
        ((-1, 0.58, 0.58), (-0.9, 0.66, 0.66), (0.55, 0.96, 0.96), (0.6, 1, 1), (1, 0.95, 0.95)),
    ),
    Form.TRAY: (
        8.0,
        ((-1, 0.84, 0.84), (0.5, 0.95, 0.95), (0.55, 1, 1), (0.72, 1, 1), (1, 0.9, 0.9)),
    ),
    Form.BAG: (
        3.0,
        (
            (-1, 1, 0.05),
            (-0.9, 0.99, 0.1),
            (-0.72, 0.95, 0.55),
            (-0.35, 0.92, 0.94),
            (0.15, 0.92, 1),
            (0.55, 0.94, 0.72),
            (0.85, 0.98, 0.16),
            (0.9, 0.99, 0.08),
            (1, 1, 0.05),
        ),
    ),
    Form.POUCH: (
        3.2,
        (
            (-1, 0.9, 0.95),
            (-0.96, 0.96, 1),
            (-0.3, 1, 0.8),
            (0.4, 1, 0.42),
            (0.8, 1, 0.1),
            (1, 1, 0.05),
        ),
    ),
    Form.TUBE: (
        2.2,
        (
            (-1, 0.52, 0.8),
            (-0.78, 0.55, 0.85),
            (-0.78, 0.55, 0.85),
            (-0.74, 0.8, 1),
            (-0.3, 0.88, 0.9),
            (0.4, 0.97, 0.5),
            (0.86, 1, 0.1),
            (1, 1, 0.08),
        ),
    ),
    Form.CARTON: (
        30.0,
        ((-1, 1, 1), (0.58, 1, 1), (0.58, 1, 1), (0.9, 1, 0.1), (0.9, 1, 0.07), (1, 1, 0.07)),
    ),
    Form.BUN: (
        2.2,
        (
            (-1, 0.72, 0.72),
            (-0.8, 0.9, 0.9),
            (-0.35, 1, 1),
            (0.2, 0.95, 0.95),
            (0.62, 0.75, 0.75),
            (0.88, 0.45, 0.45),
            (1, 0.12, 0.12),
        ),
    ),
    Form.ROLL: (2.0, ((-1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 0.3, 0.3))),
    Form.ROUND: (
        2.0,
        tuple((-np.cos(a), np.sin(a), np.sin(a)) for a in np.linspace(0.12, np.pi - 0.12, 9)),
    ),
}
_TRIANGLE = ((-1, -1), (1, -1), (1, -0.68), (0.24, 0.88), (0, 1), (-0.24, 0.88), (-1, -0.68))


def mesh_of(form: Form) -> Mesh:
    """The mesh of a form, in its box."""
    if form in _LOFTS:
        power, levels = _LOFTS[form]
        return _outward(_loft(power, levels))
    if form is Form.ONIGIRI:
        return _outward(_extruded(_TRIANGLE))
    if form is Form.SANDWICH:
        return _outward(_wedge())
    if form is Form.PACK:
        return _pack(mesh_of(Form.CAN))
    return _outward(_box())


def _outline(power: float) -> Array:
    """A superellipse, (N + 1, 2): from the middle of the back by the left side around."""
    angle = np.linspace(0.0, 2 * np.pi, _SIDES + 1)
    x, y = -np.sin(angle), np.cos(angle)
    return np.stack(
        [np.sign(v) * np.abs(v) ** (2 / power) for v in (x.round(12), y.round(12))], axis=1
    )


def _loft(power: float, levels: Sequence[Level]) -> Mesh:
    outline = _outline(power)
    wide = np.array([max(level[axis] for level in levels) for axis in (1, 2)])
    around = np.r_[0.0, np.hypot(*np.diff(outline * wide, axis=0).T).cumsum()]
    u = around / around[-1]
    heights = np.array([level[0] for level in levels])
    v = TOP + (1 - TOP) * (1 - heights) / 2
    rings = [np.c_[outline * (x, y), np.full(len(outline), z)] for z, x, y in levels]
    sheet = [np.c_[u, np.full(len(u), row)] for row in v]
    faces = []
    count = len(outline)
    for ring in range(len(levels) - 1):
        if levels[ring] == levels[ring + 1]:
            continue
        a = ring * count + np.arange(count - 1)
        faces += [np.c_[a, a + 1, a + count], np.c_[a + 1, a + count + 1, a + count]]
    for ring, is_top in ((rings[0], False), (rings[-1], True)):
        start = sum(map(len, rings))
        middle = ring.mean(0)
        rings.append(np.vstack([ring, middle]))
        sheet.append(_top_uv(rings[-1]) if is_top else np.full((count + 1, 2), (0.02, 0.98)))
        a = start + np.arange(count - 1)
        last = np.full(count - 1, start + count)
        faces.append(np.c_[a, last, a + 1] if is_top else np.c_[a, a + 1, last])
    return Mesh(np.vstack(rings), np.vstack(sheet), np.vstack(faces))


def _top_uv(points: Array) -> Array:
    return np.asarray(np.c_[0.25 + 0.25 * (points[:, 0] + 1), TOP * (1 - points[:, 1]) / 2 * 0.9])


def _box() -> Mesh:
    corners = np.array([(0, 1), (-1, 1), (-1, -1), (1, -1), (1, 1), (0, 1)], float)
    u = np.array([0, 1, 3, 5, 7, 8]) / 8
    points: list[tuple[float, ...]] = []
    sheet: list[tuple[float, ...]] = []
    faces: list[tuple[int, ...]] = []
    for side in range(5):
        pair = corners[[side, side + 1]]
        start = 4 * side
        points += [(*pair[0], 1), (*pair[1], 1), (*pair[1], -1), (*pair[0], -1)]
        sheet += [(u[side + i], v) for i, v in ((0, TOP), (1, TOP), (1, 1), (0, 1))]
        faces += [(start, start + 3, start + 1), (start + 1, start + 3, start + 2)]
    for z in (1.0, -1.0):
        start = len(points)
        flat = [(-1, 1, z), (-1, -1, z), (1, -1, z), (1, 1, z)]
        points += flat
        sheet += [tuple(p) for p in _top_uv(np.array(flat))] if z > 0 else [(0.02, 0.98)] * 4
        order = ((0, 1, 2), (0, 2, 3)) if z > 0 else ((0, 2, 1), (0, 3, 2))
        faces += [(start + a, start + b, start + c) for a, b, c in order]
    return Mesh(np.array(points, float), np.array(sheet, float), np.array(faces))


def _extruded(polygon: Sequence[tuple[float, float]]) -> Mesh:
    """A polygon of x and z drawn out along y; its front is the front of the sheet."""
    outline = np.array(polygon, float)
    count = len(outline)
    points: list[Array] = []
    sheet: list[Array] = []
    faces: list[Faces] = []
    for y in (-1.0, 1.0):
        start = len(points) * count
        points.append(np.c_[outline[:, 0], np.full(count, y), outline[:, 1]])
        across = 0.25 * outline[:, 0] * -y
        sheet.append(np.c_[0.5 + across, TOP + (1 - TOP) * (1 - outline[:, 1]) / 2])
        fan = np.array([(start, start + i, start + i + 1) for i in range(1, count - 1)])
        faces.append(fan if y < 0 else fan[:, ::-1])
    for i in range(count):
        start = sum(map(len, points))
        rim = outline[[i, (i + 1) % count]]
        points.append(np.array([(x, y, z) for x, z in rim for y in (-1.0, 1.0)]))
        sheet.append(np.array([(0.02 + 0.05 * y, 0.4 + 0.2 * k) for k in (0, 1) for y in (0, 1)]))
        faces.append(np.array([(start, start + 1, start + 2), (start + 1, start + 3, start + 2)]))
    return Mesh(np.vstack(points), np.vstack(sheet), np.vstack(faces))


def _wedge() -> Mesh:
    """Half a sandwich on its crust: the cut side, the front of the sheet, leans back."""
    cut = [(x, y, y) for x in (-1.0, 1.0) for y in (-1.0, 1.0)]
    sheet = [(0.5 + 0.25 * x, TOP + (1 - TOP) * (1 - z) / 2) for x, _, z in cut]
    points, faces = list(cut), [(0, 1, 2), (1, 2, 3)]
    for flat in (
        [(-1, -1, -1), (-1, 1, -1), (-1, 1, 1)],
        [(1, -1, -1), (1, 1, -1), (1, 1, 1)],
        [(-1, 1, -1), (1, 1, -1), (-1, 1, 1), (1, 1, 1)],
        [(-1, -1, -1), (1, -1, -1), (-1, 1, -1), (1, 1, -1)],
    ):
        start = len(points)
        points += [(float(x), float(y), float(z)) for x, y, z in flat]
        sheet += [(0.02 + 0.1 * (y > 0), 0.5 - 0.2 * z) for _, y, z in flat]
        faces.append((start, start + 1, start + 2))
        if len(flat) == 4:
            faces.append((start + 1, start + 2, start + 3))
    return Mesh(np.array(points), np.array(sheet, float), np.array(faces))


def _pack(one: Mesh) -> Mesh:
    """Three by two of something."""
    meshes = []
    for column in (-2 / 3, 0.0, 2 / 3):
        for row in (-0.5, 0.5):
            meshes.append(one.vertices * (1 / 3, 0.5, 1.0) + (column, row, 0.0))
    count = len(one.vertices)
    faces = np.vstack([one.faces + count * number for number in range(len(meshes))])
    return Mesh(np.vstack(meshes), np.tile(one.uv, (len(meshes), 1)), faces)


def _outward(mesh: Mesh) -> Mesh:
    """With its faces turned outward, whichever way round they were listed."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    middle = (a + b + c) / 3
    out = np.einsum("ij,ij->i", np.cross(b - a, c - a), middle - mesh.vertices.mean(0))
    faces = mesh.faces.copy()
    faces[out < 0] = faces[out < 0][:, ::-1]
    return Mesh(mesh.vertices, mesh.uv, faces)
