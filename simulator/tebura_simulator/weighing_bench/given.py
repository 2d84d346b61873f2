"""What the gateway would make of what plates told, if it were given who it was.

The gateway's own bench decides, with the cart of whoever it was: a put-back of what they do not
hold is less likely. Whose a false event is: of who pressed there, else of who acted last.
Refills are left out; they are no shopper's.
"""

from collections.abc import Mapping, Sequence

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import EventId, NodeId, VisitId
from tebura_gateway.domain.bench import Bench
from tebura_gateway.domain.decision import Decision, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.who import Who

from tebura_simulator.epoch import START_NS
from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.matching import Group, Matching
from tebura_simulator.weighing_bench.playing import Played, Told

_NODE = NodeId("bench")
_LATER_NS = START_NS + 1_000_000 * SECOND_NS
SOON_S = 5.0


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on an event whose shopper was given; `sku` is empty where it is no product."""

    status: Status
    reason: str
    sku: str
    quantity: int
    confidence: float
    is_right: bool


def given(played: Played, found: Matching) -> dict[int, Given]:
    """Decisions by the event's place in `played.told`; refills have none."""
    group_of = {id(one): group for group in found.groups for one in group.told}
    numbers = {id(one): number for number, one in enumerate(played.told)}
    layout = played.case.layout
    through_ns = dict.fromkeys(layout.nodes(), int(_LATER_NS))
    bench = Bench(layout, through_ns, JudgementSettings(), (), {})
    visits: dict[str, VisitId] = {}
    decisions: dict[int, Decision] = {}
    for one in sorted(played.told, key=lambda told: (told.event.from_ns, numbers[id(told)])):
        group = group_of.get(id(one))
        if group is not None and any(s.kind is ActionKind.REFILL for s in group.steps):
            continue
        shopper = _shopper(one, group, played)
        visit = visits.setdefault(shopper, VisitId(f"gate-1-{len(visits)}"))
        fact = Fact(EventId(_NODE, 1, numbers[id(one)]), one.event)
        who = Who(((visit, 1.0),), 0.0, ())
        decisions[id(one)] = bench.decide(fact, one.event, who)
    return {
        numbers[key]: _given(decision, _is_right(group_of.get(key), decisions))
        for key, decision in decisions.items()
    }


def _given(decision: Decision, is_right: bool) -> Given:
    return Given(
        status=decision.status,
        reason=decision.reason.value,
        sku=str(decision.sku or ""),
        quantity=decision.quantity,
        confidence=decision.confidence,
        is_right=is_right,
    )


def _shopper(one: Told, group: Group | None, played: Played) -> str:
    if group is not None:
        return group.steps[0].shopper
    touches = [
        touch
        for touch in played.case.story.touches
        if not set(touch.plates).isdisjoint(one.event.plates)
        and touch.from_s - 0.5 <= one.to_s
        and one.from_s <= touch.to_s + SOON_S
    ]
    if touches:
        return max(touches, key=lambda touch: touch.from_s).shopper
    before = [step for step in played.true if step.at_s <= one.to_s + 0.5]
    return max(before, key=lambda step: step.at_s).shopper if before else "nobody"


def _is_right(group: Group | None, decisions: Mapping[int, Decision]) -> bool:
    if group is None:
        return False
    mine = [decisions[id(one)] for one in group.told if id(one) in decisions]
    if any(step.is_foreign for step in group.steps):
        return all(decision.sku is None for decision in mine)
    return _counted([(s.sku, -s.sign * s.quantity) for s in group.steps]) == _counted(
        [(str(d.sku or "nothing"), d.quantity) for d in mine]
    )


def _counted(items: Sequence[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for sku, count in items:
        found[sku] = found.get(sku, 0) + count
    return {sku: count for sku, count in found.items() if count}
