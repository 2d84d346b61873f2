"""Feet on the floor from what of the body is seen, past the gondolas that stand in the way."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.geometry import Intrinsics, Pose
from tebura_contract.ids import NodeId
from tebura_contract.layout import Gondola, Layout, Shelf, StoreInfo
from tebura_edge.detections import Keypoint
from tebura_edge.footing import Footing
from tebura_edge.geometry import Floats, camera_view, gondola_blocks

LENS = Intrinsics(size_px=(640, 360), focal_px=(430.0, 430.0), center_px=(320.0, 180.0))
# Looks along y, down by 35 degrees, from 2.4 m.
VIEW = camera_view(LENS, Pose(translation_m=(0.0, 0.0, 2.4), rotation_rad=(-2.182, 0.0, 0.0)))
ANKLES = [Keypoint.LEFT_ANKLE, Keypoint.RIGHT_ANKLE]
HIPS = [Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP]
SHOULDERS = [Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER]
INNER = np.array([200.0, 50.0, 300.0, 300.0], np.float32)
CUT_OFF = np.array([200.0, 50.0, 300.0, 359.0], np.float32)


def layout(board_m: float = 0.9, yaw_rad: float = 0.0) -> Layout:
    """An island 0.5 m deep between the camera and who stands beyond it, with a sign above."""
    shelf = Shelf(
        id="top",
        gondola_from_shelf=Pose(translation_m=(0.0, 0.0, board_m)),
        size_m=(2.0, 0.5, 0.3),
        reports_picks=NodeId("plates-1"),
    )
    turned = Pose(translation_m=(-1.0, 2.2, 0.0))
    if yaw_rad:
        # About its middle, so that it lies along the view.
        turned = Pose(translation_m=(0.25, 1.45, 0.0), rotation_rad=(0.0, 0.0, yaw_rad))
    island = Gondola(id="g1", store_from_gondola=turned, size_m=(2.0, 0.5, 2.2), shelf=(shelf,))
    return Layout(store=StoreInfo(id="demo", name="Demo"), gondola=(island,))  # type: ignore[arg-type]


def seen_at(
    foot_m: tuple[float, float], joints: dict[tuple[Keypoint, ...], float]
) -> NDArray[np.float32]:
    """Joints of somebody there, at their heights, seen well."""
    keypoints = np.zeros((17, 3), np.float32)
    for names, height_m in joints.items():
        x, y = foot_m
        beside = [[x - 0.1, y, height_m], [x + 0.1, y, height_m]]
        keypoints[list(names), :2] = VIEW.image_from_store(beside)
        keypoints[list(names), 2] = 0.6
    return keypoints


def whole_at(foot_m: tuple[float, float]) -> NDArray[np.float32]:
    return seen_at(foot_m, {tuple(ANKLES): 0.08, tuple(HIPS): 0.92, tuple(SHOULDERS): 1.38})


def found(footing: Footing, box: NDArray[np.float32], keypoints: NDArray[np.float32]) -> Floats:
    foot_m = footing.xy_m(box, keypoints)
    assert foot_m is not None
    return foot_m


def test_a_foot_is_less_sure_far_away_and_where_only_shoulders_tell() -> None:
    footing, only = Footing(VIEW), {tuple(SHOULDERS): 1.38}
    plain = footing.sd_m(CUT_OFF, whole_at((0.0, 2.0)))
    assert 0.02 < plain < footing.sd_m(CUT_OFF, whole_at((0.0, 6.0)))
    assert footing.sd_m(CUT_OFF, seen_at((0.0, 2.0), only)) > 2 * plain


def test_a_foot_is_less_sure_where_ankles_are_only_guessed() -> None:
    off_m = []
    for score in (0.8, 0.3, 0.2):
        guessed = whole_at((0.0, 3.0))
        guessed[ANKLES, 2] = score
        off_m.append(Footing(VIEW).sd_m(CUT_OFF, guessed))
    assert off_m[0] < off_m[1] / 2 < off_m[2] / 3


def test_ankles_guessed_on_the_island_that_hides_them_tell_nothing() -> None:
    keypoints = whole_at((0.0, 3.6))
    # The network puts them where legs of that body would end, were there no shelf: too near.
    keypoints[ANKLES, :2] = VIEW.image_from_store([[-0.1, 2.9, 0.08], [0.1, 2.9, 0.08]])
    blind = found(Footing(VIEW), INNER, keypoints)
    assert blind[1] == pytest.approx(2.9, abs=0.02)
    knows = Footing(VIEW, gondola_blocks(layout()))
    np.testing.assert_allclose(found(knows, INNER, keypoints), [0.0, 3.6], atol=0.02)
    assert knows.sd_m(INNER, keypoints) > Footing(VIEW).sd_m(INNER, keypoints)


def test_whoever_stands_before_the_island_or_beside_it_is_seen_whole() -> None:
    keypoints = whole_at((0.0, 2.0))
    keypoints[HIPS, :2] += 30.0  # would tell another foot
    for one in (layout(), layout(yaw_rad=np.pi / 2)):
        footing = Footing(VIEW, gondola_blocks(one))
        at_m = (0.0, 2.0) if one.gondola[0].store_from_gondola.rotation_rad[2] == 0 else (1.2, 2.4)
        shown = keypoints if at_m == (0.0, 2.0) else whole_at(at_m)
        np.testing.assert_allclose(found(footing, INNER, shown), at_m, atol=0.02)


def test_a_sign_above_the_highest_board_hides_nobody() -> None:
    keypoints = whole_at((0.0, 3.6))
    low = Footing(VIEW, gondola_blocks(layout(board_m=0.2)))
    np.testing.assert_allclose(found(low, INNER, keypoints), [0.0, 3.6], atol=0.02)
    assert low.sd_m(INNER, keypoints) == Footing(VIEW).sd_m(INNER, keypoints)


def test_who_is_hidden_all_over_stands_where_they_seem_to() -> None:
    """Then the store is not as it was measured, and the picture is right."""
    footing = Footing(VIEW, gondola_blocks(layout(board_m=2.3)))
    keypoints = whole_at((0.0, 3.6))
    np.testing.assert_allclose(found(footing, CUT_OFF, keypoints), [0.0, 3.6], atol=0.02)


def test_the_bottom_of_the_box_tells_where_the_joints_are_less_sure() -> None:
    low = camera_view(LENS, Pose(translation_m=(0.0, 0.0, 1.5), rotation_rad=(-1.8, 0.0, 0.0)))
    bottom = low.image_from_store([0.3, 3.0, 0.0])
    box = np.array([bottom[0] - 40, 30.0, bottom[0] + 40, bottom[1]], np.float32)
    keypoints = np.zeros((17, 3), np.float32)
    shoulders_m = [[0.2, 3.3, 1.38], [0.4, 3.3, 1.38]]
    keypoints[SHOULDERS, :2] = low.image_from_store(shoulders_m)
    keypoints[SHOULDERS, 2] = 0.6
    assert found(Footing(low), box, keypoints)[1] == pytest.approx(3.0, abs=0.02)
    box[3] = 358.0  # the edge of the picture is nobody's feet
    assert found(Footing(low), box, keypoints)[1] == pytest.approx(3.3, abs=0.02)


def test_nothing_seen_tells_nothing() -> None:
    footing, nothing = Footing(VIEW), np.zeros((17, 3), np.float32)
    assert footing.xy_m(CUT_OFF, nothing) is None
    assert footing.sd_m(CUT_OFF, nothing) > 0.1
