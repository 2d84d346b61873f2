"""What a cart costs: prices of the layout, tax inside them, summed once per rate."""

from collections.abc import Mapping

import msgspec
from tebura_contract.ids import Sku
from tebura_contract.layout import Product, TaxClass
from tebura_contract.money import Money

from tebura_gateway.domain.tax import TaxRules, included_tax


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """One article; `amount_minor` includes tax at `percent`; `mark` tells the reduced rate."""

    sku: Sku
    name: str
    name_en: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    tax: TaxClass
    percent: int
    mark: str = ""


class TaxTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of one rate: what was paid, and the tax inside it."""

    percent: int
    total_minor: int
    tax_minor: int
    mark: str = ""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a visit owes: lines in the cart's order, one total a rate, reduced rate first."""

    lines: tuple[BillLine, ...]
    taxes: tuple[TaxTotal, ...]
    total_minor: int
    currency: str

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    def quantities(self) -> dict[Sku, int]:
        return {line.sku: line.quantity for line in self.lines}


class UnknownProduct(LookupError):
    """A cart holds an article that the layout does not know: its price is nobody's guess."""


def price(
    quantities: Mapping[Sku, int],
    products: Mapping[Sku, Product],
    rules: TaxRules,
    currency: str,
) -> Bill:
    """Price positive quantities of articles.

    Raises:
        UnknownProduct: If an article has no price.
    """
    lines = []
    for sku, quantity in quantities.items():
        assert quantity > 0, f"{quantity} of {sku} cannot be sold"
        product = products.get(sku)
        if product is None:
            raise UnknownProduct(sku)
        rate = rules.rates[product.tax]
        lines.append(
            BillLine(
                sku=sku,
                name=product.name,
                name_en=product.name_en,
                quantity=quantity,
                unit_price_minor=product.price_minor,
                amount_minor=product.price_minor * quantity,
                tax=product.tax,
                percent=rate.percent,
                mark=rate.mark,
            )
        )
    return bill_of(tuple(lines), rules, currency)


def bill_of(lines: tuple[BillLine, ...], rules: TaxRules, currency: str) -> Bill:
    """Sum lines up; tax is rounded once per rate."""
    taxes = []
    for percent, mark in sorted({(line.percent, line.mark) for line in lines}):
        total_minor = sum(
            line.amount_minor for line in lines if (line.percent, line.mark) == (percent, mark)
        )
        tax_minor = included_tax(total_minor, percent, rules.rounding)
        taxes.append(
            TaxTotal(percent=percent, total_minor=total_minor, tax_minor=tax_minor, mark=mark)
        )
    return Bill(
        lines=lines,
        taxes=tuple(taxes),
        total_minor=sum(line.amount_minor for line in lines),
        currency=currency,
    )


def without(bill: Bill, quantities: Mapping[Sku, int], rules: TaxRules) -> Bill:
    """The bill with fewer pieces; prices and rates as they were when it was made."""
    lines = []
    for line in bill.lines:
        left = line.quantity - quantities.get(line.sku, 0)
        assert 0 <= left <= line.quantity, f"cannot take {quantities} from {bill.quantities()}"
        if left:
            lines.append(
                msgspec.structs.replace(
                    line, quantity=left, amount_minor=line.unit_price_minor * left
                )
            )
    assert set(quantities) <= {line.sku for line in bill.lines}
    return bill_of(tuple(lines), rules, bill.currency)
