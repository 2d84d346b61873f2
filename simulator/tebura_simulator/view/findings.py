"""What cameras found in their frames, kept while a replay runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tebura_contract.ids import CameraId
from tebura_contract.recording import RecordedDetections
from tebura_edge.detections import Detections, from_recorded
from tebura_edge.role import Input

from tebura_simulator.replay import Replay
from tebura_simulator.replay_looks import CodeOnScreen, Look


@dataclass
class Findings:
    """By camera, and by the time of the frame, what a network found in it."""

    of: dict[CameraId, dict[int, Detections]] = field(default_factory=dict)

    def keep(self, found: Detections) -> None:
        self.of.setdefault(found.camera, {})[found.captured_ns] = found

    def keep_recorded(self, recorded: RecordedDetections) -> None:
        self.keep(from_recorded(recorded))

    def listen(self, replay: Replay) -> None:
        """Hear what the replay's own networks find."""
        replay.looks = {
            camera: (node, _Heard(look, self)) for camera, (node, look) in replay.looks.items()
        }


@dataclass(frozen=True)
class _Heard:
    look: Look
    findings: Findings

    def __call__(self, at_ns: int, data: bytes, code: CodeOnScreen | None) -> Sequence[Input]:
        items = self.look(at_ns, data, code)
        for item in items:
            if isinstance(item, Detections):
                self.findings.keep(item)
        return items
