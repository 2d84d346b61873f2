"""What a sale asks of the database: few statements, and none that reads all there ever was."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, select, update
from tebura_gateway.adapters import tables
from tebura_gateway.service.receiving import receive_all

from tests.gateway.core import Core
from tests.gateway.paying import VISIT_S, shopping
from tests.gateway.shop import STORE, Script
from tests.gateway.test_pace import messages_of

GROWING = {
    "change",
    "coupon",
    "decision",
    "delivery",
    "hold",
    "house_account_entry",
    "inbox",
    "ledger_entry",
    "member",
    "purchase",
    "receipt",
    "refund",
    "review",
    "settlement",
    "stock_move",
    "visit",
}
"""Tables that have a row for everything that ever happened, or for everybody."""


@dataclass
class Asked:
    """What a database was asked; the plan of each statement where it is SQLite."""

    count: int = 0
    plans: dict[str, list[str]] = field(default_factory=dict)

    def whole_tables(self) -> dict[str, list[str]]:
        """Statements that go through all of a growing table, or all of it of one store."""
        return {
            statement: found
            for statement, steps in self.plans.items()
            if (found := [step for step in steps if _is_whole(step)])
        }


def _is_whole(step: str) -> bool:
    # "SCAN visit ...", or "SEARCH visit USING INDEX ... (store=?)"
    words = step.split()
    is_whole = words[0] == "SCAN" or step.endswith("(store=?)")
    # That index has only those that are looked for.
    return words[1] in GROWING and is_whole and "visit_late" not in step


@contextmanager
def listening(core: Core) -> Iterator[Asked]:
    asked = Asked()

    def heard(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.count += 1
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite and statement not in asked.plans and not statement.startswith("INSERT"):
            values = values[0] if isinstance(values, list) else values
            own = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            asked.plans[statement] = [row[3] for row in own]

    event.listen(core.database.writing, "before_cursor_execute", heard)
    yield asked
    event.remove(core.database.writing, "before_cursor_execute", heard)


def sell(core: Core, script: Script, first: int, count: int, at_once: bool) -> None:
    """So many visits until they are paid, told by the event or all at once."""
    begin = len(script.facts)
    for number in range(first, first + count):
        shopping(script, number * VISIT_S, number)
    # Whoever walks out has left once nobody has been seen for a while.
    facts, ends_s = script.facts[begin:], (first + count + 1) * VISIT_S
    core.now_s = ends_s
    if at_once:
        messages = messages_of(facts)
        core.do(lambda tx, memory: receive_all(tx, memory, messages))
    else:
        core.hear(facts)
    core.word(ends_s)
    core.pay()
    core.tick(ends_s + 1.0)


@pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize(
    ("at_once", "most"),
    # By the event: of eleven judgements each reads a dozen rows or so.
    [pytest.param(True, 45, id="twenty-at-once"), pytest.param(False, 400, id="by-the-event")],
)
def test_a_sale_takes_few_statements(core: Core, at_once: bool, most: int) -> None:
    script, count = Script(), 20 if at_once else 1
    with core.database.writing.begin() as connection:
        connection.execute(update(tables.member).values(house_limit_minor=10**9))
    sell(core, script, 1, 1, at_once)
    with listening(core) as asked:
        sell(core, script, 3, count, at_once)
    assert len(core.rows(tables.receipt)) == 1 + count
    assert asked.count / count <= most


def test_nothing_that_is_asked_for_again_and_again_reads_a_table_that_grows(core: Core) -> None:
    script = Script()
    sell(core, script, 1, 1, at_once=True)
    with listening(core) as asked:
        sell(core, script, 3, 2, at_once=False)
    assert len(core.rows(tables.receipt)) == 3
    assert len(asked.plans) > 40
    assert asked.whole_tables() == {}


def test_what_reads_a_whole_table_would_be_seen(core: Core) -> None:
    with listening(core) as asked, core.database.writing.begin() as connection:
        visit = tables.visit.c
        connection.execute(select(visit.visit).where(visit.store == STORE, visit.priced_ns < 1))
        connection.execute(select(visit.visit))
        connection.execute(select(visit.cart).where(visit.store == STORE, visit.visit == "v"))
    assert len(asked.whole_tables()) == 2
