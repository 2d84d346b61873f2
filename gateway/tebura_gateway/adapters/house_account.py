"""The built-in payment provider: a tab with a limit, settled by the shop; no stored value.

Its book is in the gateway's database but behind the port: it sees keys, accounts and amounts only.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.ids import MemberId, StoreId
from tebura_contract.money import Money

from tebura_gateway.adapters.database import Database, wait_alone
from tebura_gateway.adapters.tables import house_account_entry as book
from tebura_gateway.adapters.tables import member as members
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import (
    Answer,
    Approved,
    Declined,
    Movement,
    NoAnswer,
    ProviderCall,
    Terms,
)
from tebura_gateway.service.shop import HOUSE

_AUTHORIZATION, _CAPTURE, _VOID, _REFUND = "authorization", "capture", "void", "refund"


@dataclass(frozen=True, slots=True)
class HouseAccount:
    """Each call is one transaction, and a key that is there answers as it did before."""

    database: Database
    store: StoreId
    now_ns: Callable[[], int] = time.time_ns
    terms: Terms = HOUSE

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount, if the tab has room for it."""
        return self._once(
            _Asked(key, _AUTHORIZATION, account, amount),
            lambda _, connection: self._room(connection, account, amount),
        )

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Put an amount on the tab, out of what was reserved where there is a reservation."""

        def check(known: _Known, connection: Connection) -> str:
            if authorization is None:
                return self._room(connection, account, amount)
            held_minor = known.target.amount_minor if known.target is not None else 0
            too_much = "" if amount.minor <= held_minor else "more than was reserved"
            return known.why_not_held or too_much

        return self._once(_Asked(key, _CAPTURE, account, amount, authorization), check)

    def void(self, key: str, authorization: str) -> Answer:
        """Release a reservation."""
        return self._once(
            _Asked(key, _VOID, refers_to=authorization), lambda known, _: known.why_not_held
        )

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Take an amount off the tab again; never more than was captured."""

        def check(known: _Known, _: Connection) -> str:
            taken = known.target
            if taken is None or taken.kind != _CAPTURE or taken.declined:
                return "no such capture"
            given = sum(one.amount_minor for one in known.followed if one.kind == _REFUND)
            return "" if given + amount.minor <= taken.amount_minor else "more than was captured"

        return self._once(_Asked(key, _REFUND, amount=amount, refers_to=capture), check)

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a call's key."""
        try:
            with self.database.reading.begin() as connection:
                return self._known(connection, call.key).answer
        except SQLAlchemyError as error:
            raise NoAnswer(str(error)) from error

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        """What went on and off the tabs in a span of time."""
        query = (
            select(book)
            .where(
                book.c.store == self.store,
                book.c.kind.in_([_CAPTURE, _REFUND]),
                book.c.declined == "",
                book.c.booked_ns >= from_ns,
                book.c.booked_ns < to_ns,
            )
            .order_by(book.c.booked_ns, book.c.key)
        )
        try:
            with self.database.reading.begin() as connection:
                rows = connection.execute(query).all()
        except SQLAlchemyError as error:
            raise NoAnswer(str(error)) from error
        return [
            Movement(
                call=Call(row.kind),
                key=row.key,
                reference=row.key,
                amount_minor=int(row.amount_minor),
                currency=row.currency,
                at_ns=int(row.booked_ns),
            )
            for row in rows
        ]

    def owed_minor(self, account: MemberId) -> int:
        """What is on a member's tab."""
        with self.database.reading.begin() as connection:
            owed = self._captured(account) - self._refunded(account)
            return int(connection.execute(select(owed)).scalar_one())

    def _once(self, asked: "_Asked", check: Callable[["_Known", Connection], str]) -> Answer:
        """Book what is asked, or why not; a key that is booked answers as it did."""
        try:
            with self.database.transaction() as connection:
                # What an account is good for is the sum of what others may book just now.
                wait_alone(connection, f"house account {self.store}")
                known = self._known(connection, asked.key, asked.refers_to)
                if known.answer is not None:
                    return known.answer
                declined = check(known, connection)
                account = known.target.account if known.target is not None else asked.account
                booked = {
                    "store": self.store,
                    "key": asked.key,
                    "kind": asked.kind,
                    "account": account,
                    "amount_minor": asked.amount.minor if asked.amount is not None else 0,
                    "currency": asked.amount.currency if asked.amount is not None else "",
                    "refers_to": asked.refers_to,
                    "declined": declined,
                    "booked_ns": self.now_ns(),
                }
                connection.execute(insert(book), booked)
                return Declined(reason=declined) if declined else Approved(reference=asked.key)
        except SQLAlchemyError as error:
            raise NoAnswer(str(error)) from error

    def _known(self, connection: Connection, key: str, target: str | None = None) -> "_Known":
        """What is booked under a key, and of what the call with that key acts on."""
        named = self._entries(
            connection, book.c.key.in_([key] if target is None else [key, target])
        )
        before = named.get(key)
        if target is None or before is not None:
            return _Known(before)
        followed = self._entries(connection, book.c.refers_to == target)
        done = [entry for entry in followed.values() if not entry.declined]
        return _Known(before, named.get(target), done)

    def _entries(self, connection: Connection, which: ColumnElement[bool]) -> dict[str, "_Entry"]:
        query = select(
            book.c.key, book.c.kind, book.c.account, book.c.amount_minor, book.c.declined
        ).where(book.c.store == self.store, which)
        return {
            row.key: _Entry(row.key, row.kind, row.account, int(row.amount_minor), row.declined)
            for row in connection.execute(query)
        }

    def _room(self, connection: Connection, account: MemberId, amount: Money) -> str:
        """Why an amount does not fit on a tab; "" where it does."""
        owed = self._captured(account) - self._refunded(account) + self._reserved(account)
        row = connection.execute(
            select(members.c.status, members.c.house_limit_minor, owed.label("owed_minor")).where(
                members.c.store == self.store, members.c.member == account
            )
        ).first()
        if row is None:
            return "no such account"
        if row.status != "active":
            return "the account is blocked"
        return "" if row.owed_minor + amount.minor <= row.house_limit_minor else "over the limit"

    def _captured(self, account: MemberId) -> ColumnElement[int]:
        return self._sum(account, _CAPTURE)

    def _refunded(self, account: MemberId) -> ColumnElement[int]:
        return self._sum(account, _REFUND)

    def _reserved(self, account: MemberId) -> ColumnElement[int]:
        """What is held, and neither captured nor let go."""
        later = book.alias("later")
        resolved = exists().where(
            later.c.store == book.c.store,
            later.c.refers_to == book.c.key,
            later.c.kind.in_([_CAPTURE, _VOID]),
            later.c.declined == "",
        )
        return self._sum(account, _AUTHORIZATION, ~resolved)

    def _sum(self, account: MemberId, kind: str, *where: ColumnElement[bool]) -> ColumnElement[int]:
        query = select(func.coalesce(func.sum(book.c.amount_minor), 0)).where(
            book.c.store == self.store,
            book.c.account == account,
            book.c.kind == kind,
            book.c.declined == "",
            *where,
        )
        return query.scalar_subquery()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be booked under a key; `refers_to` is the key of what it acts on."""

    key: str
    kind: str
    account: str = ""
    amount: Money | None = None
    refers_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    kind: str
    account: str
    amount_minor: int
    declined: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the book has of a call: itself, what it acts on, what was done with that."""

    before: _Entry | None = None
    target: _Entry | None = None
    followed: Sequence[_Entry] = ()

    @property
    def answer(self) -> Answer | None:
        """What was said to the same key before."""
        if self.before is None:
            return None
        declined = self.before.declined
        return Declined(reason=declined) if declined else Approved(reference=self.before.key)

    @property
    def why_not_held(self) -> str:
        """Why nothing can be captured out of the target, or let go of it; "" where it can."""
        if self.target is None or self.target.kind != _AUTHORIZATION or self.target.declined:
            return "no such authorization"
        if any(one.kind in (_CAPTURE, _VOID) for one in self.followed):
            return "the authorization was resolved before"
        return ""
