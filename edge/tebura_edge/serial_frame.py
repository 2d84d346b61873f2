r"""What a scale says on its serial line: one frame a sample of all its plates.

The protocol of our firmware, version 1, little endian throughout::

    offset  size  field
    0       2     sync word A7 54
    2       1     version, 1
    3       1     flags: bit 0 first frame after the device's start; the others 0
    4       4     sequence, u32: one more each frame, wraps
    8       8     device time of the sample, u64 microseconds since the device's start
    16      2     channels, u16: how many counts follow, 1 to 512
    18      4*n   counts, i32 each: 24-bit converter counts; -2^31 where a cell was not read
    18+4*n  2     CRC-16/CCITT-FALSE of everything before it, sync word included

A frame is accepted when sync word, version, flags, channel count, CRC and the range of each count
are right; random bytes pass with probability 2^-64 each where the channel count is known. After
garbage the parser looks for the next sync word behind the one that failed, so a good frame inside a
false one is still found: at most one frame's length of bytes is waited for (60 ms at 115,200 baud
with 160 channels), far inside the 200 ms a resync may take.
"""

import binascii
import struct
from dataclasses import dataclass, field
from typing import Final

SYNC: Final = b"\xa7\x54"
VERSION: Final = 1
FLAG_STARTED: Final = 0x01
MAX_CHANNELS: Final = 512
COUNT_LIMIT: Final = 1 << 23
"""Counts come from 24-bit converters: -2^23 to 2^23 - 1. Anything else was damaged on the way."""

_NOT_READ: Final = -(1 << 31)
_HEADER: Final = struct.Struct("<2sBBIQH")
_CRC: Final = struct.Struct("<H")


class FrameError(ValueError):
    """Values that no frame can carry."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One sample of a scale; a count is None where the cell was not read."""

    sequence: int
    device_us: int
    counts: tuple[int | None, ...]
    is_first: bool = False


@dataclass(slots=True)
class LineCounters:
    """What was wrong on the line since it was opened."""

    frames: int = 0
    lost_frames: int = 0
    wrong_crc: int = 0
    out_of_range: int = 0
    garbage_bytes: int = 0


def encode(frame: Frame) -> bytes:
    """The bytes of a frame, as the firmware (and the simulator) sends them.

    Raises:
        FrameError: If there are no or too many channels, or a count is beyond 24 bits.
    """
    if not 1 <= len(frame.counts) <= MAX_CHANNELS:
        raise FrameError(f"{len(frame.counts)} channels; a frame carries 1 to {MAX_CHANNELS}")
    for channel, count in enumerate(frame.counts):
        if count is not None and not -COUNT_LIMIT <= count < COUNT_LIMIT:
            raise FrameError(f"channel {channel}: {count} is beyond 24 bits")
    flags = FLAG_STARTED if frame.is_first else 0
    head = _HEADER.pack(
        SYNC, VERSION, flags, frame.sequence & 0xFFFFFFFF, frame.device_us, len(frame.counts)
    )
    values = (_NOT_READ if count is None else count for count in frame.counts)
    body = head + struct.pack(f"<{len(frame.counts)}i", *values)
    return body + _CRC.pack(_crc(body))


def frame_bytes(channels: int) -> int:
    """Length of a frame of that many channels."""
    return _HEADER.size + 4 * channels + _CRC.size


@dataclass(slots=True)
class FrameParser:
    """Bytes in as they come, whole frames out; never raises on what a line may bring.

    Attributes:
        channels: How many plates the scale has by configuration; frames of another size are
            garbage. None accepts any size (to ask a device what it is).
        counters: What was seen so far. Lost frames are gaps in the sequence below `LOST_LIMIT`; a
            larger jump or a first frame is a device that started again.
    """

    channels: int | None = None
    counters: LineCounters = field(default_factory=LineCounters)
    _buffer: bytearray = field(default_factory=bytearray)
    _last_sequence: int | None = None

    LOST_LIMIT = 1 << 16

    def feed(self, data: bytes) -> list[Frame]:
        """Take received bytes; return the frames that are complete now."""
        self._buffer += data
        frames: list[Frame] = []
        while True:
            self._skip_to_sync()
            size = self._size()
            if size is None:
                return frames
            if size == 0:
                self._discard(1)
                continue
            if len(self._buffer) < size:
                return frames
            frame = self._decode(bytes(self._buffer[:size]))
            if frame is None:
                self._discard(1)
                continue
            del self._buffer[:size]
            self._count(frame)
            frames.append(frame)

    def _skip_to_sync(self) -> None:
        at = self._buffer.find(SYNC)
        if at < 0:
            at = len(self._buffer) - (1 if self._buffer.endswith(SYNC[:1]) else 0)
        self._discard(at)

    def _discard(self, count: int) -> None:
        self.counters.garbage_bytes += count
        del self._buffer[:count]

    def _size(self) -> int | None:
        """Length of the frame at the buffer's start; 0 if it is none, None if too short to say."""
        if len(self._buffer) < _HEADER.size:
            return None
        _, version, flags, _, _, channels = _HEADER.unpack_from(self._buffer)
        expected = channels == self.channels if self.channels else 1 <= channels <= MAX_CHANNELS
        if version != VERSION or flags & ~FLAG_STARTED or not expected:
            return 0
        return frame_bytes(channels)

    def _decode(self, raw: bytes) -> Frame | None:
        if _CRC.unpack_from(raw, len(raw) - _CRC.size)[0] != _crc(raw[: -_CRC.size]):
            self.counters.wrong_crc += 1
            return None
        _, _, flags, sequence, device_us, channels = _HEADER.unpack_from(raw)
        values = struct.unpack_from(f"<{channels}i", raw, _HEADER.size)
        if any(v != _NOT_READ and not -COUNT_LIMIT <= v < COUNT_LIMIT for v in values):
            self.counters.out_of_range += 1
            return None
        counts = tuple(None if value == _NOT_READ else value for value in values)
        return Frame(sequence, device_us, counts, bool(flags & FLAG_STARTED))

    def _count(self, frame: Frame) -> None:
        self.counters.frames += 1
        if self._last_sequence is not None and not frame.is_first:
            missing = (frame.sequence - self._last_sequence - 1) & 0xFFFFFFFF
            if missing < self.LOST_LIMIT:
                self.counters.lost_frames += missing
        self._last_sequence = frame.sequence


def _crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, nothing reflected.

    >>> hex(_crc(b"123456789"))
    '0x29b1'
    """
    return binascii.crc_hqx(data, 0xFFFF)
