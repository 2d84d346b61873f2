"""What plates weighed, thinned to the smallest and largest value of each moment.

Memory does not grow with the recording: when the room is full, pairs of moments become one. A
glitch of a single sample stays in its moment's smallest or largest value whatever the width.
"""

import base64
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId
from tebura_contract.recording import CountBatch

Values = NDArray[np.float32]

ROOM = 8192
"""Moments kept of each plate."""
FINEST_NS = SECOND_NS // 64
"""Width of a moment at first: a 60 Hz sample each."""
MISSING = -32768
_STEPS = 65_000
_BRIDGED = 2
"""So many empty moments between samples are jitter; a longer gap is shown as one."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One plate for the page: little-endian int16 in base64, ``grams = base_g + unit_g * value``.

    `high` is empty where smallest and largest are the same everywhere; -32768 is "not read".
    """

    first_s: float
    width_s: float
    base_g: float
    unit_g: float
    low: str
    high: str = ""


@dataclass
class Envelope:
    """Smallest and largest grams of one scale's plates, moment by moment."""

    plates: tuple[PlateId, ...]
    start_ns: int
    rows: int = 0
    width_ns: int = FINEST_NS
    last_ns: int = 0
    low: Values = field(init=False)
    high: Values = field(init=False)

    def __post_init__(self) -> None:
        self.low = np.full((ROOM, len(self.plates)), np.nan, np.float32)
        self.high = self.low.copy()

    def add(self, at_ns: NDArray[np.int64], grams: Values) -> None:
        """Samples at these times, one row each; NaN where none was read."""
        is_known = at_ns >= self.start_ns
        at_ns, grams = at_ns[is_known], grams[is_known]
        if not len(at_ns):
            return
        self.rows += len(at_ns)
        self.last_ns = max(self.last_ns, int(at_ns.max()))
        while (self.last_ns - self.start_ns) // self.width_ns >= ROOM:
            self.low, self.high = _paired(self.low, self.high, 2)
            room = np.full((ROOM - len(self.low), len(self.plates)), np.nan, np.float32)
            self.low, self.high = np.vstack([self.low, room]), np.vstack([self.high, room])
            self.width_ns *= 2
        moment = (at_ns - self.start_ns) // self.width_ns
        np.fmin.at(self.low, moment, grams)
        np.fmax.at(self.high, moment, grams)

    def thinned(self, most: int) -> "Envelope":
        """At most so many moments, none narrower than samples are apart."""
        used = int((self.last_ns - self.start_ns) // self.width_ns) + 1
        period_ns = (self.last_ns - self.start_ns) / max(self.rows - 1, 1)
        factor = 1
        while used / factor > most or self.width_ns * factor < period_ns:
            factor *= 2
        thin = Envelope(self.plates, self.start_ns, self.rows, self.width_ns * factor, self.last_ns)
        low, high = _paired(self.low[:used], self.high[:used], factor)
        thin.low, thin.high = _bridged(low), _bridged(high)
        return thin


def grams_of(batch: CountBatch, calibration: Calibration) -> Values:
    """A batch in grams as staff calibrated the plates; NaN for what was not read."""
    measured = [calibration.plates[plate] for plate in batch.plates]
    tare = np.array([plate.tare_counts for plate in measured])
    gain = np.array([plate.counts_per_g for plate in measured])
    counts = np.array(batch.counts, np.float64).reshape(len(batch.at_ns), len(measured))
    grams: Values = ((counts - tare) / gain).astype(np.float32)
    return grams


def packed(envelope: Envelope, column: int, epoch_ns: int) -> Trace:
    """One plate of a thinned envelope; times count from `epoch_ns`."""
    low, high = envelope.low[:, column], envelope.high[:, column]
    is_read = ~np.isnan(low)
    least = float(low[is_read].min()) if is_read.any() else 0.0
    most = float(high[is_read].max()) if is_read.any() else 0.0
    unit_g = max((most - least) / _STEPS, 0.01)
    base_g = (least + most) / 2
    is_single = np.array_equal(low, high, equal_nan=True)
    return Trace(
        first_s=(envelope.start_ns - epoch_ns) / SECOND_NS,
        width_s=envelope.width_ns / SECOND_NS,
        base_g=round(base_g, 3),
        unit_g=unit_g,
        low=_text(low, base_g, unit_g),
        high="" if is_single else _text(high, base_g, unit_g),
    )


def _text(values: Values, base_g: float, unit_g: float) -> str:
    whole = np.round((values - base_g) / unit_g)
    whole[np.isnan(values)] = MISSING
    return base64.b64encode(whole.astype("<i2").tobytes()).decode()


def _paired(low: Values, high: Values, factor: int) -> tuple[Values, Values]:
    """Each `factor` moments as one."""
    if factor == 1:
        return low, high
    lacking = -len(low) % factor
    room = np.full((lacking, low.shape[1]), np.nan, np.float32)
    shape = (-1, factor, low.shape[1])
    low, high = np.vstack([low, room]).reshape(shape), np.vstack([high, room]).reshape(shape)
    return np.fmin.reduce(low, axis=1), np.fmax.reduce(high, axis=1)


def _bridged(values: Values) -> Values:
    """Short gaps take the value before them."""
    values = values.copy()
    for _ in range(_BRIDGED):
        is_gap = np.isnan(values[1:]) & ~np.isnan(values[:-1])
        # Only from the value before: a long gap keeps all but its first moments.
        values[1:][is_gap] = values[:-1][is_gap]
    return values
