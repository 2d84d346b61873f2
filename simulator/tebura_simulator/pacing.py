"""Holds the recording back while a node lags: a slow machine is slower, not different.

A node's watermark says up to when it has reported everything. It lags by itself while something is
going on (a plate that still rings, a reach under way), so only a larger lag holds the clock, and
never for longer than `MAX_HOLD_S` at a time: a node that is down must not stop the world.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import DecodeError, decode
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, parse_topic, subscription

MAX_LAG_S = 8.0
MAX_HOLD_S = 6.0
REST_S = 4.0
"""After a hold the clock runs at least this long, so that a node that is stuck for good slows the
recording down instead of stopping it."""


class Held(Protocol):
    """A clock that can be held."""

    def hold(self) -> None: ...

    def run(self) -> None: ...

    @property
    def is_running(self) -> bool: ...


class Pacer:
    """Listens to the nodes' watermarks. Use it as a context manager."""

    def __init__(self, mqtt_port: int, store: StoreId, nodes: Sequence[NodeId]) -> None:
        self._nodes = nodes
        self._port = mqtt_port
        self._filter = subscription(Channel.WATERMARK, store)
        self._marks: dict[NodeId, int] = {}
        self._lock = threading.Lock()
        self._held_s: float | None = None
        self._released_s = 0.0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 2)

    def __enter__(self) -> Self:
        self._client.connect_async("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def watermark_ns(self, node: NodeId) -> int | None:
        """What a node last said; None if it has said nothing."""
        with self._lock:
            return self._marks.get(node)

    def lag_s(self) -> float:
        """How far behind now the slowest node is."""
        with self._lock:
            slowest_ns = min((self._marks.get(node, 0) for node in self._nodes), default=0)
        return (time.time_ns() - slowest_ns) / SECOND_NS

    def pace(self, clock: Held) -> None:
        """Hold or release the clock as the nodes' lag asks."""
        now_s = time.monotonic()
        if clock.is_running:
            if self.lag_s() > MAX_LAG_S and now_s - self._released_s > REST_S:
                self._held_s = now_s
                clock.hold()
        elif self.lag_s() < MAX_LAG_S / 2 or now_s - (self._held_s or 0.0) > MAX_HOLD_S:
            self._held_s, self._released_s = None, now_s
            clock.run()

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self._filter, qos=0)

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        with suppress(DecodeError, ValueError):
            _, node, _ = parse_topic(message.topic)
            mark = decode(bytes(message.payload), Watermark)
            with self._lock:
                self._marks[node] = int(mark.at_ns)
