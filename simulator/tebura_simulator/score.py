"""How right a replay is, against the truth of its recording.

An event is right when a true event of the same kind, article, quantity and shelf (and, where the
truth names plates, a shared plate) lies within `NEAR_S` of it; each true event is found at most
once, nearest pairs first. Reviews and foreign objects claim nothing: they are no false events, but
a true event that ended in one was not found.

A receipt is scored as the AutoCheckout competition did: F1 over its articles (an article bought
twice counts twice), right article and right person, averaged over receipts. A receipt that is empty
in truth and in the replay scores 1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from tebura_contract.ids import VisitId
from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent, TrueReceipt, Truth
from tebura_gateway.domain.judgement import Judgement

from tebura_simulator.replay import LONE_MEMBER, member_of

NEAR_S = 3.0
"""Labels made by hand are whole seconds, and a hand begins before the weight moves."""


class EventScore(msgspec.Struct, frozen=True, kw_only=True):
    """Picks and returns: counts, and what follows from them; null where nothing can be said."""

    true: int
    claimed: int
    found: int
    precision: float | None
    recall: float | None
    f1: float | None


class ReceiptScore(msgspec.Struct, frozen=True, kw_only=True):
    """Receipts of the truth: how many, mean F1, how many are exact, in full and as a share."""

    true: int
    exact_count: int
    exact: float | None
    f1: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One recording's score, or the sum over several (`recording` is then ``total``)."""

    recording: str
    events: EventScore
    receipts: ReceiptScore
    visits: int
    reviewed_visits: int
    reviews: int
    reviews_per_1000_visits: float | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What scoring needs of one replayed recording."""

    recording: str
    truth: Truth
    outcomes: tuple[Outcome, ...]
    carts: dict[str, dict[str, int]]
    """Articles by shopper, as far as decided."""
    visits: int
    reviewed_visits: int


def case_of(recording: str, truth: Truth, outcomes: Sequence[Outcome], judged: Judgement) -> Case:
    """Put a replay's result beside its truth; shoppers are matched by their account."""
    shopper_of = {member_of(receipt.shopper): receipt.shopper for receipt in truth.receipts}
    if len(truth.receipts) == 1:
        shopper_of[LONE_MEMBER] = truth.receipts[0].shopper
    carts: dict[str, dict[str, int]] = {}
    for visit in judged.visits.values():
        shopper = shopper_of.get(visit.member, f"unknown {visit.id}")
        cart = carts.setdefault(shopper, {})
        for sku, count in _cart(visit.id, outcomes).items():
            cart[sku] = cart.get(sku, 0) + count
    reviewed = {o.visit for o in outcomes if o.kind is OutcomeKind.REVIEW and o.visit}
    return Case(
        recording=recording,
        truth=truth,
        outcomes=tuple(outcomes),
        carts=carts,
        visits=len(judged.visits),
        reviewed_visits=len(reviewed),
    )


def score(case: Case) -> Score:
    """Score one recording."""
    claimed = [o for o in case.outcomes if o.kind in (OutcomeKind.PICK, OutcomeKind.RETURN)]
    found = len(matches(case.truth.events, claimed))
    f1s = [_receipt_f1(r, case.carts.get(r.shopper, {})) for r in case.truth.receipts]
    exact = [_is_exact(r, case.carts.get(r.shopper, {})) for r in case.truth.receipts]
    reviews = sum(o.kind is OutcomeKind.REVIEW for o in case.outcomes)
    return Score(
        recording=case.recording,
        events=_event_score(len(case.truth.events), len(claimed), found),
        receipts=_receipt_score(len(f1s), sum(exact), sum(f1s)),
        visits=case.visits,
        reviewed_visits=case.reviewed_visits,
        reviews=reviews,
        reviews_per_1000_visits=_share(1000 * case.reviewed_visits, case.visits),
    )


def total(scores: Sequence[Score]) -> Score:
    """Counts added up over recordings; means weigh each receipt and each event the same."""
    receipts = sum(s.receipts.true for s in scores)
    visits = sum(s.visits for s in scores)
    reviewed = sum(s.reviewed_visits for s in scores)
    return Score(
        recording="total",
        events=_event_score(
            sum(s.events.true for s in scores),
            sum(s.events.claimed for s in scores),
            sum(s.events.found for s in scores),
        ),
        receipts=_receipt_score(
            receipts,
            sum(s.receipts.exact_count for s in scores),
            sum((s.receipts.f1 or 0.0) * s.receipts.true for s in scores),
        ),
        visits=visits,
        reviewed_visits=reviewed,
        reviews=sum(s.reviews for s in scores),
        reviews_per_1000_visits=_share(1000 * reviewed, visits),
    )


def matches(
    truth: Sequence[TrueEvent], claimed: Sequence[Outcome], near_s: float = NEAR_S
) -> list[tuple[int, int]]:
    """Pairs (true event, outcome) by index: those that agree, nearest in time first."""
    pairs = sorted(
        (abs(event.time_s - line.time_s), t, c)
        for t, event in enumerate(truth)
        for c, line in enumerate(claimed)
        if _agrees(event, line) and abs(event.time_s - line.time_s) <= near_s
    )
    taken: list[tuple[int, int]] = []
    true_taken, claimed_taken = set(), set()
    for _, t, c in pairs:
        if t not in true_taken and c not in claimed_taken:
            true_taken.add(t)
            claimed_taken.add(c)
            taken.append((t, c))
    return taken


def _agrees(event: TrueEvent, line: Outcome) -> bool:
    return (
        event.kind is line.kind
        and event.sku == line.sku
        and event.quantity == line.quantity
        and str(event.gondola) == str(line.gondola)
        and str(event.shelf) == str(line.shelf)
        and (not event.plates or bool(set(map(str, event.plates)) & set(map(str, line.plates))))
    )


def _cart(visit: VisitId, outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in outcomes:
        if line.visit == visit and line.sku is not None:
            if line.kind is OutcomeKind.PICK:
                counts[line.sku] += line.quantity
            elif line.kind is OutcomeKind.RETURN:
                counts[line.sku] -= line.quantity
    return {sku: count for sku, count in counts.items() if count}


def _is_exact(receipt: TrueReceipt, cart: Mapping[str, int]) -> bool:
    return {k: v for k, v in receipt.items.items() if v} == {k: v for k, v in cart.items() if v}


def _receipt_f1(receipt: TrueReceipt, cart: Mapping[str, int]) -> float:
    true = sum(receipt.items.values())
    claimed = sum(max(count, 0) for count in cart.values())
    right = sum(min(count, cart.get(sku, 0)) for sku, count in receipt.items.items())
    if true + claimed == 0:
        return 1.0
    return 2 * max(right, 0) / (true + claimed)


def _event_score(true: int, claimed: int, found: int) -> EventScore:
    return EventScore(
        true=true,
        claimed=claimed,
        found=found,
        precision=_share(found, claimed),
        recall=_share(found, true),
        f1=_share(2 * found, true + claimed),
    )


def _receipt_score(true: int, exact: int, f1_sum: float) -> ReceiptScore:
    return ReceiptScore(
        true=true, exact_count=exact, exact=_share(exact, true), f1=_share(f1_sum, true)
    )


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None
