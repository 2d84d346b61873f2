"""Tax rules by country, as data; a country not here is told in the shop's own file.

Where rates are local (the United States), there are no rules of the country: the shop's file
says them.
"""

from decimal import Decimal
from typing import Final

from tebura_contract.layout import TaxClass

from tebura_gateway.domain.tax import Rounding, TaxRate, TaxRules


class UnknownCountry(ValueError):
    """No tax rules are known for a country: the gateway must not start there."""


def _rate(percent: str, mark: str = "") -> TaxRate:
    return TaxRate(percent=Decimal(percent), mark=mark)


RULES: Final[dict[str, TaxRules]] = {
    # Consumption Tax Act as of October 2019: 8 % on food and non-alcoholic drink to take away,
    # 10 % else and on what is eaten in the shop. One rounding a rate, the seller chooses how.
    "JP": TaxRules(
        rates={TaxClass.REDUCED: _rate("8", "※"), TaxClass.STANDARD: _rate("10")},
        eat_in={TaxClass.REDUCED: _rate("10")},
        rounding=Rounding.DOWN,
        registration=r"T\d{13}",
    ),
    # UStG § 12 as of 2026: food 7 %, to take away or eaten in.
    "DE": TaxRules(
        rates={TaxClass.REDUCED: _rate("7", "B"), TaxClass.STANDARD: _rate("19", "A")},
        registration=r"DE\d{9}",
    ),
    # VAT Act 1994, schedule 8, group 1: cold food to take away at zero, eaten in at the full rate.
    "GB": TaxRules(
        rates={TaxClass.REDUCED: _rate("0", "*"), TaxClass.STANDARD: _rate("20")},
        eat_in={TaxClass.REDUCED: _rate("20")},
        rounding=Rounding.DOWN,
        registration=r"GB\d{9}",
    ),
    # No value-added tax in force.
    "KW": TaxRules(rates={TaxClass.REDUCED: _rate("0"), TaxClass.STANDARD: _rate("0")}),
}


def rules_for(country: str) -> TaxRules:
    """The rules of a country (ISO 3166, two letters).

    Raises:
        UnknownCountry: If there are none.
    """
    if country not in RULES:
        raise UnknownCountry(
            f"no tax rules for country {country!r}; known: {', '.join(sorted(RULES))}. "
            "Write the shop's own under [tax] in gateway.toml"
        )
    return RULES[country]
