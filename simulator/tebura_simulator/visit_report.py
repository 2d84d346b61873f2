"""What became of each shopper of a recording, beside what should have."""

from collections.abc import Mapping, Sequence

import msgspec
from tebura_contract.truth import TrueReceipt

from tebura_simulator.shop_client import Line, Receipt, Visit

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


class CartNews:
    """What changed in the carts since it was last asked: each change once, for a terminal."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, float]] = {}
        self._stages: dict[str, str] = {}

    def of(self, visits: Sequence[Visit], names: Mapping[str, str]) -> list[str]:
        """Lines to print, oldest first; `names` are the shoppers' by member."""
        lines = []
        for visit in reversed(visits):
            who = names.get(visit.member, visit.member_name or visit.member)
            if visit.id not in self._stages:
                lines.append(f"{who} came in")
            for happening in visit.happenings:
                key, now = happening.event, (happening.state, happening.confidence)
                if self._seen.get(key) == now:
                    continue
                self._seen[key] = now
                sign = "+" if happening.quantity > 0 else "−"
                what = happening.name_en or happening.name or "something"
                sure = "…" if happening.state == "checking" else f"{happening.confidence:.1%}"
                lines.append(
                    f"{who}: {sign}{abs(happening.quantity)} {what}  "
                    f"({happening.delta_g:+.0f} g, {happening.state} {sure})"
                )
            if self._stages.get(visit.id) != visit.stage:
                if visit.id in self._stages or visit.stage != "shopping":
                    lines.append(f"{who}: {visit.stage}{_because(visit)}")
                self._stages[visit.id] = visit.stage
        return lines


def _because(visit: Visit) -> str:
    return f" ({visit.reason})" if visit.reason else ""
