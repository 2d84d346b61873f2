"""Which moves of plates belong to one action, and whether it is over.

A product may lie on several plates and its neighbours shake and stay a few grams off: moves that
turned together with the largest are one action with it, from neighbour to neighbour. Two people may
act on one shelf within a second, so no time is linked through a third. What comes onto a plate
beside one that carries somebody's weight is told when that is lifted, as what is left of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tebura_contract.clock import ns_from_s

from tebura_edge.levels import Levels
from tebura_edge.plate_move import PlateMove

LINK_S: Final = 0.4
"""Moves that turned within this time of the largest are one action (a pick takes 0.1-0.3 s). At 1 s
a pick and a put-back beside it become one; 0.2 s broke nothing simulated, but a bag that tips over
takes longer."""

SMALL_LINKS: Final = 2.0
"""The turn of a small move is less certain: it may be so many times farther off."""

SMALL_G: Final = 10.0
"""Neighbours stay off by up to 9 g."""

WAIT_S: Final = 2.0
"""How long a finished move waits for a neighbour that left its level at the same time. Ringing ends
within 1 s; a hand that stays there must not hold back the others' steps for long."""

QUIET_S: Final = 0.3
QUIET_G: Final = 4.0
QUIET_SHARE: Final = 0.1
"""How long it waits for any plate beside it that does not rest, wherever that is, if it is off its
level by so much and by this share of the move: less is no plate of a light bag but its shake."""

PRESS_S: Final = 20.0
PRESS_LINK_S: Final = 1.0
PRESS_G: Final = 15.0
PRESS_SHARE: Final = 0.5
"""What comes onto a plate while one beside it went up by so much, or by so large a share of it, and
stays up without resting, is somebody's weight: it waits for so long for the end of it. A lean takes
up to a second to reach all plates."""

STAY_ROWS: Final = 2
"""What comes, or is little, must rest for so many samples more: an elbow pauses, too. With 5 it is
told .3 s later at 10 Hz, and hardly an elbow less is told."""

NOISY_SHARE: Final = 1 / 8
"""What is little rests until noise leaves no more than this share of it uncertain."""

PRELUDE_S: Final = 0.7
"""A small move may be a hand that lies on what it is about to take: for so long it is part of what
follows."""

GRASP_S: Final = 1.2
"""What a plate does by a little so long before or after it is taken from, while something beside it
is handled, is no part of that: a hand is in a shelf for half a second before it takes. A stick of
gum taken 1.7 s after its plate was left 6 g up by a put-back beside it was a step of 9 g."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A move that no step has told yet, and when it was found."""

    move: PlateMove
    seen_ns: int


Action = tuple[Pending, ...]
"""Moves that belong together, the largest first."""


def link_ns_of(levels: Levels) -> int:
    """Time between the turns of one action's moves, at most."""
    return ns_from_s(max(LINK_S, 3 * levels.typical_period_s()))


def actions_of(
    pending: Sequence[Pending], near: Sequence[Sequence[int]], levels: Levels
) -> list[Action]:
    """Pending moves by the action they belong to.

    Args:
        pending: Moves not told yet.
        near: The plates near each plate.
        levels: What else these plates do.
    """
    link_ns = link_ns_of(levels)
    left = sorted(pending, key=lambda one: (-abs(one.move.delta_g), one.move.plate))
    found: list[Action] = []
    while left:
        mine = _with(left, near, link_ns)
        left = [one for one in left if one not in mine]
        found.append(mine)
    return _merged(_gathered(found))


def _with(left: Sequence[Pending], near: Sequence[Sequence[int]], link_ns: int) -> Action:
    """The first of these and what turned with it, from neighbour to neighbour."""
    mine = [left[0]]
    beside = set(near[left[0].move.plate])
    for _ in left:
        more = [
            one
            for one in left
            if one not in mine
            and one.move.plate in beside
            and _turned_with(one.move, left[0].move, link_ns)
        ]
        if not more:
            break
        mine += more
        # What is as small as a neighbour's shake is no link between two.
        linking = [one.move.plate for one in more if abs(one.move.delta_g) >= SMALL_G]
        beside.update(q for plate in linking for q in near[plate])
    return tuple(mine)


def _gathered(actions: Sequence[Action]) -> list[Action]:
    """What is little goes with the largest that its plate does within one grasp.

    A plate that is about to be taken from shakes when something beside it is put back: that makes
    no one action of both.
    """
    largest = _largest(actions)
    found: list[list[Pending]] = [[] for _ in actions]
    for number, action in enumerate(actions):
        for one in action:
            home = number
            if one is not action[0] and _is_small(one.move):
                number_there, there = largest[one.move.plate]
                if abs(there.turned_ns - one.move.turned_ns) <= ns_from_s(GRASP_S):
                    home = number_there
            found[home].append(one)
    return [tuple(sorted(mine, key=lambda one: -abs(one.move.delta_g))) for mine in found]


def _largest(actions: Sequence[Action]) -> dict[int, tuple[int, PlateMove]]:
    """The largest move of each plate, and the number of its action."""
    found: dict[int, tuple[int, PlateMove]] = {}
    for number, action in enumerate(actions):
        for one in action:
            move = one.move
            if move.plate not in found or abs(move.delta_g) > abs(found[move.plate][1].delta_g):
                found[move.plate] = number, move
    return found


def _merged(actions: Sequence[Action]) -> list[Action]:
    """What happens again on the plates of an action that is not over is part of it.

    Not so what a plate does after it shook a little beside somebody else's: each is told by itself.
    """
    largest = {plate: move for plate, (_, move) in _largest(actions).items()}
    found: list[Action] = []
    taken: list[set[int]] = []
    for action in sorted(actions, key=lambda one: one[0].move.turned_ns):
        own = {
            one.move.plate
            for one in action
            if one is action[0] or not _is_small(one.move) or largest[one.move.plate] is one.move
        }
        at = next((n for n, plates in enumerate(taken) if plates & own), None)
        if at is None:
            found.append(action)
            taken.append(own)
        else:
            both = (*found[at], *action)
            found[at] = tuple(sorted(both, key=lambda one: -abs(one.move.delta_g)))
            taken[at] |= own
    return found


def is_over(action: Action, near: Sequence[Sequence[int]], levels: Levels, now_ns: int) -> bool:
    """Whether no plate of the action or beside it may still belong to it."""
    waited_ns = now_ns - max(one.seen_ns for one in action)
    if abs(action[0].move.delta_g) < SMALL_G and waited_ns < ns_from_s(PRELUDE_S):
        return False
    if _is_noisy(action, levels, now_ns):
        return False
    members = {one.move.plate for one in action}
    moves_on = any(levels.is_busy[q] and not levels.is_ignored[q] for q in members)
    if _comes_to_little(action):
        moves_on |= any(not levels.is_resting[q] and not levels.is_ignored[q] for q in members)
    elif not _is_small(action[0].move):
        moves_on = False
    if moves_on and waited_ns <= ns_from_s(WAIT_S):
        # Perhaps too little to be told by itself: the beginning of what follows.
        return False
    beside = {q for plate in members for q in near[plate]} - members
    first_ns = min(one.move.from_ns for one in action)
    last_ns = max(one.move.turned_ns for one in action) + link_ns_of(levels)
    largest = action[0].move
    stays_ns = ns_from_s(STAY_ROWS * levels.typical_period_s())
    if waited_ns < stays_ns and largest.delta_g > -2 * SMALL_G:
        return False
    if largest.delta_g > 0 and waited_ns <= ns_from_s(PRESS_S):
        least_g = max(PRESS_G, PRESS_SHARE * largest.delta_g)
        leans = levels.is_busy & (levels.off_g >= least_g) & (levels.still_ns <= last_ns)
        leans &= levels.still_ns >= first_ns - ns_from_s(PRESS_LINK_S)
        sways = levels.is_busy | (levels.rested_ns < now_ns - waited_ns + stays_ns)
        if any((leans & ~levels.is_ignored)[q] for q in beside):
            return False
        if any((sways & ~levels.is_ignored)[q] for q in members):
            return False
    if waited_ns > ns_from_s(WAIT_S):
        return True
    waiting = levels.is_busy & (levels.still_ns >= first_ns - link_ns_of(levels))
    waiting &= levels.still_ns <= last_ns
    if waited_ns <= ns_from_s(QUIET_S):
        # In noise a share of a light bag may pass through the old level and look as if still there.
        least_g = max(QUIET_G, QUIET_SHARE * abs(largest.delta_g))
        waiting |= ~levels.is_resting & (np.abs(levels.rest_g - levels.level_g) >= least_g)
    waiting &= ~levels.is_ignored
    return not any(waiting[q] for q in beside)


def _comes_to_little(action: Action) -> bool:
    """Whether its plates cancel each other: something slid, or one of them only shakes."""
    return abs(sum(one.move.delta_g for one in action)) < SMALL_G


def _is_noisy(action: Action, levels: Levels, now_ns: int) -> bool:
    """Whether its largest plate has not rested for long enough to say what it shows."""
    move = action[0].move
    needs_ns = levels.needs_ns(move.plate, NOISY_SHARE * abs(move.delta_g))
    return now_ns - move.to_ns < needs_ns


def _turned_with(move: PlateMove, first: PlateMove, link_ns: int) -> bool:
    apart_ns = abs(move.turned_ns - first.turned_ns)
    return apart_ns <= (SMALL_LINKS if _is_small(move) else 1.0) * link_ns


def _is_small(move: PlateMove) -> bool:
    return abs(move.delta_g) < max(SMALL_G, 6 * move.sigma_g)
