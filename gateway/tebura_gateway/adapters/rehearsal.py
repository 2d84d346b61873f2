"""Plays a file of events to a running gateway as its nodes would: sealed, over the broker, acked.

The file is a JSON list of ``{"node": ..., "event": {...}}`` in order of time. Times are moved so
that the last one was a second ago; played again before that long has passed, it is a second
shopper at the same time. Each play is a boot of its own: ``BOOT`` in track names is its number.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.envelope import seal
from tebura_contract.events import Event
from tebura_contract.ids import EventId, NodeId
from tebura_contract.messages import Ack, Watermark
from tebura_contract.topics import CHANNELS, Channel, parse_topic, subscription, topic

from tebura_gateway.config import GatewayConfig
from tebura_gateway.domain.facts import ended_ns

MAX_FILE_BYTES = 16 * 1024 * 1024
ACK_TIMEOUT_S = 20.0
RESEND_S = 2.0
WORDS = 10
"""Watermarks are said for this many half seconds after the last event, so that visits settle."""


class RehearsalError(ValueError):
    """A file that cannot be played, or a gateway that did not take it; the text says why."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the file and the node that reports it."""

    node: NodeId
    event: Event


def read_lines(path: Path, boot: int, now_ns: int) -> list[Line]:
    """Read a file of events, moved so that the last of them ended a second ago.

    Raises:
        RehearsalError: If it cannot be read or an event in it is malformed.
    """
    try:
        raw = path.read_bytes().replace(b"BOOT", str(boot).encode())
        lines = decode(raw, list[Line], limit_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise RehearsalError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise RehearsalError(f"{path}: {error}") from error
    if not lines:
        raise RehearsalError(f"{path}: no events")
    by_ns = now_ns - SECOND_NS - max(ended_ns(line.event) for line in lines)
    return [Line(node=line.node, event=moved(line.event, by_ns)) for line in lines]


def moved(event: Event, by_ns: int) -> Event:
    """The same event at another time."""
    times: dict[str, Any] = {
        name: Ns(value + by_ns)
        for name in event.__struct_fields__
        if isinstance(value := getattr(event, name), Ns)
    }
    return msgspec.structs.replace(event, **times)


@dataclass
class Rehearsal:
    """All nodes of a store on one connection."""

    config: GatewayConfig
    now_ns: Callable[[], int]
    _waiting: dict[EventId, bytes] = field(default_factory=dict)
    _all_acked: threading.Event = field(default_factory=threading.Event)

    def play(self, lines: list[Line], boot: int) -> int:
        """Publish, wait until all is acknowledged, and say the watermarks; how many events.

        Raises:
            RehearsalError: If the broker or the gateway is not there.
        """
        store = self.config.layout.store.id
        last = self._seal(lines, boot)
        client = self._connect()
        try:
            deadline_s = time.monotonic() + ACK_TIMEOUT_S
            while True:
                for event_id, payload in list(self._waiting.items()):
                    client.publish(topic(Channel.EVENT, store, event_id.node), payload, qos=1)
                if self._all_acked.wait(RESEND_S):
                    break
                if time.monotonic() > deadline_s:
                    raise RehearsalError(f"{len(self._waiting)} events were not acknowledged")
            for _ in range(WORDS):
                self._say_words(client, boot, last)
                time.sleep(0.5)
        finally:
            client.disconnect()
            client.loop_stop()
        return len(lines)

    def _seal(self, lines: list[Line], boot: int) -> dict[NodeId, int]:
        last = dict.fromkeys(sorted(self.config.layout.nodes()), -1)
        for line in lines:
            key = self.config.node_keys.get(line.node)
            if key is None:
                raise RehearsalError(f"node {line.node!r} is not in the layout")
            last[line.node] += 1
            event_id = EventId(line.node, boot, last[line.node])
            published = StoreTime(at_ns=Ns(ended_ns(line.event)))
            store = self.config.layout.store.id
            self._waiting[event_id] = seal(
                store, event_id, line.event, published, time.monotonic_ns(), key
            )
        return last

    def _connect(self) -> Client:
        mqtt = self.config.settings.mqtt
        client = Client(CallbackAPIVersion.VERSION2)
        tls = self.config.mqtt_tls()
        if tls is not None:
            client.tls_set(ca_certs=tls[0], certfile=tls[1], keyfile=tls[2])
        client.on_message = self._received
        try:
            client.connect(mqtt.host, mqtt.port)
        except OSError as error:
            raise RehearsalError(f"no broker at {mqtt.host}:{mqtt.port}: {error}") from error
        client.subscribe(subscription(Channel.ACK, self.config.layout.store.id), qos=1)
        client.loop_start()
        return client

    def _received(self, client: Client, _: object, message: MQTTMessage) -> None:  # noqa: ARG002
        _, node, _ = parse_topic(message.topic)
        ack = decode(bytes(message.payload), Ack)
        for seq in ack.seqs:
            self._waiting.pop(EventId(node, ack.boot, seq), None)
        if not self._waiting:
            self._all_acked.set()

    def _say_words(self, client: Client, boot: int, last: dict[NodeId, int]) -> None:
        for node, seq in last.items():
            word = Watermark(boot=boot, seq=seq, at_ns=Ns(self.now_ns()), uncertainty_ns=Ns(0))
            name = topic(Channel.WATERMARK, self.config.layout.store.id, node)
            client.publish(name, encode(word), qos=CHANNELS[Channel.WATERMARK].qos)
