"""The built-in payment provider: a tab with a limit, settled by the shop; no stored value.

Its book is in the gateway's database but behind the port: it sees keys, accounts and amounts only.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select
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
            key, _AUTHORIZATION, account, amount, None, lambda c: self._room(c, account, amount)
        )

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Put an amount on the tab, out of what was reserved where there is a reservation."""

        def check(connection: Connection) -> str:
            if authorization is None:
                return self._room(connection, account, amount)
            held = self._entry(connection, authorization)
            if held is None or held.kind != _AUTHORIZATION or held.declined:
                return "no such authorization"
            if self._is_resolved(connection, authorization):
                return "the authorization was resolved before"
            return "" if amount.minor <= held.amount_minor else "more than was reserved"

        return self._once(key, _CAPTURE, account, amount, authorization, check)

    def void(self, key: str, authorization: str) -> Answer:
        """Release a reservation."""

        def check(connection: Connection) -> str:
            held = self._entry(connection, authorization)
            if held is None or held.kind != _AUTHORIZATION or held.declined:
                return "no such authorization"
            if self._is_resolved(connection, authorization):
                return "the authorization was resolved before"
            return ""

        return self._once(key, _VOID, None, None, authorization, check)

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Take an amount off the tab again; never more than was captured."""

        def check(connection: Connection) -> str:
            taken = self._entry(connection, capture)
            if taken is None or taken.kind != _CAPTURE or taken.declined:
                return "no such capture"
            given = self._refunded(connection, capture)
            return "" if given + amount.minor <= taken.amount_minor else "more than was captured"

        return self._once(key, _REFUND, None, amount, capture, check)

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a call's key."""
        try:
            with self.database.reading.begin() as connection:
                return self._answer(connection, call.key)
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
            return self._sum(connection, account, _CAPTURE) - self._sum(
                connection, account, _REFUND
            )

    def _once(
        self,
        key: str,
        kind: str,
        account: MemberId | None,
        amount: Money | None,
        refers_to: str | None,
        check: Callable[[Connection], str],
    ) -> Answer:
        try:
            with self.database.transaction() as connection:
                # What an account is good for is the sum of what others may book just now.
                wait_alone(connection, f"house account {self.store}")
                known = self._answer(connection, key)
                if known is not None:
                    return known
                declined = check(connection)
                target = self._entry(connection, refers_to) if refers_to is not None else None
                entry = {
                    "account": account if target is None else target.account,
                    "amount_minor": amount.minor if amount is not None else 0,
                    "currency": amount.currency if amount is not None else "",
                }
                connection.execute(
                    insert(book).values(
                        store=self.store,
                        key=key,
                        kind=kind,
                        refers_to=refers_to,
                        declined=declined,
                        booked_ns=self.now_ns(),
                        **entry | {"account": entry["account"] or ""},
                    )
                )
                return Declined(reason=declined) if declined else Approved(reference=key)
        except SQLAlchemyError as error:
            raise NoAnswer(str(error)) from error

    def _room(self, connection: Connection, account: MemberId, amount: Money) -> str:
        row = connection.execute(
            select(members).where(members.c.store == self.store, members.c.member == account)
        ).first()
        if row is None:
            return "no such account"
        if row.status != "active":
            return "the account is blocked"
        owed = (
            self._sum(connection, account, _CAPTURE)
            - self._sum(connection, account, _REFUND)
            + self._reserved(connection, account)
        )
        return "" if owed + amount.minor <= row.house_limit_minor else "over the limit"

    def _reserved(self, connection: Connection, account: MemberId) -> int:
        resolved = select(book.c.refers_to).where(
            book.c.store == self.store,
            book.c.kind.in_([_CAPTURE, _VOID]),
            book.c.declined == "",
            book.c.refers_to.is_not(None),
        )
        query = select(func.coalesce(func.sum(book.c.amount_minor), 0)).where(
            book.c.store == self.store,
            book.c.account == account,
            book.c.kind == _AUTHORIZATION,
            book.c.declined == "",
            book.c.key.not_in(resolved),
        )
        return int(connection.execute(query).scalar_one())

    def _sum(self, connection: Connection, account: MemberId, kind: str) -> int:
        query = select(func.coalesce(func.sum(book.c.amount_minor), 0)).where(
            book.c.store == self.store,
            book.c.account == account,
            book.c.kind == kind,
            book.c.declined == "",
        )
        return int(connection.execute(query).scalar_one())

    def _refunded(self, connection: Connection, key: str) -> int:
        query = select(func.coalesce(func.sum(book.c.amount_minor), 0)).where(
            book.c.store == self.store,
            book.c.refers_to == key,
            book.c.kind == _REFUND,
            book.c.declined == "",
        )
        return int(connection.execute(query).scalar_one())

    def _is_resolved(self, connection: Connection, key: str) -> bool:
        query = select(func.count()).where(
            book.c.store == self.store,
            book.c.refers_to == key,
            book.c.kind.in_([_CAPTURE, _VOID]),
            book.c.declined == "",
        )
        return int(connection.execute(query).scalar_one()) > 0

    def _entry(self, connection: Connection, key: str) -> "_Entry | None":
        row = connection.execute(
            select(book).where(book.c.store == self.store, book.c.key == key)
        ).first()
        if row is None:
            return None
        return _Entry(row.kind, row.account, int(row.amount_minor), row.declined)

    def _answer(self, connection: Connection, key: str) -> Answer | None:
        entry = self._entry(connection, key)
        if entry is None:
            return None
        return Declined(reason=entry.declined) if entry.declined else Approved(reference=key)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    account: str
    amount_minor: int
    declined: str
