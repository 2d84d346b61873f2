"""Whether what shows a face is flat: corners are followed over frames, and a plane laid through.

All points of a flat picture, however it is held, move by one homography. A head that turns moves
its nose past its cheeks, and does not take along what is behind it. Both are told in distances of
the eyes, so that it does not matter how near somebody stands.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_edge.face_seen import Motion

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

MOST_CORNERS: Final = 160
LEAST_CORNERS: Final = 12
"""A plane takes four; with fewer than this to spare nothing is said."""
LEAST_CONTRAST: Final = 0.004
"""Of the strongest corner; smooth faces have few strong ones besides eyes and mouth."""
STRAYED: Final = 0.08
"""A corner that does not come back when it is followed backwards (in distances of the eyes)."""
AROUND_IN, AROUND_OUT = 1.5, 2.6
"""What lies about a head, beside and above it: from so many to so many halves of the face's box."""
WINDOW_PX, LEVELS = 17, 3
"""Between frames a tenth of a second apart a head that turns quickly moves some 25 pixels."""


@dataclass(slots=True)
class FaceMotion:
    """Follows one face from the frame it began with; `update` with each further frame."""

    _eyes_px: float = 0.0
    _before: Grey | None = None
    _face: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))
    _face_now: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))
    _around: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))
    _around_now: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))

    def begin(self, grey: Grey, outline_px: Points, box_px: Points, eyes_px: float) -> None:
        """From here on: the face's outline (N, 2), its box, the distance of its eyes."""
        inside = np.zeros_like(grey)
        cv2.fillConvexPoly(inside, cv2.convexHull(outline_px.astype(np.int32)), 255)
        about = _about(grey.shape, box_px)
        self._eyes_px, self._before = eyes_px, grey
        self._face = self._face_now = _corners(grey, inside, eyes_px)
        self._around = self._around_now = _corners(grey, about, eyes_px)

    def stop(self) -> None:
        """Forget the picture and all corners."""
        self._before = None
        self._face = self._face_now = self._around = self._around_now = _none()

    def update(self, grey: Grey) -> Motion | None:
        """Follow into the next frame; None where too few corners are left."""
        if self._before is None:
            return None
        self._face, self._face_now = self._follow(grey, self._face, self._face_now)
        self._around, self._around_now = self._follow(grey, self._around, self._around_now)
        self._before = grey
        if len(self._face) < LEAST_CORNERS:
            return None
        plane = np.asarray(cv2.findHomography(self._face, self._face_now, 0)[0], np.float64)
        if plane.shape != (3, 3):
            return None
        way = np.linalg.norm(self._face_now - self._face, axis=1)
        return Motion(
            moved=float(np.median(way)) / self._eyes_px,
            relief=float(np.median(_missed(plane, self._face, self._face_now))) / self._eyes_px,
            around=self._missed_around(plane),
        )

    def _missed_around(self, plane: NDArray[np.float64]) -> float | None:
        if len(self._around) < LEAST_CORNERS:
            return None
        return float(np.median(_missed(plane, self._around, self._around_now))) / self._eyes_px

    def _follow(self, grey: Grey, first: Points, now: Points) -> tuple[Points, Points]:
        if not len(now) or self._before is None:
            return first, now
        there, found = _flow(self._before, grey, now)
        back, also = _flow(grey, self._before, there)
        kept = found & also
        kept &= np.linalg.norm(back - now, axis=1) < STRAYED * self._eyes_px / 2
        return first[kept], there[kept]


def _flow(before: Grey, after: Grey, points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Where corners went, and which of them could be found again."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, np.empty_like(points), winSize=(WINDOW_PX,) * 2, maxLevel=LEVELS
    )
    return np.asarray(there, np.float32), np.asarray(found).ravel() == 1


def _none() -> Points:
    return np.empty((0, 2), np.float32)


def _corners(grey: Grey, where: Grey, eyes_px: float) -> Points:
    apart_px = max(3.0, eyes_px / 14)
    found: Any = cv2.goodFeaturesToTrack(grey, MOST_CORNERS, LEAST_CONTRAST, apart_px, mask=where)
    # Its types promise an array; where nothing is found it gives None.
    return np.asarray([] if found is None else found, np.float32).reshape(-1, 2)


def _about(shape: tuple[int, ...], box_px: Points) -> Grey:
    """Beside and above a head: not below, where its own shoulders are."""
    x0, y0, x1, y1 = (float(side) for side in box_px)
    x, y, half_x, half_y = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    mask = np.zeros(shape, np.uint8)
    for times, value in ((AROUND_OUT, 255), (AROUND_IN, 0)):
        corner = round(x - times * half_x), round(y - times * half_y)
        other = round(x + times * half_x), round(y + 0.8 * half_y)
        cv2.rectangle(mask, corner, other, value, -1)
    return mask


def _missed(plane: NDArray[np.float64], first: Points, now: Points) -> NDArray[np.float64]:
    expected = cv2.perspectiveTransform(first[:, None].astype(np.float64), plane)[:, 0]
    return np.asarray(np.linalg.norm(expected - now, axis=1), np.float64)
