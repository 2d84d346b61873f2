"""How like real plates the simulated ones are: the same statistics of both, side by side."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from tebura_contract.layout import Layout

from tebura_simulator.plates.plain_store import Happenings, handled_story, store_of, story_of
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.plates.reference import (
    ALLAN,
    CHANNELS,
    EXCURSION,
    LAG_ONE,
    MEDIAN_CHANGE,
    NEVER_CHANGE,
    SHARES,
    STILL_SD,
    STORE60_TABLE,
    Measured,
    Recorded,
)
from tebura_simulator.plates.simulated import simulate
from tebura_simulator.plates.statistics import (
    allan_deviation,
    autocorrelation,
    glitches_of,
    without_glitches,
)
from tebura_simulator.story.scenario import PlateKind

STORE60_S: Final = 30.0
STORES: Final = 8
"""So many simulated stores of 348 channels are pooled: the 99th of a hundred channels is a matter
of luck in a single one."""
HX711_PLATES: Final = 120
HX711_S: Final = 1050.0
HX711_TAUS_S: Final = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0)
RAW: Final = "Allan deviation with glitches"
GLITCHES: Final = "share of glitches"


class FitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of real plates and of simulated ones.

    `at` is the quantile over channels (``50 %``), or the real recording that the median of the
    simulated plates is compared with. Grams, seconds.
    """

    kind: PlateKind
    statistic: str
    tau_s: float | None
    at: str
    real: float
    simulated: float


@dataclass(frozen=True, eq=False)
class Store60:
    """The simulated channels of some stores at 60 Hz."""

    seed: int = 0

    @cached_property
    def still_g(self) -> list[Floats]:
        """(n, plates) grams of each store, of its plates that are not dead."""
        layout = store_of(CHANNELS - NEVER_CHANGE)
        return [
            grams_of(story_of(layout, PlateKind.STORE60, STORE60_S, self.seed + number), layout)
            for number in range(STORES)
        ]

    @cached_property
    def handled_g(self) -> list[Floats]:
        layout = store_of(CHANNELS - NEVER_CHANGE)
        return [
            grams_of(
                handled_story(layout, PlateKind.STORE60, STORE60_S, self.seed + number), layout
            )
            for number in range(STORES)
        ]

    def statistic(self, of: Measured) -> list[Floats]:
        """The statistic of each channel, store by store, as the table has it."""
        match of.statistic:
            case name if name == STILL_SD:
                return [_with_dead(_still_sd(grams)) for grams in self.still_g]
            case name if name == LAG_ONE:
                return [autocorrelation(grams[:180], (1,))[0] for grams in self.still_g]
            case name if name == MEDIAN_CHANGE:
                return [_with_dead(_median_change(grams)) for grams in self.still_g]
            case name if name == EXCURSION:
                return [np.abs(g - np.median(g, axis=0)).max(axis=0) for g in self.handled_g]
            case _:
                samples = round((of.tau_s or 0.0) * 60)
                return [allan_deviation(grams, samples) for grams in self.still_g]

    def quantiles(self, of: Measured) -> Floats:
        """At `SHARES`: of all stores' channels together; the largest, of a store on average."""
        stores = self.statistic(of)
        pooled: Floats = np.nanquantile(np.concatenate(stores), SHARES)
        pooled[-1] = np.mean([np.nanmax(one) for one in stores])
        return pooled


def store60_rows(simulated: Store60) -> list[FitRow]:
    """The 60 Hz table and the same of simulated plates."""
    return [
        FitRow(
            kind=PlateKind.STORE60,
            statistic=row.statistic,
            tau_s=row.tau_s,
            at="max" if share == 1.0 else f"{share:.0%}",
            real=real,
            simulated=round(float(value), 4),
        )
        for row in STORE60_TABLE
        for share, real, value in zip(SHARES, row.values, simulated.quantiles(row), strict=True)
        if real is not None
    ]


@dataclass(frozen=True, eq=False)
class Hx711:
    """Simulated 10 Hz plates at which nothing happens."""

    seed: int = 0

    @cached_property
    def grams(self) -> Floats:
        layout = store_of(HX711_PLATES)
        return grams_of(story_of(layout, PlateKind.HX711, HX711_S, self.seed), layout)

    @cached_property
    def clean_g(self) -> Floats:
        return without_glitches(self.grams)

    def allan(self, tau_s: float, is_clean: bool = True) -> Floats:
        """(plates,) grams."""
        return allan_deviation(self.clean_g if is_clean else self.grams, round(tau_s * 10))


def hx711_rows(simulated: Hx711, recordings: tuple[Recorded, ...]) -> list[FitRow]:
    """Each real recording and the median of the simulated plates."""
    found = []
    for real in recordings:
        clean_g = without_glitches(real.grams)
        for tau_s in taus_of(real):
            samples = round(tau_s * real.rate_hz)
            pairs = ((ALLAN, clean_g, True), (RAW, real.grams, False))
            for statistic, grams, is_clean in pairs:
                here = float(allan_deviation(grams, samples)[0])
                # The real sample rate is not quite 10 Hz: compare at the time really averaged.
                there = float(np.median(simulated.allan(samples / real.rate_hz, is_clean)))
                found.append(_hx711_row(statistic, tau_s, real.name, here, there))
        for lag in (1, 2, 3):
            if real.rate_hz > 9.0:
                here = float(autocorrelation(clean_g[:300], (lag,))[0, 0])
                there = float(np.median(autocorrelation(simulated.clean_g[:300], (lag,))))
                name = f"autocorrelation at lag {lag}"
                found.append(_hx711_row(name, None, real.name, here, there))
        here = float(glitches_of(real.grams).mean())
        there = float(glitches_of(simulated.grams).mean())
        found.append(_hx711_row(GLITCHES, None, real.name, here, there))
    return found


def taus_of(real: Recorded) -> list[float]:
    """Averaging times at which there are enough windows to tell."""
    longest_s = min(100.0, len(real.grams) / real.rate_hz / 6)
    return [tau_s for tau_s in HX711_TAUS_S if 0.9 / real.rate_hz <= tau_s <= longest_s]


def grams_of(story: Happenings, layout: Layout) -> Floats:
    """(n, plates) grams as staff's calibration reads the counts, dead plates left out."""
    plates = simulate(story, layout)
    cells = plates.cells
    counts = np.concatenate([stretch.counts for stretch in plates.stretches()])
    grams: Floats = (counts - cells.tare) / cells.gain
    return grams[:, ~cells.is_dead]


def _still_sd(grams: Floats) -> Floats:
    rows = 180
    windows = [grams[i : i + rows].std(axis=0) for i in range(0, len(grams) - rows, rows)]
    found: Floats = np.median(windows, axis=0)
    return found


def _median_change(grams: Floats) -> Floats:
    first, last = np.median(grams[:180], axis=0), np.median(grams[22 * 60 : 25 * 60], axis=0)
    found: Floats = np.abs(last - first)
    return found


def _with_dead(values: Floats) -> Floats:
    return np.append(values, np.zeros(NEVER_CHANGE))


def _hx711_row(
    statistic: str, tau_s: float | None, at: str, real: float, simulated: float
) -> FitRow:
    return FitRow(
        kind=PlateKind.HX711,
        statistic=statistic,
        tau_s=tau_s,
        at=at,
        real=round(real, 4),
        simulated=round(simulated, 4),
    )
