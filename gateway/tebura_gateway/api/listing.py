"""Lists a page at a time: `limit`, an opaque `cursor`, and a `Link` to the next page (RFC 8288).

Bodies stay plain arrays. A cursor holds the sort key of the last thing shown, so what is added
meanwhile neither repeats a thing nor leaves one out.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from tebura_gateway.api.problems import ProblemType, Trouble
from tebura_gateway.service.paging import Listed, mark_of
from tebura_gateway.service.views import Mark

MAX_LIMIT: Final = 200
MAX_CURSOR_CHARS: Final = 1_000
T = TypeVar("T", bound=Listed)

Cursor = Annotated[
    str,
    Query(
        max_length=MAX_CURSOR_CHARS,
        description="From the Link of the page before; empty for the first page.",
    ),
]


@dataclass(frozen=True)
class Paging:
    """The page that is asked for, and the answer that tells of the next one."""

    request: Request
    response: Response
    limit: int
    cursor: str

    @property
    def ask(self) -> int:
        """One more than is shown tells whether there is a next page."""
        return self.limit + 1

    def after(self, *kinds: type[int] | type[str]) -> Mark | None:
        """The mark to go on from; `kinds` are the types of this list's sort key.

        Raises:
            Trouble: 422 for a cursor that is none of this list's.
        """
        if not self.cursor:
            return None
        try:
            mark = json.loads(base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
        except (binascii.Error, ValueError, RecursionError) as error:
            raise self._no_cursor() from error
        if not isinstance(mark, list) or len(mark) != len(kinds):
            raise self._no_cursor()
        if not all(_is(value, kind) for value, kind in zip(mark, kinds, strict=True)):
            raise self._no_cursor()
        return tuple(mark)

    def cut(self, found: list[T]) -> list[T]:
        """The page out of what was found, and where the next one begins."""
        shown = found[: self.limit]
        if len(found) > self.limit:
            plain = json.dumps(mark_of(shown[-1]), separators=(",", ":"), ensure_ascii=False)
            cursor = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
            query = {**self.request.query_params, "limit": str(self.limit), "cursor": cursor}
            target = f"{self.request.url.path}?{urlencode(query)}"
            self.response.headers["Link"] = f'<{target}>; rel="next"'
        return shown

    def cut_whole(self, found: list[T], *kinds: type[int] | type[str]) -> list[T]:
        """A page of a list that is at hand as a whole, in the order of its marks."""
        after = self.after(*kinds)
        ordered = sorted(found, key=mark_of)
        return self.cut([one for one in ordered if after is None or mark_of(one) > after])

    def _no_cursor(self) -> Trouble:
        return Trouble(422, ProblemType.INVALID, "query.cursor: it is none of this list's")


def _is(value: object, kind: type[int] | type[str]) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, str) and value.isprintable() and len(value) <= 300


def paging(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    cursor: Cursor = "",
) -> Paging:
    return Paging(request, response, limit, cursor)


def long_paging(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
    cursor: Cursor = "",
) -> Paging:
    """For lists that the layout bounds: most shops have them on one page."""
    return Paging(request, response, limit, cursor)


PagingDep = Annotated[Paging, Depends(paging)]
LongPagingDep = Annotated[Paging, Depends(long_paging)]
