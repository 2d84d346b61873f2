"""From pixels: rendered heads before the gate's camera, pictures of them held up, and enrolment.

Rendered heads are nobody's. Networks trained on photographs find them, and see how they turn; they
tell few of them apart, so who it is is tested with vectors (`test_face_gate`).
"""

import ctypes.util
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, ns_from_s
from tebura_contract.entry_code import make_code, member_key, new_member_id
from tebura_contract.events import EntryRefused, Event, FaceAuth, Modality, ShopperEntered
from tebura_contract.face_threshold import load_face_threshold
from tebura_contract.faces import EnrolFault, FaceState, FaceTemplate
from tebura_contract.ids import CameraId, GateId, NodeId
from tebura_contract.layout import Gate, GateDirection, Layout, StoreInfo
from tebura_edge.face_enrol import Enroller
from tebura_edge.face_gate import AtEase, FaceAsk, FacePolicy, Prompt
from tebura_edge.face_life import Move
from tebura_edge.face_light import Tint
from tebura_edge.face_look import Attention, FaceLook
from tebura_edge.frames import Frame
from tebura_edge.gate_role import GateRole
from tebura_edge.role import CodeRead, FaceCame, ScreenShone
from tebura_models.faces.reader import FaceReader, load_face_reader
from tebura_models.manifest import FACE_THRESHOLD

from tests.conftest import missing

if TYPE_CHECKING:
    from tebura_simulator.scenes.portrait import Portrait

Image = NDArray[np.uint8]

THRESHOLD = load_face_threshold(FACE_THRESHOLD)
KEY, STORE, MIKA = b"store key of thirty-two bytes.....", "demo", new_member_id(b"mika.....")
NODE, DOOR, EYE = NodeId("gate-1"), GateId("door"), CameraId("eye")
LAYOUT = Layout(
    store=StoreInfo(id=STORE, name="Demo"),  # type: ignore[arg-type]
    gate=(Gate(id=DOOR, node=NODE, direction=GateDirection.ENTRY),),
)
START_NS = 1_763_000_000 * SECOND_NS
RATE_HZ = 10


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return load_face_reader()


@pytest.fixture(scope="module")
def portrait() -> Iterator["Portrait"]:
    os.environ.setdefault("MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    from tebura_simulator.scenes.portrait import Portrait

    with Portrait("man", 1000) as made:
        yield made


def jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def frames_of(portrait: "Portrait") -> list[Image]:
    """What a phone's page takes: a little to all sides."""
    from tebura_simulator.scenes.portrait import Stance

    return [
        portrait.frame(Stance(aside_rad=a, down_rad=d)) for a, d in ((0, 0), (0.1, 0), (0, 0.1))
    ]


@pytest.fixture(scope="module")
def enrolled(reader: FaceReader, portrait: "Portrait") -> FaceTemplate:
    made = Enroller(lambda: reader, THRESHOLD)([jpeg(image) for image in frames_of(portrait)])
    assert isinstance(made, FaceTemplate)
    return made


def test_nobody_is_looked_at_while_nobody_is_attended_to(
    reader: FaceReader, portrait: "Portrait"
) -> None:
    attention = Attention()
    look = FaceLook(reader, attention)
    frame = Frame(EYE, START_NS, frames_of(portrait)[0])
    assert look(frame) == []
    attention.until(START_NS)
    (seen,) = look(frame)
    assert seen.vector is not None
    assert look(Frame(EYE, START_NS + 1, frame.image_bgr)) == []


def test_a_face_that_comes_back_is_another_track(reader: FaceReader, portrait: "Portrait") -> None:
    attention = Attention()
    attention.until(START_NS + SECOND_NS)
    look, image = FaceLook(reader, attention), frames_of(portrait)[0]
    tracks = [
        [seen.track for seen in look(Frame(EYE, START_NS + n, shown))]
        for n, shown in enumerate([image, image, np.zeros_like(image), image])
    ]
    assert tracks[0] == tracks[1]
    assert tracks[2] == []
    assert tracks[3] not in ([], tracks[0])


def test_two_who_stand_side_by_side_are_both_seen(reader: FaceReader, portrait: "Portrait") -> None:
    attention = Attention()
    attention.until(START_NS)
    image = frames_of(portrait)[0]
    both = np.hstack([image[:, 160:480], image[:, 160:480]])
    (seen,) = FaceLook(reader, attention)(Frame(EYE, START_NS, both))
    assert seen.others == 1


class Entry:
    """A gate with a camera, played frame by frame."""

    def __init__(self, reader: FaceReader, template: FaceTemplate, *, light: bool = False) -> None:
        self.role = GateRole(
            LAYOUT,
            NODE,
            [KEY],
            b"",
            {DOOR: "reader"},
            faces=FacePolicy(THRESHOLD, light=light),
            face_cameras={DOOR: EYE},
        )
        self.attention = Attention()
        self.look = FaceLook(reader, self.attention)
        self.template = template
        self.asked: list[tuple[Move, float]] = []
        self.light: tuple[Tint, ...] = ()
        self.events: list[Event] = []

    def play(self, act: Callable[[float, list[tuple[Move, float]]], Image]) -> float:
        """Show the code, then what `act` shows; how long it took, in seconds."""
        key = member_key(KEY, STORE, MIKA)  # type: ignore[arg-type]
        text = make_code(key, STORE, MIKA, START_NS)  # type: ignore[arg-type]
        self._take(self.role.step(CodeRead("reader", text, START_NS)), START_NS)
        noise = np.random.default_rng(5)
        for index in range(14 * RATE_HZ):
            t_s = index / RATE_HZ
            at_ns = START_NS + ns_from_s(t_s)
            picture = act(t_s, self.asked) + noise.normal(0, 2, (480, 640, 3))
            frame = Frame(EYE, at_ns, picture.clip(0, 255).astype(np.uint8))
            for seen in self.look(frame):
                self._take(self.role.step(seen), at_ns)
            self._take(self.role.tick(at_ns), at_ns)
            if self.events:
                return t_s
        raise AssertionError("a claim ends")

    def _take(self, events: list[Event], at_ns: int) -> None:
        self.events += events
        for aside in self.role.asides():
            match aside:
                case FaceAsk():
                    came = FaceCame(DOOR, MIKA, FaceState.OPENED, self.template, at_ns)
                    self._take(self.role.step(came), at_ns)
                case Prompt():
                    self.attention.until(aside.until_ns)
                    if aside.light:
                        self.light = aside.light
                        self._take(self.role.step(ScreenShone(DOOR, at_ns, at_ns)), at_ns)
                    if aside.kind.value in {move.value for move in Move}:
                        self.asked.append((Move(aside.kind.value), (at_ns - START_NS) / SECOND_NS))
                case AtEase():
                    self.attention.until(0)


def test_a_head_that_does_as_asked_comes_in_within_seconds(
    reader: FaceReader, portrait: "Portrait", enrolled: FaceTemplate
) -> None:
    from tebura_simulator.face_acts import Asked, living

    entry = Entry(reader, enrolled)
    act = living(portrait, np.random.default_rng(3))
    took_s = entry.play(lambda t, asked: act(t, [Asked(*one) for one in asked]))
    auth, entered = entry.events
    assert isinstance(auth, FaceAuth)
    assert auth.is_live
    assert isinstance(entered, ShopperEntered)
    assert entered.by == (Modality.CODE, Modality.FACE)
    assert took_s < 4


@pytest.mark.parametrize(
    "kind",
    [
        "turned",
        "bent",
        "film",
        *(pytest.param(kind, marks=pytest.mark.long) for kind in ("held", "moved", "screen")),
    ],
)
def test_a_picture_of_the_member_does_not_come_in(
    reader: FaceReader, portrait: "Portrait", enrolled: FaceTemplate, kind: str
) -> None:
    from tebura_simulator import face_acts
    from tebura_simulator.scenes.portrait import Stance

    rng = np.random.default_rng(4)
    behind = portrait.frame(Stance(shift_m=(0.0, 0.0, -5.0)))
    picture = np.ascontiguousarray(portrait.frame(Stance())[face_acts.CUT])
    act = {
        "held": lambda: face_acts.print_held(picture, behind, rng),
        "moved": lambda: face_acts.print_moved(picture, behind, rng),
        "turned": lambda: face_acts.print_turned(picture, behind, rng),
        "bent": lambda: face_acts.print_turned(picture, behind, rng, bend_m=0.1),
        "screen": lambda: face_acts.screen_turned(picture, behind, rng),
        # None of the four begins with these two twice.
        "film": lambda: face_acts.film(portrait, behind, rng, [Move.LEFT, Move.LEFT]),
    }[kind]()
    entry = Entry(reader, enrolled)
    entry.play(lambda t, asked: act(t, [face_acts.Asked(*one) for one in asked]))
    assert not any(isinstance(event, ShopperEntered) for event in entry.events)
    assert isinstance(entry.events[-1], EntryRefused)


@pytest.mark.parametrize("is_film", [False, True], ids=["person", "film-of-the-right-moves"])
def test_under_the_light_of_the_screen_a_person_comes_in_and_a_film_in_glass_does_not(
    reader: FaceReader, portrait: "Portrait", enrolled: FaceTemplate, *, is_film: bool
) -> None:
    from tebura_simulator.face_acts import Asked, Flashing, film, living
    from tebura_simulator.scenes.held_up import Mirrors
    from tebura_simulator.scenes.portrait import Stance
    from tebura_simulator.scenes.screen_light import GateScreen

    rng = np.random.default_rng(3)
    behind = portrait.frame(Stance(shift_m=(0.0, 0.0, -5.0)))
    act = living(portrait, rng)
    if is_film:
        act = film(portrait, behind, rng, None, mirrors=Mirrors.ALL_OVER)
    entry = Entry(reader, enrolled, light=True)

    def seen(t_s: float, asked: list[tuple[Move, float]]) -> Image:
        shining = Flashing(GateScreen(), entry.light, late_s=0.15)(t_s)
        return act(t_s, [Asked(*one) for one in asked], shining)

    took_s = entry.play(seen)
    auth, last = entry.events
    assert isinstance(auth, FaceAuth)
    assert auth.is_live is not is_film
    assert isinstance(last, EntryRefused if is_film else ShopperEntered)
    assert is_film or took_s < 4


def test_three_good_frames_make_a_template(enrolled: FaceTemplate) -> None:
    assert enrolled.network == THRESHOLD.network
    assert len(enrolled.vectors) == 3 * 4 * enrolled.size


def test_enrolment_says_what_is_wrong(reader: FaceReader, portrait: "Portrait") -> None:
    enrol = Enroller(lambda: reader, THRESHOLD)
    good = frames_of(portrait)[0]
    both = np.hstack([good[:, 160:480], good[:, 160:480]])
    wide = cv2.copyMakeBorder(good, 480, 480, 640, 640, cv2.BORDER_REPLICATE)
    small: Image = np.asarray(cv2.resize(wide, (640, 480), interpolation=cv2.INTER_AREA), np.uint8)
    grey, dark = np.full_like(good, 120), (good * 0.08).astype(np.uint8)
    cases: dict[EnrolFault, Image] = {
        EnrolFault.NO_FACE: grey,
        EnrolFault.SEVERAL_FACES: both,
        EnrolFault.TOO_SMALL: small,
        EnrolFault.BLURRED: np.asarray(cv2.GaussianBlur(good, (0, 0), 6), np.uint8),
        EnrolFault.TOO_DARK: dark,
    }
    assert {fault: enrol([jpeg(image)] * 3) for fault, image in cases.items()} == {
        fault: fault for fault in cases
    }


def test_bytes_that_are_no_picture_are_no_face(reader: FaceReader) -> None:
    assert Enroller(lambda: reader, THRESHOLD)([b"", b"no picture"]) is EnrolFault.NO_FACE


def test_two_good_frames_are_too_few(reader: FaceReader, portrait: "Portrait") -> None:
    enrol = Enroller(lambda: reader, THRESHOLD)
    assert isinstance(enrol([jpeg(i) for i in frames_of(portrait)[:2]]), EnrolFault)
