"""A shop with a counter: members say on their phone that they pay for what is listed."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.ids import Sku, VisitId

from tebura_gateway.api.access import MemberDep, RuntimeDep, ShopperDep, require_own_form
from tebura_gateway.service.requests import ListOrder, Refused
from tebura_gateway.service.views import LineState, VisitView
from tebura_gateway.web.answers import see_other

router = APIRouter(include_in_schema=False)


@router.post("/me/visits/{visit}/confirm")
def confirm(
    runtime: RuntimeDep,
    session: ShopperDep,
    member: MemberDep,
    visit: str,
    form: Annotated[str, Form()],
    seen: Annotated[str, Form(max_length=20)],
) -> Response:
    """Yes, this list: it is charged once every node has reported up to now.

    `seen` is the amount that was on the button: a list that has changed since, or has a line in
    doubt, is shown again.
    """
    require_own_form(session, form)
    view = runtime.views.visit(VisitId(visit))
    if view is None or view.member != member.id:
        raise HTTPException(404)
    is_sure = all(line.state is LineState.SURE for line in view.lines)
    if str(view.total.minor) != seen or not is_sure:
        return see_other("/me?told=changed")
    items = _items(view)
    try:
        runtime.services.confirm_list(view.id, ListOrder(seen=items, items=items))
    except Refused:
        return see_other("/me?told=changed")
    return see_other("/me")


def _items(view: VisitView) -> dict[Sku, int]:
    found: Counter[Sku] = Counter()
    for line in view.lines:
        found[line.product.sku] += line.quantity
    return dict(found)
