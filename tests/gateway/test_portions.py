"""After an outage a day's visits are judged at once: written in portions, with the same end."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tebura_contract.ids import VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import open_database
from tebura_gateway.service import judging
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.receiving import receive_all
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core, core_over
from tests.gateway.paying import VISIT_S, shopping
from tests.gateway.shop import KEN, LOW, MIKA, PAN, RICE, TEA, Script, candidate
from tests.gateway.test_pace import messages_of

BOOKS = (tables.visit, tables.decision, tables.receipt, tables.stock_move, tables.ledger_entry)
BY_ORDER = {"state_since_ns", "priced_ns", "final_ns", "deadline_ns", "document", "number", "id"}
"""Columns that tell when something was written, or in which order."""


def flood(core: Core, script: Script) -> None:
    """All of it arrives in one batch, and the nodes said that it is all."""
    messages = messages_of(script.facts)
    core.do(lambda tx, memory: receive_all(tx, memory, messages))


def at_rest(core: Core, forgets: bool = False) -> int:
    """Go on until nothing is left to be written; how many transactions that took."""
    count = 0
    while core.memory is None or core.memory.is_stale:
        if forgets:
            # As where another gateway wrote in between.
            core.memory = None
        core.do(nothing)
        count += 1
        assert count < 1_000, "it never comes to an end"
    return count


def nothing(_: Tx, __: Memory) -> None:
    """The judgement follows by itself."""


def day(core: Core, visits: int) -> list[VisitId]:
    """Short visits one after the other, and two at once at the end of which one asks a question."""
    script = Script()
    found = [shopping(script, VISIT_S * n, n + 1) for n in range(visits)]
    begin_s = VISIT_S * visits
    first, second = script.walk_in(901, begin_s), script.walk_in(902, begin_s + 2.0)
    found += [script.enter(MIKA, begin_s + 0.5), script.enter(KEN, begin_s + 2.5)]
    script.reach(first, begin_s + 5.0, begin_s + 6.0)
    script.pick(begin_s + 5.5, candidate(TEA, 1, 0.55), candidate(RICE, 1, 0.4))
    script.pick(begin_s + 7.0, candidate(PAN), shelf=LOW)
    script.walk_out(first, begin_s + 9.0)
    script.walk_out(second, begin_s + 11.0)
    core.now_s = begin_s + 20.0
    flood(core, script)
    return found


def pay_all(core: Core, forgets: bool = False) -> None:
    for _ in range(4):
        at_rest(core, forgets)
        core.pay()
        core.now_s += 1.0
        core.word(core.now_s)


def books(core: Core) -> dict[str, list[dict[str, Any]]]:
    """What is in them, but for when and in which order it was written."""
    return {table.name: sorted(map(told, core.rows(table)), key=str) for table in BOOKS}


def told(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in BY_ORDER}


@pytest.fixture
def other(empty_sqlite: Path, tmp_path: Path) -> Iterator[Core]:
    """A second shop, which writes all at once."""
    (tmp_path / "other").mkdir()
    shutil.copy(empty_sqlite, tmp_path / "other" / "gateway.db")
    database = open_database("sqlite:///gateway.db", tmp_path / "other")
    yield core_over(database)
    database.dispose()


@pytest.mark.parametrize("core", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("forgets", [False, True])
def test_in_small_portions_it_comes_out_as_at_once(
    core: Core, other: Core, monkeypatch: pytest.MonkeyPatch, forgets: bool
) -> None:
    visits = day(other, 12)
    pay_all(other)
    monkeypatch.setattr(judging, "MOST_WRITTEN", 3)
    monkeypatch.setattr(judging, "MOST_MOVED", 2)
    assert day(core, 12) == visits
    assert core.memory is not None
    assert core.memory.is_stale
    assert len(core.rows(tables.visit)) < len(visits)
    pay_all(core, forgets)
    core.check_books()
    assert len(core.rows(tables.receipt)) == 12
    assert books(core) == books(other)
    assert core.open_reviews() == other.open_reviews() != set()


def lookers(core: Core, visits: int) -> list[VisitId]:
    """Nobody takes anything: nothing but visits to store, and to end."""
    script, found = Script(), []
    for number in range(visits):
        track = script.walk_in(number + 1, VISIT_S * number)
        found.append(script.enter(MIKA, VISIT_S * number + 0.5))
        script.walk_out(track, VISIT_S * number + 5.0)
    core.now_s = VISIT_S * visits + 20.0
    flood(core, script)
    return found


def busiest(core: Core, come: Callable[[Core, int], list[VisitId]], visits: int) -> int:
    """The most that one transaction writes while so many visits are judged that came at once."""
    counts = Counter[int]()
    number = 0

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        counts[number] += statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))

    def end() -> None:
        nonlocal number
        while core.memory is None or core.memory.is_stale:
            number += 1
            core.do(nothing)
        number += 1

    event.listen(core.database.writing, "before_cursor_execute", note)
    came = come(core, visits)
    end()
    core.word(core.now_s)
    end()
    event.remove(core.database.writing, "before_cursor_execute", note)
    assert {state for visit in came for state, _ in [core.state(visit)]} <= {
        "auth-sent",
        "void",
        "review",
    }
    return max(counts.values())


@pytest.mark.parametrize("come", [day, lookers])
def test_however_much_is_due_one_transaction_writes_no_more(
    core: Core,
    other: Core,
    come: Callable[[Core, int], list[VisitId]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "MOST_WRITTEN", 20)
    monkeypatch.setattr(judging, "MOST_MOVED", 5)
    assert busiest(other, come, 90) < 1.2 * busiest(core, come, 30)
