"""The OpenAPI 3.1 document of the API: from the routes and types, with every error it may answer.

FastAPI describes what routes return; what our own layers add (problems, links, repeated answers)
is added here, so that the document says all that a program may meet.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from tebura_gateway.api.headers import MAX_BODY_BYTES
from tebura_gateway.api.problems import MEDIA_TYPE, FaultOut, ProblemOut
from tebura_gateway.api.repeating import KEY_HEADER, KEY_PATTERN, REPEATED, unsafe_with_key
from tebura_gateway.api.rest import router

DESCRIPTION: Final = """\
Visits, carts, receipts, reviews, stock and nodes of one store.

* Keys: `Authorization: Bearer`, made with `tebura-gateway key create`; each call names its scopes.
* Times are RFC 3339 in UTC, nanoseconds are strings, money is in minor units of an ISO 4217 code.
* Errors are problem documents (RFC 9457); `type` tells those apart that a program can act on.
* Lists come in pages: follow the `Link` with `rel="next"` (RFC 8288).
* Unsafe calls may carry an `Idempotency-Key`; those that move money must.
* Fields may be added: ignore what you do not know.
"""
_METHODS: Final = ("get", "post", "put", "patch", "delete")

Document = dict[str, Any]
"""A JSON document on its way out."""


def describe(app: FastAPI) -> Document:
    """The document of an application that has all its routes."""
    document: Document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=DESCRIPTION,
        routes=app.routes,
        webhooks=app.webhooks.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (ProblemOut, FaultOut):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    needing_key = {route.path for route in router.routes if _needs_key(route)}
    for path, method, operation in _operations(document):
        _name_key(operation, is_needed=path in needing_key)
        _complete(path, method, operation)
    return document


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _needs_key(route: object) -> TypeGuard[APIRoute]:
    return isinstance(route, APIRoute) and any(
        one.call is unsafe_with_key for one in route.dependant.dependencies
    )


def _name_key(operation: Document, is_needed: bool) -> None:
    """The header is read as optional, so that its absence is told in words of ours."""
    for one in operation.get("parameters", []):
        if one["name"] == KEY_HEADER:
            one["required"] = is_needed
            one["schema"] = {"type": "string", "pattern": KEY_PATTERN}


def _complete(path: str, method: str, operation: Document) -> None:
    """Add what our layers may answer, to what the route says of itself."""
    responses = operation["responses"]
    responses.pop("422", None)
    has_input = bool(operation.get("parameters")) or "requestBody" in operation
    is_listed = any(one["name"] == "cursor" for one in operation.get("parameters", []))
    for status, (meaning, is_met) in _problems(path, method, operation, has_input).items():
        if is_met:
            responses[str(status)] = {
                "description": meaning,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
            }
    for status in [one for one in responses if one.startswith("2")]:
        if is_listed:
            _header(responses[status], "Link", "The next page, where there is one (RFC 8288)")
        if method != "get":
            _header(responses[status], REPEATED, "true where this answer was given before")


def _problems(
    path: str, method: str, operation: Document, has_input: bool
) -> dict[int, tuple[str, bool]]:
    """Each status: what it means, and whether this operation may answer it."""
    is_guarded = bool(operation.get("security"))
    is_unsafe = method != "get"
    has_body = "requestBody" in operation
    return {
        400: ("The body is no JSON in UTF-8, or the Idempotency-Key is missing", has_body),
        401: ("No key, or none of ours", is_guarded),
        403: ("The key lacks a scope", is_guarded),
        404: ("There is no such thing", "{" in path),
        409: ("A rule refuses it, or its key is under way", is_unsafe),
        413: (f"More than {MAX_BODY_BYTES} bytes", is_unsafe),
        422: ("What was sent makes no sense, or its key came with another request", has_input),
        429: ("Too many wrong keys: try again in a minute", is_guarded),
        503: ("The database takes nothing now: try again", is_unsafe or path.endswith("/stream")),
    }


def _header(response: Document, name: str, meaning: str) -> None:
    described = {"description": meaning, "schema": {"type": "string"}}
    response.setdefault("headers", {})[name] = described
