"""What a node of a simulated store finds, and what it says of it."""

from dataclasses import dataclass

from tebura_contract.envelope import Envelope
from tebura_contract.events import Event
from tebura_contract.messages import Position, Watermark


@dataclass(frozen=True)
class Found:
    """An event and the second of the scenario at which its node says it.

    `entry` names an entry so that a later one of the same node can join its visit (`joins`).
    """

    said_s: float
    event: Event
    entry: str = ""
    joins: str = ""


@dataclass(frozen=True)
class Told:
    """A message of a recording: its topic, and the store time at which it arrived."""

    at_ns: int
    topic: str
    message: Envelope | Watermark | Position
