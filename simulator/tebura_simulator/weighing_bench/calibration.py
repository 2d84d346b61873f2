"""Whether what is told with confidence p is right in a share p of all cases.

A line is an event that names a product and that nothing marks as doubtful: it would be charged if
its top candidate's posterior is above the threshold. False events and pieces that do not add up are
lines that are wrong. Something foreign told as a product is wrong too.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec
from tebura_contract.binomial import clopper_pearson, upper_bound

from tebura_simulator.weighing_bench.lines import CaseLine, ToldLine

BINS = 10
WRONG_SHARE = 0.001


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of about one confidence."""

    low: float
    high: float
    lines: int
    right: int
    confidence: float
    low95: float
    high95: float


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Where wrong lines are at most `WRONG_SHARE`: how many are charged from there on."""

    at: float
    lines: int
    wrong: int
    share_of_all: float
    at_most: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Threshold by threshold: of the lines charged, how many are wrong, and how many they are."""

    at: tuple[float, ...]
    wrong_share: tuple[float, ...]
    at_most: tuple[float, ...]
    share_of_all: tuple[float, ...]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The reliability of some lines.

    `bound` is the lowest threshold whose 95 % upper bound keeps the limit, `point` the lowest whose
    share itself does; None where there is none.
    """

    lines: int
    right: int
    bins: tuple[Bin, ...]
    expected_error: float
    bound: Threshold | None
    point: Threshold | None
    at_now: Threshold


def lines_of(cases: Iterable[CaseLine], kind: str | None = None) -> list[tuple[float, bool]]:
    """Confidence of each line, and whether it is right."""
    return [
        (told.probability, _is_right(told))
        for case in cases
        for told in case.told
        if told.candidates and not told.blind and kind in (None, told.kind)
    ]


def given_lines_of(cases: Iterable[CaseLine]) -> list[tuple[float, bool]]:
    """The same of what the gateway would decide if who it was were given.

    What is asked about however sure it is (blind, not held, whose it was) is no line.
    """
    return [
        (told.given.confidence, told.given.is_right)
        for case in cases
        for told in case.told
        if told.given is not None and told.given.is_line
    ]


def receipt_lines_of(cases: Iterable[CaseLine]) -> list[tuple[float, bool]]:
    """The same of lines of receipts, of what is charged and nobody was asked about."""
    return [
        (line.confidence, line.is_right)
        for case in cases
        for line in case.receipts
        if line.is_charged
    ]


def calibration(lines: Sequence[tuple[float, bool]], threshold: float) -> Calibration:
    """Bins, expected calibration error, and thresholds; `threshold` is the one in use."""
    bins = []
    off = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        mine = [(p, ok) for p, ok in lines if low < p <= high or (number == 0 and p == 0.0)]
        if not mine:
            continue
        right, confidence = sum(ok for _, ok in mine), sum(p for p, _ in mine) / len(mine)
        off += abs(right - confidence * len(mine))
        low95, high95 = clopper_pearson(right, len(mine))
        bins.append(
            Bin(
                low=low,
                high=high,
                lines=len(mine),
                right=right,
                confidence=round(confidence, 4),
                low95=round(low95, 4),
                high95=round(high95, 4),
            )
        )
    return Calibration(
        lines=len(lines),
        right=sum(ok for _, ok in lines),
        bins=tuple(bins),
        expected_error=round(off / len(lines), 4) if lines else 0.0,
        bound=_lowest(lines, is_bound=True),
        point=_lowest(lines, is_bound=False),
        at_now=_from(lines, threshold),
    )


def curve(lines: Sequence[tuple[float, bool]], points: int = 400) -> Curve:
    """Thresholds from low to high, each at a line's own confidence, evenly among all lines."""
    ranked = sorted(lines)
    wrong_from = list(accumulate((int(not ok) for _, ok in reversed(ranked)), initial=0))
    starts = [n for n, (p, _) in enumerate(ranked) if n == 0 or ranked[n - 1][0] < p]
    chosen = starts[:: max(1, len(starts) // points)]
    left = [len(ranked) - first for first in chosen]
    return Curve(
        at=tuple(ranked[first][0] for first in chosen),
        wrong_share=tuple(wrong_from[n] / n for n in left),
        at_most=tuple(upper_bound(wrong_from[n], n) for n in left),
        share_of_all=tuple(n / len(ranked) for n in left),
    )


def _is_right(told: ToldLine) -> bool:
    return told.is_right and not told.is_foreign_truth


def _lowest(lines: Sequence[tuple[float, bool]], *, is_bound: bool) -> Threshold | None:
    """The lowest threshold that keeps the limit; fewer lines than it speaks of show nothing."""
    ranked = sorted(lines, reverse=True)
    wrong = list(accumulate(int(not ok) for _, ok in ranked))
    for last in range(len(ranked) - 1, round(1 / WRONG_SHARE) - 2, -1):
        p, number = ranked[last][0], last + 1
        if number < len(ranked) and ranked[number][0] == p:
            continue
        if wrong[last] > WRONG_SHARE * number:
            continue
        at_most = _at_most(wrong[last], number)
        if not is_bound or at_most <= WRONG_SHARE:
            return _threshold(p, number, wrong[last], len(ranked), at_most)
    return None


def _from(lines: Sequence[tuple[float, bool]], at: float) -> Threshold:
    above = [ok for p, ok in lines if p >= at]
    wrong = len(above) - sum(above)
    return _threshold(at, len(above), wrong, len(lines), _at_most(wrong, len(above)))


def _threshold(at: float, lines: int, wrong: int, of: int, at_most: float) -> Threshold:
    return Threshold(
        at=round(at, 7),
        lines=lines,
        wrong=wrong,
        share_of_all=round(lines / of, 4) if of else 0.0,
        at_most=round(at_most, 6),
    )


def _at_most(wrong: int, of: int) -> float:
    return upper_bound(wrong, of) if of else 1.0
