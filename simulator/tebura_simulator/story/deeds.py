"""Each deed of a scenario: from when on it can be done, how to come in time for it, doing it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tebura_simulator.story import grasping, meeting, reaching
from tebura_simulator.story.grasping import wanted_of
from tebura_simulator.story.premises import Premises
from tebura_simulator.story.script import Deed, Step
from tebura_simulator.story.stocking import StockedFacing, facings_of
from tebura_simulator.story.walker import Walker, bearing
from tebura_simulator.story.walking import Stance

EARLY_S = 6.0
"""Whoever has to be somewhere in time is there so long before: enough to get hands free."""
_AT_SHELVES = {
    Deed.TAKE: reaching.take,
    Deed.PUT_BACK: reaching.put_back,
    Deed.REFILL: reaching.refill,
    Deed.LAY: reaching.lay,
    Deed.RETRIEVE: reaching.lay,
    Deed.TOUCH: reaching.touch,
    Deed.LEAN: reaching.touch,
    Deed.KNOCK: reaching.touch,
    Deed.LOOK: reaching.look,
}
_NEEDS_STOCK_OR_ROOM = {Deed.TAKE, Deed.PUT_BACK, Deed.REFILL}
_GIVES_AWAY = {Deed.PUT_BACK, Deed.HAND_OVER, Deed.DROP}

Crowd = Mapping[str, Walker]
"""Everybody of the scenario, by name."""


@dataclass(frozen=True)
class Lack:
    """Why a step cannot be done, unless somebody else does something first."""

    reason: str


def starts_s(walker: Walker, step: Step, crowd: Crowd) -> float | Lack:
    """From when on a step can begin."""
    if step.action in _GIVES_AWAY:
        for _, sku, quantity in grasping.asked_of(step):
            if walker.count(sku) < quantity:
                return Lack(f"{walker.script.id!r} has no {quantity} {sku!r} with it")
    if step.action in _NEEDS_STOCK_OR_ROOM:
        return _shelf_from_s(walker, step)
    if step.action is Deed.PICK_UP:
        assert step.sku is not None, "checked when the scenario was read"
        since_s = walker.shop.lying_from_s(step.sku, step.quantity)
        if since_s is None:
            return Lack(f"no {step.quantity} {step.sku!r} lie on the floor")
        return max(since_s, walker.free_s)
    if step.action is Deed.HAND_OVER and crowd[step.to or ""].stance is None:
        return Lack(f"{step.to!r} has not come in")
    return walker.free_s


def _shelf_from_s(walker: Walker, step: Step) -> float | Lack:
    found = wanted_of(step, walker.shop, walker.free_s)
    if found is not None:
        return max(wanted.from_s for wanted in found)
    asked = " and ".join(f"{n} {sku!r}" for _, sku, n in grasping.asked_of(step))
    places = set(facings_of(step.sku, step.facing, walker.shop.layout))
    if step.other_hand is not None:
        other = step.other_hand
        places |= set(facings_of(other.sku, other.facing, walker.shop.layout))
    where = ", ".join(repr(name) for name in sorted(places))
    if step.action is Deed.TAKE:
        return Lack(f"{asked} wanted at {walker.free_s:.1f} s, so many do not stand in {where}")
    return Lack(f"{where} has no room for {asked}")


def come_early(walker: Walker, step: Step, crowd: Crowd) -> None:
    """Go where a step at a given time will be, and let it wait there until shortly before."""
    assert step.at_s is not None
    begins_s = step.at_s - _lead_s(step) - EARLY_S
    if begins_s <= walker.now_s:
        return
    if step.action in _AT_SHELVES:
        facing = _likely_facing(walker, step)
        hand = None if step.action is Deed.LOOK else step.hand
        walker.walk_up(facing, facing.front_m, hand)
    elif step.action is Deed.HAND_OVER:
        receiver = crowd[step.to or ""]
        if receiver.stance is not None:
            begins_s -= walker.travel_s(receiver.at_m)
    walker.free_s = max(walker.now_s, begins_s)


def do(walker: Walker, step: Step, crowd: Crowd) -> None:
    """Plan a step that can begin now."""
    match step.action:
        case Deed.WAIT:
            walker.wait_until(step, 0.0)
            walker.free_s = walker.now_s + step.duration_s
        case Deed.WALK:
            assert step.to_m is not None, "checked when the scenario was read"
            walker.wait_until(step, 0.0)
            walker.walk(Stance(step.to_m, bearing(walker.at_m, step.to_m)))
        case Deed.HAND_OVER:
            meeting.hand_over(walker, step, crowd[step.to or ""])
        case Deed.DROP:
            meeting.drop(walker, step)
        case Deed.PICK_UP:
            meeting.pick_up(walker, step)
        case _:
            _AT_SHELVES[step.action](walker, step)


def _lead_s(step: Step) -> float:
    return 0.0 if step.action in (Deed.WAIT, Deed.WALK) else grasping.lead_s(step)


def _likely_facing(walker: Walker, step: Step) -> StockedFacing:
    """Where the step will be as things are now."""
    shop: Premises = walker.shop
    if step.action in _NEEDS_STOCK_OR_ROOM:
        found = wanted_of(step, shop, walker.now_s)
        if found is not None:
            return found[0].facing
    return reaching.facing_for(step, shop)
