"""What the light of a gate's own screen is like when it comes back: learned there, pure.

*When.* Screen and camera take their time, always about the same. Who watches the screen and tints a
film to match needs a camera's and a display's time more, and a film that was made before fits by
chance at any lag. So what comes when a gate's own light does not is refused.

*In what colour.* A screen adds to warm lamps more blue than red, as much more on every skin. What
its light adds on a dark face is compared with that: laid over brown skin, as a tablet's haze is, it
adds yet more to the little blue there.

Both are told by members whom the gate confirmed. Light that is followed comes late, never early:
the early ones tell, and an attack that got in while nothing was known yet cannot make it later.
Where screen, camera or lamps were changed nobody's light is usual: then so many different members
in a row, each with all else in order, teach what is; they are refused themselves.
"""

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from tebura_contract.clock import MILLISECOND_NS
from tebura_contract.ids import MemberId

MEMBERS: Final = 5
KEPT: Final = 15
TOLERANCE_NS: Final = 50 * MILLISECOND_NS
"""Lags of drawn people are found to within 12 ms, and a gate's own differ by 30 from entry to
entry; a film that is tinted 0.1 s after the screen is found 0.08 s late."""
AT_FIRST_NS: Final = 400 * MILLISECOND_NS
"""A camera takes up to 0.2 s, a screen that smooths its pictures 0.1 s."""
MOST_LAID, MOST_LAID_AT_FIRST = 0.3, 0.5
"""A dark face drawn under the screen is within 0.2 of the usual, in a tablet's haze above 0.45."""


class Came(msgspec.Struct, frozen=True, array_like=True):
    """How late light came back, and the logarithm of how much more blue than red it added."""

    lag_ns: int
    bluer: float


@dataclass(frozen=True, slots=True)
class Usual:
    """What is believed: from when to when, around what colour, and how far from it.

    `most_laid` is in shares of how brown a face is: at 1 all that was added was laid over it.
    """

    earliest_ns: int
    latest_ns: int
    bluer: float
    most_laid: float

    def is_in_time(self, came: Came) -> bool:
        return self.earliest_ns <= came.lag_ns <= self.latest_ns

    def is_shared(self, came: Came, brown: float) -> bool:
        """Whether a face that is so brown (red over blue, a logarithm) has shared the light."""
        return came.bluer - self.bluer <= self.most_laid * brown


AT_FIRST: Final = Usual(0, AT_FIRST_NS, 0.0, MOST_LAID_AT_FIRST)


class UsualLight:
    """One gate's. `saved` survives a restart: it is of nobody in particular."""

    def __init__(self, saved: Sequence[Came] = ()) -> None:
        self._known = deque(saved, maxlen=KEPT)
        self._heard: dict[MemberId, Came] = {}

    @property
    def believed(self) -> Usual:
        if not self._known:
            return AT_FIRST
        usual_ns = sorted(came.lag_ns for came in self._known)[len(self._known) // 4]
        bluer = statistics.median(came.bluer for came in self._known)
        return Usual(usual_ns - TOLERANCE_NS, usual_ns + TOLERANCE_NS, bluer, MOST_LAID)

    def confirmed(self, member: MemberId, came: Came) -> None:
        if self._known:
            self._known.append(came)
            self._heard.clear()
        else:
            self._hear(member, came)

    def refused(self, member: MemberId, came: Came) -> None:
        """For nothing else than that this light is not the usual."""
        self._hear(member, came)

    def saved(self) -> tuple[Came, ...]:
        return tuple(self._known)

    def _hear(self, member: MemberId, came: Came) -> None:
        self._heard[member] = came
        if len(self._heard) >= MEMBERS:
            self._known = deque(self._heard.values(), maxlen=KEPT)
            self._heard.clear()
