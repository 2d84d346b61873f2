"""Stripe's page for cards, by what Stripe documents of it: a stub answers, not Stripe.

localstripe has no Checkout, so this shows that we ask what is documented and read it rightly.
"""

import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tebura_gateway.service.ports import Begun, Enrolled, NoAnswer, Terms

from tests.gateway.shop import MIKA

pytest.importorskip("stripe")
from tebura_gateway.adapters.stripe_provider import Stripe, open_stripe  # needs it

PAGE = "https://checkout.stripe.example/c/pay/cs_1"


class Stub(BaseHTTPRequestHandler):
    """https://docs.stripe.com/api/checkout/sessions, as far as we use it."""

    asked: list[tuple[str, dict[str, str]]]
    session: dict[str, object]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append((self.path, dict(urllib.parse.parse_qsl(body))))
        if self.path == "/v1/customers":
            self._say({"id": "cus_1", "object": "customer"})
        else:
            self._say({"id": "cs_1", "object": "checkout.session", "url": PAGE})

    def do_GET(self) -> None:
        self.asked.append((self.path, {}))
        self._say(self.session)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _say(self, thing: dict[str, object]) -> None:
        body = json.dumps(thing).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def stub() -> Iterator[type[Stub]]:
    handler = type("Bound", (Stub,), {"asked": [], "session": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    handler.port = server.server_address[1]  # type: ignore[attr-defined]  # made here
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def provider(stub: type[Stub], known: Enrolled | None = None) -> Stripe:
    address = f"http://127.0.0.1:{stub.port}"  # type: ignore[attr-defined]  # set by the fixture
    return open_stripe(Terms("card"), "sk_test", address, lambda _: known)


def test_a_new_member_becomes_a_customer_and_is_sent_to_a_page_that_charges_nothing(
    stub: type[Stub],
) -> None:
    assert provider(stub).begin(MIKA, "https://shop.example/me/payment/done") == Begun(
        session="cs_1", address=PAGE
    )
    (made, _), (path, asked) = stub.asked
    assert (made, path) == ("/v1/customers", "/v1/checkout/sessions")
    assert asked["mode"] == "setup"
    assert asked["customer"] == "cus_1"
    assert asked["currency"] == "jpy"
    assert asked["success_url"] == asked["cancel_url"] == "https://shop.example/me/payment/done"
    assert not [name for name in asked if "amount" in name or "line_items" in name]


def test_who_changes_a_card_stays_the_customer_they_were(stub: type[Stub]) -> None:
    provider(stub, Enrolled(customer="cus_old", method="pm_old")).begin(MIKA, "https://x.example")
    assert [(path, asked["customer"]) for path, asked in stub.asked] == [
        ("/v1/checkout/sessions", "cus_old")
    ]


@pytest.mark.parametrize(
    ("status", "intent", "found"),
    [
        pytest.param("open", None, None, id="page-still-open"),
        pytest.param("expired", None, None, id="page-given-up"),
        pytest.param("complete", "requires_action", None, id="bank-not-done"),
        pytest.param(
            "complete", "succeeded", Enrolled(customer="cus_1", method="pm_1"), id="card-kept"
        ),
    ],
)
def test_a_card_counts_once_stripe_says_that_it_is_kept(
    stub: type[Stub], status: str, intent: str | None, found: Enrolled | None
) -> None:
    setup = {"object": "setup_intent", "id": "seti_1", "status": intent, "payment_method": "pm_1"}
    stub.session = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": status,
        "customer": "cus_1",
        "setup_intent": setup if intent else None,
    }
    assert provider(stub).finished("cs_1") == found
    path = urllib.parse.unquote(stub.asked[0][0])
    assert path == "/v1/checkout/sessions/cs_1?expand[0]=setup_intent"


def test_a_stripe_that_is_away_is_no_answer() -> None:
    away = open_stripe(Terms("card"), "sk_test", "http://127.0.0.1:1", lambda _: None)
    with pytest.raises(NoAnswer):
        away.begin(MIKA, "https://x.example")
    with pytest.raises(NoAnswer):
        away.finished("cs_1")
