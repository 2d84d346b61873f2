"""What a step was: the node's candidates as probabilities."""

import math
from collections.abc import Sequence

import msgspec
from tebura_contract.events import Candidate
from tebura_contract.ids import Sku


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation of a step; `quantity` is a count, the step's kind gives its sign."""

    sku: Sku
    quantity: int
    probability: float


def guesses(candidates: Sequence[Candidate]) -> tuple[Guess, ...]:
    """Candidates with likelihood and prior multiplied, normalised, most probable first.

    One that is not a finite number explains nothing and is left out.
    """
    scored: dict[tuple[Sku, int], float] = {}
    for candidate in candidates:
        score = candidate.log_likelihood + candidate.log_prior
        if math.isfinite(score) and candidate.quantity > 0:
            key = (candidate.sku, candidate.quantity)
            scored[key] = max(scored.get(key, -math.inf), score)
    if not scored:
        return ()
    top = max(scored.values())
    weights = {key: math.exp(score - top) for key, score in scored.items()}
    total = math.fsum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Guess(sku=sku, quantity=quantity, probability=weight / total)
        for (sku, quantity), weight in ranked
    )
