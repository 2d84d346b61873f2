"""Barcode readers: serial ones over a pseudo-terminal, typing ones by their key events."""

import errno
import itertools
import os
import pty
import queue
import struct
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.events import SensorState
from tebura_edge.barcode import (
    MAX_CODE,
    BarcodeReader,
    KeyboardLine,
    Keystrokes,
    Line,
    ReaderSettings,
    TextLines,
)
from tebura_edge.clock import SystemClock
from tebura_edge.engine import Looked
from tebura_edge.role import CodeRead, SensorStatus

CODE = "T1ABCDEFGHIJKLMNO234567ABCDEFGHIJ"
KEY_OF = {
    **dict(zip("1234567890", range(2, 12), strict=True)),
    **dict(zip("QWERTYUIOP", range(16, 26), strict=True)),
    **dict(zip("ASDFGHJKL", range(30, 39), strict=True)),
    **dict(zip("ZXCVBNM", range(44, 51), strict=True)),
}
"""From the kernel's input-event-codes.h."""
SHIFT, ENTER = 42, 28


def event(kind: int, key: int, value: int) -> bytes:
    return struct.pack("@llHHi", 1_700_000_000, 0, kind, key, value)


def typed(text: str) -> bytes:
    out = b""
    for letter in text:
        shift = letter.isalpha()
        out += event(1, SHIFT, 1) if shift else b""
        out += event(4, 4, KEY_OF[letter]) + event(1, KEY_OF[letter], 1) + event(0, 0, 0)
        out += event(1, KEY_OF[letter], 2)  # held a little long: the kernel repeats it
        out += event(1, KEY_OF[letter], 0) + (event(1, SHIFT, 0) if shift else b"")
    return out + event(1, ENTER, 1) + event(1, ENTER, 0)


class Heard:
    """A reader on a thread, and what it said."""

    def __init__(
        self, port: str, open_with: Callable[[ReaderSettings], Line] | None = None
    ) -> None:
        self.codes: queue.Queue[CodeRead] = queue.Queue()
        self.looked: queue.Queue[Looked] = queue.Queue()
        self.states: queue.Queue[SensorStatus] = queue.Queue()
        self.reader = BarcodeReader(
            ReaderSettings(label="desk", port=port),
            clock=SystemClock(),
            to_store_ns=lambda monotonic_ns: monotonic_ns + 5,
            deliver=lambda said: (
                self.codes.put(said) if isinstance(said, CodeRead) else self.looked.put(said)
            ),
            report=self.states.put,
            open_with=open_with,
        )

    def __enter__(self) -> "Heard":
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.stop()


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    ours, theirs = pty.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    name = os.ttyname(theirs)
    yield ours, name
    os.close(ours)
    os.close(theirs)


def test_a_serial_reader_s_code_is_read_off_the_line(terminal: tuple[int, str]) -> None:
    line, name = terminal
    with Heard(name) as heard:
        assert heard.states.get(timeout=5).state is SensorState.OK
        os.write(line, CODE[:10].encode())
        os.write(line, CODE[10:].encode() + b"\r\n")
        read = heard.codes.get(timeout=5)
    assert (read.reader, read.text) == ("desk", CODE)
    assert heard.looked.get(timeout=5).source == "desk"


def test_a_reader_that_is_not_there_is_blind_and_says_what_it_looked_for(tmp_path: Path) -> None:
    with Heard(str(tmp_path / "ttyACM9")) as heard:
        said = heard.states.get(timeout=5)
    assert said.state is SensorState.BLIND
    assert "ttyACM9" in said.reason


def test_a_reader_that_types_is_read_and_unplugging_it_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "event7"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    heard = Heard("/dev/input/by-id/scanner-kbd", lambda _: KeyboardLine(str(pipe)))
    with heard:
        assert heard.states.get(timeout=5).state is SensorState.OK
        os.write(writer, typed(CODE))
        assert heard.codes.get(timeout=5).text == CODE
        os.close(writer)
        unplugged = heard.states.get(timeout=5)
    assert (unplugged.state, "unplugged" in unplugged.reason) == (SensorState.BLIND, True)


def test_a_device_that_somebody_else_keeps_is_said_by_name() -> None:
    def refuse(_: ReaderSettings) -> Line:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with Heard("/dev/input/by-id/scanner-kbd", refuse) as heard:
        said = heard.states.get(timeout=5)
    assert said.reason == "cannot open /dev/input/by-id/scanner-kbd: Device or resource busy"


@given(cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_key_events_may_arrive_in_any_pieces(cuts: list[int]) -> None:
    data = typed(CODE) + typed("T2")
    keys, codes = Keystrokes(), []
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(bounds):
        codes += keys.feed(data[begin:end])
    assert codes == [CODE, "T2"]


@given(data=st.binary(max_size=3000))
def test_whatever_comes_down_a_line_no_code_is_longer_than_the_limit(data: bytes) -> None:
    for codes in (TextLines(), Keystrokes()):
        assert all(0 < len(text) <= MAX_CODE for text in codes.feed(data + b"\n"))


def test_an_overlong_code_is_dropped_and_the_next_one_is_read() -> None:
    assert TextLines().feed(b"A" * (MAX_CODE + 1) + b"\r\n" + CODE.encode() + b"\r") == [CODE]
