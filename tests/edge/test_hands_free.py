"""Two signs of one member open a gate; one, two of a kind, or two that disagree do not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import Modality, SensorState
from tebura_contract.faces import ExpectedFace, FaceTemplate
from tebura_contract.ids import GateId, MemberId
from tebura_edge.hands_free import AGAIN_NS, MOST_FALSE, WINDOW_NS, HandsFree, Known, phone_signs
from tebura_edge.palm_reader import PalmReader
from tebura_edge.role import FactorSeen
from tebura_simulator.palm import PalmBox, palm_box

DOOR, SIDE = GateId("door"), GateId("side")
MIKA, KEN = MemberId("MIKA00000000000"), MemberId("KEN000000000000")
NOW = 1_800_000_000 * SECOND_NS
PALM, FACE, PHONE = Modality.PALM, Modality.FACE, Modality.PHONE


def sign(
    modality: Modality, member: MemberId = MIKA, rate: float = 1e-4, after_s: float = 0.0
) -> FactorSeen:
    return FactorSeen(DOOR, modality, member, rate, NOW + int(after_s * SECOND_NS))


def seen(*signs: FactorSeen) -> list[Known]:
    role = HandsFree()
    found = [role.seen(one) for one in signs]
    return [one for one in found if one is not None]


def test_a_palm_and_a_face_of_one_member_open() -> None:
    (known,) = seen(sign(PALM), sign(FACE, after_s=2.0))
    assert (known.member, set(known.by)) == (MIKA, {PALM, FACE})


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param([sign(FACE), sign(FACE, after_s=1.0)], id="a-face-alone"),
        pytest.param([sign(PALM, rate=1e-9)], id="one-sign-however-sure"),
        pytest.param([sign(PALM), sign(FACE, KEN, after_s=1.0)], id="two-who-disagree"),
        pytest.param(
            [sign(PALM), sign(FACE, KEN, after_s=1.0), sign(FACE, after_s=2.0)],
            id="a-stranger-beside-them",
        ),
        pytest.param([sign(PALM), sign(FACE, after_s=4.5)], id="too-long-after"),
        pytest.param([sign(PHONE, rate=0.5), sign(FACE, rate=0.003)], id="not-sure-enough"),
    ],
)
def test_what_is_not_two_signs_of_one_member_does_not(signs: list[FactorSeen]) -> None:
    assert seen(*signs) == []


@given(
    st.floats(1e-9, 0.9),
    st.floats(1e-9, 0.9),
    st.sampled_from([PALM, FACE]),
)
def test_no_gate_opens_above_the_promised_chance(palm: float, face: float, first: Modality) -> None:
    second = FACE if first is PALM else PALM
    rates = {PALM: palm, FACE: face}
    found = seen(sign(first, rate=rates[first]), sign(second, rate=rates[second]))
    assert bool(found) == (palm * face <= MOST_FALSE)


def test_whoever_was_let_in_and_still_stands_there_enters_once() -> None:
    signs = [sign(PALM), sign(FACE, after_s=0.5)]
    signs += [sign(PALM, after_s=1.0 + n) for n in range(8)]
    signs += [sign(FACE, after_s=9.5)]
    assert len(seen(*signs)) == 1
    later_s = 9.5 + AGAIN_NS / SECOND_NS + 1.0
    assert len(seen(*signs, sign(PALM, after_s=later_s), sign(FACE, after_s=later_s))) == 2


def test_other_peoples_phones_in_the_store_neither_open_nor_keep_shut() -> None:
    phones = [sign(PHONE, KEN, rate=1e-3), sign(PHONE, rate=1e-3)]
    assert seen(*phones) == []
    (known,) = seen(*phones, sign(FACE, rate=1e-3))
    assert (known.member, set(known.by)) == (MIKA, {FACE, PHONE})


def test_phones_in_the_store_are_signs_at_every_gate_and_worth_less_the_more_there_are() -> None:
    template = FaceTemplate(network="net", size=1, vectors=bytes(4))
    known = [
        ExpectedFace(member=MIKA, template=template, phone_seen_ns=Ns(NOW)),
        ExpectedFace(member=KEN, template=template),
    ]
    alone = phone_signs(known, [DOOR, SIDE], NOW)
    assert [(one.gate, one.member, one.modality) for one in alone] == [
        (DOOR, MIKA, PHONE),
        (SIDE, MIKA, PHONE),
    ]
    assert alone[0].false_match_rate == 0.5
    four = phone_signs([known[0]] * 4, [DOOR], NOW)
    assert {one.false_match_rate for one in four} == {0.75}
    assert phone_signs([], [DOOR], NOW) == []


def test_signs_of_another_gate_are_no_signs_here() -> None:
    role = HandsFree()
    role.seen(sign(PALM))
    assert role.seen(FactorSeen(SIDE, FACE, MIKA, 1e-6, NOW)) is None
    assert WINDOW_NS > 0


@pytest.fixture
def box() -> Iterator[PalmBox]:
    with palm_box() as found:
        yield found


@contextmanager
def reading(box: PalmBox, into: list[FactorSeen]) -> Iterator[PalmReader]:
    class Clock:
        def monotonic_ns(self) -> int:
            return time.monotonic_ns()

        def wall_ns(self) -> int:
            return time.time_ns()

    reader = PalmReader(
        DOOR, box.port, clock=Clock(), to_store_ns=lambda at_ns: at_ns, deliver=into.append
    )
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def until(check: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_a_palm_that_is_held_over_the_reader_is_a_sign_with_the_makers_rate(box: PalmBox) -> None:
    found: list[FactorSeen] = []
    box.enrol(MIKA)
    with reading(box, found) as reader:
        until(lambda: reader.parts()[0].state is SensorState.OK)
        for nonsense in (
            "SEEN",
            "SEEN nobody 1e-6",
            f"SEEN {MIKA} 7",
            f"SEEN {MIKA} -1",
            "x" * 900,
        ):
            box.say(nonsense)
        box.hold(MIKA)
        until(lambda: bool(found))
    (one,) = found
    assert (one.gate, one.modality, one.member) == (DOOR, PALM, MIKA)
    assert one.false_match_rate == 1e-6


def test_whoever_withdrew_is_forgotten_by_the_reader_too(box: PalmBox) -> None:
    found: list[FactorSeen] = []
    box.enrol(MIKA)
    box.enrol(KEN)
    with reading(box, found) as reader:
        reader.keep_only(frozenset({KEN}))
        until(lambda: box.palms == {KEN})
        box.hold(MIKA)
        box.say(f"SEEN {MIKA} 1e-6")
        box.hold(KEN)
        until(lambda: bool(found))
        reader.keep_only(frozenset())
        until(lambda: box.palms == set())
    assert [one.member for one in found] == [KEN]


def test_a_reader_that_falls_silent_is_blind(box: PalmBox) -> None:
    with reading(box, []) as reader:
        until(lambda: reader.parts()[0].state is SensorState.OK)
        box.is_silent = True
        until(lambda: reader.parts()[0].state is SensorState.BLIND)
        assert reader.parts()[0].reason == "silent"
