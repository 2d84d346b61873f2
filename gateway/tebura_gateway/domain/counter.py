"""A small counter: what lies on its plates is listed, and on the cart once, whatever follows.

A shelf that the layout calls a counter sells nothing. Who puts something down there shows it: what
their cart knows already stays as it is, what it does not know (no plates where it was taken) comes
onto the cart. What is picked up again is theirs as before, so that nothing is paid back when
somebody who has paid takes their things and goes. What it is the plates say, or it is asked about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec
from tebura_contract.events import ForeignObject, ItemPicked, ItemReturned
from tebura_contract.ids import EventId, Sku, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.staffing import known_by_plates
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.what import guesses

Held = dict[tuple[VisitId, Sku], int]


def at_counters(
    decisions: Mapping[EventId, Decision],
    facts: Iterable[Fact],
    layout: Layout,
    settings: JudgementSettings,
) -> dict[EventId, Decision]:
    """The decisions, those at counters as what they mean for carts."""
    counters = {name for name, (_, shelf) in layout.shelves().items() if shelf.is_counter}
    found = dict(decisions)
    if not counters:
        return found
    steps = {
        fact.id: fact.event
        for fact in facts
        if isinstance(fact.event, ItemPicked | ItemReturned | ForeignObject)
        and fact.event.shelf in counters
    }
    held: Held = defaultdict(int)
    laid: Held = defaultdict(int)
    for name, decision in sorted(decisions.items(), key=lambda one: (one[1].from_ns, one[0])):
        step = steps.get(name)
        if step is None:
            _take(decision, held)
        elif decision.status is Status.CHECKING or decision.reason is Reason.STAFF:
            continue
        elif step.delta_g < 0:
            found[name] = _taken_up(decision, step, settings, laid)
        elif not isinstance(step, ForeignObject):
            found[name] = _shown(decision, step, settings, held, laid)
    return found


def _taken_up(
    decision: Decision,
    step: ItemPicked | ItemReturned | ForeignObject,
    settings: JudgementSettings,
    laid: Held,
) -> Decision:
    """Whatever it was, nobody buys it by that: it lay there, and is on somebody's cart or nobody's.

    To its plates it is something that was laid there: what it weighs says what it was.
    """
    found = guesses(step.candidates, None)
    visit = _who(decision, settings)
    if found and found[0].probability >= settings.threshold and visit is not None:
        sku = found[0].sku
        laid[visit, sku] = max(0, laid[visit, sku] - found[0].quantity)
    return msgspec.structs.replace(
        decision, status=Status.DECIDED, quantity=0, reason=Reason.COUNTER, detail=""
    )


def _take(decision: Decision, held: Held) -> None:
    """Count what a step elsewhere put on a cart or took off."""
    if decision.status is Status.DECIDED and decision.visit is not None and decision.sku:
        held[decision.visit, decision.sku] += decision.quantity


def _shown(
    decision: Decision,
    step: ItemPicked | ItemReturned,
    settings: JudgementSettings,
    held: Held,
    laid: Held,
) -> Decision:
    best, visit = known_by_plates(step, settings) or _by_cart(decision), _who(decision, settings)
    if best is None or visit is None:
        return decision
    sku, change = best
    laid[visit, sku] -= change
    more = max(0, laid[visit, sku] - held[visit, sku])
    held[visit, sku] += more
    return msgspec.structs.replace(
        decision,
        status=Status.DECIDED,
        visit=visit,
        sku=sku,
        quantity=more,
        reason=Reason.COUNTER,
        detail="",
    )


def _by_cart(decision: Decision) -> tuple[Sku, int] | None:
    """What it is by plates and cart together: of two that weigh alike they hold but one."""
    if decision.status is not Status.DECIDED or decision.sku is None:
        return None
    return decision.sku, decision.quantity


def _who(decision: Decision, settings: JudgementSettings) -> VisitId | None:
    """Whose it is, where that is sure: by who stood there, or by who had taken such a thing."""
    if decision.status is Status.DECIDED:
        return decision.visit
    if decision.suspects:
        first = decision.suspects[0]
        return first.visit if first.probability >= settings.who_threshold else None
    return decision.visit
