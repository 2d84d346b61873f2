"""What travels beside events: acknowledgements, watermarks, health, positions, commands."""

from enum import StrEnum

import msgspec

from tebura_contract.clock import Ns
from tebura_contract.events import HandContent, RefusalReason, SensorState
from tebura_contract.geometry import Xy
from tebura_contract.ids import (
    EventId,
    FacingId,
    GateId,
    MemberId,
    PlateId,
    ShelfId,
    Sku,
    TrackId,
    VisitId,
)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is not an event: repeatable, replaceable, never a fact about money."""


class Ack(Message, frozen=True, kw_only=True):
    """The gateway's database holds these events of a node's boot; the node may forget them."""

    boot: int
    seqs: tuple[int, ...]


class Watermark(Message, frozen=True, kw_only=True):
    """The node has reported every event that began up to store time `at_ns`.

    Those are the events up to and including `seq` of `boot` (-1 before the first). The gateway
    believes it once it holds them all. A step or reach that is still going on holds the
    watermark back to its beginning.
    """

    boot: int
    seq: int
    at_ns: Ns
    uncertainty_ns: Ns


class Part(Message, frozen=True, kw_only=True):
    """State of one part of a node: a camera, a scale, the model, the disk."""

    name: str
    state: SensorState
    reason: str = ""


class NodeState(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class Health(Message, frozen=True, kw_only=True):
    """Retained; the broker publishes the last will (offline) when the node is gone."""

    state: NodeState
    boot: int
    version: str = ""
    at_ns: Ns = msgspec.field(default_factory=Ns)
    waiting: int = 0
    clock_uncertainty_ns: Ns = msgspec.field(default_factory=Ns)
    inference: str = ""
    parts: tuple[Part, ...] = ()


class Position(Message, frozen=True, kw_only=True):
    """Where a track's foot is, a few times a second; nobody keeps it."""

    track: TrackId
    at_ns: Ns
    foot_xy_m: Xy
    hand: HandContent = HandContent.UNKNOWN


class ClockQuestion(Message, frozen=True, kw_only=True):
    """A node asks for the gateway's time; `sent_ns` is its own monotonic clock."""

    boot: int
    sent_ns: Ns


class _Command(Message, frozen=True, kw_only=True, tag_field="kind"):
    """What the gateway tells a node."""


class ClockAnswer(_Command, frozen=True, kw_only=True, tag="clock-answer"):
    """The question's time comes back with the gateway's store time at receipt and at sending."""

    boot: int
    sent_ns: Ns
    received_store_ns: Ns
    answered_store_ns: Ns


class StepDecided(_Command, frozen=True, kw_only=True, tag="step-decided"):
    """What a step turned out to be, so that the plate node's planogram and weights learn.

    `quantity` counts articles; the sign of the step's own `delta_g` says which way they went. A
    node forgets a step once it is acknowledged, so its plates and weight come back with it.
    """

    event: EventId
    sku: Sku
    quantity: int
    plates: tuple[PlateId, ...] = ()
    delta_g: float = 0.0


class FacingCounted(_Command, frozen=True, kw_only=True, tag="facing-counted"):
    """Staff counted a facing."""

    facing: FacingId
    count: int


class VisitOpened(_Command, frozen=True, kw_only=True, tag="visit-opened"):
    """To gates: this member is in the store, in this visit."""

    gate: GateId
    member: MemberId
    visit: VisitId


class MemberRevoked(_Command, frozen=True, kw_only=True, tag="member-revoked"):
    """To gates: this member's codes do not open the way in, and what to say instead."""

    member: MemberId
    reason: RefusalReason = RefusalReason.UNPAID


class MemberAdmitted(_Command, frozen=True, kw_only=True, tag="member-admitted"):
    """To gates: what kept this member's codes from opening is settled."""

    member: MemberId


class CounterState(StrEnum):
    """How far paying at a counter is."""

    EMPTY = "empty"
    CHECKING = "checking"
    TO_PAY = "to-pay"
    PAYING = "paying"
    PAID = "paid"
    STAFF = "staff"


class CounterLine(Message, frozen=True, kw_only=True):
    """One article of a list, and what all of it costs."""

    sku: Sku
    quantity: int
    amount_minor: int


class CounterListed(_Command, frozen=True, kw_only=True, tag="counter-listed"):
    """To the node of a counter: whose list it shows now, and how far paying it is.

    A visit without a `member` is a walk-up's, who pays at the exit screen.
    """

    counter: ShelfId
    state: CounterState
    visit: VisitId | None = None
    member: MemberId | None = None
    lines: tuple[CounterLine, ...] = ()
    total_minor: int = 0

    def items(self) -> dict[Sku, int]:
        """Pieces by article."""
        return {line.sku: line.quantity for line in self.lines}


Command = (
    ClockAnswer
    | StepDecided
    | FacingCounted
    | VisitOpened
    | MemberRevoked
    | MemberAdmitted
    | CounterListed
)
