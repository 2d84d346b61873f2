"""Events over real brokers that die: the gateway ends up with each of them, and with no other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from iotcore import Broker as IotCore
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.envelope import seal
from tebura_contract.events import EntryRefused, Event, RefusalReason
from tebura_contract.ids import EventId, GateId, NodeId
from tebura_contract.messages import Ack
from tebura_contract.settings import MqttSettings
from tebura_edge.courier import Courier
from tebura_edge.delivery import Delivery
from tebura_edge.link import Arrived, Connected, Link
from tebura_edge.outbox import Outbox

from tests.edge.wire import STORE, TinyGateway, tiny_gateway

NODE = NodeId("gate-1")
KEY = b"k" * 32


class Killable(Protocol):
    @property
    def port(self) -> int: ...
    def start(self) -> object: ...
    def kill(self) -> None: ...


@dataclass
class EmbeddedBroker:
    """iotcore in a child process, which keeps nothing when it is killed."""

    port: int

    def __post_init__(self) -> None:
        self._broker: IotCore | None = None

    def start(self) -> None:
        self._broker = IotCore(port=self.port, listen="127.0.0.1", max_payload_size=70_000)
        self._broker.start()

    def kill(self) -> None:
        assert self._broker is not None
        process = self._broker._process
        assert process is not None
        process.kill()
        process.wait(10)
        self._broker.stop()


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request: pytest.FixtureRequest, free_port: Callable[[], int]) -> Iterator[Killable]:
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto")
        return
    embedded = EmbeddedBroker(free_port())
    embedded.start()
    yield embedded
    embedded.kill()


class SmallNode:
    """Outbox, courier and link, as the node's main loop drives them."""

    def __init__(self, folder: Path, port: int, ack_timeout_s: float = 0.7) -> None:
        self.outbox = Outbox(folder, NODE, time.time_ns())
        self.link = Link(
            MqttSettings(port=port),
            folder / "node.toml",
            STORE,
            NODE,
            boot=self.outbox.boot,
            reconnect_s=(1, 1),
            in_flight=50,
            monotonic_ns=time.monotonic_ns,
            wake=lambda: None,
        )
        delivery = Delivery(50, round(ack_timeout_s * SECOND_NS))
        self.courier = Courier(self.outbox, self.link, delivery, time.monotonic_ns)
        self.link.start()

    def say(self, count: int) -> list[EventId]:
        events: list[Event] = [
            EntryRefused(gate=GateId("door"), reason=RefusalReason.FORGED, at_ns=Ns(n))
            for n in range(count)
        ]
        at = StoreTime(at_ns=Ns(time.time_ns()))

        def sealed(event_id: EventId, event: Event) -> bytes:
            return seal(STORE, event_id, event, at, time.monotonic_ns(), KEY)

        return [entry.id for entry in self.outbox.append(events, sealed, {}, 0)]

    def turn(self) -> None:
        for news in self.link.news():
            match news:
                case Connected():
                    self.courier.connected()
                case Arrived(message=message):
                    if isinstance(message, Ack):
                        self.courier.acked(message)
                    self.link.done(news)
                case _:
                    pass
        self.courier.pump()
        time.sleep(0.005)

    def run(self, until: Callable[[], bool], timeout_s: float = 20.0) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline_s:
                return False
            self.turn()
        return True

    def stop(self) -> None:
        self.link.stop()
        self.outbox.close()


@contextmanager
def small_node(folder: Path, port: int) -> Iterator[SmallNode]:
    node = SmallNode(folder, port)
    try:
        yield node
    finally:
        node.stop()


def assert_each_arrived(gateway: TinyGateway, said: list[EventId]) -> None:
    assert set(gateway.received) == set(said)


def test_a_broker_killed_in_mid_traffic_loses_and_invents_nothing(
    broker: Killable, tmp_path: Path
) -> None:
    said: list[EventId] = []
    with tiny_gateway(broker.port) as gateway, small_node(tmp_path, broker.port) as node:
        for _ in range(3):
            for _ in range(20):
                said += node.say(10)
                node.turn()
            broker.kill()
            said += node.say(30)
            for _ in range(20):
                node.turn()
            broker.start()
            back_s = time.monotonic()
            gateway.seen = len(gateway.received)
            assert node.run(lambda: len(gateway.received) > gateway.seen)
            assert time.monotonic() - back_s < 5, "publishing again within 5 s of its return"
        assert node.run(lambda: node.outbox.waiting == 0)
        assert_each_arrived(gateway, said)


def test_lost_acknowledgements_bring_the_events_again_until_one_arrives(
    broker: Killable, tmp_path: Path
) -> None:
    with (
        tiny_gateway(broker.port, forgets_acks=30) as gateway,
        small_node(tmp_path, broker.port) as node,
    ):
        said = node.say(20)
        assert node.run(lambda: node.outbox.waiting == 0)
        assert_each_arrived(gateway, said)
        assert len(gateway.received) > len(said)


def test_events_of_a_node_that_was_killed_arrive_from_its_next_start(
    broker: Killable, tmp_path: Path
) -> None:
    with tiny_gateway(broker.port) as gateway:
        with small_node(tmp_path, broker.port) as node:
            said = node.say(25)  # nothing was handed over yet
        with small_node(tmp_path, broker.port) as node:
            said += node.say(5)
            assert node.run(lambda: node.outbox.waiting == 0)
        assert_each_arrived(gateway, said)


def test_a_gateway_that_comes_late_gets_everything(broker: Killable, tmp_path: Path) -> None:
    with small_node(tmp_path, broker.port) as node:
        said = node.say(120)  # more than may be on their way at once
        node.run(lambda: False, timeout_s=1.0)
        assert node.outbox.waiting == 120
        with tiny_gateway(broker.port) as gateway:
            assert node.run(lambda: node.outbox.waiting == 0)
            assert_each_arrived(gateway, said)
