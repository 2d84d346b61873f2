"""Colours of clothes, read off painted people, and who keeps which number by them."""

import cv2
import numpy as np
import pytest
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.clothes import likelier, with_clothes
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.tracker import Tracker

PICTURE = (640, 360)
Colour = tuple[int, int, int]
GREY, RED, BLUE, GREEN = (128, 128, 128), (0, 0, 255), (255, 0, 0), (0, 128, 0)
"""Blue, green, red."""
RED_LAB, BLUE_LAB = (53.2, 80.1, 67.2), (32.3, 79.2, -107.9)
"""As every table of sRGB's primaries in CIE L*a*b* under D65 has them."""
JOINTS = {
    Keypoint.LEFT_SHOULDER: (-15, 40),
    Keypoint.RIGHT_SHOULDER: (15, 40),
    Keypoint.LEFT_HIP: (-10, 90),
    Keypoint.RIGHT_HIP: (10, 90),
    Keypoint.LEFT_KNEE: (-10, 135),
    Keypoint.RIGHT_KNEE: (10, 135),
}
"""Right and down of the middle of the box's upper side, px."""

Person = tuple[float, Colour, Colour]
"""Where they stand, px across, and their shirt and trousers."""


def found_at(at_s: float, *people: Person, down_px: float = 80, knees: float = 0.6) -> Detections:
    """People painted on grey, 60 x 180 px, the later ones before the others, and what they wear."""
    picture = np.full((PICTURE[1], PICTURE[0], 3), GREY, np.uint8)
    boxes, keypoints = [], []
    for x, shirt, trousers in people:
        left, right, top, hips = round(x) - 30, round(x) + 30, round(down_px), round(down_px) + 90
        cv2.rectangle(picture, (left, top + 30), (right, hips), shirt, cv2.FILLED)
        cv2.rectangle(picture, (left, hips + 1), (right, top + 180), trousers, cv2.FILLED)
        joints = np.zeros((17, 3), np.float32)
        for joint, (dx, dy) in JOINTS.items():
            joints[joint] = (x + dx, down_px + dy, 0.6)
        joints[Keypoint.LEFT_KNEE, 2] = knees
        boxes.append((left, top, right, min(top + 180, PICTURE[1])))
        keypoints.append(joints)
    found = Detections(
        CameraId("aisle"),
        ns_from_s(at_s),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(people), 0.6, np.float32),
        np.array(keypoints, np.float32).reshape(-1, 17, 3),
    )
    return with_clothes(found, picture)


def watch(tracker: Tracker, *people: Person, from_s: float, to_s: float) -> dict[int, float]:
    """Where each number is, px across, after ten looks a second at people who stand."""
    for tick in range(round(from_s * 10), round(to_s * 10) + 1):
        tracked = tracker.step(found_at(tick / 10, *people))
    return {t.number: float(t.box[0]) + 30 for t in tracked.seen if t.number is not None}


def test_a_shirt_and_trousers_have_their_colours() -> None:
    found = found_at(0.0, (200, RED, BLUE), (400, BLUE, RED))
    np.testing.assert_allclose(found.worn(0), [*RED_LAB, *BLUE_LAB], atol=0.5)
    np.testing.assert_allclose(found.worn(1), [*BLUE_LAB, *RED_LAB], atol=0.5)


@pytest.mark.parametrize(
    ("down_px", "knees"),
    [pytest.param(80, 0.1, id="hidden"), pytest.param(265, 0.6, id="below-the-picture")],
)
def test_trousers_that_do_not_show_have_no_colour(down_px: float, knees: float) -> None:
    worn = found_at(0.0, (200, RED, BLUE), down_px=down_px, knees=knees).worn(0)
    np.testing.assert_allclose(worn[:3], RED_LAB, atol=0.5)
    assert np.isnan(worn[3:]).all()


@pytest.mark.parametrize(
    ("shirt", "number"), [pytest.param(RED, 1, id="same"), pytest.param(GREEN, 2, id="other")]
)
def test_who_comes_into_view_where_somebody_was_is_them_only_in_their_clothes(
    shirt: Colour, number: int
) -> None:
    tracker = Tracker(picture_px=PICTURE)
    assert watch(tracker, (300, RED, BLUE), from_s=0.0, to_s=1.0) == {1: 300}
    assert watch(tracker, (304, shirt, BLUE), from_s=2.4, to_s=3.0) == {number: 304}


def test_two_who_change_places_unseen_keep_their_numbers_by_their_clothes() -> None:
    tracker = Tracker(picture_px=PICTURE)
    red, blue = (RED, BLUE), (BLUE, GREEN)
    watch(tracker, (280, *red), (330, *blue), from_s=0.0, to_s=1.0)
    assert watch(tracker, (280, *blue), (330, *red), from_s=2.2, to_s=2.5) == {1: 330, 2: 280}


def test_who_looks_different_for_a_moment_is_who_they_were() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (300, RED, BLUE), from_s=0.0, to_s=1.0)
    assert watch(tracker, (302, GREY, GREY), from_s=1.1, to_s=1.1) == {1: 302}


def test_who_stands_before_somebody_does_not_lend_them_their_clothes() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (300, RED, RED), from_s=0.0, to_s=1.0)
    watch(tracker, (300, RED, RED), (322, BLUE, BLUE), from_s=1.1, to_s=2.5)
    behind = next(track for track in tracker.tracks if track.number == 1)
    np.testing.assert_allclose(behind.clothes.now, RED_LAB * 2, atol=0.5)


def exchanged(
    tracker: Tracker, *people: Person, from_s: float, to_s: float
) -> list[tuple[int | None, int | None]]:
    """Numbers of those who turn out to have been taken for each other, ten looks a second."""
    found = []
    for tick in range(round(from_s * 10), round(to_s * 10) + 1):
        for one, other in tracker.step(found_at(tick / 10, *people)).exchanged:
            found.append((one.number, other.number))
    return found


def test_two_who_were_taken_for_each_other_are_told_by_their_clothes_once() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (280, RED, BLUE), (400, BLUE, GREEN), from_s=0.0, to_s=2.0)
    after = exchanged(tracker, (280, BLUE, GREEN), (400, RED, BLUE), from_s=2.1, to_s=6.0)
    assert [set(pair) for pair in after] == [{1, 2}]


def test_a_track_that_went_over_to_another_is_told_when_its_own_person_comes_into_view() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (300, RED, RED), from_s=0.0, to_s=2.0)
    watch(tracker, (304, BLUE, BLUE), from_s=2.1, to_s=3.0)
    after = exchanged(tracker, (304, BLUE, BLUE), (420, RED, RED), from_s=3.1, to_s=6.0)
    assert [set(pair) for pair in after] == [{1, 2}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((GREEN, BLUE), (BLUE, GREEN), id="one-puts-on-a-coat"),
        pytest.param((GREY, GREY), (GREY, GREY), id="the-light-goes-out"),
    ],
)
def test_who_only_looks_different_was_not_taken_for_another(
    one: tuple[Colour, Colour], other: tuple[Colour, Colour]
) -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (280, RED, BLUE), (400, BLUE, GREEN), from_s=0.0, to_s=2.0)
    assert exchanged(tracker, (280, *one), (400, *other), from_s=2.1, to_s=6.0) == []


def test_what_somebody_wears_is_kept_once_a_second_of_plain_sight() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (300, RED, BLUE), from_s=0.0, to_s=3.5)
    watch(tracker, (300, RED, BLUE), (322, GREEN, GREEN), from_s=3.6, to_s=8.0)
    behind = next(track for track in tracker.tracks if track.number == 1)
    assert len(behind.clothes.samples) == 3
    for worn in behind.clothes.samples:
        np.testing.assert_allclose(worn, [*RED_LAB, *BLUE_LAB], atol=0.5)


def test_who_was_taken_for_another_is_like_nobody_they_were_taken_for() -> None:
    tracker = Tracker(picture_px=PICTURE)
    watch(tracker, (280, RED, BLUE), (400, BLUE, GREEN), from_s=0.0, to_s=3.0)
    exchanged(tracker, (280, BLUE, GREEN), (400, RED, BLUE), from_s=3.1, to_s=9.0)
    first = next(track for track in tracker.tracks if track.number == 1)
    assert likelier(first.clothes.samples, [np.array([*RED_LAB, *BLUE_LAB], np.float32)]) < 0.1
