"""What a role of a node is, and what it is fed.

A node's main loop merges everything that its sensors and the gateway say in order of store time and
feeds it to its roles. A role never reads a clock, opens a device or knows MQTT: the same inputs
give the same events live and in a replay.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tebura_contract.events import Event, Modality, SensorKind, SensorState
from tebura_contract.faces import FaceState, FaceTemplate
from tebura_contract.ids import GateId, MemberId, ShelfId
from tebura_contract.messages import Command

from tebura_edge.detections import Detections
from tebura_edge.face_seen import FaceSeen

__all__ = [
    "CodeRead",
    "CounterTapped",
    "Counts",
    "Detections",
    "FaceCame",
    "FaceSeen",
    "FactorSeen",
    "HandSeen",
    "Input",
    "Role",
    "ScreenShone",
    "SensorStatus",
    "began_ns",
]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Raw counts of one scale: a row a sample, a column a plate, in the scale's own plate order.

    Attributes:
        scale: Label of the scale in the node's configuration.
        at_ns: Store time of each row, (n,) int64. It may step back where a clock was corrected.
        counts: (n, plates) float64 in converter counts; NaN where no value was read.

    Raises:
        ValueError: If shapes or types do not fit together, or a count is infinite.
    """

    scale: str
    at_ns: NDArray[np.int64]
    counts: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.at_ns.ndim != 1 or self.at_ns.dtype != np.int64:
            raise ValueError(f"scale {self.scale}: at_ns must be (n,) int64")
        if self.counts.dtype != np.float64 or self.counts.shape[:-1] != self.at_ns.shape:
            raise ValueError(f"scale {self.scale}: counts must be ({len(self.at_ns)}, plates)")
        if np.isinf(self.counts).any():
            raise ValueError(f"scale {self.scale}: a count is infinite; say NaN for not read")


@dataclass(frozen=True, slots=True)
class CodeRead:
    """A code that a reader (a camera or a serial reader, by label) saw: text, never a picture."""

    reader: str
    text: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class FaceCame:
    """What the gateway answered about the face of who claims to be `member`. Never recorded."""

    gate: GateId
    member: MemberId
    state: FaceState
    template: FaceTemplate | None
    at_ns: int


@dataclass(frozen=True, slots=True)
class FactorSeen:
    """A second factor (a palm reader, the phone's presence) says who stands at a gate.

    `false_match_rate` is how often it would say so of somebody else, among all it chose from.
    """

    gate: GateId
    modality: Modality
    member: MemberId
    false_match_rate: float
    at_ns: int


@dataclass(frozen=True, slots=True)
class HandSeen:
    """Whether a hand beside the nearest face has its thumb up. Never recorded."""

    camera: str
    is_thumb_up: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class CounterTapped:
    """A finger pressed the button on a counter's screen."""

    counter: ShelfId
    at_ns: int


@dataclass(frozen=True, slots=True)
class ScreenShone:
    """A gate's page says when (store time) it began to go through its colours."""

    gate: GateId
    began_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class SensorStatus:
    """A sensor's thread says that its sensor went blind or sees again, and why."""

    sensor: str
    kind: SensorKind
    state: SensorState
    reason: str
    at_ns: int


Input = (
    Counts
    | Detections
    | CodeRead
    | FaceCame
    | FaceSeen
    | FactorSeen
    | HandSeen
    | CounterTapped
    | ScreenShone
    | SensorStatus
    | Command
)
"""Everything a role can be fed. A command has no time of its own: it counts when it arrives."""


class Role(Protocol):
    """A deciding part of a node: pure, fed in time order, time passed in."""

    def step(self, item: Input) -> list[Event]:
        """Take one input; inputs of other roles are ignored. Returns what it shows to be true."""
        ...

    def tick(self, now_ns: int) -> list[Event]:
        """Store time passes without input: what times out is returned."""
        ...

    def watermark_ns(self) -> int | None:
        """Every event that began up to here has been returned; None before the first input."""
        ...

    def save(self) -> bytes:
        """State that must survive a restart; ``b""`` if there is none."""
        ...


def began_ns(item: Input) -> int | None:
    """Store time at which an input belongs in the merged order; None for a command."""
    match item:
        case Counts():
            return int(item.at_ns[0]) if len(item.at_ns) else None
        case Detections():
            return item.captured_ns
        case (
            CodeRead()
            | FaceCame()
            | FaceSeen()
            | FactorSeen()
            | HandSeen()
            | CounterTapped()
            | ScreenShone()
            | SensorStatus()
        ):
            return item.at_ns
        case _:
            return None
