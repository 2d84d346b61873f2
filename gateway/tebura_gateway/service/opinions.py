"""The one question after the receipt, which nobody has to answer."""

from enum import StrEnum

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, VisitId

from tebura_gateway.adapters.person_tables import opinion
from tebura_gateway.adapters.tables import visit as visits
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

ASKED_NS = 7 * 24 * 3600 * SECOND_NS
"""So long after a visit it is asked."""


class Motive(StrEnum):
    """What brought somebody in."""

    NEEDED = "needed"
    ON_THE_WAY = "on-the-way"
    BREAK = "break"
    CURIOUS = "curious"
    OTHER = "other"


def tell(
    tx: Tx, member: MemberId, visit: VisitId, motive: Motive, comes_again: bool | None
) -> None:
    """Keep what a shopper says of a visit of theirs; once more is in the place of before.

    Raises:
        Refused: If it is not theirs, not over, or long ago.
    """
    row = tx.get(visits, visit=visit)
    if row is None or row.member != member:
        raise Refused(f"no visit {visit} of theirs")
    if row.final_ns is None or tx.now_ns - row.final_ns > ASKED_NS:
        raise Refused("this visit is not over, or was long ago")
    tx.put(
        opinion,
        {"visit": visit},
        motive=motive.value,
        comes_again=comes_again,
        told_ns=tx.now_ns,
    )
    tx.note("visit", visit)
