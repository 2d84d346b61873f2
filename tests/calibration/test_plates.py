import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_calibration.measurement import MeasurementError
from tebura_calibration.plates import gained, read_at_rest, tared
from tebura_contract.calibration import PlateCalibration


def run_of(level: float, seed: int = 1, n: int = 60) -> np.ndarray:
    return level + np.random.default_rng(seed).normal(0, 25, n)


@given(st.floats(-1e6, 1e6), st.floats(50, 2000), st.floats(200, 5000), st.integers(0, 1000))
def test_tare_then_gain_recover_zero_and_counts_per_gram(
    zero: float, counts_per_g: float, weight_g: float, seed: int
) -> None:
    empty = read_at_rest(run_of(zero, seed))
    loaded = read_at_rest(run_of(zero + counts_per_g * weight_g, seed + 1))
    result = gained(tared(None, empty), loaded, weight_g)
    # Two medians of 60 counts with a deviation of 25 differ by less than 30 counts.
    assert result.tare_counts == pytest.approx(zero, abs=30)
    assert result.counts_per_g == pytest.approx(counts_per_g, abs=60 / weight_g)


def test_single_glitches_do_not_move_a_reading() -> None:
    counts = run_of(8000)
    quiet = read_at_rest(counts).counts
    counts[[5, 30]] = [8_388_607, -8_388_608]
    assert read_at_rest(counts).counts == pytest.approx(quiet, abs=5)


def test_a_plate_touched_while_it_is_read_is_refused() -> None:
    counts = np.concatenate([run_of(8000), run_of(9000), run_of(9000)])
    with pytest.raises(MeasurementError, match="keep hands off"):
        read_at_rest(counts)


def test_a_cell_that_says_nothing_is_refused() -> None:
    with pytest.raises(MeasurementError, match="0 readings"):
        read_at_rest(np.full(100, np.nan))


@pytest.mark.parametrize(
    ("rise", "says"),
    [
        pytest.param(-5000.0, "wires", id="wires-swapped"),
        pytest.param(500.0, "heavier weight", id="too-light"),
    ],
)
def test_a_weight_that_does_not_show_gives_no_gain(rise: float, says: str) -> None:
    before = PlateCalibration(tare_counts=8000, counts_per_g=400)
    with pytest.raises(MeasurementError, match=says):
        gained(before, read_at_rest(run_of(8000 + rise)), 100)


def test_tare_keeps_the_gain() -> None:
    before = PlateCalibration(tare_counts=1, counts_per_g=412.5)
    assert tared(before, read_at_rest(run_of(7000))).counts_per_g == 412.5
