"""What was found in a picture, drawn into it: people, their wrists, the shelves' fronts."""

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId, ShelfId
from tebura_contract.layout import Layout
from tebura_edge.annotate import BONES
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.geometry import CameraView, Front, camera_view, shelf_fronts

Picture = NDArray[np.uint8]

SCORE = 0.25
POINT_SCORE = 0.2
_WHITE, _ORANGE, _BLUE, _GREEN = (250, 250, 250), (30, 150, 250), (235, 190, 80), (110, 215, 110)
_EDGE_POINTS = 9
"""Points along each side of a front: lenses bend straight edges."""


class Overlay:
    """Draws into one camera's pictures."""

    def __init__(self, layout: Layout, camera: CameraId) -> None:
        found = next(one for one in layout.camera if one.label == camera)
        fronts = shelf_fronts(layout)
        self._view: CameraView = camera_view(found.intrinsics, found.store_from_camera)
        self._fronts: dict[ShelfId, Front] = {shelf: fronts[shelf] for shelf in found.watches}

    def draw(
        self, bgr: Picture, found: Detections | None, reached: Collection[ShelfId] = ()
    ) -> Picture:
        """A copy of the picture with all of it; `reached` are the shelves with a hand inside."""
        shown = bgr.copy()
        high, wide = shown.shape[:2]
        view = self._view.scaled((wide, high))
        for shelf, front in self._fronts.items():
            _zone(shown, _outline_px(front, view), shelf in reached)
        if found is not None:
            for row in np.flatnonzero(found.scores >= SCORE):
                _person(shown, found.boxes_xyxy_px[row], found.keypoints_px[row])
        return shown


def _outline_px(front: Front, view: CameraView) -> NDArray[np.int32] | None:
    corners = np.asarray(front.corners_m())
    sides = [
        corners[i] + (corners[(i + 1) % 4] - corners[i]) * share
        for i in range(4)
        for share in np.linspace(0.0, 1.0, _EDGE_POINTS, endpoint=False)
    ]
    pixels = view.image_from_store(np.asarray(sides))
    return np.round(pixels).astype(np.int32) if np.isfinite(pixels).all() else None


def _zone(shown: Picture, outline: NDArray[np.int32] | None, is_reached: bool) -> None:
    if outline is None:
        return
    colour = _ORANGE if is_reached else _BLUE
    if is_reached:
        filled = shown.copy()
        cv2.fillPoly(filled, [outline], colour)
        shown[:] = cv2.addWeighted(shown, 0.72, filled, 0.28, 0)
    cv2.polylines(shown, [outline], True, colour, 2 if is_reached else 1, cv2.LINE_AA)


def _person(shown: Picture, box: NDArray[np.float32], points: NDArray[np.float32]) -> None:
    left, top, right, bottom = (round(float(v)) for v in box)
    cv2.rectangle(shown, (left, top), (right, bottom), _WHITE, 1, cv2.LINE_AA)
    for one, other in BONES:
        if min(points[one, 2], points[other, 2]) >= POINT_SCORE:
            cv2.line(shown, _xy(points[one]), _xy(points[other]), _GREEN, 1, cv2.LINE_AA)
    for wrist in (Keypoint.LEFT_WRIST, Keypoint.RIGHT_WRIST):
        if points[wrist, 2] >= POINT_SCORE:
            cv2.circle(shown, _xy(points[wrist]), 5, _ORANGE, -1, cv2.LINE_AA)
            cv2.circle(shown, _xy(points[wrist]), 5, _WHITE, 1, cv2.LINE_AA)


def _xy(point: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
