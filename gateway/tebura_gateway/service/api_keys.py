"""Keys for programs: each opens only what its scopes name, and only its hash is kept.

A key reads ``tebura_PREFIX_SECRET``. The secret has 256 random bits, so a plain hash protects it;
the prefix finds the row and is what people see in lists.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import StoreId

from tebura_gateway.adapters.api_tables import api_key
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

USE_NOTED_EVERY_NS = 60 * SECOND_NS
MAX_KEYS = 1_000
_PREFIX_BYTES = 4
_SECRET_BYTES = 32
_KEY = re.compile(r"tebura_([0-9a-f]{8})_[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")


class Scope(StrEnum):
    """What a key opens."""

    VISITS_READ = "visits:read"
    RECEIPTS_READ = "receipts:read"
    REFUNDS_WRITE = "refunds:write"
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    STOCK_READ = "stock:read"
    STOCK_WRITE = "stock:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    NODES_READ = "nodes:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


ALL_SCOPES = frozenset(Scope)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the store knows it."""

    prefix: str
    name: str
    scopes: frozenset[Scope]
    created_ns: int
    used_ns: int | None
    revoked_ns: int | None


def create(
    tx: Tx,
    name: str,
    scopes: Sequence[str],
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Make a key; what is returned is shown now and never again.

    Raises:
        Refused: If the name or a scope is none, or a key of this name is in use.
    """
    if _NAME.fullmatch(name) is None:
        raise Refused(f"a key's name has 1 to 39 of a-z, 0-9 and -: {name!r}")
    unknown = sorted(set(scopes) - ALL_SCOPES)
    if unknown or not scopes:
        raise Refused(
            f"no such scope: {', '.join(unknown) or 'none'}; there are {', '.join(Scope)}"
        )
    known = listed(tx.connection, tx.store)
    if any(one.name == name and one.revoked_ns is None for one in known):
        raise Refused(f"a key named {name} is in use: revoke it first")
    if len(known) >= MAX_KEYS:
        raise Refused(f"there are {MAX_KEYS} keys already, the revoked ones included")
    prefix, secret = random(_PREFIX_BYTES).hex(), random(_SECRET_BYTES).hex()
    key = f"tebura_{prefix}_{secret}"
    is_new = tx.add_once(
        api_key,
        prefix=prefix,
        name=name,
        digest=_digest(key),
        scopes=" ".join(sorted(set(scopes))),
        created_ns=tx.now_ns,
    )
    if not is_new:
        raise Refused(f"prefix {prefix} is taken: try again")
    return key


def revoke(tx: Tx, which: str) -> ApiKey:
    """End a key, named by its prefix or name; at once, for every request that comes after.

    Raises:
        Refused: If no key in use is called that.
    """
    found = [
        one
        for one in listed(tx.connection, tx.store)
        if which in (one.prefix, one.name) and one.revoked_ns is None
    ]
    if not found:
        raise Refused(f"no key in use is called {which!r}")
    tx.change(api_key, {"prefix": found[0].prefix}, revoked_ns=tx.now_ns)
    return msgspec.structs.replace(found[0], revoked_ns=tx.now_ns)


def listed(connection: Connection, store: StoreId) -> list[ApiKey]:
    """All keys, oldest first."""
    query = (
        select(api_key)
        .where(api_key.c.store == store)
        .order_by(api_key.c.created_ns, api_key.c.prefix)
    )
    return [_read(row) for row in connection.execute(query)]


def find(connection: Connection, store: StoreId, key: str) -> ApiKey | None:
    """The key that this text is, as long as it is in use."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    query = select(api_key).where(
        api_key.c.store == store,
        api_key.c.prefix == match[1],
        api_key.c.revoked_ns.is_(None),
    )
    row = connection.execute(query).first()
    if row is None or not hmac.compare_digest(row.digest, _digest(key)):
        return None
    return _read(row)


def note_use(tx: Tx, prefix: str) -> None:
    """Remember when a key was used last."""
    tx.change(api_key, {"prefix": prefix}, used_ns=tx.now_ns)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _read(row: object) -> ApiKey:
    mapping = row._mapping  # type: ignore[attr-defined]  # a SQLAlchemy row of `api_key`
    # A scope of an older version opens nothing any more.
    scopes = frozenset(Scope(one) for one in mapping["scopes"].split() if one in ALL_SCOPES)
    return ApiKey(
        prefix=mapping["prefix"],
        name=mapping["name"],
        scopes=scopes,
        created_ns=mapping["created_ns"],
        used_ns=mapping["used_ns"],
        revoked_ns=mapping["revoked_ns"],
    )
