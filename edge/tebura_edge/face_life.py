"""Whether a face that is asked to move is a head: judged from its moves, pure.

The screen asks for moves that nobody could foresee. Each must come after it was asked for and no
other before it, by the landmarks; and the head must show relief while it is turned: its points part
from any plane through them, and so do corners in the picture where enough of them can be followed,
and what is behind it stays. A print fails by all of it; a bent one shows too little; a film of
somebody fails because it moves otherwise than asked.

Where it cannot be told, it is not a living face. Measured by `benchmarks/faces.py`.
"""

import statistics
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from tebura_contract.clock import MILLISECOND_NS, SECOND_NS

from tebura_edge.face_relief import parted
from tebura_edge.face_seen import FaceSeen


class Move(StrEnum):
    """What is asked for; sides are the person's own."""

    LEFT = "turn-left"
    RIGHT = "turn-right"
    UP = "look-up"
    DOWN = "look-down"


class Doubt(StrEnum):
    """Why a face is not taken for a living one."""

    NO_RELIEF = "no-relief"
    OTHER_MOVE = "other-move"
    TOO_EARLY = "too-early"
    TOO_LATE = "too-late"
    LOST = "lost"


FACING_SIGHTS: Final = 3
"""So many sights of somebody who looks straight and keeps still begin it."""
STILL: Final = 0.06
STRAIGHT_ASIDE: Final = 0.22
TURNED: Final = {Move.LEFT: 0.22, Move.RIGHT: 0.22, Move.UP: 0.13, Move.DOWN: 0.13}
"""By how much a pose must change: some 15 to 17 degrees. A picture that is bent to the curve of a
head (8 cm) and turned by 40 degrees reaches 0.20 aside and 0.12 up; one that is flat 0.05."""
LEAST_PARTED: Final = 0.12
"""A head that is turned as asked shows 0.15 and more (0.1 where it is just turned far enough: it
has until the time is over), a flat picture or screen up to 0.08, a bent one up to 0.15."""
LEAST_RELIEF: Final = 0.02
"""Of corners in the picture: a head shows 0.03 and more, a flat print up to 0.017. Smooth faces
have few of them, and lose them in a quick turn: then the points speak alone."""
STAYS_BEHIND: Final = 0.05
"""What is behind a head does not go with it; about a picture that is held up it does."""
GOES_ALONG_FROM: Final = 0.25
"""Told only once the face has moved by so much."""
REACTS_NS: Final = 120 * MILLISECOND_NS
"""Who turns sooner than this did not do so because it was asked for."""
ANSWERS_NS: Final = 4 * SECOND_NS
"""Some need a moment to read and to turn; a film gains nothing by being late."""


class Challenge:
    """One person's moves, one after the other, each asked for when the one before is done.

    Feed it every sight in its order. `wanted` is what the screen asks for now; None while it waits
    for somebody to look straight. It ends with `is_live` or a `doubt`.
    """

    def __init__(self, moves: Sequence[Move]) -> None:
        if not moves:
            raise ValueError("a challenge wants a move at least")
        self._moves = deque(moves)
        self._facing: deque[FaceSeen] = deque(maxlen=FACING_SIGHTS)
        self._straight: tuple[float, float] | None = None
        self._before: FaceSeen | None = None
        self._asked_ns = 0
        self._held: Move | None = None
        self._track: int | None = None
        self._is_flat = False
        self.is_live = False
        self.doubt: Doubt | None = None

    @property
    def wanted(self) -> Move | None:
        return self._moves[0] if self._straight is not None and self._moves else None

    @property
    def is_over(self) -> bool:
        return self.is_live or self.doubt is not None

    def see(self, seen: FaceSeen) -> None:
        """Take one sight."""
        if self.is_over:
            return
        if self._track is not None and seen.track != self._track:
            if self._straight is not None:
                self.doubt = Doubt.LOST
                return
            self._facing.clear()
        self._track = seen.track
        if self._straight is None:
            self._begin(seen)
        else:
            self._answer(seen)

    def pass_time(self, now_ns: int) -> None:
        """Nothing was seen up to now."""
        if not self.is_over and self._straight and now_ns - self._asked_ns > ANSWERS_NS:
            self.doubt = Doubt.NO_RELIEF if self._is_flat else Doubt.TOO_LATE

    def _begin(self, seen: FaceSeen) -> None:
        if seen.points is None or abs(seen.aside) > STRAIGHT_ASIDE:
            self._facing.clear()
            return
        self._facing.append(seen)
        asides, downs = [s.aside for s in self._facing], [s.down for s in self._facing]
        is_still = max(max(asides) - min(asides), max(downs) - min(downs)) <= STILL
        if len(self._facing) == FACING_SIGHTS and is_still:
            self._straight = statistics.median(asides), statistics.median(downs)
            self._before = seen
            self._asked_ns = seen.at_ns

    def _answer(self, seen: FaceSeen) -> None:
        self.pass_time(seen.at_ns)
        turned = self._turned(seen)
        if self._held is not None and turned is not self._held:
            self._held = None
        if self.is_over or turned is None or turned is self._held:
            return
        if turned is not self._moves[0]:
            self.doubt = Doubt.OTHER_MOVE
        elif seen.at_ns - self._asked_ns < REACTS_NS:
            self.doubt = Doubt.TOO_EARLY
        elif not self._has_relief(seen):
            # Just turned so far it may show little yet: it has until the time is over.
            self._is_flat = True
        else:
            self._moves.popleft()
            self._held, self._asked_ns, self._is_flat = turned, seen.at_ns, False
            self.is_live = not self._moves

    def _turned(self, seen: FaceSeen) -> Move | None:
        """Which way the head is turned by more than its measure; the most, where several."""
        assert self._straight is not None
        aside, down = seen.aside - self._straight[0], seen.down - self._straight[1]
        shares = {
            Move.LEFT: aside / TURNED[Move.LEFT],
            Move.RIGHT: -aside / TURNED[Move.RIGHT],
            Move.DOWN: down / TURNED[Move.DOWN],
            Move.UP: -down / TURNED[Move.UP],
        }
        most = max(shares, key=lambda move: shares[move])
        return most if shares[most] >= 1 else None

    def _has_relief(self, seen: FaceSeen) -> bool:
        before = self._before
        assert before is not None
        assert before.points is not None
        if seen.points is None or parted(before.points, seen.points) < LEAST_PARTED:
            return False
        if before.motion is None or seen.motion is None:
            return True
        if seen.motion.relief - before.motion.relief < LEAST_RELIEF:
            return False
        around = seen.motion.around
        goes_along = around is not None and around < STAYS_BEHIND
        return not (goes_along and seen.motion.moved > GOES_ALONG_FROM)


def moves_from(secret: bytes, count: int) -> list[Move]:
    """So many moves, none twice in a row; nobody foresees them who does not know the secret."""
    moves: list[Move] = []
    for byte in secret:
        free = [move for move in Move if not moves or move is not moves[-1]]
        # 252 is a multiple of 3 and 4: what is above would favour some.
        if byte < 252:
            moves.append(free[byte % len(free)])
        if len(moves) == count:
            return moves
    raise ValueError(f"{len(secret)} bytes are too few for {count} moves")
