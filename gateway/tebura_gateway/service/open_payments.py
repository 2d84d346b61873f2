"""Payments that are under way, by who is asked: all of those the configuration must name."""

from collections import Counter

import msgspec
from sqlalchemy import Connection, select
from tebura_contract.ids import StoreId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.hold import ASKED, HoldState
from tebura_gateway.domain.settlement import SENT, State
from tebura_gateway.service.refunding import RefundState
from tebura_gateway.service.transaction import from_text

_UNDER_WAY = (State.PRICED, State.AUTHORIZED, State.UNKNOWN, *SENT)
_HELD = (HoldState.HELD, *ASKED)


class _Named(msgspec.Struct):
    """A settlement or a hold, as far as it matters here; "" is whoever charges members now."""

    provider: str = ""


def open_payments(connection: Connection, store: StoreId) -> Counter[str]:
    """How many payments, refunds and holds wait for each provider; unpaid visits may choose."""
    visit, settlement, refund, hold = (
        tables.visit,
        tables.settlement,
        tables.refund,
        tables.hold,
    )
    settled_by = select(settlement.c.document)
    is_same = (visit.c.store == settlement.c.store) & (visit.c.visit == settlement.c.visit)
    of_refund = (refund.c.store == settlement.c.store) & (refund.c.visit == settlement.c.visit)
    queries = (
        settled_by.join(visit, is_same).where(
            visit.c.store == store, visit.c.state.in_([state.value for state in _UNDER_WAY])
        ),
        settled_by.join(refund, of_refund).where(
            refund.c.store == store, refund.c.state == RefundState.SENT.value
        ),
        select(hold.c.document).where(
            hold.c.store == store, hold.c.state.in_([state.value for state in _HELD])
        ),
    )
    found = (
        from_text(document, _Named).provider
        for query in queries
        for (document,) in connection.execute(query)
    )
    return Counter(name for name in found if name)
