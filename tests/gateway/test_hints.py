"""Providers that tell by themselves (R-27), and members who say there what they pay with."""

import hashlib
import hmac
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from tebura_contract.ids import VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.bridge import Bridge
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import hinting
from tebura_gateway.service.ports import Forged, Hint, Terms
from tebura_simulator.payments.acquirer import Acquirer, Fate
from tebura_simulator.payments.enrolments import Enrolments, signed
from tebura_simulator.payments.server import serving

from tests.gateway.core import Core, shop
from tests.gateway.nodes import GatewayProcess, running
from tests.gateway.shop import MIKA, Script
from tests.gateway.test_service import shopping

SECRET = b"b" * 32
TARGET = "/payments/card/hints"


# ── what a hint does ──


def unanswered(core: Core) -> tuple[Acquirer, VisitId]:
    """A visit whose charge was done, and nobody heard the answer."""
    fates = iter([Fate.DONE, Fate.LOST_ANSWER])
    acquirer = Acquirer(
        Terms("card"),
        lambda: core.now_ns,
        lambda _: 30_000,
        fate_of=lambda *_: next(fates, Fate.DONE),
    )
    core.provider, core.shop = acquirer, shop(acquirer)
    script = Script()
    visit = shopping(script)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    assert core.state(visit)[0] == "unknown"
    return acquirer, visit


def hear(core: Core, hint: Hint) -> bool:
    return core.do(lambda tx, _: hinting.take(tx, "card", hint))


def test_a_hint_has_the_provider_asked_at_once(core: Core) -> None:
    acquirer, visit = unanswered(core)
    core.tick(core.now_s)
    assert core.calls == []
    assert hear(core, Hint(id="evt-1", key=f"{visit}:authorize:1"))
    core.tick(core.now_s)
    assert [call.asks for call in core.calls] == [True]
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert len(acquirer.done(Call.CAPTURE)) == 1
    core.check_books()


def test_a_hint_that_came_before_has_nobody_asked_again(core: Core) -> None:
    _, visit = unanswered(core)
    hint = Hint(id="evt-1", key=f"{visit}:capture:1")
    assert [hear(core, hint) for _ in range(50)] == [True, *[False] * 49]
    assert len(core.rows(tables.payment_hint)) == 1
    core.tick(core.now_s)
    assert len(core.calls) == 1


def test_hints_of_what_never_was_or_is_long_done_change_nothing(core: Core) -> None:
    _, visit = unanswered(core)
    rng = random.Random(3)
    keys = ["", "x", "::", "gate-1-1-9:capture:1", f"{visit}:refund:1", "' or 1=1"]
    before = core.rows(tables.settlement), core.rows(tables.visit), core.rows(tables.refund)
    for number in range(30):
        hear(core, Hint(id=f"evt-{number}", key=rng.choice(keys[:4])))
    assert (
        core.rows(tables.settlement),
        core.rows(tables.visit),
        core.rows(tables.refund),
    ) == before
    core.tick(core.now_s + 1_000.0)
    core.pay()
    receipt = core.receipt(visit)
    for number, key in enumerate([*keys, f"{visit}:capture:1"]):
        hear(core, Hint(id=f"late-{number}", key=key))
    core.tick(core.now_s + 2_000.0)
    assert core.calls == []
    assert core.receipt(visit) == receipt


def test_hints_are_forgotten_when_no_repetition_could_be_taken_any_more(core: Core) -> None:
    hear(core, Hint(id="evt-1"))
    core.now_s += 25 * 3600.0
    hear(core, Hint(id="evt-2"))
    assert [row.hint for row in core.rows(tables.payment_hint)] == ["evt-2"]


# ── signatures ──


@pytest.mark.parametrize("seed", range(20))
def test_a_bridges_hint_that_was_touched_or_is_old_is_refused(seed: int) -> None:
    bridge = Bridge(Terms("card"), "http://127.0.0.1:1", SECRET, time.time_ns)
    rng = random.Random(seed)
    hint, now_s = Hint(id="evt-1", key="visit:capture:1"), 1_800_000_000
    headers, body = signed(hint, SECRET, TARGET, now_s)
    low = {name.lower(): value for name, value in headers.items()}
    assert bridge.hint(low, TARGET, body, now_s + 299) == hint
    at = rng.randrange(len(body))
    touched = body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1 :]
    bad = [
        (low, TARGET, touched, now_s),
        (low, "/payments/other/hints", body, now_s),
        (low, TARGET, body, now_s + 301),
        (low, TARGET, body, now_s - 301),
        ({}, TARGET, body, now_s),
        ({"tebura-signature": f"t={now_s},v1=" + "0" * 64}, TARGET, body, now_s),
        ({"tebura-signature": low["tebura-signature"].replace("t=1", "t=2")}, TARGET, body, now_s),
    ]
    for case in bad:
        with pytest.raises(Forged):
            bridge.hint(*case)


def test_stripes_events_are_taken_by_stripes_scheme_and_refused_without() -> None:
    pytest.importorskip("stripe")
    from tebura_gateway.adapters.stripe_provider import open_stripe

    secret = "whsec_test"
    provider = open_stripe(Terms("card"), "sk_test", "", lambda _: None, "JPY", secret)

    def event(thing: dict[str, object]) -> bytes:
        told = {"id": "evt_1", "object": "event", "type": "any", "data": {"object": thing}}
        return json.dumps(told).encode()

    def signature(body: bytes, at_s: int) -> dict[str, str]:
        # https://docs.stripe.com/webhooks#verify-manually
        code = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={at_s},v1={code}"}

    now_s = int(time.time())
    paid = event({"object": "payment_intent", "id": "pi_1", "metadata": {"tebura_key": "v:a:1"}})
    assert provider.hint(signature(paid, now_s), TARGET, paid, now_s) == Hint(
        id="evt_1", key="v:a:1"
    )
    carded = event({"object": "checkout.session", "id": "cs_1", "metadata": {}})
    assert provider.hint(signature(carded, now_s), TARGET, carded, now_s) == Hint(
        id="evt_1", session="cs_1"
    )
    other = event({"object": "balance"})
    assert provider.hint(signature(other, now_s), TARGET, other, now_s) == Hint(id="evt_1")
    for headers, body in (
        (signature(paid, now_s), carded),
        (signature(paid, now_s - 301), paid),
        ({}, paid),
        ({"stripe-signature": "t=1"}, paid),
    ):
        with pytest.raises(Forged):
            provider.hint(headers, TARGET, body, now_s)
    deaf = open_stripe(Terms("card"), "sk_test", "", lambda _: None)
    with pytest.raises(Forged, match="hint_secret_file"):
        deaf.hint(signature(paid, now_s), TARGET, paid, now_s)


# ── through the real gateway ──


@dataclass
class Shop:
    """A gateway whose members pay by a bridge, and the provider behind it."""

    gateway: GatewayProcess
    enrolments: Enrolments

    def post(self, headers: dict[str, str], body: bytes, path: str = TARGET) -> httpx.Response:
        return httpx.post(f"{self.gateway.url}{path}", headers=headers, content=body)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.gateway.folder / "gateway.db")) as connection:
            return connection.execute(query).fetchall()

    def browser(self) -> httpx.Client:
        """Mika's phone, signed in."""
        said = self.gateway.cli("member", "link", "-c", str(self.gateway.config), "--id", MIKA)
        browser = httpx.Client(base_url=self.gateway.url, follow_redirects=True)
        browser.headers["accept"] = "text/html"
        token = said.stdout.strip().partition("token=")[2]
        answer = browser.post("/sign-in?lang=en", data={"token": token})
        assert answer.status_code == 200, answer.text
        return browser


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Shop]:
    enrolments = Enrolments()
    acquirer = Acquirer(Terms("card"), time.time_ns, lambda _: 30_000)
    # Nobody listens at the broker's port: it is not needed for this, and waited for.
    gateway = GatewayProcess(tmp_path_factory.mktemp("hints") / "gw", free_port(), free_port())
    gateway.write()
    with serving(acquirer, SECRET, enrolments=enrolments) as address:
        (gateway.folder / "card.key").write_text(SECRET.hex())
        with gateway.config.open("a", encoding="utf-8") as config:
            config.write(
                '[settlement]\nprovider = "card"\n[[payment]]\nname = "card"\nkind = "bridge"\n'
                f'address = "{address}"\nsecret_file = "card.key"\nenrols = true\n'
            )
        added = gateway.cli(
            "member", "add", "-c", str(gateway.config), "--name", "Mika", "--id", MIKA
        )
        assert added.returncode == 0, added.stderr
        with running(gateway):
            yield Shop(gateway, enrolments)


def _begin(place: Shop, browser: httpx.Client) -> str:
    """Ask for the provider's page, and give its address."""
    me = browser.get("/me?lang=en").text
    form = me.partition('name="form" value="')[2].partition('"')[0]
    page = browser.post("/me/payment", data={"form": form})
    assert page.status_code == 200, page.text
    return page.text.partition(f'href="{place.enrolments.address}')[2].partition('"')[0]


def test_a_member_says_at_the_provider_what_they_pay_with(place: Shop) -> None:
    with closing(place.browser()) as browser:
        assert "Add a way to pay" in browser.get("/me?lang=en").text
        page = _begin(place, browser)
        # Back without having entered anything: nothing is known then.
        assert "Add a way to pay" in browser.get("/me/payment/done").text
        # The provider's page sends the browser back to ours.
        back = browser.get(f"{place.enrolments.address}{page}")
        assert back.url.path == "/me"
        assert "Change it" in back.text
    session = page.rpartition("/")[2]
    assert place.rows("select member, customer, method from payment_account") == [
        (MIKA, MIKA, f"card-{session}")
    ]


def test_whose_browser_never_comes_back_is_known_by_the_providers_hint(place: Shop) -> None:
    with closing(place.browser()) as browser:
        session = _begin(place, browser).rpartition("/")[2]
    hint = Hint(id="evt-enrolled", session=session)
    now_s = int(time.time())
    # A lie, well signed: nothing was entered there, and that is what the provider says.
    lie = Hint(id="evt-lie", session=session)
    assert place.post(*signed(lie, SECRET, TARGET, now_s)).json() == {"status": "taken"}
    query = f"select count(*) from payment_account where method = 'card-{session}'"
    assert place.rows(query) == [(0,)]
    place.enrolments.visit_page(session)
    answers = [place.post(*signed(hint, SECRET, TARGET, now_s)).json() for _ in range(3)]
    assert answers == [{"status": "taken"}, {"status": "known"}, {"status": "known"}]
    assert place.rows(query) == [(1,)]


def test_what_is_forged_late_or_for_nobody_is_refused_over_http(place: Shop) -> None:
    now_s = int(time.time())
    hint = Hint(id="evt-forged", key="visit:capture:1")
    headers, body = signed(hint, SECRET, TARGET, now_s)
    assert place.post(*signed(hint, b"x" * 32, TARGET, now_s)).status_code == 401
    assert place.post(*signed(hint, SECRET, TARGET, now_s - 400)).status_code == 401
    assert place.post(headers, body.replace(b"visit", b"tisiv")).status_code == 401
    assert place.post({}, body).status_code == 401
    assert place.post(headers, body, "/payments/nobody/hints").status_code == 404
    assert place.post(headers, b"x" * 70_000).status_code == 413
    assert place.rows("select count(*) from payment_hint where hint = 'evt-forged'") == [(0,)]
