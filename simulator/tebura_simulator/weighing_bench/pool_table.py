"""The mix as a table for people."""

from collections.abc import Sequence

from tebura_simulator.weighing_bench.calibration import Threshold
from tebura_simulator.weighing_bench.figures import told_said
from tebura_simulator.weighing_bench.lines import CaseLine
from tebura_simulator.weighing_bench.pool import PartFigures

_HEAD = ("cases", "lines", "right", "ECE", "charged", "WRONG", "asked", "twins", "item F1", "after")


def as_text(parts: Sequence[PartFigures], whole: PartFigures) -> str:
    """A row a part and the whole, then thresholds and the reliability of the whole."""
    rows = [f"{'who given, simulated':22}" + "".join(f"{name:>9}" for name in _HEAD)]
    rows += [_row(one) for one in (*parts, whole)]
    found, bill = whole.calibration, whole.bill
    rows += [
        "",
        f"expected calibration error {found.expected_error:.4f} over {found.lines:,} lines",
        f"threshold in use {found.at_now.at:g}: {_threshold(found.at_now)}",
        "<= 1 wrong in 1,000: " + _lowest(found.point),
        "its 95 % bound too:  " + _lowest(found.bound),
        f"value: sold {bill.sold_minor:,}; unseen by anyone: unbilled "
        f"{_share(bill.unbilled_minor, bill.sold_minor)}, charged too much "
        f"{_share(bill.overcharged_minor, bill.sold_minor)}",
        "",
        "told p       lines   mean p   right    95 %",
    ]
    rows += [
        f"{b.low:.1f}-{b.high:.1f}   {b.lines:8d}   {b.confidence:.4f}  {b.right / b.lines:.4f}"
        f"   {b.low95:.3f}-{b.high95:.3f}"
        for b in found.bins
    ]
    return "\n".join(rows)


def wrongly_charged(case: CaseLine) -> list[str]:
    """Every line of a case that nobody would be asked about and that is wrong."""
    return [
        f"seed {case.seed} {case.case} {told_said(one)} charged {one.given.quantity} "
        f"{one.given.sku} {one.given.confidence:.4f}"
        for one in case.told
        if one.given is not None
        and one.given.is_line
        and one.given.is_decided
        and not one.given.is_right
    ]


def _row(one: PartFigures) -> str:
    found = one.calibration
    cells = (
        str(one.cases),
        f"{found.lines:,}",
        _share(found.right, found.lines),
        f"{found.expected_error:.4f}",
        f"{found.at_now.lines:,}",
        str(found.at_now.wrong),
        f"{one.asked + found.lines - found.at_now.lines:,}",
        f"{one.twins_right}/{one.twins_wrong}/{one.twins - one.twins_right - one.twins_wrong}",
        _f1(one.bill.item_f1),
        _f1(one.bill.item_f1_after),
    )
    failed = f"  {one.failed} FAILED" if one.failed else ""
    return f"{one.part:22}" + "".join(f"{cell:>9}" for cell in cells) + failed


def _lowest(one: Threshold | None) -> str:
    return "nowhere" if one is None else f"from {one.at:g}: {_threshold(one)}"


def _threshold(one: Threshold) -> str:
    return (
        f"{one.lines:,} lines charged ({one.share_of_all:.1%}), {one.wrong} wrong, with 95 % at "
        f"most {1000 * one.at_most:.2f} in 1,000"
    )


def _share(count: int, of: int) -> str:
    return f"{count / of:.2%}" if of else "-"


def _f1(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
