"""The truth of a frame agrees with what is drawn: boxes, masks, joints, hands."""

from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId
from tebura_contract.layout import Layout, load_layout
from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.masks import decode_mask, encode_mask, extent, seen_share
from tebura_simulator.scenes.render import Shot
from tebura_simulator.scenes.sight import Sight
from tebura_simulator.scenes.stage import Stage
from tebura_simulator.scenes.truth import FrameTruth, PersonTruth
from tebura_simulator.scenes.witness import Witness
from tebura_simulator.story.script import Deed, Hand, Scenario, ShopperScript, Step
from tebura_simulator.story.timeline import Timeline

from tests.simulator.tiny_film import DEMO, drawing_or_skip

SIZE_PX = (320, 180)


# Masks


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_a_mask_survives_its_text(share: float) -> None:
    mask = np.random.default_rng(3).random((37, 53)) < share
    assert (decode_mask(encode_mask(mask), (53, 37)) == mask).all()


def test_mask_texts_are_those_of_coco() -> None:
    """As the competition's own tool writes them: a block, and one that begins at the corner."""
    block = np.zeros((6, 5), np.bool_)
    block[2:5, 1:3] = True
    assert encode_mask(block) == "8330:"
    corner = np.zeros((4, 4), np.bool_)
    corner[:2, :2] = True
    assert encode_mask(corner) == "02208"


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="12 pixels, not 5 x 2"):
        decode_mask(encode_mask(np.ones((4, 3), np.bool_)), (5, 2))


def test_extent_ends_one_past_the_last_pixel() -> None:
    mask = np.zeros((10, 20), np.bool_)
    assert extent(mask) is None
    mask[3:5, 7:12] = True
    assert extent(mask) == (7.0, 3.0, 12.0, 5.0)


@pytest.mark.parametrize(("seen_to", "share"), [(60, 1.0), (40, 0.5), (20, 0.0)])
def test_half_a_body_behind_something_is_half_seen(seen_to: int, share: float) -> None:
    x, y = np.meshgrid(np.arange(20.0, 60.0, 0.5), np.arange(10.0, 90.0, 0.5))
    mask = np.zeros((100, 100), np.bool_)
    mask[10:90, 20:seen_to] = True
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    assert seen_share(points, mask) == pytest.approx(share, abs=0.03)


def test_what_is_beyond_the_picture_s_edge_is_not_seen() -> None:
    x, y = np.meshgrid(np.arange(-40.0, 40.0, 0.5), np.arange(10.0, 90.0, 0.5))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    assert seen_share(points, np.ones((100, 100), np.bool_)) == pytest.approx(0.5, abs=0.02)


# A person before a camera


def _layout() -> Layout:
    layout = load_layout(DEMO / "layout.toml")
    aisle = layout.camera[0]
    lens = msgspec.structs.replace(
        aisle.intrinsics, size_px=SIZE_PX, focal_px=(220.0, 220.0), center_px=(160.0, 90.0)
    )
    camera = msgspec.structs.replace(aisle, intrinsics=lens)
    return msgspec.structs.replace(layout, camera=(camera, *layout.camera[1:]))


@cache
def _shot() -> Any:
    """The aisle camera on somebody who takes two onigiri with the left hand."""
    drawing_or_skip()

    step = Step(action=Deed.TAKE, sku=LAYOUT.facings()[FACING][1].sku, quantity=2, hand=Hand.LEFT)
    shopper = ShopperScript(id="a", enter_s=0.0, do=(step,))
    story = Timeline(Scenario(name="taking", duration_s=40, shopper=(shopper,)), LAYOUT)
    return Shot(Stage(story, LAYOUT, Look.plain()), LAYOUT.camera[0].label)


LAYOUT = _layout()
FACING = FacingId("g1/s2/f2")


def _at(t_s: float) -> tuple[FrameTruth, PersonTruth]:
    truth: FrameTruth = _shot().frame(t_s).truth
    (person,) = truth.people
    return truth, person


def _taken_s() -> float:
    return float(_shot().stage.timeline.actions[0].t_s)


def test_the_box_of_somebody_in_full_view_is_the_extent_of_the_mask() -> None:
    _, person = _at(_taken_s() - 2.0)
    mask = decode_mask(person.mask, SIZE_PX)
    assert person.visible_px == extent(mask)
    assert person.box_px == pytest.approx(person.visible_px, abs=2.0)
    assert person.seen_share > 0.9


def test_a_seen_joint_lies_on_the_mask() -> None:
    for t_s in np.arange(_taken_s() - 3.0, _taken_s() + 2.0, 0.9):
        _, person = _at(float(t_s))
        near = _grown(decode_mask(person.mask, SIZE_PX), 2)
        seen = [(int(x), int(y)) for x, y, v in person.keypoints_px if v == 2]
        assert len(seen) >= 5
        assert all(near[y, x] for x, y in seen), t_s


def test_hands_tell_what_they_hold_from_the_moment_it_is_taken() -> None:
    for t_s, held in ((_taken_s() - 0.05, ()), (_taken_s() + 0.05, ("onigiri-tuna",) * 2)):
        _, person = _at(t_s)
        by_hand = {hand.hand: hand for hand in person.hands}
        assert by_hand[Hand.LEFT].skus == held
        assert by_hand[Hand.RIGHT].skus == ()
        left, top, right, bottom = by_hand[Hand.LEFT].box_px
        x, y, v = person.keypoints_px[9]  # the left wrist
        assert v > 0
        assert left - 8 < x < right + 8
        assert top - 8 < y < bottom + 8


def test_what_stands_before_a_person_hides_joints_and_shrinks_the_mask() -> None:
    """The same person, with a wall's depth and segments put before the lower half."""
    shot = _shot()
    t_s = _taken_s() - 2.0
    free = _at(t_s)[1]
    middle = int((free.box_px[1] + free.box_px[3]) / 2)
    segments, names = shot._drawing.segments()
    sight = Sight(shot._drawing.depth_m(), segments.copy(), (*names, "g1/wall"))
    sight.segments[middle:] = len(names)
    depth_m = sight.depth_m.copy()
    depth_m[middle:] = 0.5
    stage = shot.stage
    hidden = Witness(
        stage.states["a"],
        stage.bodies["a"],
        stage.postures["a"],
        shot._lens,
        replace(sight, depth_m=depth_m),
        {},
    ).person({})
    assert hidden is not None
    assert hidden.visible_px is not None
    assert hidden.visible_px[3] <= middle
    assert hidden.box_px[3] == pytest.approx(free.box_px[3], abs=2.0)
    assert 0.3 < hidden.seen_share / free.seen_share < 0.7
    for (_, y, before), (_, _, now) in zip(free.keypoints_px, hidden.keypoints_px, strict=True):
        assert now == (1 if y >= middle else before)


def test_joints_outside_the_picture_are_said_to_be() -> None:
    """From a camera that hangs low the head is beyond the picture's upper edge."""
    drawing_or_skip()
    camera = LAYOUT.camera[0]
    x, y, _ = camera.store_from_camera.translation_m
    low = msgspec.structs.replace(
        camera,
        store_from_camera=Pose(
            translation_m=(x, y, 0.9), rotation_rad=camera.store_from_camera.rotation_rad
        ),
    )
    layout = msgspec.structs.replace(LAYOUT, camera=(low, *LAYOUT.camera[1:]))
    shot = Shot(Stage(_shot().stage.timeline, layout, Look.plain()), low.label)
    (person,) = shot.frame(_taken_s()).truth.people
    shot.close()
    values = {v for _, _, v in person.keypoints_px}
    assert 0 in values
    assert all((x, y) == (0.0, 0.0) for x, y, v in person.keypoints_px if v == 0)
    assert person.box_px[1] == 0.0


def _grown(mask: np.ndarray[Any, Any], by: int) -> np.ndarray[Any, Any]:
    grown = mask.copy()
    for _ in range(by):
        padded = np.pad(grown, 1)
        grown = grown | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.asarray(grown)
