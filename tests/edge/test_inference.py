"""The real network in the real thread, and the gate that spares it."""

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.inference import InferenceThread
from tebura_edge.people import PeopleLook, PeopleSettings, detect_people, open_people
from tebura_edge.role import CodeRead, FaceSeen, HandSeen
from tebura_models.loader import Network

AISLE = CameraId("aisle")


class RealClock:
    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


@pytest.fixture(scope="module")
def network() -> Network:
    return open_people(PeopleSettings())


@pytest.fixture(scope="module")
def shopper(shared_data: Path) -> NDArray[np.uint8]:
    video = cv2.VideoCapture(str(shared_data / "store-aifi" / "cps-test-2-cam6.mp4"))
    found, image = video.read()
    assert found
    return np.asarray(image, np.uint8)


def test_a_real_shopper_is_found_with_her_feet_below_her_head(
    network: Network, shopper: NDArray[np.uint8]
) -> None:
    found = detect_people(network, Frame(AISLE, 5, shopper), (384, 256))
    best = found.keypoints_px[0]
    assert found.scores[0] > 0.4
    # Her outline, read off the picture: 318..418 across, 98..346 down.
    np.testing.assert_allclose(found.boxes_xyxy_px[0], [318, 98, 418, 346], atol=20)
    ankles = best[[Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE]]
    assert (ankles[:, 1] > 270).all()
    assert best[Keypoint.NOSE, 1] < 160


def test_a_real_shopper_wears_something(network: Network, shopper: NDArray[np.uint8]) -> None:
    [found] = PeopleLook(network, PeopleSettings())(Frame(AISLE, 5, shopper))
    [mirrored] = PeopleLook(network, PeopleSettings())(Frame(AISLE, 5, shopper[:, ::-1]))
    assert np.isfinite(found.worn(0)).all()
    np.testing.assert_allclose(found.worn(0), mirrored.worn(0), atol=4)


@pytest.mark.parametrize("name", ["movenet-multipose-int8", "movenet-shop"])
def test_in_8_bits_and_trained_further_the_network_finds_the_same_shopper(
    name: str, network: Network, shopper: NDArray[np.uint8]
) -> None:
    other = open_people(PeopleSettings(model=name))
    frame = Frame(AISLE, 5, shopper)
    wanted, found = (detect_people(one, frame, (384, 256)) for one in (network, other))
    np.testing.assert_allclose(found.boxes_xyxy_px[0], wanted.boxes_xyxy_px[0], atol=10)
    assert found.scores[0] == pytest.approx(wanted.scores[0], abs=0.1)


def test_a_blank_picture_holds_nobody(network: Network) -> None:
    blank = np.full((360, 640, 3), 128, np.uint8)
    found = detect_people(network, Frame(AISLE, 5, blank), (256, 160))
    assert (found.scores < 0.2).all()


def test_a_frame_that_looks_fails_the_node_not_silently() -> None:
    def broken(frame: Frame) -> Sequence[Detections | CodeRead]:
        raise ValueError("a bug")

    desk = FrameDesk()
    thread = InferenceThread(desk, {AISLE: broken}, [], clock=RealClock(), sink=lambda _: None)
    thread.start()
    desk.put(Frame(AISLE, 1, np.zeros((8, 8, 3), np.uint8)))
    time.sleep(0.2)
    with pytest.raises(RuntimeError) as failure:
        thread.check()
    assert isinstance(failure.value.__cause__, ValueError)


def test_the_thread_looks_at_every_replayed_frame_in_order() -> None:
    seen: list[int] = []

    def look(frame: Frame) -> Sequence[Detections | CodeRead]:
        time.sleep(0.002)
        return [Detections.empty(frame.camera, frame.captured_ns)]

    def sink(found: Detections | CodeRead | FaceSeen | HandSeen) -> None:
        assert isinstance(found, Detections)
        seen.append(found.captured_ns)

    desk = FrameDesk(replayed={AISLE})
    thread = InferenceThread(desk, {AISLE: look}, [], clock=RealClock(), sink=sink)
    thread.start()
    for at_ns in range(50):
        desk.put(Frame(AISLE, at_ns, np.zeros((8, 8, 3), np.uint8)))
    deadline = time.monotonic() + 3
    while len(seen) < 50 and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.stop()
    assert seen == list(range(50))
    assert thread.looked_count == 50


def shelf(sleeve_px: int = 0) -> NDArray[np.uint8]:
    """A grey aisle and a dark sleeve, so far to the right."""
    image = np.full((360, 640, 3), 150, np.uint8)
    image[100:160, 200 + sleeve_px : 230 + sleeve_px] = 40
    return image


def test_people_stay_where_they_were_while_nothing_moves(network: Network) -> None:
    look = PeopleLook(network, PeopleSettings(size_px=(256, 160)))
    picture = shelf()
    [first] = look(Frame(AISLE, 0, picture))
    [second] = look(Frame(AISLE, ns_from_s(0.1), picture))
    assert look.looked_count == 1
    assert second.captured_ns == ns_from_s(0.1)
    np.testing.assert_array_equal(first.boxes_xyxy_px, second.boxes_xyxy_px)
    look(Frame(AISLE, ns_from_s(0.2), shelf(sleeve_px=20)))
    assert look.looked_count == 2
