"""What holds for any events and any claims."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent
from tebura_simulator.scoring.matching import CLAIMS, Matching, match

TIMES_S = st.integers(0, 400).map(lambda n: n * 0.13)
KINDS = st.sampled_from([OutcomeKind.PICK, OutcomeKind.RETURN])
SKUS = st.sampled_from(["tea", "pan"])
SHOPPERS = st.sampled_from(["hana", "ken"])

EVENTS = st.lists(
    st.builds(
        TrueEvent,
        kind=st.one_of(KINDS, st.just(OutcomeKind.REFILL)),
        time_s=TIMES_S,
        gondola=st.just(1),
        shelf=st.integers(1, 2),
        plates=st.sampled_from([(), (1,), (2,)]),
        sku=SKUS,
        quantity=st.integers(1, 2),
        shopper=SHOPPERS,
    ),
    max_size=12,
    unique_by=lambda event: event.time_s,
)
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        kind=st.one_of(KINDS, st.just(OutcomeKind.REVIEW), st.just(OutcomeKind.FOREIGN)),
        # No claim is exactly as far from one event as another is.
        time_s=TIMES_S.map(lambda t_s: t_s + 0.031),
        gondola=st.just(1),
        shelf=st.integers(1, 2),
        plates=st.sampled_from([(), (1,), (1, 2)]),
        sku=SKUS,
        quantity=st.integers(1, 2),
        delta_g=st.sampled_from([-500.0, 500.0]),
        confidence=st.just(0.9),
        candidates=st.just(()),
        visit=st.one_of(SHOPPERS, st.none()),
    ),
    max_size=12,
    unique_by=lambda line: line.time_s,
)


@given(EVENTS, OUTCOMES)
@settings(max_examples=200, deadline=None)
def test_each_event_and_each_claim_has_exactly_one_end(
    events: list[TrueEvent], outcomes: list[Outcome]
) -> None:
    found = match(events, outcomes)
    ends = [n for group in found.found for n in group.events]
    ends += [one.event for one in found.mistakes] + [event for event, _ in found.in_review]
    assert sorted(ends + list(found.missed)) == of_shoppers(events)
    claims = [n for group in found.found for n in group.claims]
    claims += [one.claim for one in found.mistakes] + list(found.invented)
    assert sorted(claims) == of_shoppers(outcomes)
    assert all(mistake.wrong for mistake in found.mistakes)


def of_shoppers(lines: Sequence[TrueEvent | Outcome]) -> list[int]:
    return [n for n, line in enumerate(lines) if line.kind in CLAIMS]


@given(EVENTS, OUTCOMES, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_in_which_things_are_told_changes_nothing(
    events: list[TrueEvent], outcomes: list[Outcome], chance: random.Random
) -> None:
    before = counts(match(events, outcomes))
    chance.shuffle(events)
    chance.shuffle(outcomes)
    assert counts(match(events, outcomes)) == before


def counts(found: Matching) -> tuple[object, ...]:
    wrong = sorted(sorted(one.wrong) for one in found.mistakes)
    tp = sum(len(group.events) for group in found.found)
    return tp, wrong, len(found.in_review), len(found.missed), len(found.invented)


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_whoever_says_exactly_what_happened_is_all_right(events: list[TrueEvent]) -> None:
    told = [claim_of(event) for event in events if event.kind in CLAIMS]
    found = match(events, told)
    assert counts(found) == (len(told), [], 0, 0, 0)


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_whoever_takes_each_for_the_other_finds_nothing_of_two_shoppers(
    events: list[TrueEvent],
) -> None:
    other = {"hana": "ken", "ken": "hana"}
    apart = [structs.replace(event, time_s=10.0 * n) for n, event in enumerate(events)]
    told = [
        structs.replace(claim_of(event), visit=other[event.shopper])
        for event in apart
        if event.kind in CLAIMS
    ]
    found = match(apart, told)
    assert counts(found) == (0, [["who"]] * len(told), 0, 0, 0)


def claim_of(event: TrueEvent) -> Outcome:
    return Outcome(
        kind=event.kind,
        time_s=event.time_s,
        gondola=event.gondola,
        shelf=event.shelf,
        plates=event.plates,
        sku=event.sku,
        quantity=event.quantity,
        delta_g=-500.0,
        confidence=1.0,
        candidates=(),
        visit=event.shopper,
    )
