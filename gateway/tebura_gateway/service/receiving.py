"""Takes events in: checked, stored once, and only then acknowledged (I1).

A batch at a time: what is the same for all of them is looked up and written once. That is what
makes an event cost tens of microseconds, not a thousand.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, tuple_
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import MAX_MESSAGE_BYTES
from tebura_contract.envelope import parse
from tebura_contract.events import (
    CounterConfirmed,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    PeopleSeen,
    kind_of,
)
from tebura_contract.ids import EventId, NodeId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.facts import Fact, FactFlag
from tebura_gateway.domain.sequence import Run
from tebura_gateway.service import counters, nodes
from tebura_gateway.service.checking import Arrival, Dead, DeadReason, Inbound, checked
from tebura_gateway.service.memory import Memory, note_edit
from tebura_gateway.service.pruning import was_pruned
from tebura_gateway.service.reviews import open_review
from tebura_gateway.service.shop import FUTURE_NS, PAST_NS
from tebura_gateway.service.transaction import Tx

KEPT_DEAD_LETTERS = 10_000
_LATE_MARGIN_NS = 5 * SECOND_NS
_NO_FLAGS: frozenset[FactFlag] = frozenset()


class _New(msgspec.Struct, frozen=True):
    """An arrival, and the fact that it is as the gateway's clock has it; None: unreadable."""

    arrival: Arrival
    fact: Fact | None


def receive_all(tx: Tx, memory: Memory, messages: Sequence[Inbound]) -> list[EventId | None]:
    """Store events; for each message the id to acknowledge, or None for what is no event of ours.

    A duplicate is acknowledged again and changes nothing. What carries a good signature but cannot
    be read is kept and acknowledged too: the node must not send it for ever, and its number counts
    as arrived.
    """
    found: list[EventId | None] = []
    first: dict[EventId, Arrival] = {}
    again: list[Arrival] = []
    for message in messages:
        one = checked(message, tx.store, tx.shop.node_keys)
        if isinstance(one, Dead):
            bury(tx, one.message, one.reason, one.detail, one.node)
            found.append(None)
            continue
        found.append(one.id)
        if one.event is not None and was_pruned(tx, memory, one.id, one.event):
            why = "it came before, long ago, and nothing waits for it"
            bury(tx, one.message, DeadReason.PRUNED, why, one.id.node)
        elif first.setdefault(one.id, one) is not one:
            again.append(one)
    news = [_New(one, _fact(tx, one)) for one in first.values()]
    stored = _store(tx, memory, news)
    again += [one.arrival for one in news if one.arrival.key not in stored]
    _effects(tx, memory, [one for one in news if one.arrival.key in stored])
    _bury_conflicts(tx, again)
    for node in {event_id.node for event_id in found if event_id is not None}:
        nodes.note_word(tx, memory, node)
    return found


def receive(tx: Tx, memory: Memory, message: Inbound) -> EventId | None:
    """Store one event, as `receive_all` does."""
    return receive_all(tx, memory, [message])[0]


def _fact(tx: Tx, one: Arrival) -> Fact | None:
    if one.event is None:
        return None
    flags = _flags(tx, one.from_ns, max(one.to_ns, one.envelope.storetime))
    return Fact(one.id, one.event, int(one.envelope.uncertainty), flags)


def _store(tx: Tx, memory: Memory, news: Sequence[_New]) -> AbstractSet[tuple[Any, ...]]:
    """Insert what is not there; the keys of what was not."""
    rows = [_row(tx, one) for one in news]
    if any(_may_be_there(memory, one.arrival.id) for one in news):
        return tx.add_missing(tables.inbox, _COLUMNS, rows)
    tx.add_all(tables.inbox, _COLUMNS, rows)
    return {one.arrival.key for one in news}


def _may_be_there(memory: Memory, name: EventId) -> bool:
    """Beyond the highest number of a boot nothing was stored; the table's key has the last word."""
    run = memory.runs.get(name.node, {}).get(name.boot)
    return run is not None and name.seq <= run.highest


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


def _row(tx: Tx, new: _New) -> tuple[Any, ...]:
    """What is stored of an arrival, as `_COLUMNS` has it."""
    arrival, fact = new.arrival, new.fact
    envelope = arrival.envelope
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


def _effects(tx: Tx, memory: Memory, stored: Sequence[_New]) -> None:
    """What new events lead to at once; the judgement of them follows."""
    _count(tx, memory, [one.arrival.id for one in stored])
    timely = []
    for one in stored:
        arrival, fact = one.arrival, one.fact
        if fact is None:
            bury(tx, arrival.message, DeadReason.UNKNOWN_KIND, arrival.why, arrival.id.node)
        elif fact.flags:
            _flag(tx, memory, fact)
        else:
            if not isinstance(fact.event, PeopleSeen):
                # By itself, where people stood changes nothing that was billed.
                timely.append(arrival)
            if arrival.from_ns >= memory.from_ns:
                memory.facts[fact.id] = fact
            memory.unjudged_ns = min(memory.unjudged_ns or arrival.from_ns, arrival.from_ns)
            if isinstance(fact.event, CounterConfirmed):
                counters.confirm(tx, memory, arrival.id.node, fact.event)
        memory.is_stale = memory.is_stale or fact is not None
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
    is_expected = True
    for event_id in arrived:
        boot_of_node = (event_id.node, event_id.boot)
        run = runs.get(boot_of_node)
        if run is None:
            boots = memory.runs.setdefault(event_id.node, {})
            run = runs[boot_of_node] = boots.setdefault(event_id.boot, Run())
        # Staff may have gone on without it.
        is_expected = is_expected and event_id.seq > run.contiguous
        run.add(event_id.seq)
    if not is_expected:
        note_edit(tx)
    for (node, boot), run in sorted(runs.items()):
        key = {"node": node, "boot": boot}
        tx.put(tables.node_boot, key, contiguous_seq=run.contiguous, highest_seq=run.highest)


def _note_late(tx: Tx, memory: Memory, timely: Sequence[Arrival]) -> None:
    """Mark visits that were priced before these became known."""
    first_ns = min((one.from_ns for one in timely), default=0)
    for visit, (entered_ns, exited_ns) in memory.closed.items():
        since_ns, until_ns = entered_ns - _LATE_MARGIN_NS, exited_ns + _LATE_MARGIN_NS
        # Of a day's visits hardly any lasted until what just happened.
        if until_ns >= first_ns and any(
            one.from_ns <= until_ns and one.to_ns >= since_ns for one in timely
        ):
            tx.change(tables.visit, {"visit": visit}, late_ns=tx.now_ns)


def _bury_conflicts(tx: Tx, again: Sequence[Arrival]) -> None:
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
