"""Purchases in the online shop's orders: what the shop there must do, whichever it is, and once.

The first half is held by the shop in memory and, where TEBURA_MEDUSA names one, by a real Medusa
(`medusa_shop.py` says how to install it).
"""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
import msgspec
import pytest
from tebura_contract.clock import Ns
from tebura_contract.ids import MemberId, Sku, StoreId, VisitId
from tebura_contract.layout import TaxClass
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import online_account, purchase
from tebura_gateway.adapters.clerk import Clerk
from tebura_gateway.adapters.database import migrate, open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.medusa import Medusa
from tebura_gateway.adapters.services import TxServices
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.domain.combination import Off
from tebura_gateway.domain.pricing import BillLine, TaxTotal
from tebura_gateway.domain.receipt import CreditNote, Issuer, Receipt
from tebura_gateway.service import online_shop, refunding
from tebura_gateway.service.exporting import export
from tebura_gateway.service.online_shop import Purchase
from tebura_gateway.service.ports import NoAnswer, NotTaken, OrderGone, Sold
from tebura_gateway.service.ports import OnlineShop as OnlineShopPort
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.telling import Note, tell
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.views import PurchasesView
from tebura_simulator.online_shop import CHANNEL, OnlineShop, serving

from tests.gateway.core import Core, Postgres
from tests.gateway.medusa_shop import MedusaShop, running
from tests.gateway.nodes import STAFF_TOKEN, GatewayProcess
from tests.gateway.nodes import running as running_gateway
from tests.gateway.shop import KEN, MIKA, STORE, TEA
from tests.gateway.test_after_sale import sold

T = TypeVar("T")

_numbers = count(1)


@dataclass(frozen=True)
class Seen:
    """An order as its shopper sees it; amounts in whole units."""

    receipt: int
    status: str
    total: Decimal
    paid: Decimal
    given_back: Decimal
    items: frozenset[tuple[str, int, Decimal]]


class There(Protocol):
    """An online shop, and what of it only a test may do."""

    def medusa(self, currency: str = "jpy", key: str | None = None) -> Medusa: ...
    def register(self, email: str, has_account: bool = True) -> str: ...
    def seen_by(self, customer: str) -> list[Seen]: ...
    def remove_draft(self, order: str) -> None: ...


@dataclass
class InMemory:
    shop: OnlineShop
    address: str

    def medusa(self, currency: str = "jpy", key: str | None = None) -> Medusa:
        return Medusa(self.address, key or self.shop.key, f"reg_{currency}", CHANNEL)

    def register(self, email: str, has_account: bool = True) -> str:
        return self.shop.register(email, has_account)

    def seen_by(self, customer: str) -> list[Seen]:
        return [
            Seen(
                receipt=one.draft.metadata["tebura_receipt"],
                status=one.status,
                total=one.total,
                paid=one.paid,
                given_back=one.credit,
                items=frozenset((i.title, i.quantity, i.unit_price) for i in one.draft.items),
            )
            for one in self.shop.seen_by(customer)
        ]

    def remove_draft(self, order: str) -> None:
        del self.shop.orders[order]


@dataclass
class Real:
    shop: MedusaShop

    def medusa(self, currency: str = "jpy", key: str | None = None) -> Medusa:
        shop = self.shop
        return Medusa(shop.address, key or shop.key, shop.regions[currency], shop.channel)

    def register(self, email: str, has_account: bool = True) -> str:
        return self.shop.register(email, has_account)

    def seen_by(self, customer: str) -> list[Seen]:
        return [
            Seen(
                receipt=one["metadata"]["tebura_receipt"],
                status=one["status"],
                total=Decimal(one["total"]),
                paid=sum(
                    (Decimal(p["captured_amount"]) for p in one["payment_collections"]), Decimal()
                ),
                given_back=Decimal(one["credit_line_total"]),
                items=frozenset(
                    (i["title"], i["quantity"], Decimal(i["unit_price"])) for i in one["items"]
                ),
            )
            for one in self.shop.orders(customer)
        ]

    def remove_draft(self, order: str) -> None:
        self.shop.admin("DELETE", f"draft-orders/{order}")


@pytest.fixture(scope="session")
def medusa_shop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
) -> Iterator[MedusaShop]:
    folder = Path(os.environ.get("TEBURA_MEDUSA", "/nowhere"))
    if not (folder / "node_modules").is_dir():
        # Also where all else is required: it is a large download, and parts of it are proprietary.
        pytest.skip("TEBURA_MEDUSA names no folder with Medusa (tests/gateway/medusa_shop.py)")
    server: Postgres = request.getfixturevalue("postgres")
    address = server.empty().replace("postgresql+psycopg", "postgres")
    log = tmp_path_factory.mktemp("medusa") / "log"
    with running(folder, address, free_port(), log) as shop:
        yield shop


# Its start alone takes half a minute, and minutes where others work beside it.
_PATIENT = pytest.mark.timeout(1200)


@pytest.fixture(params=["in-memory", pytest.param("medusa", marks=_PATIENT)])
def there(request: pytest.FixtureRequest) -> Iterator[There]:
    if request.param == "medusa":
        yield Real(request.getfixturevalue("medusa_shop"))
        return
    shop = OnlineShop(regions={"reg_jpy": "jpy", "reg_usd": "usd"})
    with serving(shop) as address:
        yield InMemory(shop, address)


def email() -> str:
    """An address that no other test uses: they share one Medusa."""
    return f"shopper-{next(_numbers)}@mail.example"


def line(sku: str, name: str, quantity: int, unit_minor: int, *off_minor: int) -> BillLine:
    return BillLine(
        sku=Sku(sku),
        name=name,
        name_en=sku.title(),
        quantity=quantity,
        unit_price_minor=unit_minor,
        amount_minor=unit_minor * quantity,
        tax=TaxClass.REDUCED,
        percent=Decimal(8),
        mark="※",
        off=tuple((Off(promotion="sale", amount_minor=one),) for one in off_minor),
    )


def receipt(*lines: BillLine, currency: str = "JPY", on_top_minor: int = 0) -> Receipt:
    number = next(_numbers)
    total_minor = sum(one.net_minor for one in lines) + on_top_minor
    return Receipt(
        number=number,
        store=StoreId("corner"),
        store_name="角の店",
        issuer=Issuer(name="角の店", registration="T1234567890123"),
        visit=VisitId(f"corner/gate-1/1-{number}"),
        member=MIKA,
        entered_ns=Ns(0),
        exited_ns=Ns(0),
        issued_ns=Ns(1_790_000_000 * 10**9),
        lines=lines,
        taxes=(
            TaxTotal(
                percent=Decimal(8), mark="※", total_minor=total_minor, tax_minor=on_top_minor or 1
            ),
        ),
        total_minor=total_minor,
        currency=currency,
        paid_with="house",
        payment_reference="r",
        is_tax_included=not on_top_minor,
    )


def note(sold: Receipt, number: int, total_minor: int) -> CreditNote:
    return CreditNote(
        number=number,
        receipt=sold.number,
        visit=sold.visit,
        reason="dispute",
        lines=(),
        taxes=(),
        total_minor=total_minor,
        currency=sold.currency,
    )


def tea_and_rice() -> Receipt:
    return receipt(line("tea", "お茶", 2, 162), line("rice", "おにぎり", 1, 105))


def yen(*amounts: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(one) for one in amounts)


def test_a_purchase_is_among_its_shopper_s_orders_paid_and_handed_over(there: There) -> None:
    medusa, bought = there.medusa(), tea_and_rice()
    customer = there.register(address := email())
    stranger = there.register(email())
    shopper = medusa.shopper("", address)
    assert shopper == customer
    order = medusa.open(shopper, Sold(receipt=bought))
    assert there.seen_by(customer) == [], "a draft is nobody's business yet"
    medusa.enter(order, Sold(receipt=bought))
    total, nothing, tea, rice = yen(429, 0, 162, 105)
    assert there.seen_by(customer) == [
        Seen(
            bought.number,
            "completed",
            total,
            total,
            nothing,
            frozenset({("お茶", 2, tea), ("おにぎり", 1, rice)}),
        )
    ]
    assert there.seen_by(stranger) == []


def test_however_often_it_is_told_it_is_there_once(there: There) -> None:
    medusa, sold = there.medusa(), Sold(receipt=tea_and_rice())
    customer = there.register(email())
    orders = {medusa.open(customer, sold) for _ in range(2)}
    (order,) = orders
    for _ in range(2):
        medusa.enter(order, sold)
    # As after a backup was put back: the order's name is forgotten, the order is there.
    assert medusa.open(customer, sold) == order
    (seen,) = there.seen_by(customer)
    assert (seen.total, seen.paid) == yen(429, 429)


def test_two_stores_may_have_a_visit_of_one_name(there: There) -> None:
    medusa, here = there.medusa(), tea_and_rice()
    elsewhere = msgspec.structs.replace(here, store=StoreId("harbour"))
    customer = there.register(email())
    orders = [medusa.open(customer, Sold(receipt=one)) for one in (here, elsewhere, here)]
    assert orders[0] == orders[2] != orders[1]


def test_what_is_given_back_follows_each_note_once(there: There) -> None:
    medusa, bought = there.medusa(), tea_and_rice()
    customer = there.register(email())
    first, second = note(bought, 1, 162), note(bought, 2, 162)
    order = medusa.open(customer, Sold(receipt=bought))
    for notes in ((), (first,), (first,), (first, second), (first, second, note(bought, 3, 105))):
        medusa.enter(order, Sold(receipt=bought, notes=notes))
        back_yen = sum(one.total_minor for one in notes)
        (seen,) = there.seen_by(customer)
        assert (seen.total, seen.paid, seen.given_back) == yen(429 - back_yen, 429, back_yen)


def test_what_was_given_back_before_is_in_it_from_the_start(there: There) -> None:
    medusa, bought = there.medusa(), tea_and_rice()
    customer = there.register(email())
    sold = Sold(receipt=bought, notes=(note(bought, 1, 105),))
    medusa.enter(medusa.open(customer, sold), sold)
    (seen,) = there.seen_by(customer)
    assert (seen.total, seen.given_back) == yen(324, 105)


def test_pieces_cost_what_their_discount_leaves_in_the_shopper_s_language(there: There) -> None:
    # Three drinks for two: the cheapest is free; another is reduced by a yen.
    bought = receipt(line("tea", "お茶", 4, 162, 1, 162))
    customer = there.register(email())
    medusa, sold = there.medusa(), Sold(receipt=bought, locale="en")
    medusa.enter(medusa.open(customer, sold), sold)
    (seen,) = there.seen_by(customer)
    prices = yen(0, 161, 162)
    assert seen.items == {("Tea", 1, prices[0]), ("Tea", 1, prices[1]), ("Tea", 2, prices[2])}
    assert seen.total == Decimal(485)


def test_cents_and_a_tax_on_top_come_to_the_receipt_s_total(there: There) -> None:
    bought = receipt(line("tea", "お茶", 3, 199), currency="USD", on_top_minor=53)
    customer = there.register(email())
    medusa, sold = there.medusa("usd"), Sold(receipt=bought, locale="en")
    medusa.enter(medusa.open(customer, sold), sold)
    (seen,) = there.seen_by(customer)
    assert seen.total == seen.paid == Decimal("6.50")
    assert ("Tax 8 %", 1, Decimal("0.53")) in seen.items


def test_what_cost_nothing_needs_no_payment(there: There) -> None:
    bought = receipt(line("tea", "お茶", 1, 162, 162))
    customer = there.register(email())
    medusa, sold = there.medusa(), Sold(receipt=bought)
    medusa.enter(medusa.open(customer, sold), sold)
    (seen,) = there.seen_by(customer)
    assert (seen.status, seen.total, seen.paid) == ("completed", *yen(0, 0))


def test_nobody_is_meant_by_a_name_or_address_that_has_no_account(there: There) -> None:
    medusa, guest, known = there.medusa(), email(), email()
    there.register(guest, has_account=False)
    customer = there.register(known)
    assert medusa.shopper("", guest) is None, "anybody may have ordered under that address"
    assert medusa.shopper("", email()) is None
    assert medusa.shopper("cus_nobody", known) is None, "the name counts where there is one"
    assert medusa.shopper(customer, "") == customer
    assert medusa.shopper("", known.upper()) == customer


def test_an_order_that_would_say_another_amount_is_shown_to_nobody(there: There) -> None:
    customer = there.register(email())
    medusa, sold = there.medusa("usd"), Sold(receipt=tea_and_rice())
    order = medusa.open(customer, sold)
    with pytest.raises(NotTaken, match="currency"):
        medusa.enter(order, sold)
    assert there.seen_by(customer) == []


def test_a_draft_that_somebody_removed_is_opened_anew(there: There) -> None:
    customer = there.register(email())
    medusa, sold = there.medusa(), Sold(receipt=tea_and_rice())
    order = medusa.open(customer, sold)
    there.remove_draft(order)
    with pytest.raises(OrderGone):
        medusa.enter(order, sold)
    again = medusa.open(customer, sold)
    assert again != order
    medusa.enter(again, sold)
    assert len(there.seen_by(customer)) == 1


def test_what_the_configuration_has_wrong_is_said(there: There) -> None:
    customer = there.register(email())
    sold = Sold(receipt=tea_and_rice())
    with pytest.raises(NotTaken, match="401"):
        there.medusa(key="sk_of_somebody_else").open(customer, sold)
    good = there.medusa()
    elsewhere = Medusa(good.address, good.key, good.region, "sc_none")
    with pytest.raises(NotTaken, match="SalesChannel"):
        elsewhere.open(customer, sold)
    nowhere = Medusa("http://127.0.0.1:9", good.key, good.region, good.channel)
    with pytest.raises(NoAnswer):
        nowhere.open(customer, sold)


# From here on: the gateway's side, over a shop in memory.


class Crash(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Losing(Medusa):
    """Loses call number `at`: not done, or with `is_done` done; `error` is what is seen."""

    at: int = 10**9
    is_done: bool = False
    error: type[BaseException] = Crash
    asked: Iterator[int] = field(default_factory=count)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        number = next(self.asked)
        if number == self.at and not self.is_done:
            raise self.error("lost")
        answer = super()._ask(method, path, body)
        if number == self.at:
            raise self.error("lost")
        return answer


@pytest.fixture
def shop() -> Iterator[InMemory]:
    online = OnlineShop(regions={"reg_jpy": "jpy"})
    with serving(online) as address:
        yield InMemory(online, address)


def linked(core: Core, address: str, subject: str = "") -> None:
    core.do(lambda tx, _: online_shop.link(tx, MIKA, subject, address))


def with_online_shop(core: Core) -> None:
    core.shop = dataclasses.replace(core.shop, has_online_shop=True)
    core.add_members()


def due(core: Core) -> Purchase | None:
    with core.database.reading.connect() as connection:
        return online_shop.next_due(connection, STORE, core.now_ns)


def tell_all(core: Core, medusa: OnlineShopPort, note: Note | None = None) -> None:
    """Until nothing waits any more; after a crash the process starts again."""
    for _ in range(12):
        try:
            while (one := due(core)) is not None:
                tell(medusa, one, note or noting(core))
        except Crash:
            core.crash()
        if not core.rows(purchase, state="waiting"):
            return
        core.now_s += 61.0
    raise AssertionError(f"still waiting: {core.rows(purchase)}")


def noting(core: Core) -> Note:
    def note(work: Callable[[Tx], T], /) -> T:
        return core.do(lambda tx, _: work(tx))

    return note


def given_back(core: Core, visit: VisitId) -> None:
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "staff", "staff"))
    core.pay()


def test_a_sale_and_what_is_given_back_of_it_reach_the_linked_member_s_orders(
    core: Core, shop: InMemory
) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    visit = sold(core)
    tell_all(core, shop.medusa())
    (seen,) = shop.seen_by(customer)
    assert (seen.receipt, seen.total, seen.paid) == (1, *yen(267, 267))
    given_back(core, visit)
    tell_all(core, shop.medusa())
    (seen,) = shop.seen_by(customer)
    assert (seen.total, seen.given_back) == yen(105, 162)
    assert [row.notes for row in core.rows(purchase)] == [1]


def test_wherever_a_call_is_lost_or_the_process_ends_it_is_there_once(
    core: Core, shop: InMemory
) -> None:
    with_online_shop(core)
    visit = sold(core)
    given_back(core, visit)
    undisturbed = losing(shop)
    again(core, shop, undisturbed)
    calls = next(undisturbed.asked)
    assert calls == 10
    for at, is_done, error in product(range(calls), (False, True), (NoAnswer, Crash)):
        again(core, shop, losing(shop, at, is_done, error))


def losing(
    shop: InMemory,
    at: int = 10**9,
    is_done: bool = False,
    error: type[BaseException] = Crash,
) -> Losing:
    good = shop.medusa()
    return Losing(
        good.address, good.key, good.region, good.channel, at=at, is_done=is_done, error=error
    )


def again(core: Core, shop: InMemory, medusa: Medusa, note: Note | None = None) -> None:
    """The same purchase to a new shopper: exactly as it should be, in the end."""
    core.do(lambda tx, _: tx.remove(purchase, visit=core.rows(tables.receipt)[0].visit))
    customer = shop.register(address := email())
    linked(core, address)
    tell_all(core, medusa, note)
    assert [
        (one.total, one.paid, one.given_back, one.status) for one in shop.seen_by(customer)
    ] == [(*yen(105, 267, 162), "completed")]


@pytest.mark.parametrize("is_done", [False, True], ids=["before-its-commit", "after-its-commit"])
def test_wherever_the_process_ends_around_a_transaction_it_is_there_once(
    core: Core, shop: InMemory, is_done: bool
) -> None:
    with_online_shop(core)
    visit = sold(core)
    given_back(core, visit)
    for at in range(2):
        numbers = count()

        def note(work: Callable[[Tx], T], /, numbers: Iterator[int] = numbers, at: int = at) -> T:
            number = next(numbers)
            if number == at and not is_done:
                raise Crash
            done = core.do(lambda tx, _: work(tx))
            if number == at:
                raise Crash
            return done

        again(core, shop, shop.medusa(), note)
        assert next(numbers) > at, "it never got there"


def test_what_was_bought_before_the_link_is_told_then(core: Core, shop: InMemory) -> None:
    with_online_shop(core)
    sold(core)
    assert core.rows(purchase) == [], "nobody to tell"
    customer = shop.register(email())
    linked(core, "", subject=customer)
    tell_all(core, shop.medusa())
    assert len(shop.seen_by(customer)) == 1
    linked(core, "", subject=customer)
    assert due(core) is None, "linked again, told once"


def test_a_member_has_their_address_in_their_export_and_may_have_it_forgotten(
    core: Core, shop: InMemory
) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    sold(core)
    with core.database.reading.connect() as connection:
        assert address.encode() in export(connection, STORE, MIKA)
    core.do(lambda tx, _: online_shop.unlink(tx, MIKA))
    assert core.rows(online_account) == core.rows(purchase) == []
    with core.database.reading.connect() as connection:
        assert address.encode() not in export(connection, STORE, MIKA)
    with pytest.raises(Refused):
        core.do(lambda tx, _: online_shop.unlink(tx, MIKA))
    # Whoever links anew is told all of it.
    linked(core, address)
    tell_all(core, shop.medusa())
    assert len(shop.seen_by(customer)) == 1


def test_without_an_online_shop_nobody_s_address_is_kept(core: Core) -> None:
    core.add_members()
    with pytest.raises(Refused, match="no online shop"):
        linked(core, email())
    sold(core)
    assert core.rows(purchase) == core.rows(online_account) == []
    with core.database.reading.connect() as connection:
        assert online_shop.standing(connection, STORE) is None


def test_what_is_given_back_while_it_is_told_is_told_too(core: Core, shop: InMemory) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    visit = sold(core)
    one = due(core)
    assert one is not None
    given_back(core, visit)
    tell(shop.medusa(), one, noting(core))
    assert [row.state for row in core.rows(purchase)] == ["waiting"]
    tell_all(core, shop.medusa())
    (seen,) = shop.seen_by(customer)
    assert seen.given_back == Decimal(162)


def test_a_shop_that_does_not_answer_is_asked_for_as_long_as_it_takes(
    core: Core, shop: InMemory
) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    sold(core)
    away = Medusa("http://127.0.0.1:9", "sk", "reg_jpy", "sc")
    began_ns = core.now_ns
    for _ in range(100):
        one = due(core)
        assert one is not None
        assert not tell(away, one, noting(core))
        assert due(core) is None, "not again within a minute"
        core.now_s += 61.0
    found = standing(core)
    assert (found.waiting, found.since_ns, found.given_up) == (1, began_ns, 0)
    assert found.answer == "ConnectionRefusedError"
    tell_all(core, shop.medusa())
    assert len(shop.seen_by(customer)) == 1
    assert standing(core) == PurchasesView(waiting=0, since_ns=None, given_up=0, answer="")


def standing(core: Core) -> PurchasesView:
    with core.database.reading.connect() as connection:
        found = online_shop.standing(connection, STORE)
    assert found is not None
    return found


def test_what_is_refused_all_day_is_given_up_and_told_once_somebody_asks(
    core: Core, shop: InMemory
) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    sold(core)
    wrong = shop.medusa(key="sk_of_somebody_else")
    began_s = core.now_s
    while core.rows(purchase, state="waiting"):
        if (one := due(core)) is not None:
            tell(wrong, one, noting(core))
        core.now_s += 60.0
    assert 12 * 3600.0 < core.now_s - began_s < 24 * 3600.0
    assert (standing(core).given_up, standing(core).answer) == (1, "status 401: Unauthorized")
    assert core.do(lambda tx, _: online_shop.retry(tx)) == 1
    tell_all(core, shop.medusa())
    assert len(shop.seen_by(customer)) == 1


def test_who_opens_an_account_there_later_finds_it(core: Core, shop: InMemory) -> None:
    with_online_shop(core)
    address = email()
    linked(core, address)
    sold(core)
    one = due(core)
    assert one is not None
    assert tell(shop.medusa(), one, noting(core)), "the shop did answer"
    assert standing(core).answer == "no such account"
    customer = shop.register(address)
    core.now_s += 24 * 3600.0
    tell_all(core, shop.medusa())
    assert len(shop.seen_by(customer)) == 1


def test_an_order_that_was_stored_first_counts(core: Core, shop: InMemory) -> None:
    with_online_shop(core)
    linked(core, email())
    visit = sold(core)
    opened = partial(online_shop.opened, visit=visit)
    names = [noting(core)(partial(opened, order=name)) for name in ("a", "b")]
    assert names == ["a", "a"], "two gateways that both believe to lead"


@pytest.mark.parametrize(
    ("subject", "address"),
    [
        pytest.param("", "", id="neither"),
        pytest.param("", "mika", id="no-host"),
        pytest.param("", "@mail.example", id="no-name"),
        pytest.param("", "mi ka@mail.example", id="space"),
        pytest.param("", "m" * 250 + "@mail.example", id="endless"),
        pytest.param("c" * 201, "", id="endless-name"),
        pytest.param("cus\n1", "", id="line"),
        pytest.param("cus_of_ken", "", id="another-member-s"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused(core: Core, subject: str, address: str) -> None:
    with_online_shop(core)
    core.do(lambda tx, _: online_shop.link(tx, KEN, "cus_of_ken"))
    with pytest.raises(Refused):
        linked(core, address, subject)


def test_the_clerk_tells_what_is_sold_while_it_runs(core: Core, shop: InMemory) -> None:
    customer = shop.register(address := email())
    with_online_shop(core)
    linked(core, address)
    sold(core)
    clerk = Clerk(core.database.reading, STORE, shop.medusa(), lambda: core.now_ns)
    writer = Writer(
        core.database,
        core.shop,
        lambda: core.now_ns,
        on_commit=lambda _: clerk.wake(),
        on_call=lambda _: None,
    )
    writer.start()
    clerk.start(writer)
    try:
        for _ in range(200):
            if core.rows(purchase, state="done"):
                break
            time.sleep(0.05)
    finally:
        clerk.stop()
        writer.stop()
    assert [one.receipt for one in shop.seen_by(customer)] == [1]


def test_whom_the_online_shop_sends_again_is_the_same_member(core: Core) -> None:
    with_online_shop(core)

    def sent(subject: str) -> MemberId:
        return core.do(lambda tx, m: TxServices(tx, m).add_member("Rin", "ja", subject).id)

    assert sent("cus_1") == sent("cus_1") != sent("cus_2")
    assert len({row.member for row in core.rows(tables.member)}) == 4


def test_the_shell_tells_how_far_the_online_shop_is_behind(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "gw", 1883, 8080)
    configured(gateway, "https://shop.example")

    def online(*arguments: str) -> Any:
        return gateway.cli("online", *arguments, "-c", str(gateway.config))

    assert online("status").stdout == "nothing was ever to be told\n"
    assert online("link", "--id", "NOBODYAAAAAAAAA", "--email", email()).returncode == 2
    assert online("retry").stdout == "0 are told again\n"


def configured(gateway: GatewayProcess, address: str) -> None:
    gateway.write()
    (gateway.folder / "shop.key").write_text("sk_test")
    with gateway.config.open("a") as config:
        config.write(
            f'[online_shop]\nkind = "medusa"\naddress = "{address}"\nkey_file = "shop.key"\n'
            f'region = "reg_jpy"\nsales_channel = "{CHANNEL}"\n'
        )


def test_a_gateway_tells_what_was_sold_before_it_started_and_whom_the_shop_sends(
    tmp_path: Path, shop: InMemory, free_port: Callable[[], int]
) -> None:
    gateway = GatewayProcess(tmp_path / "gw", free_port(), free_port())
    configured(gateway, shop.address)
    customer = shop.register(address := email())
    books = open_database(gateway.database, gateway.folder)
    migrate(books)
    core = Core(books, HouseAccount(books, STORE))
    with_online_shop(core)
    linked(core, address)
    visit = sold(core)
    # The script's day lies ahead of this machine's clock.
    core.do(lambda tx, _: tx.change(purchase, {"visit": visit}, next_try_ns=0))
    books.dispose()
    with running_gateway(gateway), httpx.Client(base_url=gateway.url) as program:
        program.headers["authorization"] = f"Bearer {STAFF_TOKEN}"
        for _ in range(200):
            told = program.get("/health").json()["purchases"]
            if told["waiting"] == 0:
                break
            time.sleep(0.05)
        assert told == {"waiting": 0, "since": None, "given_up": 0}
        assert [one.receipt for one in shop.seen_by(customer)] == [1]
        sent = {"name": "Rin", "subject": "cus_rin"}
        first, second = (program.post("/api/v1/members", json=sent).json() for _ in range(2))
        assert first["id"] == second["id"]
        refused = program.post("/api/v1/members", json={"name": "Rin", "email": "nowhere"})
        assert refused.status_code == 409
    assert address not in gateway.log()
