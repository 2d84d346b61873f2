"""Consumption tax as data: rates by country, rounded once per rate per invoice."""

from enum import StrEnum
from fractions import Fraction

import msgspec
from tebura_contract.layout import TaxClass


class Rounding(StrEnum):
    """What becomes of the part of a minor unit, in the shopper's favour or to the nearest."""

    DOWN = "down"
    HALF_UP = "half-up"


class TaxRate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate in percent; `mark` stands beside lines taxed by it on a receipt."""

    percent: int
    mark: str = ""


class TaxRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one country taxes what a shop sells."""

    country: str
    rates: dict[TaxClass, TaxRate]
    rounding: Rounding


# Japan: 8 % on food and non-alcoholic drink to take away, 10 % else (Consumption Tax Act, as of
# October 2019); a qualified invoice rounds once per rate, the seller chooses how.
RULES: dict[str, TaxRules] = {
    "JP": TaxRules(
        country="JP",
        rates={
            TaxClass.REDUCED: TaxRate(percent=8, mark="※"),
            TaxClass.STANDARD: TaxRate(percent=10),
        },
        rounding=Rounding.DOWN,
    ),
}


class UnknownCountry(ValueError):
    """No tax rules are known for a country: the gateway must not start there."""


def rules_for(country: str) -> TaxRules:
    """The rules of a country (ISO 3166, two letters).

    Raises:
        UnknownCountry: If there are none.
    """
    if country not in RULES:
        raise UnknownCountry(f"no tax rules for country {country!r}; known: {sorted(RULES)}")
    return RULES[country]


def included_tax(total_minor: int, percent: int, rounding: Rounding) -> int:
    """The tax inside a total that includes it.

    >>> included_tax(1080, 8, Rounding.DOWN)
    80
    """
    return _rounded(Fraction(total_minor * percent, 100 + percent), rounding)


def added_tax(net_minor: int, percent: int, rounding: Rounding) -> int:
    """The tax on a total that does not include it: of the sum, not of each line.

    >>> added_tax(3 * 105, 10, Rounding.DOWN)
    31
    """
    return _rounded(Fraction(net_minor * percent, 100), rounding)


def _rounded(exact: Fraction, rounding: Rounding) -> int:
    assert exact >= 0, "tax is rounded on what was sold; a refund is the difference of two taxes"
    match rounding:
        case Rounding.DOWN:
            return exact.numerator // exact.denominator
        case Rounding.HALF_UP:
            return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
