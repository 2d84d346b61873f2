"""What a scenario's people are told to do that this layout, or anybody's hands, cannot give.

What can be known without working out the course: names, what each deed needs, who can have what.
"""

import difflib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from tebura_contract.ids import FacingId, Sku
from tebura_contract.layout import Layout

from tebura_simulator.story.script import Deed, Part, Scenario, ShopperScript, Step
from tebura_simulator.story.stocking import facings_of

_NEEDS_SKU = {Deed.TAKE, Deed.PUT_BACK, Deed.REFILL, Deed.HAND_OVER, Deed.DROP, Deed.PICK_UP}
_NEEDS_PLACE = {Deed.LOOK, Deed.LAY, Deed.RETRIEVE, Deed.TOUCH, Deed.LEAN, Deed.KNOCK}
_HAVE_FACING = _NEEDS_PLACE | {Deed.TAKE, Deed.PUT_BACK, Deed.REFILL}
_GIVES_AWAY: Mapping[Deed, str] = {
    Deed.PUT_BACK: "puts back",
    Deed.HAND_OVER: "hands over",
    Deed.DROP: "drops",
}


def near_match(name: str, names: Collection[str]) -> str:
    """A hint at the name that was perhaps meant, or nothing."""
    close = difflib.get_close_matches(name, names, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shopper_problems(scenario: Scenario, layout: Layout) -> list[str]:
    """All that is wrong with the people of a scenario, each naming its place."""
    ids = [shopper.id for shopper in scenario.shopper]
    problems = [
        f"shopper {name!r} is named twice" for name in sorted(set(ids)) if ids.count(name) > 1
    ]
    for number, shopper in enumerate(scenario.shopper):
        place = f"shopper[{number}]"
        problems += [f"{place}{p}" for p in _entry_problems(shopper, scenario)]
        for index, step in enumerate(shopper.do):
            at = f"{place}.do[{index}]"
            problems += [f"{at}{p}" for p in _need_problems(step)]
            problems += [f"{at}{p}" for p in _place_problems(step, layout)]
            problems += [f"{at}{p}" for p in _person_problems(step, shopper, scenario)]
        problems += [f"{place}{p}" for p in _possession_problems(shopper, scenario)]
        problems += [f"{place}{p}" for p in _laying_problems(shopper, layout)]
    return [*problems, *_floor_problems(scenario)]


def _entry_problems(shopper: ShopperScript, scenario: Scenario) -> Iterator[str]:
    if shopper.enter_s >= scenario.duration_s:
        yield f".enter_s: comes in after the end ({scenario.duration_s} s)"
    if shopper.part is Part.STAFF:
        if shopper.member is not None:
            yield ".member: staff show no code"
        if shopper.guest_of is not None:
            yield ".guest_of: staff are nobody's guests"
    if shopper.guest_of is None:
        return
    if shopper.member is not None:
        yield ".member: a guest enters by the code of who pays, not by its own"
    host = next((other for other in scenario.shopper if other.id == shopper.guest_of), None)
    if host is None:
        others = [other.id for other in scenario.shopper if other is not shopper]
        yield f".guest_of: no shopper {shopper.guest_of!r}{near_match(shopper.guest_of, others)}"
    elif host.id == shopper.id or host.member is None:
        yield f".guest_of: {host.id!r} has no member of its own, nobody would pay"
    elif shopper.enter_s < host.enter_s:
        yield f".enter_s: comes in before {host.id!r}, whose guest it is"


def _need_problems(step: Step) -> Iterator[str]:
    deed = step.action
    if deed in _NEEDS_SKU and step.sku is None:
        yield f".sku: missing, {deed} needs a product"
    if deed in _NEEDS_PLACE and step.sku is None and step.facing is None:
        yield f".facing: missing, {deed} needs a facing or a product"
    if deed not in _HAVE_FACING and step.facing is not None:
        yield f".facing: {deed} is at no facing"
    if deed is Deed.WALK and step.to_m is None:
        yield ".to_m: missing, walk needs a place"
    if deed is not Deed.WALK and step.to_m is not None:
        yield f".to_m: {deed} goes nowhere, only walk does"
    if deed is Deed.HAND_OVER and step.to is None:
        yield ".to: missing, hand_over needs to know who gets it"
    if deed is not Deed.HAND_OVER and step.to is not None:
        yield f".to: {deed} gives nobody anything, only hand_over does"
    if deed not in (Deed.TAKE, Deed.PUT_BACK) and step.other_hand is not None:
        yield f".other_hand: {deed} is done with one hand, only take and put_back have another"


def _place_problems(step: Step, layout: Layout) -> Iterator[str]:
    wanted = [("", step.sku, step.facing)]
    if step.other_hand is not None:
        wanted.append((".other_hand", step.other_hand.sku, step.other_hand.facing))
    for part, sku, facing in wanted:
        if sku is not None and sku not in layout.products():
            hint = near_match(sku, list(layout.products()))
            yield f"{part}.sku: product {sku!r} is not in the layout{hint}"
        elif sku is not None and not facings_of(sku, facing, layout):
            yield f"{part}.sku: no facing holds {sku!r}"
        if facing is not None and facing not in layout.facings():
            hint = near_match(facing, list(layout.facings()))
            yield f"{part}.facing: no facing {facing!r}{hint}"


def _person_problems(step: Step, shopper: ShopperScript, scenario: Scenario) -> Iterator[str]:
    if step.at_s is not None and step.at_s >= scenario.duration_s:
        yield f".at_s: after the end ({scenario.duration_s} s)"
    if step.action is Deed.REFILL and shopper.part is not Part.STAFF:
        yield f".action: only staff refill, {shopper.id!r} is a shopper"
    if step.to is None:
        return
    others = [other.id for other in scenario.shopper if other.id != shopper.id]
    if step.to == shopper.id:
        yield f".to: {shopper.id!r} cannot hand anything to itself"
    elif step.to not in others:
        yield f".to: no shopper {step.to!r}{near_match(step.to, others)}"


def _possession_problems(shopper: ShopperScript, scenario: Scenario) -> Iterator[str]:
    """Giving away what was never had; what others hand over may have come at any time."""
    has = Counter[Sku]()
    for other in scenario.shopper:
        for step in other.do:
            if step.action is Deed.HAND_OVER and step.to == shopper.id and step.sku is not None:
                has[step.sku] += step.quantity
    for index, step in enumerate(shopper.do):
        for sku, quantity in _handled(step):
            if step.action in (Deed.TAKE, Deed.PICK_UP):
                has[sku] += quantity
            elif step.action in _GIVES_AWAY:
                has[sku] -= quantity
                if has[sku] < 0:
                    what = _GIVES_AWAY[step.action]
                    yield f".do[{index}].quantity: {what} more {sku!r} than it has"


def _handled(step: Step) -> list[tuple[Sku, int]]:
    handled = [(step.sku, step.quantity)] if step.sku is not None else []
    if step.other_hand is not None:
        handled.append((step.other_hand.sku, step.other_hand.quantity))
    return handled


def _floor_problems(scenario: Scenario) -> Iterator[str]:
    """Picking up what nobody dropped."""
    lying = Counter[Sku]()
    for shopper in scenario.shopper:
        for step in shopper.do:
            if step.action is Deed.DROP and step.sku is not None:
                lying[step.sku] += step.quantity
    for number, shopper in enumerate(scenario.shopper):
        for index, step in enumerate(shopper.do):
            if step.action is Deed.PICK_UP and step.sku is not None:
                lying[step.sku] -= step.quantity
                if lying[step.sku] < 0:
                    yield (
                        f"shopper[{number}].do[{index}].quantity: "
                        f"picks up more {step.sku!r} than anybody drops"
                    )


def _laying_problems(shopper: ShopperScript, layout: Layout) -> Iterator[str]:
    """Taking away what one never laid down there."""
    laid = Counter[FacingId]()
    for index, step in enumerate(shopper.do):
        if step.action not in (Deed.LAY, Deed.RETRIEVE):
            continue
        for facing in facings_of(step.sku, step.facing, layout)[:1]:
            laid[facing] += 1 if step.action is Deed.LAY else -1
            if laid[facing] < 0:
                yield f".do[{index}].facing: nothing of its own lies in {facing!r}"
