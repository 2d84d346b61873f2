"""Take the pictures of the pages again: ``python tests/web/screenshots.py [FOLDER]``.

They show the in-memory shop of `showcase.py`, in a real browser. PNG, at most 150 kB each.
"""

import socket
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_contract.clock import SECOND_NS  # noqa: E402
from tebura_contract.ids import MemberId, Sku  # noqa: E402
from tebura_gateway.api.app import create_app  # noqa: E402
from tebura_gateway.api.runtime import Faces  # noqa: E402
from tebura_gateway.api.signing import sign_in_link  # noqa: E402
from tebura_gateway.service.views import (  # noqa: E402
    FaceView,
    FlagView,
    LineState,
    MemberView,
    ReviewPerson,
)

from tests.web.showcase import EXIT_TOKEN, STAFF_TOKEN, Showcase, busy_shop, serving  # noqa: E402

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
PHONE: ViewportSize = {"width": 390, "height": 844}
TABLET: ViewportSize = {"width": 820, "height": 1100}
Looks = tuple[tuple[str, Literal["light", "dark"]], ...]
PHONE_LOOKS: Looks = (("ja", "light"), ("en", "dark"))
LIVE_LOOKS: Looks = (("en", "light"), ("ja", "dark"))


def sign_in(page: Page, address: str, shop: Showcase, member: MemberView) -> None:
    """As a shopper does: open the link, press the button."""
    page.goto(sign_in_link(shop.web.secret, address, member.id, shop.now_ns()))
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/me")


def shrink(target: Path) -> None:
    """The same picture with 256 colours: the most frequent as they are, the rest near them."""
    shades = cv2.imread(str(target))
    assert shades is not None
    height, width = shades.shape[:2]
    packed = shades.reshape(-1, 3)[:, ::-1].astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    colours, index, counts = np.unique(packed, return_inverse=True, return_counts=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.float32)
    frequent = np.argsort(-counts)[:128]
    # Square roots: large areas are exact already, what counts is that small things keep theirs.
    samples = np.repeat(rgb, np.ceil(np.sqrt(counts) / 8).astype(int), axis=0)
    rule = (cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    cv2.setRNGSeed(1)
    _, _, centres = cv2.kmeans(samples, 128, np.empty(0), rule, 1, cv2.KMEANS_PP_CENTERS)
    palette = np.concatenate([rgb[frequent], np.round(centres)]).astype(np.uint8)
    steps = range(0, len(rgb), 4096)
    far = (((rgb[i : i + 4096, None] - palette[None]) ** 2).sum(2) for i in steps)
    nearest = np.concatenate([one.argmin(1) for one in far]).astype(np.uint8)
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = nearest[index].reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", body), (b"IEND", b""))
    target.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks))


def chunk(kind: bytes, data: bytes) -> bytes:
    """One piece of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(page: Page, target: Path, *, is_whole: bool = True) -> None:
    page.wait_for_timeout(900)
    page.screenshot(path=target, full_page=is_whole)
    shrink(target)
    print(f"{target.name}: {target.stat().st_size // 1024} kB")


def phone(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    """The shopper's pages in both languages, light and dark."""
    mika, ken, aoi = shop.members()
    for language, scheme in PHONE_LOOKS:
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


def trade(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    """A receipt with discounts, one line disputed, one refunded; the screen at the exit."""
    aoi = shop.members()[2]
    visit = shop.enter(aoi, ago_s=300, track=9)
    for sku, count in (("onigiri-salmon", 2), ("green-tea", 1), ("chocolate-bar", 2)):
        shop.take(visit, sku, count)
    shop.discount(visit, "bundle", "おにぎりとお茶のセット", "Rice ball and tea", 34)
    shop.settle(visit)
    shop.dispute(visit, Sku("onigiri-salmon"))
    shop.refund(visit, Sku("chocolate-bar"), 1, "staff", "staff")
    guest = shop.walk_up(
        ("onigiri-salmon", 1, LineState.SURE),
        ("green-tea", 2, LineState.SURE),
        ("chocolate-bar", 1, LineState.REVIEW),
    )
    for language, scheme in PHONE_LOOKS:
        context = browser.new_context(
            viewport=PHONE, locale=language, color_scheme=scheme, device_scale_factor=scale
        )
        page = context.new_page()
        sign_in(page, address, shop, aoi)
        page.goto(f"{address}/me/visits/{visit}")
        picture(page, folder / f"phone-discounts-{language}.png")
        context.close()
        context = browser.new_context(
            viewport=TABLET, locale=language, color_scheme=scheme, device_scale_factor=scale
        )
        page = context.new_page()
        page.goto(f"{address}/exit/sign-in")
        page.get_by_role("main").locator("input[name=token]").fill(EXIT_TOKEN)
        page.get_by_role("main").get_by_role("button").click()
        page.goto(f"{address}/exit/{guest}")
        picture(page, folder / f"exit-list-{language}.png")
        page.get_by_role("main").get_by_role("button").click()
        picture(page, folder / f"exit-pay-{language}.png")
        shop.settle(guest)
        page.goto(f"{address}/exit/{guest}")
        picture(page, folder / f"exit-paid-{language}.png")
        shop.forget_list(guest)
        context.close()


@dataclass
class ShownFaces:
    """What the page about one's face looks at."""

    shown: FaceView

    def view(self, _: MemberId) -> FaceView:
        return self.shown


def faces(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    """Agreeing, registered, the notice and the sign."""
    aoi, now_ns = shop.members()[2], shop.now_ns()
    registered = FaceView(
        agreed_ns=now_ns,
        enrolled_ns=now_ns - 3 * 24 * 3600 * SECOND_NS,
        agreed_hands_free_ns=now_ns,
        hands_free_until_ns=now_ns + 5 * 3600 * SECOND_NS,
    )
    for language, scheme in PHONE_LOOKS:
        context = browser.new_context(
            viewport=PHONE, locale=language, color_scheme=scheme, device_scale_factor=scale
        )
        page = context.new_page()
        shop.faces = cast(Faces, ShownFaces(FaceView()))
        sign_in(page, address, shop, aoi)
        page.goto(f"{address}/me/face")
        picture(page, folder / f"face-consent-{language}.png")
        shop.faces = cast(Faces, ShownFaces(registered))
        page.goto(f"{address}/me/face")
        picture(page, folder / f"face-registered-{language}.png")
        page.goto(f"{address}/privacy")
        picture(page, folder / f"privacy-{language}.png")
        context.close()
    page = browser.new_page(viewport=TABLET, locale="ja", color_scheme="light")
    page.goto(f"{address}/privacy/sign")
    picture(page, folder / "sign.png")
    page.close()
    shop.faces = None


def staff(browser: Browser, address: str, folder: Path, scale: float) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 1160}, locale="en", device_scale_factor=scale
    )
    page = context.new_page()
    page.goto(f"{address}/staff")
    page.locator("#token").fill(STAFF_TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff")
    picture(page, folder / "staff-en.png", is_whole=False)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(f"{address}/staff/review")
    picture(page, folder / "staff-review-en.png", is_whole=False)
    page.set_viewport_size({"width": 1280, "height": 560})
    page.goto(f"{address}/staff/receipts")
    picture(page, folder / "staff-receipts-en.png")
    page.goto(f"{address}/staff/members")
    picture(page, folder / "staff-members-en.png")
    context.close()


def staff_phone(browser: Browser, address: str, folder: Path, scale: float) -> None:
    """A review in the hand, in Japanese and the dark."""
    context = browser.new_context(
        viewport=PHONE, locale="ja", color_scheme="dark", device_scale_factor=scale
    )
    page = context.new_page()
    page.goto(f"{address}/staff")
    page.locator("#token").fill(STAFF_TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff")
    page.goto(f"{address}/staff/review")
    picture(page, folder / "staff-review-phone-ja.png", is_whole=False)
    context.close()


def live(browser: Browser, address: str, shop: Showcase, folder: Path, scale: float) -> None:
    for language, scheme in LIVE_LOOKS:
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
    """Questions for the staff, and a message that somebody forged."""
    mika, ken = (shop.visits_of(member.id)[0] for member in shop.members()[:2])
    shop.letters.append(
        FlagView(
            at_ns=shop.now_ns() - 95 * SECOND_NS,
            place="tebura/v1/demo/plates-1/event: plates-1/3-41",
            reason="forged",
            size_bytes=612,
        )
    )
    shop.add_review(
        "step:plates-1/1-17",
        reason="what",
        visit=mika.id,
        member_name="Mika",
        people=(
            ReviewPerson(visit=mika.id, member_name="Mika", probability=0.88),
            ReviewPerson(visit=ken.id, member_name="Ken", probability=0.12),
        ),
        candidates=(
            ("onigiri-salmon", 1, 0.56),
            ("onigiri-tuna", 1, 0.37),
            ("melon-pan", 1, 0.03),
        ),
        delta_g=-114.6,
        shelf="g1/s2",
        plates=("p2", "p3"),
        at_risk=172,
    )
    shop.feel(
        "step:plates-1/1-17",
        shelf="g1/s2",
        moves={"p2": -71.2, "p3": -43.4},
        hands=((mika.id, 0.41, -0.5, 1.3), (ken.id, 0.86, 0.7, 2.2)),
        spell="aisle: picture was black",
    )
    shop.add_review(
        "step:plates-1/1-21",
        reason="who",
        candidates=(("green-tea", 1, 0.99),),
        people=(
            ReviewPerson(visit=mika.id, member_name="Mika", probability=0.55),
            ReviewPerson(visit=ken.id, member_name="Ken", probability=0.45),
        ),
        delta_g=-551.2,
        shelf="g1/s1",
        plates=("p5",),
        at_risk=162,
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
        staff_phone(browser, server.address, folder, 1.0)
        live(browser, server.address, shop, folder, 1.0)
        trade(browser, server.address, shop, folder, 1.0)
        faces(browser, server.address, shop, folder, 1.0)
        browser.close()


if __name__ == "__main__":
    main()
