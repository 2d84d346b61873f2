"""Video files in and out of recordings, frame by frame, through FFmpeg's libraries (PyAV)."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

KEY_EVERY = 50
"""Frames between key frames of what we encode: how far a viewer has to read to seek."""


class FootageError(ValueError):
    """A video that cannot be used; the text names the file and why."""


def h264_frames(path: Path) -> Iterator[tuple[float, bytes]]:
    """Frames of a video as H.264 access units (Annex B), with seconds since the first.

    H.264 without reordered frames is copied as it is; anything else is encoded anew, near
    losslessly.

    Raises:
        FootageError: If the file cannot be opened or holds no video.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise FootageError(f"{path}: holds no video")
            stream = container.streams.video[0]
            if stream.codec_context.name == "h264" and not stream.codec_context.has_b_frames:
                yield from _copied(container, stream)
            else:
                yield from _encoded(container, stream)
    except (OSError, av.error.FFmpegError) as error:
        raise FootageError(f"{path}: cannot be read as video: {error}") from error


def _copied(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, bytes]]:
    annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
    first: float | None = None
    for packet in container.demux(stream):
        if packet.pts is None or packet.size == 0:
            continue
        t_s = float(packet.pts * packet.time_base)
        first = t_s if first is None else first
        for filtered in annex_b.filter(packet):
            yield t_s - first, bytes(filtered)


def _encoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, bytes]]:
    encoder: Any = None
    first: float | None = None
    rate = stream.average_rate or 10
    for frame in container.decode(stream):
        t_s = frame.time
        first = t_s if first is None else first
        # Even sizes only: 4:2:0 has one colour sample for two by two pixels.
        width, height = frame.width & ~1, frame.height & ~1
        if encoder is None:
            encoder = H264Encoder((width, height), float(rate))
        yield t_s - first, encoder.encode(frame.to_ndarray(format="rgb24")[:height, :width])


class H264Encoder:
    """Encodes RGB frames one by one: each goes in and comes out at once, none is reordered."""

    def __init__(self, size_px: tuple[int, int], rate_hz: float, crf: int = 18) -> None:
        from fractions import Fraction

        context: Any = CodecContext.create("libx264", "w")
        context.width, context.height = size_px
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 90_000)
        context.framerate = Fraction(rate_hz).limit_denominator(1001)
        context.gop_size = KEY_EVERY
        context.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
        self._context = context
        self._count = 0
        self._step = round(90_000 / rate_hz)

    def encode(self, rgb: NDArray[np.uint8]) -> bytes:
        """One (height, width, 3) frame as an access unit."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.pts = self._count * self._step
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class H264Decoder:
    """Decodes access units in order to BGR pictures, as OpenCV speaks."""

    def __init__(self) -> None:
        self._context: Any = CodecContext.create("h264", "r")
        # Frame threads would hold pictures back; ours must come out as they go in.
        self._context.thread_count = 1
        self._context.flags |= 1 << 19  # AV_CODEC_FLAG_LOW_DELAY

    def decode(self, data: bytes) -> NDArray[np.uint8] | None:
        """The (height, width, 3) picture of this unit; None if it shows none."""
        for frame in self._context.decode(Packet(data)):
            return frame.to_ndarray(format="bgr24")  # type: ignore[no-any-return]
        return None


def decode_all(units: Iterable[bytes]) -> Iterator[NDArray[np.uint8] | None]:
    """Pictures of access units in order."""
    decoder = H264Decoder()
    for unit in units:
        yield decoder.decode(unit)
