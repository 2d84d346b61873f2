"""The gateway's part of a replay: facts come in, the judgement goes on, decisions go back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tebura_contract.events import Event, ItemPicked, ItemReturned
from tebura_contract.ids import EventId, NodeId, Sku, VisitId
from tebura_contract.layout import Layout
from tebura_contract.messages import StepDecided
from tebura_gateway.domain.decision import Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.domain.presence import NEVER_NS
from tebura_gateway.domain.tolerances import JudgementSettings

Judge = Callable[[Iterable[Fact], Layout, Mapping[NodeId, int], JudgementSettings], Judgement]


@dataclass
class Judging:
    """All facts so far, what they come to, and when what became known.

    Attributes:
        decided_ns: Store time at which a step was first decided or sent to a person.
        left_ns: Store time at which a visit could be settled but for reviews: everybody had told
            all up to its end, and nothing of it was still being checked.
        taught: Steps whose decision went back to the node.
    """

    layout: Layout
    settings: JudgementSettings
    facts: list[Fact] = field(default_factory=list)
    judgement: Judgement = field(default_factory=lambda: Judgement({}, {}))
    decided_ns: dict[EventId, int] = field(default_factory=dict)
    left_ns: dict[VisitId, int] = field(default_factory=dict)
    taught: set[EventId] = field(default_factory=set)
    has_news: bool = False
    _events: dict[EventId, Event] = field(default_factory=dict)

    def take(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.facts.append(fact)
            self._events.setdefault(fact.id, fact.event)
            self.has_news = True

    def judge(self, judge: Judge, through_ns: Mapping[NodeId, int], now_ns: int) -> None:
        self.judgement = judge(self.facts, self.layout, through_ns, self.settings)
        decisions = self.judgement.decisions.values()
        for decision in decisions:
            if decision.status is not Status.CHECKING:
                self.decided_ns.setdefault(decision.id, now_ns)
        self._note_left(through_ns, now_ns)
        is_open = len(self.left_ns) < len(self.judgement.visits)
        self.has_news = is_open or any(d.status is Status.CHECKING for d in decisions)

    def lessons(self) -> list[tuple[NodeId, StepDecided]]:
        """Newly decided steps, for the nodes that reported them, as the gateway sends them."""
        found = []
        for decision in self.judgement.decisions.values():
            if decision.status is not Status.DECIDED or decision.id in self.taught:
                continue
            event = self._events.get(decision.id)
            if isinstance(event, ItemPicked | ItemReturned) and decision.sku is not None:
                self.taught.add(decision.id)
                command = StepDecided(
                    event=decision.id,
                    sku=Sku(decision.sku),
                    quantity=abs(decision.quantity),
                    plates=event.plates,
                    delta_g=event.delta_g,
                )
                found.append((decision.id.node, command))
        return found

    def _note_left(self, through_ns: Mapping[NodeId, int], now_ns: int) -> None:
        passed_ns = min(
            (through_ns.get(node, NEVER_NS) for node in self.layout.nodes()), default=NEVER_NS
        )
        for visit in self.judgement.visits.values():
            if visit.exited_ns is None or visit.exited_ns > passed_ns:
                self.left_ns.pop(visit.id, None)
            elif visit.id not in self.left_ns and not any(
                step.status is Status.CHECKING for step in self.judgement.in_doubt(visit.id)
            ):
                self.left_ns[visit.id] = now_ns
