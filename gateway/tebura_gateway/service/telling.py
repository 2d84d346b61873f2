"""Tells the online shop of one purchase: outside any transaction, each answer in one of its own."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import structlog

from tebura_gateway.service import online_shop
from tebura_gateway.service.online_shop import Purchase
from tebura_gateway.service.ports import NoAnswer, NotTaken, OnlineShop, OrderGone
from tebura_gateway.service.transaction import Tx

T = TypeVar("T")
_LOG = structlog.get_logger()


class Note(Protocol):
    """Runs work in a transaction, and gives what it returns once that is committed."""

    def __call__(self, work: Callable[[Tx], T], /) -> T: ...


def tell(shop: OnlineShop, one: Purchase, note: Note) -> bool:
    """Open an order for it, store its name, enter it; False if nobody answers."""
    try:
        order = one.order or _opened(shop, one, note)
        if order:
            shop.enter(order, one.sold)
            note(partial(online_shop.entered, visit=one.visit, notes=len(one.sold.notes)))
    except NoAnswer as error:
        note(partial(online_shop.unanswered, visit=one.visit, why=str(error)))
        return False
    except OrderGone:
        note(partial(online_shop.gone, visit=one.visit))
    except NotTaken as error:
        _LOG.warning("the online shop does not take a purchase", reason=str(error))
        note(partial(online_shop.not_taken, visit=one.visit, why=str(error)))
    return True


def _opened(shop: OnlineShop, one: Purchase, note: Note) -> str:
    """The name of an order for it, stored; "" where nobody over there is meant."""
    shopper = shop.shopper(one.subject, one.email)
    if shopper is None:
        note(partial(online_shop.unknown, visit=one.visit))
        return ""
    order = shop.open(shopper, one.sold)
    return note(partial(online_shop.opened, visit=one.visit, order=order))
