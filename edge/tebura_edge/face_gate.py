"""One entry by face: a code claims who it is, several frames and a challenge confirm it. Pure.

A claim lives in memory, for `CLAIM_NS` at most; a restart ends it and whoever stands there shows
the code again. It never ends well for want of something: no template, no face, no threshold, too
few frames, time over and doubt about life all end without an entry. Failures are counted by
member; after `MOST_FAILURES` only staff, or an hour, lets the face of that member be tried again.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import FaceVerdict
from tebura_contract.face_threshold import FaceThreshold
from tebura_contract.faces import FaceState, FaceTemplate
from tebura_contract.ids import GateId, MemberId

from tebura_edge.face_life import Challenge, Move, moves_from
from tebura_edge.face_light import SLOT_NS, LightTest, Tint, tints_from
from tebura_edge.face_match import Vote, vote
from tebura_edge.face_seen import FaceSeen
from tebura_edge.face_usual import AT_FIRST, Came, Usual

CLAIM_NS: Final = 15 * SECOND_NS
"""Two moves take some three seconds; the rest is for who has to put something down first."""
MOST_TINTS: Final = CLAIM_NS // SLOT_NS
MOST_VECTORS: Final = 30
OTHER_FRAMES: Final = 5
"""So many frames of somebody else end a claim; the first may be of who stood there before."""
MOST_FAILURES: Final = 5
LOCKED_NS: Final = 3600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class FacePolicy:
    """How a gate uses faces.

    `moves` are asked of everybody who is enrolled. `without_gateway` lets members in by their code
    alone while nobody can say whether they have a face enrolled; else they are sent to staff. With
    `light` the screen's colours must lie on the face, too.
    """

    threshold: FaceThreshold
    moves: int = 2
    light: bool = False
    without_gateway: bool = False


class PromptKind(StrEnum):
    """What a gate's screen asks of who stands there."""

    LOOK_HERE = "look-here"
    ONE_AT_A_TIME = "one-at-a-time"
    TURN_LEFT = Move.LEFT.value
    TURN_RIGHT = Move.RIGHT.value
    LOOK_UP = Move.UP.value
    LOOK_DOWN = Move.DOWN.value


@dataclass(frozen=True, slots=True)
class FaceAsk:
    """The gate wants to know whether a member has a face enrolled."""

    gate: GateId
    member: MemberId


@dataclass(frozen=True, slots=True)
class Prompt:
    """The gate asks something of who stands there; the camera attends until `until_ns`.

    A counter is a place like a gate here, by its own name. With a `light` its screen begins to go
    through these colours, until it says something that is no prompt.
    """

    gate: GateId
    kind: PromptKind
    until_ns: int
    light: tuple[Tint, ...] = ()


@dataclass(frozen=True, slots=True)
class AtEase:
    """Nobody is attended to at a gate any more: its camera looks away."""

    gate: GateId


Aside = FaceAsk | Prompt | AtEase
"""What a gate wants done that is no fact."""


class Ending(StrEnum):
    """How a claim ended."""

    CONFIRMED = "confirmed"
    BY_CODE = "by-code"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ended:
    """A claim's end. `verdict` is None where no face was wanted or could be.

    `light` is how the screen's came back, where everything else held.
    """

    ending: Ending
    verdict: FaceVerdict | None = None
    distance: float | None = None
    is_live: bool = False
    is_failure: bool = False
    light: Came | None = None


@dataclass
class Claim:
    """A member whose code was good, and what was seen of who showed it.

    `code_step` is None where it was their palm. The screen's light has to come back as `usual`.
    """

    gate: GateId
    member: MemberId
    code_step: int | None
    began_ns: int
    policy: FacePolicy
    secret: bytes = field(repr=False)
    usual: Usual = AT_FIRST
    _template: FaceTemplate | None = field(default=None, repr=False)
    _challenge: Challenge | None = None
    _light: LightTest | None = None
    _shone_ns: int | None = None
    _track: int | None = None
    _vectors: list[NDArray[np.float32]] = field(default_factory=list, repr=False)
    _said: PromptKind | None = None

    @property
    def until_ns(self) -> int:
        return self.began_ns + CLAIM_NS

    @property
    def was_asked_to_move(self) -> bool:
        return self._challenge is not None and (
            self._challenge.wanted is not None or self._challenge.is_over
        )

    def came(self, state: FaceState, template: FaceTemplate | None) -> Ended | None:
        """What the gateway says of the member's face."""
        match state:
            case FaceState.OPENED if template is not None and template.network == self._network:
                self._template = template
                return None
            case FaceState.NOT_ENROLLED:
                return Ended(Ending.BY_CODE)
            case FaceState.UNREACHABLE if self.policy.without_gateway:
                return Ended(Ending.BY_CODE)
            case _:
                # Enrolled, and not to be compared: another network's, or no key came.
                return Ended(Ending.REFUSED)

    def shone(self, began_ns: int) -> None:
        """The screen says when it began to go through its colours; its first word counts."""
        if self._shone_ns is None and began_ns >= self.began_ns:
            self._shone_ns = began_ns
            if self._light is not None:
                self._light.began_ns = began_ns

    def see(self, seen: FaceSeen) -> Ended | None:
        """One sight of the nearest face. All that counts is of one face, followed throughout."""
        if seen.track != self._track:
            if self.was_asked_to_move:
                return self._failed()
            self._track, self._challenge, self._light = seen.track, None, None
            self._vectors.clear()
        if seen.others:
            self._vectors.clear()
            self._light = None
            return self._failed() if self.was_asked_to_move else None
        if self.policy.light:
            if self._light is None:
                self._light = LightTest(self._tints(), self.usual)
                self._light.began_ns = self._shone_ns
            self._light.see(seen)
        if seen.vector is not None and len(self._vectors) < MOST_VECTORS:
            self._vectors.append(seen.vector)
        if self._template is None:
            return None
        now = self._vote()
        if now is not None and now.is_other and now.frames >= OTHER_FRAMES:
            return Ended(Ending.REFUSED, FaceVerdict.NO_MATCH, now.distance, is_failure=True)
        if self._challenge is None:
            self._challenge = Challenge(moves_from(self._draw(seen.track), self.policy.moves))
        self._challenge.see(seen)
        return self._judge()

    def pass_time(self, now_ns: int) -> Ended | None:
        if self._challenge is not None:
            self._challenge.pass_time(now_ns)
        if now_ns > self.until_ns:
            return self._failed()
        return self._judge()

    def abandon(self) -> Ended:
        """Somebody else's code is shown: whoever was asked to move and did not has failed."""
        return self._failed()

    @property
    def has_template(self) -> bool:
        """Whether there is something to compare with."""
        return self._template is not None

    @property
    def asks(self) -> PromptKind:
        """What the screen asks of who stands there."""
        return self._said or PromptKind.LOOK_HERE

    def prompt(self, seen_others: bool) -> Prompt | None:
        """What the screen should ask now, if it has not just done so."""
        kind = PromptKind.LOOK_HERE
        if seen_others:
            kind = PromptKind.ONE_AT_A_TIME
        elif self._challenge is not None and self._challenge.wanted is not None:
            kind = PromptKind(self._challenge.wanted.value)
        if kind is self._said:
            return None
        begins = self._said is None and self.policy.light
        self._said = kind
        return Prompt(self.gate, kind, self.until_ns, tuple(self._tints()) if begins else ())

    @property
    def _network(self) -> str:
        return self.policy.threshold.network

    def _vote(self) -> Vote | None:
        if self._template is None:
            return None
        return vote(self._template, self._vectors, self.policy.threshold)

    def _judge(self) -> Ended | None:
        challenge, now = self._challenge, self._vote()
        if challenge is None or not challenge.is_over:
            return None
        is_match = now is not None and now.is_match
        came = self._light.came if self._light is not None and is_match else None
        if challenge.doubt is not None:
            return self._failed()
        if self._light is not None and self._light.is_dark:
            return replace(self._failed(), light=came)
        if now is not None and is_match and self._is_lit:
            return Ended(
                Ending.CONFIRMED, FaceVerdict.MATCH, now.distance, is_live=True, light=came
            )
        # A living face of which too few frames could be compared yet: it looks here again.
        return None

    @property
    def _is_lit(self) -> bool:
        """Whether the screen's light lies on the face, where that is asked for."""
        return not self.policy.light or (self._light is not None and self._light.is_live)

    def _failed(self) -> Ended:
        now = self._vote()
        is_live = self._challenge is not None and self._challenge.is_live and self._is_lit
        distance = now.distance if now else None
        return Ended(
            Ending.REFUSED, FaceVerdict.UNSURE, distance, is_live, is_failure=self.was_asked_to_move
        )

    def _draw(self, track: int) -> bytes:
        """Bytes for the moves: the same in a replay, foreseen by nobody without the key."""
        text = f"moves\n{self.gate}\n{self.member}\n{self.began_ns}\n{track}".encode()
        return hmac.new(self.secret, text, hashlib.sha256).digest()

    def _tints(self) -> list[Tint]:
        """The screen's colours while this claim lasts, by the same rule."""
        text = f"light\n{self.gate}\n{self.member}\n{self.began_ns}"
        # Twice what is wanted: some bytes are no colour.
        parts = [
            hmac.new(self.secret, f"{text}\n{part}".encode(), hashlib.sha512).digest()
            for part in range(2)
        ]
        return tints_from(b"".join(parts), MOST_TINTS)


class Failures:
    """How often the face of each member failed, and when last; survives a restart."""

    def __init__(self, saved: Sequence[tuple[MemberId, int, int]]) -> None:
        self._of = {member: (count, at_ns) for member, count, at_ns in saved}

    def note(self, member: MemberId, at_ns: int) -> None:
        count, _ = self._of.get(member, (0, 0))
        self._of[member] = count + 1, at_ns

    def clear(self, member: MemberId) -> None:
        self._of.pop(member, None)

    def count(self, member: MemberId) -> int:
        return self._of.get(member, (0, 0))[0]

    def is_locked(self, member: MemberId) -> bool:
        return self.count(member) >= MOST_FAILURES

    def forget(self, now_ns: int) -> None:
        """An hour after the last one they count no more."""
        for member in [m for m, (_, at) in self._of.items() if now_ns - at > LOCKED_NS]:
            del self._of[member]

    def saved(self) -> tuple[tuple[MemberId, int, int], ...]:
        return tuple((member, count, at_ns) for member, (count, at_ns) in self._of.items())
