"""Lists over the API a page at a time, over a real database that changes in between."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tebura_gateway.api.app import create_app
from tebura_gateway.service import members, stock
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import FacingCount
from tebura_gateway.service.reviews import close, open_review
from tebura_gateway.service.transaction import Tx

from tests.gateway.shop import KEN, MIKA
from tests.web.showcase import STAFF_TOKEN, Showcase
from tests.web.test_reading import Counter, opened


class Reading(Showcase):
    """The pages' runtime with another shop's tables to read."""

    counter: Counter

    @property
    def views(self) -> Any:
        return self.counter.views


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with opened(tmp_path) as found:
        yield found


@pytest.fixture
def client(counter: Counter) -> Iterator[TestClient]:
    shop = Reading()
    shop.counter = counter
    with TestClient(create_app(shop)) as found:
        found.headers["authorization"] = f"Bearer {STAFF_TOKEN}"
        yield found


def shop_some(counter: Counter, visits: int, from_s: float = 0.0) -> None:
    """Visits one after the other, each with a tea, paid."""
    script = counter.script
    for n in range(visits):
        at_s = from_s + 200.0 * n
        member = (MIKA, KEN)[n % 2]
        track = script.walk_in(int(at_s) + 1, at_s)
        script.enter(member, at_s + 1.0)
        script.reach(track, at_s + 10.0, at_s + 11.5)
        script.pick(at_s + 10.5)
        script.walk_out(track, at_s + 30.0)
        counter.hear(at_s + 60.0)


def following(client: TestClient, address: str) -> Iterator[list[Any]]:
    """Page after page, by the links."""
    for _ in range(100):
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if "next" not in answer.links:
            return
        address = answer.links["next"]["url"]
    raise AssertionError("it never ends")


def name_of(thing: dict[str, Any]) -> str:
    keys = ("number", "id", "event", "place")
    found = next(str(thing[key]) for key in keys if key in thing)
    return f"{found} {thing['at']}" if "counted" in thing and "at" in thing else found


def ask_some(tx: Tx, _: Memory) -> None:
    for n in range(7):
        open_review(tx, f"event:gate-1/1-{n}", reason="future", risk_minor=100 * (n % 3))
    for n in range(5, 7):
        close(tx, f"event:gate-1/1-{n}", "accept", "staff")


def fill(counter: Counter) -> None:
    """Something in every list."""
    shop_some(counter, 5)
    counter.do(ask_some)

    def count(tx: Tx, _: Memory) -> None:
        facings = list(tx.layout.facings())
        for n in range(6):
            one = FacingCount(facing=facings[n % 3], count=n, at_ns=tx.now_ns - n * 1_000)
            stock.count(tx, one, "staff")
        for n in range(4):
            members.add(tx, f"Member {n}", "ja")

    counter.do(count)


LISTS = [
    "/visits",
    "/receipts",
    "/steps",
    "/reviews",
    "/reviews?open=false",
    "/stock",
    "/stock/counts",
    "/members",
    "/nodes",
]


def test_every_list_comes_whole_in_pages_of_any_size(client: TestClient, counter: Counter) -> None:
    fill(counter)
    for path in LISTS:
        whole = client.get(f"/api/v1{path}{'&' if '?' in path else '?'}limit=200")
        assert "next" not in whole.links
        names = [name_of(one) for one in whole.json()]
        assert len(names) >= 2, path
        assert len(set(names)) == len(names), path
        for size in (1, 2, 3):
            joint = f"/api/v1{path}{'&' if '?' in path else '?'}limit={size}"
            pages = list(following(client, joint))
            assert all(len(page) == size for page in pages[:-1]), path
            assert 1 <= len(pages[-1]) <= size, path
            assert [name_of(one) for page in pages for one in page] == names, path


def test_what_comes_meanwhile_repeats_nothing_and_leaves_nothing_out(
    client: TestClient, counter: Counter
) -> None:
    shop_some(counter, 4)
    before = [one["id"] for one in client.get("/api/v1/visits").json()]
    seen: list[str] = []
    for n, page in enumerate(following(client, "/api/v1/visits?limit=1")):
        seen += [one["id"] for one in page]
        if n < 2:
            shop_some(counter, 1, from_s=1000.0 + 300.0 * n)
    assert seen == before


def test_a_page_goes_on_under_the_same_filter(client: TestClient, counter: Counter) -> None:
    shop_some(counter, 4)
    since = client.get("/api/v1/visits").json()[2]["entered"]
    pages = list(following(client, f"/api/v1/visits?limit=1&since={since.replace('+', '%2B')}"))
    assert [len(page) for page in pages] == [1, 1, 1]


def encoded(mark: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        encoded([1]),
        encoded([1, 2]),
        encoded(["1", "2"]),
        encoded([True, "a"]),
        encoded([2**63, "a"]),
        encoded([1, "a\0"]),
        encoded({"a": 1}),
        "W" * 900,
    ],
)
def test_a_cursor_of_somebody_elses_making_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/api/v1/visits", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")


def test_a_page_is_never_longer_than_the_bound(client: TestClient) -> None:
    for limit in (0, -1, 201, 10**30):
        assert client.get("/api/v1/visits", params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_no_clock_of_ours_can_say_is_refused(client: TestClient, since: str) -> None:
    assert client.get("/api/v1/visits", params={"since": since}).status_code == 422
