"""The staff's pages: what to decide, who is in, which node is blind, receipts, members."""

from collections.abc import AsyncIterable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, NodeId, Sku, VisitId

from tebura_gateway.api.access import (
    STAFF_COOKIE,
    Failures,
    RuntimeDep,
    StaffDep,
    is_staff_token,
    require_own_form,
    require_same_site,
    sign_in_staff,
)
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import sign_in_link
from tebura_gateway.api.streams import changed_parts, needs_slot
from tebura_gateway.service.behaviour import FEWEST
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.requests import UNDO_NS
from tebura_gateway.web.answers import WordsDep, page, part, see_other
from tebura_gateway.web.codes import picture_of_address

router = APIRouter(include_in_schema=False)

REPORTED_NS: Final = 28 * 24 * 3600 * SECOND_NS

FormText = Annotated[str, Form(max_length=300)]
OptionalText = Annotated[str, Form(max_length=300)]


@router.get("/staff/sign-in")
def sign_in_page(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    values = {"is_closed": not runtime.web.staff_token, "is_wrong": False}
    return page(request, words, "staff_sign_in.html", values)


@router.post("/staff/sign-in")
def sign_in(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    token: FormText,
    name: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Check the token; after ten wrong ones in a minute nobody gets in for a while."""
    require_same_site(request)
    failures: Failures = request.app.state.failures
    if failures.is_locked(runtime.now_ns()):
        raise HTTPException(429, "problem.try_later")
    if not is_staff_token(runtime, token):
        failures.note(runtime.now_ns())
        values = {"is_closed": not runtime.web.staff_token, "is_wrong": True}
        return page(request, words, "staff_sign_in.html", values, 403)
    answer = see_other("/staff")
    sign_in_staff(request, answer, runtime, name.strip() or "staff")
    return answer


@router.post("/staff/sign-out")
def sign_out(session: StaffDep, form: FormText) -> Response:
    require_own_form(session, form)
    answer = see_other("/staff/sign-in")
    answer.delete_cookie(STAFF_COOKIE, path="/staff")
    return answer


@router.get("/staff")
def staff(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep, undo: str = ""
) -> Response:
    values = {
        "undo": undo,
        "undo_s": UNDO_NS // SECOND_NS,
        "stream": f"/staff/stream?lang={words.language}",
        "tab": "now",
        "form": session.form,
        **_values(runtime),
    }
    return page(request, words, "staff.html", values)


@router.get("/staff/stream", response_class=EventSourceResponse, dependencies=needs_slot)
async def staff_stream(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep
) -> AsyncIterable[ServerSentEvent]:
    """Reviews, visits, nodes and refused messages again whenever they changed."""

    def render() -> dict[str, str]:
        values = {"form": session.form, **_values(runtime)}
        return {
            name: part(request, words, f"staff_{name}.html", values)
            for name in ("reviews", "visits", "nodes", "flags")
        }

    async for event in changed_parts(runtime, render):
        yield event


@router.get("/staff/report")
def report(request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep) -> Response:
    """How people shopped in the last four weeks, as a whole."""
    now_ns = runtime.now_ns()
    values = {
        "tab": "report",
        "form": session.form,
        "fewest": FEWEST,
        "report": runtime.views.behaviour(now_ns - REPORTED_NS, now_ns),
    }
    return page(request, words, "staff_report.html", values)


@router.post("/staff/visits/{visit}/close")
def close_visit(runtime: RuntimeDep, session: StaffDep, visit: str, form: FormText) -> Response:
    """Whoever it was has left, though nobody saw it."""
    require_own_form(session, form)
    runtime.services.close_visit(VisitId(visit), session.subject)
    return see_other("/staff")


@router.post("/staff/roles")
def set_role(
    runtime: RuntimeDep, session: StaffDep, form: FormText, member: FormText, role: FormText
) -> Response:
    """What staff take and put back is on no cart."""
    require_own_form(session, form)
    if role not in list(MemberRole):
        raise HTTPException(422)
    runtime.services.set_role(MemberId(member), MemberRole(role))
    return see_other("/staff/members")


@router.post("/staff/coupons")
def give_coupon(
    runtime: RuntimeDep, session: StaffDep, form: FormText, member: FormText, promotion: FormText
) -> Response:
    require_own_form(session, form)
    runtime.services.give_coupon(MemberId(member), promotion)
    return see_other("/staff/members")


@router.post("/staff/gaps")
def accept_gap(runtime: RuntimeDep, session: StaffDep, form: FormText, node: FormText) -> Response:
    """Go on without what a node lost."""
    require_own_form(session, form)
    runtime.services.accept_gap(NodeId(node))
    return see_other("/staff")


@router.get("/staff/visits/{visit}")
def one_visit(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep, visit: str
) -> Response:
    """A visit's receipt as the shopper sees it."""
    view = runtime.views.visit(VisitId(visit))
    if view is None:
        raise HTTPException(404)
    values: dict[str, object] = {
        "visit": view,
        "receipt": runtime.views.receipt(view.id),
        "disputes": runtime.views.disputes(view.id),
        "may_dispute": False,
        "form": session.form,
        "home": "/staff/receipts",
        "json_address": f"/staff/visits/{view.id}",
        "notice": "",
    }
    return page(request, words, "receipt.html", values)


@router.get("/staff/receipts")
def receipts(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep, told: str = ""
) -> Response:
    values = {
        "tab": "receipts",
        "form": session.form,
        "receipts": runtime.views.receipts(limit=60),
        "notice": "notice.refunded" if told == "refunded" else "",
    }
    return page(request, words, "staff_receipts.html", values)


@router.post("/staff/refunds")
def refund(
    runtime: RuntimeDep,
    session: StaffDep,
    form: FormText,
    visit: FormText,
    sku: OptionalText = "",
    quantity: Annotated[int, Form(ge=0, le=999)] = 0,
) -> Response:
    """Pay back a piece, or all that is left."""
    require_own_form(session, form)
    article = Sku(sku) if sku else None
    runtime.services.refund(VisitId(visit), article, quantity, "staff", session.subject)
    return see_other("/staff/receipts?told=refunded")


@router.get("/staff/members")
def members(request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep) -> Response:
    values = {
        "tab": "members",
        "form": session.form,
        "members": runtime.views.members(),
        "coupons": runtime.web.coupons,
        "link": "",
    }
    return page(request, words, "staff_members.html", values)


@router.post("/staff/members")
def add_member(
    runtime: RuntimeDep,
    session: StaffDep,
    form: FormText,
    name: Annotated[str, Form(min_length=1, max_length=80)],
    locale: Annotated[str, Form(pattern="^(ja|en)$")],
) -> Response:
    require_own_form(session, form)
    runtime.services.add_member(name, locale)
    return see_other("/staff/members")


@router.post("/staff/links")
def make_link(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: StaffDep,
    form: FormText,
    member: FormText,
) -> Response:
    """Show a sign-in link once, as text and to scan; it is kept nowhere."""
    require_own_form(session, form)
    view = runtime.views.member(MemberId(member))
    if view is None:
        raise HTTPException(404)
    link = sign_in_link(runtime.web.secret, str(request.base_url), view.id, runtime.now_ns())
    size, path = picture_of_address(link)
    values = {
        "tab": "members",
        "form": session.form,
        "members": runtime.views.members(),
        "coupons": runtime.web.coupons,
        "link": link,
        "linked": view,
        "link_size": size,
        "link_path": path,
    }
    return page(request, words, "staff_members.html", values)


def _values(runtime: Runtime) -> dict[str, object]:
    views = runtime.views
    return {
        "reviews": views.reviews(),
        "queue": views.queue(),
        "now_ns": runtime.now_ns(),
        "visits": views.open_visits(),
        "nodes": views.nodes(),
        "flags": views.flags(),
    }
