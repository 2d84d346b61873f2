"""A provider says by itself that something happened: it is asked at once, and never believed.

What a hint tells may be old, out of order or a lie; what was charged is what the provider answers
when it is asked under the key. So a hint does what the timer would do anyway, only sooner.
"""

from sqlalchemy import delete, update
from tebura_contract.clock import SECOND_NS

from tebura_gateway.adapters import tables
from tebura_gateway.domain.hold import ASKED
from tebura_gateway.service.ports import Hint
from tebura_gateway.service.transaction import Tx

KEPT_NS = 24 * 3600 * SECOND_NS
"""Longer than a signature is taken, so a repetition is either known or too old."""


def take(tx: Tx, provider: str, hint: Hint) -> bool:
    """Have asked what a hint is about; False if it came before."""
    table = tables.payment_hint
    if not tx.add_once(table, provider=provider, hint=hint.id, received_ns=tx.now_ns):
        return False
    tx.connection.execute(
        delete(table).where(table.c.store == tx.store, table.c.received_ns < tx.now_ns - KEPT_NS)
    )
    if hint.key:
        _ask_now(tx, hint.key)
    return True


def _ask_now(tx: Tx, key: str) -> None:
    """Make due whatever waits for an answer under this key; what does not wait stays as it is."""
    hold, refund, settlement = tables.hold, tables.refund, tables.settlement
    # A settlement's keys begin with its visit: a provider may only know the first of them.
    visit = key.rsplit(":", 2)[0]
    waiting = (
        (settlement, settlement.c.visit == visit),
        (hold, (hold.c.hold == key) & hold.c.state.in_([state.value for state in ASKED])),
        (refund, refund.c.refund == key),
    )
    for table, is_meant in waiting:
        tx.connection.execute(
            update(table)
            .where(table.c.store == tx.store, is_meant, table.c.next_try_ns > tx.now_ns)
            .values(next_try_ns=tx.now_ns)
        )
