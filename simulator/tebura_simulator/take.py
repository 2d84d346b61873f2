"""A recording in memory, ready to be played to real nodes: what each sensor shows when."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.clock import seconds
from tebura_contract.codec import DecodeError, decode
from tebura_contract.envelope import Envelope, identify
from tebura_contract.events import (
    EntryRefused,
    Event,
    FaceAuth,
    PeopleSeen,
    Reach,
    ShopperEntered,
    ShopperLeft,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.ids import CameraId, EventId, NodeId, PlateId
from tebura_contract.layout import Layout
from tebura_contract.messages import Position, Watermark
from tebura_contract.recording import (
    LAYOUT_ATTACHMENT,
    CompressedImage,
    CompressedVideo,
    CountBatch,
    Screen,
)
from tebura_contract.truth import Truth
from tebura_edge.recorder import RecordingError, RecordingReader

from tebura_simulator.recordings import calibrations_of, faults_of, layout_of, truth_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay import member_of
from tebura_simulator.store_files import Scale
from tebura_simulator.story.scenario import FaultScript

LEVEL_SAMPLES = 10
_OF_EYES = (
    ShopperEntered,
    ShopperLeft,
    EntryRefused,
    FaceAuth,
    TrackStarted,
    TrackAtGate,
    TrackEnded,
    PeopleSeen,
    Reach,
    Watermark,
    Position,
)
"""What a node says that has nothing to do with its scales."""


@dataclass(eq=False)
class ScaleTrack:
    """One scale's samples.

    `at_s` is (n,) seconds since the recording's start, `grams` (n, plates), NaN for not read.
    """

    scale: Scale
    node: NodeId
    at_s: NDArray[np.float64]
    grams: NDArray[np.float64]

    def first_g(self) -> NDArray[np.float64]:
        """Level of each plate at the start."""
        return np.nan_to_num(np.nanmedian(self.grams[:LEVEL_SAMPLES], axis=0))

    def level_g(self, row: int) -> NDArray[np.float64]:
        """Level of each plate up to a sample."""
        if row == 0:
            return self.first_g()
        first = max(0, row + 1 - LEVEL_SAMPLES)
        return np.nan_to_num(np.nanmedian(self.grams[first : row + 1], axis=0))


@dataclass
class CameraTrack:
    """One camera's frames in order: seconds since the start, the bytes, a phone in the picture."""

    camera: CameraId
    at_s: list[float] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    screen: list[Screen | None] = field(default_factory=list)

    def period_s(self) -> float:
        """Median time between frames."""
        return float(np.median(np.diff(self.at_s))) if len(self.at_s) > 1 else 0.1


@dataclass(frozen=True)
class Word:
    """What a node without sensors in the recording said, at a moment of it."""

    at_s: float
    said: Event | Watermark | Position
    id: EventId | None = None


@dataclass(frozen=True)
class Take:
    """One recording.

    `words` are of nodes that nothing was recorded of but what they said: their eyes are played by
    somebody else. `faults` break what is not in the data.
    """

    path: Path
    title: str
    layout_toml: bytes
    layout: Layout
    calibrations: dict[NodeId, Calibration]
    truth: Truth | None
    start_ns: int
    duration_s: float
    scales: dict[str, ScaleTrack]
    cameras: dict[CameraId, CameraTrack]
    words: Mapping[NodeId, tuple[Word, ...]] = field(default_factory=dict)
    faults: tuple[FaultScript, ...] = ()

    def accounts(self) -> tuple[str, ...]:
        """Who comes in by name: whose phones are shown, then who was let in by a recorded gate."""
        shown = [
            (at_s, screen.account)
            for track in self.cameras.values()
            for at_s, screen in zip(track.at_s, track.screen, strict=True)
            if screen is not None
        ]
        let_in = {
            word.said.member
            for words in self.words.values()
            for word in words
            if isinstance(word.said, ShopperEntered)
        }
        named = [r.shopper for r in (self.truth.receipts if self.truth else ())]
        come = [name for name in named if member_of(name) in let_in]
        return tuple(dict.fromkeys([*(account for _, account in sorted(shown)), *come]))


def load_take(path: Path) -> Take:
    """Read a recording whole.

    Raises:
        RecordingError: If it cannot be read or lacks its layout.
        CalibrationError: If a calibration inside was altered.
    """
    with RecordingReader(path) as reader:
        return take_of(reader)


def take_of(reader: Reel) -> Take:
    """Everything of a recording; raises as `load_take` does."""
    path, start_ns = reader.path, int(reader.meta().start_ns)
    layout = layout_of(reader)
    calibrations = calibrations_of(reader)
    batches: dict[str, list[CountBatch]] = {}
    cameras: dict[CameraId, CameraTrack] = {}
    screens: dict[CameraId, Screen] = {}
    words: dict[NodeId, list[Word]] = {}
    end_ns = start_ns
    for recorded in reader.messages():
        end_ns = max(end_ns, int(recorded.at_ns))
        at_s = seconds(recorded.at_ns - start_ns)
        match recorded.message:
            case CountBatch() as batch:
                batches.setdefault(batch.scale, []).append(batch)
            case Screen() as screen:
                screens[screen.camera] = screen
            case CompressedVideo(data=data) | CompressedImage(data=data) as frame:
                label = CameraId(frame.frame_id)
                track = cameras.setdefault(label, CameraTrack(label))
                track.at_s.append(at_s)
                track.data.append(data)
                track.screen.append(screens.pop(label, None))
            case Envelope() as envelope:
                with suppress(DecodeError):  # a kind of event from a newer node
                    event: Event = decode(bytes(envelope.data), Event)  # type: ignore[arg-type]
                    _, event_id = identify(envelope)
                    words.setdefault(event_id.node, []).append(Word(at_s, event, event_id))
            case Watermark() | Position() as said:
                node = NodeId(recorded.topic.rsplit("/", 1)[-1])
                words.setdefault(node, []).append(Word(at_s, said))
            case _:
                pass
    scales = {
        scale: _scale_track(path, scale, found, layout, calibrations, start_ns)
        for scale, found in batches.items()
    }
    seeing = {camera.node for camera in layout.camera if camera.label in cameras}
    weighing = {track.node for track in scales.values()}
    # What a node says of its scales a real process says anew; only eyes are played.
    has_eyes = {camera.node for camera in layout.camera} | {gate.node for gate in layout.gate}
    words = {
        node: said
        for node, said in words.items()
        if node not in seeing and (node in has_eyes or node not in weighing)
    }
    layout_toml = reader.attachment(LAYOUT_ATTACHMENT) or b""
    if weighing & words.keys():
        layout = eyes_apart(layout, weighing & words.keys())
        layout_toml = msgspec.toml.encode(layout)
    return Take(
        path=path,
        title=reader.meta().title,
        layout_toml=layout_toml,
        layout=layout,
        calibrations=calibrations,
        truth=truth_of(reader),
        start_ns=start_ns,
        duration_s=seconds(end_ns - start_ns),
        scales=scales,
        cameras=cameras,
        words={
            eyes_of(node) if node in weighing else node: tuple(
                word for word in said if node not in weighing or isinstance(word.said, _OF_EYES)
            )
            for node, said in words.items()
        },
        faults=faults_of(reader),
    )


def eyes_apart(layout: Layout, nodes: Collection[NodeId]) -> Layout:
    """The layout with the cameras and gates of these nodes on a node of their own each.

    A board that weighs and watches cannot be played in part: its scales are sensed by a real
    process, its eyes by somebody who knows what they saw.
    """

    def moved(node: NodeId) -> NodeId:
        return eyes_of(node) if node in nodes else node

    replace = msgspec.structs.replace
    return replace(
        layout,
        camera=tuple(replace(camera, node=moved(camera.node)) for camera in layout.camera),
        gate=tuple(replace(gate, node=moved(gate.node)) for gate in layout.gate),
    )


def eyes_of(node: NodeId) -> NodeId:
    """What the eyes of a node are called when they are played apart from it."""
    return NodeId(f"{node}-eyes")


def _scale_track(
    path: Path,
    label: str,
    batches: list[CountBatch],
    layout: Layout,
    calibrations: dict[NodeId, Calibration],
    start_ns: int,
) -> ScaleTrack:
    plates = batches[0].plates
    node = node_of(path, plates, layout)
    at_ns = np.concatenate([np.array(batch.at_ns, np.int64) for batch in batches])
    counts = np.concatenate([np.array(b.counts, np.float64) for b in batches])
    known = calibrations[node].plates if node in calibrations else {}
    lacking = [plate for plate in plates if plate not in known]
    if lacking:
        raise RecordingError(f"{path}: no calibration of {', '.join(lacking)}")
    tare = np.array([known[plate].tare_counts for plate in plates])
    gain = np.array([known[plate].counts_per_g for plate in plates])
    period_s = float(np.median(np.diff(at_ns))) / 1e9 if len(at_ns) > 1 else 0.1
    return ScaleTrack(
        scale=Scale(label=label, plates=plates, rate_hz=round(1 / max(period_s, 1e-3), 3)),
        node=node,
        at_s=(at_ns - start_ns) / 1e9,
        grams=(counts - tare) / gain,
    )


def node_of(path: Path, plates: tuple[PlateId, ...], layout: Layout) -> NodeId:
    """The node that reports these plates' shelves.

    Raises:
        RecordingError: If the layout lacks one, or several nodes do.
    """
    known, shelves = layout.plates(), layout.shelves()
    lacking = [plate for plate in plates if plate not in known]
    if lacking:
        raise RecordingError(f"{path}: the layout has no plate {', '.join(lacking)}")
    nodes = {shelves[known[plate][0]][1].reports_picks for plate in plates}
    if len(nodes) != 1:
        raise RecordingError(f"{path}: a scale with plates of {len(nodes)} nodes")
    return nodes.pop()
