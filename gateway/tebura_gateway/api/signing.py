"""What the gateway hands out and recognises again: sessions, sign-in links, form tokens.

Each is its payload and a message authentication code under a key of its own purpose, so that a
sign-in link is no session and a session no link.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Final

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, VisitId

MIN_SECRET_BYTES: Final = 32
SESSION_S: Final = 30 * 24 * 3600
STAFF_SESSION_S: Final = 12 * 3600
LINK_S: Final = 15 * 60
RECEIPT_LINK_S: Final = 30 * 24 * 3600
_MAX_TOKEN_CHARS: Final = 1024


class Purpose(StrEnum):
    """What a token is good for."""

    SHOPPER = "shopper-session"
    STAFF = "staff-session"
    SIGN_IN = "sign-in-link"
    FORM = "form"
    EXIT = "exit-screen"
    RECEIPT = "receipt-link"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Who (a member id, or a name of the staff), until when, and a number never used before."""

    subject: str
    expires_ns: int
    nonce: str


def issue(secret: bytes, purpose: Purpose, subject: str, now_ns: int, life_s: int) -> str:
    """A new token in characters that are safe in a cookie and an address."""
    token = Token(
        subject=subject,
        expires_ns=now_ns + life_s * SECOND_NS,
        nonce=secrets.token_urlsafe(12),
    )
    payload = _b64(msgspec.json.encode(token))
    return f"{payload}.{_mac(secret, purpose, payload)}"


def recognise(secret: bytes, purpose: Purpose, text: str, now_ns: int) -> Token | None:
    """The token if we made it for this purpose and it has not expired."""
    payload, dot, mac = text.partition(".")
    if not dot or len(text) > _MAX_TOKEN_CHARS or not text.isascii():
        return None
    if not hmac.compare_digest(mac, _mac(secret, purpose, payload)):
        return None
    try:
        padded = payload + "=" * (-len(payload) % 4)
        token = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Token)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return token if now_ns < token.expires_ns else None


def sign_in_link(secret: bytes, base_url: str, member: MemberId, now_ns: int) -> str:
    """An address that signs this member's phone in, once, within a quarter of an hour."""
    return f"{base_url.rstrip('/')}/sign-in?token=" + issue(
        secret, Purpose.SIGN_IN, member, now_ns, LINK_S
    )


def receipt_link(secret: bytes, base_url: str, visit: VisitId, now_ns: int) -> str:
    """An address that shows the receipt of a visit without an account, for thirty days."""
    return f"{base_url.rstrip('/')}/r/" + issue(
        secret, Purpose.RECEIPT, visit, now_ns, RECEIPT_LINK_S
    )


def form_token(secret: bytes, session_nonce: str) -> str:
    """Proof that a form was made for this session; other sites cannot know it."""
    return _mac(secret, Purpose.FORM, session_nonce)


def _mac(secret: bytes, purpose: Purpose, payload: str) -> str:
    key = hmac.new(secret, purpose.value.encode(), hashlib.sha256).digest()
    return _b64(hmac.new(key, payload.encode(), hashlib.sha256).digest())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
