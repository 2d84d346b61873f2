"""A relay board on a serial line: it opens the door, or lights the lamp that says no.

Spoken is what the widespread USB boards with one to eight relays understand: four bytes, ``A0``,
the relay's number, 1 or 0, and the sum of the three. They answer nothing.
"""

import queue
import threading
from typing import Final

import serial
import structlog
from tebura_contract.ids import GateId

from tebura_edge.answers import Answer, AnswerKind
from tebura_edge.config import RelayConfig
from tebura_edge.face_gate import Prompt

OPENING: Final = frozenset({AnswerKind.COME_IN, AnswerKind.GUEST, AnswerKind.GOODBYE})
"""What a gate opens for, and nothing else."""

START: Final = 0xA0
BAUD: Final = 9600
RETRY_S: Final = 1.0
MAX_WAITING: Final = 4
_log = structlog.get_logger(__name__)


def switch(number: int, is_on: bool) -> bytes:
    """The command that closes or opens relay `number`, counted from 1."""
    state = int(is_on)
    return bytes((START, number, state, (START + number + state) & 0xFF))


class RelayPort:
    """One gate's relays. A thread holds a relay closed for its pulse; the loop never waits.

    Args:
        gate: Which gate.
        config: Which relay does what.
        port: The board's device.
    """

    def __init__(self, gate: GateId, config: RelayConfig, port: str) -> None:
        self.label = f"relay-{gate}"
        self._config, self._port = config, port
        self._trouble = ""
        self._wanted: queue.Queue[int] = queue.Queue(MAX_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.label, daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        return self._trouble

    def ask(self, prompt: Prompt) -> None:
        """A relay asks nothing."""

    def show(self, answer: Answer) -> None:
        """Pulse the relay that stands for this answer; more than a few at once are one."""
        number = self._config.opens if answer.kind in OPENING else self._config.refuses
        if number is None or self._trouble:
            return
        try:
            self._wanted.put_nowait(number)
        except queue.Full:
            _log.warning("answers follow each other too fast", relay=self.label)

    def stall(self, is_stalled: bool) -> None:
        """A relay opens for what is stored; while nothing is, nothing opens."""

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with serial.Serial(self._port, BAUD, exclusive=True, write_timeout=1.0) as line:
                    self._serve(line)
            except (OSError, serial.SerialException) as error:
                self._trouble = f"{self._port}: {error}"
                self._forget()
                self._stopping.wait(RETRY_S)

    def _serve(self, line: serial.Serial) -> None:
        """Open all relays (whoever ended before may have left one closed), then do as asked."""
        for number in filter(None, (self._config.opens, self._config.refuses)):
            line.write(switch(number, False))
        self._trouble = ""
        while not self._stopping.is_set():
            try:
                number = self._wanted.get(timeout=0.2)
            except queue.Empty:
                # A board that was unplugged shows only when asked something.
                _ = line.in_waiting
                continue
            line.write(switch(number, True))
            self._stopping.wait(self._config.pulse_s)
            line.write(switch(number, False))

    def _forget(self) -> None:
        while not self._wanted.empty():
            self._wanted.get_nowait()
