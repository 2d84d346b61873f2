"""Draw the contact sheet of the scenes again: ``python tests/simulator/scenes_sheet.py``.

Each picture is the moment at which most people are in a camera's sight, in a look of its own. JPEG,
at most 600 kB.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_contract.ids import CameraId  # noqa: E402
from tebura_contract.layout import Layout  # noqa: E402
from tebura_simulator import stores  # noqa: E402
from tebura_simulator.scenes.lens import Lens  # noqa: E402
from tebura_simulator.scenes.look import Look  # noqa: E402
from tebura_simulator.scenes.render import Shot, camera_of  # noqa: E402
from tebura_simulator.scenes.shops import resized  # noqa: E402
from tebura_simulator.scenes.split import Split  # noqa: E402
from tebura_simulator.scenes.stage import Stage  # noqa: E402
from tebura_simulator.scenes.worlds import world_of  # noqa: E402
from tebura_simulator.story.drawing import Difficulty, draw  # noqa: E402
from tebura_simulator.story.passing import Passing  # noqa: E402
from tebura_simulator.story.script import Scenario  # noqa: E402
from tebura_simulator.story.timeline import Timeline  # noqa: E402

TARGET = ROOT / "simulator" / "screenshots" / "scenes.jpg"
SIZE_PX, SHOWN_PX, COLUMNS = (960, 540), (640, 360), 3
MOST_BYTES = 600_000
_EVERY_S = 0.7
_MARGIN_PX = 40
_FARTHEST_M = 4.8


@dataclass(frozen=True)
class Picture:
    """A scene, how it looks, and the cameras to choose from."""

    layout: Layout
    scenario: Scenario
    look: Look
    cameras: tuple[CameraId, ...]


def in_store(name: str, difficulty: Difficulty, seed: int, look: int) -> Picture:
    layout = resized(stores.store(name)[0], SIZE_PX)
    story = draw(layout, difficulty, seed)
    watching = tuple(camera.label for camera in layout.camera if camera.watches)
    return Picture(layout, story, Look.drawn(look), watching)


def in_world(split: Split, seed: int) -> Picture:
    world = world_of(split, seed, SIZE_PX)
    return Picture(world.layout, world.scenario, world.look, world.cameras)


def drawn(picture: Picture) -> NDArray[np.uint8]:
    """The fullest moment of a scene, as its best camera sees it."""
    timeline = Timeline(picture.scenario, picture.layout)
    moments = np.arange(0.0, picture.scenario.duration_s, _EVERY_S)
    passing = Passing(timeline, picture.layout)
    _, t_s, label = max(
        (_seen(passing, float(t_s), Lens(camera_of(picture.layout, label))), float(t_s), label)
        for label in picture.cameras
        for t_s in moments
    )
    shot = Shot(Stage(timeline, picture.layout, picture.look), label, has_masks=False)
    rgb = shot.frame(t_s).rgb
    shot.close()
    small = cv2.resize(rgb, SHOWN_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(small[:, :, ::-1], np.uint8)


def _seen(passing: Passing, t_s: float, lens: Lens) -> int:
    """How many people are well in the picture, those who reach counted twice."""
    people = passing.shoppers(t_s)
    points = np.array([(*p.xy_m, z) for p in people for z in (0.3, 1.5)]).reshape(-1, 3)
    pixels, far_m = lens.project(points)
    inside = ((pixels > _MARGIN_PX) & (pixels < np.asarray(SIZE_PX) - _MARGIN_PX)).all(axis=1)
    near = np.asarray(inside & (far_m < _FARTHEST_M)).reshape(-1, 2)
    return sum(
        1 + int(person.reach is not None)
        for person, ends in zip(people, near, strict=True)
        if ends.all()
    )


def pictures() -> list[Picture]:
    return [
        in_store("corner", Difficulty.CROWDED, 1000, 7),
        in_store("demo", Difficulty.BUSY, 1001, 6),
        in_store("kiosk", Difficulty.BUSY, 1002, 3),
        in_world(Split.TRAIN, 1003),
        in_store("corner", Difficulty.BUSY, 1004, 12),
        in_world(Split.TEST, 1005),
        in_store("demo", Difficulty.CROWDED, 1006, 4),
        in_world(Split.TRAIN, 1012),
        in_store("corner", Difficulty.CROWDED, 1008, 1),
        in_world(Split.TEST, 1009),
        in_world(Split.TEST, 1010),
        in_world(Split.TRAIN, 1011),
    ]


def write(cells: list[NDArray[np.uint8]]) -> None:
    """The sheet of these pictures, row by row, as fine as fits."""
    rows = [np.hstack(cells[at : at + COLUMNS]) for at in range(0, len(cells), COLUMNS)]
    sheet = np.vstack(rows)
    TARGET.parent.mkdir(exist_ok=True)
    for quality in range(90, 40, -5):
        data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES:
            TARGET.write_bytes(data)
            return
    raise AssertionError("too much to see on one sheet")


def main() -> None:
    cells = []
    for picture in pictures():
        cells.append(drawn(picture))
        print(f"{len(cells)} drawn", flush=True)
    write(cells)


if __name__ == "__main__":
    main()
