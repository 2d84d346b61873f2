"""Carries events from the outbox over the link until the gateway's database has them."""

from collections.abc import Callable
from typing import Protocol

from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from tebura_contract.ids import EventId
from tebura_contract.messages import Ack

from tebura_edge.delivery import Delivery
from tebura_edge.outbox import Outbox, Stored

BATCH = 64
"""Events handed over in one turn of the main loop: a long backlog must not stall sensing."""


class EventLink(Protocol):
    """What the courier needs of a link."""

    @property
    def is_connected(self) -> bool: ...

    def event(self, sealed: bytes) -> MQTTMessageInfo: ...


class Courier:
    """Main loop's thread only. Times are monotonic."""

    def __init__(
        self, outbox: Outbox, link: EventLink, delivery: Delivery, now_ns: Callable[[], int]
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._delivery = delivery
        self._now_ns = now_ns
        self._sending: dict[EventId, MQTTMessageInfo] = {}
        self.sent_count = 0

    def connected(self) -> None:
        """A new connection: what the broker forgot while it was away goes out again."""
        self._sending = {
            event_id: info for event_id, info in self._sending.items() if not _is_with_broker(info)
        }
        self._delivery.reconnected(self._sending.__contains__)

    def acked(self, ack: Ack) -> None:
        """The gateway's database holds these: forget them.

        Raises:
            OutboxUnwritable: They stay; the gateway will say it again when they come again.
        """
        ids = [EventId(self._outbox.node, ack.boot, seq) for seq in ack.seqs]
        self._outbox.ack(ack.boot, ack.seqs)
        self._delivery.acked(ids)
        for event_id in ids:
            self._sending.pop(event_id, None)

    def pump(self) -> None:
        """Hand over what may go now; costs nothing while there is no connection."""
        if not self._link.is_connected:
            return
        for event_id in self._delivery.overdue(self._now_ns())[:BATCH]:
            stored = self._outbox.get(event_id)
            if stored is None:
                self._delivery.acked([event_id])
            elif self._hand(stored):
                self._delivery.handed_again(event_id, self._now_ns())
            else:
                return
        room = min(self._delivery.room(), BATCH)
        if not room or self._is_caught_up():
            return
        for stored in self._outbox.after(self._delivery.last_handed, room):
            if self._delivery.is_on_its_way(stored.id):
                self._delivery.skipped(stored.id)
            elif self._hand(stored):
                self._delivery.handed(stored.id, self._now_ns())
            else:
                return

    def has_handed_all(self) -> bool:
        """Whether every event, also of earlier boots, has gone to the broker on this connection."""
        return self._link.is_connected and (self._is_caught_up() or not self._outbox.waiting)

    def _is_caught_up(self) -> bool:
        last = self._outbox.last_id
        handed = self._delivery.last_handed
        return last is not None and handed is not None and handed >= last

    def _hand(self, stored: Stored) -> bool:
        known = self._sending.get(stored.id)
        if known is not None and not _is_with_broker(known):
            return True  # paho still has it and sends it by itself
        info = self._link.event(stored.sealed)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            return False
        self._sending[stored.id] = info
        self.sent_count += 1
        return True


def _is_with_broker(info: MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # paho refused or lost it: it will not send it again
        return True
