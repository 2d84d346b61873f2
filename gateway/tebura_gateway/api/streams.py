"""Server-sent events: parts of a page again whenever they changed, never more than needed."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from fastapi import Depends, Request
from fastapi.sse import ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from tebura_gateway.api.runtime import Runtime
from tebura_gateway.service.pace import Pace

_LOG = logging.getLogger(__name__)

MAX_STREAMS: Final = 200
"""Open streams at a time; the next one is told 503 and the browser tries again later."""
QUIET_S: Final = 2.0
"""Without a change a part is looked at this often: a node may have fallen silent meanwhile."""
REST: Final = 4.0
"""After a look a rest so many times as long: a burst of changes is one update, and many streams
share the time."""
SAVED_S: Final = 0.2
"""Of rest that was not needed: after a quiet while a few looks come at once."""
RETRY_MS: Final = 1000


class Slots:
    """How many streams are open."""

    def __init__(self, limit: int = MAX_STREAMS) -> None:
        self.limit = limit
        self.open = 0


async def stream_slot(request: Request) -> AsyncIterator[None]:
    """Hold one of the places for a stream until it ends.

    Raises:
        HTTPException: 503 when all are taken.
    """
    slots: Slots = request.app.state.slots
    if slots.open >= slots.limit:
        raise HTTPException(503, headers={"Retry-After": "5"})
    slots.open += 1
    try:
        yield
    finally:
        slots.open -= 1


needs_slot: Final = [Depends(stream_slot)]


async def changed_parts(
    runtime: Runtime, render: Callable[[], Mapping[str, str] | None]
) -> AsyncIterator[ServerSentEvent]:
    """`render` gives parts by the id of their element; those that differ from before are sent.

    None ends the stream: whoever looks may not look any more.
    """
    sent: dict[str, str] = {}
    pace, time_s = Pace(REST, SAVED_S), asyncio.get_running_loop().time
    while not runtime.is_closing():
        number = runtime.changes.number()
        began_s = time_s()
        parts = await run_in_threadpool(render)
        done_s = time_s()
        pace.took(done_s - began_s, done_s)
        if parts is None:
            return
        for name, html in parts.items():
            if sent.get(name) != html:
                sent[name] = html
                yield ServerSentEvent(
                    event="part",
                    raw_data=json.dumps({"id": name, "html": html}, ensure_ascii=False),
                    retry=RETRY_MS,
                )
        await asyncio.sleep(max(0.0, pace.due_s - time_s()))
        await runtime.changes.wait(number, QUIET_S)


async def merged(*sources: AsyncIterator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    """Several sources as one stream; ends when one of them does."""
    queue: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(maxsize=16)

    async def pump(source: AsyncIterator[ServerSentEvent]) -> None:
        try:
            async for event in source:
                await queue.put(event)
        except Exception:
            # The browser connects again; the trouble itself is in the log of whoever raised it.
            _LOG.exception("a stream ended")
        await queue.put(None)

    tasks = [asyncio.create_task(pump(source)) for source in sources]
    try:
        while (event := await queue.get()) is not None:
            yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
