"""The counters of a node: a face confirms whose list it is, a thumb or a tap says that it is paid.

The gateway tells what is to be paid and by whom; this role has the face of that member confirmed as
a gate does (`face_gate.Claim`, with a move), and then waits for a thumbs-up that is held up beside
that same face, or a finger on the screen. Only then is it said; what a list costs, whether it still
is that list, and the money are the gateway's. Pure; nothing of a face survives a restart.

Nothing is said for want of something: no face, another face, two faces, a thumb that comes down
again, a list that changes meanwhile, and time over all leave it unsaid, and the phone can pay as
ever. Failures are counted as at a gate; after five that member's face is not tried for an hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns
from tebura_contract.codec import decode, encode
from tebura_contract.events import CounterConfirmed, CounterWord, Event
from tebura_contract.ids import GateId, MemberId, NodeId, ShelfId
from tebura_contract.layout import Layout
from tebura_contract.messages import CounterListed, CounterState

from tebura_edge.face_gate import (
    Aside,
    AtEase,
    Claim,
    Ending,
    FaceAsk,
    FacePolicy,
    Failures,
    PromptKind,
)
from tebura_edge.role import CounterTapped, FaceCame, FaceSeen, HandSeen, Input

SETTLED_NS: Final = 1500 * MILLISECOND_NS
"""A list that has not changed for so long is whole: hands take about that from thing to thing."""
AGAIN_NS: Final = 4 * SECOND_NS
"""After a try that came to nothing somebody may look up again."""
NO_FACE_NS: Final = 20 * SECOND_NS
"""After it turned out that there is no face to compare; a phone may lend its key meanwhile."""
ASKED_NS: Final = 12 * SECOND_NS
"""So long a thumb or a finger is waited for once the face is known."""
HELD_NS: Final = SECOND_NS
HELD_SIGHTS: Final = 5
"""So long, and in so many pictures, a thumb must be up; hands pass through such a pose."""
GAP_NS: Final = SECOND_NS
"""Between two sights of one thumb at most: a slow board looks twice a second."""
MOST_MISSES: Final = 1
"""Sights without a thumb in a row that do not end it: the network misses one in twenty."""
MAX_SAVED_BYTES: Final = 1024 * 1024


class CounterHint(StrEnum):
    """What a counter's screen says beside the list, where it is no move of the head."""

    NONE = ""
    THUMB = "thumb"
    PHONE = "phone"
    EXIT = "exit"
    SAID = "said"


@dataclass(frozen=True, slots=True)
class CounterShown:
    """What a counter's screen is to show. Whose list it is, is not in it."""

    counter: ShelfId
    listed: CounterListed
    hint: CounterHint | PromptKind = CounterHint.NONE


@dataclass(frozen=True, slots=True)
class ThumbWanted:
    """A counter's camera looks for a thumb beside the face until then."""

    gate: GateId
    until_ns: int


CounterAside = Aside | ThumbWanted | CounterShown
"""What a counter wants done that is no fact."""


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    listed: tuple[CounterListed, ...] = ()
    failures: tuple[tuple[MemberId, int, int], ...] = ()


@dataclass(slots=True)
class _Asked:
    """A face is confirmed; a word is waited for. It has to come while that face stays in sight."""

    until_ns: int
    track: int
    up_since_ns: int | None = None
    up_last_ns: int = 0
    sights: int = 0
    misses: int = 0


@dataclass(slots=True)
class _Counter:
    listed: CounterListed
    since_ns: int | None = None
    claim: Claim | None = None
    asked: _Asked | None = None
    rests_until_ns: int = 0
    is_said: bool = False
    shown: CounterShown | None = None


class CounterRole:
    """All counters of one node.

    Args:
        layout: Which shelves are counters.
        node: This node; it serves those whose picks it reports.
        secret: Draws the moves that are asked for.
        saved: What `save` gave before the restart; ``b""`` on the first start.
        faces: How faces are confirmed; None: lists are only shown.
        cameras: Label of the camera that sees who stands at a counter.

    Raises:
        DecodeError: If `saved` is not what `save` gave.
    """

    def __init__(
        self,
        layout: Layout,
        node: NodeId,
        secret: bytes,
        saved: bytes,
        *,
        faces: FacePolicy | None,
        cameras: Mapping[ShelfId, str],
    ) -> None:
        state = decode(saved, _Saved, limit_bytes=MAX_SAVED_BYTES) if saved else _Saved()
        before = {listed.counter: listed for listed in state.listed}
        self._counters = {
            name: _Counter(
                before.get(name) or CounterListed(counter=name, state=CounterState.EMPTY)
            )
            for name, serves in layout.counters().items()
            if serves == node
        }
        self._secret, self._faces = secret, faces
        self._counter_of = {camera: name for name, camera in cameras.items()}
        self._seen_by = dict(cameras)
        self._failures = Failures(state.failures)
        self._asides: list[CounterAside] = []
        self._now_ns: int | None = None

    def step(self, item: Input) -> list[Event]:
        match item:
            case CounterListed() if item.counter in self._counters:
                self._take(self._counters[item.counter], item)
            case FaceCame():
                self._came(item)
            case FaceSeen() if item.camera in self._counter_of:
                self._face_seen(self._counters[self._counter_of[item.camera]], item)
            case HandSeen() if item.camera in self._counter_of:
                return self._hand_seen(self._counters[self._counter_of[item.camera]], item)
            case CounterTapped() if item.counter in self._counters:
                counter = self._counters[item.counter]
                if counter.asked is not None:
                    return [self._said(counter, CounterWord.TAP, item.at_ns)]
            case _:
                pass
        return []

    def tick(self, now_ns: int) -> list[Event]:
        self._now_ns = max(now_ns, self._now_ns or now_ns)
        self._failures.forget(now_ns)
        for counter in self._counters.values():
            if counter.since_ns is None:
                counter.since_ns = now_ns
            if counter.asked is not None and now_ns > counter.asked.until_ns:
                self._give_up(counter, now_ns, AGAIN_NS)
            if counter.claim is not None and counter.asked is None:
                self._judge(counter, now_ns)
            self._begin(counter, now_ns)
            self._show(counter)
        return []

    def asides(self) -> list[CounterAside]:
        """What is to be done at once that is no fact; each is told once."""
        told, self._asides = self._asides, []
        return told

    def watermark_ns(self) -> int | None:
        return self._now_ns

    def save(self) -> bytes:
        listed = tuple(counter.listed for counter in self._counters.values())
        return encode(_Saved(listed=listed, failures=self._failures.saved()))

    def _take(self, counter: _Counter, listed: CounterListed) -> None:
        """Another list, or another state of it: what was asked about the one before is void."""
        self._let_go(counter)
        counter.listed, counter.is_said = listed, False
        # Counts from the next tick on: a command has no time of its own.
        counter.since_ns, counter.rests_until_ns = None, 0

    def _came(self, came: FaceCame) -> None:
        counter = self._counters.get(ShelfId(came.gate))
        claim = counter.claim if counter is not None else None
        if counter is None or claim is None or claim.member != came.member:
            return
        if claim.came(came.state, came.template) is not None:
            # Nothing to compare with: no face enrolled, no key lent, no gateway.
            self._give_up(counter, came.at_ns, NO_FACE_NS)

    def _begin(self, counter: _Counter, now_ns: int) -> None:
        """Look for the member's face, once their list is whole."""
        listed, policy = counter.listed, self._faces
        if policy is None or listed.member is None or listed.state is not CounterState.TO_PAY:
            return
        is_early = now_ns < max((counter.since_ns or now_ns) + SETTLED_NS, counter.rests_until_ns)
        is_off = counter.claim is not None or counter.is_said or is_early
        if is_off or listed.counter not in self._seen_by or self._failures.is_locked(listed.member):
            return
        # As far as faces go a counter is a place like a gate; its name has a slash, a gate's none.
        place = GateId(listed.counter)
        counter.claim = Claim(place, listed.member, None, now_ns, policy, secret=self._secret)
        self._asides.append(FaceAsk(place, listed.member))
        self._prompt(counter.claim, has_others=False)

    def _face_seen(self, counter: _Counter, seen: FaceSeen) -> None:
        claim, asked = counter.claim, counter.asked
        if claim is None or seen.at_ns < claim.began_ns:
            return
        if asked is not None:
            if seen.track != asked.track or seen.others:
                self._give_up(counter, seen.at_ns, AGAIN_NS)
            return
        ended = claim.see(seen)
        if ended is None:
            self._prompt(claim, has_others=seen.others > 0)
        elif ended.ending is Ending.CONFIRMED:
            self._failures.clear(claim.member)
            counter.asked = _Asked(seen.at_ns + ASKED_NS, seen.track)
            self._asides.append(ThumbWanted(claim.gate, counter.asked.until_ns))
        else:
            self._fail(counter, claim, seen.at_ns, is_failure=ended.is_failure)

    def _judge(self, counter: _Counter, now_ns: int) -> None:
        claim = counter.claim
        assert claim is not None
        ended = claim.pass_time(now_ns)
        # Confirmed it is only by a sight: a word needs the face that is there now.
        if ended is not None and ended.ending is not Ending.CONFIRMED:
            self._fail(counter, claim, now_ns, is_failure=ended.is_failure)

    def _fail(self, counter: _Counter, claim: Claim, at_ns: int, *, is_failure: bool) -> None:
        if is_failure:
            self._failures.note(claim.member, at_ns)
        self._give_up(counter, at_ns, AGAIN_NS)

    def _hand_seen(self, counter: _Counter, seen: HandSeen) -> list[Event]:
        asked = counter.asked
        if asked is None:
            return []
        if not seen.is_thumb_up:
            asked.misses += 1
            if asked.misses > MOST_MISSES:
                asked.up_since_ns = None
            return []
        if asked.up_since_ns is None or seen.at_ns - asked.up_last_ns > GAP_NS:
            asked.up_since_ns, asked.sights = seen.at_ns, 0
        asked.up_last_ns, asked.sights, asked.misses = seen.at_ns, asked.sights + 1, 0
        if asked.sights < HELD_SIGHTS or seen.at_ns - asked.up_since_ns < HELD_NS:
            return []
        return [self._said(counter, CounterWord.THUMB, seen.at_ns)]

    def _said(self, counter: _Counter, word: CounterWord, at_ns: int) -> Event:
        listed = counter.listed
        assert listed.visit is not None
        assert listed.member is not None
        assert self._faces is not None
        self._let_go(counter)
        # Until the gateway has answered; a list that it refuses comes back, and is asked anew.
        counter.is_said = True
        return CounterConfirmed(
            counter=listed.counter,
            visit=listed.visit,
            member=listed.member,
            items=listed.items(),
            total_minor=listed.total_minor,
            word=word,
            threshold_id=self._faces.threshold.id,
            at_ns=Ns(at_ns),
        )

    def _give_up(self, counter: _Counter, at_ns: int, rests_ns: int) -> None:
        self._let_go(counter)
        counter.rests_until_ns = at_ns + rests_ns

    def _let_go(self, counter: _Counter) -> None:
        if counter.claim is not None:
            self._asides.append(AtEase(counter.claim.gate))
        counter.claim = counter.asked = None

    def _prompt(self, claim: Claim, *, has_others: bool) -> None:
        prompt = claim.prompt(has_others)
        if prompt is not None:
            self._asides.append(prompt)

    def _show(self, counter: _Counter) -> None:
        shown = CounterShown(counter.listed.counter, counter.listed, self._hint(counter))
        if shown != counter.shown:
            counter.shown = shown
            self._asides.append(shown)

    def _hint(self, counter: _Counter) -> CounterHint | PromptKind:
        if counter.listed.state is not CounterState.TO_PAY:
            return CounterHint.NONE
        if counter.is_said:
            return CounterHint.SAID
        if counter.asked is not None:
            return CounterHint.THUMB
        if counter.listed.member is None:
            return CounterHint.EXIT
        if counter.claim is not None and counter.claim.has_template:
            return counter.claim.asks
        return CounterHint.PHONE
