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


def guesses(candidates: Sequence[Candidate], log_other: float | None = None) -> tuple[Guess, ...]:
    """Candidates with likelihood and prior multiplied, normalised, most probable first.

    What is left to one is how likely it was none of them, by `log_other`. A candidate that is not
    a finite number explains nothing and is left out.
    """
    scored: dict[tuple[Sku, int], float] = {}
    for candidate in candidates:
        score = candidate.log_likelihood + candidate.log_prior
        if math.isfinite(score) and candidate.quantity > 0:
            key = (candidate.sku, candidate.quantity)
            scored[key] = max(scored.get(key, -math.inf), score)
    if not scored:
        return ()
    other = -math.inf if log_other is None or math.isnan(log_other) else log_other
    top = max(other, *scored.values())
    weights = {key: math.exp(score - top) for key, score in scored.items()}
    total = math.fsum([*weights.values(), math.exp(other - top)])
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Guess(sku=sku, quantity=quantity, probability=weight / total)
        for (sku, quantity), weight in ranked
    )


def other_share(found: Sequence[Guess]) -> float:
    """How likely it was none of these."""
    return max(1.0 - math.fsum(guess.probability for guess in found), 0.0)


def mixed(found: Sequence[Guess], others: Sequence[Guess], share: float) -> tuple[Guess, ...]:
    """The same where with this probability it was what others say."""
    shares = {(one.sku, one.quantity): (1.0 - share) * one.probability for one in found}
    for one in others:
        key = one.sku, one.quantity
        shares[key] = shares.get(key, 0.0) + share * one.probability
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Guess(sku=sku, quantity=quantity, probability=mass) for (sku, quantity), mass in ranked
    )
