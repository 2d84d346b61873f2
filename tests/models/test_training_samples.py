"""What a network is taught stays true while pictures are varied."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "models" / "training"))
    return importlib.import_module("samples")


def test_points_move_with_the_picture_and_sides_change_in_a_mirror(samples: ModuleType) -> None:
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, 9] = (120, 80, 2)
    keypoints[0, 10] = (40, 90, 1)
    people = samples.People(np.array([[30, 20, 130, 180]], np.float32), keypoints)
    mirror = np.array([[-0.5, 0, 100], [0, 0.5, 0]])
    moved = samples.moved(people, mirror, (100, 100), mirrored=True)
    # What was the left wrist on the right is the right wrist on the left.
    assert moved.keypoints[0, 10].tolist() == [40, 40, 2]
    assert moved.keypoints[0, 9].tolist() == [80, 45, 1]
    assert moved.boxes[0].tolist() == [35, 10, 85, 90]


def test_who_is_cut_off_is_nobody_and_points_beyond_the_edge_are_unknown(
    samples: ModuleType,
) -> None:
    keypoints = np.full((2, 17, 3), 2, np.float32)
    keypoints[:, :, 0], keypoints[:, :, 1] = 95, 50
    boxes = np.array([[90, 10, 190, 90], [60, 10, 110, 90]], np.float32)
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    moved = samples.moved(samples.People(boxes, keypoints), still, (100, 100), mirrored=False)
    assert moved.boxes.tolist() == [[60, 10, 100, 90]]
    shifted = samples.moved(
        samples.People(boxes[1:], keypoints[1:]),
        still + np.array([0, 0, 10]),
        (100, 100),
        mirrored=False,
    )
    assert (shifted.keypoints[:, :, 2] == 0).all()


@given(x=st.floats(20, 300), y=st.floats(20, 170), wide=st.floats(16, 120), high=st.floats(20, 160))
def test_targets_say_where_people_and_their_points_are(
    x: float, y: float, wide: float, high: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "models" / "training"))
        samples = importlib.import_module("samples")
    x1, y1 = min(x + wide, 319.0), min(y + high, 191.0)
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, 9] = ((x + x1) / 2 + 3.3, (y + y1) / 2, 2)
    keypoints[0, 10] = (x + 1, y + 1, 1)
    keypoints[0, 9, 0] = min(keypoints[0, 9, 0], 318)
    people = samples.People(np.array([[x, y, x1, y1]], np.float32), keypoints)
    told = samples.targets(people, (320, 192), 4)
    middle = (told.cells[0] + told.box_offset[0]) * 4
    assert middle == pytest.approx(((y + y1) / 2, (x + x1) / 2), abs=1e-3)
    assert told.box[0] * 4 == pytest.approx((y1 - y, x1 - x), abs=1e-3)
    wrist = (told.cells[0] + told.reach[0, 18:20]) * 4
    assert wrist == pytest.approx(keypoints[0, 9, 1::-1], abs=1e-3)
    (spot,) = told.spots
    assert spot[0] == 9
    assert (spot[1:] + told.spot_offset[0]) * 4 == pytest.approx(keypoints[0, 9, 1::-1], abs=1e-3)
    assert told.keypoints[9, spot[1], spot[2]] == 1
    # A hidden wrist may be told or not; it is no empty place.
    hidden = (keypoints[0, 10, 1::-1] / 4).astype(int)
    assert told.counted[10, hidden[0], hidden[1]] == 0
    assert told.keypoints[10].max() == 0


def test_a_network_that_says_what_is_wanted_has_almost_no_loss(
    samples: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    tune = importlib.import_module("tune")
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, :, 0], keypoints[0, :, 1], keypoints[0, :, 2] = 101, 77, 2
    people = samples.People(np.array([[60, 20, 140, 180]], np.float32), keypoints)
    wanted = samples.targets(people, (320, 192), 4)

    def said(values: NDArray[np.float32]) -> Any:
        sure = np.clip(values, 1e-4, 1 - 1e-4)
        return torch.from_numpy(np.log(sure / (1 - sure)))[None]

    heads = {
        tune.CENTRE: said(np.where(wanted.centre >= 0.999, wanted.centre, 0)),
        tune.KEYPOINTS: said(np.where(wanted.keypoints >= 0.999, wanted.keypoints, 0)),
        tune.REGRESSION: torch.zeros(1, 34, 48, 80),
        tune.OFFSET: torch.zeros(1, 34, 48, 80),
        tune.BOX: torch.zeros(1, 2, 48, 80),
        tune.BOX_OFFSET: torch.zeros(1, 2, 48, 80),
    }
    (cell,) = wanted.cells
    for head, values in (
        (tune.REGRESSION, wanted.reach),
        (tune.BOX, wanted.box),
        (tune.BOX_OFFSET, wanted.box_offset),
    ):
        heads[head][0, :, cell[0], cell[1]] = torch.from_numpy(values[0])
    for (number, y, x), offset in zip(wanted.spots, wanted.spot_offset, strict=True):
        heads[tune.OFFSET][0, 2 * number : 2 * number + 2, y, x] = torch.from_numpy(offset)
    for emphasis in (tune.Emphasis(), tune.ARMS_FIRST):
        assert sum(float(part) for part in tune.loss_of(heads, [wanted], emphasis).values()) < 0.01
    heads[tune.CENTRE] = -heads[tune.CENTRE]
    assert float(tune.loss_of(heads, [wanted], tune.Emphasis())["centre"]) > 5


def test_arms_weigh_more_than_legs_where_they_are_learnt(samples: ModuleType) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    tune = importlib.import_module("tune")
    keypoints = np.full((1, 17, 3), 2, np.float32)
    keypoints[0, :, 0], keypoints[0, :, 1] = 101, 77
    people = samples.People(np.array([[60, 20, 140, 180]], np.float32), keypoints)
    wanted = samples.targets(people, (192, 192), 4)
    shapes = {tune.CENTRE: 1, tune.KEYPOINTS: 17, tune.REGRESSION: 34, tune.OFFSET: 34}
    shapes |= {tune.BOX: 2, tune.BOX_OFFSET: 2}

    def lost(joint: int | None) -> float:
        """With one joint missed."""
        heads = {head: torch.zeros(1, count, 48, 48) for head, count in shapes.items()}
        if joint is not None:
            _, y, x = wanted.spots[joint]
            heads[tune.KEYPOINTS][0, joint, y, x] = -5
        return sum(map(float, tune.loss_of(heads, [wanted], tune.ARMS_FIRST).values()))

    wrist, ankle = lost(9) - lost(None), lost(15) - lost(None)
    # Four joints of arms share 1, thirteen others 0.3.
    assert wrist == pytest.approx(ankle * (1 / 4) / (0.3 / 13), rel=1e-3)


@pytest.mark.parametrize("is_varied", [False, True])
def test_who_is_cut_out_fills_the_cut_and_points_stay_on_them(
    samples: ModuleType, is_varied: bool
) -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    wrist = (480, 150)
    picture[wrist[1] - 3 : wrist[1] + 4, wrist[0] - 3 : wrist[0] + 4] = 255
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, 9] = (*wrist, 2)
    people = samples.People(np.array([[440, 100, 500, 220]], np.float32), keypoints)
    rng = np.random.default_rng(3)
    for _ in range(20 if is_varied else 1):
        cut, seen = samples.cut_out(picture, people, 0, 192, rng if is_varied else None)
        assert cut.shape == (192, 192, 3)
        shares = (seen.boxes[0, 3] - seen.boxes[0, 1]) / 192
        # 1.3 times the longer side, give or take what varies.
        assert shares == pytest.approx(1 / 1.3, abs=0.25 if is_varied else 0.01)
        joint = 10 if seen.keypoints[0, 10, 2] else 9
        x, y = seen.keypoints[0, joint, :2].astype(int)
        around = cut[y - 2 : y + 3, x - 2 : x + 3].mean()
        assert around > cut[: y - 20].mean() + 20


def test_who_stands_at_the_pictures_edge_is_cut_out_with_black_beyond(samples: ModuleType) -> None:
    picture = np.full((360, 640, 3), 200, np.uint8)
    people = samples.People(
        np.array([[590, 100, 640, 220]], np.float32), np.zeros((1, 17, 3), np.float32)
    )
    cut, _ = samples.cut_out(picture, people, 0, 156, None)
    # 156 px are 1.3 times 120: nothing is scaled, and the picture ends 25 px right of the middle.
    assert (cut[:, : 78 + 25] == 200).all()
    assert (cut[:, 78 + 26 :] == 0).all()
