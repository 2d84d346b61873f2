"""A video played as a camera: its pictures come at their moments, over and over."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tebura_contract.clock import SECOND_NS, ns_from_s

from tebura_edge.sources import DECODER_THREADS, Image, SourceError

REMEMBERED = 256
"""Moments of a camera's pictures; more than any delay worth measuring."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A camera to play: a video over and over, at this rate; busy if people walk in it."""

    video: Path
    rate_hz: float = 10.0
    is_busy: bool = True


class LoopedVideo:
    """A video as a camera: pictures at their moments, over and over; late ones are skipped."""

    def __init__(self, stream: Stream, offset_s: float) -> None:
        self._path = stream.video
        self._period_ns = ns_from_s(1 / stream.rate_hz)
        self._capture = _open(self._path)
        self._next_ns = time.monotonic_ns() + ns_from_s(offset_s)
        self.moments_ns: deque[int] = deque(maxlen=REMEMBERED)

    def grab(self) -> int | None:
        while not self._grab():
            self._capture.release()
            self._capture = _open(self._path)
        return None

    def picture(self) -> Image | None:
        is_read, image = self._capture.retrieve()
        if not is_read:
            raise SourceError(f"{self._path}: a picture cannot be decoded")
        return np.asarray(image, np.uint8)

    def _grab(self) -> bool:
        """Wait for the next moment and take its picture; False at the end of the video."""
        wait_ns = self._next_ns - time.monotonic_ns()
        while wait_ns < -self._period_ns:
            # As the camera's own buffer: what was not fetched in time is overwritten.
            self._next_ns += self._period_ns
            wait_ns += self._period_ns
            if not self._capture.grab():
                return False
        time.sleep(max(0, wait_ns) / SECOND_NS)
        if not self._capture.grab():
            return False
        self.moments_ns.append(self._next_ns)
        self._next_ns += self._period_ns
        return True

    def close(self) -> None:
        self._capture.release()


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, DECODER_THREADS])
    if not capture.isOpened():
        raise SourceError(f"{path}: is no video that can be read")
    return capture
