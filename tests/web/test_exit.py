"""The screen at the exit: who may use it, what it sends, what it shows."""

import pytest
from tebura_gateway.api.signing import receipt_link
from tebura_gateway.domain.checkout import WhyCorrected
from tebura_gateway.service.views import LineState, VisitStage

from tests.web.conftest import Browser
from tests.web.showcase import EXIT_TOKEN, Showcase


def sign_in(browser: Browser) -> None:
    browser.http.post("/exit/sign-in", data={"token": EXIT_TOKEN})


def list_form(browser: Browser, visit: str) -> dict[str, str]:
    return {"form": browser.form_token(f"/exit/{visit}"), "where": "away"}


def test_only_a_signed_in_screen_shows_lists(browser: Browser, shop: Showcase) -> None:
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE))
    for address in ("/exit", f"/exit/{visit}"):
        assert browser.http.get(address).url.path == "/exit/sign-in"
    wrong = browser.http.post("/exit/sign-in", data={"token": "wrong"})
    assert wrong.status_code == 403
    sign_in(browser)
    assert "Chocolate bar" in browser.http.get("/exit?lang=en").text


def test_a_members_visit_is_not_on_the_screen(browser: Browser, shop: Showcase) -> None:
    sign_in(browser)
    mika = shop.members()[0]
    visit = shop.visits_of(mika.id)[0].id
    assert browser.http.get(f"/exit/{visit}").status_code == 404
    assert "Melon bread" not in browser.http.get("/exit?lang=en").text


def test_a_form_of_another_site_pays_nothing(browser: Browser, shop: Showcase) -> None:
    sign_in(browser)
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE))
    for where in ("list", "pay", "back", "again"):
        answer = browser.http.post(f"/exit/{visit}/{where}", data={"form": "x"})
        assert answer.status_code == 403, where
    assert shop.orders == []


def test_the_list_is_paid_as_it_was_put_right(browser: Browser, shop: Showcase) -> None:
    sign_in(browser)
    visit = shop.walk_up(("chocolate-bar", 2, LineState.SURE))
    form = list_form(browser, visit) | {
        "seen-chocolate-bar": "2",
        "n-chocolate-bar": "1",
        "why-chocolate-bar": "put-back",
        "add": "green-tea",
        "add-n": "2",
        "where": "in",
    }
    html = browser.http.post(f"/exit/{visit}/list?lang=en", data=form).text
    # 138 + 2 * 162
    assert "Pay ¥462" in html
    browser.http.post(f"/exit/{visit}/pay", data=form)
    ((_, order),) = shop.orders
    assert order.items == {"chocolate-bar": 1, "green-tea": 2}
    assert order.reasons == {"chocolate-bar": WhyCorrected.PUT_BACK}
    assert order.eats_in


def test_a_list_that_changed_meanwhile_is_shown_again(browser: Browser, shop: Showcase) -> None:
    sign_in(browser)
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE))
    form = list_form(browser, visit) | {"seen-chocolate-bar": "1", "n-chocolate-bar": "1"}
    shop.take(visit, "green-tea", 1)
    answer = browser.http.post(f"/exit/{visit}/pay?lang=en", data=form)
    assert "The list has changed" in browser.http.get(f"/exit/{visit}?told=changed&lang=en").text
    assert answer.url.path == f"/exit/{visit}"
    assert shop.orders == []


def test_a_declined_payment_can_be_tried_again(browser: Browser, shop: Showcase) -> None:
    sign_in(browser)
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE))
    shop.leave(visit, VisitStage.UNPAID)
    page = f"/exit/{visit}?lang=en"
    assert "Try again" in browser.http.get(page).text
    browser.http.post(f"/exit/{visit}/again", data={"form": browser.form_token(page)})
    assert shop.visits_by_id[visit].stage is VisitStage.SETTLED


def test_the_receipt_opens_on_the_shoppers_own_phone(browser: Browser, shop: Showcase) -> None:
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE))
    shop.settle(visit)
    link = receipt_link(shop.web.secret, "http://testserver", visit, shop.now_ns())
    html = browser.http.get(link.removeprefix("http://testserver") + "?lang=en").text
    assert "T1234567890123" in html
    assert "I did not take this" not in html, "nobody is signed in: staff are there to ask"
    forged = link[:-2] + ("aa" if link[-2:] != "aa" else "bb")
    assert browser.http.get(forged.removeprefix("http://testserver")).status_code == 404
    sign_in(browser)
    assert "T1234567890123" in browser.http.get(f"/exit/{visit}/receipt").text


@pytest.mark.parametrize("count", ["-1", "1e3", "٣", "99999", ""])
def test_a_number_that_is_none_counts_as_nothing(
    browser: Browser, shop: Showcase, count: str
) -> None:
    sign_in(browser)
    visit = shop.walk_up(("chocolate-bar", 1, LineState.SURE), ("green-tea", 1, LineState.SURE))
    form = list_form(browser, visit) | {"n-chocolate-bar": count, "n-green-tea": "1"}
    html = browser.http.post(f"/exit/{visit}/list?lang=en", data=form).text
    assert "Pay ¥162" in html


def test_staff_close_visits_give_coupons_and_name_staff(browser: Browser, shop: Showcase) -> None:
    browser.sign_in_staff()
    mika = shop.members()[0]
    visit = shop.visits_of(mika.id)[0].id
    form = browser.form_token("/staff")
    browser.http.post(f"/staff/visits/{visit}/close", data={"form": form})
    assert shop.visits_by_id[visit].stage is VisitStage.CHECKING
    browser.http.post(
        "/staff/coupons", data={"form": form, "member": mika.id, "promotion": "welcome"}
    )
    assert shop.coupons == [(mika.id, "welcome")]
    browser.http.post("/staff/roles", data={"form": form, "member": mika.id, "role": "staff"})
    assert "No longer staff" in browser.http.get("/staff/members?lang=en").text
    bad = browser.http.post("/staff/roles", data={"form": form, "member": mika.id, "role": "boss"})
    assert bad.status_code == 422
