"""Brings a face to the place, size and angle that embedding networks were trained with."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import Image

FIVE: Final = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Eyes, nose and corners of the mouth in a picture of 112 pixels: the common form of such
networks since InsightFace."""
FIVE_SIDE: Final = 112


def similarity(from_xy: NDArray[Any], to_xy: NDArray[Any]) -> NDArray[np.float64]:
    """The shift, turn and scale (2, 3) that brings points (N, 2) nearest to others.

    Least squares without mirroring, after S. Umeyama, IEEE PAMI 13 (1991).
    """
    source, target = np.asarray(from_xy, np.float64), np.asarray(to_xy, np.float64)
    from_middle, to_middle = source.mean(axis=0), target.mean(axis=0)
    a, b = source - from_middle, target - to_middle
    # In the plane turn and scale are one complex number.
    square = float((a**2).sum())
    if square == 0:
        raise ValueError("points that all lie on one place have no size")
    cos = float((a * b).sum()) / square
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / square
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, to_middle - turn @ from_middle])


def aligned(image_bgr: Image, five_px: NDArray[Any], side: int = FIVE_SIDE) -> Image:
    """The face (side, side, 3) with its five points where they belong."""
    map_ = similarity(five_px, FIVE * (side / FIVE_SIDE))
    # Larger faces are shrunk: what lies between the pixels must not flicker.
    shrunk = float(np.hypot(map_[0, 0], map_[1, 0]))
    source = image_bgr
    if shrunk < 0.5:
        factor = 2 * shrunk
        source = np.asarray(
            cv2.resize(image_bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA),
            np.uint8,
        )
        map_ = similarity(five_px * factor, FIVE * (side / FIVE_SIDE))
    return np.asarray(cv2.warpAffine(source, map_, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
