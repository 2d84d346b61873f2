"""How much room there is around a point of the floor: to the nearest gondola or wall."""

import numpy as np
from tebura_contract.layout import Layout

from tebura_simulator.story.footprints import Bools, Floats, Footprint, Walls, footprints_of

_PROBE_M, _LOOK_M = 0.01, 0.1


class Clearance:
    """Distances on the floor of a layout; points are (n, 2) store metres."""

    def __init__(self, layout: Layout) -> None:
        self._footprints = footprints_of(layout)
        self._walls = Walls(layout.store.floor_m)

    def at(self, points: Floats) -> Floats:
        """(n,) metres to what is nearest; negative within a gondola or beyond a wall."""
        nearest = np.full(len(points), np.inf)
        for footprint in self._footprints:
            nearest = np.minimum(nearest, _outside_m(footprint, points))
        if len(self._walls.outline_m) >= 3:
            nearest = np.minimum(nearest, self._to_walls_m(points))
        return nearest

    def between(self, start: Floats, end: Floats) -> float:
        """The least on the straight way from one point (2,) to another, looked at closely."""
        shares = np.linspace(0.0, 1.0, 2 + int(np.linalg.norm(end - start) / _LOOK_M))[:, None]
        return float(self.at(start + shares * (end - start)).min())

    def uphill(self, points: Floats) -> Floats:
        """(n, 2) unit vectors towards more room; zero where none is any better."""
        rise = np.empty_like(points)
        for axis in (0, 1):
            off = np.zeros(2)
            off[axis] = _PROBE_M
            ahead, behind = self.at(points + off), self.at(points - off)
            # Where nothing stands anywhere both are infinite.
            rise[:, axis] = np.subtract(
                ahead, behind, out=np.zeros(len(points)), where=np.isfinite(ahead)
            )
        length = np.linalg.norm(rise, axis=1, keepdims=True)
        unit: Floats = rise / np.where(length < 1e-9, 1.0, length)
        return unit

    def _to_walls_m(self, points: Floats) -> Floats:
        a = np.asarray(self._walls.outline_m)
        way = np.roll(a, -1, axis=0) - a
        off = points[:, None] - a
        share = np.einsum("nij,ij->ni", off, way) / np.maximum(1e-12, (way**2).sum(axis=1))
        beside = off - np.clip(share, 0.0, 1.0)[..., None] * way
        far: Floats = np.linalg.norm(beside, axis=2).min(axis=1)
        return np.where(self._on_floor(points, a, a + way), far, -far)

    def _on_floor(self, points: Floats, a: Floats, b: Floats) -> Bools:
        """By how often a line to the right cuts the outline."""
        y = points[:, 1:]
        spans = (a[:, 1] > y) != (b[:, 1] > y)
        rise = np.where(a[:, 1] == b[:, 1], 1.0, b[:, 1] - a[:, 1])
        cut_x = a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / rise
        inside: Bools = (spans & (points[:, :1] < cut_x)).sum(axis=1) % 2 == 1
        return inside


def _outside_m(footprint: Footprint, points: Floats) -> Floats:
    beyond = np.abs(footprint.local(points)) - np.asarray(footprint.half_m)
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    far: Floats = outside + np.minimum(beyond.max(axis=1), 0.0)
    return far
