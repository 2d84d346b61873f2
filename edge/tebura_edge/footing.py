"""Where a person stands: the foot's place on the floor, from whatever of the body is in view."""

import numpy as np
from numpy.typing import NDArray

from tebura_edge.detections import Keypoint
from tebura_edge.geometry import CameraView, Floats

KEYPOINT_SCORE = 0.2
"""A weaker keypoint is a guess: on the demo's footage hidden wrists score 0.16-0.25 and lie 60 px
off, seen ones 0.3 and up."""
ANKLE_HEIGHT_M = 0.08
BODY_HEIGHTS_M = (
    ((Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP), 0.92),
    ((Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER), 1.38),
    ((Keypoint.NOSE, Keypoint.LEFT_EAR, Keypoint.RIGHT_EAR), 1.56),
)
"""Joints of a person of 1.68 m, lowest first: the lower, the less another stature matters."""
EDGE_PX = 4
_KEYPOINT_OFF_M, _KEYPOINT_OFF_BOUNDS_M = 0.004, (0.02, 0.2)
"""A keypoint's deviation is the first over its score to 2.5: of MoveNet's ankles in drawn pictures
(1,546 of seeds 955 and 1023) 0.18, 0.14, 0.06, 0.03 and 0.03 m at scores of 0.22, 0.27, 0.35, 0.45
and 0.55. What is plainly seen lies off by 1.8 % of a person's height, in real pictures too."""
_STATURE_SHARE = 0.05
"""Deviation of people's statures: a joint is not at its usual height."""
_LEAST_FALL_M = 0.3
"""A camera no higher above a joint than this tells little of the foot below it."""


def foot_xy_m(
    view: CameraView, box_xyxy_px: NDArray[np.float32], keypoints_px: NDArray[np.float32]
) -> Floats | None:
    """The foot on the floor, store metres (2,), or None where nothing tells.

    Ankles are best. Where a gondola or another person hides them the body above is taken at its
    usual height; the bottom of the box only if that is not the edge of the picture.
    """
    ankles = keypoints_px[[Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE]]
    seen = ankles[ankles[:, 2] >= KEYPOINT_SCORE]
    if len(seen):
        return _mean(view.floor_from_image(seen[:, :2], ANKLE_HEIGHT_M), seen[:, 2])
    width, height = view.intrinsics.size_px
    x_min, _, x_max, y_max = box_xyxy_px
    if y_max < height - EDGE_PX and x_min > EDGE_PX and x_max < width - EDGE_PX:
        bottom = view.floor_from_image([(x_min + x_max) / 2, y_max], 0.0)
        if np.isfinite(bottom).all():
            return bottom
    for joints, height_m in BODY_HEIGHTS_M:
        points = keypoints_px[list(joints)]
        seen = points[points[:, 2] >= KEYPOINT_SCORE]
        if len(seen):
            return _mean(view.floor_from_image(seen[:, :2], height_m), seen[:, 2])
    return None


def foot_sd_m(view: CameraView, foot_m: Floats, keypoints_px: NDArray[np.float32]) -> float:
    """How far off such a foot is each way, metres: more far away, and where ankles are hidden.

    A network guesses hidden ankles behind a shelf, half a metre off, and says so by their score.
    """
    x_m, y_m, height_m = view.position_m
    away_m = float(np.hypot(foot_m[0] - x_m, foot_m[1] - y_m))
    joint_m, score = _lowest_joint(keypoints_px)
    off_m = _keypoint_off_m(score)
    fall_m = max(float(height_m) - joint_m, _LEAST_FALL_M)
    along_m = np.hypot(
        off_m * np.hypot(away_m, fall_m) / fall_m,
        _STATURE_SHARE * joint_m * away_m / fall_m,
    )
    return float(np.hypot(along_m, off_m) / np.sqrt(2.0))


def _lowest_joint(keypoints_px: NDArray[np.float32]) -> tuple[float, float]:
    """Height and score of the joints that tell the foot; the box does where none is seen."""
    joints = (((Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE), ANKLE_HEIGHT_M), *BODY_HEIGHTS_M)
    for names, height_m in joints:
        best = float(keypoints_px[list(names), 2].max())
        if best >= KEYPOINT_SCORE:
            return height_m, best
    return ANKLE_HEIGHT_M, KEYPOINT_SCORE


def _keypoint_off_m(score: float) -> float:
    return float(np.clip(_KEYPOINT_OFF_M / score**2.5, *_KEYPOINT_OFF_BOUNDS_M))


def _mean(points_m: Floats, scores: NDArray[np.float32]) -> Floats | None:
    """Of what several joints say, each by how sure it is."""
    weights = [1.0 / _keypoint_off_m(float(score)) ** 2 for score in scores]
    mean: Floats = np.average(points_m, axis=0, weights=weights)
    return mean if np.isfinite(mean).all() else None
