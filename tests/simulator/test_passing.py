"""People make way for each other: in pictures nobody walks through anybody."""

import itertools
import math
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.layout import Layout, load_layout
from tebura_simulator import demo, stores
from tebura_simulator.cases import named
from tebura_simulator.scenes.figures import Figures
from tebura_simulator.scenes.wardrobe import Wardrobe
from tebura_simulator.story.clearance import Clearance
from tebura_simulator.story.drawing import Difficulty, draw
from tebura_simulator.story.giving_way import asides_m
from tebura_simulator.story.passing import Passing
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.walking import Leg, Stance
from tebura_simulator.story.ways import Ways

Floats = NDArray[np.float64]
DEMO = Path(demo.__file__).parent
LAYOUT = load_layout(DEMO / "layout.toml")
TRUNK_M = 0.35
CASES = ("two-take-the-same", "arms-crossed", "group-one-payer", "three-shoppers-34-events")
GRID_S = 0.1


@cache
def told(name: str) -> tuple[Timeline, Layout, Passing]:
    """A named case, or a crowd drawn from a seed."""
    if name.startswith("crowd-"):
        layout = stores.store("corner")[0]
        scenario = draw(layout, Difficulty.CROWDED, int(name.removeprefix("crowd-")))
    else:
        layout = stores.store(named()[name].store)[0]
        scenario = load_scenario(named()[name].path, layout)
    timeline = Timeline(scenario, layout)
    return timeline, layout, Passing(timeline, layout)


@cache
def ways(name: str, *, aside: bool) -> dict[str, dict[int, Floats]]:
    """Where everybody is, moment by moment."""
    timeline, _, passing = told(name)
    found: dict[str, dict[int, Floats]] = {p.shopper: {} for p in timeline.passages}
    for moment in range(round(timeline.duration_s / GRID_S)):
        t_s = moment * GRID_S
        for state in passing.shoppers(t_s) if aside else timeline.shoppers(t_s):
            found[state.script.id][moment] = np.array(state.xy_m)
    return found


def apart_m(name: str, *, aside: bool) -> Floats:
    """Between every two people at every moment both are there."""
    people = ways(name, aside=aside).values()
    return np.array(
        [
            math.dist(one[moment], two[moment])
            for one, two in itertools.combinations(people, 2)
            for moment in one.keys() & two.keys()
        ]
    )


@pytest.mark.parametrize("name", CASES)
def test_nobody_stands_in_anybody(name: str) -> None:
    assert apart_m(name, aside=False).min() < TRUNK_M, "a case in which they meet"
    assert apart_m(name, aside=True).min() > TRUNK_M


@pytest.mark.parametrize("seed", [1001, 1002])
def test_in_a_crowd_before_one_shelf_hardly_anybody_does_for_an_instant(seed: int) -> None:
    alone, passing = (apart_m(f"crowd-{seed}", aside=aside) for aside in (False, True))
    assert (alone < TRUNK_M).sum() * GRID_S > 30.0
    assert (passing < TRUNK_M).sum() * GRID_S < 1.5
    assert passing.min() > 0.2


@pytest.mark.parametrize("name", [*CASES, "crowd-1001"])
def test_nobody_is_moved_into_a_shelf_or_faster_than_people_go(name: str) -> None:
    timeline, layout, _ = told(name)
    room = Clearance(layout)
    scripts = {script.id: script for script in timeline.scenario.shopper}
    for shopper, way in ways(name, aside=True).items():
        alone = np.array(list(ways(name, aside=False)[shopper].values()))
        moved = np.array(list(way.values()))
        assert (room.at(moved) > np.minimum(0.2, room.at(alone)) - 0.06).all()
        speed = np.linalg.norm(np.diff(moved, axis=0), axis=1) / GRID_S
        assert speed.max() < scripts[shopper].walk_mps + 0.8


@pytest.mark.parametrize("name", CASES)
def test_hands_still_get_where_they_reach(name: str) -> None:
    timeline, _, passing = told(name)
    figures = Figures(timeline.scenario.shopper, Wardrobe.drawn(3))
    for action in timeline.actions:
        state = next(s for s in passing.shoppers(action.t_s) if s.script.id == action.shopper)
        reach = next(r for r in (state.reach, state.other_reach) if r and r.hand is action.hand)
        posture = figures.posture(state, action.t_s)
        assert reach.target_m is not None
        assert math.dist(posture.grips_m[action.hand], reach.target_m) < 0.15


@pytest.mark.parametrize("name", CASES)
def test_planted_feet_stay_where_they_are(name: str) -> None:
    timeline, _, passing = told(name)
    moved = 0.0
    for t_s in np.arange(0.0, timeline.duration_s, 0.1):
        before, after = (
            {state.script.id: state for state in passing.shoppers(float(t_s) + off_s)}
            for off_s in (0.0, 0.02)
        )
        for shopper in before.keys() & after.keys():
            for side in ("left_foot", "right_foot"):
                one, two = getattr(before[shopper], side), getattr(after[shopper], side)
                if one.swing == two.swing == 0.0:
                    assert math.dist(one.xy_m, two.xy_m) < 1e-6
        moved = max([moved, *(float(np.hypot(*passing.aside_m(s, float(t_s)))) for s in before)])
    assert moved > 0.1


def test_two_who_meet_head_on_each_pass_on_their_own_right() -> None:
    nothing = msgspec.structs.replace(
        LAYOUT, gondola=(), store=msgspec.structs.replace(LAYOUT.store, floor_m=())
    )
    moments = np.arange(0.0, 12.0, 0.1)
    east = np.stack([moments - 6.0, np.zeros_like(moments)], axis=1)
    shape = (2, len(moments))
    ways = Ways(
        here=np.ones(shape, np.bool_),
        at_m=np.stack([east, -east]),
        ahead=np.stack([np.broadcast_to((1.0, 0.0), east.shape), -np.ones_like(east) * (1, 0)]),
        gives=np.ones(shape),
        most_m=np.full(shape, 1.0),
        reaches=np.zeros(shape),
    )
    first, second = asides_m(ways, Clearance(nothing))
    middle = len(moments) // 2
    assert first[middle, 1] == pytest.approx(-second[middle, 1])
    assert -0.5 < first[middle, 1] < -0.2
    assert np.abs(first[[0, -1]]).max() < 0.05


def test_whoever_meets_nobody_walks_as_the_story_has_it() -> None:
    for path in sorted((DEMO / "scenarios").glob("*.toml")):
        timeline = Timeline(load_scenario(path, LAYOUT), LAYOUT)
        passing = Passing(timeline, LAYOUT)
        for t_s in np.arange(0.0, timeline.duration_s, 1.0):
            assert passing.shoppers(float(t_s)) == timeline.shoppers(float(t_s))


@given(share=st.floats(0.0, 1.0), far_m=st.floats(0.1, 8.0))
def test_a_leg_says_when_a_share_of_it_is_done(share: float, far_m: float) -> None:
    leg = Leg(3.0, Stance((0.0, 0.0), 0.0), Stance((far_m, 0.0), 0.0))
    assert leg.fraction(leg.moment_s(share)) == pytest.approx(share, abs=1e-9)
