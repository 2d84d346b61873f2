"""How right what each account would be charged is, against what each should pay.

A case's `f1` is the AutoCheckout competition's: over all articles on all receipts of the case (one
bought twice counts twice), right article on the right person's receipt; a case in which nobody
should pay anything and nobody would scores 1. Charged is what was decided without a person; a line
in review is not on the receipt. `exact_after_review` asks what the receipts would be if the person
who looks at the reviews decides all of them rightly.

A stranger, who came in without an account, has no receipt; whoever pays for what the stranger took
is overcharged.
"""

from collections.abc import Iterable, Mapping

import msgspec
from tebura_contract.truth import OutcomeKind, TrueEvent, TrueReceipt

Items = Mapping[str, int]


class ReceiptScore(msgspec.Struct, frozen=True, kw_only=True):
    """Receipts of one case, or summed over several.

    Attributes:
        true: How many there should be.
        exact_count: How many would be exactly right without anybody looking at reviews.
        exact: That as a share.
        f1: Mean of the receipts' own F1.
        untouched_count: How many are exact and asked nothing of a person.
        after_review_count: How many are exact once all reviews are decided rightly.
        overcharged_receipts: On how many there is a line too much, or too many on a line.
        overcharged: Lines (account, article) with too many.
        undercharged: Lines with too few.
        unseen_overcharged: Lines with too many on receipts that no person looks at.
        after_review_overcharged: Lines with too many once all reviews are decided rightly.
        overcharged_minor: What was charged too much, at the layout's prices.
        undercharged_minor: What was charged too little.
    """

    true: int
    exact_count: int
    exact: float | None
    f1: float | None
    untouched_count: int = 0
    after_review_count: int = 0
    overcharged_receipts: int = 0
    overcharged: int = 0
    undercharged: int = 0
    unseen_overcharged: int = 0
    after_review_overcharged: int = 0
    overcharged_minor: int = 0
    undercharged_minor: int = 0


def score_receipts(
    receipts: Iterable[TrueReceipt],
    carts: Mapping[str, Items],
    reviewed: frozenset[str],
    left_to_review: Iterable[TrueEvent],
    prices_minor: Mapping[str, int],
) -> ReceiptScore:
    """Compare what accounts would be charged (`carts`) with what they should pay.

    Args:
        receipts: One for each account that was in the shop.
        carts: By account.
        reviewed: Accounts whose receipt waits for a person.
        left_to_review: True events that ended in a review.
        prices_minor: By article.
    """
    true = {receipt.shopper: _kept(receipt.items) for receipt in receipts}
    later = after_review(carts, left_to_review)
    over, under = _lines(true, carts)
    exact = [name for name, items in true.items() if items == _kept(carts.get(name, {}))]
    f1s = [f1({name: items}, {name: carts.get(name, {})}) for name, items in true.items()]
    return ReceiptScore(
        true=len(true),
        exact_count=len(exact),
        exact=share(len(exact), len(true)),
        f1=share(sum(f1s), len(f1s)),
        untouched_count=sum(name not in reviewed for name in exact),
        after_review_count=sum(items == _kept(later.get(n, {})) for n, items in true.items()),
        overcharged_receipts=len({name for name, _ in over}),
        overcharged=len(over),
        undercharged=len(under),
        unseen_overcharged=sum(name not in reviewed for name, _ in over),
        after_review_overcharged=len(_lines(true, later)[0]),
        overcharged_minor=_value(over, prices_minor),
        undercharged_minor=_value(under, prices_minor),
    )


def f1(true: Mapping[str, Items], charged: Mapping[str, Items]) -> float:
    """F1 over all articles of all accounts; 1 where there is nothing on either side."""
    wanted = sum(sum(_kept(items).values()) for items in true.values())
    told = sum(max(count, 0) for items in charged.values() for count in items.values())
    right = sum(
        max(0, min(count, charged.get(name, {}).get(sku, 0)))
        for name, items in true.items()
        for sku, count in items.items()
    )
    return 1.0 if wanted + told == 0 else 2 * right / (wanted + told)


def after_review(
    carts: Mapping[str, Items], left_to_review: Iterable[TrueEvent]
) -> dict[str, dict[str, int]]:
    """What would be charged once each reviewed event is booked as it was."""
    later = {name: dict(items) for name, items in carts.items()}
    for event in left_to_review:
        sign = 1 if event.kind is OutcomeKind.PICK else -1
        cart = later.setdefault(event.shopper, {})
        cart[event.sku] = cart.get(event.sku, 0) + sign * event.quantity
    return later


def add_receipts(scores: Iterable[ReceiptScore]) -> ReceiptScore:
    """Counts added up; means weigh each receipt the same."""
    kept = tuple(scores)
    true = sum(s.true for s in kept)
    exact = sum(s.exact_count for s in kept)
    return ReceiptScore(
        true=true,
        exact_count=exact,
        exact=share(exact, true),
        f1=share(sum((s.f1 or 0.0) * s.true for s in kept), true),
        untouched_count=sum(s.untouched_count for s in kept),
        after_review_count=sum(s.after_review_count for s in kept),
        overcharged_receipts=sum(s.overcharged_receipts for s in kept),
        overcharged=sum(s.overcharged for s in kept),
        undercharged=sum(s.undercharged for s in kept),
        unseen_overcharged=sum(s.unseen_overcharged for s in kept),
        after_review_overcharged=sum(s.after_review_overcharged for s in kept),
        overcharged_minor=sum(s.overcharged_minor for s in kept),
        undercharged_minor=sum(s.undercharged_minor for s in kept),
    )


def share(part: float, whole: float) -> float | None:
    """Part of a whole, rounded for people; None where there is no whole."""
    return round(part / whole, 6) if whole else None


def _kept(items: Items) -> dict[str, int]:
    return {sku: count for sku, count in items.items() if count}


Line = tuple[str, str]


def _lines(
    true: Mapping[str, Items], carts: Mapping[str, Items]
) -> tuple[dict[Line, int], dict[Line, int]]:
    """By account and article how many are charged too many, and too few."""
    over, under = {}, {}
    for name in sorted({*true, *carts}):
        should, would = true.get(name, {}), carts.get(name, {})
        for sku in sorted({*should, *would}):
            more = max(would.get(sku, 0), 0) - should.get(sku, 0)
            if more > 0:
                over[name, sku] = more
            elif more < 0:
                under[name, sku] = -more
    return over, under


def _value(lines: Mapping[Line, int], prices_minor: Mapping[str, int]) -> int:
    return sum(count * prices_minor.get(sku, 0) for (_, sku), count in lines.items())
