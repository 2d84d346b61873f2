"""Draws a timeline through a camera, frame by frame, with the truth of each frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout

from tebura_simulator.scenes.body import keypoints_of, skinned
from tebura_simulator.scenes.stage import Drawing, Stage
from tebura_simulator.scenes.truth import FrameTruth, Lens, PersonTruth, person_truth, quad_px
from tebura_simulator.story.premises import reader_label
from tebura_simulator.story.timeline import Timeline


@dataclass(frozen=True)
class RenderedFrame:
    """A picture (H, W, 3) RGB of the moment `t_s`, with what is exactly so in it."""

    t_s: float
    rgb: NDArray[np.uint8]
    truth: FrameTruth

    @property
    def phone_quad_px(self) -> tuple[Xy, Xy, Xy, Xy] | None:
        return self.truth.phone_quad_px


def frame_count(timeline: Timeline, fps: float) -> int:
    """How many frames a scenario has; frame i is the moment i / fps."""
    return round(timeline.duration_s * fps)


def render(
    timeline: Timeline, layout: Layout, camera_label: CameraId, fps: float
) -> Iterator[RenderedFrame]:
    """Draw every frame of a scenario as one camera of the layout sees it.

    Raises:
        ValueError: If the layout has no such camera, or it cannot be drawn.
    """
    camera = next((c for c in layout.camera if c.label == camera_label), None)
    if camera is None:
        raise ValueError(f"the layout has no camera {camera_label!r}")
    stage, lens = Stage(timeline, layout), Lens(camera)
    reads_codes = any(reader_label(layout, gate) == camera_label for gate in layout.gate)
    drawing = Drawing(stage, camera_label)
    empty: dict[object, NDArray[np.uint8]] = {}
    try:
        for index in range(frame_count(timeline, fps)):
            t_s = index / fps
            stage.set_time(t_s)
            if not _people(stage, lens, None):
                # Nobody in the picture: it differs only by what stands on the shelves.
                shelves = tuple(sorted(timeline.standing(t_s).items()))
                if shelves not in empty:
                    empty[shelves] = drawing.picture()
                yield RenderedFrame(t_s, empty[shelves], FrameTruth(t_s=round(t_s, 6)))
                continue
            corners = stage.code_corners_m() if reads_codes else None
            truth = FrameTruth(
                t_s=round(t_s, 6),
                people=_people(stage, lens, drawing.depth_m()),
                phone_quad_px=None if corners is None else quad_px(corners, lens),
            )
            yield RenderedFrame(t_s, drawing.picture(), truth)
    finally:
        drawing.close()


def _people(
    stage: Stage, lens: Lens, depth_m: NDArray[np.float64] | None
) -> tuple[PersonTruth, ...]:
    found = []
    for name, posture in stage.postures.items():
        body = stage.bodies[name]
        truth = person_truth(
            name,
            stage.states[name].xy_m,
            skinned(body, posture.rotations, posture.heads_m),
            keypoints_of(body, posture.rotations, posture.heads_m),
            lens,
            depth_m,
        )
        if truth is not None:
            found.append(truth)
    return tuple(found)
