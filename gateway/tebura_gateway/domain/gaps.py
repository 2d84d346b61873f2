"""Whether what a silent node did not tell may concern a visit (R-31)."""

from collections.abc import Iterable, Mapping

from tebura_contract.events import Reach
from tebura_contract.ids import NodeId, ShelfId, TrackId, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.presence import NEVER_NS, Visit


def touches(
    visit: Visit,
    silent: Iterable[NodeId],
    layout: Layout,
    facts: Iterable[Fact],
    owner: Mapping[TrackId, VisitId],
) -> bool:
    """Whether a gap of these nodes lies where the visit was.

    Who watches people or gates is missed everywhere. Who only weighs is missed on shelves that the
    visit reached into, that somebody reached into whom nobody knows, and that no camera watches.
    """
    seers = {camera.node for camera in layout.camera} | {gate.node for gate in layout.gate}
    missed: set[ShelfId] = set()
    for node in silent:
        if node in seers:
            return True
        missed |= {
            name for name, (_, shelf) in layout.shelves().items() if shelf.reports_picks == node
        }
    if any(not layout.watchers(shelf) for shelf in missed):
        return True
    until_ns = visit.exited_ns if visit.exited_ns is not None else -NEVER_NS
    return any(
        isinstance(fact.event, Reach)
        and fact.event.shelf in missed
        and fact.event.to_ns >= visit.entered_ns
        and fact.event.from_ns <= until_ns
        and owner.get(fact.event.track) in (None, visit.id)
        for fact in facts
    )
