"""A relay board on a pseudo-terminal: it does what it is told, and remembers when.

Like the real ones it answers nothing, ignores what has a wrong sum and lets all relays go when it
loses power.
"""

import os
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Self

RELAYS = 8
START = 0xA0
COMMAND_BYTES = 4


@dataclass(frozen=True)
class Switched:
    """Relay `number` was closed or opened at a monotonic time."""

    number: int
    is_on: bool
    at_ns: int


class RelayBoard:
    """One board; what the node opens is the link.

    Args:
        link: Where the node finds the board.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._done = threading.Condition()
        self._log: list[Switched] = []
        self._on: set[int] = set()
        self._master = self._slave = -1
        self._thread = threading.Thread(target=self._run, name="relay-board", daemon=True)

    def __enter__(self) -> Self:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._slave))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Pull the plug."""
        self._link.unlink(missing_ok=True)
        os.close(self._slave)
        # The node may hold the line open still: without our end it breaks.
        self._on.clear()
        os.close(self._master)

    @property
    def on(self) -> frozenset[int]:
        """Relays that are closed now."""
        with self._done:
            return frozenset(self._on)

    @property
    def log(self) -> tuple[Switched, ...]:
        """All changes of a relay so far."""
        with self._done:
            return tuple(self._log)

    def wait_for(self, number: int, is_on: bool, timeout_s: float) -> Switched | None:
        """The first time that a relay was closed (or opened again); None if it never was."""

        def found() -> Switched | None:
            matching = (s for s in self._log if (s.number, s.is_on) == (number, is_on))
            return next(matching, None)

        with self._done:
            return self._done.wait_for(found, timeout_s)

    def _run(self) -> None:
        held = b""
        while True:
            try:
                data = os.read(self._master, 256)
            except OSError:
                return
            held = self._obey(held + data)

    def _obey(self, held: bytes) -> bytes:
        while (begin := held.find(bytes((START,)))) >= 0 and len(held) >= begin + COMMAND_BYTES:
            start, number, state, total = held[begin : begin + COMMAND_BYTES]
            if total != (start + number + state) & 0xFF or not 1 <= number <= RELAYS:
                held = held[begin + 1 :]
                continue
            held = held[begin + COMMAND_BYTES :]
            self._switch(number, bool(state))
        return held

    def _switch(self, number: int, is_on: bool) -> None:
        with self._done:
            if is_on is (number in self._on):
                return
            (self._on.add if is_on else self._on.discard)(number)
            self._log.append(Switched(number, is_on, time.monotonic_ns()))
            self._done.notify_all()
