"""What is laid down and taken away, and what is taken and put back, is no purchase."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.codec import encode
from tebura_contract.ids import TrackId, VisitId
from tebura_gateway.domain.cart import cart_of
from tebura_gateway.domain.decision import Decision, Reason, Ruling, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import judge

from tests.gateway.shop import KEN, MIKA, PAN, RICE, TEA, Script, candidate, layout, through

SHOP = layout()


def decisions(script: Script, *facts: Fact) -> list[Decision]:
    found = judge(script.facts, SHOP, through()).decisions
    return [found[fact.id] for fact in facts]


def outcomes(script: Script, *facts: Fact) -> list[tuple[Status, Reason]]:
    return [(one.status, one.reason) for one in decisions(script, *facts)]


def bought(script: Script, visit: VisitId) -> dict[str, int]:
    cart = cart_of(judge(script.facts, SHOP, through()), visit)
    assert cart.is_certain()
    return {str(sku): count for sku, count in cart.decided().items()}


def shopper(script: Script, n: int = 1, at_s: float = 0.0) -> tuple[VisitId, TrackId]:
    track = script.walk_in(n, at_s)
    return script.enter(MIKA if n == 1 else KEN, at_s + 1.0), track


def test_a_hand_that_rests_on_a_shelf_and_weighs_what_a_product_does_is_no_line() -> None:
    script = Script()
    visit, _ = shopper(script)
    down = script.put_back(10.0, delta_g=552.0)
    asked = outcomes(script, down)
    up = script.pick(13.0, delta_g=-551.0)
    assert asked == [(Status.REVIEW, Reason.NOT_HELD)]
    assert outcomes(script, down, up) == [(Status.DECIDED, Reason.FOREIGN)] * 2
    assert [one.detail for one in decisions(script, down, up)] == [str(up.id), str(down.id)]
    assert bought(script, visit) == {}


def test_a_hand_that_weighs_a_little_more_when_it_goes_is_asked_about_and_not_sold() -> None:
    script = Script()
    shopper(script)
    down = script.put_back(10.0, delta_g=540.0)
    up = script.pick(13.0, delta_g=-556.0)
    assert outcomes(script, down, up) == [
        (Status.REVIEW, Reason.NOT_HELD),
        (Status.REVIEW, Reason.WHAT),
    ]


def test_what_may_have_been_noise_makes_no_purchase_undone() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.put_back(10.0, delta_g=552.0, sigma_g=150.0)
    taken = script.pick(13.0, delta_g=-551.0)
    assert outcomes(script, taken) != [(Status.DECIDED, Reason.FOREIGN)]
    assert any(one.visit == visit and one.sku == TEA for one in decisions(script, taken))


@pytest.mark.parametrize(
    ("sigma_g", "outcome"),
    [(20.0, (Status.DECIDED, Reason.NONE)), (26.0, (Status.REVIEW, Reason.WHAT))],
)
def test_nobody_is_credited_unseen_with_what_may_have_been_noise(
    sigma_g: float, outcome: tuple[Status, Reason]
) -> None:
    script = Script()
    shopper(script)
    script.pick(5.0, candidate(RICE), plate="p2", delta_g=-110.0)
    back = script.put_back(60.0, candidate(RICE), delta_g=110.0, sigma_g=sigma_g)
    assert outcomes(script, back) == [outcome]


def test_a_product_taken_after_the_hand_is_gone_is_bought() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.put_back(10.0, delta_g=552.0)
    script.pick(13.0, delta_g=-551.0)
    script.pick(20.0)
    assert bought(script, visit) == {"tea": 1}


def test_what_one_visit_put_back_and_another_takes_much_later_is_bought() -> None:
    script = Script()
    _, first = shopper(script)
    script.reach(first, 9.5, 11.0)
    back = script.put_back(10.0)
    script.walk_out(first, 60.0)
    ken, second = shopper(script, 2, 100.0)
    script.reach(second, 119.5, 121.0)
    script.pick(120.0)
    assert outcomes(script, back) == [(Status.REVIEW, Reason.NOT_HELD)]
    assert bought(script, ken) == {"tea": 1}


def test_what_two_hands_did_within_seconds_is_not_undone_either() -> None:
    script = Script()
    _, first = shopper(script)
    ken, second = shopper(script, 2, 2.0)
    script.reach(first, 9.5, 11.0)
    back = script.put_back(10.0)
    script.reach(second, 19.5, 21.0)
    script.pick(20.0)
    assert outcomes(script, back) == [(Status.REVIEW, Reason.NOT_HELD)]
    assert bought(script, ken) == {"tea": 1}


@pytest.mark.parametrize("weight_g", [552.0, 549.0])
def test_one_of_two_alike_that_is_put_back_where_it_was_taken_is_asked_about_no_more(
    weight_g: float,
) -> None:
    script = Script()
    visit, track = shopper(script)
    script.reach(track, 9.5, 11.0)
    taken = script.pick(10.0, candidate(TEA), candidate(RICE, 5, -0.1))
    before = outcomes(script, taken)
    script.reach(track, 19.5, 21.0)
    back = script.put_back(20.0, candidate(RICE, 5), candidate(TEA), delta_g=weight_g)
    assert before == [(Status.REVIEW, Reason.WHAT)]
    assert outcomes(script, taken, back) == [(Status.DECIDED, Reason.UNDONE)] * 2
    assert bought(script, visit) == {}


def test_what_was_surely_taken_and_is_put_back_there_is_undone_and_both_stay_that_product() -> None:
    script = Script()
    visit, _ = shopper(script)
    taken = script.pick(10.0)
    before = outcomes(script, taken)
    back = script.put_back(12.0)
    assert before == [(Status.DECIDED, Reason.NONE)]
    assert outcomes(script, taken, back) == [(Status.DECIDED, Reason.UNDONE)] * 2
    first, then = decisions(script, taken, back)
    assert [(one.sku, one.quantity) for one in (first, then)] == [(TEA, 1), (TEA, -1)]
    assert (first.detail, then.detail) == (str(back.id), str(taken.id))
    assert bought(script, visit) == {}


def test_a_thing_that_is_lifted_and_put_down_is_undone_whatever_it_was_told_as() -> None:
    script = Script()
    visit, _ = shopper(script)
    lifted = script.pick(10.0, delta_g=-620.0)
    down = script.put_back(12.0, candidate(TEA), delta_g=621.0, log_other=-0.5)
    assert outcomes(script, lifted, down) == [(Status.DECIDED, Reason.UNDONE)] * 2
    assert bought(script, visit) == {}


def test_the_last_of_what_it_may_be_is_undone() -> None:
    script = Script()
    visit, _ = shopper(script)
    steps = (script.pick(10.0), script.pick(20.0), script.put_back(22.0))
    reasons = [one.reason for one in decisions(script, *steps)]
    assert reasons == [Reason.NONE, Reason.UNDONE, Reason.UNDONE]
    assert bought(script, visit) == {"tea": 1}


def test_a_thing_that_is_lifted_and_put_down_is_not_what_they_hold_from_elsewhere() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.pick(5.0, candidate(RICE, 5), plate="p2", delta_g=-550.0)
    lifted = script.foreign(10.0, -548.0)
    down = script.put_back(12.0, candidate(RICE, 5), delta_g=549.0)
    assert outcomes(script, lifted, down) == [(Status.DECIDED, Reason.UNDONE)] * 2
    assert bought(script, visit) == {"rice-ball": 5}


def test_what_may_be_another_of_that_weight_that_they_hold_is_asked_about() -> None:
    script = Script()
    shopper(script)
    script.pick(5.0, candidate(RICE, 5), plate="p2", delta_g=-550.0)
    taken = script.pick(10.0)
    back = script.put_back(20.0, candidate(TEA), candidate(RICE, 5, -3.0))
    assert outcomes(script, taken, back) == [
        (Status.DECIDED, Reason.NONE),
        (Status.REVIEW, Reason.WHAT),
    ]


def test_what_another_visit_puts_there_undoes_nothing() -> None:
    script = Script()
    mika, first = shopper(script)
    script.reach(first, 9.5, 11.0)
    taken = script.pick(10.0)
    _, second = shopper(script, 2, 12.0)
    script.reach(second, 19.5, 21.0)
    back = script.put_back(20.0)
    assert outcomes(script, taken) == [(Status.DECIDED, Reason.NONE)]
    assert [one.status for one in decisions(script, back)] == [Status.REVIEW]
    assert cart_of(judge(script.facts, SHOP, through()), mika).decided() == {TEA: 1}


def test_another_weight_does_not_undo_it() -> None:
    script = Script()
    shopper(script)
    taken = script.pick(10.0, candidate(TEA), candidate(RICE, 5, -0.1))
    back = script.put_back(20.0, candidate(RICE), delta_g=110.0)
    assert [status for status, _ in outcomes(script, taken, back)] == [Status.REVIEW] * 2


def test_the_same_weight_elsewhere_does_not_undo_it() -> None:
    script = Script()
    shopper(script)
    taken = script.pick(10.0, candidate(TEA), candidate(RICE, 5, -0.1))
    back = script.put_back(20.0, candidate(RICE, 5), candidate(TEA), plate="p2")
    assert [status for status, _ in outcomes(script, taken, back)] == [Status.REVIEW] * 2


def test_what_staff_ruled_to_be_a_product_stays_one() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.pick(5.0)
    back = script.put_back(10.0, candidate(RICE, 5))
    script.pick(13.0)
    rulings = {back.id: Ruling(visit=visit, sku=TEA, quantity=-1)}
    judgement = judge(script.facts, SHOP, through(), rulings=rulings)
    assert judgement.decisions[back.id].reason is Reason.STAFF
    assert cart_of(judgement, visit).decided() == {TEA: 1}


def test_more_put_back_than_was_taken_is_asked_about_and_the_cart_stays_what_it_was() -> None:
    script = Script()
    visit, track = shopper(script)
    script.reach(track, 9.5, 11.0)
    script.pick(10.0)
    script.reach(track, 19.5, 21.0)
    back = script.put_back(20.0, candidate(TEA, 2), delta_g=1100.0)
    assert outcomes(script, back) == [(Status.REVIEW, Reason.NOT_HELD)]
    judgement = judge(script.facts, SHOP, through())
    assert cart_of(judgement, visit).decided() == {TEA: 1}


def test_what_is_likelier_no_product_and_nobody_held_is_not_refunded() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.pick(10.0)
    laid = script.foreign(20.0, 300.0, candidate(PAN, 1, -8.0), log_other=-4.0)
    assert outcomes(script, laid) == [(Status.DECIDED, Reason.FOREIGN)]
    assert bought(script, visit) == {"tea": 1}


def test_a_half_empty_package_that_they_hold_is_asked_about_with_its_name() -> None:
    script = Script()
    visit, track = shopper(script)
    script.reach(track, 9.5, 11.0)
    script.pick(10.0)
    script.reach(track, 19.5, 21.0)
    back = script.foreign(20.0, 300.0, candidate(TEA, 1, -4.5), log_other=-4.0)
    ((status, _),) = outcomes(script, back)
    (found,) = decisions(script, back)
    assert status is Status.REVIEW
    assert (found.visit, found.sku, found.quantity) == (visit, TEA, -1)


def test_a_half_empty_package_is_not_refunded_however_surely_it_is_the_one_they_hold() -> None:
    script = Script()
    shopper(script)
    script.pick(10.0)
    half = script.put_back(20.0, candidate(TEA), delta_g=280.0)
    assert outcomes(script, half) == [(Status.REVIEW, Reason.WHAT)]
    full = script.put_back(30.0, candidate(TEA), delta_g=540.0)
    assert outcomes(script, full) == [(Status.DECIDED, Reason.NONE)]


def happenings() -> Script:
    """Hands that rest, doubts that are taken back, foreign things, two visits at one shelf."""
    script = Script()
    _, first = shopper(script)
    script.put_back(5.0, delta_g=552.0)
    script.pick(7.0, delta_g=-551.0)
    script.reach(first, 9.5, 11.0)
    script.pick(10.0, candidate(TEA), candidate(RICE, 5, -0.1))
    _, second = shopper(script, 2, 12.0)
    script.reach(first, 19.5, 21.0)
    script.put_back(20.0, candidate(RICE, 5), candidate(TEA))
    script.reach(second, 24.5, 26.0)
    script.foreign(25.0, 300.0, candidate(PAN, 1, -8.0), log_other=-4.0)
    script.pick(27.0, candidate(RICE), plate="p2", delta_g=-110.0)
    script.reach(first, 29.5, 31.0)
    script.foreign(30.0, -299.0)
    script.put_back(33.0, delta_g=550.0, log_other=-1.0)
    script.reach(second, 34.5, 36.0)
    script.pick(35.0)
    return script


DAY = happenings()


@settings(max_examples=60, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, len(DAY.facts) - 1), max_size=30),
    st.integers(0, 60),
)
def test_what_undoes_what_depends_on_no_order_and_no_duplicates(
    order: random.Random, repeated: list[int], at_s: int
) -> None:
    mixed = DAY.facts + [DAY.facts[index] for index in repeated]
    order.shuffle(mixed)
    words = through(float(at_s))
    straight, shuffled = judge(DAY.facts, SHOP, words), judge(mixed, SHOP, words)
    assert encode(list(straight.decisions.values())) == encode(list(shuffled.decisions.values()))


def test_the_day_holds_what_it_is_for() -> None:
    reasons = {one.reason for one in judge(DAY.facts, SHOP, through()).decisions.values()}
    assert reasons >= {Reason.FOREIGN, Reason.UNDONE}


@pytest.mark.parametrize("first_g", [150.0, -40.0])
def test_what_was_lifted_and_let_down_in_parts_is_no_line(first_g: float) -> None:
    script = Script()
    visit, _ = shopper(script)
    lifted = script.pick(10.0)
    first = script.foreign(11.5, first_g)
    rest = script.put_back(12.5, candidate(PAN), delta_g=551.0 - first_g)
    assert outcomes(script, lifted, first, rest) == [(Status.DECIDED, Reason.UNDONE)] * 3
    assert bought(script, visit) == {}


def test_a_hand_that_comes_to_rest_in_parts_and_goes_at_once_takes_nothing() -> None:
    script = Script()
    visit, _ = shopper(script)
    first, rest = script.foreign(10.0, 400.0), script.foreign(11.5, 149.0)
    gone = script.pick(13.0, delta_g=-551.0)
    assert [one.status for one in decisions(script, first, rest, gone)] == [Status.DECIDED] * 3
    assert bought(script, visit) == {}


def test_what_is_taken_later_than_a_hand_rested_in_parts_is_bought() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.foreign(10.0, 400.0)
    script.foreign(11.5, 149.0)
    script.pick(40.0, delta_g=-551.0)
    assert bought(script, visit) == {"tea": 1}


@pytest.mark.parametrize(("rest_g", "at_s"), [(380.0, 12.5), (401.0, 40.0)])
def test_parts_that_come_later_or_to_something_else_are_asked_about(
    rest_g: float, at_s: float
) -> None:
    script = Script()
    shopper(script)
    script.pick(10.0)
    first = script.put_back(11.5, candidate(RICE), delta_g=150.0)
    rest = script.put_back(at_s, candidate(PAN), delta_g=rest_g)
    assert outcomes(script, first, rest) == [(Status.REVIEW, Reason.NOT_HELD)] * 2


def test_parts_of_two_hands_are_asked_about() -> None:
    script = Script()
    _, first = shopper(script)
    _, second = shopper(script, 2, 2.0)
    script.reach(first, 9.5, 10.6)
    script.pick(10.0)
    script.reach(second, 13.5, 15.5)
    parts = [
        script.put_back(14.0, candidate(RICE), delta_g=150.0),
        script.put_back(15.0, candidate(PAN), delta_g=401.0),
    ]
    assert outcomes(script, *parts) == [(Status.REVIEW, Reason.NOT_HELD)] * 2


def test_one_of_several_put_in_a_wrong_place_is_not_sold_as_what_weighs_the_same() -> None:
    script = Script()
    mika, first = shopper(script)
    script.reach(first, 9.5, 11.0)
    script.pick(10.0, candidate(TEA, 3))
    script.reach(first, 19.5, 21.0)
    script.put_back(20.0, candidate(TEA, 3), plate="p2")
    _, second = shopper(script, 2, 30.0)
    script.reach(second, 39.5, 41.0)
    one = script.pick(40.0, candidate(RICE, 5), plate="p2", delta_g=-550.0)
    (found,) = decisions(script, one)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)
    assert found.candidates[0].sku == TEA
    assert bought(script, mika) == {}


def test_one_of_several_that_lie_there_undecided_is_asked_about() -> None:
    script = Script()
    _, first = shopper(script)
    script.reach(first, 9.5, 11.0)
    several = (candidate(TEA, 3), candidate(PAN, 5, -1.0))
    script.put_back(10.0, *several, delta_g=1653.0, plate="p2")
    script.walk_out(first, 30.0)
    _, second = shopper(script, 2, 40.0)
    script.reach(second, 49.5, 51.0)
    one = script.pick(50.0, candidate(RICE, 5), plate="p2", delta_g=-550.0)
    (found,) = decisions(script, one)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)


def test_what_left_is_asked_about_with_what_came_back_of_about_that_weight_at_once() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.pick(8.0, candidate(RICE), plate="p2", delta_g=-110.0)
    lifted = script.pick(10.0, delta_g=-551.0)
    taken = outcomes(script, lifted)
    back = script.put_back(12.0, candidate(PAN), delta_g=480.0)
    assert taken == [(Status.DECIDED, Reason.NONE)]
    assert outcomes(script, lifted, back) == [
        (Status.REVIEW, Reason.WHAT),
        (Status.REVIEW, Reason.NOT_HELD),
    ]
    rulings = {back.id: Ruling(visit=visit, sku=None, quantity=0)}
    after = judge(script.facts, SHOP, through(), rulings=rulings).decisions[lifted.id]
    assert after.status is Status.REVIEW


def test_what_is_asked_about_as_back_is_not_asked_about_as_taken() -> None:
    script = Script()
    shopper(script)
    taken = script.pick(10.0, delta_g=-551.0)
    back = script.put_back(12.0, delta_g=480.0)
    assert outcomes(script, taken, back) == [
        (Status.DECIDED, Reason.NONE),
        (Status.REVIEW, Reason.WHAT),
    ]


@pytest.mark.parametrize(("at_s", "weight_g"), [(18.0, 480.0), (12.0, 350.0)])
def test_what_comes_later_or_weighs_otherwise_leaves_what_was_taken_as_it_is(
    at_s: float, weight_g: float
) -> None:
    script = Script()
    shopper(script)
    taken = script.pick(10.0, delta_g=-551.0)
    script.put_back(at_s, candidate(PAN), delta_g=weight_g)
    assert outcomes(script, taken) == [(Status.DECIDED, Reason.NONE)]


def test_what_does_not_weigh_what_was_taken_from_there_is_asked_about() -> None:
    script = Script()
    shopper(script)
    script.pick(10.0, delta_g=-536.0)
    script.pick(15.0, candidate(RICE, 5), plate="p2")
    either = (candidate(TEA), candidate(RICE, 5, -5.0))
    back = script.put_back(30.0, *either, delta_g=550.0)
    same = script.put_back(40.0, delta_g=535.0)
    assert outcomes(script, back) == [(Status.REVIEW, Reason.WHAT)]
    assert outcomes(script, same) == [(Status.DECIDED, Reason.UNDONE)]


def test_something_laid_down_where_two_hands_were_is_asked_about() -> None:
    script = Script()
    _, first = shopper(script)
    _, second = shopper(script, 2, 2.0)
    script.reach(first, 9.5, 11.0)
    alone = script.foreign(10.0, 18.0)
    for track in (first, second):
        script.reach(track, 29.5, 31.0)
    both = script.foreign(30.0, 18.0)
    assert outcomes(script, alone) == [(Status.DECIDED, Reason.FOREIGN)]
    assert [one.status for one in decisions(script, both)] == [Status.REVIEW]


def test_what_weighs_about_what_lies_there_undecided_is_asked_about() -> None:
    script = Script()
    _, first = shopper(script)
    script.reach(first, 9.5, 11.0)
    script.put_back(10.0, candidate(TEA), candidate(RICE, 5, -1.0), delta_g=552.0)
    script.walk_out(first, 30.0)
    _, second = shopper(script, 2, 40.0)
    script.reach(second, 49.5, 51.0)
    taken = script.pick(50.0, candidate(RICE, 5), delta_g=-545.0)
    (found,) = decisions(script, taken)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)


def test_what_is_taken_again_is_known_here_before_its_node_knows_what_was_put_back() -> None:
    script = Script()
    visit, _ = shopper(script)
    script.pick(5.0)
    script.put_back(30.0)
    # Its node thinks for a moment that what came there may be anything.
    again = script.pick(32.0, candidate(TEA, 1, -3.0), log_other=-2.0)
    (found,) = decisions(script, again)
    assert (found.visit, found.sku, found.status) == (visit, TEA, Status.DECIDED)
    assert bought(script, visit) == {TEA: 1}
