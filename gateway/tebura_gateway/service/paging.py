"""Lists a page at a time: each goes on after a mark, the sort key of the last thing shown.

What is added meanwhile neither repeats a thing nor leaves one out, as counting rows would.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, tuple_

from tebura_gateway.domain.decision import Decision
from tebura_gateway.service.views import (
    CountView,
    DeliveryView,
    Mark,
    MemberView,
    NodeView,
    ReceiptView,
    ReviewView,
    StockView,
    VisitView,
    WebhookView,
)

Listed = (
    VisitView
    | ReceiptView
    | Decision
    | MemberView
    | CountView
    | ReviewView
    | NodeView
    | StockView
    | WebhookView
    | DeliveryView
)
"""What comes in lists that have pages."""


def mark_of(item: Listed) -> Mark:
    """The sort key of a thing in its list."""
    match item:
        case VisitView():
            return (item.entered_ns, item.id)
        case ReceiptView():
            return (item.number,)
        case Decision():
            return (int(item.from_ns), str(item.id))
        case MemberView():
            return (item.created_ns, item.id)
        case CountView():
            return (item.at_ns, item.place, item.product.sku)
        case ReviewView(decided_ns=None):
            risk_minor = item.at_risk.minor if item.at_risk is not None else 0
            return (-risk_minor, item.opened_ns, item.id)
        case ReviewView():
            return (item.decided_ns or 0, item.id)
        case NodeView():
            return (item.id,)
        case WebhookView():
            return (item.id,)
        case DeliveryView():
            return (item.created_ns, item.message)
        case StockView():
            return (item.place, item.product.sku)


def downward(
    query: Select[Any], key: Sequence[ColumnElement[Any]], after: Mark | None, limit: int
) -> Select[Any]:
    """Rows in falling order of `key`, from below the mark on."""
    if after is not None:
        query = query.where(tuple_(*key) < tuple_(*after))
    return query.order_by(*(column.desc() for column in key)).limit(limit)


def upward(
    query: Select[Any], key: Sequence[ColumnElement[Any]], after: Mark | None, limit: int
) -> Select[Any]:
    """Rows in rising order of `key`, from above the mark on."""
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after))
    return query.order_by(*key).limit(limit)
