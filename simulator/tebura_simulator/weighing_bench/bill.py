"""What everybody would pay if who it was were given, beside what they should.

*After* is once a person has answered every question rightly. What is wrong then was wrong without
anybody being asked: *unbilled* and *overcharged* are such lines (a shopper's count of a product).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from tebura_contract.layout import Layout

from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.given import Given
from tebura_simulator.weighing_bench.matching import Matching
from tebura_simulator.weighing_bench.receipts import ReceiptLine


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


def bill(
    lines: Sequence[ReceiptLine], found: Matching, decided: Mapping[int, Given], layout: Layout
) -> Bill:
    """The bill of a case; decisions by the `id` of what was told."""
    price = {str(product.sku): product.price_minor for product in layout.product}
    return Bill(
        sold=sum(one.true for one in lines),
        charged=sum(one.charged for one in lines),
        right=sum(min(one.true, one.charged) for one in lines),
        charged_after=sum(one.after for one in lines),
        right_after=sum(min(one.true, one.after) for one in lines),
        lines=sum(one.true > 0 for one in lines),
        unbilled_lines=sum(one.true > one.after for one in lines),
        overcharged_lines=sum(one.after > one.true for one in lines),
        sold_minor=sum(one.true * price[one.sku] for one in lines),
        charged_minor=sum(one.charged * price[one.sku] for one in lines),
        asked_minor=_asked_minor(found, decided, price),
        unbilled_minor=sum(max(one.true - one.after, 0) * price[one.sku] for one in lines),
        overcharged_minor=sum(max(one.after - one.true, 0) * price[one.sku] for one in lines),
    )


def together(bills: Iterable[Bill]) -> Bill:
    """Everything added up."""
    kept = list(bills)
    return Bill(
        **{name: sum(getattr(one, name) for one in kept) for name in Bill.__struct_fields__}
    )


def _asked_minor(found: Matching, decided: Mapping[int, Given], price: Mapping[str, int]) -> int:
    """What the steps are worth about which a person is asked."""
    asked = (
        group
        for group in found.groups
        if not all(decided[id(one)].is_decided for one in group.told if id(one) in decided)
    )
    return sum(
        step.quantity * price[step.sku]
        for group in asked
        for step in group.steps
        if step.sku and step.kind is not ActionKind.REFILL
    )


def _f1(right: int, true: int, told: int) -> float | None:
    return 2 * right / (true + told) if true + told else None
