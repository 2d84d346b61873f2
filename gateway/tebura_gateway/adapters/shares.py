"""The shop's halves of the keys that templates are sealed under: a small file for each person.

They lie in a folder of their own that no backup takes along. Without its half a sealed template is
noise, also one in last night's backup and also for whoever has the phone: so erasing somebody is
erasing one file of 32 bytes. It is written over first; a disk that moves what it writes (flash) may
keep the old bytes for a while, but those open nothing without the phone's half.
"""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tebura_contract.ids import MemberId

from tebura_gateway.service.sealing import HALF_BYTES

FRESH_S: Final = 20.0
"""A half this young may belong to an enrolment that is being stored just now."""
_SUFFIX: Final = ".half"


@dataclass(frozen=True, slots=True)
class Shares:
    """The halves in `folder`, which only the gateway's user may read."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder, where it is missing.

        Raises:
            OSError: If it cannot be used.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def make(self, member: MemberId) -> bytes:
        """A new half, durable; the one before is gone.

        Raises:
            OSError: If it cannot be stored.
        """
        self.drop(member)
        half = secrets.token_bytes(HALF_BYTES)
        number = os.open(self._path(member), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        _write(number, half)
        self._sync_folder()
        return half

    def read(self, member: MemberId) -> bytes | None:
        """Somebody's half; None if there is none."""
        try:
            return self._path(member).read_bytes()
        except FileNotFoundError:
            return None

    def drop(self, member: MemberId) -> None:
        """Erase somebody's half, if there is one; durable when this returns.

        Raises:
            OSError: If the disk does not take it.
        """
        path = self._path(member)
        try:
            number = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        _write(number, bytes(HALF_BYTES))
        path.unlink()
        self._sync_folder()

    def members(self, *, settled: bool = False) -> set[MemberId]:
        """Whose halves there are; with `settled` only those that are no longer fresh."""
        now_s = time.time()
        found = set()
        for path in self.folder.glob(f"*{_SUFFIX}"):
            try:
                age_s = now_s - path.stat().st_mtime
            except FileNotFoundError:
                continue
            if not settled or not 0 <= age_s < FRESH_S:
                found.add(MemberId(path.name.removesuffix(_SUFFIX)))
        return found

    def _path(self, member: MemberId) -> Path:
        assert member.isalnum(), "a member number is a file name here"
        return self.folder / f"{member}{_SUFFIX}"

    def _sync_folder(self) -> None:
        number = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _write(number: int, data: bytes) -> None:
    try:
        os.write(number, data)
        os.fsync(number)
    finally:
        os.close(number)
