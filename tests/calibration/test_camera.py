import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_calibration.lens import Board, fit_lens
from tebura_calibration.measurement import MeasurementError
from tebura_calibration.pose import fit_pose, front_from_pixels
from tebura_contract.geometry import Intrinsics
from tebura_contract.ids import ShelfId
from tebura_edge.geometry import CameraView, Front, Rigid, rotation_matrix

SIZE = (640, 360)
INTRINSICS = Intrinsics(
    size_px=SIZE, focal_px=(520.0, 525.0), center_px=(325.0, 170.0), distortion=(-0.1, 0.02, 0, 0)
)


def looking_down_the_aisle() -> CameraView:
    """A camera at (0.5, -3, 2.4), looking along y and 25 degrees down."""
    down = np.deg2rad(25)
    forward = np.array([0.0, np.cos(down), -np.sin(down)])
    right = np.array([1.0, 0.0, 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return CameraView(INTRINSICS, Rigid(rotation, np.array([0.5, -3.0, 2.4])))


def board_seen(
    board: Board, turn: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """A pinhole picture of a flat board at a pose in front of the camera."""
    sheet = board.picture(4.0)
    height, width = sheet.shape
    side = board.square_mm / 1000
    wide, high = (board.columns + 1) * side, (board.rows + 1) * side
    corners_m = np.array([[0, 0, 0], [wide, 0, 0], [wide, high, 0], [0, high, 0]])
    placed = corners_m @ rotation_matrix(turn).T + shift
    pixels = placed[:, :2] / placed[:, 2:] * INTRINSICS.focal_px + INTRINSICS.center_px
    sheet_px = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(sheet_px, pixels.astype(np.float32))
    return np.asarray(cv2.warpPerspective(sheet, warp, SIZE, borderValue=120), np.uint8)


def test_lens_is_recovered_from_pictures_of_a_board() -> None:
    board = Board(columns=8, rows=6, square_mm=30)
    random = np.random.default_rng(3)
    pictures = [
        board_seen(
            board,
            random.uniform(-0.45, 0.45, 3),
            np.array([-0.13, -0.1, 0.45]) + random.uniform(-0.04, 0.04, 3),
        )
        for _ in range(12)
    ]
    fit = fit_lens(pictures, board)
    assert fit.error_px < 0.5
    assert fit.intrinsics.focal_px == pytest.approx(INTRINSICS.focal_px, rel=0.02)
    assert fit.intrinsics.center_px == pytest.approx(INTRINSICS.center_px, abs=8)


def test_pictures_without_a_board_are_refused() -> None:
    blank = [np.zeros((360, 640), np.uint8)] * 8
    with pytest.raises(MeasurementError, match="0 of 8 pictures"):
        fit_lens(blank, Board())


FLOOR_M = np.array([[x, y, 0.0] for x in (-0.8, 0.5, 1.6) for y in (0.0, 1.2, 2.4)])


def test_pose_is_recovered_from_marks_on_the_floor() -> None:
    view = looking_down_the_aisle()
    pixels = view.image_from_store(FLOOR_M) + np.random.default_rng(1).normal(0, 0.5, (9, 2))
    fit = fit_pose(INTRINSICS, pixels, FLOOR_M)
    assert fit.store_from_camera.translation_m == pytest.approx(view.position_m, abs=0.05)
    assert fit.error_px < 1.0
    assert fit.left_out_error_m < 0.03


def test_a_mark_at_the_wrong_place_is_named() -> None:
    view = looking_down_the_aisle()
    pixels = view.image_from_store(FLOOR_M)
    wrong = FLOOR_M.copy()
    wrong[4] += [0.5, 0.4, 0.0]
    with pytest.raises(MeasurementError, match="point 5 is the worst"):
        fit_pose(INTRINSICS, pixels, wrong)


def test_too_few_marks_are_refused() -> None:
    with pytest.raises(MeasurementError, match="at least 6"):
        fit_pose(INTRINSICS, np.zeros((4, 2)), np.zeros((4, 3)))


def test_shelf_front_is_measured_from_its_corners_in_the_picture() -> None:
    view = looking_down_the_aisle()
    truth = Front(ShelfId("1/1"), Rigid(np.eye(3), np.array([0.02, 1.0, 0.8])), 1.0, 0.3, 0.4)
    from_layout = Front(ShelfId("1/1"), Rigid(np.eye(3), np.array([0.0, 1.0, 0.8])), 1.0, 0.3, 0.4)
    front, off_m = front_from_pixels(view, from_layout, view.image_from_store(truth.corners_m()))
    assert np.allclose(front.corners_m, truth.corners_m(), atol=0.003)
    assert off_m == pytest.approx(0.02, abs=0.003)
