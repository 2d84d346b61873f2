"""Tebura itself as a method: the real roles and the real judgement, through a replay."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
from tebura_contract.clock import seconds
from tebura_contract.ids import EventId, MemberId, VisitId
from tebura_contract.truth import Outcome, OutcomeKind
from tebura_gateway.domain.cart import LineStatus, cart_of
from tebura_gateway.domain.decision import Decision, Status
from tebura_gateway.domain.facts import in_order
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.domain.presence import Visit, presence_of

from tebura_simulator.claims import Claims
from tebura_simulator.outcomes import outcome
from tebura_simulator.recordings import truth_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay import LONE_MEMBER, Replay, member_of
from tebura_simulator.replay_judging import Judge
from tebura_simulator.scoring.clerk import REVIEW_S, answered_s
from tebura_simulator.watching import Watching, watching_of
from tebura_simulator.whereabouts import PEOPLE_ATTACHMENT

EVER_NS = 2**62


@dataclass(frozen=True)
class Tebura:
    """Replays a reel.

    Attributes:
        review_s: What the one simulated clerk takes for a review.
        judge: Whoever wants to know what a broken judgement would score plants it here.
        name: What tables call it.
    """

    review_s: float = REVIEW_S
    judge: Judge = judge
    name: str = "tebura"

    def __call__(self, reel: Reel) -> Claims:
        replay = Replay.of(reel)
        replay.judge = self.judge
        for _ in replay.run(reel.messages()):
            pass
        truth = truth_of(reel)
        shoppers = [receipt.shopper for receipt in truth.receipts] if truth is not None else []
        account_of = accounts(shoppers)
        claims = claims_of(replay, account_of, self.review_s)
        if reel.attachment(PEOPLE_ATTACHMENT) is None:
            return claims
        return replace(claims, watching=_watching(replay, account_of, int(reel.meta().start_ns)))


class Watched(Protocol):
    """What a replay knows at its end, and when it knew it (see `Replay`)."""

    @property
    def start_ns(self) -> int: ...

    @property
    def judgement(self) -> Judgement: ...

    @property
    def decided_ns(self) -> Mapping[EventId, int]: ...

    @property
    def left_ns(self) -> Mapping[VisitId, int]: ...


def accounts(shoppers: list[str]) -> dict[MemberId, str]:
    """The account behind each member number; all a gateless recording holds is one visit's."""
    found = {member_of(name): name for name in shoppers}
    if len(shoppers) == 1:
        found[LONE_MEMBER] = shoppers[0]
    return found


def claims_of(replay: Watched, account_of: Mapping[MemberId, str], review_s: float) -> Claims:
    """What the judgement at the end of a replay comes to."""
    judged = replay.judgement
    name_of = _names(judged, account_of)
    steps = sorted(judged.decisions.values(), key=lambda step: (step.from_ns, step.id))
    carts: dict[str, dict[str, int]] = {}
    reviews: dict[str, int] = {}
    for visit in judged.visits.values():
        name = name_of[visit.id]
        cart = carts.setdefault(name, {})
        for sku, count in decided(judged, visit.id).items():
            cart[sku] = cart.get(sku, 0) + count
        asked = questions(judged, visit)
        if asked:
            reviews[name] = reviews.get(name, 0) + asked
    return Claims(
        outcomes=tuple(_claim(step, replay.start_ns, name_of) for step in steps),
        carts=carts,
        reviews=reviews,
        told_s=tuple(_told_s(step, replay.decided_ns) for step in steps),
        receipt_s=_receipts_s(replay, name_of, review_s),
    )


def _names(judged: Judgement, account_of: Mapping[MemberId, str]) -> dict[VisitId, str]:
    return {
        visit.id: account_of.get(visit.member, f"unknown {visit.id}")
        for visit in judged.visits.values()
    }


def _watching(replay: Replay, account_of: Mapping[MemberId, str], start_ns: int) -> Watching:
    """What cameras told, with whose tracks were whose once everybody had told all."""
    facts = in_order(replay.facts)
    through_ns = dict.fromkeys(replay.layout.nodes(), EVER_NS)
    presence = presence_of(facts, replay.layout, through_ns, replay.settings)
    return watching_of(facts, presence, _names(replay.judgement, account_of), start_ns)


def decided(judged: Judgement, visit: VisitId) -> dict[str, int]:
    """What would be charged without a person; a negative quantity stands in the way of it."""
    return {
        str(line.sku): line.quantity
        for line in cart_of(judged, visit).lines
        if line.status is LineStatus.DECIDED and line.sku is not None
    }


def questions(judged: Judgement, visit: Visit) -> int:
    """What a person has to answer before this visit's receipt."""
    negative = sum(count < 0 for count in decided(judged, visit.id).values())
    return len(judged.in_doubt(visit.id)) + negative + (visit.doubt is not None)


def _claim(step: Decision, start_ns: int, name_of: Mapping[VisitId, str]) -> Outcome:
    line = outcome(step, start_ns)
    name = name_of.get(step.visit) if step.visit is not None else None
    # Something unknown that left a shelf is asked about as any other doubt is.
    kind = line.kind if step.status is Status.DECIDED else OutcomeKind.REVIEW
    return msgspec.structs.replace(line, visit=name, kind=kind)


def _told_s(step: Decision, decided_ns: Mapping[EventId, int]) -> float | None:
    at_ns = decided_ns.get(step.id)
    if step.status is not Status.DECIDED or at_ns is None:
        return None
    return seconds(at_ns - step.from_ns)


def _receipts_s(
    replay: Watched, name_of: Mapping[VisitId, str], review_s: float
) -> dict[str, float]:
    """From leaving to the receipt, for visits whose end was seen, with the clerk's time."""
    judged, left_ns = replay.judgement, replay.left_ns
    asked_s: dict[EventId | VisitId, float] = {
        step.id: seconds(replay.decided_ns[step.id] - replay.start_ns)
        for step in judged.decisions.values()
        if step.status is not Status.DECIDED and step.id in replay.decided_ns
    }
    for visit in judged.visits.values():
        if visit.doubt is not None and visit.id in left_ns:
            asked_s[visit.id] = seconds(left_ns[visit.id] - replay.start_ns)
    answers_s = answered_s(asked_s, review_s)
    found = {}
    for visit in judged.visits.values():
        if visit.exited_ns is None or visit.id not in left_ns:
            continue
        waits: list[EventId | VisitId] = [visit.id]
        waits += [step.id for step in judged.in_doubt(visit.id)]
        ready_s = [answers_s[question] for question in waits if question in answers_s]
        ready_s.append(seconds(left_ns[visit.id] - replay.start_ns))
        left_s = seconds(visit.exited_ns - replay.start_ns)
        found[name_of[visit.id]] = max(ready_s) - left_s
    return found
