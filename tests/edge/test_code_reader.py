import cv2
import numpy as np
import segno
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.entry_code import make_code
from tebura_contract.ids import CameraId, MemberId, StoreId
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame

GATE = CameraId("gate")
CODE = make_code(b"k" * 32, StoreId("demo"), MemberId("ABCDEFGHIJKLMNO"), 1_700_000_000_000_000_000)


def phone(text: str, side_px: int = 150) -> NDArray[np.uint8]:
    """A phone held a little askew before a busy background."""
    noise = np.random.default_rng(2)
    scene = cv2.GaussianBlur(noise.integers(0, 255, (360, 640, 3), np.uint8), (0, 0), 6)
    matrix = np.array([[0 if dark else 255 for dark in row] for row in segno.make_qr(text).matrix])
    flat = np.pad(matrix, 4, constant_values=255).astype(np.uint8)
    count = len(flat)
    corners = np.array([[0, 0], [count, 0], [count, count], [0, count]], np.float32)
    held = np.array([[-1, -0.95], [1, -1], [0.95, 1], [-1, 0.96]], np.float32) * side_px / 2
    warp = cv2.getPerspectiveTransform(corners, held + np.array([320, 180], np.float32))
    size = (640, 360)
    shown = cv2.warpPerspective(flat, warp, size, flags=cv2.INTER_NEAREST)
    mask = cv2.warpPerspective(np.full_like(flat, 255), warp, size, flags=cv2.INTER_NEAREST)
    scene[mask > 0] = shown[mask > 0][:, None]
    grain = noise.normal(0, 4, scene.shape)
    blurred = cv2.GaussianBlur(scene, (0, 0), 0.6)
    return np.asarray(np.clip(blurred + grain, 0, 255), np.uint8)


def at(seconds: float, image: NDArray[np.uint8]) -> Frame:
    return Frame(GATE, ns_from_s(seconds), image)


def test_entry_code_is_read_with_the_time_of_its_frame() -> None:
    [read] = CodeReader()(at(5, phone(CODE)))
    assert (read.reader, read.text, read.at_ns) == ("gate", CODE, ns_from_s(5))


def test_code_held_in_view_is_said_once_a_second() -> None:
    reader, picture = CodeReader(), phone(CODE)
    said = [tick for tick in range(25) if reader(at(10 + tick / 10, picture))]
    assert said == [0, 10, 20]


def test_two_codes_after_each_other_are_both_read_at_once() -> None:
    reader = CodeReader()
    assert reader(at(1.0, phone("FIRST")))
    assert [read.text for read in reader(at(1.1, phone("SECOND")))] == ["SECOND"]


def test_no_code_and_oversized_codes_give_nothing() -> None:
    reader = CodeReader()
    noise = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    assert reader(at(1, noise)) == []
    assert reader(at(2, phone("A" * 600, side_px=350))) == []
