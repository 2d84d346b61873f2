"""How far a figure from a few cases may be off: bootstrap for means, exact for shares."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from tebura_contract.binomial import LEVEL, clopper_pearson

RESAMPLES = 2_000
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


def _ratio(sums: Sequence[float]) -> float | None:
    return sums[0] / sums[1] if sums[1] else None
