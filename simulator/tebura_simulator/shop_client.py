"""The shop as a program and as a shopper's phone see it: its HTTP interface, in plain types."""

import datetime as dt
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from tebura_contract.clock import rfc3339
from tebura_contract.truth import OutcomeCandidate

T = TypeVar("T")

TIMEOUT_S = 5.0
STREAM_S = 60.0
"""A stream says something more often, if only that it is there."""
_PIECES = re.compile(r"<span>(\d+) items?</span>")


class ShopError(RuntimeError):
    """The gateway did not answer, or not with what it should."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Something the interface tells; unknown fields are left out."""


class Amount(Reply, frozen=True, kw_only=True):
    minor: int
    currency: str


class Line(Reply, frozen=True, kw_only=True):
    sku: str
    name: str
    name_en: str
    quantity: int
    amount: Amount
    confidence: float = 1.0
    state: str = "sure"


class Happening(Reply, frozen=True, kw_only=True):
    event: str
    at: str
    sku: str | None
    name: str
    name_en: str
    quantity: int
    confidence: float
    state: str
    delta_g: float
    shelf: str


class Step(Reply, frozen=True, kw_only=True):
    event: str
    kind: str
    shelf: str
    plates: tuple[str, ...]
    from_ns: str
    delta_g: float
    status: str
    reason: str
    visit: str | None
    track: str | None
    sku: str | None
    quantity: int
    confidence: float
    candidates: tuple[OutcomeCandidate, ...]


class Visit(Reply, frozen=True, kw_only=True):
    id: str
    member: str
    member_name: str
    stage: str
    reason: str
    entered: str
    exited: str | None
    settled: str | None
    receipt_number: int | None
    total: Amount
    lines: tuple[Line, ...]
    happenings: tuple[Happening, ...]


class Tax(Reply, frozen=True, kw_only=True):
    rate_percent: int
    gross: Amount
    tax: Amount


class Receipt(Reply, frozen=True, kw_only=True):
    number: int
    visit: str
    lines: tuple[Line, ...]
    total: Amount
    issued: str
    paid_by: str
    taxes: tuple[Tax, ...] = ()


class Part(Reply, frozen=True, kw_only=True):
    name: str
    state: str
    reason: str


class NodeSeen(Reply, frozen=True, kw_only=True):
    id: str
    is_online: bool
    reason: str
    boot: int
    waiting: int
    missing: int
    watermark: str | None
    parts: tuple[Part, ...]


class Review(Reply, frozen=True, kw_only=True):
    id: str
    kind: str
    reason: str
    detail: str
    visit: str | None


class Member(Reply, frozen=True, kw_only=True):
    id: str
    name: str
    sign_in: str | None = None


class _Code(Reply, frozen=True, kw_only=True, rename={"from_": "from"}):
    from_: str
    to: str
    code: str


class _Part(Reply, frozen=True, kw_only=True):
    """A part of a page that is to be shown anew."""

    id: str
    html: str


class ShopClient:
    """The staff's key to the gateway at `base_url`. Use it as a context manager."""

    def __init__(self, base_url: str, staff_token: str) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {staff_token}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def visits(self) -> list[Visit]:
        """All visits, newest first."""
        return self._get("/api/v1/visits?limit=200", list[Visit])

    def receipt(self, visit: str) -> Receipt | None:
        """A visit's receipt; None until it is settled."""
        answer = self._ask("GET", f"/api/v1/receipts/{visit}")
        return None if answer.status_code == 404 else _decoded(answer, Receipt)

    def steps(self, since_ns: int) -> list[Step]:
        """What became of each settled change of weight since then, newest first; at most 200."""
        return self._get(f"/api/v1/steps?limit=200&since={rfc3339(since_ns)}", list[Step])

    def nodes(self) -> list[NodeSeen]:
        return self._get("/api/v1/nodes", list[NodeSeen])

    def reviews(self) -> list[Review]:
        """Open reviews."""
        return self._get("/api/v1/reviews", list[Review])

    def add_member(self, name: str, locale: str = "ja") -> Member:
        """A new member; their phone signs in with `sign_in`."""
        body = {"name": name, "locale": locale}
        return _decoded(self._ask("POST", "/api/v1/members", body), Member)

    def is_healthy(self) -> bool:
        """Whether the gateway answers and can take events."""
        try:
            return self._ask("GET", "/health").status_code == 200
        except ShopError:
            return False

    def _get(self, path: str, kind: type[T]) -> T:
        return _decoded(self._ask("GET", path), kind)

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ShopError(f"{method} {path}: {str(error) or type(error).__name__}") from error


class Phone:
    """A member's phone: signed in once, then it shows codes, also while the gateway is away."""

    def __init__(self, base_url: str, sign_in: str) -> None:
        token = parse_qs(urlsplit(sign_in).query)["token"][0]
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False)
        answer = self._http.post("/sign-in", data={"token": token}, headers={"Origin": base_url})
        if answer.status_code >= 400:
            raise ShopError(f"sign-in: {answer.status_code} {answer.text[:200]}")
        self._codes: list[tuple[int, int, str]] = []

    def load(self) -> None:
        """Open the page: the codes of the next minutes are on the phone then."""
        try:
            answer = self._http.get("/me/codes.json")
        except httpx.HTTPError as error:
            raise ShopError(f"/me/codes.json: {str(error) or type(error).__name__}") from error
        self._codes = [
            (_ns(code.from_), _ns(code.to), code.code) for code in _decoded(answer, list[_Code])
        ]

    def code_at(self, now_ns: int) -> str | None:
        """The code on the screen at this time; None where the page is too old."""
        return next((code for a, b, code in self._codes if a <= now_ns < b), None)

    def cart_sizes(self) -> Iterator[int]:
        """How many pieces the page shows in the cart, now and whenever it changes; it blocks.

        Raises:
            ShopError: If the stream breaks off.
        """
        try:
            with self._http.stream("GET", "/me/stream?lang=en", timeout=STREAM_S) as stream:
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        shown = msgspec.json.decode(line[5:], type=_Part)
                        found = _PIECES.search(shown.html)
                        if shown.id == "now" and found:
                            yield int(found[1])
        except httpx.HTTPError as error:
            raise ShopError(f"/me/stream: {str(error) or type(error).__name__}") from error

    def close(self) -> None:
        self._http.close()


def _decoded(answer: httpx.Response, kind: type[T]) -> T:
    if answer.status_code >= 400:
        raise ShopError(f"{answer.request.url}: {answer.status_code} {answer.text[:200]}")
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise ShopError(f"{answer.request.url}: {error}") from error


def _ns(text: str) -> int:
    moment = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (moment.days * 86_400 + moment.seconds) * 10**9 + moment.microseconds * 1000
