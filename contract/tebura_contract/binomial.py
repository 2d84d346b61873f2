"""Exact intervals of a share of trials: of wrong receipts, of strangers taken for a member."""

import math
from collections.abc import Callable
from typing import Final

LEVEL: Final = 0.95


def clopper_pearson(count: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """The rates at which so few, or so many, would come in (1 - level)/2 of all samples.

    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934): exact, never too narrow.
    """
    if not 0 <= count <= of or of == 0:
        raise ValueError(f"{count} of {of} is no share")
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0 else _root(lambda p: _at_least(count, of, p) - tail)
    high = 1.0 if count == of else _root(lambda p: tail - _at_most(count, of, p))
    return low, high


def upper_bound(count: int, of: int, level: float = LEVEL) -> float:
    """One-sided (Clopper-Pearson): a higher rate would give so few in less than 1 - level."""
    if not 0 <= count <= of or of == 0:
        raise ValueError(f"{count} of {of} is no share")
    return 1.0 if count == of else _root(lambda p: 1.0 - level - _at_most(count, of, p))


def _at_least(count: int, of: int, p: float) -> float:
    if 2 * count <= of:
        return 1.0 - _at_most(count - 1, of, p)
    return math.fsum(_probability(k, of, p) for k in range(count, of + 1))


def _at_most(count: int, of: int, p: float) -> float:
    return math.fsum(_probability(k, of, p) for k in range(count + 1))


def _probability(count: int, of: int, p: float) -> float:
    ways = math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
    return math.exp(ways + count * math.log(p) + (of - count) * math.log1p(-p))


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of a probability crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2.0
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
