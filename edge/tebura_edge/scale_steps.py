"""From moves of single plates to the steps of one scale's shelves.

A product may lie on several plates, its neighbours shake and stay a few grams off, and two people
may act on one shelf at once. So moves are joined into one step where they turned at the same time
on plates next to each other; what stays apart in time or place stays apart. A step is told once,
when all plates it may touch rest again.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, ns_from_s
from tebura_contract.ids import PlateId

from tebura_edge.actions import WAIT_S, Pending, actions_of, is_over, link_ns_of
from tebura_edge.came_and_went import as_moves, both_ways, is_shake, passed_by
from tebura_edge.passing import Away, Passed, together
from tebura_edge.plate_move import PlateMove
from tebura_edge.scale_plates import ScalePlates
from tebura_edge.second_look import SecondLooks
from tebura_edge.step_trace import trace_of
from tebura_edge.told_moves import ToldMoves
from tebura_edge.weight_step import LISTED_G, LISTED_SHARE, WeightStep

SURE_SIGMAS: Final = 5.0
HANDLED_SIGMAS: Final = 3.3
"""A step told is at least so many deviations of what its plates do unasked: 306 of them are looked
at some 10^8 times a day; fewer where something moved them as they never do by themselves."""

SHAKEN_S: Final = 0.4
"""A plate nearby that moved so long before the step began may have left its plates a little off."""

SLIDES: Final = 0.02
"""What leaves one plate and comes to the next at once slid there, if this share at most is left. At
0.04 a bottle of tea put back beside a bottle of water that somebody takes is one that slid."""


class ScaleSteps:
    """The steps of one scale.

    Args:
        plates: Its plates.
    """

    def __init__(self, plates: ScalePlates) -> None:
        self.plates = plates
        self._pending: list[Pending] = []
        self._untold = SecondLooks()
        self._told = ToldMoves(plates.near)
        self._passed: list[Passed] = []

    def feed(self, at_ns: NDArray[np.int64], grams: NDArray[np.float64]) -> list[WeightStep]:
        """Take samples: (n,) store time, (n, plates) grams, NaN where none was read."""
        steps: list[WeightStep] = []
        levels = self.plates.levels
        for moves in levels.feed(at_ns, grams):
            now_ns = levels.now_ns
            assert now_ns is not None
            self._pending += [Pending(self._untold.whole(move), now_ns) for move in moves]
            self._passed += levels.passed
            steps += self._found(now_ns)
        return steps

    def tick(self, now_ns: int) -> list[WeightStep]:
        """Time passes: steps that have waited long enough, if no sample came."""
        return self._found(now_ns)

    def _found(self, now_ns: int) -> list[WeightStep]:
        steps: list[WeightStep] = []
        if self._untold.waiting:
            steps += self._second_looks(now_ns)
        if self._pending:
            steps += self._ready_steps(now_ns)
        if self._passed:
            steps += self._ready_passed(now_ns)
        return steps

    def watermark_ns(self) -> int | None:
        """Every step that began up to here has been told; None before the first sample."""
        levels = self.plates.levels
        if levels.now_ns is None:
            return None
        waiting = levels.is_away & ~levels.is_ignored
        marks = [levels.now_ns, *(one.move.from_ns for one in self._pending)]
        marks += [one.move.from_ns for one in self._untold.waiting.values()]
        marks += [one.from_ns for one in self._passed]
        away_ns = levels.passing.began_ns()
        if away_ns is not None:
            marks.append(away_ns)
        if waiting.any():
            marks.append(int(levels.still_ns[waiting].min()))
        return min(marks) - 1

    def told_levels(self) -> dict[PlateId, tuple[float, float, int]]:
        """What to save of each plate: level up to which steps were told, noise, when last there.

        A move not told yet is found again after a restart, as a difference from that level.
        """
        told: dict[PlateId, tuple[float, float, int]] = {}
        levels = self.plates.levels
        for column, site in enumerate(self.plates.sites):
            if np.isnan(levels.level_g[column]):
                continue
            level_g = float(levels.level_g[column])
            still_ns = int(levels.still_ns[column])
            for one in (*reversed(self._pending), *self._untold.waiting.values()):
                if one.move.plate == column:
                    level_g, still_ns = one.move.before_g, one.move.from_ns
            noise_g = float(np.nan_to_num(levels.noise_g[column]))
            told[site.plate] = (level_g, noise_g, still_ns)
        return told

    def away(self) -> dict[PlateId, Away]:
        """What to save of each plate on which something passes that is not told yet."""
        away = self.plates.levels.passing.away()
        away |= {one.plate: Away(one.from_ns, one.to_ns, 2 * [one.size_g]) for one in self._passed}
        return {self.plates.sites[column].plate: one for column, one in away.items()}

    def restore(
        self,
        told: Mapping[PlateId, tuple[float, float, int]],
        away: Mapping[PlateId, Away],
    ) -> None:
        """Continue from what `told_levels` and `away` gave."""
        levels = self.plates.levels
        self._untold = SecondLooks()
        for column, site in enumerate(self.plates.sites):
            if site.plate in told:
                levels.restore(column, *told[site.plate])
            if site.plate in away:
                levels.passing.restore(column, away[site.plate])

    def _ready_steps(self, now_ns: int) -> list[WeightStep]:
        levels = self.plates.levels
        steps: list[WeightStep] = []
        for action in actions_of(self._pending, self.plates.near, levels):
            moves = [one.move for one in action]
            echoes = self._told.is_echo(moves, link_ns_of(levels))
            if echoes or is_over(action, self.plates.near, levels, now_ns):
                self._pending = [one for one in self._pending if one not in action]
                steps += [] if echoes else self._step(moves, now_ns)
        return steps

    def _second_looks(self, now_ns: int) -> list[WeightStep]:
        """What was too little to tell, after its plate has rested for longer."""
        found = self._untold.due(self.plates.levels, now_ns)
        return [step for move in found for step in self._step([move], None)]

    def _step(self, moves: list[PlateMove], now_ns: int | None) -> list[WeightStep]:
        """The step of an action; what is too little is looked at again if it is some time `now`."""
        deltas_g: dict[int, float] = {}
        ended_ns = {
            plate: max(move.to_ns for move in moves if move.plate == plate)
            for plate in {move.plate for move in moves}
        }
        for move in moves:
            settled_g = 0.0
            if move.plate not in deltas_g and now_ns is not None:
                settled_g = self.plates.levels.absorb(move.plate, ended_ns[move.plate])
            deltas_g[move.plate] = deltas_g.get(move.plate, settled_g) + move.delta_g
        begin_ns = min(move.from_ns for move in moves)
        self._add_small_changes(deltas_g, begin_ns)
        largest_g = max(deltas_g.values(), key=abs)
        least_g = min(LISTED_G, LISTED_SHARE * abs(largest_g))
        listed = [c for c in sorted(deltas_g) if deltas_g[c] * largest_g > 0]
        listed = [column for column in listed if abs(deltas_g[column]) >= least_g]
        delta_g = sum(deltas_g[column] for column in listed)
        until_ns = max(move.to_ns for move in moves)
        if now_ns is None:
            # A second look weighs what its plate has come to since.
            until_ns = max(until_ns, self.plates.levels.now_ns or 0)
        apart_s = (until_ns - min(move.rested_ns for move in moves)) / SECOND_NS
        sigmas_g = {
            c: self.plates.levels.sigma_g(c, apart_s, ended_ns.get(c)) for c in sorted(deltas_g)
        }
        sigma_g = math.hypot(*(sigmas_g[column] for column in listed))
        named = [move for move in moves if move.plate in listed] or moves
        sure = HANDLED_SIGMAS if any(move.is_handled for move in named) else SURE_SIGMAS
        is_back = self._told.taken_back(max(moves, key=lambda move: abs(move.delta_g))) is not None
        smallest_g = 0.0 if is_back else self.plates.smallest_g
        unknown_g = 0.0
        if not any(move.blind for move in moves):
            # What nobody watched is told all the same: it is asked about.
            unknown_g = math.hypot(*(self.plates.levels.unknown_g(c, apart_s) for c in listed))
        is_seen = abs(delta_g) >= max(smallest_g, sure * math.hypot(sigma_g, unknown_g))
        if not is_seen and now_ns is not None and len(moves) == 1:
            again = replace(moves[0], after_g=moves[0].before_g + deltas_g[moves[0].plate])
            self._untold.add(again, now_ns, smallest_g, sigma_g)
        if not is_seen or _has_slid(deltas_g, delta_g, sigma_g):
            return both_ways(self.plates, moves)
        self._told.add_step(named)
        return [
            WeightStep(
                shelf=self.plates.sites[listed[0]].shelf,
                plates=tuple(self.plates.sites[column].plate for column in listed),
                delta_g=delta_g,
                sigma_g=sigma_g,
                deltas_g={self.plates.sites[c].plate: deltas_g[c] for c in sorted(deltas_g)},
                from_ns=min(move.from_ns for move in named),
                to_ns=max(max(move.to_ns, move.from_ns) for move in named),
                blind=", ".join(sorted({move.blind for move in moves if move.blind})),
                trace=trace_of(self.plates, deltas_g, begin_ns),
                is_shaken=self._is_shaken(listed, begin_ns),
                is_back=is_back,
                sigmas_g={self.plates.sites[c].plate: one_g for c, one_g in sigmas_g.items()},
            )
        ]

    def _ready_passed(self, now_ns: int) -> list[WeightStep]:
        """What passed, once nothing beside it may be part of it any more."""
        steps: list[WeightStep] = []
        for group in together(self._passed, self.plates.near):
            first, seen_ns = group[0], max(one.seen_ns for one in group)
            may_grow = any(
                plate in self.plates.levels.passing for plate in self.plates.near[first.plate]
            )
            if may_grow and now_ns - seen_ns <= ns_from_s(WAIT_S):
                continue
            self._passed = [one for one in self._passed if one not in group]
            if not is_shake(first, self.plates, self._moves()):
                steps += self._passed_by(group)
        return steps

    def _passed_by(self, group: Sequence[Passed]) -> list[WeightStep]:
        halves = passed_by(self.plates, group)
        if halves:
            # Its neighbours stay off as they do beside what is taken.
            self._told.add(move for one in group for move in as_moves(one))
        return halves

    def _moves(self) -> Iterator[PlateMove]:
        """Those that were told lately, and those that are not told yet."""
        yield from self._told
        yield from (one.move for one in self._pending)

    def _add_small_changes(self, deltas_g: dict[int, float], begin_ns: int) -> None:
        """Add neighbours that changed too little to be a move of their own.

        Their change is the difference of their rests before and now; they are at their new level
        from here on.
        """
        levels, limit_g = self.plates.levels, self.plates.levels.move_threshold_g()
        for column in {near for plate in deltas_g for near in self.plates.near[plate]} - set(
            deltas_g
        ):
            if not levels.is_resting[column]:
                continue
            before_g = levels.rest_before(column, begin_ns)
            if before_g is None:
                continue
            delta_g = float(levels.rest_g[column]) - before_g
            if 3 * levels.sigma_g(column) < abs(delta_g) <= limit_g[column]:
                deltas_g[column] = delta_g
                levels.absorb(column)

    def _is_shaken(self, listed: Sequence[int], begin_ns: int) -> bool:
        """Whether a plate near these, and none of them, moved since shortly before."""
        beside = {q for plate in listed for q in self.plates.near[plate]} - set(listed)
        since_ns = begin_ns - ns_from_s(SHAKEN_S)
        return any(
            self.plates.levels.is_busy[q] or q in self.plates.levels.passing for q in beside
        ) or any(
            move.plate in beside and move.turned_ns >= since_ns and abs(move.delta_g) >= LISTED_G
            for move in self._moves()
        )


def _has_slid(deltas_g: Mapping[int, float], delta_g: float, sigma_g: float) -> bool:
    """Whether what left one plate came to another beside it."""
    other_g = sum(g for g in deltas_g.values() if g * delta_g < 0 and abs(g) >= LISTED_G)
    return abs(delta_g + other_g) <= max(SLIDES * abs(delta_g), 4 * sigma_g)
