"""Several gateways on one database: each writes in its turn, and one of them leads.

What a gateway remembers between transactions holds only as long as nobody else wrote; the number of
the last turn tells. Whoever leads lets time pass: timers, judgement, webhooks. The lease is a row,
renewed within the leader's own turns, so a database that restarts drops nothing, and a leader that
is gone is followed after `LEASE_NS`. Two that both believe to lead do work twice and no harm.
"""

from typing import Any

from sqlalchemy import Engine, event, func, select

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import wait_alone
from tebura_gateway.service.transaction import Tx

LEASE_NS = 5_000_000_000
_NO_WRITES = ("SELECT", "SAVEPO", "RELEAS", "ROLLBA")


class Turns:
    """The turns of one gateway, in its writer's transactions; `name` tells it from the others."""

    def __init__(self, name: str, writing: Engine) -> None:
        self.name = name
        self.leads = False
        self._number: int | None = None
        self._change = 0
        self._row: Any = None
        self._has_written = False
        event.listen(writing, "after_cursor_execute", self._note)

    def begin(self, tx: Tx) -> bool:
        """Wait for the turn; whether another gateway wrote since our last one."""
        wait_alone(tx.connection, f"turn {tx.store}")
        row = tx.get(tables.turn)
        if row is None:
            tx.add_once(tables.turn)
            row = tx.get(tables.turn)
            assert row is not None
        self._row, self._has_written = row, False
        self.leads = row.leader == self.name or row.leads_until_ns <= tx.now_ns
        is_behind = bool(row.number != self._number)
        if is_behind:
            self._look_for_changes(tx)
        return is_behind

    def _look_for_changes(self, tx: Tx) -> None:
        """Have the streams woken, where what others wrote is something that they show."""
        change = tables.change
        query = select(func.max(change.c.seq)).where(change.c.store == tx.store)
        last = int(tx.connection.execute(query).scalar() or 0)
        tx.others_changed, self._change = last > self._change, last

    def end(self, tx: Tx) -> None:
        """Tell the others whether something was written; stay the leader."""
        number = int(self._row.number) + self._has_written
        leader, until_ns = self._row.leader, int(self._row.leads_until_ns)
        if self.leads and (leader != self.name or until_ns - tx.now_ns < LEASE_NS // 2):
            leader, until_ns = self.name, tx.now_ns + LEASE_NS
        if (number, until_ns) != (self._row.number, self._row.leads_until_ns):
            tx.change(tables.turn, {}, number=number, leader=leader, leads_until_ns=until_ns)
        self._number = number

    def failed(self) -> None:
        """Nobody knows what became of the last turn."""
        self._number = None

    def _note(self, *args: Any) -> None:
        """After each statement: did it write?"""
        connection, cursor, statement, *_ = args
        is_write = not statement.lstrip()[:6].upper().startswith(_NO_WRITES)
        # SQLite counts what it gives back only once it is fetched.
        is_uncounted = connection.dialect.name == "sqlite" and cursor.description is not None
        changed = cursor.rowcount != 0 or is_uncounted
        self._has_written = self._has_written or (is_write and changed)
