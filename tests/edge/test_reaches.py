"""Hands and shelves, exact: joints with known places projected into a known camera."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.geometry import Intrinsics
from tebura_contract.ids import ShelfId
from tebura_edge.arms import FOREARM_M, UPPER_ARM_M, above_foot
from tebura_edge.detections import Keypoint
from tebura_edge.footing import Footing
from tebura_edge.geometry import CameraView, Floats, Front, Rigid, camera_view
from tebura_edge.reaches import (
    HandAt,
    ReachFinder,
    ReachSettings,
    hands_in_shelves,
)

SETTINGS = ReachSettings()
LOW, HIGH = ShelfId("g1/low"), ShelfId("g1/high")
# A gondola along x at y = 2.5, shoppers stand at smaller y; boards at 0.8 and 1.2 m.
FRONTS = [
    Front(LOW, Rigid(np.eye(3), np.array([1.3, 2.5, 0.8])), 1.2, 0.3, 0.36),
    Front(HIGH, Rigid(np.eye(3), np.array([1.3, 2.5, 1.2])), 1.2, 0.3, 0.36),
]
INTRINSICS = Intrinsics(size_px=(640, 360), focal_px=(430, 430), center_px=(320, 180))


def look_at(position: tuple[float, float, float], target: tuple[float, float, float]) -> CameraView:
    """A camera at `position` that looks at `target`, level."""
    forward = np.subtract(target, position).astype(float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return camera_view(INTRINSICS, Rigid(rotation, np.array(position)).pose())


VIEWS = [
    pytest.param(look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0)), id="from-the-side"),
    pytest.param(look_at((-0.8, 1.0, 2.4), (1.9, 2.2, 1.0)), id="from-the-other-side"),
    pytest.param(look_at((3.6, -0.4, 2.6), (1.9, 2.4, 1.0)), id="diagonal"),
]
FROM_BEHIND = look_at((1.9, -1.6, 2.6), (1.9, 2.5, 1.0))


def bent_arm(shoulder: Floats, hand: Floats) -> tuple[Floats, Floats]:
    """Shoulder and elbow (3,) of an arm that holds its hand there; who cannot reach it leans."""
    upper, lower = UPPER_ARM_M, (1 + SETTINGS.hand_share) * FOREARM_M
    far = float(np.linalg.norm(hand - shoulder))
    towards = (hand - shoulder) / far
    shoulder = shoulder + max(0.0, far - 0.98 * (upper + lower)) * towards
    far = min(far, 0.98 * (upper + lower))
    along = (upper**2 - lower**2 + far**2) / (2 * far)
    down = np.array([0.0, 0.0, -1.0]) + towards[2] * towards
    down /= np.linalg.norm(down)
    return shoulder, shoulder + along * towards + np.sqrt(upper**2 - along**2) * down


def shopper(
    view: CameraView, foot: tuple[float, float], hand: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Keypoints of someone of 1.68 m at `foot` whose right *hand* (beyond the wrist) is there."""
    x, y = foot
    points = np.zeros((17, 3))
    shoulder, elbow = bent_arm(np.array([x + 0.18, y + 0.05, 1.38]), np.array(hand))
    # The hand lies on the forearm's line, 0.35 of it beyond the wrist.
    wrist = elbow + (np.array(hand) - elbow) / (1 + SETTINGS.hand_share)
    points[Keypoint.RIGHT_SHOULDER], points[Keypoint.RIGHT_ELBOW] = shoulder, elbow
    points[Keypoint.RIGHT_WRIST] = wrist
    points[Keypoint.LEFT_SHOULDER] = (x - 0.18, y, 1.38)
    points[Keypoint.LEFT_ELBOW] = (x - 0.22, y, 1.1)
    points[Keypoint.LEFT_WRIST] = (x - 0.22, y + 0.05, 0.85)
    points[Keypoint.LEFT_ANKLE], points[Keypoint.RIGHT_ANKLE] = (
        (x - 0.1, y, 0.08),
        (x + 0.1, y, 0.08),
    )
    points[Keypoint.NOSE] = (x, y + 0.08, 1.56)
    used = (points != 0).any(axis=1)
    seen = np.zeros((17, 3), np.float32)
    seen[used, :2] = view.image_from_store(points[used])
    seen[used, 2] = 0.9
    return seen


def in_shelves(
    view: CameraView, foot: tuple[float, float], hand: tuple[float, float, float]
) -> dict[ShelfId, HandAt]:
    return hands_in_shelves(view, FRONTS, np.array(foot), shopper(view, foot, hand), SETTINGS)


@pytest.mark.parametrize("view", VIEWS)
def test_foot_and_shoulder_are_found_where_they_are(view: CameraView) -> None:
    keypoints = shopper(view, (1.9, 2.05), (1.95, 2.2, 1.0))
    pixels = keypoints[keypoints[:, 2] > 0, :2]
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]).astype(np.float32)
    foot = Footing(view).xy_m(box, keypoints)
    assert foot is not None
    np.testing.assert_allclose(foot, [1.9, 2.05], atol=1e-3)
    found = above_foot(view, keypoints[Keypoint.RIGHT_SHOULDER, :2].astype(float), foot)
    np.testing.assert_allclose(found, [2.08, 2.1, 1.38], atol=0.2)


def test_a_hidden_foot_is_judged_by_the_body_above() -> None:
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    keypoints = shopper(view, (1.9, 2.05), (1.95, 2.2, 1.0))
    keypoints[[Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE], 2] = 0.05
    cut_off = np.array([200, 50, 300, 359], np.float32)
    foot = Footing(view).xy_m(cut_off, keypoints)
    assert foot is not None
    np.testing.assert_allclose(foot, [1.9, 2.05], atol=0.12)


def test_of_two_ankles_the_one_that_is_seen_tells_the_foot() -> None:
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    keypoints = shopper(view, (1.9, 2.05), (1.95, 2.2, 1.0))
    keypoints[Keypoint.LEFT_ANKLE] += (60.0, 25.0, 0.22 - 0.9)  # a guess, through the gondola
    box = np.array([200, 50, 300, 300], np.float32)
    foot = Footing(view).xy_m(box, keypoints)
    assert foot is not None
    np.testing.assert_allclose(foot, [2.0, 2.05], atol=0.05)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("hand", "shelf"),
    [
        pytest.param((2.0, 2.68, 0.95), LOW, id="low"),
        pytest.param((2.0, 2.68, 1.3), HIGH, id="high"),
    ],
)
def test_hand_in_a_shelf_is_in_that_shelf(
    view: CameraView, hand: tuple[float, float, float], shelf: ShelfId
) -> None:
    found = in_shelves(view, (1.85, 2.1), hand)
    other = HIGH if shelf == LOW else LOW
    assert found[shelf].probability >= SETTINGS.begin
    assert found[other].probability < found[shelf].probability / 2
    assert found[shelf].x_m == pytest.approx(hand[0] - 1.3, abs=0.25)


@pytest.mark.parametrize(
    ("hand", "shelf"),
    [
        pytest.param((2.0, 2.68, 0.95), LOW, id="low"),
        pytest.param((2.0, 2.68, 1.3), HIGH, id="high"),
    ],
)
def test_from_behind_the_camera_cannot_tell_how_far_a_hand_is_and_says_so(
    hand: tuple[float, float, float], shelf: ShelfId
) -> None:
    found = in_shelves(FROM_BEHIND, (1.85, 2.1), hand)
    assert max(found.values(), key=lambda at: at.probability).shelf == shelf
    assert found[shelf].probability < SETTINGS.begin


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "hand",
    [
        pytest.param((2.0, 2.2, 0.8), id="hanging"),
        pytest.param((2.0, 2.3, 1.3), id="pointing-a-hand-short"),
    ],
)
def test_hand_before_the_shelf_is_in_none(
    view: CameraView, hand: tuple[float, float, float]
) -> None:
    found = in_shelves(view, (1.85, 1.95), hand)
    assert all(hand.probability < SETTINGS.stay for hand in found.values())


def test_who_stands_away_reaches_nothing_even_if_the_picture_overlaps() -> None:
    # Between camera and gondola: the hand's pixel falls on the shelf, the arm does not get there.
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    assert in_shelves(view, (3.0, 1.2), (3.1, 1.5, 1.5)) == {}


def seen_with(score: float, hand: tuple[float, float, float]) -> float:
    """How surely a hand is in the upper shelf when its wrist is seen with that score."""
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    keypoints = shopper(view, (1.85, 2.1), hand)
    keypoints[Keypoint.RIGHT_WRIST, 2] = score
    found = hands_in_shelves(view, FRONTS, np.array([1.85, 2.1]), keypoints, SETTINGS)
    return found[HIGH].probability if HIGH in found else 0.0


def test_the_less_a_wrist_is_seen_the_less_it_says() -> None:
    inside = [seen_with(score, (2.0, 2.68, 1.3)) for score in (0.9, 0.35, 0.2, 0.1)]
    assert inside[0] > inside[1] > inside[2] > SETTINGS.stay
    assert inside[3] < SETTINGS.stay
    hanging = [seen_with(score, (2.0, 2.2, 0.8)) for score in (0.9, 0.35, 0.2)]
    assert max(hanging) < SETTINGS.stay


def test_nobody_who_seems_to_stand_in_the_gondola_reaches_anything() -> None:
    """Somebody stood before them: then hips tell the foot, and it may lie anywhere."""
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    keypoints = shopper(view, (1.85, 2.1), (2.0, 2.3, 1.1))
    assert hands_in_shelves(view, FRONTS, np.array([1.85, 2.62]), keypoints, SETTINGS) == {}


@given(x=st.floats(1.6, 2.2), depth=st.floats(0.12, 0.25), z=st.floats(0.08, 0.22))
def test_from_the_side_any_hand_well_inside_is_found(x: float, depth: float, z: float) -> None:
    view = look_at((4.6, 1.2, 2.4), (1.9, 2.2, 1.0))
    found = in_shelves(view, (x - 0.1, 2.15), (x, 2.5 + depth, 1.2 + z))
    assert found[HIGH].probability >= SETTINGS.begin


def inside(probability: float, shelf: ShelfId = LOW, x_m: float = 0.4) -> dict[ShelfId, HandAt]:
    return {shelf: HandAt(shelf, probability, x_m)}


def play(
    finder: ReachFinder, probabilities: list[float], shelf: ShelfId = LOW
) -> list[tuple[float, float, float]]:
    """Feed a track's probabilities at 10 Hz; (from, to, confidence) of what finished."""
    done = []
    for tick, probability in enumerate(probabilities):
        now_ns = ns_from_s(tick / 10)
        finder.step(1, now_ns, inside(probability, shelf))
        done += finder.finish(now_ns)
    return [(r.from_ns / 1e9, r.to_ns / 1e9, r.confidence) for r in done]


def test_a_reach_lasts_from_first_to_last_sight_inside() -> None:
    quiet = [0.0] * 8
    [reach] = play(ReachFinder(SETTINGS), [*quiet, 0.2, 0.6, 0.7, 0.7, 0.2, *quiet])
    assert reach == (0.8, 1.2, 0.7)


def test_a_wrist_lost_for_a_moment_does_not_cut_a_reach() -> None:
    wave = [0.0] * 5 + [0.6] * 3 + [0.0] * 4 + [0.6] * 3 + [0.0] * 8
    assert len(play(ReachFinder(SETTINGS), wave)) == 1
    apart = [0.0] * 5 + [0.6] * 3 + [0.0] * 6 + [0.6] * 3 + [0.0] * 8
    assert len(play(ReachFinder(SETTINGS), apart)) == 2


def test_passing_by_is_no_reach_but_a_very_fast_pick_is() -> None:
    quiet = [0.0] * 8
    assert play(ReachFinder(SETTINGS), [*quiet, 0.3, 0.3, 0.3, *quiet]) == []
    assert play(ReachFinder(SETTINGS), [*quiet, 0.4, *quiet]) == []
    assert len(play(ReachFinder(SETTINGS), [*quiet, 0.65, *quiet])) == 1
    assert len(play(ReachFinder(SETTINGS), [*quiet, 0.55, 0.55, *quiet])) == 1


def test_a_joint_that_one_look_shows_elsewhere_is_no_reach() -> None:
    quiet = [0.0] * 8
    assert play(ReachFinder(SETTINGS), [*quiet, 0.24, 0.19, 0.55, 0.23, *quiet]) == []


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_hand_that_passes_one_shelf_on_its_way_to_another_reached_the_other(order: str) -> None:
    passing, staying = [0.3, 0.45, 0.3], [0.6, 0.85, 0.85, 0.6]
    low = [*passing, 0, 0, 0, 0] if order == "before" else [0, 0, 0, 0, *passing]
    high = [0, 0, 0, *staying] if order == "before" else [*staying, 0, 0, 0]
    finder = ReachFinder(SETTINGS)
    done = []
    for tick, (in_low, in_high) in enumerate(zip(low + [0.0] * 8, high + [0.0] * 8, strict=True)):
        now_ns = ns_from_s(tick / 10)
        finder.step(1, now_ns, inside(in_low) | inside(in_high, HIGH))
        done += finder.finish(now_ns)
    assert [reached.shelf for reached in done] == [HIGH]


def test_a_hand_that_may_all_the_while_be_in_either_of_two_shelves_is_told_of_both() -> None:
    finder = ReachFinder(SETTINGS)
    done = []
    for tick in range(24):
        now_ns = ns_from_s(tick / 10)
        is_in = 2 <= tick < 14
        hands = inside(0.4) | inside(0.58, HIGH) if is_in else {}
        finder.step(1, now_ns, hands)
        done += finder.finish(now_ns)
    assert {reached.shelf: reached.confidence for reached in done} == {LOW: 0.4, HIGH: 0.58}


def test_an_unsure_reach_by_itself_is_told_with_its_doubt() -> None:
    quiet = [0.0] * 8
    [(_, _, confidence)] = play(ReachFinder(SETTINGS), [*quiet, 0.4, 0.4, *quiet])
    assert confidence == 0.4


def test_an_open_reach_says_since_when_and_ends_with_its_track() -> None:
    finder = ReachFinder(SETTINGS)
    for tick in range(10, 15):
        finder.step(1, ns_from_s(tick / 10), inside(0.6))
        assert finder.finish(ns_from_s(tick / 10)) == []
    assert finder.open_since_ns() == ns_from_s(1.0)
    [reached] = finder.finish(ns_from_s(1.4), ended=[1])
    assert (reached.number, reached.shelf) == (1, LOW)
    assert reached.x_m == pytest.approx(0.4)
    assert finder.open_since_ns() is None
