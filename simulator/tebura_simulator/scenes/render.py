"""Draws a story through a camera, moment by moment, with the truth of each picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId, Sku
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.sensor import Sensor
from tebura_simulator.scenes.sight import Sight
from tebura_simulator.scenes.stage import Drawing, Stage
from tebura_simulator.scenes.truth import FrameTruth, PersonTruth, quad_px
from tebura_simulator.scenes.witness import Witness
from tebura_simulator.story.premises import reader_label
from tebura_simulator.story.timeline import Timeline

_EMPTY_PICTURES = 4
"""Pictures of the empty shop kept: what lies where changes seldom and hardly ever back."""


_STILL_PX = 1.0
"""Bones that move less while a frame is exposed blur nothing that could be seen."""


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """A picture (H, W, 3) RGB of the moment `t_s`, with what is exactly so in it."""

    t_s: float
    rgb: NDArray[np.uint8]
    truth: FrameTruth


def frame_count(timeline: Timeline, fps: float) -> int:
    """How many frames a scenario has; frame i is the moment i / fps."""
    return round(timeline.duration_s * fps)


def camera_of(layout: Layout, label: CameraId) -> Camera:
    """A camera of the layout.

    Raises:
        ValueError: If there is none of that name.
    """
    found = next((camera for camera in layout.camera if camera.label == label), None)
    if found is None:
        known = ", ".join(camera.label for camera in layout.camera) or "none"
        raise ValueError(f"the layout has no camera {label!r}; it has {known}")
    return found


def bones_seen(stage: Stage, lens: Lens, beyond: float = 0.0) -> int:
    """How many bones of all people lie in the picture made larger by a share on each side."""
    wide, high = lens.size_px
    count = 0
    for posture in stage.postures.values():
        pixels, _ = lens.project(posture.heads_m)
        x, y = pixels[:, 0] / wide, pixels[:, 1] / high
        low, top = -beyond, 1 + beyond
        count += int(((x > low) & (x < top) & (y > low) & (y < top)).sum())
    return count


@dataclass
class Shot:
    """One camera before a stage; the same moment gives the same frame. Close it when done."""

    stage: Stage
    label: CameraId
    has_masks: bool = True
    _empty: dict[tuple[object, ...], NDArray[np.uint8]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layout = self.stage.layout
        self._lens = Lens(camera_of(layout, self.label))
        self._reads_codes = any(reader_label(layout, gate) == self.label for gate in layout.gate)
        self._drawing = Drawing(self.stage, self.label)
        self._sensor = Sensor(self.stage.look, self.label, self._lens.size_px)
        self._sku_of: Mapping[str, Sku] = {i.id: i.sku for i in self.stage.timeline.items(0.0)}

    def close(self) -> None:
        self._drawing.close()

    def frame(self, t_s: float) -> RenderedFrame:
        """What the camera sees at a moment, and what is so."""
        moments = self._moments(t_s)
        self.stage.set_time(t_s)
        # Flesh and bags go a little beyond the bones.
        if not bones_seen(self.stage, self._lens, beyond=1.0):
            seen = self._sensor.expose([self._empty_picture(t_s)], t_s)
            return RenderedFrame(t_s, seen, FrameTruth(t_s=round(t_s, 6)))
        corners = self.stage.code_corners_m() if self._reads_codes else None
        truth = FrameTruth(
            t_s=round(t_s, 6),
            people=self._people(),
            phone_quad_px=None if corners is None else quad_px(corners, self._lens),
        )
        return RenderedFrame(t_s, self._sensor.expose(self._pictures(moments, t_s), t_s), truth)

    def _moments(self, t_s: float) -> tuple[float, ...]:
        """When to draw what a frame gathers: more than once only where somebody moves in it."""
        moments = self._sensor.moments(t_s)
        return moments if self._moved_px(moments[0], moments[-1]) >= _STILL_PX else (t_s,)

    def _pictures(self, moments: tuple[float, ...], now_s: float) -> list[NDArray[np.uint8]]:
        pictures = []
        for moment in moments:
            # What was found out about the moment shown is used again.
            if moment != now_s:
                self.stage.set_time(moment)
            pictures.append(self._drawing.picture())
        return pictures

    def _moved_px(self, from_s: float, to_s: float) -> float:
        """How far any bone moves in the picture."""
        if from_s == to_s:
            return 0.0
        before, after = self._bones_px(from_s), self._bones_px(to_s)
        both = [name for name in before if name in after]
        moves = [np.nanmax(np.abs(after[n] - before[n]), initial=0.0) for n in both]
        return max(map(float, moves), default=0.0)

    def _bones_px(self, t_s: float) -> dict[str, NDArray[np.float64]]:
        self.stage.set_time(t_s)
        postures = self.stage.postures
        return {name: self._lens.project(p.heads_m)[0] for name, p in postures.items()}

    def _empty_picture(self, t_s: float) -> NDArray[np.uint8]:
        key = tuple(item.center_m for item in self.stage.timeline.items(t_s))
        if key not in self._empty:
            if len(self._empty) == _EMPTY_PICTURES:
                self._empty.pop(next(iter(self._empty)))
            self._empty[key] = self._drawing.picture()
        return self._empty[key]

    def _people(self) -> tuple[PersonTruth, ...]:
        stage = self.stage
        segments, names = self._drawing.segments()
        sight = Sight(self._drawing.depth_m(), segments, names)
        told = (
            Witness(
                stage.states[name],
                stage.bodies[name],
                posture,
                self._lens,
                sight,
                stage.figures.things(name),
            ).person(self._sku_of, has_mask=self.has_masks)
            for name, posture in stage.postures.items()
        )
        return tuple(person for person in told if person is not None)
