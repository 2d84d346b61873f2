"""The stock page: what should stand where, and a form for what does."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response
from tebura_contract.ids import FacingId

from tebura_gateway.api.access import RuntimeDep, Session, StaffDep, require_own_form
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.service.requests import FacingCount, Refused
from tebura_gateway.web.answers import WordsDep, page, see_other

router = APIRouter(include_in_schema=False)


@router.get("/staff/stock")
def stock_page(
    request: Request, words: WordsDep, runtime: RuntimeDep, session: StaffDep, told: str = ""
) -> Response:
    notice = words("stock.counted_now") if told == "counted" else ""
    return page(request, words, "staff_stock.html", _values(runtime, session, notice, {}))


@router.post("/staff/stock")
def count(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: StaffDep,
    form: Annotated[str, Form(max_length=300)],
    facing: Annotated[list[str], Form()],
    counted: Annotated[list[str], Form()],
) -> Response:
    """What was counted, all of it at once; empty fields were not."""
    require_own_form(session, form)
    typed = dict(zip(facing, counted, strict=False))
    bad = [name for name, text in typed.items() if text.strip() and not text.strip().isdecimal()]
    counts = [
        FacingCount(facing=FacingId(name), count=int(text))
        for name, text in typed.items()
        if text.strip() and name not in bad
    ]
    try:
        if bad:
            raise Refused(words("stock.no_number", place=bad[0], text=typed[bad[0]]))
        runtime.services.count_stock(counts, session.subject)
    except Refused as refused:
        values = _values(runtime, session, str(refused), typed) | {"is_bad": True}
        return page(request, words, "staff_stock.html", values, 422)
    return see_other("/staff/stock?told=counted")


def _values(
    runtime: Runtime, session: Session, notice: str, typed: dict[str, str]
) -> dict[str, object]:
    return {
        "tab": "stock",
        "form": session.form,
        "stock": runtime.views.stock(),
        "counts": runtime.views.counts(limit=40),
        "notice": notice,
        "is_bad": False,
        "typed": typed,
    }
