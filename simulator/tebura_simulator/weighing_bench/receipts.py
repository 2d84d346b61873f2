"""Every line of every receipt as plates alone would make it, beside what it should say.

A line is a shopper and a product, with its quantity at the end of the visit; who it was is given.
What is charged without anybody having been asked about any part of it is what a shopper must be
able to trust. *After* is once a person has answered every question rightly.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from tebura_contract.binomial import upper_bound

from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.given import Given
from tebura_simulator.weighing_bench.matching import NEAR_S, Matching
from tebura_simulator.weighing_bench.playing import Told
from tebura_simulator.weighing_bench.true_steps import TrueStep

Items = Counter[tuple[str, str]]
"""Counts by shopper and product."""


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper's count of a product; nobody is owed for less than nothing.

    `true` is what it should be, `charged` what is decided, `after` what it comes to once everything
    is answered. `is_asked`: a person is asked about some of it. `confidence` is that of the least
    certain step of what is decided.
    """

    shopper: str
    sku: str
    true: int
    charged: int
    after: int
    is_asked: bool
    confidence: float

    @property
    def is_charged(self) -> bool:
        """Whether it is on the receipt and nobody looked at it."""
        return self.charged > 0 and not self.is_asked

    @property
    def is_right(self) -> bool:
        return self.charged == self.true


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of receipts.

    Of those `charged` without a question so many are `wrong`, `at_most` that share (exact one-sided
    95 %); of those `asked` about so many are `wrong_after` the answers. `lost`: lines that should
    be there, of which nothing is and nothing is asked.
    """

    charged: int = 0
    wrong: int = 0
    at_most: float = 1.0
    asked: int = 0
    wrong_after: int = 0
    lost: int = 0


def receipt_lines(
    found: Matching, decided: Mapping[int, Given], passing: Sequence[Told] = ()
) -> tuple[ReceiptLine, ...]:
    """The lines of a case; decisions by the `id` of what was told or passed."""
    true = _items(_steps(found))
    charged, after, asked = Items(), Items(), Items()
    least: dict[tuple[str, str], float] = {}
    for steps, told in [*((g.steps, g.told) for g in found.groups), ([], list(found.false))]:
        for some_steps, made in _together(steps, _made(told, decided)):
            mine = _charged(made)
            charged.update(mine)
            for one in made:
                if one.is_decided and one.sku:
                    key = one.shopper, one.sku
                    least[key] = min(least.get(key, 1.0), one.confidence)
            if not all(one.is_decided for one in made):
                asked.update(_items(some_steps).keys())
                asked.update((one.shopper, one.sku) for one in made if one.sku)
                mine = _items(some_steps)
            after.update(mine)
    untold = asked_untold(found, decided, passing)
    after.update(_items(untold))
    asked.update(_items(untold).keys())
    asked.update((one.shopper, one.sku) for one in _made(passing, decided) if one.sku)
    return tuple(
        ReceiptLine(
            shopper=key[0],
            sku=key[1],
            true=max(true[key], 0),
            charged=max(charged[key], 0),
            after=max(after[key], 0),
            is_asked=key in asked,
            confidence=least.get(key, 1.0),
        )
        for key in sorted({**true, **charged, **after, **asked})
    )


def asked_untold(
    found: Matching, decided: Mapping[int, Given], passing: Sequence[Told]
) -> list[TrueStep]:
    """Steps that no event is of, but that somebody who is asked about what passed will see."""
    asked = [one for one in passing if id(one) in decided and not decided[id(one)].is_decided]
    return [
        step
        for step in (*found.missed, *found.netted)
        if any(
            not step.plates.isdisjoint(one.event.plates)
            and step.sign * one.event.delta_g > 0
            and one.from_s - NEAR_S <= step.at_s <= one.to_s + NEAR_S
            for one in asked
        )
    ]


def receipts(lines: Iterable[ReceiptLine]) -> Receipts:
    """Count them."""
    every = list(lines)
    charged = [one for one in every if one.is_charged]
    asked = [one for one in every if one.is_asked]
    wrong = sum(not one.is_right for one in charged)
    return Receipts(
        charged=len(charged),
        wrong=wrong,
        at_most=round(upper_bound(wrong, len(charged)), 6) if charged else 1.0,
        asked=len(asked),
        wrong_after=sum(one.after != one.true for one in asked),
        lost=sum(one.true > 0 and not one.charged and not one.is_asked for one in every),
    )


def _together(
    steps: Sequence[TrueStep], made: Sequence[Given]
) -> list[tuple[Sequence[TrueStep], list[Given]]]:
    """Decisions of one group are answered together; of what is false each by itself."""
    return [(steps, list(made))] if steps else [((), [one]) for one in made]


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
