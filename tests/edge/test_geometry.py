"""Geometry against OpenCV's own projection, which shares no code with ours."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.calibration import ShelfFront
from tebura_contract.geometry import Intrinsics, Pose
from tebura_contract.ids import NodeId, ShelfId
from tebura_contract.layout import Gondola, Layout, Shelf, StoreInfo
from tebura_edge.geometry import (
    Rigid,
    camera_view,
    is_inside,
    rotation_matrix,
    rotation_vector,
    shelf_fronts,
)

POSE = Pose(translation_m=(4.5, 1.25, 2.35), rotation_rad=(-1.49887, -1.61183, 0.9893))
LENSES = [
    pytest.param((), id="pinhole"),
    pytest.param((-0.2, 0.05, 0.001, -0.002, 0.0), id="mild"),
    pytest.param((-0.502934, 0.238446, 0.0, 0.0, 0.0), id="store-ceiling-camera"),
]
angle = st.floats(-3.0, 3.0)


def lens(distortion: tuple[float, ...]) -> Intrinsics:
    return Intrinsics(
        size_px=(640, 360),
        focal_px=(500.0, 500.0),
        center_px=(320.0, 165.0),
        distortion=distortion,
    )


def points_before(pose: Pose, generator: np.random.Generator) -> NDArray[np.float64]:
    seen = generator.uniform([-0.5, -0.28, 1.0], [0.5, 0.28, 1.0], (200, 3))
    return Rigid.from_pose(pose).apply(seen * generator.uniform(1.0, 6.0, (200, 1)))


@pytest.mark.parametrize("distortion", LENSES)
def test_projection_agrees_with_opencv(distortion: tuple[float, ...]) -> None:
    view = camera_view(lens(distortion), POSE)
    points = points_before(POSE, np.random.default_rng(3))
    camera_from_store = Rigid.from_pose(POSE).inverse()
    matrix = np.array([[500.0, 0, 320.0], [0, 500.0, 165.0], [0, 0, 1]])
    turn, _ = cv2.Rodrigues(camera_from_store.rotation)
    expected, _ = cv2.projectPoints(
        points,
        turn,
        camera_from_store.translation_m,
        matrix,
        np.asarray(distortion or (0.0,) * 5),
    )
    np.testing.assert_allclose(view.image_from_store(points), expected[:, 0], atol=1e-6)


@pytest.mark.parametrize("distortion", LENSES)
def test_a_floor_point_comes_back_from_its_pixel(distortion: tuple[float, ...]) -> None:
    view = camera_view(lens(distortion), POSE)
    pixels = np.random.default_rng(5).uniform([60, 200], [580, 340], (100, 2))
    floor = view.floor_from_image(pixels)
    assert np.isfinite(floor).all()
    on_floor = np.concatenate([floor, np.zeros((100, 1))], axis=1)
    np.testing.assert_allclose(view.image_from_store(on_floor), pixels, atol=0.06)


def test_above_the_horizon_there_is_no_floor() -> None:
    level = camera_view(lens(()), Pose(translation_m=(0, 0, 1.5), rotation_rad=(-np.pi / 2, 0, 0)))
    assert np.isnan(level.floor_from_image([320.0, 100.0])).all()
    assert np.isfinite(level.floor_from_image([320.0, 300.0])).all()


def test_what_is_behind_the_camera_has_no_pixel() -> None:
    view = camera_view(lens(()), Pose(rotation_rad=(0, 0, 0)))
    assert np.isnan(view.image_from_store([0.0, 0.0, -1.0])).all()


def test_a_smaller_picture_of_the_same_camera_looks_the_same_way() -> None:
    view = camera_view(lens((-0.2, 0.05, 0.0, 0.0, 0.0)), POSE)
    half = view.scaled((320, 180))
    np.testing.assert_allclose(
        half.rays_from_image([100.0, 90.0]), view.rays_from_image([200.0, 180.0]), atol=1e-9
    )


@given(x=angle, y=angle, z=angle)
def test_rotations_agree_with_opencv_and_come_back(x: float, y: float, z: float) -> None:
    expected, _ = cv2.Rodrigues(np.array([x, y, z]))
    matrix = rotation_matrix((x, y, z))
    np.testing.assert_allclose(matrix, expected, atol=1e-9)
    np.testing.assert_allclose(rotation_matrix(rotation_vector(matrix)), matrix, atol=1e-6)


def test_half_turns_come_back() -> None:
    for axis in ((np.pi, 0, 0), (0, np.pi, 0), (0, 0, np.pi), (0, np.pi * 0.6, np.pi * 0.8)):
        matrix = rotation_matrix(axis)
        np.testing.assert_allclose(rotation_matrix(rotation_vector(matrix)), matrix, atol=1e-6)


def one_shelf() -> Layout:
    shelf = Shelf(
        id="s1",
        gondola_from_shelf=Pose(translation_m=(0.02, 0.02, 0.8)),
        size_m=(1.0, 0.4, 0.3),
        reports_picks=NodeId("plates-1"),
    )
    turned = Pose(translation_m=(2.0, 1.0, 0.0), rotation_rad=(0, 0, np.pi / 2))
    gondola = Gondola(id="g1", store_from_gondola=turned, size_m=(1.1, 0.5, 1.6), shelf=(shelf,))
    return Layout(store=StoreInfo(id="demo", name="demo"), gondola=(gondola,))  # type: ignore[arg-type]


def test_front_of_a_turned_gondola_lies_where_the_layout_says() -> None:
    front = shelf_fronts(one_shelf())[ShelfId("g1/s1")]
    # A quarter turn: along the front is the store's +y, into the shelf its -x.
    np.testing.assert_allclose(front.corners_m()[3], [1.98, 1.02, 0.8], atol=1e-12)
    np.testing.assert_allclose(front.corners_m()[1], [1.98, 2.02, 1.1], atol=1e-12)
    np.testing.assert_allclose(front.corners_m(0.1)[3], [1.88, 1.02, 0.8], atol=1e-12)


def test_measured_corners_win_over_the_layout() -> None:
    name = ShelfId("g1/s1")
    corners = ((0.0, 0.0, 1.0), (2.0, 0.0, 1.0), (2.0, 0.0, 0.5), (0.0, 0.0, 0.5))
    front = shelf_fronts(one_shelf(), {name: ShelfFront(corners_m=corners)})[name]
    assert (front.width_m, front.height_m) == (2.0, 0.5)
    np.testing.assert_allclose(front.corners_m(), corners, atol=1e-12)
    # Seen from the shopper's side (-y), "into the shelf" is +y.
    np.testing.assert_allclose(front.corners_m(0.4)[:, 1], 0.4, atol=1e-12)


def test_inside_a_polygon_that_is_not_convex() -> None:
    hook = ((0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 3.0))
    assert is_inside(hook, (0.5, 2.5))
    assert not is_inside(hook, (2.0, 2.0))
    assert is_inside(hook, (1.2, 2.0), margin_m=0.25)
    assert not is_inside(hook, (2.0, 2.0), margin_m=0.25)
