"""The judging of one step after the other, and what is learnt on the way through time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tebura_contract.clock import JOIN_UNCERTAINTY_NS, SECOND_NS
from tebura_contract.events import ForeignObject, ItemPicked, ItemReturned
from tebura_contract.ids import EventId, NodeId, ShelfId, Sku, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.blindness import Outage, outage_during
from tebura_gateway.domain.decision import Decision, Reason, Ruling, Status, StepKind, Suspect
from tebura_gateway.domain.facts import Fact, Step
from tebura_gateway.domain.presence import NEVER_NS
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.what import Guess, guesses
from tebura_gateway.domain.who import Who

_SUSPECT = 0.02
"""A visit this likely to be behind a doubtful step waits for its review."""
_UNHELD = 0.01
"""How much less likely a shopper puts back what they were not known to hold: about as many picks go
unseen. A put-back in the wrong place weighs what several products of the store do; at 0.05 those
outweigh together the one that is held, and two in three such put-backs ask for a review."""
_SAME_OBJECT_G = 8.0
_SETTLED_REASONS = (Reason.NONE, Reason.FOREIGN, Reason.STAFF)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The best explanation of a step, and why it may not be good enough."""

    visit: VisitId | None = None
    sku: Sku | None = None
    quantity: int = 0
    confidence: float = 0.0
    reason: Reason = Reason.NONE
    detail: str = ""


@dataclass(slots=True)
class Bench:
    """Decides steps in order of time; remembers who holds what and what lies where."""

    layout: Layout
    through_ns: Mapping[NodeId, int]
    settings: JudgementSettings
    outages: Sequence[Outage]
    rulings: Mapping[EventId, Ruling]
    _held: dict[VisitId, dict[Sku, int]] = field(default_factory=dict)
    _waiting: set[VisitId] = field(default_factory=set)
    _laid_down_g: dict[ShelfId, list[float]] = field(default_factory=dict)

    def decide(self, fact: Fact, step: Step, who: Who) -> Decision:
        """Judge the next step."""
        explained = () if isinstance(step, ForeignObject) else guesses(step.candidates)
        ruling = self.rulings.get(fact.id)
        if ruling is not None:
            verdict = _Verdict(ruling.visit, ruling.sku, ruling.quantity, 1.0, Reason.STAFF)
        elif isinstance(step, ForeignObject):
            verdict = self._foreign(step, who)
        else:
            verdict = self._best(step, who, explained)
        doubt = None if ruling is not None else self._doubt(fact, step, who)
        if doubt is not None and verdict.reason is not Reason.FOREIGN:
            verdict = replace(verdict, reason=doubt[0], detail=doubt[1])
        status = self._status(fact, step, who, verdict)
        decision = Decision(
            id=fact.id,
            kind=_kind(step),
            shelf=step.shelf,
            plates=step.plates,
            from_ns=step.from_ns,
            to_ns=step.to_ns,
            delta_g=step.delta_g,
            sigma_g=step.sigma_g,
            status=status,
            visit=verdict.visit,
            track=who.track_of(verdict.visit),
            sku=verdict.sku,
            quantity=verdict.quantity,
            confidence=round(verdict.confidence, 6),
            candidates=explained,
            suspects=_suspects(who),
            reason=Reason.WAITING if status is Status.CHECKING else verdict.reason,
            detail=verdict.detail,
        )
        self._learn(decision)
        return decision

    def _best(
        self, step: ItemPicked | ItemReturned, who: Who, explained: Sequence[Guess]
    ) -> _Verdict:
        """The top of the joint posterior of who and what, and of what they held."""
        if not explained:
            visit = who.posterior[0][0] if who.posterior else None
            return _Verdict(visit=visit, reason=Reason.NO_CANDIDATE)
        sign = 1 if isinstance(step, ItemPicked) else -1
        if not who.posterior:
            top = explained[0]
            return _Verdict(None, top.sku, sign * top.quantity, top.probability, Reason.NO_VISIT)
        joint = [
            (share * guess.probability * self._holding(step, visit, guess), visit, guess)
            for visit, share in who.posterior
            for guess in explained
        ]
        weight, visit, guess = max(
            joint, key=lambda item: (item[0], item[1], item[2].sku, item[2].quantity)
        )
        known = math.fsum(share for _, share in who.posterior)
        total = math.fsum(item[0] for item in joint)
        of_visit = math.fsum(item[0] for item in joint if item[1] == visit)
        confidence = known * weight / total
        reason = Reason.NONE
        if self._holding(step, visit, guess) < 1.0:
            reason = Reason.NOT_HELD
        elif who.stranger > known:
            reason = Reason.STRANGER
        elif known * of_visit / total < self.settings.threshold:
            reason = Reason.WHO
        elif confidence < self.settings.threshold:
            reason = Reason.WHAT
        return _Verdict(visit, guess.sku, sign * guess.quantity, confidence, reason)

    def _holding(self, step: Step, visit: VisitId, guess: Guess) -> float:
        if isinstance(step, ItemPicked):
            return 1.0
        held = self._held.get(visit, {}).get(guess.sku, 0)
        return 1.0 if held >= guess.quantity else _UNHELD

    def _foreign(self, step: ForeignObject, who: Who) -> _Verdict:
        """Something laid down is nobody's purchase; what leaves must have been laid down before."""
        visit = who.posterior[0][0] if who.posterior else None
        lying = self._laid_down_g.setdefault(step.shelf, [])
        if step.delta_g >= 0.0:
            lying.append(step.delta_g)
            return _Verdict(visit=visit, confidence=1.0, reason=Reason.FOREIGN)
        tolerance_g = max(_SAME_OBJECT_G, 3.0 * step.sigma_g)
        same = [g for g in lying if abs(g + step.delta_g) <= tolerance_g]
        if not same:
            return _Verdict(visit=visit, reason=Reason.NO_CANDIDATE)
        lying.remove(same[0])
        return _Verdict(visit=visit, confidence=1.0, reason=Reason.FOREIGN)

    def _doubt(self, fact: Fact, step: Step, who: Who) -> tuple[Reason, str] | None:
        """Why evidence about this step must not be trusted, whatever it says."""
        if fact.flags:
            return Reason.FLAGGED, " ".join(sorted(fact.flags))
        if step.shelf not in self.layout.shelves():
            return Reason.UNKNOWN_SHELF, step.shelf
        if step.blind:
            return Reason.BLIND, step.blind
        outage = outage_during(self.outages, step.shelf, step.from_ns, step.to_ns, weighs=True)
        if outage is not None:
            return Reason.BLIND, outage.reason
        return self._doubt_who(fact, step, who) if len(who.posterior) > 1 else None

    def _doubt_who(self, fact: Fact, step: Step, who: Who) -> tuple[Reason, str] | None:
        """With several visits open it matters that cameras saw and that clocks agreed."""
        before_ns = round(self.settings.reach_before_s * SECOND_NS)
        after_ns = round(self.settings.reach_after_s * SECOND_NS)
        outage = outage_during(
            self.outages, step.shelf, step.from_ns - before_ns, step.to_ns + after_ns, weighs=False
        )
        if outage is not None:
            return Reason.BLIND, outage.reason
        uncertainty_ns = max(
            [fact.uncertainty_ns] + [hand.uncertainty_ns for hand in who.hands[:1]]
        )
        if uncertainty_ns > JOIN_UNCERTAINTY_NS:
            return Reason.CLOCK, f"{uncertainty_ns / SECOND_NS:.3f} s"
        return (Reason.WHO, "two stood at the gate") if who.rests_on_toss_up() else None

    def _status(self, fact: Fact, step: Step, who: Who, verdict: _Verdict) -> Status:
        if verdict.reason is Reason.STAFF:
            return Status.DECIDED
        if fact.flags or step.shelf not in self.layout.shelves():
            return Status.REVIEW
        heard_ns = min(
            (self.through_ns.get(node, NEVER_NS) for node in self._nodes(step.shelf)),
            default=NEVER_NS,
        )
        if heard_ns < step.to_ns + self.settings.slack_s * SECOND_NS:
            return Status.CHECKING
        if isinstance(step, ItemReturned) and any(
            visit in self._waiting for visit, _ in who.posterior
        ):
            # What they hold is not known before their earlier steps are.
            return Status.CHECKING
        return Status.DECIDED if verdict.reason in _SETTLED_REASONS else Status.REVIEW

    def _nodes(self, shelf: ShelfId) -> frozenset[NodeId]:
        gates = frozenset(gate.node for gate in self.layout.gate)
        return self.layout.nodes_of_shelf(shelf) | gates

    def _learn(self, decision: Decision) -> None:
        if decision.status is Status.CHECKING:
            self._waiting.update(suspect.visit for suspect in decision.suspects)
        if (
            decision.status is Status.DECIDED
            and decision.visit is not None
            and decision.sku is not None
        ):
            held = self._held.setdefault(decision.visit, {})
            held[decision.sku] = held.get(decision.sku, 0) + decision.quantity


def _kind(step: Step) -> StepKind:
    match step:
        case ItemPicked():
            return StepKind.PICK
        case ItemReturned():
            return StepKind.RETURN
        case ForeignObject():
            return StepKind.FOREIGN


def _suspects(who: Who) -> tuple[Suspect, ...]:
    return tuple(
        Suspect(visit=visit, probability=round(share, 6))
        for visit, share in who.posterior
        if share >= _SUSPECT or len(who.posterior) == 1
    )
