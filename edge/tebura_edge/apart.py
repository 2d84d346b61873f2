"""One step that was two: two products taken, or put back, in one moment, or one each way.

Plates that move at the same time beside each other are joined into one step, since a product can
lie on several. Where two hands take from two facings at once, that step's weight is of no product
or, worse, of several units of one. So the step is also read as two, on the plates of two facings or
on plates that both share, and the likeliest reading is told. All readings are densities of what the
same plates show.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tebura_contract.events import Candidate
from tebura_contract.ids import PlateId, Sku

from tebura_edge.bearing import STAYS_G, ways
from tebura_edge.identification import (
    STRAY_RETURN,
    Explanation,
    explain,
    log_quantity,
    log_sum,
    log_weight,
)
from tebura_edge.planogram import Place, Planogram
from tebura_edge.weight_step import WeightStep

LOG_PAIR: Final = math.log(0.05)
"""Share of steps that are two at once (simulated calm and busy hours: 27 of 450). At 0.2 a bag that
slips onto its neighbour's plate is two; at 0.001 two heavy ones are three of the lighter."""

LOG_NEAR: Final = math.log(2.0)
"""Two that stand on one plate are at hand together: 27 of 2,656 simulated takes were of such two,
where 11 would be if any two of a shelf were as frequent. What comes back was not looked at so."""

LEAST_PART_G: Final = 8.0
"""Less on the plates of a facing is no second product: neighbours stay off by up to 9 g."""

PAIR_QUANTITY: Final = 3
MAX_PAIRS: Final = 8
MOST_PARTS: Final = 3
MAX_MOVED: Final = 6
"""Bounds of what is tried."""

LOG_PERHAPS_MORE: Final = math.log(0.02)
"""Something more that is this likely is told, too, doubtful as it is: as much doubt as the gateway
asks about."""

Part = tuple[WeightStep, Explanation]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The step as several at once, and its log density."""

    score: float
    parts: tuple[Part, ...]

    def has(self, one: Explanation) -> bool:
        """Whether one of its parts is that product on a plate of those."""
        return any(_is_same(one, part) for _, part in self.parts)


def apart(step: WeightStep, planogram: Planogram) -> tuple[Part, ...]:
    """The step as it is, as several at once if those explain it better, or nothing at all.

    What is likely by itself and perhaps not alone is told as several, too: of each part it is told
    how likely that part is, whatever else there was, so that the doubtful one is asked about.
    """
    whole, several = explain(step, planogram), tuple(_several(step, planogram))
    reading = _told_apart(whole, several)
    if reading is not None:
        return tuple((part, _by_itself(one, whole, several)) for part, one in reading.parts)
    if whole.log_nothing > max(whole.log_one, whole.log_foreign) and not step.is_back:
        return ()
    log_several = log_sum(reading.score for reading in several if not reading.has(whole))
    return ((step, replace(whole, log_several=log_several)),)


def _told_apart(whole: Explanation, several: Sequence[_Reading]) -> _Reading | None:
    """The reading as several that is told: the likeliest, or what the whole is with something more.

    None where the step is told as it is.
    """
    best = max(several, key=lambda reading: reading.score, default=_Reading(-math.inf, ()))
    if best.score > max(whole.log_one, whole.log_foreign, whole.log_nothing):
        return best
    more = [reading for reading in several if reading.has(whole)]
    if not more or whole.log_one <= max(whole.log_foreign, whole.log_nothing):
        return None
    every = log_sum([whole.log_one, whole.log_other, *(reading.score for reading in several)])
    if log_sum(reading.score for reading in more) - every < LOG_PERHAPS_MORE:
        return None
    return max(more, key=lambda reading: reading.score)


def _by_itself(one: Explanation, whole: Explanation, several: Sequence[_Reading]) -> Explanation:
    """A part of several with how likely it is, whether or not the others are.

    All readings of the step that have it speak for it, all that have not against it.
    """
    if not one.candidates:
        return one
    log_for, log_against = whole.log_split(one.what if _is_same(one, whole) else None)
    have = [reading.score for reading in several if reading.has(one)]
    have_not = [reading.score for reading in several if not reading.has(one)]
    log_odds = log_sum([log_against, *have_not]) - log_sum([log_for, *have])
    told = one.or_else(one.log_product + log_odds)
    return replace(told, is_perhaps=one.is_explained)


def _is_same(one: Explanation, other: Explanation) -> bool:
    """Whether two explanations are most likely so many of one product on plates that both name."""
    is_one = one.what is not None and one.what == other.what
    return is_one and not set(one.plates).isdisjoint(other.plates)


def _several(step: WeightStep, planogram: Planogram) -> Iterator[_Reading]:
    """Readings of a step as several products where they stand."""
    places = planogram.places(step.shelf)
    for cut in _cuts(step, places):
        # What goes the other way is another action, whatever it is.
        are_opposite = len({part.delta_g > 0.0 for part in cut}) > 1
        ways = [list(_of_part(part, planogram, places, are_opposite)) for part in cut]
        for chosen in itertools.product(*ways):
            score = sum(reading.score for reading in chosen) + LOG_PAIR * (len(cut) - 1)
            if not are_opposite:
                # Whichever hand took which.
                score += math.log(math.factorial(len(cut)))
            yield _Reading(score, tuple(part for reading in chosen for part in reading.parts))
    together = _Together(step, planogram, places).reading()
    if together is not None:
        yield together


def _of_part(
    step: WeightStep, planogram: Planogram, places: list[Place], is_anything: bool
) -> Iterator[_Reading]:
    """A part as one product where it stands, as two that stand on the same plates, or anything."""
    one = explain(step, planogram)
    if is_anything:
        yield _Reading(log_sum([one.log_product, one.log_foreign]), ((step, one),))
    elif _is_at_home(one):
        yield _Reading(one.log_product, ((step, one),))
    together = _Together(step, planogram, places).reading()
    if together is not None:
        yield together


def _cuts(step: WeightStep, places: Iterable[Place]) -> Iterator[tuple[WeightStep, ...]]:
    """The step cut between two or three places that share no plate that moved."""
    moved = {
        frozenset(p for p in step.deltas_g if p in place.plates)
        for place in places
        if any(abs(step.deltas_g.get(plate, 0.0)) >= LEAST_PART_G for plate in place.plates)
    }
    for sign in (-1.0, 1.0):
        # Two of one product on plates beside each other, one each way, are two whatever they are.
        moved.add(frozenset(p for p, g in step.deltas_g.items() if g * sign >= LEAST_PART_G))
    found = sorted(moved - {frozenset()}, key=lambda plates: tuple(sorted(plates)))
    for count in (2, MOST_PARTS):
        for chosen in itertools.combinations(found[:MAX_MOVED], count):
            if len(frozenset().union(*chosen)) < sum(map(len, chosen)):
                continue
            # What lies on none of them shows with the first.
            rest = frozenset(step.deltas_g).difference(*chosen[1:])
            parts = [_part(step, chosen[0], rest), *(_part(step, own, own) for own in chosen[1:])]
            cut = tuple(part for part in parts if part is not None)
            if len(cut) == count:
                yield cut


def _part(step: WeightStep, own: frozenset[PlateId], seen: frozenset[PlateId]) -> WeightStep | None:
    """What of the step happened on these plates, if anything did."""
    deltas_g = {plate: step.deltas_g[plate] for plate in step.deltas_g if plate in seen}
    largest_g = max((deltas_g[plate] for plate in own), key=abs)
    if abs(largest_g) < LEAST_PART_G:
        return None
    named = tuple(p for p in deltas_g if p in own and deltas_g[p] * largest_g > 0)
    # The other action shakes these plates, too: they may stay off as neighbours do.
    stays_g = math.sqrt(2) * STAYS_G
    sigmas_g = {plate: math.hypot(step.noise_g(plate), stays_g) for plate in deltas_g}
    return replace(
        step,
        plates=named,
        delta_g=math.fsum(deltas_g[plate] for plate in named),
        sigma_g=math.hypot(*(sigmas_g[plate] for plate in named)),
        deltas_g=deltas_g,
        sigmas_g=sigmas_g,
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    heavy: tuple[Sku, int]
    light: tuple[Sku, int]
    part_g: float
    places: tuple[Place, Place]
    plates: tuple[PlateId, ...]
    delta_g: float
    score: float
    log_priors: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Together:
    """Two products on plates that both of them stand on: only their sum is known."""

    step: WeightStep
    planogram: Planogram
    places: list[Place]

    def reading(self) -> _Reading | None:
        pairs = sorted(self._pairs(), key=lambda pair: -pair.score)
        if not pairs:
            return None
        score = log_sum(pair.score for pair in pairs)
        best, kept = pairs[0], pairs[:MAX_PAIRS]
        parts = []
        for of_heavy, share in ((True, best.part_g), (False, 1.0 - best.part_g)):
            delta_g = best.delta_g * share
            place = best.places[0 if of_heavy else 1]
            explanation = Explanation(
                candidates=_candidates(kept, of_heavy),
                facing=place.facing,
                plates=best.plates,
                delta_g=delta_g,
                astray=0.0,
                log_product=log_sum(pair.score for pair in kept),
                log_foreign=-math.inf,
                log_nothing=-math.inf,
                log_other=log_sum(pair.score for pair in pairs[MAX_PAIRS:]),
            )
            parts.append((replace(self.step, plates=best.plates, delta_g=delta_g), explanation))
        return _Reading(score, tuple(parts))

    def _pairs(self) -> Iterator[_Pair]:
        step, weight = self.step, self.planogram.weight
        total = sum(place.expectation for place in self.places)
        home = 1 - STRAY_RETURN if step.delta_g > 0 else 1.0
        for a, b in itertools.combinations(self.places, 2):
            if not a.plates & b.plates or a.sku == b.sku:
                continue
            heavy, light = (a, b) if weight(a.sku).mean_g >= weight(b.sku).mean_g else (b, a)
            shares = [math.log(home * p.expectation / total) for p in (heavy, light)]
            for many, few in itertools.product(range(1, PAIR_QUANTITY + 1), repeat=2):
                priors = (shares[0] + log_quantity(many), shares[1] + log_quantity(few))
                yield from self._of(heavy, many, light, few, priors)

    def _of(
        self, heavy: Place, many: int, light: Place, few: int, priors: tuple[float, float]
    ) -> Iterator[_Pair]:
        step, noises_g = self.step, self.step.noises_g()
        one, other = self.planogram.weight(heavy.sku), self.planogram.weight(light.sku)
        expected_g = many * one.mean_g + few * other.mean_g
        units_g = math.sqrt(many * one.sd_g**2 + few * other.sd_g**2)
        own = heavy.plates | light.plates
        spans = self.planogram.spans(heavy.sku, step.shelf)
        order, sign = self.planogram.plates(step.shelf), math.copysign(1.0, step.delta_g)
        log_pair = LOG_PAIR + (LOG_NEAR if sign < 0.0 else 0.0)
        for borne, log_several in ways(step.deltas_g, noises_g, sign, own, (), spans, order):
            spread_g = math.hypot(*(noises_g[plate] for plate in borne.plates))
            fit = log_weight(abs(borne.delta_g), expected_g, units_g, spread_g)
            # Two ways round: which hand took which.
            place = borne.log_place + log_several + math.log(2.0) + log_pair
            yield _Pair(
                heavy=(heavy.sku, many),
                light=(light.sku, few),
                part_g=many * one.mean_g / expected_g,
                places=(heavy, light),
                plates=borne.plates,
                delta_g=borne.delta_g,
                score=fit + place + sum(priors),
                log_priors=priors,
            )


def _candidates(pairs: list[_Pair], of_heavy: bool) -> tuple[Candidate, ...]:
    """One of the two, by all pairs that it may be part of."""
    found: dict[tuple[Sku, int], list[_Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.heavy if of_heavy else pair.light, []).append(pair)
    candidates = [
        Candidate(
            sku=sku,
            quantity=quantity,
            log_likelihood=log_sum(pair.score for pair in mine) - _prior(mine[0], of_heavy),
            log_prior=_prior(mine[0], of_heavy),
        )
        for (sku, quantity), mine in found.items()
    ]
    return tuple(sorted(candidates, key=lambda one: -(one.log_likelihood + one.log_prior)))


def _prior(pair: _Pair, of_heavy: bool) -> float:
    return pair.log_priors[0 if of_heavy else 1]


def _is_at_home(explanation: Explanation) -> bool:
    """Whether a part is a product where it stands: any weight is near some product of the store."""
    return explanation.is_explained and explanation.facing is not None
