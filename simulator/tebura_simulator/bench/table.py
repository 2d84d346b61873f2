"""Totals as a table for people: how right, then how soon and at what cost.

*exact*: receipts as they would be charged without a person; *untouched*: those of them that ask
nothing of one; *reviewed right*: receipts that are exact once every review is decided rightly.
*over*, *under*: lines with too many or too few, in brackets their value at the layout's prices;
*unseen*: those with too many on receipts that nobody looks at. *who %*: of the events of which
something was claimed, those of the right account.

Where films say where everybody was, a third table tells how cameras followed them
(`scoring/following.py`); *who guessed* counts what was left to a person by its best guess.
"""

from collections.abc import Sequence

from tebura_simulator.bench.lines import SUBTOTAL, TOTAL, CaseLine, TotalLine
from tebura_simulator.scoring.intervals import Estimate
from tebura_simulator.scoring.receipts import share
from tebura_simulator.scoring.totals import Seconds

PERCENT = 100.0


def as_text(suite: str, lines: Sequence[CaseLine], totals: Sequence[TotalLine]) -> str:
    """A suite's table; where it has subtotals, a row a case before them."""
    of_all = [one for one in totals if one.case == TOTAL]
    of_cases = [one for one in totals if one.case == SUBTOTAL]
    seeds = sorted({line.seed for line in lines})
    cases = len({(line.case, line.seed) for line in lines})
    said = f"seeds {seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    blocks = [f"{suite}: {cases} cases, {said}; simulated"]
    if of_cases:
        blocks.append(_by_case(of_cases))
    blocks.append(_grid(_RIGHT, [_right(one) for one in of_all]))
    blocks.append(_grid(_SOON, [_soon(one) for one in of_all]))
    watched = [_followed(one) for one in of_all if one.following is not None]
    if watched:
        blocks.append(_grid(_FOLLOWED, watched))
    notes = [note for one in of_all if (note := _nothing_happened(one))]
    notes += [
        f"FAILED {line.case} seed {line.seed} {line.method}: {line.failure}"
        for line in lines
        if line.failure
    ]
    return "\n\n".join([*blocks, "\n".join(notes)] if notes else blocks)


_RIGHT = (
    "method",
    "receipt F1",
    "exact %",
    "untouched %",
    "reviewed right %",
    "over",
    "unseen",
    "under",
    "event P",
    "R",
    "F1",
    "who %",
    "who",
    "what",
    "count",
    "missed",
    "failed",
)
_FOLLOWED = (
    "method",
    "who guessed %",
    "sights",
    "followed %",
    "right account %",
    "switches",
    "a visit",
    "exchanges",
    "renames",
    "nobodies",
    "reaches",
    "of nobody",
    "events reached %",
)
_SOON = ("method", "reviews/1000", "to cart s", "to receipt s", "CPU s/min")


def _right(one: TotalLine) -> list[str]:
    marks, receipts, events = one.intervals, one.receipts, one.events
    return [
        one.method,
        _span(marks.receipt_f1),
        _span(marks.exact, PERCENT, 0),
        _span(marks.untouched, PERCENT, 0),
        _span(marks.exact_after_review, PERCENT, 0),
        f"{receipts.overcharged} ({receipts.overcharged_minor})",
        str(receipts.unseen_overcharged),
        f"{receipts.undercharged} ({receipts.undercharged_minor})",
        _share(events.precision),
        _share(events.recall),
        _span(marks.event_f1),
        _span(marks.who, PERCENT, 1),
        str(events.who_errors),
        str(events.what_errors),
        str(events.count_errors),
        str(events.missed),
        str(one.failed),
    ]


def _followed(one: TotalLine) -> list[str]:
    seen = one.following
    assert seen is not None
    return [
        one.method,
        _percent(one.events.who_guessed),
        str(seen.sights),
        _percent(share(seen.followed, seen.sights)),
        _percent(share(seen.right, seen.known)),
        str(seen.switches),
        _share(share(seen.switches, one.visits)),
        str(seen.exchanges),
        str(seen.renames),
        str(seen.nobodies),
        str(seen.reaches),
        str(seen.reaches_of_nobody),
        _percent(share(seen.reached, seen.events)),
    ]


def _soon(one: TotalLine) -> list[str]:
    cpu = one.cpu_s_per_store_min
    return [
        one.method,
        _span(one.intervals.reviews_per_1000_visits, 1.0, 0),
        _quantiles(one.to_cart_s),
        _quantiles(one.to_receipt_s),
        "-" if cpu is None else f"{cpu:.2f}",
    ]


def _by_case(subtotals: Sequence[TotalLine]) -> str:
    """A row a case, a column a method: mean receipt F1, exact receipts, how many in review."""
    methods = list(dict.fromkeys(one.method for one in subtotals))
    found = {(one.of, one.method): one for one in subtotals}
    rows = [
        [case, *(_short(found.get((case, method))) for method in methods)]
        for case in dict.fromkeys(one.of for one in subtotals)
    ]
    said = "receipt F1 [95 %], exact receipts, reviews"
    return f"{said}\n" + _grid(["case", *methods], rows)


def _short(one: TotalLine | None) -> str:
    if one is None or not one.cases:
        return "failed"
    receipts = f"{one.receipts.exact_count}/{one.receipts.true}"
    asked = f" {one.reviews}r" if one.reviews else ""
    failed = f" {one.failed} failed" if one.failed else ""
    return f"{_span(one.intervals.receipt_f1)} {receipts}{asked}{failed}"


def _nothing_happened(one: TotalLine) -> str:
    """A rate of zero says how high it may still be."""
    over = one.intervals.overcharged_receipts
    if over is None or over.at_most is None:
        return ""
    return (
        f"{one.method}: none of {over.of} receipts overcharged, "
        f"so at most {PERCENT * over.at_most:.1f} % are (rule of three, 95 %)"
    )


def _span(mark: Estimate | None, scale: float = 1.0, digits: int = 2) -> str:
    if mark is None:
        return "-"
    value, low, high = (f"{scale * v:.{digits}f}" for v in (mark.value, mark.low, mark.high))
    return f"{value} [{low}, {high}]" if mark.of > 1 else value


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{PERCENT * value:.1f}"


def _quantiles(times: Seconds | None) -> str:
    return "-" if times is None else f"{times.p50:.1f} / {times.p95:.1f} / {times.p99:.1f}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right, each as wide as it must be."""
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )
