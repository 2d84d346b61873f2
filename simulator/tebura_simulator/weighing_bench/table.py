"""A suite's figures as text for people."""

from tebura_simulator.weighing_bench.bill import Bill
from tebura_simulator.weighing_bench.calibration import Calibration, Threshold
from tebura_simulator.weighing_bench.figures import Figures, Spread
from tebura_simulator.weighing_bench.goals import goals


def as_text(one: Figures) -> str:
    """A block of lines."""
    fates, of = one.fates, max(one.steps, 1)
    said = [
        f"{one.suite}: {one.cases} cases, {one.store_h:g} h, {one.samples:,} samples, simulated"
        + (f"; {one.failed} FAILED" if one.failed else ""),
        f"  true steps        {one.steps}: "
        + ", ".join(f"{name} {count} ({count / of:.1%})" for name, count in fates.items()),
        f"  product           of {one.product_found} found alone: "
        f"right {_share(one.product_right, one.product_found)}, "
        f"among candidates {_share(one.product_among, one.product_found)}, "
        f"told as foreign {one.product_as_foreign}",
        "  by place          "
        + "; ".join(
            f"{name} {by.found}: right {_share(by.right, by.found)}, "
            f"sure {_share(by.sure, by.found)}, surely wrong {by.wrong}"
            for name, by in one.by_place.items()
        ),
        f"  to charge         {one.told} events: surely right {one.surely_right}, "
        f"surely wrong {one.surely_wrong}, unsure {one.unsure}, doubtful {one.doubtful}",
        f"  who given         decided right {one.given.right}, decided WRONG {one.given.wrong}, "
        f"review {one.given.review} (its guess right {one.given.review_right}: "
        + ", ".join(f"{reason} {count}" for reason, count in one.given.reasons.items())
        + f"), foreign {one.given.foreign}; refills left out",
        *_money(one.bill),
        f"  foreign           {one.foreign_true} true: told so {one.foreign_right}, "
        f"told as product {one.foreign_as_product}",
        f"  false events      {one.false}: "
        + ", ".join(f"{cause} {count}" for cause, count in one.false_by_cause.items())
        + f"; grams {_spread(one.false_g)}",
        f"  error of delta_g  {_spread(one.error_g)} g; share {_spread(one.error_share, 4)}",
        f"  settled to report {_spread(one.late_s)} s; beyond the budget "
        f"{_share(one.late, one.timed)}",
        *(
            f"    {name:15} {_spread(late.spread)} s; beyond it {_share(late.late, late.of)}"
            for name, late in (*one.late_by_noise.items(), *one.late_by_company.items())
        ),
        f"  processor         {one.cpu_share:.2%} of a core; as 306 plates "
        f"{one.cpu_share_full_store:.2%}; took {one.took_s} s; plates told sick {one.plates_sick}",
        "  found by noise    "
        + ", ".join(f"{n} {_share(a, b)} of {b}" for n, (a, b) in one.found_by_noise.items()),
    ]
    if one.touches:
        said.append(
            f"  touches           {one.touches}: net to nothing "
            f"{_share(one.touches_net, one.touches)}, no event at all "
            f"{_share(one.touches_silent, one.touches)}, nothing on a receipt "
            f"{_share(one.touches_unbilled, one.touches)}, asked about "
            f"{_share(one.touches_asked, one.touches)}"
        )
    said += goals(one)
    said += _calibration("calibration       ", one.calibration)
    return "\n".join(said + _calibration("with who given    ", one.given_calibration))


def _money(one: Bill) -> list[str]:
    if not one.sold and not one.charged:
        return []
    return [
        f"  items, who given  {one.sold} sold: item F1 {_f1(one.item_f1)}, "
        f"{_f1(one.item_f1_after)} once asked questions are answered",
        f"  value, who given  sold {one.sold_minor}: asked about "
        f"{_share(one.asked_minor, one.sold_minor)}, and unseen by anyone: unbilled "
        f"{_share(one.unbilled_minor, one.sold_minor)}, {one.unbilled_lines} lines; charged too "
        f"much {_share(one.overcharged_minor, one.sold_minor)}, {one.overcharged_lines} lines",
    ]


def _f1(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _calibration(name: str, found: Calibration) -> list[str]:
    if not found.lines:
        return []
    said = [
        f"  {name}{found.lines} lines, right {_share(found.right, found.lines)}, "
        f"expected calibration error {found.expected_error:.4f}",
        f"    threshold {found.at_now.at}: {_threshold(found.at_now)}",
        "    <= 1 wrong in 1,000: "
        + (f"from {found.point.at} {_threshold(found.point)}" if found.point else "nowhere"),
        "    its 95 % bound too:  "
        + (f"from {found.bound.at} {_threshold(found.bound)}" if found.bound else "nowhere"),
        "    told p       lines   mean p   right   95 %",
    ]
    said += [
        f"    {b.low:.1f}-{b.high:.1f}   {b.lines:8d}   {b.confidence:.4f}  {b.right / b.lines:.4f}"
        f"   {b.low95:.3f}-{b.high95:.3f}"
        for b in found.bins
    ]
    return said


def _threshold(one: Threshold) -> str:
    return (
        f"{one.lines} lines ({one.share_of_all:.1%}), {one.wrong} wrong, at most "
        f"{1000 * one.at_most:.2f} in 1,000"
    )


def _share(count: int, of: int) -> str:
    return f"{count} ({count / of:.2%})" if of else "0"


def _spread(one: Spread | None, digits: int = 2) -> str:
    if one is None:
        return "-"
    return f"p50 {one.p50:.{digits}f}, p95 {one.p95:.{digits}f}, worst {one.worst:.{digits}f}"
