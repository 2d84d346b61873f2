"""Which events to hand to the broker now: in order, a bounded number on their way, until acked.

"On its way" means handed to the broker and not yet acknowledged by the gateway's database. A broker
may forget what it accepted, so what is not acknowledged in time, and everything after a reconnect,
goes out again; the gateway knows duplicates by their id. Pure: the outbox and times are passed in.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tebura_contract.ids import EventId

MAX_PATIENCE = 5
"""An event is sent again after the time-out times the number of times it was sent, up to this."""


@dataclass
class _OnItsWay:
    sent_ns: int
    times: int = 1


class Delivery:
    """The window of events on their way.

    Args:
        in_flight: At most so many events on their way.
        timeout_ns: Without an acknowledgement after this, an event goes out again; later each time.
    """

    def __init__(self, in_flight: int, timeout_ns: int) -> None:
        self._in_flight = in_flight
        self._timeout_ns = timeout_ns
        self._on_their_way: dict[EventId, _OnItsWay] = {}
        self._last: EventId | None = None

    @property
    def last_handed(self) -> EventId | None:
        """Every event up to this one has been handed over at least once since the connection."""
        return self._last

    def room(self) -> int:
        return max(0, self._in_flight - len(self._on_their_way))

    def handed(self, event_id: EventId, now_ns: int) -> None:
        """The next event in order was handed to the broker."""
        self._on_their_way[event_id] = _OnItsWay(now_ns)
        self.skipped(event_id)

    def skipped(self, event_id: EventId) -> None:
        """The next event in order is on its way already."""
        self._last = event_id if self._last is None else max(self._last, event_id)

    def handed_again(self, event_id: EventId, now_ns: int) -> None:
        """An overdue event was handed over once more; those before it may still have to go."""
        sent = self._on_their_way[event_id]
        sent.sent_ns, sent.times = now_ns, sent.times + 1

    def acked(self, event_ids: Iterable[EventId]) -> None:
        for event_id in event_ids:
            self._on_their_way.pop(event_id, None)

    def overdue(self, now_ns: int) -> list[EventId]:
        """Events to hand over again, oldest first."""
        return sorted(
            event_id
            for event_id, sent in self._on_their_way.items()
            if now_ns - sent.sent_ns >= self._timeout_ns * min(sent.times, MAX_PATIENCE)
        )

    def reconnected(self, is_still_queued: Callable[[EventId], bool]) -> None:
        """The connection is new: begin from the oldest event again.

        Args:
            is_still_queued: Whether the client itself will send this one again.
        """
        self._on_their_way = {
            event_id: sent
            for event_id, sent in self._on_their_way.items()
            if is_still_queued(event_id)
        }
        self._last = None

    def is_on_its_way(self, event_id: EventId) -> bool:
        return event_id in self._on_their_way
