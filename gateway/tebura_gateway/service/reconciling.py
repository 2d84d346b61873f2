"""Holds our books against a provider's list; what differs becomes a question for staff."""

import datetime as dt
import re
from dataclasses import dataclass

from sqlalchemy import select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.reconciliation import Booked, Difference, Listed, differences
from tebura_gateway.domain.settlement import Call, Settlement, State
from tebura_gateway.service import settling
from tebura_gateway.service.ports import Movement, PaymentProvider
from tebura_gateway.service.reviews import open_review
from tebura_gateway.service.transaction import Tx, from_text

MARGIN_NS = 2 * 3600 * SECOND_NS
"""How far the provider's clock and ours may lie apart, answer and booking together."""


def listed(provider: PaymentProvider, from_ns: int, to_ns: int) -> list[Movement]:
    """The provider's list, with a margin; asked outside any transaction.

    Raises:
        NoAnswer: If the provider does not give it.
    """
    return provider.movements(from_ns - MARGIN_NS, to_ns + MARGIN_NS)


def reconcile(
    tx: Tx, provider: str, moved: list[Movement], from_ns: int, to_ns: int
) -> list[Difference]:
    """Compare a span of time, and ask staff about each difference, once."""
    span = _Span(from_ns - MARGIN_NS, to_ns + MARGIN_NS, frozenset(one.key for one in moved))
    there = [
        Listed(
            call=one.call,
            key=one.key,
            reference=one.reference,
            amount_minor=one.amount_minor,
            currency=one.currency,
            at_ns=one.at_ns,
        )
        for one in moved
    ]
    here = [*_captures(tx, provider, span), *_refunds(tx, provider, span)]
    found = differences(here, there, from_ns, to_ns)
    for one in found:
        open_review(
            tx,
            f"books:{provider}:{one.call}:{one.name}"[:300],
            reason=f"books-{one.kind}",
            visit=one.visit,
            risk_minor=abs(one.listed_minor - one.booked_minor),
        )
    return found


@dataclass(frozen=True, slots=True)
class _Span:
    """What of our books is looked at: a time, and whatever the list names, however long ago."""

    from_ns: int
    to_ns: int
    keys: frozenset[str]

    def visits(self) -> list[str]:
        matches = (re.fullmatch(r"(.+):(?:authorize|capture|hold):\d+", key) for key in self.keys)
        return [match[1] for match in matches if match is not None]


def _captures(tx: Tx, provider: str, span: _Span) -> list[Booked]:
    """Settled payments of the span, and those whose answer is still waited for."""
    visit, settlement = tables.visit, tables.settlement
    query = (
        select(settlement.c.document, visit.c.final_ns, visit.c.state_since_ns)
        .join(
            visit,
            (visit.c.store == settlement.c.store) & (visit.c.visit == settlement.c.visit),
        )
        .where(
            settlement.c.store == tx.store,
            visit.c.state.in_([State.SETTLED, State.UNKNOWN, State.CAPTURE_SENT]),
            visit.c.state_since_ns.between(span.from_ns, span.to_ns)
            | visit.c.visit.in_(span.visits()),
        )
    )
    found = []
    for text, final_ns, since_ns in tx.connection.execute(query):
        one = from_text(text, Settlement)
        if one.amount_minor and one.capture_key and _is_by(tx, one, provider):
            found.append(
                Booked(
                    call=Call.CAPTURE,
                    key=one.capture_key,
                    reference=one.capture_reference,
                    amount_minor=one.amount_minor,
                    currency=one.currency,
                    at_ns=int(final_ns if final_ns is not None else since_ns),
                    visit=one.visit,
                    is_open=one.state is not State.SETTLED,
                )
            )
    return found


def _refunds(tx: Tx, provider: str, span: _Span) -> list[Booked]:
    table = tables.refund
    query = select(table).where(
        table.c.store == tx.store,
        table.c.state.in_(["sent", "done"]),
        table.c.amount_minor > 0,
        table.c.done_ns.between(span.from_ns, span.to_ns) | table.c.refund.in_(span.keys),
    )
    return [
        Booked(
            call=Call.REFUND,
            key=row.refund,
            reference="",
            amount_minor=int(row.amount_minor),
            currency=row.currency,
            at_ns=int(row.done_ns if row.done_ns is not None else row.created_ns),
            visit=row.visit,
            is_open=row.state == "sent",
        )
        for row in tx.connection.execute(query).all()
        if _is_by(tx, settling.read(tx, VisitId(row.visit)), provider)
    ]


def _is_by(tx: Tx, settlement: Settlement, provider: str) -> bool:
    return (settlement.provider or tx.shop.payment.name) == provider


def span_of(day: dt.date | None, zone: dt.tzinfo, now_ns: int) -> tuple[int, int]:
    """From the first to the last moment of a day in the store's time; yesterday for want of one."""
    today = dt.datetime.fromtimestamp(now_ns / SECOND_NS, zone).date()
    begins = day if day is not None else today - dt.timedelta(days=1)
    ends = begins + dt.timedelta(days=1)
    midnights = [dt.datetime.combine(one, dt.time(), zone).timestamp() for one in (begins, ends)]
    return int(midnights[0]) * SECOND_NS, int(midnights[1]) * SECOND_NS
