"""Which cameras look where, and when they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId, NodeId, ShelfId
from tebura_contract.layout import Camera, Layout
from tebura_edge.geometry import CameraView, camera_view

from tebura_simulator.sight.motion import STEP_S, Walker
from tebura_simulator.story.scenario import FaultKind, FaultScript, View

FAR_M = 9.0
"""Farther off a person is too small in the picture for hands and feet."""

Window = tuple[float, float]
Steps = NDArray[np.bool_]


@dataclass(frozen=True)
class Outages:
    """When nodes were off and cameras blind, seconds of the scenario."""

    off: Mapping[NodeId, tuple[Window, ...]]
    blind: Mapping[CameraId, tuple[Window, ...]]

    @classmethod
    def of(cls, faults: Sequence[FaultScript]) -> "Outages":
        off: dict[NodeId, list[Window]] = {}
        blind: dict[CameraId, list[Window]] = {}
        for fault in faults:
            if fault.on is None or fault.at_s is None:
                continue
            window = (fault.at_s, fault.at_s + fault.for_s)
            if fault.kind is FaultKind.NODE_OFF:
                off.setdefault(NodeId(fault.on), []).append(window)
            elif fault.kind is FaultKind.CAMERA_BLIND:
                blind.setdefault(CameraId(fault.on), []).append(window)
        return cls(
            {node: tuple(sorted(windows)) for node, windows in off.items()},
            {camera: tuple(sorted(windows)) for camera, windows in blind.items()},
        )

    def boot(self, node: NodeId, t_s: float) -> int:
        """Which boot of a node this moment belongs to, from 1."""
        return 1 + sum(until_s <= t_s for _, until_s in self.off.get(node, ()))

    def is_off(self, node: NodeId, t_s: float) -> bool:
        return _is_in(self.off.get(node, ()), t_s)

    def is_dark(self, camera: Camera, t_s: float) -> bool:
        """Whether a camera shows nothing, by itself or with its node."""
        return _is_in(self.blind.get(camera.label, ()), t_s) or self.is_off(camera.node, t_s)


@dataclass(frozen=True, eq=False)
class Eye:
    """One follower of people: a camera, or all of them as one (`view` None).

    `watchers` are the cameras of each shelf; the eye sees it while one of them does.
    `cameras_before` counts the node's eyes before this one.
    """

    node: NodeId
    camera: CameraId
    view: CameraView | None
    watchers: Mapping[ShelfId, tuple[Camera, ...]]
    cameras: tuple[Camera, ...]
    outages: Outages
    cameras_before: int = 0
    _dark: dict[int, bool] = field(default_factory=dict)

    def is_dark(self, step: int) -> bool:
        """Whether it sees nobody at all."""
        if step not in self._dark:
            t_s = step * STEP_S
            self._dark[step] = self.outages.is_off(self.node, t_s) or all(
                self.outages.is_dark(camera, t_s) for camera in self.cameras
            )
        return self._dark[step]

    def sees_shelf(self, shelf: ShelfId, step: int) -> bool:
        t_s = step * STEP_S
        return not self.is_dark(step) and any(
            not self.outages.is_dark(camera, t_s) for camera in self.watchers.get(shelf, ())
        )

    def sees(self, walker: Walker) -> Steps:
        """At which steps of the walker's way it is in sight, (n,)."""
        steps = np.arange(walker.first, walker.first + len(walker.xy_m))
        lit = np.array([not self.is_dark(int(step)) for step in steps], bool)
        if self.view is None:
            return lit & (steps >= walker.inside[0]) & (steps < walker.inside[1])
        return lit & _in_frame(self.view, walker)


def people_cameras(layout: Layout) -> tuple[Camera, ...]:
    """Cameras that look for people: all but a gate's code reader."""
    gates = {gate.node for gate in layout.gate}
    return tuple(c for c in layout.camera if c.watches or c.node not in gates)


def eyes_of(layout: Layout, view: View, outages: Outages) -> tuple[Eye, ...]:
    """One an independent follower, by node and camera."""
    cameras = tuple(sorted(people_cameras(layout), key=lambda c: (c.node, c.label)))
    if not cameras:
        return ()
    groups = [cameras] if view is View.JOINED else [(camera,) for camera in cameras]
    eyes: list[Eye] = []
    for group in groups:
        first = group[0]
        shelves = dict.fromkeys(shelf for camera in group for shelf in camera.watches)
        eyes.append(
            Eye(
                node=first.node,
                camera=first.label,
                view=None
                if view is View.JOINED
                else camera_view(first.intrinsics, first.store_from_camera),
                watchers={s: tuple(c for c in group if s in c.watches) for s in shelves},
                cameras=group,
                outages=outages,
                cameras_before=sum(eye.node == first.node for eye in eyes),
            )
        )
    return tuple(eyes)


def _in_frame(view: CameraView, walker: Walker) -> Steps:
    """Head and middle must be in the picture: of a child below its edge little more is."""
    is_in = np.ones(len(walker.xy_m), bool)
    for share in (0.5, 0.95):
        height = np.full((len(walker.xy_m), 1), walker.height_m * share)
        points = np.concatenate([walker.xy_m, height], axis=1)
        pixels = view.image_from_store(points)
        width, tall = view.intrinsics.size_px
        with np.errstate(invalid="ignore"):
            is_in &= (pixels[:, 0] >= 0) & (pixels[:, 0] < width)
            is_in &= (pixels[:, 1] >= 0) & (pixels[:, 1] < tall)
        is_in &= np.linalg.norm(points - view.position_m, axis=1) <= FAR_M
    return is_in


def _is_in(windows: Sequence[Window], t_s: float) -> bool:
    return any(from_s <= t_s < to_s for from_s, to_s in windows)
