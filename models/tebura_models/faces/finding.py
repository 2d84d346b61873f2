"""Finds faces in a picture, each with six points.

Points are named for the person's own sides: the right eye is on the left of the picture.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import cv2
import numpy as np

from tebura_models.faces.networks import FaceNetwork
from tebura_models.heads import Floats, Image, iou

LEAST_SCORE: Final = 0.5
SAME_IOU: Final = 0.3


class Point(IntEnum):
    """Rows of `Face.points_px`."""

    RIGHT_EYE = 0
    LEFT_EYE = 1
    NOSE = 2
    MOUTH = 3
    RIGHT_EAR = 4
    LEFT_EAR = 5


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One face in a picture, in its pixels: `box_px` (x0, y0, x1, y1), `points_px` (6, 2)."""

    box_px: Floats
    points_px: Floats
    score: float

    @property
    def eyes_px(self) -> float:
        """How far the eyes are apart: the size of a face as far as comparing goes."""
        return float(
            np.linalg.norm(self.points_px[Point.LEFT_EYE] - self.points_px[Point.RIGHT_EYE])
        )


def find_faces(network: FaceNetwork, image_bgr: Image) -> list[Face]:
    """Faces of a picture (height, width, 3), the largest first.

    The picture is fitted whole into the network's square. What the network says of one face from
    several of its anchors is averaged by score, so that points tremble less.
    """
    side = network.picture.shape[1]
    height, width = image_bgr.shape[:2]
    scale = side / max(height, width)
    shape = round(width * scale), round(height * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    network.picture[:] = 0
    cv2.resize(
        image_bgr, shape, dst=network.picture[0, : shape[1], : shape[0]], interpolation=method
    )
    rows = network.run()
    rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, -1] >= LEAST_SCORE)]
    rows = rows[np.argsort(-rows[:, -1], kind="stable")]
    found: list[Face] = []
    while len(rows):
        alike = iou(rows[:1, :4], rows[:, :4])[0] >= SAME_IOU
        mean = np.average(rows[alike, :-1], axis=0, weights=rows[alike, -1]) / scale
        found.append(
            Face(
                mean[:4].astype(np.float32),
                mean[4:].reshape(6, 2).astype(np.float32),
                float(rows[0, -1]),
            )
        )
        rows = rows[~alike]
    return sorted(found, key=lambda face: -face.eyes_px)
