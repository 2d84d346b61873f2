import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.entry_code import make_code
from tebura_contract.ids import CameraId, MemberId, StoreId
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame
from tebura_simulator.held_phone import Held, picture_of

GATE = CameraId("gate")
CODE = make_code(b"k" * 32, StoreId("demo"), MemberId("ABCDEFGHIJKLMNO"), 1_700_000_000_000_000_000)


def chance() -> np.random.Generator:
    return np.random.default_rng(2)


def at(seconds: float, image: NDArray[np.uint8]) -> Frame:
    return Frame(GATE, ns_from_s(seconds), image)


def test_entry_code_is_read_with_the_time_of_its_frame() -> None:
    [read] = CodeReader()(at(5, picture_of(Held(), CODE, chance())))
    assert (read.reader, read.text, read.at_ns) == ("gate", CODE, ns_from_s(5))


def test_code_held_in_view_is_said_once_a_second() -> None:
    reader, picture = CodeReader(), picture_of(Held(), CODE, chance())
    said = [tick for tick in range(25) if reader(at(10 + tick / 10, picture))]
    assert said == [0, 10, 20]


def test_two_codes_after_each_other_are_both_read_at_once() -> None:
    reader = CodeReader()
    assert reader(at(1.0, picture_of(Held(), "FIRST", chance())))
    assert [read.text for read in reader(at(1.1, picture_of(Held(), "SECOND", chance())))] == [
        "SECOND"
    ]


def test_no_code_and_oversized_codes_give_nothing() -> None:
    reader = CodeReader()
    noise = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    assert [read for tick in range(10) for read in reader(at(tick / 10, noise))] == []
    assert reader(at(2, picture_of(Held(module_px=10), "A" * 600, chance()))) == []


@pytest.mark.parametrize(
    "held",
    [
        Held(module_px=2.0),
        Held(module_px=4.0, turned_deg=50.0),
        Held(module_px=4.0, tipped_deg=50.0),
        Held(module_px=4.0, rolled_deg=180.0),
        Held(module_px=4.0, blur_px=1.5),
        Held(module_px=4.0, shake_px=5.0),
        Held(module_px=4.0, light=0.05),
        Held(module_px=4.0, cracks=2),
        Held(module_px=4.0, turned_deg=30.0, tipped_deg=30.0, light=0.2),
    ],
    ids=["far", "turned", "tipped", "upside-down", "blurred", "shaken", "dark", "cracked", "both"],
)
def test_phone_held_badly_for_a_second_is_read(held: Held) -> None:
    reader, noise = CodeReader(), chance()
    said = [reader(at(10 + tick / 10, picture_of(held, CODE, noise))) for tick in range(10)]
    assert {read.text for reads in said for read in reads} == {CODE}


def test_two_phones_held_up_at_once_are_both_read() -> None:
    side_by_side = np.hstack([picture_of(Held(), text, chance()) for text in ("ONE", "TWO")])
    assert {read.text for read in CodeReader()(at(1, side_by_side))} == {"ONE", "TWO"}
