"""From a request to a page in its language."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse

from tebura_gateway.api.runtime import Runtime
from tebura_gateway.web.language import Language, Words, negotiate
from tebura_gateway.web.rendering import Renderer

LANGUAGE_COOKIE: Final = "tebura_lang"
_YEAR_S: Final = 365 * 24 * 3600


def words_of(request: Request) -> Words:
    """The texts of the language this request is answered in."""
    runtime: Runtime = request.app.state.runtime
    language = negotiate(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language", ""),
    )
    return Words(language, runtime.layout.store.timezone)


WordsDep = Annotated[Words, Depends(words_of)]


def page(
    request: Request,
    words: Words,
    template: str,
    values: Mapping[str, object],
    status: int = 200,
) -> HTMLResponse:
    """A whole page; a language asked for in the address is remembered."""
    renderer: Renderer = request.app.state.renderer
    answer = HTMLResponse(
        renderer.render(template, words, values),
        status,
        headers={"Content-Language": words.language.value, "Vary": "Accept-Language, Cookie"},
    )
    if request.query_params.get("lang") in list(Language):
        answer.set_cookie(
            LANGUAGE_COOKIE,
            words.language.value,
            max_age=_YEAR_S,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return answer


def part(request: Request, words: Words, template: str, values: Mapping[str, object]) -> str:
    """A part of a page, for a stream."""
    renderer: Renderer = request.app.state.renderer
    return renderer.render(template, words, values)


def see_other(address: str) -> RedirectResponse:
    """After a form: look at this page now."""
    return RedirectResponse(address, 303)
