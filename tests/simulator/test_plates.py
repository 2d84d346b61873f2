"""Simulated plates are as bad as real ones, and weigh what the scenario moves."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout, load_layout
from tebura_simulator.plates import PlateModel, PlateTrace, simulate_plates
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Timeline

DEMO = Path("simulator/tebura_simulator/demo")
NODE = NodeId("plates-1")


@pytest.fixture(scope="module")
def layout(repository: Path) -> Layout:
    return load_layout(repository / DEMO / "layout.toml")


@pytest.fixture(scope="module")
def timeline(repository: Path, layout: Layout) -> Timeline:
    path = repository / DEMO / "scenarios" / "take-two-put-one-back.toml"
    return Timeline(load_scenario(path, layout), layout)


def simulate(
    timeline: Timeline, layout: Layout, seed: int = 1, model: PlateModel | None = None
) -> PlateTrace:
    return simulate_plates(
        layout,
        NODE,
        timeline.standing(0.0),
        timeline.actions,
        timeline.duration_s,
        seed,
        model,
    )


def grams(trace: PlateTrace) -> NDArray[np.float64]:
    cells = [trace.calibration.plates[plate] for plate in trace.plates]
    tare = np.array([cell.tare_counts for cell in cells])
    gain = np.array([cell.counts_per_g for cell in cells])
    level: NDArray[np.float64] = (trace.counts - tare) / gain
    return level


def test_the_same_seed_gives_the_same_counts(timeline: Timeline, layout: Layout) -> None:
    first, again = simulate(timeline, layout), simulate(timeline, layout)
    assert np.array_equal(first.counts, again.counts)
    assert not np.array_equal(first.counts, simulate(timeline, layout, seed=2).counts)


def test_each_action_changes_the_settled_level_by_about_its_weight(
    timeline: Timeline, layout: Layout
) -> None:
    trace = simulate(timeline, layout)
    level = grams(trace)
    for action in timeline.actions:
        columns = [trace.plates.index(plate) for plate in action.plates]
        before = (trace.at_s > action.t_s - 2.0) & (trace.at_s < action.t_s - 0.7)
        after = (trace.at_s > action.t_s + 1.2) & (trace.at_s < action.t_s + 2.5)
        change = sum(
            float(np.median(level[after, c]) - np.median(level[before, c])) for c in columns
        )
        assert change == pytest.approx(action.delta_g, rel=0.05, abs=3.0)


def test_what_is_put_back_weighs_what_was_taken(timeline: Timeline, layout: Layout) -> None:
    quiet = PlateModel(
        noise_g=0.0, drift_g=0.0, neighbour_g=0.0, neighbour_stays_g=0.0, glitch_share=0.0
    )
    trace = simulate(timeline, layout, model=quiet)
    level = grams(trace)
    column = trace.plates.index(timeline.actions[-1].plates[0])
    assert level[-1, column] == pytest.approx(level[0, column], abs=0.05)


def test_glitches_are_as_frequent_as_asked_and_large(timeline: Timeline, layout: Layout) -> None:
    trace = simulate(timeline, layout, model=PlateModel(rate_hz=60.0, glitch_share=0.01))
    level = grams(trace)
    wild = np.abs(level - np.median(level, axis=0)) > 1000.0
    assert 0.006 < wild.mean() < 0.014


def test_a_still_plate_is_as_noisy_as_the_real_one(timeline: Timeline, layout: Layout) -> None:
    trace = simulate(timeline, layout, model=PlateModel(glitch_share=0.0))
    still = grams(trace)[trace.at_s < 5.0]
    step_g = np.median(np.abs(np.diff(still, axis=0))) / 0.6745 / 2**0.5
    # The real HX711 plate: 0.51 g (workday_a.csv, the same estimate).
    assert 0.4 < step_g < 0.7


def test_plates_of_a_shop_keep_their_zero_and_gain(timeline: Timeline, layout: Layout) -> None:
    one = simulate(timeline, layout, seed=1).calibration.plates
    other = simulate(timeline, layout, seed=99).calibration.plates
    assert one == other
