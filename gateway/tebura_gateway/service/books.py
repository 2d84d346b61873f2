"""Looks through the books for what must never be (I2, I4, I6): after a restore, or at any time."""

from collections import Counter
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, func, select
from tebura_contract.ids import StoreId

from tebura_gateway.adapters.tables import (
    change,
    counter,
    ledger_entry,
    receipt,
    refund,
    visit,
)
from tebura_gateway.domain.settlement import FINAL
from tebura_gateway.service.transaction import Tx

RECEIPT, CREDIT_NOTE = "receipt", "credit-note"
LOST = "receipts-lost:"
"""Begins the name of a counter: after this number, those up to its value were lost."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a database holds of one store; `latest_ns` is when it last changed."""

    receipts: int
    last_receipt: int
    unfinished: int
    latest_ns: int | None


def contents(connection: Connection, store: StoreId) -> Contents:
    """Count what matters."""

    def one(query: object) -> int:
        return int(connection.execute(query).scalar() or 0)  # type: ignore[call-overload]

    latest = connection.execute(
        select(func.max(change.c.at_ns)).where(change.c.store == store)
    ).scalar()
    final = [state.value for state in FINAL]
    return Contents(
        receipts=one(select(func.count()).where(receipt.c.store == store)),
        last_receipt=one(select(func.max(receipt.c.number)).where(receipt.c.store == store)),
        unfinished=one(
            select(func.count()).where(visit.c.store == store, visit.c.state.not_in(final))
        ),
        latest_ns=None if latest is None else int(latest),
    )


def faults(connection: Connection, store: StoreId) -> list[str]:
    """Everything that is wrong, in words; empty where the books are right."""
    return [
        *_unbalanced(connection, store),
        *_wrong_sales(connection, store),
        *_wrong_refunds(connection, store),
        *_wrong_numbers(connection, store),
    ]


def skip_receipts(tx: Tx, through: int) -> None:
    """Numbers up to here were given out and are lost: the next receipt gets the one after."""
    row = tx.get(counter, name=RECEIPT)
    last = int(row.value) if row is not None else 0
    if through > last:
        tx.put(counter, {"name": f"{LOST}{last}"}, value=through)
        tx.put(counter, {"name": RECEIPT}, value=through)


def _unbalanced(connection: Connection, store: StoreId) -> Iterator[str]:
    table = ledger_entry
    total = func.sum(table.c.amount_minor)
    query = (
        select(table.c.posting, table.c.currency, total)
        .where(table.c.store == store)
        .group_by(table.c.posting, table.c.currency)
        .having(total != 0)
    )
    for posting, currency, off in connection.execute(query):
        yield f"I4: posting {posting} is off by {off} {currency}"


def _receivable(connection: Connection, store: StoreId) -> dict[str, int]:
    """What each posting says that providers owe us."""
    table = ledger_entry
    query = (
        select(table.c.posting, func.sum(table.c.amount_minor))
        .where(table.c.store == store, table.c.account.startswith("receivable:"))
        .group_by(table.c.posting)
    )
    return {posting: int(minor) for posting, minor in connection.execute(query)}


def _wrong_sales(connection: Connection, store: StoreId) -> Iterator[str]:
    booked = {
        posting: minor
        for posting, minor in _receivable(connection, store).items()
        if posting.startswith("sale:")
    }
    query = select(receipt.c.visit, receipt.c.total_minor).where(receipt.c.store == store)
    sold = {f"sale:{name}": int(minor) for name, minor in connection.execute(query)}
    for posting in sorted({*booked, *sold}):
        if booked.get(posting) != sold.get(posting):
            yield f"I2: {posting}: booked {booked.get(posting)}, receipt {sold.get(posting)}"


def _wrong_refunds(connection: Connection, store: StoreId) -> Iterator[str]:
    booked = {
        posting: -minor
        for posting, minor in _receivable(connection, store).items()
        if posting.startswith("refund:")
    }
    query = select(refund.c.refund, refund.c.visit, refund.c.amount_minor).where(
        refund.c.store == store, refund.c.state == "done"
    )
    rows = connection.execute(query).all()
    given = {f"refund:{row.refund}": int(row.amount_minor) for row in rows}
    for posting in sorted({*booked, *given}):
        if booked.get(posting) != given.get(posting):
            yield f"I2: {posting}: booked {booked.get(posting)}, refunded {given.get(posting)}"
    of_visit: Counter[str] = Counter()
    for row in rows:
        of_visit[row.visit] += int(row.amount_minor)
    sold = select(receipt.c.visit, receipt.c.total_minor).where(receipt.c.store == store)
    totals = {name: int(minor) for name, minor in connection.execute(sold)}
    for name, minor in sorted(of_visit.items()):
        if minor > totals.get(name, 0):
            yield f"I2: visit {name} got {minor} back, and paid {totals.get(name, 0)}"


def _wrong_numbers(connection: Connection, store: StoreId) -> Iterator[str]:
    query = select(counter.c.name, counter.c.value).where(counter.c.store == store)
    counters = {name: int(value) for name, value in connection.execute(query)}
    given = select(receipt.c.number).where(receipt.c.store == store)
    notes = select(refund.c.number).where(refund.c.store == store, refund.c.number.is_not(None))
    lost = {
        number
        for name, through in counters.items()
        if name.startswith(LOST)
        for number in range(int(name.removeprefix(LOST)) + 1, through + 1)
    }
    for name, numbers, missing in ((RECEIPT, given, lost), (CREDIT_NOTE, notes, set())):
        found = sorted(int(number) for (number,) in connection.execute(numbers))
        wanted = [n for n in range(1, counters.get(name, 0) + 1) if n not in missing]
        if found != wanted:
            wrong = sorted(set(found) ^ set(wanted))[:5] or "one twice"
            yield f"I6: {name} numbers: {wrong} missing, or not given out"
