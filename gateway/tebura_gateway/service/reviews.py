"""Questions for staff: opened with what they are about, closed by a person or by later facts."""

from enum import StrEnum

from sqlalchemy import select

from tebura_gateway.adapters import tables
from tebura_gateway.service.transaction import Tx


class ReviewKind(StrEnum):
    """What a review is about: the word before the first colon of its name."""

    STEP = "step"
    VISIT = "visit"
    LATE = "late"
    DISPUTE = "dispute"
    EVENT = "event"
    PAYMENT = "payment"
    STOCK = "stock"
    BOOKS = "books"
    CORRECTION = "correction"
    REFUND = "refund"


class ReviewState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


def kind_of_review(review: str) -> ReviewKind:
    return ReviewKind(review.partition(":")[0])


def open_review(
    tx: Tx,
    review: str,
    *,
    reason: str,
    visit: str | None = None,
    event: str | None = None,
    sku: str | None = None,
    quantity: int = 0,
    risk_minor: int = 0,
    evidence: str = "null",
    is_new: bool = False,
) -> None:
    """Ask, or bring what is asked up to date.

    One that a person closed stays closed, but where `is_new` says that it happened once more.
    """
    row = tx.get(tables.review, review=review)
    if row is not None and row.state == ReviewState.CLOSED and not is_new:
        return
    values = {
        "kind": kind_of_review(review).value,
        "visit": visit,
        "event": event,
        "sku": sku,
        "quantity": quantity,
        "reason": reason,
        "risk_minor": risk_minor,
        "evidence": evidence,
        "state": ReviewState.OPEN.value,
    }
    if row is not None and row.state == ReviewState.OPEN:
        tx.change(tables.review, {"review": review}, **values)
    else:
        asked = {"opened_ns": tx.now_ns, "closed_ns": None, "outcome": "", "closed_by": ""}
        tx.put(tables.review, {"review": review}, **values, **asked)
    tx.note("review", review)


def withdraw(tx: Tx, review: str) -> None:
    """The question answered itself."""
    row = tx.get(tables.review, review=review)
    if row is not None and row.state == ReviewState.OPEN:
        tx.change(
            tables.review,
            {"review": review},
            state=ReviewState.WITHDRAWN.value,
            closed_ns=tx.now_ns,
        )
        tx.note("review", review)


def close(tx: Tx, review: str, outcome: str, by: str) -> None:
    """A person answered."""
    tx.change(
        tables.review,
        {"review": review},
        state=ReviewState.CLOSED.value,
        closed_ns=tx.now_ns,
        outcome=outcome,
        closed_by=by,
    )
    tx.note("review", review)


def reopen(tx: Tx, review: str) -> None:
    """A person takes the answer back; the question is as old as it was."""
    tx.change(
        tables.review,
        {"review": review},
        state=ReviewState.OPEN.value,
        closed_ns=None,
        outcome="",
        closed_by="",
    )
    tx.note("review", review)


def open_reviews(tx: Tx, kind: ReviewKind) -> set[str]:
    """Names of all open reviews of a kind."""
    table = tables.review
    query = select(table.c.review).where(
        table.c.store == tx.store,
        table.c.state == ReviewState.OPEN.value,
        table.c.kind == kind.value,
    )
    return {row.review for row in tx.connection.execute(query)}
