"""Tells from its pictures and its silence whether a camera sees.

Pure: pictures and time come in, a verdict comes out. A live sensor is never quite still: even an
empty aisle at night differs by noise from frame to frame, so pictures that repeat bit for bit are
a picture that hangs somewhere, and a flat or dark one is a covered lens or a dead sensor.
"""

from dataclasses import dataclass

import numpy as np
from tebura_contract.clock import ns_from_s
from tebura_contract.events import SensorState

from tebura_edge.frames import Frame

DARK_GREY = 32
"""A picture whose brightest hundredth is darker is black: a covered lens in a lit shop stays below
20, the darkest corner of the real store recordings reaches 60 in its lit parts."""
FLAT_GREYS = 8
"""Less between the darkest and brightest hundredth is no scene (an empty wall still has 30)."""
BLACK_AFTER_NS = ns_from_s(2)
RECOVERED_AFTER_NS = ns_from_s(1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the camera sees, why not, and since when (same clock as what was fed)."""

    state: SensorState
    reason: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """After how long a camera counts as blind. `frozen_after_s` 0: repeating is no fault."""

    lost_after_s: float = 3.0
    frozen_after_s: float = 4.5


class PictureWatch:
    """Watches one camera; `saw` every picture, `verdict` whenever somebody wants to know."""

    def __init__(self, limits: WatchLimits, started_ns: int) -> None:
        self._limits = limits
        self._last_seen_ns = started_ns
        self._last: Frame | None = None
        self._fault = ""
        self._fault_since_ns = started_ns
        self._verdict = Verdict(SensorState.OK, "", started_ns)

    def saw(self, frame: Frame, now_ns: int) -> bool:
        """Take in a picture; whether it may be used (it is neither dark, flat nor a repetition)."""
        fault = self._fault_of(frame)
        self._last = frame
        if fault != self._fault:
            # A repetition began with the picture that is being repeated.
            self._fault_since_ns = self._last_seen_ns if fault == "frozen" else now_ns
            self._fault = fault
        self._last_seen_ns = now_ns
        return not fault

    @property
    def has_seen(self) -> bool:
        """Whether any picture came yet."""
        return self._last is not None

    def heard(self, now_ns: int) -> None:
        """The source is alive although no picture came: it is not lost."""
        self._last_seen_ns = max(self._last_seen_ns, now_ns)

    def verdict(self, now_ns: int) -> Verdict:
        """The state now; `since_ns` is when the fault began, or when it was over."""
        silent_ns = now_ns - self._last_seen_ns
        if silent_ns >= ns_from_s(self._limits.lost_after_s):
            return self._turn(SensorState.BLIND, "lost", self._last_seen_ns)
        lasted_ns = now_ns - self._fault_since_ns
        if self._fault and lasted_ns >= self._patience_ns():
            return self._turn(SensorState.BLIND, self._fault, self._fault_since_ns)
        is_well = not self._fault and self._last is not None
        if is_well and self._verdict.reason == "lost" and silent_ns < RECOVERED_AFTER_NS:
            return self._turn(SensorState.OK, "", now_ns)
        if is_well and lasted_ns >= RECOVERED_AFTER_NS:
            return self._turn(SensorState.OK, "", self._fault_since_ns)
        return self._verdict

    def _patience_ns(self) -> int:
        if self._fault == "frozen":
            return ns_from_s(self._limits.frozen_after_s)
        return BLACK_AFTER_NS

    def _turn(self, state: SensorState, reason: str, since_ns: int) -> Verdict:
        if (state, reason) != (self._verdict.state, self._verdict.reason):
            self._verdict = Verdict(state, reason, since_ns)
        return self._verdict

    def _fault_of(self, frame: Frame) -> str:
        cells = frame.glance.cells.ravel()
        darkest, lightest = len(cells) // 100, len(cells) - 1 - len(cells) // 100
        ranked = np.partition(cells, (darkest, lightest))
        low, high = float(ranked[darkest]), float(ranked[lightest])
        if high < DARK_GREY:
            return "black"
        if high - low < FLAT_GREYS:
            return "flat"
        return "frozen" if self._is_repeated(frame) else ""

    def _is_repeated(self, frame: Frame) -> bool:
        last = self._last
        if not self._limits.frozen_after_s or last is None:
            return False
        # Noise shows in the small picture, too; only where that repeats all of it is compared.
        return np.array_equal(last.glance.grey, frame.glance.grey) and np.array_equal(
            last.image_bgr, frame.image_bgr
        )
