"""What the bench tells: an object a case and method, and one for each total."""

from collections.abc import Iterable, Sequence

import msgspec

from tebura_simulator.scoring.case import EventScore, Score
from tebura_simulator.scoring.following import FollowScore
from tebura_simulator.scoring.receipts import ReceiptScore, share
from tebura_simulator.scoring.totals import Total, is_exact, total

TOTAL, SUBTOTAL = "total", "subtotal"


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one case. Fields as in `Score`; null scores where it failed.

    Attributes:
        suite: Of the case.
        case: Its name.
        seed: Of the scenario, its sensors and its faults.
        method: Who was asked.
        receipt_f1: Of all receipts of the case together.
        exact: Whether every receipt is, as decided without a person.
        exact_after_review: Whether it is once all reviews are decided rightly.
        overcharged: Lines with too many; `overcharged_minor` their value.
        undercharged: Lines with too few; `undercharged_minor` their value.
        reviews: Questions to a person.
        events: Picks and returns.
        who_errors: As in `events`; so are the others.
        receipts: All about receipts.
        visits: Accounts; `reviewed_visits` of them wait for a person.
        to_cart_s: As in `Score`.
        to_receipt_s: As in `Score`.
        following: As in `Score`.
        store_s: How long the case is.
        cpu_s: Processor time the method took; the only field that is not the same every time.
        failure: Why there is no score; empty where there is one.
    """

    suite: str
    case: str
    seed: int
    method: str
    receipt_f1: float | None = None
    exact: bool | None = None
    exact_after_review: bool | None = None
    overcharged: int | None = None
    undercharged: int | None = None
    overcharged_minor: int | None = None
    undercharged_minor: int | None = None
    reviews: int | None = None
    events: EventScore | None = None
    who_errors: int | None = None
    what_errors: int | None = None
    count_errors: int | None = None
    receipts: ReceiptScore | None = None
    visits: int | None = None
    reviewed_visits: int | None = None
    to_cart_s: tuple[float, ...] = ()
    to_receipt_s: tuple[float, ...] = ()
    following: FollowScore | None = None
    store_s: float | None = None
    cpu_s: float | None = None
    failure: str = ""

    def key(self) -> tuple[str, str, int, str]:
        return self.suite, self.case, self.seed, self.method

    def score(self) -> Score | None:
        """The score as totals take it; None where the case failed."""
        if self.events is None or self.receipts is None or self.receipt_f1 is None:
            return None
        visits, reviewed = self.visits or 0, self.reviewed_visits or 0
        return Score(
            recording=self.case,
            receipt_f1=self.receipt_f1,
            events=self.events,
            receipts=self.receipts,
            visits=visits,
            reviewed_visits=reviewed,
            reviews=self.reviews or 0,
            reviews_per_1000_visits=share(1000 * reviewed, visits),
            to_cart_s=self.to_cart_s,
            to_receipt_s=self.to_receipt_s,
            following=self.following,
        )


class TotalLine(Total, frozen=True, kw_only=True):
    """All cases of a suite and a method; `case` is ``total``, or ``subtotal`` of the case `of`."""

    suite: str
    case: str
    method: str
    failed: int
    cpu_s_per_store_min: float | None
    of: str = ""


def case_line(
    suite: str, case: str, seed: int, method: str, one: Score, store_s: float, cpu_s: float
) -> CaseLine:
    """What is told of a case that was scored."""
    receipts = one.receipts
    after = receipts.after_review_count == receipts.true and not receipts.after_review_overcharged
    return CaseLine(
        suite=suite,
        case=case,
        seed=seed,
        method=method,
        receipt_f1=one.receipt_f1,
        exact=is_exact(one),
        exact_after_review=after,
        overcharged=receipts.overcharged,
        undercharged=receipts.undercharged,
        overcharged_minor=receipts.overcharged_minor,
        undercharged_minor=receipts.undercharged_minor,
        reviews=one.reviews,
        events=one.events,
        who_errors=one.events.who_errors,
        what_errors=one.events.what_errors,
        count_errors=one.events.count_errors,
        receipts=receipts,
        visits=one.visits,
        reviewed_visits=one.reviewed_visits,
        to_cart_s=one.to_cart_s,
        to_receipt_s=one.to_receipt_s,
        following=one.following,
        store_s=round(store_s, 3),
        cpu_s=round(cpu_s, 3),
    )


def totals(lines: Sequence[CaseLine], suite: str, by_case: bool = False) -> list[TotalLine]:
    """One total a method in the order in which methods occur; before them each case's, if asked."""
    mine = [line for line in lines if line.suite == suite]
    methods = list(dict.fromkeys(line.method for line in mine))
    found = []
    if by_case:
        for case in dict.fromkeys(line.case for line in mine):
            for method in methods:
                of_case = [n for n in mine if (n.case, n.method) == (case, method)]
                found.append(_total(of_case, suite, method, SUBTOTAL, case))
    return found + [
        _total([n for n in mine if n.method == method], suite, method, TOTAL) for method in methods
    ]


def _total(
    lines: Iterable[CaseLine], suite: str, method: str, case: str, of: str = ""
) -> TotalLine:
    kept = list(lines)
    scored = [(line, one) for line in kept if (one := line.score()) is not None]
    summed = total([one for _, one in scored])
    minutes = sum(line.store_s or 0.0 for line, _ in scored) / 60.0
    cpu_s = sum(line.cpu_s or 0.0 for line, _ in scored)
    fields = {name: getattr(summed, name) for name in Total.__struct_fields__}
    return TotalLine(
        **fields,
        suite=suite,
        case=case,
        method=method,
        failed=len(kept) - len(scored),
        cpu_s_per_store_min=share(cpu_s, minutes),
        of=of,
    )
