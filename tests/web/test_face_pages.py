"""A face on the phone, in a real browser with its test camera: agreed, registered, lent, gone."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tebura_contract.faces import EnrolDone, FaceState, RoundAsked
from tebura_gateway.adapters.database import migrate, open_database
from tebura_gateway.adapters.face_vault import FaceVault
from tebura_gateway.adapters.shares import Shares
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.api.app import create_app

from tests.gateway.core import core_over
from tests.gateway.faces import template_of
from tests.gateway.shop import STORE
from tests.web.screenshots import FLAGS, sign_in
from tests.web.showcase import Server, Showcase, serving
from tests.web.test_browser import phone

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WORDS = {
    "en": ("I agree: register my face", "Open the camera", "Registered", "Hands free", "gone"),
    "ja": ("同意して顔を登録する", "カメラを開く", "登録済み", "手ぶら入店", "消しました"),
}


@pytest.fixture(scope="module")
def chromium(require_program: Callable[[str], str]) -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *CAMERA])
        yield browser
        browser.close()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[FaceVault]:
    """A vault over a database of its own, and a gate node that makes templates of frames."""
    database = open_database("sqlite:///faces.db", tmp_path)
    migrate(database)
    core, turn = core_over(database), threading.Lock()

    class OneAtATime:
        def call(self, work):  # type: ignore[no-untyped-def]
            with turn:
                return core.do(work)

    shares = Shares(tmp_path / "halves")
    shares.prepare()
    writer: Writer = OneAtATime()  # type: ignore[assignment]  # only `call` is used
    found = FaceVault(database.reading, writer, STORE, shares, lambda: core.now_ns)
    stopping = threading.Event()

    def make_templates() -> None:
        while not stopping.wait(0.1):
            work = found.round(RoundAsked()).work
            if work is not None:
                assert all(frame.startswith(b"\xff\xd8") for frame in work.frames)
                found.finish(EnrolDone(ticket=work.ticket, template=template_of(len(work.frames))))

    gate = threading.Thread(target=make_templates, daemon=True)
    gate.start()
    yield found
    stopping.set()
    gate.join(5.0)
    database.dispose()


@pytest.fixture
def server(shop: Showcase, vault: FaceVault, free_port: Callable[[], int]) -> Iterator[Server]:
    shop.faces = vault
    with serving(create_app(shop), shop, free_port()) as one:
        yield one


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_face_is_registered_lent_with_the_code_and_gone_again(
    chromium: Browser, server: Server, shop: Showcase, vault: FaceVault, language: str
) -> None:
    agree, camera, registered, hands_free, gone = WORDS[language]
    aoi = shop.members()[2]
    with phone(chromium, language) as page:
        page.set_default_timeout(30_000)
        sign_in(page, server.address, shop, aoi)
        page.goto(f"{server.address}/me/face")
        page.get_by_role("button", name=agree).click()
        page.get_by_role("button", name=camera).click()
        expect(page.get_by_role("heading", name=registered)).to_be_visible(timeout=30_000)
        expect(page.get_by_role("heading", name=hands_free)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("Object.keys(localStorage).length") == 1
        # Four pictures of the test camera came, and are kept nowhere.
        assert vault.open(aoi.id).state is FaceState.NO_KEY

        with page.expect_response("**/me/face/key"):
            page.goto(f"{server.address}/me")
        opened = vault.open(aoi.id)
        assert (opened.state, opened.template) == (FaceState.OPENED, template_of(4))

        page.goto(f"{server.address}/me/face")
        page.locator("form[action='/me/face/withdraw'] button").click()
        expect(page.locator(".notice")).to_contain_text(gone)
        assert page.evaluate("Object.keys(localStorage).length") == 0
        assert vault.open(aoi.id).state is FaceState.NOT_ENROLLED
        page.goto(f"{server.address}/me")
        expect(page.locator(".qr path")).to_be_visible()


def test_a_key_that_opens_nothing_any_more_leaves_the_phone(
    chromium: Browser, server: Server, shop: Showcase, vault: FaceVault
) -> None:
    agree, camera, registered, *_ = WORDS["en"]
    aoi = shop.members()[2]
    with phone(chromium, "en") as page:
        page.set_default_timeout(30_000)
        sign_in(page, server.address, shop, aoi)
        page.goto(f"{server.address}/me/face")
        page.get_by_role("button", name=agree).click()
        page.get_by_role("button", name=camera).click()
        expect(page.get_by_role("heading", name=registered)).to_be_visible(timeout=30_000)
        page.goto(f"{server.address}/me")
        # Erased from elsewhere while the phone was away.
        vault.erase(aoi.id)
        with page.expect_response("**/me/face/key"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        # Asked anew from here: a page of ours lets nobody evaluate text in it while it waits.
        until_s = time.monotonic() + 30
        while page.evaluate("localStorage.length") and time.monotonic() < until_s:
            page.wait_for_timeout(20)
        assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_notice_names_what_is_kept_and_the_sign_speaks_both_languages(
    chromium: Browser, server: Server, language: str
) -> None:
    with phone(chromium, language) as page:
        page.goto(f"{server.address}/privacy")
        expect(page.locator(".facts")).to_contain_text("60")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role(
            "link", name={"ja": "掲示用の表示", "en": "The sign to print"}[language]
        ).click()
        for said in ("カメラとはかりが動いています", "Cameras and scales at work"):
            expect(page.get_by_role("heading", name=said)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
