"""Each peer does what its idea can do: on hand-made recordings without errors it is right."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import HandContent
from tebura_contract.ids import PlateId, Sku
from tebura_contract.layout import load_layout
from tebura_contract.truth import OutcomeKind
from tebura_simulator.claims import Claims, Method
from tebura_simulator.memory_reel import reel_of
from tebura_simulator.peers import PEERS
from tebura_simulator.peers.levels import changes_of
from tebura_simulator.peers.moving_deviation import stirs_of
from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.traces import ShelfTrace, first_sample_ns, weighed
from tebura_simulator.peers.winner import scores
from tebura_simulator.recordings import layout_of, truth_of
from tebura_simulator.story.scenario import (
    NO_ERRORS,
    PlateKind,
    PlatesScript,
    load_scenario,
)

from tests.simulator.hand_made import (
    FULL_G,
    LEFT,
    LEFT_XY_M,
    RIGHT,
    RIGHT_XY_M,
    START_NS,
    HandMade,
)


def peer(name: str) -> Method:
    return next(method for method in PEERS if method.name == name)


def lines(claims: Claims) -> list[tuple[str, str | None, int, str | None]]:
    return [(o.kind.value, o.sku, o.quantity, o.visit) for o in claims.outcomes]


def calm_visit(rate_hz: float = 60.0) -> HandMade:
    """One shopper, single picks well apart in time, one of them put back."""
    made = HandMade(rate_hz=rate_hz)
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M), (20.0, RIGHT_XY_M)])
    taken = ((6.0, "tea"), (10.0, "bread"), (14.0, "chips"), (24.0, "coffee"))
    for t_s, sku in taken:
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku, HandContent.EMPTY, HandContent.HOLDING)
    made.moved(30.0, "coffee", -1)
    made.reaches(track, 30.0, "coffee", HandContent.HOLDING, HandContent.EMPTY)
    return made


def test_four_peers_go_by_the_names_of_the_bench() -> None:
    assert [p.name for p in PEERS] == ["winner", "weight-only", "vision-only", "nearest-person"]


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_a_calm_visit_of_one_shopper_is_right_for_every_peer(method: Method) -> None:
    claims = method(calm_visit().reel())
    assert lines(claims) == [
        ("pick", "tea", 1, "ann"),
        ("pick", "bread", 1, "ann"),
        ("pick", "chips", 1, "ann"),
        ("pick", "coffee", 1, "ann"),
        ("return", "coffee", 1, "ann"),
    ]
    assert claims.carts == {"ann": {"tea": 1, "bread": 1, "chips": 1}}
    for outcome, true_s in zip(claims.outcomes, (6.0, 10.0, 14.0, 24.0, 30.0), strict=True):
        assert outcome.time_s == pytest.approx(true_s, abs=1.0)
        assert (outcome.gondola, outcome.shelf) == ("left" if true_s < 20 else "right", 1)


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_ten_samples_a_second_are_enough_for_weights(name: str) -> None:
    claims = peer(name)(calm_visit(rate_hz=10.0).reel())
    assert claims.carts == {"ann": {"tea": 1, "bread": 1, "chips": 1}}


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_two_of_one_product_are_two(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(8.0, "bread", 2)
    assert peer(name)(made.reel()).carts == {"ann": {"bread": 2}}


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_place_decides_between_products_of_one_weight(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    made.moved(8.0, "candy", 1)
    made.moved(12.0, "soap", 1)
    made.moved(16.0, "chips", 1)
    made.moved(20.0, "bites", 1)
    assert [o.sku for o in peer(name)(made.reel()).outcomes] == ["candy", "soap", "chips", "bites"]


@pytest.mark.parametrize("name", ["winner", "vision-only", "nearest-person"])
def test_shoppers_far_apart_keep_what_each_took(name: str) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    ben = made.comes("ben", 8.0, [(10.0, RIGHT_XY_M)])
    for t_s, track, sku in ((12.0, ann, "tea"), (15.0, ben, "coffee"), (18.0, ann, "bread")):
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku)
    carts = peer(name)(made.reel()).carts
    assert carts == {"ann": {"tea": 1, "bread": 1}, "ben": {"coffee": 1}}


def test_without_cameras_the_last_to_enter_gets_it() -> None:
    made = HandMade(accounts=("ann", "ben"))
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(6.0, "tea", 1)
    made.comes("ben", 8.0, [(10.0, RIGHT_XY_M)])
    made.moved(14.0, "bread", 1)
    assert peer("weight-only")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {"bread": 1}}


@pytest.mark.parametrize("name", ["winner", "vision-only", "nearest-person"])
def test_broken_tracks_go_on_where_they_broke(name: str) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ben = made.comes("ben", 2.0, [(4.0, RIGHT_XY_M)])
    ann = made.comes("ann", 6.0, [(8.0, LEFT_XY_M)])
    ann_again = made.breaks(ann, 12.0, LEFT_XY_M)
    ben_again = made.breaks(ben, 12.2, RIGHT_XY_M)
    for t_s, track, sku in ((16.0, ann_again, "tea"), (20.0, ben_again, "coffee")):
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku)
    assert peer(name)(made.reel()).carts == {"ann": {"tea": 1}, "ben": {"coffee": 1}}


def test_who_was_lost_alone_is_found_again_anywhere() -> None:
    made = HandMade(accounts=("ann", "ben"))
    made.comes("ben", 2.0, [(4.0, RIGHT_XY_M)])
    ann = made.comes("ann", 6.0, [(8.0, RIGHT_XY_M)])
    again = made.breaks(ann, 12.0, RIGHT_XY_M, goes_on_xy_m=LEFT_XY_M)
    made.reaches(again, 16.0, "tea")
    assert peer("vision-only")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {}}


def test_another_camera_s_track_is_the_same_person_and_its_reach_the_same_hand() -> None:
    made = HandMade(accounts=("ann", "ben"))
    made.comes("ben", 2.0, [(4.0, RIGHT_XY_M)])
    ann = made.comes("ann", 6.0, [(8.0, LEFT_XY_M)])
    also = made.seen_also(ann, 9.0)
    made.reaches(ann, 14.0, "tea")
    made.reaches(also, 14.1, "tea")
    made.reaches(also, 18.0, "bread")
    assert peer("vision-only")(made.reel()).carts == {"ben": {}, "ann": {"tea": 1, "bread": 1}}


def test_a_visitor_may_be_seen_some_seconds_after_the_code() -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 6.0, [(8.0, LEFT_XY_M)], code_s=1.0)
    ben = made.comes("ben", 12.0, [(14.0, RIGHT_XY_M)], code_s=7.0)
    made.reaches(ann, 16.0, "tea")
    made.reaches(ben, 18.0, "coffee")
    assert peer("vision-only")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {"coffee": 1}}


def test_a_wrist_in_the_shelf_wins_over_a_nearer_head_for_the_winner() -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, (0.1, -0.9))])
    made.comes("ben", 8.0, [(10.0, (0.15, -0.3))])
    made.moved(14.0, "tea", 1)
    assert peer("winner")(made.reel()).carts["ben"] == {"tea": 1}
    made.reaches(ann, 14.0, "tea")
    assert peer("winner")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {}}


def test_a_reach_that_took_nothing_is_no_pick() -> None:
    made = HandMade()
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.reaches(track, 8.0, "tea", HandContent.EMPTY, HandContent.EMPTY)
    assert peer("vision-only")(made.reel()).outcomes == ()


def test_a_put_back_in_the_wrong_place_is_what_the_shopper_holds() -> None:
    made = HandMade()
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(8.0, "tea", 1)
    made.reaches(track, 8.0, "tea", HandContent.EMPTY, HandContent.HOLDING)
    made.moves.append((14.0, LEFT, {2: 552.0}))
    made.reaches(track, 14.0, "bread", HandContent.HOLDING, HandContent.EMPTY)
    for method in PEERS:
        claims = method(made.reel())
        assert claims.carts == {"ann": {}}, method.name
        assert claims.outcomes[-1].kind is OutcomeKind.RETURN


@pytest.mark.parametrize("name", ["weight-only", "nearest-person"])
def test_of_two_articles_of_one_weight_the_one_that_belongs_there_came_back(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    for t_s, sku, count in ((8.0, "candy", 1), (12.0, "soap", 1), (16.0, "soap", -1)):
        made.moved(t_s, sku, count)
    assert peer(name)(made.reel()).carts == {"ann": {"candy": 1}}


def test_a_pick_and_a_return_two_seconds_apart_are_both_told() -> None:
    for rate_hz in (10.0, 60.0):
        made = HandMade(rate_hz=rate_hz)
        made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
        made.moved(8.0, "bread", 1)
        made.moved(10.0, "bread", -1)
        kinds = [outcome.kind for outcome in peer("weight-only")(made.reel()).outcomes]
        assert kinds == [OutcomeKind.PICK, OutcomeKind.RETURN]


def test_what_creeps_a_little_is_no_step() -> None:
    """Over two blocks of a quarter second, so that the rests before and after share a block."""
    grams = FULL_G - 6.6 * np.clip((np.arange(600) - 300) / 30, 0.0, 1.0)
    assert changes_of(trace_of(grams), Planogram(layout_of(HandMade().reel()))) == []


def test_noisy_plates_hide_no_step_of_a_quiet_one() -> None:
    names = tuple(PlateId(f"left/1/{n}") for n in (1, 2, 3, 4))
    noise_g = np.array([0.5, 20.0, 20.0, 20.0])
    grams = FULL_G + np.random.default_rng(3).normal(0.0, noise_g, (1200, 4))
    grams[600:, 0] -= 30.0
    at_ns = (np.arange(1200) * SECOND_NS / 60).astype(np.int64)
    planogram = Planogram(layout_of(HandMade().reel()))
    (change,) = changes_of(ShelfTrace(LEFT, names, at_ns, grams, 60.0), planogram)
    assert change.plates == names[:1]
    assert change.delta_g == pytest.approx(-30.0, abs=1.0)


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_samples_that_were_not_read_are_no_pick(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.unread.append((8.0, 10.0, PlateId("left/1/1")))
    made.unread.append((0.0, 40.0, PlateId("left/1/2")))
    assert peer(name)(made.reel()).outcomes == ()


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_nobody_is_billed_for_what_moves_while_nobody_is_inside(method: Method) -> None:
    made = HandMade()
    made.moved(1.0, "tea", 1)
    made.comes("ann", 20.0, [(22.0, LEFT_XY_M)])
    assert method(made.reel()).carts == {"ann": {}}


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_where_a_peer_is_known_to_fail_it_still_answers(method: Method) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    ben = made.comes("ben", 5.0, [(7.0, RIGHT_XY_M)])
    # The two swap what weighs the same; a hand rests on the plate before it takes.
    made.moves.append((10.0, RIGHT, {1: -130.0, 4: +131.0}))
    made.moves += [(15.0, RIGHT, {3: +900.0}), (25.0, RIGHT, {3: -1115.0})]
    made.reaches(ann, 10.0, "soap")
    made.reaches(ben, 10.0, "candy")
    claims = method(made.reel())
    assert set(claims.carts) == {"ann", "ben"}
    assert all(count > 0 for cart in claims.carts.values() for count in cart.values())


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_a_recording_without_a_gate_is_one_visit_of_its_only_account(method: Method) -> None:
    made = HandMade()
    made.moved(8.0, "tea", 1)
    expected = {} if method.name == "vision-only" else {"tea": 1}
    assert method(made.reel()).carts == {"ann": expected}


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_an_easy_scenario_seen_without_errors_is_right_for_every_peer(
    repository: Path, method: Method
) -> None:
    demo = repository / "simulator/tebura_simulator/demo"
    layout = load_layout(demo / "layout.toml")
    easy = load_scenario(demo / "scenarios" / "take-two-put-one-back.toml", layout)
    scenario = msgspec.structs.replace(
        easy, sight=NO_ERRORS, plates=PlatesScript(kind=PlateKind.STORE60)
    )
    reel = reel_of(scenario, layout)
    truth = truth_of(reel)
    assert truth is not None
    claims = method(reel)
    assert claims.carts == {receipt.shopper: receipt.items for receipt in truth.receipts}
    assert lines(claims) == [(e.kind.value, e.sku, e.quantity, e.shopper) for e in truth.events]


# ------------------------------------------------------------- what the winner's team published


def trace_of(grams: np.ndarray, rate_hz: float = 60.0) -> ShelfTrace:
    at_ns = (np.arange(len(grams)) * SECOND_NS / rate_hz).astype(np.int64)
    return ShelfTrace(LEFT, (PlateId("left/1/1"),), at_ns, grams.reshape(-1, 1), rate_hz)


def step_of(size_g: float) -> np.ndarray:
    return np.where(np.arange(600) < 300, FULL_G, FULL_G - size_g)


def test_the_published_detector_loses_a_part_of_each_step() -> None:
    """With k of 60 samples after a step of D the deviation is D*sqrt(k/60*(1-k/60)): for 100 g it
    is over 20 g from the third sample on, so the change is 100 g less twice three sixtieths."""
    (stir,) = stirs_of(trace_of(step_of(100.0)))
    assert stir.delta_g == pytest.approx(-90.0, abs=0.1)
    assert stir.peak_ns == pytest.approx(5 * SECOND_NS, abs=SECOND_NS / 30)


def test_the_published_detector_does_not_see_steps_below_46_grams() -> None:
    assert stirs_of(trace_of(step_of(44.0))) == []
    assert len(stirs_of(trace_of(step_of(60.0)))) == 1


def test_the_published_detector_forgives_a_single_wild_sample() -> None:
    grams = np.full(600, FULL_G)
    grams[300] += 20_000.0
    assert stirs_of(trace_of(grams)) == []


def test_at_ten_hertz_a_wild_sample_beside_a_step_does_no_harm() -> None:
    grams = np.where(np.arange(200) < 100, FULL_G, FULL_G - 552.0)
    grams[102] += 14_000.0
    (stir,) = stirs_of(trace_of(grams, rate_hz=10.0))
    assert stir.delta_g == pytest.approx(-552.0, rel=0.25)


def test_arrangement_counts_four_times_what_weight_does() -> None:
    planogram = Planogram(layout_of(HandMade().reel()))
    grams = np.full((600, 4), FULL_G)
    grams[300:, 1] -= 552.0
    names = tuple(PlateId(f"left/1/{n}") for n in (1, 2, 3, 4))
    at_ns = (np.arange(600) * SECOND_NS / 60).astype(np.int64)
    (stir,) = stirs_of(ShelfTrace(LEFT, names, at_ns, grams, 60.0))
    ranked = scores(stir, planogram)
    assert ranked[Sku("bread")] == pytest.approx(0.8, abs=0.01)
    assert 0.0 < ranked[Sku("tea")] <= 0.2


def test_samples_are_put_in_their_own_order_and_counted_once() -> None:
    made = HandMade(seconds=2.0)
    made.disturb = lambda batches: [*batches[1:3], batches[0], *batches[2:]]
    trace, _ = weighed(made.reel(), layout_of(made.reel())).traces
    assert len(trace.at_ns) == 120
    assert (np.diff(trace.at_ns) > 0).all()
    assert trace.rate_hz == pytest.approx(60.0, rel=1e-3)


def test_the_zero_of_time_is_the_first_sample() -> None:
    made = HandMade(seconds=2.0)
    assert (
        first_sample_ns(made.reel())
        == weighed(made.reel(), layout_of(made.reel())).start_ns
        == START_NS
    )
