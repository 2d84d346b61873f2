"""Counters: whose list each one shows, and what members say there.

A counter's node is told of every change; what it says comes as an event, and goes the way of the
button on the phone (`checkout.confirm`). A word that does not fit the list as it is now is no word:
the counter is told of the list again, and asks again.
"""

from typing import Any

from sqlalchemy import select
from tebura_contract.codec import encode
from tebura_contract.events import CounterConfirmed
from tebura_contract.ids import MemberId, NodeId, ShelfId, VisitId
from tebura_contract.messages import CounterLine, CounterListed, CounterState

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart, LineStatus
from tebura_gateway.domain.checkout import listing_of
from tebura_gateway.domain.decision import Decision, Status
from tebura_gateway.domain.settlement import UNPRICED, State
from tebura_gateway.service import billing, checkout
from tebura_gateway.service.billing import confirmed_by
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import ListOrder, Refused
from tebura_gateway.service.shop import PAST_NS
from tebura_gateway.service.transaction import Tx, from_text

_PAYING = {
    State.PRICED,
    State.AUTH_SENT,
    State.AUTHORIZED,
    State.CAPTURE_SENT,
    State.UNKNOWN,
}


def confirm(tx: Tx, memory: Memory, node: NodeId, said: CounterConfirmed) -> None:
    """Take a member's word for the list that their counter showed them."""
    # Told again in any case: the counter waits to hear what became of it.
    memory.written.pop(_key(said.counter), None)
    row = tx.get(tables.visit, visit=said.visit)
    is_theirs = row is not None and row.member == said.member
    if tx.layout.counters().get(said.counter) != node or not is_theirs:
        return
    now = _listed(tx, said.counter, row)
    is_same = (now.items(), now.total_minor) == (said.items, said.total_minor)
    if now.state is not CounterState.TO_PAY or not is_same:
        return
    try:
        checkout.confirm(tx, memory, said.visit, ListOrder(seen=said.items, items=said.items))
    except Refused:
        return


def tell(tx: Tx, memory: Memory) -> None:
    """Tell counters what they show now, where that is not what they were told last.

    The last thing in a transaction: whatever changed for a visit is noted there.
    """
    if not tx.shop.has_counter:
        return
    has_changed = any(kind == "visit" for kind, _ in tx.changed)
    for counter, node in tx.layout.counters().items():
        if not has_changed and _key(counter) in memory.written:
            continue
        listed = listing(tx, counter)
        document = encode(listed)
        if memory.written.get(_key(counter)) != document:
            tx.command(node, listed)
            memory.written[_key(counter)] = document


def listing(tx: Tx, counter: ShelfId) -> CounterListed:
    """What a counter shows: the list of whoever laid something there last, until they have left."""
    table = tables.decision
    # Looked for by time: of a day's steps the last ones are at hand.
    query = select(table.c.document).where(
        table.c.store == tx.store,
        table.c.shelf == counter,
        table.c.at_ns >= tx.now_ns - PAST_NS,
    )
    last = tx.connection.execute(query.order_by(table.c.at_ns.desc()).limit(1)).first()
    if last is None:
        return CounterListed(counter=counter, state=CounterState.EMPTY)
    step = from_text(last.document, Decision)
    visit = step.visit or (step.suspects[0].visit if step.suspects else None)
    row = tx.get(tables.visit, visit=visit) if visit is not None else None
    if row is not None:
        return _listed(tx, counter, row)
    is_open = step.status is Status.CHECKING
    state = CounterState.CHECKING if is_open else CounterState.STAFF
    if step.status is Status.DECIDED:
        state = CounterState.EMPTY
    return CounterListed(counter=counter, state=state)


def _listed(tx: Tx, counter: ShelfId, row: Any) -> CounterListed:
    cart = from_text(row.cart, Cart)
    state = _state(row, cart)
    if state is CounterState.EMPTY:
        return CounterListed(counter=counter, state=state)
    items = {sku: n for sku, n in listing_of(cart).items.items() if sku in tx.shop.products}
    bill = billing.bill_of(tx, billing.buyer_of(row), items, cart, tx.now_ns)
    return CounterListed(
        counter=counter,
        state=state,
        visit=VisitId(row.visit),
        member=MemberId(row.member) if row.member else None,
        lines=tuple(
            CounterLine(sku=line.sku, quantity=line.quantity, amount_minor=line.amount_minor)
            for line in bill.lines
        ),
        total_minor=bill.total_minor,
    )


def _state(row: Any, cart: Cart) -> CounterState:
    state = State(row.state)
    statuses = {line.status for line in cart.lines}
    said = confirmed_by(row)
    if state in _PAYING or (state in UNPRICED and said is not None):
        return CounterState.PAYING
    # Who has said that they pay counts as gone from then on, until somebody sees them go.
    has_left = row.exited_ns is not None and (said is None or row.exited_ns != said.at_ns)
    if has_left or not statuses:
        return CounterState.EMPTY
    if state is State.SETTLED:
        return CounterState.PAID
    if state not in UNPRICED:
        return CounterState.STAFF
    if LineStatus.CHECKING in statuses:
        return CounterState.CHECKING
    return CounterState.TO_PAY if statuses == {LineStatus.DECIDED} else CounterState.STAFF


def _key(counter: ShelfId) -> str:
    return f"counter:{counter}"
