"""The gateway's end of the wire: messages in, acks and commands out.

paho's network thread only takes messages off the wire, many at once. Events are acknowledged, to
the broker and to the node, after the writer has committed them. Clock questions are answered at
once.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from sqlalchemy import delete, select
from tebura_contract.clock import Ns
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError, decode, encode
from tebura_contract.ids import EventId, NodeId, StoreId, TrackId
from tebura_contract.messages import (
    Ack,
    ClockAnswer,
    ClockQuestion,
    Health,
    Position,
    Watermark,
)
from tebura_contract.settings import MqttSettings
from tebura_contract.topics import CHANNELS, Channel, parse_topic, subscription, topic

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.bulk_client import Acknowledges, Arrived, BulkClient
from tebura_gateway.adapters.desk import Mail
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import nodes
from tebura_gateway.service.checking import DeadReason, Inbound
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.receiving import bury
from tebura_gateway.service.transaction import Tx

_LOG = structlog.get_logger()
OFFER_TIMEOUT_S = 2.0
"""How long the network thread waits for room; then the message stays with the broker."""
POSITION_AGE_NS = 1_000_000_000
MOST_POSITIONS = 256
MOST_OUTGOING = 2_000
COMMANDS_AT_ONCE = 200


class MqttAdapter:
    """Connects the writer with the broker; reconnects by itself."""

    def __init__(
        self,
        settings: MqttSettings,
        store: StoreId,
        now_ns: Callable[[], int],
        tls: tuple[str, str | None, str | None] | None = None,
        shares_as: str | None = None,
    ) -> None:
        """`tls` holds the paths of the authority's, our own certificate and its key.

        With `shares_as`, a name, other gateways serve the store too: the broker gives each event
        to one of them, and forgets us when we are gone; the nodes send again what nobody took.
        """
        self._settings, self._store, self._now_ns = settings, store, now_ns
        self._writer: Writer | None = None
        self._pending_acks: list[EventId] = []
        self._positions: dict[TrackId, Position] = {}
        # Commands on their way by message id, touched by the writer alone; ids the broker took.
        self._sending: dict[int, int] = {}
        self._taken: list[int] = []
        self._is_fresh = False
        self._is_closing = False
        self._is_sharing = shares_as is not None
        if shares_as is None:
            client = BulkClient(self._received, f"gateway-{store}", clean_session=False)
        else:
            name = f"gateway-{store}-{shares_as}-{secrets.token_hex(4)}"
            client = BulkClient(self._received, name, protocol=MQTTProtocolVersion.MQTTv5)
        client.max_queued_messages_set(MOST_OUTGOING)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        if tls is not None:
            client.tls_set(ca_certs=tls[0], certfile=tls[1], keyfile=tls[2])
        self._client = client

    def start(self, writer: Writer) -> None:
        """Connect in the background; a broker that is away is waited for."""
        self._writer = writer
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=15)
        self._client.loop_start()

    def stop(self) -> None:
        self._is_closing = True
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def positions(self) -> tuple[Position, ...]:
        """The newest position of each track, none older than a second."""
        oldest_ns = self._now_ns() - POSITION_AGE_NS
        found = sorted(self._positions.copy().values(), key=lambda position: position.track)
        return tuple(position for position in found if position.at_ns >= oldest_ns)

    def after_commit(self, tx: Tx) -> None:
        """Send the acks of what was committed, and have its commands sent; called by the writer."""
        seqs: dict[tuple[NodeId, int], list[int]] = {}
        for event_id in self._pending_acks:
            seqs.setdefault((event_id.node, event_id.boot), []).append(event_id.seq)
        self._pending_acks.clear()
        for (node, boot), numbers in seqs.items():
            self._publish(Channel.ACK, node, encode(Ack(boot=boot, seqs=tuple(sorted(numbers)))))
        if (tx.has_commands or self._taken or self._is_fresh) and not self._is_closing:
            assert self._writer is not None
            self._writer.offer(self._send_commands, lambda _: None, timeout_s=0.0)

    def _send_commands(self, tx: Tx, memory: Memory) -> None:  # noqa: ARG002  # a writer's job
        """Forget the commands that the broker took, publish those it has not got yet."""
        table = tables.command
        if self._is_fresh:
            # A new connection: what was on the way may not have arrived, again does no harm.
            self._is_fresh = False
            self._sending.clear()
        taken, self._taken = self._taken, []
        rows = [self._sending.pop(mid) for mid in taken if mid in self._sending]
        if rows:
            tx.connection.execute(delete(table).where(table.c.id.in_(rows)))
        if not self.is_connected:
            return
        on_the_way = set(self._sending.values())
        query = (
            select(table)
            .where(table.c.store == self._store)
            .order_by(table.c.id)
            .limit(COMMANDS_AT_ONCE)
        )
        for row in tx.connection.execute(query).all():
            if row.id not in on_the_way:
                mid = self._publish(Channel.COMMAND, NodeId(row.node), bytes(row.payload))
                if mid is not None:
                    self._sending[mid] = row.id

    def _publish(self, channel: Channel, node: NodeId, payload: bytes) -> int | None:
        info = self._client.publish(
            topic(channel, self._store, node), payload, qos=CHANNELS[channel].qos
        )
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _connected(
        self,
        client: Client,
        _: object,
        flags: ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if reason.is_failure:
            _LOG.error("broker refuses the gateway", reason=str(reason))
            return
        _LOG.info("broker connected", host=self._settings.host, port=self._settings.port)
        self._is_fresh = True
        wanted = {
            self._filter(channel): delivery.qos
            for channel, delivery in CHANNELS.items()
            if delivery.from_node
        }
        if self._is_sharing:
            client.subscribe([(name, SubscribeOptions(qos)) for name, qos in wanted.items()])
        else:
            client.subscribe(list(wanted.items()))

    def _filter(self, channel: Channel) -> str:
        wanted = subscription(channel, self._store)
        # What is told once is for one of us; how nodes are, and where people stand, for each.
        is_for_one = self._is_sharing and channel in (Channel.EVENT, Channel.CLOCK)
        return f"$share/gateways/{wanted}" if is_for_one else wanted

    def _disconnected(
        self,
        client: Client,  # noqa: ARG002
        _: object,
        flags: DisconnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if not self._is_closing:
            _LOG.warning("broker lost", reason=str(reason))

    def _published(
        self,
        client: Client,  # noqa: ARG002
        _: object,
        mid: int,
        reason: ReasonCode,  # noqa: ARG002
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        self._taken.append(mid)

    def _received(self, arrived: Sequence[Arrived], connection: Acknowledges) -> None:
        """What came off the wire at once; the events among it stay together.

        Acknowledged in the order in which it came, as MQTT demands: some brokers end a connection
        over it. So what else waits for an acknowledgement comes between the events, not before.
        """
        events: list[Arrived] = []
        for message in arrived:
            channel = _channel(message)
            if events and channel is not Channel.EVENT and message.number is not None:
                self._take_in(events, connection)
                events = []
            match channel:
                case Channel.EVENT:
                    events.append(message)
                case Channel.CLOCK:
                    self._answer_clock(_node(message), message.payload)
                case Channel.POSITION:
                    self._note_position(message.payload)
                case Channel.HEALTH | Channel.WATERMARK:
                    ack = partial(connection.acknowledge, _numbers([message]))
                    note = partial(_note, message=_inbound(message), node=_node(message))
                    self._note(note, ack)
                case Channel.ACK | Channel.COMMAND | None:
                    # Nothing of ours; behind what came before it all the same.
                    ack = partial(connection.acknowledge, _numbers([message]))
                    if message.number is not None:
                        self._note(lambda *_: None, ack)
        if events:
            self._take_in(events, connection)

    def _take_in(self, events: Sequence[Arrived], connection: Acknowledges) -> None:
        assert self._writer is not None
        numbers = _numbers(events)

        def stored(ids: Sequence[EventId | None]) -> None:
            connection.acknowledge(numbers)
            self._pending_acks += [event_id for event_id in ids if event_id is not None]

        mail = Mail([_inbound(event) for event in events], stored)
        if not self._writer.take_in(mail, OFFER_TIMEOUT_S):
            # Not acknowledged: the broker and, failing that, the node send them again.
            _LOG.warning("the writer's queue is full")

    def _note(self, work: Callable[[Tx, Memory], None], ack: Callable[[], object]) -> None:
        assert self._writer is not None

        def noted(_: None) -> None:
            ack()

        if not self._writer.offer(work, noted, OFFER_TIMEOUT_S):
            _LOG.warning("the writer's queue is full")

    def _answer_clock(self, node: NodeId, payload: bytes) -> None:
        received_ns = self._now_ns()
        try:
            question = decode(payload, ClockQuestion)
        except DecodeError:
            return
        answer = ClockAnswer(
            boot=question.boot,
            sent_ns=question.sent_ns,
            received_store_ns=Ns(received_ns),
            answered_store_ns=Ns(self._now_ns()),
        )
        self._publish(Channel.COMMAND, node, encode(answer))

    def _note_position(self, payload: bytes) -> None:
        try:
            position = decode(payload, Position)
        except DecodeError:
            return
        if len(self._positions) >= MOST_POSITIONS:
            oldest_ns = self._now_ns() - POSITION_AGE_NS
            self._positions = {
                track: other for track, other in self._positions.items() if other.at_ns >= oldest_ns
            }
        if len(self._positions) < MOST_POSITIONS or position.track in self._positions:
            self._positions[position.track] = position


def _channel(message: Arrived) -> Channel | None:
    """What a message is; None where its topic is none of ours."""
    try:
        return parse_topic(message.topic)[2]
    except ValueError:
        return None


def _node(message: Arrived) -> NodeId:
    return parse_topic(message.topic)[1]


def _numbers(messages: Sequence[Arrived]) -> list[int]:
    return [one.number for one in messages if one.number is not None]


def _inbound(message: Arrived) -> Inbound:
    # Of a message that is too large anyway, a queue of them must not fill the memory.
    size_bytes = len(message.payload)
    return Inbound(message.topic, message.payload[: MAX_MESSAGE_BYTES + 1], size_bytes)


def _note(tx: Tx, memory: Memory, message: Inbound, node: NodeId) -> None:
    """Health and watermarks are not signed: whoever may write a node's topics may say them."""
    _, _, channel = parse_topic(message.topic)
    if node not in tx.shop.node_keys:
        bury(tx, message, DeadReason.UNKNOWN_NODE, f"no key for {node}", node)
        return
    try:
        if channel is Channel.HEALTH:
            nodes.note_health(tx, memory, node, decode(message.payload, Health))
        else:
            nodes.note_watermark(memory, node, decode(message.payload, Watermark))
            nodes.note_word(tx, memory, node)
    except DecodeError as error:
        bury(tx, message, DeadReason.MALFORMED, str(error), node)
