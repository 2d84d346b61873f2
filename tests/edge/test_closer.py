"""Whose arms are looked at once more from nearer, and what is taken from that."""

import dataclasses
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.geometry import Intrinsics
from tebura_contract.ids import CameraId, ShelfId
from tebura_edge import closer
from tebura_edge.closer import CLOSER_PX, front_boxes, look_closer, who_to_look_at
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.frames import Frame
from tebura_edge.geometry import Floats, Front, Rigid, camera_view
from tebura_edge.people import PeopleLook, PeopleSettings, open_arms
from tebura_models.heads import People
from tebura_models.loader import Network, Provider

PICTURE, SIZE = (640, 360), (384, 256)
AISLE = CameraId("aisle")
FRONT = np.array([[0.5, 0.3, 0.75, 0.6]])  # 320..480 by 108..216 px
BOX = np.array([250.0, 100.0, 310.0, 220.0])


def no_network(provider: Provider = Provider.CPU) -> Network:
    """What it finds is up to the test; only the provider matters."""
    return cast(Network, SimpleNamespace(provider=provider))


def found(*boxes: Floats, score: float = 0.5) -> Detections:
    people = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(AISLE, 0, people, np.full(len(people), score, np.float32), joints(people))


def joints(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Torso and arms (N, 17, 3) where they hang within boxes, scores 0.3."""
    keypoints = np.zeros((len(boxes), 17, 3), np.float32)
    places = {
        Keypoint.LEFT_SHOULDER: (0.2, 0.2),
        Keypoint.RIGHT_SHOULDER: (0.8, 0.2),
        Keypoint.LEFT_HIP: (0.3, 0.5),
        Keypoint.RIGHT_HIP: (0.7, 0.5),
        Keypoint.LEFT_ELBOW: (0.1, 0.35),
        Keypoint.RIGHT_ELBOW: (0.9, 0.35),
        Keypoint.LEFT_WRIST: (0.1, 0.5),
        Keypoint.RIGHT_WRIST: (0.9, 0.5),
    }
    for joint, share in places.items():
        keypoints[:, joint, :2] = boxes[:, :2] + np.array(share) * (boxes[:, 2:] - boxes[:, :2])
        keypoints[:, joint, 2] = 0.3
    return keypoints


@pytest.mark.parametrize(
    ("box", "is_wanted"),
    [
        pytest.param(BOX, True, id="beside-the-front"),
        pytest.param(BOX - [200, 0, 200, 0], False, id="far-from-it"),
        pytest.param([300, 20, 420, 350], False, id="large-enough-already"),
    ],
)
def test_who_is_small_and_near_a_shelf_is_looked_at(box: Floats, is_wanted: bool) -> None:
    rows = who_to_look_at(found(np.asarray(box, float)), FRONT, PICTURE, SIZE)
    assert rows == ([0] if is_wanted else [])


def test_where_no_shelf_is_watched_nobody_is() -> None:
    assert who_to_look_at(found(BOX), np.zeros((0, 4)), PICTURE, SIZE) == []


def test_a_front_is_where_its_corners_are_and_one_behind_the_camera_nowhere() -> None:
    view = camera_view(
        Intrinsics(size_px=PICTURE, focal_px=(400, 400), center_px=(320, 180)),
        Rigid(np.eye(3), np.zeros(3)).pose(),
    )
    # The front's own z is the camera's -y here: it opens towards the camera, two metres off.
    turned = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    fronts = [
        Front(ShelfId("g1/s1"), Rigid(turned, np.array([0.0, 0.0, z])), 0.8, 0.4, 0.4)
        for z in (2.0, -2.0)
    ]
    boxes = front_boxes(view, fronts)
    np.testing.assert_allclose(boxes, [[0.5, 100 / 360, 0.75, 0.5]], atol=1e-6)


def frame() -> Frame:
    picture = np.zeros((PICTURE[1], PICTURE[0], 3), np.uint8)
    picture[:, :, 0] = np.arange(PICTURE[0]) // 4
    return Frame(AISLE, 0, picture)


def looks_at(monkeypatch: pytest.MonkeyPatch, *people: Floats) -> list[np.ndarray]:
    """The network sees these boxes, given in pixels of the frame; returns what it was shown."""
    shown: list[np.ndarray] = []

    def find(_: Network, cut: np.ndarray, size_px: tuple[int, int]) -> People:
        assert size_px == (CLOSER_PX, CLOSER_PX)
        shown.append(cut)
        side = cut.shape[0]
        corner = np.round((BOX[:2] + BOX[2:] - side) / 2)
        boxes = (np.array(people).reshape(-1, 4) - np.tile(corner, 2)).astype(np.float32)
        keypoints = joints(boxes)
        keypoints[:, Keypoint.LEFT_WRIST] += (-20, 5, 0.4)
        keypoints[:, Keypoint.LEFT_HIP] += (3, 3, 0.4)
        return People(boxes, np.full(len(boxes), 0.6, np.float32), keypoints)

    monkeypatch.setattr(closer, "find_people", find)
    return shown


def test_arms_are_taken_from_nearer_and_what_tells_where_somebody_stands_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks_at(monkeypatch, BOX)
    before = found(BOX)
    after = look_closer(no_network(), frame(), before, [0], SIZE)
    expected = before.keypoints_px.copy()
    expected[0, Keypoint.LEFT_WRIST] += (-20, 5, 0.4)
    np.testing.assert_allclose(after.keypoints_px, expected, atol=1e-3)
    np.testing.assert_array_equal(after.boxes_xyxy_px, before.boxes_xyxy_px)


@pytest.mark.parametrize(
    ("size_px", "score", "is_taken"),
    [
        pytest.param(SIZE, 0.9, True, id="much-larger-from-nearer"),
        pytest.param((1280, 720), 0.9, False, id="as-large-before-and-surer"),
        pytest.param((1280, 720), 0.6, True, id="as-large-before-and-less-sure"),
    ],
)
def test_of_two_looks_as_near_the_surer_counts(
    monkeypatch: pytest.MonkeyPatch, size_px: tuple[int, int], score: float, is_taken: bool
) -> None:
    looks_at(monkeypatch, BOX)
    keypoints = found(BOX).keypoints_px.copy()
    keypoints[0, Keypoint.LEFT_WRIST, 2] = score
    before = dataclasses.replace(found(BOX), keypoints_px=keypoints)
    after = look_closer(no_network(), frame(), before, [0], size_px)
    moved = after.keypoints_px[0, :, 0] - before.keypoints_px[0, :, 0]
    assert moved[Keypoint.LEFT_WRIST] == pytest.approx(-20 if is_taken else 0, abs=1e-3)


@pytest.mark.parametrize(
    "others",
    [pytest.param([], id="nobody"), pytest.param([BOX + np.array([45, 0, 45, 0])], id="another")],
)
def test_where_only_somebody_else_is_seen_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, others: list[Floats]
) -> None:
    looks_at(monkeypatch, *others)
    before = found(BOX)
    after = look_closer(no_network(), frame(), before, [0], SIZE)
    np.testing.assert_array_equal(after.keypoints_px, before.keypoints_px)


def test_the_network_for_arms_is_who_looks_from_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Network] = []

    def find(network: Network, *_: object) -> People:
        asked.append(network)
        none = np.zeros((0, 17, 3), np.float32)
        return People(none[:, :4, 0], none[:, 0, 0], none)

    monkeypatch.setattr(closer, "find_people", find)
    people, arms = no_network(), no_network()
    for given in (arms, None):
        look = PeopleLook(people, PeopleSettings(), FRONT, arms=given)
        look.looked(frame(), found(BOX))
    assert asked == [arms, people]


@pytest.mark.parametrize(
    ("settings", "provider"),
    [
        pytest.param(PeopleSettings(closer=False), Provider.CPU, id="nobody-looks-from-nearer"),
        pytest.param(PeopleSettings(arms_model="movenet-shop"), Provider.CPU, id="the-same"),
        pytest.param(PeopleSettings(), Provider.TENSORRT, id="engines-of-one-size"),
    ],
)
def test_no_second_network_is_opened_where_none_would_look(
    settings: PeopleSettings, provider: Provider
) -> None:
    people = no_network(provider)
    assert open_arms(settings, people) is people


def test_another_network_is_opened_for_arms() -> None:
    settings = PeopleSettings(threads=1, providers=(Provider.CPU,))
    assert open_arms(settings, no_network()).entry.name == "movenet-arms"


def test_what_is_cut_out_past_the_pictures_edge_is_black(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = looks_at(monkeypatch)
    who = found(np.array([600.0, 100.0, 640.0, 220.0]))
    look_closer(no_network(), frame(), who, [0], SIZE)
    [cut] = shown
    side = round(1.3 * 120)
    assert cut.shape == (side, side, 3)
    inside = 640 - round(620 - side / 2)
    assert (cut[:, inside:] == 0).all()
    assert cut[0, inside - 1, 0] == 639 // 4


@pytest.mark.parametrize(
    ("settings", "provider", "has_time", "count"),
    [
        pytest.param(PeopleSettings(), Provider.CPU, True, 2, id="two-of-three"),
        pytest.param(PeopleSettings(), Provider.CPU, False, 0, id="others-wait"),
        pytest.param(PeopleSettings(closer=False), Provider.CPU, True, 0, id="not-wanted"),
        pytest.param(PeopleSettings(), Provider.TENSORRT, True, 0, id="engines-of-one-size"),
    ],
)
def test_people_at_shelves_take_turns_in_spare_time(
    monkeypatch: pytest.MonkeyPatch,
    settings: PeopleSettings,
    provider: Provider,
    has_time: bool,
    count: int,
) -> None:
    shown = looks_at(monkeypatch)
    look = PeopleLook(no_network(provider), settings, FRONT)
    look.looked(frame(), found(BOX, BOX + 5, BOX + 10), has_time=has_time)
    assert len(shown) == count
