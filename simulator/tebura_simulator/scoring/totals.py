"""Scores of several cases as one, with how far each figure may be off."""

from collections.abc import Sequence

import msgspec
import numpy as np

from tebura_simulator.scoring.case import EventScore, Score, count_events
from tebura_simulator.scoring.following import FollowScore, add_following
from tebura_simulator.scoring.intervals import Estimate, bootstrap, mean, proportion
from tebura_simulator.scoring.receipts import ReceiptScore, add_receipts, share

QUANTILES = (0.5, 0.95, 0.99)
THOUSAND = 1000.0


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Quantiles of so many times, in seconds."""

    p50: float
    p95: float
    p99: float
    of: int


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """Figures with their 95 % intervals; null where nothing can be said.

    Means over cases and ratios of events: bootstrap over cases. Shares of receipts and visits:
    exact (Clopper-Pearson), as if each were a trial of its own; so is `who`, of events.
    """

    receipt_f1: Estimate | None
    who: Estimate | None
    event_precision: Estimate | None
    event_recall: Estimate | None
    event_f1: Estimate | None
    exact: Estimate | None
    untouched: Estimate | None
    exact_after_review: Estimate | None
    overcharged_receipts: Estimate | None
    reviews_per_1000_visits: Estimate | None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Several cases together; the fields are those of `Score`, its times as quantiles."""

    recording: str
    cases: int
    receipt_f1: float
    exact_cases: int
    events: EventScore
    receipts: ReceiptScore
    visits: int
    reviewed_visits: int
    reviews: int
    reviews_per_1000_visits: float | None
    to_cart_s: Seconds | None
    to_receipt_s: Seconds | None
    following: FollowScore | None
    intervals: Intervals


def total(scores: Sequence[Score]) -> Total:
    """Counts added up; each case weighs the same in `receipt_f1`, else each receipt and event."""
    events = _add_events([s.events for s in scores])
    receipts = add_receipts(s.receipts for s in scores)
    visits = sum(s.visits for s in scores)
    reviewed = sum(s.reviewed_visits for s in scores)
    f1s = [s.receipt_f1 for s in scores]
    return Total(
        recording="total",
        cases=len(scores),
        receipt_f1=round(sum(f1s) / len(f1s), 6) if f1s else 0.0,
        exact_cases=sum(is_exact(s) for s in scores),
        events=events,
        receipts=receipts,
        visits=visits,
        reviewed_visits=reviewed,
        reviews=sum(s.reviews for s in scores),
        reviews_per_1000_visits=share(THOUSAND * reviewed, visits),
        to_cart_s=seconds([t for s in scores for t in s.to_cart_s]),
        to_receipt_s=seconds([t for s in scores for t in s.to_receipt_s]),
        following=add_following(s.following for s in scores),
        intervals=_intervals(scores, events, receipts, visits, reviewed),
    )


def is_exact(one: Score) -> bool:
    """Whether every receipt of the case is exact and nobody else would pay anything."""
    return one.receipts.exact_count == one.receipts.true and not one.receipts.overcharged


def seconds(values: Sequence[float]) -> Seconds | None:
    """Quantiles; None of nothing."""
    if not values:
        return None
    p50, p95, p99 = (round(float(q), 3) for q in np.quantile(np.array(values), QUANTILES))
    return Seconds(p50=p50, p95=p95, p99=p99, of=len(values))


def _intervals(
    scores: Sequence[Score],
    events: EventScore,
    receipts: ReceiptScore,
    visits: int,
    reviewed: int,
) -> Intervals:
    counts = np.array(
        [(s.events.tp, s.events.fp, s.events.fn) for s in scores], np.float64
    ).reshape(-1, 3)
    true = receipts.true
    told = events.tp + events.fp - events.invented
    return Intervals(
        receipt_f1=mean([s.receipt_f1 for s in scores]),
        who=proportion(told - events.who_errors, told),
        event_precision=bootstrap(counts, lambda n: _of(n[0], n[0] + n[1])),
        event_recall=bootstrap(counts, lambda n: _of(n[0], n[0] + n[2])),
        event_f1=bootstrap(counts, lambda n: _of(2 * n[0], 2 * n[0] + n[1] + n[2])),
        exact=proportion(receipts.exact_count, true),
        untouched=proportion(receipts.untouched_count, true),
        exact_after_review=proportion(receipts.after_review_count, true),
        overcharged_receipts=proportion(min(receipts.overcharged_receipts, true), true),
        reviews_per_1000_visits=proportion(reviewed, visits, THOUSAND),
    )


def _of(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _add_events(scores: Sequence[EventScore]) -> EventScore:
    names = ("who_errors", "what_errors", "count_errors", "where_errors")
    rest = ("in_review", "named_in_review", "missed", "invented")
    return count_events(
        tp=sum(s.tp for s in scores),
        fp=sum(s.fp for s in scores),
        fn=sum(s.fn for s in scores),
        **{name: sum(getattr(s, name) for s in scores) for name in names + rest},
    )
