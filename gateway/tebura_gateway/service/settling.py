"""Moves a visit's settlement: an intent is written before its call, each answer by itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy import select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain.settlement import (
    FINAL,
    MOST_LAPSES,
    SENT,
    Ask,
    Become,
    Call,
    Outlook,
    Price,
    Send,
    Settlement,
    State,
    UseHold,
    VisitRuling,
    approved,
    become,
    declined,
    expects,
    key_of,
    lapsed,
    looked_up,
    never_arrived,
    next_action,
    priced,
    sent,
    tried_again,
    unanswered,
    with_hold,
)
from tebura_gateway.service import billing, booking, dues, holding
from tebura_gateway.service.case import LAST_RETRY_NS, Case, read_cases
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import About, Approved, Declined, ProviderCall
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.shop import MOST_ASKED
from tebura_gateway.service.transaction import Tx, from_text, to_text

PAY_AGAIN_NS = 60 * SECOND_NS
_MOST_MOVES = 8


def begin(tx: Tx, settlement: Settlement) -> None:
    """A new visit's settlement, without moving it."""
    tx.put(
        tables.settlement,
        {"visit": settlement.visit},
        document=to_text(settlement),
        next_try_ns=None,
    )


def read(tx: Tx, visit: VisitId) -> Settlement:
    row = tx.get(tables.settlement, visit=visit)
    assert row is not None, f"{visit} has no settlement"
    return from_text(row.document, Settlement)


@contextmanager
def _moving(tx: Tx, one: Case) -> Iterator[Case]:
    """Let a case move, then write it down with what follows from where it is."""
    yield one
    if not one.passed:
        return
    now, before = one.now, (one.was, *one.passed[:-1])
    one.write(tx)
    if State.UNPAID in (now.state, *before):
        dues.watch(tx, one.row.member)
    if now.state is State.UNPAID:
        open_review(
            tx,
            f"payment:{now.visit}",
            reason=now.declined or "declined",
            visit=now.visit,
            risk_minor=now.amount_minor,
            is_new=one.was is not State.UNPAID,
        )
    elif State.UNPAID in before or State.UNKNOWN in before:
        withdraw(tx, f"payment:{now.visit}")


def _move(tx: Tx, one: Case, after: Settlement) -> None:
    """Take a case to where it is from now on; whoever settles it books it."""
    one.move(after)
    if after.state in FINAL and one.has_holds:
        holding.let_go(tx, one.visit)
    if after.state is State.SETTLED:
        booking.book(tx, one)


def case_of(tx: Tx, visit: VisitId) -> Case:
    return read_cases(tx, [visit])[visit]


def advance(tx: Tx, one: Case, outlook: Outlook) -> Settlement:
    """Take a visit as far as it can go without asking anyone outside."""
    with _moving(tx, one):
        _advance(tx, one, outlook)
    return one.now


def _advance(tx: Tx, one: Case, outlook: Outlook) -> None:
    for _ in range(_MOST_MOVES):
        now, held = one.now, None
        if now.state is State.PRICED and now.amount_minor and one.has_holds:
            held = holding.usable(tx, now)
        holds = tx.shop.terms(now.provider).holds
        action = next_action(now, outlook, holds, held.reference if held is not None else "")
        match action:
            case None | Ask():
                # Asking is the timer's: not before the next try is due.
                break
            case Become():
                _move(tx, one, become(now, action.state, action.why))
            case Price():
                _price(tx, one)
            case UseHold():
                assert held is not None
                holding.use(tx, held)
                _move(tx, one, with_hold(now, action.reference))
            case Send():
                _move(tx, one, sent(now, action.call, tx.now_ns))
                tx.calls.append(_call(tx, one, action.call, asks=False))
                break


def _beyond_pricing(ruling: VisitRuling = VisitRuling.NONE) -> Outlook:
    """Once priced, what happens on the floor no longer matters."""
    return Outlook(
        has_exited=True,
        is_complete=True,
        is_overdue=False,
        has_doubtful_steps=False,
        is_empty=False,
        is_chargeable=True,
        has_doubtful_end=False,
        ruling=ruling,
    )


def answer(tx: Tx, call: ProviderCall, said: Approved | Declined | None, is_known: bool) -> None:
    """Take the provider's answer in; one that nobody waits for any more changes nothing.

    Args:
        tx: The open transaction.
        call: What was asked.
        said: What it said; None where it knows nothing of the key.
        is_known: False where it did not answer at all.
    """
    assert call.call is not None
    with _moving(tx, case_of(tx, VisitId(call.subject))) as one:
        if not expects(one.now, call.call, call.key):
            return
        if is_known:
            _move(tx, one, _answered(tx, one.now, call.call, said))
            _advance(tx, one, _beyond_pricing())
        else:
            _move(tx, one, unanswered(one.now, call.call))


def _answered(tx: Tx, now: Settlement, call: Call, said: Approved | Declined | None) -> Settlement:
    match said:
        case Approved():
            return approved(now, call, said.reference)
        case Declined(is_expired=True) if now.lapses < MOST_LAPSES:
            holding.abandon(tx, now)
            return lapsed(now, call)
        case Declined():
            if call is Call.CAPTURE:
                holding.abandon(tx, now)
            return declined(now, call, said.reason)
        case None:
            if now.state in SENT:
                now = unanswered(now, call)
            return never_arrived(now, call)


def ask_due(tx: Tx, memory: Memory) -> None:
    """Ask what became of the calls whose next try is due."""
    table = tables.settlement
    query = select(table.c.visit).where(table.c.store == tx.store, table.c.next_try_ns <= tx.now_ns)
    asked = 0
    for (name,) in tx.connection.execute(query.order_by(table.c.next_try_ns, table.c.visit)).all():
        one = case_of(tx, VisitId(name))
        call = one.now.asking or _call_out(one.now)
        if call is None:
            tx.change(table, {"visit": name}, next_try_ns=None)
            continue
        if key_of(one.now, call) in memory.in_flight:
            continue
        if asked == MOST_ASKED:
            break
        asked += 1
        _ask_about(tx, one, call)


def _ask_about(tx: Tx, one: Case, call: Call) -> None:
    with _moving(tx, one):
        if one.now.state in SENT:
            # Its call was lost on the way out: the intent is what there is.
            _move(tx, one, unanswered(one.now, call))
    if is_key_expired(tx, one.now.provider, one.now.first_sent_ns):
        tx.change(tables.settlement, {"visit": one.visit}, next_try_ns=None)
        # A key past its provider's memory is reconciled by hand, never replaced.
        open_review(
            tx,
            f"payment:{one.visit}",
            reason="key-expired",
            visit=one.visit,
            risk_minor=one.now.amount_minor,
        )
        return
    tx.change(tables.settlement, {"visit": one.visit}, next_try_ns=tx.now_ns + LAST_RETRY_NS)
    tx.calls.append(_call(tx, one, call, asks=True))


def is_key_expired(tx: Tx, provider: str, first_sent_ns: int | None) -> bool:
    """Whether the provider may have forgotten a key: then it must not be sent again."""
    lifetime_s = tx.shop.terms(provider).key_lifetime_s
    if lifetime_s is None or first_sent_ns is None:
        return False
    return tx.now_ns - first_sent_ns > lifetime_s * SECOND_NS


def recover(tx: Tx) -> None:
    """After a start: what was sent before may or may not have arrived, so it is asked about."""
    dues.watch_all(tx)
    holding.recover(tx)
    table = tables.visit
    query = select(table.c.visit).where(
        table.c.store == tx.store, table.c.state.in_([state.value for state in SENT])
    )
    for (name,) in tx.connection.execute(query).all():
        with _moving(tx, case_of(tx, VisitId(name))) as one:
            call = _call_out(one.now)
            assert call is not None
            _move(tx, one, unanswered(one.now, call))
    stuck = select(table.c.visit).where(
        table.c.store == tx.store,
        table.c.state.in_([State.PRICED.value, State.AUTHORIZED.value]),
    )
    for (name,) in tx.connection.execute(stuck).all():
        advance(tx, case_of(tx, VisitId(name)), _beyond_pricing())


def _call_out(now: Settlement) -> Call | None:
    """What the provider was sent, where nothing came back yet."""
    match now.state:
        case State.AUTH_SENT:
            return Call.AUTHORIZE
        case State.CAPTURE_SENT:
            return Call.CAPTURE
        case _:
            return None


def retry_payment(tx: Tx, visit: VisitId) -> None:
    """Try an unpaid visit again, under a new key.

    Raises:
        Refused: If it is not unpaid.
    """
    with _moving(tx, _unpaid(tx, visit)) as one:
        again = tried_again(one.now)
        if again.provider not in tx.shop.providers:
            # Whoever declined it before is out of the configuration: another takes the money.
            again = msgspec.structs.replace(again, provider=_provider_of(tx, one.row.member))
        _move(tx, one, again)
        _advance(tx, one, _beyond_pricing())


def _unpaid(tx: Tx, visit: VisitId) -> Case:
    one = read_cases(tx, [visit]).get(visit)
    if one is None or one.was is not State.UNPAID:
        raise Refused(f"{visit} is not unpaid")
    return one


def pay_again(tx: Tx, visit: VisitId) -> None:
    """The shopper tries to pay a visit that was declined; a provider is not asked for every tap.

    Raises:
        Refused: If it is not unpaid, or was declined less than a minute ago.
    """
    row = tx.get(tables.visit, visit=visit)
    if row is not None and tx.now_ns - row.state_since_ns < PAY_AGAIN_NS:
        raise Refused("it was declined just now: try again in a minute")
    retry_payment(tx, visit)


def write_off(tx: Tx, visit: VisitId, by: str) -> None:
    """Staff: an unpaid visit is charged nothing.

    Raises:
        Refused: If it is not unpaid.
    """
    with _moving(tx, _unpaid(tx, visit)) as one:
        one.values |= {"ruling": VisitRuling.VOID.value, "ruled_by": by}
        _advance(tx, one, _beyond_pricing(VisitRuling.VOID))


def look_up(tx: Tx, visit: VisitId, reference: str | None, by: str) -> None:
    """Staff looked at the provider's own list for a payment whose key it has forgotten.

    Args:
        tx: The open transaction.
        visit: The visit.
        reference: The provider's name of the payment; None: there is none.
        by: Who looked.

    Raises:
        Refused: If the answer is not waited for, or the key may still be asked about.
    """
    one = read_cases(tx, [visit]).get(visit)
    if one is None or one.was is not State.UNKNOWN:
        raise Refused(f"{visit} does not wait for an answer")
    now = one.now
    if not is_key_expired(tx, now.provider, now.first_sent_ns):
        raise Refused("the provider is still asked about it")
    if reference is not None and now.asking is Call.AUTHORIZE:
        raise Refused("only money was to be held: it ends by itself, so say that nothing was paid")
    with _moving(tx, one):
        one.values["ruled_by"] = by
        _move(tx, one, looked_up(now, reference))
        if reference is None:
            holding.abandon(tx, now)


def _price(tx: Tx, one: Case) -> None:
    bill = billing.freeze(tx, one.row)
    one.freeze(bill, tx.now_ns)
    provider = _provider_of(tx, one.row.member)
    _move(tx, one, priced(one.now, bill.total_minor, bill.currency, provider))


def _provider_of(tx: Tx, member: str) -> str:
    """Who is asked for the money: without an account, who charges walk-ups."""
    if member:
        return tx.shop.payment.name
    assert tx.shop.walk_up_payment is not None, (
        "a visit without an account, and nobody to charge it"
    )
    return tx.shop.walk_up_payment.name


def _call(tx: Tx, one: Case, call: Call, asks: bool) -> ProviderCall:
    now = one.now
    assert now.first_sent_ns is not None
    return ProviderCall(
        provider=tx.shop.terms(now.provider).name,
        about=About.SETTLEMENT,
        subject=now.visit,
        call=call,
        key=key_of(now, call),
        # Whoever walked in without an account pays as this visit.
        account=one.row.member or now.visit,
        amount=Money(now.amount_minor, now.currency),
        reference=now.authorize_reference if call is Call.CAPTURE else "",
        since_ns=now.first_sent_ns,
        asks=asks,
    )
