"""Who may see and do what, and what the browser is told to refuse."""

import re

import pytest
from starlette.testclient import TestClient
from tebura_contract.clock import SECOND_NS
from tebura_gateway.api.app import create_app
from tebura_gateway.api.signing import sign_in_link

from tests.web.conftest import Browser
from tests.web.showcase import STAFF_TOKEN, Showcase

PAGES = ["/live", "/staff/sign-in", "/sign-in?token=x", "/nothing-here"]


def test_a_link_signs_in_once(browser: Browser, shop: Showcase) -> None:
    link = sign_in_link(shop.web.secret, "http://testserver", shop.members()[0].id, shop.now_ns())
    assert browser.http.get(link).status_code == 200, "looking at a link does not use it up"
    token = link.partition("token=")[2]
    first = browser.http.post("/sign-in", data={"token": token})
    assert "Mika" in first.text
    browser.http.cookies.clear()
    again = browser.http.post("/sign-in", data={"token": token})
    assert again.status_code == 403
    assert not browser.http.cookies


def test_a_link_runs_out(browser: Browser, shop: Showcase) -> None:
    link = sign_in_link(shop.web.secret, "http://testserver", shop.members()[0].id, shop.now_ns())
    shop.time_ns += 16 * 60 * SECOND_NS
    answer = browser.http.post("/sign-in", data={"token": link.partition("token=")[2]})
    assert answer.status_code == 403


def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites(
    browser: Browser, shop: Showcase
) -> None:
    browser.http.follow_redirects = False
    shopper = browser.sign_in(shop.members()[0]).headers["set-cookie"].lower()
    staff = browser.sign_in_staff().headers["set-cookie"].lower()
    assert "httponly" in shopper
    assert "samesite=lax" in shopper
    assert "httponly" in staff
    assert "samesite=strict" in staff


def test_over_tls_cookies_never_travel_in_the_clear(shop: Showcase) -> None:
    with TestClient(create_app(shop), base_url="https://shop.example") as client:
        client.follow_redirects = False
        answer = client.post("/staff/sign-in", data={"token": STAFF_TOKEN})
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize("page", PAGES)
def test_every_page_carries_a_strict_policy(browser: Browser, page: str) -> None:
    answer = browser.http.get(page)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_no_page_holds_what_the_policy_forbids(browser: Browser, shop: Showcase) -> None:
    browser.sign_in_staff()
    browser.sign_in(shop.members()[1])
    visit = shop.visits_of(shop.members()[1].id)[0].id
    shop.dispute(visit, shop.receipts()[0].lines[0].product.sku)
    pages = ["/me", f"/me/visits/{visit}", "/live", "/staff", "/staff/receipts", "/staff/members"]
    for page in [*pages, *PAGES]:
        html = browser.http.get(page).text
        assert not re.search(r"<script(?![^>]* src=\"/static/)", html), page
        assert not re.search(r"\s(style|on\w+)=", html), page
        assert not re.search(r"(src|href|action)=\"(https?:)?//", html), page


def test_names_cannot_smuggle_markup_into_a_page(browser: Browser, shop: Showcase) -> None:
    member = shop.add_member("<img src=x onerror=alert(1)>", "en", seed=50)
    shop.enter(member)
    browser.sign_in_staff()
    for page in ("/staff", "/live", "/staff/members"):
        html = browser.http.get(page).text
        assert "&lt;img src=x" in html
        assert "<img" not in html


@pytest.mark.parametrize("page", ["/me", "/me/stream", "/me/visits/gate-1-1-1"])
def test_a_strangers_way_leads_to_the_door(browser: Browser, page: str) -> None:
    browser.http.follow_redirects = False
    answer = browser.http.get(page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_codes_are_only_for_their_member(browser: Browser) -> None:
    answer = browser.http.get("/me/codes.json")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_shoppers_visit_looks_like_none(browser: Browser, shop: Showcase) -> None:
    mika, ken, _ = shop.members()
    browser.sign_in(mika)
    of_ken = shop.visits_of(ken.id)[0].id
    for address in (f"/me/visits/{of_ken}", f"/me/visits/{of_ken}/receipt.json"):
        assert browser.http.get(address).status_code == 404
    form = browser.form_token("/me")
    sku = shop.receipts()[0].lines[0].product.sku
    answer = browser.http.post(f"/me/visits/{of_ken}/dispute", data={"form": form, "sku": sku})
    assert answer.status_code == 404
    assert not shop.reviews()


def test_a_form_of_another_site_changes_nothing(browser: Browser, shop: Showcase) -> None:
    ken = shop.members()[1]
    browser.sign_in(ken)
    browser.sign_in_staff()
    visit = shop.visits_of(ken.id)[0].id
    shop.add_review("step:plates-1/1-1", candidates=(("melon-pan", 1, 0.6),))
    attempts: list[tuple[str, dict[str, str]]] = [
        (f"/me/visits/{visit}/dispute", {"sku": "potato-chips"}),
        ("/staff/reviews", {"review": "step:plates-1/1-1", "ruling": "void"}),
        ("/staff/refunds", {"visit": visit}),
        ("/staff/members", {"name": "Eve", "locale": "en"}),
        ("/staff/links", {"member": ken.id}),
        ("/staff/gaps", {"node": "gate-1"}),
    ]
    for address, data in attempts:
        for form in ("", "forged"):
            assert browser.http.post(address, data={**data, "form": form}).status_code in (403, 422)
    assert not shop.rulings
    assert not shop.refunds
    assert len(shop.reviews()) == 1
    assert len(shop.members()) == 3


def test_a_sign_in_sent_from_another_site_is_refused(browser: Browser) -> None:
    answer = browser.http.post(
        "/staff/sign-in", data={"token": STAFF_TOKEN}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403
    assert not browser.http.cookies


def test_guessing_the_staff_token_is_slowed_down(browser: Browser, shop: Showcase) -> None:
    for _ in range(10):
        assert browser.http.post("/staff/sign-in", data={"token": "guess"}).status_code == 403
    assert browser.http.post("/staff/sign-in", data={"token": STAFF_TOKEN}).status_code == 429
    shop.time_ns += 61 * SECOND_NS
    assert browser.http.post("/staff/sign-in", data={"token": STAFF_TOKEN}).status_code == 200


def test_without_a_staff_token_nobody_is_staff(shop: Showcase) -> None:
    shop.web = type(shop.web)(secret=shop.web.secret)
    browser = Browser(shop)
    assert browser.http.post("/staff/sign-in", data={"token": ""}).status_code in (403, 422)
    answer = browser.http.get("/api/v1/visits", headers={"authorization": "Bearer "})
    assert answer.status_code == 401


def test_the_live_page_is_closed_unless_configured(shop: Showcase) -> None:
    shop.web = type(shop.web)(secret=shop.web.secret)
    browser = Browser(shop)
    assert browser.http.get("/live").status_code == 404
    assert browser.http.get("/live/stream").status_code == 404


def test_a_large_body_is_cut_off(browser: Browser) -> None:
    answer = browser.http.post("/staff/sign-in", data={"token": "x" * 100_000})
    assert answer.status_code == 413


def test_a_short_secret_stops_the_start(shop: Showcase) -> None:
    shop.web = type(shop.web)(secret=b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        create_app(shop)
