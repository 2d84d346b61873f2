"""A palm-vein reader as a second factor, by the line protocol that its driver has to speak.

Such readers and their matching are proprietary: the maker's own program keeps the palms and finds
whose it is. A small driver beside it speaks this on a serial line or a pseudo-terminal:

| from the reader | means |
| --- | --- |
| ``ALIVE`` | once a second: it sees; after 3 s without, it counts as blind |
| ``SEEN member rate`` | this member's palm; ``rate`` is the maker's false match rate, as ``1e-6`` |
| ``KEPT n`` | after ``KEEP``: so many palms are left in it |

| to the reader | means |
| --- | --- |
| ``KEEP member member …`` | whoever is not named has withdrawn: forget their palm now |

Members are named by their 15 letters and digits, which the maker's program stores as the subject
when somebody enrols at the reader. `tebura_simulator.palm` is one that behaves.
"""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import serial
from tebura_contract.clock import SECOND_NS, Clock
from tebura_contract.events import Modality, SensorState
from tebura_contract.ids import GateId, MemberId
from tebura_contract.messages import Part

from tebura_edge.barcode import TextLines
from tebura_edge.role import FactorSeen

READ_TIMEOUT_S: Final = 0.1
RETRY_S: Final = 2.0
SILENT_NS: Final = 3 * SECOND_NS
BAUD: Final = 115_200
_SEEN: Final = re.compile(r"SEEN ([A-Z0-9]{15}) ([0-9.]{1,12}(?:e-?[0-9]{1,2})?)")
_KEPT: Final = re.compile(r"KEPT [0-9]{1,9}")


class SecondFactor(Protocol):
    """Something at a gate that says who stands there, on a thread of its own.

    It delivers `FactorSeen` with an honest false match rate, says by `parts` whether it sees, and
    forgets whoever `keep_only` does not name.
    """

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def keep_only(self, members: frozenset[MemberId]) -> None: ...

    def parts(self) -> list[Part]: ...


class PalmReader:
    """One reader at one gate.

    Args:
        gate: Where it stands.
        port: Its driver's line.
        clock: Stamps what it says.
        to_store_ns: Store time of a monotonic instant.
        deliver: Takes each sign.
    """

    def __init__(
        self,
        gate: GateId,
        port: Path,
        *,
        clock: Clock,
        to_store_ns: Callable[[int], int],
        deliver: Callable[[FactorSeen], None],
    ) -> None:
        self._gate, self._port = gate, port
        self._clock, self._to_store_ns, self._deliver = clock, to_store_ns, deliver
        self._heard_ns: int | None = None
        self._trouble = "not heard yet"
        self._lock = threading.Lock()
        self._wanted: frozenset[MemberId] | None = None
        self._told: frozenset[MemberId] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"palm-{gate}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def keep_only(self, members: frozenset[MemberId]) -> None:
        """Who agrees to be known by their palm; told to the reader until it says that it heard."""
        with self._lock:
            self._wanted = members

    def parts(self) -> list[Part]:
        """For the node's health message."""
        now_ns, heard_ns = self._clock.monotonic_ns(), self._heard_ns
        silent = heard_ns is None or now_ns - heard_ns > SILENT_NS
        reason = (self._trouble or "silent") if silent else ""
        state = SensorState.BLIND if silent else SensorState.OK
        return [Part(name=f"palm-{self._gate}", state=state, reason=reason)]

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with serial.Serial(
                    os.fspath(self._port), BAUD, timeout=READ_TIMEOUT_S, write_timeout=1.0
                ) as line:
                    self._trouble, self._told = "", None
                    self._talk(line)
            except (OSError, serial.SerialException) as error:
                self._trouble = f"{self._port}: {error}"
            self._stopping.wait(RETRY_S)

    def _talk(self, line: serial.Serial) -> None:
        lines = TextLines()
        while not self._stopping.is_set():
            with self._lock:
                wanted = self._wanted
            if wanted is not None and wanted != self._told:
                line.write(f"KEEP {' '.join(sorted(wanted))}".rstrip().encode() + b"\n")
                self._told = wanted
            for text in lines.feed(bytes(line.read(max(line.in_waiting, 1)))):
                self._heard(text)

    def _heard(self, text: str) -> None:
        now_ns = self._clock.monotonic_ns()
        seen = _SEEN.fullmatch(text)
        if seen is None and text != "ALIVE" and not _KEPT.fullmatch(text):
            return
        self._heard_ns = now_ns
        if seen is None:
            return
        rate = float(seen[2])
        with self._lock:
            agrees = self._wanted is None or seen[1] in self._wanted
        if agrees and 0.0 < rate < 1.0:
            self._deliver(
                FactorSeen(
                    self._gate,
                    Modality.PALM,
                    MemberId(seen[1]),
                    rate,
                    self._to_store_ns(now_ns),
                )
            )
