import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.background import Background
from tebura_edge.detections import Detections
from tebura_edge.frames import Frame

AISLE = CameraId("aisle")
NOISE = np.random.default_rng(5)
SCENE = NOISE.integers(60, 180, (45, 80, 1)).repeat(8, 0).repeat(8, 1).repeat(3, 2)
BOX = (200.0, 100.0, 260.0, 280.0)


NOISY = [
    np.asarray(np.clip(SCENE + NOISE.normal(0, 4, SCENE.shape), 0, 255), np.uint8) for _ in range(4)
]


def frame(at_s: float, box: tuple[float, ...] | None = None, grey: int = 250) -> Frame:
    image = NOISY[round(at_s * 10) % 4].copy()
    if box is not None:
        x0, y0, x1, y1 = (round(side) for side in box)
        image[y0:y1, x0:x1] = grey
    return Frame(AISLE, ns_from_s(at_s), image)


def found(at_s: float, score: float) -> Detections:
    boxes: NDArray[np.float32] = np.array([BOX], np.float32)
    keypoints = np.zeros((1, 17, 3), np.float32)
    return Detections(AISLE, ns_from_s(at_s), boxes, np.array([score], np.float32), keypoints)


def test_a_weak_sight_of_what_always_hangs_there_is_dropped() -> None:
    background = Background()
    kept = [len(background.keep_sure(frame(t / 10), found(t / 10, 0.15), 0.3)) for t in range(30)]
    assert kept == [0] * 30


def test_a_weak_sight_of_somebody_new_is_kept_also_while_they_stand_still() -> None:
    background = Background()
    nobody = Detections.empty(AISLE, 0)
    for tick in range(20):
        background.keep_sure(frame(tick / 10), nobody, 0.3)
    for tick in range(20, 620):
        kept = background.keep_sure(frame(tick / 10, BOX), found(tick / 10, 0.15), 0.3)
        assert len(kept) == 1


def test_a_strong_sight_needs_no_proof() -> None:
    assert len(Background().keep_sure(frame(0), found(0, 0.6), 0.3)) == 1


def test_goods_put_down_become_part_of_the_scene() -> None:
    background = Background()
    nobody = Detections.empty(AISLE, 0)
    for tick in range(20):
        background.keep_sure(frame(tick / 10), nobody, 0.3)
    for tick in range(20, 1000):
        background.keep_sure(frame(tick / 10, BOX), nobody, 0.3)
    assert len(background.keep_sure(frame(100, BOX), found(100, 0.15), 0.3)) == 0
