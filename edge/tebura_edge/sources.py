"""What a camera thread reads from: streams, files and local devices, all alike."""

import time
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS

from tebura_edge.mjpeg import MjpegStream, NotMultipart, Part, StreamError

OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 3.0
REPLAY_READ_TIMEOUT_S = 120.0
"""A replayed stream may pause while its conductor waits for a slow node."""
DECODER_THREADS = 1
"""More of them hold back a picture each; the cameras of a node share its cores anyway."""
MAX_BROKEN_JPEGS = 10
V4L2_NAMES = Path("/sys/class/video4linux")


class SourceError(OSError):
    """The source cannot be opened or broke off; trying again may help."""


class SourceEnded(SourceError):
    """A file was read to its end; there is nothing to try again."""


Image = NDArray[np.uint8]


class Source(Protocol):
    """An open camera; what is grabbed and not asked for costs as little as it can."""

    def grab(self) -> int | None:
        """Wait for the next picture: when it was taken, in store time, if the source knows.

        Raises:
            SourceError: If the source broke off.
        """
        ...

    def picture(self) -> Image | None:
        """What was grabbed, BGR; None if it is broken.

        Raises:
            SourceError: If there is no use in waiting for a better one.
        """
        ...

    def close(self) -> None: ...


def open_source(source: str, *, replay_from_ns: int | None = None) -> Source:
    """Open a source by its name (see `tebura_edge.camera`).

    With `replay_from_ns` (store time) it is a recording that begins then: it may pause, and a file
    is read as fast as its pictures are taken.

    Raises:
        SourceError: If it cannot be opened.
    """
    scheme = urlsplit(source).scheme
    if scheme in ("http", "https"):
        timeout_s = READ_TIMEOUT_S if replay_from_ns is None else REPLAY_READ_TIMEOUT_S
        try:
            return JpegSource(source, timeout_s)
        except NotMultipart:
            return CaptureSource(source)
    if scheme and scheme not in ("v4l2", "file"):
        return CaptureSource(source)
    if scheme == "v4l2":
        return CaptureSource(find_v4l2(source.removeprefix("v4l2:")), cv2.CAP_V4L2)
    path = source.removeprefix("file://")
    if path.startswith("/dev/"):
        return CaptureSource(path, cv2.CAP_V4L2)
    return FileSource(Path(path), replay_from_ns)


def find_v4l2(name: str, folder: Path = V4L2_NAMES) -> str:
    """The device path of a camera by the name the kernel gives it.

    Raises:
        SourceError: If no camera has it; the text lists the names there are.
    """
    names = {
        entry.name: (entry / "name").read_text().strip()
        for entry in sorted(folder.glob("video*"))
        if (entry / "name").is_file()
    }
    for device, found in names.items():
        # A camera has several nodes; the first one is the one that gives pictures.
        if found == name:
            return f"/dev/{device}"
    there = ", ".join(sorted(set(names.values()))) or "none"
    raise SourceError(f"no camera is named {name!r}; there are: {there}")


class JpegSource:
    """An HTTP stream of JPEGs."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._part: Part | None = None
        self._broken = 0
        try:
            self._stream = MjpegStream(url, timeout_s)
        except NotMultipart:
            raise
        except StreamError as error:
            raise SourceError(str(error)) from error

    def grab(self) -> int | None:
        try:
            self._part = self._stream.read()
        except StreamError as error:
            raise SourceError(str(error)) from error
        stamp_s = self._part.timestamp_s
        return None if stamp_s is None else round(stamp_s * SECOND_NS)

    def picture(self) -> Image | None:
        assert self._part is not None
        image = cv2.imdecode(np.frombuffer(self._part.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if image is not None:
            self._broken = 0
            return np.asarray(image, np.uint8)
        self._broken += 1
        if self._broken >= MAX_BROKEN_JPEGS:
            raise SourceError(f"{MAX_BROKEN_JPEGS} broken pictures in a row")
        return None

    def close(self) -> None:
        self._stream.close()


class CaptureSource:
    """Whatever OpenCV opens: RTSP, other streams, local devices."""

    def __init__(self, name: str, backend: int = cv2.CAP_FFMPEG) -> None:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(OPEN_TIMEOUT_S * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(READ_TIMEOUT_S * 1000),
            cv2.CAP_PROP_N_THREADS,
            DECODER_THREADS,
        ]
        self._capture = cv2.VideoCapture(name, backend, limits if backend == cv2.CAP_FFMPEG else [])
        if not self._capture.isOpened():
            raise SourceError("cannot be opened")

    def grab(self) -> int | None:
        if not self._capture.grab():
            raise SourceError("no picture came")
        return None

    def picture(self) -> Image | None:
        return _retrieved(self._capture)

    def close(self) -> None:
        self._capture.release()


class FileSource:
    """A video file, at its own pace as if it were live; or replayed as fast as it is taken.

    Replayed pictures carry their position in the file, counted from `replay_from_ns`, as time.
    """

    def __init__(self, path: Path, replay_from_ns: int | None) -> None:
        if not path.is_file():
            raise SourceError(f"{path}: no such file")
        self._path = path
        self._capture = cv2.VideoCapture(
            str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, DECODER_THREADS]
        )
        if not self._capture.isOpened():
            raise SourceError(f"{path}: is no video")
        self._replay_from_ns = replay_from_ns
        self._opened_s = time.monotonic()

    def grab(self) -> int | None:
        if not self._capture.grab():
            raise SourceEnded(f"{self._path}: the file is at its end")
        position_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if self._replay_from_ns is None:
            ahead_s = position_ms / 1000 - (time.monotonic() - self._opened_s)
            time.sleep(max(0.0, min(ahead_s, 1.0)))
            return None
        return self._replay_from_ns + round(position_ms * MILLISECOND_NS)

    def picture(self) -> Image | None:
        return _retrieved(self._capture)

    def close(self) -> None:
        self._capture.release()


def _retrieved(capture: cv2.VideoCapture) -> Image:
    is_read, image = capture.retrieve()
    if not is_read:
        raise SourceError("a picture cannot be decoded")
    return np.asarray(image, np.uint8)
