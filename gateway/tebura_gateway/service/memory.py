"""What the writer keeps at hand between transactions; all of it can be read from the database.

After a failed transaction it is thrown away and loaded again, so it never knows more than was
committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import DecodeError, decode
from tebura_contract.envelope import parse
from tebura_contract.events import Event, SensorChanged, SensorState, began_ns
from tebura_contract.ids import EventId, NodeId, Sku, VisitId
from tebura_contract.messages import Watermark

from tebura_gateway.adapters import tables
from tebura_gateway.domain.decision import Ruling
from tebura_gateway.domain.facts import Fact, FactFlag, in_order
from tebura_gateway.domain.sequence import Run
from tebura_gateway.domain.settlement import UNPRICED, State
from tebura_gateway.domain.walk import Walk
from tebura_gateway.service.billing import confirmed_by
from tebura_gateway.service.shop import PAST_NS
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.written import read_written

MARGIN_NS = 300 * SECOND_NS
"""How far before the oldest open visit facts still count: who stood at the gate, what was blind."""
OLDEST_NS = PAST_NS
"""No window reaches back further, whatever stays open: what is older is flagged and reviewed."""


STILL_INSIDE_NS = 2**62
"""The end of a visit that was paid before its shopper left: what is taken until then is late."""


JUDGED = "judged"
"""Name of the counter that holds when the facts were last judged."""
_EDITS = "window-edits"
"""Name of the counter of what happened to stored facts but that others arrived."""


@dataclass(slots=True)
class Memory:
    """The window of facts being judged, and what is known of each node."""

    facts: dict[EventId, Fact] = field(default_factory=dict)
    from_ns: int = 0
    runs: dict[NodeId, dict[int, Run]] = field(default_factory=dict)
    claims: dict[NodeId, Watermark] = field(default_factory=dict)
    through_ns: dict[NodeId, int] = field(default_factory=dict)
    rulings: dict[EventId, Ruling] = field(default_factory=dict)
    # Priced and void visits of the last day, from entry to exit: what comes late is noted.
    closed: dict[VisitId, tuple[int, int]] = field(default_factory=dict)
    # When the earliest fact began that was stored since the last judgement.
    unjudged_ns: int | None = None
    # What the database holds of the last judgement, by what it is about.
    written: dict[str, bytes] = field(default_factory=dict)
    # Node rows as last written, so that a heartbeat is not a write.
    seen_ns: dict[NodeId, int] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    is_stale: bool = True
    # Whether nodes said how far their word goes, and whether somebody waits for them to say so.
    has_words: bool = False
    awaits_words: bool = False
    # Whether a part of the last judgement still is to be written.
    is_cut: bool = False
    # Of `_EDITS`, when this was read.
    edits: int = 0
    # How far steps need not be decided again.
    walk: Walk = field(default_factory=Walk)


def load_memory(tx: Tx, known: Memory | None = None) -> Memory:
    """Everything as the database has it.

    `known` is what this gateway remembered until others wrote: of its window, only what arrived
    since is read.
    """
    edits = tx.get(tables.counter, name=_EDITS)
    memory = Memory(from_ns=tx.now_ns + OLDEST_NS, edits=int(edits.value) if edits else 0)
    boots = select(tables.node_boot).where(tables.node_boot.c.store == tx.store)
    for row in tx.connection.execute(boots):
        run = Run(int(row.contiguous_seq), int(row.highest_seq))
        beyond = select(tables.inbox.c.seq).where(
            tables.inbox.c.store == tx.store,
            tables.inbox.c.node == row.node,
            tables.inbox.c.boot == row.boot,
            tables.inbox.c.seq > row.contiguous_seq,
        )
        for (seq,) in tx.connection.execute(beyond):
            run.add(int(seq))
        memory.runs.setdefault(NodeId(row.node), {})[int(row.boot)] = run
    nodes = select(tables.node).where(tables.node.c.store == tx.store)
    for row in tx.connection.execute(nodes):
        memory.seen_ns[NodeId(row.node)] = int(row.seen_ns)
        if row.through_ns is not None:
            memory.through_ns[NodeId(row.node)] = int(row.through_ns)
    visit = tables.visit.c
    # A day's visits are many: no more than is needed of each.
    closed = select(visit.visit, visit.entered_ns, visit.exited_ns, visit.confirmed).where(
        visit.store == tx.store,
        # Nobody stays for a day: these are found without looking through all there ever were.
        visit.entered_ns >= tx.now_ns - 2 * OLDEST_NS,
        visit.exited_ns >= tx.now_ns - OLDEST_NS,
        visit.priced_ns.is_not(None) | visit.final_ns.is_not(None),
    )
    for row in tx.connection.execute(closed):
        paid = confirmed_by(row)
        is_inside = paid is not None and row.exited_ns == paid.at_ns
        until_ns = STILL_INSIDE_NS if is_inside else int(row.exited_ns)
        memory.closed[VisitId(row.visit)] = (int(row.entered_ns), until_ns)
    memory.unjudged_ns = _unjudged_ns(tx)
    if known is not None and known.edits == memory.edits:
        memory.facts = known.facts | _arrived_since(tx, memory.runs, known)
        memory.from_ns = known.from_ns
        memory.walk = known.walk
        memory.rulings = _read_rulings(tx, known.from_ns)
        memory.written = read_written(tx, known.from_ns)
    return memory


def note_edit(tx: Tx) -> None:
    """A stored fact was erased, or one came that nobody waits for: every window is read anew."""
    tx.count_up(_EDITS)


def _arrived_since(
    tx: Tx, runs: Mapping[NodeId, Mapping[int, Run]], known: Memory
) -> dict[EventId, Fact]:
    """The facts of a window that are not known yet, by the numbers that have arrived."""
    inbox = tables.inbox
    found: dict[EventId, Fact] = {}
    for node, boots in runs.items():
        for boot, run in boots.items():
            before = known.runs.get(node, {}).get(boot, Run())
            if before == run:
                continue
            rows = select(inbox).where(
                inbox.c.store == tx.store,
                inbox.c.node == node,
                inbox.c.boot == boot,
                inbox.c.seq > before.contiguous,
                inbox.c.began_ns >= known.from_ns,
            )
            facts = map(fact_of, tx.connection.execute(rows))
            found |= {fact.id: fact for fact in facts if fact is not None}
    return found


def _unjudged_ns(tx: Tx) -> int | None:
    """When the earliest fact began that came since the last judgement, before a restart."""
    judged = tx.get(tables.counter, name=JUDGED)
    since_ns = int(judged.value) - MARGIN_NS if judged is not None else 0
    query = select(func.min(tables.inbox.c.began_ns)).where(
        tables.inbox.c.store == tx.store,
        # What is older when it comes is flagged.
        tables.inbox.c.began_ns >= since_ns - PAST_NS,
        tables.inbox.c.received_ns >= since_ns,
        tables.inbox.c.flags == "",
    )
    found = tx.connection.execute(query).scalar()
    return int(found) if found is not None else None


def load_window(tx: Tx, memory: Memory, from_ns: int) -> None:
    """Hold the facts that began at or after `from_ns`, and forget the others.

    Of what a sensor said before, only an outage that still lasted is kept.
    """
    if from_ns < memory.from_ns:
        memory.facts = {fact.id: fact for fact in read_facts(tx, from_ns)}
        memory.rulings = _read_rulings(tx, from_ns)
        memory.facts |= {fact.id: fact for fact in still_blind(read_outages(tx, from_ns))}
    elif from_ns > memory.from_ns + MARGIN_NS:
        # Trimmed in large bites: each one goes through all facts.
        old = [fact for fact in memory.facts.values() if began_ns(fact.event) < from_ns]
        for fact in old:
            del memory.facts[fact.id]
        memory.facts |= {fact.id: fact for fact in still_blind(old)}
    else:
        return
    memory.from_ns = from_ns
    memory.written = read_written(tx, from_ns)


def _read_rulings(tx: Tx, from_ns: int) -> dict[EventId, Ruling]:
    rulings = select(tables.ruling).where(tables.ruling.c.store == tx.store)
    return {
        EventId.parse(row.event): Ruling(
            visit=VisitId(row.visit) if row.visit is not None else None,
            sku=Sku(row.sku) if row.sku is not None else None,
            quantity=int(row.quantity),
        )
        for row in tx.connection.execute(rulings.where(tables.ruling.c.at_ns >= from_ns))
    }


def read_facts(tx: Tx, from_ns: int) -> list[Fact]:
    """Facts of the inbox that began at or after `from_ns`."""
    rows = select(tables.inbox).where(
        tables.inbox.c.store == tx.store, tables.inbox.c.began_ns >= from_ns
    )
    return [fact for row in tx.connection.execute(rows) if (fact := fact_of(row)) is not None]


def read_outages(tx: Tx, before_ns: int) -> list[Fact]:
    """The latest words of sensors from before then."""
    inbox = tables.inbox
    latest = (
        select(inbox)
        .where(
            inbox.c.store == tx.store,
            inbox.c.kind == "sensor-changed",
            inbox.c.began_ns < before_ns,
        )
        .order_by(inbox.c.began_ns.desc())
        .limit(1000)
    )
    return [fact for row in tx.connection.execute(latest) if (fact := fact_of(row)) is not None]


def still_blind(facts: Iterable[Fact]) -> list[Fact]:
    """The last word of each sensor, where that word is that it sees nothing."""
    last: dict[tuple[NodeId, str], Fact] = {}
    for fact in in_order(facts):
        if isinstance(fact.event, SensorChanged):
            last[fact.id.node, fact.event.sensor] = fact
    return [
        fact
        for fact in last.values()
        if isinstance(fact.event, SensorChanged) and fact.event.state is SensorState.BLIND
    ]


def fact_of(row: object) -> Fact | None:
    """The fact of an inbox row; None where its event could not be read, or was erased."""
    mapping = row._mapping  # type: ignore[attr-defined]  # a SQLAlchemy row of `inbox`
    flags = frozenset(FactFlag(flag) for flag in mapping["flags"].split())
    if FactFlag.UNREADABLE in flags or not mapping["envelope"]:
        return None
    try:
        event: Event = decode(bytes(parse(mapping["envelope"]).data), Event)  # type: ignore[arg-type]
    except DecodeError:
        # Readable when it came, not any more: a newer version wrote it. Staff see the gap.
        return None
    event_id = EventId(NodeId(mapping["node"]), mapping["boot"], mapping["seq"])
    return Fact(event_id, event, int(mapping["uncertainty_ns"]), flags)


def first_entry_ns(tx: Tx, states: Iterable[State]) -> int | None:
    """When the earliest visit began that is in one of these states, or got late facts.

    In two questions: each has an index, however many visits there ever were. Asked for the least
    time, SQLite would go through them from the first one on.
    """
    visit = tables.visit.c
    of_store = select(visit.entered_ns).where(visit.store == tx.store)
    asked = (
        of_store.where(visit.state.in_(sorted(states))),
        of_store.where(visit.late_ns.is_not(None)),
    )
    found = [int(at_ns) for query in asked for at_ns in tx.connection.execute(query).scalars()]
    return min(found, default=None)


def window_start_ns(tx: Tx, memory: Memory) -> tuple[int, int]:
    """From when on results are written, and from when on facts are needed for that."""
    visit, decision = tables.visit, tables.decision
    limit_ns = tx.now_ns - OLDEST_NS
    checking = select(func.min(decision.c.at_ns)).where(
        decision.c.store == tx.store, decision.c.status == "checking", decision.c.at_ns >= limit_ns
    )
    checked_ns = tx.connection.execute(checking).scalar()
    starts = (first_entry_ns(tx, UNPRICED), checked_ns, memory.unjudged_ns)
    known = [int(start) for start in starts if start is not None]
    apply_ns = max(min([*known, tx.now_ns]) - MARGIN_NS, limit_ns)
    overlapping = select(func.min(visit.c.entered_ns)).where(
        visit.c.store == tx.store,
        visit.c.entered_ns >= limit_ns,
        visit.c.exited_ns.is_(None) | (visit.c.exited_ns >= apply_ns),
    )
    earliest = tx.connection.execute(overlapping).scalar()
    load_ns = min(apply_ns, int(earliest) if earliest is not None else apply_ns) - MARGIN_NS
    return apply_ns, load_ns
