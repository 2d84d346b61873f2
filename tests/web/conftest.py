"""A shop in memory behind the real application."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient
from tebura_gateway.api.app import create_app
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.service.views import MemberView

from tests.web.showcase import STAFF_TOKEN, Showcase, busy_shop


class Browser:
    """Requests in process, as a browser sends them: cookies kept, redirects followed."""

    def __init__(self, shop: Showcase) -> None:
        self.shop = shop
        self.http = TestClient(create_app(shop), base_url="http://testserver")
        self.http.headers["accept"] = "text/html"

    def sign_in(self, member: MemberView) -> httpx.Response:
        """Use a fresh sign-in link up."""
        link = sign_in_link(
            self.shop.web.secret, "http://testserver", member.id, self.shop.now_ns()
        )
        answer: httpx.Response = self.http.post(
            "/sign-in", data={"token": link.partition("token=")[2]}
        )
        return answer

    def sign_in_staff(self) -> httpx.Response:
        answer: httpx.Response = self.http.post("/staff/sign-in", data={"token": STAFF_TOKEN})
        return answer

    def form_token(self, address: str) -> str:
        """The hidden field of a page's forms."""
        html: str = self.http.get(address).text
        return html.partition('name="form" value="')[2].partition('"')[0]


@pytest.fixture
def shop() -> Showcase:
    return busy_shop()


@pytest.fixture
def browser(shop: Showcase) -> Iterator[Browser]:
    one = Browser(shop)
    yield one
    one.http.close()


@pytest.fixture
def program(shop: Showcase) -> Iterator[TestClient]:
    """A program with the API key."""
    with TestClient(create_app(shop)) as client:
        client.headers["authorization"] = f"Bearer {STAFF_TOKEN}"
        yield client
