"""A counter lists what lies on it; nothing is charged before a word, and nothing twice."""

import dataclasses

import msgspec
import pytest
from tebura_contract.events import ForeignObject
from tebura_contract.ids import PlateId, ShelfId, Sku, VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart
from tebura_gateway.domain.checkout import listing_of
from tebura_gateway.service.shop import WalkUp
from tebura_gateway.service.transaction import from_text

from tests.gateway.core import Core
from tests.gateway.shop import KEN, LOW, MIKA, PAN, PLATES, RICE, TEA, Script, candidate, ns
from tests.gateway.test_walk_up import WALK_UP, Wallet, confirm, word

THREE: tuple[Sku, ...] = (TEA, RICE, PAN)
COUNTER = ShelfId(LOW)


def with_counter(core: Core) -> None:
    """The low shelf is the counter; the top one weighs what is taken."""
    gondolas = tuple(
        msgspec.structs.replace(
            one,
            shelf=tuple(
                msgspec.structs.replace(board, facing=(), is_counter=True)
                if board.id == "low"
                else board
                for board in one.shelf
            ),
        )
        for one in core.shop.layout.gondola
    )
    changed = msgspec.structs.replace(core.shop.layout, gondola=gondolas)
    core.shop = dataclasses.replace(core.shop, layout=changed)


def walk_ups(core: Core) -> Wallet:
    """Open to whoever walks in, who pays by a wallet that charges at once."""
    wallet = Wallet()
    core.provider = wallet
    core.shop = dataclasses.replace(
        core.shop,
        walk_up=WalkUp(correction_limit_minor=200),
        walk_up_payment=wallet.terms,
        judgement=WALK_UP,
    )
    return wallet


def cart(core: Core, visit: VisitId) -> dict[Sku, int]:
    (row,) = core.rows(tables.visit, visit=visit)
    return dict(listing_of(from_text(row.cart, Cart)).items)


def lay(script: Script, at_s: float, sku: Sku) -> None:
    script.put_back(at_s, candidate(sku), shelf=COUNTER)


def pick_up(script: Script, at_s: float, sku: Sku) -> None:
    script.pick(at_s, candidate(sku), shelf=COUNTER)


def test_what_the_cart_knows_already_is_not_counted_twice(core: Core) -> None:
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(TEA, 2))
    lay(script, 15.0, TEA)
    lay(script, 17.0, TEA)
    lay(script, 19.0, RICE)
    core.hear(script.facts)
    word(core, 25.0)
    assert cart(core, visit) == {TEA: 2, RICE: 1}
    confirm(core, visit, {TEA: 2, RICE: 1})
    word(core, 28.0)
    core.pay()
    assert core.state(visit)[0] == "settled"
    pick_up(script, 30.0, TEA)
    pick_up(script, 31.0, RICE)
    pick_up(script, 32.0, TEA)
    script.walk_out(track, 40.0)
    core.now_s = 60.0
    core.hear(script.facts)
    core.word(55.0)
    core.pay()
    assert core.rows(tables.refund) == []
    assert core.open_reviews() == set()
    assert core.bought(visit) == {TEA: 2, RICE: 1}
    core.check_books()


def test_three_things_on_the_counter_are_listed_and_paid_for_once_it_is_said(core: Core) -> None:
    wallet = walk_ups(core)
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = VisitId("camera-1-1-0")
    for n, sku in enumerate(THREE):
        lay(script, 10.0 + 2.0 * n, sku)
    core.hear(script.facts)
    word(core, 20.0)
    assert cart(core, visit) == dict.fromkeys(THREE, 1)
    word(core, 300.0)
    assert core.calls == [], "nothing is charged for lying there"

    confirm(core, visit, dict.fromkeys(map(Sku, THREE), 1))
    word(core, 302.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1, RICE: 1, PAN: 1}
    assert len(wallet.done) == 1

    for n, sku in enumerate(THREE):
        pick_up(script, 305.0 + n, sku)
    script.walk_out(track, 310.0)
    said = len(core.rows(tables.inbox))
    core.hear(script.facts[said:])
    word(core, 340.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.rows(tables.refund) == []
    assert core.open_reviews() == set()
    core.check_books()


def test_what_the_plates_do_not_know_is_asked_about(core: Core) -> None:
    with_counter(core)
    script = Script()
    script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    thing = script.put_back(15.0, candidate(TEA), candidate(RICE), shelf=COUNTER)
    core.hear(script.facts)
    core.word(25.0)
    assert f"step:{thing.id}" in core.open_reviews()
    assert core.rows(tables.receipt) == []
    assert core.state(visit)[0] == "open"


def test_a_member_who_leaves_without_a_word_is_not_charged_but_asked_about(core: Core) -> None:
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(TEA))
    script.walk_out(track, 20.0)
    core.hear(script.facts)
    word(core, 60.0)
    core.pay()
    assert core.rows(tables.receipt) == []
    assert core.calls == []
    (review,) = core.rows(tables.review, state="open")
    assert (review.kind, review.reason) == ("visit", "not-paid")
    assert core.state(visit)[0] == "review"


def test_a_member_who_took_nothing_just_leaves_the_shop_with_a_counter(core: Core) -> None:
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.walk_out(track, 20.0)
    core.hear(script.facts)
    word(core, 60.0)
    core.pay()
    assert core.state(visit)[0] == "void"
    assert core.open_reviews() == set()


def test_a_member_cannot_take_something_off_the_list_without_staff(core: Core) -> None:
    with_counter(core)
    script = Script()
    script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    lay(script, 15.0, TEA)
    lay(script, 17.0, RICE)
    core.hear(script.facts)
    word(core, 25.0)
    confirm(core, visit, {TEA: 1})
    word(core, 30.0)
    core.pay()
    assert core.rows(tables.receipt) == []
    assert core.open_reviews() == {f"correction:{visit}"}


def test_of_two_that_weigh_alike_it_is_the_one_they_took(core: Core) -> None:
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(TEA))
    script.put_back(15.0, candidate(TEA), candidate(RICE, log_likelihood=-0.2), shelf=COUNTER)
    core.hear(script.facts)
    word(core, 25.0)
    assert cart(core, visit) == {TEA: 1}
    assert core.open_reviews() == set()


@pytest.mark.parametrize("is_known", [True, False], ids=["a-product", "something"])
def test_what_is_taken_up_again_and_laid_down_once_more_counts_once(
    core: Core, is_known: bool
) -> None:
    with_counter(core)
    script = Script()
    script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    lay(script, 10.0, TEA)
    if is_known:
        pick_up(script, 12.0, TEA)
    else:
        # To its plates it is a thing that was laid there, and goes again.
        foreign = ForeignObject(
            shelf=COUNTER,
            plates=(PlateId(f"{COUNTER}/p1"),),
            delta_g=-550.0,
            sigma_g=1.0,
            from_ns=ns(12.0),
            to_ns=ns(12.8),
            candidates=(candidate(TEA),),
            log_other=2.0,
        )
        script.say(PLATES, foreign)
    lay(script, 14.0, TEA)
    core.hear(script.facts)
    word(core, 25.0)
    assert cart(core, visit) == {TEA: 1}
    assert core.open_reviews() == set()


def test_of_two_in_the_shop_it_is_whose_cart_has_it_and_nobody_s_cart_loses_it(core: Core) -> None:
    with_counter(core)
    script = Script()
    script.walk_in(1, 0.0)
    first = script.enter(MIKA, 1.0)
    track = script.walk_in(2, 20.0)
    second = script.enter(KEN, 21.0)
    script.reach(track, 30.0, 31.5)
    script.pick(30.5, candidate(TEA))
    lay(script, 35.0, TEA)
    core.hear(script.facts)
    word(core, 45.0)
    assert cart(core, second) == {TEA: 1}
    assert cart(core, first) == {}
