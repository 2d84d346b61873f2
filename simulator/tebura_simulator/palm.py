"""A palm-vein reader that behaves: it forgets whom it should, falls silent, talks nonsense.

The reader's end of `tebura_edge.palm_reader`'s lines, on a pseudo-terminal.
"""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tebura_contract.ids import MemberId

ALIVE_EVERY_S = 0.5


@dataclass
class PalmBox:
    """The maker's program and its reader.

    `port` is what a node opens. `false_match_rate` is what the maker says of it.
    """

    port: Path
    master: int
    false_match_rate: float = 1e-6
    palms: set[MemberId] = field(default_factory=set)
    is_silent: bool = False

    def enrol(self, member: MemberId) -> None:
        """Somebody held their palm over the reader, at the desk."""
        self.palms.add(member)

    def hold(self, member: MemberId) -> None:
        """Somebody holds their palm over it now."""
        if member in self.palms:
            self.say(f"SEEN {member} {self.false_match_rate:g}")

    def say(self, text: str) -> None:
        if not self.is_silent:
            os.write(self.master, text.encode() + b"\r\n")

    def told(self, text: str) -> None:
        """A line from the node."""
        word, *members = text.split()
        if word == "KEEP":
            self.palms &= {MemberId(member) for member in members}
            self.say(f"KEPT {len(self.palms)}")


@contextlib.contextmanager
def palm_box() -> Iterator[PalmBox]:
    """A reader that is switched on until the end of the block."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    box = PalmBox(Path(os.ttyname(slave)), master)
    stopping = threading.Event()
    thread = threading.Thread(target=_live, args=(box, stopping), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        stopping.set()
        thread.join(5.0)
        os.close(master)
        os.close(slave)


def _live(box: PalmBox, stopping: threading.Event) -> None:
    held = b""
    while not stopping.is_set():
        box.say("ALIVE")
        ready, _, _ = select.select([box.master], [], [], ALIVE_EVERY_S)
        if ready:
            *lines, held = (held + os.read(box.master, 65536)).split(b"\n")
            for line in filter(None, lines):
                box.told(line.decode())
