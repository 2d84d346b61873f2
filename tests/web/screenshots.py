"""Take the pictures of the pages again: ``python tests/web/screenshots.py [FOLDER]``.

They show the in-memory shop of `showcase.py`, in a real browser. PNG, at most 150 kB each.
"""

import socket
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_gateway.api.app import create_app  # noqa: E402
from tebura_gateway.api.signing import sign_in_link  # noqa: E402
from tebura_gateway.service.views import MemberView  # noqa: E402
from tests.web.showcase import STAFF_TOKEN, Showcase, busy_shop, serving  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}


def sign_in(page: Page, address: str, shop: Showcase, member: MemberView) -> None:
    """As a shopper does: open the link, press the button."""
    page.goto(sign_in_link(shop.web.secret, address, member.id, shop.now_ns()))
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/me")


def picture(page: Page, target: Path, *, is_whole: bool = True) -> None:
    page.wait_for_timeout(900)
    page.screenshot(path=target, full_page=is_whole)
    print(f"{target.name}: {target.stat().st_size // 1024} kB")


def phone(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    """The shopper's pages in both languages, light and dark."""
    mika, ken, aoi = shop.members()
    for language, scheme in (("ja", "light"), ("en", "dark")):
        context = browser.new_context(
            viewport=PHONE, locale=language, color_scheme=scheme, device_scale_factor=scale
        )
        page = context.new_page()
        sign_in(page, address, shop, aoi)
        picture(page, folder / f"phone-code-{language}.png")
        context.clear_cookies()
        sign_in(page, address, shop, mika)
        picture(page, folder / f"phone-cart-{language}.png")
        context.clear_cookies()
        sign_in(page, address, shop, ken)
        picture(page, folder / f"phone-paid-{language}.png")
        page.locator(".after .button").click()
        picture(page, folder / f"phone-receipt-{language}.png")
        context.close()


def staff(browser: Browser, address: str, folder: Path, scale: float) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, locale="en", device_scale_factor=scale
    )
    page = context.new_page()
    page.goto(f"{address}/staff")
    page.locator("#token").fill(STAFF_TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff")
    picture(page, folder / "staff-en.png")
    page.goto(f"{address}/staff/receipts")
    picture(page, folder / "staff-receipts-en.png")
    page.goto(f"{address}/staff/members")
    picture(page, folder / "staff-members-en.png")
    context.close()


def live(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    for language, scheme in (("en", "light"), ("ja", "dark")):
        context = browser.new_context(
            viewport={"width": 1440, "height": 900},
            locale=language,
            color_scheme=scheme,
            device_scale_factor=scale,
        )
        page = context.new_page()
        page.goto(f"{address}/live")
        for step in range(24):
            along = step / 23
            shop.stand(4, 1.5 + 0.75 * along, -0.6 + 2.6 * along)
            page.wait_for_timeout(230)
        picture(page, folder / f"live-{language}.png")
        context.close()


def doubtful(shop: Showcase) -> None:
    """Two questions for the staff."""
    ken = shop.visits_of(shop.members()[1].id)[0]
    shop.add_review(
        "step:plates-1/1-17",
        reason="ambiguous-item",
        visit=ken.id,
        member_name=ken.member_name,
        candidates=(
            ("onigiri-salmon", 1, 0.58),
            ("onigiri-tuna", 1, 0.39),
            ("melon-pan", 1, 0.03),
        ),
        delta_g=-114.6,
        shelf="g1/s2",
        plates=("p2", "p3"),
        at_risk=172,
    )
    shop.dispute(shop.receipts()[-1].visit, shop.receipts()[-1].lines[0].product.sku)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "gateway" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    shop = busy_shop()
    doubtful(shop)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with serving(create_app(shop), shop, port) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        phone(browser, server.address, shop, folder, 1.5)
        staff(browser, server.address, folder, 1.0)
        live(browser, server.address, shop, folder, 1.0)
        browser.close()


if __name__ == "__main__":
    main()
