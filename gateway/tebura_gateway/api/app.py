"""The gateway's HTTP application: pages for shoppers and staff, the API, health."""

import importlib.metadata
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from tebura_contract.clock import rfc3339

from tebura_gateway.api import hints, node_faces, problems, rest, webhooks
from tebura_gateway.api.access import SHOPPER_COOKIE, Failures, RuntimeDep
from tebura_gateway.api.description import Document, describe
from tebura_gateway.api.headers import Guard
from tebura_gateway.api.repeating import UnderWay
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import MIN_SECRET_BYTES, Purpose, recognise
from tebura_gateway.api.streams import Slots
from tebura_gateway.api.wire import HealthOut, purchases_out
from tebura_gateway.web import (
    counter,
    face,
    live,
    payment,
    phone,
    privacy,
    reviewing,
    staff,
    stocktaking,
)
from tebura_gateway.web import exit as exit_screen
from tebura_gateway.web.answers import WordsDep, page, see_other
from tebura_gateway.web.rendering import STATIC, Renderer

VERSION: Final = importlib.metadata.version("tebura")


_PAGES: Final = (
    rest,
    webhooks,
    hints,
    node_faces,
    phone,
    face,
    counter,
    privacy,
    payment,
    staff,
    reviewing,
    stocktaking,
    live,
    exit_screen,
)


class _Files(StaticFiles):
    """Static files whose address changes with their content: to be kept for ever."""

    def file_response(self, full_path, stat_result, scope: Scope, status_code: int = 200):  # type: ignore[no-untyped-def]
        answer: Response = super().file_response(full_path, stat_result, scope, status_code)
        has_version = scope.get("query_string", b"").startswith(b"v=")
        answer.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if has_version else "no-cache"
        )
        return answer


class _Application(FastAPI):
    """Describes itself with all that our layers answer."""

    def openapi(self) -> Document:
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(runtime: Runtime) -> FastAPI:
    """Build the application around a running gateway.

    Raises:
        ValueError: If the secret is too short to sign with.
    """
    if len(runtime.web.secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the HTTP secret must have at least {MIN_SECRET_BYTES} bytes")
    app = routed()
    app.state.runtime = runtime
    app.state.renderer = Renderer(runtime.layout)
    app.state.slots = Slots()
    app.state.failures = Failures()
    app.state.under_way = UnderWay()
    app.state.nonces = node_faces.Nonces()
    return app


def routed() -> FastAPI:
    """The application without a gateway behind it: enough to describe it."""
    app = _Application(
        title="Tebura gateway",
        version=VERSION,
        summary="Visits, carts, receipts, reviews and nodes of one store",
        openapi_url="/api/v1/openapi.json",
        # The built-in pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # Names of functions: what generated clients call their methods.
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(Guard)
    problems.install(app)
    for pages in _PAGES:
        app.include_router(pages.router)
    app.mount("/static", _Files(directory=STATIC), name="static")
    app.add_api_route("/", _home, include_in_schema=False)
    app.add_api_route(
        "/health",
        _health,
        name="health",
        response_model=HealthOut,
        responses={503: {"model": HealthOut, "description": "The database takes nothing now"}},
        tags=["store"],
    )
    return app


def _home(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    cookie = request.cookies.get(SHOPPER_COOKIE, "")
    if recognise(runtime.web.secret, Purpose.SHOPPER, cookie, runtime.now_ns()):
        return see_other("/me")
    if runtime.web.public_live:
        return see_other("/live")
    return page(request, words, "sign_in.html", {"token": ""})


def _health(runtime: RuntimeDep, response: Response) -> HealthOut:
    """200 when the gateway can take events, else 503; needs no key and tells nothing personal."""
    is_writable = runtime.is_writable()
    nodes = runtime.views.nodes() if is_writable else []
    response.status_code = 200 if is_writable else 503
    return HealthOut(
        status="ok" if is_writable else "degraded",
        store=runtime.layout.store.id,
        version=VERSION,
        time=rfc3339(runtime.now_ns()),
        database=is_writable,
        nodes_online=sum(node.is_online for node in nodes),
        nodes=len(nodes),
        payments_of_nobody=_payments_of_nobody(runtime) if is_writable else {},
        purchases=purchases_out(runtime.views.purchases()) if is_writable else None,
    )


def _payments_of_nobody(runtime: Runtime) -> dict[str, int]:
    found = runtime.views.open_payments()
    return {name: count for name, count in sorted(found.items()) if name not in runtime.providers}
