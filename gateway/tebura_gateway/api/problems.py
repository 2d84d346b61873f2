"""Errors: RFC 9457 problem documents for programs, a page in their language for people."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tebura_gateway.api.access import SignInNeeded
from tebura_gateway.service.idempotency import KeyReused
from tebura_gateway.service.requests import Refused, Unavailable
from tebura_gateway.web.answers import page, see_other, words_of

_LOG = logging.getLogger(__name__)
_JSON_PATHS = ("/api/", "/node/", "/health", "/me/codes.json")
MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 10


class ProblemType(StrEnum):
    """What a program may tell apart; all else says no more than its status."""

    BLANK = "about:blank"
    REFUSED = "/problems/refused"
    KEY_MISSING = "/problems/idempotency-key-missing"
    KEY_REUSED = "/problems/idempotency-key-reused"
    UNDER_WAY = "/problems/idempotency-key-under-way"
    INVALID = "/problems/invalid"


class FaultOut(BaseModel):
    """One thing that is wrong with a request; `place` is where, as `body.sku`."""

    place: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457. `errors` comes with `/problems/invalid` only."""

    type: ProblemType = ProblemType.BLANK
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultOut] | None = Field(None, max_length=MAX_FAULTS)


class Trouble(HTTPException):
    """An error with a type of its own."""

    def __init__(
        self,
        status: int,
        type: ProblemType,  # noqa: A002  # RFC 9457's word
        detail: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.type = type


def install(app: FastAPI) -> None:
    """Tell the application how to answer each kind of trouble."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(KeyReused, _reused)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Exception, _broken)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = error.type if isinstance(error, Trouble) else ProblemType.BLANK
    answer = _answer(request, error.status_code, str(error.detail), kind)
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        FaultOut(place=".".join(str(part) for part in fault["loc"]), message=fault["msg"])
        for fault in error.errors()[:MAX_FAULTS]
    ]
    detail = "; ".join(f"{fault.place}: {fault.message}" for fault in faults)
    return _answer(request, 422, detail, ProblemType.INVALID, faults)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    wants_page = "text/html" in request.headers.get("accept", "text/html")
    if request.method == "GET" and wants_page and not request.url.path.startswith(_JSON_PATHS):
        return see_other(error.where)
    return _answer(request, 401, "")


async def _reused(request: Request, error: Exception) -> Response:
    return _answer(request, 422, str(error), ProblemType.KEY_REUSED)


async def _refused(request: Request, error: Exception) -> Response:
    return _answer(request, 409, str(error), ProblemType.REFUSED)


async def _unavailable(request: Request, error: Exception) -> Response:
    answer = _answer(request, 503, str(error))
    answer.headers["Retry-After"] = "5"
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    _LOG.error("request failed", exc_info=error, extra={"path": request.url.path})
    return _answer(request, 500, "")


def _answer(
    request: Request,
    status: int,
    detail: str,
    kind: ProblemType = ProblemType.BLANK,
    faults: list[FaultOut] | None = None,
) -> Response:
    words = words_of(request)
    key = f"problem.t{status}"
    standard = HTTPStatus(status).phrase
    detail = words(detail) if words.has(detail) else "" if detail == standard else detail
    if request.url.path.startswith(_JSON_PATHS) or "text/html" not in request.headers.get(
        "accept", "text/html"
    ):
        problem = ProblemOut(
            type=kind, title=standard, status=status, detail=detail or None, errors=faults
        )
        # Input that is no Unicode may come back in a message.
        body = problem.model_dump_json(exclude_none=True)
        return Response(body, status, media_type=MEDIA_TYPE)
    values = {
        "status": status,
        "title": words(key) if words.has(key) else standard,
        "detail": detail,
    }
    return page(request, words, "problem.html", values, status)
