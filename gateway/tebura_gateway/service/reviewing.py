"""What staff answer to a review."""

from sqlalchemy import select
from tebura_contract.ids import EventId, Sku, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain import decision as steps
from tebura_gateway.domain.settlement import State, VisitRuling, Why
from tebura_gateway.service import decisions, refunding, settling
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused, Ruling, RulingKind
from tebura_gateway.service.reviews import ReviewKind, ReviewState, close, kind_of_review
from tebura_gateway.service.transaction import Tx


def rule(tx: Tx, memory: Memory, review: str, ruling: Ruling) -> None:
    """Accept, change or void what a review is about.

    Raises:
        Refused: If the review is not open, or the ruling does not fit it.
    """
    row = tx.get(tables.review, review=review)
    if row is None or row.state != ReviewState.OPEN:
        raise Refused(f"review {review} is not open")
    match kind_of_review(review):
        case ReviewKind.STEP:
            _rule_step(tx, memory, EventId.parse(row.event), ruling)
        case ReviewKind.VISIT:
            _rule_visit(tx, memory, VisitId(row.visit), ruling)
        case ReviewKind.DISPUTE:
            if ruling.kind is not RulingKind.VOID:
                quantity = abs(row.quantity if ruling.quantity is None else ruling.quantity)
                visit, sku = VisitId(row.visit), Sku(row.sku)
                refunding.request(tx, visit, sku, quantity, "dispute", ruling.by)
        case ReviewKind.LATE:
            if ruling.kind is not RulingKind.VOID:
                raise Refused("what was found after the sale is not charged: void writes it off")
        case ReviewKind.PAYMENT:
            _rule_payment(tx, VisitId(row.visit), ruling)
        case ReviewKind.EVENT:
            pass
    close(tx, review, ruling.kind.value, ruling.by)
    if row.visit is not None:
        tx.note("visit", row.visit)


def _rule_step(tx: Tx, memory: Memory, event: EventId, ruling: Ruling) -> None:
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
    touched = {settled.visit, *(suspect.visit for suspect in decision.suspects)} - {None}
    priced = select(tables.visit.c.visit).where(
        tables.visit.c.store == tx.store,
        tables.visit.c.visit.in_(touched),
        tables.visit.c.priced_ns.is_not(None) | tables.visit.c.final_ns.is_not(None),
    )
    for (visit,) in tx.connection.execute(priced).all():
        tx.change(tables.visit, {"visit": visit}, late_ns=tx.now_ns)


def _settled(tx: Tx, decision: steps.Decision, ruling: Ruling) -> steps.Ruling:
    if ruling.kind is RulingKind.VOID:
        return steps.Ruling(visit=None, sku=None, quantity=0)
    if ruling.kind is RulingKind.CHANGE and (ruling.sku is None or ruling.quantity is None):
        raise Refused("a change says which article and how many")
    sku = ruling.sku if ruling.sku is not None else decision.sku
    quantity = ruling.quantity if ruling.quantity is not None else decision.quantity
    visit = ruling.visit if ruling.visit is not None else decision.visit
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
    said = VisitRuling.ACCEPT if ruling.kind is RulingKind.ACCEPT else VisitRuling.VOID
    tx.change(tables.visit, {"visit": visit}, ruling=said.value, ruled_by=ruling.by)
    memory.is_stale = True


def _rule_payment(tx: Tx, visit: VisitId, ruling: Ruling) -> None:
    if ruling.kind is RulingKind.ACCEPT:
        settling.retry_payment(tx, visit)
    elif ruling.kind is RulingKind.VOID:
        settling.write_off(tx, visit, ruling.by)
    else:
        raise Refused("a payment is tried again (accept) or written off (void)")
