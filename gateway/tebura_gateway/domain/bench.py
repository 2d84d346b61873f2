"""The judging of one step after the other, and what is learnt on the way through time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from tebura_contract.clock import JOIN_UNCERTAINTY_NS, SECOND_NS
from tebura_contract.events import ForeignObject
from tebura_contract.ids import EventId, NodeId, ShelfId, Sku, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.blindness import Outage, outage_during
from tebura_gateway.domain.decision import Decision, Reason, Ruling, Status, StepKind, Suspect
from tebura_gateway.domain.facts import Fact, Step, is_passing
from tebura_gateway.domain.holdings import UNHELD, Holdings
from tebura_gateway.domain.joint import Catalogue, Joint, weigh
from tebura_gateway.domain.presence import NEVER_NS
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.undoing import (
    ANOTHER_SOON,
    AT_ONCE_S,
    PUT_HERE,
    SURE_SIGMAS,
    Past,
    Undoing,
    is_some_of,
    is_soon,
    same_hand,
)
from tebura_gateway.domain.what import Guess, guesses, mixed, other_share
from tebura_gateway.domain.who import Who

_LIKELY = 4
"""So many of the best explanations count where it is asked who holds such a thing."""
WHOLE_WITHIN, WHOLE_WITHIN_G = 0.1, 3.0
"""Packages further off their weight are open, or not what they seem; nodes learn up to there."""
_SUSPECT = 0.02
"""A visit this likely to be behind a doubtful step waits for its review."""
PASSING_HAND = 0.1
"""A second hand this likely, against the first, may have put back or taken what passed."""
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
    decisions: dict[EventId, Decision] = field(default_factory=dict)
    waits: bool = False
    """Whether a step was not decided because a node had not said enough yet."""
    _waiting: set[VisitId] = field(default_factory=set)
    _undoing: Undoing = field(default_factory=Undoing)
    _catalogue: Catalogue = field(init=False)
    _holdings: Holdings = field(init=False)

    def __post_init__(self) -> None:
        self._catalogue = Catalogue.of(self.layout)
        self._holdings = Holdings(len(self._catalogue.products))

    def going_on(self, through_ns: Mapping[NodeId, int], outages: Sequence[Outage]) -> "Bench":
        """One that has decided as much, and goes on by itself with what is known now."""
        other = replace(
            self,
            through_ns=through_ns,
            outages=outages,
            decisions=self.decisions.copy(),
            _waiting=self._waiting.copy(),
            _undoing=self._undoing.copy(),
        )
        other._holdings = self._holdings.copy()
        return other

    def decide(self, fact: Fact, step: Step, who: Who) -> None:
        """Judge the next step; it may undo an earlier one, which is decided with it then.

        All decisions, as far as they go, are in `decisions`; there is none of what passed under
        one visit's hands.
        """
        if is_passing(step):
            if fact.id in self.rulings or self._may_be_of_two(fact, step, who):
                found = guesses(step.candidates, step.log_other)
                decision = self._decision(fact, step, who, found)
                if step.delta_g > 0.0:
                    # What lies there now is not known, either.
                    self._undoing.add(Past(decision, dict(who.posterior), is_contested=True))
                self._note(decision)
            return
        past, found = self._remembered(step, who)
        decision = self._decision(fact, step, who, found)
        undone = self._undone(decision, step, who) or self._undone_in_parts(decision, step, who)
        is_let_down = undone is None and self._is_let_down(decision, step, who)
        if past is not None and not (past.is_product and _is_another(past.decision, decision)):
            self._undoing.forget(past)
        if undone is not None:
            decision = self._undo(undone, decision)
        if undone is None or undone.is_product:
            shares = dict(who.posterior)
            self._undoing.add(Past(decision, shares, who.is_contested(), is_let_down))
        self._note(decision)

    def _is_let_down(self, decision: Decision, step: Step, who: Who) -> bool:
        """Whether what is back, nobody knows what, may be what the same hand lifted just before.

        Then what left is asked about, too. Who says that nothing was put there has not yet said
        that something was taken.
        """
        if step.delta_g < 0.0 or not _is_unexplained(decision):
            return False
        lifted = [
            past
            for past in self._undoing.lifted(step)
            if past.decision.reason is not Reason.STAFF
            and self._same_hand(past, who) >= self.settings.who_threshold
        ]
        for past in lifted:
            is_open = not past.is_product or past.decision.reason is Reason.UNDONE
            is_at_once = is_soon(past.decision, step.from_ns, AT_ONCE_S)
            if is_at_once and not is_open and not _is_the_same(past.decision, decision):
                self._doubt_taken(past)
        return bool(lifted)

    def _doubt_taken(self, past: Past) -> None:
        taken = past.decision
        if taken.visit is not None and taken.sku is not None:
            self._holdings.take(taken.visit, taken.sku, -taken.quantity)
        asked = msgspec.structs.replace(taken, status=Status.REVIEW, reason=Reason.WHAT)
        self._undoing.add(replace(past, decision=asked))
        self._note(asked)

    def _note(self, decision: Decision) -> None:
        self.decisions[decision.id] = decision
        self._learn(decision)

    def _may_be_of_two(self, fact: Fact, step: Step, who: Who) -> bool:
        """Whether what came to nothing may be one visit's put-back and another's pick.

        Two hands were there, or nobody can say whose were.
        """
        if len(who.posterior) < 2:
            return False
        if self._doubt(fact, step, who) is not None:
            return True
        if not who.hands:
            return not self.layout.watchers(step.shelf)
        least = PASSING_HAND * who.hands[0].score
        return len({hand.visit for hand in who.hands if hand.score >= least} - {None}) > 1

    def _undo(self, past: Past, decision: Decision) -> Decision:
        """Decide an earlier step together with this one, which undoes it."""
        self._undoing.forget(past)
        if past.is_product:
            first, then = _put_back(past.decision, decision)
            self.decisions[first.id] = first
            return then
        reason = Reason.FOREIGN if decision.delta_g < 0.0 else Reason.UNDONE
        if past.decision.reason is not Reason.STAFF:
            self.decisions[past.decision.id] = _nobodys(past.decision, reason, decision)
            self._note_perhaps(past.decision, -1.0)
        return _nobodys(decision, reason, past.decision)

    def _remembered(self, step: Step, who: Who) -> tuple[Past | None, tuple[Guess, ...]]:
        """What the node tells, and what is known here of a thing of this weight.

        What leaves may be what was put there before, or some of it; what comes back to where it was
        taken from, by the same hand, and would be none of the candidates is what was taken.
        """
        found = guesses(step.candidates, step.log_other)
        alike = list(self._undoing.alike(step))
        for past in alike:
            if step.delta_g < 0.0:
                other = other_share(found)
                share = max(PUT_HERE, other)
                if past.is_product and not any(one.is_open for one in alike):
                    # What its node does not know yet is decided here: none of it is anything else.
                    share = PUT_HERE + (1.0 - PUT_HERE) * other
                return past, mixed(found, past.guesses(), share)
            if past.is_product and self._same_hand(past, who) >= self.settings.who_threshold:
                return past, mixed(found, past.guesses(), other_share(found))
        perhaps = self._undoing.perhaps(step)
        return None, mixed(found, perhaps, PUT_HERE) if perhaps else found

    def _decision(self, fact: Fact, step: Step, who: Who, found: Sequence[Guess]) -> Decision:
        joint = weigh(step, who, found, self._holdings, self._catalogue)
        ruling = self.rulings.get(fact.id)
        if ruling is not None:
            verdict = _Verdict(ruling.visit, ruling.sku, ruling.quantity, 1.0, Reason.STAFF)
        else:
            verdict = self._verdict(step, who, joint)
            doubt = self._doubt(fact, step, who)
            if doubt is None and is_passing(step):
                doubt = Reason.WHO, "came and went, two may have acted"
            if doubt is not None and verdict.reason is not Reason.FOREIGN:
                verdict = replace(verdict, reason=doubt[0], detail=doubt[1])
        status = self._status(fact, step, who, verdict)
        candidates = joint.guesses()
        return Decision(
            id=fact.id,
            kind=_kind(step, verdict),
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
            candidates=candidates,
            suspects=self._suspects(verdict, who, candidates),
            reason=Reason.WAITING if status is Status.CHECKING else verdict.reason,
            detail=verdict.detail,
        )

    def _verdict(self, step: Step, who: Who, joint: Joint) -> _Verdict:
        """The top of the joint posterior, and whether it is good enough."""
        threshold, is_return = self.settings.threshold, step.delta_g > 0.0
        best = joint.best()
        if best is None or joint.other >= self.settings.nobodys_threshold:
            visit = who.posterior[0][0] if who.posterior else None
            is_thing = isinstance(step, ForeignObject) and not step.is_passing
            if is_return and is_thing and not who.is_contested():
                return _Verdict(visit, confidence=joint.other, reason=Reason.FOREIGN)
            # Several products at once are none of the candidates, either.
            return _Verdict(visit, reason=Reason.NO_CANDIDATE)
        visit, sku, quantity, share = best
        reason = Reason.NONE
        if visit is None:
            reason = Reason.NO_VISIT
        elif is_return and not self._holdings.holds(visit, sku, quantity):
            reason = Reason.NOT_HELD
        elif who.stranger > joint.known:
            reason = Reason.STRANGER
        elif (
            who.is_contested()
            or (quantity > 1 and who.may_be_several())
            or joint.known * joint.of_visit(visit) < self.settings.who_threshold
        ):
            reason = Reason.WHO
        elif share < threshold * joint.of_visit(visit) or (
            _may_be_noise(step)
            or not self._is_whole(step, sku, quantity)
            or self._may_be_another(step, joint, visit, sku, quantity)
            if is_return
            else self._may_be_a_hand(step, who)
        ):
            reason = Reason.WHAT
        quantity = -quantity if is_return else quantity
        return _Verdict(visit, sku, quantity, joint.known * share, reason)

    def _may_be_a_hand(self, step: Step, who: Who) -> bool:
        """Whether what leaves may be what came there just before by the same hand, and is open."""
        return any(
            past.is_open and self._same_hand(past, who) >= self.settings.who_threshold
            for past in self._undoing.loosely(step)
        )

    def _may_be_another(
        self, step: Step, joint: Joint, visit: VisitId, sku: Sku, quantity: int
    ) -> bool:
        """Whether they hold something else that may be back, and this weighed otherwise before.

        One thing weighs the same twice on the same plates: when they took it, and now.
        """
        taken = self._undoing.taken(step, visit, sku)
        is_other_held = any(
            whose == visit and other != sku and self._holdings.holds(visit, other, count)
            for whose, other, count in joint.shares
        )
        if not (taken and is_other_held):
            return False
        is_all = not self._holdings.holds(
            visit, sku, 1 + sum(one.decision.quantity for one in taken)
        )
        return is_all and not any(is_some_of(past, step, quantity) for past in taken)

    def _is_whole(self, step: Step, sku: Sku, quantity: int) -> bool:
        """Whether what came back weighs what it did: half empty, it is for a person to say."""
        product = self._catalogue.products.get(sku)
        if product is None:
            return False
        expected_g = quantity * product.weight_g
        within_g = max(WHOLE_WITHIN * expected_g, 3.0 * step.sigma_g, WHOLE_WITHIN_G)
        return abs(abs(step.delta_g) - expected_g) <= within_g

    def _undone(self, decision: Decision, step: Step, who: Who) -> Past | None:
        """An earlier step that this one undoes, whatever both were."""
        if decision.reason is Reason.STAFF or not Past(decision, {}).is_seen:
            return None
        alike = self._undoing.alike(step)
        return next((past for past in alike if self._undoes(past, decision, who)), None)

    def _undone_in_parts(self, decision: Decision, step: Step, who: Who) -> Past | None:
        """An earlier step that this one and others undo together, none of which is known by itself.

        Those others are nobody's then.
        """
        found = self._undoing.in_parts(step)
        is_known = decision.status is Status.DECIDED and decision.sku is not None
        is_back = step.delta_g > 0.0
        if found is None or (is_back and is_known) or decision.status is Status.CHECKING:
            return None
        past, parts = found
        least = self.settings.who_threshold
        is_one = all(self._same_hand(one, who) >= least for one in (past, *parts))
        was_laid = is_back or not any(one.is_product or one.is_let_down for one in (past, *parts))
        if not (is_one and was_laid and Past(decision, {}).is_seen):
            return None
        for part in parts:
            self._undoing.forget(part)
            self.decisions[part.decision.id] = _nobodys(part.decision, Reason.UNDONE, decision)
        return past

    def _undoes(self, past: Past, decision: Decision, who: Who) -> bool:
        same = self._same_hand(past, who)
        if past.is_product:
            return same >= self.settings.who_threshold and self._is_put_back(past, decision)
        if not past.is_open or past.is_contested or who.is_contested() or past.is_let_down:
            # One may have put back what another took, though all of it comes to nothing.
            return False
        if decision.delta_g < 0.0:
            apart = 1.0 - same
            if is_soon(past.decision, decision.from_ns):
                apart *= ANOTHER_SOON
            is_one = same >= self.settings.who_threshold * (same + apart)
            return is_one or decision.reason is Reason.NO_CANDIDATE
        if decision.status is Status.DECIDED and decision.sku is not None:
            # What they hold may weigh the same, but belongs elsewhere.
            home = self._catalogue.stands(decision.shelf, decision.plates)
            is_lifted = decision.sku not in home and is_soon(past.decision, decision.from_ns)
            return is_lifted and same >= self.settings.who_threshold
        held = math.fsum(
            share * guess.probability
            for visit, share in who.posterior
            for guess in decision.candidates
            if self._holdings.holds(visit, guess.sku, guess.quantity)
        )
        other = max(held, UNHELD)
        return same >= self.settings.who_threshold * (same + other)

    def _is_put_back(self, past: Past, decision: Decision) -> bool:
        """Whether what was taken comes back, unless it may be something else that they hold."""
        first = past.decision
        if (
            decision.delta_g < 0.0
            or first.reason is Reason.STAFF
            or decision.status is Status.CHECKING
        ):
            return False
        another = math.fsum(
            guess.probability
            for guess in decision.candidates
            if (guess.sku, guess.quantity) != (first.sku, first.quantity)
            and self._holdings.holds(first.visit, guess.sku, guess.quantity)
        )
        return another <= 1.0 - self.settings.nobodys_threshold

    def _same_hand(self, past: Past, who: Who) -> float:
        return same_hand(past.shares, dict(who.posterior))

    def _doubt(self, fact: Fact, step: Step, who: Who) -> tuple[Reason, str] | None:
        """Why evidence about this step must not be trusted, whatever it says."""
        if fact.flags:
            return Reason.FLAGGED, " ".join(sorted(fact.flags))
        if step.shelf not in self._catalogue.shelves:
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
        if fact.flags or step.shelf not in self._catalogue.shelves:
            return Status.REVIEW
        heard_ns = min(
            (self.through_ns.get(node, NEVER_NS) for node in self._nodes(step.shelf)),
            default=NEVER_NS,
        )
        if heard_ns < step.to_ns + self.settings.slack_s * SECOND_NS:
            return Status.CHECKING
        if step.delta_g > 0.0 and any(visit in self._waiting for visit, _ in who.posterior):
            # What they hold is not known before their earlier steps are.
            return Status.CHECKING
        return Status.DECIDED if verdict.reason in _SETTLED_REASONS else Status.REVIEW

    def _nodes(self, shelf: ShelfId) -> frozenset[NodeId]:
        gates = frozenset(gate.node for gate in self.layout.gate)
        return self.layout.nodes_of_shelf(shelf) | gates

    def _suspects(self, verdict: _Verdict, who: Who, found: Sequence[Guess]) -> tuple[Suspect, ...]:
        """Whose step it may be; of what comes back from who knows whom, also who holds it."""
        is_open = verdict.quantity < 0 and verdict.reason in (Reason.NOT_HELD, Reason.WHO)
        likely = found[:_LIKELY] if is_open else ()
        return tuple(
            Suspect(visit=visit, probability=round(share, 6))
            for visit, share in who.posterior
            if share >= _SUSPECT
            or len(who.posterior) == 1
            or any(self._holdings.holds(visit, guess.sku, guess.quantity) for guess in likely)
        )

    def _learn(self, decision: Decision) -> None:
        if decision.status is Status.CHECKING:
            self.waits = True
            self._waiting.update(suspect.visit for suspect in decision.suspects)
        if decision.status is Status.DECIDED:
            if decision.visit is not None and decision.sku is not None:
                self._holdings.take(decision.visit, decision.sku, decision.quantity)
        else:
            self._note_perhaps(decision, 1.0)

    def _note_perhaps(self, decision: Decision, times: float) -> None:
        if decision.delta_g < 0.0:
            for suspect in decision.suspects:
                for guess in decision.candidates:
                    share = suspect.probability * guess.probability
                    self._holdings.may_take(suspect.visit, guess.sku, times * share)
                unknown = suspect.probability * other_share(decision.candidates)
                self._holdings.may_take(suspect.visit, None, times * unknown)


def _is_unexplained(decision: Decision) -> bool:
    """Whether nobody knows which product is back, or staff said that none is."""
    if decision.reason is Reason.STAFF:
        return decision.sku is None
    return decision.status is Status.REVIEW


def _may_be_noise(step: Step) -> bool:
    """Whether it is so little that nobody is credited with it unseen."""
    return abs(step.delta_g) < SURE_SIGMAS * step.sigma_g


def _is_the_same(first: Decision, then: Decision) -> bool:
    """Whether one question about what came back asks about what was taken, too."""
    return (first.visit, first.sku, first.quantity) == (then.visit, then.sku, -then.quantity)


def _is_another(first: Decision, then: Decision) -> bool:
    """Whether it is decided that both are of different products."""
    return then.status is Status.DECIDED and then.sku is not None and then.sku != first.sku


def _nobodys(decision: Decision, reason: Reason, by: Decision) -> Decision:
    """No product, with the step that it goes with as detail."""
    return msgspec.structs.replace(
        decision,
        kind=StepKind.FOREIGN,
        status=Status.DECIDED,
        sku=None,
        quantity=0,
        confidence=1.0,
        reason=reason,
        detail=str(by.id),
    )


def _put_back(first: Decision, then: Decision) -> tuple[Decision, Decision]:
    """A pick that was decided and its put-back: of the same, each with the other as detail."""
    back = msgspec.structs.replace(
        then,
        kind=StepKind.RETURN,
        status=Status.DECIDED,
        visit=first.visit,
        sku=first.sku,
        quantity=-first.quantity,
        reason=Reason.UNDONE,
        detail=str(first.id),
    )
    return msgspec.structs.replace(first, reason=Reason.UNDONE, detail=str(then.id)), back


def _kind(step: Step, verdict: _Verdict) -> StepKind:
    """What came of it; the node's word counts only where that is open."""
    if verdict.sku is None and (
        isinstance(step, ForeignObject) or verdict.reason is Reason.FOREIGN
    ):
        return StepKind.FOREIGN
    return StepKind.RETURN if step.delta_g > 0.0 else StepKind.PICK
