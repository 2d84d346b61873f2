"""Receipts and the ledger: written in the transaction that settles a visit (I4, I6)."""

from sqlalchemy import func, insert, select
from tebura_contract.clock import Ns
from tebura_contract.ids import MemberId

from tebura_gateway.adapters import tables
from tebura_gateway.domain import ledger
from tebura_gateway.domain.receipt import Receipt
from tebura_gateway.service import online_shop
from tebura_gateway.service.case import Case
from tebura_gateway.service.transaction import Tx, to_text


def book(tx: Tx, one: Case) -> None:
    """Receipt and ledger entries of a visit that is settled now."""
    row, now, bill = one.row, one.now, one.bill
    assert bill.total_minor == now.amount_minor, f"{now.visit}: the bill is not what was captured"
    provider = tx.shop.terms(now.provider).name
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
        paid_with=provider,
        payment_reference=now.capture_reference,
        discounts=bill.discounts,
        is_tax_included=bill.is_tax_included,
        eats_in=bill.eats_in,
    )
    tx.add(
        tables.receipt,
        number=receipt.number,
        visit=now.visit,
        member=row.member,
        issued_ns=tx.now_ns,
        total_minor=bill.total_minor,
        currency=bill.currency,
        document=to_text(receipt),
    )
    online_shop.queue(tx, now.visit, row.member)
    tx.note("receipt", now.visit)
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
