"""One step that was two: products of two facings taken, or put back, in one moment.

Plates that move at the same time beside each other are joined into one step, since a product can
lie on several. Where two hands take from two facings at once, that step's weight is of no product
or, worse, of several units of one. So the step is also read as two, each on its own facing's
plates, and the likelier reading is told.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from tebura_contract.ids import PlateId

from tebura_edge.identification import COUPLING_G, LOG_FOREIGN, Explanation, explain
from tebura_edge.planogram import Place, Planogram
from tebura_edge.weighing import WeightStep

LOG_PAIR: Final = math.log(0.05)
"""Share of steps that are two at once: seldom, as each hand is somebody's. At 0.2 a bag that slips
onto its neighbour's plate is two; at 0.001 two heavy ones are three of the lighter."""

LOG_SURE: Final = math.log(4)
"""Readings nearer to each other than these odds (0.8) are for a person to choose from."""

IN_DOUBT: Final = "one product or two at once"

Part = tuple[WeightStep, Explanation]


def apart(step: WeightStep, planogram: Planogram) -> tuple[Part, ...]:
    """The step as it is, or as two steps at once if those explain it better.

    Where both readings are about as likely, what is told says that it is in doubt.
    """
    whole = explain(step, planogram)
    # As one product its plates may share the weight in any way: evenly up to all of it, per gram.
    as_one = max(_score(whole), LOG_FOREIGN) - math.log(abs(step.delta_g))
    as_two, parts = max(_two(step, planogram), key=lambda two: two[0], default=(-math.inf, ()))
    told = parts if as_two > as_one else ((step, whole),)
    if abs(as_two - as_one) >= LOG_SURE:
        return told
    doubt = ", ".join(filter(None, [step.blind, IN_DOUBT]))
    return tuple((replace(part, blind=doubt), explanation) for part, explanation in told)


def _two(step: WeightStep, planogram: Planogram) -> Iterable[tuple[float, tuple[Part, ...]]]:
    """Readings of a step as two products, each on its own facing's plates, with their scores."""
    for one, other, log_along in _pairs(step, planogram.places(step.shelf)):
        both = ((one, explain(one, planogram)), (other, explain(other, planogram)))
        if all(_is_at_home(explanation) for _, explanation in both):
            yield sum(_score(explanation) for _, explanation in both) + log_along + LOG_PAIR, both


def _pairs(
    step: WeightStep, places: Iterable[Place]
) -> Iterable[tuple[WeightStep, WeightStep, float]]:
    """The step cut in two between two places, with the likelihood of what lies on neither."""
    found = [(place, part) for place in places if (part := _on(step, place.plates)) is not None]
    limit_g, sd_g = COUPLING_G
    for (a, one), (b, other) in itertools.combinations(found, 2):
        if a.plates & b.plates or a.sku == b.sku:
            continue
        rest = [step.deltas_g[p] for p in step.plates if p not in a.plates | b.plates]
        if all(abs(delta_g) <= limit_g for delta_g in rest):
            yield one, other, sum(-0.5 * (delta_g / sd_g) ** 2 for delta_g in rest)


def _on(step: WeightStep, plates: frozenset[PlateId]) -> WeightStep | None:
    """What of the step happened on these plates, if it is a change the same way."""
    named = tuple(plate for plate in step.plates if plate in plates)
    delta_g = sum(step.deltas_g[plate] for plate in named)
    if not named or delta_g * step.delta_g <= 0 or abs(delta_g) <= COUPLING_G[0]:
        return None
    own = {plate: delta for plate, delta in step.deltas_g.items() if plate in plates}
    return replace(step, plates=named, delta_g=delta_g, deltas_g=own)


def _score(explanation: Explanation) -> float:
    if not explanation.candidates:
        return -math.inf
    top = explanation.candidates[0]
    return top.log_likelihood + top.log_prior


def _is_at_home(explanation: Explanation) -> bool:
    """Whether a part is a product where it stands: any weight is near some product of the store."""
    return explanation.is_explained and explanation.facing is not None
