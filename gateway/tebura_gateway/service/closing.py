"""Closes days, and checks that the books hold what they promise (I2, I4, I6)."""

import datetime as dt

from sqlalchemy import func, insert, select
from tebura_contract.clock import SECOND_NS, Ns

from tebura_gateway.adapters import tables
from tebura_gateway.domain.closing import BookedEntry, DayClosing, balances_of, seal_of
from tebura_gateway.service import books
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx, from_text, to_text


class BooksBroken(AssertionError):
    """The books contradict themselves: nobody may go on as if they did not."""


def close(tx: Tx, day: dt.date | None = None) -> DayClosing:
    """Close a day, or yesterday; one that is closed already comes back as it was.

    Raises:
        Refused: If the day is not over, or lies before one that is closed.
        BooksBroken: If the books contradict themselves; then nothing is closed.
    """
    today = dt.datetime.fromtimestamp(tx.now_ns / SECOND_NS, tx.shop.zone).date()
    day = day or today - dt.timedelta(days=1)
    row = tx.get(tables.closing, day=day.isoformat())
    if row is not None:
        return from_text(row.document, DayClosing)
    if day >= today:
        raise Refused(f"{day} is not over yet")
    last = last_closing(tx)
    if last is not None and last.day > day.isoformat():
        raise Refused(f"{day} was closed together with {last.day}")
    check(tx)
    closing = _closing(tx, day, last)
    tx.connection.execute(
        insert(tables.closing).values(
            store=tx.store,
            day=closing.day,
            until_ns=closing.until_ns,
            closed_ns=tx.now_ns,
            document=to_text(closing),
        )
    )
    return closing


def closings(tx: Tx) -> list[DayClosing]:
    """All closed days, oldest first."""
    table = tables.closing
    query = select(table.c.document).where(table.c.store == tx.store).order_by(table.c.day)
    return [from_text(text, DayClosing) for (text,) in tx.connection.execute(query)]


def last_closing(tx: Tx) -> DayClosing | None:
    table = tables.closing
    query = select(table.c.document).where(table.c.store == tx.store)
    row = tx.connection.execute(query.order_by(table.c.day.desc()).limit(1)).first()
    return from_text(row.document, DayClosing) if row is not None else None


def check(tx: Tx) -> None:
    """Hold the whole books against each other, and against the seals of the closed days.

    Raises:
        BooksBroken: Naming everything that does not fit.
    """
    problems = [*books.faults(tx.connection, tx.store), *_seals(tx)]
    if problems:
        raise BooksBroken("; ".join(problems))


def _closing(tx: Tx, day: dt.date, last: DayClosing | None) -> DayClosing:
    from_ns = int(last.until_ns) if last is not None else 0
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tx.shop.zone)
    until_ns = int(midnight.timestamp()) * SECOND_NS
    entries = _entries(tx, from_ns, until_ns)
    receipt, refund = tables.receipt, tables.refund
    sold = tx.connection.execute(
        select(
            func.count(),
            func.min(receipt.c.number),
            func.max(receipt.c.number),
            func.coalesce(func.sum(receipt.c.total_minor), 0),
        ).where(
            receipt.c.store == tx.store,
            receipt.c.issued_ns >= from_ns,
            receipt.c.issued_ns < until_ns,
        )
    ).one()
    given = tx.connection.execute(
        select(func.count(), func.coalesce(func.sum(refund.c.amount_minor), 0)).where(
            refund.c.store == tx.store,
            refund.c.done_ns >= from_ns,
            refund.c.done_ns < until_ns,
        )
    ).one()
    return DayClosing(
        day=day.isoformat(),
        from_ns=Ns(from_ns),
        until_ns=Ns(until_ns),
        first_receipt=sold[1],
        last_receipt=sold[2],
        receipts=int(sold[0]),
        sold_minor=int(sold[3]),
        refunds=int(given[0]),
        refunded_minor=int(given[1]),
        currency=tx.shop.currency,
        balances=balances_of(last.balances if last is not None else (), entries),
        entries=len(entries),
        seal=seal_of(last.seal if last is not None else "", entries),
    )


def _entries(tx: Tx, from_ns: int, until_ns: int) -> list[BookedEntry]:
    table = tables.ledger_entry
    query = (
        select(table)
        .where(table.c.store == tx.store, table.c.booked_ns >= from_ns)
        .where(table.c.booked_ns < until_ns)
        .order_by(table.c.id)
    )
    return [
        BookedEntry(
            id=int(row.id),
            posting=row.posting,
            line=int(row.line),
            account=row.account,
            amount_minor=int(row.amount_minor),
            currency=row.currency,
            booked_ns=int(row.booked_ns),
        )
        for row in tx.connection.execute(query)
    ]


def _seals(tx: Tx) -> list[str]:
    before = ""
    for day in closings(tx):
        seal = seal_of(before, _entries(tx, int(day.from_ns), int(day.until_ns)))
        if seal != day.seal:
            return [f"the entries of {day.day} are not those it was closed with"]
        before = seal
    return []
