"""Scripts for the simulated store: who comes in when, and what each shopper does there.

A scenario is a TOML file beside a layout. It says what happens, not how: where to stand, how the
hand travels and when the item leaves its plate follow from the layout (see `timeline`). These are
the tables of the file; `scenario` reads and checks it.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from tebura_contract.geometry import Xy
from tebura_contract.ids import NAME_PATTERN, FacingId, MemberId, Sku

from tebura_simulator.story.attire import Bag, Bottom, HairStyle, Hat, Over, Top

_COLOUR = r"^#[0-9a-f]{6}$"
Colour = Annotated[str, msgspec.Meta(pattern=_COLOUR)]


class Script(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A table of the scenario file."""


class Hand(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class Deed(StrEnum):
    """What a person can be told to do.

    `refill` brings new stock (staff). `touch` handles what stands there and leaves it; `lean` rests
    on a board, `knock` shakes the whole gondola. `lay` puts down something of one's own, `retrieve`
    takes it away again.
    """

    TAKE = "take"
    PUT_BACK = "put_back"
    REFILL = "refill"
    LOOK = "look"
    WAIT = "wait"
    WALK = "walk"
    HAND_OVER = "hand_over"
    DROP = "drop"
    PICK_UP = "pick_up"
    LAY = "lay"
    RETRIEVE = "retrieve"
    TOUCH = "touch"
    LEAN = "lean"
    KNOCK = "knock"


class OtherHand(Script, frozen=True, kw_only=True):
    """What the other hand takes or puts back in the same reach, `lag_s` later (or earlier)."""

    sku: Sku
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    facing: FacingId | None = None
    lag_s: Annotated[float, msgspec.Meta(ge=-3.0, le=3.0)] = 0.0


class Step(Script, frozen=True, kw_only=True):
    """One thing a person does.

    Attributes:
        sku: The product; `take`, `put_back`, `refill`, `hand_over`, `drop` and `pick_up` need one.
        facing: Where (full name, ``gondola/shelf/facing``) when it is not the product's own place,
            so that an item can be put back wrongly; `lay`, `touch`, `lean` and `knock` need it or a
            `sku`.
        at_s: Store second at which it happens: the item leaves or lands, the press begins. Whoever
            is early waits for it; whoever cannot be there yet does it as soon as possible. `wait`,
            `walk` and `look` begin then.
        pace: Scales the speed of the reach: 2 is twice as fast.
        duration_s: How long `look`, `wait`, `touch`, `lean` last.
        other_hand: With `take` and `put_back`: what the other hand does meanwhile.
        to: Who gets what is handed over.
        to_m: Where `walk` goes, store metres.
        force_kg: Of `touch`, `lean` and `knock`; negative lifts.
        own_g: Weight of what is laid down (`lay`).
        is_hidden: No camera sees this hand: a bag or another body is before it.
    """

    action: Deed
    sku: Sku | None = None
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    hand: Hand = Hand.RIGHT
    facing: FacingId | None = None
    at_s: Annotated[float, msgspec.Meta(ge=0.0)] | None = None
    pace: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] = 1.0
    duration_s: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] = 1.5
    other_hand: OtherHand | None = None
    to: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] | None = None
    to_m: Xy | None = None
    force_kg: Annotated[float, msgspec.Meta(ge=-12.0, le=20.0)] = 0.05
    own_g: Annotated[float, msgspec.Meta(gt=0.0, le=20_000.0)] = 190.0
    is_hidden: bool = False


class BodyScript(Script, frozen=True, kw_only=True):
    """What a shopper looks like: a baked shape, colours as ``#rrggbb``, words of `attire`.

    What is not said is drawn from the wardrobe of whoever draws the scene.
    """

    shape: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] | None = None
    shirt: Colour | None = None
    long_sleeves: bool | None = None
    trousers: Colour | None = None
    shoes: Colour | None = None
    hair: Colour | None = None
    skin: Colour | None = None
    hair_style: HairStyle | None = None
    hat: Hat | None = None
    glasses: bool | None = None
    top: Top | None = None
    over: Over | None = None
    bottom: Bottom | None = None
    bag: Bag | None = None


class Part(StrEnum):
    """Whom a script plays. Staff show no code; what they put on a shelf is new stock."""

    SHOPPER = "shopper"
    STAFF = "staff"


class ShopperScript(Script, frozen=True, kw_only=True):
    """A person: the account it enters with, when it comes to the door, what it does inside.

    `guest_of` names the shopper who pays for this one: it shows another code of that one's ("+1").
    A shopper without `member` who is nobody's guest shows none: it walks past the reader.
    `height_m` None is the shape's own; small people are seen less by cameras that look across.
    """

    id: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    part: Part = Part.SHOPPER
    member: MemberId | None = None
    guest_of: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] | None = None
    enter_s: Annotated[float, msgspec.Meta(ge=0.0)]
    walk_mps: Annotated[float, msgspec.Meta(ge=0.3, le=2.5)] = 1.0
    height_m: Annotated[float, msgspec.Meta(ge=0.6, le=2.2)] | None = None
    body: BodyScript = BodyScript()
    do: tuple[Step, ...] = ()


class PlateKind(StrEnum):
    """Which real plates the simulated ones are fitted to.

    `hx711`: a hobby converter, 10 samples a second; `store60`: a store's, 60 Hz in batches of 12.
    """

    HX711 = "hx711"
    STORE60 = "store60"


class PlatesScript(Script, frozen=True, kw_only=True):
    """The plates of the store. `harshness` scales every disturbance: 1 is as measured."""

    kind: PlateKind = PlateKind.HX711
    harshness: Annotated[float, msgspec.Meta(ge=0.0, le=5.0)] = 1.0


class View(StrEnum):
    """How the evidence of who took it is told.

    `joined`: as one node that follows everybody over the whole floor. `cameras`: each camera of the
    layout by itself, from its own place.
    """

    JOINED = "joined"
    CAMERAS = "cameras"


Rate = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0)]


class SightScript(Script, frozen=True, kw_only=True):
    """How wrong the evidence of who took it is, where no pixels are drawn.

    Attributes:
        missed: Share of reaches nobody reports.
        swapped: Share of reaches told of another person near by.
        doubled: Share of reaches told twice, the second time of another track of the same hand or
            into the shelf above or below.
        invented: Reaches told a minute and person that never were.
        late: Share of reaches told late, by up to `late_s`.
        time_sd_s: Of the start and the end of a reach.
        along_sd_m: Of where along the shelf's front the hand went in.
        foot_sd_m: Of a foot on the floor, three metres from the camera and in plain sight.
        foot_far: Share by which that grows with each metre farther off.
        foot_hidden: Share by which it grows where somebody else stands in the way: then hips and
            shoulders tell, at the height they usually have.
        standing: Whether cameras tell each second where people stand. Recordings from before they
            did hold none, and scenarios that say nothing stay as they were recorded.
        breaks: How often a minute a track breaks and another goes on.
        exchanged: How often a minute two people who stand within a metre exchange tracks.
        hand_known: Share of reaches that tell what the hand held; `hand_wrong` of those lie.
        near_m: How near another person must be to be taken for the one who reached.
    """

    view: View = View.JOINED
    missed: Rate = 0.03
    swapped: Rate = 0.02
    doubled: Rate = 0.02
    invented: Seconds = 0.1
    late: Rate = 0.02
    late_s: Seconds = 3.0
    time_sd_s: Seconds = 0.12
    along_sd_m: Seconds = 0.06
    foot_sd_m: Seconds = 0.08
    foot_far: Seconds = 0.0
    foot_hidden: Seconds = 0.0
    standing: bool = False
    breaks: Seconds = 0.3
    exchanged: Seconds = 0.2
    hand_known: Rate = 0.5
    hand_wrong: Rate = 0.08
    near_m: Seconds = 1.2


NO_ERRORS = SightScript(
    missed=0.0,
    swapped=0.0,
    doubled=0.0,
    invented=0.0,
    late=0.0,
    time_sd_s=0.0,
    along_sd_m=0.0,
    foot_sd_m=0.0,
    breaks=0.0,
    exchanged=0.0,
    hand_known=1.0,
    hand_wrong=0.0,
)
"""Evidence without errors: who took it is given."""


class FaultKind(StrEnum):
    """What can break. What each needs and what `size` means is in `faults.NEEDS`."""

    GLITCHES = "glitches"
    CELL_STUCK = "cell-stuck"
    CELL_DYING = "cell-dying"
    DRIFT = "drift"
    WARMING = "warming"
    SCALE_SILENT = "scale-silent"
    SAMPLES_DROPPED = "samples-dropped"
    SAMPLES_LATE = "samples-late"
    SAMPLES_REPEATED = "samples-repeated"
    SCALE_CLOCK_STEP = "scale-clock-step"
    CAMERA_BLIND = "camera-blind"
    NETWORK_CUT = "network-cut"
    MESSAGES_REPEATED = "messages-repeated"
    NODE_CLOCK_STEP = "node-clock-step"
    NODE_OFF = "node-off"
    BROKER_KILLED = "broker-killed"
    GATEWAY_KILLED = "gateway-killed"


class FaultScript(Script, frozen=True, kw_only=True):
    """Something breaks at `at_s` for `for_s`; where a time or a place is not given, the seed says.

    `on` names the node, camera, shelf (whose scale it is) or plate.
    """

    kind: FaultKind
    at_s: Seconds | None = None
    for_s: Seconds = 0.0
    on: str | None = None
    size: float | None = None


class Mirror(Script, frozen=True, kw_only=True):
    """A pane that reflects: shoppers within `reach_m` of the floor line are seen behind it too."""

    from_m: Xy
    to_m: Xy
    reach_m: Annotated[float, msgspec.Meta(gt=0.0)] = 2.0


class Scenario(Script, frozen=True, kw_only=True):
    """The whole file.

    `door_m` is the floor point shoppers come from and go to, best out of every camera's sight;
    by default the point of the floor's outline nearest to the gate. `stock` says how many stand in
    a facing where it is not full.
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    title: str = ""
    seed: int = 0
    duration_s: Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)]
    shopper: tuple[ShopperScript, ...]
    door_m: Xy | None = None
    stock: dict[FacingId, Annotated[int, msgspec.Meta(ge=0)]] = {}
    plates: PlatesScript = PlatesScript()
    sight: SightScript = SightScript()
    fault: tuple[FaultScript, ...] = ()
    mirror: tuple[Mirror, ...] = ()

    def payer_of(self, shopper: ShopperScript) -> MemberId | None:
        """Whose account pays for what someone takes: its own, or that of the one who brought it."""
        if shopper.guest_of is None:
            return shopper.member
        host = next((other for other in self.shopper if other.id == shopper.guest_of), None)
        return host.member if host else None
