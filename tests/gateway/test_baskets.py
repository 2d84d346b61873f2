"""Baskets with promotions and taxes of four countries, against values worked out elsewhere."""

import datetime as dt
import tomllib
import zoneinfo
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tebura_contract.ids import Sku
from tebura_contract.layout import Product, TaxClass
from tebura_gateway.domain.countries import RULES
from tebura_gateway.domain.pricing import Bill, Deal, price
from tebura_gateway.domain.promotions import Promotions
from tebura_gateway.domain.tax import TaxRate, TaxRules

from tests.gateway import baskets

NOON = dt.datetime(2026, 11, 20, 12, 0)
NEW_YORK = TaxRules(
    rates={
        TaxClass.REDUCED: TaxRate(percent=Decimal(0)),
        TaxClass.STANDARD: TaxRate(percent=Decimal("8.875")),
    },
    is_included=False,
)
SHOPS = {name: baskets.read(name) for name in ("jp", "de", "us", "kw")}
DRAWN = [
    pytest.param(name, basket, id=f"{name}-{index}")
    for name, shop in SHOPS.items()
    for index, basket in enumerate(shop["basket"])
]
HAND = tomllib.loads((baskets.FOLDER / "by_hand.toml").read_text(encoding="utf-8"))["basket"]
BY_HAND = [
    pytest.param(one["shop"], {"at": NOON, **one}, id=f"{one['shop']}-{index}")
    for index, one in enumerate(HAND)
]


def billed(name: str, basket: dict[str, Any]) -> Bill:
    """What the gateway makes of a basket."""
    shop = SHOPS[name]
    products = {
        Sku(sku): Product(
            sku=Sku(sku),
            name=sku,
            price_minor=one["price"],
            tax=TaxClass(one["tax"]),
            weight_g=100.0,
        )
        for sku, one in shop["product"].items()
    }
    zone = zoneinfo.ZoneInfo(shop["timezone"])

    def ns(at: dt.datetime) -> int:
        return int(at.replace(tzinfo=zone).timestamp()) * 1_000_000_000

    deal = Deal(
        promotions=msgspec.convert({"promotion": shop["promotion"]}, Promotions).promotion,
        taken_ns={Sku(s): [ns(at) for at in own] for s, own in basket.get("picked", {}).items()},
        at_ns=ns(basket["at"]),
        zone=zone,
        is_member=basket.get("member", False),
        coupons=frozenset(basket.get("coupons", [])),
        eats_in=basket.get("eats_in", False),
    )
    rules = NEW_YORK if shop["country"] == "US" else RULES[shop["country"]]
    items = {Sku(sku): count for sku, count in basket["items"].items()}
    return price(items, products, rules, shop["currency"], deal)


@pytest.mark.parametrize(("name", "basket"), [*BY_HAND, *DRAWN])
def test_a_basket_costs_what_was_worked_out_elsewhere(name: str, basket: dict[str, Any]) -> None:
    bill, expected = billed(name, basket), basket["expected"]
    assert sum(one.amount_minor for one in bill.discounts) == expected["discount"]
    assert bill.total_minor == expected.get("total", bill.total_minor)
    taxes = {str(tax.percent): [tax.total_minor, tax.tax_minor] for tax in bill.taxes}
    assert taxes == expected.get("taxes", taxes)


@pytest.mark.parametrize(("name", "basket"), [*BY_HAND, *DRAWN])
def test_the_file_says_what_working_it_out_again_gives(name: str, basket: dict[str, Any]) -> None:
    assert baskets.expected(SHOPS[name], basket) == basket["expected"]


def test_there_are_baskets_enough_and_few_leave_something_open() -> None:
    everything = [basket["expected"] for shop in SHOPS.values() for basket in shop["basket"]]
    everything += [one["expected"] for one in HAND]
    assert len(everything) >= 200
    assert sum("taxes" in one for one in everything) >= 0.9 * len(everything)
