"""The database as a part: opened, migrated, leased, full, broken."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, insert, select
from tebura_contract.ids import StoreId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import (
    AlreadyServed,
    Database,
    DatabaseError,
    lease,
    migrate,
    open_database,
)
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import members
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core, shop
from tests.gateway.shop import STORE, ns

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


@BOTH
def test_migrations_lead_to_the_tables_that_the_code_uses(core: Core) -> None:
    migrate(core.database)
    with core.database.reading.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []


def test_a_store_in_a_file_is_served_by_one_gateway_at_a_time(core: Core) -> None:
    with lease(core.database, STORE):
        with pytest.raises(AlreadyServed), lease(core.database, STORE):
            pass
        with lease(core.database, StoreId("another")):
            pass
    with lease(core.database, STORE):
        pass


@pytest.mark.parametrize(
    "address", ["no address", "sqlite://", "mysql://host/db", "sqlite:///no/such/folder/x.db"]
)
def test_a_database_that_cannot_be_used_says_so(tmp_path: Path, address: str) -> None:
    with pytest.raises(DatabaseError):
        migrate(open_database(address, tmp_path))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"what is this" * 1000)
    with pytest.raises(DatabaseError, match=r"x\.db"):
        migrate(open_database("sqlite:///x.db", tmp_path))


def test_commits_are_synced_to_disk(core: Core) -> None:
    with core.database.writing.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


@pytest.fixture
def writer(core: Core) -> Iterator[Writer]:
    found = Writer(
        core.database,
        shop(HouseAccount(core.database, STORE)),
        lambda: int(ns(0.0)),
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )
    found.start()
    yield found
    found.stop()


def test_a_refused_request_undoes_itself_and_nothing_else(core: Core, writer: Writer) -> None:
    done: list[None] = []

    def fine(tx: Tx, _: Memory) -> None:
        members.add(tx, "Before", "en")

    def refused(tx: Tx, _: Memory) -> None:
        members.add(tx, "Half", "en")
        raise Refused("no")

    assert writer.offer(fine, done.append, timeout_s=1.0)
    with pytest.raises(Refused):
        writer.call(refused)
    writer.call(fine)
    assert done == [None]
    names = [row.name for row in core.rows(tables.member)]
    assert (names.count("Before"), names.count("Half")) == (2, 0)


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(core: Core, writer: Writer) -> None:
    acked: list[None] = []
    happened = threading.Event()
    is_full = {"now": True}
    limit_pages(core.database, lambda: is_full["now"])

    def large(tx: Tx, _: Memory) -> None:
        happened.set()
        tx.connection.execute(
            insert(tables.dead_letter).values(
                store=STORE,
                received_ns=0,
                topic="t",
                reason="malformed",
                detail="",
                size_bytes=1,
                raw=b"x" * 500_000,
            )
        )

    assert writer.offer(large, acked.append, timeout_s=1.0)
    assert happened.wait(5.0)
    wait_until(lambda: not writer.is_healthy)
    assert acked == []
    assert core.rows(tables.dead_letter) == []
    is_full["now"] = False
    core.database.writing.dispose()
    wait_until(lambda: writer.is_healthy and bool(acked))
    assert acked == [None]
    assert len(core.rows(tables.dead_letter)) == 1


def limit_pages(database: Database, is_full: Callable[[], bool]) -> None:
    """Let the file not grow while `is_full`: what SQLite does on a full disk."""

    @event.listens_for(database.writing, "begin")
    def limit(connection: Any) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        most = pages if is_full() else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count={most}")


def wait_until(check: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(200):
        if check():
            return
        waited.wait(0.05)
    raise AssertionError("it never came")


def test_a_broken_rule_of_the_books_stops_the_writer(core: Core, writer: Writer) -> None:
    def broken(tx: Tx, _: Memory) -> None:
        raise AssertionError("debits and credits differ")

    threading.excepthook, before = (lambda _: None), threading.excepthook
    try:
        writer.post(broken)
        wait_until(lambda: not writer.is_alive)
    finally:
        threading.excepthook = before
    assert not writer.is_healthy
    with core.database.reading.connect() as connection:
        assert connection.execute(select(tables.ledger_entry)).all() == []
