"""The mix as a table for people."""

from collections.abc import Sequence

from tebura_simulator.weighing_bench.calibration import Threshold
from tebura_simulator.weighing_bench.figures import told_said
from tebura_simulator.weighing_bench.lines import CaseLine
from tebura_simulator.weighing_bench.pool import PartFigures

_STEPS = ("cases", "steps", "right", "ECE", "charged", "WRONG", "asked", "undone", "wrong")
_RECEIPTS = ("lines", "WRONG", "of 1,000", "at most", "asked", "after", "lost", "item F1", "after")


def as_text(parts: Sequence[PartFigures], wholes: Sequence[PartFigures]) -> str:
    """Steps and lines of receipts, a row a part and a group; of each group what it comes to."""
    rows = [f"{'steps, who given':20}" + "".join(f"{name:>9}" for name in _STEPS)]
    rows += [_steps(one) for one in (*parts, *wholes)]
    rows += ["", f"{'lines of receipts':20}" + "".join(f"{name:>9}" for name in _RECEIPTS)]
    rows += [_receipts(one) for one in (*parts, *wholes)]
    for one in wholes:
        rows += ["", *_summed(one)]
    return "\n".join(rows)


def _summed(one: PartFigures) -> list[str]:
    found, bill = one.calibration, one.bill
    return [
        f"{one.part}:",
        f"  steps: expected calibration error {found.expected_error:.4f} over {found.lines:,}; "
        f"twins right/wrong/asked {one.twins_right}/{one.twins_wrong}/"
        f"{one.twins - one.twins_right - one.twins_wrong}",
        f"  lines charged unseen from {one.thresholds.at_now.at:g} on: "
        f"{_threshold(one.thresholds.at_now)}",
        "  <= 1 wrong in 1,000: " + _lowest(one.thresholds.point),
        "  its 95 % bound too:  " + _lowest(one.thresholds.bound),
        f"  value: sold {bill.sold_minor:,}; unseen by anyone: unbilled "
        f"{_share(bill.unbilled_minor, bill.sold_minor)}, charged too much "
        f"{_share(bill.overcharged_minor, bill.sold_minor)}",
        "  told p       steps   mean p   right    95 %",
        *(
            f"  {b.low:.1f}-{b.high:.1f}   {b.lines:8d}   {b.confidence:.4f}  "
            f"{b.right / b.lines:.4f}   {b.low95:.3f}-{b.high95:.3f}"
            for b in found.bins
        ),
    ]


def wrong_on_receipts(case: CaseLine) -> list[str]:
    """Every line of a case that is charged wrongly, or not at all, with nobody being asked."""
    return [
        f"seed {case.seed} {case.case} {one.shopper}: {one.charged} {one.sku} charged, "
        f"{one.true} true, {one.confidence:.4f}"
        for one in case.receipts
        if not one.is_asked and not one.is_right
    ]


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


def _steps(one: PartFigures) -> str:
    found = one.calibration
    cells = (
        str(one.cases),
        f"{found.lines:,}",
        _share(found.right, found.lines),
        f"{found.expected_error:.4f}",
        f"{found.at_now.lines:,}",
        str(found.at_now.wrong),
        f"{one.asked + found.lines - found.at_now.lines:,}",
        f"{one.undone:,}",
        str(one.undone_wrong),
    )
    failed = f"  {one.failed} FAILED" if one.failed else ""
    return f"{one.part:20}" + "".join(f"{cell:>9}" for cell in cells) + failed


def _receipts(one: PartFigures) -> str:
    found = one.receipts
    cells = (
        f"{found.charged:,}",
        str(found.wrong),
        f"{1000 * found.wrong / found.charged:.2f}" if found.charged else "-",
        f"{1000 * found.at_most:.2f}",
        f"{found.asked:,}",
        str(found.wrong_after),
        str(found.lost),
        _f1(one.bill.item_f1),
        _f1(one.bill.item_f1_after),
    )
    return f"{one.part:20}" + "".join(f"{cell:>9}" for cell in cells)


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
