"""The stock as people look at it."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Row, select
from tebura_contract.ids import Sku
from tebura_contract.layout import Layout
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain.stock import Slot
from tebura_gateway.service.paging import downward
from tebura_gateway.service.views import CountView, Mark, ProductView, StockView


class Connects(Protocol):
    """Where reads come from: an engine, or a transaction that is open."""

    def connect(self) -> AbstractContextManager[Connection]: ...


def read_stock(engine: Connects, layout: Layout) -> list[StockView]:
    """Every facing as the layout has them, then what lies astray or stood there before."""
    stock, counts = tables.stock, tables.stock_count
    query = (
        select(stock, counts.c.counted, counts.c.expected.label("before"))
        .outerjoin(
            counts,
            (counts.c.store == stock.c.store)
            & (counts.c.place == stock.c.place)
            & (counts.c.sku == stock.c.sku)
            & (counts.c.at_ns == stock.c.counted_ns),
        )
        .where(stock.c.store == layout.store.id)
        .order_by(stock.c.place, stock.c.sku)
    )
    with engine.connect() as connection:
        rows = {Slot(row.place, row.sku): row for row in connection.execute(query)}
    homes = [Slot(name, facing.sku) for name, (_, facing) in layout.facings().items()]
    astray = [
        slot
        for slot, row in rows.items()
        if slot not in homes and (row.expected if row.expected is not None else row.moved)
    ]
    return [_stock(slot, slot in homes, rows.get(slot), layout) for slot in [*homes, *astray]]


def _stock(slot: Slot, is_facing: bool, row: Row[Any] | None, layout: Layout) -> StockView:
    counted = row.counted if row is not None else None
    return StockView(
        place=slot.place,
        is_facing=is_facing,
        product=_product(slot.sku, layout),
        expected=row.expected if row is not None else None,
        moved=row.moved if row is not None else 0,
        counted=counted,
        counted_ns=row.counted_ns if row is not None else None,
        difference=_difference(counted, row.before if row is not None else None),
    )


def read_counts(
    engine: Connects, layout: Layout, limit: int, after: Mark | None
) -> list[CountView]:
    """The latest counts, newest first."""
    table = tables.stock_count
    query = select(table).where(table.c.store == layout.store.id)
    page = downward(query, (table.c.at_ns, table.c.place, table.c.sku), after, limit)
    with engine.connect() as connection:
        rows = connection.execute(page).all()
    return [_count(row, layout) for row in rows]


def _count(row: Row[Any], layout: Layout) -> CountView:
    difference = _difference(row.counted, row.expected)
    product = layout.products().get(row.sku)
    value = None
    if difference is not None and product is not None:
        value = Money(difference * product.price_minor, layout.store.currency)
    return CountView(
        place=row.place,
        product=_product(row.sku, layout),
        at_ns=row.at_ns,
        counted=row.counted,
        expected=row.expected,
        difference=difference,
        value=value,
        by=row.by,
    )


def _difference(counted: int | None, expected: int | None) -> int | None:
    return None if counted is None or expected is None else counted - expected


def _product(sku: Sku, layout: Layout) -> ProductView:
    product = layout.products().get(sku)
    if product is None:
        return ProductView(sku=sku, name=sku)
    return ProductView(sku=sku, name=product.name, name_en=product.name_en)
