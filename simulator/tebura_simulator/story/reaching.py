"""What people do at shelves: take, put back, refill, lay things down, touch, lean, knock, look."""

from collections.abc import Sequence

import numpy as np
from tebura_contract.geometry import Xyz
from tebura_contract.ids import PlateId, shelf_id

from tebura_simulator.story.grasping import (
    BACK_S,
    PAUSE_S,
    REACH_S,
    Grasp,
    asked_of,
    grasp_of,
    middle,
    reach,
    settled_on,
)
from tebura_simulator.story.premises import Premises
from tebura_simulator.story.script import Deed, Hand, Step
from tebura_simulator.story.stocking import Slot, StockedFacing, facings_of
from tebura_simulator.story.timetable import ActionKind, GestureKind, Item, Touch, TouchKind
from tebura_simulator.story.walker import Walker

KNOCK_S = 0.3
"""How long a knock presses; that plates ring on is their own affair."""
LOOK_UP_S = 0.4
_LAID_DEPTH_M = 0.15
_TOUCHES = {
    Deed.TOUCH: (TouchKind.TOUCH, 0.12),
    Deed.LEAN: (TouchKind.LEAN, 0.02),
    Deed.KNOCK: (TouchKind.KNOCK, -0.02),
}
"""The kind, and how deep behind the shelf's edge the hand is."""


def take(walker: Walker, step: Step) -> None:
    for hand, _, _ in asked_of(step):
        walker.stow(hand)
    grasps, emptied = [], []
    for wanted in settled_on(walker, step):
        taken = walker.shop.take(wanted.facing, wanted.sku, wanted.quantity, walker.now_s)
        slots, items = list(taken), list(taken.values())
        grasps.append(grasp_of(wanted, ActionKind.TAKE, slots, items, walker.shop))
        emptied.append(slots)
    for grasp, slots, t_s in zip(grasps, emptied, reach(walker, step, grasps), strict=True):
        walker.shop.emptied(slots, t_s)
        walker.grip(grasp.items, grasp.hand, t_s)


def put_back(walker: Walker, step: Step) -> None:
    _put(walker, step, ActionKind.PUT_BACK, _in_hands(walker, step))


def refill(walker: Walker, step: Step) -> None:
    """Put new packages on the shelf, out of the bag or box they were brought in."""
    assert step.sku is not None, "checked when the scenario was read"
    walker.stow(step.hand)
    items = walker.shop.brought(step.sku, step.quantity, walker.script.id)
    walker.fetch(step.hand, items)
    _put(walker, step, ActionKind.REFILL, [items])


def _put(walker: Walker, step: Step, kind: ActionKind, in_hands: Sequence[list[Item]]) -> None:
    shop = walker.shop
    grasps, filled = [], []
    taken: set[Slot] = set()
    for wanted, items in zip(settled_on(walker, step), in_hands, strict=True):
        count = wanted.quantity + sum(slot.facing == wanted.facing.id for slot in taken)
        free = shop.free(wanted.facing, count, walker.now_s)
        slots = [slot for slot in free if slot not in taken][: wanted.quantity]
        taken.update(slots)
        grasps.append(grasp_of(wanted, kind, slots, items, shop))
        filled.append(slots)
    for grasp, slots, t_s in zip(grasps, filled, reach(walker, step, grasps), strict=True):
        walker.let_go(grasp.items, grasp.hand)
        shop.put(slots, grasp.items, walker.script.id, t_s)


def _in_hands(walker: Walker, step: Step) -> list[list[Item]]:
    """What is to be put back, each in its hand."""
    asked = asked_of(step)
    if len(asked) == 1:
        return [walker.in_hand(*asked[0])]
    held = [[i for i in walker.held[hand] if i.sku == sku][:n] for hand, sku, n in asked]
    if all(len(items) == n for items, (_, _, n) in zip(held, asked, strict=True)):
        return held
    for hand in Hand:
        walker.stow(hand)
    found = []
    for hand, sku, n in asked:
        items = [item for item in walker.bag if item.sku == sku][:n]
        walker.bag = [item for item in walker.bag if item not in items]
        walker.fetch(hand, items)
        found.append(items)
    return found


def lay(walker: Walker, step: Step) -> None:
    """Put down something of one's own, or take it away again."""
    facing = facing_for(step, walker.shop)
    lying_g = walker.shop.laid_g.setdefault((walker.script.id, facing.id), [])
    walker.stow(step.hand)
    if step.action is Deed.LAY:
        lying_g.append(step.own_g)
        kind, delta_g = ActionKind.LAY, step.own_g
    else:
        kind, delta_g = ActionKind.RETRIEVE, -lying_g.pop()
    target, via = _points(facing, _LAID_DEPTH_M)
    reach(walker, step, [Grasp(step.hand, kind, facing, target, via, delta_g)])


def touch(walker: Walker, step: Step) -> None:
    """Press with a hand that takes nothing, for as long as the step lasts."""
    facing = facing_for(step, walker.shop)
    kind, depth_m = _TOUCHES[step.action]
    target, via = _points(facing, depth_m)
    walker.walk_up(facing, target, step.hand)
    out_s, back_s = REACH_S / step.pace, BACK_S / step.pace
    walker.wait_until(step, out_s)
    from_s = walker.now_s + out_s
    lasts_s = KNOCK_S if kind is TouchKind.KNOCK else step.duration_s
    walker.gesture(GestureKind.TOUCH, step.hand, out_s, lasts_s, back_s, target, via)
    gondola, shelf, _ = facing.id.split("/")
    walker.shop.touches.append(
        Touch(
            from_s=round(from_s, 4),
            to_s=round(from_s + lasts_s, 4),
            kind=kind,
            shopper=walker.script.id,
            shelf=shelf_id(gondola, shelf),
            facing=facing.id,
            plates=_pressed(kind, facing, walker.shop),
            force_kg=step.force_kg,
            hand=step.hand,
            is_hidden=step.is_hidden,
        )
    )
    walker.now_s += PAUSE_S


def look(walker: Walker, step: Step) -> None:
    facing = facing_for(step, walker.shop)
    walker.walk_up(facing, facing.front_m, None)
    walker.wait_until(step, LOOK_UP_S)
    walker.gesture(
        GestureKind.LOOK, step.hand, LOOK_UP_S, step.duration_s, LOOK_UP_S, facing.front_m
    )


def facing_for(step: Step, shop: Premises) -> StockedFacing:
    """The facing of a step that needs neither stock nor room there."""
    return shop.facings[facings_of(step.sku, step.facing, shop.layout)[0]]


def _points(facing: StockedFacing, depth_m: float) -> tuple[Xyz, Xyz]:
    """A target so deep in the middle of a facing, and the point before the shelf on the way."""
    front, inward = np.asarray(facing.front_m), np.asarray(facing.inward)
    above = np.asarray((0.0, 0.0, 0.05))
    return middle([front + depth_m * inward]), middle([front - 0.10 * inward + above])


def _pressed(kind: TouchKind, facing: StockedFacing, shop: Premises) -> tuple[PlateId, ...]:
    """The plates that feel it: the facing's, the board's, the whole gondola's."""
    if kind is TouchKind.TOUCH:
        return facing.plates
    parts = 2 if kind is TouchKind.LEAN else 1
    prefix = "/".join(facing.id.split("/")[:parts]) + "/"
    return tuple(plate for plate in shop.layout.plates() if plate.startswith(prefix))
