"""A recording as a film: what was found is drawn where it is, carts fill as the replay knows."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tebura_contract.ids import CameraId, PlateId, ShelfId
from tebura_contract.layout import load_layout
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.geometry import camera_view, shelf_fronts
from tebura_simulator import demo
from tebura_simulator.cli import app
from tebura_simulator.view.film import cells
from tebura_simulator.view.overlay import Overlay
from tebura_simulator.view.panels import Lane, traces
from tebura_simulator.view.scene import Mark
from typer.testing import CliRunner

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
AISLE = CameraId("aisle")
SHELF = ShelfId("g1/s2")
GREY = np.full((360, 640, 3), 90, np.uint8)


def changed(shown: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(shown.astype(int) - GREY).max(2) > 20)


def someone(wrist: tuple[float, float]) -> Detections:
    points = np.zeros((1, 17, 3), np.float32)
    points[0, Keypoint.LEFT_WRIST] = (*wrist, 0.9)
    box = np.array([[100.0, 80.0, 180.0, 300.0]], np.float32)
    return Detections(AISLE, 0, box, np.array([0.8], np.float32), points)


def test_boxes_and_wrists_are_drawn_where_they_were_found() -> None:
    overlay = Overlay(LAYOUT, AISLE)
    plain = overlay.draw(GREY, None)
    shown = overlay.draw(GREY, someone((220.0, 200.0)))
    new = np.abs(shown.astype(int) - plain).max(2) > 20
    assert new[198:203, 218:223].all()
    assert new[80:300, 100].mean() > 0.9
    assert new[80, 100:180].mean() > 0.9
    assert not new[:60].any()
    assert (GREY == 90).all()


def test_a_front_is_drawn_where_the_camera_sees_it_and_filled_while_a_hand_is_inside() -> None:
    overlay = Overlay(LAYOUT, AISLE)
    camera = LAYOUT.camera[0]
    view = camera_view(camera.intrinsics, camera.store_from_camera)
    middle = np.asarray(shelf_fronts(LAYOUT)[SHELF].corners_m()).mean(axis=0)
    x, y = (round(float(v)) for v in view.image_from_store(middle[None])[0])
    idle, reached = (overlay.draw(GREY, None, hands) for hands in ((), (SHELF,)))
    assert changed(idle).any()
    assert not changed(idle)[y - 2 : y + 3, x - 2 : x + 3].any()
    assert changed(reached)[y - 2 : y + 3, x - 2 : x + 3].all()


def step(known_s: float) -> Mark:
    return Mark(
        kind="pick",
        shelf="g1/s2",
        plates=("g1/s2/p1",),
        from_s=10.0,
        to_s=10.5,
        known_s=known_s,
        name="tea",
        quantity=1,
        delta_g=-500.0,
        confidence=0.9,
        guesses=(),
        visit="v1",
        track="",
        reason="",
    )


def test_weights_run_up_to_the_moment_and_say_what_is_known_by_then() -> None:
    at_s = np.arange(0.0, 30.0, 0.1)
    lane = Lane(PlateId("g1/s2/p1"), at_s, np.where(at_s < 10.0, 900.0, 400.0))
    size = (400, 100)
    before, unknown, known = (
        traces(size, [lane], [step(known_s=12.0)], t_s) for t_s in (9.0, 11.0, 13.0)
    )
    orange = [
        (np.abs(panel.astype(int) - (90, 170, 255)).max(axis=2) < 60).sum()
        for panel in (before, unknown, known)
    ]
    assert orange[0] == 0
    assert 0 < orange[1] < orange[2]


@pytest.mark.parametrize("count", range(1, 10))
def test_cameras_share_the_room_without_overlap(count: int) -> None:
    room = np.zeros((500, 930), int)
    for x, y, x_end, y_end in cells(count, (930, 500)):
        room[y:y_end, x:x_end] += 1
        assert x_end - x > 100
        assert y_end - y > 100
    assert room.max() == 1


def test_a_recording_without_pictures_makes_no_film(tmp_path: Path) -> None:
    scenario = Path(demo.__file__).parent / "scenarios" / "just-looking.toml"
    recording, out = tmp_path / "plates.mcap", tmp_path / "plates.mp4"
    made = CliRunner().invoke(app, ["record", str(scenario), "--plates-only", "-o", str(recording)])
    assert made.exit_code == 0, made.output
    done = CliRunner().invoke(app, ["view", str(recording), "-o", str(out)])
    assert done.exit_code == 2
    assert "holds no pictures" in done.stderr
    assert not out.exists()


@pytest.mark.long
def test_a_film_runs_as_long_as_the_recording(tmp_path: Path) -> None:
    recording = Path(demo.__file__).parent / "recordings" / "3-just-looking.mcap"
    out = tmp_path / "looking.mp4"
    done = CliRunner().invoke(app, ["view", str(recording), "-o", str(out)])
    assert done.exit_code == 0, done.output
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(260, abs=5)
    is_read, picture = film.read()
    assert is_read
    assert picture.shape == (720, 1280, 3)
