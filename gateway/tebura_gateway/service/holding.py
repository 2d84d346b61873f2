"""Holds: placed at the entry, used by the settlement or let go, never forgotten."""

import msgspec
from sqlalchemy import select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, VisitId
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain import hold as rules
from tebura_gateway.domain.hold import ASKED, Hold, HoldState
from tebura_gateway.domain.settlement import Call, Settlement
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import About, Approved, Declined, ProviderCall
from tebura_gateway.service.shop import MOST_ASKED
from tebura_gateway.service.transaction import Tx, from_text, to_text

FIRST_RETRY_NS = SECOND_NS
LAST_RETRY_NS = 60 * SECOND_NS
MARGIN_NS = 60 * SECOND_NS
"""A hold that ends sooner than this is not relied on."""


def place(tx: Tx, visit: VisitId, member: MemberId) -> None:
    """Hold the entry's amount for a visit, where the shop asks for that and the provider can."""
    if tx.shop.payment.holds and tx.shop.hold_minor:
        _place(tx, visit, member, tx.shop.hold_minor)


def _place(tx: Tx, visit: VisitId, account: str, amount_minor: int) -> None:
    hold = Hold(
        name=f"{visit}:hold:{len(_of(tx, visit)) + 1}",
        visit=visit,
        provider=tx.shop.payment.name,
        account=account,
        state=HoldState.SENT,
        amount_minor=amount_minor,
        currency=tx.shop.currency,
        since_ns=tx.now_ns,
    )
    _save(tx, hold)
    _send(tx, hold, asks=False)


def usable(tx: Tx, settlement: Settlement) -> Hold | None:
    """A hold of this visit that covers its bill and lasts long enough."""
    until_ns = tx.now_ns + MARGIN_NS
    provider = tx.shop.terms(settlement.provider).name
    fitting = (
        hold
        for hold in _of(tx, settlement.visit)
        if hold.covers(settlement.amount_minor, until_ns) and hold.provider == provider
    )
    return next(fitting, None)


def use(tx: Tx, hold: Hold) -> None:
    """The settlement captures from it."""
    _save(tx, rules.used(hold))


def let_go(tx: Tx, visit: VisitId) -> None:
    """Release what is held for a visit, but for what its settlement uses."""
    for hold in _of(tx, visit):
        if hold.is_wanted and hold.state is not HoldState.USED:
            _let_go(tx, hold)


def abandon(tx: Tx, settlement: Settlement) -> None:
    """Release the authorization of an attempt that took nothing."""
    if not settlement.authorize_reference:
        return
    known = [h for h in _of(tx, settlement.visit) if h.reference == settlement.authorize_reference]
    if known:
        _let_go(tx, known[0])
        return
    row = tx.get(tables.visit, visit=settlement.visit)
    assert row is not None
    left = Hold(
        name=settlement.authorize_key,
        visit=settlement.visit,
        provider=settlement.provider,
        account=row.member,
        state=HoldState.USED,
        amount_minor=settlement.amount_minor,
        currency=settlement.currency,
        reference=settlement.authorize_reference,
        since_ns=tx.now_ns,
    )
    _let_go(tx, left)


def answer(tx: Tx, call: ProviderCall, said: Approved | Declined | None, is_known: bool) -> None:
    """Take the provider's answer in; one that nobody waits for any more changes nothing."""
    hold = _read(tx, call.subject)
    if hold.state not in ASKED or rules.call_of(hold) != (call.call, call.key):
        return
    if not is_known or said is None:
        # Where it never arrived it is sent again, as soon as the timer looks.
        _save(tx, rules.unanswered(hold), is_soon=is_known)
    elif isinstance(said, Approved):
        after = rules.approved(hold, said.reference, said.expires_ns)
        _save(tx, after)
        if after.state is HoldState.RELEASING:
            _send(tx, after, asks=False)
    else:
        _save(tx, rules.declined(hold))


def send_due(tx: Tx, memory: Memory) -> None:
    """Ask about holds without an answer; replace those that end while they are wanted."""
    table = tables.hold
    due = select(table.c.hold).where(table.c.store == tx.store, table.c.next_try_ns <= tx.now_ns)
    done = 0
    for (name,) in tx.connection.execute(due.order_by(table.c.next_try_ns, table.c.hold)).all():
        hold = _read(tx, name)
        if hold.state is not HoldState.HELD and rules.call_of(hold)[1] in memory.in_flight:
            continue
        if done == MOST_ASKED:
            break
        done += 1
        if hold.state is HoldState.HELD:
            _renew(tx, hold)
        elif _is_key_expired(tx, hold):
            _save(tx, rules.lapsed(hold))
        else:
            tx.change(table, {"hold": name}, next_try_ns=tx.now_ns + LAST_RETRY_NS)
            _send(tx, hold, asks=True)


def recover(tx: Tx) -> None:
    """After a start: what was asked may or may not have arrived, so it is asked about."""
    table = tables.hold
    asked = select(table.c.hold).where(
        table.c.store == tx.store, table.c.state.in_([state.value for state in ASKED])
    )
    for (name,) in tx.connection.execute(asked).all():
        _save(tx, rules.unanswered(_read(tx, name)), is_soon=True)


def _renew(tx: Tx, hold: Hold) -> None:
    """A hold that ends while its visit goes on: let it go, hold anew."""
    _let_go(tx, hold)
    _place(tx, hold.visit, hold.account, hold.amount_minor)


def _let_go(tx: Tx, hold: Hold) -> None:
    after = rules.let_go(hold)
    if after.state is HoldState.RELEASING:
        after = msgspec.structs.replace(after, since_ns=tx.now_ns)
        _save(tx, after)
        _send(tx, after, asks=False)
    else:
        _save(tx, after, is_soon=after.state in ASKED)


def _is_key_expired(tx: Tx, hold: Hold) -> bool:
    lifetime_s = tx.shop.terms(hold.provider).key_lifetime_s
    return lifetime_s is not None and tx.now_ns - hold.since_ns > lifetime_s * SECOND_NS


def _send(tx: Tx, hold: Hold, asks: bool) -> None:
    call, key = rules.call_of(hold)
    tx.calls.append(
        ProviderCall(
            provider=tx.shop.terms(hold.provider).name,
            about=About.HOLD,
            subject=hold.name,
            call=call,
            key=key,
            account=hold.account,
            amount=Money(hold.amount_minor, hold.currency),
            reference=hold.reference if call is Call.VOID else "",
            since_ns=hold.since_ns,
            asks=asks,
        )
    )


def _save(tx: Tx, hold: Hold, is_soon: bool = False) -> None:
    next_try_ns = None
    if hold.state in ASKED:
        wait_ns = min(FIRST_RETRY_NS * 2 ** min(hold.tries, 10), LAST_RETRY_NS)
        next_try_ns = tx.now_ns + (0 if is_soon else wait_ns)
    elif hold.state is HoldState.HELD and hold.expires_ns is not None:
        next_try_ns = hold.expires_ns - MARGIN_NS
    tx.put(
        tables.hold,
        {"hold": hold.name},
        visit=hold.visit,
        state=hold.state.value,
        document=to_text(hold),
        next_try_ns=next_try_ns,
    )


def _read(tx: Tx, name: str) -> Hold:
    row = tx.get(tables.hold, hold=name)
    assert row is not None, f"no hold {name}"
    return from_text(row.document, Hold)


def _of(tx: Tx, visit: VisitId) -> list[Hold]:
    table = tables.hold
    query = select(table.c.document).where(table.c.store == tx.store, table.c.visit == visit)
    found = [from_text(text, Hold) for (text,) in tx.connection.execute(query)]
    # In an order asked for, SQLite would go through all the holds there are.
    return sorted(found, key=lambda hold: hold.name)
