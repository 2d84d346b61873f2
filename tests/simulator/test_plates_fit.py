"""Simulated plates are at least as noisy as real ones at every averaging time, and not absurdly so.

The 60 Hz plates are known by their statistics; the 10 Hz plate by two recordings that are not part
of this repository.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tebura_simulator.plates.fit import (
    RAW,
    FitRow,
    Hx711,
    Store60,
    hx711_rows,
    store60_rows,
)
from tebura_simulator.plates.picture import draw
from tebura_simulator.plates.reference import (
    ALLAN,
    EXCURSION,
    MEDIAN_CHANGE,
    STILL_SD,
    hx711_recordings,
)
from tebura_simulator.plates.speed import speed_of
from tebura_simulator.plates.statistics import (
    allan_deviation,
    autocorrelation,
    glitches_of,
    without_glitches,
)
from tebura_simulator.story.scenario import PlateKind


@pytest.fixture(scope="module")
def store() -> Store60:
    return Store60()


@pytest.fixture(scope="module")
def hobby() -> Hx711:
    return Hx711()


@pytest.fixture(scope="module")
def store60(store: Store60) -> list[FitRow]:
    return store60_rows(store)


@pytest.fixture(scope="module")
def hx711(hobby: Hx711, shared_data: Path) -> list[FitRow]:
    return hx711_rows(hobby, hx711_recordings(shared_data / "plates-hx711"))


def test_white_noise_averages_out_with_the_root_of_time() -> None:
    noise = np.random.default_rng(1).normal(0.0, 2.0, (60_000, 1))
    for samples in (1, 10, 100):
        expected = 2.0 / samples**0.5
        assert allan_deviation(noise, samples).item() == pytest.approx(expected, rel=0.1)


def test_a_steady_slope_grows_with_time() -> None:
    slope = 0.01 * np.arange(1000.0)[:, None]
    for samples in (1, 10, 100):
        expected = 0.01 * samples / 2**0.5
        assert allan_deviation(slope, samples).item() == pytest.approx(expected, rel=1e-6)


def test_too_short_a_trace_has_no_allan_deviation() -> None:
    assert np.isnan(allan_deviation(np.zeros((29, 1)), 10)).all()


def test_autocorrelation_of_a_zigzag_is_minus_one() -> None:
    zigzag = np.where(np.arange(1000) % 2 == 0, 1.0, -1.0)[:, None]
    assert autocorrelation(zigzag, (1, 2))[:, 0] == pytest.approx([-1.0, 1.0], abs=0.01)


def test_glitches_are_found_and_left_out_but_a_step_is_none() -> None:
    trace = np.where(np.arange(200) < 100, 0.0, 500.0)[:, None]
    struck = trace.copy()
    struck[[50, 150, 151], 0] += (9000.0, -40.0, 12.0)
    assert np.flatnonzero(glitches_of(struck)).tolist() == [50, 150, 151]
    assert np.array_equal(without_glitches(struck), trace)


def test_60_hz_plates_are_as_noisy_as_the_real_ones_quantile_by_quantile(
    store60: list[FitRow],
) -> None:
    noise = [row for row in store60 if row.statistic in (ALLAN, STILL_SD, MEDIAN_CHANGE, EXCURSION)]
    assert len(noise) == 15 + 4 + 5 + 5
    assert [row for row in noise if row.simulated < row.real] == []


def test_60_hz_plates_are_not_absurdly_noisy(store60: list[FitRow]) -> None:
    middle = [row for row in store60 if row.at == "50%" and row.statistic in (ALLAN, STILL_SD)]
    assert len(middle) == 4
    assert all(row.simulated <= 2.0 * row.real for row in middle)


def test_successive_samples_of_60_hz_plates_correlate_as_the_real_ones(
    store60: list[FitRow],
) -> None:
    rows = [row for row in store60 if row.statistic.startswith("lag-1")]
    assert len(rows) == 4
    assert all(row.simulated == pytest.approx(row.real, abs=0.08) for row in rows)


def test_10_hz_plates_are_as_noisy_as_both_real_recordings_at_every_averaging_time(
    hx711: list[FitRow],
) -> None:
    noise = [row for row in hx711 if row.statistic in (ALLAN, RAW)]
    taus_s = {row.tau_s for row in noise if row.at == "workday_a"}
    assert min(t for t in taus_s if t is not None) == 0.1
    assert max(t for t in taus_s if t is not None) == 100.0
    assert [row for row in noise if row.simulated < row.real] == []


def test_10_hz_plates_are_not_absurdly_noisier_than_the_louder_real_recording(
    hx711: list[FitRow],
) -> None:
    rows = [row for row in hx711 if row.statistic == ALLAN and row.at == "full_to_empty"]
    assert len(rows) >= 6
    assert all(row.simulated <= 2.0 * row.real for row in rows)


def test_a_10_hz_plate_answers_as_the_real_converter_does(hx711: list[FitRow]) -> None:
    rows = [row for row in hx711 if row.statistic.startswith("autocorrelation")]
    assert len(rows) == 3
    assert all(row.simulated == pytest.approx(row.real, abs=0.06) for row in rows)


def test_the_fit_is_drawn_also_where_the_real_recordings_lack(
    store: Store60, hobby: Hx711, tmp_path: Path
) -> None:
    path = tmp_path / "fit.png"
    draw(store, hobby, (), path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 20_000 < len(data) < 300_000


def test_a_store_of_306_plates_is_simulated_faster_than_it_lives() -> None:
    # 170 to 280 times real time were measured; a tenth of that would make every bench a chore.
    assert speed_of(PlateKind.STORE60, rounds=1).times_real_time > 40.0


def test_recordings_that_are_not_there_are_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tebura_simulator", "fit", "--hx711", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert str(tmp_path / "workday_a.csv") in done.stderr


def test_the_speed_is_told_for_both_kinds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tebura_simulator", "fit", "--speed", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["hx711", "store60"]
    assert all(row["plates"] == 306 and row["times_real_time"] > 0 for row in rows)
