"""The way to the provider's own page, where a shopper says what they pay with, and back."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tebura_gateway.api.access import MemberDep, RuntimeDep, ShopperDep, require_own_form
from tebura_gateway.web.answers import WordsDep, page, see_other

router = APIRouter(include_in_schema=False)


@router.post("/me/payment")
def begin(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    form: Annotated[str, Form()],
) -> Response:
    """A page with the way there: a form of ours may lead nowhere else by itself."""
    require_own_form(session, form)
    back = f"{str(request.base_url).rstrip('/')}/me/payment/done"
    address = runtime.payments.begin(member.id, back)
    if address is None:
        raise HTTPException(404)
    return page(request, words, "payment.html", {"address": address})


@router.get("/me/payment/done")
def done(runtime: RuntimeDep, member: MemberDep) -> Response:
    """Back from the provider, whatever came of it there: it is asked."""
    runtime.payments.finish(member.id)
    return see_other("/me")
