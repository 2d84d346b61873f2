"""Where a camera stands, from points whose place in the store is known; and shelf fronts from it.

The pose is solved with OpenCV's PnP and refined (Levenberg-Marquardt). Each point is then predicted
from the others: that error in centimetres on the floor is what a track's foot will be off by.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import ShelfFront
from tebura_contract.geometry import Intrinsics, Pose, Xyz
from tebura_edge.geometry import CameraView, Front, Rigid, camera_view

from tebura_calibration.measurement import MeasurementError

MIN_POINTS = 6
MAX_ERROR_PX = 4.0


@dataclass(frozen=True, slots=True)
class PoseFit:
    """A camera's pose, its reprojection error, and the median error of points left out, metres."""

    store_from_camera: Pose
    error_px: float
    left_out_error_m: float


def fit_pose(
    intrinsics: Intrinsics, points_px: NDArray[np.float64], points_m: NDArray[np.float64]
) -> PoseFit:
    """Solve for a camera's pose from pixels (n, 2) of store points (n, 3).

    Raises:
        MeasurementError: If there are too few points, or they contradict each other.
    """
    if len(points_px) < MIN_POINTS:
        raise MeasurementError(f"{len(points_px)} points; at least {MIN_POINTS} are needed")
    pose = _solve(intrinsics, points_px, points_m)
    error_px = float(np.sqrt(np.mean(_errors_px(intrinsics, pose, points_px, points_m) ** 2)))
    if not error_px <= MAX_ERROR_PX:
        errors = _errors_px(intrinsics, pose, points_px, points_m)
        worst = int(np.argmax(errors)) + 1
        raise MeasurementError(
            f"the points are off by {error_px:.1f} px (at most {MAX_ERROR_PX}); "
            f"point {worst} is the worst with {errors.max():.1f} px: is it the right place?"
        )
    return PoseFit(pose, error_px, _left_out_error_m(intrinsics, points_px, points_m))


def _solve(
    intrinsics: Intrinsics, points_px: NDArray[np.float64], points_m: NDArray[np.float64]
) -> Pose:
    (fx, fy), (cx, cy) = intrinsics.focal_px, intrinsics.center_px
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    lens = np.array((*intrinsics.distortion, 0, 0, 0, 0, 0)[:5])
    # OpenCV reads memory, not arrays: slices must be laid out anew.
    at_m, at_px = np.ascontiguousarray(points_m), np.ascontiguousarray(points_px)
    is_flat = np.ptp(at_m[:, 2]) < 1e-6
    method = cv2.SOLVEPNP_IPPE if is_flat else cv2.SOLVEPNP_SQPNP
    try:
        is_solved, turn, shift = cv2.solvePnP(at_m, at_px, matrix, lens, flags=method)
    except cv2.error:
        is_solved = False
    if not is_solved:
        raise MeasurementError("no camera pose fits these points; are they all on one line?")
    turn, shift = cv2.solvePnPRefineLM(at_m, at_px, matrix, lens, turn, shift)
    camera_from_store = Rigid(np.asarray(cv2.Rodrigues(turn)[0]), np.ravel(shift))
    return camera_from_store.inverse().pose()


def _errors_px(
    intrinsics: Intrinsics,
    pose: Pose,
    points_px: NDArray[np.float64],
    points_m: NDArray[np.float64],
) -> NDArray[np.float64]:
    back = camera_view(intrinsics, pose).image_from_store(points_m)
    return np.asarray(np.linalg.norm(back - points_px, axis=1))


def _left_out_error_m(
    intrinsics: Intrinsics, points_px: NDArray[np.float64], points_m: NDArray[np.float64]
) -> float:
    errors = []
    for index in range(len(points_px)):
        rest = np.arange(len(points_px)) != index
        view = camera_view(intrinsics, _solve(intrinsics, points_px[rest], points_m[rest]))
        met = view.floor_from_image(points_px[index], height_m=float(points_m[index, 2]))
        errors.append(float(np.linalg.norm(met - points_m[index, :2])))
    return float(np.median(errors))


def front_from_pixels(
    view: CameraView, expected: Front, corners_px: NDArray[np.float64]
) -> tuple[ShelfFront, float]:
    """A shelf's front from its four corners in a picture (4, 2), clockwise from top left.

    One camera gives directions only; the plane comes from the layout's front, so the layout must
    have the shelf at the right distance, while its edges are measured.

    Returns:
        The front, and how far its corners lie from the layout's, the largest, in metres.

    Raises:
        MeasurementError: If a corner cannot be on the shelf's plane.
    """
    rays = view.rays_from_image(corners_px)
    normal = expected.store_from_front.rotation[:, 1]
    reach = (expected.store_from_front.translation_m - view.position_m) @ normal / (rays @ normal)
    if not (np.isfinite(reach) & (reach > 0)).all():
        raise MeasurementError(f"shelf {expected.shelf}: a corner is not on the front's plane")
    corners_m = view.position_m + rays * reach[:, None]
    off_m = float(np.linalg.norm(corners_m - expected.corners_m(), axis=1).max())
    top_left, top_right, bottom_right, bottom_left = (_xyz(corner) for corner in corners_m)
    return ShelfFront(corners_m=(top_left, top_right, bottom_right, bottom_left)), off_m


def _xyz(point: NDArray[np.float64]) -> Xyz:
    return (float(point[0]), float(point[1]), float(point[2]))
