"""The reliability diagram as a picture."""

from collections.abc import Sequence
from pathlib import Path

from tebura_simulator.weighing_bench.figures import Figures


def draw_reliability(of: Sequence[Figures], path: Path) -> None:
    """Share right over confidence, a panel a suite, and how many lines there are.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(of), 5.0), layout="constrained")
    panels = figure.subplots(2, len(of), squeeze=False, height_ratios=(3, 1), sharex=True)
    for column, one in enumerate(of):
        found = one.calibration
        above, below = panels[0][column], panels[1][column]
        p = [b.confidence for b in found.bins]
        share = [b.right / b.lines for b in found.bins]
        off = [
            [s - b.low95 for s, b in zip(share, found.bins, strict=True)],
            [b.high95 - s for s, b in zip(share, found.bins, strict=True)],
        ]
        above.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        above.errorbar(p, share, yerr=off, fmt="o", color="#1f4e79", capsize=3, label="plates")
        with_who = one.given_calibration.bins
        above.plot(
            [b.confidence for b in with_who],
            [b.right / b.lines for b in with_who],
            "s",
            markerfacecolor="none",
            color="#c07000",
            label="who given",
        )
        for at, label in (
            (found.at_now, "in use"),
            (found.bound, "≤ 1 wrong in 1,000 (95 %)"),
        ):
            if at is not None:
                is_now = at is found.at_now
                above.axvline(at.at, color="0.5" if is_now else "#b03030", ls="--", label=label)
        above.set(
            title=f"{one.suite}: {found.lines} lines, ECE {found.expected_error:.3f}",
            ylabel="share right",
            ylim=(0, 1.02),
        )
        above.legend(loc="upper left", fontsize="small")
        below.bar(
            [(b.low + b.high) / 2 for b in found.bins],
            [b.lines for b in found.bins],
            width=0.09,
            color="#1f4e79",
        )
        below.set(xlabel="confidence told", ylabel="lines", yscale="log", xlim=(0, 1.02))
    figure.suptitle("Simulated plates alone; posterior of the best explanation")
    figure.savefig(path, dpi=120)
