"""Members of the shop, kept in its own table: the built-in account provider."""

import secrets
from enum import StrEnum

from sqlalchemy import delete, select
from tebura_contract.entry_code import new_member_id
from tebura_contract.ids import MemberId

from tebura_gateway.adapters import tables
from tebura_gateway.service import dues
from tebura_gateway.service.ports import Account
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx


class MemberRole(StrEnum):
    """Who somebody is to the shop: what staff take and put back is nobody's purchase."""

    SHOPPER = "shopper"
    STAFF = "staff"


_MEMBER_BYTES = 9
_MEMBER_CHARS = 15


def add(
    tx: Tx,
    name: str,
    locale: str,
    member: MemberId | None = None,
    limit_minor: int | None = None,
) -> Account:
    """Add a member; with a number of one's own, adding the same again changes nothing.

    Raises:
        Refused: If the name is empty or too long, or the number malformed or another's.
    """
    name = name.strip()
    if not 0 < len(name) <= 200:
        raise Refused("a member's name has 1 to 200 characters")
    if locale not in ("ja", "en"):
        raise Refused(f"no pages in {locale!r}; ja and en exist")
    if member is None:
        member = new_member_id(secrets.token_bytes(_MEMBER_BYTES))
    elif len(member) != _MEMBER_CHARS or not member.isascii() or not member.isalnum():
        raise Refused(f"a member number has {_MEMBER_CHARS} letters and digits: {member!r}")
    is_new = tx.add_once(
        tables.member,
        member=member,
        name=name,
        locale=locale,
        house_limit_minor=tx.shop.house_limit_minor if limit_minor is None else limit_minor,
        created_ns=tx.now_ns,
    )
    found = find(tx, member)
    assert found is not None
    if not is_new and found.name != name:
        raise Refused(f"member {member} exists under another name")
    dues.watch(tx, member)
    tx.note("member", member)
    return found


def set_role(tx: Tx, member: MemberId, role: MemberRole) -> None:
    """Make a member staff, or a shopper again; visits that are not billed yet follow.

    Raises:
        Refused: If there is no such member.
    """
    if not tx.change(tables.member, {"member": member}, role=role.value):
        raise Refused(f"no member {member}")
    dues.watch(tx, member)
    tx.note("member", member)


def find(tx: Tx, member: MemberId) -> Account | None:
    """The member with this number, if any."""
    row = tx.get(tables.member, member=member)
    if row is None:
        return None
    return Account(
        member=MemberId(row.member),
        name=row.name,
        locale=row.locale,
        is_blocked=row.status != "active",
    )


def listed(tx: Tx) -> list[Account]:
    """All members, by number."""
    table = tables.member
    query = select(table.c.member).where(table.c.store == tx.store).order_by(table.c.member)
    found = (find(tx, MemberId(row.member)) for row in tx.connection.execute(query).all())
    return [account for account in found if account is not None]


def redeem_link(tx: Tx, nonce: str, expires_ns: int) -> bool:
    """Note that a sign-in link was used; False if it was before."""
    table = tables.used_link
    tx.connection.execute(delete(table).where(table.c.expires_ns < tx.now_ns))
    return tx.add_once(table, nonce=nonce[:64], expires_ns=expires_ns)
