"""A frame at a glance: small and grey, made once and shared by all that ask whether it changed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GREY_WIDTH_PX = 320
"""About so wide is the small picture: a whole fraction of the frame is three times faster."""
GRID = (80, 45)
"""Cells across and down: 8 x 8 pixels of a 640 x 360 picture, so a head is still 20 cells."""


@dataclass(frozen=True, eq=False, slots=True)
class Glance:
    """`grey` (rows, columns) is the frame shrunk by `divisor`, `cells` (45, 80) are mean greys."""

    grey: NDArray[np.uint8]
    cells: NDArray[np.float32]
    divisor: int


def glance_at(image_bgr: NDArray[np.uint8]) -> Glance:
    """Look at a frame (height, width, 3), BGR."""
    height, width = image_bgr.shape[:2]
    divisor = max(1, round(width / GREY_WIDTH_PX))
    size = (max(1, width // divisor), max(1, height // divisor))
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # Means to fractions of a grey: rounded ones would hide how little noise there is.
    cells = cv2.resize(small.astype(np.float32), GRID, interpolation=cv2.INTER_AREA)
    return Glance(np.asarray(small, np.uint8), np.asarray(cells, np.float32), divisor)
