"""Who may enter again: a member who owes for a visit is told, and by the shop's rule kept out."""

from sqlalchemy import func, select
from tebura_contract.ids import MemberId
from tebura_contract.messages import MemberAdmitted, MemberRevoked

from tebura_gateway.adapters import tables
from tebura_gateway.domain.settlement import State
from tebura_gateway.service.transaction import Tx


def watch(tx: Tx, member: str) -> None:
    """Tell the gates whether this member's codes open; what they owe has just changed."""
    if not tx.shop.blocks_unpaid or not member:
        return
    account = MemberId(member)
    said = MemberRevoked(member=account) if owes(tx, member) else MemberAdmitted(member=account)
    for node in sorted({gate.node for gate in tx.layout.gate}):
        tx.command(node, said)


def owes(tx: Tx, member: str) -> bool:
    """Whether a visit of theirs was declined and is not settled in another way."""
    table = tables.visit
    query = select(func.count()).where(
        table.c.store == tx.store,
        table.c.member == member,
        table.c.state == State.UNPAID.value,
    )
    return int(tx.connection.execute(query).scalar_one()) > 0
