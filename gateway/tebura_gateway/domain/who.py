"""Whose hand a step was: reaches into the shelf around its time, weighed by time and place."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import HandContent, ItemPicked, Reach
from tebura_contract.ids import ShelfId, TrackId, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.arms import arms_at
from tebura_gateway.domain.facts import Fact, Step
from tebura_gateway.domain.nearness import UNKNOWN, stood_there, within_reach
from tebura_gateway.domain.others import Others, off_m
from tebura_gateway.domain.places import Places
from tebura_gateway.domain.presence import Presence
from tebura_gateway.domain.tolerances import JudgementSettings

_PLACE_SIGMA_M = 0.25
_TIME_SIGMA_S = 0.5
_MISSED_REACH = 0.02
"""Weight of a person in the store whose reach no camera saw, against one seen with certainty."""
_UNSEEN_REACH = 0.05
"""The same of who stands before the place."""
_ELSEWHERE = 0.1
"""The same hand, where another step just before lay nearer to it: that is what it was there for."""
_STRANGER = 0.1
"""Weight of a hand without a visit: two tracks on one person are commoner than a stranger."""
CONTESTED = 0.5
"""A second hand this likely, against the first, may have taken part: one put two back while the
other took one. What either holds does not tell."""
_BESIDE = 0.1
"""A second visit this likely, against the first, may have taken one of several things: somebody of
it stood there too, and no hand was seen that says otherwise."""
_ALONE_UNSEEN = 0.9
_ALONE_UNWATCHED = 0.95
"""Confidence in the only visit there is when no reach was seen, or no camera looks at the shelf."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A reach, and how well it fits a step."""

    track: TrackId
    visit: VisitId | None
    score: float
    uncertainty_ns: int
    is_unsure: bool


@dataclass(frozen=True, slots=True)
class Who:
    """Probabilities of the visits that were open, most probable first.

    `stranger` is the share that speaks for a person without a visit; `hands` are the reaches that
    spoke, best first.
    """

    posterior: tuple[tuple[VisitId, float], ...]
    stranger: float
    hands: tuple[Hand, ...]

    def track_of(self, visit: VisitId | None) -> TrackId | None:
        return next((hand.track for hand in self.hands if hand.visit == visit), None)

    def is_contested(self) -> bool:
        """Whether two visits' hands were seen that fit about as well: both may have acted."""
        if len(self.posterior) < 2:
            return False
        (first, share), (second, other) = self.posterior[:2]
        seen = {hand.visit for hand in self.hands}
        return {first, second} <= seen and other >= CONTESTED * share

    def may_be_several(self) -> bool:
        """Whether, of things that went at once, each may have been another's: one stood beside."""
        if len(self.posterior) < 2:
            return False
        (_, share), (_, other) = self.posterior[:2]
        return other >= _BESIDE * share

    def rests_on_toss_up(self) -> bool:
        """Whether the best reach is of a track that was bound to its visit by a toss-up."""
        return len(self.posterior) > 1 and bool(self.hands) and self.hands[0].is_unsure


@dataclass(frozen=True, slots=True)
class ShelfReaches:
    """Usable reaches into one shelf, by their start; `longest_ns` is how long the longest took."""

    starts_ns: list[int]
    facts: list[Fact]
    longest_ns: int

    def around(self, from_ns: int, to_ns: int) -> list[Fact]:
        """Reaches that may overlap this time; none that does is left out."""
        low = bisect_left(self.starts_ns, from_ns - self.longest_ns)
        high = bisect_right(self.starts_ns, to_ns)
        return self.facts[low:high]


NO_REACHES = ShelfReaches([], [], 0)


def who_took(
    fact: Fact,
    step: Step,
    presence: Presence,
    reaches: ShelfReaches,
    before: Sequence[Step],
    layout: Layout,
    places: Places,
    settings: JudgementSettings,
) -> Who:
    """Weigh the open visits of a step.

    `reaches` are those into its shelf, `before` are steps of it that began earlier.
    """
    doubt_ns = fact.uncertainty_ns
    open_then = presence.spans.during(step.from_ns - doubt_ns, step.to_ns + doubt_ns)
    visits = [visit.id for visit in open_then]
    extent_m = places.extent_m(step.shelf, step.plates)
    others = Others.of(step, before, places)
    hands = _hands(step, presence, visits, reaches, places, extent_m, others, settings)
    if not visits:
        return Who((), 1.0, hands)
    place = places.front_at(step.shelf, sum(extent_m) / 2) if extent_m else None
    near: Mapping[VisitId, float] = {}
    if place is not None and extent_m is not None:
        arms = arms_at(step, extent_m, presence, others)
        near = within_reach(place, step.from_ns, presence, arms)
    if near:
        unseen = {visit: _UNSEEN_REACH * near.get(visit, UNKNOWN) for visit in visits}
        return _normalised(hands, unseen)
    if not hands:
        alone = _ALONE_UNSEEN if layout.watchers(step.shelf) else _ALONE_UNWATCHED
        share = alone if len(visits) == 1 else 1.0 / len(visits)
        return Who(tuple((visit, share) for visit in sorted(visits)), 0.0, hands)
    return _normalised(hands, dict.fromkeys(visits, _MISSED_REACH))


def _normalised(hands: tuple[Hand, ...], unseen: Mapping[VisitId, float]) -> Who:
    weights: dict[VisitId | None, float] = dict(unseen.items())
    for hand in hands:
        # Several cameras see the same hand: the best view counts, not their number.
        weight = hand.score if hand.visit is not None else hand.score * _STRANGER
        weights[hand.visit] = max(weights.get(hand.visit, 0.0), weight)
    total = math.fsum(weights.values())
    stranger = weights.pop(None, 0.0) / total
    ranked = sorted(
        ((visit, weight / total) for visit, weight in weights.items() if visit is not None),
        key=lambda item: (-item[1], item[0]),
    )
    return Who(tuple(ranked), stranger, hands)


def _hands(
    step: Step,
    presence: Presence,
    visits: Sequence[VisitId],
    reaches: ShelfReaches,
    places: Places,
    extent_m: tuple[float, float] | None,
    others: Others,
    settings: JudgementSettings,
) -> tuple[Hand, ...]:
    hands = []
    from_ns = step.from_ns - round(settings.reach_before_s * SECOND_NS)
    to_ns = step.to_ns + round(settings.reach_after_s * SECOND_NS)
    for fact in reaches.around(from_ns, to_ns):
        reach = fact.event
        assert isinstance(reach, Reach)
        score = _score(step, reach, extent_m, settings)
        if score <= 0.0:
            continue
        score *= stood_there(reach, presence, places)
        if extent_m and others.have(reach.x_m, extent_m, reach.from_ns, reach.to_ns):
            score *= _ELSEWHERE
        is_unsure = presence.is_unsure(reach.track, reach.from_ns)
        shares: dict[VisitId | None, float] = {}
        for owner, share in presence.owners(reach.track, reach.from_ns).items():
            visit = owner if owner in visits else None
            shares[visit] = shares.get(visit, 0.0) + share
        hands += [
            Hand(reach.track, visit, score * share, fact.uncertainty_ns, is_unsure)
            for visit, share in shares.items()
        ]
    return tuple(sorted(hands, key=lambda hand: (-hand.score, hand.track, hand.visit or "")))


def _score(
    step: Step, reach: Reach, extent_m: tuple[float, float] | None, settings: JudgementSettings
) -> float:
    before_s = (step.from_ns - reach.to_ns) / SECOND_NS
    after_s = (reach.from_ns - step.to_ns) / SECOND_NS
    if before_s > settings.reach_before_s or after_s > settings.reach_after_s:
        return 0.0
    score = reach.confidence * math.exp(-0.5 * (max(before_s, after_s, 0.0) / _TIME_SIGMA_S) ** 2)
    if reach.from_ns > step.from_ns + _TIME_SIGMA_S * SECOND_NS:
        # The weight had already begun to change when this hand came.
        score *= 0.5
    if extent_m is not None:
        apart_m = off_m(extent_m, reach.x_m)
        score *= math.exp(-0.5 * (apart_m / _PLACE_SIGMA_M) ** 2)
    return score * _hand_factor(step, reach)


def _hand_factor(step: Step, reach: Reach) -> float:
    """A hand that comes out empty hardly took something; one that went in empty hardly put back."""
    tell = reach.hand_after if isinstance(step, ItemPicked) else reach.hand_before
    return 0.6 if tell is HandContent.EMPTY else 1.0


def reaches_by_shelf(facts: Sequence[Fact]) -> Mapping[ShelfId, ShelfReaches]:
    """Usable reaches by the shelf they went into; `facts` in order."""
    found: dict[ShelfId, list[tuple[Fact, Reach]]] = {}
    for fact in facts:
        if isinstance(fact.event, Reach) and not fact.flags:
            found.setdefault(fact.event.shelf, []).append((fact, fact.event))
    return {
        shelf: ShelfReaches(
            [int(reach.from_ns) for _, reach in pairs],
            [fact for fact, _ in pairs],
            max(reach.to_ns - reach.from_ns for _, reach in pairs),
        )
        for shelf, pairs in found.items()
    }
