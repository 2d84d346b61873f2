"""Writes what became of each step, asks staff where it is in doubt, and tells its node."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

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
    for decision in _of_window(judgement, apply_ns):
        if decision.from_ns <= until_ns:
            put(tx, memory, decision)
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


def put(tx: Tx, memory: Memory, decision: Decision) -> None:
    """Store one decision with all that follows from it, unless it stands so already."""
    if not _store(tx, memory, decision):
        return
    _tell_node(tx, decision)
    stock.follow(tx, [decision])
    for suspect in {decision.visit, *(one.visit for one in decision.suspects)} - {None}:
        tx.note("visit", str(suspect))


def _store(tx: Tx, memory: Memory, decision: Decision) -> bool:
    key, document = decision_key(decision.id), encode(decision)
    if memory.written.get(key) == document:
        return False
    tx.put(
        tables.decision,
        {"event": str(decision.id)},
        at_ns=int(decision.from_ns),
        shelf=decision.shelf,
        visit=decision.visit,
        status=decision.status.value,
        sku=decision.sku,
        quantity=decision.quantity,
        confidence=decision.confidence,
        reason=decision.reason.value,
        document=document.decode(),
    )
    memory.written[key] = document
    return True


def _tell_node(tx: Tx, decision: Decision) -> None:
    """So that the node's planogram and weights learn; again only if it turned out otherwise."""
    if decision.status is not Status.DECIDED or decision.sku is None or not decision.quantity:
        return
    told = f"{decision.sku}|{decision.quantity}"
    row = tx.get(tables.decision, event=str(decision.id))
    if row is None or row.told == told:
        return
    command = StepDecided(
        event=decision.id,
        sku=decision.sku,
        quantity=abs(decision.quantity),
        plates=decision.plates,
        delta_g=decision.delta_g,
    )
    tx.command(decision.id.node, command)
    tx.change(tables.decision, {"event": str(decision.id)}, told=told)


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
