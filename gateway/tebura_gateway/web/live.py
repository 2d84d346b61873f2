"""The shop at a glance, for everyone to see: only where the configuration says so."""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import FacingId
from tebura_contract.layout import Layout

from tebura_gateway.api.access import RuntimeDep
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.streams import changed_parts, merged, needs_slot
from tebura_gateway.service.views import OPEN_STAGES, LineState, VisitView
from tebura_gateway.web.answers import WordsDep, page, part
from tebura_gateway.web.floor import floor_plan, fronts

STAYS_S: Final = 60
"""How long a settled visit stays in the picture."""
POSITIONS_S: Final = 0.2
RECEIPTS: Final = 4
_URGENCY: Final = {LineState.SURE: 0, LineState.REVIEW: 1, LineState.CHECKING: 2}


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """What happened at a facing in the visits shown: how often, what is missing since, how sure."""

    number: int
    net: int
    state: LineState


def only_if_public(runtime: RuntimeDep) -> None:
    """Closed is answered like missing."""
    if not runtime.web.public_live:
        raise HTTPException(404)


router = APIRouter(include_in_schema=False, dependencies=[Depends(only_if_public)])


@router.get("/live")
def live(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    values = {
        "stream": f"/live/stream?lang={words.language}",
        "plan": floor_plan(runtime.layout),
        **_values(runtime),
    }
    return page(request, words, "live.html", values)


@router.get("/live/stream", response_class=EventSourceResponse, dependencies=needs_slot)
async def live_stream(
    request: Request, words: WordsDep, runtime: RuntimeDep
) -> AsyncIterable[ServerSentEvent]:
    """Parts as they change, and several times a second where people stand."""

    def render() -> dict[str, str]:
        values = _values(runtime)
        return {
            name: part(request, words, f"live_{name}.html", values)
            for name in ("shelves", "nodes", "visits", "receipts")
        }

    async for event in merged(changed_parts(runtime, render), _positions(runtime)):
        yield event


async def _positions(runtime: Runtime) -> AsyncIterator[ServerSentEvent]:
    sent = "[]"
    while not runtime.is_closing():
        people = [
            {"track": position.track, "x": position.foot_xy_m[0], "y": position.foot_xy_m[1]}
            for position in runtime.positions()
        ]
        text = json.dumps(people)
        if text != sent:
            sent = text
            yield ServerSentEvent(event="positions", raw_data=text)
        await asyncio.sleep(POSITIONS_S)


def _values(runtime: Runtime) -> dict[str, object]:
    now_ns = runtime.now_ns()
    shown = [
        visit
        for visit in runtime.views.visits(limit=12)
        if visit.stage in OPEN_STAGES
        or now_ns - (visit.settled_ns or visit.exited_ns or visit.entered_ns) < STAYS_S * SECOND_NS
    ]
    return {
        "fronts": fronts(runtime.layout),
        "touched": touched(runtime.layout, shown),
        "visits": shown[:6],
        "receipts": runtime.views.receipts(limit=RECEIPTS),
        "nodes": runtime.views.nodes(),
    }


def touched(layout: Layout, visits: list[VisitView]) -> dict[FacingId, Touch]:
    """Which facings the visits took from or put back to."""
    homes: dict[tuple[str, str], FacingId] = {}
    for name, (shelf, facing) in layout.facings().items():
        homes.setdefault((shelf, facing.sku), name)
    touches: dict[FacingId, Touch] = {}
    for visit in visits:
        for happening in visit.happenings:
            if happening.product is None:
                continue
            home = homes.get((happening.shelf, happening.product.sku))
            if home is None:
                continue
            before = touches.get(home, Touch(number=0, net=0, state=LineState.SURE))
            touches[home] = Touch(
                number=before.number + 1,
                net=before.net + happening.quantity,
                state=max(before.state, happening.state, key=_URGENCY.__getitem__),
            )
    return touches
