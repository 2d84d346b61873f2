"""Everything that is kept about a member, as one document that they can take along."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select
from tebura_contract.codec import encode
from tebura_contract.ids import MemberId, StoreId

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import online_account, purchase
from tebura_gateway.adapters.person_tables import consent, face, opinion


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A table a field, a row an object; times are nanoseconds since 1970, in strings.

    `faces` says that there is a template and of which network; the template itself is sealed with
    a key that only the member's phone has.
    """

    store: StoreId
    member: tuple[msgspec.Raw, ...]
    consents: tuple[msgspec.Raw, ...]
    faces: tuple[msgspec.Raw, ...]
    visits: tuple[msgspec.Raw, ...]
    steps: tuple[msgspec.Raw, ...]
    receipts: tuple[msgspec.Raw, ...]
    refunds: tuple[msgspec.Raw, ...]
    opinions: tuple[msgspec.Raw, ...]
    coupons: tuple[msgspec.Raw, ...]
    payment_accounts: tuple[msgspec.Raw, ...]
    online_accounts: tuple[msgspec.Raw, ...]
    purchases_told_online: tuple[msgspec.Raw, ...]


_DOCUMENTS = frozenset({"cart", "bill", "discounts", "confirmed", "document", "tracks"})
"""Columns that hold JSON text."""


def export(connection: Connection, store: StoreId, member: MemberId) -> bytes:
    """The document as JSON."""
    visits = select(tables.visit.c.visit).where(
        tables.visit.c.store == store, tables.visit.c.member == member
    )

    def own(table: Table, *left_out: str) -> tuple[msgspec.Raw, ...]:
        """Rows with this member's number."""
        return _rows(connection, table, store, table.c.member == member, left_out)

    def of_visits(table: Table, *left_out: str) -> tuple[msgspec.Raw, ...]:
        """Rows that belong to this member's visits."""
        return _rows(connection, table, store, table.c.visit.in_(visits), left_out)

    return encode(
        Export(
            store=store,
            member=own(tables.member),
            consents=own(consent),
            faces=own(face, "sealed"),
            visits=own(tables.visit),
            steps=of_visits(tables.decision),
            receipts=own(tables.receipt),
            refunds=of_visits(tables.refund),
            opinions=of_visits(opinion),
            coupons=own(tables.coupon),
            payment_accounts=own(tables.payment_account),
            online_accounts=own(online_account),
            purchases_told_online=own(purchase),
        )
    )


def _rows(
    connection: Connection, table: Table, store: StoreId, where: Any, left_out: tuple[str, ...]
) -> tuple[msgspec.Raw, ...]:
    columns = [c for c in table.c if c.name not in ("store", *left_out)]
    query = select(*columns).where(table.c.store == store, where)
    return tuple(
        msgspec.Raw(encode({name: _plain(name, value) for name, value in row._mapping.items()}))
        for row in connection.execute(query)
    )


def _plain(name: str, value: object) -> object:
    if name.endswith("_ns") and isinstance(value, int):
        return str(value)
    if name in _DOCUMENTS and isinstance(value, str):
        return msgspec.Raw(value.encode())
    return value
