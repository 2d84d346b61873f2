"""The score of one case: what a method claims of a recording, beside what really happened.

How claims and events are matched is in `matching`, how receipts are compared in `receipts`. A
reviewed line is neither charged nor found: it misses its event, and is named in `reviews`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent, Truth

from tebura_simulator.claims import Claims
from tebura_simulator.scoring.following import FollowScore, score_following
from tebura_simulator.scoring.matching import Matching, Wrong, match
from tebura_simulator.scoring.receipts import ReceiptScore, f1, score_receipts, share
from tebura_simulator.whereabouts import Whereabouts


class EventScore(msgspec.Struct, frozen=True, kw_only=True):
    """Picks and returns. Null where nothing can be said.

    Attributes:
        true: Events that happened: `tp` + `fn`.
        claimed: Claims; those that stand for one event together count once: `tp` + `fp`.
        found: Events rightly claimed, as `tp`.
        precision: Of the claims, the share that is right.
        recall: Of the events, the share that was found.
        f1: Their harmonic mean.
        tp: Events rightly claimed.
        fp: Claims that are wrong in some way or of nothing that happened.
        fn: Events not rightly claimed: mistaken, left to a person, or missed.
        who_errors: Right event, wrong or no account though somebody's.
        what_errors: Wrong article.
        count_errors: Wrong quantity.
        where_errors: Other plates of the shelf. A claim may be wrong in several ways.
        in_review: Events left to a person, of `fn`.
        named_in_review: Of those, whose best guess is the right account.
        missed: Events of which nothing was said, of `fn`.
        invented: Claims of what never happened, of `fp`.
        who: Of the events of which something was claimed, the share of right accounts.
        who_guessed: The same with those left to a person, by their best guess.
    """

    true: int
    claimed: int
    found: int
    precision: float | None
    recall: float | None
    f1: float | None
    tp: int
    fp: int
    fn: int
    who_errors: int
    what_errors: int
    count_errors: int
    where_errors: int
    in_review: int
    named_in_review: int
    missed: int
    invented: int
    who: float | None
    who_guessed: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One recording's score, or the sum over several (`recording` is then ``total``).

    Attributes:
        recording: Its name.
        receipt_f1: Of all receipts of the case together; over several, the mean over cases.
        events: Picks and returns.
        receipts: What accounts would pay.
        visits: Accounts that were in the shop, or are said to have been.
        reviewed_visits: Visits whose receipt waits for a person.
        reviews: Questions to a person.
        reviews_per_1000_visits: Visits with at least one review, of 1,000.
        to_cart_s: Seconds from an item leaving or touching its plates until the cart showed it,
            for each event found and told live.
        to_receipt_s: Seconds from leaving the shop until the receipt, reviews by one simulated
            clerk included, for each visit whose end was seen.
        following: How cameras followed people, where films say where they were.
    """

    recording: str
    receipt_f1: float
    events: EventScore
    receipts: ReceiptScore
    visits: int
    reviewed_visits: int
    reviews: int
    reviews_per_1000_visits: float | None
    to_cart_s: tuple[float, ...] = ()
    to_receipt_s: tuple[float, ...] = ()
    following: FollowScore | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """What scoring needs of one recording.

    `strangers` are those of the truth's shoppers who came in without an account; `whereabouts` is
    where everybody was, if films tell.
    """

    recording: str
    truth: Truth
    claims: Claims
    prices_minor: Mapping[str, int] = field(default_factory=dict)
    strangers: frozenset[str] = frozenset()
    whereabouts: Whereabouts | None = None


def score(case: Case) -> Score:
    """Score one recording."""
    truth, claims = case.truth, case.claims
    receipts = [r for r in truth.receipts if r.shopper not in case.strangers]
    matching = match(truth.events, claims.outcomes, case.strangers)
    reviewed = frozenset(name for name, lines in claims.reviews.items() if lines)
    accounts = {r.shopper for r in receipts}.union(claims.carts, reviewed)
    left = _bookable(
        [truth.events[event] for event, _ in matching.in_review], [r.shopper for r in receipts]
    )
    return Score(
        recording=case.recording,
        receipt_f1=round(f1({r.shopper: r.items for r in receipts}, claims.carts), 6),
        events=_events(case, matching),
        receipts=score_receipts(receipts, claims.carts, reviewed, left, case.prices_minor),
        visits=len(accounts),
        reviewed_visits=len(reviewed),
        reviews=sum(line.kind is OutcomeKind.REVIEW for line in claims.outcomes),
        reviews_per_1000_visits=share(1000 * len(reviewed), len(accounts)),
        to_cart_s=_to_cart_s(case, matching),
        to_receipt_s=tuple(round(s, 3) for s in claims.receipt_s.values()),
        following=_following(case),
    )


def _bookable(events: list[TrueEvent], accounts: list[str]) -> list[TrueEvent]:
    """Those that a person can book; where nobody is named, there may be only one to book to."""
    if len(accounts) == 1:
        events = [
            event if event.shopper else msgspec.structs.replace(event, shopper=accounts[0])
            for event in events
        ]
    return [event for event in events if event.shopper in accounts]


def count_events(tp: int, fp: int, fn: int, **errors: int) -> EventScore:
    """Counts, and what follows from them."""
    told = tp + fp - errors["invented"]
    right = told - errors["who_errors"]
    return EventScore(
        true=tp + fn,
        claimed=tp + fp,
        found=tp,
        precision=share(tp, tp + fp),
        recall=share(tp, tp + fn),
        f1=share(2 * tp, 2 * tp + fp + fn),
        who=share(right, told),
        who_guessed=share(right + errors["named_in_review"], told + errors["in_review"]),
        tp=tp,
        fp=fp,
        fn=fn,
        **errors,
    )


def _events(case: Case, matching: Matching) -> EventScore:
    wrong = [kind for mistake in matching.mistakes for kind in mistake.wrong]
    return count_events(
        tp=sum(len(group.events) for group in matching.found),
        fp=len(matching.mistakes) + len(matching.invented),
        fn=len(matching.mistakes) + len(matching.in_review) + len(matching.missed),
        who_errors=wrong.count(Wrong.WHO),
        what_errors=wrong.count(Wrong.WHAT),
        count_errors=wrong.count(Wrong.COUNT),
        where_errors=wrong.count(Wrong.WHERE),
        in_review=len(matching.in_review),
        named_in_review=sum(
            _is_named(case, case.truth.events[event], case.claims.outcomes[review])
            for event, review in matching.in_review
        ),
        missed=len(matching.missed),
        invented=len(matching.invented),
    )


def _is_named(case: Case, event: TrueEvent, guess: Outcome) -> bool:
    if not event.shopper:
        return True
    return guess.visit == (None if event.shopper in case.strangers else event.shopper)


def _following(case: Case) -> FollowScore | None:
    if case.whereabouts is None or case.claims.watching is None:
        return None
    return score_following(case.whereabouts, case.truth.events, case.claims.watching)


def _to_cart_s(case: Case, matching: Matching) -> tuple[float, ...]:
    """For each event found: until the last of the claims about it was in the cart."""
    told_s = case.claims.told_s
    if not told_s:
        return ()
    found = []
    for group in matching.found:
        at_s = [
            case.claims.outcomes[n].time_s + late_s
            for n in group.claims
            if (late_s := told_s[n]) is not None
        ]
        if len(at_s) == len(group.claims):
            found += [round(max(at_s) - case.truth.events[n].time_s, 3) for n in group.events]
    return tuple(found)
