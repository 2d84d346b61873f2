"""A sheet of a visit on the phone and at the exit screen: ``python tests/web/flow_sheet.py``.

The in-memory shop of `showcase.py` in a real browser, a page after each thing that happens; one
WebP a language, in the folder of the other pictures.
"""

import base64
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_contract.ids import Sku  # noqa: E402
from tebura_gateway.api.app import create_app  # noqa: E402
from tebura_gateway.service.requests import Ruling, RulingKind  # noqa: E402
from tebura_gateway.service.views import LineState  # noqa: E402

from tests.web.screenshots import CHROMIUM, FLAGS, PHONE, sign_in  # noqa: E402
from tests.web.showcase import EXIT_TOKEN, Showcase, busy_shop, serving  # noqa: E402

QUALITY: Final = 72
SCREEN: Final[ViewportSize] = {"width": 820, "height": 780}
RICE, TEA, BAR = "onigiri-salmon", "green-tea", "chocolate-bar"
CAPTIONS: Final = {
    "ja": (
        *("1 入店コード", "2 手に取ると表示", "3 戻すと減る", "4 そのまま退店"),
        *("5 お支払い完了", "6 レシート", "7「取っていない」と申告", "8 返金"),
        *("会員でない方: 出口の画面で確認", "支払う", "レシート"),
    ),
    "en": (
        *(
            "1 The code to come in",
            "2 Taken: it is on the phone",
            "3 Put back: it is gone",
            "4 Out",
        ),
        *("5 Paid", "6 The receipt", "7 “I did not take this”", "8 Paid back"),
        *("Without an account: the list at the exit", "Pay", "The receipt"),
    ),
}
SHEET: Final = """
<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 14px; width: 1092px; background: #eceae4; color: #1e1d1a;
  font: 15px/1.3 Inter, "Noto Sans CJK JP", "Noto Sans JP", sans-serif; }
div { display: grid; gap: 14px; margin-bottom: 14px; }
.phone { grid-template-columns: repeat(4, 1fr); } .tablet { grid-template-columns: repeat(3, 1fr); }
figure { margin: 0; } figcaption { padding: 0 2px 6px; font-weight: 600; }
img { width: 100%; display: block; border-radius: 12px; border: 1px solid #cfcabd; }
</style>"""


@dataclass
class Sheet:
    """Pictures with their captions, in the order they are taken."""

    captions: tuple[str, ...]
    pictures: list[bytes] = field(default_factory=list)

    def take(self, page: Page) -> None:
        page.wait_for_timeout(700)
        self.pictures.append(page.screenshot())

    def html(self) -> str:
        figures = [
            f'<figure><figcaption>{caption}</figcaption><img src="data:image/png;base64,'
            f'{base64.b64encode(picture).decode()}"></figure>'
            for caption, picture in zip(self.captions, self.pictures, strict=True)
        ]
        phones, tablets = "".join(figures[:8]), "".join(figures[8:])
        return f'{SHEET}<div class="phone">{phones}</div><div class="tablet">{tablets}</div>'


def visit_on_the_phone(page: Page, address: str, shop: Showcase, sheet: Sheet) -> None:
    """In, two rice balls, a tea and chocolate; one goes back; out, paid, disputed, paid back."""
    member = shop.add_member("Mika", "ja", seed=71)
    sign_in(page, address, shop, member)
    sheet.take(page)
    visit = shop.enter(member, ago_s=95, track=8)
    shop.take(visit, RICE, 2, ago_s=60)
    shop.take(visit, TEA, ago_s=41)
    shop.take(visit, BAR, ago_s=20)
    page.goto(f"{address}/me")
    sheet.take(page)
    shop.take(visit, RICE, -1, ago_s=4)
    page.goto(f"{address}/me")
    sheet.take(page)
    shop.leave(visit)
    page.goto(f"{address}/me")
    sheet.take(page)
    shop.settle(visit)
    page.goto(f"{address}/me")
    sheet.take(page)
    receipt = f"{address}/me/visits/{visit}"
    page.goto(receipt)
    sheet.take(page)
    line = page.locator(f".dispute:has(input[value='{BAR}'])")
    line.locator("summary").click()
    line.get_by_role("button").click()
    page.wait_for_url("**told=disputed")
    sheet.take(page)
    shop.rule(f"dispute:{visit}:{BAR}:1", Ruling(kind=RulingKind.ACCEPT))
    shop.refund(visit, Sku(BAR), 1, "dispute", "staff")
    page.goto(receipt)
    sheet.take(page)


def walk_up(page: Page, address: str, shop: Showcase, sheet: Sheet) -> None:
    """Somebody without an account at the screen by the exit; one line is in doubt."""
    guest = shop.walk_up(
        (RICE, 1, LineState.SURE), (TEA, 2, LineState.SURE), (BAR, 1, LineState.REVIEW)
    )
    page.goto(f"{address}/exit/sign-in")
    page.get_by_role("main").locator("input[name=token]").fill(EXIT_TOKEN)
    page.get_by_role("main").get_by_role("button").click()
    page.goto(f"{address}/exit/{guest}")
    sheet.take(page)
    page.get_by_role("main").get_by_role("button").click()
    sheet.take(page)
    shop.settle(guest)
    page.goto(f"{address}/exit/{guest}")
    sheet.take(page)


def compose(browser: Browser, sheet: Sheet, target: Path) -> None:
    page = browser.new_page(viewport={"width": 1120, "height": 800})
    page.set_content(sheet.html())
    page.wait_for_timeout(500)
    shot = np.frombuffer(page.screenshot(full_page=True), np.uint8)
    picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
    assert picture is not None
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    page.close()
    print(f"{target.name}: {target.stat().st_size // 1024} kB")


def take_sheet(browser: Browser, language: str, folder: Path) -> None:
    shop, sheet = busy_shop(), Sheet(CAPTIONS[language])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]

    def context(viewport: ViewportSize) -> BrowserContext:
        return browser.new_context(viewport=viewport, locale=language)

    with serving(create_app(shop), shop, port) as server:
        with context(PHONE) as phone:
            visit_on_the_phone(phone.new_page(), server.address, shop, sheet)
        with context(SCREEN) as tablet:
            walk_up(tablet.new_page(), server.address, shop, sheet)
    compose(browser, sheet, folder / f"visit-{language}.webp")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "gateway" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for language in CAPTIONS:
            take_sheet(browser, language, folder)
        browser.close()


if __name__ == "__main__":
    main()
