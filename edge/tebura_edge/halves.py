"""One product whose plates came to rest at different moments, so that it was seen as two steps.

Plates that turn together are one step; a bag that slides off one plate before it leaves the next
is not. Where no product explains what each plate shows, but one does what both do, they are one. So
what may be a half waits a moment for the other.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec
from tebura_contract.clock import SECOND_NS

from tebura_edge.bearing import are_side_by_side
from tebura_edge.identification import explain
from tebura_edge.planogram import Planogram
from tebura_edge.weight_step import WeightStep

NEAR_NS: Final = SECOND_NS
"""Halves begin or end at most so far apart (simulated store plates: up to 0.5 s)."""

LOG_HALVES: Final = math.log(0.05)
"""Share of steps that are halves (simulated store plates: 6 of 120)."""


WAIT_NS: Final = SECOND_NS // 2
"""How long the first half waits, at no cost to what is a product by itself."""


UNITS: Final = 2
"""Two bags in one grasp come apart as one does: more than one of them may be half of that."""


class Waiting(msgspec.Struct, frozen=True):
    """A step that may be a half, and until when it waits."""

    until_ns: int
    step: WeightStep


class Halves:
    """Steps on their way out, and those that wait for their other half."""

    def __init__(self, waiting: tuple[Waiting, ...] = ()) -> None:
        self.waiting = waiting

    def take(
        self, steps: Iterable[WeightStep], planogram: Planogram, now_ns: int
    ) -> list[WeightStep]:
        """New steps in, what is whole or has waited long enough out."""
        until_ns = {id(one.step): one.until_ns for one in self.waiting}
        found = whole_again([*(one.step for one in self.waiting), *steps], planogram)
        ready, waiting = [], []
        for step in found:
            late_ns = until_ns.get(id(step))
            if late_ns is None and _may_be_half(step, planogram):
                late_ns = now_ns + WAIT_NS
            if late_ns is not None and now_ns < late_ns:
                waiting.append(Waiting(late_ns, step))
            else:
                ready.append(step)
        self.waiting = tuple(waiting)
        return ready

    def began_ns(self) -> int | None:
        """When the first that waits began."""
        return min((one.step.from_ns for one in self.waiting), default=None)


def whole_again(steps: Iterable[WeightStep], planogram: Planogram) -> list[WeightStep]:
    """The same steps, halves of one product put together."""
    found: list[WeightStep] = []
    for step in steps:
        for number, other in enumerate(found):
            both = _joined(other, step, planogram)
            if both is not None:
                found[number] = both
                break
        else:
            found.append(step)
    return found


def _may_be_half(step: WeightStep, planogram: Planogram) -> bool:
    """Whether no product explains it, and one that stands on more plates weighs more."""
    could_be = any(
        len(place.plates) > 1
        and not place.plates.isdisjoint(step.plates)
        and UNITS * planogram.weight(place.sku).mean_g > abs(step.delta_g)
        for place in planogram.places(step.shelf)
    )
    return could_be and not explain(step, planogram).is_explained


def _joined(one: WeightStep, other: WeightStep, planogram: Planogram) -> WeightStep | None:
    """Both as one step, if that is likelier."""
    if not _may_be_halves(one, other, planogram):
        return None
    apart = [explain(step, planogram) for step in (one, other)]
    if all(explanation.is_explained for explanation in apart):
        return None
    both = _sum(one, other)
    together = explain(both, planogram)
    log_apart = sum(max(explanation.log_product, explanation.log_foreign) for explanation in apart)
    is_one = together.is_explained and together.log_product + LOG_HALVES > log_apart
    return both if is_one else None


def _may_be_halves(one: WeightStep, other: WeightStep, planogram: Planogram) -> bool:
    near = min(abs(one.from_ns - other.from_ns), abs(one.to_ns - other.to_ns)) <= NEAR_NS
    return (
        near
        and one.shelf == other.shelf
        and one.delta_g * other.delta_g > 0.0
        and set(one.plates).isdisjoint(other.plates)
        and are_side_by_side((*one.plates, *other.plates), planogram.plates(one.shelf))
    )


def _sum(one: WeightStep, other: WeightStep) -> WeightStep:
    first, second = (one, other) if one.from_ns <= other.from_ns else (other, one)
    named = {plate: first.deltas_g[plate] for plate in first.plates}
    named |= {plate: second.deltas_g[plate] for plate in second.plates}
    return replace(
        first,
        plates=(*first.plates, *second.plates),
        delta_g=first.delta_g + second.delta_g,
        sigma_g=math.hypot(first.sigma_g, second.sigma_g),
        deltas_g={**first.deltas_g, **second.deltas_g, **named},
        sigmas_g={**first.noises_g(), **second.noises_g()},
        to_ns=max(first.to_ns, second.to_ns),
        blind=", ".join(dict.fromkeys(filter(None, [first.blind, second.blind]))),
    )
