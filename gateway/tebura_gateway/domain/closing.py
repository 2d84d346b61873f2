"""A closed day: what was sold and given back, what the books say then, and a seal over them.

The seal of a day is a digest over the seal before it and every entry booked since, so that a
change to any old entry shows.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable

import msgspec
from tebura_contract.clock import Ns


class BookedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the books as it stands in them."""

    id: int
    posting: str
    line: int
    account: str
    amount_minor: int
    currency: str
    booked_ns: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account moved on the day, and what it stands at since the beginning."""

    account: str
    currency: str
    moved_minor: int
    balance_minor: int


class DayClosing(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked from one closing to the next. Debits positive, minor units."""

    day: str
    from_ns: Ns
    until_ns: Ns
    first_receipt: int | None
    last_receipt: int | None
    receipts: int
    sold_minor: int
    refunds: int
    refunded_minor: int
    currency: str
    balances: tuple[Balance, ...]
    entries: int
    seal: str


def seal_of(before: str, entries: Iterable[BookedEntry]) -> str:
    """The digest over the seal before and these entries, in the order of the books."""
    digest = hashlib.sha256(before.encode())
    for entry in entries:
        digest.update(msgspec.json.encode(entry))
    return digest.hexdigest()


def balances_of(before: Iterable[Balance], entries: Iterable[BookedEntry]) -> tuple[Balance, ...]:
    """The accounts after these entries, from where they stood before."""
    stood = {(one.account, one.currency): one.balance_minor for one in before}
    moved: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        moved[entry.account, entry.currency] += entry.amount_minor
    return tuple(
        Balance(
            account=account,
            currency=currency,
            moved_minor=moved[account, currency],
            balance_minor=stood.get((account, currency), 0) + moved[account, currency],
        )
        for account, currency in sorted({*stood, *moved})
    )
