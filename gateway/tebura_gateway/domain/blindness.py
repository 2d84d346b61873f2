"""When which shelf could not be seen by what: outages said by nodes, and their restarts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tebura_contract.events import NodeStarted, SensorChanged, SensorKind, SensorState
from tebura_contract.ids import NodeId, ShelfId
from tebura_contract.layout import Layout

from tebura_gateway.domain.facts import Fact

_FOREVER_NS = 2**62
_WEIGHING = (SensorKind.SCALE, SensorKind.PLATE)


@dataclass(frozen=True, slots=True)
class Outage:
    """A node could not see these shelves from `from_ns` to `to_ns`; `weighs`: with its plates."""

    node: NodeId
    shelves: frozenset[ShelfId]
    from_ns: int
    to_ns: int
    weighs: bool
    reason: str


def outages_of(facts: Sequence[Fact], layout: Layout) -> list[Outage]:
    """All outages the facts speak of; `facts` in order."""
    facts = [fact for fact in facts if not fact.flags]
    outages = []
    blind: dict[tuple[NodeId, str], SensorChanged] = {}
    for fact in facts:
        match fact.event:
            case SensorChanged(state=SensorState.BLIND) as event:
                blind.setdefault((fact.id.node, event.sensor), event)
            case SensorChanged() as event:
                began = blind.pop((fact.id.node, event.sensor), None)
                if began is not None:
                    outages.append(_outage(fact.id.node, began, int(event.since_ns)))
            case NodeStarted() as event:
                # A new boot says again what is blind; until it speaks it saw nothing.
                for key in [key for key in blind if key[0] == fact.id.node]:
                    outages.append(_outage(fact.id.node, blind.pop(key), int(event.at_ns)))
                outages += _restart(fact.id.node, event, layout)
            case _:
                pass
    outages += [_outage(node, event, _FOREVER_NS) for (node, _), event in sorted(blind.items())]
    return outages


def outages_until(outages: Sequence[Outage], at_ns: int) -> list[Outage]:
    """What is said of times up to then: when those end that end later is left out."""
    return [
        replace(outage, to_ns=_FOREVER_NS) if outage.to_ns > at_ns else outage
        for outage in outages
        if outage.from_ns <= at_ns
    ]


def _outage(node: NodeId, began: SensorChanged, to_ns: int) -> Outage:
    return Outage(
        node=node,
        shelves=frozenset(began.shelves),
        from_ns=int(began.since_ns),
        to_ns=to_ns,
        weighs=began.sensor_kind in _WEIGHING,
        reason=f"{began.sensor}: {began.reason}",
    )


def _restart(node: NodeId, event: NodeStarted, layout: Layout) -> list[Outage]:
    if event.last_alive_ns is None:
        return []
    known = layout.shelves()
    shelves = [name for name in event.shelves if name in known]
    weighed = frozenset(name for name in shelves if known[name][1].reports_picks == node)
    watched = frozenset(name for name in shelves if node in layout.watchers(name))
    return [
        Outage(
            node=node,
            shelves=part,
            from_ns=int(event.last_alive_ns),
            to_ns=int(event.at_ns),
            weighs=weighs,
            reason=f"{node} restarted",
        )
        for part, weighs in ((weighed, True), (watched, False))
        if part
    ]


def outage_during(
    outages: Sequence[Outage], shelf: ShelfId, from_ns: int, to_ns: int, weighs: bool
) -> Outage | None:
    """The first outage of a shelf's plates (`weighs`) or cameras that touches this time."""
    return next(
        (
            outage
            for outage in outages
            if outage.weighs == weighs
            and shelf in outage.shelves
            and outage.from_ns <= to_ns
            and outage.to_ns >= from_ns
        ),
        None,
    )
