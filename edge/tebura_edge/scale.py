"""A scale on a serial line: a thread that reads it, keeps it open, and says when it falls silent.

Samples are never dropped here: `deliver` may block, then the line waits in the kernel's buffer, and
what that loses shows as a gap in the sequence and makes the scale blind for that time.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final, Protocol

import msgspec
import numpy as np
import serial
from tebura_contract.clock import Clock, ns_from_s
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.messages import Part

from tebura_edge.device_time import DeviceTime
from tebura_edge.role import Counts, SensorStatus
from tebura_edge.serial_frame import MAX_CHANNELS, Frame, FrameParser, LineCounters

SILENT_AFTER_S: Final = 2.0
BATCH_S: Final = 0.05
READ_TIMEOUT_S: Final = 0.1
RETRY_S: Final = (1.0, 30.0)
LOSS_S: Final = 0.5
"""Frames missing for longer make the scale blind for that time; weighing bridges fewer."""

TROUBLE_KEPT_S: Final = 60.0
"""Damage on the line stays in the health message for this long."""


class ScaleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scale. With `replay` the device's time is store time in microseconds: a recording."""

    label: str
    port: str
    channels: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHANNELS)]
    baud: int = 115_200
    rate_hz: float = 10.0
    replay: bool = False


class Line(Protocol):
    """What we need of an open serial port."""

    @property
    def in_waiting(self) -> int: ...

    def read(self, size: int = 1, /) -> bytes: ...

    def close(self) -> None: ...


class ScaleReader:
    """Reads one scale, delivers its samples and reports its state whenever that changes."""

    def __init__(
        self,
        settings: ScaleSettings,
        *,
        clock: Clock,
        to_store_ns: Callable[[int], int],
        deliver: Callable[[Counts], None],
        report: Callable[[SensorStatus], None],
        open_with: Callable[[ScaleSettings], Line] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            settings: Which scale.
            clock: The monotonic clock that arrivals are stamped with.
            to_store_ns: Store time of a monotonic instant.
            deliver: Takes each batch, from the reading thread; it may block, never drop.
            report: Called with each change of state, from the thread that calls `poll`, and with
                losses from the reading thread.
            open_with: Opens the line; tests bring their own.
        """
        self.settings = settings
        self._clock = clock
        self._to_store_ns = to_store_ns
        self._deliver = deliver
        self._report = report
        self._open = open_with or open_line
        self._lock = threading.Lock()
        self._heard_ns = clock.monotonic_ns()
        self._has_heard = False
        self._trouble = ""
        self._said: SensorState | None = None
        self._damage: deque[tuple[int, LineCounters]] = deque(maxlen=64)
        self._counted = LineCounters()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"scale-{settings.label}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def poll(self) -> None:
        """Report the scale's state if it changed; call it at least twice a second."""
        with self._lock:
            heard_ns, has_heard, trouble = self._heard_ns, self._has_heard, self._trouble
        is_silent = self._clock.monotonic_ns() - heard_ns > ns_from_s(SILENT_AFTER_S)
        if self.settings.replay and has_heard and not trouble:
            # A recording may pause: the machine that plays it is busy, not blind.
            is_silent = False
        state = SensorState.BLIND if is_silent else SensorState.OK
        if state is self._said or not (is_silent or has_heard):
            return
        self._said = state
        reason = ": ".join(filter(None, ["silent", trouble])) if is_silent else ""
        self._say(state, reason, heard_ns)

    def part(self) -> Part:
        """State for the node's health message, with what was wrong on the line lately."""
        with self._lock:
            limit_ns = self._clock.monotonic_ns() - ns_from_s(TROUBLE_KEPT_S)
            recent = [damage for at_ns, damage in self._damage if at_ns > limit_ns]
            trouble = self._trouble
        named = [
            (sum(one.wrong_crc for one in recent), "with a wrong CRC"),
            (sum(one.out_of_range for one in recent), "out of range"),
            (sum(one.lost_frames for one in recent), "lost"),
        ]
        texts = [trouble, *(f"{count} frames {text}" for count, text in named if count)]
        state = SensorState.BLIND if self._said is SensorState.BLIND else SensorState.OK
        return Part(
            name=self.settings.label, state=state, reason=", ".join(text for text in texts if text)
        )

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                line = self._open(self.settings)
            except (serial.SerialException, OSError) as error:
                self._note(f"cannot open {self.settings.port}: {error}")
                failures += 1
            else:
                failures = 1 if self._drain(line) else failures + 1
            self._stopping.wait(_retry_delay_s(failures))

    def _drain(self, line: Line) -> bool:
        """Read until the line breaks; whether it gave a frame."""
        parser = FrameParser(self.settings.channels)
        device = DeviceTime()
        self._counted = LineCounters()
        waiting: list[tuple[int, Frame]] = []
        try:
            while not self._stopping.is_set():
                data = line.read(1)
                data += line.read(line.in_waiting) if data else b""
                now_ns = self._clock.monotonic_ns()
                for frame in parser.feed(data):
                    waiting.append((self._taken_ns(frame, device, now_ns), frame))
                if waiting and (not data or now_ns - self._heard_ns > ns_from_s(BATCH_S)):
                    self._hand_over(waiting, now_ns)
                    waiting = []
                self._account(parser.counters, now_ns)
        except (serial.SerialException, OSError) as error:
            self._note(f"{self.settings.port}: {error}")
        finally:
            line.close()
        return parser.counters.frames > 0

    def _taken_ns(self, frame: Frame, device: DeviceTime, now_ns: int) -> int:
        """Store time at which the device took the sample."""
        if self.settings.replay:
            return frame.device_us * 1000
        return self._to_store_ns(device.monotonic_ns(frame.device_us, now_ns))

    def _hand_over(self, samples: list[tuple[int, Frame]], now_ns: int) -> None:
        with self._lock:
            self._heard_ns, self._has_heard, self._trouble = now_ns, True, ""
        counts = [
            [np.nan if count is None else float(count) for count in frame.counts]
            for _, frame in samples
        ]
        at_ns = np.array([taken_ns for taken_ns, _ in samples], np.int64)
        self._deliver(Counts(self.settings.label, at_ns, np.array(counts, np.float64)))

    def _account(self, counters: LineCounters, now_ns: int) -> None:
        """Note new damage; a long loss is blindness with a beginning and an end."""
        before = self._counted
        lost = counters.lost_frames - before.lost_frames
        wrong_crc = counters.wrong_crc - before.wrong_crc
        out_of_range = counters.out_of_range - before.out_of_range
        if not (lost or wrong_crc or out_of_range):
            return
        damage = LineCounters(lost_frames=lost, wrong_crc=wrong_crc, out_of_range=out_of_range)
        with self._lock:
            self._damage.append((now_ns, damage))
        self._counted = LineCounters(
            lost_frames=counters.lost_frames,
            wrong_crc=counters.wrong_crc,
            out_of_range=counters.out_of_range,
        )
        lost_s = lost / self.settings.rate_hz
        if lost_s > LOSS_S:
            self._say(SensorState.BLIND, f"{lost} frames lost", now_ns - ns_from_s(lost_s))
            self._say(SensorState.OK, "", now_ns)

    def _note(self, trouble: str) -> None:
        with self._lock:
            self._trouble = trouble

    def _say(self, state: SensorState, reason: str, at_ns: int) -> None:
        self._report(
            SensorStatus(
                sensor=self.settings.label,
                kind=SensorKind.SCALE,
                state=state,
                reason=reason,
                at_ns=self._to_store_ns(at_ns),
            )
        )


def open_line(settings: ScaleSettings) -> Line:
    """Open a port for us alone; names such as ``/dev/serial/by-id/...`` survive replugging.

    Raises:
        serial.SerialException: If it is not there or somebody else has it.
    """
    port: Line = serial.Serial(settings.port, settings.baud, timeout=READ_TIMEOUT_S, exclusive=True)
    return port


def _retry_delay_s(failures: int) -> float:
    """1 s, doubled up to 30 s, with jitter: many scales on one hub must not come back in step."""
    first_s, longest_s = RETRY_S
    return min(first_s * 2.0 ** min(failures - 1, 10), longest_s) * random.uniform(0.8, 1.2)
