"""From what happened in a labelled visit to scripts: whose hand, how fast, at which moment.

What happens is the label's; the seed says what labels do not: where in the labelled second, how
fast somebody walks and reaches, which hand, when they came in.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from tebura_contract.geometry import Xy
from tebura_contract.ids import FacingId, MemberId, Sku

from tebura_simulator.story.placing import Placed
from tebura_simulator.story.routes import Aisles
from tebura_simulator.story.scenario import Deed, Hand, OtherHand, ShopperScript, Step
from tebura_simulator.story.walker import OTHER

FASTEST_MPS = 1.6
"""Nobody in a small shop walks faster; labels that ask for it are put later."""
MOST_AT_ONCE = 10
_BETWEEN_ENTRIES_S = 8.0
_FIRST_ENTRY_S = 3.0
_PER_WAY_S = 2.0
"""Turning, and coming to a stand."""
_QUICKEST_PACE = 2.2
_SAME_PLACE_M = 0.3
_RIGHT_HANDED = 0.89
_REACHING_S, _PAUSE_S = 2.3, 0.5
"""About how long a reach takes at pace 1, there and back, and what follows it."""
_AT_THE_GATE_S = 6.0
"""From the door to the reader, and showing the code."""


@dataclass(frozen=True)
class Ground:
    """The floor as shoppers use it: the gate, and where to stand before each facing."""

    gate_m: Xy
    stands_m: Mapping[FacingId, Xy]
    aisles: Aisles

    def length_m(self, start: Xy, goal: Xy) -> float:
        points = (start, *self.aisles.way(start, goal))
        return sum(math.dist(a, b) for a, b in itertools.pairwise(points))


@dataclass
class _Hands:
    """Which hand holds what, as the plan of a shopper will have it."""

    strong: Hand
    held: dict[Hand, set[Sku]] = field(default_factory=lambda: {hand: set() for hand in Hand})

    def for_take(self, sku: Sku) -> Hand:
        order = (self.strong, OTHER[self.strong])
        hand = next((hand for hand in order if not self.held[hand]), self.strong)
        self.held[hand] = {sku}
        return hand

    def for_putting(self, sku: Sku) -> Hand:
        hand = next((hand for hand in Hand if sku in self.held[hand]), self.strong)
        self.held[hand] = set()
        return hand


@dataclass(frozen=True)
class _Course:
    """What one person does, on the visit's own clock, which may run from before 0."""

    name: str
    enter_s: float
    walk_mps: float
    steps: tuple[Step, ...]
    events: tuple[int | None, ...]


@dataclass(frozen=True)
class Role:
    """A person's script, and for each of its steps the label's number, if a label tells of it."""

    script: ShopperScript
    events: tuple[int | None, ...]


def roles(
    placed: Sequence[Placed], ground: Ground, random: np.random.Generator
) -> tuple[Role, ...]:
    """What everybody does, in the order in which they come in."""
    mine: defaultdict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        mine[one.shopper].append(one)
        if one.to is not None:
            mine.setdefault(one.to, [])
    # One moment a label, so that what one second holds keeps its order.
    labels = dict.fromkeys(p.index for p in placed if p.index is not None)
    within_s = {index: float(random.uniform(0.0, 1.0)) for index in labels}
    courses = [_course(name, its, within_s, ground, random) for name, its in mine.items()]
    return _in_turn(courses, random)


def _course(
    name: str,
    mine: Sequence[Placed],
    within_s: Mapping[int, float],
    ground: Ground,
    random: np.random.Generator,
) -> _Course:
    walk_mps = float(random.uniform(0.85, 1.35))
    hands = _Hands(Hand.RIGHT if random.random() < _RIGHT_HANDED else Hand.LEFT)
    slack_s = float(random.uniform(0.5, 5.0))
    before_s, here = None, ground.gate_m
    steps: list[Step] = []
    events: list[int | None] = []
    for group in _reaches(mine):
        first, there = group[0], ground.stands_m[group[0].facing]
        at_s = first.at_s + (within_s[first.index] if first.index is not None else 0.0)
        pace, lag_s = float(random.uniform(0.8, 1.35)), float(random.normal(0.0, 0.25))
        if before_s is not None:
            at_s = max(at_s, before_s + 0.3)
            far_m, free_s = ground.length_m(here, there), at_s - before_s - _PAUSE_S
            if far_m > _SAME_PLACE_M:
                way_s = free_s - _REACHING_S / pace - _PER_WAY_S
                walk_mps = max(walk_mps, far_m / max(0.1, way_s))
            else:
                pace = max(pace, min(_QUICKEST_PACE, _REACHING_S / max(0.1, free_s)))
        steps += _steps(group, at_s, round(pace, 2), hands, round(max(-1.0, min(1.0, lag_s)), 2))
        events += [first.index] * (len(steps) - len(events))
        before_s, here = at_s, there
    walk_mps = round(min(FASTEST_MPS, walk_mps), 2)
    first_s = steps[0].at_s if steps and steps[0].at_s is not None else 0.0
    first_m = ground.length_m(ground.gate_m, ground.stands_m[mine[0].facing]) if mine else 0.0
    arrive_s = _AT_THE_GATE_S + first_m / walk_mps + _PER_WAY_S + _REACHING_S / 2
    return _Course(name, first_s - arrive_s - slack_s, walk_mps, tuple(steps), tuple(events))


def _reaches(mine: Sequence[Placed]) -> Iterator[tuple[Placed, ...]]:
    """What one label says is done with both hands at once: two products, near each other."""
    waiting: list[Placed] = []
    for one in mine:
        first = waiting[0] if waiting else None
        is_same = first is not None and first.index is not None and one.index == first.index
        if first is not None and is_same and len(waiting) == 1 and first.deed is one.deed:
            yield (first, one)
            waiting = []
            continue
        if first is not None:
            yield (first,)
        waiting = [one]
    if waiting:
        yield (waiting[0],)


def _steps(
    group: tuple[Placed, ...], at_s: float, pace: float, hands: _Hands, lag_s: float
) -> Iterator[Step]:
    first = group[0]
    if first.deed is Deed.HAND_OVER:
        hand = hands.for_putting(first.sku)
        yield Step(
            action=first.deed,
            sku=first.sku,
            quantity=first.quantity,
            to=first.to,
            hand=hand,
            at_s=at_s,
        )
        return
    is_take = first.deed is Deed.TAKE
    hand = hands.for_take(first.sku) if is_take else hands.for_putting(first.sku)
    other = None
    if len(group) == 2:
        hands.held[OTHER[hand]] = {group[1].sku} if is_take else set()
        other = OtherHand(
            sku=group[1].sku,
            quantity=min(MOST_AT_ONCE, group[1].quantity),
            facing=group[1].facing,
            lag_s=lag_s,
        )
    for number, quantity in enumerate(_portions(first.quantity)):
        yield Step(
            action=first.deed,
            sku=first.sku,
            quantity=quantity,
            facing=first.facing,
            hand=hand,
            pace=pace,
            at_s=at_s,
            other_hand=other if number == 0 else None,
        )
    for one in group[1:]:
        for quantity in _portions(one.quantity - MOST_AT_ONCE):
            yield Step(
                action=one.deed, sku=one.sku, quantity=quantity, facing=one.facing, pace=pace
            )


def _portions(quantity: int) -> Iterator[int]:
    while quantity > 0:
        yield min(quantity, MOST_AT_ONCE)
        quantity -= MOST_AT_ONCE


def _in_turn(courses: Sequence[_Course], random: np.random.Generator) -> tuple[Role, ...]:
    """One after another through the gate, earlier where two would meet there; time from 0 on."""
    ordered = sorted(courses, key=lambda course: course.enter_s)
    enters_s: list[float] = []
    for course in reversed(ordered):
        between_s = _BETWEEN_ENTRIES_S + float(random.exponential(2.0))
        latest_s = enters_s[0] - between_s if enters_s else math.inf
        enters_s.insert(0, min(course.enter_s, latest_s))
    first_s = min([*enters_s, *(s.at_s for c in ordered for s in c.steps if s.at_s is not None)])
    shift_s = _FIRST_ENTRY_S + float(random.uniform(0.0, 3.0)) - first_s
    return tuple(
        Role(_script(course, enter_s, shift_s), course.events)
        for course, enter_s in zip(ordered, enters_s, strict=True)
    )


def _script(course: _Course, enter_s: float, shift_s: float) -> ShopperScript:
    steps = tuple(
        step
        if step.at_s is None
        else msgspec.structs.replace(step, at_s=round(step.at_s + shift_s, 2))
        for step in course.steps
    )
    return ShopperScript(
        id=course.name,
        member=MemberId(course.name),
        enter_s=round(enter_s + shift_s, 2),
        walk_mps=course.walk_mps,
        do=steps,
    )
