"""Ways across the floor of a store that lead around its gondolas.

A visibility graph over the corners of what stands there, each moved off by half a body, and the
shortest way through it (Dijkstra 1959; Lozano-Perez and Wesley 1979 for the grown obstacles).
"""

import heapq
import itertools
import math
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from tebura_contract.geometry import Xy
from tebura_contract.layout import Layout

from tebura_simulator.story.footprints import Bools, Floats, Footprint, Walls, footprints_of

BODY_HALF_M = 0.25
"""How far the middle of a body keeps from what stands there, where there is room."""
PASSABLE_M = 0.3
"""The narrowest gap people squeeze through; narrower ones are closed."""
_TIGHTER = (1.0, 0.5, 0.2, 0.04)
"""Shares of the clearance that are tried, one after another, until there is a way."""
_MAX_WAYS = 4096
"""Ways kept; beyond, the one asked for longest ago is worked out anew."""


class Aisles:
    """The ways of a store: `way` from any point to any other."""

    def __init__(self, layout: Layout) -> None:
        self._footprints = footprints_of(layout)
        self._walls = Walls(layout.store.floor_m)
        self._graphs = [_Graph(self._footprints, self._walls, share) for share in _TIGHTER]
        self._cached_way = lru_cache(_MAX_WAYS)(self._around)

    def way(self, start: Xy, goal: Xy) -> tuple[Xy, ...]:
        """The points to walk to in turn, `goal` the last; only that where the line is free.

        Lines between the points cross no footprint of a gondola and, where the layout knows the
        floor and both ends lie on it, no wall. A start or a goal within a footprint is left or
        reached over its nearest free side.

        Raises:
            ValueError: If no way leads there.
        """
        if self.is_free(start, goal):
            return (goal,)
        return self._cached_way(start, goal)

    def is_free(self, start: Xy, goal: Xy) -> bool:
        """Whether the straight line crosses neither a footprint nor a wall."""
        a, b = np.asarray([start], np.float64), np.asarray([goal], np.float64)
        if any(bool(footprint.crossed(a, b)[0]) for footprint in self._footprints):
            return False
        is_on_floor = self._walls.holds(start) and self._walls.holds(goal)
        return not (is_on_floor and bool(self._walls.crossed(a, b)[0]))

    def _around(self, start: Xy, goal: Xy) -> tuple[Xy, ...]:
        for graph in self._graphs:
            way = graph.way(start, goal)
            if way is not None:
                return way
        raise ValueError(
            f"no way leads from ({start[0]:.2f}, {start[1]:.2f}) m "
            f"to ({goal[0]:.2f}, {goal[1]:.2f}) m"
        )


class _Graph:
    """The visibility graph with every footprint grown by a share of its clearance."""

    def __init__(self, footprints: Sequence[Footprint], walls: Walls, share: float) -> None:
        self._footprints = footprints
        self._walls = walls
        self._grown_m = [share * clearance for clearance in _clearances_m(footprints)]
        self._off_wall_m = share * BODY_HALF_M

    @cached_property
    def _nodes(self) -> Floats:
        corners = [
            (float(x), float(y))
            for footprint, grown_m in zip(self._footprints, self._grown_m, strict=True)
            for x, y in footprint.corners(grown_m)
        ]
        corners += self._walls.inner_corners(self._off_wall_m)
        free = [p for p in corners if self._walls.holds(p) and not self._zones(p).any()]
        return np.asarray(free, np.float64).reshape(-1, 2)

    @cached_property
    def _lengths_m(self) -> Floats:
        """(nodes, nodes); infinite where one does not see the other."""
        count = len(self._nodes)
        lengths = np.full((count, count), np.inf)
        one, two = np.triu_indices(count, 1)
        starts, ends = self._nodes[one], self._nodes[two]
        far = np.linalg.norm(starts - ends, axis=1)
        far[self._blocked(starts, ends, np.zeros(len(self._footprints), np.bool_))] = np.inf
        lengths[one, two] = lengths[two, one] = far
        return lengths

    def way(self, start: Xy, goal: Xy) -> tuple[Xy, ...] | None:
        """The shortest way, or None where this graph has none."""
        outs = [(start, self._outside(start)), (goal, self._outside(goal))]
        ends = [end for _, end in outs]
        nodes = np.vstack([self._nodes, np.asarray(ends, np.float64)])
        count = len(self._nodes)
        lengths = np.full((count + 2, count + 2), np.inf)
        lengths[:count, :count] = self._lengths_m
        close = [self._zones(end) for end in ends]
        for index, (raw, end) in enumerate(outs):
            row = self._from(raw, end, nodes, close[index])
            lengths[count + index, :] = lengths[:, count + index] = row
        direct = self._from(*outs[0], nodes[-1:], close[0] | close[1])[0]
        lengths[count, count + 1] = lengths[count + 1, count] = direct
        passed = _shortest(lengths, count, count + 1)
        if passed is None:
            return None
        points = [(float(x), float(y)) for x, y in nodes[passed]]
        # The ends themselves are not moved; where they were, the points beside them stay.
        points = [p for p, end in zip(points, passed, strict=True) if end < count]
        points = [*([ends[0]] if ends[0] != start else []), *points]
        return (*points, *([ends[1]] if ends[1] != goal else []), goal)

    def _from(self, raw: Xy, end: Xy, nodes: Floats, close: Bools) -> Floats:
        """Lengths from an end to every node; who stands close to a gondola may pass it closely."""
        starts = np.broadcast_to(np.asarray(end, np.float64), nodes.shape)
        lengths: Floats = np.linalg.norm(nodes - starts, axis=1)
        is_on_floor = self._walls.holds(raw)
        lengths[self._blocked(starts, nodes, close, walls=is_on_floor)] = np.inf
        return lengths

    def _blocked(self, starts: Floats, ends: Floats, close: Bools, *, walls: bool = True) -> Bools:
        """Which segments cross a zone; of the gondolas in `close`, only the footprint itself."""
        blocked = self._walls.crossed(starts, ends) & walls
        for number, (footprint, grown_m) in enumerate(
            zip(self._footprints, self._grown_m, strict=True)
        ):
            blocked |= footprint.crossed(starts, ends, 0.0 if close[number] else grown_m)
        return blocked

    def _zones(self, point: Xy) -> Bools:
        """Which grown footprints a point lies in."""
        return np.asarray(
            [f.holds(point, m) for f, m in zip(self._footprints, self._grown_m, strict=True)],
            np.bool_,
        )

    def _outside(self, point: Xy) -> Xy:
        """The point itself, or the nearest one beside the footprint it lies in."""
        for footprint, grown_m in zip(self._footprints, self._grown_m, strict=True):
            if footprint.holds(point):
                for way_out in _ways_out(footprint, grown_m, point):
                    is_free = not any(other.holds(way_out) for other in self._footprints)
                    if is_free and self._walls.holds(way_out):
                        return way_out
        return point


def _ways_out(footprint: Footprint, grown_m: float, point: Xy) -> list[Xy]:
    """The feet of a point on the four sides of the grown footprint, the nearest first."""
    at = footprint.local(np.asarray(point, np.float64))
    half = np.asarray(footprint.half_m) + grown_m
    found = []
    for axis in (0, 1):
        for sign in (-1.0, 1.0):
            foot = at.copy()
            foot[axis] = sign * half[axis]
            found.append((abs(float(foot[axis] - at[axis])), foot))
    corners = footprint.corners()
    right = (corners[1] - corners[0]) / max(1e-9, 2 * footprint.half_m[0])
    back = np.asarray([-right[1], right[0]])
    store = [
        np.asarray(footprint.middle_m) + foot[0] * right + foot[1] * back
        for _, foot in sorted(found, key=lambda one: one[0])
    ]
    return [(float(x), float(y)) for x, y in store]


def _clearances_m(footprints: Sequence[Footprint]) -> list[float]:
    """How far each may grow: half a body, less where that would close a gap people pass."""
    clearances = [BODY_HALF_M] * len(footprints)
    for (one, mine), (two, its) in itertools.combinations(enumerate(footprints), 2):
        gap_m = mine.gap_m(its)
        if gap_m < PASSABLE_M or gap_m > 3 * BODY_HALF_M:
            continue
        # Corners of grown rectangles stand out further than their sides.
        room_m = 0.49 * gap_m
        if mine.grown(room_m).gap_m(its.grown(room_m)) == 0.0:
            room_m = 0.35 * gap_m
        clearances[one] = min(clearances[one], room_m)
        clearances[two] = min(clearances[two], room_m)
    return clearances


def _shortest(lengths: Floats, start: int, goal: int) -> list[int] | None:
    """Dijkstra over a matrix of lengths; the nodes passed, both ends included."""
    best = [math.inf] * len(lengths)
    came_from: dict[int, int] = {}
    best[start] = 0.0
    queue = [(0.0, start)]
    while queue:
        far, node = heapq.heappop(queue)
        if node == goal:
            way = [goal]
            while way[-1] != start:
                way.append(came_from[way[-1]])
            return way[::-1]
        if far > best[node]:
            continue
        for other in np.flatnonzero(np.isfinite(lengths[node])).tolist():
            reach = far + float(lengths[node, other])
            if reach < best[other]:
                best[other] = reach
                came_from[other] = node
                heapq.heappush(queue, (reach, other))
    return None
