"""The virtual cart of a visit: a pure function of the judgement, the same bytes for any order."""

from enum import StrEnum

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, Sku, VisitId

from tebura_gateway.domain.decision import Decision, Status
from tebura_gateway.domain.judgement import Judgement


class LineStatus(StrEnum):
    """How sure a line is: what is decided is charged, the rest is shown."""

    DECIDED = "decided"
    CHECKING = "checking"
    REVIEW = "review"


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the steps of one product and status sum up to.

    `sku` is None where nothing is known but that something was taken. `confidence` is that of the
    least certain step; `first_ns` the time of the first; `taken_ns` when each piece was picked,
    also those that were put back again.
    """

    sku: Sku | None
    quantity: int
    status: LineStatus
    confidence: float
    first_ns: Ns
    events: tuple[EventId, ...]
    taken_ns: tuple[Ns, ...] = ()


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """Lines by the time of their first step; decided ones of quantity zero are left out."""

    visit: VisitId
    lines: tuple[CartLine, ...] = ()

    def decided(self) -> dict[Sku, int]:
        """What would be charged now: article to quantity, all positive."""
        return {
            line.sku: line.quantity
            for line in self.lines
            if line.status is LineStatus.DECIDED and line.sku is not None
        }

    def taken_ns(self) -> dict[Sku, tuple[Ns, ...]]:
        """When the pieces of what would be charged were picked."""
        return {
            line.sku: line.taken_ns
            for line in self.lines
            if line.status is LineStatus.DECIDED and line.sku is not None
        }

    def is_certain(self) -> bool:
        """Whether every line is decided and can be charged."""
        return all(line.status is LineStatus.DECIDED and line.quantity > 0 for line in self.lines)


def cart_of(judgement: Judgement, visit: VisitId) -> Cart:
    """Sum up a visit's steps.

    More returned than taken, as only a ruling could make it, leaves a negative line: it stands in
    the way of pricing until someone looks, it is never clamped away.
    """
    groups: dict[tuple[LineStatus, Sku | None], list[Decision]] = {}
    for decision in judgement.of_visit(visit):
        status = LineStatus(decision.status.value)
        if decision.sku is None and status is LineStatus.DECIDED:
            continue
        groups.setdefault((status, decision.sku), []).append(decision)
    lines = [_line(status, sku, steps) for (status, sku), steps in groups.items()]
    kept = [line for line in lines if line.quantity or line.status is not LineStatus.DECIDED]
    kept.sort(key=lambda line: (line.first_ns, line.events[0], line.status))
    return Cart(visit=visit, lines=tuple(kept))


def _line(status: LineStatus, sku: Sku | None, steps: list[Decision]) -> CartLine:
    assert all(step.status is Status(status.value) for step in steps)
    ordered = sorted(steps, key=lambda step: (step.from_ns, step.id))
    return CartLine(
        sku=sku,
        quantity=sum(step.quantity for step in steps),
        status=status,
        confidence=min(step.confidence for step in steps),
        first_ns=ordered[0].from_ns,
        events=tuple(step.id for step in ordered),
        taken_ns=tuple(step.from_ns for step in ordered for _ in range(step.quantity)),
    )
