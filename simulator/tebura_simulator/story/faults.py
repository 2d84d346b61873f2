"""What breaks in a scenario: checked against the layout, and with every time and place settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tebura_simulator.story.scenario import FaultKind


class Place(StrEnum):
    """What `on` of a fault names."""

    PLATE = "plate"
    SHELF = "shelf"
    NODE = "node"
    CAMERA = "camera"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Need:
    """Where a fault is, and what `size` means: its default and its unit."""

    place: Place
    size: float | None = None
    unit: str = ""


NEEDS: Mapping[FaultKind, Need] = {
    FaultKind.GLITCHES: Need(Place.SHELF, 0.001, "share of samples, up to full scale"),
    FaultKind.CELL_STUCK: Need(Place.PLATE),
    FaultKind.CELL_DYING: Need(Place.PLATE, 200.0, "g of noise at the end"),
    FaultKind.DRIFT: Need(Place.PLATE, 10.0, "g an hour"),
    FaultKind.WARMING: Need(Place.SHELF, 15.0, "kelvin an hour"),
    FaultKind.SCALE_SILENT: Need(Place.SHELF),
    FaultKind.SAMPLES_DROPPED: Need(Place.SHELF, 0.2, "share"),
    FaultKind.SAMPLES_LATE: Need(Place.SHELF, 1.0, "seconds"),
    FaultKind.SAMPLES_REPEATED: Need(Place.SHELF, 0.2, "share"),
    FaultKind.SCALE_CLOCK_STEP: Need(Place.SHELF, -2.0, "seconds"),
    FaultKind.CAMERA_BLIND: Need(Place.CAMERA),
    FaultKind.NETWORK_CUT: Need(Place.NODE),
    FaultKind.MESSAGES_REPEATED: Need(Place.NODE, 3.0, "times each"),
    FaultKind.NODE_CLOCK_STEP: Need(Place.NODE, 0.5, "seconds"),
    FaultKind.NODE_OFF: Need(Place.NODE),
    FaultKind.BROKER_KILLED: Need(Place.NOTHING),
    FaultKind.GATEWAY_KILLED: Need(Place.NOTHING),
}
