"""The seeing roles of a replay: people networks, code readers, and what they need of OpenCV.

Apart from `replay`, so that a recording of plates alone replays without loading any of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.clock import Ns
from tebura_contract.ids import CameraId, GateId, NodeId
from tebura_contract.layout import Camera, Layout
from tebura_contract.recording import DETECTIONS_TOPIC, EVENTS_TOPIC, VIDEO_TOPIC
from tebura_edge.camera_role import CameraRole
from tebura_edge.closer import shelves_seen
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame
from tebura_edge.gate_role import GateRole
from tebura_edge.people import PeopleLook, PeopleSettings, open_arms, open_people
from tebura_edge.recorder import RecordingError
from tebura_edge.role import Input

from tebura_simulator.footage import H264Decoder
from tebura_simulator.phone import show_code
from tebura_simulator.reels import Reel
from tebura_simulator.replay_looks import CodeOnScreen, Look
from tebura_simulator.replay_node import RoleMaker

ANNEX_B = (b"\x00\x00\x01", b"\x00\x00\x00\x01")


@dataclass(frozen=True)
class SeeingRoles:
    """What makes each node's roles, and what to do with each camera's pictures."""

    roles: list[tuple[NodeId, RoleMaker]]
    looks: Mapping[CameraId, tuple[NodeId, Look]]


def camera_roles(
    reader: Reel,
    layout: Layout,
    calibrations: Mapping[NodeId, Calibration],
    store_key: bytes,
) -> SeeingRoles:
    """The roles of all nodes with cameras in a recording.

    Raises:
        RecordingError: If a camera of the recording is not in the layout.
    """
    topics = set(reader.topics())
    known = {camera.label for camera in layout.camera}
    for topic in topics:
        if topic.startswith("/video/") and topic.removeprefix("/video/") not in known:
            raise RecordingError(f"{reader.path}: {topic}: the layout has no such camera")
    filmed = [
        camera
        for camera in layout.camera
        if {
            VIDEO_TOPIC.format(camera=camera.label),
            DETECTIONS_TOPIC.format(camera=camera.label),
        }
        & topics
    ]
    # A recorded finding wins over finding it again: that is what the node went by.
    pictured = [c for c in filmed if DETECTIONS_TOPIC.format(camera=c.label) not in topics]
    # A gate that recorded its own events saw codes that only its store's key can check.
    readers = {
        gate: camera
        for gate, camera in _readers(layout, filmed).items()
        if EVENTS_TOPIC.format(node=_node_of(gate, layout)) not in topics
    }
    code_cameras = set(_readers(layout, filmed).values())
    pictured = [c for c in pictured if c.label not in code_cameras - set(readers.values())]
    roles: list[tuple[NodeId, RoleMaker]] = []
    for node in sorted({camera.node for camera in filmed if camera.label not in code_cameras}):
        calibration = calibrations.get(node) or Calibration(node=node, measured_ns=Ns(0))
        roles.append((node, _camera_maker(layout, calibration, node)))
    for node in sorted({gate.node for gate in layout.gate if gate.id in readers}):
        roles.append((node, _gate_maker(layout, node, store_key, readers)))
    return SeeingRoles(roles, _looks(pictured, frozenset(readers.values()), layout, calibrations))


def _camera_maker(layout: Layout, calibration: Calibration, node: NodeId) -> RoleMaker:
    return lambda boot, _: CameraRole(layout, calibration, node, boot)


def _gate_maker(
    layout: Layout, node: NodeId, store_key: bytes, readers: Mapping[GateId, str]
) -> RoleMaker:
    return lambda _, saved: GateRole(layout, node, [store_key], saved, readers)


def _readers(layout: Layout, filmed: Sequence[Camera]) -> dict[GateId, str]:
    """Which camera reads codes at which gate: one of the gate's node that watches no shelf."""
    return {
        gate.id: camera.label
        for gate in layout.gate
        for camera in filmed
        if camera.node == gate.node and not camera.watches
    }


def _node_of(gate: GateId, layout: Layout) -> NodeId:
    return next(one.node for one in layout.gate if one.id == gate)


def _looks(
    cameras: Sequence[Camera],
    readers: frozenset[str],
    layout: Layout,
    calibrations: Mapping[NodeId, Calibration],
) -> dict[CameraId, tuple[NodeId, Look]]:
    looks: dict[CameraId, tuple[NodeId, Look]] = {}
    settings = PeopleSettings()
    network = arms = None
    for camera in cameras:
        if camera.label in readers:
            looks[camera.label] = (camera.node, _CodeLook(camera.label))
        else:
            network = network or open_people(settings)
            arms = arms or open_arms(settings, network)
            fronts = shelves_seen(layout, calibrations.get(camera.node), camera.label)
            look = _PeopleLook(camera.label, PeopleLook(network, settings, fronts, arms=arms))
            looks[camera.label] = (camera.node, look)
    return looks


class Pictures:
    """Recorded video of one camera as pictures: H.264 or JPEG, frame by frame."""

    def __init__(self) -> None:
        self._decoder = H264Decoder()

    def __call__(self, data: bytes) -> NDArray[np.uint8] | None:
        """The (height, width, 3) BGR picture of a frame; None if it shows none."""
        if data.startswith(ANNEX_B):
            return self._decoder.decode(data)
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return None if shown is None else shown.astype(np.uint8, copy=False)


class _PeopleLook:
    def __init__(self, camera: CameraId, look: PeopleLook) -> None:
        self._camera, self._look, self._pictures = camera, look, Pictures()

    def __call__(self, at_ns: int, data: bytes, code: CodeOnScreen | None) -> Sequence[Input]:  # noqa: ARG002 - one shape for all looks
        picture = self._pictures(data)
        if picture is None:
            return []
        return self._look(Frame(camera=self._camera, captured_ns=at_ns, image_bgr=picture))


class _CodeLook:
    def __init__(self, camera: CameraId) -> None:
        self._camera, self._reader, self._pictures = camera, CodeReader(), Pictures()

    def __call__(self, at_ns: int, data: bytes, code: CodeOnScreen | None) -> Sequence[Input]:
        picture = self._pictures(data)
        if picture is None:
            return []
        if code is not None:
            show_code(picture, code.corners_px, code.text)
        return self._reader(Frame(camera=self._camera, captured_ns=at_ns, image_bgr=picture))
