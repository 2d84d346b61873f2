"""What everybody would pay if who it was were given, beside what they should.

*After* is once a person has answered every question rightly. What is wrong then was wrong without
anybody being asked: *unbilled* and *overcharged* are such lines (a shopper's count of a product).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from tebura_contract.layout import Layout

from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.given import Given
from tebura_simulator.weighing_bench.matching import Matching
from tebura_simulator.weighing_bench.playing import Told
from tebura_simulator.weighing_bench.true_steps import TrueStep

Items = Counter[tuple[str, str]]
"""Counts by shopper and product."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The receipts of a case, or of several: items, values at the layout's prices, lines.

    `right` of the `charged` items are among the `sold`; so are `right_after` of `charged_after`.
    `asked_minor` is what the steps were worth about which a person was asked.
    """

    sold: int = 0
    charged: int = 0
    right: int = 0
    charged_after: int = 0
    right_after: int = 0
    lines: int = 0
    unbilled_lines: int = 0
    overcharged_lines: int = 0
    sold_minor: int = 0
    charged_minor: int = 0
    asked_minor: int = 0
    unbilled_minor: int = 0
    overcharged_minor: int = 0

    @property
    def item_f1(self) -> float | None:
        """Over all items as charged without a person; None where there are none."""
        return _f1(self.right, self.sold, self.charged)

    @property
    def item_f1_after(self) -> float | None:
        return _f1(self.right_after, self.sold, self.charged_after)


def bill(found: Matching, decided: Mapping[int, Given], layout: Layout) -> Bill:
    """The bill of a case; decisions by the `id` of what was told."""
    true = _items(_steps(found))
    charged, after = Items(), Items()
    asked_minor = 0
    price = {str(product.sku): product.price_minor for product in layout.product}
    for group in found.groups:
        made = _made(group.told, decided)
        mine = _charged(made)
        charged.update(mine)
        if not all(one.is_decided for one in made):
            asked = _items(group.steps)
            asked_minor += sum(abs(count) * price[sku] for (_, sku), count in asked.items())
            mine = asked
        after.update(mine)
    false = _charged(_made(found.false, decided))
    charged.update(false)
    after.update(false)
    unbilled, overcharged = _above(true, after), _above(after, true)
    return Bill(
        sold=_count(true),
        charged=_count(charged),
        right=_count(_both(true, charged)),
        charged_after=_count(after),
        right_after=_count(_both(true, after)),
        lines=sum(count > 0 for count in true.values()),
        unbilled_lines=len(unbilled),
        overcharged_lines=len(overcharged),
        sold_minor=_value(true, price),
        charged_minor=_value(charged, price),
        asked_minor=asked_minor,
        unbilled_minor=_value(unbilled, price),
        overcharged_minor=_value(overcharged, price),
    )


def together(bills: Iterable[Bill]) -> Bill:
    """Everything added up."""
    kept = list(bills)
    return Bill(
        **{name: sum(getattr(one, name) for one in kept) for name in Bill.__struct_fields__}
    )


def _steps(found: Matching) -> list[TrueStep]:
    paired = [step for group in found.groups for step in group.steps]
    return [*paired, *found.missed, *found.netted]


def _items(steps: Iterable[TrueStep]) -> Items:
    """What shoppers took less what they put back."""
    items = Items()
    for step in steps:
        if step.sku and step.kind is not ActionKind.REFILL:
            items[step.shopper, str(step.sku)] -= step.sign * step.quantity
    return items


def _made(told: Sequence[Told], decided: Mapping[int, Given]) -> list[Given]:
    return [decided[id(one)] for one in told if id(one) in decided]


def _charged(made: Iterable[Given]) -> Items:
    items = Items()
    for one in made:
        if one.is_decided and one.sku:
            items[one.shopper, one.sku] += one.quantity
    return items


def _above(these: Items, those: Items) -> Items:
    """What is more here than there; nobody is owed for less than nothing."""
    more = {key: max(count, 0) - max(those[key], 0) for key, count in these.items()}
    return Items({key: count for key, count in more.items() if count > 0})


def _both(these: Items, those: Items) -> Items:
    return Items({key: min(max(count, 0), max(those[key], 0)) for key, count in these.items()})


def _count(items: Items) -> int:
    return sum(max(count, 0) for count in items.values())


def _value(items: Items, price: Mapping[str, int]) -> int:
    return sum(max(count, 0) * price[sku] for (_, sku), count in items.items())


def _f1(right: int, true: int, told: int) -> float | None:
    return 2 * right / (true + told) if true + told else None
