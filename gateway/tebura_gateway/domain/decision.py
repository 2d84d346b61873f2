"""What became of a step: the outcome of the judgement, with its evidence."""

from enum import StrEnum

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, PlateId, ShelfId, Sku, TrackId, VisitId

from tebura_gateway.domain.what import Guess


class StepKind(StrEnum):
    PICK = "pick"
    RETURN = "return"
    FOREIGN = "foreign"


class Status(StrEnum):
    """How far the judgement of a step has come."""

    CHECKING = "checking"
    DECIDED = "decided"
    REVIEW = "review"


class Reason(StrEnum):
    """Why a step is where it is; empty where evidence alone decided."""

    NONE = ""
    STAFF = "staff"
    WAITING = "waiting"
    BLIND = "blind"
    CLOCK = "clock"
    FLAGGED = "flagged"
    NO_VISIT = "no-visit"
    STRANGER = "stranger"
    WHO = "who"
    WHAT = "what"
    NOT_HELD = "not-held"
    NO_CANDIDATE = "no-candidate"
    FOREIGN = "foreign"
    UNDONE = "undone"
    UNKNOWN_SHELF = "unknown-shelf"
    COUNTER = "counter"
    AGE = "age"  # sure what it was, but only staff may sell it


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that a step may belong to."""

    visit: VisitId
    probability: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one step, with its evidence.

    `quantity` is signed: positive for a pick, negative for a return. While `status` is not
    `DECIDED`, visit, sku and quantity are the best guess. `candidates` explain the step,
    `suspects` are the visits it may belong to; both most probable first.
    """

    id: EventId
    kind: StepKind
    shelf: ShelfId
    plates: tuple[PlateId, ...]
    from_ns: Ns
    to_ns: Ns
    delta_g: float
    sigma_g: float
    status: Status
    visit: VisitId | None
    track: TrackId | None
    sku: Sku | None
    quantity: int
    confidence: float
    candidates: tuple[Guess, ...]
    suspects: tuple[Suspect, ...]
    reason: Reason = Reason.NONE
    detail: str = ""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What staff said a step was; `quantity` signed, 0 for nothing."""

    visit: VisitId | None
    sku: Sku | None
    quantity: int
