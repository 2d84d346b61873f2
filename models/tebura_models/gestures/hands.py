"""Finds the hands in a picture and knows the 21 points of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tebura_models.faces.alignment import similarity
from tebura_models.gestures.networks import (
    HandPointsNetwork,
    PalmNetwork,
    load_hand_points_network,
    load_palm_network,
)
from tebura_models.heads import Floats, Image, iou
from tebura_models.manifest import MANIFEST

LEAST_SCORE: Final = 0.5
SAME_IOU: Final = 0.3
LEAST_HAND: Final = 0.5
MOST_HANDS: Final = 2
"""Looked at closely in one picture, the surest palms: one person's two."""
WRIST, MIDDLE_KNUCKLE = 0, 2
"""Of a palm's seven points those that say which way the hand points."""
ALONG, WIDER = 0.5, 2.6
"""A hand's middle lies half a palm beyond the palm's; it is so many palms wide."""


@dataclass(frozen=True, eq=False, slots=True)
class HandSight:
    """One hand: `points_px` (21, 2) in the picture's pixels.

    The wrist, then thumb, first, middle, ring and little finger, four points each, from the palm
    to the tip.
    """

    points_px: Floats


@dataclass(frozen=True, slots=True)
class HandFinder:
    """The two networks that see hands; they belong to one thread at a time."""

    palms: PalmNetwork
    points: HandPointsNetwork

    def hands(self, image_bgr: Image) -> Sequence[HandSight]:
        """The surest hands of a picture (height, width, 3)."""
        found = [
            self._read(image_bgr, palm) for palm in find_palms(self.palms, image_bgr)[:MOST_HANDS]
        ]
        return [hand for hand in found if hand is not None]

    def _read(self, image_bgr: Image, palm: Floats) -> HandSight | None:
        side = self.points.picture.shape[1]
        cut_from_image = similarity(_square(palm), _corners(side))
        cv2.warpAffine(
            image_bgr,
            cut_from_image,
            (side, side),
            dst=self.points.picture[0],
            flags=cv2.INTER_LINEAR,
        )
        points, is_hand = self.points.run()
        if is_hand < LEAST_HAND or not np.isfinite(points).all():
            return None
        back = cv2.invertAffineTransform(cut_from_image)
        return HandSight((points[:, :2] @ back[:, :2].T + back[:, 2]).astype(np.float32))


def load_hand_finder(*, threads: int = 1, manifest: Path = MANIFEST) -> HandFinder:
    """Open both networks.

    Raises:
        ModelError: If one of them cannot be used.
    """
    return HandFinder(
        load_palm_network(threads=threads, manifest=manifest),
        load_hand_points_network(threads=threads, manifest=manifest),
    )


def find_palms(network: PalmNetwork, image_bgr: Image) -> list[Floats]:
    """Palms in the picture's pixels, the surest first: box and seven points, (18,) each."""
    side = network.picture.shape[1]
    height, width = image_bgr.shape[:2]
    scale = side / max(height, width)
    shape = round(width * scale), round(height * scale)
    network.picture[:] = 0
    cv2.resize(
        image_bgr,
        shape,
        dst=network.picture[0, : shape[1], : shape[0]],
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    rows = network.run()
    rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, -1] >= LEAST_SCORE)]
    rows = rows[np.argsort(-rows[:, -1], kind="stable")]
    found: list[Floats] = []
    while len(rows):
        alike = iou(rows[:1, :4], rows[:, :4])[0] >= SAME_IOU
        mean = np.average(rows[alike, :-1], axis=0, weights=rows[alike, -1])
        found.append((mean / scale).astype(np.float32))
        rows = rows[~alike]
    return found


def _square(palm: Floats) -> Floats:
    """Middle, right and lower edge of the square that a palm's hand lies in, upright in it."""
    low, high, points = palm[:2], palm[2:4], palm[4:].reshape(7, 2)
    ahead = points[MIDDLE_KNUCKLE] - points[WRIST]
    up = ahead / max(math.hypot(*ahead.tolist()), 1e-6)
    size = float((high - low).max())
    middle = (low + high) / 2 + ALONG * size * up
    right = np.array([-up[1], up[0]])
    half = WIDER * size / 2
    return np.stack([middle, middle + half * right, middle - half * up])


def _corners(side: int) -> Floats:
    half = side / 2
    return np.array([[half, half], [side, half], [half, side]], np.float32)
