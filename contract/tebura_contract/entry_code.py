"""The rotating codes on a shopper's phone: who they claim to be, for half a minute, once each.

``T1`` + member number + message authentication code, all in the characters of a QR code's
alphanumeric mode, 33 in all. The store is not in it: the gate adds its own when it checks, so a
code for one store opens no other. The phone holds only the member's own key; the gate derives it
from the store's, so it checks codes while the gateway is away.

Each half minute has `SPARES` codes more: a phone whose code was used shows the next, so that
friends come in at once although a code opens once.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, StoreId

STEP_S: Final = 30
SPARES: Final = 2
"""So many of one's friends come in within the same half minute; more have to wait for the next."""
GROUP_S: Final = 120
"""A group stands at the door together: for so long a member's fresh code lets a guest in. Longer,
and a member who left unseen and comes back would come in as a guest of a visit that is over."""
PREFIX: Final = "T1"
_MEMBER_BYTES: Final = 9
_MAC_BYTES: Final = 10
_MEMBER_CHARS: Final = 15
_MAC_CHARS: Final = 16
LENGTH: Final = len(PREFIX) + _MEMBER_CHARS + _MAC_CHARS


class CodeFault(StrEnum):
    """Why a code does not open."""

    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who a good code claims to be, and which one of theirs it is, for each opens once.

    That is its time step, and which of that step's spares; 0 is the first code, no spare.
    """

    member: MemberId
    step: int
    spare: int = 0


def new_member_id(random_bytes: bytes) -> MemberId:
    """A member number from nine random bytes: 15 characters, opaque, safe in a code.

    Raises:
        ValueError: If there are not nine.
    """
    if len(random_bytes) != _MEMBER_BYTES:
        raise ValueError(f"a member number is made of {_MEMBER_BYTES} bytes")
    return MemberId(_b32(random_bytes))


def member_key(store_key: bytes, store: StoreId, member: MemberId) -> bytes:
    """The key a member's phone holds for one store."""
    return hmac.new(store_key, f"member\n{store}\n{member}".encode(), hashlib.sha256).digest()


def time_step(store_ns: int) -> int:
    return store_ns // (STEP_S * SECOND_NS)


def make_code(key: bytes, store: StoreId, member: MemberId, store_ns: int, spare: int = 0) -> str:
    """The code a phone shows at this moment, or one of its `SPARES` (from 1 on)."""
    return f"{PREFIX}{member}{_mac(key, store, member, time_step(store_ns), spare)}"


def check_code(
    text: str, store_keys: Sequence[bytes], store: StoreId, store_ns: int
) -> Claim | CodeFault:
    """What a gate makes of the characters it read; codes of the steps beside now are good too.

    While a store changes its key both are good, the new one and the old. `EXPIRED` is told from
    `FORGED` for an hour back, so that a screenshot is named as one.
    """
    member_text, mac = text[len(PREFIX) : -_MAC_CHARS], text[-_MAC_CHARS:]
    if len(text) != LENGTH or not text.startswith(PREFIX) or not text.isalnum():
        return CodeFault.MALFORMED
    member = MemberId(member_text)
    keys = [member_key(store_key, store, member) for store_key in store_keys]

    def spare_of(step: int) -> int | None:
        """Which code of that step it is; all are made, so that the time says nothing."""
        matches = [
            spare
            for key in keys
            for spare in range(SPARES + 1)
            if hmac.compare_digest(_mac(key, store, member, step, spare).encode(), mac.encode())
        ]
        return matches[0] if matches else None

    now = time_step(store_ns)
    for step in (now, now - 1, now + 1):
        spare = spare_of(step)
        if spare is not None:
            return Claim(member=member, step=step, spare=spare)
    if any(spare_of(step) is not None for step in range(now - 3600 // STEP_S, now - 1)):
        return CodeFault.EXPIRED
    return CodeFault.FORGED


def _mac(key: bytes, store: StoreId, member: MemberId, step: int, spare: int) -> str:
    message = f"{store}\n{member}\n{step}{f'+{spare}' if spare else ''}".encode()
    return _b32(hmac.new(key, message, hashlib.sha256).digest()[:_MAC_BYTES])


def _b32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")
