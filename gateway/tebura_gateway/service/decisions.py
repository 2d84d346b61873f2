"""Writes what became of each step, asks staff where it is in doubt, and tells its node."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import bindparam, select
from tebura_contract.codec import encode
from tebura_contract.ids import EventId, VisitId
from tebura_contract.messages import StepDecided

from tebura_gateway.adapters import tables
from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.service import stock
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.reviews import ReviewKind, open_review, open_reviews, withdraw
from tebura_gateway.service.transaction import Tx, from_text
from tebura_gateway.service.written import decision_key, question_key

_TOLD = select(tables.decision.c.event, tables.decision.c.told).where(
    tables.decision.c.store == bindparam("store"),
    tables.decision.c.event.in_(bindparam("events", expanding=True)),
)
_COLUMNS = (
    "at_ns",
    "shelf",
    "visit",
    "status",
    "sku",
    "quantity",
    "confidence",
    "reason",
    "document",
    "told",
)


def write(
    tx: Tx,
    memory: Memory,
    judgement: Judgement,
    apply_ns: int,
    until_ns: int,
    overdue: AbstractSet[VisitId],
) -> None:
    """Store the decisions of steps from `apply_ns` to `until_ns` that differ from what is stored.

    A step that still waits is put before staff once a visit it may belong to is overdue.
    """
    asked = open_reviews(tx, ReviewKind.STEP)
    wanted = [one for one in _of_window(judgement, apply_ns) if one.from_ns <= until_ns]
    put_all(tx, memory, wanted)
    for decision in wanted:
        _ask(tx, memory, decision, overdue, asked)


def differing_ns(memory: Memory, judgement: Judgement, apply_ns: int) -> list[int]:
    """When the steps happened whose decisions differ from what is stored."""
    return [
        int(decision.from_ns)
        for decision in _of_window(judgement, apply_ns)
        if memory.written.get(decision_key(decision.id)) != encode(decision)
    ]


def _of_window(judgement: Judgement, apply_ns: int) -> Iterator[Decision]:
    for decision in judgement.decisions.values():
        if decision.from_ns >= apply_ns or decision.reason is Reason.FLAGGED:
            yield decision


def put_all(tx: Tx, memory: Memory, decisions: Sequence[Decision]) -> None:
    """Store decisions with all that follows from them, but for those that stand so already."""
    documents = [(decision, encode(decision)) for decision in decisions]
    news = [
        (decision, document)
        for decision, document in documents
        if memory.written.get(decision_key(decision.id)) != document
    ]
    if not news:
        return
    _store(tx, news)
    memory.written |= {decision_key(decision.id): document for decision, document in news}
    stock.follow(tx, [decision for decision, _ in news])
    for decision, _ in news:
        for suspect in {decision.visit, *(one.visit for one in decision.suspects)} - {None}:
            tx.note("visit", str(suspect))


def _store(tx: Tx, news: Sequence[tuple[Decision, bytes]]) -> None:
    """Write decisions down, and tell their nodes what they do not know yet."""
    events = {"store": tx.store, "events": [str(decision.id) for decision, _ in news]}
    told = {row.event: row.told for row in tx.connection.execute(_TOLD, events)}
    rows, commands = [], []
    for decision, document in news:
        event = str(decision.id)
        before, command = told.get(event, ""), _command(decision)
        said = f"{decision.sku}|{decision.quantity}" if command is not None else before
        if command is not None and said != before:
            commands.append((decision.id.node, command))
        rows.append(_row(decision, document) | {"event": event, "told": said})
    tx.put_all(tables.decision, _COLUMNS, rows)
    tx.command_all(commands)


def _row(decision: Decision, document: bytes) -> dict[str, Any]:
    return {
        "at_ns": int(decision.from_ns),
        "shelf": decision.shelf,
        "visit": decision.visit,
        "status": decision.status.value,
        "sku": decision.sku,
        "quantity": decision.quantity,
        "confidence": decision.confidence,
        "reason": decision.reason.value,
        "document": document.decode(),
    }


def _command(decision: Decision) -> StepDecided | None:
    """What a step's node learns its planogram and weights from; None: nothing."""
    if decision.status is not Status.DECIDED or decision.sku is None or not decision.quantity:
        return None
    return StepDecided(
        event=decision.id,
        sku=decision.sku,
        quantity=abs(decision.quantity),
        plates=decision.plates,
        delta_g=decision.delta_g,
    )


def _ask(
    tx: Tx,
    memory: Memory,
    decision: Decision,
    overdue: AbstractSet[VisitId],
    asked: AbstractSet[str],
) -> None:
    name = question_key(decision.id)
    is_late_word = decision.status is Status.CHECKING and any(
        suspect.visit in overdue for suspect in decision.suspects
    )
    if decision.status is Status.REVIEW or is_late_word:
        evidence = encode(decision)
        if name not in asked or memory.written.get(name) != evidence:
            memory.written[name] = evidence
            open_review(
                tx,
                name,
                reason=decision.reason.value,
                visit=decision.visit,
                event=str(decision.id),
                sku=decision.sku,
                quantity=decision.quantity,
                risk_minor=_risk_minor(tx, decision),
                evidence=evidence.decode(),
            )
    elif name in asked:
        withdraw(tx, name)


def _risk_minor(tx: Tx, decision: Decision) -> int:
    """The most that is at stake: the dearest explanation, for want of one nothing."""
    prices = [
        tx.shop.products[guess.sku].price_minor * guess.quantity
        for guess in decision.candidates
        if guess.sku in tx.shop.products
    ]
    return max(prices, default=0)


def stored(tx: Tx, event: EventId) -> Decision | None:
    """The decision of a step as it stands in the database."""
    row = tx.get(tables.decision, event=str(event))
    return None if row is None else read(row.document)


def read(document: str) -> Decision:
    return from_text(document, Decision)
