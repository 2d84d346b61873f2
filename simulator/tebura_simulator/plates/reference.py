"""What real plates were measured to do: a table of one kind, two recordings of the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tebura_simulator.plates.quantiles import Floats

SHARES: Final = (0.1, 0.5, 0.9, 0.99, 1.0)
NEVER_CHANGE: Final = 43
CHANNELS: Final = 348

STILL_SD: Final = "deviation over 3 s"
LAG_ONE: Final = "lag-1 autocorrelation"
ALLAN: Final = "Allan deviation"
MEDIAN_CHANGE: Final = "change of the median over 22 s"
EXCURSION: Final = "largest excursion while handled"


@dataclass(frozen=True)
class Measured:
    """One row of the 60 Hz table: quantiles over channels at `SHARES`, None where not given."""

    statistic: str
    tau_s: float | None
    values: tuple[float | None, ...]


STORE60_TABLE: Final = (
    Measured(STILL_SD, None, (0.0, 0.8, 3.0, 9.9, None)),
    Measured(LAG_ONE, None, (-0.44, -0.11, 0.39, 1.0, None)),
    Measured(ALLAN, 0.2, (0.12, 0.19, 0.84, 3.8, 5.9)),
    Measured(ALLAN, 1.0, (0.06, 0.10, 0.39, 1.0, 2.0)),
    Measured(ALLAN, 4.0, (0.03, 0.06, 0.32, 2.0, 2.6)),
    Measured(MEDIAN_CHANGE, None, (0.0, 0.0, 0.7, 4.1, 8.7)),
    Measured(EXCURSION, None, (5.5, 11.0, 52.0, 111.0, 165.0)),
)
"""``../shared/data/README.md``. The first and the last but one row count the channels that never
change; the others cannot (they would be 0 or nothing at 10 %)."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """A stretch of a real plate at which nothing happened: (n, 1) grams, so many a second."""

    name: str
    rate_hz: float
    grams: Floats


HX711_STILL: Final = (
    # Nothing was taken or put in 16.7 min.
    ("workday_a", 0.0, 1100.0),
    # The plate stands empty; before, it is used all the time.
    ("full_to_empty", 447.0, 620.0),
)


def hx711_recordings(folder: Path) -> tuple[Recorded, ...]:
    """Read the still parts of the real 10 Hz recordings.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If one does not hold `time, grams`.
    """
    found = []
    for name, from_s, to_s in HX711_STILL:
        path = folder / f"{name}.csv"
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
        if rows.shape[1] != 2:
            raise ValueError(f"{path}: has {rows.shape[1]} columns, expected time and grams")
        at_s = rows[:, 0] - rows[0, 0]
        still = (at_s >= from_s) & (at_s <= to_s)
        if still.sum() < 100:
            raise ValueError(f"{path}: has no 100 samples from {from_s:g} to {to_s:g} s")
        rate_hz = 1.0 / float(np.median(np.diff(at_s[still])))
        found.append(Recorded(name, rate_hz, rows[still, 1:2]))
    return tuple(found)
