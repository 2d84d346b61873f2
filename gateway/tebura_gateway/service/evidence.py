"""What a person who decides a doubtful step looks at: the trace, the hands, what was blind then."""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import ForeignObject, ItemPicked, ItemReturned, Reach, Trace
from tebura_contract.ids import EventId, FacingId, ShelfId, TrackId, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.adapters import tables
from tebura_gateway.domain.blindness import Outage, outages_of
from tebura_gateway.domain.facts import Fact, Step
from tebura_gateway.service.memory import fact_of
from tebura_gateway.service.transaction import from_text
from tebura_gateway.service.views import ReviewHand, ReviewStep, Spell

AROUND_NS = 5 * SECOND_NS
"""How far around a step hands and outages are shown: twice as far as the judgement looks."""
_LATEST = 1000


def step_evidence(connection: Connection, layout: Layout, event: EventId) -> ReviewStep | None:
    """All that was reported around a step; None where the event is no step, or cannot be read."""
    fact = _fact(connection, layout, event)
    if fact is None or not isinstance(fact.event, ItemPicked | ItemReturned | ForeignObject):
        return None
    step = fact.event
    from_ns, to_ns = step.from_ns - AROUND_NS, step.to_ns + AROUND_NS
    facing = None if isinstance(step, ForeignObject) else step.facing
    return ReviewStep(
        shelf=step.shelf,
        plates=step.plates,
        facing=facing or facing_of(step, layout),
        delta_g=step.delta_g,
        from_ns=step.from_ns,
        to_ns=step.to_ns,
        blind=step.blind,
        trace=readable(step.trace),
        hands=_hands(connection, layout, step.shelf, from_ns, to_ns),
        spells=_spells(connection, layout, step.shelf, from_ns, to_ns),
    )


def readable(trace: Trace | None) -> Trace | None:
    """A trace that can be drawn, or None: nothing a node says may break the page."""
    if trace is None or trace.every_ns <= 0 or not any(trace.grams.values()):
        return None
    finite = all(math.isfinite(value) for values in trace.grams.values() for value in values)
    return trace if finite else None


def facing_of(step: Step, layout: Layout) -> FacingId | None:
    """The facing above the plates that moved, where only one is."""
    plates = set(step.plates)
    found = [
        name
        for name, (shelf, facing) in layout.facings().items()
        if shelf == step.shelf and plates & {f"{shelf}/{plate}" for plate in facing.plates}
    ]
    return found[0] if len(found) == 1 else None


def _of(layout: Layout, table: Any) -> Select[Any]:
    return select(table).where(table.c.store == layout.store.id)


def _fact(connection: Connection, layout: Layout, event: EventId) -> Fact | None:
    inbox = tables.inbox
    row = connection.execute(
        _of(layout, inbox).where(
            inbox.c.node == event.node, inbox.c.boot == event.boot, inbox.c.seq == event.seq
        )
    ).first()
    return None if row is None else fact_of(row)


def _hands(
    connection: Connection, layout: Layout, shelf: ShelfId, from_ns: int, to_ns: int
) -> tuple[ReviewHand, ...]:
    inbox = tables.inbox
    query = _of(layout, inbox).where(
        inbox.c.kind == "reach",
        # A hand is not in a shelf for longer than a minute; the index is on the beginning.
        inbox.c.began_ns >= from_ns - 60 * SECOND_NS,
        inbox.c.began_ns <= to_ns,
        inbox.c.ended_ns >= from_ns,
    )
    facts = [fact_of(row) for row in connection.execute(query.limit(_LATEST))]
    reaches = [fact.event for fact in facts if fact and isinstance(fact.event, Reach)]
    owners = _owners(connection, layout, from_ns, to_ns)
    return tuple(
        ReviewHand(
            visit=owners.get(reach.track),
            track=reach.track,
            x_m=reach.x_m,
            from_ns=reach.from_ns,
            to_ns=reach.to_ns,
            confidence=reach.confidence,
            before=reach.hand_before,
            after=reach.hand_after,
        )
        for reach in sorted(reaches, key=lambda one: (one.from_ns, one.track))
        if reach.shelf == shelf
    )


def _owners(
    connection: Connection, layout: Layout, from_ns: int, to_ns: int
) -> dict[TrackId, VisitId]:
    """Whose track it was, among those who were in the store then."""
    visit = tables.visit
    query = _of(layout, visit).where(
        visit.c.entered_ns <= to_ns,
        visit.c.exited_ns.is_(None) | (visit.c.exited_ns >= from_ns),
    )
    return {
        track: VisitId(row.visit)
        for row in connection.execute(query.order_by(visit.c.entered_ns.desc()).limit(_LATEST))
        for track in from_text(row.tracks, tuple[TrackId, ...])
    }


def _spells(
    connection: Connection, layout: Layout, shelf: ShelfId, from_ns: int, to_ns: int
) -> tuple[Spell, ...]:
    inbox = tables.inbox
    query = (
        _of(layout, inbox)
        .where(
            inbox.c.kind.in_(("sensor-changed", "node-started")),
            inbox.c.began_ns <= to_ns + 600 * SECOND_NS,
        )
        .order_by(inbox.c.began_ns.desc())
        .limit(_LATEST)
    )
    facts = [fact for row in connection.execute(query) if (fact := fact_of(row)) is not None]
    facts.reverse()
    return tuple(
        Spell(
            reason=outage.reason, from_ns=outage.from_ns, to_ns=outage.to_ns, weighs=outage.weighs
        )
        for outage in _touching(outages_of(facts, layout), shelf, from_ns, to_ns)
    )


def _touching(outages: Sequence[Outage], shelf: ShelfId, from_ns: int, to_ns: int) -> list[Outage]:
    return [
        outage
        for outage in outages
        if shelf in outage.shelves and outage.from_ns <= to_ns and outage.to_ns >= from_ns
    ]
