"""A disk that loses what was never synced: SQLite's own file layer, watched from inside.

SQLite asks a table of functions to open, write and sync its files. While a `Disk` is in use, that
table notes for each file what was synced and what was only written. `cut` then makes the files as
they may be found after a power cut: all that was synced, and of the rest any part, sector by
sector, in any order, torn or gone. Not shown: a disk that says it synced and did not, and the loss
of a file's name.
"""

import ctypes
import ctypes.util
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512
_OK = 0
_KINDS = 0x100 | 0x800 | 0x80000  # main database, its rollback journal, its write-ahead log

_P, _I, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_OPEN = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, _P)
_DELETE = ctypes.CFUNCTYPE(_I, _P, ctypes.c_char_p, _I)
_CLOSE = ctypes.CFUNCTYPE(_I, _P)
_WRITE = ctypes.CFUNCTYPE(_I, _P, _P, _I, _L)
_TRUNCATE = ctypes.CFUNCTYPE(_I, _P, _L)
_SYNC = ctypes.CFUNCTYPE(_I, _P, _I)


class _Vfs(ctypes.Structure):
    _fields_ = [  # how ctypes wants it
        ("version", _I),
        ("file_bytes", _I),
        ("path_chars", _I),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("app", _P),
        ("open", _P),
        ("delete", _P),
        *((f"rest{n}", _P) for n in range(14)),
    ]


class _Methods(ctypes.Structure):
    _fields_ = [
        ("version", _I),
        ("close", _P),
        ("read", _P),
        ("write", _P),
        ("truncate", _P),
        ("sync", _P),
        *((f"rest{n}", _P) for n in range(13)),
    ]


_KEPT: list[object] = []
"""What SQLite has addresses of, for as long as the process lives: a connection that is left open is
closed when its garbage is collected, through these functions."""


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Truncate:
    size: int


@dataclass
class _File:
    """What is safe of a file, and what is not yet."""

    safe: bytearray
    pending: list[_Write | _Truncate] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.safe, change)
        self.pending.clear()


def _apply(content: bytearray, change: _Write | _Truncate) -> None:
    if isinstance(change, _Truncate):
        del content[change.size :]
        return
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _sectors(change: _Write | _Truncate) -> Iterator[_Write | _Truncate]:
    """The pieces of a change that a disk writes whole or not at all."""
    if isinstance(change, _Truncate):
        yield change
        return
    begin = 0
    while begin < len(change.data):
        at = change.offset + begin
        end = begin + SECTOR_BYTES - at % SECTOR_BYTES
        yield _Write(at, change.data[begin:end])
        begin = end


class Disk:
    """Watches the SQLite files of this process below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, _File] = {}
        self.syncs = 0
        self._open: dict[int, tuple[str, _Methods]] = {}
        self._tables: dict[int, _Methods] = {}

    def cut(self, into: Path, rng: random.Random) -> None:
        """Write the files as a power cut might leave them."""
        into.mkdir(parents=True)
        share = rng.choice([0.0, 0.5, 1.0])
        for path, file in self.files.items():
            content = bytearray(file.safe)
            pieces = [piece for change in file.pending for piece in _sectors(change)]
            kept = [piece for piece in pieces if rng.random() < share]
            if rng.random() < 0.5:
                rng.shuffle(kept)
            for piece in kept:
                _apply(content, piece)
            (into / Path(path).name).write_bytes(content)

    @contextmanager
    def in_use(self) -> Iterator["Disk"]:
        """Every SQLite file below the folder that is opened meanwhile is watched."""
        sqlite = library()
        plain = _Vfs.from_address(sqlite.sqlite3_vfs_find(None))
        mine = _Vfs.from_buffer_copy(plain)
        mine.name = b"watched"
        opening, deleting = _OPEN(plain.open), _DELETE(plain.delete)
        plain_at = ctypes.addressof(plain)

        def open_(_: int, name: int, file: int, flags: int, out: int) -> int:
            done = int(opening(plain_at, name, file, flags, out))
            if done == _OK and name and flags & _KINDS:
                self._watch(file, ctypes.string_at(name).decode())
            return done

        def delete(_: int, name: bytes, sync: int) -> int:
            self.files.pop(name.decode(), None)
            return int(deleting(plain_at, name, sync))

        hooks = _OPEN(open_), _DELETE(delete)
        mine.open = ctypes.cast(hooks[0], _P)
        mine.delete = ctypes.cast(hooks[1], _P)
        _KEPT.extend([mine, hooks])
        sqlite.sqlite3_vfs_register(ctypes.byref(mine), 1)
        try:
            yield self
        finally:
            sqlite.sqlite3_vfs_unregister(ctypes.byref(mine))
            sqlite.sqlite3_vfs_register(ctypes.byref(plain), 1)

    def _watch(self, file: int, path: str) -> None:
        if not Path(path).is_relative_to(self.folder):
            return
        if path not in self.files:
            self.files[path] = _File(bytearray(Path(path).read_bytes()))
        slot = ctypes.cast(file, ctypes.POINTER(_P))
        at = slot[0]
        assert at is not None
        self._open[file] = path, _Methods.from_address(at)
        slot[0] = ctypes.addressof(self._watching(at))

    def _watching(self, at: int) -> _Methods:
        """The file functions at this address, with ours before them."""
        if at in self._tables:
            return self._tables[at]
        plain = _Methods.from_address(at)
        mine = _Methods.from_buffer_copy(plain)
        close, write = _CLOSE(plain.close), _WRITE(plain.write)
        truncate, sync = _TRUNCATE(plain.truncate), _SYNC(plain.sync)

        def write_(file: int, data: int, count: int, offset: int) -> int:
            self._note(file, _Write(offset, ctypes.string_at(data, count)))
            return int(write(file, data, count, offset))

        def truncate_(file: int, size: int) -> int:
            self._note(file, _Truncate(size))
            return int(truncate(file, size))

        def sync_(file: int, flags: int) -> int:
            done = int(sync(file, flags))
            known = self.files.get(self._open[file][0])
            if done == _OK and known is not None:
                known.sync()
                self.syncs += 1
            return done

        def close_(file: int) -> int:
            del self._open[file]
            return int(close(file))

        hooks = _WRITE(write_), _TRUNCATE(truncate_), _SYNC(sync_), _CLOSE(close_)
        mine.write, mine.truncate, mine.sync, mine.close = (ctypes.cast(h, _P) for h in hooks)
        _KEPT.extend([plain, mine, close, write, truncate, sync, hooks])
        self._tables[at] = mine
        return mine

    def _note(self, file: int, change: _Write | _Truncate) -> None:
        known = self.files.get(self._open[file][0])
        if known is not None:
            known.pending.append(change)


def library() -> ctypes.CDLL:
    """The SQLite that Python's own `sqlite3` uses.

    Raises:
        OSError: If that one is built in, and so out of reach.
    """
    name = ctypes.util.find_library("sqlite3")
    if name is None:
        raise OSError("there is no SQLite library")
    sqlite = ctypes.CDLL(name)
    sqlite.sqlite3_vfs_find.restype = _P
    sqlite.sqlite3_libversion.restype = ctypes.c_char_p
    if sqlite.sqlite3_libversion().decode() != sqlite3.sqlite_version:
        raise OSError("Python has a SQLite of its own built in")
    return sqlite
