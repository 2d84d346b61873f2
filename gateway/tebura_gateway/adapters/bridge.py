"""A payment provider behind a small HTTP service of the shop's own: wallets, terminals, banks.

The service, the bridge, speaks four commands and two questions; what it talks to is its business
(`gateway/README.md` has the table). A wallet that only charges is a bridge that cannot hold.
Requests are signed with a shared key over time, method, path and body.
"""

import hashlib
import hmac
import http.client
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId
from tebura_contract.money import Money

from tebura_gateway.service.ports import (
    Answer,
    Approved,
    Begun,
    Declined,
    Enrolled,
    Forged,
    Hint,
    Movement,
    NoAnswer,
    ProviderCall,
    Terms,
)

T = TypeVar("T")

TIMEOUT_S = 20.0
MOST_BYTES = 8 * 1024 * 1024
SIGNATURE = "Tebura-Signature"
KEY = "Idempotency-Key"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge is asked to do; `refers_to` is its own name of a hold or a capture."""

    account: str = ""
    amount_minor: int = 0
    currency: str = ""
    refers_to: str = ""


class EnrolmentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a bridge is asked to enrol, and where their browser goes afterwards."""

    account: str
    return_address: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a key: one of the two."""

    approved: Approved | None = None
    declined: Declined | None = None


@dataclass(frozen=True, slots=True)
class Bridge:
    """Asks a bridge over HTTP; whatever is no clear answer is none."""

    terms: Terms
    address: str
    secret: bytes
    now_ns: Callable[[], int]
    timeout_s: float = TIMEOUT_S
    enrols: bool = False

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount."""
        order = Order(account=account, amount_minor=amount.minor, currency=amount.currency)
        return self._do("authorizations", key, order)

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Take an amount."""
        order = Order(
            account=account,
            amount_minor=amount.minor,
            currency=amount.currency,
            refers_to=authorization or "",
        )
        return self._do("captures", key, order)

    def void(self, key: str, authorization: str) -> Answer:
        """Release what was reserved."""
        return self._do("voids", key, Order(refers_to=authorization))

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Give back what was captured."""
        order = Order(amount_minor=amount.minor, currency=amount.currency, refers_to=capture)
        return self._do("refunds", key, order)

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a call's key."""
        status, body = self._ask("GET", f"/outcomes/{urllib.parse.quote(call.key, safe='')}")
        return None if status == HTTPStatus.NOT_FOUND else _answer(status, body)

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        """What moved in a span of time."""
        status, body = self._ask("GET", f"/movements?from_ns={from_ns}&to_ns={to_ns}")
        if status != HTTPStatus.OK:
            raise NoAnswer(f"status {status}")
        return _decoded(body, list[Movement])

    def begin(self, member: MemberId, return_address: str) -> Begun:
        """Open a session in which a member says what they pay with."""
        order = EnrolmentOrder(account=member, return_address=return_address)
        status, body = self._ask("POST", "/enrolments", msgspec.json.encode(order))
        if status != HTTPStatus.OK:
            raise NoAnswer(f"status {status}")
        return _decoded(body, Begun)

    def finished(self, session: str) -> Enrolled | None:
        """What a session led to."""
        status, body = self._ask("GET", f"/enrolments/{urllib.parse.quote(session, safe='')}")
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise NoAnswer(f"status {status}")
        return _decoded(body, Enrolled)

    def hint(self, headers: Mapping[str, str], target: str, body: bytes, now_s: int) -> Hint:
        """Read what the bridge posted to us, signed as our requests to it are."""
        signature = headers.get(SIGNATURE.lower(), "")
        if not is_signed(self.secret, now_s, signature, "POST", target, body, ""):
            raise Forged("the signature does not fit, or is older than five minutes")
        try:
            return msgspec.json.decode(body, type=Hint)
        except msgspec.DecodeError as error:
            raise Forged(f"not understood: {error}") from error

    def _do(self, what: str, key: str, order: Order) -> Answer:
        return _answer(*self._ask("POST", f"/{what}", msgspec.json.encode(order), key))

    def _ask(
        self, method: str, path: str, body: bytes = b"", key: str | None = None
    ) -> tuple[int, bytes]:
        place = urllib.parse.urlsplit(self.address)
        target = f"{place.path.rstrip('/')}{path}"
        headers = {
            "Content-Type": "application/json",
        }
        at_s = self.now_ns() // SECOND_NS
        headers[SIGNATURE] = sign(self.secret, at_s, method, target, body, key or "")
        if key is not None:
            headers[KEY] = key
        is_tls = place.scheme == "https"
        kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
        connection = kind(place.hostname or "", place.port, timeout=self.timeout_s)
        try:
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error)) from error
        finally:
            connection.close()


def sign(secret: bytes, at_s: int, method: str, target: str, body: bytes, key: str) -> str:
    """The signature of a request: its time, and a code over that and what is asked."""
    said = "\n".join([str(at_s), method, target, key]).encode() + b"\n" + body
    return f"t={at_s},v1={hmac.new(secret, said, hashlib.sha256).hexdigest()}"


def is_signed(
    secret: bytes, now_s: int, signature: str, method: str, target: str, body: bytes, key: str
) -> bool:
    """Whether this was signed with the key within the last five minutes; for the bridge's side."""
    time_text = signature.partition(",")[0].removeprefix("t=")
    if not (time_text.isascii() and time_text.isdigit() and len(time_text) < 12):
        return False
    at_s = int(time_text)
    expected = sign(secret, at_s, method, target, body, key)
    return abs(now_s - at_s) <= 300 and hmac.compare_digest(expected.encode(), signature.encode())


def _answer(status: int, body: bytes) -> Answer:
    if status != HTTPStatus.OK:
        raise NoAnswer(f"status {status}")
    outcome = _decoded(body, Outcome)
    answer = outcome.approved or outcome.declined
    if answer is None:
        raise NoAnswer("neither approved nor declined")
    return answer


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise NoAnswer(f"not understood: {error}") from error
