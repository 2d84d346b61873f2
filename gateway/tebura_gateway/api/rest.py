"""`/api/v1`: the same shop for programs. The staff token is the key (`Authorization: Bearer`)."""

import datetime as dt
import json
from collections.abc import AsyncIterable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import FacingId, Sku, VisitId

from tebura_gateway.api import wire
from tebura_gateway.api.access import ApiDep, RuntimeDep, api_key
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.api.streams import changed_parts, needs_slot
from tebura_gateway.service.requests import FacingCount, Ruling, RulingKind
from tebura_gateway.service.views import VisitView

router = APIRouter(prefix="/api/v1", dependencies=[Depends(api_key)])

Limit = Annotated[int, Query(ge=1, le=200)]
Since = Annotated[str, Query(max_length=40, description="RFC 3339; things from then on")]


@router.get("/visits", tags=["visits"])
def visits(runtime: RuntimeDep, since: Since = "", limit: Limit = 50) -> list[wire.VisitOut]:
    """Visits entered since then, newest first."""
    found = runtime.views.visits(since_ns=_since_ns(since), limit=limit)
    return [wire.visit_out(visit) for visit in found]


@router.get("/visits/{visit}", tags=["visits"])
def visit(runtime: RuntimeDep, visit: str) -> wire.VisitOut:
    return wire.visit_out(_visit(runtime, visit))


@router.get("/visits/{visit}/cart", tags=["visits"])
def cart(runtime: RuntimeDep, visit: str) -> wire.CartOut:
    """What the visit holds now, as far as it is known."""
    view = _visit(runtime, visit)
    return wire.CartOut(
        visit=view.id,
        total=wire.money_out(view.total),
        lines=[wire.line_out(line) for line in view.lines],
    )


@router.get("/receipts", tags=["receipts"])
def receipts(runtime: RuntimeDep, since: Since = "", limit: Limit = 50) -> list[wire.ReceiptOut]:
    """Receipts issued since then, newest first."""
    found = runtime.views.receipts(since_ns=_since_ns(since), limit=limit)
    return [wire.receipt_out(receipt) for receipt in found]


@router.get("/receipts/{visit}", tags=["receipts"])
def receipt(runtime: RuntimeDep, visit: str) -> wire.ReceiptOut:
    """The receipt of a visit; 404 until it is settled."""
    found = runtime.views.receipt(VisitId(visit))
    if found is None:
        raise HTTPException(404)
    return wire.receipt_out(found)


@router.get("/steps", tags=["visits"])
def steps(runtime: RuntimeDep, since: Since = "", limit: Limit = 50) -> list[wire.StepOut]:
    """Every settled change of weight that began since then, and what became of it; newest first."""
    found = runtime.views.steps(since_ns=_since_ns(since), limit=limit)
    return [wire.step_out(step) for step in found]


@router.get("/nodes", tags=["store"])
def nodes(runtime: RuntimeDep) -> list[wire.NodeOut]:
    return [wire.node_out(node) for node in runtime.views.nodes()]


@router.get("/reviews", tags=["reviews"])
def reviews(runtime: RuntimeDep, open: bool = True, limit: Limit = 50) -> list[wire.ReviewOut]:  # noqa: A002
    """Open ones with the most money at risk first, or the latest closed ones."""
    found = runtime.views.reviews(is_open=open, limit=limit)
    return [wire.review_out(review) for review in found]


@router.post("/reviews/decisions", tags=["reviews"])
def decide(runtime: RuntimeDep, key: ApiDep, decision: wire.DecisionIn) -> wire.ReviewOut:
    """Accept, change or void; 409 if it is decided already or the answer does not fit."""
    runtime.services.rule(
        decision.review,
        Ruling(
            kind=RulingKind(decision.ruling),
            sku=Sku(decision.sku) if decision.sku else None,
            quantity=decision.quantity,
            visit=VisitId(decision.visit) if decision.visit else None,
            is_staff_work=decision.staff_work,
            by=key,
        ),
    )
    found = runtime.views.review(decision.review)
    if found is None:
        raise HTTPException(404)
    return wire.review_out(found)


@router.post("/refunds", status_code=202, tags=["receipts"])
def refund(runtime: RuntimeDep, key: ApiDep, refund: wire.RefundIn) -> wire.ReceiptOut:
    """Start a refund; it is on the receipt once the provider has it."""
    sku = Sku(refund.sku) if refund.sku else None
    runtime.services.refund(VisitId(refund.visit), sku, refund.quantity, refund.reason, key)
    found = runtime.views.receipt(VisitId(refund.visit))
    if found is None:
        raise HTTPException(404)
    return wire.receipt_out(found)


@router.get("/stock", tags=["stock"])
def stock(runtime: RuntimeDep) -> list[wire.StockOut]:
    """Every facing, then what lies where it does not belong."""
    return [wire.stock_out(one) for one in runtime.views.stock()]


@router.get("/stock/counts", tags=["stock"])
def stock_counts(runtime: RuntimeDep, limit: Limit = 50) -> list[wire.StockCountOut]:
    """The latest counts and their differences, newest first."""
    return [wire.stock_count_out(one) for one in runtime.views.counts(limit=limit)]


@router.post("/stock/counts", status_code=201, tags=["stock"])
def count_stock(runtime: RuntimeDep, key: ApiDep, count: wire.StockCountIn) -> wire.StockOut:
    """Check the book of a facing and set it; 409 if there is no such facing, or it lies ahead."""
    at_ns = _since_ns(count.at) if count.at else None
    facing = FacingId(count.facing)
    runtime.services.count_stock([FacingCount(facing=facing, count=count.count, at_ns=at_ns)], key)
    found = next(one for one in runtime.views.stock() if one.place == facing)
    return wire.stock_out(found)


@router.get("/members", tags=["members"])
def members(runtime: RuntimeDep, limit: Limit = 50) -> list[wire.MemberOut]:
    return [wire.member_out(member) for member in runtime.views.members(limit=limit)]


@router.post("/members", status_code=201, tags=["members"])
def add_member(request: Request, runtime: RuntimeDep, member: wire.MemberIn) -> wire.MemberOut:
    """A new member with a sign-in link for their phone."""
    added = runtime.services.add_member(member.name, member.locale)
    base, now_ns = str(request.base_url), runtime.now_ns()
    return wire.member_out(added, sign_in_link(runtime.web.secret, base, added.id, now_ns))


@router.get("/stream", response_class=EventSourceResponse, dependencies=needs_slot, tags=["store"])
async def stream(runtime: RuntimeDep) -> AsyncIterable[ServerSentEvent]:
    """Events `visit`, `receipt` and `review`, each with the thing as it is now, when it changes."""

    def render() -> dict[str, str]:
        things = {
            f"visit {v.id}": wire.visit_out(v).model_dump_json()
            for v in runtime.views.visits(limit=20)
        }
        things |= {
            f"receipt {r.visit}": wire.receipt_out(r).model_dump_json()
            for r in runtime.views.receipts(limit=20)
        }
        return things | {
            f"review {r.id}": wire.review_out(r).model_dump_json() for r in runtime.views.reviews()
        }

    async for event in changed_parts(runtime, render):
        assert event.raw_data is not None
        part = json.loads(event.raw_data)
        yield ServerSentEvent(event=part["id"].partition(" ")[0], raw_data=part["html"])


def _visit(runtime: Runtime, visit: str) -> VisitView:
    view = runtime.views.visit(VisitId(visit))
    if view is None:
        raise HTTPException(404)
    return view


def _since_ns(text: str) -> int:
    if not text:
        return 0
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(422, f"since={text!r} is no RFC 3339 time") from error
    if moment.tzinfo is None:
        raise HTTPException(422, f"since={text!r} lacks its offset from UTC")
    whole = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (whole.days * 86400 + whole.seconds) * SECOND_NS + whole.microseconds * 1000
