"""The points of one face, and what they tell: how it is turned, whether its eyes are open.

`Pose` is told in a way that no movement of a flat picture changes: the nose's place in the frame
that eyes and mouth span. A head that turns moves its nose against them, for it sticks out; a
picture of a head that is moved, tilted or held askew moves all of them alike.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from tebura_models.faces.alignment import similarity
from tebura_models.faces.finding import Face, Point
from tebura_models.faces.networks import PointsNetwork
from tebura_models.heads import Floats, Image

AROUND: Final = 4 / 3
"""The cut's side over the box's: the network was trained on faces with room around them."""
LEAST_LOGIT: Final = 0.0

RIGHT_EYE: Final = (33, 133, 159, 145)
"""Outer corner, inner corner, upper lid, lower lid."""
LEFT_EYE: Final = (263, 362, 386, 374)
NOSE: Final = 4
MOUTH: Final = (61, 291)
"""The person's right and left corner."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a face is turned, in shares of its own measures.

    `aside` is how far the nose is off the middle, over the distance of the eyes: positive where it
    points to the person's left. `down` is how far it is from the eyes to the mouth. `open` is the
    gap of the lids over the width of the eyes.
    """

    aside: float
    down: float
    open: float


@dataclass(frozen=True, eq=False, slots=True)
class FaceMesh:
    """`points_px` (468, 2) in the picture's pixels."""

    points_px: Floats

    def five_px(self) -> Floats:
        """Right eye, left eye, nose, right and left corner of the mouth, (5, 2)."""
        p = self.points_px
        eyes = [p[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
        return np.stack([*eyes, p[NOSE], p[MOUTH[0]], p[MOUTH[1]]])

    @property
    def eyes_px(self) -> float:
        """How far the eyes are apart."""
        right, left = self.five_px()[:2]
        return float(np.linalg.norm(left - right))

    def pose(self) -> Pose:
        right, left, nose, mouth_right, mouth_left = self.five_px()
        eyes, mouth = (right + left) / 2, (mouth_right + mouth_left) / 2
        frame = np.stack([left - right, mouth - eyes], axis=1).astype(np.float64)
        aside, down = np.linalg.solve(frame, nose - eyes)
        return Pose(float(aside), float(down), self._open())

    def _open(self) -> float:
        shares = []
        for outer, inner, upper, lower in (RIGHT_EYE, LEFT_EYE):
            p = self.points_px
            wide = float(np.linalg.norm(p[outer] - p[inner]))
            shares.append(float(np.linalg.norm(p[upper] - p[lower])) / max(wide, 1e-6))
        return float(np.mean(shares))


def mesh_of(network: PointsNetwork, image_bgr: Image, face: Face) -> FaceMesh | None:
    """The points of a face that was found; None where the network sees none there."""
    side = network.picture.shape[1]
    right, left = face.points_px[Point.RIGHT_EYE], face.points_px[Point.LEFT_EYE]
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
    low, high = face.box_px[:2], face.box_px[2:]
    middle, size = (low + high) / 2, AROUND * float((high - low).max())
    down = np.array([-across[1], across[0]])
    corners = np.stack([middle, middle + across * size / 2, middle + down * size / 2])
    half = side / 2
    wanted = np.array([[half, half], [side, half], [half, side]])
    cut_from_image = similarity(corners, wanted)
    cv2.warpAffine(
        image_bgr, cut_from_image, (side, side), dst=network.picture[0], flags=cv2.INTER_LINEAR
    )
    points, logit = network.run()
    if logit < LEAST_LOGIT or not np.isfinite(points).all():
        return None
    image_from_cut = cv2.invertAffineTransform(cut_from_image)
    there = points[:, :2] @ image_from_cut[:, :2].T + image_from_cut[:, 2]
    return FaceMesh(there.astype(np.float32))
