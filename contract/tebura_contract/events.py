"""Facts that nodes report. Each is immutable, durable at its node until the gateway has it.

Times are store time. What was taken (`ItemPicked`) and whose hand it was (`Reach`) are two facts;
the gateway joins them.
"""

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter

import msgspec

from tebura_contract.clock import Ns
from tebura_contract.geometry import Xy
from tebura_contract.ids import (
    CameraId,
    FacingId,
    GateId,
    MemberId,
    PlateId,
    ShelfId,
    Sku,
    TrackId,
    VisitId,
)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation of a step.

    Log-likelihood (of weight and place given it) and log-prior are kept apart, so that the
    gateway can add its own evidence without counting any twice.
    """

    sku: Sku
    quantity: int
    log_likelihood: float
    log_prior: float


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Common ground of the union; `kind` tells which one it is."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What plates showed, for people to look at: grams of each, one value every `every_ns`."""

    from_ns: Ns
    every_ns: int
    grams: dict[PlateId, tuple[float, ...]]


class _PlateStep(_Event, frozen=True, kw_only=True):
    """A settled change of weight on one shelf, from its start to when the plates were still again.

    `delta_g` is signed: negative when something left. `blind` says that the node could not see
    well while it happened (a sick cell, a restart in between) and why. `log_other` is the joint log
    of likelihood and prior, by the measure of the candidates, of all that is none of them: no
    product, or several at once; None where the node does not tell.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    delta_g: float
    sigma_g: float
    from_ns: Ns
    to_ns: Ns
    blind: str = ""
    log_other: float | None = None
    trace: Trace | None = None


class ItemPicked(_PlateStep, frozen=True, kw_only=True, tag="item-picked"):
    """Something left a shelf; candidates best first."""

    candidates: tuple[Candidate, ...]
    facing: FacingId | None = None


class ItemReturned(_PlateStep, frozen=True, kw_only=True, tag="item-returned"):
    """Something was put on a shelf by a shopper; candidates best first."""

    candidates: tuple[Candidate, ...]
    facing: FacingId | None = None


class ForeignObject(_PlateStep, frozen=True, kw_only=True, tag="foreign-object"):
    """A change of weight that no product explains: a phone laid down, a bag taken away again.

    `candidates` are what it may have been all the same, best first; `log_other` then outweighs
    them. `is_passing`: one of two that come to nothing, told one right after the other and of the
    same time. Something came and went again, or the other way round, before the plates rested, or
    went from one plate to the next: a hand, mostly; but two people may have put one thing back and
    taken another.
    """

    candidates: tuple[Candidate, ...] = ()
    is_passing: bool = False


class HandContent(StrEnum):
    EMPTY = "empty"
    HOLDING = "holding"
    UNKNOWN = "unknown"


class Reach(_Event, frozen=True, kw_only=True, tag="reach"):
    """A tracked person's wrist went through the front of a shelf and came out again.

    `x_m` is how far along the shelf's front it went in, metres from the left.
    """

    track: TrackId
    camera: CameraId
    shelf: ShelfId
    x_m: float
    from_ns: Ns
    to_ns: Ns
    hand_before: HandContent = HandContent.UNKNOWN
    hand_after: HandContent = HandContent.UNKNOWN
    confidence: float


class TrackStarted(_Event, frozen=True, kw_only=True, tag="track-started"):
    """A person was seen for the first time; foot position on the floor in store metres."""

    track: TrackId
    camera: CameraId
    at_ns: Ns
    foot_xy_m: Xy


class TrackAtGate(_Event, frozen=True, kw_only=True, tag="track-at-gate"):
    """A track's foot stepped into a gate's zone, or out of it again."""

    track: TrackId
    gate: GateId
    at_ns: Ns
    is_inside: bool


class TrackEnded(_Event, frozen=True, kw_only=True, tag="track-ended"):
    """A person was seen for the last time at `at_ns`; `gate` if that was in a gate's zone."""

    track: TrackId
    at_ns: Ns
    foot_xy_m: Xy
    gate: GateId | None = None


class HandSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How likely somebody had a hand in a shelf, when, and how far along the front from its left.

    Told far below what makes a `Reach`: of two who stand before a plate that lost weight, the one
    whose arm may have been there is likelier to have taken from it.
    """

    shelf: ShelfId
    at_ns: Ns
    x_m: float
    probability: float


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """How much likelier clothes make it that a track of this camera is the same person as another.

    Below 1 less likely. `track` is one that the camera lost before the other came into its sight.
    """

    track: TrackId
    ratio: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a track's foot stood on the floor, store metres; `sd_m` is its deviation each way.

    `before_xy_m` is where it stood half a second before, if it was seen then. `hands` are the
    shelves in which it may have had a hand in the second until then, each as likely as it was at
    the likeliest moment. `alike` is told in a track's first seconds.
    """

    track: TrackId
    foot_xy_m: Xy
    sd_m: float
    before_xy_m: Xy | None = None
    hands: tuple[HandSeen, ...] = ()
    alike: tuple[Alike, ...] = ()


class PeopleSeen(_Event, frozen=True, kw_only=True, tag="people-seen"):
    """Everybody one camera saw at a full second of store time.

    Cameras look at the same moments, so that the gateway can tell which of their tracks are one
    person, and whether two people of one camera changed places or only names. `exchanged` are pairs
    of these tracks of which the camera saw in the last three seconds, by what they wear, that it
    had taken one for the other; they keep their names, and a pair is told once.
    """

    camera: CameraId
    at_ns: Ns
    people: tuple[Seen, ...]
    exchanged: tuple[tuple[TrackId, TrackId], ...] = ()


class Modality(StrEnum):
    """What somebody is known by at a gate."""

    CODE = "code"
    FACE = "face"
    PALM = "palm"
    PHONE = "phone"


class ShopperEntered(_Event, frozen=True, kw_only=True, tag="shopper-entered"):
    """A gate let a member in. The event's id names the visit.

    `by` is what they were known by. `code_step` is the time step of the code, which opens once;
    None for who came in hands free. `joins` is the visit of the same member that this person joins
    as a guest ("+1"), paid by one.
    """

    gate: GateId
    member: MemberId
    code_step: int | None
    at_ns: Ns
    joins: VisitId | None = None
    by: tuple[Modality, ...] = (Modality.CODE,)


class ShopperLeft(_Event, frozen=True, kw_only=True, tag="shopper-left"):
    """A gate saw a member leave by showing a code, or a barrier counted one out."""

    gate: GateId
    member: MemberId | None
    at_ns: Ns


class RefusalReason(StrEnum):
    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    UNPAID = "unpaid"  # a good code of somebody who owes for a visit
    NO_MEANS = "no-means"  # a good code of somebody who has not said what they pay with
    FACE = "face"
    LOCKED = "locked"


class EntryRefused(_Event, frozen=True, kw_only=True, tag="entry-refused"):
    """Somebody was not let in; it says why, never what the code was or whose.

    `FACE`: the code was good, the face did not confirm it. `LOCKED`: too often, so staff decide.
    """

    gate: GateId
    reason: RefusalReason
    at_ns: Ns


class FaceVerdict(StrEnum):
    MATCH = "match"
    NO_MATCH = "no-match"
    UNSURE = "unsure"


class FaceAuth(_Event, frozen=True, kw_only=True, tag="face-auth"):
    """How a face at the gate compares with the member the code claims; never a template.

    `distance` is None where no face was seen.
    """

    gate: GateId
    member: MemberId
    verdict: FaceVerdict
    distance: float | None
    threshold_id: str
    is_live: bool
    at_ns: Ns


class CounterWord(StrEnum):
    """How somebody at a counter said that they pay."""

    THUMB = "thumb"
    TAP = "tap"


class CounterConfirmed(_Event, frozen=True, kw_only=True, tag="counter-confirmed"):
    """A member said at a counter that they pay for the list it showed; their face was confirmed.

    `items` and `total_minor` are that list: where it has changed since, nothing was said.
    `threshold_id` names what the face was compared by.
    """

    counter: ShelfId
    visit: VisitId
    member: MemberId
    items: dict[Sku, int]
    total_minor: int
    word: CounterWord
    threshold_id: str
    at_ns: Ns


class SensorKind(StrEnum):
    CAMERA = "camera"
    SCALE = "scale"
    PLATE = "plate"
    CLOCK = "clock"
    CODE_READER = "code-reader"


class SensorState(StrEnum):
    OK = "ok"
    BLIND = "blind"


class SensorChanged(_Event, frozen=True, kw_only=True, tag="sensor-changed"):
    """A sensor went blind or sees again, with the reason; from `since_ns` on for these shelves."""

    sensor: str
    sensor_kind: SensorKind
    state: SensorState
    reason: str
    shelves: tuple[ShelfId, ...]
    since_ns: Ns


class NodeStarted(_Event, frozen=True, kw_only=True, tag="node-started"):
    """A node began a boot; between `last_alive_ns` of the boot before and now it saw nothing."""

    version: str
    at_ns: Ns
    last_alive_ns: Ns | None
    shelves: tuple[ShelfId, ...]


Event = (
    ItemPicked
    | ItemReturned
    | ForeignObject
    | Reach
    | TrackStarted
    | TrackAtGate
    | TrackEnded
    | PeopleSeen
    | ShopperEntered
    | ShopperLeft
    | EntryRefused
    | FaceAuth
    | CounterConfirmed
    | SensorChanged
    | NodeStarted
)

EVENT_TYPES: tuple[type[Event], ...] = (
    ItemPicked,
    ItemReturned,
    ForeignObject,
    Reach,
    TrackStarted,
    TrackAtGate,
    TrackEnded,
    PeopleSeen,
    ShopperEntered,
    ShopperLeft,
    EntryRefused,
    FaceAuth,
    CounterConfirmed,
    SensorChanged,
    NodeStarted,
)


def kind_of(event: Event) -> str:
    """The event's name on the wire.

    >>> kind_of(EntryRefused(gate=GateId("g"), reason=RefusalReason.FORGED, at_ns=Ns(0)))
    'entry-refused'
    """
    tag = type(event).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


_BEGINNINGS = ("from_ns", "since_ns", "at_ns")
_beginning_of: dict[type[Event], Callable[[Event], Ns]] = {
    kind: attrgetter(next(name for name in _BEGINNINGS if name in kind.__struct_fields__))
    for kind in EVENT_TYPES
}


def began_ns(event: Event) -> Ns:
    """When it began, in store time: a watermark past this instant says that it was reported."""
    return _beginning_of[type(event)](event)
