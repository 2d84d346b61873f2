"""Moves a visit's settlement: an intent is written before its call, each answer by itself."""

from sqlalchemy import insert, select
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import MemberId, VisitId
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain import ledger
from tebura_gateway.domain.cart import Cart
from tebura_gateway.domain.pricing import Bill, price
from tebura_gateway.domain.receipt import Receipt
from tebura_gateway.domain.settlement import (
    FINAL,
    SENT,
    Ask,
    Become,
    Call,
    Outlook,
    Price,
    Send,
    Settlement,
    State,
    VisitRuling,
    approved,
    become,
    declined,
    expects,
    key_of,
    never_arrived,
    next_action,
    priced,
    sent,
    tried_again,
    unanswered,
)
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import Approved, Declined, ProviderCall
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.shop import WORD_WAIT_NS
from tebura_gateway.service.transaction import Tx, from_text, to_text

FIRST_RETRY_NS = SECOND_NS
LAST_RETRY_NS = 60 * SECOND_NS
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
        action = next_action(now, outlook, tx.shop.provider_holds)
        match action:
            case None | Ask():
                # Asking is the timer's: not before the next try is due.
                break
            case Become():
                now = become(now, action.state, action.why)
                _save(tx, now)
            case Price():
                now = _price(tx, now)
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
        case Declined():
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
    for (name,) in tx.connection.execute(query).all():
        now = read(tx, VisitId(name))
        if now.state is not State.UNKNOWN or now.asking is None:
            tx.change(table, {"visit": name}, next_try_ns=None)
            continue
        if key_of(now, now.asking) in memory.in_flight:
            continue
        if _is_key_expired(tx, now):
            tx.change(table, {"visit": name}, next_try_ns=None)
            open_review(
                tx,
                f"payment:{name}",
                reason="key-expired",
                visit=name,
                risk_minor=now.amount_minor,
            )
            continue
        tx.change(table, {"visit": name}, next_try_ns=tx.now_ns + LAST_RETRY_NS)
        tx.calls.append(_call(tx, now, now.asking, asks=True))


def _is_key_expired(tx: Tx, now: Settlement) -> bool:
    """A key past its provider's memory is reconciled by hand, never replaced."""
    lifetime_s = tx.shop.key_lifetime_s
    if lifetime_s is None or now.first_sent_ns is None:
        return False
    return tx.now_ns - now.first_sent_ns > lifetime_s * SECOND_NS


def recover(tx: Tx) -> None:
    """After a start: what was sent before may or may not have arrived, so it is asked about."""
    table = tables.visit
    query = select(table.c.visit).where(
        table.c.store == tx.store, table.c.state.in_([state.value for state in SENT])
    )
    for (name,) in tx.connection.execute(query).all():
        now = read(tx, VisitId(name))
        call = Call.AUTHORIZE if now.state is State.AUTH_SENT else Call.CAPTURE
        _save(tx, unanswered(now, call))
    stuck = select(table.c.visit).where(
        table.c.store == tx.store,
        table.c.state.in_([State.PRICED.value, State.AUTHORIZED.value]),
    )
    for (name,) in tx.connection.execute(stuck).all():
        advance(tx, VisitId(name), _beyond_pricing())


def retry_payment(tx: Tx, visit: VisitId) -> None:
    """Try an unpaid visit again, under a new key.

    Raises:
        Refused: If it is not unpaid.
    """
    row = tx.get(tables.visit, visit=visit)
    if row is None or row.state != State.UNPAID:
        raise Refused(f"{visit} is not unpaid")
    _save(tx, tried_again(read(tx, visit)))
    advance(tx, visit, _beyond_pricing())


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


def _price(tx: Tx, now: Settlement) -> Settlement:
    row = tx.get(tables.visit, visit=now.visit)
    assert row is not None
    cart = from_text(row.cart, Cart)
    bill = price(cart.decided(), tx.shop.products, tx.shop.tax_rules, tx.shop.currency)
    tx.change(
        tables.visit,
        {"visit": now.visit},
        bill=to_text(bill),
        total_minor=bill.total_minor,
        priced_ns=tx.now_ns,
    )
    after = priced(now, bill.total_minor, bill.currency)
    _save(tx, after)
    return after


def _save(tx: Tx, now: Settlement) -> None:
    before = tx.get(tables.visit, visit=now.visit)
    assert before is not None
    next_try_ns = None
    if now.state is State.UNKNOWN:
        wait_ns = min(FIRST_RETRY_NS * 2 ** min(now.tries, 10), LAST_RETRY_NS)
        # Just after a start nothing has been tried by this process: ask at once.
        next_try_ns = tx.now_ns + (wait_ns if before.state == State.UNKNOWN else FIRST_RETRY_NS)
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
        if now.why == "free":
            _book(tx, now)
    tx.change(tables.visit, {"visit": now.visit}, **values)
    tx.note("visit", now.visit)
    if now.state is State.UNPAID:
        open_review(
            tx,
            f"payment:{now.visit}",
            reason=now.declined or "declined",
            visit=now.visit,
            risk_minor=now.amount_minor,
        )
    elif before.state in (State.UNPAID, State.UNKNOWN):
        withdraw(tx, f"payment:{now.visit}")


def _call(tx: Tx, now: Settlement, call: Call, asks: bool) -> ProviderCall:
    row = tx.get(tables.visit, visit=now.visit)
    assert row is not None
    return ProviderCall(
        subject=now.visit,
        call=call,
        key=key_of(now, call),
        account=row.member,
        amount=Money(now.amount_minor, now.currency),
        reference=now.authorize_reference,
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
        paid_with=tx.shop.provider,
        payment_reference=now.capture_reference,
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
    tx.note("receipt", now.visit)
    post(tx, ledger.sale(now.visit, tx.shop.provider, bill.taxes, bill.total_minor, bill.currency))


def post(tx: Tx, posting: ledger.Posting) -> None:
    """Book a posting; the same twice is refused by the table's key."""
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
                "booked_ns": tx.now_ns,
            }
            for line, entry in enumerate(posting.entries)
        ],
    )
