"""What a step was: candidates (product, quantity) with their likelihood and prior.

One model of how plates come to show what they show: which of them bear the product, in which
shares, what the others stay off (`bearing`); ``q`` units weigh ``q * mean``, give or take their own
spread, the plate's gain error and noise, over a small mass of outliers (half empty, wet). The
prior, what the planogram expects there and how many people take at once, is kept apart: the gateway
adds its own evidence. What is no product is weighed by the same measure.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tebura_contract.events import Candidate
from tebura_contract.ids import FacingId, PlateId, Sku

from tebura_edge.bearing import (
    SCATTERED,
    STAYS_G,
    Borne,
    are_side_by_side,
    log_any,
    log_idle,
    ways,
)
from tebura_edge.planogram import Place, Planogram, UnitWeight
from tebura_edge.weight_step import WeightStep

MAX_QUANTITY: Final = 10
MAX_CANDIDATES: Final = 16
LEAST_POSTERIOR: Final = 1e-6
"""Less likely candidates are not sent. The gateway may still prefer a rare one: only what the cart
holds can come back."""

CALIBRATED: Final = (0.5, 0.012)
"""Share of plates that are calibrated well, and the deviation of their gain."""

MOST_OFF: Final = 0.05
"""The others show anything up to so much more or less than the product weighs (store plates: the
settled change differs by up to 5 %), and no more: with a bell of that width two of one product and
three of a lighter one can no longer be told apart; with well calibrated plates alone a plate that
is 4 % off shows something else."""

NOISE: Final = ((0.9, 1.0), (0.1, 2.0))
"""Share of steps whose noise is so many times what is known of it: of 450 simulated ones 7 % are
off by more than two deviations, 1.4 % by more than three. By a bell alone what a noisy plate shows
of three light ones is too surely one heavier one."""

OFF_SHARES: Final = (0.02, 0.6)
"""Share of steps whose own plates stay off as a handled plate's neighbours do: where nothing else
moved meanwhile, and where something near them did."""

OUTLIER_MASS: Final = 0.0008
OUTLIER_MOST: Final = 1.2
"""Share of packages that weigh anything up to so many times what they should: partly eaten, wet.
At 1.5 a bag laid down beside a bottle may be the bottle."""

HEAVIEST_G: Final = 7000.0
"""Nobody takes more at once: three bottles of two litres are 6.2 kg. Whatever such a step matches,
it is foreign."""

SEVERAL: Final = (1.0, 1 / 8, 1 / 16)
"""How often one, two, three packages are taken at once, to one: of 592 picks of simulated calm and
busy hours 31 are of two and 30 of three; of 117 labelled ones of the store only 2 are of two, but
its shoppers were told what to take. With two as rare as that, two bars in a wrong place are told as
a gum and a chocolate; with three rarer, three sticks of gum as a chocolate on a noisy plate."""

HANDFUL: Final = len(SEVERAL)
QUANTITY_POWER: Final = 5.0
"""How fast more than a hand holds gets rarer: what weighs about what eight small ones do is rather
two products at once."""

FOREIGN_SHARES: Final = (0.02, 0.05)
FOREIGN_G: Final = (5.0, 12_000.0)
"""How often what leaves, and what comes, is no product, and what that may weigh, evenly by its
logarithm: keys, phones, bags, a hand that rests there. Eight cups that are 4 % off in weight are
less likely than that."""

CART_ODDS: Final = 15.0
"""How much likelier a put-back of a product in a wrong place is than the node can know: the gateway
knows who holds what, a few of the store's products. At 1 two bars in a wrong place are told as what
stands there, a gum and a chocolate."""

PERHAPS_SEVERAL: Final = 0.05
"""What is this likely several products, against none, is not told as something foreign: that would
be settled without anybody being asked."""

NOTHING_SHARE: Final = 0.1
"""How often what looks like a step is none: plates that rest a few grams elsewhere."""

STRAY_RETURN: Final = 0.15
STRAY_NEAR: Final = 0.6
STRAY_QUANTITY: Final = 3
"""Prior share of put-backs that go where the product does not belong (labelled visits of the store:
wrong places are a named hard case), and how many of those go elsewhere on its own fixture, where
like stands beside like; never more than a hand holds."""

_LOG_FOREIGN_SPAN: Final = math.log(math.log(FOREIGN_G[1] / FOREIGN_G[0]))
_LOG_NOTHING: Final = math.log(NOTHING_SHARE)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a step may have been.

    Attributes:
        candidates: Best first; empty where no product of the store comes near.
        facing: The facing of the best candidate.
        plates, delta_g: The step as the best candidate sees it: with the small changes of its own
            plates, without those of others.
        astray: Share of the candidates of products that do not belong there.
        log_product: Of all candidates together, as a density of what the plates show.
        log_foreign: Of something that is no product; `log_nothing` of nothing at all.
        log_other: Of all that is none of the candidates, those two among it.
        log_several: Of several products at once.
        is_perhaps: One of several that may be there: told as a product however doubtful it is, so
            that it is asked about.
    """

    candidates: tuple[Candidate, ...]
    facing: FacingId | None
    plates: tuple[PlateId, ...]
    delta_g: float
    astray: float
    log_product: float
    log_foreign: float
    log_nothing: float
    log_other: float
    log_several: float = -math.inf
    is_perhaps: bool = False

    @property
    def what(self) -> tuple[Sku, int] | None:
        """What it most likely is."""
        return (top.sku, top.quantity) if (top := next(iter(self.candidates), None)) else None

    @property
    def log_one(self) -> float:
        """Of a product, as likely as who knows the carts may find it."""
        return self.log_product + math.log1p(self.astray * (CART_ODDS - 1))

    @property
    def is_explained(self) -> bool:
        """Whether it is rather a product than none, or perhaps several at once."""
        is_one = self.log_product > self.log_other
        is_several = self.log_several > self.log_other + math.log(PERHAPS_SEVERAL)
        return bool(self.candidates) and (is_one or is_several or self.is_perhaps)

    @property
    def thing_chance(self) -> float:
        """That something was laid there, if it is no product: it may be nothing at all."""
        return math.exp(self.log_foreign - log_sum([self.log_foreign, self.log_nothing]))

    def log_split(self, what: tuple[Sku, int] | None) -> tuple[float, float]:
        """How likely it is so many of that product, and how likely anything else."""
        mine = [one for one in self.candidates if (one.sku, one.quantity) == what]
        others = [_score(one) for one in self.candidates if one not in mine]
        if self.astray > 0.0:
            others.append(self.log_product + math.log(self.astray * (CART_ODDS - 1)))
        return log_sum(map(_score, mine)), log_sum([self.log_other, *others])

    def or_else(self, log_other: float) -> "Explanation":
        """With one more explanation that is none of the candidates."""
        return replace(self, log_other=log_sum([self.log_other, log_other]))


@dataclass(frozen=True, slots=True)
class _Guess:
    sku: Sku
    quantity: int
    place: Place
    borne: Borne
    log_likelihood: float
    log_prior: float

    @property
    def score(self) -> float:
        return self.log_likelihood + self.log_prior


def explain(step: WeightStep, planogram: Planogram) -> Explanation:
    """Rank the explanations of a step by products."""
    found: dict[tuple[Sku, int], list[_Guess]] = {}
    for guess in _guesses(step, planogram):
        found.setdefault((guess.sku, guess.quantity), []).append(guess)
    ranked = sorted(
        ((_together(guesses), guesses) for guesses in found.values()),
        key=lambda one: (-_score(one[0]), one[0].sku, one[0].quantity),
    )
    log_foreign, log_nothing = _log_foreign(step, planogram), _log_nothing(step)
    nothing = Explanation(
        candidates=(),
        facing=None,
        plates=step.plates,
        delta_g=step.delta_g,
        astray=0.0,
        log_product=-math.inf,
        log_foreign=log_foreign,
        log_nothing=log_nothing,
        log_other=log_sum([log_foreign, log_nothing]),
    )
    if not ranked or abs(step.delta_g) > HEAVIEST_G:
        return nothing
    floor = _score(ranked[0][0]) + math.log(LEAST_POSTERIOR)
    kept = tuple(one for one, _ in ranked[:MAX_CANDIDATES] if _score(one) >= floor)
    left_out = log_sum(_score(one) for one, _ in ranked[len(kept) :])
    top = max(ranked[0][1], key=lambda guess: guess.score)
    log_product = log_sum(_score(one) for one in kept)
    astray = log_sum(
        guess.score for _, guesses in ranked for guess in guesses if guess.place.facing is None
    )
    return replace(
        nothing,
        candidates=kept,
        facing=top.place.facing,
        plates=top.borne.plates,
        delta_g=top.borne.delta_g,
        astray=min(math.exp(astray - log_product), 1.0),
        log_product=log_product,
        log_other=log_sum([log_foreign, log_nothing, left_out]),
    )


def log_sum(logs: Iterable[float]) -> float:
    """Logarithm of the sum of what these are logarithms of."""
    known = [one for one in logs if one > -math.inf]
    if not known:
        return -math.inf
    top = max(known)
    return top + math.log(math.fsum(math.exp(one - top) for one in known))


def log_weight(weight_g: float, expected_g: float, units_g: float, noise_g: float) -> float:
    """Log density (1/g) of a weight; `units_g` is the spread of the units themselves."""
    density = math.fsum(
        of_all * _density(weight_g, expected_g, max(math.hypot(units_g, times * noise_g), 1e-6))
        for of_all, times in NOISE
    )
    most_g = OUTLIER_MOST * expected_g
    outlier = 1 / most_g if weight_g <= most_g else 0.0
    return math.log(max((1 - OUTLIER_MASS) * density + OUTLIER_MASS * outlier, 1e-300))


def _density(weight_g: float, expected_g: float, own_g: float) -> float:
    """Density of a weight by all plates' gains; `own_g` is the deviation by units and noise."""
    share, gain = CALIBRATED
    off_g = MOST_OFF * expected_g
    bell = _bell(weight_g - expected_g, math.hypot(own_g, gain * expected_g))
    below, above = (weight_g - expected_g + side for side in (-off_g, off_g))
    flat = (_below(above / own_g) - _below(below / own_g)) / (2 * off_g)
    return share * bell + (1 - share) * flat


def _log_shown(
    weight_g: float, expected_g: float, units_g: float, noise_g: float, off_share: float
) -> float:
    """Log density of a weight where its plates may also stay off by what goes on beside them."""
    off_g = math.hypot(noise_g, math.sqrt(2) * STAYS_G)
    at_rest = log_weight(weight_g, expected_g, units_g, noise_g)
    off = log_weight(weight_g, expected_g, units_g, off_g)
    return log_sum([math.log1p(-off_share) + at_rest, math.log(off_share) + off])


def _bell(off_g: float, sd_g: float) -> float:
    """Gaussian density."""
    return math.exp(-0.5 * (off_g / sd_g) ** 2) / (sd_g * math.sqrt(2 * math.pi))


def _below(sigmas: float) -> float:
    """Share of a Gaussian below so many deviations."""
    return 0.5 * math.erfc(-sigmas / math.sqrt(2))


def _quantities() -> list[float]:
    more = range(HANDFUL + 1, MAX_QUANTITY + 1)
    shares = [*SEVERAL, *(SEVERAL[-1] * (HANDFUL / n) ** QUANTITY_POWER for n in more)]
    return [-math.inf, *(math.log(share / sum(shares)) for share in shares)]


_LOG_QUANTITIES: Final = _quantities()


def log_quantity(quantity: int) -> float:
    """Log prior of so many units in one grasp."""
    return _LOG_QUANTITIES[quantity]


def _score(candidate: Candidate) -> float:
    return candidate.log_likelihood + candidate.log_prior


def _together(guesses: list[_Guess]) -> Candidate:
    """One candidate of all ways in which so many of a product may have changed the plates."""
    prior = log_sum({guess.place: guess.log_prior for guess in guesses}.values())
    return Candidate(
        sku=guesses[0].sku,
        quantity=guesses[0].quantity,
        log_likelihood=log_sum(guess.score for guess in guesses) - prior,
        log_prior=prior,
    )


def _guesses(step: WeightStep, planogram: Planogram) -> Iterable[_Guess]:
    if planogram.is_counter(step.shelf):
        # Anything that is sold may be laid there, and be taken up again.
        anywhere = frozenset(planogram.plates(step.shelf) or step.plates)
        for sku in (products := planogram.products()):
            place = Place(sku, anywhere, frozenset(), None, 0.0)
            yield from _at(step, place, planogram, 1 / len(products), STRAY_QUANTITY)
        return
    places = planogram.places(step.shelf)
    total = sum(place.expectation for place in places)
    is_return = step.delta_g > 0
    for place in places:
        share = place.expectation / total * (1 - STRAY_RETURN if is_return else 1.0)
        yield from _at(step, place, planogram, share, MAX_QUANTITY)
    if is_return:
        # A product of this shelf may come back to the wrong end of it, too.
        anywhere = frozenset(planogram.plates(step.shelf) or step.plates)
        near = planogram.nearby(step.shelf)
        products = planogram.products()
        for sku in products:
            place = Place(sku, anywhere, frozenset(), None, 0.0)
            share = STRAY_NEAR / len(near) if sku in near else 0.0
            share += (1.0 - STRAY_NEAR if near else 1.0) / len(products)
            yield from _at(step, place, planogram, STRAY_RETURN * share, STRAY_QUANTITY)


def _at(
    step: WeightStep, place: Place, planogram: Planogram, share: float, most: int
) -> Iterable[_Guess]:
    unit, noises_g = planogram.weight(place.sku), step.noises_g()
    spans = planogram.spans(place.sku, step.shelf)
    sign = math.copysign(1.0, step.delta_g)
    order = planogram.plates(step.shelf)
    for borne, log_several in ways(
        step.deltas_g, noises_g, sign, place.plates, place.beside, spans, order
    ):
        for quantity, log_fit in _by_quantity(
            borne, unit, noises_g, OFF_SHARES[step.is_shaken], most
        ):
            yield _Guess(
                sku=place.sku,
                quantity=quantity,
                place=place,
                borne=borne,
                log_likelihood=log_fit + borne.log_place + (log_several if quantity > 1 else 0.0),
                log_prior=math.log(share) + log_quantity(quantity),
            )


def _by_quantity(
    borne: Borne,
    unit: UnitWeight,
    noises_g: Mapping[PlateId, float],
    off_share: float,
    most: int,
) -> Iterable[tuple[int, float]]:
    weight_g = abs(borne.delta_g)
    nearest = round(weight_g / unit.mean_g)
    spread_g = math.hypot(*(noises_g[plate] for plate in borne.plates))
    for quantity in range(max(nearest - 1, 1), min(nearest + 1, most) + 1):
        units_g = math.sqrt(quantity) * unit.sd_g
        expected_g = quantity * unit.mean_g
        yield quantity, _log_shown(weight_g, expected_g, units_g, spread_g, off_share)


def _log_foreign(step: WeightStep, planogram: Planogram) -> float:
    """Something that is no product, on any plates side by side."""
    plates = len(planogram.plates(step.shelf)) or len(step.plates)
    same = [p for p in step.plates if step.deltas_g[p] * step.delta_g > 0]
    sum_g = math.fsum(step.deltas_g[plate] for plate in same)
    if not FOREIGN_G[0] <= abs(sum_g) <= FOREIGN_G[1]:
        return -math.inf if abs(sum_g) < FOREIGN_G[0] else 0.0
    idle = math.fsum(
        log_idle(g, step.noise_g(p)) for p, g in step.deltas_g.items() if p not in same
    )
    log_share = math.log(FOREIGN_SHARES[sum_g > 0])
    if not are_side_by_side(same, planogram.plates(step.shelf)):
        log_share += math.log(SCATTERED)
    return (
        log_share
        - _LOG_FOREIGN_SPAN
        - math.log(abs(sum_g))
        + log_any(sum_g, len(same), plates)
        + idle
    )


def _log_nothing(step: WeightStep) -> float:
    idle = (log_idle(grams, step.noise_g(plate)) for plate, grams in step.deltas_g.items())
    return _LOG_NOTHING + math.fsum(idle)
