"""What people agree to, in which words, and that they may think again.

The words are files under `texts/`, named by kind, version and language. A text that was shown to
people is never changed: another wording is another version, and each consent keeps the digest of
exactly what was read.
"""

import hashlib
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec
from sqlalchemy import Connection, delete, func, select, update
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, StoreId

from tebura_gateway.adapters.person_tables import consent
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

KEPT_NS = 365 * 24 * 3600 * SECOND_NS
"""A proof that somebody had agreed is kept so long after they withdrew."""


class ConsentKind(StrEnum):
    """What is agreed to."""

    FACE = "face"
    HANDS_FREE = "hands-free"


CURRENT = {ConsentKind.FACE: "1", ConsentKind.HANDS_FREE: "1"}
"""The version that is shown now."""


class ConsentText(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one version in one language; `digest` is their SHA-256."""

    kind: ConsentKind
    version: str
    language: str
    title: str
    paragraphs: tuple[str, ...]
    digest: str


@cache
def text_of(kind: ConsentKind, language: str) -> ConsentText:
    """The words that are shown now.

    Raises:
        FileNotFoundError: If there are none in this language.
    """
    version = CURRENT[kind]
    place = files("tebura_gateway").joinpath("texts", f"{kind.value}.{version}.{language}.txt")
    raw = place.read_bytes()
    title, *rest = [line for line in raw.decode().splitlines() if line]
    return ConsentText(
        kind=kind,
        version=version,
        language=language,
        title=title,
        paragraphs=tuple(rest),
        digest=hashlib.sha256(raw).hexdigest(),
    )


def give(tx: Tx, member: MemberId, kind: ConsentKind, language: str, digest: str) -> None:
    """Somebody agreed to the words with this digest; again changes nothing.

    Raises:
        Refused: If these are not the words that are shown now.
    """
    try:
        text = text_of(kind, language)
    except FileNotFoundError:
        raise Refused(f"there is no text in {language!r}") from None
    if text.digest != digest:
        raise Refused("the text has changed since: read it again")
    if holds(tx, member, kind):
        return
    tx.add_once(
        consent,
        member=member,
        kind=kind.value,
        given_ns=tx.now_ns,
        version=text.version,
        language=language,
        digest=digest,
    )
    tx.note("member", member)


def given_ns(
    connection: Connection, store: StoreId, member: MemberId, kind: ConsentKind
) -> int | None:
    """Since when a consent holds; None if there is none that does."""
    query = select(func.max(consent.c.given_ns)).where(
        consent.c.store == store,
        consent.c.member == member,
        consent.c.kind == kind.value,
        consent.c.withdrawn_ns.is_(None),
    )
    found: int | None = connection.execute(query).scalar()
    return found


def holders(connection: Connection, store: StoreId, kind: ConsentKind) -> tuple[MemberId, ...]:
    """All whose consent holds."""
    query = select(consent.c.member).where(
        consent.c.store == store, consent.c.kind == kind.value, consent.c.withdrawn_ns.is_(None)
    )
    return tuple(MemberId(row.member) for row in connection.execute(query.distinct()))


def holds(tx: Tx, member: MemberId, kind: ConsentKind) -> bool:
    """Whether they agreed and have not thought again."""
    return given_ns(tx.connection, tx.store, member, kind) is not None


def withdraw(tx: Tx, member: MemberId, *kinds: ConsentKind) -> None:
    """They do not agree any more."""
    tx.connection.execute(
        update(consent)
        .where(
            consent.c.store == tx.store,
            consent.c.member == member,
            consent.c.kind.in_([kind.value for kind in kinds]),
            consent.c.withdrawn_ns.is_(None),
        )
        .values(withdrawn_ns=tx.now_ns)
    )
    tx.note("member", member)


def prune(tx: Tx) -> None:
    """Proofs that have served."""
    tx.connection.execute(
        delete(consent).where(
            consent.c.store == tx.store, consent.c.withdrawn_ns < tx.now_ns - KEPT_NS
        )
    )
