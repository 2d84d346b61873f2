"""Where a person stands: the foot's place on the floor, from whatever of the body is in view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tebura_edge.detections import Keypoint
from tebura_edge.geometry import Blocks, CameraView, Floats

Box = NDArray[np.float32] | Floats

KEYPOINT_SCORE = 0.2
"""A weaker keypoint is a guess: on the demo's footage hidden wrists score 0.16-0.25 and lie 60 px
off, seen ones 0.3 and up."""
ANKLE_HEIGHT_M = 0.08
JOINT_HEIGHTS_M = (
    ((Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE), ANKLE_HEIGHT_M),
    ((Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP), 0.92),
    ((Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER), 1.38),
    ((Keypoint.NOSE, Keypoint.LEFT_EAR, Keypoint.RIGHT_EAR), 1.56),
)
"""Joints of a person of 1.68 m, lowest first: the lower, the less another stature matters."""
EDGE_PX = 4
NO_BLOCKS = Blocks(np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
_KEYPOINT_OFF_M, _KEYPOINT_OFF_BOUNDS_M = 0.004, (0.02, 0.2)
"""A keypoint's deviation is the first over its score to 2.5: of MoveNet's ankles in drawn pictures
(1,546 of seeds 955 and 1023) 0.18, 0.14, 0.06, 0.03 and 0.03 m at scores of 0.22, 0.27, 0.35, 0.45
and 0.55. What is plainly seen lies off by 1.8 % of a person's height, in real pictures too."""
_STATURE_SHARE = 0.05
"""Deviation of people's statures: a joint is not at its usual height."""
_LEAST_FALL_M = 0.3
"""A camera no higher above a joint than this tells little of the foot below it."""


@dataclass(frozen=True, eq=False, slots=True)
class Footing:
    """Finds feet in one camera's pictures, and says how far off they may be.

    Ankles are best. A network guesses hidden ones, on the shelf that hides them: of what is seen,
    and can be seen past the gondolas, the lowest tells. The body above stands at its usual height;
    the bottom of the box tells where that would be less sure, unless it is the picture's edge.

    Of 5,175 people in drawn pictures (seeds 973, 974, 976, 11100, 11101, 11104) feet by the ankles,
    whatever hid them, lay off by 0.29 m at the ninth decile and 186 by more than 0.6; so they lie
    off by 0.24, and 36. Of those less than six tenths seen it was 0.91, and is 0.45.
    """

    view: CameraView
    blocks: Blocks = NO_BLOCKS

    def xy_m(self, box_xyxy_px: Box, keypoints_px: NDArray[np.float32]) -> Floats | None:
        """The foot on the floor, store metres (2,), or None where nothing tells.

        Args:
            box_xyxy_px: Around the person (4,).
            keypoints_px: x, y and score of the joints (17, 3).
        """
        found = self._best(box_xyxy_px, keypoints_px)
        return None if found is None else found.foot_m

    def sd_m(self, box_xyxy_px: Box, keypoints_px: NDArray[np.float32]) -> float:
        """How far off that is each way, metres: more far away, and where ankles are hidden."""
        found = self._best(box_xyxy_px, keypoints_px)
        return _KEYPOINT_OFF_BOUNDS_M[1] if found is None else found.sd_m

    def _best(self, box_xyxy_px: Box, keypoints_px: NDArray[np.float32]) -> "_Found | None":
        joints = self._joints(keypoints_px, can_hide=True)
        if joints is not None and joints.height_m == ANKLE_HEIGHT_M:
            return joints
        found = [one for one in (joints, self._bottom(box_xyxy_px)) if one is not None]
        if not found:
            # Hidden all over: then it is the store that was measured badly.
            return self._joints(keypoints_px, can_hide=False)
        return min(found, key=lambda one: one.sd_m)

    def _joints(self, keypoints_px: NDArray[np.float32], *, can_hide: bool) -> "_Found | None":
        """What the lowest joints say that are seen."""
        for names, height_m in JOINT_HEIGHTS_M:
            points = keypoints_px[list(names)]
            points = points[points[:, 2] >= KEYPOINT_SCORE]
            if not len(points):
                continue
            feet_m = self.view.floor_from_image(points[:, :2], height_m)
            is_usable = np.isfinite(feet_m).all(axis=1)
            if can_hide:
                is_usable &= ~self._are_hidden(feet_m, height_m)
            if is_usable.any():
                scores = points[is_usable, 2]
                weights = [1.0 / _keypoint_off_m(float(score)) ** 2 for score in scores]
                foot_m = np.average(feet_m[is_usable], axis=0, weights=weights)
                return self._found(foot_m, height_m, float(scores.max()))
        return None

    def _bottom(self, box_xyxy_px: Box) -> "_Found | None":
        """What the bottom of the box says, as a keypoint that is hardly seen."""
        width, height = self.view.intrinsics.size_px
        x_min, _, x_max, y_max = box_xyxy_px
        if y_max >= height - EDGE_PX or x_min <= EDGE_PX or x_max >= width - EDGE_PX:
            return None
        foot_m = self.view.floor_from_image([(x_min + x_max) / 2, y_max], 0.0)
        if not np.isfinite(foot_m).all() or self._are_hidden(foot_m[None], 0.0)[0]:
            return None
        return self._found(foot_m, 0.0, KEYPOINT_SCORE)

    def _are_hidden(self, feet_m: Floats, height_m: float) -> NDArray[np.bool_]:
        points_m = np.column_stack([feet_m, np.full(len(feet_m), height_m)])
        return self.blocks.hide(self.view.position_m, points_m)

    def _found(self, foot_m: Floats, joint_m: float, score: float) -> "_Found":
        x_m, y_m, height_m = self.view.position_m
        away_m = float(np.hypot(foot_m[0] - x_m, foot_m[1] - y_m))
        off_m = _keypoint_off_m(score)
        fall_m = max(float(height_m) - joint_m, _LEAST_FALL_M)
        along_m = np.hypot(
            off_m * np.hypot(away_m, fall_m) / fall_m,
            _STATURE_SHARE * joint_m * away_m / fall_m,
        )
        return _Found(foot_m, joint_m, float(np.hypot(along_m, off_m) / np.sqrt(2.0)))


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """A foot on the floor (2,), at what height it was seen, and its deviation each way."""

    foot_m: Floats
    height_m: float
    sd_m: float


def _keypoint_off_m(score: float) -> float:
    return float(np.clip(_KEYPOINT_OFF_M / score**2.5, *_KEYPOINT_OFF_BOUNDS_M))
