"""One pass over a recording: the replay runs, and what it was fed is kept for the page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from tebura_contract.calibration import Calibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, NodeId, PlateId, TrackId
from tebura_contract.messages import Position
from tebura_contract.recording import (
    CompressedImage,
    CompressedVideo,
    CountBatch,
    RecordedDetections,
)
from tebura_edge.recorder import Recorded

from tebura_simulator.recordings import calibrations_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay import Replay
from tebura_simulator.view.envelopes import Envelope, grams_of
from tebura_simulator.view.findings import Findings

LOOK_NS = SECOND_NS // 5
GAP_NS = SECOND_NS
"""Frames further apart than this are shown with a gap between them."""

Path = list[tuple[int, Xy]]


@runtime_checkable
class Seer(Protocol):
    """A role that sees people."""

    def positions(self) -> list[Position]: ...


@dataclass
class Film:
    """When a camera's frames came: stretches without a gap, and how many frames."""

    kind: str
    count: int = 0
    stretches: list[tuple[int, int]] = field(default_factory=list)

    def add(self, at_ns: int) -> None:
        self.count += 1
        if self.stretches and at_ns - self.stretches[-1][1] <= GAP_NS:
            self.stretches[-1] = (self.stretches[-1][0], at_ns)
        else:
            self.stretches.append((at_ns, at_ns))


@dataclass
class Watched:
    """A replay that has run, and what the page shows beside its judgement.

    Attributes:
        paths: Where each track's foot was.
        findings: What networks found in frames.
    """

    replay: Replay
    calibrations: dict[NodeId, Calibration]
    end_ns: int
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    films: dict[CameraId, Film] = field(default_factory=dict)
    paths: dict[TrackId, Path] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    _plate_nodes: dict[PlateId, NodeId] = field(default_factory=dict)

    def take(self, recorded: Recorded) -> None:
        """Keep what the page needs of one message."""
        self.end_ns = max(self.end_ns, int(recorded.at_ns))
        match recorded.message:
            case CountBatch() as batch if batch.at_ns:
                self._weigh(batch)
            case CompressedVideo(frame_id=name) | CompressedImage(frame_id=name):
                self._frame(CameraId(name), "frames", int(recorded.at_ns))
            case RecordedDetections() as found:
                self._frame(found.camera, "findings", int(recorded.at_ns))
                self.findings.keep_recorded(found)
            case Position() as position:
                self.stand(position)
            case _:
                pass

    def stand(self, position: Position) -> None:
        path = self.paths.setdefault(position.track, [])
        if not path or int(position.at_ns) > path[-1][0]:
            path.append((int(position.at_ns), position.foot_xy_m))

    def look(self) -> None:
        """Where people stand now, by the roles that see them."""
        for node in self.replay.nodes.values():
            for role in node.roles:
                for position in role.positions() if isinstance(role, Seer) else ():
                    self.stand(position)

    def _weigh(self, batch: CountBatch) -> None:
        calibration = self.calibrations.get(self._plate_nodes[batch.plates[0]])
        if calibration is None:
            return
        if batch.scale not in self.envelopes:
            start_ns = max(int(batch.at_ns[0]), self.replay.start_ns)
            self.envelopes[batch.scale] = Envelope(batch.plates, start_ns)
        at_ns = np.array(batch.at_ns, np.int64)
        self.envelopes[batch.scale].add(at_ns, grams_of(batch, calibration))

    def _frame(self, camera: CameraId, kind: str, at_ns: int) -> None:
        self.films.setdefault(camera, Film(kind)).add(at_ns)


def watch(reel: Reel) -> Iterator[tuple[int, Watched]]:
    """Replay a recording; yields store time and the state, the last one complete.

    Raises:
        RecordingError: If the recording cannot be replayed.
        CalibrationError: If a calibration inside was altered.
    """
    replay = Replay.of(reel)
    watched = Watched(replay, calibrations_of(reel), end_ns=replay.start_ns)
    shelves = replay.layout.shelves()
    watched._plate_nodes = {
        plate: shelves[shelf][1].reports_picks
        for plate, (shelf, _) in replay.layout.plates().items()
    }

    watched.findings.listen(replay)

    def fed() -> Iterator[Recorded]:
        for recorded in reel.messages():
            watched.take(recorded)
            yield recorded

    looked_ns = 0
    for now_ns in replay.run(fed()):
        if now_ns - looked_ns >= LOOK_NS:
            looked_ns = now_ns
            watched.look()
            yield now_ns, watched
    yield watched.end_ns, watched
