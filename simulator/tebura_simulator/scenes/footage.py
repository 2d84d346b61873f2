"""Pictures as H.264, a run of frames at a time, and runs joined to one film.

Each run begins with a key frame, so runs may be drawn in any order, by different processes.
"""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from av.codec.context import CodecContext
from numpy.typing import NDArray

CRF = 26
"""Quality of the video: at 26 half a minute of the demo's aisle (640x360) takes 0.65 MB."""


def encode_run(
    pictures: Iterable[NDArray[np.uint8]],
    fps: float,
    size_px: tuple[int, int],
    *,
    key_every: int = 1000,
) -> tuple[bytes, ...]:
    """H.264 access units (Annex B) of pictures (H, W, 3) RGB, one each, the first a key frame."""
    rate = Fraction(fps).limit_denominator(1000)
    context: Any = CodecContext.create("libx264", "w")
    context.width, context.height = size_px
    context.pix_fmt = "yuv420p"
    context.framerate, context.time_base = rate, 1 / rate
    context.options = {
        "crf": str(CRF),
        "preset": "slow",
        "g": str(key_every),
        # Frames come out in the order they went in, as from a camera.
        "bf": "0",
        "sc_threshold": "0",
        # The same pictures give the same bytes, on any processor and however busy:
        # x264's vector code (165) counted what later frames need otherwise once in 200 runs.
        "threads": "1",
        "x264-params": "asm=0",
    }
    units = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = index, 1 / rate
        units += [bytes(packet) for packet in context.encode(frame)]
    return (*units, *(bytes(packet) for packet in context.encode(None)))


def write_video(path: Path, units: Iterable[bytes], fps: float) -> None:
    """Write access units as MP4, the presentation time of frame i being exactly i / fps."""
    rate = Fraction(fps).limit_denominator(1000)
    partial = path.with_suffix(".partial.mp4")
    raw = io.BytesIO(b"".join(units))
    with (
        av.open(raw, "r", format="h264", options={"framerate": str(rate)}) as source,
        av.open(str(partial), "w", options={"movflags": "+faststart"}) as film,
    ):
        stream = film.add_stream_from_template(source.streams.video[0])
        stream.time_base = 1 / rate
        index = 0
        for packet in source.demux(video=0):
            if not packet.size:
                continue
            packet.stream, packet.time_base = stream, 1 / rate
            packet.pts = packet.dts = index
            packet.duration = 1
            film.mux(packet)
            index += 1
    partial.replace(path)


def write_json(path: Path, value: msgspec.Struct) -> None:
    """Write a file that appears whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(value) + b"\n")
    partial.replace(path)
