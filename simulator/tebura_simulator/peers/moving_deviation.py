"""The event detector of the AutoCheckout competition's winner (CPS-IoT Week 2020).

Theirs: the plates of a shelf are summed; mean and standard deviation move over 60 samples at 60 Hz,
told at the window's middle. While the deviation stays over 20 g without a break, for 30 samples or
more, something happens; it counts if the moving mean differs by more than 10 g between the first
and the last of those samples. That difference, of the sum and of each plate, is the event's change;
its peak is where the deviation is greatest. The first and the last window already hold a little of
the step, so the change comes out smaller than it was: by 10 % for 100 g, by 27 % for 60 g; one
below about 46 g never lasts 30 samples.

Filled in: other rates take windows of the same time (1 s and 0.5 s, at least 10 and 5 samples).
Their code turned every missing reading into 0 g; in their data only plates that were never read had
any. Such a plate is 0 g here too, but a reading that is missing in between keeps the last one, or
each would look as if the plate had been emptied and filled. Hobby converters at 10 Hz read some
kilograms wrong now and then, which theirs did not and their code does not expect: below `CLEAN_HZ`
each sample first becomes the median of five.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from tebura_contract.ids import PlateId, ShelfId

from tebura_simulator.peers.traces import ShelfTrace

WINDOW_S = 1.0
MIN_WINDOW_SAMPLES = 10
ACTIVE_G = 20.0
MOVED_G = 10.0
CLEAN_HZ = 30.0
"""Their converters, at 60 Hz, read cleanly; slower ones are of the kind that glitches."""


@dataclass(frozen=True)
class Stir:
    """Something happened on a shelf; `deltas_g` per plate, `delta_g` of all, negative if less."""

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    deltas_g: tuple[float, ...]
    delta_g: float
    from_ns: int
    to_ns: int
    peak_ns: int


def stirs_of(trace: ShelfTrace) -> list[Stir]:
    """All events of one shelf in order of time."""
    window = max(MIN_WINDOW_SAMPLES, round(WINDOW_S * trace.rate_hz))
    if len(trace.at_ns) <= window:
        return []
    grams = trace.grams if trace.rate_hz >= CLEAN_HZ else _calm(trace.grams)
    sums = grams.sum(axis=1)
    deviation = _moving_deviation(sums - np.median(sums), window)
    at_ns = trace.at_ns[window // 2 :]
    found = []
    for first, last in _runs(deviation > ACTIVE_G):
        if last - first + 1 < window // 2:
            continue
        before, after = grams[first : first + window], grams[last : last + window]
        deltas = after.mean(axis=0) - before.mean(axis=0)
        if abs(deltas.sum()) > MOVED_G:
            peak = first + int(deviation[first : last + 1].argmax())
            found.append(
                Stir(
                    shelf=trace.shelf,
                    plates=trace.plates,
                    deltas_g=tuple(float(delta) for delta in deltas),
                    delta_g=float(deltas.sum()),
                    from_ns=int(at_ns[first]),
                    to_ns=int(at_ns[last]),
                    peak_ns=int(at_ns[peak]),
                )
            )
    return found


def _calm(grams: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each sample as the median of five around it."""
    padded = np.pad(grams, ((2, 2), (0, 0)), mode="edge")
    calm: NDArray[np.float64] = np.median(sliding_window_view(padded, 5, axis=0), axis=-1)
    return calm


def _moving_deviation(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Of each whole window; `values` should lie around 0, so that their squares keep digits."""
    sums = np.cumsum(np.concatenate(([0.0], values)))
    squares = np.cumsum(np.concatenate(([0.0], values**2)))
    mean = (sums[window:] - sums[:-window]) / window
    variance = (squares[window:] - squares[:-window]) / window - mean**2
    deviation: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0.0))
    return deviation


def _runs(is_active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_active.view(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
