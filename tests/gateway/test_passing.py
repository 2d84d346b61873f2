"""What came and went before the plates rested is asked about only where two may have acted."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.codec import encode
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import TrackId, VisitId
from tebura_gateway.domain.cart import cart_of
from tebura_gateway.domain.decision import Reason, Ruling, Status
from tebura_gateway.domain.judgement import Judgement, judge

from tests.gateway.shop import CAMERA, KEN, MIKA, RICE, TEA, Script, candidate, layout, through

SHOP = layout()


def judged(script: Script) -> Judgement:
    return judge(script.facts, SHOP, through())


def two_shoppers() -> tuple[Script, tuple[VisitId, TrackId], tuple[VisitId, TrackId]]:
    """Mika holds a bottle of tea; Ken holds nothing."""
    script = Script()
    first = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    second = script.walk_in(2, 4.0)
    ken = script.enter(KEN, 5.0)
    script.reach(first, 9.5, 11.0)
    script.pick(10.0)
    return script, (mika, first), (ken, second)


def test_what_passes_under_one_hand_is_nothing_to_anybody() -> None:
    script, (mika, track), _ = two_shoppers()
    script.reach(track, 19.8, 21.5)
    halves = script.passing(20.0, 550.0)
    judgement = judged(script)
    assert not {half.id for half in halves} & judgement.decisions.keys()
    assert cart_of(judgement, mika).decided() == {TEA: 1}
    assert cart_of(judgement, mika).is_certain()


@pytest.mark.parametrize("delta_g", [550.0, -550.0])
def test_what_passes_under_two_hands_is_asked_about_and_both_wait_for_it(delta_g: float) -> None:
    script, (mika, first), (ken, second) = two_shoppers()
    script.reach(first, 19.8, 20.6)
    script.reach(second, 20.9, 21.8)
    halves = script.passing(20.0, delta_g)
    judgement = judged(script)
    for half in halves:
        found = judgement.decisions[half.id]
        assert (found.status, found.reason) == (Status.REVIEW, Reason.WHO)
        assert {one.visit for one in found.suspects} == {mika, ken}
    assert all(len(judgement.in_doubt(visit)) == 2 for visit in (mika, ken))


def test_what_is_taken_from_where_two_exchanged_something_is_asked_about() -> None:
    script, (_, first), (_, second) = two_shoppers()
    script.reach(first, 19.8, 20.6)
    script.reach(second, 20.9, 21.8)
    script.passing(20.0, 550.0, candidate(RICE, 5))
    script.reach(second, 39.5, 41.0)
    taken = script.pick(40.0)
    found = judged(script).decisions[taken.id]
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)


def test_hands_at_another_time_took_no_part_in_what_passed() -> None:
    script, (_, first), (_, second) = two_shoppers()
    script.reach(first, 19.8, 20.6)
    script.reach(second, 24.0, 25.0)
    halves = script.passing(20.0, 550.0)
    assert not {half.id for half in halves} & judged(script).decisions.keys()


def test_what_passes_before_a_blind_camera_is_asked_about() -> None:
    script, (_, first), _ = two_shoppers()
    script.reach(first, 19.8, 20.6)
    script.sensor(CAMERA, 15.0, SensorState.BLIND, SensorKind.CAMERA)
    halves = script.passing(20.0, 550.0)
    found = judged(script).decisions
    assert [found[half.id].reason for half in halves] == [Reason.BLIND] * 2


def test_what_staff_say_of_each_half_is_on_the_carts() -> None:
    script, (mika, first), (ken, second) = two_shoppers()
    script.reach(first, 19.8, 20.6)
    script.reach(second, 20.9, 21.8)
    came, went = script.passing(20.0, 550.0)
    rulings = {
        came.id: Ruling(visit=mika, sku=TEA, quantity=-1),
        went.id: Ruling(visit=ken, sku=TEA, quantity=1),
    }
    judgement = judge(script.facts, SHOP, through(), rulings=rulings)
    assert cart_of(judgement, mika).decided() == {}
    assert cart_of(judgement, ken).decided() == {TEA: 1}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(10.0, 60.0), st.floats(0.2, 2.0)), min_size=1, max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_no_order_of_facts_changes_what_is_asked_about(
    reaches: list[tuple[bool, float, float]], shuffle: random.Random
) -> None:
    script, (_, first), (_, second) = two_shoppers()
    for is_first, at_s, lasts_s in reaches:
        script.reach(first if is_first else second, at_s, at_s + lasts_s)
        script.passing(at_s + 0.1, 550.0)
    expected = encode(list(judged(script).decisions.values()))
    shuffle.shuffle(script.facts)
    assert encode(list(judged(script).decisions.values())) == expected
