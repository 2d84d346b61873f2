"""Backups are whole while the shop trades, come back as they were, and say what they lack."""

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from tebura_contract.ids import StoreId, VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.backup import BadBackup, back_up, restore
from tebura_gateway.adapters.database import open_database
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import members, refunding
from tebura_gateway.service.books import contents, faults, skip_receipts
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core, shop
from tests.gateway.nodes import GatewayProcess, running
from tests.gateway.shop import MIKA, STORE, TEA, Script

TRIGGERS = "select name from sqlite_master where type = 'trigger'"
BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def script() -> Script:
    return Script()


def trade(core: Core, script: Script, at_s: float) -> VisitId:
    """A visit that takes two teas and pays for them."""
    track = script.walk_in(int(at_s) + 1, at_s)
    visit = script.enter(MIKA, at_s + 1.0)
    for later_s in (10.0, 15.0):
        script.reach(track, at_s + later_s, at_s + later_s + 1.5)
        script.pick(at_s + later_s + 0.5)
    script.walk_out(track, at_s + 30.0)
    core.now_s = at_s + 60.0
    said = len(core.rows(tables.inbox))
    core.hear(script.facts[said:])
    core.word(at_s + 55.0)
    core.pay()
    assert core.state(visit)[0] == "settled"
    return visit


def give_back(core: Core, visit: VisitId) -> None:
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "stale", "staff"))
    core.pay()


def wrong(core: Core) -> list[str]:
    with core.database.reading.connect() as connection:
        return faults(connection, STORE)


def numbers(core: Core) -> list[int]:
    return sorted(row.number for row in core.rows(tables.receipt))


@BOTH
def test_a_restored_store_is_as_it_was_and_trades_on(
    core: Core, script: Script, tmp_path: Path
) -> None:
    give_back(core, trade(core, script, 0.0))
    saved = back_up(core.database, STORE, tmp_path / "night.backup")
    assert (saved.receipts, saved.last_receipt, saved.unfinished) == (1, 1, 0)
    lost = trade(core, script, 200.0)
    assert numbers(core) == [1, 2]
    found, _ = restore(core.database, STORE, tmp_path / "night.backup")
    assert found == saved
    core.memory = None
    assert core.rows(tables.visit, visit=lost) == []
    assert numbers(core) == [1]
    assert wrong(core) == []
    # Number 2 is on a shopper's receipt: nobody else may get it.
    core.do(lambda tx, _: skip_receipts(tx, 2))
    again = Script(boots=dict.fromkeys(script.boots, 2))
    trade_after_restore(core, again, 400.0)
    assert numbers(core) == [1, 3]
    assert wrong(core) == []


def trade_after_restore(core: Core, script: Script, at_s: float) -> None:
    """The nodes have restarted meanwhile."""
    track = script.walk_in(1, at_s)
    script.enter(MIKA, at_s + 1.0)
    script.reach(track, at_s + 10.0, at_s + 11.5)
    script.pick(at_s + 10.5)
    script.walk_out(track, at_s + 30.0)
    core.now_s = at_s + 60.0
    core.hear(script.facts)
    core.word(at_s + 55.0)
    core.pay()


def test_a_backup_made_while_the_writer_writes_is_whole(core: Core, tmp_path: Path) -> None:
    written: list[int] = []
    stop = threading.Event()

    def work(tx: Tx, _: Memory) -> None:
        for half in ("a", "b"):
            members.add(tx, f"pair {len(written)} {half}", "ja")

    def write(writer: Writer) -> None:
        while not stop.is_set():
            writer.call(work)
            written.append(1)

    writer = Writer(
        core.database,
        shop(core.provider),
        lambda: core.now_ns,
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )
    writer.start()
    thread = threading.Thread(target=write, args=(writer,))
    thread.start()
    for n in range(5):
        before = len(written)
        back_up(core.database, STORE, tmp_path / f"{n}.backup")
        with closing(sqlite3.connect(tmp_path / f"{n}.backup")) as copy:
            names = [name for (name,) in copy.execute("select name from member")]
        pairs = [name.rpartition(" ")[0] for name in names if name.startswith("pair")]
        assert len(pairs) >= 2 * before
        assert all(pairs.count(pair) == 2 for pair in pairs), "a transaction in halves"
    stop.set()
    thread.join()
    writer.stop()
    assert not list(tmp_path.glob("*.part*"))
    assert (tmp_path / "0.backup").stat().st_mode & 0o077 == 0, "it holds who bought what"


def test_a_backup_never_replaces_another(core: Core, script: Script, tmp_path: Path) -> None:
    trade(core, script, 0.0)
    (tmp_path / "night.backup").write_text("yesterday's")
    with pytest.raises(BadBackup, match="exists"):
        back_up(core.database, STORE, tmp_path / "night.backup")
    assert (tmp_path / "night.backup").read_text() == "yesterday's"


def spoil(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def unbalance(path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        for (name,) in copy.execute(
            "select name from sqlite_master where type='trigger'"
        ).fetchall():
            copy.execute(f"drop trigger {name}")
        copy.execute("update ledger_entry set amount_minor = amount_minor + 1 where id = 1")
        copy.commit()


@pytest.mark.parametrize("damage", [spoil, cut, unbalance, lambda path: path.write_bytes(b"no")])
def test_what_is_damaged_is_refused_and_nothing_is_changed(
    core: Core, script: Script, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    trade(core, script, 0.0)
    back_up(core.database, STORE, tmp_path / "night.backup")
    damage(tmp_path / "night.backup")
    with pytest.raises(BadBackup):
        restore(core.database, STORE, tmp_path / "night.backup")
    assert numbers(core) == [1]
    assert not list(tmp_path.glob("*restor*"))


def test_a_backup_of_another_store_is_refused(core: Core, script: Script, tmp_path: Path) -> None:
    trade(core, script, 0.0)
    back_up(core.database, STORE, tmp_path / "night.backup")
    with pytest.raises(BadBackup, match="nothing of store"):
        restore(core.database, StoreId("elsewhere"), tmp_path / "night.backup")
    with pytest.raises(BadBackup, match="is no file"):
        restore(core.database, STORE, tmp_path / "no-such")


def test_the_database_of_before_is_kept_whole(core: Core, script: Script, tmp_path: Path) -> None:
    trade(core, script, 0.0)
    back_up(core.database, STORE, tmp_path / "night.backup")
    trade(core, script, 200.0)
    _, aside = restore(core.database, STORE, tmp_path / "night.backup")
    assert aside is not None
    kept = open_database(f"sqlite:///{aside.name}", tmp_path)
    with kept.reading.connect() as connection:
        assert contents(connection, STORE).last_receipt == 2
    kept.dispose()


FAULTS = {
    "I4": lambda c: c.execute(insert_entry(minor=5)),
    "I2: sale": lambda c: c.execute(update(tables.receipt).values(total_minor=1)),
    "I2: refund": lambda c: c.execute(update(tables.refund).values(amount_minor=1)),
    "I6: receipt": lambda c: c.execute(delete(tables.receipt)),
    "I6: credit-note": lambda c: c.execute(update(tables.refund).values(number=7)),
}


def insert_entry(minor: int) -> Any:
    return insert(tables.ledger_entry).values(
        store=STORE,
        posting="odd",
        line=0,
        account="sales:8",
        amount_minor=minor,
        currency="JPY",
        booked_ns=0,
    )


@pytest.mark.parametrize("name", FAULTS)
def test_each_broken_promise_is_found(core: Core, script: Script, name: str) -> None:
    give_back(core, trade(core, script, 0.0))
    assert wrong(core) == []
    with core.database.transaction() as connection:
        for (trigger,) in connection.exec_driver_sql(TRIGGERS).all():
            connection.exec_driver_sql(f"drop trigger {trigger}")
        FAULTS[name](connection)
    assert [fault for fault in wrong(core) if fault.startswith(name)], wrong(core)


@pytest.fixture
def gateway(tmp_path: Path, free_port: Callable[[], int]) -> GatewayProcess:
    found = GatewayProcess(tmp_path / "gw", free_port(), free_port())
    found.write()
    return found


def test_from_the_shell_a_running_gateway_is_backed_up_and_never_restored_over(
    gateway: GatewayProcess, core: Core, script: Script
) -> None:
    trade(core, script, 0.0)
    core.database.dispose()
    path = Path(str(core.database.url.database))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    shutil.copy(path, gateway.folder / "gateway.db")
    saved = gateway.folder / "night.backup"
    config = str(gateway.config)
    with running(gateway):
        made = gateway.cli("backup", str(saved), "-c", config)
        assert made.returncode == 0, made.stderr
        assert "1 receipts" in made.stdout
        refused = gateway.cli("restore", str(saved), "-c", config)
        assert refused.returncode == 2
        assert "another gateway" in refused.stderr
        gateway.stop()
    back = gateway.cli("restore", str(saved), "-c", config, "--receipts-through", "4")
    assert back.returncode == 0, back.stderr
    assert "provider" in back.stdout
    assert gateway.cli("audit", "-c", config).stdout.startswith("1 receipts, 0 faults")
