"""Where payment providers tell by themselves that something happened.

Open to everyone, so each message must carry its provider's signature. It is never believed: it only
has the gateway ask the provider, sooner than it would have.
"""

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tebura_gateway.api.access import RuntimeDep
from tebura_gateway.service.ports import Forged

router = APIRouter(include_in_schema=False)

_LOG = logging.getLogger(__name__)


@router.post("/payments/{provider}/hints")
async def take_hint(
    request: Request, runtime: RuntimeDep, provider: Annotated[str, Path(max_length=32)]
) -> Response:
    """Take a message; one that came before is answered alike, so that it is not sent again."""
    body = await request.body()
    try:
        is_new = await run_in_threadpool(
            runtime.payments.hint, provider, dict(request.headers), request.url.path, body
        )
    except Forged as error:
        _LOG.warning("a payment hint was refused", extra={"provider": provider, "why": str(error)})
        raise HTTPException(HTTPStatus.UNAUTHORIZED) from error
    if is_new is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return JSONResponse({"status": "taken" if is_new else "known"})
