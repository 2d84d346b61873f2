"""The node's connection to the broker. Only paho's own thread works here beside the main loop.

The main loop publishes, and takes what arrived from a bounded queue. A message from the gateway is
acknowledged to the broker (`Link.done`) only after the main loop is through with it. What finds the
queue full is left unacknowledged: the broker brings it again with the next connection.
"""

import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError, decode, encode
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.messages import (
    Ack,
    ClockQuestion,
    Command,
    Health,
    NodeState,
    Position,
    Watermark,
)
from tebura_contract.settings import MqttSettings, beside
from tebura_contract.topics import CHANNELS, Channel, topic

KEEPALIVE_S = 4
"""A wire that is cut without a word is noticed within twice this."""

MAX_ARRIVED = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Connected:
    """A connection was made; `is_resumed` when the broker remembered this node's session."""

    is_resumed: bool


@dataclass(frozen=True)
class Disconnected:
    reason: str


@dataclass(frozen=True)
class Arrived:
    """A message of the gateway, when it arrived (monotonic), and how to acknowledge it."""

    message: Ack | Command
    at_ns: int
    mid: int
    qos: int
    connection: int


News = Connected | Disconnected | Arrived


class Link:
    """A connection that keeps itself up.

    Args:
        settings: Where the broker is, and TLS.
        config_path: Paths in the settings are relative to this file.
        store: Names the topics.
        node: Names the topics, and this client to the broker.
        boot: Stands in the last will.
        reconnect_s: First and longest wait between attempts.
        in_flight: Bound of what paho holds unacknowledged by the broker.
        monotonic_ns: Stamps arrivals.
        wake: Called from paho's thread when there is news.
    """

    def __init__(
        self,
        settings: MqttSettings,
        config_path: Path,
        store: StoreId,
        node: NodeId,
        *,
        boot: int,
        reconnect_s: tuple[float, float],
        in_flight: int,
        monotonic_ns: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._store, self._node, self._boot = store, node, boot
        self._monotonic_ns, self._wake = monotonic_ns, wake
        self._news: queue.Queue[News] = queue.Queue(MAX_ARRIVED)
        self._is_connected = threading.Event()
        self._connection = 0
        self.refused_count = 0
        # The session is kept by the broker, so commands sent while the node is away still come.
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"tebura-{store}-{node}",
            clean_session=False,
            manual_ack=True,
        )
        self._client.max_inflight_messages_set(in_flight)
        self._client.max_queued_messages_set(in_flight * 2)
        # Fractions of a second are fine there, whatever its annotation says.
        self._client.reconnect_delay_set(*reconnect_s)  # type: ignore[arg-type]
        self._client.will_set(
            self._topic(Channel.HEALTH), encode(self._offline("lost")), qos=1, retain=True
        )
        if settings.ca_file:
            self._client.tls_set(**_tls(settings, config_path))
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def is_connected(self) -> bool:
        return self._is_connected.is_set()

    def start(self) -> None:
        """Begin connecting; the broker need not be there."""
        self._client.connect_async(self._settings.host, self._settings.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Say that the node goes, and leave."""
        if self.is_connected:
            said = self._publish(Channel.HEALTH, encode(self._offline("stopped")))
            try:
                said.wait_for_publish(timeout_s)
            except (RuntimeError, ValueError):
                _log.warning("could not say goodbye to the broker")
        self._client.disconnect()
        self._client.loop_stop()

    def news(self) -> list[News]:
        """What happened since the last call, in order."""
        out = []
        while True:
            try:
                out.append(self._news.get_nowait())
            except queue.Empty:
                return out

    def done(self, arrived: Arrived) -> None:
        """The main loop is through with a message: the broker may forget it.

        Message numbers belong to a connection: after a new one the broker brings the message again.
        """
        if arrived.connection == self._connection:
            self._client.ack(arrived.mid, arrived.qos)

    def event(self, sealed: bytes) -> MQTTMessageInfo:
        """Hand an event to the broker; the result tells when the broker has it."""
        return self._publish(Channel.EVENT, sealed)

    def watermark(self, watermark: Watermark) -> None:
        self._publish(Channel.WATERMARK, encode(watermark))

    def health(self, health: Health) -> None:
        self._publish(Channel.HEALTH, encode(health))

    def position(self, position: Position) -> None:
        self._publish(Channel.POSITION, encode(position))

    def ask_clock(self, question: ClockQuestion) -> None:
        self._publish(Channel.CLOCK, encode(question))

    def _publish(self, channel: Channel, payload: bytes) -> MQTTMessageInfo:
        assert len(payload) <= MAX_MESSAGE_BYTES, f"{channel}: {len(payload)} bytes"
        delivery = CHANNELS[channel]
        return self._client.publish(
            self._topic(channel), payload, qos=delivery.qos, retain=delivery.retain
        )

    def _topic(self, channel: Channel) -> str:
        return topic(channel, self._store, self._node)

    def _offline(self, why: str) -> Health:
        return Health(state=NodeState.OFFLINE, boot=self._boot, inference=why)

    def _tell(self, news: News) -> bool:
        try:
            self._news.put_nowait(news)
        except queue.Full:
            return False
        self._wake()
        return True

    # From here on: paho's thread.

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._tell(Disconnected(f"refused: {reason}"))
            return
        self._connection += 1
        wanted = [(self._topic(c), CHANNELS[c].qos) for c in (Channel.ACK, Channel.COMMAND)]
        client.subscribe(wanted)
        self._is_connected.set()
        self._tell(Connected(flags.session_present))

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self._tell(Disconnected("cannot be reached"))

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._is_connected.clear()
        self._tell(Disconnected(str(reason)))

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        at_ns = self._monotonic_ns()
        is_ack = message.topic == self._topic(Channel.ACK)
        try:
            body: Ack | Command = (
                decode(message.payload, Ack) if is_ack else decode(message.payload, Command)  # type: ignore[arg-type]
            )
        except DecodeError as error:
            self.refused_count += 1
            _log.warning("refused a message", topic=message.topic, why=str(error)[:200])
            client.ack(message.mid, message.qos)
            return
        arrived = Arrived(body, at_ns, message.mid, message.qos, self._connection)
        if not self._tell(arrived):
            _log.warning("too many messages at once; the broker will bring this one again")


def _tls(settings: MqttSettings, config_path: Path) -> dict[str, Any]:
    own = {}
    if settings.cert_file:
        own["certfile"] = str(beside(config_path, settings.cert_file))
        own["keyfile"] = str(beside(config_path, settings.key_file))
    return {
        "ca_certs": str(beside(config_path, settings.ca_file)),
        "tls_version": ssl.PROTOCOL_TLS_CLIENT,
        **own,
    }
