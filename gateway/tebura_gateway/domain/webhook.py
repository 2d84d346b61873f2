"""What programs outside are told, how they know that it is from us, and when it is sent again.

Messages are CloudEvents 1.0; headers and signature follow Standard Webhooks 1.0, for which there
are libraries in most languages: ``webhook-signature`` is HMAC-SHA-256 over id, time and body.
"""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import msgspec
from tebura_contract.clock import SECOND_NS, rfc3339
from tebura_contract.codec import encode
from tebura_contract.envelope import TYPE_PREFIX

FIRST_WAIT_NS = 5 * SECOND_NS
LAST_WAIT_NS = 3600 * SECOND_NS
MAX_TRIES = 24
"""With the waits in between, a receiver may be away for most of a day."""
TOLERANCE_S = 300
"""How old a message's time may be before its receiver refuses it as a replay."""
SECRET_PREFIX = "whsec_"
_MAX_URL_CHARS = 500


class Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A fact for programs outside: small, and without people. More is in the API."""


class ReceiptIssued(Told, frozen=True, kw_only=True, tag="receipt.issued"):
    """A visit was paid, or was free."""

    number: int
    visit: str
    total_minor: int
    currency: str


class RefundDone(Told, frozen=True, kw_only=True, tag="refund.done"):
    """Money went back; `number` is that of the credit note."""

    number: int
    refund: str
    visit: str
    amount_minor: int
    currency: str


class ReviewOpened(Told, frozen=True, kw_only=True, tag="review.opened"):
    """Staff are asked something; `risk_minor` is the money it is about."""

    review: str
    about: str
    reason: str
    visit: str | None
    risk_minor: int


class ReviewClosed(Told, frozen=True, kw_only=True, tag="review.closed"):
    """Staff answered, or later facts did (`withdrawn`)."""

    review: str
    outcome: str


class StockChanged(Told, frozen=True, kw_only=True, tag="stock.changed"):
    """What should stand in a place now; None before the first count."""

    place: str
    sku: str
    expected: int | None


TOLD_TYPES: tuple[type[Told], ...] = (
    ReceiptIssued,
    RefundDone,
    ReviewOpened,
    ReviewClosed,
    StockChanged,
)


class BadAddress(ValueError):
    """An address that nothing is sent to; the text says why."""


def kind_of(told: Told | type[Told]) -> str:
    """The fact's name: what a webhook asks for.

    >>> kind_of(ReviewClosed)
    'review.closed'
    """
    tag = told.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


KINDS = tuple(kind_of(one) for one in TOLD_TYPES)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A fact on its way out: CloudEvents 1.0, structured JSON."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str = "application/json"
    data: Any


def body_of(told: Told, name: str, store: str, at_ns: int) -> str:
    """The bytes that are signed and sent; the same at every try."""
    message = Message(
        id=name,
        source=f"/{store}",
        type=TYPE_PREFIX + kind_of(told),
        time=rfc3339(at_ns),
        data=told,
    )
    return encode(message).decode()


def secret_of(master: bytes, webhook: str) -> bytes:
    """The key of one webhook: not stored anywhere, and of no use for another."""
    own = hmac.new(master, b"webhook", hashlib.sha256).digest()
    return hmac.new(own, webhook.encode(), hashlib.sha256).digest()


def shown_secret(secret: bytes) -> str:
    """A key as its receiver is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, name: str, at_s: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    mac = hmac.new(secret, f"{name}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def headers(secret: bytes, name: str, at_s: int, body: bytes) -> dict[str, str]:
    """What a message carries beside its body."""
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature(secret, name, at_s, body),
    }


def wait_ns(webhook: str, name: str, tries: int) -> int:
    """How long to wait after so many tries: doubling, bounded, and not all at one moment."""
    doubled = min(FIRST_WAIT_NS * 2 ** min(tries - 1, 20), LAST_WAIT_NS)
    spread = crc32(f"{webhook} {name} {tries}".encode()) / 2**32
    return int(doubled * (0.8 + 0.4 * spread))


def check_address(url: str) -> None:
    """Only https goes over a wire; plain http stays on this machine.

    Raises:
        BadAddress: If it is neither, or no address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress(f"{url!r} is no address: {error}") from error
    if len(url) > _MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress("an address has at most 500 printable ASCII characters")
    if not host or parts.username is not None or parts.fragment:
        raise BadAddress(f"{url!r} needs a host, no user and no fragment")
    is_here = host in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise BadAddress(f"{url!r} must be https, or http on this machine")
