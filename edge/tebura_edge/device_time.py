"""When a sample was taken, from the device's own clock and when its frame arrived.

A frame is late by the line, the adapter's buffer and our scheduler, never early. So the smallest
difference between arrival and device time over some seconds is the offset of the two clocks plus
the shortest delay (a few milliseconds on USB), however much single frames are held up.
"""

from dataclasses import dataclass
from typing import Final

from tebura_contract.clock import SECOND_NS

WINDOW_NS: Final = 30 * SECOND_NS
"""The smallest of the last one to two windows counts. Two crystals drift apart by up to 50 ppm:
1.5 ms in that time; shorter windows may hold no frame that came straight through."""

STALL_NS: Final = SECOND_NS // 2
STALL_WINDOW_NS: Final = 2 * SECOND_NS
"""If every frame of 2 s is later than this, the device's clock stood still (a debugger, a paused
player): its offset is learnt anew."""


@dataclass(slots=True)
class _Smallest:
    """Smallest value within windows of fixed length: this one and the one before."""

    length_ns: int
    began_ns: int
    now_ns: int
    before_ns: int | None = None

    def add(self, value_ns: int, at_ns: int) -> int:
        if at_ns - self.began_ns >= self.length_ns:
            self.began_ns, self.before_ns, self.now_ns = at_ns, self.now_ns, value_ns
        self.now_ns = min(self.now_ns, value_ns)
        return self.now_ns if self.before_ns is None else min(self.now_ns, self.before_ns)


class DeviceTime:
    """Maps a device's clock to our monotonic clock by the frames that came through fastest."""

    def __init__(self) -> None:
        self._offset: _Smallest | None = None
        self._recent: _Smallest | None = None
        self._last_us = 0

    def monotonic_ns(self, device_us: int, arrived_ns: int) -> int:
        """Our monotonic time at which the device took a sample; never after it arrived.

        Args:
            device_us: The device's clock; it starts anew when the device does.
            arrived_ns: Our monotonic clock when the frame was complete.
        """
        difference_ns = arrived_ns - device_us * 1000
        if self._offset is None or self._recent is None or device_us < self._last_us:
            self._begin(difference_ns, arrived_ns)
        self._last_us = device_us
        assert self._offset is not None
        assert self._recent is not None
        offset_ns = self._offset.add(difference_ns, arrived_ns)
        if self._recent.add(difference_ns, arrived_ns) - offset_ns > STALL_NS:
            self._begin(difference_ns, arrived_ns)
            offset_ns = difference_ns
        return device_us * 1000 + offset_ns

    def _begin(self, difference_ns: int, arrived_ns: int) -> None:
        self._offset = _Smallest(WINDOW_NS, arrived_ns, difference_ns)
        self._recent = _Smallest(STALL_WINDOW_NS, arrived_ns, difference_ns)
