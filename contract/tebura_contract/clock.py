"""Time in nanoseconds, and the store's own time that all nodes agree on.

Order within a node is ``(boot, seq)``. Across nodes it is *store time*: nanoseconds since the Unix
epoch on the gateway's clock, which a node computes from its monotonic clock plus a measured offset.
"""

import datetime as dt
from typing import Protocol

import msgspec

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

JOIN_UNCERTAINTY_NS = 200 * MILLISECOND_NS
"""Above this doubt about a node's clock, a join that depends on it goes to review (DESIGN)."""


class Ns(int):
    """Nanoseconds. In JSON it is a string: a double cannot hold today's date to the nanosecond."""

    __slots__ = ()


class StoreTime(msgspec.Struct, frozen=True, kw_only=True):
    """An instant in store time and how far off it may be (half-width)."""

    at_ns: Ns
    uncertainty_ns: Ns = msgspec.field(default_factory=Ns)


class Clock(Protocol):
    """What the outermost loop reads; everything further in gets time as an argument."""

    def monotonic_ns(self) -> int: ...

    def wall_ns(self) -> int: ...


def seconds(ns: int) -> float:
    return ns / SECOND_NS


def ns_from_s(value_s: float) -> Ns:
    return Ns(round(value_s * SECOND_NS))


def rfc3339(at_ns: int) -> str:
    """UTC with microseconds, as CloudEvents and people want it.

    >>> rfc3339(1_573_805_516_052_466_000)
    '2019-11-15T08:11:56.052466Z'
    """
    whole_s, rest_ns = divmod(at_ns, SECOND_NS)
    moment = dt.datetime.fromtimestamp(whole_s, tz=dt.UTC).replace(microsecond=rest_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
