import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_edge.cells import CellChange, CellHealth, Cells, readable

START_NS = 1_700_000_000 * SECOND_NS
GAIN = 400.0


def watch(
    cells: Cells, grams: NDArray[np.float64], rate_hz: float, begin_s: float = 0.0
) -> list[CellChange]:
    """Feed samples of all plates in batches of 0.2 s."""
    at_ns = START_NS + np.round((begin_s + np.arange(len(grams)) / rate_hz) * SECOND_NS).astype(
        np.int64
    )
    size = max(int(0.2 * rate_hz), 1)
    idle = np.zeros(grams.shape[1], np.int64)
    return [
        change
        for at in range(0, len(grams), size)
        for change in cells.feed(
            at_ns[at : at + size], np.round(grams[at : at + size] * GAIN), idle
        )
    ]


def still(seconds: float, rate_hz: float, plates: int = 2, seed: int = 0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(0, 0.8, (int(seconds * rate_hz), plates))
    return 500 + noise


def make_cells(plates: int = 2) -> Cells:
    return Cells(np.full(plates, GAIN))


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_good_cells_stay_well(rate_hz: float) -> None:
    assert watch(make_cells(), still(90, rate_hz), rate_hz) == []


@pytest.mark.parametrize(
    ("value_g", "health"),
    [
        pytest.param(np.nan, CellHealth.NOT_READ, id="dead"),
        pytest.param((1 << 23) / GAIN, CellHealth.OUT_OF_RANGE, id="at-the-rail"),
    ],
)
def test_a_cell_is_sick_after_two_seconds_and_well_after_three(
    value_g: float, health: CellHealth
) -> None:
    grams = still(30, 10.0)
    grams[100:200, 1] = value_g
    went, came = watch(make_cells(), grams, 10.0)
    assert went == CellChange(1, health, START_NS + 10 * SECOND_NS)
    assert (came.plate, came.health) == (1, CellHealth.OK)
    assert 22.5 < (came.since_ns - START_NS) / SECOND_NS < 23.5


def test_a_short_outage_and_glitches_are_no_sickness() -> None:
    grams = still(60, 10.0)
    grams[100:115, 0] = np.nan
    grams[::37, 1] = 20_000.0
    assert watch(make_cells(), grams, 10.0) == []


def test_noise_is_told_after_ten_seconds_with_its_beginning() -> None:
    grams = still(60, 60.0)
    grams[20 * 60 :, 0] += np.random.default_rng(1).normal(0, 60, 40 * 60)
    (change,) = watch(make_cells(), grams, 60.0)
    assert (change.plate, change.health) == (0, CellHealth.NOISY)
    assert 20 < (change.since_ns - START_NS) / SECOND_NS < 22


def test_a_frozen_cell_is_stuck_if_it_was_lively_before() -> None:
    grams = still(200, 10.0)
    grams[1000:, 0] = grams[1000, 0]
    (change,) = watch(make_cells(), grams, 10.0)
    assert (change.plate, change.health) == (0, CellHealth.STUCK)
    assert abs(change.since_ns - START_NS - 100 * SECOND_NS) <= SECOND_NS


def test_a_plate_that_never_flickered_is_not_called_stuck() -> None:
    assert watch(make_cells(), np.full((2000, 2), 500.0), 10.0) == []


def test_a_plate_between_two_counts_is_not_called_stuck_when_drift_moves_it_away() -> None:
    grams = np.full((2000, 1), 500.0)
    grams[:1000, 0] += np.random.default_rng(2).integers(0, 2, 1000) * 0.24
    assert watch(make_cells(1), grams, 10.0) == []


def test_a_plate_away_from_its_level_for_a_minute_is_restless() -> None:
    cells = make_cells(1)
    busy = np.array([START_NS], np.int64)
    changes = []
    for second in range(90):
        at_ns = np.array([START_NS + second * SECOND_NS], np.int64)
        changes += cells.feed(at_ns, np.array([[GAIN * second]]), busy)
    assert changes == [CellChange(0, CellHealth.RESTLESS, START_NS)]


def test_counts_at_the_ends_of_the_converter_are_as_good_as_none() -> None:
    counts = np.array([[1.0, 8_388_607.0], [-8_388_608.0, np.nan]])
    assert np.isnan(readable(counts)).tolist() == [[False, True], [True, True]]
