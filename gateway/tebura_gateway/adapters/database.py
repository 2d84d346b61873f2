"""Opens the database: SQLite by default (WAL, every commit synced), PostgreSQL by its address."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from tebura_contract.ids import StoreId

BUSY_TIMEOUT_MS = 10_000
STANDS_STILL_MS = 60_000
"""A gateway that stands still in its transaction must not hold up the others for ever. But one that
judges a second's work on a machine with ten times more to do is not standing still: cut off, it
would begin the same again, and so would the next."""

_PATIENCE = {"options": f"-c idle_in_transaction_session_timeout={STANDS_STILL_MS}"}
_SQLITE = "sqlite"


class DatabaseError(RuntimeError):
    """A database that cannot be used; the text says which and why."""


class AlreadyServed(RuntimeError):
    """Another gateway serves this store from this database."""


@dataclass(frozen=True, slots=True)
class Database:
    """Two ways into one database: transactions that will write, and reads that hold nobody up."""

    url: URL
    writing: Engine
    reading: Engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that has the right to write from its start."""
        with self.writing.begin() as connection:
            yield connection

    @property
    def is_shared(self) -> bool:
        """Whether several gateways may serve a store from it: a server, not a file."""
        return self.url.get_backend_name() != _SQLITE

    def dispose(self) -> None:
        self.writing.dispose()
        self.reading.dispose()


def open_database(address: str, folder: Path) -> Database:
    """Open a database without creating anything in it.

    Args:
        address: ``sqlite:///FILE`` (relative to `folder`) or ``postgresql+psycopg://...``.
        folder: Where the configuration file lies.

    Raises:
        DatabaseError: If the address is none, or of another kind of database.
    """
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise DatabaseError(f"database {address!r} is no address") from error
    if url.get_backend_name() == _SQLITE:
        if not url.database or url.database == ":memory:":
            raise DatabaseError(f"database {address!r} names no file")
        url = url.set(database=str(folder / url.database))
        return Database(url, _sqlite(url, "BEGIN IMMEDIATE"), _sqlite(url, "BEGIN"))
    if url.get_backend_name() == "postgresql":
        return Database(
            url,
            create_engine(url, pool_size=3, pool_pre_ping=True, connect_args=_PATIENCE),
            create_engine(url, pool_size=8, pool_pre_ping=True),
        )
    raise DatabaseError(f"{url.get_backend_name()} is not supported: SQLite or PostgreSQL")


def _sqlite(url: URL, begin: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver's own way of beginning transactions is too late for us; see `begin` below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin_now(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def migrate(database: Database) -> None:
    """Bring the tables up to this version.

    Raises:
        DatabaseError: If the database cannot be reached or written.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    try:
        with database.transaction() as connection:
            wait_alone(connection, "migration")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", error)
        raise DatabaseError(f"{shown(database.url)}: {reason}") from error


def shown(url: URL) -> str:
    """The address without its password."""
    return url.render_as_string(hide_password=True)


def wait_alone(connection: Connection, name: str) -> None:
    """Wait until no other transaction has done this with the same name; ends with ours.

    A file has one writer at a time anyway.
    """
    if connection.dialect.name != _SQLITE:
        number = crc32(f"tebura {name}".encode())
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})


@contextmanager
def lease(database: Database, store: StoreId) -> Iterator[None]:
    """Serve this store alone, where the database is a file; gateways on a server take turns.

    Ends by itself when the process dies, however it dies.

    Raises:
        AlreadyServed: If another process serves it.
    """
    if database.is_shared:
        yield
        return
    path = Path(f"{database.url.database}.{store}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _file_lease(path):
        yield


@contextmanager
def _file_lease(path: Path) -> Iterator[None]:
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyServed(
                f"another gateway (process {file.read().strip() or '?'}) holds {path}"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
