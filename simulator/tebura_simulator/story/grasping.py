"""A reach into a shelf with one hand or both: which facing, from where, when it happens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xyz
from tebura_contract.ids import Sku

from tebura_simulator.story.premises import Premises
from tebura_simulator.story.script import Deed, Hand, Step
from tebura_simulator.story.stocking import Slot, StockedFacing, facings_of
from tebura_simulator.story.timetable import Action, ActionKind, GestureKind, Item
from tebura_simulator.story.walker import OTHER, Walker, standing_before
from tebura_simulator.story.walking import Stance

REACH_S, BACK_S, HOLD_S = 1.0, 0.9, 0.4
PAUSE_S = 0.5
SPAN_M = 1.4
"""What two hands reach at once lies no further apart."""
_INSIDE = 0.35
"""Share of the way to the item during which the hand is already (or still) inside the shelf."""


@dataclass(frozen=True)
class Wanted:
    """What one hand is to handle, and the facing where it can, from `from_s` on."""

    hand: Hand
    sku: Sku
    quantity: int
    facing: StockedFacing
    from_s: float


@dataclass(frozen=True)
class Grasp:
    """One hand's part of a reach: where it goes, and what leaves or lands there."""

    hand: Hand
    kind: ActionKind
    facing: StockedFacing
    target_m: Xyz
    via_m: Xyz
    delta_g: float
    items: tuple[Item, ...] = ()


def lead_s(step: Step) -> float:
    """From when a hand goes out to when the item leaves or lands."""
    return REACH_S / step.pace + HOLD_S / step.pace / 2


def asked_of(step: Step) -> list[tuple[Hand, Sku, int]]:
    """What each hand is to handle."""
    assert step.sku is not None, "checked when the scenario was read"
    asked = [(step.hand, step.sku, step.quantity)]
    if step.other_hand is not None:
        asked.append((OTHER[step.hand], step.other_hand.sku, step.other_hand.quantity))
    return asked


def wanted_of(step: Step, shop: Premises, now_s: float) -> list[Wanted] | None:
    """The facings a step will be about, one a hand; None where none will do, as far as known.

    A product's second facing does where the first is empty, or full.
    """
    named = [step.facing, step.other_hand.facing if step.other_hand else None]
    found: list[Wanted] = []
    for (hand, sku, quantity), facing in zip(asked_of(step), named, strict=False):
        choices = []
        for name in facings_of(sku, facing, shop.layout):
            place = shop.facings[name]
            since_s = _from_s(step, place, sku, quantity, shop, found)
            if since_s is not None:
                choices.append(Wanted(hand, sku, quantity, place, max(since_s, now_s)))
        if not choices:
            return None
        found.append(min(choices, key=lambda wanted: wanted.from_s))
    return found


def _from_s(
    step: Step,
    facing: StockedFacing,
    sku: Sku,
    quantity: int,
    shop: Premises,
    found: Sequence[Wanted],
) -> float | None:
    """From when on a facing has the stock, or the room, for this hand and the one before."""
    is_take = step.action is Deed.TAKE
    same = [w for w in found if w.facing is facing and (w.sku == sku or not is_take)]
    count = quantity + sum(w.quantity for w in same)
    if is_take:
        return shop.stock_from_s(facing, sku, count)
    return shop.room_from_s(facing, count)


def settled_on(walker: Walker, step: Step) -> list[Wanted]:
    """The same once it is known that there is stock or room."""
    found = wanted_of(step, walker.shop, walker.now_s)
    assert found is not None, "a step begins when it can be done"
    return found


def grasp_of(
    wanted: Wanted,
    kind: ActionKind,
    slots: Sequence[Slot],
    items: Sequence[Item],
    shop: Premises,
) -> Grasp:
    """A hand that goes to these slots, and what it does to their plates."""
    target, via = middle(slot.center_m for slot in slots), middle(slot.via_m for slot in slots)
    weight_g = sum(shop.products[item.sku].weight_g for item in items)
    delta_g = -weight_g if kind.is_removal else weight_g
    return Grasp(wanted.hand, kind, wanted.facing, target, via, delta_g, tuple(items))


def reach(walker: Walker, step: Step, grasps: Sequence[Grasp]) -> list[float]:
    """Walk up, reach in and come back; the moments at which each hand's items leave or land."""
    walker.walk(_standing(grasps))
    lag_s = step.other_hand.lag_s if step.other_hand is not None else 0.0
    after_s = [max(0.0, -lag_s), max(0.0, lag_s)]
    walker.wait_until(step, lead_s(step) + after_s[0])
    out_s, hold_s, back_s = (x / step.pace for x in (REACH_S, HOLD_S, BACK_S))
    start_s = end_s = walker.now_s
    moments = []
    for grasp, later_s in zip(grasps, after_s, strict=False):
        walker.now_s = start_s + later_s
        kind = GestureKind(grasp.kind.value)
        moments.append(
            walker.gesture(kind, grasp.hand, out_s, hold_s, back_s, grasp.target_m, grasp.via_m)
        )
        end_s = max(end_s, walker.now_s)
        walker.shop.actions.append(_action(walker, step, grasp, moments[-1]))
    walker.now_s = end_s + PAUSE_S
    return moments


def _action(walker: Walker, step: Step, grasp: Grasp, t_s: float) -> Action:
    half_s = HOLD_S / step.pace / 2
    return Action(
        t_s=round(t_s, 4),
        kind=grasp.kind,
        shopper=walker.script.id,
        member=walker.plan.member,
        sku=grasp.items[0].sku if grasp.items else Sku(""),
        quantity=max(1, len(grasp.items)),
        delta_g=grasp.delta_g,
        facing=grasp.facing.id,
        plates=grasp.facing.plates,
        hand=grasp.hand,
        inside_from_s=round(t_s - half_s - _INSIDE * (REACH_S / step.pace), 4),
        inside_to_s=round(t_s + half_s + _INSIDE * (BACK_S / step.pace), 4),
        items=tuple(item.id for item in grasp.items),
        is_hidden=step.is_hidden,
    )


def _standing(grasps: Sequence[Grasp]) -> Stance:
    """Before what one hand reaches, or midway between what both do."""
    stances = [standing_before(g.facing, g.target_m, g.hand) for g in grasps]
    if len(stances) == 1:
        return stances[0]
    one, two = grasps
    apart_m = float(np.linalg.norm(np.subtract(one.target_m, two.target_m)))
    if apart_m > SPAN_M:
        raise ValueError(
            f"{one.facing.id!r} and {two.facing.id!r} are {apart_m:.1f} m apart, "
            "too far for two hands at once"
        )
    (ax, ay), (bx, by) = (stance.xy_m for stance in stances)
    return Stance(((ax + bx) / 2, (ay + by) / 2), stances[0].yaw_rad)


def middle(points: Iterable[Xyz | NDArray[np.float64]]) -> Xyz:
    x, y, z = np.mean(np.asarray(list(points)), axis=0)
    return (float(x), float(y), float(z))
