"""The joint posterior of who it was and what: the hands, the node's candidates, and the carts.

A put-back is of what they hold; the node, which does not know, kept that apart. Each product they
hold is as likely to come back, what they are not known to hold hardly.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tebura_contract.ids import PlateId, ShelfId, Sku, VisitId, plate_id
from tebura_contract.layout import Layout, Product, Shelf

from tebura_gateway.domain.facts import Step
from tebura_gateway.domain.holdings import Holdings
from tebura_gateway.domain.what import Guess, other_share
from tebura_gateway.domain.who import Who

SWAPPED: Final = 0.25
"""Of put-backs by who holds two things of one weight, how many are put in the place of the other,
to one that is put in its own (simulated calm and busy hours: 7 to 29). Who compares two and keeps
one hardly looks; as rare as any other wrong place (1 in 1,000), the weight of two rice balls would
decide what is refunded. So who cannot be told apart from what belongs there is asked about."""

PERHAPS_HELD: Final = 0.1
"""What is less likely in their hands is not looked for in the place of something else."""

WEIGHT_SHARE: Final = 0.02
"""Deviation of what a package weighs on any plate from the catalogue."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the store sells, and where; built once, asked often."""

    products: Mapping[Sku, Product]
    shelves: Mapping[ShelfId, Shelf]

    @classmethod
    def of(cls, layout: Layout) -> "Catalogue":
        shelves = {name: shelf for name, (_, shelf) in layout.shelves().items()}
        return cls(layout.products(), shelves)

    def stands(self, shelf: ShelfId, plates: Collection[PlateId]) -> frozenset[Sku]:
        """What belongs on these plates."""
        known = self.shelves.get(shelf)
        return frozenset(
            facing.sku
            for facing in (known.facing if known is not None else ())
            if not facing.plates
            or not {plate_id(shelf, plate) for plate in facing.plates}.isdisjoint(plates)
        )


@dataclass(frozen=True, slots=True)
class Joint:
    """Probabilities that sum to one with `other`: none of the candidates, whoever it was.

    `known` is how far it is anybody's who has a visit.
    """

    shares: dict[tuple[VisitId | None, Sku, int], float]
    other: float
    known: float

    def best(self) -> tuple[VisitId | None, Sku, int, float] | None:
        """The likeliest, if there is any."""
        if not self.shares:
            return None
        ranked = max(
            ((share, visit or "", sku, count) for (visit, sku, count), share in self.shares.items())
        )
        share, visit, sku, count = ranked
        return (VisitId(visit) if visit else None), sku, count, share

    def of_visit(self, visit: VisitId | None) -> float:
        """How likely it was theirs if it was a product."""
        mine = math.fsum(share for key, share in self.shares.items() if key[0] == visit)
        return mine / (1.0 - self.other) if self.other < 1.0 else 0.0

    def guesses(self) -> tuple[Guess, ...]:
        """What it was, whoever it was."""
        found: dict[tuple[Sku, int], float] = {}
        for (_, sku, count), share in self.shares.items():
            found[sku, count] = found.get((sku, count), 0.0) + share
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return tuple(
            Guess(sku=sku, quantity=count, probability=share) for (sku, count), share in ranked
        )


def weigh(
    step: Step, who: Who, found: Sequence[Guess], holdings: Holdings, catalogue: Catalogue
) -> Joint:
    """Who and what, given what each visit holds."""
    visits: Sequence[tuple[VisitId | None, float]] = who.posterior or ((None, 1.0),)
    is_return = step.delta_g > 0.0
    weights: dict[tuple[VisitId | None, Sku, int], float] = {}
    for visit, share in visits:
        mine = {(guess.sku, guess.quantity): guess.probability for guess in found}
        if is_return:
            mine = _held(mine, step, visit, [one for one, _ in visits], holdings, catalogue)
        weights |= {(visit, *key): share * weight for key, weight in mine.items()}
    known = math.fsum(share for _, share in visits)
    other = known * other_share(found)
    total = math.fsum([other, *weights.values()])
    if not total:
        return Joint({}, 1.0, known)
    return Joint({key: weight / total for key, weight in weights.items()}, other / total, known)


def _held(
    weights: dict[tuple[Sku, int], float],
    step: Step,
    visit: VisitId | None,
    inside: Sequence[VisitId | None],
    holdings: Holdings,
    catalogue: Catalogue,
) -> dict[tuple[Sku, int], float]:
    """The same where they put back what they hold; `inside` are all who may have handed it over."""
    others = [one for one in inside if one is not None]
    mine = {key: weight * holdings.odds(visit, *key, others) for key, weight in weights.items()}
    shares = {key: holdings.share(visit, *key) for key in weights}
    fits = {key: _log_fit(step, key, catalogue) for key in weights if shares[key] >= PERHAPS_HELD}
    home = catalogue.stands(step.shelf, step.plates)
    here = [key for key in fits if key[0] in home]
    if here:
        # What else they hold may have been put where a thing stands that they hold.
        top = max(here, key=lambda key: (mine[key], key))
        for key in (key for key in fits if key[0] not in home):
            swapped = SWAPPED * math.exp(min(fits[key] - fits[top], 0.0)) * shares[key]
            mine[key] = max(mine[key], swapped / shares[top] * mine[top])
    return mine


def _log_fit(step: Step, key: tuple[Sku, int], catalogue: Catalogue) -> float:
    """How well so many of a product weigh what the step does (log density), by the catalogue."""
    product = catalogue.products.get(key[0])
    if product is None:
        return -math.inf
    expected_g = key[1] * product.weight_g
    sd_g = math.hypot(WEIGHT_SHARE * expected_g, product.weight_sd_g or 0.0, step.sigma_g)
    return -0.5 * ((abs(step.delta_g) - expected_g) / sd_g) ** 2 - math.log(sd_g)
