"""The shopper's pages: sign in, the way in, the cart as it grows, the receipt and what is wrong."""

from collections.abc import AsyncIterable
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from tebura_contract.clock import SECOND_NS, rfc3339
from tebura_contract.entry_code import GROUP_S
from tebura_contract.ids import MemberId, Sku, VisitId

from tebura_gateway.api.access import (
    SHOPPER_COOKIE,
    MemberDep,
    RuntimeDep,
    ShopperDep,
    require_own_form,
    require_same_site,
    sign_in,
)
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import Purpose, recognise
from tebura_gateway.api.streams import changed_parts, needs_slot
from tebura_gateway.api.wire import receipt_out
from tebura_gateway.service.opinions import ASKED_NS, Motive
from tebura_gateway.service.views import (
    OPEN_STAGES,
    MemberView,
    ReceiptView,
    VisitStage,
    VisitView,
)
from tebura_gateway.web.answers import WordsDep, page, part, see_other
from tebura_gateway.web.codes import AHEAD_S, codes_ahead

router = APIRouter(include_in_schema=False)

FIRST_CODES_S: Final = 120
"""Codes that come with the page; it asks for the rest by itself."""

_NOTICES: Final = {"disputed": "notice.disputed", "opinion": "opinion.thanks"}
RECENT_S: Final = 600
"""How long after its end a visit stays on top of the page."""


@router.get("/sign-in")
def sign_in_page(request: Request, words: WordsDep, token: str = "") -> Response:
    """A link's page only asks: programs that look at links in messages must not use them up."""
    return page(request, words, "sign_in.html", {"token": token[:1024]})


@router.post("/sign-in")
def sign_in_with_link(
    request: Request, runtime: RuntimeDep, token: Annotated[str, Form()]
) -> Response:
    """Use a link up."""
    require_same_site(request)
    link = recognise(runtime.web.secret, Purpose.SIGN_IN, token, runtime.now_ns())
    if link is None or not runtime.services.redeem(link.nonce, link.expires_ns):
        raise HTTPException(403, "problem.link_used")
    answer = see_other("/me")
    sign_in(request, answer, runtime, MemberId(link.subject))
    return answer


@router.post("/sign-out")
def sign_out(session: ShopperDep, form: Annotated[str, Form()]) -> Response:
    require_own_form(session, form)
    answer = see_other("/")
    answer.delete_cookie(SHOPPER_COOKIE)
    return answer


@router.get("/me")
def me(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: ShopperDep, member: MemberDep
) -> Response:
    """Everything at one address: the way in, then the cart, then the receipt."""
    visit, past = _now(runtime, member)
    values = {
        "stream": f"/me/stream?lang={words.language}",
        "form": session.form,
        "member": member,
        "visit": visit,
        "may_bring": _may_bring(runtime, visit),
        "past": past,
        "unpaid": _unpaid(runtime, member),
        "account": runtime.payments.account(member.id),
        "has_faces": runtime.faces is not None,
        "face": runtime.faces.view(member.id) if runtime.faces is not None else None,
        "codes": _codes(runtime, member, FIRST_CODES_S),
        "now_ms": runtime.now_ns() // 1_000_000,
    }
    return page(request, words, "phone.html", values)


@router.get("/me/stream", response_class=EventSourceResponse, dependencies=needs_slot)
async def me_stream(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
) -> AsyncIterable[ServerSentEvent]:
    """The cart and the past visits again whenever they changed."""

    def render() -> dict[str, str]:
        visit, past = _now(runtime, member)
        return {
            "now": part(
                request,
                words,
                "phone_now.html",
                {"visit": visit, "form": session.form, "may_bring": _may_bring(runtime, visit)},
            ),
            "past": part(request, words, "phone_past.html", {"past": past}),
        }

    async for event in changed_parts(runtime, render):
        yield event


@router.get("/me/codes.json")
def my_codes(runtime: RuntimeDep, member: MemberDep) -> Response:
    """The codes of the next two hours, with their pictures: see `StepCodes`."""
    return JSONResponse(_codes(runtime, member, AHEAD_S))


@router.get("/me/visits/{visit}")
def my_visit(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    told: str = "",
) -> Response:
    """The receipt of one of my visits, or how far it is."""
    view = _my_visit(runtime, member, visit)
    values = {
        "visit": view,
        "receipt": runtime.views.receipt(view.id),
        "disputes": runtime.views.disputes(view.id),
        "may_dispute": True,
        "form": session.form,
        "home": "/me",
        "json_address": f"/me/visits/{view.id}/receipt.json",
        "notice": _NOTICES.get(told, ""),
        "asks": _is_asked(runtime, view) and told != "opinion",
        "motives": list(Motive),
    }
    return page(request, words, "receipt.html", values)


@router.get("/me/visits/{visit}/receipt.json")
def my_receipt_json(runtime: RuntimeDep, member: MemberDep, visit: str) -> Response:
    receipt = _my_receipt(runtime, member, visit)
    return JSONResponse(receipt_out(receipt).model_dump(mode="json"))


@router.post("/me/visits/{visit}/dispute")
def dispute(
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    form: Annotated[str, Form()],
    sku: Annotated[str, Form(max_length=200)],
) -> Response:
    """`I did not take this`."""
    require_own_form(session, form)
    receipt = _my_receipt(runtime, member, visit)
    if sku not in {line.product.sku for line in receipt.lines}:
        raise HTTPException(404)
    runtime.services.dispute(receipt.visit, Sku(sku))
    return see_other(f"/me/visits/{receipt.visit}?told=disputed")


@router.post("/me/visits/{visit}/pay")
def pay_again(
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    form: Annotated[str, Form()],
) -> Response:
    """A payment that was declined, once more: with what the member pays with by now."""
    require_own_form(session, form)
    runtime.services.pay_again(_my_visit(runtime, member, visit).id)
    return see_other("/me")


@router.post("/me/visits/{visit}/eat-in")
def eat_in(
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    form: Annotated[str, Form()],
    where: Annotated[str, Form(pattern="^(in|away)$")],
) -> Response:
    """Whether it is eaten here: the rate of tax follows."""
    require_own_form(session, form)
    runtime.services.eat_in(_my_visit(runtime, member, visit).id, where == "in")
    return see_other("/me")


@router.post("/me/visits/{visit}/opinion")
def tell_opinion(
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    form: Annotated[str, Form()],
    motive: Annotated[Motive, Form()],
    again: Annotated[str, Form(pattern="^(yes|no|unsaid)$")],
) -> Response:
    """What brought them in, and whether they will come again."""
    require_own_form(session, form)
    view = _my_visit(runtime, member, visit)
    comes_again = {"yes": True, "no": False}.get(again)
    runtime.services.tell_opinion(member.id, view.id, motive, comes_again)
    return see_other(f"/me/visits/{view.id}?told=opinion")


def _is_asked(runtime: Runtime, visit: VisitView) -> bool:
    """Whether the one question is asked: after the receipt, for a week."""
    if visit.stage is not VisitStage.SETTLED or visit.settled_ns is None:
        return False
    return runtime.now_ns() - visit.settled_ns <= ASKED_NS


def _now(runtime: Runtime, member: MemberView) -> tuple[VisitView | None, list[VisitView]]:
    visits = runtime.views.visits_of(member.id)
    if not visits:
        return None, []
    newest = visits[0]
    ended_ns = newest.settled_ns or newest.exited_ns or newest.entered_ns
    is_recent = runtime.now_ns() - ended_ns < RECENT_S * SECOND_NS
    if newest.stage in OPEN_STAGES or is_recent:
        return newest, visits[1:]
    return None, visits


def _may_bring(runtime: Runtime, visit: VisitView | None) -> bool:
    """Whether another code would let a guest in; later it would open another visit."""
    if visit is None or visit.stage is not VisitStage.SHOPPING:
        return False
    return runtime.now_ns() - visit.entered_ns < GROUP_S * SECOND_NS


def _unpaid(runtime: Runtime, member: MemberView) -> list[VisitView]:
    return [one for one in runtime.views.visits_of(member.id) if one.stage is VisitStage.UNPAID]


def _codes(runtime: Runtime, member: MemberView, ahead_s: int) -> list[dict[str, object]]:
    """None for who would be turned away at the gate: their page says what to do first."""
    if member.barred is not None:
        return []
    shown = codes_ahead(
        runtime.member_key(member.id), runtime.layout.store.id, member.id, runtime.now_ns(), ahead_s
    )
    return [
        {
            "from": rfc3339(step.from_ns),
            "to": rfc3339(step.to_ns),
            **msgspec.to_builtins(step.first),
            "spares": msgspec.to_builtins(step.spares),
        }
        for step in shown
    ]


def _my_visit(runtime: Runtime, member: MemberView, visit: str) -> VisitView:
    view = runtime.views.visit(VisitId(visit))
    # Somebody else's visit is answered like one that never was.
    if view is None or view.member != member.id:
        raise HTTPException(404)
    return view


def _my_receipt(runtime: Runtime, member: MemberView, visit: str) -> ReceiptView:
    receipt = runtime.views.receipt(_my_visit(runtime, member, visit).id)
    if receipt is None:
        raise HTTPException(404)
    return receipt
