"""How far a figure from a few cases may be off: bootstrap for means, exact for shares."""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

RESAMPLES = 2_000
LEVEL = 0.95
SEED = 20_26


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval; `of` is how many cases or trials it rests on.

    `at_most` is told where nothing of `of` happened: the rule of three, 3/n with 95 %.
    """

    value: float
    low: float
    high: float
    of: int
    at_most: float | None = None


def mean(values: Sequence[float]) -> Estimate | None:
    """The mean over cases with its bootstrap interval (percentiles); None of nothing."""
    return ratio(values, [1.0] * len(values))


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> Estimate | None:
    """Sum of parts over sum of wholes; cases are drawn anew, since what is in one hangs together.

    A resample in which the wholes sum to nothing says nothing and is left out.
    """
    return bootstrap(np.column_stack([parts, wholes]), _ratio) if parts else None


def bootstrap(
    cases: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    figure: Callable[[Sequence[float]], float | None],
) -> Estimate | None:
    """Percentile interval of a figure of the column sums, cases (rows) drawn with replacement."""
    value = figure(cases.sum(axis=0).tolist())
    if value is None:
        return None
    random = np.random.default_rng(SEED)
    drawn = random.integers(len(cases), size=(RESAMPLES, len(cases)))
    known = [v for rows in drawn if (v := figure(cases[rows].sum(axis=0).tolist())) is not None]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(
        value=round(value, 6), low=round(float(low), 6), high=round(float(high), 6), of=len(cases)
    )


def proportion(count: int, of: int, scale: float = 1.0) -> Estimate | None:
    """A share of trials with its exact (Clopper-Pearson) interval, times `scale`; None of none."""
    if not of:
        return None
    low, high = clopper_pearson(count, of)
    return Estimate(
        value=round(scale * count / of, 6),
        low=round(scale * low, 6),
        high=round(scale * high, 6),
        of=of,
        at_most=round(scale * rule_of_three(of), 6) if count == 0 else None,
    )


def rule_of_three(of: int) -> float:
    """What a rate is at most, with 95 %, if nothing happened in so many independent trials."""
    return min(1.0, 3.0 / of)


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


def _ratio(sums: Sequence[float]) -> float | None:
    return sums[0] / sums[1] if sums[1] else None
