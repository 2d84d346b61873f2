"""Where everybody stands, sampled: what cameras follow."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xy
from tebura_contract.layout import Layout

from tebura_simulator.sight.zones import is_in_zone
from tebura_simulator.story.scenario import Part, ShopperScript
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.walking import Leg

STEP_S = 0.1
HEIGHT_M = 1.65
"""Of a body whose script does not say."""
DOORWAY_M = 0.5
"""Beyond a gate's zone people are in the doorway: the camera role's own margin at exits."""
DOORWAY_S = 6.0
"""Whoever is on their way longer than this before or after the gate was inside meanwhile."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Walker:
    """One person's way: `xy_m` (n, 2) at each `STEP_S` from step `first` on.

    `inside` are the steps (from, to) between the gate's doorway in and out.
    """

    script: ShopperScript
    first: int
    xy_m: Floats
    inside: tuple[int, int]

    @property
    def id(self) -> str:
        return self.script.id

    @property
    def height_m(self) -> float:
        return self.script.height_m or HEIGHT_M

    @property
    def is_staff(self) -> bool:
        return self.script.part is Part.STAFF

    def at_step(self, step: int) -> Xy | None:
        """Where the person is; None before it came and after it left."""
        index = step - self.first
        if not 0 <= index < len(self.xy_m):
            return None
        return (float(self.xy_m[index, 0]), float(self.xy_m[index, 1]))

    def at(self, t_s: float) -> Xy | None:
        return self.at_step(round(t_s / STEP_S))


def walkers_of(timeline: Timeline, layout: Layout) -> tuple[Walker, ...]:
    """Everybody who is ever in the shop, in the scenario's order."""
    zones = [gate.zone_m for gate in layout.gate if gate.zone_m]
    found = []
    scripts = {script.id: script for script in timeline.scenario.shopper}
    for passage, legs in zip(timeline.passages, timeline.ways(), strict=True):
        first, last = round(passage.enter_s / STEP_S), round(passage.leave_s / STEP_S)
        xy_m = _way(legs, first, last)
        found.append(Walker(scripts[passage.shopper], first, xy_m, _inside(xy_m, first, zones)))
    return tuple(found)


def _way(legs: Sequence[Leg], first: int, last: int) -> Floats:
    starts = [leg.start_s for leg in legs]
    points = []
    for step in range(first, last + 1):
        t_s = step * STEP_S
        leg = legs[max(0, bisect_right(starts, t_s) - 1)]
        points.append(leg.stance(t_s).xy_m)
    return np.asarray(points, np.float64).reshape(-1, 2)


def _inside(xy_m: Floats, first: int, zones: Sequence[tuple[Xy, ...]]) -> tuple[int, int]:
    whole = (first, first + len(xy_m))
    near = [
        index
        for index, (x_m, y_m) in enumerate(xy_m.tolist())
        if any(is_in_zone(zone, (x_m, y_m), DOORWAY_M) for zone in zones)
    ]
    if not near:
        return whole
    wait = round(DOORWAY_S / STEP_S)
    came = first + near[0] if near[0] <= wait else whole[0]
    went = first + near[-1] + 1 if len(xy_m) - near[-1] <= wait else whole[1]
    return came, went
