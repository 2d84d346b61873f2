"""Which claim speaks of which true event, and what is wrong with it.

A claim (a pick or a return that a method says happened) and a true event are *near* when they are
of the same kind, on the same shelf, share a plate where both name plates, and lie within `NEAR_S`.

1. *Right.* Near claims and events of the same article and the same account hang together. Where
   the quantities of such a cluster add up, all of it is right: two taken a second apart and claimed
   as one times two are right, and the other way round. Where they do not, events and claims of
   equal quantity are paired, nearest in time first. A right event is counted once (`tp`), however
   many claims spoke of it.
2. *Mistaken.* Of what remains, an event and a claim of the same kind on the same shelf within
   `NEAR_S` are paired, those with the fewest mistakes first, then the nearest in time. Each pair
   says what is wrong: who, what, how many, where (another plate); it is one false claim (`fp`) and
   one event not found (`fn`).
3. *In review.* An event that remains with a review near it (of its kind, as far as the review's
   weight tells) was left to a person: not found, but not lost either. Whether an event goes to a
   mistaken claim or to a review is settled by nearness, a review counting as one mistake.
4. What then remains of the events is *missed* (`fn`), of the claims *invented* (`fp`).

Stock brought by staff and things that are no product are no events of a shopper: whoever claims a
pick or a return for them invented it. Who is compared only where the truth names a shopper for all
events; for a stranger, who has no account, nobody is right. It is about the hand: to whom a package
is credited that somebody else puts back is seen on the receipts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent

from tebura_simulator.scoring.moments import Moment, moment_of_claim, moment_of_event

NEAR_S = 3.0
"""Labels made by hand are whole seconds, and a hand begins before the weight moves."""
CLAIMS = (OutcomeKind.PICK, OutcomeKind.RETURN)


class Wrong(StrEnum):
    """What can be wrong with a claim about something that did happen."""

    WHO = "who"
    WHAT = "what"
    COUNT = "count"
    WHERE = "where"


@dataclass(frozen=True)
class Found:
    """Events and the claims that are right about them, by number.

    More than one of each where several are told as one, or one as several.
    """

    events: tuple[int, ...]
    claims: tuple[int, ...]


@dataclass(frozen=True)
class Mistake:
    """A claim about an event that is wrong in some way."""

    event: int
    claim: int
    wrong: frozenset[Wrong]


@dataclass(frozen=True)
class Matching:
    """What became of each event and each claim; numbers are places in the lists given.

    `in_review` pairs an event with the review it was left to; reviews have the number that they
    have among the outcomes, as claims do.
    """

    found: tuple[Found, ...]
    mistakes: tuple[Mistake, ...]
    in_review: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    invented: tuple[int, ...]


def match(
    events: Sequence[TrueEvent],
    outcomes: Sequence[Outcome],
    strangers: frozenset[str] = frozenset(),
    near_s: float = NEAR_S,
) -> Matching:
    """Match true events with outcomes whose `visit` is an account. `strangers` have none."""
    has_who = all(event.shopper for event in events if event.kind in CLAIMS)
    true = [
        moment_of_event(n, e, has_who, strangers) for n, e in enumerate(events) if e.kind in CLAIMS
    ]
    told = [moment_of_claim(n, line, has_who) for n, line in enumerate(outcomes)]
    claims = [told[n] for n, line in enumerate(outcomes) if line.kind in CLAIMS]
    reviews = [told[n] for n, line in enumerate(outcomes) if line.kind is OutcomeKind.REVIEW]
    found = tuple(_found(true, claims, near_s))
    true = _without(true, (n for group in found for n in group.events))
    claims = _without(claims, (n for group in found for n in group.claims))
    mistakes, in_review = _rest(true, claims, reviews, near_s)
    explained = [m.event for m in mistakes] + [event for event, _ in in_review]
    return Matching(
        found=found,
        mistakes=tuple(mistakes),
        in_review=tuple(in_review),
        missed=tuple(m.number for m in _without(true, explained)),
        invented=tuple(m.number for m in _without(claims, (m.claim for m in mistakes))),
    )


def matches(
    truth: Sequence[TrueEvent], claimed: Sequence[Outcome], near_s: float = NEAR_S
) -> list[tuple[int, int]]:
    """Pairs (true event, outcome) by number of those that agree, whoever it was."""
    true = [
        moment_of_event(n, e, False, frozenset()) for n, e in enumerate(truth) if e.kind in CLAIMS
    ]
    claims = [
        moment_of_claim(n, line, False) for n, line in enumerate(claimed) if line.kind in CLAIMS
    ]
    pairs = []
    for group in _found(true, claims, near_s):
        pairs += _pairs(
            [m for m in true if m.number in group.events],
            [m for m in claims if m.number in group.claims],
        )
    return sorted(pairs)


def _found(true: Sequence[Moment], claims: Sequence[Moment], near_s: float) -> list[Found]:
    found = []
    for events, told in _clusters(true, claims, near_s):
        if sum(m.quantity for m in events) == sum(m.quantity for m in told):
            found.append(Found(tuple(m.number for m in events), tuple(m.number for m in told)))
            continue
        for event, claim in _nearest_first(events, told, near_s):
            found.append(Found((event.number,), (claim.number,)))
    return found


def _clusters(
    true: Sequence[Moment], claims: Sequence[Moment], near_s: float
) -> list[tuple[list[Moment], list[Moment]]]:
    """What agrees in all but quantity, by what is near to each other, in order of time."""
    clusters: list[tuple[list[Moment], list[Moment]]] = []
    for event in sorted(true, key=lambda m: (m.time_s, m.number)):
        near = [
            claim
            for claim in claims
            if claim.key() == event.key()
            and claim.apart_s(event) <= near_s
            and claim.shares_plates(event)
        ]
        if not near:
            continue
        touched = [c for c in clusters if any(claim in c[1] for claim in near)]
        events = [m for c in touched for m in c[0]] + [event]
        told = {m.number: m for m in [*(m for c in touched for m in c[1]), *near]}
        clusters = [c for c in clusters if c not in touched] + [(events, list(told.values()))]
    return clusters


def _nearest_first(
    events: Sequence[Moment], claims: Sequence[Moment], near_s: float
) -> list[tuple[Moment, Moment]]:
    pairs = sorted(
        (event.apart_s(claim), event.number, claim.number, event, claim)
        for event in events
        for claim in claims
        if event.quantity == claim.quantity
        and event.apart_s(claim) <= near_s
        and event.shares_plates(claim)
    )
    return _each_once([(event, claim) for *_, event, claim in pairs])


def _each_once(pairs: Sequence[tuple[Moment, Moment]]) -> list[tuple[Moment, Moment]]:
    taken: list[tuple[Moment, Moment]] = []
    events, claims = set(), set()
    for event, claim in pairs:
        if event.number not in events and claim.number not in claims:
            events.add(event.number)
            claims.add(claim.number)
            taken.append((event, claim))
    return taken


def _rest(
    true: Sequence[Moment], claims: Sequence[Moment], reviews: Sequence[Moment], near_s: float
) -> tuple[list[Mistake], list[tuple[int, int]]]:
    """Mistaken claims and reviews, the best explanations first; a review may explain several."""
    candidates: list[tuple[int, float, int, int, frozenset[Wrong] | None]] = []
    for event in true:
        for claim in claims:
            if (claim.kind, claim.shelf) == (event.kind, event.shelf):
                wrong = _wrong(event, claim)
                near = (len(wrong), event.apart_s(claim))
                candidates.append((*near, event.number, claim.number, wrong))
        for review in reviews:
            if review.may_be_about(event):
                near = (1, event.apart_s(review))
                candidates.append((*near, event.number, review.number, None))
    mistakes: list[Mistake] = []
    in_review: list[tuple[int, int]] = []
    explained, used = set(), set()
    for _, apart_s, event_n, told_n, wrong_or_review in sorted(candidates, key=lambda c: c[:4]):
        if apart_s > near_s or event_n in explained or told_n in used:
            continue
        explained.add(event_n)
        if wrong_or_review is None:
            in_review.append((event_n, told_n))
        else:
            used.add(told_n)
            mistakes.append(Mistake(event_n, told_n, wrong_or_review))
    return mistakes, in_review


def _wrong(event: Moment, claim: Moment) -> frozenset[Wrong]:
    found = set()
    if event.account != claim.account:
        found.add(Wrong.WHO)
    if event.sku != claim.sku:
        found.add(Wrong.WHAT)
    if event.quantity != claim.quantity:
        found.add(Wrong.COUNT)
    if not event.shares_plates(claim):
        found.add(Wrong.WHERE)
    return frozenset(found)


def _without(moments: Sequence[Moment], numbers: Iterable[int]) -> list[Moment]:
    gone = set(numbers)
    return [moment for moment in moments if moment.number not in gone]


def _pairs(events: Sequence[Moment], claims: Sequence[Moment]) -> list[tuple[int, int]]:
    """One by one in order of time, or each of the longer side with the nearest of the other."""
    in_time = sorted(events, key=_time), sorted(claims, key=_time)
    if len(events) == len(claims):
        return [(e.number, c.number) for e, c in zip(*in_time, strict=True)]
    if len(events) > len(claims):
        return [(e.number, min(claims, key=e.apart_s).number) for e in events]
    return [(min(events, key=c.apart_s).number, c.number) for c in claims]


def _time(moment: Moment) -> tuple[float, int]:
    return moment.time_s, moment.number
