"""Age-restricted goods: whoever keeps one is asked about, however sure it is what they took.

Neither a code nor a face nor a palm says how old somebody is. So a pick that would stand on a cart
is a review until staff, who looked at the person, accept it (they sold it, and it is written down
who did) or void it (they took it back). What goes back on the shelf by itself needs no answer.
"""

from collections import defaultdict
from collections.abc import Container

import msgspec
from tebura_contract.ids import EventId, Sku, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.decision import Decision, Reason, Status


def asked_about(
    decisions: dict[EventId, Decision], layout: Layout, ruled: Container[EventId]
) -> dict[EventId, Decision]:
    """The decisions, those about restricted goods in review; `ruled` names what staff answered."""
    restricted = {product.sku for product in layout.product if product.age_restricted}
    found = dict(decisions)
    if not restricted:
        return found
    held: dict[tuple[VisitId, Sku], int] = defaultdict(int)
    for decision in decisions.values():
        key = _key(decision, restricted)
        if key is not None:
            held[key] += decision.quantity
    # The newest are what is still held; what staff answered stands, and counts.
    for name, decision in reversed(decisions.items()):
        key = _key(decision, restricted)
        if key is None or decision.quantity <= 0 or held[key] <= 0:
            continue
        held[key] -= decision.quantity
        if name not in ruled:
            found[name] = msgspec.structs.replace(decision, status=Status.REVIEW, reason=Reason.AGE)
    return found


def _key(decision: Decision, restricted: set[Sku]) -> tuple[VisitId, Sku] | None:
    if decision.status is not Status.DECIDED or decision.visit is None:
        return None
    if decision.sku is None or decision.sku not in restricted:
        return None
    return decision.visit, decision.sku
