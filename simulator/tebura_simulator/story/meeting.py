"""What people do away from shelves: hand things over, drop them, pick them up from the floor."""

import math

from tebura_contract.geometry import Xy, Xyz

from tebura_simulator.story.grasping import BACK_S, HOLD_S, PAUSE_S, REACH_S, lead_s, middle
from tebura_simulator.story.premises import Premises
from tebura_simulator.story.script import Hand, Step
from tebura_simulator.story.stocking import size_of
from tebura_simulator.story.timetable import GestureKind
from tebura_simulator.story.walker import OTHER, Walker, bearing
from tebura_simulator.story.walking import Stance

HAND_OVER_M = 0.66
"""Between two people, one of whom gives the other something."""
CHEST_M = 1.1
DROP_S = 0.4
STOOP_S = 1.3
DROP_SIDE_M = 0.32
STOOP_AHEAD_M = 0.42
PREPARE_S = 2.0
"""Whoever waits for something gets a hand free and turns round so long before it comes."""
_BODY_CLEAR_M, _ITEM_CLEAR_M = 0.2, 0.08
_TRIES_RAD = tuple(math.radians(sign * a) for a in range(0, 181, 15) for sign in (1, -1))


def hand_over(giver: Walker, step: Step, receiver: Walker) -> None:
    """Go to where the other one stands, who gets a hand free meanwhile, and give it."""
    assert step.sku is not None, "checked when the scenario was read"
    items = giver.in_hand(step.hand, step.sku, step.quantity)
    beside = _beside(receiver.at_m, giver.at_m, HAND_OVER_M, _BODY_CLEAR_M, giver.shop)
    giver.walk(Stance(beside, bearing(beside, receiver.at_m)))
    receiver.now_s = max(receiver.now_s, giver.now_s - PREPARE_S)
    hand = _free_hand(receiver, step.hand)
    receiver.turn_to(giver.at_m)
    giver.now_s = max(giver.now_s, receiver.now_s)
    giver.wait_until(step, lead_s(step))
    receiver.now_s = giver.now_s
    out_s, hold_s, back_s = (x / step.pace for x in (REACH_S, HOLD_S, BACK_S))
    between = middle([(*giver.at_m, CHEST_M), (*receiver.at_m, CHEST_M)])
    for person, kind, own in (
        (giver, GestureKind.HAND_OVER, step.hand),
        (receiver, GestureKind.RECEIVE, hand),
    ):
        via = middle([between, between, (*person.at_m, CHEST_M)])
        t_s = person.gesture(kind, own, out_s, hold_s, back_s, between, via)
        person.now_s += PAUSE_S
    giver.let_go(items, step.hand)
    receiver.grip(items, hand, t_s)
    receiver.free_s = max(receiver.free_s, receiver.now_s)


def drop(walker: Walker, step: Step) -> None:
    """Open the hand at the hip; what falls lies beside the feet."""
    assert step.sku is not None, "checked when the scenario was read"
    items = walker.in_hand(step.hand, step.sku, step.quantity)
    walker.wait_until(step, DROP_S + 0.05)
    t_s = walker.gesture(GestureKind.DROP, step.hand, DROP_S, 0.1, DROP_S, None)
    walker.let_go(items, step.hand)
    assert walker.stance is not None
    side = -math.pi / 2 if step.hand is Hand.RIGHT else math.pi / 2
    yaw = walker.stance.yaw_rad + side
    x, y = walker.at_m
    for number, item in enumerate(items):
        far_m = DROP_SIDE_M + 0.08 * number
        there = _beside(
            (x, y), (x + math.cos(yaw), y + math.sin(yaw)), far_m, _ITEM_CLEAR_M, walker.shop
        )
        half_m = size_of(walker.shop.products[item.sku])[2] / 2
        at_m: Xyz = (*there, half_m)
        walker.shop.drop(item, at_m, walker.script.id, t_s)


def pick_up(walker: Walker, step: Step) -> None:
    """Go to where they lie and stoop for each."""
    assert step.sku is not None, "checked when the scenario was read"
    walker.stow(step.hand)
    for _ in range(step.quantity):
        item, at_m = walker.shop.pick_up(step.sku, walker.at_m, walker.now_s)
        spot = (at_m[0], at_m[1])
        before = _beside(spot, walker.at_m, STOOP_AHEAD_M, _BODY_CLEAR_M, walker.shop)
        walker.walk(Stance(before, bearing(before, spot)))
        out_s, back_s = STOOP_S / step.pace, STOOP_S / step.pace
        walker.wait_until(step, out_s + 0.2)
        above: Xyz = (*spot, at_m[2] + 0.25)
        t_s = walker.gesture(GestureKind.PICK_UP, step.hand, out_s, 0.4, back_s, at_m, above)
        walker.grip([item], step.hand, t_s)
    walker.now_s += PAUSE_S


def _free_hand(walker: Walker, preferred: Hand) -> Hand:
    """A hand that holds nothing; what both hold goes into the bag from the preferred one."""
    for hand in (preferred, OTHER[preferred]):
        if not walker.held[hand]:
            return hand
    walker.stow(preferred)
    return preferred


def _beside(point: Xy, towards: Xy, far_m: float, clear_m: float, shop: Premises) -> Xy:
    """A point so far from another, on the side of a third, clear of gondolas and walls.

    Where nothing around is clear, the first choice stands.
    """
    ahead = bearing(point, towards)
    tries = [
        (point[0] + far_m * math.cos(ahead + a), point[1] + far_m * math.sin(ahead + a))
        for a in _TRIES_RAD
    ]
    return next((there for there in tries if shop.is_clear(there, clear_m)), tries[0])
