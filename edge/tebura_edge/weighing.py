"""From moves of single plates to steps of a shelf: one action, its weight, the plates it touched.

A product may lie on several plates, its neighbours shake and stay a few grams off, and two people
may act on one shelf at once. So moves are joined into one step where they turned at the same time
on plates next to each other; what stays apart in time or place stays apart. A step is told once,
when all plates it may touch rest again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import PlateId, ShelfId

from tebura_edge.levels import Levels, LevelSettings, PlateMove

MIN_STEP_G: Final = (10.0, 20.0)
"""Smallest step told, between these bounds 0.6 of the store's lightest product: neighbours of a
pick stay off by up to 9 g, so less than 10 g would tell of them; more than 20 g would hide what the
real pot's settled levels (3 s within 20 g) call a change."""

LIGHTEST_SHARE: Final = 0.6

LISTED_G: Final = 10.0
LISTED_SHARE: Final = 0.25
"""A plate of a step is named from 10 g or a quarter of the step's largest move on. Neighbours may
stay off by 9 g; a light bag lies on three plates by 56, 25 and 18 %. Of 116 simulated light actions
a share of 0.5 gets 5 wrong in weight, one of 0.1 names an idle neighbour in 3."""

LINK_S: Final = 0.5
"""Moves that turned within this time are one action (a pick takes 0.1-0.3 s). At 1 s a pick and a
put-back beside it become one (4 of 192 simulated quick actions); 0.2 s broke nothing simulated, but
a bag that tips over takes longer."""

LONG_S: Final = 1.0
"""A move that took longer than one pick and its ringing was more than one action, or a hand that
stayed: what happened beside it meanwhile cannot be told apart from it."""

_TOLD_KEPT: Final = 24

WAIT_S: Final = 3.0
"""How long a finished move waits for a neighbour that left its level at the same time. Ringing ends
within 1 s; a hand that stays there must not hold back the others' steps for long."""


QUIET_S: Final = 1.0
"""How long it waits for any plate beside it that does not rest, wherever that is."""


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
        delta_g: Sum over `plates`, negative where something left.
        sigma_g: Deviation of that sum from noise; gain errors are the identification's matter.
        deltas_g: Change of every plate near the action that rests, also of those too small to be
            named: what one explanation calls coupling another may call its product's third plate.
        from_ns, to_ns: Store time from the last moment at the old level to the first at the new.
        blind: Why the node could not watch all of it; empty where it could.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    delta_g: float
    sigma_g: float
    deltas_g: Mapping[PlateId, float]
    from_ns: int
    to_ns: int
    blind: str = ""


@dataclass(slots=True)
class _Scale:
    sites: tuple[PlateSite, ...]
    levels: Levels
    near: list[list[int]]
    pending: list[tuple[PlateMove, int]] = field(default_factory=list)
    told: list[PlateMove] = field(default_factory=list)


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
            part.pending += [(move, now_ns) for move in moves]
            if part.pending:
                steps += self._ready_steps(part, now_ns)
        return steps

    def tick(self, now_ns: int) -> list[WeightStep]:
        """Time passes: steps that have waited long enough, on scales that brought no sample."""
        return [
            step
            for part in self._scales.values()
            if part.pending
            for step in self._ready_steps(part, now_ns)
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
                for move, _ in reversed(part.pending):
                    if move.plate == column:
                        level_g, still_ns = move.before_g, move.from_ns
                noise_g = float(np.nan_to_num(levels.noise_g[column]))
                told[site.plate] = (level_g, noise_g, still_ns)
        return told

    def restore(self, told: Mapping[PlateId, tuple[float, float, int]]) -> None:
        """Continue from what `told_levels` gave."""
        for part in self._scales.values():
            for column, site in enumerate(part.sites):
                if site.plate in told:
                    part.levels.restore(column, *told[site.plate])

    def _ready_steps(self, part: _Scale, now_ns: int) -> list[WeightStep]:
        link_ns = ns_from_s(max(LINK_S, 3 * part.levels.typical_period_s()))
        steps: list[WeightStep] = []
        for group in _linked(part, link_ns):
            if not _must_wait(part, group, link_ns, now_ns):
                part.pending = [entry for entry in part.pending if entry not in group]
                moves = [move for move, _ in group]
                if not _is_echo(part, moves, link_ns):
                    steps += self._step(part, moves)
        return steps

    def _step(self, part: _Scale, moves: list[PlateMove]) -> list[WeightStep]:
        deltas_g: dict[int, float] = {}
        for move in moves:
            deltas_g[move.plate] = deltas_g.get(move.plate, 0.0) + move.delta_g
        begin_ns = min(move.from_ns for move in moves)
        self._add_small_changes(part, deltas_g, begin_ns)
        largest_g = max(abs(delta_g) for delta_g in deltas_g.values())
        least_g = min(LISTED_G, LISTED_SHARE * largest_g)
        listed = [column for column in sorted(deltas_g) if abs(deltas_g[column]) >= least_g]
        delta_g = sum(deltas_g[column] for column in listed)
        sigma_g = float(np.hypot.reduce([part.levels.sigma_g(column) for column in listed]))
        if abs(delta_g) < max(self._smallest_g, 4 * sigma_g):
            return []
        named = [move for move in moves if move.plate in listed] or moves
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
            )
        ]

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


def _linked(part: _Scale, link_ns: int) -> list[list[tuple[PlateMove, int]]]:
    """Pending moves in groups that are one action each: near in place and in time, in a chain."""
    groups: list[list[tuple[PlateMove, int]]] = []
    for entry in part.pending:
        move = entry[0]
        joined = [
            group
            for group in groups
            if any(
                other.plate in part.near[move.plate] and _is_together(move, other, link_ns)
                for other, _ in group
            )
        ]
        groups = [group for group in groups if group not in joined]
        groups.append([*(entry for group in joined for entry in group), entry])
    return groups


def _is_together(move: PlateMove, other: PlateMove, link_ns: int) -> bool:
    """Whether two moves began or turned at one time, or one in the middle of the other.

    Half of a light bag on a noisy plate may seem to turn late, while its ring lasts. Where two
    units are taken a second apart from the same two plates, one of these may rest in between and
    the other not: nobody can say what each unit's share was.
    """
    began_together = abs(other.from_ns - move.from_ns) <= link_ns
    overlap = max(move.from_ns, other.from_ns) <= min(move.to_ns, other.to_ns)
    return (
        abs(other.turned_ns - move.turned_ns) <= link_ns
        or (began_together and overlap)
        or _is_within(other, move)
        or _is_within(move, other)
    )


def _is_within(move: PlateMove, long: PlateMove) -> bool:
    """Whether a move turned in the middle of a long one that may hold two of its like."""
    return (
        _is_long(long)
        and long.from_ns <= move.turned_ns <= long.to_ns
        and abs(long.delta_g) > abs(move.delta_g)
    )


def _is_long(move: PlateMove) -> bool:
    return move.to_ns - move.from_ns > ns_from_s(LONG_S)


def _is_echo(part: _Scale, moves: list[PlateMove], link_ns: int) -> bool:
    """Small moves beside a larger one just told: neighbours that rested late and stay off.

    In noise the turn of a small move is uncertain, hence three times the time to link.
    """
    return all(
        abs(move.delta_g) < LISTED_G
        and any(
            other.plate in part.near[move.plate]
            and abs(other.turned_ns - move.turned_ns) <= 3 * link_ns
            and abs(other.delta_g) > 2 * abs(move.delta_g)
            for other in part.told
        )
        for move in moves
    )


def _must_wait(part: _Scale, group: list[tuple[PlateMove, int]], link_ns: int, now_ns: int) -> bool:
    """Whether a plate beside the group left its level with it and does not rest yet."""
    waited_ns = now_ns - max(seen_ns for _, seen_ns in group)
    if waited_ns > ns_from_s(WAIT_S):
        return False
    levels = part.levels
    latest_ns = max(
        max(move.turned_ns + link_ns, move.to_ns if _is_long(move) else 0) for move, _ in group
    )
    members = {move.plate for move, _ in group}
    beside = {near for plate in members for near in part.near[plate]} - members
    waiting = levels.is_busy & (levels.still_ns <= latest_ns)
    if waited_ns <= ns_from_s(QUIET_S):
        # In noise a share of a light bag may pass through the old level and look as if still there.
        waiting |= ~levels.is_resting & ~np.isnan(levels.level_g)
    waiting &= ~levels.is_ignored
    return any(waiting[column] for column in beside)


def _watermark_ns(part: _Scale) -> int | None:
    levels = part.levels
    if levels.now_ns is None:
        return None
    waiting = levels.is_busy & ~levels.is_ignored
    marks = [levels.now_ns, *(move.from_ns for move, _ in part.pending)]
    if waiting.any():
        marks.append(int(levels.still_ns[waiting].min()))
    return min(marks) - 1
