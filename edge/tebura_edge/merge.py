"""Inputs of many sources in one order of time, waiting no longer than a bounded lag.

The order is ``(store time, source, number within the source)``, so the same inputs give the same
order however the threads ran, live and in a replay. An input that comes after its time has passed
is handed on at once and counted: late evidence is evidence.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_HELD = 4096
"""Inputs held back at most. Beyond, the oldest go on early: order suffers, nothing is lost."""


@dataclass(frozen=True)
class Merged(Generic[T]):
    """An input in its place: store time, label of its source, and itself."""

    at_ns: int
    source: str
    item: T


@dataclass
class _Source:
    heard_ns: int | None = None
    is_awaited: bool = True


@dataclass(order=True)
class _Held(Generic[T]):
    at_ns: int
    source: str
    number: int
    item: T = field(compare=False)


class Merge(Generic[T]):
    """Holds inputs until no awaited source can still bring an earlier one.

    Args:
        sources: Labels of the sources to wait for.
        lag_ns: An input is never held longer than this after its own time.
    """

    def __init__(self, sources: Iterable[str], lag_ns: int) -> None:
        self._sources = {source: _Source() for source in sources}
        self._lag_ns = lag_ns
        self._heap: list[_Held[T]] = []
        self._number = 0
        self._released_ns: int | None = None
        self.late_count = 0

    def push(self, source: str, at_ns: int, item: T) -> None:
        """Take an input; inputs of one source come in that source's order."""
        self.heard(source, at_ns)
        self._number += 1
        heapq.heappush(self._heap, _Held(at_ns, source, self._number, item))

    def heard(self, source: str, at_ns: int) -> None:
        """The source has looked up to here, whether or not there was an input.

        A source whose clock steps back is believed: its newest word counts.
        """
        self._sources.setdefault(source, _Source()).heard_ns = at_ns

    def await_source(self, source: str, is_awaited: bool) -> None:
        """A source known to be blind or quiet holds nobody up; one that is back does again."""
        self._sources.setdefault(source, _Source()).is_awaited = is_awaited

    def pop(self, now_ns: int) -> list[Merged[T]]:
        """Everything whose turn has come, in order. `now_ns` is store time."""
        out = []
        while self._heap and (self._is_due(self._heap[0], now_ns) or len(self._heap) > MAX_HELD):
            held = heapq.heappop(self._heap)
            if self._released_ns is not None and held.at_ns < self._released_ns:
                self.late_count += 1
            else:
                self._released_ns = held.at_ns
            out.append(Merged(held.at_ns, held.source, held.item))
        return out

    def flush(self) -> list[Merged[T]]:
        """Everything held, in order, and a new beginning: store time itself was set."""
        held = sorted(self._heap)
        self._heap.clear()
        self._released_ns = None
        for source in self._sources.values():
            source.heard_ns = None
        return [Merged(entry.at_ns, entry.source, entry.item) for entry in held]

    def _is_due(self, held: _Held[T], now_ns: int) -> bool:
        if held.at_ns <= now_ns - self._lag_ns:
            return True
        return all(
            source.heard_ns is not None and (source.heard_ns, label) >= (held.at_ns, held.source)
            for label, source in self._sources.items()
            if source.is_awaited
        )

    def promised_ns(self, now_ns: int) -> int | None:
        """Up to here every awaited source has looked; None if one was never heard.

        Letting go waits for a slow source only so long, this without end: it is what may be
        promised to others. With nobody to wait for it is now less the lag.
        """
        heard = [source.heard_ns for source in self._sources.values() if source.is_awaited]
        known = [at_ns for at_ns in heard if at_ns is not None]
        if len(known) < len(heard):
            return None
        return min([*known, now_ns]) if known else now_ns - self._lag_ns

    def held_count(self) -> int:
        return len(self._heap)
