"""Takes events in: checked, stored once, and only then acknowledged (I1).

A batch at a time: what is the same for all of them is looked up and written once. That is what
makes an event cost tens of microseconds, not a thousand.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, tuple_
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError
from tebura_contract.envelope import Envelope, SignatureError, addressed, opened, parse
from tebura_contract.events import (
    CounterConfirmed,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    PeopleSeen,
    began_ns,
    kind_of,
)
from tebura_contract.ids import EventId, NodeId, StoreId
from tebura_contract.topics import parse_topic

from tebura_gateway.adapters import tables
from tebura_gateway.domain.facts import Fact, FactFlag, ended_ns
from tebura_gateway.domain.sequence import Run
from tebura_gateway.service import counters, nodes
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.pruning import was_pruned
from tebura_gateway.service.reviews import open_review
from tebura_gateway.service.shop import FUTURE_NS, PAST_NS
from tebura_gateway.service.transaction import Tx

KEPT_DEAD_LETTERS = 10_000
_LATE_MARGIN_NS = 5 * SECOND_NS
_NO_FLAGS: frozenset[FactFlag] = frozenset()


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


class Inbound(msgspec.Struct, frozen=True):
    """A message as it came from the broker; a payload that is too large may be cut."""

    topic: str
    payload: bytes
    size_bytes: int


class _Dead(Exception):
    def __init__(self, reason: DeadReason, detail: str, node: str | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.node = reason, detail, node


class _Arrival(msgspec.Struct, frozen=True):
    """A message with a good signature; without a fact it cannot be read, and `why` says so.

    What it speaks of lasted from `from_ns` to `to_ns`; of what cannot be read, when it was said.
    """

    message: Inbound
    envelope: Envelope
    id: EventId
    from_ns: int
    to_ns: int
    fact: Fact | None
    why: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        return self.id.node, self.id.boot, self.id.seq


def receive_all(tx: Tx, memory: Memory, messages: Sequence[Inbound]) -> list[EventId | None]:
    """Store events; for each message the id to acknowledge, or None for what is no event of ours.

    A duplicate is acknowledged again and changes nothing. What carries a good signature but cannot
    be read is kept and acknowledged too: the node must not send it for ever, and its number counts
    as arrived.
    """
    found: list[EventId | None] = []
    first: dict[EventId, _Arrival] = {}
    again: list[_Arrival] = []
    for message in messages:
        try:
            arrival = _opened(tx, message)
        except _Dead as dead:
            bury(tx, message, dead.reason, dead.detail, dead.node)
            found.append(None)
            continue
        found.append(arrival.id)
        if arrival.fact is not None and was_pruned(tx, memory, arrival.id, arrival.fact.event):
            why = "it came before, long ago, and nothing waits for it"
            bury(tx, message, DeadReason.PRUNED, why, arrival.id.node)
        elif first.setdefault(arrival.id, arrival) is not arrival:
            again.append(arrival)
    new = tx.add_all(tables.inbox, _COLUMNS, [_row(tx, one) for one in first.values()])
    again += [one for one in first.values() if one.key not in new]
    _effects(tx, memory, [one for one in first.values() if one.key in new])
    _bury_conflicts(tx, again)
    for node in {event_id.node for event_id in found if event_id is not None}:
        nodes.note_word(tx, memory, node)
    return found


def receive(tx: Tx, memory: Memory, message: Inbound) -> EventId | None:
    """Store one event, as `receive_all` does."""
    return receive_all(tx, memory, [message])[0]


def _opened(tx: Tx, message: Inbound) -> _Arrival:
    envelope, event_id, key = _identified(tx, message)
    try:
        event = opened(envelope, key)
    except SignatureError as error:
        raise _Dead(DeadReason.FORGED, str(error), event_id.node) from error
    except DecodeError as error:
        at_ns = int(envelope.storetime)
        return _Arrival(message, envelope, event_id, at_ns, at_ns, None, str(error))
    from_ns, to_ns = int(began_ns(event)), int(ended_ns(event))
    flags = _flags(tx, from_ns, max(to_ns, envelope.storetime))
    fact = Fact(event_id, event, int(envelope.uncertainty), flags)
    return _Arrival(message, envelope, event_id, from_ns, to_ns, fact)


def _identified(tx: Tx, message: Inbound) -> tuple[Envelope, EventId, bytes]:
    if message.size_bytes > MAX_MESSAGE_BYTES:
        raise _Dead(DeadReason.OVERSIZE, f"{message.size_bytes} bytes; at most {MAX_MESSAGE_BYTES}")
    try:
        envelope, store, event_id = addressed(message.payload)
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


def _flags(tx: Tx, from_ns: int, last_ns: int) -> frozenset[FactFlag]:
    is_future, is_past = last_ns > tx.now_ns + FUTURE_NS, from_ns < tx.now_ns - PAST_NS
    if not is_future and not is_past:
        return _NO_FLAGS
    return frozenset([FactFlag.FUTURE] * is_future + [FactFlag.PAST] * is_past)


_COLUMNS = (
    "node",
    "boot",
    "seq",
    "kind",
    "began_ns",
    "ended_ns",
    "published_ns",
    "uncertainty_ns",
    "received_ns",
    "flags",
    "envelope",
)


def _row(tx: Tx, arrival: _Arrival) -> tuple[Any, ...]:
    """What is stored of an arrival, as `_COLUMNS` has it."""
    envelope, fact = arrival.envelope, arrival.fact
    if fact is None:
        kind, flags = envelope.type[:64], FactFlag.UNREADABLE.value
    else:
        kind, flags = kind_of(fact.event), " ".join(sorted(fact.flags)) if fact.flags else ""
    return (
        *arrival.key,
        kind,
        arrival.from_ns,
        arrival.to_ns,
        int(envelope.storetime),
        int(envelope.uncertainty),
        tx.now_ns,
        flags,
        arrival.message.payload,
    )


def _effects(tx: Tx, memory: Memory, stored: Sequence[_Arrival]) -> None:
    """What new events lead to at once; the judgement of them follows."""
    _count(tx, memory, [one.id for one in stored])
    timely = []
    for one in stored:
        if one.fact is None:
            bury(tx, one.message, DeadReason.UNKNOWN_KIND, one.why, one.id.node)
        elif one.fact.flags:
            _flag(tx, memory, one.fact)
        else:
            if not isinstance(one.fact.event, PeopleSeen):
                # By itself, where people stood changes nothing that was billed.
                timely.append(one)
            if one.from_ns >= memory.from_ns:
                memory.facts[one.id] = one.fact
            memory.unjudged_ns = min(memory.unjudged_ns or one.from_ns, one.from_ns)
            if isinstance(one.fact.event, CounterConfirmed):
                counters.confirm(tx, memory, one.id.node, one.fact.event)
        memory.is_stale = memory.is_stale or one.fact is not None
    _note_late(tx, memory, timely)


def _flag(tx: Tx, memory: Memory, fact: Fact) -> None:
    """Put a doubtful event before staff; a doubtful step comes there through the judgement.

    Where people stood at a doubtful time says nothing, and is nobody's question.
    """
    if isinstance(fact.event, PeopleSeen):
        return
    # Such a step may lie outside any window, so it is judged from here on whatever its time.
    memory.facts[fact.id] = fact
    reason = " ".join(sorted(fact.flags))
    if not isinstance(fact.event, ItemPicked | ItemReturned | ForeignObject):
        open_review(tx, f"event:{fact.id}", reason=reason, event=str(fact.id))


def _count(tx: Tx, memory: Memory, arrived: Iterable[EventId]) -> None:
    """Note which numbers of which boots are here now."""
    runs: dict[tuple[NodeId, int], Run] = {}
    for event_id in arrived:
        boot_of_node = (event_id.node, event_id.boot)
        run = runs.get(boot_of_node)
        if run is None:
            boots = memory.runs.setdefault(event_id.node, {})
            run = runs[boot_of_node] = boots.setdefault(event_id.boot, Run())
        run.add(event_id.seq)
    for (node, boot), run in sorted(runs.items()):
        key = {"node": node, "boot": boot}
        tx.put(tables.node_boot, key, contiguous_seq=run.contiguous, highest_seq=run.highest)


def _note_late(tx: Tx, memory: Memory, timely: Sequence[_Arrival]) -> None:
    """Mark visits that were priced before these became known."""
    first_ns = min((one.from_ns for one in timely), default=0)
    for visit, (entered_ns, exited_ns) in memory.closed.items():
        since_ns, until_ns = entered_ns - _LATE_MARGIN_NS, exited_ns + _LATE_MARGIN_NS
        # Of a day's visits hardly any lasted until what just happened.
        if until_ns >= first_ns and any(
            one.from_ns <= until_ns and one.to_ns >= since_ns for one in timely
        ):
            tx.change(tables.visit, {"visit": visit}, late_ns=tx.now_ns)


def _bury_conflicts(tx: Tx, again: Sequence[_Arrival]) -> None:
    """Of what came again, show staff what says something else under the same id."""
    if not again:
        return
    inbox = tables.inbox
    key = tuple_(inbox.c.node, inbox.c.boot, inbox.c.seq)
    query = select(inbox.c.node, inbox.c.boot, inbox.c.seq, inbox.c.envelope).where(
        inbox.c.store == tx.store, key.in_([one.key for one in again])
    )
    stored = {
        EventId(NodeId(node), boot, seq): bytes(envelope)
        for node, boot, seq, envelope in tx.connection.execute(query)
    }
    for one in again:
        before = stored[one.id]
        if not before:
            continue  # it was erased, and stays so
        if before != one.message.payload and bytes(parse(before).data) != bytes(one.envelope.data):
            why = f"{one.id} came with other data"
            bury(tx, one.message, DeadReason.CONFLICT, why, one.id.node)


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
