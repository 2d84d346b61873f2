"""Whether a face will do to be compared: large, sharp, lit and looking this way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from tebura_models.faces.finding import Face
from tebura_models.faces.mesh import FaceMesh, Pose
from tebura_models.heads import Image

LEAST_EYES_PX: Final = 28
"""Aligned faces have their eyes 35 px apart; what is much smaller is only enlarged."""
LEAST_SHARPNESS: Final = 0.022
"""Photographs: 0.03 to 0.12. Blurred by 3 % of the eyes' distance: 0.02 to 0.04, and vectors hardly
move; by 6 %: 0.02 and less, and they are off by as much as another photograph of the person."""
LEAST_BRIGHTNESS, MOST_BRIGHTNESS = 20.0, 225.0
LEAST_CONTRAST: Final = 8.0
"""Low on purpose: dark skin is dark in a picture that is exposed well."""
MOST_ASIDE: Final = 0.28
LEAST_DOWN, MOST_DOWN = 0.28, 0.80
"""Beyond, a face is turned by more than some 25 degrees: networks tell people apart less well."""


class FaceFault(StrEnum):
    """Why a face will not do."""

    TOO_SMALL = "too-small"
    TURNED_AWAY = "turned-away"
    TOO_DARK = "too-dark"
    TOO_BRIGHT = "too-bright"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class Quality:
    """`sharpness` is the mean step from pixel to pixel over the deviation of the whole face."""

    eyes_px: float
    brightness: float
    contrast: float
    sharpness: float

    def fault(self, pose: Pose) -> FaceFault | None:
        """What is worst about it; None if it will do."""
        if self.eyes_px < LEAST_EYES_PX:
            return FaceFault.TOO_SMALL
        if abs(pose.aside) > MOST_ASIDE or not LEAST_DOWN <= pose.down <= MOST_DOWN:
            return FaceFault.TURNED_AWAY
        if self.brightness < LEAST_BRIGHTNESS or self.contrast < LEAST_CONTRAST:
            return FaceFault.TOO_DARK
        if self.brightness > MOST_BRIGHTNESS:
            return FaceFault.TOO_BRIGHT
        return FaceFault.BLURRED if self.sharpness < LEAST_SHARPNESS else None


@dataclass(frozen=True, eq=False, slots=True)
class ReadFace:
    """One face: where it is, how it is turned, whether it will do."""

    face: Face
    mesh: FaceMesh
    pose: Pose
    quality: Quality

    @property
    def fault(self) -> FaceFault | None:
        return self.quality.fault(self.pose)


def quality_of(aligned_bgr: Image, eyes_px: float) -> Quality:
    """Of an aligned face; only its middle counts, not hair and what is behind."""
    side = aligned_bgr.shape[0]
    low, high = side // 5, side - side // 8
    grey = cv2.cvtColor(aligned_bgr, cv2.COLOR_BGR2GRAY)[low:high, low : side - low]
    contrast = float(grey.std())
    # The second difference: a slope of light has none, an edge has.
    curve = np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() / 4
    return Quality(eyes_px, float(grey.mean()), contrast, float(curve) / max(contrast, 1.0))
