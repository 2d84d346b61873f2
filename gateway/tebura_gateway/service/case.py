"""A visit and its settlement while they move: read at once, changed in memory, written at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, exists, select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.pricing import Bill
from tebura_gateway.domain.settlement import FINAL, SENT, Settlement, State
from tebura_gateway.service.shop import WORD_WAIT_NS
from tebura_gateway.service.transaction import Tx, from_text, to_text

FIRST_RETRY_NS = SECOND_NS
LAST_RETRY_NS = 60 * SECOND_NS


@dataclass(slots=True)
class Case:
    """What the database has of a visit (`row`), and where its settlement is by now.

    `passed` are the states gone through since it was read, the last one is today's.
    """

    row: Any
    now: Settlement
    has_holds: bool
    passed: list[State] = field(default_factory=list)
    # Columns of the visit that change with it.
    values: dict[str, object] = field(default_factory=dict)
    _bill: Bill | None = None

    @property
    def visit(self) -> VisitId:
        return self.now.visit

    @property
    def was(self) -> State:
        """The state it was read in."""
        return State(self.row.state)

    @property
    def bill(self) -> Bill:
        """What was frozen when it was priced."""
        if self._bill is None:
            self._bill = from_text(self.row.bill, Bill)
        return self._bill

    def freeze(self, bill: Bill, at_ns: int) -> None:
        """This is what it costs, for good."""
        self._bill = bill
        self.values |= {
            "bill": to_text(bill),
            "total_minor": bill.total_minor,
            "priced_ns": at_ns,
        }

    def move(self, after: Settlement) -> None:
        self.now = after
        self.passed.append(after.state)

    def write(self, tx: Tx) -> None:
        """Store where it is by now."""
        document, tries_ns = to_text(self.now), self._next_try_ns(tx)
        key = {"visit": self.visit}
        tx.change(tables.settlement, key, document=document, next_try_ns=tries_ns)
        values = self.values | {"state": self.now.state.value, "reason": self.now.why.value}
        if any(state is not self.was for state in self.passed):
            values["state_since_ns"] = tx.now_ns
        if self.was is State.OPEN and State.EXITED in self.passed:
            values["deadline_ns"] = tx.now_ns + WORD_WAIT_NS
        if self.now.state in FINAL:
            values["final_ns"] = tx.now_ns
        tx.change(tables.visit, key, **values)
        tx.note("visit", self.visit)

    def _next_try_ns(self, tx: Tx) -> int | None:
        """When the timer asks what became of a call."""
        match self.now.state:
            case State.UNKNOWN if self.was is State.UNKNOWN:
                wait_ns = FIRST_RETRY_NS << min(self.now.tries, 10)
                return tx.now_ns + min(wait_ns, LAST_RETRY_NS)
            case State.UNKNOWN:
                # Just after a start nothing has been tried by this process: ask at once.
                return tx.now_ns + FIRST_RETRY_NS
            case state if state in SENT:
                # The call follows the commit. Should it be lost in between, the timer finds it.
                return tx.now_ns + LAST_RETRY_NS
            case _:
                return None


_visit, _settlement, _hold = tables.visit, tables.settlement, tables.hold
_QUERY = (
    select(
        _visit,
        _settlement.c.document,
        exists()
        .where(_hold.c.store == _visit.c.store, _hold.c.visit == _visit.c.visit)
        .label("has_holds"),
    )
    .join(
        _settlement,
        (_settlement.c.store == _visit.c.store) & (_settlement.c.visit == _visit.c.visit),
    )
    .where(
        _visit.c.store == bindparam("store"),
        _visit.c.visit.in_(bindparam("visits", expanding=True)),
    )
)


def read_cases(tx: Tx, visits: Iterable[VisitId]) -> dict[VisitId, Case]:
    """Those of these visits that there are."""
    named = {"store": tx.store, "visits": list(visits)}
    return {
        VisitId(row.visit): Case(row, from_text(row.document, Settlement), bool(row.has_holds))
        for row in tx.connection.execute(_QUERY, named)
    }
