"""Backups: a whole and consistent copy while the gateway runs, and the way back.

SQLite copies itself page by page as of one moment; writers do not wait. PostgreSQL's own programs
do it there. Either way what is in the file is looked through before it is called a backup, and
again when it is restored.
"""

import datetime as dt
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.ids import StoreId

from tebura_gateway.adapters.database import (
    Database,
    DatabaseError,
    migrate,
    open_database,
    shown,
)
from tebura_gateway.service.books import Contents, contents, faults

_SIDES = ("-wal", "-shm")


class BadBackup(RuntimeError):
    """A file that is no backup of this store, or a store whose books are wrong."""


def back_up(database: Database, store: StoreId, target: Path) -> Contents:
    """Write a backup; the file appears whole or not at all.

    Raises:
        BadBackup: If the file exists, or what it would hold is broken.
        DatabaseError: If the database or the file cannot be used.
    """
    if target.exists():
        raise BadBackup(f"{target} exists: a backup never replaces another")
    part = target.with_name(target.name + ".part")
    try:
        # Only for its owner: it holds who bought what.
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        if _is_sqlite(database):
            _copy(Path(str(database.url.database)), part)
            found = _looked_through(part, store)
        else:
            _run("pg_dump", database, "--format=custom", "--no-owner", f"--file={part}")
            found = _checked(database, store)
        _settle(part, target)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"{target}: {error}") from error
    finally:
        _clear(part)
    return found


def restore(database: Database, store: StoreId, source: Path) -> tuple[Contents, Path | None]:
    """Put a backup in the place of the database; the store's lease must be held.

    Returns:
        What it holds, and where the database of before lies now (SQLite).

    Raises:
        BadBackup: If the file is no backup of this store, or its books are wrong; nothing is
            changed then.
        DatabaseError: If the database cannot be used.
    """
    if not source.is_file():
        raise BadBackup(f"{source} is no file")
    if not _is_sqlite(database):
        return _restore_postgres(database, store, source), None
    path = Path(str(database.url.database))
    part = path.with_name(path.name + ".restoring")
    try:
        shutil.copyfile(source, part)
        part.chmod(0o600)
        found = _looked_through(part, store)
        database.dispose()
        aside = _set_aside(path)
        _settle(part, path)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"{path}: {error}") from error
    finally:
        _clear(part)
    migrate(database)
    return found, aside


def _is_sqlite(database: Database) -> bool:
    return bool(database.url.get_backend_name() == "sqlite")


def _copy(source: Path, target: Path) -> None:
    address = f"file:{source}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as one, closing(sqlite3.connect(target)) as to:
        # In one step: a copy in several begins anew with every write in between.
        one.backup(to)
        to.execute("PRAGMA journal_mode=DELETE")


def _looked_through(path: Path, store: StoreId) -> Contents:
    """What a file holds, if it is sound and of this store.

    Raises:
        BadBackup: If it is not.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as plain:
            said = plain.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                raise BadBackup(f"{path}: {said}")
    except sqlite3.DatabaseError as error:
        raise BadBackup(f"{path}: {error}") from error
    copy = open_database(f"sqlite:///{path.name}", path.parent)
    try:
        return _checked(copy, store)
    finally:
        copy.dispose()


def _checked(database: Database, store: StoreId) -> Contents:
    try:
        # An older backup is brought up to this version before it is looked at.
        migrate(database)
        with database.reading.connect() as connection:
            wrong = faults(connection, store)
            found = contents(connection, store)
    except (DatabaseError, SQLAlchemyError) as error:
        raise BadBackup(f"{shown(database.url)}: {error}") from error
    if wrong:
        raise BadBackup("; ".join(wrong[:10]))
    if found.latest_ns is None:
        raise BadBackup(f"nothing of store {store} is in {shown(database.url)}")
    return found


def _set_aside(path: Path) -> Path | None:
    """Give the present database another name; nothing is thrown away."""
    if not path.exists():
        return None
    now = dt.datetime.now(tz=dt.UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.before-restore-{now}")
    if aside.exists():
        raise OSError(f"{aside} exists")
    for side in ("", *_SIDES):
        one = path.with_name(path.name + side)
        if one.exists():
            one.rename(aside.with_name(aside.name + side))
    return aside


def _clear(part: Path) -> None:
    for side in ("", *_SIDES):
        with suppress(FileNotFoundError):
            part.with_name(part.name + side).unlink()


def _settle(part: Path, target: Path) -> None:
    """Rename what is safely on the disk."""
    for path, flags in ((part, os.O_RDWR), (target.parent, os.O_RDONLY | os.O_DIRECTORY)):
        number = os.open(path, flags)
        try:
            os.fsync(number)
            if path is part:
                part.rename(target)
        finally:
            os.close(number)


def _restore_postgres(database: Database, store: StoreId, source: Path) -> Contents:
    try:
        _run("pg_restore", database, "--list", str(source))
    except DatabaseError as error:
        raise BadBackup(f"{source}: {error}") from error
    options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
    database.dispose()
    _run("pg_restore", database, *options, f"--dbname={database.url.database}", str(source))
    return _checked(database, store)


def _run(program: str, database: Database, *arguments: str) -> None:
    url = database.url
    given = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port is not None else None,
        "PGUSER": url.username,
        # In the environment, not on the command line, where everybody could read it.
        "PGPASSWORD": str(url.password) if url.password is not None else None,
        "PGDATABASE": url.database,
    }
    found = _program(program)
    done = subprocess.run(
        [found, *arguments],
        env=os.environ | {name: value for name, value in given.items() if value is not None},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DatabaseError(f"{program}: {done.stderr.strip()}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not installed:
        raise DatabaseError(f"{name} is not installed")
    return str(installed[-1])
