"""People are followed between looks by the flow of the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.follow import Follower
from tebura_edge.frames import Frame

AISLE = CameraId("aisle")
Places = tuple[tuple[int, int], tuple[int, int]]
RNG = np.random.default_rng(3)
FLOOR = cv2.GaussianBlur(RNG.integers(40, 90, (360, 640, 3)).astype(np.uint8), (0, 0), 4)
SHIRT = cv2.GaussianBlur(RNG.integers(0, 255, (160, 80, 3)).astype(np.uint8), (0, 0), 3)
HAND = cv2.GaussianBlur(RNG.integers(0, 255, (24, 24, 3)).astype(np.uint8), (0, 0), 2)


def picture(body: tuple[int, int], hand: tuple[int, int]) -> NDArray[np.uint8]:
    """Somebody whose top left corner is at `body`, and a hand around `hand`; (x, y) pixels."""
    image = np.asarray(FLOOR.copy(), np.uint8)
    image[body[1] : body[1] + 160, body[0] : body[0] + 80] = SHIRT
    image[hand[1] - 12 : hand[1] + 12, hand[0] - 12 : hand[0] + 12] = HAND
    return image


def person(body: tuple[int, int], hand: tuple[int, int], score: float = 0.6) -> Detections:
    x, y = body
    points = np.zeros((1, 17, 3), np.float32)
    for n in range(17):
        points[0, n] = (x + 15 + 3 * n, y + 15 + 8 * n, 0.7)
    points[0, Keypoint.LEFT_WRIST] = (*hand, 0.7)
    box = np.array([[x, y, x + 80, y + 160]], np.float32)
    return Detections(AISLE, 0, box, np.array([score], np.float32), points, (640, 360))


def follow(before: Places, now: Places) -> Detections:
    first, second = Frame(AISLE, 0, picture(*before)), Frame(AISLE, 100, picture(*now))
    follower = Follower()
    follower.saw(first.glance, person(*before))
    return follower.follow(second)


def test_who_walks_is_followed_with_box_and_keypoints() -> None:
    found = follow(((200, 100), (180, 150)), ((209, 102), (189, 152)))
    expected = person((209, 102), (189, 152))
    assert found.captured_ns == 100
    np.testing.assert_allclose(found.boxes_xyxy_px, expected.boxes_xyxy_px, atol=1.5)
    np.testing.assert_allclose(found.keypoints_px[0], expected.keypoints_px[0], atol=2)


def test_a_hand_that_moves_by_itself_is_followed_by_itself() -> None:
    found = follow(((200, 100), (140, 150)), ((200, 100), (128, 144)))
    np.testing.assert_allclose(found.keypoints_px[0, Keypoint.LEFT_WRIST, :2], (128, 144), atol=2)
    np.testing.assert_allclose(found.boxes_xyxy_px, [[200, 100, 280, 260]], atol=1.5)


def test_a_point_that_is_lost_goes_where_the_person_goes() -> None:
    """The hand is gone from the picture; it must not fly to whatever looks alike."""
    before, now = ((200, 100), (140, 150)), ((206, 100), (600, 300))
    found = follow(before, now)
    strayed = np.linalg.norm(found.keypoints_px[0, Keypoint.LEFT_WRIST, :2] - (146, 150))
    assert strayed <= 0.25 * 160 + 2


def test_boxes_stay_in_the_picture() -> None:
    found = follow(((2, 100), (60, 150)), ((0, 100), (58, 150)))
    assert (found.boxes_xyxy_px >= 0).all()


def test_nobody_seen_is_nobody_followed() -> None:
    frame = Frame(AISLE, 7, picture((200, 100), (180, 150)))
    assert len(Follower().follow(frame)) == 0
    assert Follower().stay(frame).captured_ns == 7
