"""The trace of a shelf as a picture: a panel a plate, and at the bottom what shoppers hold."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tebura_gateway.domain.decision import Reason

from tebura_simulator.weighing_bench.lines import StepLine, ToldLine, Verdict
from tebura_simulator.weighing_bench.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE, GRID = "#0f172a", "#64748b", "#e2e8f0"
CHARGED, ASKED, NOBODY, WRONG = "#2563eb", "#d97706", "#64748b", "#b91c1c"
SHOPPERS = ("#0891b2", "#9333ea", "#be185d", "#4d7c0f", "#78350f")
LEAST_G = 12.0
LIKELY = 0.02
LETTER_SHARE = 0.0068
ROW_SHARE = 0.15
"""What a letter takes of the width, and a row of words of a panel's height."""
_STRAY = 1.6
"""Samples this many times further out than the plate's own range are drawn at the edge."""


def draw_trace(trace: Trace, path: Path) -> None:
    """Grams, true actions, steps told with their best explanation, decisions and carts.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    count = len(trace.plates)
    figure = Figure(figsize=(12.0, 1.25 * count + 2.6), layout="constrained", facecolor="white")
    panels = figure.subplots(count + 1, 1, sharex=True, height_ratios=[1.0] * count + [1.25])
    for column in range(count):
        _plate(panels[column], trace, column)
    _cart(panels[-1], trace)
    panels[-1].set_xlabel("seconds", color=PALE)
    panels[0].set_xlim(*trace.span_s)
    figure.suptitle(
        f"What {count} plates showed, what happened, and what was made of it",
        x=0.01,
        ha="left",
        fontsize=13,
        color=INK,
        weight="bold",
    )
    _legend(figure, trace)
    figure.savefig(path, dpi=140)


def _plate(axes: "Axes", trace: Trace, column: int) -> None:
    plate = trace.plates[column]
    grams = trace.grams[:, column] - np.median(trace.grams[:30, column])
    low, high = _range(grams)
    axes.plot(trace.at_s, np.clip(grams, low, high), color=INK, linewidth=0.7, zorder=3)
    axes.set_ylim(low, high)
    mine = [one for one in trace.told if plate in one.plates]
    for one in mine:
        _span(axes, one)
    _words(axes, [one for one in mine if plate == one.plates[0]], trace.span_s)
    for step in trace.steps:
        if plate in step.plates:
            _step(axes, step, _shopper_color(step.shopper, trace))
    name = plate.rpartition("/")[2]
    axes.set_ylabel(f"{name}\ng", rotation=0, ha="right", va="center", color=INK, fontsize=9)
    axes.annotate(
        trace.products[column],
        (1.0, 0.04),
        xycoords="axes fraction",
        fontsize=7.5,
        color=PALE,
        ha="right",
        style="italic",
        zorder=5,
    )
    _plain(axes)


def _range(grams: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, float]:
    """From the plate's lowest to its highest, glitches left out, with room for words."""
    low, high = np.quantile(grams, [0.005, 0.995])
    middle, half = (low + high) / 2, max((high - low) / 2, LEAST_G)
    return float(middle - _STRAY * half), float(middle + 2.0 * half)


def _span(axes: "Axes", one: ToldLine) -> None:
    """From when to when a step is said to have been, and when that was said."""
    color = _color(one)
    until_s = max(one.to_s, one.from_s + 0.12)
    axes.axvspan(one.from_s, until_s, color=color, alpha=0.22, linewidth=0, zorder=1)
    axes.plot([one.told_s], [axes.get_ylim()[0]], marker="^", ms=5, color=color, clip_on=False)


def _words(axes: "Axes", told: Sequence[ToldLine], span_s: tuple[float, float]) -> None:
    """What each step is said to be, in as many rows as they need not to overlap."""
    first_s, last_s = span_s
    letter_s = LETTER_SHARE * (last_s - first_s)
    free_s: list[float] = []
    for one in sorted(told, key=lambda one: one.from_s):
        said = _said(one)
        from_s = max(first_s, min(one.from_s, last_s - letter_s * len(said)))
        row = next((n for n, free in enumerate(free_s) if free <= from_s), len(free_s))
        free_s[row : row + 1] = [from_s + letter_s * (len(said) + 1)]
        axes.annotate(
            said,
            (from_s, 0.99 - ROW_SHARE * row),
            xycoords=axes.get_xaxis_transform(),
            va="top",
            fontsize=8,
            color=_color(one),
            weight="bold",
            zorder=6,
        )


def _step(axes: "Axes", step: StepLine, color: str) -> None:
    """A true action: down where something left, up where it landed."""
    marker = "v" if step.delta_g < 0 else "^"
    axes.axvline(step.at_s, color=color, linewidth=0.9, linestyle=(0, (2, 2)), zorder=2)
    within = axes.get_xaxis_transform()
    axes.plot([step.at_s], [0.6], marker=marker, ms=6, color=color, transform=within, zorder=6)
    if step.verdict is not Verdict.RIGHT:
        what = f"in truth {step.quantity} {step.sku or 'thing'}"
        offset = (6, 0)
        axes.annotate(
            what,
            (step.at_s, 0.6),
            offset,
            within,
            "offset points",
            fontsize=7.5,
            color=color,
            va="center",
            zorder=6,
        )


def _shopper_color(name: str, trace: Trace) -> str:
    names = trace.shoppers
    return SHOPPERS[names.index(name) % len(SHOPPERS)] if name in names else NOBODY


def _color(one: ToldLine) -> str:
    if one.given is None:
        return NOBODY
    if not one.given.is_decided:
        return ASKED
    if not one.given.sku:
        return NOBODY
    return CHARGED if one.given.is_right else WRONG


def _said(one: ToldLine) -> str:
    """`−1 cola .99`: as it would be on the receipt, or the best guess and why it is asked."""
    given = one.given
    if given is None:
        return "refill" if one.candidates else "nobody's"
    if given.is_decided and not given.sku:
        return f"no product {one.delta_g:+.0f} g"
    sign = "+" if given.quantity < 0 else "−"
    what = f"{sign}{abs(given.quantity)} {given.sku}" if given.sku else f"{one.delta_g:+.0f} g"
    p = _p(given.confidence)
    if given.is_decided:
        return f"{what} {p}"
    others = [
        f"{count} {sku}"
        for sku, count, share in one.candidates
        if share >= LIKELY and (sku, count) != (given.sku, abs(given.quantity))
    ]
    return f"asked: {what} {p}" + "".join(f" or {other}" for other in others) + _why(given.reason)


def _why(reason: str) -> str:
    return "" if reason == Reason.WHAT else f" ({reason})"


def _p(share: float) -> str:
    return "1.00" if share > 0.995 else f"{share:.2f}".lstrip("0")


def _cart(axes: "Axes", trace: Trace) -> None:
    """What each shopper took from this shelf, worth at list prices: as decided, and truly."""
    from_s, to_s = trace.span_s
    true: dict[str, list[tuple[float, int]]] = defaultdict(list)
    told: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for step in trace.steps:
        if step.sku and step.kind != "refill":
            count = step.quantity if step.delta_g < 0 else -step.quantity
            true[step.shopper].append((step.at_s, count * trace.prices_minor[step.sku]))
    for one in trace.told:
        if one.given is not None and one.given.is_decided and one.given.sku:
            value = one.given.quantity * trace.prices_minor[one.given.sku]
            told[one.given.shopper].append((one.told_s, value))
    for name in trace.shoppers:
        color = _shopper_color(name, trace)
        axes.step(
            *_sums(true[name], from_s, to_s), where="post", color=color, linewidth=1.0, ls=":"
        )
        axes.step(*_sums(told[name], from_s, to_s), where="post", color=color, linewidth=2.0)
    axes.set_ylabel("cart\n¥", rotation=0, ha="right", va="center", color=INK, fontsize=9)
    axes.margins(y=0.15)
    _plain(axes)


def _sums(
    changes: Iterable[tuple[float, int]], from_s: float, to_s: float
) -> tuple[list[float], list[int]]:
    times, values = [from_s], [0]
    for at_s, value in sorted(changes):
        times.append(at_s)
        values.append(values[-1] + value)
    return [*times, to_s], [*values, values[-1]]


def _legend(figure: "Figure", trace: Trace) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks = [
        *(
            Line2D([], [], color=_shopper_color(name, trace), marker="v", ls=":", ms=6, label=name)
            for name in trace.shoppers
        ),
        Patch(color=CHARGED, alpha=0.5, label="decided"),
        Patch(color=ASKED, alpha=0.5, label="asked about"),
        Patch(color=NOBODY, alpha=0.5, label="nobody's"),
        Patch(color=WRONG, alpha=0.5, label="decided wrongly"),
        Line2D([], [], color=PALE, marker="^", ls="", ms=5, label="when it was told"),
        Line2D([], [], color=PALE, lw=2, label="cart as decided"),
        Line2D([], [], color=PALE, lw=1, ls=":", label="cart in truth"),
    ]
    figure.legend(
        handles=marks,
        loc="outside lower left",
        ncols=len(marks),
        fontsize=7.5,
        frameon=False,
        title=f"{trace.title}. Simulated plates, fitted to real ones; who it was is given. "
        "Triangles on lines: truly taken (down), put back (up).",
        title_fontsize=8,
        alignment="left",
    )


def _plain(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(colors=PALE, labelsize=7.5)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
