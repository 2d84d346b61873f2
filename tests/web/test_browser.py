"""The pages in a real browser: a phone in both languages, the staff's keyboard, the live shop."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import make_code
from tebura_contract.ids import CameraId, Sku
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame
from tebura_gateway.api.app import create_app
from tebura_gateway.service.views import LineState, VisitStage

from tests.web.screenshots import FLAGS, PHONE, sign_in
from tests.web.showcase import EXIT_TOKEN, STAFF_TOKEN, Server, Showcase, serving


@pytest.fixture(scope="module")
def chromium(require_program: Callable[[str], str]) -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server(shop: Showcase, free_port: Callable[[], int]) -> Iterator[Server]:
    with serving(create_app(shop), shop, free_port()) as one:
        yield one


@contextmanager
def phone(chromium: Browser, language: str) -> Iterator[Page]:
    """A phone whose console stays silent: a blocked script or style would speak there."""
    context = chromium.new_context(viewport=PHONE, locale=language, has_touch=True)
    context.set_default_timeout(10_000)
    page = context.new_page()
    spoken: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    page.on("pageerror", lambda error: spoken.append(str(error)))
    yield page
    assert not [text for text in spoken if "ERR_INTERNET_DISCONNECTED" not in text]
    context.close()


WORDS = {
    "ja": (
        "入店コード",
        "お買い物中",
        "板チョコレート",
        "お会計を確認しています",
        "レシートを見る",
    ),
    "en": ("Your way in", "Your cart", "Chocolate bar", "Checking your bill", "Receipt"),
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_shopper_enters_sees_the_cart_change_leaves_and_disputes(
    chromium: Browser, server: Server, shop: Showcase, language: str
) -> None:
    code, cart, bar, checking, receipt = WORDS[language]
    aoi = shop.members()[2]
    with phone(chromium, language) as page:
        sign_in(page, server.address, shop, aoi)
        expect(page.get_by_role("heading", name=code)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        visit = shop.enter(aoi, ago_s=0, track=9)
        expect(page.get_by_role("heading", name=cart)).to_be_visible(timeout=1500)
        expect(page.get_by_role("heading", name=code)).to_be_hidden()

        began_s = time.monotonic()
        shop.take(visit, "chocolate-bar", 2, state=LineState.CHECKING, confidence=0.8)
        expect(page.locator(".line.is-checking", has_text=bar)).to_be_visible(timeout=1500)
        assert time.monotonic() - began_s < 1.5
        shop.settle_checks(visit)
        expect(page.locator(".line.is-sure", has_text=bar)).to_be_visible(timeout=1500)
        expect(page.locator(".total")).to_contain_text("¥276")
        shop.take(visit, "chocolate-bar", -1)
        expect(page.locator(".total")).to_contain_text("¥138", timeout=1500)

        shop.leave(visit)
        expect(page.get_by_role("heading", name=checking)).to_be_visible(timeout=1500)
        shop.settle(visit)
        page.get_by_role("link", name=receipt).click()
        expect(page.locator(".paper")).to_contain_text("T1234567890123")
        page.locator(".dispute summary").click()
        page.locator(".dispute button").click()
        expect(page.locator(".disputed")).to_be_visible()
        assert [review.kind for review in shop.reviews()] == ["dispute"]
        shop.refund(visit, Sku("chocolate-bar"), 1, "dispute", "staff")
        page.reload()
        expect(page.locator(".receipt-total.refunded")).to_contain_text("¥138")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_discount_stands_in_the_cart_and_on_the_receipt_with_its_reason(
    chromium: Browser, server: Server, shop: Showcase, language: str
) -> None:
    name, kind = {"ja": ("お昼のセット", "セット割"), "en": ("Lunch set", "Set")}[language]
    aoi = shop.members()[2]
    visit = shop.enter(aoi, ago_s=0, track=9)
    shop.take(visit, "chocolate-bar", 2)
    shop.discount(visit, "bundle", "お昼のセット", "Lunch set", 50)
    with phone(chromium, language) as page:
        sign_in(page, server.address, shop, aoi)
        expect(page.locator(".discounts")).to_contain_text(name)
        expect(page.locator(".total")).to_contain_text("¥226")
        shop.leave(visit)
        shop.settle(visit)
        page.goto(f"{server.address}/me/visits/{visit}")
        line = page.locator(".discounts li")
        expect(line).to_contain_text(kind)
        expect(line).to_contain_text("−¥50")
        expect(page.locator(".receipt-total strong").first).to_have_text("¥226")
        # 226 * 8 / 108 = 16.7
        expect(page.locator(".taxes tbody")).to_contain_text("¥16")


EXIT_WORDS = {
    "ja": (
        "板チョコレート",
        "次へ",
        "店内",
        "を支払う",
        "ありがとうございました",
        "係員がまいります",
    ),
    "en": ("Chocolate bar", "Go on", "Eat here", "Pay ¥", "Thank you", "staff is coming"),
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_walk_up_puts_the_list_right_and_pays_at_the_exit_screen(
    chromium: Browser, server: Server, shop: Showcase, language: str
) -> None:
    bar, go_on, here, pay, thanks, _ = EXIT_WORDS[language]
    visit = shop.walk_up(
        ("chocolate-bar", 2, LineState.SURE), ("mineral-water", 1, LineState.REVIEW)
    )
    with phone(chromium, language) as page:
        page.goto(f"{server.address}/exit")
        page.get_by_role("main").locator("input[name=token]").fill(EXIT_TOKEN)
        page.get_by_role("main").get_by_role("button").click()
        page.get_by_role("link", name=bar).click()
        expect(page.locator(".exit-lines li.is-review")).to_be_visible()
        page.locator("input[name=n-chocolate-bar]").fill("1")
        page.get_by_text(here, exact=True).click()
        page.get_by_role("button", name=go_on).click()
        # 138 + 108 = 246, eaten in: 246 * 10 / 110 = 22.4
        expect(page.locator(".receipt-total")).to_contain_text("¥22")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name=pay).click()
        page.wait_for_url(f"**/exit/{visit}")
        ((paid, order),) = shop.orders
        assert (paid, order.items, order.eats_in) == (
            visit,
            {"chocolate-bar": 1, "mineral-water": 1},
            True,
        )
        shop.settle(visit)
        expect(page.get_by_role("heading", name=thanks)).to_be_visible()
        expect(page.locator(".link-code")).to_be_visible()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_walk_up_who_takes_much_off_the_list_waits_for_staff(
    chromium: Browser, server: Server, shop: Showcase, language: str
) -> None:
    bar, go_on, _, pay, _, comes = EXIT_WORDS[language]
    visit = shop.walk_up(("chocolate-bar", 3, LineState.SURE))
    with phone(chromium, language) as page:
        page.goto(f"{server.address}/exit/sign-in")
        page.get_by_role("main").locator("input[name=token]").fill(EXIT_TOKEN)
        page.get_by_role("main").get_by_role("button").click()
        page.get_by_role("link", name=bar).click()
        page.locator("input[name=n-chocolate-bar]").fill("1")
        page.get_by_role("button", name=go_on).click()
        page.get_by_role("button", name=pay).click()
        expect(page.get_by_role("heading", name=comes)).to_be_visible()
        page.get_by_role("main").get_by_role("button").click()
        expect(page.locator("input[name=n-chocolate-bar]")).to_be_visible()
        assert shop.visits_by_id[visit].checkout == ""


def test_the_code_turns_over_while_the_phone_is_offline(
    chromium: Browser, server: Server, shop: Showcase
) -> None:
    with phone(chromium, "en") as page:
        page.clock.install()
        with page.expect_response("**/me/codes.json"):
            sign_in(page, server.address, shop, shop.members()[2])
        box = page.locator(".qr")
        expect(box).to_have_attribute("data-code", box_code(shop, 0))
        page.context.set_offline(True)
        page.clock.fast_forward(110 * 60_000)
        page.clock.run_for(1000)
        expect(box).to_have_attribute("data-code", box_code(shop, 220))
        assert read_codes(box.locator("svg")) == [box_code(shop, 220)]
        page.clock.fast_forward(15 * 60_000)
        page.clock.run_for(1000)
        expect(page.get_by_text("These codes have run out")).to_be_visible()
        page.context.set_offline(False)


def test_once_in_the_phone_shows_the_next_code_for_a_friend(
    chromium: Browser, server: Server, shop: Showcase
) -> None:
    aoi = shop.members()[2]
    with phone(chromium, "en") as page:
        sign_in(page, server.address, shop, aoi)
        box = page.locator(".qr")
        expect(box).to_have_attribute("data-code", box_code(shop, 0))
        visit = shop.enter(aoi)
        expect(box).to_have_attribute("data-code", box_code(shop, 0, spare=1))
        expect(box).to_be_hidden()
        page.get_by_role("button", name="Let a friend in").click()
        assert read_codes(box.locator("svg")) == [box_code(shop, 0, spare=1)]
        shop.come_along(visit)
        expect(box).to_have_attribute("data-code", box_code(shop, 0, spare=2))
        # Where the shop cannot be asked whether one was used, a finger does it.
        page.get_by_role("button", name="Show another code").click()
        expect(box).to_have_attribute("data-code", box_code(shop, 0))
        page.get_by_role("button", name="Show another code").click()
        expect(box).to_have_attribute("data-code", box_code(shop, 0, spare=1))
        page.reload()
        expect(box).to_have_attribute("data-code", box_code(shop, 0, spare=2))
        page.get_by_role("button", name="Let a friend in").click()
        expect(box).to_be_visible()
        # Two minutes on, a code would open another visit.
        shop.time_ns += 61 * SECOND_NS
        shop.changed += 1
        expect(page.get_by_role("button", name="Let a friend in")).to_be_hidden()
        expect(box).to_be_hidden()


def read_codes(drawing: Locator) -> list[str]:
    """What a gate's reader makes of it."""
    shot = np.frombuffer(drawing.screenshot(), np.uint8)
    picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
    assert picture is not None
    frame = Frame(CameraId("gate"), 0, np.asarray(picture, np.uint8))
    return [read.text for read in CodeReader()(frame)]


def box_code(shop: Showcase, steps: int, spare: int = 0) -> str:
    """The code of so many half minutes from now."""
    member = shop.members()[2].id
    at_ns = shop.now_ns() + steps * 30 * SECOND_NS
    return make_code(shop.member_key(member), shop.layout.store.id, member, at_ns, spare)


@contextmanager
def staff(chromium: Browser, address: str, width: int = 1280, **options: object) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": width, "height": 860},
        locale="en",
        **options,  # type: ignore[arg-type]
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{address}/staff")
    page.locator("#token").fill(STAFF_TOKEN)
    page.locator("#token").press("Enter")
    page.wait_for_url("**/staff")
    yield page
    context.close()


def four_doubts(shop: Showcase) -> None:
    """Four reviews of steps, from plates-1/1-17 on."""
    for number, candidates, delta_g in (
        (17, (("onigiri-salmon", 1, 0.58), ("onigiri-tuna", 1, 0.39)), -114.6),
        (18, (("melon-pan", 1, 0.7),), -95.0),
        (19, (("green-tea", 1, 0.7),), -550.0),
        (20, (("sandwich-egg", 1, 0.6),), -160.0),
    ):
        shop.add_review(f"step:plates-1/1-{number}", candidates=candidates, delta_g=delta_g)


def heading(page: Page, number: int) -> None:
    """Wait for the page of this review, and for its script, which hears keys."""
    expect(page.locator("#decide input[name=review]")).to_have_value(f"step:plates-1/1-{number}")
    page.wait_for_load_state("load")


def made(shop: Showcase) -> list[tuple[str, str, str | None, int | None]]:
    return [(review[-2:], r.kind.value, r.sku, r.quantity) for review, r in shop.rulings]


def test_staff_answer_one_review_after_the_other_with_the_keyboard(
    chromium: Browser, server: Server, shop: Showcase
) -> None:
    four_doubts(shop)
    with staff(chromium, server.address) as page:
        expect(page.locator("[data-review]").first).to_be_focused()
        page.keyboard.press("Enter")
        heading(page, 17)
        page.keyboard.press("2")
        expect(page.locator("[data-number='2']")).to_be_focused()
        page.keyboard.press("Enter")
        heading(page, 18)
        page.keyboard.press("j")
        heading(page, 19)
        page.keyboard.press("v")
        heading(page, 20)
        page.keyboard.press("k")
        heading(page, 18)
        page.keyboard.press("c")
        expect(page.locator("[name=article]")).to_be_focused()
        page.keyboard.type("Choc")
        page.keyboard.press("Tab")
        page.keyboard.type("3")
        page.keyboard.press("Enter")
        heading(page, 20)
        page.keyboard.press("Enter")
        page.wait_for_url("**/staff?*")
        expect(page.get_by_text("Nothing to decide")).to_be_visible()
    assert made(shop) == [
        ("17", "accept", "onigiri-tuna", 1),
        ("19", "void", None, None),
        ("18", "change", "chocolate-bar", 3),
        ("20", "accept", "sandwich-egg", 1),
    ]


def test_an_answer_is_taken_back_with_a_key_and_the_keys_can_be_read(
    chromium: Browser, server: Server, shop: Showcase
) -> None:
    four_doubts(shop)
    with staff(chromium, server.address) as page:
        page.keyboard.press("Enter")
        heading(page, 17)
        page.keyboard.press("?")
        expect(page.get_by_text("undo the last answer")).to_be_visible()
        page.keyboard.press("v")
        heading(page, 18)
        page.keyboard.press("u")
        heading(page, 17)
    assert made(shop) == []
    assert len(shop.reviews()) == 4


@pytest.mark.parametrize("width", [390, 1280])
def test_a_review_is_answered_without_scripts(
    chromium: Browser, server: Server, shop: Showcase, width: int
) -> None:
    four_doubts(shop)
    with staff(chromium, server.address, width, java_script_enabled=False) as page:
        page.locator("[data-review]").first.click()
        heading(page, 17)
        page.get_by_text("Rice ball, tuna").first.click()
        page.get_by_role("button", name="Accept").click()
        heading(page, 18)
        page.get_by_role("link", name="Change").click()
        page.get_by_label("Product").fill("tea")
        page.get_by_label("Pieces").fill("2")
        page.get_by_role("button", name="It was this").click()
        heading(page, 19)
    assert made(shop) == [
        ("17", "accept", "onigiri-tuna", 1),
        ("18", "change", "green-tea", 2),
    ]


def test_a_review_fits_a_narrow_phone(chromium: Browser, server: Server, shop: Showcase) -> None:
    four_doubts(shop)
    shop.feel(
        "step:plates-1/1-17",
        shelf="g1/s2",
        moves={"p2": -71.2, "p3": -43.4},
        hands=((None, 0.4, -0.5, 1.0),),
    )
    with staff(chromium, server.address, 360) as page:
        page.goto(f"{server.address}/staff/review")
        heading(page, 17)
        expect(page.locator(".trace-line")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_live_page_grows_line_by_line_and_people_move(
    chromium: Browser, server: Server, shop: Showcase
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{server.address}/live")
    person = page.locator(".person")
    expect(person).to_have_count(1)
    shop.stand(4, 1.0, 0.5)
    expect(person).to_have_attribute("style", "transform: translate(100px, -50px);")
    mika = shop.visits()[0].id
    shop.take(mika, "sandwich-egg")
    expect(page.locator(f'[data-key="{mika}"] .line')).to_have_count(4, timeout=1500)
    shop.leave(mika, VisitStage.PAYING)
    expect(page.locator(f'[data-key="{mika}"] .stage')).to_have_text("paying", timeout=1500)
    shop.settle(mika)
    expect(page.locator(".slip").first).to_contain_text("¥751", timeout=1500)
    shop.people = ()
    expect(person).to_have_count(0)
    context.close()
