"""Steps of what came to nothing: two halves, told one right after the other.

What passed before its plates had come to rest, and moves of one action that cancel each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from tebura_contract.clock import SECOND_NS

from tebura_edge.actions import link_ns_of
from tebura_edge.passing import Passed
from tebura_edge.plate_move import PlateMove
from tebura_edge.scale_plates import ScalePlates
from tebura_edge.step_trace import trace_of
from tebura_edge.weight_step import LISTED_SHARE, WeightStep

PASSING_SHARE: Final = 0.1
"""Deviation of what a thing weighs on a plate that has no time to come to rest."""

SHAKE_G: Final = 20.0
"""Neighbours of a plate that is handled shake by up to so much, and what does so passes on none."""


def passed_by(plates: ScalePlates, group: Sequence[Passed]) -> list[WeightStep]:
    """What passed at one time on plates near each other, the heaviest first."""
    came_g = {one.plate: one.size_g for one in group if one.size_g * group[0].size_g > 0}
    went_g = {column: -grams for column, grams in came_g.items()}
    from_ns, to_ns = min(one.from_ns for one in group), max(one.to_ns for one in group)
    return _halves(plates, (came_g, went_g), from_ns, to_ns)


def both_ways(plates: ScalePlates, moves: Sequence[PlateMove]) -> list[WeightStep]:
    """What of moves that come to nothing came, and what went; the earlier first."""
    came_g: dict[int, float] = {}
    went_g: dict[int, float] = {}
    in_time = sorted(moves, key=lambda move: (move.turned_ns, move.plate))
    for move in in_time:
        half_g = came_g if move.delta_g > 0 else went_g
        half_g[move.plate] = half_g.get(move.plate, 0.0) + move.delta_g
    halves = (came_g, went_g) if in_time[0].delta_g > 0 else (went_g, came_g)
    from_ns, to_ns = min(move.from_ns for move in moves), max(move.to_ns for move in moves)
    return _halves(plates, halves, from_ns, to_ns)


def as_moves(one: Passed) -> list[PlateMove]:
    """What passed as the two moves that the plate had no time for."""
    there = PlateMove(
        plate=one.plate,
        before_g=0.0,
        after_g=one.size_g,
        sigma_g=PASSING_SHARE * abs(one.size_g),
        rested_ns=one.from_ns,
        from_ns=one.from_ns,
        turned_ns=one.from_ns,
        to_ns=one.to_ns,
        is_handled=True,
        blind="",
    )
    back = replace(there, before_g=one.size_g, after_g=0.0, turned_ns=one.to_ns)
    return [there, back]


def is_shake(one: Passed, plates: ScalePlates, moves: Iterable[PlateMove]) -> bool:
    """Whether it is only a neighbour that shook when one of these was taken or put."""
    link_ns = link_ns_of(plates.levels)
    return abs(one.size_g) < SHAKE_G and any(
        move.plate in (one.plate, *plates.near[one.plate])
        and abs(move.delta_g) > abs(one.size_g)
        and one.from_ns - link_ns <= move.turned_ns <= one.to_ns + link_ns
        for move in moves
    )


def _halves(
    plates: ScalePlates, ways: Sequence[Mapping[int, float]], from_ns: int, to_ns: int
) -> list[WeightStep]:
    """Two steps that come to nothing, if both are more than a shake and less than a press."""
    steps = [_half(plates, deltas_g, from_ns, to_ns) for deltas_g in ways if deltas_g]
    heavy_g = plates.levels.settings.heavy_g
    is_thing = all(plates.smallest_g <= abs(step.delta_g) <= heavy_g for step in steps)
    return steps if is_thing and len(steps) == len(ways) else []


def _half(
    plates: ScalePlates, deltas_g: Mapping[int, float], from_ns: int, to_ns: int
) -> WeightStep:
    """One way of what came to nothing."""
    least_g = LISTED_SHARE * max(abs(grams) for grams in deltas_g.values())
    columns = [column for column in sorted(deltas_g) if abs(deltas_g[column]) >= least_g]
    delta_g = sum(deltas_g[column] for column in columns)
    noise_g = [plates.levels.sigma_g(c, (to_ns - from_ns) / SECOND_NS) for c in columns]
    return WeightStep(
        shelf=plates.sites[columns[0]].shelf,
        plates=tuple(plates.sites[column].plate for column in columns),
        delta_g=delta_g,
        sigma_g=float(np.hypot.reduce([*noise_g, PASSING_SHARE * delta_g])),
        deltas_g={plates.sites[c].plate: deltas_g[c] for c in columns},
        from_ns=from_ns,
        to_ns=to_ns,
        trace=trace_of(plates, deltas_g, from_ns),
        is_passing=True,
    )
