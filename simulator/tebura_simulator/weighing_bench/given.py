"""What the gateway would make of what plates told, if it were given who it was.

The gateway's own bench decides, with the cart of whoever it was: a put-back of what they do not
hold is less likely. What several shoppers did and was told as one is of either, as when all their
hands are there; so is what staff and a shopper did, or who took and who pressed there. Whose a
false event is: of who pressed there and of whose act there at that time was never told; else of who
acted last. Refills alone are left out; they are no shopper's. What came and went is of all whose
hands were there meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import EventId, NodeId, VisitId, track_id
from tebura_gateway.domain.bench import Bench
from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.who import Hand, Who

from tebura_simulator.epoch import START_NS
from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.matching import ALIKE, Group, Matching
from tebura_simulator.weighing_bench.playing import Played, Told

_NODE = NodeId("bench")
_LATER_NS = START_NS + 1_000_000 * SECOND_NS
SOON_S = 5.0
HAND_S = 1.0


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on an event whose shopper was given; `sku` is empty where it is no product."""

    status: Status
    reason: str
    shopper: str
    sku: str
    quantity: int
    confidence: float
    is_right: bool

    @property
    def is_decided(self) -> bool:
        return self.status is Status.DECIDED

    @property
    def is_undone(self) -> bool:
        """Whether it goes with another: what was taken and is back."""
        return self.is_decided and self.reason == Reason.UNDONE

    @property
    def is_line(self) -> bool:
        """Whether nothing but the threshold can keep it from being charged."""
        return bool(self.sku) and self.reason in (Reason.NONE, Reason.WHAT)


def given(played: Played, found: Matching) -> dict[int, Given]:
    """Decisions by the `id` of what was told; refills have none."""
    group_of = {id(one): group for group in found.groups for one in group.told}
    every = [*played.told, *played.passing]
    hands = _hands_of_all(played)
    numbers = {id(one): number for number, one in enumerate(every)}
    layout = played.case.layout
    through_ns = dict.fromkeys(layout.nodes(), int(_LATER_NS))
    bench = Bench(layout, through_ns, JudgementSettings(), (), {})
    visits: dict[str, VisitId] = {}
    facts: dict[int, EventId] = {}
    for one in sorted(every, key=lambda told: (told.event.from_ns, numbers[id(told)])):
        group = group_of.get(id(one))
        if group is not None and all(s.kind is ActionKind.REFILL for s in group.steps):
            continue
        names = hands.get(id(one)) or _shoppers(one, group, played, found)
        for name in names:
            visits.setdefault(name, VisitId(f"gate-1-{len(visits)}"))
        fact = Fact(EventId(_NODE, 1, numbers[id(one)]), one.event)
        who = _who([visits[name] for name in names], visits.values())
        bench.decide(fact, one.event, who)
        facts[id(one)] = fact.id
    # A later step may undo an earlier one: all are read at the end.
    made = bench.decisions
    decisions = {key: made[event] for key, event in facts.items() if event in made}
    name_of = {visit: name for name, visit in visits.items()}
    key_of = {str(event): key for key, event in facts.items()}
    judged = {}
    for key, decision in decisions.items():
        group, partner = group_of.get(key), key_of.get(decision.detail)
        if decision.reason in (Reason.UNDONE, Reason.FOREIGN) and partner is not None:
            is_right = _is_nothing([group, group_of.get(partner)])
        else:
            is_right = _is_right(group, decisions)
        judged[key] = _given(decision, name_of, is_right)
    return judged


def _given(decision: Decision, name_of: Mapping[VisitId, str], is_right: bool) -> Given:
    return Given(
        status=decision.status,
        reason=decision.reason.value,
        shopper=name_of[decision.visit] if decision.visit is not None else "",
        sku=str(decision.sku or ""),
        quantity=decision.quantity,
        confidence=decision.confidence,
        is_right=is_right,
    )


def _who(visits: Sequence[VisitId], known: Iterable[VisitId]) -> Who:
    """All of them as likely, and the hands of all of them there; others are in the store, too."""
    share = 1.0 / len(visits)
    hands = tuple(
        Hand(track_id(_NODE, 1, number), visit, share, 0, is_unsure=False)
        for number, visit in enumerate(visits)
    )
    others = [visit for visit in known if visit not in visits]
    shares = [*((visit, share) for visit in visits), *((visit, 0.0) for visit in others)]
    return Who(tuple(shares), 0.0, hands)


def _shoppers(one: Told, group: Group | None, played: Played, found: Matching) -> list[str]:
    """Whose it may be; never nobody."""
    own = [step.shopper for step in group.steps] if group is not None else []
    if group is not None and abs(group.told_g - group.true_g) <= max(
        ALIKE[0], ALIKE[1] * abs(group.true_g)
    ):
        return list(dict.fromkeys(own))
    touches = [
        touch
        for touch in played.case.story.touches
        if not set(touch.plates).isdisjoint(one.event.plates)
        and touch.from_s - 0.5 <= one.to_s
        and one.from_s <= touch.to_s + SOON_S
    ]
    during = [touch for touch in touches if touch.to_s >= one.from_s - 0.5]
    if group is not None:
        # More than the steps was told: who pressed there or stood up did the rest.
        return list(dict.fromkeys([*own, *(touch.shopper for touch in during)]))
    last = [max(touches, key=lambda touch: touch.from_s)] if touches else []
    names = [touch.shopper for touch in during or last]
    names += [
        step.shopper
        for step in (*found.missed, *found.netted)
        if not step.plates.isdisjoint(one.event.plates)
        and one.from_s - HAND_S <= step.at_s <= one.to_s + HAND_S
    ]
    if names:
        return list(dict.fromkeys(names))
    before = [step for step in played.true if step.at_s <= one.to_s + 0.5]
    return [max(before, key=lambda step: step.at_s).shopper if before else "nobody"]


def _hands_of_all(played: Played) -> dict[int, list[str]]:
    """Whose hands were there while something passed, at either half of it."""
    hands: dict[int, list[str]] = {}
    for halves in zip(played.passing[::2], played.passing[1::2], strict=True):
        names = list(dict.fromkeys(name for half in halves for name in _hands(half, played)))
        hands |= dict.fromkeys(map(id, halves), names)
    return hands


def _hands(one: Told, played: Played) -> list[str]:
    """Who had a hand on these plates meanwhile."""
    names = [
        step.shopper
        for step in played.true
        if not step.plates.isdisjoint(one.event.plates)
        and one.from_s - HAND_S <= step.at_s <= one.to_s + HAND_S
    ]
    names += [
        touch.shopper
        for touch in played.case.story.touches
        if not set(touch.plates).isdisjoint(one.event.plates)
        and touch.from_s <= one.to_s + HAND_S
        and one.from_s <= touch.to_s + HAND_S
    ]
    return list(dict.fromkeys(names))


def _is_right(group: Group | None, decisions: Mapping[int, Decision]) -> bool:
    if group is None:
        return False
    mine = [decisions[id(one)] for one in group.told if id(one) in decisions]
    if any(step.is_foreign for step in group.steps):
        return all(decision.sku is None for decision in mine)
    return _counted([(s.sku, -s.sign * s.quantity) for s in group.steps]) == _counted(
        [(str(d.sku or "nothing"), d.quantity) for d in mine]
    )


def _is_nothing(groups: Sequence[Group | None]) -> bool:
    """Whether what is told as undone sums to nothing."""
    known = {id(group): group for group in groups if group is not None}
    steps = [step for group in known.values() for step in group.steps if not step.is_foreign]
    return not _counted([(s.sku, -s.sign * s.quantity) for s in steps])


def _counted(items: Sequence[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for sku, count in items:
        found[sku] = found.get(sku, 0) + count
    return {sku: count for sku, count in found.items() if count}
