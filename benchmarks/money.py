"""What an event and a sale cost the gateway, beside its database and its broker alone."""

import gc
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import money_live
from money_shop import Told, chatter, postgres, sales, shop_over
from sqlalchemy import select
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import Database, migrate, open_database
from tebura_gateway.adapters.desk import Desk, Mail
from timing import Row, Suite, paired

EVENTS, BATCH, ROUNDS = 20_000, 500, 5
SALES, SALES_AT_ONCE = 200, 20
_INBOX = tuple(column.name for column in tables.inbox.columns)


def _intake(told: Told, folder: Path) -> float:
    """Seconds until all are checked, stored, judged and committed, in the writer's batches."""
    database = open_database("sqlite:///gateway.db", folder)
    migrate(database)
    desk = Desk(
        database,
        shop_over(database),
        lambda: told.ends_ns,
        time.monotonic,
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )
    desk.follow(desk.commit([]))
    acked = 0

    def ack(ids: Sequence[object]) -> None:
        nonlocal acked
        acked += len(ids)

    began_s = time.perf_counter()
    for begin in range(0, EVENTS, BATCH):
        desk.follow(desk.commit([Mail(told.messages[begin : begin + BATCH], ack)]))
    took_s = time.perf_counter() - began_s
    assert acked == _stored(database) == EVENTS
    database.dispose()
    return took_s


def _stored(database: Database) -> int:
    with database.reading.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from inbox").scalar() or 0)


def _rows(told: Told, folder: Path) -> list[tuple[object, ...]]:
    """The rows that the gateway makes of the messages, as its own database holds them."""
    _intake(told, folder)
    database = open_database("sqlite:///gateway.db", folder)
    with database.reading.connect() as connection:
        order = (tables.inbox.c.published_ns, tables.inbox.c.node, tables.inbox.c.seq)
        rows = [tuple(row) for row in connection.execute(select(tables.inbox).order_by(*order))]
    database.dispose()
    return rows


def _raw(rows: list[tuple[object, ...]], folder: Path) -> float:
    """Seconds until the same rows are in the same table, made ready beforehand."""
    database = open_database("sqlite:///gateway.db", folder)
    migrate(database)
    database.dispose()
    connection = sqlite3.connect(folder / "gateway.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    insert = f"INSERT INTO inbox VALUES ({', '.join('?' * len(_INBOX))})"
    began_s = time.perf_counter()
    for begin in range(0, EVENTS, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[begin : begin + BATCH])
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began_s
    connection.close()
    return took_s


def _rounds(count: int, *works: Callable[[Path], float]) -> list[list[float]]:
    """Microseconds a thing, round by round, the works taking turns; the first is thrown away."""
    found: list[list[float]] = [[] for _ in works]
    for number in range(ROUNDS + 1):
        for work, times in zip(works, found, strict=True):
            folder = Path(tempfile.mkdtemp(prefix="tebura-money-"))
            took_s = work(folder)
            shutil.rmtree(folder)
            if number:
                times.append(took_s / count * 1e6)
    return found


def _row(name: str, rounds_us: list[float], what: str, note: str) -> Row:
    median_us = statistics.median(rounds_us)
    told = f"{1e6 / median_us:,.0f} {what}/s; {note}"
    return Row("money", name, median_us, min(rounds_us), max(rounds_us), told)


def in_process() -> list[Row]:
    """Events for good, beside the database alone."""
    told = chatter(EVENTS)
    with tempfile.TemporaryDirectory(prefix="tebura-money-") as folder:
        rows = _rows(told, Path(folder))
    # As the gateway does at its start: what is loaded by then is never garbage.
    gc.collect()
    gc.freeze()
    ours, raw = _rounds(
        EVENTS, lambda folder: _intake(told, folder), lambda folder: _raw(rows, folder)
    )
    share = paired(raw, ours)
    same = f"batches of {BATCH}, WAL, FULL"
    return [
        _row("tebura: an event checked, stored, judged", ours, "events", f"{share:.1%} of raw"),
        _row("sqlite3: the same rows inserted", raw, "events", same),
    ]


def settled() -> list[Row]:
    """Whole visits from their events to their receipts, charged to the house account."""
    on_sqlite = _rounds(SALES, lambda folder: sales("sqlite:///gateway.db", folder, SALES))
    rows = [_row("tebura: a sale on SQLite", on_sqlite[0], "settlements", "13 events each")]
    with postgres() as server:
        if server is not None:
            found = _rounds(SALES, lambda folder: sales(server.fresh(), folder, SALES))
            rows.append(_row("tebura: a sale on PostgreSQL", found[0], "settlements", "fsync on"))
    return rows


def run() -> list[Row]:
    """All of it, the live part where there is a Mosquitto."""
    return [*in_process(), *settled(), *money_live.measured()]


SUITE = Suite("money", "what does it cost to take an event in for good, and to sell?", run)
