import math
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.ids import FacingId, MemberId, Sku
from tebura_contract.layout import load_layout
from tebura_simulator import demo
from tebura_simulator.scenes.truth import FootageTruth
from tebura_simulator.story.scenario import Deed, Scenario, ShopperScript, Step, load_scenario
from tebura_simulator.story.timeline import ActionKind, GestureKind, Hand, Timeline
from tebura_simulator.story.walking import Leg, Stance

DEMO = Path(demo.__file__).parent
LAYOUT = load_layout(DEMO / "layout.toml")
PATHS = sorted((DEMO / "scenarios").glob("*.toml"))
DEMOS = {path.stem: Timeline(load_scenario(path, LAYOUT), LAYOUT) for path in PATHS}
BOTH = DEMOS["two-in-turn"]
TAKE_BACK = DEMOS["take-two-put-one-back"]
TEA, SALMON = Sku("green-tea"), Sku("onigiri-salmon")
TEA_PLACE, SALMON_PLACE = FacingId("g1/s1/f4"), FacingId("g1/s2/f3")
WATER_PLACE = FacingId("g1/s1/f2")


def _story(*steps: Step, stock: dict[FacingId, int] | None = None, end_s: float = 90) -> Timeline:
    shopper = ShopperScript(id="a", member=MemberId("a"), enter_s=0.5, do=steps)
    scenario = Scenario(name="try", duration_s=end_s, shopper=(shopper,), stock=stock or {})
    return Timeline(scenario, LAYOUT)


def _take(sku: Sku, quantity: int = 1, hand: Hand = Hand.RIGHT) -> Step:
    return Step(action=Deed.TAKE, sku=sku, quantity=quantity, hand=hand)


@given(t_s=st.floats(0, 36))
def test_every_item_is_in_one_place_at_any_time(t_s: float) -> None:
    places = BOTH.items(t_s)
    assert len({place.id for place in places}) == len(places) == len(BOTH.items(0))
    standing = sum(len(skus) for skus in BOTH.standing(t_s).values())
    elsewhere = [place for place in places if place.center_m is None]
    assert standing + len(elsewhere) == len(places)
    assert all(place.shopper is not None for place in elsewhere)


def test_a_take_of_two_empties_two_places_at_its_moment() -> None:
    action = next(a for a in BOTH.actions if a.sku == SALMON)
    before = len(BOTH.standing(action.t_s - 1e-3)[action.facing])
    after = len(BOTH.standing(action.t_s + 1e-3)[action.facing])
    assert (action.quantity, before - after, action.delta_g) == (2, 2, -2 * 112.0)


def test_what_is_put_back_stands_there_again() -> None:
    kinds = [action.kind for action in TAKE_BACK.actions]
    assert kinds == [ActionKind.TAKE, ActionKind.TAKE, ActionKind.PUT_BACK]
    melon = TAKE_BACK.actions[2].facing
    assert TAKE_BACK.standing(TAKE_BACK.duration_s)[melon] == TAKE_BACK.standing(0)[melon]
    assert TAKE_BACK.actions[1].delta_g == -TAKE_BACK.actions[2].delta_g


def test_a_facing_over_two_plates_names_both() -> None:
    (action,) = _story(_take(Sku("potato-chips"))).actions
    assert action.plates == ("g1/s1/p3", "g1/s1/p4")


def test_an_item_can_be_put_back_in_a_wrong_place() -> None:
    wrong = Step(action=Deed.PUT_BACK, sku=TEA, facing=WATER_PLACE)
    story = _story(_take(Sku("mineral-water")), _take(TEA), wrong)
    assert story.actions[-1].facing == WATER_PLACE
    assert story.actions[-1].sku == TEA
    assert TEA in story.standing(story.duration_s)[WATER_PLACE]


def test_an_item_taken_before_another_is_put_into_the_bag_and_can_come_back() -> None:
    story = _story(_take(TEA), _take(SALMON), Step(action=Deed.PUT_BACK, sku=TEA))
    back = story.actions[2]
    assert story.standing(back.t_s)[TEA_PLACE] == story.standing(0)[TEA_PLACE]
    tea = next(p for p in story.items(story.actions[1].t_s) if p.sku == TEA and not p.center_m)
    assert tea.shopper == "a"
    assert tea.hand is None


@pytest.mark.parametrize("name", DEMOS)
def test_the_hand_is_at_the_items_when_they_leave_or_land(name: str) -> None:
    story = DEMOS[name]
    for action in story.actions:
        state = next(s for s in story.shoppers(action.t_s) if s.script.id == action.shopper)
        assert state.reach is not None
        assert state.reach.progress == 1.0
        at_s = action.t_s - 1e-3 if action.kind is ActionKind.TAKE else action.t_s + 1e-3
        after_s = action.t_s + 1e-3 if action.kind is ActionKind.TAKE else action.t_s - 1e-3
        there = {p.id: p.center_m for p in story.items(at_s) if p.center_m}
        moved = [p.id for p in story.items(after_s) if p.center_m is None and p.id in there]
        assert len(moved) == action.quantity
        middle = np.mean([there[item] for item in moved], axis=0)
        assert state.reach.target_m is not None
        assert np.allclose(middle, state.reach.target_m)
        assert action.inside_from_s < action.t_s < action.inside_to_s


@pytest.mark.parametrize("name", DEMOS)
def test_shoppers_are_there_from_entry_to_leaving_only(name: str) -> None:
    story = DEMOS[name]
    for passage in story.passages:
        present = [
            passage.shopper in {s.script.id for s in story.shoppers(t)}
            for t in (passage.enter_s - 0.01, passage.enter_s, passage.leave_s - 0.01)
        ]
        assert present == [False, True, True]
        assert passage.shopper not in {s.script.id for s in story.shoppers(passage.leave_s)}


@pytest.mark.parametrize("name", DEMOS)
def test_shoppers_walk_as_the_footage_shows_them(name: str) -> None:
    path = DEMO / "footage" / name / "aisle.truth.json"
    truth = msgspec.json.decode(path.read_bytes(), type=FootageTruth)
    shown = 0
    for frame in truth.frames:
        at = {state.script.id: state.xy_m for state in DEMOS[name].shoppers(frame.t_s)}
        for person in frame.people:
            shown += 1
            assert person.foot_m == tuple(round(v, 4) for v in at[person.shopper])
    assert shown > 100


def test_two_shoppers_in_turn_never_share_the_shop() -> None:
    first, second = BOTH.passages
    assert first.leave_s < second.enter_s


@pytest.mark.parametrize("name", DEMOS)
def test_the_code_is_shown_standing_still_in_the_gates_zone(name: str) -> None:
    story = DEMOS[name]
    zone = np.asarray(LAYOUT.gate[0].zone_m, dtype=np.float32)
    for passage in story.passages:
        assert passage.code_from_s is not None
        assert passage.code_to_s is not None
        assert passage.code_to_s - passage.code_from_s >= 1.5
        for t_s in np.linspace(passage.code_from_s, passage.code_to_s, 9):
            (state,) = story.shoppers(float(t_s))
            assert state.phone == pytest.approx(1.0)
            assert state.speed_mps == pytest.approx(0.0, abs=1e-9)
            assert cv2.pointPolygonTest(zone, state.xy_m, False) > 0


def test_a_shopper_without_an_account_shows_no_phone() -> None:
    shopper = ShopperScript(id="a", enter_s=0.5, do=(_take(TEA),))
    story = Timeline(Scenario(name="try", duration_s=60, shopper=(shopper,)), LAYOUT)
    assert story.passages[0].code_from_s is None
    assert all(s.phone == 0.0 for t in np.arange(0, 60, 0.1) for s in story.shoppers(float(t)))


@given(t_s=st.floats(0.6, 33.0))
@settings(max_examples=200)
def test_a_foot_on_the_floor_does_not_slide_and_nobody_jumps(t_s: float) -> None:
    dt = 0.02
    for a, b in zip(BOTH.shoppers(t_s), BOTH.shoppers(t_s + dt), strict=False):
        if a.script.id != b.script.id:
            continue
        assert math.dist(a.xy_m, b.xy_m) < 1.5 * a.script.walk_mps * dt
        for foot_a, foot_b in ((a.left_foot, b.left_foot), (a.right_foot, b.right_foot)):
            assert math.dist(foot_a.xy_m, foot_b.xy_m) < 6.0 * dt
            if foot_a.lift_m == foot_b.lift_m == 0.0:
                assert math.dist(foot_a.xy_m, foot_b.xy_m) < 1e-6


@given(
    x=st.floats(-4, 4), y=st.floats(-4, 4), yaw=st.floats(-3.1, 3.1), goal_yaw=st.floats(-3.1, 3.1)
)
def test_a_way_ends_on_both_feet_where_it_should(
    x: float, y: float, yaw: float, goal_yaw: float
) -> None:
    leg = Leg(0.0, Stance((0.0, 0.0), yaw), Stance((x, y), goal_yaw))
    left, right = leg.feet(leg.end_s)
    assert left.lift_m == right.lift_m == 0.0
    assert np.allclose(np.mean([left.xy_m, right.xy_m], axis=0), (x, y), atol=1e-9)
    assert math.cos(leg.stance(leg.end_s).yaw_rad - goal_yaw) == pytest.approx(1.0)


def test_the_same_moment_gives_the_same_state_in_any_order() -> None:
    times = np.random.default_rng(0).permutation(np.arange(0, 28, 0.5))
    seen = {float(t): TAKE_BACK.shoppers(float(t)) for t in times}
    again = Timeline(TAKE_BACK.scenario, LAYOUT)
    assert all(again.shoppers(t) == seen[t] for t in sorted(seen))


def test_a_look_takes_nothing() -> None:
    story = DEMOS["just-looking"]
    assert story.actions == ()
    kinds = {s.reach.kind for t in np.arange(0, 23, 0.1) for s in story.shoppers(t) if s.reach}
    assert kinds == {GestureKind.PHONE, GestureKind.LOOK}


def test_taking_more_than_stands_there_is_refused_with_the_facing() -> None:
    with pytest.raises(ValueError, match=SALMON_PLACE):
        _story(_take(SALMON, quantity=2), stock={SALMON_PLACE: 1})


def test_a_full_facing_takes_nothing_back() -> None:
    wrong = Step(action=Deed.PUT_BACK, sku=TEA, facing=SALMON_PLACE)
    with pytest.raises(ValueError, match=SALMON_PLACE):
        _story(_take(TEA), wrong)


def test_a_scenario_that_ends_too_early_is_refused() -> None:
    with pytest.raises(ValueError, match="after the end"):
        _story(_take(TEA), end_s=10)
