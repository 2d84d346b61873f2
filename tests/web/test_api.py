"""The JSON API: what programs get, and how they are refused."""

from http import HTTPStatus

import msgspec
import pytest
from starlette.testclient import TestClient
from tebura_contract.clock import Ns, rfc3339
from tebura_contract.events import RefusalReason
from tebura_contract.ids import EventId, NodeId, PlateId, ShelfId, Sku
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.domain.decision import Decision, Reason, Status, StepKind
from tebura_gateway.domain.what import Guess

from tests.web.showcase import Showcase


def test_visits_since_a_time_come_newest_first(program: TestClient, shop: Showcase) -> None:
    everything = program.get("/api/v1/visits").json()
    assert [visit["member_name"] for visit in everything] == ["Mika", "Ken", "Ken", "Aoi"]
    since = rfc3339(shop.visits()[1].entered_ns)
    assert len(program.get("/api/v1/visits", params={"since": since}).json()) == 2
    assert len(program.get("/api/v1/visits", params={"limit": 1}).json()) == 1


def test_a_visit_shows_its_cart_and_what_happened(program: TestClient, shop: Showcase) -> None:
    visit = program.get(f"/api/v1/visits/{shop.visits()[0].id}").json()
    assert visit["stage"] == "shopping"
    assert visit["exited"] is None
    assert visit["total"] == {"minor": 483, "currency": "JPY"}
    assert {line["sku"]: line["state"] for line in visit["lines"]} == {
        "onigiri-salmon": "sure",
        "green-tea": "sure",
        "melon-pan": "checking",
    }
    assert [step["quantity"] for step in visit["happenings"]] == [2, 1, -1, 1]
    cart = program.get(f"/api/v1/visits/{visit['id']}/cart").json()
    assert cart["lines"] == visit["lines"]


def test_steps_say_what_became_of_each_change_of_weight(
    program: TestClient, shop: Showcase
) -> None:
    taken = Decision(
        id=EventId(NodeId("plates-1"), 3, 17),
        kind=StepKind.PICK,
        shelf=ShelfId("g1/s1"),
        plates=(PlateId("g1/s1/p1"),),
        from_ns=Ns(1_700_000_000_123_456_789),
        to_ns=Ns(1_700_000_001_000_000_000),
        delta_g=-112.4,
        sigma_g=1.5,
        status=Status.REVIEW,
        visit=None,
        track=None,
        sku=Sku("onigiri-salmon"),
        quantity=1,
        confidence=0.61,
        candidates=(Guess(sku=Sku("onigiri-salmon"), quantity=1, probability=0.61),),
        suspects=(),
        reason=Reason.WHAT,
    )
    shop.decided.append(taken)
    [step] = program.get("/api/v1/steps").json()
    assert step["event"] == "plates-1/3-17"
    assert step["from_ns"] == "1700000000123456789"
    assert (step["status"], step["reason"], step["visit"]) == ("review", "what", None)
    assert step["candidates"] == [{"sku": "onigiri-salmon", "quantity": 1, "probability": 0.61}]
    later = rfc3339(taken.from_ns + 1_000_000)
    assert program.get("/api/v1/steps", params={"since": later}).json() == []


def test_a_receipt_is_there_once_the_visit_is_settled(program: TestClient, shop: Showcase) -> None:
    visit = shop.visits()[0].id
    missing = program.get(f"/api/v1/receipts/{visit}")
    assert missing.status_code == 404
    shop.settle_checks(visit)
    shop.settle(visit)
    receipt = program.get(f"/api/v1/receipts/{visit}").json()
    assert receipt["total"]["minor"] == 483
    assert receipt["taxes"] == [
        {
            "rate_percent": 8,
            "is_reduced": True,
            "gross": {"minor": 483, "currency": "JPY"},
            "tax": {"minor": 35, "currency": "JPY"},
        }
    ]
    assert program.get("/api/v1/receipts").json()[0] == receipt


def test_a_review_is_decided_over_the_api(program: TestClient, shop: Showcase) -> None:
    shop.add_review("step:plates-1/1-17", candidates=(("melon-pan", 1, 0.6),), delta_g=-95.0)
    [review] = program.get("/api/v1/reviews").json()
    assert review["candidates"][0]["sku"] == "melon-pan"
    answer = {"review": review["id"], "ruling": "accept"}
    decided = program.post("/api/v1/reviews/decisions", json=answer)
    assert decided.json()["decision"] == "accept"
    again = program.post("/api/v1/reviews/decisions", json=answer)
    assert again.status_code == 409
    assert program.get("/api/v1/reviews").json() == []
    assert len(program.get("/api/v1/reviews", params={"open": False}).json()) == 1


def test_a_refund_shows_on_the_receipt(program: TestClient, shop: Showcase) -> None:
    visit = shop.receipts()[0].visit
    body = {"visit": visit, "sku": "potato-chips", "quantity": 1, "reason": "stale"}
    answer = program.post("/api/v1/refunds", json=body, headers={"idempotency-key": "1"})
    assert answer.status_code == 202
    assert answer.json()["refunded"]["minor"] == 178
    unknown = {"visit": "none"}
    other = program.post("/api/v1/refunds", json=unknown, headers={"idempotency-key": "2"})
    assert other.status_code == 409
    assert other.json()["type"] == "/problems/refused"


def test_a_new_member_comes_with_a_link_that_signs_in(program: TestClient, shop: Showcase) -> None:
    answer = program.post("/api/v1/members", json={"name": "Rin", "locale": "en"})
    assert answer.status_code == 201
    member = answer.json()
    assert len(member["id"]) == 15
    token = member["sign_in"].partition("token=")[2]
    page = program.post("/sign-in", data={"token": token})
    assert "Rin" in page.text
    codes = program.get("/me/codes.json").json()
    assert {"from", "to", "code"} <= set(codes[0])
    assert member["id"] in codes[0]["code"]
    assert [m["name"] for m in program.get("/api/v1/members").json()][-1] == "Rin"


def test_nodes_and_health_tell_how_the_store_is(program: TestClient, shop: Showcase) -> None:
    assert [node["id"] for node in program.get("/api/v1/nodes").json()] == [
        "camera-1",
        "gate-1",
        "plates-1",
    ]
    health = program.get("/health", headers={"authorization": ""})
    assert health.status_code == 200
    assert health.json()["status"] == "ok"
    assert health.json()["nodes_online"] == 3
    assert health.json()["payments_of_nobody"] == {}
    shop.under_way = {"house": 3, "card-of-last-year": 2}
    assert program.get("/health").json()["payments_of_nobody"] == {"card-of-last-year": 2}
    shop.is_database_up = False
    assert program.get("/health").status_code == 503


def test_who_would_be_turned_away_is_shown_what_to_do_and_no_code(
    program: TestClient, shop: Showcase
) -> None:
    member = shop.add_member("Rin", "en")
    shop.payments.is_needed = True
    link = sign_in_link(shop.web.secret, "", member.id, shop.now_ns())
    program.post("/sign-in", data={"token": link.partition("token=")[2]})
    assert 'class="qr"' in program.get("/me?lang=en").text
    for reason, said in (
        (RefusalReason.NO_MEANS, "First say what you pay with"),
        (RefusalReason.UNPAID, "Your last visit is not paid yet"),
    ):
        shop.members_by_id[member.id] = msgspec.structs.replace(member, barred=reason)
        page = program.get("/me?lang=en").text
        assert said in page
        assert "Add a way to pay" in page
        assert 'class="qr"' not in page
        assert program.get("/me/codes.json").json() == []


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        pytest.param("GET", "/api/v1/visits/none", None, 404, id="unknown-visit"),
        pytest.param("GET", "/api/v1/nowhere", None, 404, id="unknown-address"),
        pytest.param("DELETE", "/api/v1/visits", None, 405, id="wrong-method"),
        pytest.param("GET", "/api/v1/visits?since=yesterday", None, 422, id="bad-time"),
        pytest.param("GET", "/api/v1/visits?since=2026-11-21T00:00:00", None, 422, id="no-zone"),
        pytest.param("GET", "/api/v1/visits?limit=0", None, 422, id="bad-limit"),
        pytest.param("POST", "/api/v1/members", {"name": ""}, 422, id="empty-name"),
        pytest.param("POST", "/api/v1/refunds", {"visit": 7}, 422, id="wrong-type"),
        pytest.param("POST", "/api/v1/members", {"name": "x" * 70_000}, 413, id="too-large"),
    ],
)
def test_errors_are_problem_documents(
    program: TestClient, method: str, address: str, body: dict[str, object] | None, status: int
) -> None:
    answer = program.request(method, address, json=body, headers={"idempotency-key": "1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["title"] == HTTPStatus(status).phrase


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Basic c3RhZmY=", "Bearer"])
def test_without_the_key_there_is_nothing(program: TestClient, key: str) -> None:
    for address in ("/api/v1/visits", "/api/v1/members", "/api/v1/nodes", "/api/v1/stream"):
        answer = program.get(address, headers={"authorization": key})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_api_describes_itself(program: TestClient) -> None:
    schema = program.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert schema["info"]["title"] == "Tebura gateway"
    assert {"/api/v1/visits", "/api/v1/receipts/{visit}", "/health"} <= set(schema["paths"])
    assert not [path for path in schema["paths"] if path.startswith(("/me", "/staff", "/live"))]


def test_a_program_counts_a_facing_and_reads_the_stock(program: TestClient, shop: Showcase) -> None:
    before = program.get("/api/v1/stock").json()
    assert [one["expected"] for one in before] == [None] * len(shop.layout.facings())
    counted = program.post("/api/v1/stock/counts", json={"facing": "g1/s1/f1", "count": 7})
    assert counted.status_code == 201
    assert (counted.json()["sku"], counted.json()["expected"]) == ("chocolate-bar", 7)
    assert program.get("/api/v1/stock/counts").status_code == 200
    for wrong in ({"facing": "g1/s1/f1", "count": -1}, {"facing": "g1/s1/f1"}):
        assert program.post("/api/v1/stock/counts", json=wrong).status_code == 422
    unknown = program.post("/api/v1/stock/counts", json={"facing": "g9/s1/f1", "count": 1})
    assert unknown.status_code == 409
    assert "g9/s1/f1" in unknown.json()["detail"]
