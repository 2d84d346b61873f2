"""Cameras: one thread each that opens its source, keeps it open, and says when it goes blind.

A source is named, never numbered: a URL (``http`` stream of JPEGs, ``rtsp``), a file, a device
path such as ``/dev/v4l/by-id/...``, or ``v4l2:NAME`` for the device whose kernel name that is.
"""

import random
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from tebura_contract.clock import Clock, ns_from_s
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import NAME_PATTERN, CameraId

from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.picture_watch import PictureWatch, WatchLimits
from tebura_edge.role import SensorStatus
from tebura_edge.sources import Source, SourceEnded, SourceError, open_source

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 30.0


class LooksFor(StrEnum):
    PEOPLE = "people"
    CODES = "codes"
    FACES = "faces"


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[camera]]`` table of a node's configuration.

    `replay` means that the source is a recording: frames carry their own time (``X-Timestamp``
    of a stream, the position in a file), wait instead of being dropped, and may repeat or pause.
    `rest_hz` is the rate of a live camera before which nobody is and nothing moves; 0: no other.
    """

    label: Annotated[CameraId, msgspec.Meta(pattern=NAME_PATTERN)]
    source: Annotated[str, msgspec.Meta(min_length=1)]
    looks_for: LooksFor = LooksFor.PEOPLE
    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    rest_hz: Annotated[float, msgspec.Meta(ge=0, le=60)] = 4.0
    replay: bool = False
    lost_after_s: Annotated[float, msgspec.Meta(gt=0, le=5)] = 3.0
    frozen_after_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 4.5

    def __post_init__(self) -> None:
        if self.source.isdecimal():
            raise ValueError("source: name a camera by its path or label, never by its number")

    def period_ns(self, *, is_resting: bool) -> int:
        """From one picture to the next."""
        rests = is_resting and 0 < self.rest_hz < self.rate_hz
        return ns_from_s(1 / (self.rest_hz if rests else self.rate_hz))

    def limits(self) -> WatchLimits:
        # A rendered or recorded still scene repeats bit for bit; that is no fault of a camera.
        return WatchLimits(self.lost_after_s, 0.0 if self.replay else self.frozen_after_s)


def retry_delay_s(failures: int, jitter: float) -> float:
    """How long to wait after so many failures in a row; `jitter` is 0..1.

    >>> [retry_delay_s(n, 0.5) for n in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 30.0]
    """
    doubled = RETRY_FIRST_S * 2.0 ** min(failures - 1, 10)
    return min(doubled, RETRY_MAX_S) * (0.8 + 0.4 * jitter)


class CameraReader:
    """Reads one camera into the desk and reports its state whenever it changes."""

    def __init__(
        self,
        settings: CameraSettings,
        desk: FrameDesk,
        *,
        clock: Clock,
        to_store_ns: Callable[[int], int],
        report: Callable[[SensorStatus], None],
        open_with: Callable[[CameraSettings, int], Source] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            settings: Which camera, and how.
            desk: Where frames go.
            clock: The monotonic clock frames are stamped with on arrival.
            to_store_ns: Store time of a monotonic instant.
            report: Called with each change of state, from the thread that calls `poll`.
            open_with: Opens the source; tests and the simulator bring their own.
        """
        self.settings = settings
        self._desk = desk
        self._clock = clock
        self._to_store_ns = to_store_ns
        self._report = report
        self._open = open_with or open_camera
        self._watch = PictureWatch(settings.limits(), clock.monotonic_ns())
        self._lock = threading.Lock()
        self._trouble = ""
        self._is_connected = False
        self._said: tuple[SensorState, str] | None = None
        self._beat_ns = 0
        self._is_resting = False
        self.rested_count = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"camera-{settings.label}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it; a read that hangs is left to the process's end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def poll(self) -> None:
        """Report the camera's state if it changed; call it at least once a second."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            if self.settings.replay and self._is_connected:
                # A recording may pause: the machine that plays it is busy, not blind.
                self._watch.heard(now_ns)
            verdict = self._watch.verdict(now_ns)
            has_seen = self._watch.has_seen
            trouble = self._trouble
        if (verdict.state, verdict.reason) == self._said or (
            verdict.state is SensorState.OK and not has_seen
        ):
            return
        self._said = (verdict.state, verdict.reason)
        reason = f"{verdict.reason}: {trouble}" if verdict.reason and trouble else verdict.reason
        self._report(
            SensorStatus(
                sensor=self.settings.label,
                kind=SensorKind.CAMERA,
                state=verdict.state,
                reason=reason,
                at_ns=self._to_store_ns(verdict.since_ns),
            )
        )

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                source = self._open(self.settings, self._to_store_ns(self._clock.monotonic_ns()))
            except SourceError as error:
                failures += 1
                self._note(str(error))
            else:
                has_read = self._drain(source)
                failures = 1 if has_read else failures + 1
            # Not `random` of a seed: many nodes that lost one switch must not come back in step.
            self._stopping.wait(retry_delay_s(failures, random.random()))

    def _drain(self, source: Source) -> bool:
        """Read until the source breaks off; whether it gave anything."""
        has_read = False
        try:
            while not self._stopping.is_set():
                has_read = self._take(source) or has_read
        except SourceEnded as error:
            self._note(str(error))
            self._stopping.set()
        except SourceError as error:
            self._note(str(error))
        finally:
            source.close()
        return has_read

    def _note(self, trouble: str) -> None:
        with self._lock:
            self._trouble = trouble
            self._is_connected = False

    def _take(self, source: Source) -> bool:
        """Take the next picture if it is due; whether there was one that can be read."""
        stamp_ns = source.grab()
        now_ns = self._clock.monotonic_ns()
        stamped = stamp_ns if self.settings.replay else None
        captured_ns = self._to_store_ns(now_ns) if stamped is None else stamped
        if not self._is_due(captured_ns):
            return False
        image = source.picture()
        if image is None:
            return False
        frame = Frame(self.settings.label, captured_ns, image)
        with self._lock:
            self._trouble, self._is_connected = "", True
            is_usable = self._watch.saw(frame, now_ns)
        if is_usable:
            self._desk.put(frame)
        return True

    def _is_due(self, captured_ns: int) -> bool:
        """Thin a faster source to the rate; a quarter period early is in time."""
        is_resting = self._desk.is_resting(self.settings.label)
        period_ns = self.settings.period_ns(is_resting=is_resting)
        if self._is_resting and not is_resting:
            # Awake: the beat of its rest may be ahead of the pictures, and would cost this one.
            self._beat_ns = captured_ns - period_ns
        self._is_resting = is_resting
        due_ns = self._beat_ns + period_ns
        late_ns = captured_ns - due_ns
        if -period_ns <= late_ns < -period_ns // 4:
            self.rested_count += is_resting
            return False
        # On the beat keep the beat; after a pause or a step of the clock begin a new one.
        is_on_beat = abs(late_ns) < period_ns
        self._beat_ns = due_ns if is_on_beat else captured_ns
        return True


def open_camera(settings: CameraSettings, now_store_ns: int) -> Source:
    """Open what the settings name; a replayed file begins now.

    Raises:
        SourceError: If it cannot be opened.
    """
    return open_source(settings.source, replay_from_ns=now_store_ns if settings.replay else None)


def beside(config: Path, source: str) -> str:
    """A file source of a configuration is relative to it; anything else stays as it is."""
    if "://" in source or source.startswith(("v4l2:", "/")):
        return source
    return str(config.parent / source)
