"""Facts that came after a visit was priced: credits go back by themselves, debits never (R-11)."""

from sqlalchemy import select
from tebura_contract.ids import Sku, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import cart_of
from tebura_gateway.domain.checkout import Confirmation, judged_since, listing_of
from tebura_gateway.domain.decision import Status
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.domain.late import difference
from tebura_gateway.domain.pricing import Bill
from tebura_gateway.domain.settlement import State, Why
from tebura_gateway.service import refunding
from tebura_gateway.service.billing import confirmed_by
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import open_review
from tebura_gateway.service.transaction import Tx, from_text


def look_again(tx: Tx, judgement: Judgement, most: int) -> bool:
    """Compare visits that got late facts with what they paid, `most` of them; whether that was all.

    Waits while a step still is checked or its money still moves; the mark stays until then.
    """
    done = 0
    table = tables.visit
    query = select(table).where(table.c.store == tx.store, table.c.late_ns.is_not(None))
    for row in tx.connection.execute(query).all():
        visit = VisitId(row.visit)
        waiting = any(step.status is Status.CHECKING for step in judgement.in_doubt(visit))
        if waiting or visit not in judgement.visits:
            continue
        if done == most:
            return False
        if row.state == State.SETTLED:
            _adjust(tx, judgement, visit, from_text(row.bill, Bill), confirmed_by(row))
        elif row.state == State.VOID and row.reason == Why.NOTHING_TAKEN:
            _adjust(tx, judgement, visit, None)
        elif row.state != State.VOID:
            # Its money still moves: the mark stays.
            continue
        tx.change(table, {"visit": visit}, late_ns=None)
        done += 1
    return True


def _adjust(
    tx: Tx,
    judgement: Judgement,
    visit: VisitId,
    bill: Bill | None,
    confirmed: Confirmation | None = None,
) -> None:
    billed = bill.quantities() if bill is not None else {}
    cart = cart_of(judgement, visit)
    judged = cart.decided() if confirmed is None else judged_since(listing_of(cart), confirmed)
    found = difference(billed, refunding.refunded(tx, visit), judged)
    if found.credit:
        _give_back(tx, visit, found.credit)
    for sku, quantity in found.debit.items():
        product = tx.shop.products.get(sku)
        open_review(
            tx,
            f"late:{visit}:{sku}",
            reason="late-debit",
            visit=visit,
            sku=sku,
            quantity=quantity,
            risk_minor=product.price_minor * quantity if product is not None else 0,
        )


def _give_back(tx: Tx, visit: VisitId, credit: dict[Sku, int]) -> None:
    try:
        refunding.start(tx, visit, credit, "late-fact", "gateway")
    except Refused:
        # Whoever took the money cannot be asked any more: a person sees to it.
        for sku, quantity in credit.items():
            open_review(
                tx,
                f"late:{visit}:{sku}",
                reason="late-credit",
                visit=visit,
                sku=sku,
                quantity=-quantity,
            )
