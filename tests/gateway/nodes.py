"""Nodes made of a script: they seal its events, publish them, keep what is not acknowledged."""

import hashlib
import hmac
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import Ns, StoreTime
from tebura_contract.codec import decode, encode, to_plain
from tebura_contract.envelope import parse, seal
from tebura_contract.events import (
    ForeignObject,
    ItemPicked,
    ItemReturned,
    Reach,
    SensorChanged,
)
from tebura_contract.ids import EventId, NodeId
from tebura_contract.layout import Layout
from tebura_contract.messages import Ack, ClockQuestion, Command, Health, NodeState, Watermark
from tebura_contract.topics import Channel, parse_topic, topic
from tebura_gateway.domain.facts import Fact

from tests.gateway.shop import EPOCH_NS, NODES, STORE, layout

KEYS = {node: bytes([number]) * 32 for number, node in enumerate(NODES, 1)}


def moved(fact: Fact, by_ns: int) -> Fact:
    """The same fact at another time."""
    times: dict[str, Any] = {
        name: Ns(getattr(fact.event, name) + by_ns)
        for name in ("at_ns", "from_ns", "to_ns", "since_ns", "last_alive_ns")
        if getattr(fact.event, name, None) is not None
    }
    return Fact(fact.id, msgspec.structs.replace(fact.event, **times), fact.uncertainty_ns)


def to_now(facts: Sequence[Fact], zero_ns: int) -> list[Fact]:
    """A script's facts with its zero at `zero_ns`."""
    return [moved(fact, zero_ns - EPOCH_NS) for fact in facts]


def sealed(fact: Fact, key: bytes | None = None) -> bytes:
    event = fact.event
    at_ns = (
        event.to_ns
        if isinstance(event, ItemPicked | ItemReturned | ForeignObject | Reach)
        else event.since_ns
        if isinstance(event, SensorChanged)
        else event.at_ns
    )
    published = StoreTime(at_ns=Ns(at_ns), uncertainty_ns=Ns(fact.uncertainty_ns))
    return seal(STORE, fact.id, event, published, 1, key or KEYS[fact.id.node])


def resigned(raw: bytes, key: bytes) -> bytes:
    """An altered envelope with the signature its node would have given it."""
    envelope = parse(raw)
    parts = [envelope.source, envelope.id, envelope.type]
    parts += [str(int(n)) for n in (envelope.storetime, envelope.uncertainty, envelope.monotonic)]
    message = "\n".join(parts).encode() + b"\n" + bytes(envelope.data)
    signature = hmac.new(key, message, hashlib.sha256).hexdigest()
    return encode(msgspec.structs.replace(envelope, signature=signature))


@dataclass
class Nodes:
    """All nodes of the shop on one connection; what is unacknowledged is sent again."""

    port: int
    outbox: dict[EventId, bytes] = field(default_factory=dict)
    acked: list[EventId] = field(default_factory=list)
    commands: list[tuple[NodeId, Command]] = field(default_factory=list)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=secrets.token_hex(4))
        self.client.on_message = self._received
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(topic(channel, STORE, node), 1) for node in NODES for channel in _TO_NODES]
        )
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self.outbox[fact.id] = sealed(fact)
            self.send(fact.id)

    def send(self, event: EventId) -> None:
        payload = self.outbox.get(event)
        # Its ack may come while the others are sent.
        if payload is not None:
            self.raw(event.node, payload)

    def raw(self, node: NodeId, payload: bytes) -> None:
        self.client.publish(topic(Channel.EVENT, STORE, node), payload, qos=1)

    def word(self, at_ns: int, boots: dict[NodeId, int] | None = None) -> None:
        """All nodes say that everything up to `at_ns` was reported."""
        for node in NODES:
            boot = (boots or {}).get(node, 1)
            seq = max(
                [
                    event.seq
                    for event in [*self.outbox, *self.acked]
                    if event.node == node and event.boot == boot
                ],
                default=-1,
            )
            claim = Watermark(boot=boot, seq=seq, at_ns=Ns(at_ns), uncertainty_ns=Ns(0))
            self.client.publish(topic(Channel.WATERMARK, STORE, node), encode(claim))

    def ask_clock(self, node: NodeId) -> None:
        question = ClockQuestion(boot=1, sent_ns=Ns(time.monotonic_ns()))
        self.client.publish(topic(Channel.CLOCK, STORE, node), encode(question))

    def health(self, node: NodeId, state: NodeState = NodeState.ONLINE) -> None:
        said = encode(Health(state=state, boot=1, version="test"))
        self.client.publish(topic(Channel.HEALTH, STORE, node), said, qos=1, retain=True)

    def wait_acked(self, timeout_s: float = 10.0) -> None:
        """Send again what is not acknowledged, until all is."""
        deadline_s = time.monotonic() + timeout_s
        while self.outbox:
            assert time.monotonic() < deadline_s, f"never acknowledged: {list(self.outbox)}"
            time.sleep(0.25)
            self.send_again()

    def send_again(self) -> None:
        """What is not acknowledged."""
        for event in list(self.outbox):
            self.send(event)

    def _received(self, client: Client, _: object, message: MQTTMessage) -> None:
        _, node, channel = parse_topic(message.topic)
        if channel is Channel.ACK:
            ack = decode(bytes(message.payload), Ack)
            for seq in ack.seqs:
                event = EventId(node, ack.boot, seq)
                if self.outbox.pop(event, None) is not None:
                    self.acked.append(event)
        else:
            command: Command = decode(bytes(message.payload), Command)  # type: ignore[arg-type]
            self.commands.append((node, command))


_TO_NODES = (Channel.ACK, Channel.COMMAND)


def layout_toml(shop: Layout) -> str:
    """The layout as its file holds it; only what these tests need of TOML."""
    return "\n".join(_table(to_plain(shop), "")) + "\n"


def _table(table: dict[str, Any], name: str) -> Iterator[str]:
    nested = {
        key: value
        for key, value in table.items()
        if isinstance(value, list | tuple) and value and isinstance(value[0], dict)
    }
    for key, value in table.items():
        if key not in nested and not isinstance(value, dict):
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield f"[{name}{key}]"
            yield from _table(value, f"{name}{key}.")
    for key, items in nested.items():
        for item in items:
            yield f"[[{name}{key}]]"
            yield from _table(item, f"{name}{key}.")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


STAFF_TOKEN = "staff-token-for-tests"


@dataclass
class GatewayProcess:
    """A real `tebura-gateway run` in a folder of its own."""

    folder: Path
    mqtt_port: int
    http_port: int
    database: str = "sqlite:///gateway.db"
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "gateway.toml"

    def write(self, shop: Layout | None = None) -> None:
        (self.folder / "keys").mkdir(parents=True)
        (self.folder / "layout.toml").write_text(layout_toml(shop or layout()), encoding="utf-8")
        for node, key in KEYS.items():
            (self.folder / "keys" / f"{node}.key").write_text(key.hex())
        for name in ("entry.key", "http.key"):
            (self.folder / "keys" / name).write_text("ab" * 32)
        (self.folder / "staff.token").write_text(STAFF_TOKEN)
        self.write_config()

    def write_config(self) -> None:
        self.config.write_text(
            f"""\
layout = "layout.toml"
database = "{self.database}"
node_keys = "keys"
entry_key_file = "keys/entry.key"
[mqtt]
port = {self.mqtt_port}
[http]
port = {self.http_port}
secret_file = "keys/http.key"
staff_token_file = "staff.token"
[invoice]
issuer = "角の店"
registration = "T1234567890123"
""",
            encoding="utf-8",
        )

    def start(self) -> None:
        """Launch it and wait until it serves."""
        self.launch()
        self.await_ready()

    def await_ready(self) -> None:
        deadline_s = time.monotonic() + 90.0
        while True:
            assert self.is_running, self.log()
            assert time.monotonic() < deadline_s, self.log()
            try:
                if httpx.get(f"{self.url}/health", timeout=1.0).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)

    def launch(self) -> None:
        log = (self.folder / "gateway.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tebura_gateway", "run", "-c", str(self.config)],
                stdout=log,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def shoot(self) -> None:
        """Kill -9, without waiting; from any thread."""
        assert self.process is not None
        self.process.kill()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10.0)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(20.0)

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def get(self, path: str) -> Any:
        answer = httpx.get(
            f"{self.url}/api/v1{path}",
            headers={"authorization": f"Bearer {STAFF_TOKEN}"},
            timeout=5.0,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tebura_gateway", *arguments],
            capture_output=True,
            text=True,
            timeout=30.0,
            check=False,
        )


@contextmanager
def running(gateway: GatewayProcess) -> Iterator[GatewayProcess]:
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.is_running:
            gateway.kill()
