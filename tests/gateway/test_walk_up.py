"""Shopping without an account: in, take, confirm the list at the exit screen, pay there."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pytest
from tebura_contract.events import TrackStarted
from tebura_contract.ids import CameraId, MemberId, Sku, TrackId, VisitId
from tebura_contract.money import Money
from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart
from tebura_gateway.domain.checkout import Listing, WhyCorrected, confirmation, listing_of
from tebura_gateway.domain.presence import presence_of
from tebura_gateway.domain.settlement import Call
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.service import checkout
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import Answer, Approved, Declined, Movement, ProviderCall, Terms
from tebura_gateway.service.requests import ListOrder, Refused, RulingKind
from tebura_gateway.service.shop import WalkUp
from tebura_gateway.service.transaction import Tx, from_text

from tests.gateway.core import Core
from tests.gateway.shop import (
    CAMERA,
    KEN,
    MIKA,
    PAN,
    RICE,
    TEA,
    Script,
    candidate,
    layout,
    ns,
    through,
)

WALK_UP = JudgementSettings(walk_up=True)


@dataclass
class Wallet:
    """Charges at once whoever shows a code; holds nothing. `declines` so many times first."""

    declines: int = 0
    done: dict[str, tuple[Call, int]] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        return Terms("wallet", holds=False)

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        raise AssertionError("it cannot hold money")

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        if self.declines:
            self.declines -= 1
            return Declined(reason="no-funds")
        self.done.setdefault(key, (Call.CAPTURE, amount.minor))
        return Approved(reference=key)

    def void(self, key: str, authorization: str) -> Answer:
        raise AssertionError("it cannot hold money")

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        self.done.setdefault(key, (Call.REFUND, amount.minor))
        return Approved(reference=key)

    def find(self, call: ProviderCall) -> Answer | None:
        return Approved(reference=call.key) if call.key in self.done else None

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        return [
            Movement(call=call, key=key, reference=key, amount_minor=minor, currency="JPY", at_ns=0)
            for key, (call, minor) in self.done.items()
        ]


@pytest.fixture
def shop(core: Core) -> Core:
    """The small shop, open to whoever walks in."""
    core.provider = Wallet()
    core.shop = dataclasses.replace(
        core.shop,
        walk_up=WalkUp(correction_limit_minor=200),
        walk_up_payment=core.provider.terms,
        judgement=WALK_UP,
    )
    return core


def shopping(script: Script) -> VisitId:
    """Walks in without a code, takes two teas and a rice ball; still inside. The visit's name."""
    entered = len(script.facts)
    track = script.walk_in(1, 0.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(TEA, 2))
    script.reach(track, 15.0, 16.5, x_m=0.75)
    script.pick(15.5, candidate(RICE), plate="p2")
    name = script.facts[entered].id
    return VisitId(f"{name.node}-{name.boot}-{name.seq}")


def confirm(
    core: Core,
    visit: VisitId,
    items: Mapping[Sku, int],
    reasons: Mapping[Sku, WhyCorrected] | None = None,
    eats_in: bool = False,
) -> None:
    (row,) = core.rows(tables.visit, visit=visit)
    order = ListOrder(
        seen=listing_of(from_text(row.cart, Cart)).items,
        items=dict(items),
        reasons=dict(reasons or {}),
        eats_in=eats_in,
    )

    def work(tx: Tx, memory: Memory) -> None:
        checkout.confirm(tx, memory, visit, order)

    core.do(work)


def listed(core: Core, script: Script, at_s: float = 40.0) -> VisitId:
    visit = shopping(script)
    core.hear(script.facts)
    word(core, at_s)
    return visit


def word(core: Core, at_s: float) -> None:
    """A second later all nodes have reported up to here."""
    core.now_s = at_s + 1.0
    core.word(at_s)


def test_a_walk_up_pays_the_list_at_the_exit_screen_and_leaves(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    (row,) = shop.rows(tables.visit)
    assert (row.visit, row.member, row.state) == (visit, "", "open")
    confirm(shop, visit, {TEA: 2, RICE: 1})
    assert shop.calls == [], "not before all nodes have reported up to now"
    word(shop, 42.0)
    shop.pay()
    assert shop.state(visit) == ("settled", "")
    receipt = shop.receipt(visit)
    assert {line.sku: line.quantity for line in receipt.lines} == {TEA: 2, RICE: 1}
    assert (receipt.member, receipt.paid_with, receipt.total_minor) == ("", "wallet", 429)
    assert shop.open_reviews() == set()
    script.walk_out(script_track(script), 60.0)
    shop.hear(script.facts)
    word(shop, 90.0)
    shop.pay()
    assert shop.state(visit) == ("settled", "")
    assert shop.open_reviews() == set()
    shop.check_books()


def script_track(script: Script) -> TrackId:
    began = script.facts[0].event
    assert isinstance(began, TrackStarted)
    return began.track


def test_eaten_in_the_shop_is_taxed_at_ten_percent(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1}, eats_in=True)
    word(shop, 42.0)
    shop.pay()
    # 429 * 10 / 110 = 39.0
    taxes = shop.receipt(visit).taxes
    assert [(int(t.percent), t.total_minor, t.tax_minor) for t in taxes] == [(10, 429, 39)]


def test_a_small_correction_is_believed_and_shown_to_staff(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 1, RICE: 1}, {TEA: WhyCorrected.NOT_TAKEN})
    word(shop, 42.0)
    shop.pay()
    assert shop.bought(visit) == {TEA: 1, RICE: 1}
    assert shop.open_reviews() == {f"correction:{visit}"}
    (review,) = shop.rows(tables.review, review=f"correction:{visit}")
    assert (review.reason, review.risk_minor) == ("corrected", 162)
    shop.rule(review.review, RulingKind.ACCEPT)
    assert shop.open_reviews() == set()


@pytest.mark.parametrize(
    ("ruling", "bought"),
    [
        pytest.param(RulingKind.ACCEPT, {RICE: 1}, id="staff-believe-the-shopper"),
        pytest.param(RulingKind.VOID, {TEA: 2, RICE: 1}, id="staff-believe-the-shelf"),
    ],
)
def test_a_large_correction_is_charged_only_after_staff_looked(
    shop: Core, ruling: RulingKind, bought: dict[Sku, int]
) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {RICE: 1})
    word(shop, 42.0)
    shop.pay()
    assert shop.state(visit) == ("open", "")
    (review,) = shop.rows(tables.review, review=f"correction:{visit}")
    assert (review.reason, review.risk_minor) == ("over-limit", 324)
    shop.rule(review.review, ruling)
    word(shop, 44.0)
    shop.pay()
    assert shop.bought(visit) == bought
    shop.check_books()


def test_more_than_the_list_says_is_simply_added(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 2})
    word(shop, 42.0)
    shop.pay()
    assert shop.bought(visit) == {TEA: 2, RICE: 2}
    assert shop.open_reviews() == {f"correction:{visit}"}


def test_what_is_taken_after_confirming_brings_the_list_back(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    script.reach(script_track(script), 40.5, 41.5)
    script.pick(40.8)
    shop.hear(script.facts)
    word(shop, 45.0)
    shop.pay()
    assert shop.state(visit) == ("open", "")
    (row,) = shop.rows(tables.visit)
    assert row.confirmed is None
    confirm(shop, visit, {TEA: 3, RICE: 1})
    word(shop, 104.0)
    shop.pay()
    assert shop.bought(visit) == {TEA: 3, RICE: 1}


def test_what_is_taken_after_paying_is_asked_about_and_never_charged(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    word(shop, 42.0)
    shop.pay()
    script.reach(script_track(script), 50.0, 51.5)
    script.pick(50.5)
    script.walk_out(script_track(script), 60.0)
    shop.hear(script.facts)
    word(shop, 90.0)
    shop.pay()
    assert shop.bought(visit) == {TEA: 2, RICE: 1}
    assert shop.open_reviews() == {f"late:{visit}:{TEA}"}
    shop.check_books()


def test_what_others_do_after_they_left_is_not_held_against_who_paid(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    word(shop, 42.0)
    shop.pay()
    script.walk_out(script_track(script), 60.0)
    shop.hear(script.facts)
    word(shop, 90.0)
    assert shop.memory is not None
    assert shop.memory.closed[visit][1] == ns(62.0)
    shop.crash()
    assert shop.memory.closed[visit][1] == ns(62.0)
    track = script.walk_in(7, 400.0)
    script.enter(MIKA, 401.0)
    script.reach(track, 410.0, 411.5)
    script.pick(410.5)
    shop.hear(script.facts)
    (row,) = shop.rows(tables.visit, visit=visit)
    assert row.late_ns is None


def test_a_restart_forgets_nobody_who_paid_and_is_still_inside(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    word(shop, 42.0)
    shop.pay()
    shop.crash()
    script.reach(script_track(script), 70.0, 71.5)
    script.pick(70.5)
    script.walk_out(script_track(script), 80.0)
    shop.hear(script.facts)
    word(shop, 120.0)
    assert shop.open_reviews() == {f"late:{visit}:{TEA}"}
    assert shop.bought(visit) == {TEA: 2, RICE: 1}


def test_who_leaves_without_paying_is_put_before_staff(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    script.walk_out(script_track(script), 50.0)
    shop.hear(script.facts)
    word(shop, 90.0)
    assert shop.state(visit) == ("review", "presence")
    (review,) = shop.rows(tables.review, review=f"visit:{visit}")
    assert (review.reason, review.risk_minor) == ("not-paid", 429)
    with pytest.raises(Refused, match="no account"):
        shop.rule(review.review, RulingKind.ACCEPT)
    # They are still at the screen, out of the camera's sight: paying is possible all the same.
    confirm(shop, visit, {TEA: 2, RICE: 1})
    word(shop, 100.0)
    shop.pay()
    assert shop.state(visit) == ("settled", "")
    assert shop.open_reviews() == set()


def test_who_took_nothing_just_leaves(shop: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    script.walk_out(track, 20.0)
    shop.hear(script.facts)
    word(shop, 60.0)
    (row,) = shop.rows(tables.visit)
    assert (row.state, row.reason) == ("void", "nothing-taken")


def test_a_declined_payment_can_be_tried_again_or_written_off(shop: Core) -> None:
    shop.provider = Wallet(declines=1)
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    word(shop, 42.0)
    shop.pay()
    assert shop.state(visit) == ("unpaid", "declined")
    shop.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert shop.state(visit) == ("settled", "")
    shop.check_books()


def test_a_crash_between_confirming_and_paying_loses_nothing(shop: Core) -> None:
    script = Script()
    visit = listed(shop, script)
    confirm(shop, visit, {TEA: 2, RICE: 1})
    shop.crash()
    word(shop, 42.0)
    shop.crash()
    for _ in range(3):
        shop.pay()
        shop.tick(shop.now_s + 5.0)
    assert shop.state(visit) == ("settled", "")
    assert shop.bought(visit) == {TEA: 2, RICE: 1}
    shop.check_books()


def test_a_line_still_being_checked_cannot_be_confirmed(shop: Core) -> None:
    script = Script()
    visit = shopping(script)
    shop.hear(script.facts)
    word(shop, 9.0)
    with pytest.raises(Refused, match="being checked"):
        confirm(shop, visit, {TEA: 2})


def test_a_member_does_not_pay_at_the_exit_screen(shop: Core) -> None:
    script = Script()
    script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    shop.hear(script.facts)
    word(shop, 40.0)
    with pytest.raises(Refused, match="exit screen"):
        confirm(shop, visit, {TEA: 1})


def test_without_the_rule_nobody_gets_a_visit_without_a_code(core: Core) -> None:
    script = Script()
    shopping(script)
    core.hear(script.facts)
    core.word(40.0)
    assert core.rows(tables.visit) == []


def test_a_code_that_the_gate_tells_late_makes_it_a_members_visit() -> None:
    script = Script()
    script.walk_in(1, 0.0)
    before = presence_of(script.facts, layout(), through(4.0), WALK_UP)
    assert before.visits == {}, "a code may be on its way"
    visit = script.enter(MIKA, 1.0)
    after = presence_of(script.facts, layout(), through(60.0), WALK_UP)
    assert set(after.visits) == {visit}
    assert after.visits[visit].member == MIKA


def test_two_cameras_at_the_door_see_one_walk_up() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    facts = list(script.facts)
    other = Script()
    other.seqs[CAMERA, 1] = 100
    second = other.walk_in(2, 0.4)
    for fact in other.facts:
        event = fact.event
        if isinstance(event, TrackStarted):
            event = msgspec.structs.replace(event, camera=CameraId("door"))
        facts.append(msgspec.structs.replace(fact, event=event))
    found = presence_of(facts, layout(), through(60.0), WALK_UP)
    (visit,) = found.visits.values()
    assert set(visit.tracks) == {first, second}


def test_a_walk_up_and_a_member_one_after_the_other_are_two_visits() -> None:
    script = Script()
    script.walk_in(1, 0.0)
    script.walk_in(2, 20.0)
    visit = script.enter(KEN, 21.0)
    found = presence_of(script.facts, layout(), through(60.0), WALK_UP)
    assert len(found.visits) == 2
    assert {one.member for one in found.visits.values()} == {"", KEN}
    assert found.visits[visit].tracks != ()


def test_something_nobody_could_name_counts_as_the_dearest_until_it_is_named() -> None:
    products = layout().products()
    listing = Listing(items={TEA: 1}, unnamed=1)
    silent = confirmation(listing, {TEA: 1}, {}, products, 200, 0)
    assert (silent.removed_minor, silent.needs_staff) == (products[PAN].price_minor, True)
    named = confirmation(listing, {TEA: 1, RICE: 1}, {}, products, 200, 0)
    assert (named.removed_minor, named.needs_staff) == (0, False)
    assert [(one.sku, one.change, one.why) for one in named.corrections] == [
        (RICE, 1, WhyCorrected.MISSING)
    ]


def test_a_list_that_changed_since_it_was_seen_is_not_paid(shop: Core) -> None:
    visit = listed(shop, Script())
    order = ListOrder(seen={TEA: 1}, items={TEA: 1})
    with pytest.raises(Refused, match="has changed"):
        shop.do(lambda tx, memory: checkout.confirm(tx, memory, visit, order))


@pytest.mark.parametrize("items", [{Sku("ghost"): 1}, {TEA: 100}, {TEA: -1}])
def test_a_list_that_cannot_be_is_refused(shop: Core, items: dict[Sku, int]) -> None:
    visit = listed(shop, Script())
    with pytest.raises(Refused):
        confirm(shop, visit, items)
