"""From a scenario to a timetable: ways to walk, gestures to make, items that change place.

The planner always continues the shopper who is furthest behind in time, so that two shoppers at one
facing find it as the other left it.
"""

import math

import numpy as np
from tebura_contract.geometry import Xy, Xyz
from tebura_contract.layout import Layout

from tebura_simulator.story.premises import Premises, center_of
from tebura_simulator.story.script import Deed, Hand, Scenario, ShopperScript, Step
from tebura_simulator.story.stocking import Slot, StockedFacing, facings_of, frame_of
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
)
from tebura_simulator.story.walking import Leg, Stance, turn_between

__all__ = ["Action", "ActionKind", "Passage", "Plan", "plan"]

STAND_OFF_M = 0.4
"""Between the middle of the body and the front of the shelf: an arm's length less a lean."""
HAND_SIDE_M = 0.16
"""The item is this far to the side of the hand that reaches."""
PHONE_AHEAD_M = 0.29
"""Between the reader's lens and the phone held to it."""
GATE_AHEAD_M = 0.67
REACH_S, BACK_S, HOLD_S = 1.0, 0.9, 0.4
STOW_S = 1.3
PHONE_RISE_S, PHONE_SHOWN_S = 0.9, 2.2
PAUSE_S = 0.5


def plan(scenario: Scenario, layout: Layout) -> Plan:
    """Work out where and when everything of a scenario happens.

    Raises:
        ValueError: If the shelves or a shopper's hands do not hold what a step needs, or the last
            shopper is not out again when the scenario ends.
    """
    shop = Premises(scenario, layout)
    walkers = [_Walker(script, shop) for script in scenario.shopper]
    while any(not walker.done for walker in walkers):
        min((w for w in walkers if not w.done), key=lambda w: w.now_s).advance()
    for walker in walkers:
        if walker.now_s > scenario.duration_s:
            raise ValueError(
                f"scenario {scenario.name!r}: shopper {walker.plan.script.id!r} leaves at "
                f"{walker.now_s:.1f} s, after the end ({scenario.duration_s} s)"
            )
    return Plan(
        shoppers=[walker.plan for walker in walkers],
        items=shop.items,
        moves=sorted(shop.moves, key=lambda move: move.t_s),
        actions=sorted(shop.actions, key=lambda action: action.t_s),
    )


class _Walker:
    """Plans one shopper, one step at a time."""

    def __init__(self, script: ShopperScript, shop: Premises) -> None:
        self.plan = ShopperPlan(script)
        self.shop = shop
        self.now_s = script.enter_s
        self.done = False
        self._next = 0
        self._stance: Stance | None = None
        self._held: dict[Hand, list[Item]] = {Hand.LEFT: [], Hand.RIGHT: []}
        self._bag: list[Item] = []

    def advance(self) -> None:
        steps = self.plan.script.do
        if self._stance is None:
            self._enter()
        elif self._next < len(steps):
            self._do(steps[self._next])
            self._next += 1
        else:
            self._walk(Stance(self.shop.door_m, self._heading(self.shop.door_m)))
            self.done = True

    def _enter(self) -> None:
        door, gate = self.shop.door_m, self.shop.gate
        if gate is None or not gate.zone_m:
            self._stance = Stance(door, 0.0)
            return
        reader = self.shop.reader
        if reader is None or self.plan.script.member is None:
            self._stance = Stance(door, _bearing(door, center_of(gate.zone_m)))
            self._walk(Stance(center_of(gate.zone_m), self._stance.yaw_rad))
            return
        frame = frame_of(reader.store_from_camera)
        ahead = np.asarray(frame.axis(2))
        level = ahead[:2] / np.linalg.norm(ahead[:2])
        before = frame.origin_m[:2] + GATE_AHEAD_M * level
        stop = Stance((float(before[0]), float(before[1])), math.atan2(-level[1], -level[0]))
        self._stance = Stance(door, _bearing(door, stop.xy_m))
        self._walk(stop)
        self.plan.gate = gate
        self._show_phone(frame.point((0.0, 0.0, PHONE_AHEAD_M)))

    def _show_phone(self, phone_m: Xyz) -> None:
        there = self.now_s + PHONE_RISE_S
        self.plan.code_s = (there, there + PHONE_SHOWN_S)
        self._gesture(GestureKind.PHONE, Hand.RIGHT, PHONE_RISE_S, PHONE_SHOWN_S, 0.8, phone_m)

    def _do(self, step: Step) -> None:
        match step.action:
            case Deed.WAIT:
                self.now_s += step.duration_s
            case Deed.LOOK:
                facing = self._facing(step)
                self._walk_up(facing, facing.front_m, None)
                self._gesture(
                    GestureKind.LOOK, step.hand, 0.4, step.duration_s, 0.4, facing.front_m
                )
            case Deed.TAKE:
                self._take(step)
            case Deed.PUT_BACK:
                self._put_back(step)
            case _:
                raise ValueError(f"scenario {self.shop.name!r}: {step.action} is not planned yet")

    def _take(self, step: Step) -> None:
        assert step.sku is not None
        facing = self._facing(step)
        self._stow(step.hand)
        taken = self.shop.take(facing, step.sku, step.quantity, self.now_s)
        items = list(taken.values())
        t_s = self._reach(step, facing, list(taken), GestureKind.TAKE, items)
        self._held[step.hand] = items
        self._move(items, t_s, hand=step.hand)

    def _put_back(self, step: Step) -> None:
        assert step.sku is not None
        facing = self._facing(step)
        items = self._in_hand(step)
        slots = self.shop.free(facing, step.quantity)
        t_s = self._reach(step, facing, slots, GestureKind.PUT_BACK, items)
        self._held[step.hand] = [i for i in self._held[step.hand] if i not in items]
        self.shop.put(slots, items, t_s)
        for slot, item in zip(slots, items, strict=True):
            self.shop.moves.append(Move(t_s, item, self.plan.script.id, slot=slot))

    def _in_hand(self, step: Step) -> list[Item]:
        """The items to put back, fetched from the bag where they are not in that hand."""
        held = [item for item in self._held[step.hand] if item.sku == step.sku]
        if len(held) >= step.quantity:
            return held[: step.quantity]
        self._stow(step.hand)
        other = Hand.LEFT if step.hand is Hand.RIGHT else Hand.RIGHT
        if any(item.sku == step.sku for item in self._held[other]):
            self._stow(other)
        wanted = [item for item in self._bag if item.sku == step.sku][: step.quantity]
        if len(wanted) < step.quantity:
            raise ValueError(
                f"scenario {self.shop.name!r}: {self.plan.script.id!r} has no "
                f"{step.quantity} {step.sku!r} to put back"
            )
        t_s = self._gesture(GestureKind.FETCH, step.hand, STOW_S / 2, 0.1, STOW_S / 2, None)
        self._bag = [item for item in self._bag if item not in wanted]
        self._held[step.hand] = wanted
        self._move(wanted, t_s, hand=step.hand)
        return wanted

    def _stow(self, hand: Hand) -> None:
        if not self._held[hand]:
            return
        t_s = self._gesture(GestureKind.STOW, hand, STOW_S / 2, 0.1, STOW_S / 2, None)
        self._move(self._held[hand], t_s)
        self._bag += self._held[hand]
        self._held[hand] = []

    def _reach(
        self,
        step: Step,
        facing: StockedFacing,
        slots: list[Slot],
        kind: GestureKind,
        items: list[Item],
    ) -> float:
        """Walk up, reach in and come back; the moment the items leave or land."""
        target, via = _mean([slot.center_m for slot in slots]), _mean([s.via_m for s in slots])
        self._walk_up(facing, target, step.hand)
        out_s, back_s = REACH_S / step.pace, BACK_S / step.pace
        t_s = self._gesture(kind, step.hand, out_s, HOLD_S / step.pace, back_s, target, via)
        weight = sum(self.shop.layout.products()[item.sku].weight_g for item in items)
        self.shop.actions.append(
            Action(
                t_s=round(t_s, 4),
                kind=ActionKind.TAKE if kind is GestureKind.TAKE else ActionKind.PUT_BACK,
                shopper=self.plan.script.id,
                member=self.plan.script.member,
                sku=items[0].sku,
                quantity=len(items),
                delta_g=-weight if kind is GestureKind.TAKE else weight,
                facing=facing.id,
                plates=facing.plates,
                hand=step.hand,
                inside_from_s=round(t_s - HOLD_S / step.pace / 2 - 0.35 * out_s, 4),
                inside_to_s=round(t_s + HOLD_S / step.pace / 2 + 0.35 * back_s, 4),
            )
        )
        self.now_s += PAUSE_S
        return t_s

    def _gesture(
        self,
        kind: GestureKind,
        hand: Hand,
        out_s: float,
        hold_s: float,
        back_s: float,
        target_m: Xyz | None,
        via_m: Xyz | None = None,
    ) -> float:
        """Append a gesture; the middle of its stay at the target."""
        start, there = self.now_s, self.now_s + out_s
        end = there + hold_s + back_s
        self.plan.gestures.append(
            Gesture(kind, hand, start, there, there + hold_s, end, target_m, via_m)
        )
        self.now_s = end
        return there + hold_s / 2

    def _move(self, items: list[Item], t_s: float, hand: Hand | None = None) -> None:
        for item in items:
            self.shop.moves.append(Move(t_s, item, self.plan.script.id, hand=hand))

    def _facing(self, step: Step) -> StockedFacing:
        return self.shop.facings[facings_of(step.sku, step.facing, self.shop.layout)[0]]

    def _walk_up(self, facing: StockedFacing, target_m: Xyz, hand: Hand | None) -> None:
        inward, right = np.asarray(facing.inward[:2]), np.asarray(facing.rightward[:2])
        side = {None: 0.0, Hand.RIGHT: -HAND_SIDE_M, Hand.LEFT: HAND_SIDE_M}[hand]
        front = np.asarray(facing.front_m[:2])
        along = float((np.asarray(target_m[:2]) - front) @ right)
        x, y = front + (along + side) * right - STAND_OFF_M * inward
        self._walk(Stance((float(x), float(y)), math.atan2(inward[1], inward[0])))

    def _walk(self, goal: Stance) -> None:
        """Turn until the goal is about ahead, then go there; a short way is side-stepped."""
        assert self._stance is not None
        distance = math.dist(self._stance.xy_m, goal.xy_m)
        if distance > 0.7:
            ahead = _bearing(self._stance.xy_m, goal.xy_m)
            if abs(turn_between(self._stance.yaw_rad, ahead)) > math.radians(50):
                self._leg(Stance(self._stance.xy_m, ahead))
        elif distance < 0.08 and abs(turn_between(self._stance.yaw_rad, goal.yaw_rad)) < 0.2:
            return
        self._leg(goal)

    def _leg(self, goal: Stance) -> None:
        assert self._stance is not None
        leg = Leg(self.now_s, self._stance, goal, self.plan.script.walk_mps)
        self.plan.legs.append(leg)
        self.now_s, self._stance = leg.end_s, goal

    def _heading(self, goal_m: Xy) -> float:
        assert self._stance is not None
        return _bearing(self._stance.xy_m, goal_m)


def _mean(points: list[Xyz]) -> Xyz:
    x, y, z = np.mean(np.asarray(points), axis=0)
    return (float(x), float(y), float(z))


def _bearing(origin: Xy, goal: Xy) -> float:
    return math.atan2(goal[1] - origin[1], goal[0] - origin[0])
