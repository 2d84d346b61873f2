"""What a scenario comes to: who walks where and when, which hand goes where, which item moves.

Data only; `planning` works it out, `timeline` asks it what is so at a moment.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from tebura_contract.geometry import Xyz
from tebura_contract.ids import FacingId, GateId, MemberId, PlateId, ShelfId, Sku
from tebura_contract.layout import Gate

from tebura_simulator.story.script import Hand, ShopperScript
from tebura_simulator.story.stocking import Slot
from tebura_simulator.story.walking import Leg


class ActionKind(StrEnum):
    """`LAY` and `RETRIEVE` are of things that are no product; `REFILL` is staff's."""

    TAKE = "take"
    PUT_BACK = "put_back"
    REFILL = "refill"
    LAY = "lay"
    RETRIEVE = "retrieve"

    @property
    def is_removal(self) -> bool:
        return self in (ActionKind.TAKE, ActionKind.RETRIEVE)


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An item leaves or lands on its plates at `t_s`.

    `delta_g` sums the catalogue weights (or is that of the thing laid down), negative when taken;
    `items` names the packages, so that one weighs the same wherever it goes. The hand is inside the
    shelf from `inside_from_s` to `inside_to_s`. `sku` is empty for what is no product. `member` is
    who pays.
    """

    t_s: float
    kind: ActionKind
    shopper: str
    member: MemberId | None
    sku: Sku
    quantity: int
    delta_g: float
    facing: FacingId
    plates: tuple[PlateId, ...]
    hand: Hand
    inside_from_s: float
    inside_to_s: float
    items: tuple[str, ...] = ()
    is_hidden: bool = False


class TouchKind(StrEnum):
    TOUCH = "touch"
    LEAN = "lean"
    KNOCK = "knock"


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """Plates feel somebody although nothing leaves or lands: a hand, an elbow, a knock.

    `plates` are those of the facing for `TOUCH`, of the board for `LEAN`, of the gondola for
    `KNOCK`; `shelf` is where the hand is. `force_kg` is what presses in all, negative lifts.
    """

    from_s: float
    to_s: float
    kind: TouchKind
    shopper: str
    shelf: ShelfId
    facing: FacingId
    plates: tuple[PlateId, ...]
    force_kg: float
    hand: Hand
    is_hidden: bool = False


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A person's time in the shop, and when its phone is held still before the gate's reader.

    `member` is who pays; a guest (`is_guest`) shows a code of that one's.
    """

    shopper: str
    member: MemberId | None
    gate: GateId | None
    enter_s: float
    leave_s: float
    code_from_s: float | None
    code_to_s: float | None
    is_guest: bool = False
    is_staff: bool = False


class GestureKind(StrEnum):
    TAKE = "take"
    PUT_BACK = "put_back"
    STOW = "stow"
    FETCH = "fetch"
    PHONE = "phone"
    LOOK = "look"
    REFILL = "refill"
    LAY = "lay"
    RETRIEVE = "retrieve"
    TOUCH = "touch"
    HAND_OVER = "hand_over"
    RECEIVE = "receive"
    DROP = "drop"
    PICK_UP = "pick_up"


@dataclass(frozen=True)
class Gesture:
    """A hand goes out at `start_s`, stays there from `there_s` to `back_s`, is home at `end_s`.

    `target_m` is where the middle of what the hand holds goes, in the store; None for the bag at
    the shopper's own hip. `via_m` is passed on the way there and back. `LOOK` moves no hand.
    """

    kind: GestureKind
    hand: Hand
    start_s: float
    there_s: float
    back_s: float
    end_s: float
    target_m: Xyz | None = None
    via_m: Xyz | None = None


@dataclass(frozen=True)
class Item:
    """One package, by its product and number.

    `slot` is where it stands when the scenario opens; None for one that `bearer` brings along.
    """

    id: str
    sku: Sku
    slot: Slot | None
    bearer: str | None = None


@dataclass(frozen=True)
class Move:
    """An item changes place: onto a slot, into a hand, onto the floor, or (none) into the bag."""

    t_s: float
    item: Item
    shopper: str
    slot: Slot | None = None
    hand: Hand | None = None
    floor_m: Xyz | None = None


@dataclass
class ShopperPlan:
    """All one shopper does, in order of time; `member` is who pays."""

    script: ShopperScript
    member: MemberId | None = None
    legs: list[Leg] = field(default_factory=list)
    gestures: list[Gesture] = field(default_factory=list)
    code_s: tuple[float, float] | None = None
    gate: Gate | None = None
    leave_s: float = 0.0


@dataclass
class Plan:
    """The timetable of a scenario."""

    shoppers: list[ShopperPlan]
    items: list[Item]
    moves: list[Move]
    actions: list[Action]
    touches: list[Touch] = field(default_factory=list)
