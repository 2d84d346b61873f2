"""Reliability as pictures: of suites side by side, and of the pool with its threshold."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tebura_simulator.weighing_bench.calibration import (
    WRONG_SHARE,
    Calibration,
    Curve,
    curve,
    given_lines_of,
)
from tebura_simulator.weighing_bench.figures import Figures
from tebura_simulator.weighing_bench.lines import CaseLine
from tebura_simulator.weighing_bench.pool import PartFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, RED, GREY, INK = "#2563eb", "#c2410c", "#94a3b8", "#1e293b"
_TICKS = (0.1, 0.01, 1e-3, 1e-4, 1e-5)


def draw_reliability(of: Sequence[Figures], path: Path) -> None:
    """Share right over confidence with who given, a column a suite.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(of), 5.4), layout="constrained")
    panels = figure.subplots(2, len(of), squeeze=False, height_ratios=(3, 1), sharex=True)
    for column, one in enumerate(of):
        found = one.given_calibration
        _reliability(panels[0][column], panels[1][column], found)
        panels[0][column].set_title(_titled(one.suite, found), loc="left", fontsize=10, color=INK)
    figure.savefig(path, dpi=130)


def draw_pool(cases: Sequence[CaseLine], whole: PartFigures, path: Path) -> None:
    """The reliability of all lines, and what a threshold lets through.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    found = whole.calibration
    figure = Figure(figsize=(11.0, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, height_ratios=(3, 1), sharex="col")
    _reliability(panels[0][0], panels[1][0], found)
    panels[0][0].set_title("Does a confidence of p mean p?", loc="left", color=INK)
    _thresholds(panels[0][1], panels[1][1], found, curve(given_lines_of(cases)))
    panels[0][1].set_title("What does a threshold let through?", loc="left", color=INK)
    figure.suptitle(
        f"{found.lines:,} lines of {whole.cases:,} simulated cases, plates alone, who given: "
        f"expected calibration error {found.expected_error:.3f}",
        x=0.01,
        ha="left",
        fontsize=11,
        color=INK,
    )
    figure.savefig(path, dpi=130)


def _titled(name: str, found: Calibration) -> str:
    return f"{name}: {found.lines:,} lines, calibration error {found.expected_error:.3f}"


def _reliability(above: "Axes", below: "Axes", found: Calibration) -> None:
    p = [b.confidence for b in found.bins]
    share = [b.right / b.lines for b in found.bins]
    off = [
        [s - b.low95 for s, b in zip(share, found.bins, strict=True)],
        [b.high95 - s for s, b in zip(share, found.bins, strict=True)],
    ]
    above.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=1)
    above.errorbar(
        p, share, yerr=off, fmt="o", color=BLUE, ecolor=BLUE, elinewidth=1.2, capsize=2, zorder=3
    )
    above.set(ylabel="share right (95 %)", ylim=(0, 1.03), xlim=(0, 1.02))
    middles = [(b.low + b.high) / 2 for b in found.bins]
    bars = below.bar(middles, [b.lines for b in found.bins], width=0.085, color=BLUE, alpha=0.35)
    below.bar_label(bars, fmt="{:,.0f}", fontsize=7, color=INK, padding=1)
    below.set(xlabel="confidence told", ylabel="lines", yscale="log")
    below.margins(y=0.35)
    for axes in (above, below):
        _plain(axes)


def _thresholds(above: "Axes", below: "Axes", found: Calibration, along: Curve) -> None:
    """Wrong lines in 1,000 charged, and the share charged, over 1 - threshold (logarithmic)."""
    room = [max(1.0 - p, _TICKS[-1]) for p in along.at]
    wrong = [1000 * share for share in along.wrong_share]
    at_most = [1000 * share for share in along.at_most]
    above.plot(room, at_most, color=RED, linewidth=1, linestyle=":", label="95 % upper bound")
    above.plot(room, wrong, color=RED, linewidth=1.8, label="wrong, as found")
    above.axhline(1000 * WRONG_SHARE, color=INK, linewidth=0.8)
    above.annotate("1 in 1,000", (room[0], 1.0), (2, 3), textcoords="offset points", fontsize=8)
    below.plot(room, [100 * share for share in along.share_of_all], color=BLUE, linewidth=1.8)
    marks = [(found.at_now, "in use", GREY)]
    if found.bound is not None:
        marks.append((found.bound, "the bound holds", INK))
    for mark, said, color in marks:
        for axes in (above, below):
            axes.axvline(max(1.0 - mark.at, _TICKS[-1]), color=color, linestyle="--", linewidth=1)
        label = f"{said}: {mark.at:.4g}\n{mark.wrong} of {mark.lines:,} wrong"
        place = (max(1.0 - mark.at, _TICKS[-1]), 0.97)
        above.annotate(
            label, place, (4, 0), "data", "offset points", fontsize=8, color=color, va="top"
        ).xycoords = above.get_xaxis_transform()
    above.set(ylabel="wrong of 1,000 lines charged", yscale="symlog", ylim=(0, 300))
    above.legend(loc="lower left", fontsize=8, frameon=False)
    below.set(xlabel="threshold", ylabel="% charged unasked", xscale="log", ylim=(0, 103))
    below.set_xlim(1.0, _TICKS[-1])
    below.set_xticks([1.0, *_TICKS], ["0", "0.9", "0.99", "0.999", "0.9999", "0.99999"])
    for axes in (above, below):
        _plain(axes)


def _plain(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e2e8f0", linewidth=0.6)
    axes.set_axisbelow(True)
