"""Scales on pseudo-terminals: the node opens them with pyserial as it would a USB adapter.

The name a node is told is a link that stays; what is behind it may be unplugged and plugged in
again. As on a real line, what nobody reads is lost.
"""

import os
import tty
from contextlib import suppress
from pathlib import Path
from typing import Self

from tebura_edge.serial_frame import Frame, encode


class SerialLine:
    """One scale's line. `send` puts a sample on it.

    Args:
        link: Where the node finds the line; made anew each time it is plugged in.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master: int | None = None
        self._slave: int | None = None
        self._sequence = 0
        self._is_first = True

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug_in(self) -> None:
        """Make the device appear; its counters start anew, as after a power-up."""
        if self._master is not None:
            return
        self._master, self._slave = os.openpty()
        # Held open by us: a line without a reader must not look like one that was cut.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._sequence, self._is_first = 0, True
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.link)

    def unplug(self) -> None:
        """Make the device disappear; whoever reads sees an error."""
        if self._master is None or self._slave is None:
            return
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    def send(self, device_us: int, counts: tuple[int | None, ...]) -> None:
        """Put one sample on the line, `device_us` after the device's start."""
        frame = Frame(self._sequence, device_us, counts, is_first=self._is_first)
        self._sequence, self._is_first = self._sequence + 1, False
        self.send_raw(encode(frame))

    def send_raw(self, data: bytes) -> None:
        """Put bytes on the line as they are: noise, half frames."""
        if self._master is None:
            return
        with suppress(BlockingIOError):
            os.write(self._master, data)
