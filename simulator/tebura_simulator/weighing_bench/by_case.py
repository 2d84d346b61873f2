"""A suite case by case: what the gateway would make of each case's steps if who it was were given.

A step is *decidable* where weight and place can tell what it was, with the cart (`places`). Of what
can be decided at least `GOAL` of all items should be charged rightly; what cannot should be asked
about, and nothing should be charged wrongly.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from tebura_simulator.weighing_bench.bill import Bill, together
from tebura_simulator.weighing_bench.lines import CaseLine, StepLine, ToldLine, Verdict

GOAL = 0.9


class CaseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A case over all its seeds. Steps of products are counted, refills left out.

    `decidable` of the `steps`: `right`, `wrong`, `asked` and `untold` are of these; the same
    of the others with `hard_`. `false`: items that events of nothing would leave on receipts, too
    many or too few; `false_asked`: such events that would be asked about. Things that are no
    product are right as long as nobody is charged for them.
    """

    case: str
    seeds: int
    failed: int
    steps: int
    decidable: int
    right: int
    wrong: int
    asked: int
    untold: int
    hard_right: int
    hard_wrong: int
    hard_asked: int
    hard_untold: int
    false: int
    false_asked: int
    bill: Bill

    @property
    def decided_f1(self) -> float | None:
        """Of decidable steps: right ones against all, and against all that are charged."""
        charged = self.right + self.wrong + self.false
        whole = self.decidable + charged
        return 2 * self.right / whole if whole else None

    @property
    def is_reached(self) -> bool:
        """Whether what can be decided is, and what cannot is not charged wrongly."""
        found = self.decided_f1
        return not self.hard_wrong and (found is None or found >= GOAL)


def by_case(cases: Sequence[CaseLine]) -> list[CaseFigures]:
    """One a case, in the order in which cases occur."""
    names = dict.fromkeys(case.case for case in cases)
    return [_figures(name, [case for case in cases if case.case == name]) for name in names]


def as_text(found: Iterable[CaseFigures]) -> str:
    """A row a case; what is short of its goal is marked."""
    head = ("steps", "decidable", "right", "WRONG", "asked", "untold", "F1")
    hard = ("others", "right", "WRONG", "asked", "untold", "false", "asked", "item F1", "answered")
    rows = [f"  {'case':26}" + "".join(f"{name:>10}" for name in (*head, *hard))]
    rows += [_row(one) for one in found]
    return "\n".join(rows)


def _figures(name: str, cases: Sequence[CaseLine]) -> CaseFigures:
    steps = [s for case in cases for s in case.steps if s.sku and s.verdict is not Verdict.REFILL]
    easy = [step for step in steps if step.place.is_decidable]
    hard = [step for step in steps if not step.place.is_decidable]
    false = [[one for one in case.told if one.cause is not None] for case in cases]
    return CaseFigures(
        case=name,
        seeds=len(cases),
        failed=sum(bool(case.failure) for case in cases),
        steps=len(steps),
        decidable=len(easy),
        right=_of(easy, Verdict.RIGHT),
        wrong=_of(easy, Verdict.WRONG),
        asked=_of(easy, Verdict.ASKED),
        untold=_of(easy, Verdict.UNTOLD),
        hard_right=_of(hard, Verdict.RIGHT),
        hard_wrong=_of(hard, Verdict.WRONG),
        hard_asked=_of(hard, Verdict.ASKED),
        hard_untold=_of(hard, Verdict.UNTOLD),
        false=sum(_left(mine) for mine in false),
        false_asked=sum(_is_asked(one) for mine in false for one in mine),
        bill=together(case.bill for case in cases),
    )


def _of(steps: Iterable[StepLine], verdict: Verdict) -> int:
    return sum(step.verdict is verdict for step in steps)


def _left(false: Iterable[ToldLine]) -> int:
    """Items on receipts; what is charged and credited again leaves none."""
    items: Counter[tuple[str, str]] = Counter()
    for one in false:
        if one.given is not None and one.given.is_decided and one.given.sku:
            items[one.given.shopper, one.given.sku] += one.given.quantity
    return sum(abs(count) for count in items.values())


def _is_asked(one: ToldLine) -> bool:
    return one.given is not None and not one.given.is_decided


def _row(one: CaseFigures) -> str:
    easy = (one.steps, one.decidable, one.right, one.wrong, one.asked, one.untold)
    hard = (one.steps - one.decidable, one.hard_right, one.hard_wrong, one.hard_asked)
    counts = (*hard, one.hard_untold, one.false, one.false_asked)
    shares = (one.bill.item_f1, one.bill.item_f1_after)
    said = f"  {one.case:26}" + "".join(f"{count:10d}" for count in easy) + _f1(one.decided_f1)
    said += "".join(f"{count:10d}" for count in counts) + "".join(_f1(share) for share in shares)
    failed = f"  {one.failed} FAILED" if one.failed else ""
    return said + failed + ("" if one.is_reached else "  short")


def _f1(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:10.3f}"
