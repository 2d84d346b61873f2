"""What is exactly so in footage: people, their keypoints and the phone's code in each frame.

The files beside the videos; read without anything that draws.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId
from tebura_contract.layout import Camera

from tebura_simulator.story.stocking import frame_of
from tebura_simulator.story.timetable import Action, Passage

Array = NDArray[np.float64]

FPS = 10.0
"""Frames a second of all footage: frame i is the moment i / FPS."""
_NEAREST_M = 0.02


class PersonTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A person who is at least partly in the picture.

    `box_px` is x_min, y_min, x_max, y_max of the whole body, cut at the picture's edge; what stands
    before it is not cut away. `keypoints_px` are COCO's 17 as x, y, v: 2 seen, 1 hidden, 0 outside
    the picture. `foot_m` is the floor point between the feet, in the store.
    """

    shopper: str
    box_px: tuple[float, float, float, float]
    keypoints_px: tuple[tuple[float, float, int], ...]
    foot_m: Xy


class FrameTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A frame: its time since the scenario's start, the people, the code's place on the phone.

    `phone_quad_px` are the corners of the square a code is shown in, in the order top left, top
    right, bottom right, bottom left of the upright code.
    """

    t_s: float
    people: tuple[PersonTruth, ...] = ()
    phone_quad_px: tuple[Xy, Xy, Xy, Xy] | None = None


class FootageTruth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth file beside a camera's video."""

    scenario: str
    camera: CameraId
    fps: float
    size_px: tuple[int, int]
    frames: tuple[FrameTruth, ...]


class TimelineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a scenario, as `timeline.json` beside its videos says it."""

    scenario: str
    title: str
    duration_s: float
    actions: tuple[Action, ...]
    passages: tuple[Passage, ...]


class Lens:
    """Projects store points through a camera of the layout.

    Raises:
        ValueError: If the camera has lens distortion, which is not drawn.
    """

    def __init__(self, camera: Camera) -> None:
        if any(camera.intrinsics.distortion):
            raise ValueError(f"camera {camera.label!r}: scenes are drawn without lens distortion")
        self.size_px = camera.intrinsics.size_px
        self._focal = np.asarray(camera.intrinsics.focal_px)
        self._center = np.asarray(camera.intrinsics.center_px)
        self.frame = frame_of(camera.store_from_camera)

    def project(self, points_m: Array) -> tuple[Array, Array]:
        """Pixels (N, 2) and depths (N,) in metres of store points (N, 3); NaN behind the lens."""
        local = (points_m - self.frame.origin_m) @ self.frame.rotation
        depth = local[:, 2]
        ahead = np.where(depth > _NEAREST_M, depth, np.nan)
        return local[:, :2] / ahead[:, None] * self._focal + self._center, depth

    def sees(self, pixels: Array) -> NDArray[np.bool_]:
        """Which pixels (N, 2) lie in the picture."""
        wide, high = self.size_px
        x, y = pixels[:, 0], pixels[:, 1]
        return np.asarray((x >= 0) & (x < wide) & (y >= 0) & (y < high))


def person_truth(
    shopper: str, foot_m: Xy, mesh_m: Array, keypoints_m: Array, lens: Lens, depth_m: Array | None
) -> PersonTruth | None:
    """A person's truth in one picture; None when no part of it is inside.

    `depth_m` (H, W) is the drawn depth; without it keypoints count as seen when inside.
    """
    pixels, _ = lens.project(mesh_m)
    pixels = pixels[~np.isnan(pixels[:, 0])]
    if not len(pixels) or not lens.sees(pixels).any():
        return None
    low = np.maximum(pixels.min(0), 0.0)
    high = np.minimum(pixels.max(0), np.asarray(lens.size_px, dtype=np.float64))
    points, far = lens.project(keypoints_m)
    inside = lens.sees(points)
    return PersonTruth(
        shopper=shopper,
        box_px=(_px(low[0]), _px(low[1]), _px(high[0]), _px(high[1])),
        keypoints_px=tuple(
            _keypoint(point, float(z), bool(seen), depth_m)
            for point, z, seen in zip(points, far, inside, strict=True)
        ),
        foot_m=(round(foot_m[0], 4), round(foot_m[1], 4)),
    )


_BODY_DEPTH_M = 0.14
"""A joint lies this deep under the skin at most; what is nearer than that hides it."""


def _keypoint(
    point: Array, far_m: float, inside: bool, depth_m: Array | None
) -> tuple[float, float, int]:
    if not inside:
        return (0.0, 0.0, 0)
    hidden = depth_m is not None and depth_m[int(point[1]), int(point[0])] < far_m - _BODY_DEPTH_M
    return (_px(point[0]), _px(point[1]), 1 if hidden else 2)


def quad_px(corners_m: Array, lens: Lens) -> tuple[Xy, Xy, Xy, Xy] | None:
    """Four store points as a quad in the picture; None unless wholly inside and seen from front."""
    pixels, _ = lens.project(corners_m)
    if np.isnan(pixels).any() or not lens.sees(pixels).all():
        return None
    across, down = pixels[1] - pixels[0], pixels[3] - pixels[0]
    if across[0] * down[1] - across[1] * down[0] <= 0:
        return None
    a, b, c, d = ((_px(x, 2), _px(y, 2)) for x, y in pixels)
    return (a, b, c, d)


def _px(value: float, digits: int = 1) -> float:
    return round(float(value), digits)
