"""Members' accounts at payment providers outside: begun on the phone, finished over there.

Nothing that a browser or a message brings back is believed: the provider is asked what became of
the session that was begun, and only its answer is stored.
"""

from collections.abc import Sequence

from sqlalchemy import select
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId

from tebura_gateway.adapters import tables
from tebura_gateway.service import dues
from tebura_gateway.service.ports import Enrolled
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

KEPT_NS = 24 * 3600 * SECOND_NS
"""Sessions that were never finished: providers end them within a day."""
MOST_OPEN = 5
"""A member's sessions that are still open; who begins more of them is not entering a card."""


def begin(tx: Tx, provider: str, session: str, member: MemberId) -> None:
    """Note whose session this is, before the shopper is sent there.

    Raises:
        Refused: If there is no such member, or they have too many sessions open.
    """
    if tx.get(tables.member, member=member) is None:
        raise Refused(f"there is no member {member}")
    if len(open_sessions(tx, member)) >= MOST_OPEN:
        raise Refused("this was begun too often: try again tomorrow")
    tx.add_once(
        tables.enrolment, provider=provider, session=session, member=member, begun_ns=tx.now_ns
    )


def open_sessions(tx: Tx, member: MemberId) -> Sequence[tuple[str, str]]:
    """Provider and session of what a member began and has not finished, oldest first."""
    table = tables.enrolment
    query = (
        select(table.c.provider, table.c.session)
        .where(
            table.c.store == tx.store,
            table.c.member == member,
            table.c.done_ns.is_(None),
            table.c.begun_ns > tx.now_ns - KEPT_NS,
        )
        .order_by(table.c.begun_ns)
    )
    return [(row.provider, row.session) for row in tx.connection.execute(query)]


def finish(tx: Tx, provider: str, session: str, enrolled: Enrolled) -> bool:
    """Store what the provider says a session led to; False if that is known, or not ours."""
    row = tx.get(tables.enrolment, provider=provider, session=session)
    if row is None or row.done_ns is not None:
        return False
    tx.change(tables.enrolment, {"provider": provider, "session": session}, done_ns=tx.now_ns)
    tx.put(
        tables.payment_account,
        {"provider": provider, "member": row.member},
        customer=enrolled.customer,
        method=enrolled.method,
        changed_ns=tx.now_ns,
    )
    dues.watch(tx, row.member)
    tx.note("member", row.member)
    return True
