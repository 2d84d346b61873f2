"""How people make way for each other: where everybody walks who does not walk through anybody.

The story says who does what when, as if everybody were alone on the floor. Here each person's place
is moved aside, smoothly in time and by `MOST_M` at most, until no two stand in one another: whoever
meets somebody passes on its right where there is as much room, whoever reaches for a shelf only
shifts along it, whoever shows its phone to the gate stays. All of it follows from everybody's ways,
so that a moment has the same answer whoever asks, and in which order. What is taken when, by which
hand and from where does not change, and so neither do plates nor anything recorded of them.
"""

import math
from bisect import bisect_right
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from tebura_contract.layout import Layout

from tebura_simulator.story.clearance import Clearance
from tebura_simulator.story.footprints import Floats
from tebura_simulator.story.footwork import Footwork
from tebura_simulator.story.giving_way import asides_m
from tebura_simulator.story.timeline import GestureKind, Reach, ShopperState, Timeline
from tebura_simulator.story.ways import GRID_S, MOST_M, Ways

_REACHING_M = 0.3
"""Whoever has a hand at a shelf is moved by no more, so that the arm still gets there."""
_STANDING, _REACHING = 0.6, 0.25
"""How readily these move aside, beside somebody who walks."""
_WALKS_MPS = 0.4


class Passing:
    """A timeline's people, each where it is when it makes way for the others."""

    def __init__(self, timeline: Timeline, layout: Layout) -> None:
        self._timeline, self._layout = timeline, layout
        names = [passage.shopper for passage in timeline.passages]
        self._row = {name: row for row, name in enumerate(names)}
        self._times = np.arange(0.0, timeline.duration_s + GRID_S, GRID_S)

    def shoppers(self, t_s: float) -> tuple[ShopperState, ...]:
        """Everyone in the shop at a moment, in the scenario's order."""
        return tuple(self._moved(state, t_s) for state in self._timeline.shoppers(t_s))

    def aside_m(self, shopper: str, t_s: float) -> Floats:
        """How far somebody is moved from where the story alone has it, (2,)."""
        aside: Floats = self._aside_m[self._row[shopper]]
        index = min(len(self._times) - 2, max(0, bisect_right(self._times, t_s) - 1))
        share = min(1.0, max(0.0, (t_s - float(self._times[index])) / GRID_S))
        between: Floats = (1.0 - share) * aside[index] + share * aside[index + 1]
        return between

    def _moved(self, state: ShopperState, t_s: float) -> ShopperState:
        name = state.script.id
        feet = self._feet.get(name)
        if feet is None:
            return state
        x, y = self.aside_m(name, t_s)
        before, after = (self.aside_m(name, t_s + off_s) for off_s in (-GRID_S, GRID_S))
        drift_mps = float(np.hypot(*(after - before))) / (2 * GRID_S)
        left, right = feet.moved(state.left_foot, state.right_foot, t_s)
        return replace(
            state,
            xy_m=(state.xy_m[0] + float(x), state.xy_m[1] + float(y)),
            speed_mps=math.hypot(state.speed_mps, drift_mps),
            left_foot=left,
            right_foot=right,
        )

    @cached_property
    def _feet(self) -> dict[str, Footwork]:
        """Of those who are moved at all."""
        people = zip(self._timeline.passages, self._timeline.ways(), strict=True)
        return {
            passage.shopper: Footwork(legs, passage.leave_s, partial(self.aside_m, passage.shopper))
            for passage, legs in people
            if np.any(self._aside_m[self._row[passage.shopper]])
        }

    @cached_property
    def _aside_m(self) -> Floats:
        """(people, moments, 2)."""
        return asides_m(self._ways(), Clearance(self._layout))

    def _ways(self) -> Ways:
        """Everybody's way as the story alone has it."""
        shape = (len(self._row), len(self._times))
        ways = Ways(
            here=np.zeros(shape, np.bool_),
            at_m=np.zeros((*shape, 2)),
            ahead=np.zeros((*shape, 2)),
            gives=np.ones(shape),
            most_m=np.full(shape, MOST_M),
            reaches=np.zeros(shape),
        )
        for column, t_s in enumerate(self._times):
            for state in self._timeline.shoppers(float(t_s)):
                at = self._row[state.script.id], column
                ways.here[at] = True
                ways.at_m[at] = state.xy_m
                ways.ahead[at] = math.cos(state.yaw_rad), math.sin(state.yaw_rad)
                ways.gives[at], ways.most_m[at], ways.reaches[at] = _bound(state)
        return ways


def _bound(state: ShopperState) -> tuple[float, float, float]:
    """How readily somebody moves aside, how far at most, how far a hand is out for a shelf."""
    gives = _STANDING + (1.0 - _STANDING) * min(1.0, state.speed_mps / _WALKS_MPS)
    most_m, out = MOST_M, 0.0
    for reach in (state.reach, state.other_reach):
        if reach is None or reach.target_m is None or reach.kind is GestureKind.LOOK:
            continue
        if reach.kind is GestureKind.PHONE:
            return gives * (1.0 - reach.progress), MOST_M * (1.0 - reach.progress), 0.0
        gives = min(gives, 1.0 - (1.0 - _REACHING) * reach.progress)
        most_m = min(most_m, MOST_M - (MOST_M - _REACHING_M) * reach.progress)
        out = max(out, reach.progress if _is_for_a_shelf(reach) else 0.0)
    return gives, most_m, out


def _is_for_a_shelf(reach: Reach) -> bool:
    return reach.kind not in (GestureKind.HAND_OVER, GestureKind.RECEIVE, GestureKind.PICK_UP)
