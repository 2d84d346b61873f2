"""The training set: labels a trainer reads, the same again, nothing shared by its two halves."""

from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.layout import layout_problems
from tebura_simulator.cli import app
from tebura_simulator.cli_dataset import parse_size
from tebura_simulator.scenes.body import KEYPOINTS
from tebura_simulator.scenes.dataset import HandRow, Plan, WorldRecord, write_dataset
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.lookouts import FOCAL_SHARES, MOUNTED_M, MOUNTED_RAD
from tebura_simulator.scenes.render import camera_of
from tebura_simulator.scenes.shops import assortment
from tebura_simulator.scenes.split import Split
from tebura_simulator.scenes.truth import HandTruth, PersonTruth, Thing
from tebura_simulator.scenes.worlds import Mix, World, moments, world_of
from tebura_simulator.scenes.yolo import content_of, flipped, hand_crops, is_labelled, label_line
from tebura_simulator.story.script import Hand
from tebura_simulator.story.timeline import Timeline
from typer.testing import CliRunner

from tests.simulator.tiny_film import drawing_or_skip

SIZE_PX = (160, 90)
SEEDS = range(1000, 1006)


@cache
def worlds(split: Split) -> list[World]:
    return [world_of(split, seed, SIZE_PX) for seed in SEEDS]


# Halves


def test_nothing_is_in_both_halves() -> None:
    train, test = worlds(Split.TRAIN), worlds(Split.TEST)
    assert not {p.sku for p in assortment(Split.TRAIN)} & {p.sku for p in assortment(Split.TEST)}
    for one, other in ((train, test), (test, train)):
        skus = {facing.sku for w in other for _, facing in w.layout.facings().values()}
        assert not {p.sku for w in one for p in w.layout.product} & skus
    for name in ("seed", "wardrobe_seed", "art_seed"):
        mine = [{getattr(world.look, name) for world in half} for half in (train, test)]
        assert not mine[0] & mine[1], name
    shapes = [{msgspec.json.encode(w.layout.gondola) for w in half} for half in (train, test)]
    assert not shapes[0] & shapes[1]
    cameras = [
        {
            (c.intrinsics, c.store_from_camera)
            for w in half
            for c in w.layout.camera
            if c.label in w.cameras
        }
        for half in (train, test)
    ]
    assert not cameras[0] & cameras[1]


@pytest.mark.parametrize("split", Split)
def test_no_camera_has_a_focal_length_of_the_other_half(split: Split) -> None:
    (other,) = set(Split) - {split}
    for world in worlds(split):
        for camera in world.layout.camera:
            if camera.label in world.cameras:
                share = camera.intrinsics.focal_px[0] / SIZE_PX[0]
                assert any(low <= share <= top for low, top in FOCAL_SHARES[split])
                assert not any(low <= share <= top for low, top in FOCAL_SHARES[other])


@pytest.mark.parametrize("split", Split)
def test_no_lens_folds_its_picture(split: Split) -> None:
    """A polynomial that turns back within the picture shows things twice, or walls as waves."""
    for world in worlds(split):
        for label in world.cameras:
            lens = Lens(camera_of(world.layout, label))
            corners = lens.rays(np.array([(x, y) for x in (0.0, 160.0) for y in (0.0, 90.0)]))
            for corner in corners:
                ray = corner * np.linspace(0.0, 1.0, 200)[:, None]
                seen = np.hypot(*lens.distorted(ray).T)
                steps = np.diff(seen)
                assert steps.min() > 0.15 * steps.max(), label


@pytest.mark.parametrize("split", Split)
def test_a_world_is_a_store_that_can_be_played_and_the_same_again(split: Split) -> None:
    for world in worlds(split):
        assert layout_problems(world.layout) == []
        assert world == world_of(split, world.seed, SIZE_PX)
        times = moments(world, 10)
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= world.scenario.duration_s
    assert len({len(world.layout.gondola) for world in worlds(split)}) >= 3


def test_a_shops_mix_is_the_same_world_through_cameras_as_shops_hang_them() -> None:
    for world in worlds(Split.TEST):
        shop = world_of(Split.TEST, world.seed, SIZE_PX, Mix.SHOP)
        assert (shop.scenario, shop.look) == (world.scenario, world.look)
        assert shop.layout.gondola == world.layout.gondola
        for label in shop.cameras:
            lens = Lens(camera_of(shop.layout, label))
            x, y, up_m = lens.frame.origin_m
            (x0, y0), (x1, y1) = (
                np.min(shop.layout.store.floor_m, 0),
                np.max(shop.layout.store.floor_m, 0),
            )
            assert x0 < x < x1
            assert y0 < y < y1
            assert MOUNTED_M[0] <= up_m <= MOUNTED_M[1]
            assert MOUNTED_RAD[0] < np.arcsin(-lens.frame.rotation[2, 2]) < MOUNTED_RAD[1]


@pytest.mark.parametrize("split", Split)
def test_high_lessons_have_boards_between_eyes_and_as_high_as_a_hand_gets(split: Split) -> None:
    for seed in SEEDS:
        world = world_of(split, seed, SIZE_PX, Mix.HIGH)
        assert layout_problems(world.layout) == []
        for gondola in world.layout.gondola:
            highs_m = [shelf.gondola_from_shelf.translation_m[2] for shelf in gondola.shelf]
            assert 1.45 < max(highs_m) < 1.9
            assert min(np.diff(sorted(highs_m))) > 0.25
            assert gondola.size_m[2] > max(highs_m)
    lower = [g.size_m[2] for world in worlds(split) for g in world.layout.gondola]
    assert max(lower) < 1.8


def test_a_shops_mix_has_hands_in_shelves_as_often_as_there_are() -> None:
    """Of the time that somebody is there; the lessons have one in every other picture."""
    world = world_of(Split.TEST, SEEDS[0], SIZE_PX, Mix.SHOP)
    timeline = Timeline(world.scenario, world.layout)
    inside = [(a.inside_from_s, a.inside_to_s) for a in timeline.actions]
    there = [(p.enter_s, p.leave_s) for p in timeline.passages]
    every = np.arange(0.0, world.scenario.duration_s, 0.01)
    open_s, reached_s = (_within(every, spans).mean() for spans in (there, inside))
    times = np.array(moments(world, 2000))
    assert _within(times, there).all()
    share = reached_s / open_s
    assert _within(times, inside).mean() == pytest.approx(share, abs=0.04)
    assert share < 0.4


def _within(times_s: NDArray[np.float64], spans: list[tuple[float, float]]) -> NDArray[np.bool_]:
    """Which moments lie in any of some spans."""
    within = np.any([(times_s >= low) & (times_s <= high) for low, high in spans], axis=0)
    return np.asarray(within)


# Labels


def person(**changes: object) -> PersonTruth:
    plain = PersonTruth(
        shopper="a",
        box_px=(10.0, 10.0, 50.0, 90.0),
        keypoints_px=((20.0, 20.0, 2),) * 15 + ((24.0, 80.0, 1), (0.0, 0.0, 0)),
        foot_m=(0.0, 0.0),
        visible_px=(16.0, 9.0, 48.0, 45.0),
        seen_share=0.5,
    )
    return msgspec.structs.replace(plain, **changes)


def test_a_label_is_class_box_and_keypoints_as_shares_of_the_picture() -> None:
    words = label_line(person(), SIZE_PX).split()
    assert len(words) == 5 + 3 * len(KEYPOINTS)
    assert words[0] == "0"
    assert [float(w) for w in words[1:5]] == [0.2, 0.3, 0.2, 0.4]
    assert [float(w) for w in words[5:8]] == pytest.approx([0.125, 0.222222, 2])
    assert words[-6:-3] == ["0.150000", "0.888889", "1"]
    assert words[-3:] == ["0.000000", "0.000000", "0"]


def test_who_cannot_be_seen_is_no_label() -> None:
    assert is_labelled(person())
    assert not is_labelled(person(visible_px=None, seen_share=0.0))
    assert not is_labelled(person(seen_share=0.05))
    assert not is_labelled(person(visible_px=(10.0, 10.0, 14.0, 16.0)))


def test_a_mirrored_picture_swaps_left_and_right() -> None:
    turned = flipped()
    assert [turned[index] for index in turned] == list(range(len(KEYPOINTS)))
    for index, name in enumerate(KEYPOINTS):
        mirrored = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert KEYPOINTS[turned[index]] == mirrored


def test_a_hand_is_told_by_what_it_holds() -> None:
    def held(**more: object) -> str:
        hand = HandTruth(hand=Hand.LEFT, box_px=(0.0, 0.0, 20.0, 20.0), seen_share=1.0)
        return content_of(msgspec.structs.replace(hand, **more))

    assert held() == "empty"
    assert held(skus=("tea", "tea")) == "tea"
    assert held(skus=("tea", "cola")) == "several"
    assert held(thing=Thing.PHONE) == "phone"


def test_crops_are_of_hands_that_are_seen_with_room_around_them() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[30:50, 60:80] = (0, 0, 255)
    seen = HandTruth(hand=Hand.LEFT, box_px=(60.0, 30.0, 80.0, 50.0), seen_share=0.9)
    behind = HandTruth(hand=Hand.RIGHT, box_px=(60.0, 30.0, 80.0, 50.0), seen_share=0.1)
    (crop,) = hand_crops((person(hands=(seen, behind)),), picture)
    assert crop.hand is seen
    side = crop.picture.shape[0]
    assert crop.picture.shape == (side, side, 3)
    assert tuple(crop.picture[side // 2, side // 2]) == (0, 0, 255)
    assert tuple(crop.picture[2, 2]) == (0, 0, 0)
    red = (crop.picture[:, :, 2] > 127).mean()
    assert red == pytest.approx(1 / 1.9**2, abs=0.03)


# The set


@pytest.mark.parametrize("text", ["640", "640x", "641x360", "9x9"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected WIDTHxHEIGHT"):
        parse_size(text)


def test_a_set_is_drawn_read_by_its_labels_and_not_drawn_twice(tmp_path: Path) -> None:
    drawing_or_skip()
    command = ["dataset", "--seeds", "1001..1002", "--size", "160x90", "--per-scene", "3"]
    done = CliRunner().invoke(app, [*command, "--json", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    records = [
        msgspec.json.decode(line, type=WorldRecord) for line in done.stdout.splitlines() if line
    ]
    images = [name for record in records for name in record.images]
    assert images
    assert len(images) == len(set(images)) <= 6
    for name in images:
        picture = cv2.imread(str(tmp_path / name))
        assert picture is not None
        assert picture.shape == (90, 160, 3)
        label = tmp_path / name.replace("images", "labels").replace(".jpg", ".txt")
        for line in label.read_text().splitlines():
            values = [float(word) for word in line.split()]
            assert len(values) == 56
            assert all(0 <= v <= 1 for v in values[1:5])
    rows = [
        msgspec.json.decode(line, type=HandRow)
        for line in (tmp_path / "hands/index.jsonl").read_bytes().splitlines()
    ]
    assert rows == [row for record in records for row in record.hands]
    for row in rows:
        assert (tmp_path / row.file).parent.name == row.content
        assert cv2.imread(str(tmp_path / row.file)) is not None
    assert "kpt_shape: [17, 3]" in (tmp_path / "data.yaml").read_text()

    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("images/*/*.jpg")}
    again = list(write_dataset(Plan(Split.TRAIN, tmp_path, SIZE_PX, 3), [1001, 1002], 1))
    assert again == records
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("images/*/*.jpg")}


def test_a_world_that_was_cut_off_is_drawn_again_to_the_same_bytes(tmp_path: Path) -> None:
    drawing_or_skip()
    plan = Plan(Split.TEST, tmp_path, SIZE_PX, 2)
    (record,) = write_dataset(plan, [1003], 1)
    assert record.images
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    (tmp_path / "worlds/test/w01003.json").unlink()
    (tmp_path / record.images[0]).unlink()
    assert list(write_dataset(plan, [1003], 1)) == [record]
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
