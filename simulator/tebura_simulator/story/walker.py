"""A person being planned: where it stands, what its hands hold, until when all is settled."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from tebura_contract.geometry import Xy, Xyz
from tebura_contract.ids import Sku

from tebura_simulator.story.premises import Premises, center_of
from tebura_simulator.story.script import Hand, Scenario, ShopperScript, Step
from tebura_simulator.story.stocking import StockedFacing, frame_of
from tebura_simulator.story.timetable import Gesture, GestureKind, Item, Move, ShopperPlan
from tebura_simulator.story.walking import Leg, Stance, Stride, turn_between

STAND_OFF_M = 0.4
"""Between the middle of the body and the front of the shelf: an arm's length less a lean."""
HAND_SIDE_M = 0.16
"""The item is this far to the side of the hand that reaches."""
PHONE_AHEAD_M = 0.29
"""Between the reader's lens and the phone held to it."""
GATE_AHEAD_M = 0.67
STOW_S = 1.3
PHONE_RISE_S, PHONE_SHOWN_S = 0.9, 2.2
OTHER = {Hand.LEFT: Hand.RIGHT, Hand.RIGHT: Hand.LEFT}
_PER_LEG_S = 4.8
"""No part of a way takes longer than its length at walking speed and this, turns included."""


class Walker:
    """Plans what one body does; `deeds` says what that is.

    People do not step aside for each other: two may stand as close as the scenario has them.

    Attributes:
        now_s: Until when all is planned. It stands still from then on, so that another one may come
            and hand something over before `free_s`.
        free_s: When it goes on with what it has to do.
    """

    def __init__(self, script: ShopperScript, scenario: Scenario, shop: Premises) -> None:
        self.script = script
        self.shop = shop
        self.plan = ShopperPlan(script, scenario.payer_of(script))
        self.now_s = script.enter_s
        self.free_s = script.enter_s
        self.stance: Stance | None = None
        self.held: dict[Hand, list[Item]] = {Hand.LEFT: [], Hand.RIGHT: []}
        self.bag: list[Item] = []
        is_old = (script.body.shape or "").startswith("old")
        self._stride = Stride.of(script.walk_mps, script.height_m, is_old=is_old)

    @property
    def at_m(self) -> Xy:
        assert self.stance is not None, "asked before it came in"
        return self.stance.xy_m

    # Coming and going

    def enter(self) -> None:
        door, gate = self.shop.door_m, self.shop.gate
        if gate is None or not gate.zone_m:
            self.stance = Stance(door, 0.0)
            return
        reader = self.shop.reader
        has_code = self.plan.member is not None
        if has_code:
            self.plan.gate = gate
        if reader is None or not has_code:
            self.stance = Stance(door, bearing(door, center_of(gate.zone_m)))
            self.walk(Stance(center_of(gate.zone_m), self.stance.yaw_rad))
            return
        frame = frame_of(reader.store_from_camera)
        ahead = np.asarray(frame.axis(2))
        level = ahead[:2] / np.linalg.norm(ahead[:2])
        before = frame.origin_m[:2] + GATE_AHEAD_M * level
        stop = Stance((float(before[0]), float(before[1])), math.atan2(-level[1], -level[0]))
        self.stance = Stance(door, bearing(door, stop.xy_m))
        self.walk(stop)
        there = self.now_s + PHONE_RISE_S
        self.plan.code_s = (there, there + PHONE_SHOWN_S)
        phone_m = frame.point((0.0, 0.0, PHONE_AHEAD_M))
        self.gesture(GestureKind.PHONE, Hand.RIGHT, PHONE_RISE_S, PHONE_SHOWN_S, 0.8, phone_m)

    def leave(self) -> None:
        self.walk(Stance(self.shop.door_m, bearing(self.at_m, self.shop.door_m)))
        if not self.plan.legs:
            assert self.stance is not None
            self._leg(self.stance)
        self.plan.leave_s = self.now_s

    # On the floor

    def walk(self, goal: Stance) -> None:
        """Go there, around what stands in the way."""
        way = self.shop.aisles.way(self.at_m, goal.xy_m)
        for here, after in pairwise(way):
            self._straight(Stance(here, bearing(here, after)))
        self._straight(goal)

    def walk_up(self, facing: StockedFacing, target_m: Xyz, hand: Hand | None) -> None:
        """Stand before a shelf so that the hand gets at its target."""
        self.walk(standing_before(facing, target_m, hand))

    def turn_to(self, point_m: Xy) -> None:
        assert self.stance is not None
        ahead = bearing(self.at_m, point_m)
        if abs(turn_between(self.stance.yaw_rad, ahead)) > math.radians(40):
            self._leg(Stance(self.at_m, ahead))

    def travel_s(self, goal_m: Xy) -> float:
        """At most how long it takes to get there."""
        points = (self.at_m, *self.shop.aisles.way(self.at_m, goal_m))
        return sum(math.dist(a, b) / self.script.walk_mps + _PER_LEG_S for a, b in pairwise(points))

    def _straight(self, goal: Stance) -> None:
        """Turn until the goal is about ahead, then go there; a short way is side-stepped."""
        assert self.stance is not None
        distance = math.dist(self.stance.xy_m, goal.xy_m)
        if distance > 0.7:
            ahead = bearing(self.stance.xy_m, goal.xy_m)
            if abs(turn_between(self.stance.yaw_rad, ahead)) > math.radians(50):
                self._leg(Stance(self.stance.xy_m, ahead))
        elif distance < 0.08 and abs(turn_between(self.stance.yaw_rad, goal.yaw_rad)) < 0.2:
            return
        self._leg(goal)

    def _leg(self, goal: Stance) -> None:
        assert self.stance is not None
        leg = Leg(self.now_s, self.stance, goal, self.script.walk_mps, self._stride)
        self.plan.legs.append(leg)
        self.now_s, self.stance = leg.end_s, goal

    # With the hands

    def wait_until(self, step: Step, lead_s: float) -> None:
        """Stand until it is time for a step that happens `lead_s` after it begins."""
        if step.at_s is not None:
            self.now_s = max(self.now_s, step.at_s - lead_s)

    def gesture(
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

    def grip(self, items: Sequence[Item], hand: Hand, t_s: float) -> None:
        """Items come into a hand."""
        self.held[hand] = [*self.held[hand], *items]
        for item in items:
            self.shop.moves.append(Move(t_s, item, self.script.id, hand=hand))

    def let_go(self, items: Sequence[Item], hand: Hand) -> None:
        """A hand holds them no longer; where they are now is told elsewhere."""
        self.held[hand] = [item for item in self.held[hand] if item not in items]

    def count(self, sku: Sku) -> int:
        """How many of a product it has with it."""
        everything = [*self.bag, *self.held[Hand.LEFT], *self.held[Hand.RIGHT]]
        return sum(item.sku == sku for item in everything)

    def in_hand(self, hand: Hand, sku: Sku, quantity: int) -> list[Item]:
        """So many of a product in that hand, fetched from the bag where they are not there."""
        held = [item for item in self.held[hand] if item.sku == sku]
        if len(held) >= quantity:
            return held[:quantity]
        self.stow(hand)
        if any(item.sku == sku for item in self.held[OTHER[hand]]):
            self.stow(OTHER[hand])
        wanted = [item for item in self.bag if item.sku == sku][:quantity]
        if len(wanted) < quantity:
            raise ValueError(f"{self.script.id!r} has no {quantity} {sku!r}")
        self.bag = [item for item in self.bag if item not in wanted]
        self.fetch(hand, wanted)
        return wanted

    def fetch(self, hand: Hand, items: Sequence[Item]) -> None:
        """Get items out of the bag (they are no longer booked there)."""
        t_s = self.gesture(GestureKind.FETCH, hand, STOW_S / 2, 0.1, STOW_S / 2, None)
        self.grip(items, hand, t_s)

    def stow(self, hand: Hand) -> None:
        """Put what a hand holds into the bag."""
        if not self.held[hand]:
            return
        t_s = self.gesture(GestureKind.STOW, hand, STOW_S / 2, 0.1, STOW_S / 2, None)
        for item in self.held[hand]:
            self.shop.moves.append(Move(t_s, item, self.script.id))
        self.bag += self.held[hand]
        self.held[hand] = []


def standing_before(facing: StockedFacing, target_m: Xyz, hand: Hand | None) -> Stance:
    """Where one stands to reach a target of a facing with a hand (None: to look at it)."""
    inward, right = np.asarray(facing.inward[:2]), np.asarray(facing.rightward[:2])
    side = {None: 0.0, Hand.RIGHT: -HAND_SIDE_M, Hand.LEFT: HAND_SIDE_M}[hand]
    front = np.asarray(facing.front_m[:2])
    along = float((np.asarray(target_m[:2]) - front) @ right)
    x, y = front + (along + side) * right - STAND_OFF_M * inward
    return Stance((float(x), float(y)), math.atan2(inward[1], inward[0]))


def bearing(origin: Xy, goal: Xy) -> float:
    return math.atan2(goal[1] - origin[1], goal[0] - origin[0])
