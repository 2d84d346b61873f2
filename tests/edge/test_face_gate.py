"""A code claims, a face confirms: who comes in, who does not, and that nothing opens for want."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from tebura_contract.binomial import clopper_pearson
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS
from tebura_contract.entry_code import STEP_S, make_code, member_key, new_member_id
from tebura_contract.events import (
    EntryRefused,
    Event,
    FaceAuth,
    FaceVerdict,
    Modality,
    RefusalReason,
    ShopperEntered,
)
from tebura_contract.face_threshold import ErrorRate, FaceOrigin, FaceThreshold
from tebura_contract.faces import FaceState, FaceTemplate
from tebura_contract.ids import EventId, GateId, MemberId, NodeId
from tebura_contract.layout import Gate, GateDirection, Layout, StoreInfo
from tebura_contract.messages import MemberAdmitted
from tebura_edge.face_gate import (
    CLAIM_NS,
    LOCKED_NS,
    MOST_FAILURES,
    AtEase,
    FaceAsk,
    FacePolicy,
    Prompt,
    PromptKind,
)
from tebura_edge.face_life import ANSWERS_NS
from tebura_edge.face_light import SLOT_NS, Tint
from tebura_edge.face_match import template_of
from tebura_edge.face_seen import FaceSeen, Motion
from tebura_edge.face_usual import MEMBERS
from tebura_edge.gate_role import GROUP_NS, GateRole
from tebura_edge.role import CodeRead, FaceCame, ScreenShone

from tests.edge.face_points import posed
from tests.edge.lit_faces import Shown

STORE = "demo"
KEY = b"store key of thirty-two bytes....."
MIKA, KEN = new_member_id(b"mika....."), new_member_id(b"ken......")
STEP_NS = STEP_S * SECOND_NS
START_NS = 1_763_000_000 * SECOND_NS // STEP_NS * STEP_NS
NODE, DOOR = NodeId("gate-1"), GateId("door")
LAYOUT = Layout(
    store=StoreInfo(id=STORE, name="Demo"),  # type: ignore[arg-type]
    gate=(Gate(id=DOOR, node=NODE, direction=GateDirection.ENTRY),),
)
FRAME_NS = SECOND_NS // 10
SHOWS_NS = 30 * MILLISECOND_NS
"""From when the page is told until it shows."""
SIZE = 192
LIT: dict[str, float] = {"skin": 0.1}


def rate(count: int, of: int) -> ErrorRate:
    low, high = clopper_pearson(count, of)
    return ErrorRate(count=count, of=of, low=low, high=high)


THRESHOLD = FaceThreshold(
    id="test.1",
    network="mobilefacenet",
    distance=0.4,
    spread=0.05,
    false_match=rate(0, 1000),
    people_matched=rate(0, 1000),
    false_non_match=rate(0, 100),
    origin=FaceOrigin(
        data="made up",
        sha256="0" * 64,
        measured_on="2026-11-22",
        people=9,
        pictures=9,
        not_detected=0,
        nearest_different=None,
        furthest_same=None,
    ),
)


def vector(direction: int, off: float = 0.0) -> np.ndarray:
    """A unit vector along one of the axes, and a little along another."""
    row = np.zeros(SIZE, np.float32)
    row[direction], row[direction + 1] = np.sqrt(1 - off**2), off
    return row


MIKAS = template_of("mobilefacenet", np.stack([vector(0), vector(0, 0.1)]))
STRANGER = vector(50)


STRAIGHT, HEAD = Motion(0.02, 0.004, None), Motion(0.5, 0.08, 0.5)
"""What corners say of somebody who looks straight, and of a head that is turned."""


class Door:
    """A gate's role with time, and a face that does as it is told."""

    def __init__(
        self, saved: bytes = b"", *, without_gateway: bool = False, light: bool = False
    ) -> None:
        policy = FacePolicy(THRESHOLD, moves=2, light=light, without_gateway=without_gateway)
        self.role = GateRole(
            LAYOUT, NODE, [KEY], saved, {DOOR: "reader"}, faces=policy, face_cameras={DOOR: "eye"}
        )
        self.now_ns = START_NS
        self.events: list[Event] = []
        self.prompts: list[PromptKind] = []
        self.asked: list[MemberId] = []
        self.is_at_ease = True
        self.track = 1
        self.light: tuple[Tint, ...] = ()
        self.lit_ns = 0
        self.shown: Shown | None = None

    def take(self, events: list[Event]) -> list[Event]:
        for n, event in enumerate(events):
            self.role.recorded(EventId(NODE, 1, len(self.events) + n), event)
        self.events += events
        for aside in self.role.asides():
            match aside:
                case FaceAsk():
                    self.asked.append(aside.member)
                case Prompt():
                    self.prompts.append(aside.kind)
                    if aside.light:
                        self.light, self.lit_ns = aside.light, self.now_ns + SHOWS_NS
                    self.is_at_ease = False
                case AtEase():
                    self.is_at_ease = True
        return events

    def show(self, member: MemberId = MIKA) -> list[Event]:
        key = member_key(KEY, STORE, member)  # type: ignore[arg-type]
        text = make_code(key, STORE, member, self.now_ns)  # type: ignore[arg-type]
        return self.take(self.role.step(CodeRead("reader", text, self.now_ns)))

    def answer(
        self, state: FaceState, template: FaceTemplate | None = None, member: MemberId = MIKA
    ) -> list[Event]:
        return self.take(self.role.step(FaceCame(DOOR, member, state, template, self.now_ns)))

    def wait(self, ns: int) -> list[Event]:
        self.now_ns += ns
        return self.take(self.role.tick(self.now_ns))

    def see(
        self,
        who: np.ndarray | None,
        aside: float = 0.0,
        down: float = 0.55,
        is_flat: bool = False,
        motion: Motion | None = HEAD,
        others: int = 0,
    ) -> list[Event]:
        self.now_ns += FRAME_NS
        is_straight = abs(aside) < 0.05 and abs(down - 0.55) < 0.05
        seen = FaceSeen(
            camera="eye",
            at_ns=self.now_ns,
            track=self.track,
            aside=aside,
            down=down,
            fault="" if is_straight else "turned-away",
            others=others,
            motion=STRAIGHT if is_straight else motion,
            vector=who if is_straight else None,
            points=posed(aside, down, is_flat=is_flat),
            glow=self.shown(self.now_ns) if self.shown else None,
        )
        return self.take(self.role.step(seen)) + self.take(self.role.tick(self.now_ns))

    def look_straight(self, who: np.ndarray | None, frames: int = 5) -> list[Event]:
        return [event for _ in range(frames) for event in self.see(who)]

    def do_as_asked(
        self, who: np.ndarray | None, *, is_flat: bool = False, motion: Motion | None = HEAD
    ) -> list[Event]:
        """Straight, then each move a third of a second after it was asked for."""
        told = self.look_straight(who)
        for _ in range(6):
            if not self.prompts or self.prompts[-1] not in TURNS or told:
                break
            asked = self.prompts[-1]
            told += self.look_straight(who, 3)
            aside, down = TURNS[asked]
            for share in (0.5, 1.0):
                if not told:
                    told += self.see(who, share * aside, 0.55 + share * down, is_flat, motion)
            if not told:
                told += self.look_straight(who, 1)
        return told

    @property
    def entered(self) -> ShopperEntered | None:
        return next((e for e in self.events if isinstance(e, ShopperEntered)), None)

    def reasons(self) -> list[RefusalReason]:
        return [event.reason for event in self.events if isinstance(event, EntryRefused)]

    def auth(self) -> FaceAuth:
        (found,) = [event for event in self.events if isinstance(event, FaceAuth)]
        return found


TURNS = {
    PromptKind.TURN_LEFT: (0.32, 0.0),
    PromptKind.TURN_RIGHT: (-0.32, 0.0),
    PromptKind.LOOK_UP: (0.0, -0.17),
    PromptKind.LOOK_DOWN: (0.0, 0.17),
}


def claimed(template: FaceTemplate | None = MIKAS) -> Door:
    """Somebody showed Mika's code, and her template came."""
    door = Door()
    assert door.show() == []
    door.answer(FaceState.OPENED, template)
    return door


def test_a_face_that_confirms_its_code_and_does_as_asked_comes_in() -> None:
    door = claimed()
    door.do_as_asked(vector(0, 0.2))
    assert door.entered is not None
    assert (door.entered.member, door.entered.by) == (MIKA, (Modality.CODE, Modality.FACE))
    auth = door.auth()
    assert (auth.verdict, auth.is_live, auth.threshold_id) == (FaceVerdict.MATCH, True, "test.1")
    assert auth.distance is not None
    assert auth.distance < THRESHOLD.distance
    assert door.is_at_ease


def test_the_gateway_is_asked_about_the_member_whose_code_it_was() -> None:
    door = Door()
    door.show()
    assert door.asked == [MIKA]
    assert door.prompts == [PromptKind.LOOK_HERE]
    assert not door.is_at_ease


def test_a_member_without_a_face_enrolled_comes_in_by_code() -> None:
    door = Door()
    door.show()
    door.answer(FaceState.NOT_ENROLLED)
    assert door.entered is not None
    assert door.entered.by == (Modality.CODE,)


def test_somebody_else_does_not_come_in_however_they_move() -> None:
    door = claimed()
    door.do_as_asked(STRANGER)
    assert door.entered is None
    assert door.auth().verdict is FaceVerdict.NO_MATCH
    assert door.reasons() == [RefusalReason.FACE]


@pytest.mark.parametrize("motion", [HEAD, None], ids=["corners-strayed", "no-corners"])
def test_a_flat_picture_that_is_turned_as_asked_does_not_come_in(motion: Motion | None) -> None:
    door = claimed()
    door.do_as_asked(vector(0), is_flat=True, motion=motion)
    door.wait(ANSWERS_NS)
    assert door.entered is None
    assert not door.auth().is_live


@pytest.mark.parametrize(
    "motion",
    [
        pytest.param(Motion(0.5, 0.01, 0.5), id="corners-on-a-plane"),
        pytest.param(Motion(0.5, 0.08, 0.01), id="what-is-behind-goes-along"),
    ],
)
def test_points_that_part_do_not_help_where_corners_say_that_it_is_flat(motion: Motion) -> None:
    door = claimed()
    door.do_as_asked(vector(0), motion=motion)
    door.wait(ANSWERS_NS)
    assert door.entered is None
    assert not door.auth().is_live


@pytest.mark.parametrize(
    ("state", "template"),
    [
        pytest.param(FaceState.NO_KEY, None, id="phone-sent-no-key"),
        pytest.param(FaceState.UNREACHABLE, None, id="gateway-away"),
        pytest.param(FaceState.OPENED, None, id="opened-but-empty"),
        pytest.param(
            FaceState.OPENED, template_of("another", np.stack([vector(0)])), id="another-network"
        ),
    ],
)
def test_what_cannot_be_compared_opens_nothing(
    state: FaceState, template: FaceTemplate | None
) -> None:
    door = Door()
    door.show()
    door.answer(state, template)
    door.do_as_asked(vector(0))
    assert door.entered is None
    assert door.reasons() == [RefusalReason.FACE]


def test_a_shop_may_let_codes_do_while_the_gateway_is_away_and_only_then() -> None:
    door = Door(without_gateway=True)
    door.show()
    door.answer(FaceState.UNREACHABLE)
    assert door.entered is not None
    other = Door(without_gateway=True)
    other.show()
    other.answer(FaceState.NO_KEY)
    assert other.entered is None


def test_no_answer_and_no_face_ends_without_an_entry() -> None:
    door = Door()
    door.show()
    door.wait(CLAIM_NS + FRAME_NS)
    assert door.entered is None
    assert door.reasons() == [RefusalReason.FACE]
    assert door.is_at_ease


def test_the_face_is_compared_only_while_it_is_followed() -> None:
    """Somebody matches, somebody else does the moves."""
    door = claimed()
    door.look_straight(vector(0), 6)
    door.track += 1
    door.do_as_asked(None)
    assert door.entered is None


def test_with_two_faces_before_the_camera_nobody_comes_in() -> None:
    door = claimed()
    for _ in range(20):
        door.see(vector(0), others=1)
    assert PromptKind.ONE_AT_A_TIME in door.prompts
    door.wait(CLAIM_NS)
    assert door.entered is None


def test_two_frames_are_too_few_to_compare() -> None:
    door = claimed()
    door.look_straight(vector(0), 2)
    assert door.entered is None


def test_another_code_ends_the_claim_of_the_one_before() -> None:
    door = claimed()
    door.look_straight(vector(0))
    door.show(KEN)
    assert [type(event) for event in door.events] == [FaceAuth, EntryRefused]
    assert door.answer(FaceState.OPENED, MIKAS, member=MIKA) == []


def fail_once(door: Door) -> None:
    door.now_ns += STEP_NS
    door.show()
    door.answer(FaceState.OPENED, MIKAS)
    door.do_as_asked(STRANGER)


def test_after_five_failures_only_staff_or_an_hour_open_again() -> None:
    door = Door()
    for _ in range(MOST_FAILURES):
        fail_once(door)
    assert door.reasons()[-1] is RefusalReason.LOCKED
    door.now_ns += STEP_NS
    door.show()
    assert door.reasons()[-1] is RefusalReason.LOCKED
    door.role.step(MemberAdmitted(member=MIKA))
    door.now_ns += STEP_NS
    door.show()
    door.answer(FaceState.OPENED, MIKAS)
    door.do_as_asked(vector(0))
    assert door.entered is not None


@pytest.mark.parametrize(("failures", "moves"), [(0, 2), (1, 3), (2, 4), (4, 4)])
def test_who_failed_is_asked_for_more_moves(failures: int, moves: int) -> None:
    door = Door()
    for _ in range(failures):
        fail_once(door)
    door.prompts.clear()
    door.now_ns += STEP_NS
    door.show()
    door.answer(FaceState.OPENED, MIKAS)
    door.do_as_asked(vector(0))
    assert door.entered is not None
    assert sum(kind in TURNS for kind in door.prompts) == moves


def test_a_restart_does_not_forget_failures_but_faces() -> None:
    door = Door()
    for _ in range(MOST_FAILURES):
        fail_once(door)
    saved = door.role.save()
    assert MIKAS.vectors not in saved
    again = Door(saved)
    again.now_ns = door.now_ns + STEP_NS
    again.show()
    assert again.reasons() == [RefusalReason.LOCKED]
    later = Door(saved)
    later.now_ns = door.now_ns
    later.wait(LOCKED_NS + SECOND_NS)
    assert later.show() == []


def test_a_guest_of_somebody_who_just_came_in_shows_the_code_alone() -> None:
    door = claimed()
    door.do_as_asked(vector(0))
    door.now_ns += STEP_NS
    assert STEP_NS < GROUP_NS
    (guest,) = door.show()
    assert isinstance(guest, ShopperEntered)
    assert guest.joins is not None


def test_moves_differ_from_claim_to_claim() -> None:
    asked: set[Sequence[PromptKind]] = set()
    for n in range(20):
        door = Door()
        door.now_ns += n * STEP_NS
        door.show()
        door.answer(FaceState.OPENED, MIKAS)
        door.do_as_asked(vector(0))
        asked.add(tuple(kind for kind in door.prompts if kind in TURNS))
    assert len(asked) >= 6


def test_a_gate_without_a_camera_for_faces_takes_codes_alone() -> None:
    role = GateRole(LAYOUT, NODE, [KEY], b"", {DOOR: "reader"}, faces=FacePolicy(THRESHOLD))
    text = make_code(member_key(KEY, STORE, MIKA), STORE, MIKA, START_NS)  # type: ignore[arg-type]
    (event,) = role.step(CodeRead("reader", text, START_NS))
    assert isinstance(event, ShopperEntered)


def lit(**shown: float) -> Door:
    """At a gate whose screen shines in colours; what of them comes back of who stands there."""
    door = Door(light=True)
    come_in(door, shown)
    return door


def come_in(
    door: Door, shown: Mapping[str, float], member: MemberId = MIKA, *, tells: bool = True
) -> None:
    """One try of one of them, whose face is Mika's; `tells` is whether the page says it shines."""
    entered = len(door.events)
    door.now_ns += STEP_NS
    door.show(member)
    door.shown = Shown(door.light, door.lit_ns, **shown)  # type: ignore[arg-type]
    door.answer(FaceState.OPENED, MIKAS, member)
    if tells:
        door.role.step(ScreenShone(DOOR, door.lit_ns, door.now_ns))
    door.prompts.clear()
    door.do_as_asked(vector(0))
    while len(door.events) == entered:
        door.see(vector(0))


def test_a_screen_shines_only_where_that_is_wanted() -> None:
    plain = claimed()
    plain.do_as_asked(vector(0))
    assert plain.light == ()
    assert len(lit(skin=0.1).light) * SLOT_NS == CLAIM_NS


def test_a_face_that_gives_the_screen_s_light_back_comes_in() -> None:
    door = lit(skin=0.1)
    assert door.entered is not None
    assert door.auth().is_live


@pytest.mark.parametrize("shown", [{}, {"mirrored": 0.075}], ids=["shines", "mirrors"])
def test_a_film_of_the_right_moves_does_not_come_in_where_the_light_is_asked_for(
    shown: dict[str, float],
) -> None:
    door = lit(**shown)
    assert door.entered is None
    assert not door.auth().is_live
    assert door.reasons() == [RefusalReason.FACE]


def test_a_page_that_does_not_say_when_it_shone_lets_nobody_in() -> None:
    door = Door(light=True)
    come_in(door, LIT, tells=False)
    assert door.entered is None
    assert door.reasons() == [RefusalReason.FACE]


def test_a_film_tinted_after_the_screen_is_late_once_the_gate_knows_its_own_light() -> None:
    door = Door(light=True)
    for member in (new_member_id(b"%9d" % n) for n in range(MEMBERS)):
        come_in(door, LIT | {"lag_ns": 150 * MILLISECOND_NS}, member)
    assert door.entered is not None
    again = Door(door.role.save(), light=True)
    again.now_ns = door.now_ns + STEP_NS
    come_in(again, LIT | {"lag_ns": 350 * MILLISECOND_NS})
    assert again.entered is None
    come_in(again, LIT | {"lag_ns": 170 * MILLISECOND_NS})
    assert again.entered is not None


def test_a_gate_whose_camera_was_changed_learns_its_lag_from_whom_it_refused() -> None:
    door = Door(light=True)
    for n, lag_ms in enumerate([150] * MEMBERS + [300] * (MEMBERS + 1)):
        come_in(door, LIT | {"lag_ns": lag_ms * MILLISECOND_NS}, new_member_id(b"%9d" % n))
    entered = [isinstance(event, ShopperEntered) for event in door.events]
    assert sum(entered) == MEMBERS + 1
    assert entered[-1]


def test_where_the_light_cannot_be_measured_nobody_comes_in() -> None:
    door = Door(light=True)
    door.show()
    door.answer(FaceState.OPENED, MIKAS)
    door.do_as_asked(vector(0))
    door.look_straight(vector(0), 20)
    door.wait(CLAIM_NS)
    assert door.entered is None
    assert not door.auth().is_live
