"""A day in the shop with nothing made up but the nodes: broker, gateway process, browser, money."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tebura_contract.ids import TrackId
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import Terms
from tebura_simulator.payments.acquirer import Acquirer
from tebura_simulator.payments.server import serving

from tests.conftest import Broker
from tests.gateway.nodes import GatewayProcess, Nodes, moved, running
from tests.gateway.shop import EPOCH_NS, MIKA, RICE, TEA, Script, candidate
from tests.web.test_browser import chromium, phone  # noqa: F401  # `chromium` is a fixture

SECRET = b"w" * 32
EXIT_TOKEN = secrets.token_hex(16)
SLOW_S = 20.0
"""A busy machine: how soon a page follows is measured elsewhere."""


@dataclass
class RealShop:
    """What happens in it is told by its nodes at the moment it happens."""

    gateway: GatewayProcess
    nodes: Nodes
    wallet: Acquirer
    script: Script = field(default_factory=Script)
    told: int = 0

    def come(self, n: int, *, has_code: bool) -> TrackId:
        track = self.script.walk_in(n, -2.0)
        if has_code:
            self.script.enter(MIKA, -1.0)
        self._tell()
        return track

    def take(self, track: TrackId, what: str) -> None:
        x_m, plate = (0.25, "p1") if what == TEA else (0.75, "p2")
        self.script.reach(track, -0.9, 0.0, x_m=x_m)
        self.script.pick(-0.8, candidate(TEA if what == TEA else RICE), plate=plate)
        self._tell()

    def go(self, track: TrackId) -> None:
        self.script.cross(track, -0.2, is_inside=True)
        self.script.leave(MIKA, -0.1)
        self.script.end(track, 0.0)
        self._tell()

    def until(self, check: Callable[[], bool]) -> None:
        """Wait for something; meanwhile all nodes say that this is all, up to now, as they do."""
        self.nodes.wait_acked()
        deadline_s = time.monotonic() + SLOW_S
        while not check():
            assert time.monotonic() < deadline_s, f"it never showed: {self.gateway.log()[-2000:]}"
            self.nodes.word(time.time_ns())
            time.sleep(0.3)

    def _tell(self) -> None:
        new, self.told = self.script.facts[self.told :], len(self.script.facts)
        # The script's zero is now.
        self.nodes.publish([moved(fact, time.time_ns() - EPOCH_NS) for fact in new])


@pytest.fixture
def real_shop(
    mosquitto: Broker, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[RealShop]:
    gateway = GatewayProcess(tmp_path / "gw", mosquitto.port, free_port())
    gateway.write()
    (gateway.folder / "wallet.key").write_text(SECRET.hex())
    (gateway.folder / "exit.token").write_text(EXIT_TOKEN)
    wallet = Acquirer(Terms("wallet", holds=False), time.time_ns, lambda _: 30_000)
    with serving(wallet, SECRET) as address:
        with gateway.config.open("a", encoding="utf-8") as config:
            config.write(
                '[settlement]\nwalk_up_provider = "wallet"\n'
                '[walk_up]\nexit_token_file = "exit.token"\ncorrection_limit_minor = 500\n'
                "[after_sale]\nauto_refund_minor = 1000\n"
                f'[[payment]]\nname = "wallet"\nkind = "bridge"\naddress = "{address}"\n'
                'secret_file = "wallet.key"\nholds = false\n'
            )
        added = gateway.cli(
            "member", "add", "-c", str(gateway.config), "--name", "Mika", "--id", MIKA
        )
        assert added.returncode == 0, added.stderr
        with running(gateway):
            nodes = Nodes(mosquitto.port)
            yield RealShop(gateway, nodes, wallet)
            nodes.close()


WORDS = {
    "ja": (
        "入店コード",
        "お買い物中",
        "レシートを見る",
        "次へ",
        "を支払う",
        "ありがとうございました",
    ),
    "en": ("Your way in", "Your cart", "Receipt", "Go on", "Pay ¥", "Thank you"),
}
ARTICLES = {"ja": ("緑茶", "おにぎり"), "en": ("Tea", "Rice")}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_enter_take_leave_dispute_and_a_walk_up_through_the_real_shop(
    chromium: Browser,  # noqa: F811
    real_shop: RealShop,
    language: str,
) -> None:
    code, cart, receipt, go_on, pay, thanks = WORDS[language]
    tea, rice = ARTICLES[language]
    gateway = real_shop.gateway
    link = gateway.cli("member", "link", "-c", str(gateway.config), "--id", MIKA).stdout.strip()
    with phone(chromium, language) as page:
        page.set_default_timeout(SLOW_S * 1e3)
        page.goto(link)
        page.get_by_role("main").get_by_role("button").click()
        expect(page.get_by_role("heading", name=code)).to_be_visible()

        mika = real_shop.come(1, has_code=True)
        expect(page.get_by_role("heading", name=cart)).to_be_visible(timeout=SLOW_S * 1e3)
        real_shop.take(mika, TEA)
        line = page.locator(".line", has_text=tea)
        expect(line).to_be_visible(timeout=SLOW_S * 1e3)
        real_shop.until(page.locator(".total", has_text="¥162").is_visible)
        real_shop.take(mika, RICE)
        real_shop.until(page.locator(".total", has_text="¥267").is_visible)

        real_shop.go(mika)
        to_receipt = page.get_by_role("link", name=receipt)
        real_shop.until(to_receipt.is_visible)
        to_receipt.click()
        expect(page.locator(".paper")).to_contain_text("T1234567890123")
        page.locator(".dispute summary").first.click()
        page.locator(".dispute button").first.click()
        page.wait_for_url("**told=disputed")

        def is_refunded() -> bool:
            page.reload()
            return page.locator(".receipt-total.refunded").is_visible()

        real_shop.until(is_refunded)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # Nobody else at the gate when somebody without a code comes in.
    time.sleep(4.0)
    with phone(chromium, language) as page:
        page.set_default_timeout(SLOW_S * 1e3)
        guest = real_shop.come(2, has_code=False)
        real_shop.take(guest, RICE)
        page.goto(f"{gateway.url}/exit")
        page.get_by_role("main").locator("input[name=token]").fill(EXIT_TOKEN)
        page.get_by_role("main").get_by_role("button").click()
        listed = page.get_by_role("link", name=rice)
        real_shop.until(listed.is_visible)
        listed.click()
        page.get_by_role("button", name=go_on).click()
        page.get_by_role("button", name=pay).click()
        real_shop.until(page.get_by_role("heading", name=thanks).is_visible)
        expect(page.locator(".link-code")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    assert [one.amount.minor for one in real_shop.wallet.done(Call.CAPTURE)] == [105]
    paid = {one["number"]: one for one in gateway.get("/receipts")}
    assert {n: one["total"]["minor"] for n, one in paid.items()} == {1: 267, 2: 105}
    (note,) = paid[1]["credit_notes"]
    assert paid[1]["refunded"] == note["total"]
    audit = gateway.cli("audit", "-c", str(gateway.config))
    assert audit.returncode == 0, audit.stdout + audit.stderr
