"""Consumption tax: rates as data, rounded once per rate per invoice.

What each country asks is in `countries`; a shop whose rates are local says them in its own file.
"""

import re
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec
from tebura_contract.layout import TaxClass


class Rounding(StrEnum):
    """What becomes of the part of a minor unit, in the shopper's favour or to the nearest."""

    DOWN = "down"
    HALF_UP = "half-up"


class TaxRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate in percent, exact (`8`, `8.875`); `mark` stands beside lines taxed by it."""

    percent: Decimal
    mark: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError("percent must lie from 0 to 100")


class TaxRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How what a shop sells is taxed.

    `eat_in` are the classes whose rate differs where it is eaten in the shop. Prices either
    include tax, or it is added to the sum (`is_included` false). `registration` is the pattern of
    the number that stands on invoices; empty where there is none.
    """

    rates: dict[TaxClass, TaxRate]
    eat_in: dict[TaxClass, TaxRate] = {}
    rounding: Rounding = Rounding.HALF_UP
    is_included: bool = True
    registration: str = ""

    def __post_init__(self) -> None:
        missing = sorted(set(TaxClass) - set(self.rates))
        if missing:
            raise ValueError(f"no rate for {', '.join(missing)}")

    def rate(self, tax: TaxClass, eats_in: bool) -> TaxRate:
        """The rate of a class, to take away or eaten in."""
        return self.eat_in.get(tax, self.rates[tax]) if eats_in else self.rates[tax]

    def gross_and_tax(self, amount_minor: int, percent: Decimal) -> tuple[int, int]:
        """What is paid for all lines of a rate, and the tax in it, from the sum of their prices."""
        if self.is_included:
            return amount_minor, included_tax(amount_minor, percent, self.rounding)
        tax_minor = added_tax(amount_minor, percent, self.rounding)
        return amount_minor + tax_minor, tax_minor

    def is_registration(self, number: str) -> bool:
        """Whether a registration number is written as this country's office writes it."""
        return re.fullmatch(self.registration, number) is not None if self.registration else True


def included_tax(total_minor: int, percent: Decimal | int, rounding: Rounding) -> int:
    """The tax inside a total that includes it.

    >>> included_tax(1080, 8, Rounding.DOWN)
    80
    """
    rate = Fraction(percent)
    return _rounded(total_minor * rate / (100 + rate), rounding)


def added_tax(net_minor: int, percent: Decimal | int, rounding: Rounding) -> int:
    """The tax on a total that does not include it: of the sum, not of each line.

    >>> added_tax(3 * 105, 10, Rounding.DOWN)
    31
    """
    return _rounded(net_minor * Fraction(percent) / 100, rounding)


def _rounded(exact: Fraction, rounding: Rounding) -> int:
    assert exact >= 0, "tax is rounded on what was sold; a refund is the difference of two taxes"
    match rounding:
        case Rounding.DOWN:
            return exact.numerator // exact.denominator
        case Rounding.HALF_UP:
            return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
