"""Cells, converters and lines break in simulated plates as a scenario's faults say."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId
from tebura_contract.recording import CountBatch
from tebura_simulator.epoch import START_NS
from tebura_simulator.plates.models import COUNT_LIMIT
from tebura_simulator.plates.plain_store import store_of, story_of
from tebura_simulator.plates.simulated import SimulatedPlates, simulate
from tebura_simulator.story.scenario import FaultKind, FaultScript, PlateKind, PlatesScript

PLATE, SHELF, SCALE = PlateId("1/1/3"), "1/1", "1-1"
COLUMN = 2
BROKEN = (10.0, 20.0)
KINDS = [pytest.param(kind, id=kind.value) for kind in PlateKind]
Floats = NDArray[np.float64]


def broken(
    kind: PlateKind,
    fault: FaultKind,
    on: str,
    size: float | None = None,
    harshness: float = 1.0,
    duration_s: float = 30.0,
) -> SimulatedPlates:
    """Two shelves at which nothing happens but one fault, from 10 to 20 s."""
    layout = store_of(24)
    story = story_of(layout, kind, duration_s, 11)
    plates = PlatesScript(kind=kind, harshness=harshness)
    scenario = msgspec.structs.replace(story.scenario, plates=plates)
    script = FaultScript(kind=fault, at_s=BROKEN[0], for_s=BROKEN[1] - BROKEN[0], on=on, size=size)
    story = type(story)(scenario=scenario, stands=story.stands)
    return simulate(story, layout, (script,))


def traces(plates: SimulatedPlates) -> tuple[Floats, NDArray[np.int64]]:
    stretches = list(plates.stretches())
    at_s = np.concatenate([stretch.at_s for stretch in stretches])
    return at_s, np.concatenate([stretch.counts for stretch in stretches])


def grams(plates: SimulatedPlates) -> tuple[Floats, Floats]:
    at_s, counts = traces(plates)
    level_g: Floats = (counts - plates.cells.tare) / plates.cells.gain
    return at_s, level_g


def sent(plates: SimulatedPlates, scale: str = SCALE) -> list[tuple[float, CountBatch]]:
    return [
        ((arrival_ns - START_NS) / SECOND_NS, batch)
        for arrival_ns, batch in plates.batches()
        if batch.scale == scale
    ]


def rows_s(batches: Sequence[tuple[float, CountBatch]]) -> Floats:
    return np.array([(t - START_NS) / SECOND_NS for _, batch in batches for t in batch.at_ns])


def within(at_s: Floats, margin_s: float = 0.0) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (at_s >= BROKEN[0] + margin_s) & (at_s < BROKEN[1] - margin_s)
    return inside


def test_a_batch_of_12_comes_every_200_ms_after_its_last_sample() -> None:
    batches = sent(broken(PlateKind.STORE60, FaultKind.CAMERA_BLIND, "camera"))
    assert {len(batch.at_ns) for _, batch in batches[:-1]} == {12}
    arrivals = np.array([arrival_s for arrival_s, _ in batches[:-1]])
    lasts = np.array([(batch.at_ns[-1] - START_NS) / SECOND_NS for _, batch in batches[:-1]])
    assert np.median(np.diff(arrivals)) == pytest.approx(0.2, abs=0.01)
    assert (arrivals > lasts).all()
    assert (arrivals - lasts).max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_samples_keep_an_uneven_beat_in_order(kind: PlateKind) -> None:
    plates = broken(kind, FaultKind.CAMERA_BLIND, "camera")
    at_s = rows_s(sent(plates))
    period_s = 1 / plates.model.rate_hz
    steps = np.diff(at_s)
    assert steps.min() > 0
    assert np.median(steps) == pytest.approx(period_s, rel=0.05)
    assert 0.005 * period_s < np.std(steps[steps < 1.9 * period_s]) < 0.2 * period_s


def test_batches_of_all_scales_come_in_order_of_arrival() -> None:
    plates = broken(PlateKind.STORE60, FaultKind.SAMPLES_LATE, SHELF, 1.5)
    arrivals = [arrival_ns for arrival_ns, _ in plates.batches()]
    assert arrivals == sorted(arrivals)


def test_the_reader_of_a_10_hz_plate_pauses_as_the_real_one_does() -> None:
    plates = broken(PlateKind.HX711, FaultKind.CAMERA_BLIND, "camera", duration_s=600.0)
    gaps = np.diff(rows_s(sent(plates)))
    # 227 of 10,000 intervals of the real plate are 0.3 s or longer.
    assert 0.010 < (gaps > 0.29).mean() < 0.035


@pytest.mark.parametrize("kind", KINDS)
def test_a_stuck_cell_gives_its_last_count_until_it_is_free(kind: PlateKind) -> None:
    at_s, counts = traces(broken(kind, FaultKind.CELL_STUCK, PLATE))
    stuck = within(at_s)
    assert np.ptp(counts[stuck, COLUMN]) == 0
    assert np.ptp(counts[stuck, COLUMN + 1]) > 0
    assert np.ptp(counts[~stuck, COLUMN]) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_dying_cell_grows_noisier_to_the_end(kind: PlateKind) -> None:
    at_s, level_g = grams(broken(kind, FaultKind.CELL_DYING, PLATE, 200.0, harshness=0.0))
    early, late = (at_s >= 11.0) & (at_s < 13.0), (at_s >= 18.0) & (at_s < 20.0)
    # A 10 Hz converter averages some of it.
    assert 10.0 < level_g[early, COLUMN].std() < 60.0
    assert 90.0 < level_g[late, COLUMN].std() < 240.0
    assert level_g[at_s > 20.5, COLUMN].std() < 0.3


def test_a_drifting_zero_runs_away_and_stays_there() -> None:
    plates = broken(PlateKind.STORE60, FaultKind.DRIFT, PLATE, 3600.0, harshness=0.0)
    at_s, level_g = grams(plates)
    assert level_g[at_s > 21.0, COLUMN] - level_g[0, COLUMN] == pytest.approx(10.0, abs=0.4)
    assert np.ptp(level_g[:, COLUMN + 1]) == 0.0


def test_a_warming_shelf_moves_its_own_plates_zeros() -> None:
    plates = broken(PlateKind.HX711, FaultKind.WARMING, SHELF, 3600.0)
    at_s, level_g = grams(plates)
    moved = np.median(level_g[at_s > 22.0], axis=0) - np.median(level_g[at_s < 9.0], axis=0)
    # Ten kelvin at about 1.5 g each, up or down.
    assert np.median(np.abs(moved[:12])) > 4.0
    assert np.median(np.abs(moved[12:])) < 2.0


@pytest.mark.parametrize("kind", KINDS)
def test_scripted_glitches_go_to_the_ends_of_the_range_and_come_in_twos_at_times(
    kind: PlateKind,
) -> None:
    plates = broken(kind, FaultKind.GLITCHES, SHELF, 0.05, harshness=0.0, duration_s=30.0)
    at_s, counts = traces(plates)
    off = np.abs(counts - np.median(counts, axis=0)) > 10_000
    assert not off[~within(at_s)].any()
    assert not off[:, 12:].any()
    mine = off[within(at_s), :12]
    assert 0.03 < mine.mean() < 0.08
    assert (mine[1:] & mine[:-1]).any()
    struck = counts[within(at_s), :12][mine]
    assert struck.max() > 0.8 * COUNT_LIMIT
    assert struck.min() < -0.8 * COUNT_LIMIT


def test_a_10_hz_plate_has_glitches_by_itself_and_a_60_hz_one_none() -> None:
    hobby = broken(PlateKind.HX711, FaultKind.CAMERA_BLIND, "camera", duration_s=300.0)
    _, level_g = grams(hobby)
    far = np.abs(level_g - np.median(level_g, axis=0)) > 1000.0
    # 45 of the real plate's 10,000 samples are more than a kilogram off.
    assert 0.0045 <= far.mean() < 0.009
    store = broken(PlateKind.STORE60, FaultKind.CAMERA_BLIND, "camera")
    _, level_g = grams(store)
    assert not (np.abs(level_g - np.median(level_g, axis=0)) > 200.0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_silent_scale_sends_nothing_while_the_others_go_on(kind: PlateKind) -> None:
    plates = broken(kind, FaultKind.SCALE_SILENT, SHELF)
    assert not within(rows_s(sent(plates)), 0.1).any()
    assert within(rows_s(sent(plates, "1-2"))).any()
    assert (rows_s(sent(plates)) > BROKEN[1]).any()


def test_no_scale_of_a_node_that_is_off_sends_anything() -> None:
    plates = broken(PlateKind.STORE60, FaultKind.NODE_OFF, "plates-1")
    for scale in ("1-1", "1-2"):
        assert not within(rows_s(sent(plates, scale)), 0.1).any()
        assert (rows_s(sent(plates, scale)) > BROKEN[1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_samples_are_missing_by_their_share(kind: PlateKind) -> None:
    whole = rows_s(sent(broken(kind, FaultKind.CAMERA_BLIND, "camera")))
    left = rows_s(sent(broken(kind, FaultKind.SAMPLES_DROPPED, SHELF, 0.4)))
    share = within(left).sum() / within(whole).sum()
    assert 0.4 < share < 0.8
    assert np.array_equal(whole[~within(whole, -0.3)], left[~within(left, -0.3)])


@pytest.mark.parametrize("kind", KINDS)
def test_late_samples_keep_their_time_and_their_order(kind: PlateKind) -> None:
    batches = sent(broken(kind, FaultKind.SAMPLES_LATE, SHELF, 2.0))
    at_s = rows_s(batches)
    assert (np.diff(at_s) > 0).all()
    lasts = np.array([(batch.at_ns[-1] - START_NS) / SECOND_NS for _, batch in batches])
    late_s = np.array([arrival_s for arrival_s, _ in batches]) - lasts
    assert late_s[within(lasts, 0.5)].max() > 1.2
    assert late_s.max() < 2.1
    assert late_s[lasts > BROKEN[1] + 2.1].max() < 0.1


def test_repeated_samples_come_twice_in_a_row() -> None:
    batches = [
        batch for _, batch in sent(broken(PlateKind.HX711, FaultKind.SAMPLES_REPEATED, SHELF, 0.5))
    ]
    twice = [a.at_ns[0] for a, b in pairwise(batches) if a == b]
    inside = within((np.array(twice) - START_NS) / SECOND_NS)
    assert 25 < len(twice) < 75
    assert inside.all()


@pytest.mark.parametrize("step_s", [-2.0, 1.5])
def test_a_scale_whose_clock_steps_is_dated_by_when_its_frames_arrive(step_s: float) -> None:
    plates = broken(PlateKind.HX711, FaultKind.SCALE_CLOCK_STEP, SHELF, step_s)
    batches = sent(plates)
    behind = np.array([a - (b.at_ns[0] - START_NS) / SECOND_NS for a, b in batches])
    # As live: a frame is late by the line and by nothing else, before, in and after the step.
    assert behind.min() >= -1e-6
    assert behind.max() < 0.15
    steady = sent(broken(PlateKind.HX711, FaultKind.SCALE_CLOCK_STEP, SHELF, 0.0))
    assert [b.counts for _, b in batches] == [b.counts for _, b in steady]
