"""Takes an event in: checked, stored once, and only then acknowledged (I1)."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError
from tebura_contract.envelope import (
    Envelope,
    Received,
    SignatureError,
    identify,
    open_envelope,
    parse,
)
from tebura_contract.events import Event, ForeignObject, ItemPicked, ItemReturned, began_ns, kind_of
from tebura_contract.ids import EventId, NodeId, StoreId
from tebura_contract.topics import parse_topic

from tebura_gateway.adapters import tables
from tebura_gateway.domain.facts import Fact, FactFlag, ended_ns
from tebura_gateway.domain.sequence import Run
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.pruning import was_pruned
from tebura_gateway.service.reviews import open_review
from tebura_gateway.service.shop import FUTURE_NS, PAST_NS
from tebura_gateway.service.transaction import Tx

KEPT_DEAD_LETTERS = 10_000
_LATE_MARGIN_NS = 5 * SECOND_NS


class DeadReason(StrEnum):
    """Why a message is no event of ours."""

    FORGED = "forged"
    MALFORMED = "malformed"
    OVERSIZE = "oversize"
    UNKNOWN_NODE = "unknown-node"
    WRONG_TOPIC = "wrong-topic"
    UNKNOWN_KIND = "unknown-kind"
    CONFLICT = "conflict"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came from the broker; a payload that is too large may be cut."""

    topic: str
    payload: bytes
    size_bytes: int


class _Dead(Exception):
    def __init__(self, reason: DeadReason, detail: str, node: str | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.node = reason, detail, node


def receive(tx: Tx, memory: Memory, message: Inbound) -> EventId | None:
    """Store an event; the id to acknowledge, or None for what is no event of ours.

    A duplicate is acknowledged again and changes nothing. What carries a good signature but cannot
    be read is kept and acknowledged too: the node must not send it for ever, and its number counts
    as arrived.
    """
    try:
        envelope, event_id, key = _identified(tx, message)
        return _signed(tx, memory, message, envelope, event_id, key)
    except _Dead as dead:
        bury(tx, message, dead.reason, dead.detail, dead.node)
        return None


def _identified(tx: Tx, message: Inbound) -> tuple[Envelope, EventId, bytes]:
    if message.size_bytes > MAX_MESSAGE_BYTES:
        raise _Dead(DeadReason.OVERSIZE, f"{message.size_bytes} bytes; at most {MAX_MESSAGE_BYTES}")
    try:
        envelope = parse(message.payload)
        store, event_id = identify(envelope)
        topic_store, topic_node, _ = parse_topic(message.topic)
    except (DecodeError, ValueError) as error:
        raise _Dead(DeadReason.MALFORMED, str(error)) from error
    said: tuple[StoreId, NodeId] = (store, event_id.node)
    if said != (topic_store, topic_node) or store != tx.store:
        raise _Dead(
            DeadReason.WRONG_TOPIC, f"says {envelope.source} on {message.topic}", topic_node
        )
    key = tx.shop.node_keys.get(event_id.node)
    if key is None:
        raise _Dead(DeadReason.UNKNOWN_NODE, f"no key for {event_id.node}", event_id.node)
    return envelope, event_id, key


def _signed(
    tx: Tx, memory: Memory, message: Inbound, envelope: Envelope, event_id: EventId, key: bytes
) -> EventId:
    try:
        received = open_envelope(envelope, key)
    except SignatureError as error:
        raise _Dead(DeadReason.FORGED, str(error), event_id.node) from error
    except DecodeError as error:
        if _store_unreadable(tx, message, envelope, event_id):
            bury(tx, message, DeadReason.UNKNOWN_KIND, str(error), event_id.node)
            _arrived(tx, memory, event_id)
        return event_id
    if was_pruned(tx, memory, event_id, int(began_ns(received.event))):
        why = "it came before, long ago, and nothing waits for it"
        bury(tx, message, DeadReason.PRUNED, why, event_id.node)
    elif _store(tx, message, received):
        _effects(tx, memory, received)
    elif _differs(tx, event_id, envelope):
        bury(tx, message, DeadReason.CONFLICT, f"{event_id} came with other data", event_id.node)
    return event_id


def _store(tx: Tx, message: Inbound, received: Received) -> bool:
    event = received.event
    return tx.add_once(
        tables.inbox,
        node=received.id.node,
        boot=received.id.boot,
        seq=received.id.seq,
        kind=kind_of(event),
        began_ns=int(began_ns(event)),
        ended_ns=int(ended_ns(event)),
        published_ns=int(received.published.at_ns),
        uncertainty_ns=int(received.published.uncertainty_ns),
        received_ns=tx.now_ns,
        flags=" ".join(sorted(_flags(tx, received))),
        envelope=message.payload,
    )


def _store_unreadable(tx: Tx, message: Inbound, envelope: Envelope, event_id: EventId) -> bool:
    return tx.add_once(
        tables.inbox,
        node=event_id.node,
        boot=event_id.boot,
        seq=event_id.seq,
        kind=envelope.type[:64],
        began_ns=int(envelope.storetime),
        ended_ns=int(envelope.storetime),
        published_ns=int(envelope.storetime),
        uncertainty_ns=int(envelope.uncertainty),
        received_ns=tx.now_ns,
        flags=FactFlag.UNREADABLE.value,
        envelope=message.payload,
    )


def _flags(tx: Tx, received: Received) -> frozenset[FactFlag]:
    last_ns = max(ended_ns(received.event), int(received.published.at_ns))
    flags = set()
    if last_ns > tx.now_ns + FUTURE_NS:
        flags.add(FactFlag.FUTURE)
    if began_ns(received.event) < tx.now_ns - PAST_NS:
        flags.add(FactFlag.PAST)
    return frozenset(flags)


def _effects(tx: Tx, memory: Memory, received: Received) -> None:
    flags = _flags(tx, received)
    fact = Fact(received.id, received.event, int(received.published.uncertainty_ns), flags)
    if began_ns(fact.event) >= memory.from_ns:
        memory.facts[fact.id] = fact
    if not flags:
        began = int(began_ns(fact.event))
        memory.unjudged_ns = min(memory.unjudged_ns or began, began)
    _arrived(tx, memory, fact.id)
    memory.is_stale = True
    if flags:
        _flag(tx, memory, fact)
    else:
        _note_late(tx, memory, fact.event)


def _flag(tx: Tx, memory: Memory, fact: Fact) -> None:
    """Put a doubtful event before staff; a doubtful step comes there through the judgement."""
    # Such a step may lie outside any window, so it is judged from here on whatever its time.
    memory.facts[fact.id] = fact
    reason = " ".join(sorted(fact.flags))
    if not isinstance(fact.event, ItemPicked | ItemReturned | ForeignObject):
        open_review(tx, f"event:{fact.id}", reason=reason, event=str(fact.id))


def _arrived(tx: Tx, memory: Memory, event_id: EventId) -> None:
    run = memory.runs.setdefault(event_id.node, {}).setdefault(event_id.boot, Run())
    run.add(event_id.seq)
    key = {"node": event_id.node, "boot": event_id.boot}
    tx.put(tables.node_boot, key, contiguous_seq=run.contiguous, highest_seq=run.highest)


def _note_late(tx: Tx, memory: Memory, event: Event) -> None:
    """Mark visits that were priced before this became known."""
    from_ns, to_ns = int(began_ns(event)), ended_ns(event)
    for visit, (entered_ns, exited_ns) in memory.closed.items():
        if from_ns <= exited_ns + _LATE_MARGIN_NS and to_ns >= entered_ns - _LATE_MARGIN_NS:
            tx.change(tables.visit, {"visit": visit}, late_ns=tx.now_ns)


def _differs(tx: Tx, event_id: EventId, envelope: Envelope) -> bool:
    row = tx.get(tables.inbox, node=event_id.node, boot=event_id.boot, seq=event_id.seq)
    return row is not None and bytes(parse(row.envelope).data) != bytes(envelope.data)


def bury(tx: Tx, message: Inbound, reason: DeadReason, detail: str, node: str | None) -> None:
    """Keep what is no event of ours where staff see it; the oldest make room."""
    done = tx.connection.execute(
        insert(tables.dead_letter).values(
            store=tx.store,
            received_ns=tx.now_ns,
            topic=message.topic[:500],
            node=node[:63] if node is not None else None,
            reason=reason.value,
            detail=detail[:2000],
            size_bytes=message.size_bytes,
            raw=message.payload[:MAX_MESSAGE_BYTES],
        )
    )
    (number,) = done.inserted_primary_key or (0,)
    if number % 100 == 0:
        stale = tables.dead_letter.c.id <= number - KEPT_DEAD_LETTERS
        tx.connection.execute(delete(tables.dead_letter).where(stale))
    tx.note("dead-letter", str(number))
