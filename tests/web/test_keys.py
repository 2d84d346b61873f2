"""Programs' keys: what each opens, and how a call under an Idempotency-Key is repeated."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from tebura_gateway.api import rest, webhooks
from tebura_gateway.api.app import create_app
from tebura_gateway.api.runtime import Calls
from tebura_gateway.service.api_keys import ApiKey, Scope
from tebura_gateway.service.idempotency import Answer, Asked
from tebura_gateway.service.requests import Unavailable
from tebura_gateway.service.views import Views

from tests.web.showcase import STAFF_TOKEN, Showcase

SCOPES = {
    ("GET", "/visits"): {"visits:read"},
    ("GET", "/visits/{visit}"): {"visits:read"},
    ("GET", "/visits/{visit}/cart"): {"visits:read"},
    ("GET", "/steps"): {"visits:read"},
    ("GET", "/receipts"): {"receipts:read"},
    ("GET", "/receipts/{visit}"): {"receipts:read"},
    ("POST", "/refunds"): {"refunds:write"},
    ("GET", "/reviews"): {"reviews:read"},
    ("POST", "/reviews/decisions"): {"reviews:write"},
    ("GET", "/stock"): {"stock:read"},
    ("GET", "/stock/counts"): {"stock:read"},
    ("POST", "/stock/counts"): {"stock:write"},
    ("GET", "/members"): {"members:read"},
    ("POST", "/members"): {"members:write"},
    ("GET", "/nodes"): {"nodes:read"},
    ("GET", "/webhooks"): {"webhooks:read"},
    ("POST", "/webhooks"): {"webhooks:write"},
    ("DELETE", "/webhooks/{webhook}"): {"webhooks:write"},
    ("GET", "/webhooks/{webhook}/deliveries"): {"webhooks:read"},
    ("POST", "/webhooks/{webhook}/replays"): {"webhooks:write"},
    ("GET", "/stream"): {"visits:read", "receipts:read", "reviews:read"},
}
"""The table of the README: a route without a line here opens to nobody."""

REFUND = {"sku": "potato-chips", "quantity": 1, "reason": "stale"}


@pytest.fixture
def client(shop: Showcase) -> Iterator[TestClient]:
    with TestClient(create_app(shop), raise_server_exceptions=False) as found:
        yield found


def give_key(shop: Showcase, *scopes: Scope, name: str = "till") -> dict[str, str]:
    """A key that the shop knows, as a header."""
    shop.keys[name] = ApiKey(
        prefix=f"prefix-{name}",
        name=name,
        scopes=frozenset(scopes),
        created_ns=0,
        used_ns=None,
        revoked_ns=None,
    )
    return {"authorization": f"Bearer {name}"}


def call(client: TestClient, method: str, path: str, headers: dict[str, str]) -> Any:
    """Call a route, well enough formed to come to its scopes."""
    address = "/api/v1" + path.format(visit="none", webhook="none")
    return client.request(method, address, headers={**headers, "idempotency-key": "k"}, json={})


def test_the_table_of_scopes_names_every_route() -> None:
    routes = {
        (method, route.path.removeprefix("/api/v1"))
        for router in (rest.router, webhooks.router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert routes == set(SCOPES)


@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*key, id=" ".join(key)) for key in SCOPES]
)
def test_a_route_opens_to_its_scopes_alone(
    client: TestClient, shop: Showcase, method: str, path: str
) -> None:
    needed = {Scope(scope) for scope in SCOPES[method, path]}
    for lacking in needed:
        others = give_key(shop, *(set(Scope) - {lacking}), name="others")
        refused = call(client, method, path, others)
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        assert lacking in refused.headers["www-authenticate"]
    if path != "/stream":  # It would not end.
        opened = call(client, method, path, give_key(shop, *needed, name="fitting"))
        assert opened.status_code in (200, 202, 404, 409, 422)
    assert call(client, method, path, {"authorization": "Bearer no-key"}).status_code == 401
    assert call(client, method, path, {}).status_code == 401


def test_what_a_program_does_carries_the_name_of_its_key(
    client: TestClient, shop: Showcase
) -> None:
    shop.add_review("step:plates-1/1-17", candidates=(("melon-pan", 1, 0.6),), delta_g=-95.0)
    answer = {"review": "step:plates-1/1-17", "ruling": "accept"}
    key = give_key(shop, Scope.REVIEWS_WRITE, name="night-watch")
    decided = client.post("/api/v1/reviews/decisions", json=answer, headers=key)
    assert decided.json()["decided_by"] == "night-watch"


def test_a_repeated_refund_pays_once_and_answers_the_same(
    program: TestClient, shop: Showcase
) -> None:
    body = {"visit": shop.receipts()[0].visit, **REFUND}
    key = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = program.post("/api/v1/refunds", json=body, headers=key)
    again = program.post("/api/v1/refunds", json=dict(reversed(body.items())), headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(shop.refunds) == 1


def test_a_refund_without_a_key_is_not_begun(program: TestClient, shop: Showcase) -> None:
    body = {"visit": shop.receipts()[0].visit, **REFUND}
    answer = program.post("/api/v1/refunds", json=body)
    assert (answer.status_code, answer.json()["type"]) == (
        400,
        "/problems/idempotency-key-missing",
    )
    too_long = program.post("/api/v1/refunds", json=body, headers={"idempotency-key": "k" * 201})
    assert too_long.status_code == 422
    assert not shop.refunds


def test_a_key_with_another_request_is_refused(program: TestClient, shop: Showcase) -> None:
    body = {"visit": shop.receipts()[0].visit, **REFUND}
    key = {"idempotency-key": "one"}
    program.post("/api/v1/refunds", json=body, headers=key)
    other = program.post("/api/v1/refunds", json={**body, "reason": "late"}, headers=key)
    elsewhere = program.post("/api/v1/members", json={"name": "Rin"}, headers=key)
    for answer in (other, elsewhere):
        assert (answer.status_code, answer.json()["type"]) == (
            422,
            "/problems/idempotency-key-reused",
        )
    assert len(shop.refunds) == 1


def test_a_repeated_new_member_is_the_same_with_a_fresh_link(
    program: TestClient, shop: Showcase
) -> None:
    key = {"idempotency-key": "one"}
    first, again = (
        program.post("/api/v1/members", json={"name": "Rin"}, headers=key).json() for _ in range(2)
    )
    assert first["id"] == again["id"]
    assert [member.name for member in shop.members()].count("Rin") == 1
    [(_, stored)] = shop.answers.values()
    assert "token=" not in stored.body, "a link opens a session: it is not kept"
    token = again["sign_in"].partition("token=")[2]
    assert "Rin" in program.post("/sign-in", data={"token": token}).text


class Stuck(Showcase):
    """A shop whose next call waits until it is let go."""

    def hold(self) -> None:
        self.entered, self.free = threading.Event(), threading.Event()

    def once(self, asked: Asked | None, act: Callable[[Calls, Views], Answer]) -> Answer:
        self.entered.set()
        assert self.free.wait(10.0)
        return super().once(asked, act)


def test_a_call_under_a_key_that_is_still_answered_is_told_to_wait() -> None:
    shop = Stuck()
    shop.hold()
    headers = {"authorization": f"Bearer {STAFF_TOKEN}", "idempotency-key": "one"}

    with TestClient(create_app(shop)) as client, ThreadPoolExecutor(1) as pool:

        def ask() -> Any:
            return client.post("/api/v1/members", json={"name": "Rin"}, headers=headers)

        first = pool.submit(ask)
        assert shop.entered.wait(10.0)
        second = ask()
        shop.free.set()
        assert first.result().status_code == 201
        assert (second.status_code, second.json()["type"]) == (
            409,
            "/problems/idempotency-key-under-way",
        )
        assert second.headers["retry-after"] == "1"
        assert ask().json()["id"] == first.result().json()["id"]


class Full(Showcase):
    """A shop whose database takes nothing."""

    def once(self, asked: Asked | None, act: Callable[[Calls, Views], Answer]) -> Answer:
        raise Unavailable("the disk is full")


def test_a_database_that_takes_nothing_is_503_and_try_again() -> None:
    with TestClient(create_app(Full())) as client:
        headers = {"authorization": f"Bearer {STAFF_TOKEN}"}
        answer = client.post("/api/v1/members", json={"name": "Rin"}, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
