"""How bright a face is at each of its points: the light that reaches the camera from there."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_edge.frames import Image

AROUND: Final = 0.07
"""Half the side of what counts as a point, in distances of the eyes."""
LIGHT_OF: Final = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
"""Light by pixel value: cameras code it for displays."""


def glow_of(
    image_bgr: Image, points_px: NDArray[np.float32], eyes_px: float
) -> NDArray[np.float32] | None:
    """Red, green and blue at each point, (468, 3); None where the picture does not hold them."""
    half = max(1, round(AROUND * eyes_px))
    low = np.floor(points_px.min(axis=0)).astype(int) - half
    high = np.ceil(points_px.max(axis=0)).astype(int) + half + 1
    tall, wide = image_bgr.shape[:2]
    if (low < 0).any() or high[0] > wide or high[1] > tall:
        return None
    cut = LIGHT_OF[image_bgr[low[1] : high[1], low[0] : high[0]]]
    mean = cv2.blur(cut, (2 * half + 1, 2 * half + 1))
    x, y = np.round(points_px - low).astype(int).T
    return np.ascontiguousarray(mean[y, x, ::-1], np.float32)
