"""Tare and gain of plates from counts: medians, with the noise that says how far to trust them.

A reading is a run of counts of one plate at rest. Single glitches do not move a median; a plate
that is still moving, or was touched, shows in the drift of the run and is refused.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import PlateCalibration

from tebura_calibration.measurement import MeasurementError

MIN_SAMPLES = 20
MAD_TO_SD = 1.4826
MAX_DRIFT_SDS = 5.0
"""How far, in deviations of its noise, the last third of a reading may lie from the first. A
settled HX711 plate stays within 2; a hand on the plate is hundreds."""
MIN_LOAD_SDS = 200.0
"""A gain is only as good as its load is heavy against the noise: 0.5 % at this bound."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A plate at rest: the median of its counts and the deviation of a single count."""

    counts: float
    sd_counts: float
    samples: int


def read_at_rest(counts: NDArray[np.float64]) -> Reading:
    """Reduce a run of counts (n,) of one plate at rest, NaN where none was read.

    Raises:
        MeasurementError: If there are too few, or the plate was not at rest.
    """
    known = counts[np.isfinite(counts)]
    if len(known) < MIN_SAMPLES:
        raise MeasurementError(
            f"{len(known)} readings, at least {MIN_SAMPLES} are needed; is the cell connected?"
        )
    median = float(np.median(known))
    sd = float(np.median(np.abs(known - median))) * MAD_TO_SD
    # A plate quieter than the converter's step shows no spread at all; a count is its resolution.
    sd = max(sd, 1.0)
    third = len(known) // 3
    drift = abs(float(np.median(known[-third:]) - np.median(known[:third])))
    if drift > MAX_DRIFT_SDS * sd:
        raise MeasurementError(
            f"the plate moved by {drift:.0f} counts while it was read; keep hands off and repeat"
        )
    return Reading(counts=median, sd_counts=sd, samples=len(known))


def tared(before: PlateCalibration | None, empty: Reading) -> PlateCalibration:
    """A new zero; the gain stays as it was (1 count a gram for a plate never gained)."""
    counts_per_g = before.counts_per_g if before else 1.0
    return PlateCalibration(
        tare_counts=empty.counts,
        counts_per_g=counts_per_g,
        noise_g=empty.sd_counts / counts_per_g,
    )


def gained(before: PlateCalibration, loaded: Reading, weight_g: float) -> PlateCalibration:
    """A new gain from a known weight on a tared plate.

    Raises:
        MeasurementError: If the weight did not show, or is too light to measure a gain with.
    """
    rise = loaded.counts - before.tare_counts
    if rise <= 0:
        raise MeasurementError(
            f"the weight moved the plate by {rise:.0f} counts; "
            "is it on this plate, and are the cell's wires the right way round?"
        )
    if rise < MIN_LOAD_SDS * loaded.sd_counts:
        raise MeasurementError(
            f"{weight_g:g} g move the plate by only {rise / loaded.sd_counts:.0f} times its noise; "
            f"use a heavier weight ({MIN_LOAD_SDS:.0f} times is enough)"
        )
    counts_per_g = rise / weight_g
    return PlateCalibration(
        tare_counts=before.tare_counts,
        counts_per_g=counts_per_g,
        noise_g=loaded.sd_counts / counts_per_g,
    )
