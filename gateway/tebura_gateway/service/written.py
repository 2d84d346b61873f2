"""What the database holds of the last judgement, so that only what came out differently is written.

Kept between transactions, and read anew where another gateway, or nobody yet, wrote the last one.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select
from tebura_contract.ids import EventId, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.service.reviews import ReviewKind, ReviewState
from tebura_gateway.service.transaction import Tx

VISIT_COLUMNS = ("people", "exited_ns", "tracks", "doubt", "cart", "total_minor", "discounts")
"""Of a visit, what a judgement decides."""


def decision_key(event: EventId) -> str:
    return str(event)


def question_key(event: EventId) -> str:
    """Also the name of the step's review."""
    return f"{ReviewKind.STEP.value}:{event}"


def visit_key(visit: VisitId) -> str:
    return f"visit:{visit}"


def visit_document(values: Mapping[str, Any] | RowMapping) -> bytes:
    """The columns of a visit that a judgement decides, to compare them at once."""
    return msgspec.json.encode([values[name] for name in VISIT_COLUMNS])


def read_written(tx: Tx, from_ns: int) -> dict[str, bytes]:
    """What is stored of visits and steps from then on, and what staff are asked of any step."""
    visit, decision, review = tables.visit, tables.decision, tables.review
    found: dict[str, bytes] = {}
    visits = select(visit.c.visit, *(visit.c[name] for name in VISIT_COLUMNS)).where(
        visit.c.store == tx.store, visit.c.entered_ns >= from_ns
    )
    for row in tx.connection.execute(visits).mappings():
        found[visit_key(VisitId(row["visit"]))] = visit_document(row)
    decisions = select(decision.c.event, decision.c.document).where(
        decision.c.store == tx.store, decision.c.at_ns >= from_ns
    )
    for event, document in tx.connection.execute(decisions):
        found[event] = document.encode()
    asked = select(review.c.review, review.c.evidence).where(
        review.c.store == tx.store,
        review.c.state == ReviewState.OPEN.value,
        review.c.kind == ReviewKind.STEP.value,
    )
    for name, evidence in tx.connection.execute(asked):
        found[name] = evidence.encode()
    return found
