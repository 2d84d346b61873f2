"""What a visit costs: its cart at the shop's prices, with promotions, coupons and tax."""

import secrets
from typing import Any

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


def bill_of(
    tx: Tx,
    visit: VisitId,
    member: str,
    quantities: dict[Sku, int],
    cart: Cart,
    at_ns: int,
    eats_in: bool,
) -> Bill:
    """Price what a visit buys at `at_ns`; promotions count that ran at the pick or run then."""
    deal = Deal(
        promotions=tx.shop.promotions,
        taken_ns=cart.taken_ns(),
        at_ns=at_ns,
        zone=tx.shop.zone,
        is_member=bool(member),
        coupons=_held(tx, visit, member) if tx.shop.promotions else frozenset(),
        eats_in=eats_in,
    )
    products = prices.for_visit(tx, visit)
    return price(quantities, products, tx.shop.tax_rules, tx.shop.currency, deal)


def confirmed_by(row: Any) -> Confirmation | None:
    """What the walk-up of a visit row confirmed at the exit screen, as long as it holds."""
    return from_text(row.confirmed, Confirmation) if row.confirmed else None


def running(tx: Tx, visit: VisitId, member: str, cart: Cart, eats_in: bool) -> Bill:
    """What the decided lines cost now; an article without a price costs nothing yet."""
    priced = {sku: n for sku, n in cart.decided().items() if n > 0 and sku in tx.shop.products}
    return bill_of(tx, visit, member, priced, cart, tx.now_ns, eats_in)


def freeze(tx: Tx, row: Any) -> Bill:
    """The bill of a visit that ended, whose coupon is used up by it."""
    visit, cart = VisitId(row.visit), from_text(row.cart, Cart)
    confirmed = confirmed_by(row)
    quantities = cart.decided() if confirmed is None else confirmed.items
    at_ns = int(row.exited_ns) if row.exited_ns is not None else tx.now_ns
    bill = bill_of(tx, visit, row.member, quantities, cart, at_ns, row.eats_in)
    used = [one.promotion for one in bill.discounts if one.kind == "coupon"]
    for promotion in used:
        held = tx.connection.execute(
            select(tables.coupon.c.coupon)
            .where(*_unused(tx, visit, row.member), tables.coupon.c.promotion == promotion)
            .order_by(tables.coupon.c.issued_ns, tables.coupon.c.coupon)
        ).first()
        assert held is not None, f"{promotion} was priced but is not held"
        tx.change(tables.coupon, {"coupon": held.coupon}, used_visit=visit, used_ns=tx.now_ns)
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


def _held(tx: Tx, visit: VisitId, member: str) -> frozenset[str]:
    query = select(tables.coupon.c.promotion).where(*_unused(tx, visit, member))
    return frozenset(row.promotion for row in tx.connection.execute(query))


def _unused(tx: Tx, visit: VisitId, member: str) -> tuple[Any, ...]:
    """A member's coupons that this visit may use."""
    table = tables.coupon
    return (
        table.c.store == tx.store,
        table.c.member == member,
        or_(table.c.used_visit.is_(None), table.c.used_visit == visit),
    )
