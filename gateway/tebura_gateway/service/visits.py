"""Writes visits and their carts, and moves those on that can be."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from tebura_contract.ids import MemberId, VisitId
from tebura_contract.messages import VisitOpened

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart, cart_of
from tebura_gateway.domain.gaps import touches
from tebura_gateway.domain.judgement import ByHand, Judgement
from tebura_gateway.domain.presence import NEVER_NS, Doubt, Visit
from tebura_gateway.domain.settlement import (
    UNPRICED,
    Outlook,
    Settlement,
    State,
    VisitRuling,
)
from tebura_gateway.service import billing, checkout, holding, settling
from tebura_gateway.service.billing import Buyer
from tebura_gateway.service.case import Case, read_cases
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.memory import STILL_INSIDE_NS, Memory
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.transaction import Tx, from_text, to_text
from tebura_gateway.service.written import visit_document, visit_key

CASES_AT_ONCE = 50


def write(
    tx: Tx, memory: Memory, judgement: Judgement, apply_ns: int, until_ns: int
) -> list[VisitId]:
    """Store visits entered from `apply_ns` to `until_ns`; those that are not priced yet come back.

    In the order in which they were entered.
    """
    rows = _rows(tx, apply_ns)
    pending = []
    for visit in _of_window(judgement, apply_ns):
        if visit.entered_ns > until_ns:
            continue
        row = rows.get(visit.id)
        if row is not None and State(row.state) not in UNPRICED:
            _note_leaving(tx, memory, visit)
            continue
        if row is None:
            _open(tx, visit, visit.id in judgement.staff)
        _store(tx, memory, visit, cart_of(judgement, visit.id), row)
        pending.append(visit.id)
    return pending


def new_ns(memory: Memory, judgement: Judgement, apply_ns: int) -> list[int]:
    """When the visits were entered that are not stored yet."""
    return [
        int(visit.entered_ns)
        for visit in _of_window(judgement, apply_ns)
        if visit_key(visit.id) not in memory.written
    ]


def _of_window(judgement: Judgement, apply_ns: int) -> Iterator[Visit]:
    return (visit for visit in judgement.visits.values() if visit.entered_ns >= apply_ns)


def _note_leaving(tx: Tx, memory: Memory, visit: Visit) -> None:
    """A walk-up who paid has left, too: what happens from here on is not theirs."""
    entered_ns, until_ns = memory.closed.get(visit.id, (visit.entered_ns, 0))
    if until_ns == STILL_INSIDE_NS and visit.exited_ns is not None:
        memory.closed[visit.id] = (entered_ns, visit.exited_ns)
        tx.change(tables.visit, {"visit": visit.id}, exited_ns=visit.exited_ns)
        tx.note("visit", visit.id)


def _rows(tx: Tx, apply_ns: int) -> dict[VisitId, Any]:
    table = tables.visit
    # Looked at on every judgement: no more than is needed of each.
    wanted = (table.c.visit, table.c.state, table.c.eats_in, table.c.confirmed)
    query = select(*wanted).where(table.c.store == tx.store, table.c.entered_ns >= apply_ns)
    return {VisitId(row.visit): row for row in tx.connection.execute(query)}


def by_hand(tx: Tx, load_ns: int) -> ByHand:
    """What people told about members and visits of the window."""
    member, visit = tables.member, tables.visit
    staff = select(member.c.member).where(
        member.c.store == tx.store, member.c.role == MemberRole.STAFF.value
    )
    closed = select(visit.c.visit, visit.c.closed_ns).where(
        visit.c.store == tx.store, visit.c.entered_ns >= load_ns, visit.c.closed_ns.is_not(None)
    )
    return ByHand(
        frozenset(MemberId(row.member) for row in tx.connection.execute(staff)),
        {VisitId(row.visit): int(row.closed_ns) for row in tx.connection.execute(closed)},
    )


def close(tx: Tx, memory: Memory, visit: VisitId, by: str) -> None:
    """Staff: whoever it was has left, though nobody saw it.

    Raises:
        Refused: If the visit does not go on.
    """
    row = tx.get(tables.visit, visit=visit)
    if row is None or State(row.state) is not State.OPEN or row.closed_ns is not None:
        raise Refused(f"visit {visit} is not going on")
    tx.change(tables.visit, {"visit": visit}, closed_ns=tx.now_ns, ruled_by=by[:64])
    memory.is_stale = True
    tx.note("visit", visit)


def eat_in(tx: Tx, memory: Memory, visit: VisitId, eats_in: bool) -> None:
    """The shopper says whether they eat it here.

    Raises:
        Refused: If it is billed already.
    """
    row = tx.get(tables.visit, visit=visit)
    if row is None or State(row.state) not in UNPRICED:
        raise Refused(f"visit {visit} is billed already")
    tx.change(tables.visit, {"visit": visit}, eats_in=eats_in)
    memory.is_stale = True
    tx.note("visit", visit)


def _open(tx: Tx, visit: Visit, is_staff: bool) -> None:
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
    if not visit.member:
        return
    if not is_staff:
        holding.place(tx, visit.id, visit.member)
    opened = VisitOpened(gate=visit.gate, member=visit.member, visit=visit.id)
    for node in sorted({gate.node for gate in tx.layout.gate}):
        tx.command(node, opened)


def _store(tx: Tx, memory: Memory, visit: Visit, cart: Cart, row: Any | None) -> None:
    buyer = Buyer(
        visit=visit.id,
        member=visit.member,
        entered_ns=visit.entered_ns,
        eats_in=row is not None and bool(row.eats_in),
    )
    bill = billing.running(tx, buyer, cart)
    confirmed = billing.confirmed_by(row) if row is not None else None
    just_walks_out = visit.member and not tx.shop.has_counter
    doubt = visit.doubt if just_walks_out or visit.exited_ns is None else Doubt.NOT_PAID
    values = {
        "people": visit.people,
        # Whoever pays at the exit screen leaves after that.
        "exited_ns": int(confirmed.at_ns) if confirmed is not None else visit.exited_ns,
        "tracks": to_text(visit.tracks),
        "doubt": doubt.value if doubt is not None else "",
        "cart": to_text(cart),
        "total_minor": bill.total_minor,
        "discounts": to_text(bill.discounts),
    }
    key, document = visit_key(visit.id), visit_document(values)
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


def advance_all(
    tx: Tx,
    memory: Memory,
    judgement: Judgement,
    pending: Sequence[VisitId],
    until_ns: int,
    most: int,
) -> bool:
    """Take each visit that is not priced as far as it can go now; whether all had their turn.

    Those that end after `until_ns` wait until their steps are stored, and no more than `most` are
    moved on.
    """
    moved = 0
    for name, one in _cases(tx, judgement, pending, until_ns):
        if moved == most:
            return False
        row, exited_ns = one.row, judgement.visits[name].exited_ns
        if row.held_until_ns is not None and row.held_until_ns > tx.now_ns:
            continue
        cart = from_text(row.cart, Cart)
        if checkout.drop_outdated(tx, row, cart):
            one = settling.case_of(tx, name)
            row = one.row
        outlook = _outlook(tx, memory, judgement, row, cart)
        memory.awaits_words |= outlook.has_exited and not outlook.is_complete
        now = settling.advance(tx, one, outlook)
        moved += now.state != row.state
        if now.state not in UNPRICED:
            left_ns = exited_ns if exited_ns is not None else STILL_INSIDE_NS
            memory.closed[name] = (int(row.entered_ns), left_ns)
        _ask(tx, row, now)
    return True


def _cases(
    tx: Tx, judgement: Judgement, pending: Sequence[VisitId], until_ns: int
) -> Iterator[tuple[VisitId, Case]]:
    """All but those that ended later, in their order; many are read at once."""
    wanted = [
        name
        for name in pending
        if (exited_ns := judgement.visits[name].exited_ns) is None or exited_ns <= until_ns
    ]
    for begin in range(0, len(wanted), CASES_AT_ONCE):
        some = wanted[begin : begin + CASES_AT_ONCE]
        cases = read_cases(tx, some)
        for name in some:
            yield name, cases[name]


def _outlook(tx: Tx, memory: Memory, judgement: Judgement, row: Any, cart: Cart) -> Outlook:
    visit = judgement.visits[VisitId(row.visit)]
    if not visit.member or tx.shop.has_counter:
        return checkout.outlook(tx, memory, row, cart, visit)
    doubtful = judgement.in_doubt(visit.id) if visit.id not in judgement.staff else []
    return Outlook(
        has_exited=visit.exited_ns is not None,
        is_complete=_is_complete(tx, memory, judgement, row, visit),
        is_overdue=row.deadline_ns is not None and row.deadline_ns <= tx.now_ns,
        has_doubtful_steps=bool(doubtful),
        is_empty=not doubtful and not cart.lines,
        is_chargeable=cart.is_certain() and all(sku in tx.shop.products for sku in cart.decided()),
        has_doubtful_end=visit.doubt is not None,
        ruling=VisitRuling(row.ruling),
    )


def _is_complete(tx: Tx, memory: Memory, judgement: Judgement, row: Any, visit: Visit) -> bool:
    """Whether all nodes have reported past the exit, or after a while all that matter here."""
    if visit.exited_ns is None:
        return False
    silent = [
        node
        for node in sorted(tx.shop.nodes)
        if memory.through_ns.get(node, NEVER_NS) < visit.exited_ns
    ]
    if not silent:
        return True
    if row.deadline_ns is None or row.deadline_ns > tx.now_ns:
        return False
    owner = {track: one.id for one in judgement.visits.values() for track in one.tracks}
    return not touches(visit, silent, tx.layout, memory.facts.values(), owner)


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
