"""Who may come in: gates are told of members whose codes must not open, and why.

Kept out are, by the shop's rule, who owes for a visit, and who has not said what they pay with
where the provider asks members for that. What gates were last told stands with the member, so a
restart with another configuration tells them what differs and nothing else.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select
from tebura_contract.events import RefusalReason
from tebura_contract.ids import MemberId
from tebura_contract.messages import MemberAdmitted, MemberRevoked

from tebura_gateway.adapters import tables
from tebura_gateway.domain.settlement import State
from tebura_gateway.service.transaction import Tx

_STAFF = "staff"  # members.MemberRole.STAFF; that module needs this one


def watch(tx: Tx, member: str) -> None:
    """Tell the gates if anything changed for this member: what they owe, or can pay with."""
    for row in tx.connection.execute(_members(tx).where(tables.member.c.member == member)).all():
        _tell(tx, row)


def watch_all(tx: Tx) -> None:
    """Tell the gates what differs from what they were told; the configuration may be another."""
    barred = tables.member.c.barred
    lacks, owes = _lacks_means(tx), _owes(tx)
    differs = or_(and_(barred == "", or_(lacks, owes)), barred != "")
    for row in tx.connection.execute(_members(tx).where(differs)).all():
        _tell(tx, row)


def _tell(tx: Tx, row: Any) -> None:
    reason = None
    if row.owes:
        reason = RefusalReason.UNPAID
    elif row.lacks_means:
        reason = RefusalReason.NO_MEANS
    if (reason or "") == row.barred:
        return
    tx.change(tables.member, {"member": row.member}, barred=reason.value if reason else "")
    tx.note("member", row.member)
    member = MemberId(row.member)
    said = MemberRevoked(member=member, reason=reason) if reason else MemberAdmitted(member=member)
    for node in sorted({gate.node for gate in tx.layout.gate}):
        tx.command(node, said)


def _members(tx: Tx) -> Any:
    table = tables.member
    query = select(
        table.c.member,
        table.c.barred,
        _owes(tx).label("owes"),
        _lacks_means(tx).label("lacks_means"),
    )
    return query.where(table.c.store == tx.store)


def _owes(tx: Tx) -> ColumnElement[bool]:
    """Whether a visit of theirs was declined and is not settled in another way."""
    if not tx.shop.blocks_unpaid:
        return false()
    visit, member = tables.visit, tables.member
    return exists().where(
        visit.c.store == member.c.store,
        visit.c.member == member.c.member,
        visit.c.state == State.UNPAID.value,
    )


def _lacks_means(tx: Tx) -> ColumnElement[bool]:
    """Whether they would have to say what they pay with; staff never pay."""
    if not tx.shop.payment.enrols or tx.shop.admits_without_means:
        return false()
    account, member = tables.payment_account, tables.member
    known = exists().where(
        account.c.store == member.c.store,
        account.c.member == member.c.member,
        account.c.provider == tx.shop.payment.name,
    )
    return and_(member.c.role != _STAFF, ~known)
