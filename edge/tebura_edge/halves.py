"""One product whose plates came to rest at different moments, so that it was seen as two steps.

Plates that turn together are one step; a bag that slides off one plate before it leaves the next
is not. Where no product explains well what each plate shows, but one does what both do, they are
one. So what is likelier a half than a product waits until the other must have been told.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec
from tebura_contract.clock import SECOND_NS

from tebura_edge.bearing import are_side_by_side
from tebura_edge.identification import STRAY_RETURN, explain, log_quantity
from tebura_edge.planogram import Planogram
from tebura_edge.weight_step import WeightStep

NEAR_NS: Final = SECOND_NS
"""Halves begin or end at most so far apart (simulated store plates: up to 0.5 s)."""

LOG_HALVES: Final = math.log(0.05)
"""Share of steps that are halves (simulated store plates: 6 of 120)."""


WAIT_NS: Final = 3 * SECOND_NS // 2
"""How long the first half waits at most, if plates beside it keep moving; at no cost to what is a
product by itself. What a plate whose noise hides it does is told a second later."""


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
        self,
        steps: Iterable[WeightStep],
        planogram: Planogram,
        now_ns: int,
        through_ns: int | None = None,
    ) -> list[WeightStep]:
        """New steps in, what is whole or has waited long enough out.

        Args:
            steps: What is told now.
            planogram: What may stand there.
            now_ns: Store time.
            through_ns: All steps that began up to here were told; None where nobody knows.
        """
        until_ns = {id(one.step): one.until_ns for one in self.waiting}
        found = whole_again([*(one.step for one in self.waiting), *steps], planogram)
        ready, waiting = [], []
        for step in found:
            late_ns = until_ns.get(id(step))
            if late_ns is None and _may_be_half(step, planogram):
                late_ns = now_ns + WAIT_NS
            may_come = through_ns is None or through_ns < step.from_ns + NEAR_NS
            if late_ns is not None and now_ns < late_ns and may_come:
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
    """Whether it is likelier half of what stands on more plates than any product by itself."""
    log_half = _log_half(step, planogram)
    if log_half == -math.inf:
        return False
    explained = explain(step, planogram)
    return not explained.is_explained or log_half > explained.log_product


def _log_half(step: WeightStep, planogram: Planogram) -> float:
    """Log density (1/g) of the step as some part of what weighs more and stands on more plates."""
    places = planogram.places(step.shelf)
    total = sum(place.expectation for place in places)
    home = 1.0 - STRAY_RETURN if step.delta_g > 0.0 else 1.0
    return max(
        (
            LOG_HALVES
            + math.log(home * place.expectation / total)
            + log_quantity(units)
            - math.log(units * planogram.weight(place.sku).mean_g)
            for place in places
            if len(place.plates) > 1 and not place.plates.isdisjoint(step.plates)
            for units in range(1, UNITS + 1)
            if units * planogram.weight(place.sku).mean_g > abs(step.delta_g)
        ),
        default=-math.inf,
    )


def _joined(one: WeightStep, other: WeightStep, planogram: Planogram) -> WeightStep | None:
    """Both as one step, if that is likelier."""
    if not _may_be_halves(one, other, planogram):
        return None
    if not (_may_be_half(one, planogram) or _may_be_half(other, planogram)):
        return None
    apart = [explain(step, planogram) for step in (one, other)]
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
