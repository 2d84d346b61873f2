"""What staff answer to a review."""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from sqlalchemy import select
from tebura_contract.ids import EventId, Sku, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain import decision as steps
from tebura_gateway.domain.settlement import State, VisitRuling, Why
from tebura_gateway.service import checkout, decisions, refunding, settling
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused, Ruling, RulingKind
from tebura_gateway.service.reviews import ReviewKind, ReviewState, close, kind_of_review, reopen
from tebura_gateway.service.transaction import Tx

_UNDOABLE = (ReviewKind.STEP, ReviewKind.VISIT, ReviewKind.LATE, ReviewKind.EVENT, ReviewKind.STOCK)
"""The others move money at once."""


def rule(tx: Tx, memory: Memory, review: str, ruling: Ruling, undo_ns: int = 0) -> None:
    """Accept, change or void what a review is about.

    Args:
        tx: The open transaction.
        memory: What the writer keeps at hand.
        review: The name of the review.
        ruling: The answer.
        undo_ns: The visits concerned are not billed for this long, so that `take_back` can.

    Raises:
        Refused: If the review is not open, or the ruling does not fit it.
    """
    row = tx.get(tables.review, review=review)
    if row is None or row.state != ReviewState.OPEN:
        raise Refused(f"review {review} is not open")
    match kind_of_review(review):
        case ReviewKind.STEP:
            touched = _rule_step(tx, memory, EventId.parse(row.event), ruling)
            _hold_bills(tx, touched, undo_ns)
        case ReviewKind.VISIT:
            _rule_visit(tx, memory, VisitId(row.visit), ruling)
            _hold_bills(tx, {VisitId(row.visit)}, undo_ns)
        case ReviewKind.DISPUTE:
            if ruling.kind is not RulingKind.VOID:
                quantity = abs(row.quantity if ruling.quantity is None else ruling.quantity)
                visit, sku = VisitId(row.visit), Sku(row.sku)
                refunding.request(tx, visit, sku, quantity, "dispute", ruling.by)
        case ReviewKind.LATE:
            if ruling.kind is not RulingKind.VOID:
                raise Refused("what was found after the sale is not charged: void writes it off")
        case ReviewKind.PAYMENT:
            # Closed first: what is declined once more is asked about once more.
            close(tx, review, ruling.kind.value, ruling.by)
            _rule_payment(tx, review.partition(":")[2], VisitId(row.visit), ruling)
            tx.note("visit", row.visit)
            return
        case ReviewKind.REFUND:
            name = review.partition(":")[2]
            refunding.second(tx, name, ruling.kind is RulingKind.ACCEPT, ruling.by)
        case ReviewKind.CORRECTION:
            checkout.rule(tx, memory, VisitId(row.visit), ruling)
        case ReviewKind.EVENT | ReviewKind.STOCK | ReviewKind.BOOKS:
            # Seen: there is nothing to decide here, a count or a refund puts it right.
            pass
    close(tx, review, ruling.kind.value, ruling.by)
    if row.visit is not None:
        tx.note("visit", row.visit)


def _hold_bills(tx: Tx, visits: AbstractSet[VisitId], undo_ns: int) -> None:
    for visit in sorted(visits):
        tx.change(tables.visit, {"visit": visit}, held_until_ns=tx.now_ns + undo_ns)


def take_back(tx: Tx, memory: Memory, review: str) -> None:
    """Undo the answer to a review and ask again.

    Raises:
        Refused: If nobody answered it, or the answer has had its effect on a bill or a payment.
    """
    row = tx.get(tables.review, review=review)
    if row is None or row.state != ReviewState.CLOSED:
        raise Refused(f"review {review} has no answer to take back")
    kind = kind_of_review(review)
    if kind not in _UNDOABLE:
        raise Refused("money has moved already")
    if kind is ReviewKind.STEP:
        _take_back_step(tx, memory, row)
    elif kind is ReviewKind.VISIT:
        _refuse_if_billed(tx, {VisitId(row.visit)})
        tx.change(tables.visit, {"visit": row.visit}, ruling="", ruled_by="")
    reopen(tx, review)
    memory.is_stale = True


def _take_back_step(tx: Tx, memory: Memory, row: Any) -> None:
    event, asked = EventId.parse(row.event), decisions.read(row.evidence)
    decided = decisions.stored(tx, event)
    _refuse_if_billed(tx, _visits_of(asked, decided.visit if decided is not None else None))
    tx.remove(tables.ruling, event=str(event))
    memory.rulings.pop(event, None)
    decisions.put_all(tx, memory, [asked])


def _refuse_if_billed(tx: Tx, visits: AbstractSet[VisitId]) -> None:
    if _billed(tx, visits):
        raise Refused("it is billed already: refund it instead")


def _billed(tx: Tx, visits: AbstractSet[VisitId]) -> list[VisitId]:
    table = tables.visit
    query = select(table.c.visit).where(
        table.c.store == tx.store,
        table.c.visit.in_(visits),
        table.c.priced_ns.is_not(None) | table.c.final_ns.is_not(None),
    )
    return [VisitId(visit) for (visit,) in tx.connection.execute(query)]


def _visits_of(decision: steps.Decision, settled: VisitId | None) -> set[VisitId]:
    """All visits that a step may be on."""
    named = {settled, decision.visit, *(suspect.visit for suspect in decision.suspects)}
    return {visit for visit in named if visit is not None}


def _rule_step(tx: Tx, memory: Memory, event: EventId, ruling: Ruling) -> set[VisitId]:
    """Write down what a step was; the visits that this touches."""
    decision = decisions.stored(tx, event)
    if decision is None:
        raise Refused(f"no step {event}")
    settled = _settled(tx, decision, ruling)
    tx.put(
        tables.ruling,
        {"event": str(event)},
        visit=settled.visit,
        sku=settled.sku,
        quantity=settled.quantity,
        at_ns=int(decision.from_ns),
        ruled_by=ruling.by,
        ruled_ns=tx.now_ns,
    )
    memory.rulings[event] = settled
    memory.is_stale = True
    # At once, for a step may be older than what is judged again.
    decisions.put_all(tx, memory, [_as_ruled(decision, settled)])
    touched = _visits_of(decision, settled.visit)
    for visit in _billed(tx, touched):
        tx.change(tables.visit, {"visit": visit}, late_ns=tx.now_ns)
    return touched


def _as_ruled(decision: steps.Decision, settled: steps.Ruling) -> steps.Decision:
    return msgspec.structs.replace(
        decision,
        status=steps.Status.DECIDED,
        visit=settled.visit,
        sku=settled.sku,
        quantity=settled.quantity,
        confidence=1.0,
        reason=steps.Reason.STAFF,
        detail="",
    )


def _settled(tx: Tx, decision: steps.Decision, ruling: Ruling) -> steps.Ruling:
    if ruling.kind is RulingKind.VOID:
        return steps.Ruling(visit=None, sku=None, quantity=0)
    if ruling.kind is RulingKind.CHANGE and (ruling.sku is None or ruling.quantity is None):
        raise Refused("a change says which article and how many")
    sku = ruling.sku if ruling.sku is not None else decision.sku
    quantity = ruling.quantity if ruling.quantity is not None else decision.quantity
    visit = ruling.visit if ruling.visit is not None else decision.visit
    if ruling.is_staff_work:
        visit = None
    if sku is None:
        raise Refused("nobody knows what it was: change says it, or void")
    if sku not in tx.shop.products:
        raise Refused(f"no article {sku!r}")
    if quantity and (quantity > 0) != (decision.delta_g < 0):
        raise Refused("weight that left was taken (positive), weight that came was put back")
    if visit is not None and tx.get(tables.visit, visit=visit) is None:
        raise Refused(f"no visit {visit}")
    return steps.Ruling(visit=visit, sku=sku, quantity=quantity)


def _rule_visit(tx: Tx, memory: Memory, visit: VisitId, ruling: Ruling) -> None:
    row = tx.get(tables.visit, visit=visit)
    if row is None or row.state != State.REVIEW:
        raise Refused(f"visit {visit} is not in review")
    if ruling.kind is RulingKind.CHANGE:
        raise Refused("a visit is accepted or voided; change its steps")
    if ruling.kind is RulingKind.ACCEPT and row.reason == Why.CART:
        raise Refused("this cart cannot be charged as it stands: change its steps, or void")
    if ruling.kind is RulingKind.ACCEPT and not row.member and not row.confirmed:
        raise Refused("they left without paying and have no account: void writes it off")
    said = VisitRuling.ACCEPT if ruling.kind is RulingKind.ACCEPT else VisitRuling.VOID
    tx.change(tables.visit, {"visit": visit}, ruling=said.value, ruled_by=ruling.by)
    memory.is_stale = True


def _rule_payment(tx: Tx, subject: str, visit: VisitId, ruling: Ruling) -> None:
    """A declined payment is tried again or written off; a lost one was found, or was never made."""
    if ruling.kind is RulingKind.CHANGE:
        raise Refused("a payment is tried again or confirmed (accept), or written off (void)")
    is_accepted = ruling.kind is RulingKind.ACCEPT
    if refunding.look_up(tx, subject, is_accepted):
        return
    row = tx.get(tables.visit, visit=visit)
    if row is not None and row.state == State.UNKNOWN:
        settling.look_up(tx, visit, f"by hand: {ruling.by}" if is_accepted else None, ruling.by)
    elif is_accepted:
        settling.retry_payment(tx, visit)
    else:
        settling.write_off(tx, visit, ruling.by)
