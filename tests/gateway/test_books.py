"""The books: immutable, closed by the day, held against the provider's list."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Table, delete, text, update
from sqlalchemy.exc import DBAPIError
from tebura_contract.ids import VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.domain.closing import DayClosing
from tebura_gateway.domain.reconciliation import (
    Booked,
    DifferenceKind,
    Listed,
    differences,
)
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import books, closing, reconciling, refunding
from tebura_gateway.service.ports import Movement
from tebura_gateway.service.requests import Refused, RulingKind

from tests.gateway.core import Core
from tests.gateway.shop import EPOCH_NS, TEA, Script
from tests.gateway.test_service import settled, shopping

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
DAY_S = 86_400.0
# The scripts' zero, 1,800,000,000 s after 1970, is 08:00 UTC: 17:00 of that day in Tokyo.
FIRST = dt.date(2027, 1, 15)
SECOND = dt.date(2027, 1, 16)


@pytest.fixture
def sold(core: Core) -> Core:
    """A sale of 267 yen on the first day, and a refund of 162 on the second."""
    script = Script()
    visit = shopping(script)
    settled(core, script)
    core.now_s = 100.0 + DAY_S
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "broken", "staff"))
    core.pay()
    core.now_s += DAY_S
    return core


def close(core: Core, day: dt.date | None = None) -> DayClosing:
    return core.do(lambda tx, _: closing.close(tx, day))


@BOTH
@pytest.mark.parametrize("table", [tables.ledger_entry, tables.receipt], ids=lambda t: t.name)
def test_the_database_itself_refuses_to_change_the_books(sold: Core, table: Table) -> None:
    before = sold.rows(table)
    for statement in (delete(table), update(table).values(currency="USD")):
        with pytest.raises(DBAPIError), sold.database.transaction() as connection:
            connection.execute(statement)
    assert sold.rows(table) == before != []


@BOTH
def test_a_day_is_closed_once_with_what_was_sold_and_given_back(sold: Core) -> None:
    first, second = close(sold, FIRST), close(sold, SECOND)
    assert (first.receipts, first.sold_minor, first.refunds) == (1, 267, 0)
    assert (first.first_receipt, first.last_receipt) == (1, 1)
    assert (second.receipts, second.refunds, second.refunded_minor) == (0, 1, 162)
    assert second.first_receipt is None
    owed = {one.account: one for one in second.balances}["receivable:house"]
    assert (owed.moved_minor, owed.balance_minor) == (-162, 105)
    assert sum(one.balance_minor for one in second.balances) == 0
    sold.now_s += 5 * DAY_S
    assert close(sold, FIRST) == first
    assert len(sold.rows(tables.closing)) == 2


def test_a_day_that_is_not_over_or_lies_before_a_closed_one_is_refused(sold: Core) -> None:
    with pytest.raises(Refused, match="not over"):
        close(sold, dt.date(2027, 1, 17))
    assert close(sold).day == "2027-01-16"
    with pytest.raises(Refused, match="together with 2027-01-16"):
        close(sold, FIRST)


def test_a_clock_set_back_books_into_no_closed_day(sold: Core) -> None:
    before = close(sold)
    sold.now_s = 200.0
    (visit,) = [VisitId(row.visit) for row in sold.rows(tables.receipt)]
    sold.do(lambda tx, _: refunding.request(tx, visit, None, 0, "broken", "staff"))
    sold.pay()
    assert max(row.booked_ns for row in sold.rows(tables.ledger_entry)) >= before.until_ns
    sold.now_s = 100.0 + 4 * DAY_S
    assert close(sold).balances[0].balance_minor == 0


def tamper(core: Core, statement: str) -> None:
    """Change the books as somebody with the file in hands could."""
    with core.database.transaction() as connection:
        for deed in ("update", "delete"):
            for table in ("ledger_entry", "receipt"):
                connection.execute(text(f"drop trigger {table}_no_{deed}"))
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param(
            "update ledger_entry set amount_minor = amount_minor + 1 where line = 0",
            "is off by 1 JPY",
            id="one-sided",
        ),
        pytest.param(
            "update ledger_entry set amount_minor = 2 * amount_minor",
            "I2: sale:.*: booked",
            id="balanced",
        ),
        pytest.param(
            "update ledger_entry set account = 'sales:10' where account = 'sales:8'",
            "not those it was closed with",
            id="another-account",
        ),
        pytest.param("update receipt set number = 7", "I6: receipt numbers", id="number"),
    ],
)
def test_books_that_were_changed_close_no_day(sold: Core, statement: str, said: str) -> None:
    close(sold, FIRST)
    tamper(sold, statement)
    with pytest.raises(closing.BooksBroken, match=said):
        close(sold, SECOND)
    assert len(sold.rows(tables.closing)) == 1


def test_numbers_that_a_restore_lost_hold_up_no_closing(core: Core) -> None:
    core.do(lambda tx, _: books.skip_receipts(tx, 9))
    script = Script()
    shopping(script)
    settled(core, script)
    core.now_s = 100.0 + DAY_S
    assert close(core, FIRST).first_receipt == 10


ONE = Booked(
    call=Call.CAPTURE,
    key="v:capture:1",
    reference="ch-1",
    amount_minor=500,
    currency="JPY",
    at_ns=50,
    visit="v",
)
SEEN = Listed(
    call=Call.CAPTURE,
    key="v:capture:1",
    reference="ch-1",
    amount_minor=500,
    currency="JPY",
    at_ns=49,
)


@pytest.mark.parametrize(
    ("booked", "listed", "kinds"),
    [
        pytest.param([ONE], [SEEN], [], id="equal"),
        pytest.param([ONE], [msgspec.structs.replace(SEEN, key="")], [], id="by-its-name-there"),
        pytest.param([ONE], [], [DifferenceKind.MISSING_THERE], id="not-there"),
        pytest.param([], [SEEN], [DifferenceKind.MISSING_HERE], id="not-here"),
        pytest.param([ONE], [SEEN, SEEN], [DifferenceKind.TWICE], id="twice"),
        pytest.param(
            [ONE],
            [msgspec.structs.replace(SEEN, amount_minor=499)],
            [DifferenceKind.AMOUNT],
            id="amount",
        ),
        pytest.param(
            [ONE],
            [msgspec.structs.replace(SEEN, currency="USD")],
            [DifferenceKind.AMOUNT],
            id="currency",
        ),
        pytest.param(
            [ONE],
            [msgspec.structs.replace(SEEN, call=Call.REFUND)],
            [DifferenceKind.MISSING_HERE, DifferenceKind.MISSING_THERE],
            id="the-other-way",
        ),
        pytest.param([msgspec.structs.replace(ONE, is_open=True)], [SEEN], [], id="answer-awaited"),
        pytest.param([msgspec.structs.replace(ONE, at_ns=150)], [SEEN], [], id="booked-later"),
        pytest.param([msgspec.structs.replace(ONE, at_ns=150)], [], [], id="another-days"),
        pytest.param([], [msgspec.structs.replace(SEEN, at_ns=150)], [], id="another-days-there"),
    ],
)
def test_two_lists_differ_where_a_movement_is_not_in_both_once(
    booked: list[Booked], listed: list[Listed], kinds: list[DifferenceKind]
) -> None:
    assert [one.kind for one in differences(booked, listed, 0, 100)] == kinds


@BOTH
def test_books_and_the_providers_list_agree_day_by_day(sold: Core) -> None:
    for day in (FIRST, SECOND):
        from_ns, to_ns = reconciling.span_of(day, sold.shop.zone, sold.now_ns)
        moved = reconciling.listed(sold.provider, from_ns, to_ns)
        found = sold.do(
            lambda tx, _, m=moved, a=from_ns, b=to_ns: reconciling.reconcile(tx, "house", m, a, b)  # type: ignore[misc]
        )
        assert found == []
    assert sold.open_reviews() == set()


def test_a_charge_that_we_never_booked_is_put_before_staff_once(sold: Core) -> None:
    stranger = Movement(
        call=Call.CAPTURE,
        key="",
        reference="ch-strange",
        amount_minor=900,
        currency="JPY",
        at_ns=EPOCH_NS,
    )
    from_ns, to_ns = reconciling.span_of(FIRST, sold.shop.zone, sold.now_ns)
    moved = [*reconciling.listed(sold.provider, from_ns, to_ns), stranger]
    for reviews in ({"books:house:capture:ch-strange"}, set()):
        found = sold.do(lambda tx, _: reconciling.reconcile(tx, "house", moved, from_ns, to_ns))
        assert [(one.kind, one.listed_minor) for one in found] == [("missing-here", 900)]
        assert sold.open_reviews() == reviews
        for review in reviews:
            sold.rule(review, RulingKind.ACCEPT)


def test_the_commands_close_a_day_again_and_again_and_find_nothing_amiss(tmp_path: Path) -> None:
    from tests.gateway.nodes import GatewayProcess

    gateway = GatewayProcess(tmp_path / "gateway", 1, 2)
    gateway.write()
    said = [gateway.cli("close", "-c", str(gateway.config), "--json") for _ in range(2)]
    assert [one.returncode for one in said] == [0, 0], said[0].stderr
    assert said[0].stdout == said[1].stdout
    assert msgspec.json.decode(said[0].stdout)["receipts"] == 0
    agreed = gateway.cli("reconcile", "-c", str(gateway.config))
    assert (agreed.returncode, agreed.stdout) == (0, "books and lists agree\n")
    wrong = gateway.cli("close", "-c", str(gateway.config), "--day", "yesterday")
    assert wrong.returncode == 2
    assert "yesterday" in wrong.stderr
