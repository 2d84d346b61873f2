"""What a step was: candidates (product, quantity) with their likelihood and prior.

Likelihood of the weight: ``q`` units of a product weigh ``q * mean``, give or take the units' own
spread, the plate's gain error and the step's noise, all Gaussian, over a small mass of outliers
(half empty, wet). Likelihood of the place: the share of the weight that moved on plates of the
product's facing. The prior, what the planogram expects there and how many people take at once, is
kept apart: the gateway adds its own evidence.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tebura_contract.events import Candidate
from tebura_contract.ids import FacingId, PlateId, Sku

from tebura_edge.planogram import Place, Planogram, UnitWeight
from tebura_edge.weighing import WeightStep

MAX_QUANTITY: Final = 10
MAX_CANDIDATES: Final = 16
LEAST_POSTERIOR: Final = 1e-6
"""Less likely candidates are not sent. The gateway may still prefer a rare one: only what the cart
holds can come back."""

GAIN_SPREAD: Final = 0.025
"""Deviation of a plate's gain: the settled change differs from the product's weight by up to 5 %
(store plates), taken as two deviations. At 0.01 true picks look foreign, at 0.05 two of one product
and three of a lighter one can no longer be told apart."""

OUTLIER_MASS: Final = 0.01
EXPLAINED_SIGMAS: Final = 3.5
"""Further from every candidate than this, a step is foreign: 1 in 2,000 true picks is, and is
reviewed."""

HEAVIEST_G: Final = 5000.0
"""Nobody takes more in one hand: such a step is foreign whatever it matches."""

COUPLING_G: Final = (10.0, 5.0)
"""Plates may move along by up to 10 g, with this deviation (store: up to 9 g)."""

MAX_ALONG: Final = 4
"""So many small changes of a step are weighed as either; a pick has at most four plates near it."""

BESIDE: Final = 0.03
ELSEWHERE: Final = 0.001
"""Likelihood of weight that moved on a plate next to the product's own, and elsewhere on the shelf.
Of 78 labelled picks of the store from a product's own shelf 76 were on its plates, 2 on the next
one, none elsewhere (what was put elsewhere before is the planogram's matter)."""

HERE: Final = 0.02
"""Share of the moved weight, counted by the above, that must be where the product stands. Else
nobody can say that it was this one: several units of something light weigh what anything does."""

QUANTITY_POWER: Final = 3.0
"""How fast larger quantities in one grasp get rarer: two are 8 times as rare as one, eight 512
times. Of 117 labelled picks and put-backs of the store only 2 are of two units, but its shoppers
were told what to take; a power of 5 would make honest pairs look like something else."""

FOREIGN_SHARE: Final = 0.02
FOREIGN_UP_TO_G: Final = 3000.0
"""How often a step is of something that is no product, and what that may weigh: phones, bags, a
bottle of one's own. Eight cups that are 4 % off in weight are less likely than that."""

STRAY_RETURN: Final = 0.15
STRAY_QUANTITY: Final = 3
"""Prior share of put-backs that go to a shelf the product does not belong to (labelled visits of
the store: wrong places are a named hard case); never more than a hand holds."""


LOG_FOREIGN: Final = math.log(FOREIGN_SHARE / FOREIGN_UP_TO_G)
_LOG_QUANTITIES: Final = math.log(sum(n**-QUANTITY_POWER for n in range(1, MAX_QUANTITY + 1)))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a step may have been.

    Attributes:
        candidates: Best first; empty where no product of the store comes near.
        facing: The facing of the best candidate.
        plates, delta_g: The step as the best candidate sees it: with the small changes of its own
            plates, without those of others.
        misfit_sigmas: How far the best candidate's weight is off; infinite without candidates.
        is_here: Whether the best candidate was to be expected where the weight moved.
        log_odds: Of the best candidate against something that is no product.
    """

    candidates: tuple[Candidate, ...]
    facing: FacingId | None
    plates: tuple[PlateId, ...]
    delta_g: float
    misfit_sigmas: float
    is_here: bool
    log_odds: float

    @property
    def is_explained(self) -> bool:
        is_fitting = self.misfit_sigmas <= EXPLAINED_SIGMAS and self.log_odds >= 0
        return is_fitting and self.is_here and abs(self.delta_g) <= HEAVIEST_G


@dataclass(frozen=True, slots=True)
class _View:
    """The step as one place sees it."""

    plates: tuple[PlateId, ...]
    delta_g: float
    log_place: float
    share: float

    @property
    def is_here(self) -> bool:
        return self.share >= HERE

    def log_place_of(self, quantity: int) -> float:
        """Part of one unit may hang over its neighbour's plate; whole units seldom stand there."""
        units_off = math.floor(quantity * (1 - self.share) + 0.5) if quantity > 1 else 0
        return self.log_place + units_off * math.log(BESIDE)


@dataclass(frozen=True, slots=True)
class _Guess:
    candidate: Candidate
    place: Place
    view: _View
    misfit_sigmas: float
    log_odds: float

    @property
    def score(self) -> float:
        return self.candidate.log_likelihood + self.candidate.log_prior


def explain(step: WeightStep, planogram: Planogram) -> Explanation:
    """Rank the explanations of a step by products."""
    best: dict[tuple[Sku, int], _Guess] = {}
    for guess in _guesses(step, planogram):
        key = (guess.candidate.sku, guess.candidate.quantity)
        if key not in best or best[key].score < guess.score:
            best[key] = guess
    ranked = sorted(best.values(), key=lambda g: (-g.score, g.candidate.sku, g.candidate.quantity))
    if not ranked:
        return Explanation((), None, step.plates, step.delta_g, math.inf, False, -math.inf)
    floor = ranked[0].score + math.log(LEAST_POSTERIOR)
    kept = [guess for guess in ranked[:MAX_CANDIDATES] if guess.score >= floor]
    top = kept[0]
    return Explanation(
        candidates=tuple(guess.candidate for guess in kept),
        facing=top.place.facing,
        plates=top.view.plates,
        delta_g=top.view.delta_g,
        misfit_sigmas=top.misfit_sigmas,
        is_here=top.view.is_here,
        log_odds=top.log_odds,
    )


def _guesses(step: WeightStep, planogram: Planogram) -> Iterable[_Guess]:
    places = planogram.places(step.shelf)
    total = sum(place.expectation for place in places)
    is_return = step.delta_g > 0
    for place in places:
        share = place.expectation / total * (1 - STRAY_RETURN if is_return else 1.0)
        for view in _views(step, place):
            yield from _by_quantity(step, place, view, planogram.weight(place.sku), share)
    if is_return:
        # A product of this shelf may come back to the wrong end of it, too.
        strays = planogram.products()
        view = _View(step.plates, step.delta_g, 0.0, 1.0)
        for sku in strays:
            place = Place(sku, frozenset(step.plates), frozenset(), None, 0.0)
            share = STRAY_RETURN / len(strays)
            for guess in _by_quantity(step, place, view, planogram.weight(sku), share):
                if guess.candidate.quantity <= STRAY_QUANTITY:
                    yield guess


def _views(step: WeightStep, place: Place) -> Iterable[_View]:
    """The step with all plates that moved, and without those that may only have moved along.

    Neighbours of a pick stay off by a few grams, also those of the product's own facing, while a
    light bag's third plate shows no more: each small change is either, and the weight tells which.
    """
    limit_g, sd_g = COUPLING_G
    own = {plate: delta for plate, delta in step.deltas_g.items() if plate in place.plates}
    moved = {**{plate: step.deltas_g[plate] for plate in step.plates}, **own}
    small = sorted((p for p in moved if abs(moved[p]) <= limit_g), key=lambda p: -abs(moved[p]))
    small = small[:MAX_ALONG]
    for count in range(len(small) + 1):
        for along in itertools.combinations(small, count):
            kept = {plate: delta for plate, delta in moved.items() if plate not in along}
            weight_g = sum(abs(delta) for delta in kept.values())
            if weight_g == 0:
                continue
            share = sum(abs(kept[plate]) * _chance_of(plate, place) for plate in kept) / weight_g
            log_along = sum(-0.5 * (moved[plate] / sd_g) ** 2 for plate in along)
            yield _view(kept, math.log(share) + log_along, share)


def _chance_of(plate: PlateId, place: Place) -> float:
    if plate in place.plates:
        return 1.0
    return BESIDE if plate in place.beside else ELSEWHERE


def _view(deltas_g: dict[PlateId, float], log_place: float, share: float) -> _View:
    return _View(tuple(sorted(deltas_g)), sum(deltas_g.values()), log_place, share)


def _by_quantity(
    step: WeightStep, place: Place, view: _View, unit: UnitWeight, share: float
) -> Iterable[_Guess]:
    weight_g = abs(view.delta_g)
    if view.delta_g * step.delta_g <= 0:
        return
    nearest = round(weight_g / unit.mean_g)
    for quantity in range(max(nearest - 1, 1), min(nearest + 1, MAX_QUANTITY) + 1):
        expected_g = quantity * unit.mean_g
        sd_g = math.sqrt(
            quantity * unit.sd_g**2 + (GAIN_SPREAD * expected_g) ** 2 + step.sigma_g**2
        )
        misfit = (weight_g - expected_g) / sd_g
        log_quantity = -QUANTITY_POWER * math.log(quantity) - _LOG_QUANTITIES
        candidate = Candidate(
            sku=place.sku,
            quantity=quantity,
            log_likelihood=_log_weight(misfit, sd_g, weight_g, expected_g)
            + view.log_place_of(quantity),
            log_prior=math.log(share) + log_quantity,
        )
        # Which of the shelf's products it was is no question between products and the rest; which
        # of the store's others, is.
        log_chance = log_quantity + (0.0 if place.expectation else math.log(share))
        log_odds = candidate.log_likelihood + log_chance - LOG_FOREIGN
        yield _Guess(candidate, place, view, abs(misfit), log_odds)


def _log_weight(misfit: float, sd_g: float, weight_g: float, expected_g: float) -> float:
    """Log density (1/g) of a weight: a Gaussian, and outliers evenly up to 1.5 times expected."""
    gauss = math.exp(-0.5 * misfit**2) / (sd_g * math.sqrt(2 * math.pi))
    outlier = 1 / (1.5 * expected_g) if weight_g <= 1.5 * expected_g else 0.0
    density = (1 - OUTLIER_MASS) * gauss + OUTLIER_MASS * outlier
    return math.log(max(density, 1e-300))
