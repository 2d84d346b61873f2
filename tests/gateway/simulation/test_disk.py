"""The disk that loses what was not synced: does it, and only that?"""

import random
import sqlite3
from pathlib import Path

import pytest

from tests.gateway.simulation.disk import Disk


@pytest.fixture
def disk(tmp_path: Path, watched_sqlite: None) -> Disk:
    (tmp_path / "live").mkdir()
    return Disk(tmp_path / "live")


def opened(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path / "x.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("CREATE TABLE IF NOT EXISTS n (n INTEGER PRIMARY KEY, pad BLOB)")
    return connection


def kept(path: Path) -> list[int]:
    with sqlite3.connect(path / "x.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [n for (n,) in connection.execute("SELECT n FROM n ORDER BY n")]


@pytest.mark.parametrize("seed", range(6))
def test_what_was_committed_with_full_sync_survives_every_cut(disk: Disk, seed: int) -> None:
    rng = random.Random(seed)
    with disk.in_use():
        connection = opened(disk.folder, "FULL")
        for n in range(60):
            connection.execute("INSERT INTO n VALUES (?, ?)", (n, bytes(rng.randrange(20_000))))
            if n % 20 == 19:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if n % 7 == 0:
                disk.cut(disk.folder.parent / f"{n}", rng)
        connection.close()
    for n in range(0, 60, 7):
        assert kept(disk.folder.parent / f"{n}") == list(range(n + 1))


def test_what_was_committed_without_sync_is_lost(disk: Disk) -> None:
    with disk.in_use():
        connection = opened(disk.folder, "NORMAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(20):
            connection.execute("INSERT INTO n VALUES (?, x'00')", (n,))
        counts = []
        for seed in range(12):
            disk.cut(disk.folder.parent / f"{seed}", random.Random(seed))
            counts.append(len(kept(disk.folder.parent / f"{seed}")))
        connection.close()
    assert min(counts) == 0
    assert max(counts) == 20


def test_other_files_are_left_alone(disk: Disk, tmp_path: Path) -> None:
    with disk.in_use():
        connection = opened(tmp_path, "FULL")
        connection.execute("INSERT INTO n VALUES (1, x'00')")
        connection.close()
    assert disk.files == {}
    assert kept(tmp_path) == [1]
