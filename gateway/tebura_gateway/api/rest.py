"""`/api/v1`: the same shop for programs, with an API key (`Authorization: Bearer`).

Every route names the scopes it needs. Every unsafe one goes through `repeating`: whether it needs
an `Idempotency-Key` depends on what a repetition would do, and its docstring says so.
"""

import datetime as dt
import json
from collections.abc import AsyncIterable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import FacingId, MemberId, Sku, VisitId

from tebura_gateway.api import wire
from tebura_gateway.api.access import RuntimeDep, needs, still_opens
from tebura_gateway.api.listing import LongPagingDep, PagingDep
from tebura_gateway.api.problems import ProblemType, Trouble
from tebura_gateway.api.repeating import UnsafeDep, UnsafeWithKeyDep, respond
from tebura_gateway.api.runtime import Calls, Runtime
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.api.streams import changed_parts, needs_slot
from tebura_gateway.service.api_keys import Scope
from tebura_gateway.service.idempotency import Answer
from tebura_gateway.service.requests import FacingCount, Ruling, RulingKind
from tebura_gateway.service.views import Views, VisitView

router = APIRouter(prefix="/api/v1")

Since = Annotated[str, Query(max_length=40, description="RFC 3339; things from then on")]
STREAMED = (Scope.VISITS_READ, Scope.RECEIPTS_READ, Scope.REVIEWS_READ)
VisitPath = Annotated[VisitId, Path(max_length=120, pattern=wire.PLAIN)]


@router.get("/visits", tags=["visits"], dependencies=[needs(Scope.VISITS_READ)])
def visits(runtime: RuntimeDep, paging: PagingDep, since: Since = "") -> list[wire.VisitOut]:
    """Visits entered since then, newest first."""
    after = paging.after(int, str)
    found = runtime.views.visits(since_ns=_since_ns(since), limit=paging.ask, after=after)
    return [wire.visit_out(visit) for visit in paging.cut(found)]


@router.get("/visits/{visit}", tags=["visits"], dependencies=[needs(Scope.VISITS_READ)])
def visit(runtime: RuntimeDep, visit: VisitPath) -> wire.VisitOut:
    return wire.visit_out(_visit(runtime, visit))


@router.get("/visits/{visit}/cart", tags=["visits"], dependencies=[needs(Scope.VISITS_READ)])
def cart(runtime: RuntimeDep, visit: VisitPath) -> wire.CartOut:
    """What the visit holds now, as far as it is known."""
    view = _visit(runtime, visit)
    return wire.CartOut(
        visit=view.id,
        total=wire.money_out(view.total),
        lines=[wire.line_out(line) for line in view.lines],
    )


@router.get("/receipts", tags=["receipts"], dependencies=[needs(Scope.RECEIPTS_READ)])
def receipts(runtime: RuntimeDep, paging: PagingDep, since: Since = "") -> list[wire.ReceiptOut]:
    """Receipts issued since then, newest first."""
    after = paging.after(int)
    found = runtime.views.receipts(since_ns=_since_ns(since), limit=paging.ask, after=after)
    return [wire.receipt_out(receipt) for receipt in paging.cut(found)]


@router.get("/receipts/{visit}", tags=["receipts"], dependencies=[needs(Scope.RECEIPTS_READ)])
def receipt(runtime: RuntimeDep, visit: VisitPath) -> wire.ReceiptOut:
    """The receipt of a visit; 404 until it is settled."""
    found = runtime.views.receipt(visit)
    if found is None:
        raise HTTPException(404)
    return wire.receipt_out(found)


@router.get("/steps", tags=["visits"], dependencies=[needs(Scope.VISITS_READ)])
def steps(runtime: RuntimeDep, paging: PagingDep, since: Since = "") -> list[wire.StepOut]:
    """Every settled change of weight that began since then, and what became of it; newest first."""
    after = paging.after(int, str)
    found = runtime.views.steps(since_ns=_since_ns(since), limit=paging.ask, after=after)
    return [wire.step_out(step) for step in paging.cut(found)]


@router.get("/nodes", tags=["store"], dependencies=[needs(Scope.NODES_READ)])
def nodes(runtime: RuntimeDep, paging: LongPagingDep) -> list[wire.NodeOut]:
    """All nodes of the layout and any other that spoke, by name."""
    return [wire.node_out(node) for node in paging.cut_whole(runtime.views.nodes(), str)]


@router.get("/reviews", tags=["reviews"], dependencies=[needs(Scope.REVIEWS_READ)])
def reviews(
    runtime: RuntimeDep,
    paging: PagingDep,
    open: bool = True,  # noqa: A002
) -> list[wire.ReviewOut]:
    """Open ones with the most money at risk first, or the latest closed ones."""
    after = paging.after(int, int, str) if open else paging.after(int, str)
    found = runtime.views.reviews(is_open=open, limit=paging.ask, after=after)
    return [wire.review_out(review) for review in paging.cut(found)]


@router.post(
    "/reviews/decisions",
    tags=["reviews"],
    response_model=wire.ReviewOut,
    dependencies=[needs(Scope.REVIEWS_WRITE)],
)
def decide(call: UnsafeDep, decision: wire.DecisionIn) -> Response:
    """Accept, change or void; 409 if it is decided already or the answer does not fit.

    A review is decided once, so a key is up to the caller: with one, a repetition is answered 200
    like the first call, without one 409.
    """
    ruling = Ruling(
        kind=RulingKind(decision.ruling),
        sku=Sku(decision.sku) if decision.sku else None,
        quantity=decision.quantity,
        visit=VisitId(decision.visit) if decision.visit else None,
        is_staff_work=decision.staff_work,
        by=call.caller.name,
    )

    def act(calls: Calls, views: Views) -> wire.ReviewOut:
        calls.rule(decision.review, ruling)
        found = views.review(decision.review)
        assert found is not None
        return wire.review_out(found)

    return call.do(decision, 200, act)


@router.post(
    "/refunds",
    status_code=202,
    tags=["receipts"],
    response_model=wire.ReceiptOut,
    dependencies=[needs(Scope.REFUNDS_WRITE)],
)
def refund(call: UnsafeWithKeyDep, refund: wire.RefundIn) -> Response:
    """Start a refund; it is on the receipt once the provider has it.

    Every call pays back more, so it needs a key: a repetition after a broken line pays once.
    """
    visit, sku = VisitId(refund.visit), Sku(refund.sku) if refund.sku else None

    def act(calls: Calls, views: Views) -> wire.ReceiptOut:
        calls.refund(visit, sku, refund.quantity, refund.reason, call.caller.name)
        found = views.receipt(visit)
        assert found is not None
        return wire.receipt_out(found)

    return call.do(refund, 202, act)


@router.get("/stock", tags=["stock"], dependencies=[needs(Scope.STOCK_READ)])
def stock(runtime: RuntimeDep, paging: LongPagingDep) -> list[wire.StockOut]:
    """Every facing, and what lies where it does not belong; by place and article."""
    return [wire.stock_out(one) for one in paging.cut_whole(runtime.views.stock(), str, str)]


@router.get("/stock/counts", tags=["stock"], dependencies=[needs(Scope.STOCK_READ)])
def stock_counts(runtime: RuntimeDep, paging: PagingDep) -> list[wire.StockCountOut]:
    """Counts and their differences, newest first."""
    found = runtime.views.counts(limit=paging.ask, after=paging.after(int, str, str))
    return [wire.stock_count_out(one) for one in paging.cut(found)]


@router.post(
    "/stock/counts",
    status_code=201,
    tags=["stock"],
    response_model=wire.StockOut,
    dependencies=[needs(Scope.STOCK_WRITE)],
)
def count_stock(call: UnsafeDep, count: wire.StockCountIn) -> Response:
    """Check the book of a facing and set it; 409 if there is no such facing, or it lies ahead.

    A count is known by its facing and `at`: with `at` a repetition changes nothing, without it a
    key does the same. Neither is demanded, for one count too many moves no money.
    """
    at_ns = _since_ns(count.at) if count.at else None
    facing = FacingId(count.facing)

    def act(calls: Calls, views: Views) -> wire.StockOut:
        counted = FacingCount(facing=facing, count=count.count, at_ns=at_ns)
        calls.count_stock([counted], call.caller.name)
        return wire.stock_out(next(one for one in views.stock() if one.place == facing))

    return call.do(count, 201, act)


@router.get("/members", tags=["members"], dependencies=[needs(Scope.MEMBERS_READ)])
def members(runtime: RuntimeDep, paging: PagingDep) -> list[wire.MemberOut]:
    """Members, newest first."""
    found = runtime.views.members(limit=paging.ask, after=paging.after(int, str))
    return [wire.member_out(member) for member in paging.cut(found)]


@router.post(
    "/members",
    status_code=201,
    tags=["members"],
    response_model=wire.MemberOut,
    dependencies=[needs(Scope.MEMBERS_WRITE)],
)
def add_member(
    request: Request, call: UnsafeDep, runtime: RuntimeDep, member: wire.MemberIn
) -> Response:
    """A new member with a sign-in link for their phone.

    An online shop that sends its signed-in customers here says its own name for them (`subject`):
    the same name is the same member each time, with a fresh link.

    Without a key a repetition makes a second member, who never shops; with one it is the same
    member with a fresh link. Links open a session, so they are not stored with the answer.
    """

    def act(calls: Calls, _: Views) -> wire.MemberOut:
        added = calls.add_member(member.name, member.locale, member.subject, member.email)
        return wire.member_out(added)

    answer = call.answer(member, 201, act)
    added = wire.MemberOut.model_validate_json(answer.body)
    base, now_ns = str(request.base_url), runtime.now_ns()
    added.sign_in = sign_in_link(runtime.web.secret, base, MemberId(added.id), now_ns)
    body = added.model_dump_json()
    return respond(Answer(status=answer.status, body=body, is_repeat=answer.is_repeat))


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    dependencies=[needs(*STREAMED), *needs_slot],
    tags=["store"],
)
async def stream(request: Request, runtime: RuntimeDep) -> AsyncIterable[ServerSentEvent]:
    """Events `visit`, `receipt` and `review`, each with the thing as it is now, when it changes.

    Ends within seconds when its key is revoked.
    """
    token = request.headers["authorization"].partition(" ")[2]

    def render() -> dict[str, str] | None:
        if not still_opens(runtime, token, *STREAMED):
            return None
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


def _visit(runtime: Runtime, visit: VisitId) -> VisitView:
    view = runtime.views.visit(visit)
    if view is None:
        raise HTTPException(404)
    return view


def _since_ns(text: str) -> int:
    if not text:
        return 0
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_time(text, "is no RFC 3339 time") from error
    if moment.tzinfo is None:
        raise _no_time(text, "lacks its offset from UTC")
    whole = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    at_ns = (whole.days * 86400 + whole.seconds) * SECOND_NS + whole.microseconds * 1000
    if abs(at_ns) >= 2**63:
        raise _no_time(text, "lies further off than nanoseconds in 64 bits can say")
    return at_ns


def _no_time(text: str, why: str) -> Trouble:
    return Trouble(422, ProblemType.INVALID, f"time {text!r} {why}")
