"""One demo at a time in a folder: a second start says what is already running."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class AlreadyRunning(RuntimeError):
    """Another process holds the folder; the text says which, and where its pages are."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the folder."""

    pid: int
    address: str = ""


def default_folder() -> Path:
    """Where the demo keeps its files: the user's state folder."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "tebura" / "demo"


class DemoLock:
    """Holds a folder until the ``with`` block ends, or the process, however it ends.

    Raises:
        AlreadyRunning: If somebody else holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "demo.lock"

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise AlreadyRunning(self._who()) from error
        self.say("")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.truncate(0)
        self._file.close()

    def say(self, address: str) -> None:
        """Write down who holds the folder and where the pages are."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(Running(pid=os.getpid(), address=address)))
        self._file.flush()

    def _who(self) -> str:
        try:
            running = msgspec.json.decode(self._path.read_bytes(), type=Running)
        except (OSError, msgspec.DecodeError):
            return f"a demo is already running in {self._path.parent}"
        where = f"; it is at {running.address}" if running.address else "; it is still starting"
        return f"a demo is already running: process {running.pid}{where}"
