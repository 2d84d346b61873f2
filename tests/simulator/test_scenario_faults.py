"""Faults of a scenario are checked against the layout, and settled from the seed."""

from pathlib import Path

import msgspec
import pytest
from tebura_contract.ids import MemberId, Sku
from tebura_contract.layout import load_layout
from tebura_simulator import demo
from tebura_simulator.story.faults import NEEDS, Place, fault_problems, settled
from tebura_simulator.story.scenario import (
    Deed,
    FaultKind,
    FaultScript,
    Scenario,
    ShopperScript,
    Step,
    scenario_problems,
)
from tebura_simulator.story.timeline import Timeline

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
TAKE = Step(action=Deed.TAKE, sku=Sku("green-tea"))
THERE: dict[Place, set[str | None]] = {
    Place.PLATE: {*LAYOUT.plates()},
    Place.SHELF: {*LAYOUT.shelves()},
    Place.NODE: {*LAYOUT.nodes()},
    Place.CAMERA: {camera.label for camera in LAYOUT.camera},
    Place.NOTHING: {None},
}


def scenario(*faults: FaultScript, seed: int = 1) -> Scenario:
    shopper = ShopperScript(id="a", member=MemberId("a"), enter_s=20.0, do=(TAKE,))
    return Scenario(name="try", seed=seed, duration_s=90, shopper=(shopper,), fault=faults)


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_of_which_only_the_kind_is_told_gets_all_it_needs(kind: FaultKind) -> None:
    story = scenario(FaultScript(kind=kind))
    assert scenario_problems(story, LAYOUT) == []
    (passage,) = Timeline(story, LAYOUT).passages
    for seed in range(20):
        (fault,) = settled(scenario(FaultScript(kind=kind), seed=seed), LAYOUT)
        assert fault.at_s is not None
        assert passage.enter_s <= fault.at_s <= passage.leave_s
        assert fault.on in THERE[NEEDS[kind].place]
        assert fault.size == NEEDS[kind].size
        if NEEDS[kind].lasts_s is None:
            assert fault.at_s + fault.for_s == pytest.approx(90.0)


def test_what_is_given_stays_and_does_not_move_what_is_not() -> None:
    free = FaultScript(kind=FaultKind.CELL_STUCK)
    (drawn,) = settled(scenario(free), LAYOUT)
    for given in (
        {"at_s": 5.0},
        {"on": "g1/s2/p1"},
        {"for_s": 3.0},
    ):
        (fault,) = settled(scenario(msgspec.structs.replace(free, **given)), LAYOUT)
        assert fault.at_s == given.get("at_s", drawn.at_s)
        assert fault.on == given.get("on", drawn.on)
    (sized,) = settled(scenario(FaultScript(kind=FaultKind.DRIFT, size=-40.0)), LAYOUT)
    assert sized.size == -40.0


def test_the_same_seed_breaks_the_same_and_another_something_else() -> None:
    faults = tuple(FaultScript(kind=FaultKind.CELL_STUCK) for _ in range(4))
    first, again = (settled(scenario(*faults), LAYOUT) for _ in range(2))
    assert first == again
    assert settled(scenario(*faults, seed=2), LAYOUT) != first
    assert len({(fault.at_s, fault.on) for fault in first}) > 1


def test_random_places_are_mostly_where_something_happens() -> None:
    faults = tuple(FaultScript(kind=FaultKind.SCALE_SILENT) for _ in range(200))
    used = sum(fault.on == "g1/s1" for fault in settled(scenario(*faults), LAYOUT))
    assert 200 * 0.7 < used < 200  # three quarters, and half of the rest


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        pytest.param(
            FaultScript(kind=FaultKind.CELL_STUCK, on="g1/s1/p9"),
            "fault[0].on: no plate 'g1/s1/p9' (did you mean",
            id="no-plate",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.CELL_STUCK, on="g1/s1"),
            "fault[0].on: 'g1/s1' is a shelf, cell-stuck needs a plate",
            id="wrong-place",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.CAMERA_BLIND, on="plates-1"),
            "fault[0].on: 'plates-1' is a node, camera-blind needs a camera",
            id="node-for-camera",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.GATEWAY_KILLED, on="plates-1"),
            "fault[0].on: gateway-killed is at no place",
            id="nowhere",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.NODE_OFF, at_s=90.0),
            "fault[0].at_s: after the end",
            id="late",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.SAMPLES_DROPPED, size=2.0),
            "fault[0].size: a share lies between 0 and 1",
            id="no-share",
        ),
        pytest.param(
            FaultScript(kind=FaultKind.CELL_STUCK, size=2.0),
            "fault[0].size: means nothing for cell-stuck",
            id="no-size",
        ),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_its_place(fault: FaultScript, problem: str) -> None:
    (found,) = scenario_problems(scenario(fault), LAYOUT)
    assert found.startswith(problem)
    with pytest.raises(ValueError, match="fault"):
        settled(scenario(fault), LAYOUT)


def test_a_fault_at_what_the_layout_lacks_is_refused() -> None:
    blind = scenario(FaultScript(kind=FaultKind.CAMERA_BLIND))
    without = msgspec.structs.replace(LAYOUT, camera=(), gate=())
    assert fault_problems(blind, without) == [
        "fault[0].on: camera-blind needs a camera, the layout has none"
    ]
