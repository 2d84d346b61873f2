"""Who took what: joins the steps of the plates with the reaches and the visits.

`judge` is a function of the *set* of facts (I3): any order and any duplicates give the same result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tebura_contract.ids import EventId, MemberId, NodeId, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.blindness import outages_of
from tebura_gateway.domain.counter import at_counters
from tebura_gateway.domain.decision import Decision, Reason, Ruling, Status, StepKind, Suspect
from tebura_gateway.domain.facts import Fact, in_order
from tebura_gateway.domain.presence import Visit, presence_of
from tebura_gateway.domain.restricted import asked_about
from tebura_gateway.domain.staffing import as_staff_work
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.walk import Seen, Walk

__all__ = ["Decision", "Judgement", "Reason", "Ruling", "Status", "StepKind", "Suspect", "judge"]


@dataclass(frozen=True)
class Judgement:
    """All visits and all steps, as far as the facts go."""

    visits: dict[VisitId, Visit]
    decisions: dict[EventId, Decision]
    # Those of staff, who buy nothing.
    staff: frozenset[VisitId] = frozenset()

    def of_visit(self, visit: VisitId) -> list[Decision]:
        """The steps on a visit's cart, in order of time."""
        return self._of_visits.get(visit, [])

    def in_doubt(self, visit: VisitId) -> list[Decision]:
        """Undecided steps that may be this visit's."""
        return self._in_doubt.get(visit, [])

    # Asked for every visit, of which there may be thousands: each goes through all steps once.

    @cached_property
    def _of_visits(self) -> dict[VisitId | None, list[Decision]]:
        found: dict[VisitId | None, list[Decision]] = {}
        for decision in self.decisions.values():
            found.setdefault(decision.visit, []).append(decision)
        return found

    @cached_property
    def _in_doubt(self) -> dict[VisitId | None, list[Decision]]:
        found: dict[VisitId | None, list[Decision]] = {}
        for decision in self.decisions.values():
            if decision.status is not Status.DECIDED:
                for visit in {decision.visit, *(one.visit for one in decision.suspects)}:
                    found.setdefault(visit, []).append(decision)
        return found


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people told the gateway about visits: members who are staff, visits that are over."""

    staff: frozenset[MemberId] = frozenset()
    closed_ns: Mapping[VisitId, int] = field(default_factory=dict)


NOTHING_BY_HAND: Final = ByHand()


def judge(
    facts: Iterable[Fact],
    layout: Layout,
    through_ns: Mapping[NodeId, int],
    settings: JudgementSettings | None = None,
    rulings: Mapping[EventId, Ruling] | None = None,
    hand: ByHand = NOTHING_BY_HAND,
    walk: Walk | None = None,
) -> Judgement:
    """Join what the nodes reported.

    Args:
        facts: In any order, with any duplicates.
        layout: What stands where, and who watches it.
        through_ns: The believed watermark of each node, store time.
        settings: Tolerances; the defaults where None.
        rulings: What staff decided, by step; wins over all evidence.
        hand: What else people said: who is staff, which visits are over.
        walk: The one of the last judgement of this store; with it, this one takes less time.
    """
    settings = settings if settings is not None else JudgementSettings()
    ordered = in_order(facts)
    presence = presence_of(ordered, layout, through_ns, settings, hand.closed_ns)
    outages = outages_of(ordered, layout)
    seen = Seen(ordered, presence, outages, layout, through_ns, settings, rulings or {})
    decided = (walk if walk is not None else Walk()).over(seen)
    staff = frozenset(visit.id for visit in presence.visits.values() if visit.member in hand.staff)
    decisions = as_staff_work(decided, ordered, staff, settings)
    decisions = at_counters(decisions, ordered, layout, settings)
    if settings.asks_age:
        decisions = asked_about(decisions, layout, rulings or {})
    return Judgement(presence.visits, decisions, staff)
