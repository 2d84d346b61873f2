"""The picture of the fit: real plates and simulated ones, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from tebura_simulator.plates.fit import Hx711, Store60, taus_of
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.plates.reference import (
    ALLAN,
    EXCURSION,
    LAG_ONE,
    MEDIAN_CHANGE,
    SHARES,
    STILL_SD,
    STORE60_TABLE,
    Measured,
    Recorded,
)
from tebura_simulator.plates.statistics import allan_deviation, autocorrelation, without_glitches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL: Final = ("#c2410c", "#7c3aed")
SIMULATED: Final = "#2563eb"
Place = Literal["best", "upper right", "upper left", "lower left"]
TAUS_S: Final = (1 / 60, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
LAGS: Final = tuple(range(1, 13))
BELOW: Final = tuple(np.linspace(0.01, 1.0, 100).tolist())
PERCENT: Final = ("10 %", "50 %", "90 %", "99 %", "max")
LEAST_G: Final = 0.05
TITLES: Final = {
    STILL_SD: "deviation\nover 3 s",
    MEDIAN_CHANGE: "change of the\nmedian over 22 s",
    EXCURSION: "largest excursion\nwhile handled",
}


def draw(store: Store60, hx711: Hx711, recordings: Sequence[Recorded], path: Path) -> None:
    """Write the picture; without `recordings` the real 10 Hz plate is left out.

    Raises:
        ImportError: If matplotlib is not installed (the extra ``figures``).
        OSError: If the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"font.size": 8.5, "axes.grid": True, "grid.alpha": 0.3}):
        figure, axes = plt.subplots(2, 3, figsize=(13, 8.2), layout="constrained")
        _store60_allan(axes[0, 0], store)
        _store60_lag_one(axes[0, 1], store)
        _store60_quantiles(axes[0, 2], store)
        _hx711_allan(axes[1, 0], hx711, recordings)
        _hx711_autocorrelation(axes[1, 1], hx711, recordings)
        _hx711_quantiles(axes[1, 2], hx711, recordings)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _store60_allan(axes: "Axes", store: Store60) -> None:
    values = np.array(
        [store.quantiles(Measured(ALLAN, tau_s, (None,) * len(SHARES))) for tau_s in TAUS_S]
    )
    for index, name in enumerate(PERCENT):
        axes.loglog(TAUS_S, values[:, index], color=SIMULATED, lw=1.2, alpha=0.85)
        axes.annotate(name, (TAUS_S[-1], values[-1, index]), (4, -3), textcoords="offset points")
    for row in STORE60_TABLE:
        if row.statistic == ALLAN and row.tau_s is not None:
            known = [value for value in row.values if value is not None]
            axes.plot([row.tau_s] * len(known), known, "o", color=REAL[0], ms=5)
    _named(axes, "60 Hz store plates: Allan deviation", "averaging time, s", "g")
    _legend(axes, (REAL[0], "o", "real, 348 channels"), (SIMULATED, "-", "simulated"))
    axes.set_xlim(TAUS_S[0], 20.0)


def _store60_lag_one(axes: "Axes", store: Store60) -> None:
    row = next(row for row in STORE60_TABLE if row.statistic == LAG_ONE)
    found = np.concatenate(store.statistic(row))
    axes.plot(np.nanquantile(found, BELOW), np.array(BELOW) * 100, color=SIMULATED)
    known = [(v, s * 100) for v, s in zip(row.values, SHARES, strict=True) if v is not None]
    axes.plot(*zip(*known, strict=True), "o", color=REAL[0], ms=5)
    _named(axes, "60 Hz: lag-1 autocorrelation", "correlation of successive samples", "% below")
    _legend(axes, (REAL[0], "o", "real"), (SIMULATED, "-", "simulated"))


def _store60_quantiles(axes: "Axes", store: Store60) -> None:
    names = (STILL_SD, MEDIAN_CHANGE, EXCURSION)
    rows = [row for row in STORE60_TABLE if row.statistic in names]
    for place, row in enumerate(rows):
        found = store.quantiles(row)
        for index, real in enumerate(row.values):
            x = place * 6 + index
            axes.bar(x + 0.2, max(found[index], LEAST_G), 0.38, color=SIMULATED)
            if real is not None:
                axes.bar(x - 0.2, max(real, LEAST_G), 0.38, color=REAL[0])
    ticks = [place * 6 + index for place in range(len(rows)) for index in range(len(PERCENT))]
    axes.set_xticks(ticks, [p.replace(" %", "") for p in PERCENT] * len(rows), fontsize=7)
    for place, row in enumerate(rows):
        axes.text(place * 6 + 2, 250, TITLES[row.statistic], ha="center", va="bottom", fontsize=8)
    axes.set_yscale("log")
    axes.set_ylim(LEAST_G, 6000)
    axes.grid(visible=False, axis="x")
    _named(axes, "60 Hz: quantiles over channels", "quantile, % of channels (no bar: 0 g)", "g")
    _legend(axes, (REAL[0], "s", "real"), (SIMULATED, "s", "simulated"), place="upper left")


def _hx711_allan(axes: "Axes", hx711: Hx711, recordings: Sequence[Recorded]) -> None:
    taus_s = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0)
    for is_clean in (True, False):
        found = [np.quantile(hx711.allan(tau, is_clean), (0.1, 0.5, 0.9)) for tau in taus_s]
        low, middle, high = np.array(found).T
        axes.loglog(taus_s, middle, color=SIMULATED, lw=1.4)
        axes.fill_between(taus_s, low, high, color=SIMULATED, alpha=0.2, lw=0)
    for real, colour in zip(recordings, REAL, strict=False):
        taus = taus_of(real)
        samples = [round(tau * real.rate_hz) for tau in taus]
        for grams in (without_glitches(real.grams), real.grams):
            deviations = [float(allan_deviation(grams, n)[0]) for n in samples]
            axes.plot([n / real.rate_hz for n in samples], deviations, "o", color=colour, ms=4)
    axes.set_ylim(0.04, 30_000)
    axes.text(0.1, 1300, "with glitches")
    axes.text(0.1, 2.6, "without")
    _named(axes, "10 Hz (HX711): Allan deviation", "averaging time, s", "g")
    _legend(axes, *_who(recordings), place="upper right")


def _hx711_autocorrelation(axes: "Axes", hx711: Hx711, recordings: Sequence[Recorded]) -> None:
    found = autocorrelation(hx711.clean_g[:300], LAGS)
    low, middle, high = np.quantile(found, (0.1, 0.5, 0.9), axis=1)
    axes.plot(LAGS, middle, color=SIMULATED)
    axes.fill_between(LAGS, low, high, color=SIMULATED, alpha=0.2, lw=0)
    for real, colour in zip(recordings, REAL, strict=False):
        rows = round(30.0 * real.rate_hz)
        clean = without_glitches(real.grams)
        parts = [clean[i : i + rows] for i in range(0, len(clean) - rows + 1, rows)]
        mean = np.mean([autocorrelation(part, LAGS)[:, 0] for part in parts], axis=0)
        axes.plot(np.array(LAGS) * 10 / real.rate_hz, mean, "o", color=colour, ms=4)
    axes.set_xlim(0, 13)
    _named(axes, "10 Hz: autocorrelation, glitches left out", "lag, 0.1 s", "correlation")
    _legend(axes, *_who(recordings))


def _hx711_quantiles(axes: "Axes", hx711: Hx711, recordings: Sequence[Recorded]) -> None:
    """Share of samples farther than so many grams from the median about them."""
    farther_g = np.geomspace(0.05, 30_000, 120)
    axes.loglog(farther_g, _beyond(hx711.grams, hx711.clean_g, farther_g), color=SIMULATED)
    for real, colour in zip(recordings, REAL, strict=False):
        share = _beyond(real.grams, without_glitches(real.grams), farther_g)
        axes.plot(farther_g, share, "--", color=colour, lw=1.3)
    axes.set_ylim(5e-5, 1.3)
    _named(axes, "10 Hz: how far samples are off", "g or more from the median of 30 s", "share")
    _legend(axes, *_who(recordings, "--", "simulated: 120 plates"), place="lower left")


def _beyond(grams: Floats, clean_g: Floats, farther_g: Floats) -> Floats:
    rows = min(300, len(grams))
    whole = len(grams) // rows * rows
    middle = np.median(clean_g[:whole].reshape(-1, rows, grams.shape[1]), axis=1)
    off = np.sort(np.abs(grams[:whole] - np.repeat(middle, rows, axis=0)).ravel())
    found: Floats = 1.0 - np.searchsorted(off, farther_g) / len(off)
    return found


def _who(
    recordings: Sequence[Recorded],
    mark: str = "o",
    label: str = "simulated: median, 10-90 %",
) -> list[tuple[str, str, str]]:
    real = [
        (colour, mark, f"real: {one.name}") for one, colour in zip(recordings, REAL, strict=False)
    ]
    return [*real, (SIMULATED, "-", label)]


def _named(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _legend(axes: "Axes", *entries: tuple[str, str, str], place: Place = "best") -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, ls=mark if "-" in mark else "", marker=mark[:1].strip("-"))
        for colour, mark, _ in entries
    ]
    axes.legend(handles, [text for _, _, text in entries], loc=place, fontsize=8)
