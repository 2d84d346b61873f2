"""What is measured of plates, real and simulated alike, to compare them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.plates.quantiles import Floats

GLITCH_G = 8.0
"""This far off the median of 21 samples is a glitch, not noise: that of the real plate is 0.7 g."""
GLITCH_WINDOW = 21


def allan_deviation(grams: Floats, samples: int) -> Floats:
    """Allan deviation of each plate at an averaging time of so many samples.

    Every window counts, not only each one after the last (the overlapping estimator).

    Args:
        grams: (n, plates).
        samples: The averaging time.

    Returns:
        (plates,) grams; NaN where the recording is too short for three windows.
    """
    if len(grams) < 3 * samples:
        return np.full(grams.shape[1], np.nan)
    summed = np.concatenate([np.zeros((1, grams.shape[1])), np.cumsum(grams, axis=0)])
    means = (summed[samples:] - summed[:-samples]) / samples
    steps = means[samples:] - means[:-samples]
    found: Floats = np.sqrt(0.5 * np.mean(steps**2, axis=0))
    return found


def autocorrelation(grams: Floats, lags: Sequence[int]) -> Floats:
    """(lags, plates): how like itself each plate's trace is some samples later."""
    centred = grams - grams.mean(axis=0)
    variance = np.mean(centred**2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = [
            np.mean(centred[: len(grams) - lag] * centred[lag:], axis=0) / variance for lag in lags
        ]
    return np.array(rows)


def glitches_of(grams: Floats) -> NDArray[np.bool_]:
    """(n, plates): samples far off those about them."""
    return np.abs(grams - _running_median(grams)) > GLITCH_G


def without_glitches(grams: Floats) -> Floats:
    """The trace with each glitch replaced by the median about it."""
    middle = _running_median(grams)
    return np.where(np.abs(grams - middle) > GLITCH_G, middle, grams)


def _running_median(grams: Floats) -> Floats:
    half = GLITCH_WINDOW // 2
    padded = np.pad(grams, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, GLITCH_WINDOW, axis=0)
    found: Floats = np.median(windows, axis=-1)
    return found
