"""What a scenario comes to: who walks where and when, which hand goes where, which item moves.

Data only; `planning` works it out, `timeline` asks it what is so at a moment.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from tebura_contract.geometry import Xyz
from tebura_contract.ids import FacingId, GateId, MemberId, PlateId, Sku
from tebura_contract.layout import Gate

from tebura_simulator.scenario import Hand, ShopperScript
from tebura_simulator.stocking import Slot
from tebura_simulator.walking import Leg


class ActionKind(StrEnum):
    TAKE = "take"
    PUT_BACK = "put_back"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An item leaves or lands on its plates at `t_s`.

    `delta_g` sums the catalogue weights, negative when taken. The hand is inside the shelf from
    `inside_from_s` to `inside_to_s`.
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


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper's time in the shop, and when its phone is held still before the gate's reader."""

    shopper: str
    member: MemberId | None
    gate: GateId | None
    enter_s: float
    leave_s: float
    code_from_s: float | None
    code_to_s: float | None


class GestureKind(StrEnum):
    TAKE = "take"
    PUT_BACK = "put_back"
    STOW = "stow"
    FETCH = "fetch"
    PHONE = "phone"
    LOOK = "look"


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
    facing_m: Xyz | None = None


@dataclass(frozen=True)
class Item:
    """One package, by its product and number; `slot` is where it stands when the scenario opens."""

    id: str
    sku: Sku
    slot: Slot


@dataclass(frozen=True)
class Move:
    """An item changes place: onto a slot, into a hand, or (neither) into the shopper's bag."""

    t_s: float
    item: Item
    shopper: str
    slot: Slot | None = None
    hand: Hand | None = None


@dataclass
class ShopperPlan:
    """All one shopper does, in order of time."""

    script: ShopperScript
    legs: list[Leg] = field(default_factory=list)
    gestures: list[Gesture] = field(default_factory=list)
    code_s: tuple[float, float] | None = None
    gate: Gate | None = None


@dataclass
class Plan:
    """The timetable of a scenario."""

    shoppers: list[ShopperPlan]
    items: list[Item]
    moves: list[Move]
    actions: list[Action]
