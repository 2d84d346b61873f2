"""A recording as a film: its cameras with what was found in them, beside weights and carts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import msgspec
import numpy as np
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout

from tebura_simulator.reels import Reel
from tebura_simulator.scenes.footage import encode_run, write_video
from tebura_simulator.view.overlay import Picture
from tebura_simulator.view.panels import Lane, carts, lanes_of, told_plates, traces
from tebura_simulator.view.scene import Scene
from tebura_simulator.view.shots import filmed, shots
from tebura_simulator.view.watching import Watched

SIZE_PX = (1280, 720)
CARTS_WIDE_PX = 350
TRACES_HIGH_PX = 220
MOST_LANES = 5
FPS = 10.0
_KEY_EVERY = 50
_MAIN_SHARE = 0.7
_GROUND, _WHITE = (20, 18, 17), (250, 250, 250)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_film(path: Path, reel: Reel, scene: Scene, watched: Watched) -> int:
    """Write the film (MP4); returns how many frames it has.

    Raises:
        ValueError: If the recording has no pictures.
    """
    if not filmed(reel):
        raise ValueError(f"{reel.path}: holds no pictures; only a page can be made of it")
    units = encode_run(
        (picture[:, :, ::-1] for picture in _frames(reel, scene, watched)),
        FPS,
        SIZE_PX,
        key_every=_KEY_EVERY,
    )
    write_video(path, units, FPS)
    return len(units)


def _frames(reel: Reel, scene: Scene, watched: Watched) -> Iterator[Picture]:
    """A picture every 1 / FPS seconds, of what each camera showed last."""
    layout, start_ns = watched.replay.layout, watched.replay.start_ns
    named = _in_ascii(scene, layout)
    lanes = lanes_of(watched.envelopes, told_plates(scene), start_ns, MOST_LANES)
    # First those that people were found in.
    cameras = sorted(filmed(reel), key=lambda camera: camera not in watched.findings.of)
    desk = _Desk(named, lanes, tuple(cameras))
    shown = 0
    for shot in shots(reel, layout, watched.findings, scene.hands, start_ns):
        at_s = (shot.at_ns - start_ns) / 1e9
        while shown / FPS < at_s:
            yield desk.picture(shown / FPS)
            shown += 1
        desk.last[shot.camera] = shot.picture
    yield desk.picture(shown / FPS)


@dataclass
class _Desk:
    """Puts a frame of the film together."""

    scene: Scene
    lanes: list[Lane]
    cameras: tuple[CameraId, ...]
    last: dict[CameraId, Picture] = field(default_factory=dict)

    def picture(self, t_s: float) -> Picture:
        wide, high = SIZE_PX
        frame = np.full((high, wide, 3), _GROUND, np.uint8)
        left = wide - CARTS_WIDE_PX
        top = high - (TRACES_HIGH_PX if self.lanes else 0)
        frame[:, left:] = carts((CARTS_WIDE_PX, high), self.scene, t_s)
        if self.lanes:
            frame[top:, :left] = traces((left, high - top), self.lanes, self.scene.marks, t_s)
        for camera, (x, y, x_end, y_end) in zip(
            self.cameras, cells(len(self.cameras), (left, top)), strict=True
        ):
            cell = frame[y:y_end, x:x_end]
            if camera in self.last:
                _fit(cell, self.last[camera])
            cv2.putText(cell, camera, (8, 20), _FONT, 0.5, _WHITE, 1, cv2.LINE_AA)
        return frame


def cells(count: int, room_px: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Where so many cameras go: up to three as a large one and a column, else a grid.

    >>> cells(2, (900, 500))
    [(0, 0, 630, 500), (630, 0, 900, 500)]
    """
    wide, high = room_px
    if count <= 3:
        edge = wide if count == 1 else round(_MAIN_SHARE * wide)
        rest = count - 1
        column = [(edge, n * high // rest, wide, (n + 1) * high // rest) for n in range(rest)]
        return [(0, 0, edge, high), *column]
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    return [
        (
            column * wide // columns,
            row * high // rows,
            (column + 1) * wide // columns,
            (row + 1) * high // rows,
        )
        for row, column in (divmod(number, columns) for number in range(count))
    ]


def _fit(cell: Picture, picture: Picture) -> None:
    """Show a picture in the middle of a cell, as large as it fits."""
    room_high, room_wide = cell.shape[0] - 4, cell.shape[1] - 4
    high, wide = picture.shape[:2]
    scale = min(room_wide / wide, room_high / high)
    size = (round(wide * scale), round(high * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    y, x = (cell.shape[0] - size[1]) // 2, (cell.shape[1] - size[0]) // 2
    cell[y : y + size[1], x : x + size[0]] = cv2.resize(picture, size, interpolation=method)


def _in_ascii(scene: Scene, layout: Layout) -> Scene:
    """The scene with products named in letters that can be drawn."""
    plain = {p.name: p.name_en or str(p.sku) for p in layout.products().values()}
    marks = tuple(
        msgspec.structs.replace(mark, name=plain.get(mark.name, mark.name)) for mark in scene.marks
    )
    return msgspec.structs.replace(scene, marks=marks)
