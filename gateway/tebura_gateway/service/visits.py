"""Writes visits and their carts, and moves those on that can be."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from tebura_contract.ids import VisitId
from tebura_contract.messages import VisitOpened

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart, cart_of
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.domain.presence import NEVER_NS, Visit
from tebura_gateway.domain.settlement import (
    UNPRICED,
    Outlook,
    Settlement,
    State,
    VisitRuling,
)
from tebura_gateway.service import billing, holding, settling
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.transaction import Tx, from_text, to_text


def write(tx: Tx, memory: Memory, judgement: Judgement, apply_ns: int) -> list[VisitId]:
    """Store visits entered from `apply_ns` on; the ones that are not priced yet come back."""
    rows = _rows(tx, apply_ns)
    pending = []
    for visit in judgement.visits.values():
        if visit.entered_ns < apply_ns:
            continue
        row = rows.get(visit.id)
        if row is not None and State(row.state) not in UNPRICED:
            continue
        if row is None:
            _open(tx, visit)
        eats_in = row is not None and bool(row.eats_in)
        _store(tx, memory, visit, cart_of(judgement, visit.id), eats_in)
        pending.append(visit.id)
    return pending


def _rows(tx: Tx, apply_ns: int) -> dict[VisitId, Any]:
    table = tables.visit
    query = select(table.c.visit, table.c.state, table.c.eats_in).where(
        table.c.store == tx.store, table.c.entered_ns >= apply_ns
    )
    return {VisitId(row.visit): row for row in tx.connection.execute(query)}


def _open(tx: Tx, visit: Visit) -> None:
    tx.put(
        tables.visit,
        {"visit": visit.id},
        member=visit.member,
        gate=visit.gate,
        state=State.OPEN.value,
        entered_ns=visit.entered_ns,
        cart=to_text(Cart(visit=visit.id)),
        currency=tx.shop.currency,
        state_since_ns=tx.now_ns,
    )
    settling.begin(tx, Settlement(visit=visit.id, state=State.OPEN))
    holding.place(tx, visit.id, visit.member)
    opened = VisitOpened(gate=visit.gate, member=visit.member, visit=visit.id)
    for node in sorted({gate.node for gate in tx.layout.gate}):
        tx.command(node, opened)


def _store(tx: Tx, memory: Memory, visit: Visit, cart: Cart, eats_in: bool) -> None:
    bill = billing.running(tx, visit.id, visit.member, cart, eats_in)
    values = {
        "people": visit.people,
        "exited_ns": visit.exited_ns,
        "tracks": to_text(visit.tracks),
        "doubt": visit.doubt.value if visit.doubt is not None else "",
        "cart": to_text(cart),
        "total_minor": bill.total_minor,
        "discounts": to_text(bill.discounts),
    }
    key, document = f"visit:{visit.id}", msgspec.json.encode(values)
    if memory.written.get(key) == document:
        return
    tx.change(tables.visit, {"visit": visit.id}, **values)
    memory.written[key] = document
    tx.note("visit", visit.id)


def overdue(tx: Tx) -> frozenset[VisitId]:
    """Visits that ended, and whose nodes had time enough to say what they know."""
    table = tables.visit
    query = select(table.c.visit).where(
        table.c.store == tx.store,
        table.c.state.in_([State.EXITED.value, State.REVIEW.value]),
        table.c.deadline_ns <= tx.now_ns,
    )
    return frozenset(VisitId(row.visit) for row in tx.connection.execute(query))


def advance_all(tx: Tx, memory: Memory, judgement: Judgement, pending: Sequence[VisitId]) -> None:
    """Take each visit that is not priced as far as it can go now."""
    for name in pending:
        if memory.held.get(name, 0) > tx.now_ns:
            continue
        row = tx.get(tables.visit, visit=name)
        assert row is not None
        cart = from_text(row.cart, Cart)
        outlook = _outlook(tx, memory, judgement, row, cart)
        now = settling.advance(tx, name, outlook)
        if now.state not in UNPRICED:
            exited_ns = judgement.visits[name].exited_ns
            assert exited_ns is not None
            memory.closed[name] = (int(row.entered_ns), exited_ns)
        _ask(tx, row, now)


def _outlook(tx: Tx, memory: Memory, judgement: Judgement, row: Any, cart: Cart) -> Outlook:
    visit = judgement.visits[VisitId(row.visit)]
    doubtful = judgement.in_doubt(visit.id)
    decided = cart.decided()
    words = [memory.through_ns.get(node, NEVER_NS) for node in tx.shop.nodes]
    return Outlook(
        has_exited=visit.exited_ns is not None,
        is_complete=visit.exited_ns is not None
        and min(words, default=visit.exited_ns) >= visit.exited_ns,
        is_overdue=row.deadline_ns is not None and row.deadline_ns <= tx.now_ns,
        has_doubtful_steps=bool(doubtful),
        is_empty=not doubtful and not cart.lines,
        is_chargeable=cart.is_certain() and all(sku in tx.shop.products for sku in decided),
        has_doubtful_end=visit.doubt is not None,
        ruling=VisitRuling(row.ruling),
    )


def _ask(tx: Tx, row: Any, state: Settlement) -> None:
    """A visit in review is itself a question where its steps are not."""
    name = f"visit:{row.visit}"
    if state.state is State.REVIEW and state.why not in ("steps", ""):
        if row.state != state.state or row.reason != state.why:
            open_review(
                tx,
                name,
                reason=state.why.value if state.why != "presence" else row.doubt,
                visit=row.visit,
                risk_minor=row.total_minor,
            )
    elif row.state == State.REVIEW:
        withdraw(tx, name)
