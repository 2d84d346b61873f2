"""What a cart costs: list prices, promotions piece by piece, tax summed once per rate.

Σ lines − Σ discounts (+ tax where prices do not include it) = total.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec
from tebura_contract.ids import Sku
from tebura_contract.layout import Product, TaxClass
from tebura_contract.money import Money

from tebura_gateway.domain.combination import Off, Piece, combine
from tebura_gateway.domain.promotions import (
    Coupon,
    Promotion,
    articles_of,
    kind_of,
)
from tebura_gateway.domain.tax import TaxRules


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """One article; amounts are list prices, with tax at `percent` where prices include it.

    `mark` tells the reduced rate. `off` is what comes off reduced pieces, one entry a piece, least
    reduced first; pieces that are not reduced have none.
    """

    sku: Sku
    name: str
    name_en: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    tax: TaxClass
    percent: Decimal
    mark: str = ""
    off: tuple[tuple[Off, ...], ...] = ()

    @property
    def discount_minor(self) -> int:
        return sum(one.amount_minor for piece in self.off for one in piece)

    @property
    def net_minor(self) -> int:
        """What is left of the amount after discounts."""
        return self.amount_minor - self.discount_minor

    def without(self, count: int) -> "BillLine":
        """The line with fewer pieces; those that cost most are taken off first."""
        left = self.quantity - count
        assert 0 <= left <= self.quantity, f"{count} of {self.quantity} {self.sku}"
        return msgspec.structs.replace(
            self,
            quantity=left,
            amount_minor=self.unit_price_minor * left,
            off=self.off[max(0, len(self.off) - left) :],
        )


class Discount(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion on a bill and its reason: how many pieces took part, what it is off."""

    promotion: str
    kind: str
    name: str
    name_en: str
    pieces: int
    amount_minor: int


class TaxTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of one rate: what was paid, and the tax inside it."""

    percent: Decimal
    total_minor: int
    tax_minor: int
    mark: str = ""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a visit owes: lines in the cart's order, one total a rate, lowest rate first.

    The total is that of the rates. `is_tax_included` says whether prices of lines include it.
    """

    lines: tuple[BillLine, ...]
    taxes: tuple[TaxTotal, ...]
    total_minor: int
    currency: str
    discounts: tuple[Discount, ...] = ()
    is_tax_included: bool = True
    eats_in: bool = False

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    def quantities(self) -> dict[Sku, int]:
        return {line.sku: line.quantity for line in self.lines}


class UnknownProduct(LookupError):
    """A cart holds an article that the layout does not know: its price is nobody's guess."""


UTC: Final[dt.tzinfo] = dt.UTC


@dataclass(frozen=True, slots=True)
class Deal:
    """What counts besides the price list: promotions, and who buys when.

    `taken_ns` are the times of all picks by article; a promotion counts for a piece that was
    picked while it ran, or if it still runs at `at_ns`. `coupons` are the ids of those that the
    shopper holds.
    """

    promotions: Sequence[Promotion] = ()
    taken_ns: Mapping[Sku, Sequence[int]] = field(default_factory=dict)
    at_ns: int = 0
    zone: dt.tzinfo = UTC
    is_member: bool = False
    coupons: frozenset[str] = frozenset()
    eats_in: bool = False

    def offered(self) -> list[Promotion]:
        """Promotions that this shopper may have at all."""
        return [
            one
            for one in self.promotions
            if (self.is_member or not one.members_only)
            and (not isinstance(one, Coupon) or one.id in self.coupons)
        ]


NO_DEAL: Final = Deal()


def price(
    quantities: Mapping[Sku, int],
    products: Mapping[Sku, Product],
    rules: TaxRules,
    currency: str,
    deal: Deal = NO_DEAL,
) -> Bill:
    """Price positive quantities of articles.

    Raises:
        UnknownProduct: If an article has no price.
    """
    for sku, quantity in quantities.items():
        assert quantity > 0, f"{quantity} of {sku} cannot be sold"
        if sku not in products:
            raise UnknownProduct(sku)
    offered = deal.offered()
    pieces = [
        Piece(sku, products[sku].price_minor, names)
        for sku, quantity in quantities.items()
        for names in _on_when_picked(sku, quantity, offered, deal)
    ]
    standing = [
        one for one in offered if not isinstance(one, Coupon) or one.is_on(deal.at_ns, deal.zone)
    ]
    offs: dict[Sku, list[tuple[Off, ...]]] = {sku: [] for sku in quantities}
    for sku, off in combine(pieces, quantities, standing):
        if off:
            offs[sku].append(off)
    lines = tuple(
        _line(products[sku], quantity, offs[sku], rules, deal.eats_in)
        for sku, quantity in quantities.items()
    )
    known = {one.id: one for one in offered}
    return bill_of(lines, known, rules, currency, deal.eats_in)


def _on_when_picked(
    sku: Sku, quantity: int, offered: Sequence[Promotion], deal: Deal
) -> Iterator[tuple[str, ...]]:
    """For each pick, the promotions it may take part in."""
    mine = [one for one in offered if not isinstance(one, Coupon) and sku in articles_of(one)]
    picked = list(deal.taken_ns.get(sku, ()))
    # Where staff said more than the picks hold, it was taken at the end for all that is known.
    picked += [deal.at_ns] * (quantity - len(picked))
    for at_ns in picked:
        yield tuple(
            sorted(
                one.id
                for one in mine
                if one.is_on(at_ns, deal.zone) or one.is_on(deal.at_ns, deal.zone)
            )
        )


def _line(
    product: Product,
    quantity: int,
    offs: Iterable[tuple[Off, ...]],
    rules: TaxRules,
    eats_in: bool,
) -> BillLine:
    rate = rules.rate(product.tax, eats_in)
    return BillLine(
        sku=product.sku,
        name=product.name,
        name_en=product.name_en,
        quantity=quantity,
        unit_price_minor=product.price_minor,
        amount_minor=product.price_minor * quantity,
        tax=product.tax,
        percent=rate.percent,
        mark=rate.mark,
        off=tuple(sorted(offs, key=lambda piece: (sum(one.amount_minor for one in piece), piece))),
    )


def bill_of(
    lines: tuple[BillLine, ...],
    known: Mapping[str, Promotion | Discount],
    rules: TaxRules,
    currency: str,
    eats_in: bool,
) -> Bill:
    """Sum lines up; tax is rounded once per rate. `known` are the promotions by their ids."""
    taxes = []
    for (percent, mark), same in groupby(
        sorted(lines, key=lambda line: (line.percent, line.mark)),
        key=lambda line: (line.percent, line.mark),
    ):
        total_minor, tax_minor = rules.gross_and_tax(sum(line.net_minor for line in same), percent)
        taxes.append(
            TaxTotal(percent=percent, total_minor=total_minor, tax_minor=tax_minor, mark=mark)
        )
    return Bill(
        lines=lines,
        taxes=tuple(taxes),
        total_minor=sum(tax.total_minor for tax in taxes),
        currency=currency,
        discounts=_discounts(lines, known),
        is_tax_included=rules.is_included,
        eats_in=eats_in,
    )


def _discounts(
    lines: Iterable[BillLine], known: Mapping[str, Promotion | Discount]
) -> tuple[Discount, ...]:
    """What each promotion is off, most first."""
    offs: dict[str, list[int]] = {}
    for line in lines:
        for piece in line.off:
            for one in piece:
                offs.setdefault(one.promotion, []).append(one.amount_minor)
    found = [_discount(known[name], own) for name, own in offs.items()]
    return tuple(sorted(found, key=lambda one: (-one.amount_minor, one.promotion)))


def _discount(of: Promotion | Discount, offs: Sequence[int]) -> Discount:
    amounts = {"pieces": len(offs), "amount_minor": sum(offs)}
    if isinstance(of, Discount):
        return msgspec.structs.replace(of, **amounts)
    return Discount(promotion=of.id, kind=kind_of(of), name=of.name, name_en=of.name_en, **amounts)


def without(bill: Bill, quantities: Mapping[Sku, int], rules: TaxRules) -> Bill:
    """The bill with fewer pieces; prices, rates and discounts as they were when it was made.

    A piece is worth what was paid for it, the dearest of an article first, so all of them together
    are worth the bill.
    """
    assert set(quantities) <= {line.sku for line in bill.lines}
    lines = [line.without(quantities.get(line.sku, 0)) for line in bill.lines]
    known = {one.promotion: one for one in bill.discounts}
    kept = tuple(line for line in lines if line.quantity)
    return bill_of(kept, known, rules, bill.currency, bill.eats_in)
