"""Prices that change while somebody is inside: they pay the lowest that held since they came in.

The configuration says what holds now, the table what held before; so a restart in between changes
nothing.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import func, select
from tebura_contract.ids import Sku
from tebura_contract.layout import Product

from tebura_gateway.adapters import tables
from tebura_gateway.service.transaction import Tx


def take_up(tx: Tx) -> None:
    """Note since when the shop's prices hold, where they are not those of before."""
    table = tables.price
    query = select(table).where(table.c.store == tx.store).order_by(table.c.from_ns)
    held = {row.sku: int(row.price_minor) for row in tx.connection.execute(query)}
    for sku, product in tx.shop.products.items():
        if held.get(sku) != product.price_minor:
            key = {"sku": sku, "from_ns": tx.now_ns}
            tx.put(table, key, price_minor=product.price_minor)
            tx.prices_since_ns = tx.now_ns


def for_visit(tx: Tx, entered_ns: int) -> Mapping[Sku, Product]:
    """The shop's articles at the prices that a visit pays that began then."""
    if entered_ns >= _since_ns(tx):
        return tx.shop.products
    table = tables.price
    changed = select(table.c.sku).where(table.c.store == tx.store, table.c.from_ns > entered_ns)
    skus = {Sku(row.sku) for row in tx.connection.execute(changed)} & tx.shop.products.keys()
    query = (
        select(table)
        .where(table.c.store == tx.store, table.c.sku.in_(skus))
        .order_by(table.c.from_ns)
    )
    found: dict[Sku, list[int]] = {}
    for row in tx.connection.execute(query):
        # Of the prices from before the entry only the last one counts.
        prices = found.setdefault(Sku(row.sku), [])
        if row.from_ns <= entered_ns:
            prices.clear()
        prices.append(int(row.price_minor))
    products = dict(tx.shop.products)
    for sku, prices in found.items():
        lowest = min([products[sku].price_minor, *prices])
        products[sku] = msgspec.structs.replace(products[sku], price_minor=lowest)
    return products


def _since_ns(tx: Tx) -> int:
    """Since when all prices are as they are; looked up once a transaction."""
    if tx.prices_since_ns is None:
        table = tables.price
        last = select(func.max(table.c.from_ns)).where(table.c.store == tx.store)
        tx.prices_since_ns = int(tx.connection.execute(last).scalar() or 0)
    return tx.prices_since_ns
