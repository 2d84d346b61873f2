"""The screen at the exit: walk-ups find their list, put it right, and pay."""

import math
from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import Sku, VisitId
from tebura_contract.layout import GateDirection

from tebura_gateway.api.access import (
    ExitDep,
    Failures,
    RuntimeDep,
    is_exit_token,
    require_own_form,
    require_same_site,
    sign_in_exit,
)
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import Purpose, receipt_link, recognise
from tebura_gateway.domain.checkout import MOST_PIECES, WhyCorrected
from tebura_gateway.service.requests import ListOrder, Refused
from tebura_gateway.service.views import OPEN_STAGES, VisitStage, VisitView
from tebura_gateway.web.answers import WordsDep, page, see_other
from tebura_gateway.web.codes import picture_of_address
from tebura_gateway.web.language import Words

router = APIRouter(include_in_schema=False)

SHOWN_S: Final = 120
"""So long after paying the receipt can still be fetched from the screen."""
_PAYABLE: Final = (VisitStage.SHOPPING, VisitStage.CHECKING, VisitStage.REVIEW)


@router.get("/exit/sign-in")
def sign_in_page(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    values = {"is_closed": not runtime.web.exit_token, "is_wrong": False}
    return page(request, words, "exit_sign_in.html", values)


@router.post("/exit/sign-in")
def sign_in(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    token: Annotated[str, Form(max_length=300)],
) -> Response:
    """Staff sign the screen in, once."""
    require_same_site(request)
    failures: Failures = request.app.state.failures
    if failures.is_locked(runtime.now_ns()):
        raise HTTPException(429, "problem.try_later")
    if not is_exit_token(runtime, token):
        failures.note(runtime.now_ns())
        values = {"is_closed": not runtime.web.exit_token, "is_wrong": True}
        return page(request, words, "exit_sign_in.html", values, 403)
    answer = see_other("/exit")
    sign_in_exit(request, answer, runtime)
    return answer


@router.get("/exit")
def everyone(request: Request, words: WordsDep, runtime: RuntimeDep, _: ExitDep) -> Response:
    """Who may pay: nearest to the door first."""
    now_ns = runtime.now_ns()
    found = [
        visit
        for visit in runtime.views.visits(limit=50)
        if not visit.member
        and visit.lines
        and (
            visit.stage in (*OPEN_STAGES, VisitStage.UNPAID)
            or now_ns - (visit.settled_ns or 0) < SHOWN_S * SECOND_NS
        )
    ]
    return page(request, words, "exit.html", {"visits": _nearest_first(runtime, found)})


@router.get("/exit/{visit}")
def one(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: ExitDep,
    visit: str,
    told: str = "",
) -> Response:
    """The list to put right, or how far paying is."""
    view = _walk_up(runtime, visit)
    values: dict[str, object] = {"visit": view, "form": session.form, "told": told}
    if view.stage in _PAYABLE and not view.checkout:
        values |= {"reasons": list(WhyCorrected), "most": MOST_PIECES}
        return page(request, words, "exit_list.html", values)
    if view.stage is VisitStage.SETTLED:
        base, now_ns = str(request.base_url), runtime.now_ns()
        size, path = picture_of_address(receipt_link(runtime.web.secret, base, view.id, now_ns))
        values |= {"size": size, "path": path}
    return page(request, words, "exit_paying.html", values)


@router.post("/exit/{visit}/list")
async def summary(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: ExitDep, visit: str
) -> Response:
    """The list as it was put right, with what it costs: nothing is charged yet."""
    given = await request.form()
    require_own_form(session, str(given.get("form", "")))
    view, order = _walk_up(runtime, visit), _order(given)
    try:
        bill = runtime.services.list_bill(view.id, order)
    except Refused:
        return see_other(f"/exit/{view.id}?told=changed")
    products = runtime.layout.products()
    values = {
        "visit": view,
        "form": session.form,
        "order": order,
        "bill": bill,
        "lines": [(products[sku], count) for sku, count in order.items.items() if count],
    }
    return page(request, words, "exit_summary.html", values)


@router.post("/exit/{visit}/pay")
async def pay(runtime: RuntimeDep, request: Request, session: ExitDep, visit: str) -> Response:
    """Confirm the list: now it is charged, unless staff must look first."""
    given = await request.form()
    require_own_form(session, str(given.get("form", "")))
    view = _walk_up(runtime, visit)
    try:
        runtime.services.confirm_list(view.id, _order(given))
    except Refused:
        return see_other(f"/exit/{view.id}?told=changed")
    return see_other(f"/exit/{view.id}")


@router.post("/exit/{visit}/back")
def back(
    runtime: RuntimeDep, session: ExitDep, visit: str, form: Annotated[str, Form()]
) -> Response:
    require_own_form(session, form)
    view = _walk_up(runtime, visit)
    runtime.services.forget_list(view.id)
    return see_other(f"/exit/{view.id}")


@router.post("/exit/{visit}/again")
def again(
    runtime: RuntimeDep, session: ExitDep, visit: str, form: Annotated[str, Form()]
) -> Response:
    """Another try with a payment that was declined."""
    require_own_form(session, form)
    view = _walk_up(runtime, visit)
    runtime.services.retry_payment(view.id)
    return see_other(f"/exit/{view.id}")


@router.get("/exit/{visit}/receipt")
def receipt(
    request: Request, words: WordsDep, runtime: RuntimeDep, _: ExitDep, visit: str
) -> Response:
    """The receipt on the screen, to print."""
    view = _walk_up(runtime, visit)
    return _receipt_page(request, words, runtime, view, f"/exit/{view.id}")


@router.get("/r/{token}")
def guest_receipt(request: Request, words: WordsDep, runtime: RuntimeDep, token: str) -> Response:
    """A receipt by the link that its shopper scanned from the screen."""
    link = recognise(runtime.web.secret, Purpose.RECEIPT, token, runtime.now_ns())
    view = runtime.views.visit(VisitId(link.subject)) if link is not None else None
    if view is None:
        raise HTTPException(404)
    return _receipt_page(request, words, runtime, view, "/")


def _receipt_page(
    request: Request, words: Words, runtime: Runtime, view: VisitView, home: str
) -> Response:
    values = {
        "visit": view,
        "receipt": runtime.views.receipt(view.id),
        "disputes": runtime.views.disputes(view.id),
        "may_dispute": False,
        "form": "",
        "home": home,
        "json_address": "",
        "asks": False,
        "notice": "",
    }
    return page(request, words, "receipt.html", values)


def _walk_up(runtime: Runtime, visit: str) -> VisitView:
    view = runtime.views.visit(VisitId(visit))
    if view is None or view.member:
        raise HTTPException(404)
    return view


def _order(given: FormData) -> ListOrder:
    """What the form says; numbers that are none count as nothing taken."""
    items = _counts(given, "n-")
    added = Sku(str(given.get("add", "")))
    if added:
        items[added] = items.get(added, 0) + max(_whole(given.get("add-n")), 1)
    reasons = {
        Sku(key.removeprefix("why-")): WhyCorrected(str(value))
        for key, value in given.items()
        if key.startswith("why-") and value in list(WhyCorrected)
    }
    return ListOrder(
        seen=_counts(given, "seen-"),
        items=items,
        reasons=reasons,
        eats_in=given.get("where") == "in",
    )


def _counts(given: FormData, prefix: str) -> dict[Sku, int]:
    return {
        Sku(key.removeprefix(prefix)): _whole(value)
        for key, value in given.items()
        if key.startswith(prefix)
    }


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _nearest_first(runtime: Runtime, visits: Iterable[VisitView]) -> list[VisitView]:
    """By how far they stand from the door; those nobody sees now come last, newest first."""
    doors = [
        (
            sum(x for x, _ in gate.zone_m) / len(gate.zone_m),
            sum(y for _, y in gate.zone_m) / len(gate.zone_m),
        )
        for gate in runtime.layout.gate
        if gate.zone_m and gate.direction is not GateDirection.ENTRY
    ]
    away_m = {
        position.track: min((math.dist(position.foot_xy_m, door) for door in doors), default=0.0)
        for position in runtime.positions()
    }
    return sorted(
        visits,
        key=lambda visit: (
            min((away_m[track] for track in visit.tracks if track in away_m), default=math.inf),
            -visit.entered_ns,
        ),
    )
