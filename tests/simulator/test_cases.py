"""The named hard cases: all there, readable, playable."""

import re

import pytest
from tebura_simulator import cases
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import PlateKind, Scenario, load_scenario
from tebura_simulator.story.timeline import Timeline

PROMISED = {
    "hand-over",
    "same-weight-wrong-place",
    "same-weight-swap",
    "two-take-the-same",
    "two-products-at-once",
    "hold-long-then-take",
    "hold-two-take-one",
    "three-shoppers-34-events",
    "very-fast-picks",
    "very-slow-picks",
    "left-on-the-floor",
    "very-close-shoppers",
    "arms-crossed",
    "child-below-the-edge",
    "bag-hides-the-hand",
    "product-across-plates",
    "knocked-shelf",
    "leaning",
    "refill-during-shopping",
    "camera-blind-in-mid-pick",
    "reflection",
    "node-restarted-in-mid-pick",
}
NAMED = cases.named()
EACH_CASE = pytest.mark.parametrize("name", NAMED)


def load(name: str) -> Scenario:
    case = NAMED[name]
    return load_scenario(case.path, store(case.store)[0])


def play(name: str) -> Timeline:
    return Timeline(load(name), store(NAMED[name].store)[0])


def test_every_promised_case_is_there() -> None:
    assert set(NAMED) >= PROMISED


@EACH_CASE
def test_a_case_says_why_it_is_hard_and_what_is_right(name: str) -> None:
    text = NAMED[name].path.read_text("utf-8")
    comment = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert re.search(r"# Hard: ", comment)
    assert re.search(r"Right: ", comment)
    assert load(name).name == name


@EACH_CASE
def test_a_case_plays_in_its_store_and_takes_about_a_minute(name: str) -> None:
    timeline = play(name)
    assert timeline.actions
    assert timeline.duration_s <= 80


def test_both_kinds_of_plates_are_used_and_no_two_cases_share_a_seed() -> None:
    loaded = [load(name) for name in NAMED]
    assert {scenario.plates.kind for scenario in loaded} == set(PlateKind)
    assert len({scenario.seed for scenario in loaded}) == len(loaded)


def test_the_rush_has_three_shoppers_and_34_events() -> None:
    timeline = play("three-shoppers-34-events")
    assert len(timeline.passages) == 3
    assert len(timeline.actions) == 34


@pytest.mark.parametrize(
    "name", ["two-take-the-same", "very-close-shoppers", "arms-crossed", "product-across-plates"]
)
def test_what_should_happen_at_once_does(name: str) -> None:
    """Two shoppers, within half a second, on one gondola."""
    actions = play(name).actions
    pairs = [
        (a, b)
        for a in actions
        for b in actions
        if a.shopper < b.shopper and abs(a.t_s - b.t_s) < 0.5
    ]
    assert pairs
    assert all(a.facing.split("/")[0] == b.facing.split("/")[0] for a, b in pairs)
