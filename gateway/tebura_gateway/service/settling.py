"""Moves a visit's settlement: an intent is written before its call, each answer by itself."""

import msgspec
from sqlalchemy import func, insert, select
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import MemberId, VisitId
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain import ledger
from tebura_gateway.domain.pricing import Bill
from tebura_gateway.domain.receipt import Receipt
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
from tebura_gateway.service import billing, dues, holding, online_shop
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import About, Approved, Declined, ProviderCall
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.shop import MOST_ASKED, WORD_WAIT_NS
from tebura_gateway.service.transaction import Tx, from_text, to_text

FIRST_RETRY_NS = SECOND_NS
LAST_RETRY_NS = 60 * SECOND_NS
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


def advance(tx: Tx, visit: VisitId, outlook: Outlook) -> Settlement:
    """Take a visit as far as it can go without asking anyone outside."""
    now = read(tx, visit)
    for _ in range(_MOST_MOVES):
        held = None
        if now.state is State.PRICED and now.amount_minor:
            held = holding.usable(tx, now)
        holds = tx.shop.terms(now.provider).holds
        action = next_action(now, outlook, holds, held.reference if held is not None else "")
        match action:
            case None | Ask():
                # Asking is the timer's: not before the next try is due.
                break
            case Become():
                now = become(now, action.state, action.why)
                _save(tx, now)
            case Price():
                now = _price(tx, now)
            case UseHold():
                assert held is not None
                holding.use(tx, held)
                now = with_hold(now, action.reference)
                _save(tx, now)
            case Send():
                now = sent(now, action.call, tx.now_ns)
                _save(tx, now)
                tx.calls.append(_call(tx, now, action.call, asks=False))
                break
    return now


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
    visit = VisitId(call.subject)
    now = read(tx, visit)
    if not expects(now, call.call, call.key):
        return
    if not is_known:
        _save(tx, unanswered(now, call.call))
        return
    match said:
        case Approved():
            now = approved(now, call.call, said.reference)
            if now.state is State.SETTLED:
                _book(tx, now)
        case Declined(is_expired=True) if now.lapses < MOST_LAPSES:
            holding.abandon(tx, now)
            now = lapsed(now, call.call)
        case Declined():
            if call.call is Call.CAPTURE:
                holding.abandon(tx, now)
            now = declined(now, call.call, said.reason)
        case None:
            if now.state in SENT:
                now = unanswered(now, call.call)
            now = never_arrived(now, call.call)
    _save(tx, now)
    advance(tx, visit, _beyond_pricing())


def ask_due(tx: Tx, memory: Memory) -> None:
    """Ask what became of the calls whose next try is due."""
    table = tables.settlement
    query = select(table.c.visit).where(table.c.store == tx.store, table.c.next_try_ns <= tx.now_ns)
    asked = 0
    for (name,) in tx.connection.execute(query.order_by(table.c.next_try_ns, table.c.visit)).all():
        now = read(tx, VisitId(name))
        call = now.asking or _call_out(now)
        if call is None:
            tx.change(table, {"visit": name}, next_try_ns=None)
            continue
        if key_of(now, call) in memory.in_flight:
            continue
        if asked == MOST_ASKED:
            break
        asked += 1
        if now.state in SENT:
            # Its call was lost on the way out: the intent is what there is.
            now = unanswered(now, call)
            _save(tx, now)
        if is_key_expired(tx, now.provider, now.first_sent_ns):
            tx.change(table, {"visit": name}, next_try_ns=None)
            # A key past its provider's memory is reconciled by hand, never replaced.
            open_review(
                tx,
                f"payment:{name}",
                reason="key-expired",
                visit=name,
                risk_minor=now.amount_minor,
            )
            continue
        tx.change(table, {"visit": name}, next_try_ns=tx.now_ns + LAST_RETRY_NS)
        tx.calls.append(_call(tx, now, call, asks=True))


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
        now = read(tx, VisitId(name))
        call = _call_out(now)
        assert call is not None
        _save(tx, unanswered(now, call))
    stuck = select(table.c.visit).where(
        table.c.store == tx.store,
        table.c.state.in_([State.PRICED.value, State.AUTHORIZED.value]),
    )
    for (name,) in tx.connection.execute(stuck).all():
        advance(tx, VisitId(name), _beyond_pricing())


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
    row = tx.get(tables.visit, visit=visit)
    if row is None or row.state != State.UNPAID:
        raise Refused(f"{visit} is not unpaid")
    again = tried_again(read(tx, visit))
    if again.provider not in tx.shop.providers:
        # Whoever declined it before is out of the configuration: another takes the money.
        again = msgspec.structs.replace(again, provider=_provider_of(tx, row.member))
    _save(tx, again)
    advance(tx, visit, _beyond_pricing())


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
    row = tx.get(tables.visit, visit=visit)
    if row is None or row.state != State.UNPAID:
        raise Refused(f"{visit} is not unpaid")
    tx.change(tables.visit, {"visit": visit}, ruling=VisitRuling.VOID.value, ruled_by=by)
    advance(tx, visit, _beyond_pricing(VisitRuling.VOID))


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
    row = tx.get(tables.visit, visit=visit)
    if row is None or row.state != State.UNKNOWN:
        raise Refused(f"{visit} does not wait for an answer")
    now = read(tx, visit)
    if not is_key_expired(tx, now.provider, now.first_sent_ns):
        raise Refused("the provider is still asked about it")
    if reference is not None and now.asking is Call.AUTHORIZE:
        raise Refused("only money was to be held: it ends by itself, so say that nothing was paid")
    tx.change(tables.visit, {"visit": visit}, ruled_by=by)
    after = looked_up(now, reference)
    if after.state is State.SETTLED:
        _book(tx, after)
    else:
        holding.abandon(tx, now)
    _save(tx, after)


def _price(tx: Tx, now: Settlement) -> Settlement:
    row = tx.get(tables.visit, visit=now.visit)
    assert row is not None
    bill = billing.freeze(tx, row)
    tx.change(
        tables.visit,
        {"visit": now.visit},
        bill=to_text(bill),
        total_minor=bill.total_minor,
        priced_ns=tx.now_ns,
    )
    after = priced(now, bill.total_minor, bill.currency, _provider_of(tx, row.member))
    _save(tx, after)
    return after


def _provider_of(tx: Tx, member: str) -> str:
    """Who is asked for the money: without an account, who charges walk-ups."""
    if member:
        return tx.shop.payment.name
    assert tx.shop.walk_up_payment is not None, (
        "a visit without an account, and nobody to charge it"
    )
    return tx.shop.walk_up_payment.name


def _save(tx: Tx, now: Settlement) -> None:
    before = tx.get(tables.visit, visit=now.visit)
    assert before is not None
    next_try_ns = None
    if now.state is State.UNKNOWN:
        wait_ns = min(FIRST_RETRY_NS * 2 ** min(now.tries, 10), LAST_RETRY_NS)
        # Just after a start nothing has been tried by this process: ask at once.
        next_try_ns = tx.now_ns + (wait_ns if before.state == State.UNKNOWN else FIRST_RETRY_NS)
    elif now.state in SENT:
        # The call follows the commit. Should it be lost in between, the timer finds it.
        next_try_ns = tx.now_ns + LAST_RETRY_NS
    tx.change(
        tables.settlement,
        {"visit": now.visit},
        document=to_text(now),
        next_try_ns=next_try_ns,
    )
    values: dict[str, object] = {"state": now.state.value, "reason": now.why.value}
    if before.state != now.state:
        values["state_since_ns"] = tx.now_ns
    if now.state is State.EXITED and before.state == State.OPEN:
        values["deadline_ns"] = tx.now_ns + WORD_WAIT_NS
    if now.state in FINAL:
        values["final_ns"] = tx.now_ns
        holding.let_go(tx, now.visit)
        if now.why == "free":
            _book(tx, now)
    tx.change(tables.visit, {"visit": now.visit}, **values)
    tx.note("visit", now.visit)
    if State.UNPAID in (now.state, before.state):
        dues.watch(tx, before.member)
    if now.state is State.UNPAID:
        open_review(
            tx,
            f"payment:{now.visit}",
            reason=now.declined or "declined",
            visit=now.visit,
            risk_minor=now.amount_minor,
            is_new=before.state != State.UNPAID,
        )
    elif before.state in (State.UNPAID, State.UNKNOWN):
        withdraw(tx, f"payment:{now.visit}")


def _call(tx: Tx, now: Settlement, call: Call, asks: bool) -> ProviderCall:
    row = tx.get(tables.visit, visit=now.visit)
    assert row is not None
    assert now.first_sent_ns is not None
    return ProviderCall(
        provider=tx.shop.terms(now.provider).name,
        about=About.SETTLEMENT,
        subject=now.visit,
        call=call,
        key=key_of(now, call),
        # Whoever walked in without an account pays as this visit.
        account=row.member or now.visit,
        amount=Money(now.amount_minor, now.currency),
        reference=now.authorize_reference if call is Call.CAPTURE else "",
        since_ns=now.first_sent_ns,
        asks=asks,
    )


def _book(tx: Tx, now: Settlement) -> None:
    """Receipt and ledger of a settled visit, in the transaction that settles it (I4, I6)."""
    row = tx.get(tables.visit, visit=now.visit)
    assert row is not None
    bill = from_text(row.bill, Bill)
    receipt = Receipt(
        number=tx.count_up("receipt"),
        store=tx.store,
        store_name=tx.layout.store.name,
        issuer=tx.shop.issuer,
        visit=now.visit,
        member=MemberId(row.member),
        entered_ns=Ns(row.entered_ns),
        exited_ns=Ns(row.exited_ns),
        issued_ns=Ns(tx.now_ns),
        lines=bill.lines,
        taxes=bill.taxes,
        total_minor=bill.total_minor,
        currency=bill.currency,
        paid_with=tx.shop.terms(now.provider).name,
        payment_reference=now.capture_reference,
        discounts=bill.discounts,
        is_tax_included=bill.is_tax_included,
        eats_in=bill.eats_in,
    )
    tx.connection.execute(
        insert(tables.receipt).values(
            store=tx.store,
            number=receipt.number,
            visit=now.visit,
            member=row.member,
            issued_ns=tx.now_ns,
            total_minor=bill.total_minor,
            currency=bill.currency,
            document=to_text(receipt),
        )
    )
    online_shop.queue(tx, now.visit, row.member)
    tx.note("receipt", now.visit)
    provider = tx.shop.terms(now.provider).name
    assert bill.total_minor == now.amount_minor, f"{now.visit}: the bill is not what was captured"
    post(tx, ledger.sale(now.visit, provider, bill.taxes, bill.total_minor, bill.currency))


def post(tx: Tx, posting: ledger.Posting) -> None:
    """Book a posting; the same twice is refused by the table's key, a closed day by its seal."""
    last = select(func.max(tables.closing.c.until_ns)).where(tables.closing.c.store == tx.store)
    # A clock that was set back must not book into a day that is closed.
    booked_ns = max(tx.now_ns, int(tx.connection.execute(last).scalar() or 0))
    tx.connection.execute(
        insert(tables.ledger_entry),
        [
            {
                "store": tx.store,
                "posting": posting.id,
                "line": line,
                "account": entry.account,
                "amount_minor": entry.amount_minor,
                "currency": posting.currency,
                "visit": posting.visit,
                "booked_ns": booked_ns,
            }
            for line, entry in enumerate(posting.entries)
        ],
    )
