"""paho with its messages taken out by the piece: nothing lost, nothing double, nothing between."""

import contextlib
import itertools
import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tebura_gateway.adapters.bulk_client import Acknowledges, Arrived, BulkClient, BulkSocket

PROTOCOLS = pytest.mark.parametrize(
    "protocol", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5]
)
SIZES = (0, 1, 100, 127, 128, 600, 16_383, 16_384, 60_000)


class Broker(Protocol):
    program: str
    port: int

    def kill(self) -> None: ...
    def start(self) -> None: ...


class Box:
    """What came, and over which connection."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.connections: list[Acknowledges] = []
        self.acknowledges = True

    def deliver(self, arrived: Sequence[Arrived], connection: Acknowledges) -> None:
        self.arrived += arrived
        self.connections.append(connection)
        if self.acknowledges:
            connection.acknowledge(numbers(arrived))


def numbers(arrived: Iterable[Arrived]) -> list[int]:
    return [one.number for one in arrived if one.number is not None]


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.01)


@contextlib.contextmanager
def connected(client: Client, port: int, *filters: str) -> Iterator[None]:
    is_subscribed = threading.Event()

    def subscribe(*_: object) -> None:
        client.subscribe([(name, 1) for name in filters])

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: is_subscribed.set()
    client.reconnect_delay_set(1, 1)
    client.connect_async("127.0.0.1", port, keepalive=10)
    client.loop_start()
    try:
        assert is_subscribed.wait(20.0)
        yield
    finally:
        client.disconnect()
        client.loop_stop()


@contextlib.contextmanager
def sender(port: int) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


# ── over a real broker ──


@PROTOCOLS
def test_messages_of_all_sizes_arrive_as_they_were_sent(
    mosquitto: Broker, protocol: MQTTProtocolVersion
) -> None:
    rng, box = random.Random(3), Box()
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = [("a", "b" * 200)]
    sent = [(f"sizes/{n}/å", rng.randbytes(rng.choice(SIZES)), n % 2) for n in range(200)]
    client = BulkClient(box.deliver, f"sizes-{protocol}", protocol=protocol)
    with connected(client, mosquitto.port, "sizes/#"), sender(mosquitto.port) as nodes:
        for n, (topic, payload, qos) in enumerate(sent):
            nodes.publish(topic, payload, qos, properties=properties if n % 3 else None)
        wait_until(lambda: len(box.arrived) >= len(sent))
    for qos in (0, 1):
        # What is not acknowledged may overtake what is.
        came = [(one.topic, one.payload) for one in box.arrived if (one.number is not None) == qos]
        assert came == [one[:2] for one in sent if one[2] == qos]


def test_what_is_not_acknowledged_comes_again_and_the_rest_does_not(mosquitto: Broker) -> None:
    first, second = Box(), Box()
    first.acknowledges = False
    client = BulkClient(first.deliver, "again", clean_session=False)
    with connected(client, mosquitto.port, "again/#"), sender(mosquitto.port) as nodes:
        for n in range(10):
            nodes.publish("again/x", bytes([n]), 1)
        wait_until(lambda: len(first.arrived) == 10)
        first.connections[0].acknowledge(numbers(first.arrived[:4]))
        time.sleep(0.2)
    # The broker is asked for the rest under the same name.
    with connected(
        BulkClient(second.deliver, "again", clean_session=False), mosquitto.port, "again/#"
    ):
        wait_until(lambda: len(second.arrived) >= 6)
        time.sleep(0.2)
    assert [one.payload for one in second.arrived] == [bytes([n]) for n in range(4, 10)]


def test_a_lost_connection_acknowledges_nothing_of_the_next_one(mosquitto: Broker) -> None:
    """There the same number may be another message, which nobody has stored."""
    first, second = Box(), Box()
    first.acknowledges = False
    client = BulkClient(first.deliver, "lost", clean_session=False)
    with connected(client, mosquitto.port, "lost/#"), sender(mosquitto.port) as nodes:
        nodes.publish("lost/x", b"kept", 1)
        wait_until(lambda: len(first.arrived) == 1)
        lost = client.socket()
        assert isinstance(lost, BulkSocket)
        lost.break_off()
        wait_until(lambda: len(first.arrived) == 2)
        assert numbers(first.arrived[:1]) == numbers(first.arrived[1:])
        first.connections[0].acknowledge(numbers(first.arrived[:1]))
        time.sleep(0.2)
    again = BulkClient(second.deliver, "lost", clean_session=False)
    with connected(again, mosquitto.port, "lost/#"):
        wait_until(lambda: [one.payload for one in second.arrived] == [b"kept"])


@pytest.fixture
def certificate(tmp_path: Path, require_program: Callable[[str], str]) -> tuple[Path, Path]:
    """One that signs itself, for 127.0.0.1, and its key."""
    made, key = tmp_path / "broker.crt", tmp_path / "broker.key"
    command = [require_program("openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


def test_the_same_holds_under_tls(
    mosquitto: Broker,
    certificate: tuple[Path, Path],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    made, key = certificate
    port, plain, config = free_port(), free_port(), tmp_path / "mosquitto.conf"
    config.write_text(
        "per_listener_settings false\nallow_anonymous true\nuser root\n"
        f"listener {plain} 127.0.0.1\nlistener {port} 127.0.0.1\n"
        f"certfile {made}\nkeyfile {key}\n"
    )
    process = subprocess.Popen(
        [mosquitto.program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: is_listening(plain))
        rng, box = random.Random(4), Box()
        sent = [rng.randbytes(rng.choice(SIZES)) for _ in range(200)]
        client = BulkClient(box.deliver, "tls")
        client.tls_set_context(ssl.create_default_context(cafile=str(made)))
        with connected(client, port, "tls/#"), sender(plain) as nodes:
            for payload in sent:
                nodes.publish("tls/x", payload, 1)
            wait_until(lambda: len(box.arrived) >= len(sent))
        assert [one.payload for one in box.arrived] == sent
    finally:
        process.terminate()
        process.wait()


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


# ── however the bytes are cut ──


def varied(length: int) -> bytes:
    """A length as MQTT writes it: seven bits a byte, the lowest first."""
    found = bytearray()
    while True:
        length, byte = divmod(length, 128)
        found.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(found)


def publish(topic: str, payload: bytes, number: int | None) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name
    body += number.to_bytes(2, "big") if number is not None else b""
    head = 0x32 if number is not None else 0x30
    return bytes([head]) + varied(len(body) + len(payload)) + body + payload


messages = st.tuples(
    st.sampled_from(["a", "store/node/event"]),
    st.binary(max_size=300),
    st.none() | st.integers(1, 65_535),
)
of_paho = st.sampled_from(
    [b"\x20\x02\x00\x00", b"\xd0\x00", b"\x90\x03\x00\x01\x01", b"\x40\x02\x00\x07"]
)


@given(
    st.lists(messages | of_paho, max_size=12), st.lists(st.integers(0, 4_000)), st.integers(1, 9)
)
def test_any_cut_gives_the_same_messages_and_leaves_paho_the_rest(
    said: list[tuple[str, bytes, int | None] | bytes], cuts: list[int], bite: int
) -> None:
    stream = b"".join(one if isinstance(one, bytes) else publish(*one) for one in said)
    box = Box()
    box.acknowledges = False
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        bulk, seen = BulkSocket(ours, False, box.deliver), b""
        places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        for begin, end in itertools.pairwise(places):
            theirs.sendall(stream[begin:end])
            with contextlib.suppress(BlockingIOError):
                while True:
                    seen += bulk.recv(bite)
    assert seen == b"".join(one for one in said if isinstance(one, bytes))
    expected = [Arrived(*one) for one in said if not isinstance(one, bytes)]
    assert box.arrived == expected


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="no-end"),
        pytest.param(b"\x32\x03\x00\x05a", id="name-cut-off"),
        pytest.param(b"\x32\x03\x00\x01a", id="no-number"),
    ],
)
def test_what_is_no_mqtt_ends_the_connection(stream: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(stream)
        with pytest.raises(OSError, match="the broker sent"):
            BulkSocket(ours, False, Box().deliver).recv(1)


def test_a_connection_that_has_ended_reads_as_ended_and_takes_acknowledgements() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        bulk = BulkSocket(ours, False, Box().deliver)
        theirs.close()
        assert bulk.recv(1) == b""
        bulk.acknowledge([1])
        bulk.close()
        bulk.acknowledge([1])
        with pytest.raises(OSError, match="descriptor"):
            bulk.send(b"x")


def test_acknowledgements_and_what_paho_sends_never_mix() -> None:
    """Two threads send more than the system takes at once; the other end reads whole packets."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setblocking(False)
        bulk = BulkSocket(ours, False, Box().deliver)
        packet, count, each = publish("x", b"y" * 5_000, None), 40, 500

        def repeat(work: Callable[[], object]) -> None:
            for _ in range(count):
                work()

        works = (lambda: bulk.send(packet), lambda: bulk.acknowledge(range(each)))
        sends = [threading.Thread(target=repeat, args=(work,)) for work in works]
        for one in sends:
            one.start()
        wanted, got = count * (len(packet) + 4 * each), bytearray()
        while len(got) < wanted:
            got += theirs.recv(65_536)
        for one in sends:
            one.join()
    acks = b"".join(b"\x40\x02" + n.to_bytes(2, "big") for n in range(each))
    while got:
        piece = packet if got.startswith(packet) else acks
        assert got.startswith(piece)
        del got[: len(piece)]
