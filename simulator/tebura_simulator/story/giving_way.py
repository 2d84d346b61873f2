"""How far people step aside for each other: which side of each other two pass on, and then how far.

Pushing (`elastic`) widens what was begun but cannot change sides, so the side is said first, and
thought over where two still meet.
"""

import numpy as np

from tebura_simulator.story.clearance import Clearance
from tebura_simulator.story.elastic import Band
from tebura_simulator.story.footprints import Floats
from tebura_simulator.story.ways import (
    APART_M,
    BODY_HALF_M,
    GRID_S,
    STIFF,
    Ways,
    meeting,
    runs,
)

_ROUNDS = 100
_PASSES_MPS = 0.15
_LOOKS = 30
_AROUND = 40
"""Moments before and after that are thought over where two still meet."""
_BETTER = 0.9
"""Another side has to cost so much less."""
_NOTICED_M = 0.01


def asides_m(ways: Ways, room: Clearance) -> Floats:
    """How far everybody is moved at each moment, (people, moments, 2); zeros where nobody meets."""
    pairs = np.asarray(list(meeting(ways)), np.int64).reshape(-1, 2)
    aside = np.zeros_like(ways.at_m)
    if not len(pairs):
        return aside
    for one, two in pairs:
        _start_passing(ways, room, aside, int(one), int(two))
    band = Band(ways, pairs, room)
    aside = _other_sides(band, band.loosened(band.pushed(aside, _ROUNDS)))
    # Whoever is moved by less than a finger's width is not moved.
    aside[np.abs(aside).max(axis=(1, 2)) < _NOTICED_M] = 0.0
    return aside


def _other_sides(band: Band, aside: Floats) -> Floats:
    """Where two still meet, whether another side of each other is better."""
    aside = aside.copy()
    is_tried = np.zeros(aside.shape[1], np.bool_)[None].repeat(len(band.pairs), axis=0)
    for _ in range(_LOOKS):
        missed_m = np.where(is_tried, 0.0, band.missed_m(aside))
        pair, column = divmod(int(missed_m.argmax()), missed_m.shape[1])
        if missed_m[pair, column] <= 0.0:
            break
        is_tried[pair, max(0, column - _AROUND // 2) : column + _AROUND // 2] = True
        span = slice(max(0, column - _AROUND), column + _AROUND)
        near, people = band.cut(span, pair)
        one, two = np.searchsorted(people, band.pairs[pair]).tolist()
        best = aside[people, span]
        for bumped in near.bumps(best, one, two, column - span.start):
            other = near.loosened(near.pushed(bumped, _ROUNDS // 2, held=True), held=True)
            if near.cost(other) < _BETTER * near.cost(best):
                best = other
        aside[people, span] = best
    return aside


def _start_passing(ways: Ways, room: Clearance, aside: Floats, one: int, two: int) -> None:
    """Where two ways cross, say on which side; what follows only widens it."""
    apart = ways.at_m[one] - ways.at_m[two]
    far_m = np.linalg.norm(apart, axis=1)
    columns = np.arange(len(far_m))
    for first, last in runs(ways.here[one] & ways.here[two] & (far_m < APART_M)):
        nearest = first + int(np.argmin(far_m[first:last]))
        low, high = max(0, nearest - 1), min(len(far_m) - 1, nearest + 1)
        speed = (apart[high] - apart[low]) / ((high - low) * GRID_S)
        passing_mps = float(np.linalg.norm(speed))
        if passing_mps < _PASSES_MPS:
            continue
        right = np.array([speed[1], -speed[0]]) / passing_mps
        moves = _sides(ways, room, (one, two), nearest, right)
        width_s = max(0.5, APART_M / passing_mps)
        bump = np.exp(-0.5 * ((columns - nearest) * GRID_S / width_s) ** 2)
        for row, move in zip((one, two), moves, strict=True):
            aside[row] += bump[:, None] * move


def _sides(
    ways: Ways, room: Clearance, rows: tuple[int, int], column: int, right: Floats
) -> Floats:
    """How two move to pass on the better side of each other, (2, 2): their own right, or left."""
    starts, gives = ways.at_m[list(rows), column], ways.gives[list(rows), column]
    total = float(gives.sum())
    shares = np.array([gives[0], -gives[1]]) / total if total > STIFF else np.zeros(2)
    tries: list[tuple[float, Floats]] = []
    for side in (1.0, -1.0):
        need_m = APART_M - side * float((starts[0] - starts[1]) @ right)
        moves = (side * need_m * shares)[:, None] * right
        tight_m = sum(
            max(0.0, BODY_HALF_M - room.between(start, start + move))
            for start, move in zip(starts, moves, strict=True)
        )
        tries.append((round(need_m + 3.0 * tight_m, 2), moves))
    # The first, the right-hand side, where both are as good.
    return min(tries, key=lambda one: one[0])[1]
