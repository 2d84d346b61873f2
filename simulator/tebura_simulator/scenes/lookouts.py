"""Cameras drawn from a seed: where they hang, where they look, what lens they have."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Intrinsics, Pose, Xyz
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.split import Split
from tebura_simulator.story.footprints import footprints_of
from tebura_simulator.story.furnishing import stands_m

FOCAL_SHARES = {
    Split.TRAIN: ((0.50, 0.60), (0.70, 0.80), (0.90, 1.00)),
    Split.TEST: ((0.61, 0.69), (0.81, 0.89)),
}
"""Focal length over the picture's width; a camera of one half never has one of the other's."""
_NODE = NodeId("eyes")
_HIGH_M = (1.8, 2.66)
_FROM_WALL_M = 0.25
_NEAREST_M = 1.5
_FARTHEST_M = 6.0
_TRIES = 40
_BENT = 0.85
MOUNTED_M, MOUNTED_RAD = (2.4, 2.52), (math.radians(22.9), math.radians(45.6))
"""How high a shop's cameras hang and how far down they look: the least and the most of the twelve
calibrated ones of the AutoCheckout store."""
_CHEST_M, _AT_WALL_M = 1.1, 0.1
_MOUNT_TRIES = 400


def lookouts(
    layout: Layout, split: Split, count: int, size_px: tuple[int, int], rng: np.random.Generator
) -> tuple[Camera, ...]:
    """Cameras over a floor that look at where people stand before shelves, from anywhere."""
    return tuple(_lookout(layout, split, f"eye{n}", size_px, rng) for n in range(count))


def mounted(
    layout: Layout, split: Split, count: int, size_px: tuple[int, int], rng: np.random.Generator
) -> tuple[Camera, ...]:
    """Cameras as a shop hangs them: under the ceiling, looking down at where people stand."""
    return tuple(_mounted(layout, split, f"eye{n}", size_px, rng) for n in range(count))


def _lookout(
    layout: Layout, split: Split, label: str, size_px: tuple[int, int], rng: np.random.Generator
) -> Camera:
    x, y = _stand(layout, rng)
    aim = (x, y, float(rng.uniform(0.85, 1.3)))
    return Camera(
        label=CameraId(label),
        node=_NODE,
        intrinsics=_lens(split, size_px, rng),
        store_from_camera=_pose(_place(layout, aim, rng), aim, float(rng.normal(0.0, 0.03))),
    )


def _mounted(
    layout: Layout, split: Split, label: str, size_px: tuple[int, int], rng: np.random.Generator
) -> Camera:
    corners = np.asarray(layout.store.floor_m)
    low, high = corners.min(axis=0) + _AT_WALL_M, corners.max(axis=0) - _AT_WALL_M
    for _ in range(_MOUNT_TRIES):
        stand, up_m = _stand(layout, rng), float(rng.uniform(*MOUNTED_M))
        far_m = (up_m - _CHEST_M) / math.tan(float(rng.uniform(*MOUNTED_RAD)))
        turn = float(rng.uniform(-math.pi, math.pi))
        x, y = stand + far_m * np.array([math.cos(turn), math.sin(turn)])
        if low[0] <= x <= high[0] and low[1] <= y <= high[1]:
            break
    else:
        raise AssertionError("a floor has no place for a camera two metres from a shelf")
    return Camera(
        label=CameraId(label),
        node=_NODE,
        intrinsics=_lens(split, size_px, rng),
        store_from_camera=_pose(
            (float(x), float(y), up_m),
            (float(stand[0]), float(stand[1]), _CHEST_M),
            float(rng.normal(0.0, 0.03)),
        ),
    )


def _stand(layout: Layout, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where somebody may stand before a shelf, (2,)."""
    stands = np.asarray(stands_m(layout))
    return np.asarray(stands[int(rng.integers(len(stands)))])


def _place(layout: Layout, aim: Xyz, rng: np.random.Generator) -> Xyz:
    """A point over the floor, off the walls, neither too near to what it looks at nor too far."""
    corners = np.asarray(layout.store.floor_m)
    low, high = corners.min(axis=0) + _FROM_WALL_M, corners.max(axis=0) - _FROM_WALL_M
    x, y = (low + high) / 2
    for _ in range(_TRIES):
        x, y = rng.uniform(low, high)
        is_free = all(f.depth_m((x, y)) < -_FROM_WALL_M for f in footprints_of(layout))
        if is_free and _NEAREST_M < float(np.hypot(x - aim[0], y - aim[1])) < _FARTHEST_M:
            break
    return float(x), float(y), float(rng.uniform(*_HIGH_M))


def _lens(split: Split, size_px: tuple[int, int], rng: np.random.Generator) -> Intrinsics:
    """A lens of the half's focal lengths, with the distortion of ones that wide."""
    wide, high = size_px
    shares = FOCAL_SHARES[split]
    low, top = shares[int(rng.integers(len(shares)))]
    focal = float(rng.uniform(low, top)) * wide
    # Barrel lenses mostly. A polynomial of k1 alone grows up to two thirds of 1 / sqrt(-3 k1): the
    # picture's corners stay well inside.
    corner = float(np.hypot(wide, high)) / 2 / focal
    k1 = float(rng.uniform(-1.0, 0.1)) * (_BENT * 2 / 3 / corner) ** 2 / 3
    k2 = float(rng.uniform(0.0, 0.35)) * k1**2
    p1, p2 = rng.normal(0.0, 0.0008, 2)
    return Intrinsics(
        size_px=size_px,
        focal_px=(round(focal, 2), round(focal * float(rng.uniform(0.99, 1.01)), 2)),
        center_px=(
            round(wide * float(rng.normal(0.5, 0.012)), 2),
            round(high * float(rng.normal(0.5, 0.015)), 2),
        ),
        distortion=tuple(round(float(k), 5) for k in (k1, k2, p1, p2, 0.0)),
    )


def _pose(from_m: Xyz, at_m: Xyz, roll_rad: float) -> Pose:
    """The pose of a camera that looks at a point, its picture turned a little."""
    ahead = np.subtract(at_m, from_m)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    down = np.cross(ahead, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    turned: NDArray[np.float64] = np.column_stack(
        [c * right + s * down, c * down - s * right, ahead]
    )
    rotation, _ = cv2.Rodrigues(turned)
    x, y, z = (round(float(v), 6) for v in rotation[:, 0])
    return Pose(
        translation_m=(round(from_m[0], 4), round(from_m[1], 4), round(from_m[2], 4)),
        rotation_rad=(x, y, z),
    )
