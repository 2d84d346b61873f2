"""Whose arm may have been in the shelf: what tells two apart where no camera saw a reach."""

import math
from typing import Any

import pytest
from tebura_contract.events import HandSeen
from tebura_contract.ids import ShelfId, TrackId, VisitId
from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.judgement import judge

from tests.gateway.shop import KEN, LOW, MIKA, RICE, TEA, TOP, candidate, ns, through
from tests.gateway.sighted import SECOND_NODE, SHOP, Sighted

MIKA_M, KEN_M = (0.15, -0.5), (0.35, -0.5)
"""Either as near to the middle of the plate, at 0.25."""
STEP_S = 40.0


def two_before_it() -> tuple[Sighted, TrackId, TrackId, VisitId, VisitId]:
    script = Sighted()
    mika = script.comes_in(1, 10.0, MIKA_M)
    mikas = script.enter(MIKA, 11.0)
    ken = script.comes_in(2, 20.0, KEN_M)
    kens = script.enter(KEN, 21.0)
    script.look(10, 19, mika)
    script.look(20, 36, mika, ken)
    return script, mika, ken, mikas, kens


def hand(
    probability: float, shelf: ShelfId = TOP, x_m: float = 0.25, at_s: float = STEP_S
) -> HandSeen:
    return HandSeen(shelf=shelf, at_ns=ns(at_s), x_m=x_m, probability=probability)


def share_of(script: Sighted, visit: VisitId) -> float:
    step = script.pick(STEP_S)
    decision = judge(script.facts, SHOP, {**through(), SECOND_NODE: 2**61}).decisions[step.id]
    return next(one.probability for one in decision.suspects if one.visit == visit)


def kens_share(told: HandSeen, second: int = 41) -> float:
    """Where a camera tells that of Ken, and nothing of Mika's hands."""
    script, mika, ken, _, kens = two_before_it()
    script.look(37, second - 1, mika, ken)
    script.look(second, second, mika, ken, hands={ken: (told,)})
    script.look(second + 1, 50, mika, ken)
    return share_of(script, kens)


def test_of_two_who_stand_before_it_who_may_have_an_arm_there_is_likelier() -> None:
    assert kens_share(hand(1e-9)) == pytest.approx(0.5, abs=0.02)
    assert 0.6 < kens_share(hand(0.04)) < kens_share(hand(0.1)) < kens_share(hand(0.3))
    assert kens_share(hand(0.3)) > 0.9


@pytest.mark.parametrize(
    ("told", "second"),
    [
        pytest.param(hand(0.3, shelf=LOW), 41, id="in-another-shelf"),
        pytest.param(hand(0.3, x_m=1.4), 41, id="elsewhere-in-it"),
        pytest.param(hand(0.3, at_s=38.0), 39, id="before"),
        pytest.param(hand(0.3, at_s=42.6), 43, id="after"),
        pytest.param(hand(math.nan), 41, id="no-number"),
        pytest.param(hand(7.0), 41, id="no-probability"),
        pytest.param(hand(0.3, x_m=math.inf), 41, id="no-place"),
        pytest.param(hand(0.3, at_s=-1e9), 41, id="never"),
    ],
)
def test_an_arm_elsewhere_or_at_another_time_tells_nothing(told: HandSeen, second: int) -> None:
    assert kens_share(told, second) == pytest.approx(0.5, abs=0.02)


def test_both_arms_there_tell_nothing_and_a_sure_one_beats_one_perhaps_there() -> None:
    for mikas_arm, low, high in ((0.1, 0.45, 0.55), (0.9, 0.0, 0.2)):
        script, mika, ken, _, kens = two_before_it()
        script.look(37, 50, mika, ken, hands={mika: (hand(mikas_arm),), ken: (hand(0.1),)})
        assert low < share_of(script, kens) < high


def test_a_reach_that_was_seen_counts_beside_arms() -> None:
    script, mika, ken, mikas, _ = two_before_it()
    script.look(37, 50, mika, ken)
    script.reach(mika, STEP_S - 0.3, STEP_S + 1.0)
    assert share_of(script, mikas) > 0.8


def step_beside(count: int, *, is_seen: bool) -> tuple[Decision, VisitId, VisitId]:
    """So many bottles at once, Mika beside Ken, whose hand may be there or was seen there."""
    script, mika, ken, mikas, kens = two_before_it()
    script.look(37, 50, mika, ken, hands={ken: (hand(0.13),)})
    if is_seen:
        script.reach(ken, STEP_S - 0.3, STEP_S + 1.0)
    step = script.pick(STEP_S, candidate(TEA, count))
    decision = judge(script.facts, SHOP, {**through(), SECOND_NODE: 2**61}).decisions[step.id]
    return decision, mikas, kens


def test_of_two_things_at_once_each_of_two_who_stand_there_may_have_one() -> None:
    one, _, kens = step_beside(1, is_seen=False)
    assert (one.status, one.visit) == (Status.DECIDED, kens)
    two, mikas, _ = step_beside(2, is_seen=False)
    assert (two.status, two.reason, two.quantity) == (Status.REVIEW, Reason.WHO, 2)
    assert {suspect.visit for suspect in two.suspects} >= {mikas, kens}


def test_a_hand_that_was_seen_took_both() -> None:
    two, _, kens = step_beside(2, is_seen=True)
    assert (two.status, two.visit, two.quantity) == (Status.DECIDED, kens, 2)


def second_of_two(*, first_s: float, first: str = "p1", x_m: float = 0.42) -> dict[VisitId, float]:
    """Shares in rice taken from the second plate, Ken before it and hidden, by Mika's hand at x."""
    script = Sighted()
    mika = script.comes_in(1, 10.0, MIKA_M)
    mikas = script.enter(MIKA, 11.0)
    ken = script.comes_in(2, 20.0, (0.7, -0.5))
    kens = script.enter(KEN, 21.0)
    script.look(10, 19, mika)
    script.look(20, 36, mika, ken)
    script.look(37, 50, mika, ken, hands={mika: (hand(0.8, x_m=x_m),)})
    script.reach(mika, STEP_S - 1.5, STEP_S + 0.5, x_m=x_m)
    script.pick(first_s, plate=first)
    step = script.pick(STEP_S, candidate(RICE), plate="p2")
    judged = judge(script.facts, SHOP, {**through(), SECOND_NODE: 2**61})
    shares = {one.visit: one.probability for one in judged.decisions[step.id].suspects}
    return {visit: shares.get(visit, 0.0) for visit in (mikas, kens)}


def test_a_hand_that_was_there_for_what_lay_beside_it_says_little_of_the_other() -> None:
    mikas, _ = second_of_two(first_s=STEP_S - 0.7).values()
    assert mikas < 0.7


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"first_s": STEP_S - 8.0}, id="long-before"),
        pytest.param({"first_s": STEP_S - 0.7, "first": "p2"}, id="same-plate"),
        pytest.param({"first_s": STEP_S - 0.7, "x_m": 0.6}, id="hand-is-here"),
    ],
)
def test_a_hand_that_was_there_for_nothing_else_says_whose_it_was(told: dict[str, Any]) -> None:
    mikas, kens = second_of_two(**told).values()
    assert mikas > 0.8 > kens
