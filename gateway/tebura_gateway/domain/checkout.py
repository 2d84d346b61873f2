"""A walk-up at the exit screen: what the list says, what the shopper makes of it, who believes it.

The shopper's word is booked up to a limit and shown to staff with the shelf's word beside it; above
the limit staff decide before anything is charged.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import Sku
from tebura_contract.layout import Product

from tebura_gateway.domain.cart import Cart

MOST_PIECES = 99
"""Of one article on one list; nobody carries more out of a small shop."""


class WhyCorrected(StrEnum):
    """What shoppers may say about a line that is not as they know it."""

    NOT_TAKEN = "not-taken"
    PUT_BACK = "put-back"
    MISSING = "missing"
    OTHER_ARTICLE = "other-article"


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces more (positive) or fewer than the list said, and why."""

    sku: Sku
    change: int
    why: WhyCorrected


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What the exit screen shows: articles, in doubt or not, and pieces that nobody could name."""

    items: dict[Sku, int]
    unnamed: int = 0


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk-up confirmed to have taken, of which list, and when.

    `removed_minor` is what the shelf says was taken and the shopper does not. `needs_staff`: it is
    more than the shop believes without looking.
    """

    at_ns: Ns
    listing: Listing
    items: dict[Sku, int]
    corrections: tuple[Correction, ...] = ()
    removed_minor: int = 0
    needs_staff: bool = False


class BadConfirmation(ValueError):
    """A list that cannot be: an article the shop does not have, or a strange number of pieces."""


def listing_of(cart: Cart) -> Listing:
    """The whole cart, doubtful lines by their best guess."""
    items: dict[Sku, int] = {}
    unnamed = 0
    for line in cart.lines:
        if line.sku is None:
            unnamed += max(line.quantity, 1)
        else:
            items[line.sku] = items.get(line.sku, 0) + line.quantity
    return Listing(items={sku: n for sku, n in items.items() if n > 0}, unnamed=unnamed)


def confirmation(
    listing: Listing,
    items: Mapping[Sku, int],
    reasons: Mapping[Sku, WhyCorrected],
    products: Mapping[Sku, Product],
    limit_minor: int,
    at_ns: int,
) -> Confirmation:
    """Take a shopper's word for what they carry.

    Something nobody could name counts as the dearest article until the shopper names it.

    Raises:
        BadConfirmation: If an article is unknown, or a number not 0 to 99.
    """
    for sku, count in items.items():
        if sku not in products:
            raise BadConfirmation(f"no article {sku!r}")
        if not 0 <= count <= MOST_PIECES:
            raise BadConfirmation(f"{count} of {sku!r}")
    kept = {sku: count for sku, count in items.items() if count}
    corrections = tuple(
        Correction(sku=sku, change=change, why=_why(reasons.get(sku), change))
        for sku in sorted({*listing.items, *kept})
        if (change := kept.get(sku, 0) - listing.items.get(sku, 0))
    )
    added = sum(one.change for one in corrections if one.change > 0)
    dearest_minor = max((product.price_minor for product in products.values()), default=0)
    removed_minor = dearest_minor * max(listing.unnamed - added, 0) + sum(
        -one.change * products[one.sku].price_minor
        for one in corrections
        if one.change < 0 and one.sku in products
    )
    return Confirmation(
        at_ns=Ns(at_ns),
        listing=listing,
        items=kept,
        corrections=corrections,
        removed_minor=removed_minor,
        needs_staff=removed_minor > limit_minor,
    )


def _why(said: WhyCorrected | None, change: int) -> WhyCorrected:
    if said is not None:
        return said
    return WhyCorrected.MISSING if change > 0 else WhyCorrected.NOT_TAKEN


def judged_since(now: Listing, confirmed: Confirmation) -> dict[Sku, int]:
    """What the shopper would owe by what is known now: their word, and what changed since then."""
    return {
        sku: confirmed.items.get(sku, 0)
        + now.items.get(sku, 0)
        - confirmed.listing.items.get(sku, 0)
        for sku in {*confirmed.items, *now.items, *confirmed.listing.items}
    }
