"""The scripted world as a function of time: for any moment, every shopper's body and every item.

Pixels and plates are made from the same `Timeline`, so what the cameras show and what the plates
feel is one story. Nothing here draws or weighs. Times are seconds since the scenario's start, and
places metres in the store's frame.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tebura_contract.geometry import Xy, Xyz
from tebura_contract.ids import FacingId, Sku
from tebura_contract.layout import Layout

from tebura_simulator.story.planning import plan
from tebura_simulator.story.script import Hand, Part, Scenario, ShopperScript
from tebura_simulator.story.timetable import (
    Action,
    ActionKind,
    Gesture,
    GestureKind,
    Item,
    Move,
    Passage,
    Plan,
    ShopperPlan,
    Touch,
)
from tebura_simulator.story.walking import Foot, Leg, feet_of, smooth

__all__ = [
    "Action",
    "ActionKind",
    "GestureKind",
    "Hand",
    "ItemPlace",
    "Passage",
    "Reach",
    "ShopperState",
    "Timeline",
    "Touch",
]


@dataclass(frozen=True)
class Reach:
    """A hand on its way: `progress` 0 at the body, 1 at the target.

    What the hand holds goes to `target_m` by way of `via_m`; a target of None is the bag at the
    shopper's hip. `LOOK` moves the head only.
    """

    kind: GestureKind
    hand: Hand
    progress: float
    target_m: Xyz | None
    via_m: Xyz | None


@dataclass(frozen=True)
class ShopperState:
    """A shopper at a moment: on the floor, between two feet, with a hand perhaps under way.

    `held` lists what each hand holds; `phone` is how far the phone is held out to the gate's
    reader, 0 to 1. `other_reach` is what the other hand does meanwhile. `rest_s` says since when
    and for how long still there is nothing to do.
    """

    script: ShopperScript
    xy_m: Xy
    yaw_rad: float
    speed_mps: float
    left_foot: Foot
    right_foot: Foot
    reach: Reach | None
    held: dict[Hand, tuple[str, ...]]
    phone: float
    other_reach: Reach | None = None
    rest_s: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class ItemPlace:
    """Where an item is: standing in a `facing`, lying on the floor, or with somebody.

    It stands or lies (`facing` None) at `center_m`; else `shopper` has it in a hand, or (`hand`
    None) in the bag. What staff will bring is in the bag of who brings it from the start.
    """

    id: str
    sku: Sku
    center_m: Xyz | None
    shopper: str | None
    hand: Hand | None
    facing: FacingId | None = None


class Timeline:
    """All that happens in a scenario.

    `actions` are the moments an item leaves or lands on its plates, `touches` the times in which
    somebody presses on them; `passages` say who was in the shop when and when its code was shown.

    Raises:
        ValueError: If the scenario asks for what its shelves or hands cannot give.
    """

    def __init__(self, scenario: Scenario, layout: Layout) -> None:
        self.scenario = scenario
        self._plan: Plan = plan(scenario, layout)
        self.duration_s = scenario.duration_s
        self.actions: tuple[Action, ...] = tuple(self._plan.actions)
        self.touches: tuple[Touch, ...] = tuple(self._plan.touches)
        self.passages: tuple[Passage, ...] = tuple(_passage(p) for p in self._plan.shoppers)
        self._moves: dict[str, list[Move]] = {item.id: [] for item in self._plan.items}
        carried: dict[str, set[str]] = {p.script.id: set() for p in self._plan.shoppers}
        for move in self._plan.moves:
            self._moves[move.item.id].append(move)
            if move.hand is not None:
                carried[move.shopper].add(move.item.id)
        self._carried = {
            shopper: tuple(item for item in self._plan.items if item.id in ids)
            for shopper, ids in carried.items()
        }

    def ways(self) -> tuple[tuple[Leg, ...], ...]:
        """The way of each person of `passages`, leg by leg."""
        return tuple(tuple(person.legs) for person in self._plan.shoppers)

    def shoppers(self, t_s: float) -> tuple[ShopperState, ...]:
        """Everyone in the shop at `t_s`, in the scenario's order."""
        return tuple(
            self._state(person, t_s)
            for person, passage in zip(self._plan.shoppers, self.passages, strict=True)
            if passage.enter_s <= t_s < passage.leave_s
        )

    def items(self, t_s: float) -> tuple[ItemPlace, ...]:
        """Where every item is at `t_s`; always the same items in the same order."""
        return tuple(self._place(item, t_s) for item in self._plan.items)

    def standing(self, t_s: float) -> dict[FacingId, tuple[Sku, ...]]:
        """What stands in each facing at `t_s`."""
        found: dict[FacingId, tuple[Sku, ...]] = {}
        for item in self._plan.items:
            move = self._last_move(item, t_s)
            slot = item.slot if move is None else move.slot
            if slot is not None:
                found[slot.facing] = (*found.get(slot.facing, ()), item.sku)
        return found

    def _place(self, item: Item, t_s: float) -> ItemPlace:
        move = self._last_move(item, t_s)
        slot = item.slot if move is None else move.slot
        if slot is not None:
            return ItemPlace(item.id, item.sku, slot.center_m, None, None, slot.facing)
        if move is None:
            return ItemPlace(item.id, item.sku, None, item.bearer, None)
        if move.floor_m is not None:
            return ItemPlace(item.id, item.sku, move.floor_m, None, None)
        return ItemPlace(item.id, item.sku, None, move.shopper, move.hand)

    def _last_move(self, item: Item, t_s: float) -> Move | None:
        moves = self._moves[item.id]
        count = bisect_right(moves, t_s, key=lambda move: move.t_s)
        return moves[count - 1] if count else None

    def _state(self, person: ShopperPlan, t_s: float) -> ShopperState:
        leg = _leg_at(person.legs, t_s)
        stance = leg.stance(t_s)
        left, right = leg.feet(t_s) if t_s < leg.end_s else feet_of(leg.goal, leg.stride.side_m)
        reaches = [_reach(g, t_s) for g in person.gestures if g.start_s <= t_s < g.end_s]
        reach = reaches[0] if reaches else None
        is_phone = reach is not None and reach.kind is GestureKind.PHONE
        return ShopperState(
            script=person.script,
            xy_m=stance.xy_m,
            yaw_rad=stance.yaw_rad,
            speed_mps=_speed(leg, t_s),
            left_foot=left,
            right_foot=right,
            reach=reach,
            other_reach=reaches[1] if len(reaches) > 1 else None,
            held=self._held(person.script.id, t_s),
            phone=reach.progress if reach and is_phone else 0.0,
            rest_s=_rest(person, t_s),
        )

    def _held(self, shopper: str, t_s: float) -> dict[Hand, tuple[str, ...]]:
        held: dict[Hand, tuple[str, ...]] = dict.fromkeys(Hand, ())
        for item in self._carried[shopper]:
            move = self._last_move(item, t_s)
            if move is not None and move.shopper == shopper and move.hand is not None:
                held[move.hand] = (*held[move.hand], item.id)
        return held


def _leg_at(legs: Sequence[Leg], t_s: float) -> Leg:
    """The leg under way, else the last one done."""
    index = bisect_right(legs, t_s, key=lambda leg: leg.start_s)
    return legs[max(0, index - 1)]


def _speed(leg: Leg, t_s: float) -> float:
    half_s = 0.02
    return leg.length_m * (leg.fraction(t_s + half_s) - leg.fraction(t_s - half_s)) / (2 * half_s)


def _reach(gesture: Gesture, t_s: float) -> Reach:
    if t_s < gesture.there_s:
        progress = smooth((t_s - gesture.start_s) / (gesture.there_s - gesture.start_s))
    elif t_s <= gesture.back_s:
        progress = 1.0
    else:
        progress = 1.0 - smooth((t_s - gesture.back_s) / (gesture.end_s - gesture.back_s))
    return Reach(gesture.kind, gesture.hand, progress, gesture.target_m, gesture.via_m)


def _rest(person: ShopperPlan, t_s: float) -> tuple[float, float]:
    """How long a person has had nothing to do, and has still; zeros while it does something."""
    doing = [(leg.start_s, leg.end_s) for leg in person.legs]
    doing += [(gesture.start_s, gesture.end_s) for gesture in person.gestures]
    if any(start <= t_s < end for start, end in doing):
        return (0.0, 0.0)
    since = max((end for _, end in doing if end <= t_s), default=person.script.enter_s)
    until = min((start for start, _ in doing if start > t_s), default=person.leave_s)
    return (max(0.0, t_s - since), max(0.0, until - t_s))


def _passage(person: ShopperPlan) -> Passage:
    shown = person.code_s
    return Passage(
        shopper=person.script.id,
        member=person.member,
        gate=person.gate.id if person.gate else None,
        enter_s=person.script.enter_s,
        leave_s=round(person.leave_s, 4),
        code_from_s=round(shown[0], 4) if shown else None,
        code_to_s=round(shown[1], 4) if shown else None,
        is_guest=person.script.guest_of is not None,
        is_staff=person.script.part is Part.STAFF,
    )
