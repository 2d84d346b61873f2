"""A film drawn in runs of frames, each kept on disk as soon as it is done.

Whoever is killed loses the runs under way; the next one goes on with what is there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout

from tebura_simulator.scenes.footage import encode_run
from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.render import Shot, camera_of, frame_count
from tebura_simulator.scenes.stage import Stage
from tebura_simulator.scenes.truth import FrameTruth
from tebura_simulator.scenes.workers import at_once
from tebura_simulator.story.script import Scenario
from tebura_simulator.story.timeline import Timeline

RUN_FRAMES = 50
"""Frames of a run: five seconds at ten a second, from key frame to key frame."""


@dataclass(frozen=True)
class Scene:
    """What is filmed: who does what, where, how it looks, how often a second.

    Without `has_masks` the truth tells no masks: it is half as large.
    """

    scenario: Scenario
    layout: Layout
    look: Look
    fps: float
    has_masks: bool = True


@dataclass(frozen=True)
class Run:
    """Frames `first` to `last` (not included) of one camera, and the file they are kept in."""

    camera: CameraId
    first: int
    last: int
    file: Path


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a run: an access unit and the truth for each frame."""

    units: tuple[bytes, ...]
    frames: tuple[FrameTruth, ...]


def runs_of(scene: Scene, camera: CameraId, folder: Path) -> list[Run]:
    """The runs of a camera's film, in order of time, kept in a folder."""
    total = frame_count(Timeline(scene.scenario, scene.layout), scene.fps)
    return [
        Run(camera, first, min(first + RUN_FRAMES, total), folder / f"{camera}-{first:06d}.run")
        for first in range(0, total, RUN_FRAMES)
    ]


def read_run(run: Run) -> Shown | None:
    """A run that is done; None for one that is not, or whose file is damaged."""
    try:
        shown = msgspec.msgpack.decode(run.file.read_bytes(), type=Shown)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return shown if len(shown.units) == len(shown.frames) == run.last - run.first else None


def draw(scene: Scene, runs: Sequence[Run], jobs: int) -> Iterator[Run]:
    """Draw runs, so many at once; yields each when it is on disk.

    Closing the iterator, or an interrupt, ends what still runs.
    """
    try:
        yield from at_once(partial(_film, scene), runs, jobs)
    finally:
        _rest()


class _CameraMan:
    """Draws runs of one scene; a camera is kept until another one is asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._stage = Stage(Timeline(scene.scenario, scene.layout), scene.layout, scene.look)
        self._shot: Shot | None = None

    def film(self, run: Run) -> None:
        shot = self._shot_of(run.camera)
        fps = self.scene.fps
        frames = [shot.frame(index / fps) for index in range(run.first, run.last)]
        size_px = camera_of(self.scene.layout, run.camera).intrinsics.size_px
        shown = Shown(
            units=encode_run((frame.rgb for frame in frames), fps, size_px),
            frames=tuple(frame.truth for frame in frames),
        )
        partial_file = run.file.with_suffix(".partial")
        partial_file.write_bytes(msgspec.msgpack.encode(shown))
        partial_file.replace(run.file)

    def rest(self) -> None:
        if self._shot is not None:
            self._shot.close()
            self._shot = None

    def _shot_of(self, camera: CameraId) -> Shot:
        if self._shot is None or self._shot.label != camera:
            self.rest()
            self._shot = Shot(self._stage, camera, self.scene.has_masks)
        return self._shot


_mine: list[_CameraMan] = []
"""This process's own; none, or the one of the scene drawn last."""


def _film(scene: Scene, run: Run) -> Run:
    if not _mine or _mine[0].scene != scene:
        _rest()
        _mine.append(_CameraMan(scene))
    _mine[0].film(run)
    return run


def _rest() -> None:
    for camera_man in _mine:
        camera_man.rest()
    _mine.clear()
