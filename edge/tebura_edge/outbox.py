"""The node's durable memory: events until the gateway has them, the boot counter, roles' states.

One SQLite file in WAL mode. Events and the state they left behind are one transaction, synced to
the disk (``synchronous=FULL``), so a restart at any moment neither loses an event nor reports it
twice. Used by the main loop's thread only.

Bound: `MAX_WAITING` events. At the bound, or with a full disk, `append` raises `OutboxUnwritable`
and changes nothing: the caller keeps what it has, stops taking inputs and tries again. Events that
are stored are never dropped.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import MAX_MESSAGE_BYTES
from tebura_contract.events import Event
from tebura_contract.ids import EventId, NodeId

MAX_WAITING = 1_000_000
"""Events held at most: about 1 GB, or a busy shop of ten events a second cut off for a day."""

_SCHEMA_VERSION = 1
_FIRST_BOOT_EPOCH_S = 1_577_836_800  # 2020-01-01
_SCHEMA = """
CREATE TABLE event (
    boot INTEGER NOT NULL, seq INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (boot, seq)
) WITHOUT ROWID;
CREATE TABLE role_state (role TEXT PRIMARY KEY, saved BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class OutboxError(RuntimeError):
    """The node cannot start with this state folder; the text names it and says what to do."""


class OutboxUnwritable(OSError):
    """Nothing was stored: the disk is full or failing, or too many events wait."""


class OversizeEvent(ValueError):
    """An event larger than any receiver accepts; it can never be delivered and is not stored."""


@dataclass(frozen=True)
class Stored:
    """An event in the outbox: its id and the signed bytes that travel."""

    id: EventId
    sealed: bytes


Sealer = Callable[[EventId, Event], bytes]


class Outbox:
    """Opens (or makes) the state of a node and begins a boot.

    Args:
        folder: The node's own folder; made if missing, locked against a second process.
        node: Whose events these are.
        wall_ns: The wall clock: where a folder is new, boots are counted from it, so that a node
            whose disk was replaced does not use its old event ids again.

    Raises:
        OutboxError: If another process uses the folder, or the file is damaged or newer.
    """

    def __init__(self, folder: Path, node: NodeId, wall_ns: int) -> None:
        self.node = node
        self.path = folder / "outbox.sqlite"
        with _explained(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(folder)
            try:
                self._db = _open(self.path)
                self.last_alive_ns = self._counter("alive_ns")
                self.boot = self._begin_boot(wall_ns)
            except BaseException:
                self._lock.close()
                raise
        self._next_seq = 0
        self.waiting = self._count()

    def close(self) -> None:
        """Close and let another process have the folder; closing twice is fine."""
        self._db.close()
        self._lock.close()

    @property
    def last_id(self) -> EventId | None:
        """The newest event of this boot."""
        return EventId(self.node, self.boot, self._next_seq - 1) if self._next_seq else None

    def next_id(self, ahead: int = 0) -> EventId:
        """The id that the next event (or the one `ahead` after it) will have."""
        return EventId(self.node, self.boot, self._next_seq + ahead)

    def append(
        self,
        events: Sequence[Event],
        seal: Sealer,
        saved: Mapping[str, bytes],
        alive_ns: int | None,
    ) -> list[Stored]:
        """Store events and the roles' states after them, all or nothing, synced to the disk.

        Args:
            events: In order of happening; they get the next numbers.
            seal: Makes the signed bytes.
            saved: State by role name; names left out keep theirs.
            alive_ns: Everything that began up to here is stored with this; None leaves the note.

        Raises:
            OutboxUnwritable: Nothing was stored, numbers were not used up.
            OversizeEvent: An event is too large to travel; nothing was stored.
        """
        if self.waiting + len(events) > MAX_WAITING:
            raise OutboxUnwritable(f"{self.waiting} events wait for the gateway")
        stored = [
            Stored(event_id, seal(event_id, event))
            for event_id, event in ((self.next_id(n), event) for n, event in enumerate(events))
        ]
        for entry in stored:
            if len(entry.sealed) > MAX_MESSAGE_BYTES:
                raise OversizeEvent(f"{entry.id} has {len(entry.sealed)} bytes")
        with self._writing():
            self._db.executemany(
                "INSERT INTO event VALUES (?, ?, ?)",
                [(entry.id.boot, entry.id.seq, entry.sealed) for entry in stored],
            )
            self._db.executemany("INSERT OR REPLACE INTO role_state VALUES (?, ?)", saved.items())
            if alive_ns is not None:
                self._set_counter("alive_ns", alive_ns)
        self._next_seq += len(stored)
        self.waiting += len(stored)
        return stored

    def alive(self, alive_ns: int) -> None:
        """Note that the node was alive and everything that began up to here is stored.

        Not synced: after a power cut the note may be older, and the blind time reported at the next
        start longer than it was, never shorter.

        Raises:
            OutboxUnwritable: The disk is full or failing.
        """
        self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            with self._writing():
                self._set_counter("alive_ns", alive_ns)
        finally:
            self._db.execute("PRAGMA synchronous=FULL")

    def probe(self) -> None:
        """Find out whether the disk takes writes.

        Raises:
            OutboxUnwritable: It does not.
        """
        with self._writing():
            self._set_counter("probe", self._next_seq)

    def after(self, last: EventId | None, limit: int) -> list[Stored]:
        """The oldest events not acknowledged yet that come after `last` (None: from the first)."""
        boot, seq = (last.boot, last.seq) if last else (-1, -1)
        rows = self._db.execute(
            "SELECT boot, seq, sealed FROM event WHERE (boot, seq) > (?, ?) "
            "ORDER BY boot, seq LIMIT ?",
            (boot, seq, limit),
        )
        return [Stored(EventId(self.node, boot, seq), sealed) for boot, seq, sealed in rows]

    def get(self, event_id: EventId) -> Stored | None:
        """One event; None once it was acknowledged."""
        row = self._db.execute(
            "SELECT sealed FROM event WHERE boot = ? AND seq = ?", (event_id.boot, event_id.seq)
        ).fetchone()
        return Stored(event_id, row[0]) if row else None

    def oldest_boot(self) -> int | None:
        """The boot of the oldest event that waits; None if none does."""
        row = self._db.execute("SELECT min(boot) FROM event").fetchone()
        return None if row[0] is None else int(row[0])

    def ack(self, boot: int, seqs: Iterable[int]) -> int:
        """Forget events that the gateway's database holds; returns how many were still here.

        Raises:
            OutboxUnwritable: Nothing was forgotten; the gateway will be asked to say it again.
        """
        with self._writing():
            cursor = self._db.executemany(
                "DELETE FROM event WHERE boot = ? AND seq = ?", [(boot, seq) for seq in seqs]
            )
        gone = max(0, cursor.rowcount)
        self.waiting -= gone
        return gone

    def saved(self, role: str) -> bytes:
        """The state a role left behind; ``b""`` if none."""
        row = self._db.execute("SELECT saved FROM role_state WHERE role = ?", (role,)).fetchone()
        return bytes(row[0]) if row else b""

    def _begin_boot(self, wall_ns: int) -> int:
        """The next boot number, durable before anything uses it."""
        before = self._counter("boot")
        if before is None:
            boot = max(1, wall_ns // SECOND_NS - _FIRST_BOOT_EPOCH_S)
        else:
            boot = before + 1
        with self._writing():
            self._set_counter("boot", boot)
        return boot

    def _counter(self, name: str) -> int | None:
        row = self._db.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def _set_counter(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (name, value))

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise OutboxUnwritable(f"{self.path}: {error}") from error
        except BaseException:
            self._db.execute("ROLLBACK")
            raise


def _open(path: Path) -> sqlite3.Connection:
    # Transactions are ours to begin and end; the default would begin them behind our back.
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA_VERSION:
        raise OutboxError(f"{path} was written by a newer version of this program")
    if version == 0:
        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_SCHEMA_VERSION}; COMMIT;")
    damage = db.execute("PRAGMA quick_check").fetchone()[0]
    if damage != "ok":
        raise sqlite3.DatabaseError(damage)
    return db


def _lock(folder: Path) -> IO[str]:
    """Hold the folder for this process; the system lets go of it when the process ends."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise OutboxError(f"{folder} is in use by process {owner or 'unknown'}") from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise OutboxError(
            f"{path} cannot be used: {error}. If it is damaged, keep a copy (events in it may not "
            "have reached the gateway), remove it, and start again"
        ) from error
    except OSError as error:
        raise OutboxError(f"{path.parent} cannot be used: {error}") from error
