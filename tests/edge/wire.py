"""A gateway of three lines for tests of the node: it keeps what it gets and says so."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import Ns
from tebura_contract.codec import decode, encode
from tebura_contract.envelope import identify, parse
from tebura_contract.ids import EventId, NodeId, StoreId
from tebura_contract.messages import Ack, ClockAnswer, ClockQuestion, Health, Watermark
from tebura_contract.topics import Channel, parse_topic, subscription, topic

STORE = StoreId("demo")


@dataclass
class TinyGateway:
    """Stores events by id, acknowledges each as often as it comes, answers clock questions."""

    port: int
    answers_clock: bool = True
    forgets_acks: int = 0
    received: list[EventId] = field(default_factory=list)
    raw: dict[EventId, bytes] = field(default_factory=dict)
    watermarks: list[Watermark] = field(default_factory=list)
    healths: list[Health] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    clock_ahead_ns: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id="tiny-gateway", clean_session=False
        )
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message

    def start(self) -> None:
        self.client.connect_async("127.0.0.1", self.port, 10)
        self.client.loop_start()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, node: NodeId, channel: Channel, message: Any) -> None:
        self.client.publish(topic(channel, STORE, node), encode(message), qos=1)

    def wait(self, until: Callable[["TinyGateway"], bool], timeout_s: float = 20.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: until(self), timeout_s)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe(
            [
                (subscription(channel, STORE), 1)
                for channel in (Channel.EVENT, Channel.WATERMARK, Channel.HEALTH, Channel.CLOCK)
            ]
        )

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        _, node, channel = parse_topic(message.topic)
        payload = bytes(message.payload)
        with self.changed:
            match channel:
                case Channel.EVENT:
                    self._event(node, payload)
                case Channel.WATERMARK:
                    self.watermarks.append(decode(payload, Watermark))
                case Channel.HEALTH:
                    self.healths.append(decode(payload, Health))
                case Channel.CLOCK if self.answers_clock:
                    self._answer(node, decode(payload, ClockQuestion))
                case _:
                    pass
            self.changed.notify_all()

    def _event(self, node: NodeId, payload: bytes) -> None:
        _, event_id = identify(parse(payload))
        self.received.append(event_id)
        self.raw[event_id] = payload
        if self.forgets_acks > 0:
            self.forgets_acks -= 1
            return
        self.send(node, Channel.ACK, Ack(boot=event_id.boot, seqs=(event_id.seq,)))

    def _answer(self, node: NodeId, question: ClockQuestion) -> None:
        now_ns = Ns(time.time_ns() + self.clock_ahead_ns)
        self.send(
            node,
            Channel.COMMAND,
            ClockAnswer(
                boot=question.boot,
                sent_ns=question.sent_ns,
                received_store_ns=now_ns,
                answered_store_ns=now_ns,
            ),
        )


@contextmanager
def tiny_gateway(port: int, **settings: Any) -> Iterator[TinyGateway]:
    gateway = TinyGateway(port, **settings)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
