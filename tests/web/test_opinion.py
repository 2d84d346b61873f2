"""The question after the receipt, and the report that staff see."""

from tebura_contract.ids import ShelfId, Sku
from tebura_gateway.service.behaviour import ArticleUse, Behaviour, ShelfUse
from tebura_gateway.service.opinions import Motive
from tebura_gateway.service.views import VisitStage

from tests.web.conftest import Browser


def test_the_question_comes_with_the_receipt_and_is_answered_once_a_look(browser: Browser) -> None:
    shop = browser.shop
    paid = next(one for one in shop.visits() if one.stage is VisitStage.SETTLED and one.member)
    browser.sign_in(shop.members_by_id[paid.member])
    place = f"/me/visits/{paid.id}"
    assert 'name="motive"' in browser.http.get(f"{place}?lang=en").text
    answer = browser.http.post(
        f"{place}/opinion",
        data={"form": browser.form_token(place), "motive": "on-the-way", "again": "yes"},
    )
    assert "Thank you." in answer.text
    assert 'name="motive"' not in answer.text
    assert shop.opinions == [(paid.id, Motive.ON_THE_WAY, True)]


def test_nobody_answers_for_somebody_else_or_without_the_form(browser: Browser) -> None:
    shop = browser.shop
    paid = next(one for one in shop.visits() if one.stage is VisitStage.SETTLED and one.member)
    other = next(one for one in shop.members() if one.id != paid.member)
    browser.sign_in(other)
    given = {"form": browser.form_token("/me"), "motive": "other", "again": "no"}
    assert browser.http.post(f"/me/visits/{paid.id}/opinion", data=given).status_code == 404
    browser.sign_in(shop.members_by_id[paid.member])
    wrong = given | {"form": "made-up"}
    assert browser.http.post(f"/me/visits/{paid.id}/opinion", data=wrong).status_code == 403
    assert shop.opinions == []


def test_the_report_says_what_it_may_and_that_the_rest_is_too_few(browser: Browser) -> None:
    browser.sign_in_staff()
    assert "Too few" in browser.http.get("/staff/report?lang=en").text
    browser.shop.shown_behaviour = Behaviour(
        visits=40,
        median_stay_s=95.0,
        without_purchase=12,
        shelves=(ShelfUse(shelf=ShelfId("g/top"), reaches=61, median_s=1.4),),
        articles=(ArticleUse(sku=Sku("green-tea"), taken_visits=20, returned_visits=5),),
        opinions=12,
        motives={"break": 12},
        come_again={"yes": 11, "unsaid": 1},
    )
    html = browser.http.get("/staff/report?lang=en").text
    for said in ("40 visits", "1:35", "25%", "g/top", "A break", "Yes, again"):
        assert said in html
