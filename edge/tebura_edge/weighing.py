"""From moves of single plates to steps of a shelf: one action, its weight, the plates it touched.

A product may lie on several plates, its neighbours shake and stay a few grams off, and two people
may act on one shelf at once. So moves are joined into one step where they turned at the same time
on plates next to each other; what stays apart in time or place stays apart. A step is told once,
when all plates it may touch rest again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, Ns, ns_from_s
from tebura_contract.events import Trace
from tebura_contract.ids import PlateId, ShelfId

from tebura_edge.actions import WAIT_S, Pending, actions_of, is_echo, is_over, link_ns_of
from tebura_edge.level_settings import LevelSettings
from tebura_edge.levels import Levels, PlateMove
from tebura_edge.passing import Away, Passed, together
from tebura_edge.second_look import SecondLooks

MIN_STEP_G: Final = (10.0, 20.0)
"""Smallest step told, between these bounds 0.6 of the store's lightest product: neighbours of a
pick stay off by up to 9 g, so less than 10 g would tell of them; more than 20 g would hide what the
real pot's settled levels (3 s within 20 g) call a change."""

LIGHTEST_SHARE: Final = 0.6

SURE_SIGMAS: Final = 5.0
HANDLED_SIGMAS: Final = 3.3
"""A step told is at least so many deviations of what its plates do unasked: 306 of them are looked
at some 10^8 times a day; fewer where something moved them as they never do by themselves."""

LISTED_G: Final = 10.0
LISTED_SHARE: Final = 0.25
"""A plate of a step is named from 10 g or a quarter of the step's largest move on. Neighbours may
stay off by 9 g; a light bag lies on three plates by 56, 25 and 18 %. Of 116 simulated light actions
a share of 0.5 gets 5 wrong in weight, one of 0.1 names an idle neighbour in 3."""

SHAKEN_S: Final = 0.4
"""A plate nearby that moved so long before the step began may have left its plates a little off."""

SLIDES: Final = 0.02
"""What leaves one plate and comes to the next at once slid there, if this share at most is left. At
0.04 a bottle of tea put back beside a bottle of water that somebody takes is one that slid."""

PASSING_SHARE: Final = 0.1
"""Deviation of what a thing weighs on a plate that has no time to come to rest."""

SHAKE_G: Final = 20.0
"""Neighbours of a plate that is handled shake by up to so much, and what does so passes on none."""

_TOLD_KEPT: Final = 24

TRACE_EVERY_NS: Final = SECOND_NS // 10
TRACE_BEFORE_S: Final = 1.5
TRACE_LIMIT_S: Final = 12.0
TRACE_PLATES: Final = 4
"""What a step's trace shows: 10 values a second, from a little before it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSite:
    """Where a plate is: its shelf and its extent along the shelf's front, metres."""

    plate: PlateId
    shelf: ShelfId
    x_m: tuple[float, float]

    def is_near(self, other: "PlateSite") -> bool:
        """On the same shelf with at most about one plate between them."""
        gap_m = max(self.x_m[0], other.x_m[0]) - min(self.x_m[1], other.x_m[1])
        width_m = max(self.x_m[1] - self.x_m[0], other.x_m[1] - other.x_m[0])
        return self.shelf == other.shelf and gap_m <= 1.2 * width_m


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightStep:
    """A settled change of weight on one shelf.

    Attributes:
        plates: Those that moved, in the order of the scale.
        delta_g: Sum over `plates`, negative where something left; those that moved the other way
            are in `deltas_g` alone.
        sigma_g: Deviation of that sum from noise; gain errors are the identification's matter.
        deltas_g: Change of every plate near the action that rests, also of those too small to be
            named: what one explanation calls coupling another may call its product's third plate.
        from_ns, to_ns: Store time from the last moment at the old level to the first at the new.
        trace: What the plates that moved most showed, for people to look at.
        blind: Why the node could not watch all of it; empty where it could.
        is_shaken: Something near its plates moved meanwhile: they may stay a little off by that.
        is_passing: One of two that come to nothing, told one right after the other: the plates rest
            where they were, or what left one came to the next at once. Both are of the time of
            both.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    delta_g: float
    sigma_g: float
    deltas_g: Mapping[PlateId, float]
    from_ns: int
    to_ns: int
    blind: str = ""
    trace: Trace | None = None
    is_shaken: bool = False
    is_passing: bool = False


@dataclass(slots=True)
class _Scale:
    sites: tuple[PlateSite, ...]
    levels: Levels
    near: list[list[int]]
    pending: list[Pending] = field(default_factory=list)
    untold: SecondLooks = field(default_factory=SecondLooks)
    told: list[PlateMove] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


def min_step_g(lightest_g: float | None) -> float:
    """Smallest step worth telling where the lightest product weighs this; None without products."""
    low_g, high_g = MIN_STEP_G
    return high_g if lightest_g is None else min(max(LIGHTEST_SHARE * lightest_g, low_g), high_g)


class Weigher:
    """All scales of a node: samples in, steps out.

    Args:
        scales: The plates of each scale, in the scale's own order.
        smallest_g: Smallest step to tell, from `min_step_g`.
        settings: Tuned numbers of the plates' mechanics.
        noise_g: Still deviation by plate from calibration, where measured.
    """

    def __init__(
        self,
        scales: Mapping[str, Sequence[PlateSite]],
        smallest_g: float,
        settings: LevelSettings | None = None,
        noise_g: Mapping[PlateId, float] | None = None,
    ) -> None:
        self._smallest_g = smallest_g
        self._scales = {
            name: _make_scale(tuple(sites), settings, noise_g or {})
            for name, sites in scales.items()
        }

    def levels(self, scale: str) -> Levels:
        """The levels of a scale's plates: for health, saving and restoring."""
        return self._scales[scale].levels

    def feed(
        self, scale: str, at_ns: NDArray[np.int64], grams: NDArray[np.float64]
    ) -> list[WeightStep]:
        """Take samples of a scale: (n,) store time, (n, plates) grams, NaN where none was read."""
        part = self._scales[scale]
        steps: list[WeightStep] = []
        for moves in part.levels.feed(at_ns, grams):
            now_ns = part.levels.now_ns
            assert now_ns is not None
            part.pending += [Pending(part.untold.whole(move), now_ns) for move in moves]
            part.passed += part.levels.passed
            if part.untold.waiting:
                steps += self._second_looks(part, now_ns)
            if part.pending:
                steps += self._ready_steps(part, now_ns)
            if part.passed:
                steps += self._ready_passed(part, now_ns)
        return steps

    def tick(self, now_ns: int) -> list[WeightStep]:
        """Time passes: steps that have waited long enough, on scales that brought no sample."""
        return [
            step
            for part in self._scales.values()
            if part.pending or part.passed or part.untold.waiting
            for step in (
                *self._second_looks(part, now_ns),
                *self._ready_steps(part, now_ns),
                *self._ready_passed(part, now_ns),
            )
        ]

    def watermark_ns(self, silent: Collection[str] = ()) -> int | None:
        """Every step that began up to here has been told.

        None until each scale has spoken, except those known to be silent.
        """
        marks = [_watermark_ns(part) for name, part in self._scales.items() if name not in silent]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def told_levels(self) -> dict[PlateId, tuple[float, float, int]]:
        """What to save of each plate: level up to which steps were told, noise, when last there.

        A move not told yet is found again after a restart, as a difference from that level.
        """
        told: dict[PlateId, tuple[float, float, int]] = {}
        for part in self._scales.values():
            levels = part.levels
            for column, site in enumerate(part.sites):
                if np.isnan(levels.level_g[column]):
                    continue
                level_g = float(levels.level_g[column])
                still_ns = int(levels.still_ns[column])
                for one in (*reversed(part.pending), *part.untold.waiting.values()):
                    if one.move.plate == column:
                        level_g, still_ns = one.move.before_g, one.move.from_ns
                noise_g = float(np.nan_to_num(levels.noise_g[column]))
                told[site.plate] = (level_g, noise_g, still_ns)
        return told

    def away(self) -> dict[PlateId, Away]:
        """What to save of each plate on which something passes that is not told yet."""
        found: dict[PlateId, Away] = {}
        for part in self._scales.values():
            away = part.levels.passing.away()
            away |= {
                one.plate: Away(one.from_ns, one.to_ns, 2 * [one.size_g]) for one in part.passed
            }
            found |= {part.sites[column].plate: one for column, one in away.items()}
        return found

    def restore(
        self,
        told: Mapping[PlateId, tuple[float, float, int]],
        away: Mapping[PlateId, Away] | None = None,
    ) -> None:
        """Continue from what `told_levels` and `away` gave."""
        for part in self._scales.values():
            part.untold = SecondLooks()
            for column, site in enumerate(part.sites):
                if site.plate in told:
                    part.levels.restore(column, *told[site.plate])
                if away and site.plate in away:
                    part.levels.passing.restore(column, away[site.plate])

    def _ready_steps(self, part: _Scale, now_ns: int) -> list[WeightStep]:
        levels = part.levels
        steps: list[WeightStep] = []
        for action in actions_of(part.pending, part.near, levels):
            moves = [one.move for one in action]
            echoes = is_echo(moves, part.told, part.near, link_ns_of(levels))
            if echoes or is_over(action, part.near, levels, now_ns):
                part.pending = [one for one in part.pending if one not in action]
                steps += [] if echoes else self._step(part, moves, now_ns)
        return steps

    def _second_looks(self, part: _Scale, now_ns: int) -> list[WeightStep]:
        """What was too little to tell, after its plate has rested for longer."""
        found = part.untold.due(part.levels, now_ns)
        return [step for move in found for step in self._step(part, [move], None)]

    def _step(self, part: _Scale, moves: list[PlateMove], now_ns: int | None) -> list[WeightStep]:
        """The step of an action; what is too little is looked at again if it is some time `now`."""
        deltas_g: dict[int, float] = {}
        ended_ns = {
            plate: max(move.to_ns for move in moves if move.plate == plate)
            for plate in {move.plate for move in moves}
        }
        for move in moves:
            settled_g = 0.0
            if move.plate not in deltas_g and now_ns is not None:
                settled_g = part.levels.absorb(move.plate, ended_ns[move.plate])
            deltas_g[move.plate] = deltas_g.get(move.plate, settled_g) + move.delta_g
        begin_ns = min(move.from_ns for move in moves)
        self._add_small_changes(part, deltas_g, begin_ns)
        largest_g = max(deltas_g.values(), key=abs)
        least_g = min(LISTED_G, LISTED_SHARE * abs(largest_g))
        listed = [c for c in sorted(deltas_g) if deltas_g[c] * largest_g > 0]
        listed = [column for column in listed if abs(deltas_g[column]) >= least_g]
        delta_g = sum(deltas_g[column] for column in listed)
        apart_s = (max(move.to_ns for move in moves) - begin_ns) / SECOND_NS
        sigmas_g = [part.levels.sigma_g(c, apart_s, ended_ns.get(c)) for c in listed]
        sigma_g = float(np.hypot.reduce(sigmas_g))
        named = [move for move in moves if move.plate in listed] or moves
        sure = HANDLED_SIGMAS if any(move.is_handled for move in named) else SURE_SIGMAS
        is_seen = abs(delta_g) >= max(self._smallest_g, sure * sigma_g)
        if not is_seen and now_ns is not None and len(moves) == 1:
            again = replace(moves[0], after_g=moves[0].before_g + deltas_g[moves[0].plate])
            part.untold.add(again, now_ns, self._smallest_g, sigma_g)
        if not is_seen or _has_slid(deltas_g, delta_g, sigma_g):
            return self._both_ways(part, moves)
        part.told = [*part.told[-_TOLD_KEPT:], *named]
        return [
            WeightStep(
                shelf=part.sites[listed[0]].shelf,
                plates=tuple(part.sites[column].plate for column in listed),
                delta_g=delta_g,
                sigma_g=sigma_g,
                deltas_g={part.sites[c].plate: deltas_g[c] for c in sorted(deltas_g)},
                from_ns=min(move.from_ns for move in named),
                to_ns=max(max(move.to_ns, move.from_ns) for move in named),
                blind=", ".join(sorted({move.blind for move in moves if move.blind})),
                trace=_trace(part, deltas_g, begin_ns),
                is_shaken=_is_shaken(part, listed, begin_ns),
            )
        ]

    def _ready_passed(self, part: _Scale, now_ns: int) -> list[WeightStep]:
        """What passed, once nothing beside it may be part of it any more."""
        steps: list[WeightStep] = []
        for group in together(part.passed, part.near):
            first, seen_ns = group[0], max(one.seen_ns for one in group)
            may_grow = any(plate in part.levels.passing for plate in part.near[first.plate])
            if may_grow and now_ns - seen_ns <= ns_from_s(WAIT_S):
                continue
            part.passed = [one for one in part.passed if one not in group]
            if not _is_shake(first, part):
                steps += self._passed(part, group)
        return steps

    def _passed(self, part: _Scale, group: Sequence[Passed]) -> list[WeightStep]:
        came_g = {one.plate: one.size_g for one in group if one.size_g * group[0].size_g > 0}
        went_g = {column: -grams for column, grams in came_g.items()}
        from_ns, to_ns = min(one.from_ns for one in group), max(one.to_ns for one in group)
        halves = self._passing(part, (came_g, went_g), from_ns, to_ns)
        if halves:
            # Its neighbours stay off as they do beside what is taken.
            part.told = [*part.told[-_TOLD_KEPT:], *(move for one in group for move in _moves(one))]
        return halves

    def _both_ways(self, part: _Scale, moves: Sequence[PlateMove]) -> list[WeightStep]:
        """What of moves that come to nothing came, and what went; the earlier first."""
        came_g: dict[int, float] = {}
        went_g: dict[int, float] = {}
        in_time = sorted(moves, key=lambda move: (move.turned_ns, move.plate))
        for move in in_time:
            half_g = came_g if move.delta_g > 0 else went_g
            half_g[move.plate] = half_g.get(move.plate, 0.0) + move.delta_g
        halves = (came_g, went_g) if in_time[0].delta_g > 0 else (went_g, came_g)
        from_ns, to_ns = min(move.from_ns for move in moves), max(move.to_ns for move in moves)
        return self._passing(part, halves, from_ns, to_ns)

    def _passing(
        self, part: _Scale, halves: Sequence[Mapping[int, float]], from_ns: int, to_ns: int
    ) -> list[WeightStep]:
        """Two steps that come to nothing, if both are more than a shake and less than a press."""
        steps = [_half(part, deltas_g, from_ns, to_ns) for deltas_g in halves if deltas_g]
        heavy_g = part.levels.settings.heavy_g
        is_thing = all(self._smallest_g <= abs(step.delta_g) <= heavy_g for step in steps)
        return steps if is_thing and len(steps) == len(halves) else []

    def _add_small_changes(self, part: _Scale, deltas_g: dict[int, float], begin_ns: int) -> None:
        """Add neighbours that changed too little to be a move of their own.

        Their change is the difference of their rests before and now; they are at their new level
        from here on.
        """
        levels, limit_g = part.levels, part.levels.move_threshold_g()
        for column in {near for plate in deltas_g for near in part.near[plate]} - set(deltas_g):
            if not levels.is_resting[column]:
                continue
            before_g = levels.rest_before(column, begin_ns)
            if before_g is None:
                continue
            delta_g = float(levels.rest_g[column]) - before_g
            if 3 * levels.sigma_g(column) < abs(delta_g) <= limit_g[column]:
                deltas_g[column] = delta_g
                levels.absorb(column)


def _make_scale(
    sites: tuple[PlateSite, ...], settings: LevelSettings | None, noise_g: Mapping[PlateId, float]
) -> _Scale:
    measured = np.array([noise_g.get(site.plate, 0.0) for site in sites], np.float64)
    near = [
        [column for column, other in enumerate(sites) if other is not site and site.is_near(other)]
        for site in sites
    ]
    return _Scale(sites, Levels(len(sites), settings, measured), near)


def _is_shaken(part: _Scale, listed: Sequence[int], begin_ns: int) -> bool:
    """Whether a plate near these, and none of them, moved since shortly before."""
    beside = {q for plate in listed for q in part.near[plate]} - set(listed)
    since_ns = begin_ns - ns_from_s(SHAKEN_S)
    moved = (*part.told, *(pending.move for pending in part.pending))
    return any(part.levels.is_busy[q] or q in part.levels.passing for q in beside) or any(
        move.plate in beside and move.turned_ns >= since_ns and abs(move.delta_g) >= LISTED_G
        for move in moved
    )


def _has_slid(deltas_g: Mapping[int, float], delta_g: float, sigma_g: float) -> bool:
    """Whether what left one plate came to another beside it."""
    other_g = sum(g for g in deltas_g.values() if g * delta_g < 0 and abs(g) >= LISTED_G)
    return abs(delta_g + other_g) <= max(SLIDES * abs(delta_g), 4 * sigma_g)


def _is_shake(one: Passed, part: _Scale) -> bool:
    """Whether it is only a neighbour that shook when something was taken or put."""
    link_ns = link_ns_of(part.levels)
    return abs(one.size_g) < SHAKE_G and any(
        move.plate in (one.plate, *part.near[one.plate])
        and abs(move.delta_g) > abs(one.size_g)
        and one.from_ns - link_ns <= move.turned_ns <= one.to_ns + link_ns
        for move in (*part.told, *(pending.move for pending in part.pending))
    )


def _moves(one: Passed) -> list[PlateMove]:
    """What passed as the two moves that the plate had no time for."""
    there = PlateMove(
        plate=one.plate,
        before_g=0.0,
        after_g=one.size_g,
        sigma_g=PASSING_SHARE * abs(one.size_g),
        from_ns=one.from_ns,
        turned_ns=one.from_ns,
        to_ns=one.to_ns,
        is_handled=True,
        blind="",
    )
    back = replace(there, before_g=one.size_g, after_g=0.0, turned_ns=one.to_ns)
    return [there, back]


def _half(part: _Scale, deltas_g: Mapping[int, float], from_ns: int, to_ns: int) -> WeightStep:
    """One way of what came to nothing."""
    least_g = LISTED_SHARE * max(abs(grams) for grams in deltas_g.values())
    columns = [column for column in sorted(deltas_g) if abs(deltas_g[column]) >= least_g]
    delta_g = sum(deltas_g[column] for column in columns)
    noise_g = [part.levels.sigma_g(c, (to_ns - from_ns) / SECOND_NS) for c in columns]
    return WeightStep(
        shelf=part.sites[columns[0]].shelf,
        plates=tuple(part.sites[column].plate for column in columns),
        delta_g=delta_g,
        sigma_g=float(np.hypot.reduce([*noise_g, PASSING_SHARE * delta_g])),
        deltas_g={part.sites[c].plate: deltas_g[c] for c in columns},
        from_ns=from_ns,
        to_ns=to_ns,
        trace=_trace(part, deltas_g, from_ns),
        is_passing=True,
    )


def _trace(part: _Scale, deltas_g: Mapping[int, float], begin_ns: int) -> Trace | None:
    """What the plates that moved most showed, up to now."""
    samples, end = part.levels.samples, part.levels.judged
    if end < 2:
        return None
    at_ns = samples.at_ns[:end]
    last_ns = int(at_ns[-1])
    first_ns = max(
        begin_ns - ns_from_s(TRACE_BEFORE_S), last_ns - ns_from_s(TRACE_LIMIT_S), int(at_ns[0])
    )
    wanted_ns = np.arange(first_ns, last_ns + 1, TRACE_EVERY_NS)
    rows = np.clip(np.searchsorted(at_ns, wanted_ns), 0, end - 1)
    shown = sorted(deltas_g, key=lambda column: -abs(deltas_g[column]))[:TRACE_PLATES]
    return Trace(
        from_ns=Ns(first_ns),
        every_ns=TRACE_EVERY_NS,
        grams={
            part.sites[column].plate: tuple(
                round(grams, 1) for grams in samples.grams[rows, column].tolist()
            )
            for column in sorted(shown)
            if not np.isnan(samples.grams[rows, column]).any()
        },
    )


def _watermark_ns(part: _Scale) -> int | None:
    levels = part.levels
    if levels.now_ns is None:
        return None
    waiting = levels.is_busy & ~levels.is_ignored
    marks = [levels.now_ns, *(one.move.from_ns for one in part.pending)]
    marks += [one.move.from_ns for one in part.untold.waiting.values()]
    marks += [one.from_ns for one in part.passed]
    away_ns = levels.passing.began_ns()
    if away_ns is not None:
        marks.append(away_ns)
    if waiting.any():
        marks.append(int(levels.still_ns[waiting].min()))
    return min(marks) - 1
