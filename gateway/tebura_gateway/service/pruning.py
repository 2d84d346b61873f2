"""Throws away what has had its effect and protects nothing any more. Never a fact about money.

The rule. An event of the inbox goes when

* it began, ended and came longer than `KEPT_NS` ago, or `KEPT_SHORTER` where it only says where
  people stood or how a face compared;
* everything up to its number has arrived from that boot of its node, so that the node's run of
  numbers needs no row to know that it is there;
* nothing unfinished may need it: it is older, by a margin, than every visit that is not final or
  has late facts to look at, and than every open review;
* it is not the last word of a sensor that still sees nothing.

A repetition of such an event is known by its age and its number (`was_pruned`): it is acknowledged
without any effect and kept as a dead letter. Answers to API calls go after a day (`idempotency`),
messages to webhooks some time after they were taken or given up. Visits, decisions, rulings,
reviews, receipts, refunds, books and counts stay.
"""

from sqlalchemy import and_, delete, func, select, tuple_
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Event, FaceAuth, PeopleSeen, began_ns, kind_of
from tebura_contract.ids import EventId

from tebura_gateway.adapters.api_tables import delivery
from tebura_gateway.adapters.tables import counter, inbox, node_boot, review
from tebura_gateway.domain.settlement import FINAL, State
from tebura_gateway.service import consents
from tebura_gateway.service.memory import Memory, first_entry_ns, read_outages, still_blind
from tebura_gateway.service.outgoing import DeliveryState
from tebura_gateway.service.reviews import ReviewState
from tebura_gateway.service.transaction import Tx

_DAY_NS = 24 * 3600 * SECOND_NS
KEPT_NS = 60 * _DAY_NS
"""So long evidence can be looked at again: a dispute comes within weeks, not seasons."""
KEPT_SEEN_NS = _DAY_NS
"""Who stood where is evidence while visits are open, and nobody's business after."""
KEPT_FACE_NS = _DAY_NS
"""What a gate said about a face is for looking into trouble at the gate, and no longer."""
MARGIN_NS = _DAY_NS
EVERY_NS = 3600 * SECOND_NS
BATCH = 2_000
"""So many events at a time: nobody waits for a large broom."""
KEPT_DONE_NS = 7 * _DAY_NS
KEPT_DEAD_NS = 30 * _DAY_NS
KEPT_SHORTER = {
    str(PeopleSeen.__struct_config__.tag): KEPT_SEEN_NS,
    str(FaceAuth.__struct_config__.tag): KEPT_FACE_NS,
}
PRUNED = "pruned"
"""Name of the counter that holds when this was done last."""


def due(tx: Tx) -> int:
    """Prune once an hour, a batch at a time; how many events went."""
    row = tx.get(counter, name=PRUNED)
    if row is not None and tx.now_ns - int(row.value) < EVERY_NS:
        return 0
    _drop_deliveries(tx)
    consents.prune(tx)
    gone = _drop_events(tx, KEPT_NS)
    gone += sum(_drop_events(tx, kept_ns, kind) for kind, kept_ns in KEPT_SHORTER.items())
    if gone < BATCH:
        tx.put(counter, {"name": PRUNED}, value=tx.now_ns)
    return gone


def was_pruned(tx: Tx, memory: Memory, name: EventId, event: Event) -> bool:
    """Whether this is a repetition of an event that is not in the inbox any more."""
    kept_ns = KEPT_SHORTER.get(kind_of(event), KEPT_NS)
    if began_ns(event) >= tx.now_ns - kept_ns:
        return False
    run = memory.runs.get(name.node, {}).get(name.boot)
    if run is None or name.seq > run.contiguous:
        return False
    return tx.get(inbox, node=name.node, boot=name.boot, seq=name.seq) is None


def _horizon_ns(tx: Tx, kept_ns: int) -> int:
    """Everything before is finished and that old."""
    asked = select(func.min(review.c.opened_ns)).where(
        review.c.store == tx.store, review.c.state == ReviewState.OPEN.value
    )
    found = [first_entry_ns(tx, set(State) - FINAL), tx.connection.execute(asked).scalar()]
    held = [int(at_ns) - MARGIN_NS for at_ns in found if at_ns is not None]
    return min([tx.now_ns - kept_ns, *held])


def _drop_events(tx: Tx, kept_ns: int, kind: str | None = None) -> int:
    """Drop what is that old, of all kinds or of one; how many went."""
    horizon_ns = _horizon_ns(tx, kept_ns)
    blind = [fact.id for fact in still_blind(read_outages(tx, horizon_ns))]
    key = tuple_(inbox.c.node, inbox.c.boot, inbox.c.seq)
    old = (
        select(inbox.c.node, inbox.c.boot, inbox.c.seq)
        .join(
            node_boot,
            and_(
                node_boot.c.store == inbox.c.store,
                node_boot.c.node == inbox.c.node,
                node_boot.c.boot == inbox.c.boot,
            ),
        )
        .where(
            inbox.c.store == tx.store,
            inbox.c.began_ns < horizon_ns,
            inbox.c.ended_ns < horizon_ns,
            inbox.c.received_ns < horizon_ns,
            inbox.c.seq <= node_boot.c.contiguous_seq,
        )
        .order_by(inbox.c.began_ns)
        .limit(BATCH)
    )
    if kind is not None:
        old = old.where(inbox.c.kind == kind)
    if blind:
        old = old.where(key.not_in([(one.node, one.boot, one.seq) for one in blind]))
    found = [tuple(row) for row in tx.connection.execute(old)]
    if found:
        tx.connection.execute(delete(inbox).where(inbox.c.store == tx.store, key.in_(found)))
    return len(found)


def _drop_deliveries(tx: Tx) -> None:
    for state, kept_ns in (
        (DeliveryState.DONE, KEPT_DONE_NS),
        (DeliveryState.DEAD, KEPT_DEAD_NS),
    ):
        tx.connection.execute(
            delete(delivery).where(
                delivery.c.store == tx.store,
                delivery.c.state == state.value,
                delivery.c.done_ns < tx.now_ns - kept_ns,
            )
        )
