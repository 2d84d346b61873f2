"""Who took what: the join of steps, reaches and visits."""

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.codec import encode
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import ShelfId, TrackId, VisitId
from tebura_contract.layout import Layout
from tebura_gateway.domain.cart import cart_of
from tebura_gateway.domain.decision import Decision, Reason, Ruling, Status
from tebura_gateway.domain.facts import Fact, FactFlag
from tebura_gateway.domain.joint import SWAPPED
from tebura_gateway.domain.judgement import Judgement, judge

from tests.gateway.shop import (
    CAMERA,
    FOREVER,
    GATE,
    INSIDE,
    KEN,
    LOW,
    MIKA,
    PAN,
    PLATES,
    RICE,
    TEA,
    Script,
    candidate,
    layout,
    ns,
    through,
)

SHOP = layout()


def like_products() -> Layout:
    """The shop, but a rice ball weighs what a bottle of tea does."""
    products = tuple(
        msgspec.structs.replace(product, weight_g=551.0 if product.sku == RICE else 550.0)
        for product in SHOP.product
    )
    return msgspec.structs.replace(SHOP, product=products)


def judged(script: Script, at_s: float | None = None) -> Judgement:
    return judge(script.facts, SHOP, through(at_s))


def decision(script: Script, fact: Fact, at_s: float | None = None) -> Decision:
    return judged(script, at_s).decisions[fact.id]


def one_shopper() -> tuple[Script, VisitId, TrackId]:
    script = Script()
    track = script.walk_in(1, 0.0)
    return script, script.enter(MIKA, 1.0), track


def test_a_pick_with_a_reach_goes_to_the_visit_of_the_hand() -> None:
    script = Script()
    mika_track = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    ken_track = script.walk_in(2, 10.0)
    ken = script.enter(KEN, 11.0)
    script.reach(ken_track, 20.0, 21.5)
    pick = script.pick(20.5)
    script.reach(mika_track, 30.0, 31.5)
    other = script.pick(30.5)
    assert decision(script, pick).visit == ken
    assert decision(script, pick).status is Status.DECIDED
    assert decision(script, pick).track == ken_track
    assert decision(script, other).visit == mika


def test_a_reach_that_arrives_after_the_pick_counts_as_much() -> None:
    script = Script()
    tracks = []
    for n, member in enumerate((MIKA, KEN)):
        tracks.append(script.walk_in(n, n * 10.0))
        script.enter(member, n * 10.0 + 1.0)
    pick = script.pick(30.5)
    before = decision(script, pick, at_s=30.6)
    script.reach(tracks[0], 30.0, 31.5)
    after = decision(script, pick)
    assert before.status is Status.CHECKING
    assert (after.status, after.track) == (Status.DECIDED, tracks[0])


def test_the_nearer_hand_of_two_at_the_same_moment_took_it() -> None:
    script = Script()
    left = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    right = script.walk_in(2, 10.0)
    ken = script.enter(KEN, 11.0)
    for track, x_m in ((left, 0.0), (right, 1.6)):
        script.reach(track, 20.0, 21.5, x_m=x_m)
    found = decision(script, script.pick(20.5, plate="p1"))
    assert (found.visit, found.status) == (mika, Status.DECIDED)
    assert {suspect.visit for suspect in found.suspects} >= {mika}
    assert ken != mika


def test_two_hands_at_one_place_go_to_review_with_both_as_suspects() -> None:
    script = Script()
    visits = set()
    for n, member in enumerate((MIKA, KEN)):
        track = script.walk_in(n, n * 10.0)
        visits.add(script.enter(member, n * 10.0 + 1.0))
        script.reach(track, 20.0 + 0.1 * n, 21.5)
    pick = script.pick(20.5)
    judgement = judged(script)
    found = judgement.decisions[pick.id]
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHO)
    assert {suspect.visit for suspect in found.suspects} == visits
    assert all(judgement.in_doubt(visit) for visit in visits)


def test_two_hands_at_one_place_are_asked_about_even_if_only_one_holds_what_comes_back() -> None:
    script, _, track = one_shopper()
    script.reach(track, 5.0, 6.5)
    script.pick(5.5)
    other = script.walk_in(2, 8.0)
    script.enter(KEN, 9.0)
    for hand in (track, other):
        script.reach(hand, 20.0, 21.5)
    back = decision(script, script.put_back(20.5))
    assert (back.status, back.reason) == (Status.REVIEW, Reason.WHO)


def test_the_only_visit_gets_a_pick_nobody_saw_with_less_confidence() -> None:
    script, visit, track = one_shopper()
    unseen = script.pick(10.0)
    script.reach(track, 20.0, 21.5)
    seen = script.pick(20.5)
    assert decision(script, unseen).visit == visit
    assert decision(script, unseen).confidence < decision(script, seen).confidence


def test_a_shelf_that_no_camera_watches_needs_a_single_visit() -> None:
    script, visit, _ = one_shopper()
    alone = script.pick(10.0, candidate(PAN), shelf=LOW)
    script.walk_in(2, 20.0)
    script.enter(KEN, 21.0)
    crowded = script.pick(30.0, candidate(PAN), shelf=LOW)
    assert (decision(script, alone).visit, decision(script, alone).status) == (
        visit,
        Status.DECIDED,
    )
    assert decision(script, crowded).status is Status.REVIEW


def test_a_pick_while_nobody_is_in_the_store_is_reviewed_and_charged_to_nobody() -> None:
    script = Script()
    found = decision(script, script.pick(10.0))
    assert (found.status, found.reason, found.visit) == (Status.REVIEW, Reason.NO_VISIT, None)


def test_the_hand_of_someone_without_a_visit_is_not_laid_on_the_one_who_has_one() -> None:
    script, _, _ = one_shopper()
    stranger = script.walk_in(9, 30.0)
    script.reach(stranger, 40.0, 41.5)
    found = decision(script, script.pick(40.5))
    assert (found.status, found.reason) == (Status.REVIEW, Reason.STRANGER)


def test_a_return_is_only_what_the_visit_holds() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(RICE))
    script.reach(track, 20.0, 21.5)
    # By weight alone tea is a little likelier, but a rice ball is what they hold.
    back = script.put_back(20.5, candidate(TEA), candidate(RICE, 1, -0.5), delta_g=110.0)
    found = decision(script, back)
    assert (found.status, found.sku, found.quantity) == (Status.DECIDED, RICE, -1)


def test_a_return_of_what_was_never_taken_is_reviewed() -> None:
    script, visit, track = one_shopper()
    script.reach(track, 20.0, 21.5)
    back = script.put_back(20.5)
    found = decision(script, back)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.NOT_HELD)
    assert cart_of(judged(script), visit).decided() == {}


def test_a_product_in_a_wrong_place_is_known_by_who_holds_it() -> None:
    """What stands there fits as well and is twice as likely, but nobody holds it."""
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(RICE), plate="p2", delta_g=-110.0)
    script.reach(track, 20.0, 21.5)
    back = script.put_back(20.5, candidate(TEA), candidate(RICE, 1, -0.7), delta_g=110.0)
    found = decision(script, back)
    assert (found.status, found.sku, found.quantity) == (Status.DECIDED, RICE, -1)


@pytest.mark.parametrize(
    ("is_with_another", "status"), [(False, Status.DECIDED), (True, Status.REVIEW)]
)
def test_what_nobody_else_may_have_is_hardly_what_comes_back(
    is_with_another: bool, status: Status
) -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(RICE), plate="p2", delta_g=-110.0)
    if is_with_another:
        other = script.walk_in(2, 12.0)
        script.enter(KEN, 13.0)
        script.reach(other, 15.0, 16.5)
        script.pick(15.5, candidate(TEA))
    script.reach(track, 20.0, 21.5)
    back = script.put_back(20.5, candidate(TEA), candidate(RICE, 1, -2.2), delta_g=110.0)
    found = decision(script, back)
    assert (found.status, found.sku) == (status, RICE)


def test_who_holds_two_alike_is_asked_which_of_them_they_put_there() -> None:
    shop = like_products()
    script, _, track = one_shopper()
    for at_s, sku, plate in ((10.0, TEA, "p1"), (15.0, RICE, "p2")):
        script.reach(track, at_s, at_s + 1.5)
        script.pick(at_s + 0.5, candidate(sku), plate=plate)
    script.reach(track, 20.0, 21.5)
    back = script.put_back(20.5, candidate(TEA), candidate(RICE, 1, -6.0))
    found = judge(script.facts, shop, through()).decisions[back.id]
    assert (found.status, found.reason, found.sku) == (Status.REVIEW, Reason.WHAT, TEA)
    assert judge(script.facts, SHOP, through()).decisions[back.id].status is Status.DECIDED


def test_who_holds_something_of_that_weight_from_another_shelf_is_asked_too() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(RICE, 8), plate="p2")
    script.pick(15.5, candidate(PAN), shelf=LOW)
    back = script.put_back(20.5, candidate(PAN), candidate(RICE, 8, -6.0), shelf=LOW, delta_g=890.0)
    found = decision(script, back)
    assert (found.status, found.reason, found.sku) == (Status.REVIEW, Reason.WHAT, PAN)


def test_what_they_may_hold_is_looked_for_as_far_as_they_may_hold_it() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(RICE, 8), candidate(TEA, 1, -0.2), plate="p2")
    script.pick(15.5, candidate(PAN), shelf=LOW)
    back = script.put_back(20.5, candidate(PAN), candidate(RICE, 8, -6.0), shelf=LOW, delta_g=890.0)
    is_rice = 1.0 / (1.0 + math.exp(-0.2))
    top = decision(script, back).candidates[0]
    assert top.sku == PAN
    assert top.probability == pytest.approx(1.0 / (1.0 + SWAPPED * is_rice), abs=0.01)


def test_what_another_holds_keeps_their_cart_open_when_it_comes_back() -> None:
    """One takes it, hands it over, and the other puts it back."""
    script = Script()
    mika_track = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    ken_track = script.walk_in(2, 3.0)
    ken = script.enter(KEN, 4.0)
    script.reach(mika_track, 20.0, 21.5)
    script.pick(20.5)
    script.reach(ken_track, 30.0, 31.5)
    back = script.put_back(30.5)
    judgement = judged(script)
    assert judgement.decisions[back.id].status is Status.REVIEW
    assert judgement.in_doubt(mika)
    assert judgement.in_doubt(ken)


def test_a_return_that_may_be_several_products_at_once_is_asked_about() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.reach(track, 20.0, 21.5)
    back = script.put_back(20.5, candidate(TEA, 1, -12.0), delta_g=660.0, log_other=-1.0)
    assert decision(script, back).status is Status.REVIEW


def test_what_is_none_of_the_candidates_makes_each_less_sure() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    pick = script.pick(10.5, candidate(TEA), log_other=-1.0)
    found = decision(script, pick)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)
    assert found.candidates[0].probability == pytest.approx(1.0 / (1.0 + math.exp(-1.0)))


def test_a_return_waits_for_the_picks_before_it() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    back = script.put_back(20.5, shelf=LOW)
    words = through(60.0) | {CAMERA: int(ns(5.0))}
    found = judge(script.facts, SHOP, words).decisions[back.id]
    assert found.status is Status.CHECKING


def test_two_products_of_like_weight_are_reviewed_not_guessed() -> None:
    script, _, track = one_shopper()
    script.reach(track, 10.0, 11.5)
    pick = script.pick(10.5, candidate(TEA), candidate(RICE, 1, -0.7))
    found = decision(script, pick)
    assert (found.status, found.reason) == (Status.REVIEW, Reason.WHAT)
    assert found.candidates[0].probability == pytest.approx(0.668, abs=0.01)


def test_a_step_is_checking_until_every_node_it_needs_has_spoken() -> None:
    script, _, _ = one_shopper()
    pick = script.pick(10.0)
    for silent in (PLATES, CAMERA, GATE):
        words = through() | {silent: int(ns(11.0))}
        assert judge(script.facts, SHOP, words).decisions[pick.id].status is Status.CHECKING
    words = {node: word for node, word in through().items() if node != CAMERA}
    assert judge(script.facts, SHOP, words).decisions[pick.id].status is Status.CHECKING
    assert decision(script, pick).status is Status.DECIDED


def test_a_step_without_cameras_does_not_wait_for_one() -> None:
    script, _, _ = one_shopper()
    pick = script.pick(10.0, candidate(PAN), shelf=LOW)
    words = {PLATES: FOREVER, GATE: FOREVER}
    assert judge(script.facts, SHOP, words).decisions[pick.id].status is Status.DECIDED


def test_a_step_on_plates_that_were_blind_is_reviewed() -> None:
    script, _, _ = one_shopper()
    script.sensor(PLATES, 9.0, SensorState.BLIND, SensorKind.SCALE)
    during = script.pick(10.0)
    script.sensor(PLATES, 15.0, SensorState.OK, SensorKind.SCALE)
    after = script.pick(20.0)
    said = script.pick(30.0, blind="cell 2 is stuck")
    assert decision(script, during).reason is Reason.BLIND
    assert decision(script, after).status is Status.DECIDED
    assert decision(script, said).status is Status.REVIEW
    assert "stuck" in decision(script, said).detail


def test_a_blind_camera_matters_only_when_several_are_in_the_store() -> None:
    script, _, track = one_shopper()
    script.sensor(CAMERA, 5.0, SensorState.BLIND, SensorKind.CAMERA)
    alone = script.pick(10.0)
    script.walk_in(2, 20.0)
    script.enter(KEN, 21.0)
    script.reach(track, 30.0, 31.5)
    crowded = script.pick(30.5)
    assert decision(script, alone).status is Status.DECIDED
    assert decision(script, crowded).reason is Reason.BLIND


def test_what_changed_while_the_plate_node_was_away_is_reviewed() -> None:
    script, _, _ = one_shopper()
    script.restart(PLATES, 20.0, last_alive_s=10.0)
    across = script.pick(15.0)
    after = script.pick(30.0)
    assert decision(script, across).reason is Reason.BLIND
    assert decision(script, after).status is Status.DECIDED


def test_an_unsure_clock_is_reviewed_only_where_the_join_depends_on_it() -> None:
    script = Script()
    script.walk_in(1, 0.0)
    script.enter(MIKA, 1.0)
    script.uncertainty_ns = 1_000_000_000
    alone = script.pick(10.0)
    track = script.walk_in(2, 20.0)
    script.enter(KEN, 21.0)
    script.reach(track, 30.0, 31.5)
    crowded = script.pick(30.5)
    assert decision(script, alone).status is Status.DECIDED
    assert decision(script, crowded).reason is Reason.CLOCK


def test_an_event_from_tomorrow_is_reviewed_and_touches_nobody() -> None:
    script, visit, _ = one_shopper()
    pick = script.pick(86_400.0)
    flagged = Fact(pick.id, pick.event, 0, frozenset({FactFlag.FUTURE}))
    facts = [flagged if fact.id == pick.id else fact for fact in script.facts]
    judgement = judge(facts, SHOP, through(60.0))
    assert judgement.decisions[pick.id].reason is Reason.FLAGGED
    assert judgement.decisions[pick.id].status is Status.REVIEW
    assert visit in judgement.visits


def test_a_shelf_the_layout_does_not_know_is_reviewed() -> None:
    script, _, _ = one_shopper()
    pick = script.pick(10.0, shelf=ShelfId("g/attic"))
    assert decision(script, pick).reason is Reason.UNKNOWN_SHELF


def test_a_phone_laid_down_and_taken_away_is_no_purchase() -> None:
    script, visit, _ = one_shopper()
    laid = script.foreign(10.0, 190.0)
    taken = script.foreign(20.0, -191.0)
    gone = script.foreign(30.0, -191.0)
    judgement = judged(script)
    assert judgement.decisions[laid.id].status is Status.DECIDED
    assert judgement.decisions[taken.id].status is Status.DECIDED
    # The same weight leaves once more, and nothing was laid down for it.
    assert judgement.decisions[gone.id].status is Status.REVIEW
    assert cart_of(judgement, visit).decided() == {}


def test_staff_rule_over_all_evidence() -> None:
    script, visit, _ = one_shopper()
    pick = script.pick(10.0, candidate(TEA), candidate(RICE))
    ruling = Ruling(visit=visit, sku=PAN, quantity=2)
    judgement = judge(script.facts, SHOP, through(5.0), rulings={pick.id: ruling})
    assert judgement.decisions[pick.id].reason is Reason.STAFF
    assert cart_of(judgement, visit).decided() == {PAN: 2}


def test_a_pick_after_the_shopper_left_is_not_theirs() -> None:
    script, _, track = one_shopper()
    script.walk_out(track, 30.0)
    found = decision(script, script.pick(50.0))
    assert (found.status, found.visit) == (Status.REVIEW, None)


def busy_day() -> Script:
    """Two overlapping visits, picks, returns, doubts, a restart, strangers."""
    script = Script()
    first = script.walk_in(1, 0.0)
    script.enter(MIKA, 1.0)
    script.reach(first, 10.0, 11.5)
    script.pick(10.5)
    second = script.walk_in(2, 12.0)
    script.enter(KEN, 13.0)
    script.reach(second, 20.0, 21.0, x_m=0.7)
    script.reach(first, 20.2, 21.0, x_m=0.2)
    script.pick(20.5, candidate(RICE), candidate(TEA, 1, -4.0), plate="p2")
    script.reach(first, 25.0, 26.0)
    script.put_back(25.3)
    script.foreign(27.0, 300.0)
    script.restart(PLATES, 32.0, last_alive_s=29.0)
    script.pick(30.0)
    script.sensor(CAMERA, 35.0, SensorState.BLIND, SensorKind.CAMERA)
    script.pick(36.0)
    script.sensor(CAMERA, 37.0, SensorState.OK, SensorKind.CAMERA)
    lost = script.track(3, 40.0, INSIDE)
    script.reach(lost, 41.0, 42.0)
    script.pick(41.5)
    script.walk_out(first, 50.0)
    script.leave(KEN, 60.0)
    return script


DAY = busy_day()


@settings(max_examples=60, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, len(DAY.facts) - 1), max_size=30),
    st.integers(0, 80),
)
def test_cart_ignores_duplicates_and_arrival_order(
    order: random.Random, repeated: list[int], at_s: int
) -> None:
    shuffled = DAY.facts + [DAY.facts[index] for index in repeated]
    order.shuffle(shuffled)
    words = through(float(at_s))
    straight, mixed = judge(DAY.facts, SHOP, words), judge(shuffled, SHOP, words)
    assert list(straight.visits.items()) == list(mixed.visits.items())
    for visit in straight.visits:
        assert encode(cart_of(straight, visit)) == encode(cart_of(mixed, visit))
    assert encode(list(straight.decisions.values())) == encode(list(mixed.decisions.values()))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_subset_of_the_facts_breaks_the_judgement(data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(DAY.facts), unique_by=lambda fact: fact.id))
    judgement = judge(kept, SHOP, through(data.draw(st.floats(0.0, 90.0))))
    steps = {fact.id for fact in kept if fact.id.node == PLATES}
    assert set(judgement.decisions) <= steps
    for found in judgement.decisions.values():
        assert 0.0 <= found.confidence <= 1.0
        assert found.status is not Status.DECIDED or found.visit in {None, *judgement.visits}


def test_the_day_holds_each_kind_of_outcome() -> None:
    found = {decided.status for decided in judge(DAY.facts, SHOP, through()).decisions.values()}
    assert found == {Status.DECIDED, Status.REVIEW}
