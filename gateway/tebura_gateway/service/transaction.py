"""One database transaction: the connection, the time it happens at, and what it changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert
from tebura_contract.codec import decode, encode
from tebura_contract.ids import StoreId
from tebura_contract.layout import Layout
from tebura_contract.messages import Command

from tebura_gateway.adapters import tables
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.shop import Shop

KEPT_CHANGES = 10_000
"""Streams that fell further behind start over from the tables."""
PRUNED_EVERY = 1_000

MOST_PARAMETERS = 32_000
"""In one statement: SQLite takes 32,766, PostgreSQL 65,535."""

T = TypeVar("T")

Values = Mapping[str, Any]
"""Column names to values, on their way into SQL."""


@dataclass(slots=True)
class Tx:
    """What a handler works with; `now_ns` is store time, read once by whoever opened it.

    `changed` and `calls` take effect after the commit: streams wake, the provider is asked.
    `others_changed` tells that another gateway did, since the last transaction of this one.
    """

    connection: Connection
    shop: Shop
    now_ns: int
    changed: list[tuple[str, str]] = field(default_factory=list)
    calls: list[ProviderCall] = field(default_factory=list)
    has_commands: bool = False
    others_changed: bool = False
    # Since when all prices are as they are, once somebody asked.
    prices_since_ns: int | None = None

    @property
    def store(self) -> StoreId:
        return self.shop.store

    @property
    def layout(self) -> Layout:
        return self.shop.layout

    def note(self, kind: str, ref: str) -> None:
        """Tell the streams that something changed, once per transaction."""
        if (kind, ref) not in self.changed:
            self.changed.append((kind, ref))

    def write_changes(self) -> None:
        """Number the changes; the last thing before the commit."""
        if not self.changed:
            return
        said = [
            {"store": self.store, "at_ns": self.now_ns, "kind": kind, "ref": ref}
            for kind, ref in self.changed
        ]
        numbers = self.connection.execute(_numbering(tables.change), said).scalars().all()
        if any(number % PRUNED_EVERY == 0 for number in numbers):
            stale = tables.change.c.seq <= max(numbers) - KEPT_CHANGES
            self.connection.execute(delete(tables.change).where(stale))

    def get(self, table: Table, **key: Any) -> Any | None:
        """The one row with this key in this store, or None."""
        return self.connection.execute(_selecting(table, tuple(key)), self._bound(key)).first()

    def add(self, table: Table, **values: Any) -> None:
        """Insert a row that is not there."""
        self.connection.execute(_inserting(table), {"store": self.store, **values})

    def add_once(self, table: Table, **values: Any) -> bool:
        """Insert unless the key is there; whether it was new."""
        statement = _inserting_once(table, self.connection.dialect.name)
        added = self.connection.execute(statement, {"store": self.store, **values})
        return added.first() is not None

    def add_all(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Insert rows that are not there.

        For what comes in masses: a statement goes to the driver as it is, and all of it at once. A
        row costs a third of what the toolkit takes for it, and another thread that has much to do
        is let in once a statement, not once a row.
        """
        for statement, values in self._inserts(table, columns, rows):
            self.connection.exec_driver_sql(statement, values)

    def add_missing(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> set[tuple[Any, ...]]:
        """Insert rows unless their key is there; the keys (without the store) that were new."""
        keys = ", ".join(column.name for column in table.primary_key if column.name != "store")
        new: set[tuple[Any, ...]] = set()
        for statement, values in self._inserts(table, columns, rows):
            missing = f"{statement} ON CONFLICT DO NOTHING RETURNING {keys}"
            new.update(tuple(row) for row in self.connection.exec_driver_sql(missing, values))
        return new

    def _inserts(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Statements of as many rows as the database takes at once, and their parameters."""
        mark = "?" if self.connection.dialect.name == "sqlite" else "%s"
        row_marks = f"({', '.join([mark] * (len(columns) + 1))})"
        most = MOST_PARAMETERS // (len(columns) + 1)
        for begin in range(0, len(rows), most):
            some = rows[begin : begin + most]
            statement = (
                f"INSERT INTO {table.name} (store, {', '.join(columns)}) "
                f"VALUES {', '.join([row_marks] * len(some))}"
            )
            yield statement, tuple(chain.from_iterable((self.store, *row) for row in some))

    def put(self, table: Table, key: Values, **values: Any) -> None:
        """Write these columns of the row with this key; insert it where it is missing.

        What a row cannot be without must be among them, also where there is one: see `change`.
        """
        statement = _putting(table, tuple(values), self.connection.dialect.name)
        self.connection.execute(statement, {"store": self.store, **key, **values})

    def put_all(
        self, table: Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Put rows of the same columns; `names` are those that are not the key."""
        if rows:
            statement = _putting(table, names, self.connection.dialect.name)
            self.connection.execute(statement, [{"store": self.store, **row} for row in rows])

    def change(self, table: Table, key: Values, **values: Any) -> bool:
        """Update the row with this key; whether there is one."""
        statement = _updating(table, tuple(key))
        return self.connection.execute(statement, self._bound(key) | values).rowcount > 0

    def remove(self, table: Table, **key: Any) -> None:
        """Delete the row with this key, where there is one."""
        self.connection.execute(_deleting(table, tuple(key)), self._bound(key))

    def count_up(self, name: str) -> int:
        """The next number of a gapless series; given back if the transaction fails."""
        statement = _counting(tables.counter, self.connection.dialect.name)
        first = {"store": self.store, "name": name, "value": 1}
        return int(self.connection.execute(statement, first).scalar_one())

    def command(self, node: str, command: Command) -> None:
        """Send a command to a node after the commit; kept until the broker took it."""
        self.command_all([(node, command)])

    def command_all(self, said: Sequence[tuple[str, Command]]) -> None:
        """Send commands, in this order."""
        if said:
            self.has_commands = True
            same = {"store": self.store, "created_ns": self.now_ns}
            sent = [{**same, "node": node, "payload": encode(command)} for node, command in said]
            self.connection.execute(_inserting(tables.command), sent)

    def _bound(self, key: Values) -> dict[str, Any]:
        return {_OF_KEY + name: value for name, value in key.items()} | {
            _OF_KEY + "store": self.store
        }


# Statements by the columns they name: to make one takes longer than to run it.

_OF_KEY = "key_"
"""Before the name of a parameter that a row is found by; a value of the same name may be new."""


def _where(table: Table, names: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == bindparam(_OF_KEY + name) for name in ("store", *names)))


@lru_cache(maxsize=256)
def _selecting(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(table).where(_where(table, names))


@lru_cache(maxsize=256)
def _updating(table: Table, names: tuple[str, ...]) -> Update:
    """Sets the columns that have a value among the parameters."""
    return update(table).where(_where(table, names))


@lru_cache(maxsize=256)
def _inserting(table: Table) -> Insert:
    return insert(table)


@lru_cache(maxsize=8)
def _numbering(table: Table) -> ReturningInsert[int]:
    """Inserts rows that the database numbers, and gives their numbers."""
    (number,) = table.primary_key
    return insert(table).returning(number)


def _insert_for(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what becomes of a row whose key is there."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@lru_cache(maxsize=256)
def _inserting_once(table: Table, dialect: str) -> Executable:
    """Gives a row if there was none with this key."""
    return _insert_for(table, dialect).on_conflict_do_nothing().returning(literal(1))


@lru_cache(maxsize=256)
def _putting(table: Table, names: tuple[str, ...], dialect: str) -> Executable:
    made = _insert_for(table, dialect)
    written = {name: made.excluded[name] for name in names}
    return made.on_conflict_do_update(index_elements=table.primary_key, set_=written)


@lru_cache(maxsize=8)
def _counting(table: Table, dialect: str) -> Executable:
    """Inserts the value, or adds it to the one that is there; gives what is there then."""
    made = _insert_for(table, dialect)
    sum_ = table.c.value + made.excluded.value
    counting = made.on_conflict_do_update(index_elements=table.primary_key, set_={"value": sum_})
    return counting.returning(table.c.value)


@lru_cache(maxsize=256)
def _deleting(table: Table, names: tuple[str, ...]) -> Delete:
    return delete(table).where(_where(table, names))


def from_text(text: str, kind: type[T]) -> T:
    """A document column of ours; it may be larger than a message."""
    raw = text.encode()
    return decode(raw, kind, limit_bytes=len(raw))


def to_text(document: object) -> str:
    return encode(document).decode()
