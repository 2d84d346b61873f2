"""What a walk-up's word is worth: the list, the corrections, and what turns out later."""

import pytest
from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, NodeId, Sku, VisitId
from tebura_gateway.domain.cart import Cart, CartLine, LineStatus
from tebura_gateway.domain.checkout import (
    BadConfirmation,
    Correction,
    Listing,
    WhyCorrected,
    confirmation,
    judged_since,
    listing_of,
)

from tests.gateway.shop import PAN, RICE, TEA, layout

PRODUCTS = layout().products()


def line(sku: Sku | None, quantity: int, status: LineStatus = LineStatus.DECIDED) -> CartLine:
    return CartLine(
        sku=sku,
        quantity=quantity,
        status=status,
        confidence=1.0,
        first_ns=Ns(0),
        events=(EventId(NodeId("plates-1"), 1, 0),),
    )


def test_the_list_holds_doubtful_lines_and_counts_what_nobody_could_name() -> None:
    cart = Cart(
        visit=VisitId("v"),
        lines=(
            line(TEA, 1),
            line(TEA, 1, LineStatus.REVIEW),
            line(RICE, -1),
            line(None, 0, LineStatus.REVIEW),
        ),
    )
    assert listing_of(cart) == Listing(items={TEA: 2}, unnamed=1)


def test_what_the_shopper_takes_off_is_worth_its_price() -> None:
    listing = Listing(items={TEA: 2, RICE: 1})
    said = confirmation(listing, {TEA: 1}, {TEA: WhyCorrected.PUT_BACK}, PRODUCTS, 266, 0)
    assert said.items == {TEA: 1}
    assert said.corrections == (
        Correction(sku=RICE, change=-1, why=WhyCorrected.NOT_TAKEN),
        Correction(sku=TEA, change=-1, why=WhyCorrected.PUT_BACK),
    )
    assert (said.removed_minor, said.needs_staff) == (162 + 105, True)
    assert not confirmation(listing, {TEA: 1}, {}, PRODUCTS, 267, 0).needs_staff


def test_what_is_added_does_not_pay_for_what_is_taken_off() -> None:
    listing = Listing(items={PAN: 1})
    said = confirmation(listing, {TEA: 5}, {}, PRODUCTS, 1000, 0)
    assert (said.removed_minor, said.needs_staff) == (3300, True)


def test_an_article_that_left_the_price_list_is_taken_off_for_nothing() -> None:
    said = confirmation(Listing(items={Sku("old"): 1}), {}, {}, PRODUCTS, 0, 0)
    assert (said.removed_minor, said.needs_staff) == (0, False)


@pytest.mark.parametrize("items", [{Sku("ghost"): 1}, {TEA: -1}, {TEA: 100}])
def test_a_list_that_cannot_be_is_refused(items: dict[Sku, int]) -> None:
    with pytest.raises(BadConfirmation):
        confirmation(Listing(items={}), items, {}, PRODUCTS, 0, 0)


def test_what_turns_out_later_is_added_to_the_shoppers_word() -> None:
    listing = Listing(items={TEA: 2, RICE: 1})
    said = confirmation(listing, {TEA: 1, RICE: 1}, {}, PRODUCTS, 1000, 0)
    assert judged_since(listing, said) == {TEA: 1, RICE: 1}
    later = Listing(items={TEA: 2, PAN: 1})
    assert judged_since(later, said) == {TEA: 1, RICE: 0, PAN: 1}
