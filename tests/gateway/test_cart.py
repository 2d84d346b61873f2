"""The cart is a function of the set of events: any order, any duplicates, the same bytes."""

import random
from collections.abc import Sequence

import pytest
from tebura_contract.codec import encode
from tebura_contract.ids import EventId, Sku, VisitId
from tebura_gateway.domain.cart import Cart, CartLine, LineStatus, cart_of
from tebura_gateway.domain.decision import Ruling
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import judge

from tests.gateway.shop import (
    KEN,
    LOW,
    MIKA,
    PAN,
    PLATES,
    RICE,
    TEA,
    Script,
    candidate,
    layout,
    ns,
    through,
)

SEED = 7


def stories() -> list[tuple[list[Fact], list[VisitId]]]:
    """Short visits: taken and put back, two at once, a thing nobody could name, a group."""
    back = Script()
    track = back.walk_in(1, 0.0)
    mika = back.enter(MIKA, 1.0)
    back.reach(track, 10.0, 11.5)
    back.pick(10.5, candidate(TEA, 2))
    back.reach(track, 15.0, 16.5)
    back.put_back(15.5)
    back.walk_out(track, 30.0)

    two = Script()
    first, second = two.walk_in(1, 0.0), two.walk_in(2, 8.0)
    visits = [two.enter(MIKA, 1.0), two.enter(KEN, 9.0)]
    two.reach(first, 15.0, 16.5)
    two.pick(15.5)
    two.reach(second, 20.0, 21.0, x_m=0.75)
    two.pick(20.5, candidate(RICE), plate="p2")
    two.pick(25.0, candidate(PAN), shelf=LOW)
    two.walk_out(first, 30.0)
    two.walk_out(second, 40.0)

    unnamed = Script()
    track = unnamed.walk_in(1, 0.0)
    some = unnamed.enter(MIKA, 1.0)
    unnamed.reach(track, 10.0, 11.5)
    unnamed.pick(10.5, candidate(TEA), candidate(RICE), delta_g=-330.0, log_other=3.0)
    unnamed.foreign(14.0, -900.0)
    unnamed.walk_out(track, 30.0)
    return [(back.facts, [mika]), (two.facts, visits), (unnamed.facts, [some])]


STORIES = stories()


def carts(facts: Sequence[Fact], visits: Sequence[VisitId]) -> bytes:
    judgement = judge(facts, layout(), through())
    return b"".join(encode(cart_of(judgement, visit)) for visit in visits)


def shuffled(count: int, seed: int) -> None:
    """So many permutations with duplicates, over all stories."""
    dice = random.Random(seed)
    wanted = [carts(*story) for story in STORIES]
    for number in range(count):
        index = number % len(STORIES)
        facts, visits = STORIES[index]
        order = [*facts, *dice.choices(facts, k=dice.randint(0, 3))]
        dice.shuffle(order)
        assert carts(order, visits) == wanted[index], f"seed {seed}, permutation {number}"


def test_two_thousand_permutations_give_the_same_bytes() -> None:
    shuffled(2_000, SEED)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_million_permutations_give_the_same_bytes() -> None:
    shuffled(1_000_000, SEED + 1)


Rulings = dict[EventId, Ruling]


def only(facts: Sequence[Fact], visit: VisitId, rulings: Rulings | None = None) -> Cart:
    return cart_of(judge(facts, layout(), through(), rulings=rulings or {}), visit)


def test_lines_sum_steps_and_keep_the_time_of_every_pick() -> None:
    facts, (visit,) = STORIES[0]
    cart = only(facts, visit)
    (line,) = cart.lines
    assert (line.sku, line.quantity, line.status) == (TEA, 1, LineStatus.DECIDED)
    assert len(line.taken_ns) == 2, "the piece that was put back is one of them"
    assert cart.decided() == {TEA: 1}
    assert cart.taken_ns() == {TEA: line.taken_ns}
    assert cart.is_certain()


def test_all_put_back_is_an_empty_cart() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.reach(track, 15.0, 16.5)
    script.put_back(15.5)
    cart = only(script.facts, visit)
    assert (cart.lines, cart.decided(), cart.is_certain()) == ((), {}, True)


def test_what_nobody_could_name_is_a_line_in_doubt_without_an_article() -> None:
    facts, (visit,) = STORIES[2]
    cart = only(facts, visit)
    assert not cart.is_certain()
    assert {line.status for line in cart.lines} == {LineStatus.REVIEW}
    assert cart.decided() == {}
    assert cart.taken_ns() == {}


def test_a_ruling_that_puts_back_more_than_was_taken_leaves_a_negative_line() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    put = script.put_back(10.5)
    rulings: Rulings = {put.id: Ruling(visit=visit, sku=TEA, quantity=-1)}
    cart = only(script.facts, visit, rulings)
    assert [(line.sku, line.quantity) for line in cart.lines] == [(TEA, -1)]
    assert not cart.is_certain(), "it is never clamped away"


def test_a_step_that_staff_called_nothing_is_on_no_line() -> None:
    facts, (visit,) = STORIES[2]
    judgement = judge(facts, layout(), through())
    rulings: Rulings = {
        step.id: Ruling(visit=visit, sku=None, quantity=0) for step in judgement.of_visit(visit)
    }
    assert rulings
    assert only(facts, visit, rulings).lines == ()


def line(status: LineStatus, quantity: int = 1, sku: Sku | None = TEA) -> CartLine:
    return CartLine(
        sku=sku,
        quantity=quantity,
        status=status,
        confidence=0.9,
        first_ns=ns(1.0),
        events=(EventId(PLATES, 1, 0),),
        taken_ns=(ns(1.0),),
    )


def test_only_what_is_decided_and_named_would_be_charged() -> None:
    doubtful = [line(status, 3, RICE) for status in LineStatus if status is not LineStatus.DECIDED]
    nameless = line(LineStatus.DECIDED, 5, None)
    cart = Cart(visit=VisitId("v"), lines=(line(LineStatus.DECIDED), nameless, *doubtful))
    assert cart.decided() == {TEA: 1}
    assert cart.taken_ns() == {TEA: (ns(1.0),)}
    assert not cart.is_certain()


@pytest.mark.parametrize(("quantity", "is_certain"), [(1, True), (0, False), (-1, False)])
def test_a_cart_is_certain_when_each_line_is_decided_and_of_something(
    quantity: int, is_certain: bool
) -> None:
    cart = Cart(visit=VisitId("v"), lines=(line(LineStatus.DECIDED, quantity),))
    assert cart.is_certain() == is_certain
