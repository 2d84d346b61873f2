"""People's offsets from their ways as an elastic band in time (Quinlan and Khatib 1993).

Everybody's offset is pushed until nobody stands in anybody, and pulled smooth over time; shelves
push back, and limits hold.
"""

import math
from collections.abc import Iterator

import numpy as np

from tebura_simulator.story.clearance import Clearance
from tebura_simulator.story.footprints import Bools, Floats
from tebura_simulator.story.ways import (
    APART_M,
    BODY_HALF_M,
    CLOSE_M,
    GRID_S,
    MOST_M,
    STIFF,
    Ints,
    Ways,
)

_TIGHT_M = 0.12
_PUSH, _KEPT = 0.6, 0.99
"""Of what is missed between two, made up a round; of what was moved, left after it."""
_SMOOTH_S = 0.3
_ROUND_S = 0.7


class Band:
    """Offsets as an elastic band in time: pushed apart where two meet, pulled smooth elsewhere.

    Attributes:
        pairs: (pairs, 2) rows of those that come close at all.
    """

    def __init__(self, ways: Ways, pairs: Ints, room: Clearance) -> None:
        self._ways, self.pairs, self._room = ways, pairs, room
        self.at_m = ways.at_m
        self._beside = _beside(ways, pairs)
        self._both = ways.here[pairs[:, 0]] & ways.here[pairs[:, 1]]
        clear_m = room.at(ways.at_m.reshape(-1, 2)).reshape(ways.here.shape)
        self._least_m = np.minimum(BODY_HALF_M, clear_m)

    def cut(self, span: slice, pair: int) -> "tuple[Band, Ints]":
        """The same for a span of moments and for whom a pair may meet in it; their rows."""
        mine = [with_two for with_two in self.pairs if self._meet(with_two, span)]
        people = np.unique(
            [
                *self.pairs[pair],
                *(row for two in mine if set(two) & set(self.pairs[pair]) for row in two),
            ]
        )
        kept = [two for two in mine if set(two) <= set(people.tolist())] or [self.pairs[pair]]
        pairs = np.searchsorted(people, np.asarray(kept))
        return Band(self._ways.cut(people, span), pairs, self._room), people

    def _meet(self, pair: Ints, span: slice) -> bool:
        one, two = pair
        both = self._ways.here[one, span] & self._ways.here[two, span]
        far_m = np.linalg.norm(self.at_m[one, span] - self.at_m[two, span], axis=1)
        return bool(far_m[both].min(initial=np.inf) < APART_M + 2 * MOST_M)

    def pushed(self, aside: Floats, rounds: int, *, held: bool = False) -> Floats:
        """Pushed apart round by round; with `held`, both ends stay where they are."""
        start = aside
        for round_ in range(rounds):
            aside = _KEPT * _smooth(aside + self._pushes(aside), self._ways.here)
            aside = _allowed(aside, self._ways)
            if round_ % 4 == 3:
                aside = self._off_shelves(aside)
            if held:
                aside = _held(aside, start)
        return aside

    def loosened(self, aside: Floats, *, held: bool = False) -> Floats:
        """Without the corners that shelves and limits leave in a way."""
        start = aside
        for _ in range(2):
            aside = self._off_shelves(_allowed(_smooth(aside, self._ways.here), self._ways))
        return _held(aside, start) if held else aside

    def missed_m(self, aside: Floats) -> Floats:
        """(pairs, moments) by how much two are closer than they should ever be."""
        return np.where(self._both, np.maximum(0.0, CLOSE_M - self._apart(aside)[1]), 0.0)

    def cost(self, aside: Floats) -> float:
        """Less is better: first nobody in anybody, then short and slow ways aside."""
        hurry = np.linalg.norm(np.diff(aside, axis=1), axis=2) / GRID_S
        in_the_way = np.maximum(0.0, self._least_m - 0.03 - self._clear_m(aside))
        missed = float((self.missed_m(aside) ** 2).sum() + 3.0 * (in_the_way**2).sum())
        return missed + 0.05 * float((np.maximum(0.0, hurry - 0.6) ** 2).sum()) + 1e-3

    def bumps(self, aside: Floats, one: int, two: int, column: int) -> Iterator[Floats]:
        """The same with one of two sent round the other, on each side there is room on."""
        moments = (np.arange(aside.shape[1]) - column) * GRID_S
        bump = np.exp(-0.5 * (moments / _ROUND_S) ** 2)[:, None]
        for person, other in ((one, two), (two, one)):
            at_m, round_m = self.at_m[person, column], self.at_m[other, column]
            for turn in np.arange(8) * math.pi / 4:
                off = APART_M * np.array([math.cos(turn), math.sin(turn)])
                goal = round_m + aside[other, column] + off
                is_far = float(np.hypot(*(goal - at_m))) > MOST_M + 0.2
                if is_far or self._room.between(at_m, goal) < _TIGHT_M:
                    continue
                bumped = aside.copy()
                bumped[person] += bump * (goal - at_m - aside[person, column])
                yield bumped

    def _apart(self, aside: Floats) -> tuple[Floats, Floats]:
        at_m = self._ways.at_m + aside
        apart = at_m[self.pairs[:, 0]] - at_m[self.pairs[:, 1]]
        return apart, np.linalg.norm(apart, axis=2)

    def _pushes(self, aside: Floats) -> Floats:
        """What moves everybody away from everybody who is too close."""
        one, two = self.pairs.T
        apart, far_m = self._apart(aside)
        lacks_m = np.where(self._both, np.maximum(0.0, APART_M - far_m), 0.0)
        is_known = far_m[..., None] > 0.02
        away = np.where(is_known, apart / np.maximum(far_m, 0.02)[..., None], self._beside)
        gives = self._ways.gives
        total = np.maximum(STIFF, gives[one] + gives[two])
        push = _PUSH * (lacks_m / total)[..., None] * away
        pushes = np.zeros_like(aside)
        np.add.at(pushes, one, gives[one][..., None] * push)
        np.subtract.at(pushes, two, gives[two][..., None] * push)
        return pushes

    def _clear_m(self, aside: Floats) -> Floats:
        """Room around everybody who is moved; plenty around the others."""
        clear_m = np.full(aside.shape[:2], np.inf)
        moved = np.abs(aside).max(axis=2) > 1e-3
        clear_m[moved] = self._room.at((self._ways.at_m + aside)[moved])
        return clear_m

    def _off_shelves(self, aside: Floats) -> Floats:
        """Nobody is moved into what stands there, or closer to it than its way led."""
        clear_m = self._clear_m(aside)
        lacks_m = np.maximum(0.0, self._least_m - clear_m)
        # From within a shelf the way out may be on its other side: back, then.
        freed = np.where(((clear_m < 0.0) & (lacks_m > 0.0))[..., None], 0.5 * aside, aside)
        tight = (lacks_m > 0.0) & (clear_m >= 0.0)
        uphill = self._room.uphill((self._ways.at_m + aside)[tight])
        freed[tight] += lacks_m[tight][:, None] * uphill
        return freed


def _beside(ways: Ways, pairs: Ints) -> Floats:
    """Which way two part who stand in one point, (pairs, moments, 2): to the sides they came from.

    Shoulder to shoulder, so that both still have the shelf before them.
    """
    apart = ways.at_m[pairs[:, 0]] - ways.at_m[pairs[:, 1]]
    ahead = ways.ahead[pairs[:, 0]]
    across = np.stack([-ahead[..., 1], ahead[..., 0]], axis=2)
    sides = np.sign(np.einsum("pti,pti->pt", apart, across))
    both = ways.here[pairs[:, 0]] & ways.here[pairs[:, 1]]
    told = both & (np.linalg.norm(apart, axis=2) > 0.1) & (sides != 0.0)
    columns = np.where(told, np.arange(sides.shape[1]), -1)
    latest = np.maximum.accumulate(columns, axis=1)
    known = np.take_along_axis(sides, np.maximum(latest, 0), axis=1)
    beside: Floats = np.where(latest < 0, 1.0, known)[..., None] * across
    return beside


def _held(aside: Floats, start: Floats) -> Floats:
    """Both ends as they were at first, what lies between eased into them."""
    count = aside.shape[1]
    from_end = np.minimum(np.arange(count), np.arange(count)[::-1])
    share = np.clip((from_end - 1) / 6.0, 0.0, 1.0)[:, None]
    eased: Floats = share * aside + (1.0 - share) * start
    return eased


def _smooth(values: Floats, here: Bools) -> Floats:
    """Even out over time while somebody is there."""
    reach = round(3 * _SMOOTH_S / GRID_S)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * GRID_S / _SMOOTH_S) ** 2)
    known = here.astype(np.float64)[..., None]
    padded = np.pad(values * known, ((0, 0), (reach, reach), (0, 0)))
    weights = np.pad(known, ((0, 0), (reach, reach), (0, 0)))
    count = values.shape[1]
    total, weight = np.zeros_like(values), np.zeros_like(known)
    for shift, tap in enumerate(taps):
        total += tap * padded[:, shift : shift + count]
        weight += tap * weights[:, shift : shift + count]
    smoothed: Floats = total / np.maximum(weight, 1e-9)
    return smoothed


def _allowed(aside: Floats, ways: Ways) -> Floats:
    """Along the shelf only for whoever reaches into it, and no further than is allowed."""
    forward = np.einsum("pti,pti->pt", aside, ways.ahead) * ways.reaches
    aside = aside - forward[..., None] * ways.ahead
    far_m = np.linalg.norm(aside, axis=2)
    kept: Floats = aside * np.minimum(1.0, ways.most_m / np.maximum(far_m, 1e-9))[..., None]
    return kept
