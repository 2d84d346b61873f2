"""Draws a story through a camera, moment by moment, with the truth of each picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId, Sku
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.drawing import Drawing
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.sight import Sight
from tebura_simulator.scenes.stage import Stage
from tebura_simulator.scenes.truth import FrameTruth, PersonTruth, quad_px
from tebura_simulator.scenes.witness import Witness
from tebura_simulator.story.premises import reader_label
from tebura_simulator.story.timeline import Timeline

_EMPTY_PICTURES = 4
"""Pictures of the empty shop kept: what lies where changes seldom and hardly ever back."""


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
        self._sku_of: Mapping[str, Sku] = {i.id: i.sku for i in self.stage.timeline.items(0.0)}

    def close(self) -> None:
        self._drawing.close()

    def frame(self, t_s: float) -> RenderedFrame:
        """What the camera sees at a moment, and what is so."""
        self.stage.set_time(t_s)
        # Flesh and bags go a little beyond the bones.
        if not bones_seen(self.stage, self._lens, beyond=1.0):
            seen = self._drawing.sensor.expose([self._empty_picture(t_s)], t_s)
            return RenderedFrame(t_s, seen, FrameTruth(t_s=round(t_s, 6)))
        corners = self.stage.code_corners_m() if self._reads_codes else None
        truth = FrameTruth(
            t_s=round(t_s, 6),
            people=self._people(),
            phone_quad_px=None if corners is None else quad_px(corners, self._lens),
        )
        return RenderedFrame(t_s, self._drawing.frame(t_s), truth)

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
