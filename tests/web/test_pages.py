"""What shoppers and staff read on their pages, in both languages."""

import json

import msgspec
import pytest
from msgspec.structs import replace
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import SPARES, Claim, check_code
from tebura_contract.events import RefusalReason
from tebura_contract.ids import Sku
from tebura_gateway.service.requests import Ruling, RulingKind
from tebura_gateway.service.views import LineState, ReviewPerson, VisitStage
from tebura_gateway.web.rendering import fit

from tests.web.conftest import Browser
from tests.web.showcase import STORE_KEY, Showcase, node


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ja", ["お買い物中", "おにぎり 鮭", "¥172", "確認中", "メロンパン", "¥483"]),
        ("en", ["Your cart", "Rice ball, salmon", "¥172", "checking", "Melon bread", "¥483"]),
    ],
)
def test_the_cart_shows_lines_prices_and_doubt(
    browser: Browser, shop: Showcase, language: str, expected: list[str]
) -> None:
    browser.sign_in(shop.members()[0])
    html = browser.http.get(f"/me?lang={language}").text
    assert f'<html lang="{language}"' in html
    for text in expected:
        assert text in html


def test_the_chosen_language_is_remembered(browser: Browser) -> None:
    browser.http.get("/live?lang=en")
    assert '<html lang="en"' in browser.http.get("/live").text
    assert '<html lang="ja"' in browser.http.get("/live?lang=ja").text


def test_the_codes_of_two_hours_open_the_gate_in_their_time(
    browser: Browser, shop: Showcase
) -> None:
    aoi = shop.members()[2]
    browser.sign_in(aoi)
    codes = browser.http.get("/me/codes.json").json()
    assert len(codes) == 241
    for ahead, code in enumerate(codes):
        at_ns = shop.now_ns() + ahead * 30 * SECOND_NS
        claim = check_code(code["code"], [STORE_KEY], shop.layout.store.id, at_ns)
        assert isinstance(claim, Claim)
        assert claim.member == aoi.id
        assert len(code["code"]) <= 45
        spares = [
            check_code(one["code"], [STORE_KEY], shop.layout.store.id, at_ns)
            for one in code["spares"]
        ]
        assert spares == [replace(claim, spare=n) for n in range(1, SPARES + 1)]
        assert {one["size"] for one in code["spares"]} == {code["size"]}
    assert [code["to"] for code in codes[:-1]] == [code["from"] for code in codes[1:]]
    html = browser.http.get("/me").text
    held = json.loads(html.partition("data-codes='")[2].partition("'")[0])
    assert held == codes[: len(held)]
    assert len(held) >= 3


def test_the_receipt_is_a_qualified_simplified_invoice(browser: Browser, shop: Showcase) -> None:
    ken = shop.members()[1]
    browser.sign_in(ken)
    visit = shop.visits_of(ken.id)[0]
    html = browser.http.get(f"/me/visits/{visit.id}?lang=ja").text
    for text in (
        "適格簡易請求書",
        "手ぶら商店株式会社",
        "T1234567890123",
        "2026年11月21日",
        "ポテトチップス うすしお",
        "※",
        "8%対象",
        "¥286",
        "¥21",
        "000003",
    ):
        assert text in html
    document = browser.http.get(f"/me/visits/{visit.id}/receipt.json").json()
    assert document["total"] == {"minor": 286, "currency": "JPY"}
    assert document["registration"] == "T1234567890123"
    assert document["credit_notes"] == []


def test_what_went_back_is_in_the_receipts_document_with_a_number_of_its_own(
    browser: Browser, shop: Showcase
) -> None:
    ken = shop.members()[1]
    visit = shop.visits_of(ken.id)[0]
    shop.refund(visit.id, Sku("potato-chips"), 1, "broken", "staff")
    browser.sign_in(ken)
    document = browser.http.get(f"/me/visits/{visit.id}/receipt.json").json()
    (note,) = document["credit_notes"]
    assert note["number"] == 1
    assert [(line["sku"], line["quantity"]) for line in note["lines"]] == [("potato-chips", 1)]
    assert note["total"] == document["refunded"] == {"minor": 178, "currency": "JPY"}


def test_a_dispute_reaches_the_staff_and_shows_on_the_line(
    browser: Browser, shop: Showcase
) -> None:
    ken = shop.members()[1]
    browser.sign_in(ken)
    page = f"/me/visits/{shop.visits_of(ken.id)[0].id}?lang=en"
    form = browser.form_token(page)
    told = browser.http.post(
        page.replace("?lang=en", "/dispute"), data={"form": form, "sku": "potato-chips"}
    )
    assert "The store has been told" in told.text
    assert told.text.count("The store is looking at this line") == 1
    assert told.text.count("I did not take this") == 1, "the other line can still be disputed"
    assert [review.kind for review in shop.reviews()] == ["dispute"]


def test_a_shopper_says_that_it_is_eaten_here(browser: Browser, shop: Showcase) -> None:
    mika, ken, _ = shop.members()
    browser.sign_in(mika)
    visit = shop.visits_of(mika.id)[0].id
    form = browser.form_token("/me?lang=en")
    told = browser.http.post(f"/me/visits/{visit}/eat-in", data={"form": form, "where": "in"})
    assert "I take it away" in told.text
    assert shop.visits_by_id[visit].eats_in
    other = shop.visits_of(ken.id)[0].id
    refused = browser.http.post(f"/me/visits/{other}/eat-in", data={"form": form, "where": "in"})
    assert refused.status_code == 404, "it is somebody else's"


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        (VisitStage.CHECKING, "Checking your bill"),
        (VisitStage.REVIEW, "A person is looking at your bill"),
        (VisitStage.PAYING, "Paying"),
        (VisitStage.UNPAID, "The payment did not go through"),
        (VisitStage.NOTHING_TAKEN, "Nothing taken, nothing to pay"),
        (VisitStage.NOT_CHARGED, "Nothing is charged"),
    ],
)
def test_after_the_exit_the_phone_says_where_the_bill_is(
    browser: Browser, shop: Showcase, stage: VisitStage, text: str
) -> None:
    mika = shop.members()[0]
    shop.leave(shop.visits_of(mika.id)[0].id, stage)
    browser.sign_in(mika)
    assert text in browser.http.get("/me?lang=en").text


DOUBT = "step:plates-1/1-17"
ITEM = "/staff/review?id=step%3Aplates-1%2F1-17"


def doubtful(shop: Showcase) -> None:
    """Ken or Mika took something that weighs 114.6 g while a camera was blind."""
    mika, ken = (shop.visits_of(member.id)[0] for member in shop.members()[:2])
    shop.add_review(
        DOUBT,
        candidates=(("onigiri-salmon", 1, 0.45), ("onigiri-tuna", 1, 0.3)),
        people=(
            ReviewPerson(visit=mika.id, member_name="Mika", probability=0.7),
            ReviewPerson(visit=ken.id, member_name="Ken", probability=0.3),
        ),
        visit=mika.id,
        delta_g=-114.6,
        shelf="g1/s2",
        plates=("p2", "p3"),
        at_risk=172,
        member_name="Mika",
    )
    shop.feel(
        DOUBT,
        shelf="g1/s2",
        moves={"p2": -71.2, "p3": -43.4},
        hands=((ken.id, 0.86, -0.5, 1.3), (None, 0.2, 0.0, 1.0)),
        spell="aisle: picture was black",
    )


def test_the_queue_tells_what_is_asked_and_how_long_answers_take(
    browser: Browser, shop: Showcase
) -> None:
    doubtful(shop)
    shop.add_review("step:plates-1/1-18", at_risk=300)
    shop.rule("step:plates-1/1-18", Ruling(kind=RulingKind.VOID))
    browser.sign_in_staff()
    html = browser.http.get("/staff?lang=en").text
    for text in ("It is not clear what it was", "−115 g", "45%", "g1/s2 p2, p3", "¥172", ITEM):
        assert text in html
    assert "¥172 at stake" in html
    assert "answered in 1:35" in html


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["What the plates felt", "Rice ball, salmon", "Something else", "Cameras blind"]),
        ("ja", ["はかりの記録", "おにぎり 鮭", "それ以外", "カメラが見えない"]),
    ],
)
def test_a_review_shows_trace_candidates_hands_and_what_was_blind(
    browser: Browser, shop: Showcase, language: str, expected: list[str]
) -> None:
    doubtful(shop)
    browser.sign_in_staff()
    html = browser.http.get(f"{ITEM}&lang={language}").text
    # What 45 % and 30 % leave to one is for something else.
    for text in [*expected, "45%", "30%", "25%", "aisle: picture was black", "Ken", "−0.5 s"]:
        assert text in html
    assert html.count("<polyline") == 3, "two plates and their sum"
    assert "2,431 → 2,360 g" in html
    # Mika's cart is at 483; either rice ball is added to it.
    assert "¥655" in html
    assert "¥643" in html


def test_a_review_without_a_trace_can_be_answered_all_the_same(
    browser: Browser, shop: Showcase
) -> None:
    doubtful(shop)
    shop.steps_seen[DOUBT] = msgspec.structs.replace(shop.steps_seen[DOUBT], trace=None, spells=())
    browser.sign_in_staff()
    html = browser.http.get(f"{ITEM}&lang=en").text
    assert "The node kept no trace" in html
    assert "<polyline" not in html
    assert "All sensors of this shelf were fine" in html
    assert 'value="accept"' in html


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("gold bar", "No product is called “gold bar”"),
        ("onigiri", "“onigiri” fits several: onigiri-salmon, onigiri-tuna"),
    ],
)
def test_a_change_that_names_no_one_product_is_shown_again_as_it_was(
    browser: Browser, shop: Showcase, typed: str, told: str
) -> None:
    doubtful(shop)
    browser.sign_in_staff()
    form = browser.form_token(f"{ITEM}&lang=en")
    data = {"ruling": "change", "article": typed, "count": "4", "form": form, "review": DOUBT}
    answer = browser.http.post("/staff/reviews", data=data)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{typed}"' in answer.text
    assert 'value="4"' in answer.text
    assert shop.rulings == []


def test_an_answered_review_says_who_answered_and_asks_nothing(
    browser: Browser, shop: Showcase
) -> None:
    doubtful(shop)
    shop.rule(DOUBT, Ruling(kind=RulingKind.VOID, by="Rin"))
    browser.sign_in_staff()
    html = browser.http.get(f"{ITEM}&lang=en").text
    assert "Answered: Nothing was taken · Rin" in html
    assert 'name="ruling"' not in html


@pytest.mark.parametrize(
    ("data", "kind", "sku", "quantity"),
    [
        ({"ruling": "accept"}, "accept", None, None),
        ({"choice": "onigiri-tuna|1"}, "accept", "onigiri-tuna", 1),
        ({"ruling": "accept", "choice": "onigiri-tuna|-2"}, "accept", "onigiri-tuna", -2),
        ({"ruling": "change", "article": "green-tea", "count": "2"}, "change", "green-tea", 2),
        (
            {"ruling": "change", "article": "緑茶", "count": "2", "direction": "-1"},
            "change",
            "green-tea",
            -2,
        ),
        ({"ruling": "void", "choice": "onigiri-tuna|1"}, "void", None, None),
    ],
)
def test_a_ruling_is_what_the_button_said(
    browser: Browser,
    shop: Showcase,
    data: dict[str, str],
    kind: str,
    sku: str | None,
    quantity: int | None,
) -> None:
    shop.add_review("step:plates-1/1-17", candidates=(("onigiri-salmon", 1, 0.58),))
    browser.sign_in_staff()
    form = browser.form_token("/staff")
    answer = browser.http.post(
        "/staff/reviews", data={**data, "form": form, "review": "step:plates-1/1-17"}
    )
    assert answer.status_code == 200
    [(review, ruling)] = shop.rulings
    assert review == "step:plates-1/1-17"
    assert (ruling.kind.value, ruling.sku, ruling.quantity) == (kind, sku, quantity)


def test_what_staff_put_there_is_nobodys_cart(browser: Browser, shop: Showcase) -> None:
    doubtful(shop)
    browser.sign_in_staff()
    data = {"form": browser.form_token(ITEM), "review": DOUBT, "visit": "staff"}
    browser.http.post("/staff/reviews", data={**data, "choice": "onigiri-tuna|1"})
    [(_, ruling)] = shop.rulings
    assert (ruling.visit, ruling.is_staff_work) == (None, True)


def test_a_ruling_on_what_is_decided_is_refused(browser: Browser, shop: Showcase) -> None:
    shop.add_review("step:plates-1/1-17", candidates=(("onigiri-salmon", 1, 0.58),))
    browser.sign_in_staff()
    data = {"form": browser.form_token("/staff"), "review": "step:plates-1/1-17", "ruling": "void"}
    assert browser.http.post("/staff/reviews", data=data).status_code == 200
    assert browser.http.post("/staff/reviews", data=data).status_code == 409


def test_staff_refund_a_piece_and_the_rest(browser: Browser, shop: Showcase) -> None:
    browser.sign_in_staff()
    visit = shop.receipts()[1].visit
    form = browser.form_token("/staff/receipts")
    data = {"form": form, "visit": visit, "sku": "chocolate-bar", "quantity": "1"}
    html = browser.http.post("/staff/refunds", data=data).text
    assert "¥138" in html
    browser.http.post("/staff/refunds", data={"form": form, "visit": visit})
    receipt = shop.receipt(visit)
    assert receipt is not None
    assert receipt.refunded == receipt.total


def test_a_shopper_pays_what_was_declined(browser: Browser, shop: Showcase) -> None:
    mika = shop.members()[0]
    visit = shop.visits_of(mika.id)[0].id
    shop.leave(visit, VisitStage.UNPAID)
    browser.sign_in(mika)
    html = browser.http.get("/me?lang=en").text
    assert "Your last visit is not paid yet" in html
    assert "Pay ¥483 of" in html
    form = browser.form_token("/me")
    ken_s = shop.visits_of(shop.members()[1].id)[0].id
    foreign = browser.http.post(f"/me/visits/{ken_s}/pay", data={"form": form})
    assert foreign.status_code == 404
    after = browser.http.post(f"/me/visits/{visit}/pay", data={"form": form}).text
    assert "is not paid yet" not in after
    assert shop.visits_by_id[visit].stage is VisitStage.SETTLED


@pytest.mark.parametrize(
    ("reason", "said"),
    [(RefusalReason.NO_MEANS, "no way to pay yet"), (RefusalReason.UNPAID, "owes for a visit")],
)
def test_staff_see_who_does_not_come_in_and_why(
    browser: Browser, shop: Showcase, reason: RefusalReason, said: str
) -> None:
    member = shop.members()[0]
    browser.sign_in_staff()
    assert "does not come in" not in browser.http.get("/staff/members?lang=en").text
    shop.members_by_id[member.id] = msgspec.structs.replace(member, barred=reason)
    assert f"does not come in: {said}" in browser.http.get("/staff/members?lang=en").text


def test_a_new_members_link_signs_their_phone_in(browser: Browser, shop: Showcase) -> None:
    browser.sign_in_staff()
    form = browser.form_token("/staff/members")
    browser.http.post("/staff/members", data={"form": form, "name": "Rin", "locale": "ja"})
    rin = shop.members()[-1]
    html = browser.http.post("/staff/links", data={"form": form, "member": rin.id}).text
    link = html.partition('<p><a href="')[2].partition('"')[0]
    phone = Browser(shop)
    welcome = phone.http.get(link).text
    token = welcome.partition('name="token" value="')[2].partition('"')[0]
    assert "Rin" in phone.http.post("/sign-in", data={"token": token}).text


def test_blind_nodes_are_named_with_the_reason(browser: Browser, shop: Showcase) -> None:
    shop.nodes_seen = [
        node("camera-1", blind="picture is black"),
        node("plates-1", is_online=False),
        node("gate-1", missing=2),
    ]
    browser.sign_in_staff()
    html = browser.http.get("/staff?lang=en").text
    for text in ("picture is black", "silent", "2 missing"):
        assert text in html
    data = {"form": browser.form_token("/staff"), "node": "gate-1"}
    assert "2 missing" not in browser.http.post("/staff/gaps", data=data).text
    assert browser.http.post("/staff/gaps", data=data).status_code == 409


def test_the_live_page_shows_shelves_people_and_receipts(browser: Browser) -> None:
    html = browser.http.get("/live?lang=en").text
    for text in ("Mika", "Melon bread", "checking", "−1", "Latest receipts", "plates-1", "Gate"):
        assert text in html
    assert 'data-tracks="camera-1-1-4"' in html


def test_something_unknown_in_a_cart_has_a_line_of_its_own(
    browser: Browser, shop: Showcase
) -> None:
    mika = shop.members()[0]
    shop.take(shop.visits_of(mika.id)[0].id, "chocolate-bar", state=LineState.REVIEW)
    browser.sign_in(mika)
    assert "staff is looking" in browser.http.get("/me?lang=en").text


@pytest.mark.parametrize(
    ("text", "letters", "expected"),
    [
        ("Green tea", 9, "Green tea"),
        ("Green tea", 8, "Green t…"),
        ("おにぎり 鮭", 11, "おにぎり 鮭"),
        ("おにぎり 鮭", 8, "おにぎ…"),
    ],
)
def test_names_are_cut_to_the_width_beneath_their_facing(
    text: str, letters: int, expected: str
) -> None:
    assert fit(text, letters) == expected


def test_staff_count_facings_and_leave_the_others_alone(browser: Browser, shop: Showcase) -> None:
    browser.sign_in_staff()
    form = browser.form_token("/staff/stock?lang=en")
    data = {"form": form, "facing": ["g1/s1/f1", "g1/s1/f2"], "counted": ["", "7"]}
    answer = browser.http.post("/staff/stock", data=data)
    assert answer.status_code == 200
    assert "Counted." in answer.text
    assert shop.counted == {"g1/s1/f2": 7}


@pytest.mark.parametrize(
    ("facing", "typed", "told"),
    [
        ("g1/s1/f2", "seven", "g1/s1/f2: “seven” is no count of pieces."),
        ("g9/s1/f2", "7", "no facing"),
    ],
)
def test_a_count_that_cannot_be_is_shown_again_and_nothing_is_taken(
    browser: Browser, shop: Showcase, facing: str, typed: str, told: str
) -> None:
    browser.sign_in_staff()
    form = browser.form_token("/staff/stock?lang=en")
    data = {"form": form, "facing": [facing, "g1/s1/f1"], "counted": [typed, "4"]}
    answer = browser.http.post("/staff/stock", data=data)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="4"' in answer.text
    assert shop.counted == {}
