"""Where the gateway may die: before and after each commit, and around each provider call."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from tebura_gateway.adapters.database import Database, open_database
from tebura_gateway.service.paying import Said, perform
from tebura_gateway.service.ports import PaymentProvider, ProviderCall

NAME = "gateway.db"


class Crash(BaseException):
    """The process is gone: nothing of it is left but its files."""


class Lost(BaseException):
    """One gateway of several is gone; the others and the database live on."""


def save_as_killed(live: Path, into: Path) -> None:
    """What a process leaves that was killed: everything it wrote, synced or not."""
    into.mkdir(parents=True)
    for path in live.glob(f"{NAME}*"):
        # The shared index of the log is memory; it is built anew.
        if not path.name.endswith("-shm"):
            shutil.copy(path, into / path.name)


_COMPILED: dict[object, object] = {}
"""Statements as SQLAlchemy compiled them: the same for every life, so compiled once."""


@dataclass
class Points:
    """Counts the moments at which a process can die, and lets it die where `dies_at` says.

    `dies_at` is told each moment's number and name. `save` puts the disk as it is then, before
    anything unwinds, into `after`. Where `breaks_at` says, the database fails: before a commit
    nothing was done, after it everything was, and nobody can tell which. Where `loses_at` says,
    one gateway of several dies.
    """

    dies_at: Callable[[int, str], bool]
    breaks_at: Callable[[int, str], bool] = lambda *_: False
    loses_at: Callable[[int, str], bool] = lambda *_: False
    passed: list[str] = field(default_factory=list)
    save: Callable[[Path], None] = lambda _: None
    after: Path = Path()

    def point(self, name: str) -> None:
        self.passed.append(name)
        if self.dies_at(len(self.passed) - 1, name):
            self.save(self.after)
            raise Crash(name)
        if self.loses_at(len(self.passed) - 1, name):
            raise Lost(name)
        if name.endswith("-commit") and self.breaks_at(len(self.passed) - 1, name):
            raise OperationalError("COMMIT", {}, ConnectionError("connection lost"))


@dataclass(frozen=True, slots=True)
class FragileDatabase(Database):
    """A database whose process may die just before and just after a commit.

    Around a commit of nothing there is no point: what is on the disk is what the last one left.
    """

    points: Points

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self.writing.begin() as connection:
            before = _rows_written(connection)
            yield connection
            has_written = _rows_written(connection) > before
            if has_written:
                self.points.point("before-commit")
        if has_written:
            self.points.point("after-commit")


def _rows_written(connection: Connection) -> int:
    """How many rows this connection has ever written."""
    plain: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return plain.total_changes


def fragile(folder: Path, points: Points) -> FragileDatabase:
    plain = open_database(f"sqlite:///{NAME}", folder)
    writing: Engine = plain.writing.execution_options(compiled_cache=_COMPILED)
    reading: Engine = plain.reading.execution_options(compiled_cache=_COMPILED)
    return FragileDatabase(plain.url, writing, reading, points)


def fragile_call(points: Points, provider: PaymentProvider, call: ProviderCall) -> Said:
    """Ask the provider; the process may die before, after it acted, and after it answered."""
    points.point(f"before-{call.call}")
    said = perform(provider, call)
    points.point(f"answered-{call.call}")
    return said
