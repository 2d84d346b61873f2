"""A scale of five still plates on a pseudo-terminal, linked where a serial device would be."""

import contextlib
import grp
import os
import pty
import random
import sys
import time
import tty
from pathlib import Path

from tebura_edge.serial_frame import Frame, encode

PLATES = 5
RATE_HZ = 60.0
STILL_COUNTS = 50_000


def open_line(link: Path) -> int:
    """Open a pseudo-terminal that group dialout may use, and link it at `link`."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    name = os.ttyname(theirs)
    os.chown(name, 0, grp.getgrnam("dialout").gr_gid)
    Path(name).chmod(0o660)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    os.set_blocking(ours, False)
    return ours


def main(link: Path) -> None:
    """Send frames until stopped; what nobody reads is lost, as on a wire."""
    line = open_line(link)
    began_s = time.monotonic()
    sequence = 0
    while True:
        counts = tuple(STILL_COUNTS + random.randint(-60, 60) for _ in range(PLATES))
        device_us = int((time.monotonic() - began_s) * 1e6)
        with contextlib.suppress(BlockingIOError):
            os.write(line, encode(Frame(sequence, device_us, counts, sequence == 0)))
        sequence += 1
        time.sleep(1 / RATE_HZ)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
