"""Where there is a counter, the phone's cart has a button, and only that charges."""

import msgspec
import pytest
from tebura_contract.ids import Sku, VisitId
from tebura_contract.layout import Layout
from tebura_gateway.service.views import LineState, MemberView

from tests.web.conftest import Browser
from tests.web.showcase import Showcase, busy_shop


def with_counter(layout: Layout) -> Layout:
    """The first shelf is the counter."""
    first, *others = layout.gondola
    board, *boards = first.shelf
    counter = msgspec.structs.replace(board, is_counter=True)
    changed = msgspec.structs.replace(first, shelf=(counter, *boards))
    return msgspec.structs.replace(layout, gondola=(changed, *others))


@pytest.fixture
def shop() -> Showcase:
    found = busy_shop()
    found.layout = with_counter(found.layout)
    return found


@pytest.fixture
def shopping(browser: Browser) -> tuple[MemberView, VisitId]:
    shop = browser.shop
    aoi = shop.members()[2]
    visit = shop.enter(aoi, ago_s=30, track=9)
    shop.take(visit, "chocolate-bar", 2)
    browser.sign_in(aoi)
    return aoi, visit


def pay(browser: Browser, visit: VisitId, **changed: str) -> int:
    html = browser.http.get("/me").text
    seen = html.partition('name="seen" value="')[2].partition('"')[0]
    given = {"form": browser.form_token("/me"), "seen": seen or "0"} | changed
    answer = browser.http.post(f"/me/visits/{visit}/confirm", data=given, follow_redirects=False)
    return int(answer.status_code)


def test_the_button_pays_for_exactly_what_is_listed(
    browser: Browser, shopping: tuple[MemberView, VisitId]
) -> None:
    _, visit = shopping
    assert "Pay ¥276" in browser.http.get("/me?lang=en").text
    assert browser.shop.orders == []
    assert pay(browser, visit) == 303
    ((paid, order),) = browser.shop.orders
    assert (paid, order.items) == (visit, {Sku("chocolate-bar"): 2})
    assert order.seen == order.items


def test_nothing_is_paid_for_a_list_that_changed_or_is_in_doubt_or_somebody_elses(
    browser: Browser, shopping: tuple[MemberView, VisitId]
) -> None:
    _, visit = shopping
    assert pay(browser, visit, seen="1") == 303
    assert pay(browser, visit, form="made-up") == 403
    browser.shop.take(visit, "green-tea", 1, state=LineState.CHECKING, confidence=0.7)
    assert 'name="seen"' not in browser.http.get("/me").text
    assert pay(browser, visit, seen="276") == 303
    others = next(one for one in browser.shop.visits() if one.member and one.id != visit)
    assert pay(browser, others.id) == 404
    assert browser.shop.orders == []
