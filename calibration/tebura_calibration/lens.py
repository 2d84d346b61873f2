"""Intrinsics of a camera from pictures of a ChArUco board.

Corners are found by OpenCV's ChArUco detector and fitted with its five-parameter model (Zhang,
"A flexible new technique for camera calibration", 2000). The board need not be whole in a picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Intrinsics

from tebura_calibration.measurement import MeasurementError

MIN_PICTURES = 6
MIN_CORNERS = 8
MAX_ERROR_PX = 1.5
"""Above this the fit is no use for wrists at a shelf: at 3 m and f = 600 px a pixel is 5 mm."""


@dataclass(frozen=True, slots=True)
class Board:
    """A printed ChArUco board: squares across and down, and their side as printed."""

    columns: int = 8
    rows: int = 6
    square_mm: float = 30.0

    def charuco(self) -> cv2.aruco.CharucoBoard:
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        side_m = self.square_mm / 1000
        return cv2.aruco.CharucoBoard((self.columns, self.rows), side_m, 0.7 * side_m, dictionary)

    def picture(self, pixels_per_mm: float = 8.0) -> NDArray[np.uint8]:
        """The board to print, (height, width), with a white margin of half a square."""
        side = self.square_mm * pixels_per_mm
        size = (round((self.columns + 1) * side), round((self.rows + 1) * side))
        picture: NDArray[np.uint8] = np.asarray(
            self.charuco().generateImage(size, marginSize=round(side / 2)), np.uint8
        )
        return picture


@dataclass(frozen=True, slots=True)
class LensFit:
    """Intrinsics with the root mean square of the reprojection error, and what they stand on."""

    intrinsics: Intrinsics
    error_px: float
    pictures_used: int
    pictures_seen: int


def fit_lens(pictures: Iterable[NDArray[np.uint8]], board: Board) -> LensFit:
    """Fit a camera to pictures (height, width[, 3]) of a board held at different angles.

    Raises:
        MeasurementError: If too few pictures show the board, sizes differ, or the fit is bad.
    """
    charuco = board.charuco()
    detector = cv2.aruco.CharucoDetector(charuco)
    points_m, points_px, seen, size = [], [], 0, (0, 0)
    for picture in pictures:
        here = (picture.shape[1], picture.shape[0])
        if seen and here != size:
            raise MeasurementError(f"pictures differ in size: {size} and {here}")
        size, seen = here, seen + 1
        corners, ids, _, _ = detector.detectBoard(picture)
        # The stubs know neither that nothing may be found nor that one array of corners will do.
        if cast("object", ids) is None or len(ids) < MIN_CORNERS:
            continue
        on_board, in_picture = charuco.matchImagePoints(corners, ids)  # type: ignore[call-overload]
        points_m.append(on_board)
        points_px.append(in_picture)
    if len(points_m) < MIN_PICTURES:
        raise MeasurementError(
            f"{len(points_m)} of {seen} pictures show at least {MIN_CORNERS} corners of the board;"
            f" {MIN_PICTURES} are needed, from different angles"
        )
    error_px, matrix, distortion, _, _ = cv2.calibrateCamera(
        points_m, points_px, size, np.eye(3), np.zeros(5)
    )
    if not error_px <= MAX_ERROR_PX:
        raise MeasurementError(
            f"the fit is off by {error_px:.2f} px (at most {MAX_ERROR_PX}); is the board flat and "
            f"are its squares {board.square_mm:g} mm?"
        )
    return LensFit(
        intrinsics=Intrinsics(
            size_px=size,
            focal_px=(float(matrix[0, 0]), float(matrix[1, 1])),
            center_px=(float(matrix[0, 2]), float(matrix[1, 2])),
            distortion=tuple(float(k) for k in np.ravel(distortion)[:5]),
        ),
        error_px=float(error_px),
        pictures_used=len(points_m),
        pictures_seen=seen,
    )
