"""What gondolas take up of the floor, and which straight lines across the floor are free."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xy
from tebura_contract.layout import Gondola, Layout

from tebura_simulator.story.stocking import frame_of, shelf_frame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_TOUCH_M = 1e-6
"""What only touches an edge does not cross it."""


@dataclass(frozen=True)
class Footprint:
    """A rectangle on the floor: its middle, the direction of its first side, half its sides."""

    middle_m: Xy
    yaw_rad: float
    half_m: Xy

    def grown(self, by_m: float) -> "Footprint":
        return Footprint(
            self.middle_m, self.yaw_rad, (self.half_m[0] + by_m, self.half_m[1] + by_m)
        )

    def corners(self, grown_m: float = 0.0) -> Floats:
        """(4, 2) store metres, in order around it, of the rectangle grown on every side."""
        half = np.asarray(self.half_m) + grown_m
        signs = np.asarray([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
        corners: Floats = signs * half @ self._turn().T + np.asarray(self.middle_m)
        return corners

    def local(self, points: Floats) -> Floats:
        """Store points (..., 2) in the rectangle's own frame."""
        turned: Floats = (points - np.asarray(self.middle_m)) @ self._turn()
        return turned

    def holds(self, point: Xy, grown_m: float = 0.0) -> bool:
        """Whether a point lies within, not just on the edge."""
        inside = np.abs(self.local(np.asarray(point))) < np.asarray(self.half_m) + grown_m
        return bool(np.all(inside)) and self.depth_m(point, grown_m) > _TOUCH_M

    def depth_m(self, point: Xy, grown_m: float = 0.0) -> float:
        """How far within its nearest side a point lies; negative outside."""
        within = np.asarray(self.half_m) + grown_m - np.abs(self.local(np.asarray(point)))
        return float(np.min(within))

    def crossed(self, starts: Floats, ends: Floats, grown_m: float = 0.0) -> Bools:
        """Which of the segments ((n, 2) to (n, 2)) pass through the inside, by the slab method."""
        a, way = self.local(starts), self.local(ends) - self.local(starts)
        half = np.asarray(self.half_m) + grown_m - _TOUCH_M
        still = np.abs(way) < 1e-12
        safe = np.where(still, 1.0, way)
        one, two = (-half - a) / safe, (half - a) / safe
        beside = np.abs(a) >= half
        enter = np.where(still, np.where(beside, np.inf, -np.inf), np.minimum(one, two))
        leave = np.where(still, np.where(beside, -np.inf, np.inf), np.maximum(one, two))
        first = np.maximum(enter.max(axis=1), 0.0)
        last = np.minimum(leave.min(axis=1), 1.0)
        crossed: Bools = (first < last) & bool(np.all(half > 0.0))
        return crossed

    def gap_m(self, other: "Footprint") -> float:
        """How far two rectangles are apart; 0 where they touch or overlap."""
        mine, its = self.corners(), other.corners()
        if any(self.holds((x, y)) for x, y in its) or any(other.holds((x, y)) for x, y in mine):
            return 0.0
        if bool(self.crossed(its, np.roll(its, -1, axis=0)).any()):
            return 0.0
        return min(_nearest_m(mine, other), _nearest_m(its, self))

    def _turn(self) -> Floats:
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return np.asarray([(c, -s), (s, c)])


def _nearest_m(points: Floats, footprint: Footprint) -> float:
    beyond = np.abs(footprint.local(points)) - np.asarray(footprint.half_m)
    return float(np.linalg.norm(np.maximum(beyond, 0.0), axis=1).min())


def footprints_of(layout: Layout) -> tuple[Footprint, ...]:
    """One a gondola: its body and every board of it, which may stand out in front of the body."""
    return tuple(_footprint(gondola) for gondola in layout.gondola)


def _footprint(gondola: Gondola) -> Footprint:
    frame = frame_of(gondola.store_from_gondola)
    x_axis = frame.axis(0)
    yaw = math.atan2(x_axis[1], x_axis[0])
    boxes = [(frame, gondola.size_m)]
    boxes += [(shelf_frame(gondola, shelf), shelf.size_m) for shelf in gondola.shelf]
    points = np.asarray(
        [
            at.point((x, y, z))[:2]
            for at, (wide, deep, high) in boxes
            for x in (0.0, wide)
            for y in (0.0, deep)
            for z in (0.0, high)
        ]
    )
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.asarray([(c, -s), (s, c)])
    low, high_ = (points @ turn).min(axis=0), (points @ turn).max(axis=0)
    middle = turn @ ((low + high_) / 2)
    half = (high_ - low) / 2
    return Footprint((float(middle[0]), float(middle[1])), yaw, (float(half[0]), float(half[1])))


@dataclass(frozen=True)
class Walls:
    """The outline of the floor; without one, everywhere is floor."""

    outline_m: tuple[Xy, ...]

    def holds(self, point: Xy, within_m: float = 0.0) -> bool:
        """Whether a point lies on the floor, at least so far from the walls."""
        if len(self.outline_m) < 3:
            return True
        a, b = self._edges()
        p = np.asarray(point)
        spans = (a[:, 1] > p[1]) != (b[:, 1] > p[1])
        rise = np.where(spans, b[:, 1] - a[:, 1], 1.0)
        cut_x = a[:, 0] + (p[1] - a[:, 1]) * (b[:, 0] - a[:, 0]) / rise
        is_inside = int(np.sum(spans & (p[0] < cut_x))) % 2 == 1
        return is_inside and self.distance_m(point) >= within_m

    def distance_m(self, point: Xy) -> float:
        """From the nearest wall."""
        a, b = self._edges()
        p, way = np.asarray(point), b - a
        share = np.einsum("ij,ij->i", p - a, way) / np.maximum(1e-12, (way**2).sum(axis=1))
        nearest = a + np.clip(share, 0.0, 1.0)[:, None] * way
        return float(np.linalg.norm(nearest - p, axis=1).min())

    def crossed(self, starts: Floats, ends: Floats) -> Bools:
        """Which of the segments cut through a wall."""
        if len(self.outline_m) < 3:
            return np.zeros(len(starts), np.bool_)
        a, b = self._edges()
        s, e = starts[:, None, :], ends[:, None, :]
        one, two = _side(s, e, a), _side(s, e, b)
        three, four = _side(a, b, s), _side(a, b, e)
        crossed: Bools = np.any((one * two < 0) & (three * four < 0), axis=1)
        return crossed

    def inner_corners(self, off_m: float) -> list[Xy]:
        """Points so far off the corners that stick into the floor, on the floor."""
        count = len(self.outline_m)
        if count < 4:
            return []
        found = []
        for index in range(count):
            before, here, after = (
                np.asarray(self.outline_m[i % count]) for i in (index - 1, index, index + 1)
            )
            arms = [
                (v - here) / max(1e-9, float(np.linalg.norm(v - here))) for v in (before, after)
            ]
            middle = arms[0] + arms[1]
            length = float(np.linalg.norm(middle))
            if length < 1e-6:
                continue
            x, y = here - off_m * math.sqrt(2) * middle / length
            if self.holds((float(x), float(y))):
                found.append((float(x), float(y)))
        return found

    def _edges(self) -> tuple[Floats, Floats]:
        a = np.asarray(self.outline_m)
        return a, np.roll(a, -1, axis=0)


def _side(start: Floats, end: Floats, point: Floats) -> Floats:
    """On which side of the line a point lies: positive left."""
    way, off = end - start, point - start
    side: Floats = way[..., 0] * off[..., 1] - way[..., 1] * off[..., 0]
    return np.where(np.abs(side) < 1e-12, 0.0, side)
