"""What a visit costs: its cart at the shop's prices, with promotions, coupons and tax."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import or_, select
from tebura_contract.ids import MemberId, Sku, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart
from tebura_gateway.domain.checkout import Confirmation
from tebura_gateway.domain.pricing import Bill, Deal, price
from tebura_gateway.domain.promotions import Coupon
from tebura_gateway.service import prices
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx, from_text

_COUPON_BYTES = 9


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who buys: a visit, whose it is ("" for a walk-up), since when, and where it is eaten."""

    visit: VisitId
    member: str
    entered_ns: int
    eats_in: bool = False


def buyer_of(row: Any) -> Buyer:
    """As the visit's row has it."""
    return Buyer(
        visit=VisitId(row.visit),
        member=row.member,
        entered_ns=int(row.entered_ns),
        eats_in=bool(row.eats_in),
    )


def bill_of(tx: Tx, buyer: Buyer, quantities: Mapping[Sku, int], cart: Cart, at_ns: int) -> Bill:
    """Price what a visit buys at `at_ns`; promotions count that ran at the pick or run then."""
    deal = Deal(
        promotions=tx.shop.promotions,
        taken_ns=cart.taken_ns(),
        at_ns=at_ns,
        zone=tx.shop.zone,
        is_member=bool(buyer.member),
        coupons=_held(tx, buyer) if tx.shop.promotions else frozenset(),
        eats_in=buyer.eats_in,
    )
    products = prices.for_visit(tx, buyer.entered_ns)
    return price(quantities, products, tx.shop.tax_rules, tx.shop.currency, deal)


def confirmed_by(row: Any) -> Confirmation | None:
    """What the walk-up of a visit row confirmed at the exit screen, as long as it holds."""
    return from_text(row.confirmed, Confirmation) if row.confirmed else None


def running(tx: Tx, buyer: Buyer, cart: Cart) -> Bill:
    """What the decided lines cost now; an article without a price costs nothing yet."""
    priced = {sku: n for sku, n in cart.decided().items() if n > 0 and sku in tx.shop.products}
    return bill_of(tx, buyer, priced, cart, tx.now_ns)


def freeze(tx: Tx, row: Any) -> Bill:
    """The bill of a visit that ended, whose coupon is used up by it."""
    buyer, cart = buyer_of(row), from_text(row.cart, Cart)
    confirmed = confirmed_by(row)
    quantities = cart.decided() if confirmed is None else confirmed.items
    at_ns = int(row.exited_ns) if row.exited_ns is not None else tx.now_ns
    bill = bill_of(tx, buyer, quantities, cart, at_ns)
    used = [one.promotion for one in bill.discounts if one.kind == "coupon"]
    for promotion in used:
        held = tx.connection.execute(
            select(tables.coupon.c.coupon)
            .where(*_unused(tx, buyer), tables.coupon.c.promotion == promotion)
            .order_by(tables.coupon.c.issued_ns, tables.coupon.c.coupon)
        ).first()
        assert held is not None, f"{promotion} was priced but is not held"
        used_by = {"used_visit": buyer.visit, "used_ns": tx.now_ns}
        tx.change(tables.coupon, {"coupon": held.coupon}, **used_by)
    return bill


def give_coupon(tx: Tx, member: MemberId, promotion: str) -> str:
    """Give a member a coupon; its number comes back.

    Raises:
        Refused: If there is no such member, or no such coupon in the shop's promotions.
    """
    known = [one.id for one in tx.shop.promotions if isinstance(one, Coupon)]
    if promotion not in known:
        raise Refused(f"no coupon {promotion!r}; the shop has {', '.join(known) or 'none'}")
    if tx.get(tables.member, member=member) is None:
        raise Refused(f"no member {member}")
    number = secrets.token_hex(_COUPON_BYTES)
    tx.put(
        tables.coupon,
        {"coupon": number},
        member=member,
        promotion=promotion,
        issued_ns=tx.now_ns,
    )
    tx.note("member", member)
    return number


def _held(tx: Tx, buyer: Buyer) -> frozenset[str]:
    query = select(tables.coupon.c.promotion).where(*_unused(tx, buyer))
    return frozenset(row.promotion for row in tx.connection.execute(query))


def _unused(tx: Tx, buyer: Buyer) -> tuple[Any, ...]:
    """A member's coupons that this visit may use."""
    table = tables.coupon
    return (
        table.c.store == tx.store,
        table.c.member == buyer.member,
        or_(table.c.used_visit.is_(None), table.c.used_visit == buyer.visit),
    )
