"""What was going on at a time, among thousands of things that each lasted a while."""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from tebura_contract.clock import SECOND_NS

T = TypeVar("T")

SLOT_NS: Final = 30 * SECOND_NS
LONG_SLOTS: Final = 40
"""What lasts longer, or still goes on, is looked at whenever one asks."""


class Spans(Generic[T]):
    """Things by the time from their start to their end, store time; None: no end is known.

    A day holds thousands of visits and tracks, of which a step or an entry concerns a few: to go
    through all of them for each makes a judgement cost the square of what it is about.
    """

    def __init__(self, spans: Iterable[tuple[int, int | None, T]]) -> None:
        self._spans = list(spans)
        self._slots: dict[int, list[int]] = {}
        self._long: list[int] = []
        for index, (from_ns, to_ns, _) in enumerate(self._spans):
            first = from_ns // SLOT_NS
            last = first + LONG_SLOTS if to_ns is None else to_ns // SLOT_NS
            if last - first < LONG_SLOTS:
                for slot in range(first, last + 1):
                    self._slots.setdefault(slot, []).append(index)
            else:
                self._long.append(index)

    def during(self, from_ns: int, to_ns: int) -> list[T]:
        """All that overlap this time, its ends included, in the order in which they were given."""
        found = set(self._long)
        for slot in range(from_ns // SLOT_NS, to_ns // SLOT_NS + 1):
            found.update(self._slots.get(slot, ()))
        return [
            thing
            for began_ns, ended_ns, thing in map(self._spans.__getitem__, sorted(found))
            if began_ns <= to_ns and (ended_ns is None or ended_ns >= from_ns)
        ]
