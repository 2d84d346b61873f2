"""Errors: RFC 9457 problem documents for programs, a page in their language for people."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tebura_gateway.api.access import SignInNeeded
from tebura_gateway.service.requests import Refused
from tebura_gateway.web.answers import page, see_other, words_of

_LOG = logging.getLogger(__name__)
_JSON_PATHS = ("/api/", "/health", "/me/codes.json")


def install(app: FastAPI) -> None:
    """Tell the application how to answer each kind of trouble."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Exception, _broken)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _answer(request, error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:10]
    ]
    return _answer(request, 422, "; ".join(places))


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    wants_page = "text/html" in request.headers.get("accept", "text/html")
    if request.method == "GET" and wants_page and not request.url.path.startswith(_JSON_PATHS):
        return see_other(error.where)
    return _answer(request, 401, "")


async def _refused(request: Request, error: Exception) -> Response:
    return _answer(request, 409, str(error))


async def _broken(request: Request, error: Exception) -> Response:
    _LOG.error("request failed", exc_info=error, extra={"path": request.url.path})
    return _answer(request, 500, "")


def _answer(request: Request, status: int, detail: str) -> Response:
    words = words_of(request)
    key = f"problem.t{status}"
    standard = HTTPStatus(status).phrase
    detail = words(detail) if words.has(detail) else "" if detail == standard else detail
    if request.url.path.startswith(_JSON_PATHS) or "text/html" not in request.headers.get(
        "accept", "text/html"
    ):
        body = {"type": "about:blank", "title": standard, "status": status}
        if detail:
            body["detail"] = detail
        return JSONResponse(body, status, media_type="application/problem+json")
    values = {
        "status": status,
        "title": words(key) if words.has(key) else standard,
        "detail": detail,
    }
    return page(request, words, "problem.html", values, status)
