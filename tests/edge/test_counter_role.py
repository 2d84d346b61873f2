"""At a counter a list is paid by a face and a word of its owner, and by nothing less."""

from collections.abc import Callable

import numpy as np
import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import CounterConfirmed, CounterWord, Event
from tebura_contract.faces import FaceState
from tebura_contract.geometry import Pose
from tebura_contract.ids import GateId, MemberId, NodeId, ShelfId, Sku, VisitId
from tebura_contract.layout import Gondola, Layout, Shelf, StoreInfo
from tebura_contract.messages import CounterLine, CounterListed, CounterState
from tebura_edge.counter_role import (
    AGAIN_NS,
    ASKED_NS,
    NO_FACE_NS,
    CounterHint,
    CounterRole,
    CounterShown,
    ThumbWanted,
)
from tebura_edge.face_gate import (
    LOCKED_NS,
    MOST_FAILURES,
    AtEase,
    FaceAsk,
    FacePolicy,
    Prompt,
    PromptKind,
)
from tebura_edge.face_seen import FaceSeen, Motion
from tebura_edge.role import CounterTapped, FaceCame, HandSeen

from tests.edge.face_points import posed
from tests.edge.test_face_gate import FRAME_NS, KEN, MIKA, MIKAS, START_NS, STRANGER, THRESHOLD
from tests.edge.test_face_gate import vector as face

NODE, COUNTER = NodeId("counter-1"), ShelfId("desk/top")
LAYOUT = Layout(
    store=StoreInfo(id="demo", name="Demo"),  # type: ignore[arg-type]
    gondola=(
        Gondola(
            id="desk",
            store_from_gondola=Pose(),
            size_m=(1.0, 0.4, 1.0),
            shelf=(
                Shelf(
                    id="top",
                    gondola_from_shelf=Pose(),
                    size_m=(1.0, 0.4, 0.1),
                    reports_picks=NODE,
                    is_counter=True,
                ),
            ),
        ),
    ),
)
LISTED = CounterListed(
    counter=COUNTER,
    state=CounterState.TO_PAY,
    visit=VisitId("gate-1-1-4"),
    member=MIKA,
    lines=(
        CounterLine(sku=Sku("tea"), quantity=2, amount_minor=324),
        CounterLine(sku=Sku("pan"), quantity=1, amount_minor=149),
    ),
    total_minor=473,
)
ASIDE = {
    PromptKind.TURN_LEFT: (0.35, 0.55),
    PromptKind.TURN_RIGHT: (-0.35, 0.55),
    PromptKind.LOOK_UP: (0.0, 0.35),
    PromptKind.LOOK_DOWN: (0.0, 0.75),
}


class Counter:
    """A counter's role with time, and somebody before its camera who does as the screen says."""

    def __init__(self, saved: bytes = b"") -> None:
        self.role = CounterRole(
            LAYOUT,
            NODE,
            b"a node's key",
            saved,
            faces=FacePolicy(THRESHOLD, moves=1),
            cameras={COUNTER: "eye"},
        )
        self.now_ns, self.track = START_NS, 1
        self.events: list[Event] = []
        self.asked: list[MemberId] = []
        self.move: PromptKind | None = None
        self.hints: list[str] = []
        self.is_thumb_wanted = False

    def take(self, events: list[Event]) -> None:
        self.events += events
        for aside in self.role.asides():
            match aside:
                case FaceAsk():
                    self.asked.append(aside.member)
                case Prompt():
                    self.move = aside.kind
                case ThumbWanted():
                    self.is_thumb_wanted = True
                case AtEase():
                    self.is_thumb_wanted, self.move = False, None
                case CounterShown():
                    self.hints.append(aside.hint.value)

    def tell(self, listed: CounterListed) -> None:
        self.take(self.role.step(listed))

    def wait(self, ns: int) -> None:
        self.now_ns += ns
        self.take(self.role.tick(self.now_ns))

    def answer(self, state: FaceState = FaceState.OPENED) -> None:
        template = MIKAS if state is FaceState.OPENED else None
        place = GateId(COUNTER)
        self.take(self.role.step(FaceCame(place, MIKA, state, template, self.now_ns)))

    def see(
        self,
        who: np.ndarray,
        *,
        pose: tuple[float, float] = (0.0, 0.55),
        others: int = 0,
        thumb: bool | None = None,
    ) -> None:
        """One frame; the thumb only where the camera was told to look for one."""
        is_turned = pose != (0.0, 0.55)
        motion = Motion(moved=0.3, relief=0.08 if is_turned else 0.0, around=0.2)
        seen = FaceSeen(
            "eye", self.now_ns, self.track, *pose, "" if not is_turned else "turned-away",
            others, motion, None if is_turned else who, posed(*pose),
        )  # fmt: skip
        self.take(self.role.step(seen))
        if thumb is not None and self.is_thumb_wanted:
            self.take(self.role.step(HandSeen("eye", thumb, self.now_ns)))
        self.wait(FRAME_NS)

    def listed(self) -> "Counter":
        """A whole list is there, and the template of its owner."""
        self.wait(0)
        self.tell(LISTED)
        self.wait(0)
        self.wait(2 * SECOND_NS)
        return self

    def confirmed(self) -> "Counter":
        """And their face was confirmed."""
        self.listed().answer()
        for _ in range(60):
            if self.is_thumb_wanted:
                return self
            for _ in range(4):
                self.see(face(0))
            if self.move in ASIDE:
                for _ in range(3):
                    self.see(face(0), pose=ASIDE[self.move])
        raise AssertionError(f"never confirmed: {self.hints}")

    def hold_thumb(self, frames: int = 15) -> None:
        for _ in range(frames):
            self.see(face(0), thumb=True)


def said(counter: Counter) -> list[CounterConfirmed]:
    return [event for event in counter.events if isinstance(event, CounterConfirmed)]


def test_a_face_and_a_thumb_held_for_a_second_pay_for_the_list_that_was_shown() -> None:
    counter = Counter().confirmed()
    began_ns = counter.now_ns
    counter.hold_thumb()
    (word,) = said(counter)
    assert (word.visit, word.member, word.total_minor) == (LISTED.visit, MIKA, 473)
    assert word.items == {"tea": 2, "pan": 1}
    assert word.word is CounterWord.THUMB
    assert word.at_ns - began_ns >= SECOND_NS
    assert counter.asked == [MIKA]
    assert counter.hints[-1] == CounterHint.SAID.value


def test_a_finger_on_the_screen_will_do_instead_but_only_after_the_face() -> None:
    counter = Counter().listed()
    counter.take(counter.role.step(CounterTapped(COUNTER, counter.now_ns)))
    assert said(counter) == []
    counter = Counter().confirmed()
    counter.take(counter.role.step(CounterTapped(COUNTER, counter.now_ns)))
    (word,) = said(counter)
    assert word.word is CounterWord.TAP


def test_without_a_word_nothing_is_said_and_the_face_is_asked_for_again() -> None:
    counter = Counter().confirmed()
    for _ in range(ASKED_NS // FRAME_NS + 2):
        counter.see(face(0), thumb=False)
    assert said(counter) == []
    assert not counter.is_thumb_wanted
    counter.wait(AGAIN_NS)
    counter.wait(FRAME_NS)
    assert counter.asked == [MIKA, MIKA]


def test_a_thumb_that_only_passes_or_trembles_is_no_word() -> None:
    counter = Counter().confirmed()
    for _ in range(5):
        counter.hold_thumb(6)
        for _ in range(4):
            counter.see(face(0), thumb=False)
    assert said(counter) == []


def test_a_slow_board_that_misses_a_thumb_now_and_then_sees_it_all_the_same() -> None:
    counter = Counter().confirmed()
    for n in range(7):
        counter.see(face(0), thumb=n != 3)
        counter.wait(4 * FRAME_NS)
    assert len(said(counter)) == 1


def test_a_thumb_before_the_face_is_confirmed_counts_for_nothing() -> None:
    counter = Counter().listed()
    counter.answer()
    for _ in range(20):
        counter.take(counter.role.step(HandSeen("eye", True, counter.now_ns)))
        counter.see(STRANGER)
    assert said(counter) == []


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(lambda c: setattr(c, "track", 2), id="another-face"),
        pytest.param(lambda c: c.see(face(0), others=1), id="a-second-face"),
        pytest.param(
            lambda c: c.tell(LISTED.__class__(counter=COUNTER, state=CounterState.CHECKING)),
            id="the-list-changes",
        ),
    ],
)
def test_what_comes_between_face_and_thumb_takes_the_question_back(
    disturb: Callable[[Counter], None],
) -> None:
    counter = Counter().confirmed()
    disturb(counter)
    counter.hold_thumb()
    counter.take(counter.role.step(CounterTapped(COUNTER, counter.now_ns)))
    assert said(counter) == []


def test_a_stranger_s_face_pays_for_nothing_and_after_five_is_not_tried_again() -> None:
    counter = Counter().listed()
    for _ in range(MOST_FAILURES):
        counter.answer()
        for _ in range(12):
            counter.see(STRANGER, thumb=True)
        counter.wait(AGAIN_NS)
        counter.wait(FRAME_NS)
    assert len(counter.asked) == MOST_FAILURES
    again = Counter(counter.role.save())
    again.now_ns = counter.now_ns
    again.wait(0)
    again.wait(60 * SECOND_NS)
    assert again.asked == [], "a restart does not forget it"
    again.wait(LOCKED_NS)
    again.wait(FRAME_NS)
    assert again.asked == [MIKA]
    assert said(counter) == []


@pytest.mark.parametrize("state", [FaceState.NOT_ENROLLED, FaceState.NO_KEY, FaceState.UNREACHABLE])
def test_who_has_no_face_to_compare_is_shown_the_phone(state: FaceState) -> None:
    counter = Counter().listed()
    counter.answer(state)
    for _ in range(30):
        counter.see(face(0), thumb=True)
    assert said(counter) == []
    assert counter.hints[-1] == CounterHint.PHONE.value
    counter.wait(NO_FACE_NS)
    counter.wait(FRAME_NS)
    assert counter.asked == [MIKA, MIKA], "their phone may lend its key meanwhile"


def test_nobody_is_looked_at_before_the_list_is_whole_or_for_a_walk_up() -> None:
    counter = Counter()
    counter.wait(0)
    for state in (CounterState.CHECKING, CounterState.STAFF, CounterState.PAYING):
        counter.tell(CounterListed(counter=COUNTER, state=state, member=MIKA, visit=LISTED.visit))
        counter.wait(10 * SECOND_NS)
    counter.tell(CounterListed(counter=COUNTER, state=CounterState.TO_PAY, visit=LISTED.visit))
    counter.wait(10 * SECOND_NS)
    counter.wait(10 * SECOND_NS)
    assert counter.asked == []
    assert counter.hints[-1] == CounterHint.EXIT.value


def test_a_word_is_said_once_until_the_gateway_answers() -> None:
    counter = Counter().confirmed()
    counter.hold_thumb(40)
    counter.wait(60 * SECOND_NS)
    counter.wait(60 * SECOND_NS)
    assert len(said(counter)) == 1
    assert counter.asked == [MIKA]
    # The gateway did not take it: the same list comes again, and is asked about anew.
    counter.tell(LISTED)
    counter.wait(0)
    counter.wait(2 * SECOND_NS)
    assert counter.asked == [MIKA, MIKA]


def test_a_restart_keeps_the_list_and_forgets_the_face() -> None:
    counter = Counter().confirmed()
    again = Counter(counter.role.save())
    again.now_ns = counter.now_ns
    again.wait(0)
    for _ in range(20):
        again.take(again.role.step(HandSeen("eye", True, again.now_ns)))
        again.take(again.role.step(CounterTapped(COUNTER, again.now_ns)))
        again.wait(FRAME_NS)
    assert said(again) == []
    assert again.asked == [MIKA]


def test_a_command_for_another_counter_is_none_of_its_business() -> None:
    counter = Counter()
    counter.wait(0)
    counter.tell(CounterListed(counter=ShelfId("x/y"), state=CounterState.TO_PAY, member=KEN))
    counter.wait(10 * SECOND_NS)
    assert counter.asked == []
