"""The world that real nodes sense: recordings played in time to their scales and cameras.

One clock says how far a recording is; it can be held, and then everything stands still, as it does
before, between and after recordings. A scale and a camera go on sending all the while, at their own
pace and with a little noise: a sensor that repeats itself to the last bit looks broken, and is
rightly reported.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.ids import NodeId, PlateId

from tebura_simulator.phone import show_code
from tebura_simulator.replay_cameras import Pictures
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.streams import CameraStreams
from tebura_simulator.take import CameraTrack, ScaleTrack, Take

STILL_NOISE_G = 0.4
NOISE_PICTURES = 8
NOISE_GREYS = 4
JPEG_QUALITY = 90
COUNT_LIMIT = (1 << 23) - 1
CodeOf = Callable[[str], str | None]
"""The code on an account's phone at this moment."""


class WorldClock:
    """How far the recording is, in its own seconds; thread-safe.

    Args:
        speed: Seconds of the recording a second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._lock = threading.Lock()
        self._at_s = 0.0
        self._since_s: float | None = None

    def now_s(self) -> float:
        with self._lock:
            return self._now_s()

    def restart(self) -> None:
        """Go back to the beginning and stand there."""
        with self._lock:
            self._at_s, self._since_s = 0.0, None

    def run(self) -> None:
        """Let time pass."""
        with self._lock:
            if self._since_s is None:
                self._since_s = time.monotonic()

    def hold(self) -> None:
        """Let time stand still."""
        with self._lock:
            self._at_s, self._since_s = self._now_s(), None

    @property
    def is_running(self) -> bool:
        with self._lock:
            return self._since_s is not None

    def _now_s(self) -> float:
        if self._since_s is None:
            return self._at_s
        return self._at_s + (time.monotonic() - self._since_s) * self.speed


@dataclass
class _ScaleSource:
    """Sends one scale's samples; levels go on from recording to recording."""

    line: SerialLine
    track: ScaleTrack
    tare: NDArray[np.float64]
    gain: NDArray[np.float64]
    rng: np.random.Generator
    offset_g: NDArray[np.float64]
    row: int = 0
    is_sent: bool = False
    due_s: float = 0.0

    def change(self, track: ScaleTrack) -> None:
        """Go on with another recording from the level that the plates show now."""
        self.offset_g = self.offset_g + self.track.level_g(self.row) - track.first_g()
        self.track, self.row, self.is_sent = track, 0, False

    def send(self, at_s: float, device_us: int) -> float:
        """Send the sample of this moment; returns the seconds to the next."""
        row = max(int(np.searchsorted(self.track.at_s, at_s + 1e-6, side="right")) - 1, 0)
        if row != self.row:
            self.row, self.is_sent = row, False
        grams = self.track.grams[row] + self.offset_g
        if self.is_sent or row == 0:
            noise_g = self.rng.normal(0.0, STILL_NOISE_G, len(self.tare))
            grams = self.track.level_g(row) + self.offset_g + noise_g
        self.is_sent = True
        counts = np.clip(np.round(self.tare + grams * self.gain), -COUNT_LIMIT, COUNT_LIMIT)
        self.line.send(device_us, tuple(None if math.isnan(c) else int(c) for c in counts))
        return 1.0 / self.track.scale.rate_hz


@dataclass
class _CameraSource:
    """Shows one camera's frames, with the code of the moment on a phone held to it."""

    streams: CameraStreams
    track: CameraTrack
    code_of: CodeOf
    noise: list[NDArray[np.uint8]]
    pictures: Pictures = field(default_factory=Pictures)
    decoded: int = -1
    picture: NDArray[np.uint8] | None = None
    shown: int = 0
    due_s: float = 0.0

    def change(self, track: CameraTrack) -> None:
        self.track, self.pictures, self.decoded = track, Pictures(), -1

    def show(self, at_s: float) -> float:
        """Show the picture of this moment; returns the seconds to the next."""
        row = max(int(np.searchsorted(self.track.at_s, at_s + 1e-6, side="right")) - 1, 0)
        while self.decoded < row:  # frames build on each other: none can be left out
            self.decoded += 1
            found = self.pictures(self.track.data[self.decoded])
            self.picture = found if found is not None else self.picture
        if self.picture is not None:
            self.streams.show(self.track.camera, self._jpeg(self.picture, row))
        return self.track.period_s()

    def _jpeg(self, picture: NDArray[np.uint8], row: int) -> bytes:
        self.shown += 1
        seen = cv2.add(picture, self.noise[self.shown % len(self.noise)]).astype(np.uint8)
        screen = self.track.screen[row]
        code = self.code_of(screen.account) if screen else None
        if screen is not None and code is not None:
            show_code(seen, screen.corners_px, code)
        return cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class World:
    """Feeds all sensors of a store from one thread, until the end of the ``with`` block.

    Args:
        first: The recording whose start is what the store shows at first.
        lines: The serial line of each scale, by label.
        streams: Where cameras are shown.
        code_of: What is on whose phone now.
        speed: Seconds of the recording a second.
    """

    def __init__(
        self,
        first: Take,
        lines: Mapping[str, SerialLine],
        streams: CameraStreams,
        code_of: CodeOf,
        speed: float = 1.0,
    ) -> None:
        self.clock = WorldClock(speed)
        rng = np.random.default_rng(7)
        self._scales = [
            _ScaleSource(line, first.scales[label], *_cell(first, label), rng, _no_g(first, label))
            for label, line in lines.items()
        ]
        self._cameras = [
            _CameraSource(streams, track, code_of, _noise(track, rng))
            for track in first.cameras.values()
        ]
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="world")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def put_on(self, take: Take) -> None:
        """Change to another recording of the same store; it stands at its start."""
        with self._lock:
            self.clock.restart()
            for scale in self._scales:
                scale.change(take.scales[scale.track.scale.label])
            for camera in self._cameras:
                camera.change(take.cameras[camera.track.camera])

    def check(self) -> None:
        """Raise what ended the thread.

        Raises:
            RuntimeError: From what it died of.
        """
        if self._failure is not None:
            raise RuntimeError("the world stopped") from self._failure

    def _run(self) -> None:
        start_s = time.monotonic()
        try:
            while not self._stopping.is_set():
                with self._lock:
                    next_s = self._send_due(start_s)
                self._stopping.wait(max(0.0, next_s - time.monotonic()))
        except Exception as error:
            self._failure = error

    def _send_due(self, start_s: float) -> float:
        """Send what is due; returns when the next is."""
        for scale in self._scales:
            now_s = time.monotonic()
            if scale.due_s <= now_s:
                period_s = scale.send(self.clock.now_s(), round((now_s - start_s) * 1e6))
                scale.due_s = _next(scale.due_s, now_s, period_s)
        for camera in self._cameras:
            now_s = time.monotonic()
            if camera.due_s <= now_s:
                camera.due_s = _next(camera.due_s, now_s, camera.show(self.clock.now_s()))
        dues_s = [scale.due_s for scale in self._scales]
        return min(dues_s + [camera.due_s for camera in self._cameras])


def _next(due_s: float, now_s: float, period_s: float) -> float:
    """The next moment of a steady beat; one that was missed is not made up for."""
    return max(due_s + period_s, now_s + period_s / 2)


def _cell(take: Take, label: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    track = take.scales[label]
    known: Mapping[NodeId, Calibration] = take.calibrations
    plates: tuple[PlateId, ...] = track.scale.plates
    cells = [known[track.node].plates[plate] for plate in plates]
    return (
        np.array([cell.tare_counts for cell in cells]),
        np.array([cell.counts_per_g for cell in cells]),
    )


def _no_g(take: Take, label: str) -> NDArray[np.float64]:
    return np.zeros(len(take.scales[label].scale.plates))


def _noise(track: CameraTrack, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Pictures of sensor noise to add, of the camera's size."""
    first = Pictures()(track.data[0])
    shape = first.shape if first is not None else (360, 640, 3)
    return [
        rng.integers(0, NOISE_GREYS, shape, dtype=np.uint8, endpoint=True)
        for _ in range(NOISE_PICTURES)
    ]
