"""Where the bones of an arm let its hand be, with joints whose places are known."""

import numpy as np
import pytest
from tebura_contract.geometry import Intrinsics
from tebura_edge.arms import FOREARM_M, UPPER_ARM_M, Arm, ahead_of, hand_cloud
from tebura_edge.detections import Keypoint
from tebura_edge.geometry import CameraView, Floats, Rigid, camera_view

HAND_SHARE, LONGEST_M = 0.35, 0.86
FOOT = np.array([2.0, 2.0])
SHOULDER = np.array([2.18, 2.0, 1.38])


def camera_at(x: float, y: float) -> CameraView:
    """A camera 2.5 m up that looks at the shopper's chest, level."""
    position = np.array([x, y, 2.5])
    forward = np.array([2.0, 2.0, 1.2]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    intrinsics = Intrinsics(size_px=(640, 360), focal_px=(430, 430), center_px=(320, 180))
    return camera_view(intrinsics, Rigid(rotation, position).pose())


BEHIND, BEFORE, BESIDE = camera_at(2.0, -1.5), camera_at(2.0, 5.5), camera_at(5.5, 2.0)


def beyond(point: Floats, forwards_m: float, down_m: float = 0.0) -> Floats:
    return np.asarray(point + np.array([0.0, forwards_m, -down_m]))


def arm_to(view: CameraView, forwards_m: float, ahead: Floats | None, score: float = 0.9) -> Arm:
    """The right arm of somebody who looks along y: elbow bent down, hand at the elbow's height."""
    down_m = float(np.sqrt(UPPER_ARM_M**2 - forwards_m**2))
    elbow = beyond(SHOULDER, forwards_m, down_m)
    wrist = beyond(elbow, FOREARM_M)
    pixels = view.image_from_store(np.stack([SHOULDER, elbow, wrist]))
    return Arm(np.column_stack([pixels, [0.9, 0.9, score]]), SHOULDER, ahead)


def middle(view: CameraView, arm: Arm) -> Floats:
    cloud = hand_cloud(view, arm, HAND_SHARE, LONGEST_M)
    assert cloud is not None
    return np.asarray(np.average(cloud.points_m, axis=0, weights=cloud.weights))


@pytest.mark.parametrize(
    "view", [pytest.param(BEHIND, id="behind"), pytest.param(BESIDE, id="beside")]
)
@pytest.mark.parametrize("forwards_m", [0.0, 0.15, 0.25])
def test_a_hand_is_about_where_its_bones_end(view: CameraView, forwards_m: float) -> None:
    ahead = np.array([0.0, 1.0]) if view is BEHIND else None
    arm = arm_to(view, forwards_m, ahead)
    down_m = float(np.sqrt(UPPER_ARM_M**2 - forwards_m**2))
    hand = beyond(SHOULDER, forwards_m + (1 + HAND_SHARE) * FOREARM_M, down_m)
    assert np.linalg.norm(middle(view, arm) - hand) < 0.3


def test_of_the_two_places_on_a_ray_the_one_behind_the_back_is_hardly_any() -> None:
    knowing, not_knowing = (
        middle(BEHIND, arm_to(BEHIND, 0.15, ahead)) for ahead in (np.array([0.0, 1.0]), None)
    )
    assert knowing[1] > not_knowing[1] + 0.1


def test_a_wrist_that_is_hardly_seen_may_be_anywhere_that_the_elbow_lets_it_be() -> None:
    arm = arm_to(BESIDE, 0.2, None, score=0.12)
    cloud = hand_cloud(BESIDE, arm, HAND_SHARE, LONGEST_M)
    assert cloud is not None
    elbow = beyond(SHOULDER, 0.2, float(np.sqrt(UPPER_ARM_M**2 - 0.2**2)))
    away_m = np.linalg.norm(cloud.points_m - elbow, axis=1)
    far = away_m > 2 * (1 + HAND_SHARE) * FOREARM_M
    assert cloud.weights[far].sum() < 0.05 * cloud.weights.sum()
    spread_m = np.sqrt(np.cov(cloud.points_m.T, aweights=cloud.weights).trace())
    sure = hand_cloud(BESIDE, arm_to(BESIDE, 0.2, None), HAND_SHARE, LONGEST_M)
    assert sure is not None
    assert spread_m > 1.3 * np.sqrt(np.cov(sure.points_m.T, aweights=sure.weights).trace())


@pytest.mark.parametrize(
    ("view", "looks"),
    [
        pytest.param(BEHIND, 1.0, id="away-from-a-camera-behind"),
        pytest.param(BEFORE, 1.0, id="towards-a-camera-before"),
        pytest.param(BESIDE, None, id="unknown-from-beside"),
    ],
)
def test_shoulders_tell_which_way_somebody_looks(view: CameraView, looks: float | None) -> None:
    keypoints = np.zeros((17, 3), np.float32)
    shoulders = np.array([[1.82, 2.0, 1.38], [2.18, 2.0, 1.38]])  # left, right: looks along y
    both = [Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER]
    keypoints[both, :2] = view.image_from_store(shoulders)
    ahead = ahead_of(view, keypoints, FOOT)
    if looks is None:
        assert ahead is None
    else:
        assert ahead is not None
        np.testing.assert_allclose(ahead, [0.0, looks], atol=1e-6)


def test_a_hand_that_no_arm_gets_to_is_none() -> None:
    arm = arm_to(BESIDE, 0.2, None)
    arm.joints_px[1:, 0] += 400.0
    cloud = hand_cloud(BESIDE, arm, HAND_SHARE, LONGEST_M)
    assert cloud is None or cloud.weights.max() <= 1.0
