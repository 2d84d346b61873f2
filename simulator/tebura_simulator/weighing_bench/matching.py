"""Which told event is which true step.

An event may be of a step on the same shelf, the same way (both took or both put), whose moment lies
between the event's start and end, `NEAR_S` either side; without a common plate only if the weights
are within `_SHARE`. Of all such pairs those that share a plate come first, then those nearest in
weight; each step and each event is used once. What is left and alike in plates and weight (`ALIKE`)
is paired up to `FAR_S` apart: a clock that stepped.

Two steps left over that together are alike an event left over, up to `FAR_S` from it, are *merged*
in it. Any other step left over is merged into the event of another if that event's weight is nearer
to both together, or up to `FAR_S` before or after it if plates and weights are alike, or if it
happened on the event's plates within its time, of which the event tells as a whole; an event left
over is a *split* piece of a step if the step's weight is nearer to all pieces together. Two steps
left over that are each other's opposite on the same plates within `NETS_S` are *netted*, or merged
into the event of another there in whose time either was. Other steps are *missed*, other events
*false*.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tebura_simulator.weighing_bench.playing import Told
from tebura_simulator.weighing_bench.true_steps import TrueStep

NEAR_S = 0.5
FAR_S = 3.0
ALIKE = (5.0, 0.05)
NETS_S = 5.0
_SHARE = 0.25


class Fate(StrEnum):
    """What became of a true step."""

    FOUND = "found"
    MERGED = "merged"
    SPLIT = "split"
    NETTED = "netted"
    MISSED = "missed"


@dataclass(eq=False)
class Group:
    """Steps and events that belong together: one of each where all is well."""

    steps: list[TrueStep] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @property
    def true_g(self) -> float:
        return sum(step.delta_g for step in self.steps)

    @property
    def told_g(self) -> float:
        return sum(one.event.delta_g for one in self.told)


@dataclass(frozen=True, eq=False)
class Matching:
    """Everything of a case, each step and each event once."""

    groups: tuple[Group, ...]
    missed: tuple[TrueStep, ...]
    netted: tuple[TrueStep, ...]
    false: tuple[Told, ...]


def matched(steps: Sequence[TrueStep], told: Sequence[Told]) -> Matching:
    """Match all that was told with all that was true."""
    groups = _paired(steps, told, NEAR_S, _may_be)
    left_steps, left_told = _left(steps, told, groups)
    groups += _paired(left_steps, left_told, FAR_S, _is_alike)
    left_steps, left_told = _left(steps, told, groups)
    groups += _sums(left_steps, left_told)
    left_steps, left_told = _left(steps, told, groups)
    for step in left_steps:
        if not _merge(step, groups):
            _is_within((step,), groups)
    for one in left_told:
        _split(one, groups)
    left_steps, left_told = _left(steps, told, groups)
    netted = _netted(left_steps)
    for pair in list(zip(netted[::2], netted[1::2], strict=True)):
        if _is_within(pair, groups):
            left_steps = [step for step in left_steps if step not in pair]
            netted = [step for step in netted if step not in pair]
    missed = tuple(step for step in left_steps if step not in netted)
    return Matching(tuple(groups), missed, tuple(netted), tuple(left_told))


def fate(group: Group) -> Fate:
    """What became of the steps of a group."""
    if len(group.steps) > 1:
        return Fate.MERGED
    return Fate.SPLIT if len(group.told) > 1 else Fate.FOUND


def _covers(one: Told, step: TrueStep, near_s: float) -> bool:
    is_there = one.event.shelf == step.shelf
    return is_there and one.from_s - near_s <= step.at_s <= one.to_s + near_s


def _may_be(one: Told, step: TrueStep, near_s: float) -> bool:
    off_g = abs(one.event.delta_g - step.delta_g)
    is_like = _shares(one, step) or off_g <= _SHARE * abs(step.delta_g)
    return one.event.delta_g * step.sign > 0 and is_like and _covers(one, step, near_s)


def _is_alike(one: Told, step: TrueStep, near_s: float) -> bool:
    off_g = one.event.delta_g - step.delta_g
    return _may_be(one, step, near_s) and _shares(one, step) and _is_small(off_g, step)


def _shares(one: Told, step: TrueStep) -> bool:
    return not step.plates.isdisjoint(one.event.plates)


def _is_small(off_g: float, step: TrueStep) -> bool:
    least_g, share = ALIKE
    return abs(off_g) <= max(least_g, share * abs(step.delta_g))


def _paired(
    steps: Iterable[TrueStep],
    told: Sequence[Told],
    near_s: float,
    may_be: Callable[[Told, TrueStep, float], bool],
) -> list[Group]:
    pairs = [
        (
            (
                step.plates.isdisjoint(one.event.plates),
                abs(one.event.delta_g - step.delta_g),
                step.number,
                number,
            ),
            step,
            one,
        )
        for step in steps
        for number, one in enumerate(told)
        if may_be(one, step, near_s)
    ]
    pairs.sort(key=lambda pair: pair[0])
    groups: list[Group] = []
    used: set[int] = set()
    for _, step, one in pairs:
        if id(step) not in used and id(one) not in used:
            used |= {id(step), id(one)}
            groups.append(Group([step], [one]))
    return groups


def _left(
    steps: Iterable[TrueStep], told: Iterable[Told], groups: Iterable[Group]
) -> tuple[list[TrueStep], list[Told]]:
    used = {id(one) for group in groups for one in (*group.steps, *group.told)}
    return [s for s in steps if id(s) not in used], [t for t in told if id(t) not in used]


def _sums(steps: Sequence[TrueStep], told: Iterable[Told]) -> list[Group]:
    """Events of two steps that nobody told apart, one each way perhaps."""
    groups: list[Group] = []
    for one in told:
        used = {id(step) for group in groups for step in group.steps}
        near = [
            step
            for step in steps
            if id(step) not in used and _covers(one, step, FAR_S) and _shares(one, step)
        ]
        for first, second in itertools.combinations(near, 2):
            off_g = one.event.delta_g - first.delta_g - second.delta_g
            if _is_small(off_g, max(first, second, key=lambda step: abs(step.delta_g))):
                groups.append(Group([first, second], [one]))
                break
    return groups


def _merge(step: TrueStep, groups: Sequence[Group]) -> bool:
    for group in groups:
        off_g = group.told_g - group.true_g
        if any(_covers(one, step, NEAR_S) for one in group.told):
            is_nearer = abs(off_g - step.delta_g) < abs(off_g) - _SHARE * abs(step.delta_g)
        else:
            is_near = any(_covers(one, step, FAR_S) and _shares(one, step) for one in group.told)
            is_nearer = (
                is_near and _is_small(off_g - step.delta_g, step) and not _is_small(off_g, step)
            )
        if is_nearer:
            group.steps.append(step)
            return True
    return False


def _split(one: Told, groups: Sequence[Group]) -> None:
    for group in groups:
        if not any(_covers(one, step, NEAR_S) for step in group.steps):
            continue
        off_g, more_g = group.true_g - group.told_g, one.event.delta_g
        if abs(off_g - more_g) < abs(off_g) - _SHARE * abs(more_g):
            group.told.append(one)
            return


def _is_within(steps: tuple[TrueStep, ...], groups: Sequence[Group]) -> bool:
    """Whether an event there was told of the time of any of them, which are then part of it."""
    for group in groups:
        if any(
            _covers(one, step, 0.0) and _shares(one, step) for one in group.told for step in steps
        ):
            group.steps += steps
            return True
    return False


def _netted(steps: Sequence[TrueStep]) -> list[TrueStep]:
    found: list[TrueStep] = []
    for number, step in enumerate(steps):
        for other in steps[number + 1 :]:
            if (
                step not in found
                and other not in found
                and step.shelf == other.shelf
                and abs(step.at_s - other.at_s) <= NETS_S
                and not step.plates.isdisjoint(other.plates)
                and _is_small(step.delta_g + other.delta_g, step)
            ):
                found += [step, other]
    return found
