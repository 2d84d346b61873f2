"""What became of each shopper of a recording, beside what should have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from tebura_contract.money import Money
from tebura_contract.truth import TrueReceipt

from tebura_simulator.shop_client import Happening, Line, Receipt, Visit

SETTLED, NOTHING_TAKEN, REVIEW = "settled", "nothing-taken", "review"
ENDED = (SETTLED, NOTHING_TAKEN, "unpaid")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One shopper's visit.

    `is_exact` if it was settled as the truth says, `is_wrong` if it was settled otherwise; neither
    while a person still has to look, or nobody was seen.
    """

    recording: str
    shopper: str
    visit: str | None
    stage: str
    expected: dict[str, int]
    receipt: dict[str, int] | None
    receipt_number: int | None
    total_minor: int | None
    currency: str
    is_exact: bool
    is_wrong: bool
    seconds_to_receipt: float | None
    reason: str = ""


def verdict(
    recording: str,
    expected: TrueReceipt,
    visit: Visit | None,
    receipt: Receipt | None,
    seconds_to_receipt: float | None,
) -> Verdict:
    """Compare one visit with its truth."""
    stage = visit.stage if visit else "not-seen"
    charged = _items(receipt.lines) if receipt and stage == SETTLED else None
    if stage == NOTHING_TAKEN:
        charged = {}
    wanted = {sku: count for sku, count in expected.items.items() if count}
    return Verdict(
        recording=recording,
        shopper=expected.shopper,
        visit=visit.id if visit else None,
        stage=stage,
        expected=wanted,
        receipt=charged,
        receipt_number=receipt.number if receipt else None,
        total_minor=receipt.total.minor if receipt else (0 if stage == NOTHING_TAKEN else None),
        currency=visit.total.currency if visit else "",
        is_exact=charged is not None and charged == wanted,
        is_wrong=charged is not None and charged != wanted,
        seconds_to_receipt=seconds_to_receipt,
        reason=visit.reason if visit else "",
    )


def visit_of(member: str, visits: Sequence[Visit], known: frozenset[str]) -> Visit | None:
    """The newest visit of a member that was not there before the recording began."""
    return next((v for v in visits if v.member == member and v.id not in known), None)


def is_over(visit: Visit | None) -> bool:
    """Whether nothing more is to come without a person."""
    return visit is not None and visit.stage in ENDED


def _items(lines: Sequence[Line]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        found[line.sku] = found.get(line.sku, 0) + line.quantity
    return found


class Tone(StrEnum):
    """How a piece of news is meant."""

    QUIET = "quiet"
    GOOD = "good"
    OPEN = "open"
    BAD = "bad"


@dataclass(frozen=True)
class News:
    """One change, as a line for a terminal."""

    text: str
    tone: Tone


class CartNews:
    """What changed in the carts since it was last asked: each change once."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, float, str | None, int]] = {}
        self._stages: dict[str, str] = {}

    def of(self, visits: Sequence[Visit], names: Mapping[str, str]) -> list[News]:
        """Lines to show, oldest visit first; `names` are the shoppers' by member."""
        found: list[News] = []
        for visit in reversed(visits):
            who = names.get(visit.member, visit.member_name or visit.member)
            if visit.id not in self._stages:
                found.append(News(f"{who} comes in", Tone.QUIET))
                self._stages[visit.id] = "shopping"
            changed = [happening for happening in visit.happenings if self._is_news(happening)]
            cart = str(Money(visit.total.minor, visit.total.currency))
            found += [_happened(who, happening, cart) for happening in changed]
            if self._stages[visit.id] != visit.stage:
                self._stages[visit.id] = visit.stage
                found.append(_staged(who, visit))
        return found

    def _is_news(self, happening: Happening) -> bool:
        now = (happening.state, happening.confidence, happening.sku, happening.quantity)
        before = self._seen.get(happening.event)
        self._seen[happening.event] = now
        return before != now


def _happened(who: str, happening: Happening, cart: str) -> News:
    sign = "+" if happening.quantity > 0 else "−"
    what = happening.name_en or happening.name or "something"
    said = {"checking": "checking …", "review": "staff looks"}.get(
        happening.state, f"sure {happening.confidence:.1%}"
    )
    tone = {"checking": Tone.OPEN, "review": Tone.BAD}.get(happening.state, Tone.GOOD)
    line = f"{who:<6} {sign}{abs(happening.quantity)} {what:<20} {happening.delta_g:+6.0f} g"
    return News(f"{line}  {said:<11}  cart {cart}", tone)


def _staged(who: str, visit: Visit) -> News:
    said = {
        "checking": "has left; the cart is being checked",
        "paying": "has left; the payment is under way",
        "settled": "has paid",
        "nothing-taken": "has left with nothing, owes nothing",
        "review": "must wait: a person has to look",
        "unpaid": "could not pay",
    }.get(visit.stage, visit.stage)
    reason = f" ({visit.reason})" if visit.reason and visit.stage in ("review", "unpaid") else ""
    tone = Tone.BAD if visit.stage in ("review", "unpaid") else Tone.QUIET
    return News(f"{who:<6} {said}{reason}", tone)
