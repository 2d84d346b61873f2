"""Changes reach open pages by themselves, over a real connection."""

import json
import time
from collections.abc import Callable, Iterator

import httpx
import msgspec
import pytest
from tebura_gateway.api.app import create_app
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.service.api_keys import Scope

from tests.web.showcase import STAFF_TOKEN, Server, Showcase, serving
from tests.web.test_keys import give_key


@pytest.fixture
def server(shop: Showcase, free_port: Callable[[], int]) -> Iterator[Server]:
    with serving(create_app(shop), shop, free_port()) as one:
        yield one


def events(response: httpx.Response) -> Iterator[tuple[str, object]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_change_of_the_cart_is_on_the_phone_within_a_second(
    server: Server, shop: Showcase
) -> None:
    mika = shop.members()[0]
    link = sign_in_link(shop.web.secret, server.address, mika.id, shop.now_ns())
    with httpx.Client(base_url=server.address, timeout=10) as phone:
        phone.post("/sign-in", data={"token": link.partition("token=")[2]})
        with phone.stream("GET", "/me/stream?lang=en") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            heard = events(response)
            first = [next(heard) for _ in range(2)]
            assert {part["id"] for _, part in first if isinstance(part, dict)} == {"now", "past"}
            began_s = time.monotonic()
            shop.take(shop.visits_of(mika.id)[0].id, "chocolate-bar")
            _, part = next(heard)
            assert time.monotonic() - began_s < 1.0
            assert isinstance(part, dict)
            assert part["id"] == "now"
            assert "Chocolate bar" in part["html"]


def test_programs_hear_of_changes_by_kind(server: Server, shop: Showcase) -> None:
    key = {"authorization": f"Bearer {STAFF_TOKEN}"}
    with httpx.stream(
        "GET", f"{server.address}/api/v1/stream", headers=key, timeout=10
    ) as response:
        heard = events(response)
        known = len(shop.visits()) + len(shop.receipts())
        assert {name for name, _ in (next(heard) for _ in range(known))} == {"visit", "receipt"}
        shop.add_review("step:plates-1/1-17", candidates=(("melon-pan", 1, 0.6),))
        name, review = next(heard)
        assert name == "review"
        assert isinstance(review, dict)
        assert review["id"] == "step:plates-1/1-17"


def test_positions_are_drawn_as_they_come(server: Server, shop: Showcase) -> None:
    with httpx.stream("GET", f"{server.address}/live/stream", timeout=10) as response:
        for name, data in events(response):
            if name == "positions":
                assert data == [{"track": "camera-1-1-4", "x": 2.35, "y": 2.1}]
                break


def test_there_is_a_bound_on_open_streams(shop: Showcase, free_port: Callable[[], int]) -> None:
    app = create_app(shop)
    app.state.slots.limit = 1
    with serving(app, shop, free_port()) as server:
        address = f"{server.address}/live/stream"
        with httpx.stream("GET", address, timeout=10) as first:
            heard = events(first)
            next(heard)
            refused = httpx.get(address, timeout=10)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "5"
        deadline_s = time.monotonic() + 5
        while app.state.slots.open and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert app.state.slots.open == 0, "a closed stream gives its place back"


def test_a_stream_ends_when_its_key_is_revoked_or_loses_a_scope(
    server: Server, shop: Showcase
) -> None:
    whole = give_key(shop, *Scope)
    for left in ({}, {"till": msgspec.structs.replace(shop.keys["till"], scopes=frozenset())}):
        give_key(shop, *Scope)
        address = f"{server.address}/api/v1/stream"
        with httpx.stream("GET", address, headers=whole, timeout=10) as response:
            heard = events(response)
            next(heard)
            shop.keys = dict(left)
            shop.changed += 1
            began_s = time.monotonic()
            for _ in heard:
                pass
            assert time.monotonic() - began_s < 5.0


def test_streams_end_when_the_gateway_stops(server: Server, shop: Showcase) -> None:
    with httpx.stream("GET", f"{server.address}/live/stream", timeout=10) as response:
        heard = events(response)
        next(heard)
        shop.is_stopping = True
        began_s = time.monotonic()
        for _ in heard:
            pass
        assert time.monotonic() - began_s < 3.0
