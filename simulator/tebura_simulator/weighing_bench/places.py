"""Whether weight and place can tell what an action moved, with the cart of whoever acted.

Two products weigh the same where they differ by less than `TWIN_SDS` deviations of what packages
and gains spread.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from tebura_contract.ids import FacingId, Sku
from tebura_contract.layout import Layout

from tebura_simulator.plates.models import PACKAGE_SHARE, PlateModel
from tebura_simulator.story.scenario import FaultKind, FaultScript
from tebura_simulator.story.timetable import Action, ActionKind

TWIN_SDS = 2.0
SETTLES_S = 0.9
"""A plate rings for half a second and has come to rest after 0.4 s more: of what happens on it
within that time only the sum can be seen."""

BLIND_S = 1.5
"""A step begins this long before its moment at most, and has settled this long after."""
_UNREAD = (FaultKind.SCALE_SILENT, FaultKind.NODE_OFF)
_BROKEN = (FaultKind.CELL_STUCK, FaultKind.CELL_DYING)


class Place(StrEnum):
    """What weight and place can tell.

    `HOME`: the product of the facing. `ASTRAY`: a product where it does not belong, told by the
    cart of whoever put it there, or by its having been put there. `TWIN`: either of these, but
    something else that may as well be there weighs the same: it belongs there, was left there, or
    is in the same hand, which may put either anywhere (or was, as far as a twin put back before can
    tell). `UNHELD`: put back by somebody who did not take so many. `TOGETHER`: somebody else moved
    something on the same plate before it could rest, so the sum can be told at best, but not whose
    each is. `BLIND`: its scale was silent or off, or a cell
    of its plates broken. `NONE`: no product.
    """

    HOME = "home"
    ASTRAY = "astray"
    TWIN = "twin"
    UNHELD = "unheld"
    TOGETHER = "together"
    BLIND = "blind"
    NONE = "none"

    @property
    def is_decidable(self) -> bool:
        return self in (Place.HOME, Place.ASTRAY)


def places(
    actions: Sequence[Action], layout: Layout, model: PlateModel, faults: Sequence[FaultScript]
) -> list[Place]:
    """Of each action, in the order given, which is that of time; `faults` are settled."""
    found = _Follower(layout, model, faults).follow(actions)
    return [
        Place.TOGETHER if place.is_decidable and _is_together(one, actions) else place
        for one, place in zip(actions, found, strict=True)
    ]


def _is_together(one: Action, actions: Iterable[Action]) -> bool:
    return any(
        other.shopper != one.shopper
        and not set(one.plates).isdisjoint(other.plates)
        and abs(other.t_s - one.t_s) <= SETTLES_S
        for other in actions
    )


class _Follower:
    """Follows what everybody holds."""

    def __init__(self, layout: Layout, model: PlateModel, faults: Sequence[FaultScript]) -> None:
        self._faults = faults
        self._node_of = {name: one.reports_picks for name, (_, one) in layout.shelves().items()}
        self._products = layout.products()
        self._facings = layout.facings()
        self._share = math.hypot(model.gain_error, model.corner)
        self._held: dict[str, Counter[Sku]] = {}
        self._perhaps: dict[str, Counter[Sku]] = {}
        self._left: dict[FacingId, Counter[Sku]] = {}

    def follow(self, actions: Iterable[Action]) -> Iterable[Place]:
        for action in actions:
            place = self._place(action)
            yield place
            if place is Place.TWIN and action.kind is ActionKind.PUT_BACK:
                # The other one may be what is back, and this one still in the hand.
                perhaps = self._perhaps.setdefault(action.shopper, Counter())
                perhaps[action.sku] += action.quantity
            held = self._held.setdefault(action.shopper, Counter())
            left = self._left.setdefault(action.facing, Counter())
            if action.kind is ActionKind.TAKE:
                held[action.sku] += action.quantity
                left[action.sku] -= action.quantity
            elif action.kind is ActionKind.PUT_BACK:
                held[action.sku] -= action.quantity
                left[action.sku] += action.quantity

    def _place(self, action: Action) -> Place:
        if action.sku not in self._products:
            return Place.NONE
        if any(self._blinds(fault, action) for fault in self._faults):
            return Place.BLIND
        held = self._held.get(action.shopper, Counter())
        is_back = action.kind is ActionKind.PUT_BACK
        if is_back and held[action.sku] < action.quantity:
            return Place.UNHELD
        is_home = self._facings[action.facing][1].sku == action.sku
        left = self._left.get(action.facing, Counter())
        rivals = self._beside(action.facing) | {sku for sku, count in left.items() if count > 0}
        if is_back:
            hand = held + self._perhaps.get(action.shopper, Counter())
            rivals = {sku for sku, count in hand.items() if count >= action.quantity}
        if any(self._is_twin(action, sku) for sku in rivals - {action.sku}):
            return Place.TWIN
        return Place.HOME if is_home else Place.ASTRAY

    def _blinds(self, fault: FaultScript, action: Action) -> bool:
        from_s = fault.at_s or 0.0
        shelf = self._facings[action.facing][0]
        if fault.kind in _BROKEN:
            return fault.on in action.plates and action.t_s >= from_s - BLIND_S
        if fault.kind not in _UNREAD:
            return False
        is_then = from_s - BLIND_S <= action.t_s <= from_s + fault.for_s + BLIND_S
        return is_then and fault.on in (shelf, self._node_of[shelf])

    def _beside(self, name: FacingId) -> set[Sku]:
        """What belongs on the plates of this facing, its own product included."""
        shelf, facing = self._facings[name]
        return {facing.sku} | {
            other.sku
            for other_shelf, other in self._facings.values()
            if other_shelf == shelf and not set(other.plates).isdisjoint(facing.plates)
        }

    def _is_twin(self, action: Action, other: Sku) -> bool:
        mine = self._products[action.sku]
        off_g = action.quantity * abs(self._products[other].weight_g - mine.weight_g)
        unit_g = mine.weight_sd_g or PACKAGE_SHARE * mine.weight_g
        sd_g = math.hypot(
            math.sqrt(action.quantity) * unit_g, self._share * action.quantity * mine.weight_g
        )
        return off_g < TWIN_SDS * sd_g
