"""Every deed of a scenario happens where and when it should."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId, MemberId, Sku
from tebura_contract.layout import Layout, load_layout
from tebura_simulator import demo
from tebura_simulator.story.footprints import footprints_of
from tebura_simulator.story.scenario import (
    Deed,
    Hand,
    OtherHand,
    Part,
    Scenario,
    ShopperScript,
    Step,
    scenario_problems,
)
from tebura_simulator.story.timeline import ActionKind, GestureKind, ItemPlace, Timeline
from tebura_simulator.story.timetable import TouchKind

DEMO = Path(demo.__file__).parent
LAYOUT = load_layout(DEMO / "layout.toml")
TEA, WATER, SALMON = Sku("green-tea"), Sku("mineral-water"), Sku("onigiri-salmon")
CHOCOLATE = Sku("chocolate-bar")
TEA_PLACE, WATER_PLACE = FacingId("g1/s1/f4"), FacingId("g1/s1/f2")
SALMON_PLACE, TUNA_PLACE = FacingId("g1/s2/f3"), FacingId("g1/s2/f2")


def shopper(name: str, *steps: Step, enter_s: float = 0.5) -> ShopperScript:
    return ShopperScript(id=name, member=MemberId(name), enter_s=enter_s, do=steps)


def staff(*steps: Step, enter_s: float = 0.5) -> ShopperScript:
    return ShopperScript(id="staff", part=Part.STAFF, enter_s=enter_s, do=steps)


def play(
    *people: ShopperScript,
    stock: dict[FacingId, int] | None = None,
    layout: Layout = LAYOUT,
    end_s: float = 240.0,
) -> Timeline:
    scenario = Scenario(name="try", duration_s=end_s, shopper=people, stock=stock or {})
    assert scenario_problems(scenario, layout) == []
    return Timeline(scenario, layout)


def take(sku: Sku, at_s: float | None = None, quantity: int = 1) -> Step:
    return Step(action=Deed.TAKE, sku=sku, at_s=at_s, quantity=quantity)


def give(sku: Sku, to: str, at_s: float | None = None) -> Step:
    return Step(action=Deed.HAND_OVER, sku=sku, to=to, at_s=at_s)


def where(story: Timeline, item: str, t_s: float) -> ItemPlace:
    return next(place for place in story.items(t_s) if place.id == item)


def reaches(story: Timeline, kind: GestureKind) -> list[tuple[float, str]]:
    """When (to 0.05 s) and by whom a gesture of a kind is at its target."""
    return [
        (float(t), s.script.id)
        for t in np.arange(0.0, story.duration_s, 0.05)
        for s in story.shoppers(float(t))
        if any(r and r.kind is kind and r.progress == 1.0 for r in (s.reach, s.other_reach))
    ]


# Staff and stock


def test_staff_fill_an_empty_facing_with_packages_that_were_not_there_before() -> None:
    bring = Step(action=Deed.REFILL, sku=TEA, quantity=4)
    story = play(staff(bring), stock={TEA_PLACE: 0})
    (action,) = story.actions
    assert (action.kind, action.quantity, action.delta_g) == (ActionKind.REFILL, 4, 4 * 552.0)
    assert TEA_PLACE not in story.standing(action.t_s - 0.01)
    assert story.standing(action.t_s + 0.01)[TEA_PLACE] == (TEA,) * 4
    brought = [where(story, item, 0.0) for item in action.items]
    assert [(p.shopper, p.hand, p.center_m) for p in brought] == [("staff", None, None)] * 4
    (passage,) = story.passages
    assert passage.is_staff
    assert (passage.member, passage.code_from_s) == (None, None)


def test_a_refill_without_room_is_refused_with_its_step_and_facing() -> None:
    with pytest.raises(ValueError, match=r"shopper\[0\]\.do\[0\].*'g1/s1/f4' has no room"):
        play(staff(Step(action=Deed.REFILL, sku=TEA)))


def test_a_shopper_waits_for_the_stock_that_staff_bring() -> None:
    bring = Step(action=Deed.REFILL, sku=TEA, at_s=60.0)
    story = play(shopper("a", take(TEA)), staff(bring, enter_s=20.0), stock={TEA_PLACE: 0})
    filled, taken = story.actions
    assert (filled.kind, taken.kind) == (ActionKind.REFILL, ActionKind.TAKE)
    assert taken.items == filled.items
    assert taken.t_s > filled.t_s == pytest.approx(60.0)


def test_who_wants_what_nobody_will_bring_is_named_with_step_and_facing() -> None:
    with pytest.raises(ValueError, match=r"shopper\[1\]\.do\[1\].*'green-tea'.*g1/s1/f4"):
        play(
            shopper("a", take(TEA)),
            shopper("b", take(WATER), take(TEA), enter_s=15.0),
            stock={TEA_PLACE: 1},
        )


def _with_second_tea() -> Layout:
    """Green tea in the place of the egg sandwiches, too."""
    (gondola,) = LAYOUT.gondola
    low, high = gondola.shelf
    facings = tuple(msgspec.structs.replace(f, sku=TEA) if f.id == "f1" else f for f in high.facing)
    high = msgspec.structs.replace(high, facing=facings)
    gondola = msgspec.structs.replace(gondola, shelf=(low, high))
    return msgspec.structs.replace(LAYOUT, gondola=(gondola,))


def test_the_second_facing_of_a_product_is_used_where_the_first_is_empty() -> None:
    layout = _with_second_tea()
    story = play(shopper("a", take(TEA), take(TEA)), stock={TEA_PLACE: 1}, layout=layout)
    assert [action.facing for action in story.actions] == [TEA_PLACE, "g1/s2/f1"]


def test_a_package_put_in_a_wrong_place_is_the_one_taken_from_there() -> None:
    wrong = Step(action=Deed.PUT_BACK, sku=TEA, facing=WATER_PLACE)
    again = Step(action=Deed.TAKE, sku=TEA, facing=WATER_PLACE, at_s=60.0)
    story = play(
        shopper("a", take(TEA), wrong), shopper("b", again, enter_s=12.0), stock={WATER_PLACE: 3}
    )
    taken, put, found = story.actions
    assert taken.items == put.items == found.items
    assert (found.shopper, found.facing, found.sku) == ("b", WATER_PLACE, TEA)
    assert found.delta_g == -552.0


# Time


def test_a_step_with_a_time_happens_then() -> None:
    story = play(
        shopper(
            "a",
            take(TEA, at_s=30.0),
            Step(action=Deed.PUT_BACK, sku=TEA, at_s=55.5, pace=2.0),
            Step(action=Deed.TOUCH, sku=TEA, at_s=70.0, duration_s=3.0),
        )
    )
    assert [action.t_s for action in story.actions] == pytest.approx([30.0, 55.5])
    (touch,) = story.touches
    assert (touch.from_s, touch.to_s) == pytest.approx((70.0, 73.0))


def test_who_cannot_be_there_in_time_does_it_as_soon_as_possible() -> None:
    hurried = play(shopper("a", take(TEA, at_s=2.0))).actions[0].t_s
    assert hurried == pytest.approx(play(shopper("a", take(TEA))).actions[0].t_s)


def test_two_take_from_one_facing_at_the_same_second() -> None:
    story = play(shopper("a", take(TEA, at_s=40.0)), shopper("b", take(TEA, 40.0), enter_s=9.0))
    one, two = story.actions
    assert one.t_s == two.t_s == pytest.approx(40.0)
    assert one.facing == two.facing
    assert one.items != two.items
    a, b = story.shoppers(40.0)
    assert math.dist(a.xy_m, b.xy_m) < 0.5


def test_nothing_is_put_where_a_slow_hand_has_not_yet_emptied_the_place() -> None:
    slow = Step(action=Deed.TAKE, sku=TEA, at_s=60.0, pace=0.25)
    back = Step(action=Deed.PUT_BACK, sku=WATER, facing=TEA_PLACE, at_s=59.0)
    story = play(shopper("a", slow), shopper("b", take(WATER), back, enter_s=9.0))
    taken, put = story.actions[1:]
    assert (taken.t_s, taken.sku, put.sku) == (60.0, TEA, WATER)
    assert put.t_s > taken.t_s


def test_a_pace_of_two_halves_the_time_in_the_shelf() -> None:
    def inside_s(pace: float) -> float:
        step = Step(action=Deed.TAKE, sku=TEA, pace=pace)
        (action,) = play(shopper("a", step)).actions
        return action.inside_to_s - action.inside_from_s

    assert inside_s(2.0) == pytest.approx(inside_s(1.0) / 2, abs=1e-3)
    assert inside_s(0.25) == pytest.approx(4 * inside_s(1.0), abs=1e-3)


# Hands


@pytest.mark.parametrize("lag_s", [0.0, 0.7, -0.4])
def test_both_hands_take_in_one_reach(lag_s: float) -> None:
    step = Step(
        action=Deed.TAKE,
        sku=SALMON,
        at_s=30.0,
        quantity=2,
        other_hand=OtherHand(sku=Sku("onigiri-tuna"), lag_s=lag_s),
        is_hidden=True,
    )
    story = play(shopper("a", step))
    actions = {action.hand: action for action in story.actions}
    right, left = actions[Hand.RIGHT], actions[Hand.LEFT]
    assert (right.sku, right.quantity, left.sku, left.quantity) == (SALMON, 2, "onigiri-tuna", 1)
    assert right.t_s == pytest.approx(30.0)
    assert left.t_s - right.t_s == pytest.approx(lag_s, abs=1e-3)
    assert right.is_hidden
    assert left.is_hidden
    (state,) = story.shoppers(32.0)
    assert len(state.held[Hand.RIGHT]) == 2
    assert len(state.held[Hand.LEFT]) == 1


def test_both_hands_take_the_same_product_from_one_facing_and_put_it_back() -> None:
    two = OtherHand(sku=TEA, quantity=2)
    story = play(
        shopper(
            "a",
            Step(action=Deed.TAKE, sku=TEA, other_hand=two),
            take(WATER),
            Step(action=Deed.PUT_BACK, sku=TEA, other_hand=two),
        )
    )
    start, end = story.standing(0.0), story.standing(story.duration_s)
    assert end[TEA_PLACE] == start[TEA_PLACE]
    there = [place.center_m for place in story.items(story.duration_s) if place.sku == TEA]
    assert len(set(there)) == len(there)


def test_hands_that_would_have_to_span_the_shop_are_refused() -> None:
    gondola = LAYOUT.gondola[0]
    far = msgspec.structs.replace(
        gondola, id="g2", store_from_gondola=Pose(translation_m=(-3.0, 2.5, 0.0))
    )
    layout = msgspec.structs.replace(LAYOUT, gondola=(gondola, far))
    there = OtherHand(sku=TEA, facing=FacingId("g2/s1/f4"))
    with pytest.raises(ValueError, match=r"do\[0\].*too far for two hands"):
        play(shopper("a", Step(action=Deed.TAKE, sku=TEA, other_hand=there)), layout=layout)


# From one to another


def test_a_package_handed_over_is_in_the_other_s_hand_from_then_on() -> None:
    story = play(
        shopper("a", take(TEA), give(TEA, "b", at_s=40.0)),
        shopper("b", take(WATER), Step(action=Deed.WAIT, duration_s=60.0), enter_s=9.0),
    )
    tea = story.actions[0].items[0]
    assert (where(story, tea, 39.9).shopper, where(story, tea, 40.1).shopper) == ("a", "b")
    assert where(story, tea, 40.1).hand is not None
    a, b = story.shoppers(40.0)
    assert a.reach is not None
    assert b.reach is not None
    assert (a.reach.kind, b.reach.kind) == (GestureKind.HAND_OVER, GestureKind.RECEIVE)
    assert a.reach.target_m == b.reach.target_m
    assert math.dist(a.xy_m, b.xy_m) < 0.8
    for one, other in ((a, b), (b, a)):
        way = np.subtract(other.xy_m, one.xy_m) / math.dist(a.xy_m, b.xy_m)
        assert way @ (math.cos(one.yaw_rad), math.sin(one.yaw_rad)) > 0.7


def test_whoever_is_to_get_something_waits_for_it_before_leaving() -> None:
    story = play(shopper("a", take(TEA), give(TEA, "b", at_s=50.0)), shopper("b", enter_s=5.0))
    handed = [t_s for t_s, _ in reaches(story, GestureKind.RECEIVE)]
    assert handed[0] == pytest.approx(50.0, abs=0.3)
    assert story.passages[1].leave_s > 50.0


def test_what_was_handed_over_can_be_put_back_by_who_got_it() -> None:
    back = Step(action=Deed.PUT_BACK, sku=TEA)
    story = play(shopper("a", take(TEA), give(TEA, "b")), shopper("b", back, enter_s=4.0))
    taken, put = story.actions
    assert (put.kind, put.shopper, put.items) == (ActionKind.PUT_BACK, "b", taken.items)


def test_two_who_wait_for_each_other_are_both_named() -> None:
    circle = [
        shopper("a", give(TEA, "b"), take(WATER)),
        shopper("b", give(TEA, "a")),
    ]
    with pytest.raises(ValueError, match=r"shopper\[0\]\.do\[0\].*shopper\[1\]\.do\[0\]"):
        play(*circle)


def test_whoever_is_to_get_something_stays_until_the_giver_has_come() -> None:
    story = play(shopper("a", take(TEA), give(TEA, "b"), enter_s=60.0), shopper("b"))
    (tea,) = story.actions[0].items
    assert story.passages[1].leave_s > story.passages[0].enter_s
    assert where(story, tea, story.duration_s).shopper == "b"


def test_what_is_dropped_lies_on_the_floor_until_somebody_picks_it_up() -> None:
    story = play(
        shopper(
            "a", take(TEA), Step(action=Deed.WALK, to_m=(3.5, 0.0)), Step(action=Deed.DROP, sku=TEA)
        ),
        shopper("b", Step(action=Deed.PICK_UP, sku=TEA, at_s=70.0), enter_s=15.0),
    )
    tea = story.actions[0].items[0]
    lying = where(story, tea, 60.0)
    assert (lying.shopper, lying.hand, lying.facing) == (None, None, None)
    assert lying.center_m is not None
    assert lying.center_m[2] == pytest.approx(0.215 / 2)
    assert math.dist(lying.center_m[:2], (3.5, 0.0)) < 0.5
    assert story.passages[0].leave_s < 70.0
    assert where(story, tea, 70.1).shopper == "b"
    b = next(state for state in story.shoppers(70.0) if state.script.id == "b")
    assert b.reach is not None
    assert b.reach.target_m == lying.center_m
    assert math.dist(b.xy_m, lying.center_m[:2]) < 0.6


def test_a_picker_waits_until_it_was_dropped() -> None:
    story = play(
        shopper("a", Step(action=Deed.PICK_UP, sku=TEA)),
        shopper("b", take(TEA), Step(action=Deed.DROP, sku=TEA), enter_s=9.0),
    )
    dropped = max(t for t, who in reaches(story, GestureKind.DROP) if who == "b")
    picked = min(t for t, who in reaches(story, GestureKind.PICK_UP) if who == "a")
    assert picked > dropped


# Presses and things that are no product


@pytest.mark.parametrize(
    ("deed", "kind", "plates"),
    [
        pytest.param(Deed.TOUCH, TouchKind.TOUCH, {"g1/s1/p3", "g1/s1/p4"}, id="touch"),
        pytest.param(Deed.LEAN, TouchKind.LEAN, {f"g1/s1/p{n}" for n in range(1, 6)}, id="lean"),
        pytest.param(Deed.KNOCK, TouchKind.KNOCK, set(LAYOUT.plates()), id="knock"),
    ],
)
def test_presses_name_the_plates_that_feel_them(
    deed: Deed, kind: TouchKind, plates: set[str]
) -> None:
    step = Step(action=deed, sku=Sku("potato-chips"), duration_s=8.0, force_kg=5.0, hand=Hand.LEFT)
    story = play(shopper("a", step))
    (touch,) = story.touches
    assert story.actions == ()
    assert (touch.kind, set(touch.plates), touch.force_kg) == (kind, plates, 5.0)
    assert (touch.shelf, touch.facing, touch.hand) == ("g1/s1", "g1/s1/f3", Hand.LEFT)
    there = [t_s for t_s, _ in reaches(story, GestureKind.TOUCH)]
    assert min(there) == pytest.approx(touch.from_s, abs=0.06)
    assert max(there) == pytest.approx(touch.to_s, abs=0.06)
    is_short = deed is Deed.KNOCK
    assert (touch.to_s - touch.from_s < 1.0) == is_short


def test_what_is_laid_down_weighs_on_the_plates_until_it_is_taken_away() -> None:
    lay = Step(action=Deed.LAY, facing=TEA_PLACE, own_g=333.0)
    away = Step(action=Deed.RETRIEVE, facing=TEA_PLACE)
    story = play(shopper("a", lay, take(WATER), away))
    laid, _, gone = story.actions
    assert (laid.kind, gone.kind) == (ActionKind.LAY, ActionKind.RETRIEVE)
    assert (laid.delta_g, gone.delta_g) == (333.0, -333.0)
    assert (laid.sku, laid.items, laid.plates) == ("", (), ("g1/s1/p5",))
    assert story.standing(story.duration_s)[TEA_PLACE] == story.standing(0.0)[TEA_PLACE]


# Coming, going and walking


def test_a_guest_comes_in_on_its_host_s_account_by_a_code_of_the_host_s() -> None:
    guest = ShopperScript(id="kid", guest_of="a", enter_s=3.0, do=(take(TEA),))
    story = play(shopper("a", take(WATER)), guest)
    passage = story.passages[1]
    assert (passage.member, passage.is_guest, passage.gate) == ("a", True, "door")
    (_, lowered_s), (held_s, _) = ((p.code_from_s, p.code_to_s) for p in story.passages)
    assert lowered_s is not None
    assert held_s is not None
    assert held_s > lowered_s
    assert {action.member for action in story.actions} == {"a"}
    assert {action.shopper for action in story.actions} == {"a", "kid"}


def test_somebody_who_only_waits_can_leave_a_shop_without_a_gate() -> None:
    layout = msgspec.structs.replace(LAYOUT, gate=())
    story = play(shopper("a", Step(action=Deed.WAIT, duration_s=3.0)), layout=layout)
    assert story.passages[0].leave_s >= 3.5
    assert len(story.shoppers(2.0)) == 1


def test_nobody_walks_through_a_gondola() -> None:
    gondola = LAYOUT.gondola[0]
    island = msgspec.structs.replace(
        gondola, id="g2", store_from_gondola=Pose(translation_m=(1.0, 0.9, 0.0))
    )
    layout = msgspec.structs.replace(LAYOUT, gondola=(gondola, island))
    front = Step(action=Deed.TAKE, sku=TEA, facing=FacingId("g2/s1/f4"))
    behind = Step(action=Deed.TAKE, sku=SALMON, facing=SALMON_PLACE)
    story = play(shopper("a", front, behind, give(TEA, "b")), shopper("b", behind), layout=layout)
    prints = footprints_of(layout)
    for t_s in np.arange(0.0, story.duration_s, 0.1):
        for state in story.shoppers(float(t_s)):
            assert not any(footprint.holds(state.xy_m) for footprint in prints), t_s


def test_a_walk_goes_there() -> None:
    pause = Step(action=Deed.WAIT, duration_s=5.0)
    story = play(shopper("a", Step(action=Deed.WALK, to_m=(4.0, 1.5)), pause))
    near = [
        t
        for t in np.arange(0, 40, 0.1)
        for s in story.shoppers(t)
        if math.dist(s.xy_m, (4.0, 1.5)) < 0.01
    ]
    assert max(near) - min(near) >= 4.8
