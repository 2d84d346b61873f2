"""Two steps that undo each other: what was laid down is taken away, what was taken is put back.

Whatever it was, the same weight is back where it was. If the first of both was never decided to be
a product, neither needs to be: a hand or a bag that rests on a shelf for a while is no purchase,
and nobody must say what it was that a shopper put back where they took it from.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import EventId, ShelfId, Sku, VisitId

from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.facts import Step
from tebura_gateway.domain.what import Guess

ALIKE_G: Final = 4.0
ALIKE_SIGMAS: Final = 3.0
ALIKE_SHARE: Final = 0.01
"""The same thing weighs the same on the same plates, within the largest of these."""

ABOUT_G: Final = 9.0
"""What neighbours that are handled leave on a plate makes the same thing seem to weigh up to so
much more or less."""

UNITS_SHARE: Final = 0.03
"""Units of one product differ by so much at most."""

LOOSELY_SHARE: Final = 0.1
"""A hand that presses does not weigh the same when it comes and when it goes."""

LIFTED_SHARE: Final = 1 / 3
AT_ONCE_S: Final = 5.0
"""What is back soon and weighs as much within such a share may be all of what left: a hand that
lifts does not weigh the same all the while. Back at once, it makes a pick doubtful that was sure:
nobody holds a shelf up for long while they shop."""

SOON_S: Final = 20.0
ANOTHER_SOON: Final = 0.25
"""What comes and goes within this time is one thing unless surely two visits did it, to whom this
happens so much less often; later it must be the same visit: somebody may take a product as heavy as
what another left there."""


SURE_SIGMAS: Final = 5.0
"""What is less than so many deviations may have been noise, and undoes nothing: a stick of gum that
is taken where a noisy plate seemed heavier before is not somebody's key on its way back."""

PUT_HERE: Final = 0.8
"""How likely the thing that leaves is one of its weight that was put there last, in front of all
others. The node learns of it, too, but only once it is decided."""

LIKELY: Final = 0.05
"""What an open step is less likely to have been is not sought in what is taken later."""

LOOK_BACK: Final = 256
"""So many steps of a shelf at most are looked at."""

_UNTRUSTED: Final = (Reason.BLIND, Reason.FLAGGED, Reason.UNKNOWN_SHELF, Reason.WAITING)


@dataclass(frozen=True, slots=True)
class Past:
    """A decision, how likely each visit is behind its step, and whether two hands were seen.

    `is_let_down`: it may be what the same hand had lifted, and then nothing more lies there.
    """

    decision: Decision
    shares: Mapping[VisitId, float]
    is_contested: bool = False
    is_let_down: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing said yet which product it was, though it was seen well."""
        return self.is_seen and not self.is_product

    @property
    def is_product(self) -> bool:
        """Whether it is decided which product it was."""
        return self.decision.status is Status.DECIDED and self.decision.sku is not None

    def guesses(self) -> tuple[Guess, ...]:
        """What it was, as far as that is known."""
        first = self.decision
        if first.status is Status.DECIDED:
            if first.sku is None:
                return ()
            return (Guess(sku=first.sku, quantity=abs(first.quantity), probability=1.0),)
        return first.candidates

    @property
    def is_seen(self) -> bool:
        """Whether its weight can be believed."""
        is_sure = abs(self.decision.delta_g) >= SURE_SIGMAS * self.decision.sigma_g
        return is_sure and self.decision.reason not in _UNTRUSTED


@dataclass(slots=True)
class Undoing:
    """Earlier steps that later ones may undo, by shelf; each is undone once."""

    _past: dict[ShelfId, dict[EventId, Past]] = field(default_factory=dict)
    # The same, gains and losses apart: a pick is not compared with all other picks.
    _ways: dict[tuple[ShelfId, bool], dict[EventId, Past]] = field(default_factory=dict)

    def copy(self) -> "Undoing":
        return Undoing(
            {shelf: past.copy() for shelf, past in self._past.items()},
            {way: past.copy() for way, past in self._ways.items()},
        )

    def add(self, past: Past) -> None:
        first = past.decision
        self._past.setdefault(first.shelf, {})[first.id] = past
        self._ways.setdefault((first.shelf, first.delta_g > 0.0), {})[first.id] = past

    def forget(self, past: Past) -> None:
        first = past.decision
        self._past[first.shelf].pop(first.id, None)
        self._ways[first.shelf, first.delta_g > 0.0].pop(first.id, None)

    def alike(self, step: Step) -> Iterator[Past]:
        """Steps of the same weight the other way on these plates, the last one first."""
        least_g = max(ALIKE_G, ALIKE_SHARE * abs(step.delta_g))
        for past in self._opposite(step):
            off_g = abs(past.decision.delta_g + step.delta_g)
            if off_g <= max(
                least_g, ALIKE_SIGMAS * math.hypot(past.decision.sigma_g, step.sigma_g)
            ):
                yield past

    def perhaps(self, step: Step) -> tuple[Guess, ...]:
        """What leaves, if it weighs about what lies on these plates undecided.

        Or as some of several that were put there.
        """
        for past in self._opposite(step):
            put = past.decision
            if step.delta_g > 0.0:
                continue
            if past.is_open and abs(put.delta_g + step.delta_g) <= ABOUT_G:
                return past.guesses()
            if past.is_open or past.is_product:
                some = tuple(_some_of(past, step))
                if some:
                    return some
        return ()

    def taken(self, step: Step, visit: VisitId, sku: Sku) -> tuple[Past, ...]:
        """What they took of a product from these plates, and is not back."""
        return tuple(
            past
            for past in self._opposite(step)
            if past.is_product and (past.decision.visit, past.decision.sku) == (visit, sku)
        )

    def loosely(self, step: Step) -> Iterator[Past]:
        """Steps of about the same weight the other way on these plates, shortly before."""
        for past in self._opposite(step):
            off_g = abs(past.decision.delta_g + step.delta_g)
            if off_g <= LOOSELY_SHARE * abs(step.delta_g) and is_soon(past.decision, step.from_ns):
                yield past

    def lifted(self, step: Step) -> Iterator[Past]:
        """What left these plates shortly before and may be all back."""
        for past in self._opposite(step):
            left = past.decision
            is_back = abs(left.delta_g + step.delta_g) <= LIFTED_SHARE * abs(left.delta_g)
            if left.delta_g < 0.0 and is_back and is_soon(left, step.from_ns):
                yield past

    def in_parts(self, step: Step) -> tuple[Past, list[Past]] | None:
        """What this step, with others since, brings back, or takes away again, all of.

        A hand that lifts a thing may let it down in parts, and one that comes to rest on a shelf
        does so in parts. The others, of which none is known to be a product, come with it.
        """
        parts: list[Past] = []
        sign = math.copysign(1.0, step.delta_g)
        sum_g, variance_g2 = step.delta_g, step.sigma_g**2
        for past in itertools.islice(reversed(self._past.get(step.shelf, {}).values()), LOOK_BACK):
            if set(past.decision.plates).isdisjoint(step.plates):
                continue
            if sign * sum_g <= 0.0 or not (past.is_seen and is_soon(past.decision, step.from_ns)):
                return None
            sum_g += past.decision.delta_g
            variance_g2 += past.decision.sigma_g**2
            is_all = abs(sum_g) <= max(ALIKE_G, ALIKE_SIGMAS * math.sqrt(variance_g2))
            if is_all and sign * past.decision.delta_g < 0.0:
                return (past, parts) if parts else None
            if past.is_product:
                return None
            parts.append(past)
        return None

    def _opposite(self, step: Step) -> Iterator[Past]:
        opposite = self._ways.get((step.shelf, step.delta_g < 0.0), {}).values()
        plates = set(step.plates)
        for past in itertools.islice(reversed(opposite), LOOK_BACK):
            if not plates.isdisjoint(past.decision.plates):
                yield past


def _some_of(past: Past, step: Step) -> Iterator[Guess]:
    """What a step may be as some of the units of an earlier one."""
    for guess in past.guesses():
        if guess.probability >= LIKELY:
            for count in range(1, guess.quantity):
                if _weighs_some(past, step, count, guess.quantity):
                    yield Guess(sku=guess.sku, quantity=count, probability=guess.probability)


def is_some_of(past: Past, step: Step, count: int) -> bool:
    """Whether a step weighs what so many units of an earlier one did on the same plates."""
    return _weighs_some(past, step, count, abs(past.decision.quantity))


def _weighs_some(past: Past, step: Step, count: int, units: int) -> bool:
    expected_g = abs(past.decision.delta_g) * count / units
    share = ALIKE_SHARE if count == units else UNITS_SHARE
    noise_g = ALIKE_SIGMAS * math.hypot(past.decision.sigma_g, step.sigma_g)
    return abs(abs(step.delta_g) - expected_g) <= max(ALIKE_G, share * expected_g, noise_g)


def same_hand(first: Mapping[VisitId, float], second: Mapping[VisitId, float]) -> float:
    """How likely one visit is behind both steps, if each is some visit's."""
    of_first, of_second = sum(first.values()), sum(second.values())
    if not of_first or not of_second:
        return 0.0
    both = sum(share * second.get(visit, 0.0) for visit, share in first.items())
    return both / (of_first * of_second)


def is_soon(first: Decision, from_ns: int, within_s: float = SOON_S) -> bool:
    return from_ns - first.to_ns <= within_s * SECOND_NS
