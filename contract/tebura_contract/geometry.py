"""Poses as they are written in layout and calibration files.

Metres; the store's z axis points up. A pose named ``a_from_b`` turns coordinates of b into those of
a. Rotations are Rodrigues vectors (axis times angle in radians). Cameras follow OpenCV: x to the
right of the image, y down, z along the view. A shelf's origin is its front left bottom corner: x
runs along the front edge, y from front to back, z up.
"""

from typing import Annotated

import msgspec

Xy = tuple[float, float]
Xyz = tuple[float, float, float]
Length = Annotated[float, msgspec.Meta(gt=0)]


class Pose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where something stands in its parent: translation in metres, rotation as Rodrigues vector."""

    translation_m: Xyz = (0.0, 0.0, 0.0)
    rotation_rad: Xyz = (0.0, 0.0, 0.0)


class Intrinsics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pinhole camera: focal lengths and principal point in pixels of `size_px` (width, height).

    `distortion` holds OpenCV's coefficients k1, k2, p1, p2, k3.
    """

    size_px: tuple[int, int]
    focal_px: Xy
    center_px: Xy
    distortion: tuple[float, ...] = ()
