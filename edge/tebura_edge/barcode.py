"""A barcode reader at a gate: on a serial line, or one that types like a keyboard.

Both end a code with Enter. One that types is read from its event device
(``/dev/input/by-id/…-kbd``) and kept for us alone, so that no code is typed into a console.
"""

import fcntl
import os
import select
import stat
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
import serial
from tebura_contract.clock import Clock
from tebura_contract.events import SensorKind, SensorState

from tebura_edge.engine import Looked
from tebura_edge.role import CodeRead, SensorStatus

READ_TIMEOUT_S: Final = 0.1
RETRY_S: Final = 2.0
MAX_CODE: Final = 512
"""What goes on longer without an Enter is no code of ours; it is dropped up to the next Enter."""

EVENT_FOLDER: Final = "/dev/input/"
_EVENT: Final = struct.Struct("@llHHi")
"""Linux `input_event`: seconds, microseconds, type, code, value (the machine's own sizes)."""

_EV_KEY: Final = 1
_EVIOCGRAB: Final = 0x40044590
_SHIFTS: Final = (42, 54)
_ENTERS: Final = (28, 96)
_KEYS: Final[dict[int, tuple[str, str]]] = {
    **{2 + n: pair for n, pair in enumerate(zip("1234567890-=", "!@#$%^&*()_+", strict=True))},
    **{16 + n: (letter, letter.upper()) for n, letter in enumerate("qwertyuiop")},
    **{30 + n: (letter, letter.upper()) for n, letter in enumerate("asdfghjkl")},
    **{44 + n: (letter, letter.upper()) for n, letter in enumerate("zxcvbnm")},
    51: (",", "<"),
    52: (".", ">"),
    53: ("/", "?"),
    57: (" ", " "),
}
"""Linux key codes of the layout that such readers type in: plain, with shift."""


class ReaderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One barcode reader; a `port` under ``/dev/input/`` is one that types."""

    label: str
    port: str
    baud: int = 9600


class Codes(Protocol):
    """Bytes of a device to whole codes."""

    def feed(self, data: bytes) -> Sequence[str]: ...


class Line(Protocol):
    """An open device: `read` waits a short while at most, and gives what there is."""

    def read(self) -> bytes: ...

    def close(self) -> None: ...


class TextLines:
    """Codes of a serial reader: text with a line end of any kind."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._is_overlong = False

    def feed(self, data: bytes) -> list[str]:
        codes = []
        for byte in data:
            if byte in b"\r\n":
                if self._held and not self._is_overlong:
                    codes.append(self._held.decode("ascii", "replace"))
                self._held.clear()
                self._is_overlong = False
            elif len(self._held) < MAX_CODE:
                self._held.append(byte)
            else:
                self._is_overlong = True
        return codes


class Keystrokes:
    """Codes of a reader that types: key events to text."""

    def __init__(self) -> None:
        self._text = TextLines()
        self._rest = b""
        self._shifts: set[int] = set()

    def feed(self, data: bytes) -> list[str]:
        data = self._rest + data
        whole = len(data) // _EVENT.size * _EVENT.size
        self._rest = data[whole:]
        typed = bytearray()
        for _, _, kind, key, value in _EVENT.iter_unpack(data[:whole]):
            if kind == _EV_KEY:
                typed += self._typed(key, is_down=value == 1, is_up=value == 0)
        return self._text.feed(bytes(typed))

    def _typed(self, key: int, *, is_down: bool, is_up: bool) -> bytes:
        if key in _SHIFTS:
            (self._shifts.discard if is_up else self._shifts.add)(key)
        elif is_down and key in _ENTERS:
            return b"\n"
        elif is_down and key in _KEYS:
            plain, shifted = _KEYS[key]
            return (shifted if self._shifts else plain).encode()
        return b""


class BarcodeReader:
    """Reads one device on a thread of its own, opens it again when it went away.

    Args:
        settings: Which.
        clock: Stamps codes as they arrive.
        to_store_ns: Store time of a monotonic instant.
        deliver: Takes codes and, many times a second, how far the reader has looked.
        report: Takes each change of its state.
        open_with: Opens the device; tests bring their own.
    """

    def __init__(
        self,
        settings: ReaderSettings,
        *,
        clock: Clock,
        to_store_ns: Callable[[int], int],
        deliver: Callable[[CodeRead | Looked], None],
        report: Callable[[SensorStatus], None],
        open_with: Callable[[ReaderSettings], Line] | None = None,
    ) -> None:
        self.settings = settings
        self._clock, self._to_store_ns = clock, to_store_ns
        self._deliver, self._report = deliver, report
        self._open = open_with or open_reader
        self._said: tuple[SensorState, str] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"reader-{settings.label}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                line = self._open(self.settings)
            except OSError as error:
                self._say(SensorState.BLIND, f"cannot open {self.settings.port}: {_why(error)}")
            else:
                self._say(SensorState.OK, "")
                self._drain(line)
            self._stopping.wait(RETRY_S)

    def _drain(self, line: Line) -> None:
        codes = Keystrokes() if types(self.settings) else TextLines()
        try:
            while not self._stopping.is_set():
                data = line.read()
                at_ns = self._to_store_ns(self._clock.monotonic_ns())
                for text in codes.feed(data):
                    self._deliver(CodeRead(self.settings.label, text, at_ns))
                self._deliver(Looked(self.settings.label, at_ns))
        except OSError as error:
            self._say(SensorState.BLIND, f"{self.settings.port}: {_why(error)}")
        finally:
            line.close()

    def _say(self, state: SensorState, reason: str) -> None:
        if self._said == (state, reason):
            return
        self._said = (state, reason)
        at_ns = self._to_store_ns(self._clock.monotonic_ns())
        label = self.settings.label
        self._report(SensorStatus(label, SensorKind.CODE_READER, state, reason, at_ns))


def types(settings: ReaderSettings) -> bool:
    """Whether this reader types like a keyboard."""
    return settings.port.startswith(EVENT_FOLDER)


def open_reader(settings: ReaderSettings) -> Line:
    """Open a reader for us alone.

    Raises:
        OSError: If it is not there or somebody else has it.
    """
    return KeyboardLine(settings.port) if types(settings) else _SerialLine(settings)


class KeyboardLine:
    """An event device, kept for us alone.

    Raises:
        OSError: If it cannot be opened or somebody else keeps it.
    """

    def __init__(self, path: str) -> None:
        self._device = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            # A pipe that stands in for the device has nobody else to keep it from.
            if stat.S_ISCHR(os.fstat(self._device).st_mode):
                fcntl.ioctl(self._device, _EVIOCGRAB, 1)
        except OSError:
            os.close(self._device)
            raise

    def read(self) -> bytes:
        ready, _, _ = select.select([self._device], [], [], READ_TIMEOUT_S)
        if not ready:
            return b""
        data = os.read(self._device, 64 * _EVENT.size)
        if not data:
            raise OSError("unplugged")
        return data

    def close(self) -> None:
        os.close(self._device)


class _SerialLine:
    def __init__(self, settings: ReaderSettings) -> None:
        self._port = serial.Serial(
            settings.port, settings.baud, timeout=READ_TIMEOUT_S, exclusive=True
        )

    def read(self) -> bytes:
        first = bytes(self._port.read(1))
        return first + bytes(self._port.read(self._port.in_waiting)) if first else b""

    def close(self) -> None:
        self._port.close()


def _why(error: OSError) -> str:
    return error.strerror or str(error)
