"""Where a hand is, as far as one camera and the bones of its arm tell.

A camera gives a ray for a joint, not a point. How far along its ray a hand is follows from the
body: the shoulder stands about above the foot, the elbow is an upper arm away from there, the hand
a forearm from the elbow, and arms are before the body rather than behind it. Where a wrist is
hardly seen its ray is a bundle: hands in shelves are in shadow, and networks say so by their score.
That makes a cloud of places, each with how likely it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tebura_edge.detections import Keypoint
from tebura_edge.geometry import CameraView, Floats

UPPER_ARM_M, FOREARM_M = 0.31, 0.245
"""Of a person of 1.68 m: 0.186 and 0.146 of the stature (Drillis and Contini 1966)."""
_BONE_SHARE = 0.13
"""Deviation of a bone's length: statures, proportions, sleeves."""
_LEAN_M = 0.15
"""By how much a shoulder is off its place above the foot, along its ray: who reaches leans."""
_BEHIND_M = 0.1
"""How far behind the shoulders elbows and hands get, which is little."""
_SIDEWAYS_M = 0.2
"""Shoulders less apart than this, as the camera sees them, do not tell which way somebody looks."""
_JOINT_OFF_M, _JOINT_OFF_BOUNDS_M = 0.022, (0.02, 0.3)
"""A joint's deviation across the ray is the first over its score to 1.5: MoveNet's wrists in drawn
pictures (1,862 of seed 1023) lie off by 0.03, 0.05, 0.09, 0.15, 0.22 and 0.32 m in the median at
scores of 0.7, 0.5, 0.35, 0.27, 0.22 and 0.17."""
_SHORT_M = 0.08
"""The same along the forearm, besides: a network puts the wrist where the sleeve ends or the shelf
begins, up to 0.17 m short of one inside that it is sure of (seed 1023)."""
_RAY_STEPS, _ELBOW_STEPS = 40, 25


def _offsets() -> tuple[Floats, Floats]:
    """Places (13, 2) in deviations, and the share of a normal deviation about each (13,)."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places = np.concatenate([np.zeros((1, 2)), ring, 2 * ring])
    areas = np.array([0.25, *[2 / 6] * 6, *[4 / 6] * 6])
    weights = areas * np.exp(-(places**2).sum(axis=1) / 2)
    return places, weights / weights.sum()


_OFFSETS, _OFFSET_WEIGHTS = _offsets()
_LEANS = np.linspace(-2.0, 2.0, 7)
_LEAN_WEIGHTS = np.exp(-(_LEANS**2) / 2)


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm as a camera sees it.

    Attributes:
        joints_px: Shoulder, elbow and wrist (3, 3) as (x, y, score).
        shoulder_m: Where the shoulder would be if it stood above the foot, (3,).
        ahead: The level direction (2,) its person looks; None where that is not seen.
    """

    joints_px: Floats
    shoulder_m: Floats
    ahead: Floats | None


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a hand may be: points (n, 3) in the store, and how likely each is, (n,)."""

    points_m: Floats
    weights: Floats


def above_foot(view: CameraView, point_px: Floats, foot_m: Floats) -> Floats:
    """The point (3,) seen at a pixel that is nearest to the upright line above the foot."""
    ray = view.rays_from_image(point_px)
    flat = ray[:2]
    distance = np.dot(foot_m - view.position_m[:2], flat) / max(float(np.dot(flat, flat)), 1e-9)
    point: Floats = view.position_m + distance * ray
    return point


def ahead_of(view: CameraView, keypoints_px: NDArray[np.float32], foot_m: Floats) -> Floats | None:
    """Which way somebody looks, away from the camera or towards it, a level direction (2,).

    The right shoulder is to the right of who shows their back. None where they stand sideways.
    """
    left, right = keypoints_px[[Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER], :2].astype(float)
    away = foot_m - view.position_m[:2]
    away = away / max(float(np.linalg.norm(away)), 1e-9)
    apart = above_foot(view, right, foot_m)[:2] - above_foot(view, left, foot_m)[:2]
    rightwards_m = float(np.dot(apart, [away[1], -away[0]]))
    if not abs(rightwards_m) >= _SIDEWAYS_M:
        return None
    return np.asarray(away if rightwards_m > 0 else -away)


def hand_cloud(view: CameraView, arm: Arm, hand_share: float, longest_m: float) -> Cloud | None:
    """Where the hand of an arm may be.

    Args:
        view: The camera, at the size of the picture.
        arm: What it sees.
        hand_share: How much of the forearm the hand is beyond the wrist.
        longest_m: How far from the shoulder a hand is at most.

    Returns:
        None where a ray cannot be told, or no hand on it hangs on this arm.
    """
    _, elbow, wrist = arm.joints_px
    forearm_px = wrist[:2] - elbow[:2]
    hand_px = wrist[:2] + hand_share * forearm_px
    ray, elbow_ray = view.rays_from_image(np.stack([hand_px, elbow[:2]]))
    if not (np.isfinite(ray).all() and np.isfinite(arm.shoulder_m).all()):
        return None
    off_m = joint_off_m(wrist[2])
    beside_m = (
        _OFFSETS * [np.hypot(off_m, _SHORT_M), off_m] @ _across(view, ray, hand_px, forearm_px)
    )
    middle_m = float(np.dot(arm.shoulder_m - view.position_m, ray))
    steps_m = np.linspace(middle_m - longest_m, middle_m + longest_m, _RAY_STEPS)
    points = (view.position_m + steps_m[:, None, None] * ray + beside_m).reshape(-1, 3)
    weights = np.tile(_OFFSET_WEIGHTS, _RAY_STEPS) * _before(arm, points)
    if np.isfinite(elbow_ray).all():
        weights = weights * _hangs_on(view, arm, elbow_ray, points, (1 + hand_share) * FOREARM_M)
    most = float(weights.max())
    return Cloud(points, weights / most) if most > 0.0 else None


def joint_off_m(score: float) -> float:
    """How far off a joint is across its ray, each way."""
    return float(np.clip(_JOINT_OFF_M / max(score, 1e-6) ** 1.5, *_JOINT_OFF_BOUNDS_M))


def _across(view: CameraView, ray: Floats, hand_px: Floats, forearm_px: Floats) -> Floats:
    """Two directions (2, 3) across a ray, the first along the forearm as it is seen."""
    length_px = float(np.linalg.norm(forearm_px))
    along = np.cross(ray, [0.0, 0.0, 1.0])
    if length_px >= 1.0:
        seen = view.rays_from_image(hand_px - forearm_px / length_px)
        along = ray - seen if np.isfinite(seen).all() else along
    along = along - np.dot(along, ray) * ray
    along /= max(float(np.linalg.norm(along)), 1e-9)
    return np.stack([along, np.cross(ray, along)])


def _hangs_on(
    view: CameraView, arm: Arm, elbow_ray: Floats, points: Floats, length_m: float
) -> Floats:
    """How well each place (n,) fits an elbow that hangs on the shoulder: both bones' lengths."""
    shoulder, elbow, _ = arm.joints_px
    leans_m = _LEAN_M * _LEANS[:, None] * view.rays_from_image(shoulder[:2])
    off_m = joint_off_m(elbow[2])
    middle_m = float(np.dot(arm.shoulder_m - view.position_m, elbow_ray))
    longest_m = UPPER_ARM_M + 2 * _LEAN_M
    steps_m = np.linspace(middle_m - longest_m, middle_m + longest_m, _ELBOW_STEPS)
    elbows = view.position_m + steps_m[:, None] * elbow_ray
    upper_m = np.linalg.norm(elbows[:, None] - (arm.shoulder_m + leans_m), axis=2)
    weights = _normal(upper_m - UPPER_ARM_M, np.hypot(_BONE_SHARE * UPPER_ARM_M, off_m))
    weights = weights @ _LEAN_WEIGHTS * _before(arm, elbows)
    lower_m = np.linalg.norm(points[:, None] - elbows, axis=2)
    fits = _normal(lower_m - length_m, np.hypot(_BONE_SHARE * length_m, off_m)) @ weights
    return np.asarray(fits)


def _before(arm: Arm, points: Floats) -> Floats:
    """How likely a joint of the arm is at each point (n, 3), by how far behind the body that is."""
    if arm.ahead is None:
        return np.ones(len(points))
    behind_m = np.clip((arm.shoulder_m[:2] - points[:, :2]) @ arm.ahead, 0.0, None)
    return _normal(behind_m, _BEHIND_M)


def _normal(off_m: Floats, deviation_m: float) -> Floats:
    """Up to a factor."""
    return np.asarray(np.exp(-((off_m / deviation_m) ** 2) / 2))
