"""The exit screen: a walk-up confirms a list, and that is what is billed."""

from typing import Any

import msgspec
from tebura_contract.ids import VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart, LineStatus
from tebura_gateway.domain.checkout import (
    MOST_PIECES,
    BadConfirmation,
    Confirmation,
    confirmation,
    listing_of,
)
from tebura_gateway.domain.presence import NEVER_NS, Visit
from tebura_gateway.domain.pricing import Bill
from tebura_gateway.domain.settlement import UNPRICED, Outlook, State, VisitRuling
from tebura_gateway.service import billing
from tebura_gateway.service.billing import confirmed_by
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import ListOrder, Refused, Ruling, RulingKind
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.transaction import Tx, from_text, to_text


def confirm(
    tx: Tx,
    memory: Memory,
    visit: VisitId,
    order: ListOrder,
) -> Confirmation:
    """Take the list that a walk-up pays for; the money moves once all nodes have reported.

    Raises:
        Refused: If the visit is not a walk-up's that may pay now, or the list cannot be, or is
            another than the one the shopper saw.
    """
    row = tx.get(tables.visit, visit=visit)
    if row is None or not _pays_a_list(tx, row):
        raise Refused(f"visit {visit} does not pay at the exit screen")
    if State(row.state) not in UNPRICED:
        raise Refused("it is paid, or being paid")
    cart = from_text(row.cart, Cart)
    if any(line.status is LineStatus.CHECKING for line in cart.lines):
        raise Refused("a line is still being checked: a moment")
    if dict(order.seen) != listing_of(cart).items:
        raise Refused("the list has changed: look at it again")
    try:
        found = confirmation(
            listing_of(cart),
            order.items,
            order.reasons,
            tx.shop.products,
            _believed_minor(tx, row),
            tx.now_ns,
        )
    except BadConfirmation as error:
        raise Refused(str(error)) from error
    if not found.items and not found.needs_staff:
        raise Refused("there is nothing to pay")
    _save(tx, memory, visit, found, eats_in=order.eats_in)
    _show_staff(tx, visit, found)
    return found


def _pays_a_list(tx: Tx, row: Any) -> bool:
    """Walk-ups, where somebody takes their money; members where there is a counter."""
    if row.member:
        return tx.shop.has_counter
    return tx.shop.walk_up is not None and tx.shop.walk_up_payment is not None


def _believed_minor(tx: Tx, row: Any) -> int:
    """What may be taken off a list before staff look; members dispute a line instead."""
    return 0 if row.member or tx.shop.walk_up is None else tx.shop.walk_up.correction_limit_minor


def bill(tx: Tx, visit: VisitId, order: ListOrder) -> Bill:
    """What a list would cost, before anything is confirmed.

    Raises:
        Refused: If there is no such visit, or the list cannot be.
    """
    row = tx.get(tables.visit, visit=visit)
    unknown = [sku for sku in order.items if sku not in tx.shop.products]
    if row is None or unknown or not all(0 <= n <= MOST_PIECES for n in order.items.values()):
        raise Refused("this list cannot be")
    items = {sku: count for sku, count in order.items.items() if count}
    cart = from_text(row.cart, Cart)
    buyer = msgspec.structs.replace(billing.buyer_of(row), eats_in=order.eats_in)
    return billing.bill_of(tx, buyer, items, cart, tx.now_ns)


def forget(tx: Tx, memory: Memory, visit: VisitId) -> None:
    """Back to the list, as long as nothing is billed."""
    row = tx.get(tables.visit, visit=visit)
    if row is None or State(row.state) not in UNPRICED:
        raise Refused("it is paid, or being paid")
    _clear(tx, visit)
    memory.is_stale = True


def _clear(tx: Tx, visit: str) -> None:
    tx.change(tables.visit, {"visit": visit}, confirmed=None)
    withdraw(tx, f"correction:{visit}")
    tx.note("visit", visit)


def _save(tx: Tx, memory: Memory, visit: VisitId, found: Confirmation, **values: object) -> None:
    tx.change(tables.visit, {"visit": visit}, confirmed=to_text(found), **values)
    memory.is_stale = True
    tx.note("visit", visit)


def _show_staff(tx: Tx, visit: VisitId, found: Confirmation) -> None:
    """Corrections are never taken in silence: staff see them, above the limit they decide."""
    if not found.corrections and not found.needs_staff:
        return
    open_review(
        tx,
        f"correction:{visit}",
        reason="over-limit" if found.needs_staff else "corrected",
        visit=visit,
        risk_minor=found.removed_minor,
        is_new=True,
    )


def rule(tx: Tx, memory: Memory, visit: VisitId, ruling: Ruling) -> None:
    """Staff looked at a corrected list: as the shopper says (accept) or the shelf says (void).

    Raises:
        Refused: If neither fits.
    """
    row = tx.get(tables.visit, visit=visit)
    found = confirmed_by(row) if row is not None else None
    if row is None or found is None or not found.needs_staff:
        # It was paid as the shopper said; staff have seen it.
        return
    if ruling.kind is RulingKind.CHANGE:
        raise Refused("change the list at the exit screen, then accept it")
    items = found.items if ruling.kind is RulingKind.ACCEPT else found.listing.items
    settled = msgspec.structs.replace(found, items=items, needs_staff=False)
    _save(tx, memory, visit, settled)


def _waits_for_staff(tx: Tx, cart: Cart) -> bool:
    """Whether something is on the list that shoppers cannot buy on their own word."""
    return any(
        line.status is LineStatus.REVIEW
        and line.sku in tx.shop.products
        and tx.shop.products[line.sku].age_restricted
        for line in cart.lines
    )


def drop_outdated(tx: Tx, row: Any, cart: Cart) -> bool:
    """Forget a confirmed list that is not the cart's any more; whether it was forgotten.

    Something was taken or put back, or turned out otherwise, before it was billed.
    """
    found = confirmed_by(row)
    if found is None or found.listing == listing_of(cart):
        return False
    _clear(tx, row.visit)
    return True


def outlook(tx: Tx, memory: Memory, row: Any, cart: Cart, visit: Visit) -> Outlook:
    """What a walk-up's settlement starts from: the confirmed list, if there is one."""
    found, now = confirmed_by(row), listing_of(cart)
    has_paid_word = found is not None and not found.needs_staff
    words = [memory.through_ns.get(node, NEVER_NS) for node in tx.shop.nodes]
    since_ns = found.at_ns if found is not None else visit.exited_ns
    items = found.items if found is not None else now.items
    return Outlook(
        has_exited=has_paid_word or visit.exited_ns is not None,
        is_complete=since_ns is not None and min(words, default=since_ns) >= since_ns,
        is_overdue=row.deadline_ns is not None and row.deadline_ns <= tx.now_ns,
        has_doubtful_steps=_waits_for_staff(tx, cart),
        is_empty=not items and (found is not None or not now.unnamed),
        is_chargeable=all(sku in tx.shop.products for sku in items),
        has_doubtful_end=not has_paid_word,
        ruling=VisitRuling(row.ruling),
    )
