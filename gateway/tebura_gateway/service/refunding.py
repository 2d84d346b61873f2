"""Gives money back: never more than was paid, each refund once, under a key stored first."""

from collections import Counter
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import func, select
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import Sku, VisitId
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain import ledger
from tebura_gateway.domain.pricing import Bill, without
from tebura_gateway.domain.receipt import CreditNote, Receipt, credit_note
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import booking, online_shop, settling
from tebura_gateway.service.case import FIRST_RETRY_NS, LAST_RETRY_NS
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import About, Approved, Declined, ProviderCall
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import ReviewState, close, open_review
from tebura_gateway.service.shop import MOST_ASKED
from tebura_gateway.service.transaction import Tx, from_text, to_text


class RefundState(StrEnum):
    PROPOSED = "proposed"  # a second person must agree
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"


def request(tx: Tx, visit: VisitId, sku: Sku | None, quantity: int, reason: str, by: str) -> str:
    """Start a refund of some pieces of a line, or of all that is left where `sku` is None.

    A large one waits until a second person agrees.

    Returns:
        The refund's name.

    Raises:
        Refused: If the visit has no receipt, or not that much of it is left.
    """
    receipt, left = _left(tx, visit)
    pieces = left.quantities() if sku is None else {sku: quantity}
    if not pieces or any(
        count <= 0 or count > left.quantities().get(name, 0) for name, count in pieces.items()
    ):
        raise Refused(f"of receipt {receipt.number} only {left.quantities()} can be refunded")
    return start(tx, visit, pieces, reason, by, is_asked_for=True)


def start(
    tx: Tx,
    visit: VisitId,
    pieces: dict[Sku, int],
    reason: str,
    by: str,
    *,
    is_asked_for: bool = False,
) -> str:
    """Start a refund of pieces that are known to be left.

    What a person asks for needs a second one where it is large; what the facts say does not.
    """
    receipt, left = _left(tx, visit)
    note = credit_note(receipt, left, without(left, pieces, tx.shop.tax_rules), reason)
    name = f"{visit}:refund:{len(_rows(tx, visit)) + 1}"
    limit_minor = tx.shop.after_sale.two_people_minor
    needs_two = is_asked_for and limit_minor is not None and note.total_minor > limit_minor
    tx.put(
        tables.refund,
        {"refund": name},
        visit=visit,
        state=(RefundState.PROPOSED if needs_two else RefundState.SENT).value,
        reason=reason[:64],
        by=by[:64],
        amount_minor=note.total_minor,
        currency=note.currency,
        document=to_text(note),
        created_ns=tx.now_ns,
        # Where the process dies before the call, the timer makes it.
        next_try_ns=None if needs_two else tx.now_ns + FIRST_RETRY_NS,
    )
    tx.note("refund", name)
    tx.note("visit", visit)
    if needs_two:
        open_review(
            tx,
            f"refund:{name}",
            reason="second-person",
            visit=visit,
            risk_minor=note.total_minor,
        )
    elif note.total_minor:
        _send(tx, name, asks=False)
    else:
        _done(tx, name)
    return name


def second(tx: Tx, name: str, is_agreed: bool, by: str) -> None:
    """A second person agrees to a large refund, or does not.

    Raises:
        Refused: If it is the first one again, or the refund does not wait for anyone.
    """
    row = tx.get(tables.refund, refund=name)
    if row is None or row.state != RefundState.PROPOSED:
        raise Refused(f"refund {name} waits for nobody")
    if is_agreed and by[:64] == row.by:
        raise Refused("somebody else must agree to this refund")
    if not is_agreed:
        tx.change(tables.refund, {"refund": name}, state=RefundState.REFUSED.value)
    else:
        tx.change(
            tables.refund,
            {"refund": name},
            state=RefundState.SENT.value,
            next_try_ns=tx.now_ns + FIRST_RETRY_NS,
        )
        _send(tx, name, asks=False)
    tx.note("refund", name)
    tx.note("visit", row.visit)


def _left(tx: Tx, visit: VisitId) -> tuple[Receipt, Bill]:
    row = tx.get(tables.receipt, visit=visit)
    if row is None:
        raise Refused(f"visit {visit} has no receipt")
    receipt = from_text(row.document, Receipt)
    return receipt, without(receipt.bill, refunded(tx, visit), tx.shop.tax_rules)


def refunded(tx: Tx, visit: VisitId) -> dict[Sku, int]:
    """Pieces given back, or about to be, by article."""
    pieces: Counter[Sku] = Counter()
    for row in _rows(tx, visit):
        if row.state != RefundState.REFUSED:
            for line in from_text(row.document, CreditNote).lines:
                pieces[line.sku] += line.quantity
    return dict(pieces)


def _rows(tx: Tx, visit: VisitId) -> list[Any]:
    table = tables.refund
    query = select(table).where(table.c.store == tx.store, table.c.visit == visit)
    return list(tx.connection.execute(query))


def _send(tx: Tx, name: str, asks: bool) -> None:
    row = tx.get(tables.refund, refund=name)
    assert row is not None
    now = settling.read(tx, VisitId(row.visit))
    visit = tx.get(tables.visit, visit=row.visit)
    assert visit is not None
    tx.calls.append(
        ProviderCall(
            provider=tx.shop.terms(now.provider).name,
            about=About.REFUND,
            subject=name,
            call=Call.REFUND,
            key=name,
            account=visit.member or now.visit,
            amount=Money(int(row.amount_minor), row.currency),
            reference=now.capture_reference,
            since_ns=int(row.created_ns),
            asks=asks,
        )
    )


def answer(tx: Tx, call: ProviderCall, said: Approved | Declined | None, is_known: bool) -> None:
    """Take the provider's answer to a refund in; a second one changes nothing."""
    row = tx.get(tables.refund, refund=call.subject)
    assert row is not None
    if row.state != RefundState.SENT:
        return
    if not is_known or said is None:
        # Unknown or never arrived: the timer asks, and sends the same key again.
        wait_ns = min(FIRST_RETRY_NS * 2 ** min(int(row.attempts), 10), LAST_RETRY_NS)
        tx.change(
            tables.refund,
            {"refund": call.subject},
            attempts=row.attempts + 1,
            next_try_ns=tx.now_ns + (wait_ns if not is_known else 0),
        )
    elif isinstance(said, Approved):
        _done(tx, call.subject)
    else:
        _refuse(tx, row)
        _ask_staff(tx, row, "refund-refused")


def _refuse(tx: Tx, row: Any) -> None:
    tx.change(
        tables.refund, {"refund": row.refund}, state=RefundState.REFUSED.value, next_try_ns=None
    )
    tx.note("refund", row.refund)
    tx.note("visit", row.visit)


def _ask_staff(tx: Tx, row: Any, reason: str) -> None:
    open_review(
        tx,
        f"payment:{row.refund}",
        reason=reason,
        visit=row.visit,
        risk_minor=int(row.amount_minor),
    )


def look_up(tx: Tx, name: str, is_paid: bool) -> bool:
    """Staff looked at the provider's own list for a refund that nobody could answer for.

    Returns:
        False where this is no refund's name.

    Raises:
        Refused: If the provider is still asked about it.
    """
    row = tx.get(tables.refund, refund=name)
    if row is None:
        return False
    if row.state == RefundState.SENT:
        if row.next_try_ns is not None:
            raise Refused("the provider is still asked about it")
        if is_paid:
            _done(tx, name)
        else:
            _refuse(tx, row)
    elif row.state == RefundState.REFUSED and is_paid:
        # It was given back in another way: the books follow.
        _done(tx, name)
    return True


def _done(tx: Tx, name: str) -> None:
    row = tx.get(tables.refund, refund=name)
    assert row is not None
    note = msgspec.structs.replace(
        from_text(row.document, CreditNote),
        number=tx.count_up("credit-note"),
        issued_ns=Ns(tx.now_ns),
    )
    tx.change(
        tables.refund,
        {"refund": name},
        state=RefundState.DONE.value,
        number=note.number,
        document=to_text(note),
        done_ns=tx.now_ns,
        next_try_ns=None,
    )
    provider = tx.shop.terms(settling.read(tx, note.visit).provider).name
    posting = ledger.refund(name, note.visit, provider, note.taxes, note.total_minor, note.currency)
    booking.post(tx, posting)
    _tell_online_shop(tx, note.visit)
    tx.note("refund", name)
    tx.note("visit", note.visit)


def _tell_online_shop(tx: Tx, visit: VisitId) -> None:
    row = tx.get(tables.visit, visit=visit)
    assert row is not None
    online_shop.queue(tx, visit, row.member)


def send_due(tx: Tx, memory: Memory) -> None:
    """Refunds without an answer: ask, then the same key again."""
    table = tables.refund
    query = select(table).where(
        table.c.store == tx.store,
        table.c.state == RefundState.SENT.value,
        table.c.next_try_ns <= tx.now_ns,
    )
    asked = 0
    for row in tx.connection.execute(query.order_by(table.c.next_try_ns, table.c.refund)).all():
        name = row.refund
        if name in memory.in_flight:
            continue
        if asked == MOST_ASKED:
            break
        asked += 1
        provider = settling.read(tx, VisitId(row.visit)).provider
        if settling.is_key_expired(tx, provider, int(row.created_ns)):
            tx.change(table, {"refund": name}, next_try_ns=None)
            _ask_staff(tx, row, "key-expired")
        else:
            tx.change(table, {"refund": name}, next_try_ns=tx.now_ns + 60 * SECOND_NS)
            _send(tx, name, asks=True)


def dispute(tx: Tx, visit: VisitId, sku: Sku) -> None:
    """The shopper says that they did not take this: once a line.

    A small amount is given back at once, a few times a month; else staff look at the step that
    the shelf saw, the least sure one of the line.

    Raises:
        Refused: If it is not on the visit's receipt any more, or was looked at before.
    """
    receipt, left = _left(tx, visit)
    line = next((line for line in left.lines if line.sku == sku), None)
    if line is None:
        raise Refused(f"{sku} is not on receipt {receipt.number}")
    name = f"dispute:{visit}:{sku}"
    row = tx.get(tables.review, review=name)
    if row is not None and row.state == ReviewState.CLOSED:
        raise Refused(f"{sku} of receipt {receipt.number} was looked at before")
    open_review(
        tx,
        name,
        reason="dispute",
        visit=visit,
        event=_least_sure_step(tx, visit, sku),
        sku=sku,
        quantity=-line.quantity,
        risk_minor=line.net_minor,
    )
    if _is_believed(tx, receipt, line.net_minor):
        request(tx, visit, sku, line.quantity, _DISPUTE, _GATEWAY)
        close(tx, name, "accept", _GATEWAY)


_DISPUTE, _GATEWAY = "dispute", "gateway"
_MONTH_NS = 30 * 24 * 3600 * SECOND_NS


def _is_believed(tx: Tx, receipt: Receipt, amount_minor: int) -> bool:
    """Whether a dispute is paid back without anyone looking: little, and not too often."""
    rules = tx.shop.after_sale
    if not receipt.member or amount_minor > rules.auto_refund_minor:
        return False
    refund, sold = tables.refund, tables.receipt
    query = (
        select(func.count())
        .select_from(refund)
        .join(sold, (sold.c.store == refund.c.store) & (sold.c.visit == refund.c.visit))
        .where(
            refund.c.store == tx.store,
            sold.c.member == receipt.member,
            refund.c.by == _GATEWAY,
            refund.c.reason == _DISPUTE,
            refund.c.created_ns >= tx.now_ns - _MONTH_NS,
        )
    )
    return int(tx.connection.execute(query).scalar_one()) < rules.auto_refunds_a_month


def _least_sure_step(tx: Tx, visit: VisitId, sku: Sku) -> str | None:
    """The step that put this article on the visit's cart, the one to look at first."""
    table = tables.decision
    query = (
        select(table.c.event)
        .where(
            table.c.store == tx.store,
            table.c.visit == visit,
            table.c.sku == sku,
            table.c.quantity > 0,
        )
        .order_by(table.c.confidence, table.c.at_ns, table.c.event)
    )
    row = tx.connection.execute(query).first()
    return None if row is None else str(row.event)
