"""What the judgement starts from: the events of the nodes, as the gateway holds them."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from operator import attrgetter

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.codec import encode
from tebura_contract.events import (
    EVENT_TYPES,
    Event,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    began_ns,
)
from tebura_contract.ids import EventId

Step = ItemPicked | ItemReturned | ForeignObject
"""A settled change of weight on a shelf."""


def is_passing(step: Step) -> bool:
    """Whether it is one of two that come to nothing."""
    return isinstance(step, ForeignObject) and step.is_passing


class FactFlag(StrEnum):
    """What makes a fact doubtful as a whole."""

    FUTURE = "future"
    PAST = "past"
    UNREADABLE = "unreadable"


class Fact(msgspec.Struct, frozen=True):
    """One event of a node; `uncertainty_ns` is how far off its times may be (half-width)."""

    id: EventId
    event: Event
    uncertainty_ns: int = 0
    flags: frozenset[FactFlag] = frozenset()


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Each fact once, by the time it began, then by its id: the same list for any arrival order.

    Two different events under one id cannot come out of the inbox; should they meet here, the
    choice between them does not depend on the order either.
    """
    by_id: dict[EventId, Fact] = {}
    for fact in facts:
        other = by_id.get(fact.id)
        if other is None or (other.event != fact.event and _bytes(fact) < _bytes(other)):
            by_id[fact.id] = fact
    return sorted(by_id.values(), key=lambda fact: (began_ns(fact.event), fact.id))


def _bytes(fact: Fact) -> bytes:
    return encode(fact.event)


_end_of: dict[type[Event], Callable[[Event], Ns]] = {
    kind: attrgetter("to_ns") if "to_ns" in kind.__struct_fields__ else began_ns
    for kind in EVENT_TYPES
}


def ended_ns(event: Event) -> Ns:
    """The last instant the event speaks of, in store time."""
    return _end_of[type(event)](event)
