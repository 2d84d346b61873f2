"""Whatever people do, no package is lost, doubled, or in two hands."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tebura_contract.ids import MemberId, Sku
from tebura_contract.layout import load_layout
from tebura_contract.truth import OutcomeKind
from tebura_simulator import demo
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
from tebura_simulator.story.stocking import stocked_facings
from tebura_simulator.story.timeline import ActionKind, GestureKind, Timeline
from tebura_simulator.story.truth import truth_of

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
FACINGS = list(LAYOUT.facings())
SKUS = list(LAYOUT.products())
NAMES = ("a", "b", "c")
SHELF_DEEDS = (Deed.LOOK, Deed.LAY, Deed.TOUCH, Deed.LEAN, Deed.KNOCK)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """People who take, and give away in every way what they have; two to a dozen steps each.

    Steps are drawn in one order for all, in which each is possible. Given times keep to that order
    where one depends on another.
    """
    steps: dict[str, list[Step]] = {name: [] for name in (*NAMES, "staff")}
    has: dict[str, Counter[Sku]] = {name: Counter() for name in NAMES}
    floor: Counter[Sku] = Counter()
    for _ in range(draw(st.integers(2, 14))):
        name = draw(st.sampled_from(NAMES))
        hand = draw(st.sampled_from(list(Hand)))
        pace = draw(st.sampled_from([0.5, 1.0, 2.0]))
        owned = sorted(sku for sku, n in has[name].items() if n)
        lying = sorted(sku for sku, n in floor.items() if n)
        deeds = [*3 * [Deed.TAKE], Deed.WAIT, *SHELF_DEEDS, Deed.REFILL]
        if owned:
            deeds += 3 * [Deed.PUT_BACK, Deed.HAND_OVER, Deed.DROP]
        if lying:
            deeds += 4 * [Deed.PICK_UP]
        deed = draw(st.sampled_from(deeds))
        if deed is Deed.TAKE:
            sku = draw(st.sampled_from(SKUS))
            other = draw(st.none() | st.just(OtherHand(sku=sku, lag_s=0.3)))
            step = Step(action=deed, sku=sku, hand=hand, pace=pace, other_hand=other)
            has[name][sku] += 1 if other is None else 2
        elif deed is Deed.PUT_BACK:
            sku = draw(st.sampled_from(owned))
            facing = draw(st.none() | st.sampled_from(FACINGS))
            step = Step(action=deed, sku=sku, hand=hand, facing=facing, pace=pace)
            has[name][sku] -= 1
        elif deed is Deed.HAND_OVER:
            sku = draw(st.sampled_from(owned))
            to = draw(st.sampled_from([other for other in NAMES if other != name]))
            step = Step(action=deed, sku=sku, hand=hand, to=to)
            has[name][sku] -= 1
            has[to][sku] += 1
        elif deed is Deed.DROP:
            sku = draw(st.sampled_from(owned))
            step = Step(action=deed, sku=sku, hand=hand)
            has[name][sku] -= 1
            floor[sku] += 1
        elif deed is Deed.PICK_UP:
            sku = draw(st.sampled_from(lying))
            step = Step(action=deed, sku=sku, hand=hand)
            floor[sku] -= 1
            has[name][sku] += 1
        elif deed is Deed.REFILL:
            name = "staff"
            step = Step(action=deed, sku=draw(st.sampled_from(SKUS)), hand=hand)
        else:
            step = Step(action=deed, facing=draw(st.sampled_from(FACINGS)), hand=hand)
            step = Step(action=deed) if deed is Deed.WAIT else step
        steps[name].append(step)
    enters = draw(st.lists(st.floats(0, 20), min_size=3, max_size=3))
    people = [
        ShopperScript(id=name, member=MemberId(name), enter_s=enter_s, do=tuple(steps[name]))
        for name, enter_s in zip(NAMES, enters, strict=True)
    ]
    people.append(ShopperScript(id="staff", part=Part.STAFF, enter_s=1.0, do=tuple(steps["staff"])))
    # Two may be put where they do not belong.
    stock = {name: len(facing.slots) - 2 for name, facing in stocked_facings(LAYOUT).items()}
    return Scenario(name="drawn", duration_s=600, shopper=tuple(people), stock=stock)


def _played(scenario: Scenario) -> Timeline:
    """Scenarios in which some wait for each other are refused; few are, else Hypothesis objects."""
    assert scenario_problems(scenario, LAYOUT) == []
    try:
        return Timeline(scenario, LAYOUT)
    except ValueError:
        reject()


@given(scenario=scenarios())
@settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_every_package_is_in_one_place_at_any_time(scenario: Scenario) -> None:
    story = _played(scenario)
    ids = [place.id for place in story.items(0.0)]
    assert len(set(ids)) == len(ids)
    for t_s in [*np.linspace(0.0, story.duration_s, 40), *(a.t_s + 1e-3 for a in story.actions)]:
        places = story.items(float(t_s))
        assert [place.id for place in places] == ids
        for place in places:
            assert (place.center_m is None) != (place.shopper is None)
        spots = [place.center_m for place in places if place.facing is not None]
        assert len(set(spots)) == len(spots)
        held = [item for s in story.shoppers(float(t_s)) for h in s.held.values() for item in h]
        assert len(set(held)) == len(held)
        standing = sum(len(skus) for skus in story.standing(float(t_s)).values())
        assert standing == len(spots)
    for person in (*NAMES, "staff"):
        for hand in Hand:
            mine = [a for a in story.actions if a.shopper == person and a.hand is hand]
            assert all(one.inside_to_s <= after.inside_from_s for one, after in pairwise(mine))


@given(scenario=scenarios())
@settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_every_package_comes_from_where_it_was(scenario: Scenario) -> None:
    story = _played(scenario)
    for action in story.actions:
        before = {place.id: place for place in story.items(action.t_s - 1e-3)}
        after = {place.id: place for place in story.items(action.t_s + 1e-3)}
        hand, shelf = (before, after) if not action.kind.is_removal else (after, before)
        for item in action.items:
            assert shelf[item].facing == action.facing
            assert (hand[item].shopper, hand[item].hand) == (action.shopper, action.hand)
    # Gestures go on a little longer than this after the package has changed hands.
    moments = np.arange(0.0, max(passage.leave_s for passage in story.passages), 0.3)
    for t_s, later_s in pairwise(float(t) for t in moments):
        doing = {s.script.id: s.reach.kind for s in story.shoppers(later_s) if s.reach}
        for was, now in zip(story.items(t_s), story.items(later_s), strict=True):
            if was.shopper == now.shopper:
                continue
            if was.shopper is not None and now.shopper is not None:
                assert doing[was.shopper] is GestureKind.HAND_OVER
                assert doing[now.shopper] is GestureKind.RECEIVE
            elif was.facing is None and now.shopper is not None:
                assert doing[now.shopper] is GestureKind.PICK_UP
            elif was.shopper is not None and now.facing is None:
                assert doing[was.shopper] is GestureKind.DROP


@given(scenario=scenarios())
@settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_what_is_paid_for_and_what_stands_there_is_what_there_was(scenario: Scenario) -> None:
    story = _played(scenario)
    truth = truth_of(story)
    start = Counter(sku for skus in story.standing(0.0).values() for sku in skus)
    end = Counter(sku for skus in story.standing(story.duration_s).values() for sku in skus)
    brought = Counter(
        sku
        for action in story.actions
        if action.kind is ActionKind.REFILL
        for sku in [action.sku] * action.quantity
    )
    paid: Counter[str] = Counter()
    for receipt in truth.receipts:
        assert all(count > 0 for count in receipt.items.values())
        paid.update(receipt.items)
    assert paid + Counter(end) == Counter(start) + brought
    for facing in FACINGS:
        there = [action for action in story.actions if action.facing == facing and action.items]
        added = sum(-a.quantity if a.kind.is_removal else a.quantity for a in there)
        now, before = (story.standing(t).get(facing, ()) for t in (story.duration_s, 0.0))
        assert len(now) - len(before) == added
    moved = [action for action in story.actions if action.items]
    assert all(len(action.items) == action.quantity for action in moved)
    refills = [e for e in truth.events if e.kind is OutcomeKind.REFILL]
    assert len(refills) == sum(a.kind is ActionKind.REFILL for a in story.actions)
