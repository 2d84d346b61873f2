"""Staff in the shop: what they fill up or clear away is nobody's purchase."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec
from tebura_contract.events import ItemPicked, ItemReturned
from tebura_contract.ids import EventId, Sku, VisitId

from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.what import guesses


def as_staff_work(
    decisions: Mapping[EventId, Decision],
    facts: Iterable[Fact],
    staff: AbstractSet[VisitId],
    settings: JudgementSettings,
) -> dict[EventId, Decision]:
    """Decide the steps of staff's visits: moved stock, on no cart.

    Staff put back what they never took from a shelf, so what they hold says nothing: what a step
    was is what its plates say. Where those do not know, it stays a question.
    """
    steps = {
        fact.id: fact.event
        for fact in facts
        if isinstance(fact.event, ItemPicked | ItemReturned) and fact.id in decisions
    }
    found = dict(decisions)
    for name, decision in decisions.items():
        if not _is_by_staff(decision, staff, settings):
            continue
        sku, quantity = decision.sku, decision.quantity
        if decision.status is Status.REVIEW:
            step = steps.get(name)
            best = known_by_plates(step, settings) if step is not None else None
            if best is None or decision.reason not in _HOLDINGS_SAY:
                continue
            sku, quantity = best
        found[name] = msgspec.structs.replace(
            decision,
            status=Status.DECIDED,
            visit=None,
            sku=sku,
            quantity=quantity,
            reason=Reason.STAFF,
        )
    return found


_HOLDINGS_SAY = frozenset({Reason.NOT_HELD, Reason.WHAT, Reason.NO_CANDIDATE})


def _is_by_staff(
    decision: Decision, staff: AbstractSet[VisitId], settings: JudgementSettings
) -> bool:
    if decision.reason is Reason.STAFF or decision.status is Status.CHECKING:
        return False
    if decision.status is Status.DECIDED:
        return decision.visit in staff
    share = sum(one.probability for one in decision.suspects if one.visit in staff)
    return share >= settings.who_threshold


def known_by_plates(
    step: ItemPicked | ItemReturned, settings: JudgementSettings
) -> tuple[Sku, int] | None:
    """What the plates alone say it was, if they are sure; negative for what was put down."""
    found = guesses(step.candidates, step.log_other)
    if not found or found[0].probability < settings.threshold:
        return None
    quantity = found[0].quantity
    return found[0].sku, -quantity if isinstance(step, ItemReturned) else quantity
