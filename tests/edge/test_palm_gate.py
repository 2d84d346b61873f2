"""A palm only claims, as a code does: the face, or another sign, has to say the same."""

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Modality, RefusalReason
from tebura_contract.faces import FaceState
from tebura_contract.ids import MemberId
from tebura_contract.messages import MemberRevoked
from tebura_edge.role import FactorSeen

from tests.edge.test_face_gate import DOOR, MIKA, MIKAS, STRANGER, Door, vector


def sign(
    door: Door, modality: Modality = Modality.PALM, member: MemberId = MIKA, rate: float = 1e-6
) -> FactorSeen:
    return FactorSeen(DOOR, modality, member, rate, door.now_ns)


def held(door: Door) -> None:
    """Mika's palm, and her template comes."""
    assert door.take(door.role.step(sign(door))) == []
    door.answer(FaceState.OPENED, MIKAS)


def test_a_palm_and_the_face_it_belongs_to_come_in_hands_free() -> None:
    door = Door()
    held(door)
    assert door.asked == [MIKA]
    door.do_as_asked(vector(0, 0.2))
    assert door.entered is not None
    assert door.entered.by == (Modality.PALM, Modality.FACE)
    assert door.entered.code_step is None
    # They still stand at the reader.
    door.take(door.role.step(sign(door)))
    assert door.asked == [MIKA]


def test_a_palm_alone_never_opens_whatever_the_gateway_says() -> None:
    for state in (FaceState.NOT_ENROLLED, FaceState.NO_KEY, FaceState.UNREACHABLE):
        door = Door(without_gateway=True)
        door.take(door.role.step(sign(door)))
        door.answer(state)
        door.wait(30 * SECOND_NS)
        assert door.entered is None
        assert door.reasons() == [RefusalReason.FACE]


def test_somebody_elses_face_behind_a_palm_does_not_come_in() -> None:
    door = Door()
    held(door)
    door.do_as_asked(STRANGER)
    assert door.entered is None
    assert door.reasons() == [RefusalReason.FACE]


def test_a_palm_and_the_phone_in_the_store_are_two_signs() -> None:
    door = Door()
    door.take(door.role.step(sign(door, Modality.PHONE, rate=1e-2)))
    door.take(door.role.step(sign(door)))
    assert door.entered is not None
    assert set(door.entered.by) == {Modality.PALM, Modality.PHONE}


def test_whom_the_gateway_barred_is_told_why_at_the_palm_reader_too() -> None:
    door = Door()
    door.role.step(MemberRevoked(member=MIKA, reason=RefusalReason.UNPAID))
    door.take(door.role.step(sign(door)))
    assert door.entered is None
    assert door.reasons() == [RefusalReason.UNPAID]
    assert door.asked == []


def test_five_palms_without_their_face_lock() -> None:
    door = Door()
    for _ in range(5):
        held(door)
        door.do_as_asked(STRANGER)
        door.wait(40 * SECOND_NS)
    door.take(door.role.step(sign(door)))
    assert door.entered is None
    assert door.reasons()[-1] is RefusalReason.LOCKED
