"""The store's broker configuration in a real Mosquitto: who gets in, who may say what."""

import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.codec import MAX_MESSAGE_BYTES
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.topics import CHANNELS, Channel, topic

STORE = StoreId("corner")
PLATES, CAMERA = NodeId("plates"), NodeId("camera")
TIMEOUT_S = 5.0
# Long enough for a message to arrive on a busy machine when it should not.
QUIET_S = 0.3


@dataclass(frozen=True)
class StoreBroker:
    """Where the broker under test listens, and the store's certificates."""

    tls: Path
    tls_port: int
    plain_port: int


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")

    def certificate(*arguments: str) -> None:
        subprocess.run(
            ["sh", str(repository / "systemd/certificate.sh"), *arguments],
            env={"TEBURA_TLS": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            check=True,
            capture_output=True,
        )

    certificate("init")
    certificate("broker", "localhost", "127.0.0.1")
    for name in ("gateway", "plates", "camera", "stolen"):
        certificate("client", name)
    certificate("revoke", "stolen")
    return folder


@pytest.fixture
def broker(
    certificates: Path,
    tmp_path: Path,
    repository: Path,
    require_program: Callable[[str], str],
    free_port: Callable[[], int],
) -> Iterator[StoreBroker]:
    """Mosquitto with what the installer writes, on other ports and below `tmp_path`."""
    program = require_program("mosquitto")
    found = StoreBroker(certificates, free_port(), free_port())
    ours = (repository / "systemd/mosquitto/tebura.conf").read_text()
    ours = ours.replace("listener 8883", f"listener {found.tls_port} 127.0.0.1")
    ours = ours.replace("listener 1883", f"listener {found.plain_port}")
    ours = ours.replace("@etc@/tebura/tls", str(certificates)).replace("@etc@", str(tmp_path))
    acl = (repository / "systemd/mosquitto/tebura.acl").read_text()
    (tmp_path / "mosquitto").mkdir()
    (tmp_path / "mosquitto/tebura.acl").write_text(acl.replace("@store@", STORE))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/tebura.conf").write_text(ours)
    # As Debian's own file has it, ours included last.
    (tmp_path / "mosquitto.conf").write_text(
        f"user root\npid_file {tmp_path}/pid\npersistence true\n"
        f"persistence_location {tmp_path}/\nlog_dest file {tmp_path}/log\n"
        f"include_dir {tmp_path}/conf.d\n"
    )
    process = subprocess.Popen([program, "-c", str(tmp_path / "mosquitto.conf")])
    try:
        wait_until_listening(found.plain_port, process)
        wait_until_listening(found.tls_port, process)
        yield found
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"mosquitto does not listen on {port}")


class Client:
    """An MQTT client that keeps what it hears."""

    def __init__(self, broker: StoreBroker, name: str | None) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[str] = queue.Queue()
        self._granted: queue.Queue[bool] = queue.Queue()
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name or "anybody")
        if name is not None:
            self._mqtt.tls_set(
                str(broker.tls / "ca.crt"),
                str(broker.tls / f"{name}.crt"),
                str(broker.tls / f"{name}.key"),
            )
        self._mqtt.on_connect = lambda _c, _u, _f, reason, _p: self._answers.put(str(reason))
        self._mqtt.on_message = lambda _c, _u, message: self.heard.put(
            (message.topic, bytes(message.payload))
        )
        self._mqtt.on_subscribe = lambda _c, _u, _m, reasons, _p: self._granted.put(
            not any(reason.is_failure for reason in reasons)
        )
        self._mqtt.connect("127.0.0.1", broker.plain_port if name is None else broker.tls_port)
        self._mqtt.loop_start()
        assert self._answers.get(timeout=TIMEOUT_S) == "Success"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def subscribe(self, topic_filter: str) -> None:
        self._mqtt.subscribe(topic_filter, qos=1)
        self._granted.get(timeout=TIMEOUT_S)

    def publish(self, to: str, payload: bytes = b"{}") -> None:
        self._mqtt.publish(to, payload, qos=1).wait_for_publish(TIMEOUT_S)

    def topics_heard(self) -> set[str]:
        time.sleep(QUIET_S)
        found = set()
        while not self.heard.empty():
            found.add(self.heard.get()[0])
        return found


def test_a_node_reports_on_all_its_channels_and_hears_its_own(broker: StoreBroker) -> None:
    with Client(broker, "gateway") as gateway, Client(broker, "plates") as plates:
        for channel, delivery in CHANNELS.items():
            listener, speaker = (gateway, plates) if delivery.from_node else (plates, gateway)
            listener.subscribe(topic(channel, STORE, PLATES))
            speaker.publish(topic(channel, STORE, PLATES))
            heard, _ = listener.heard.get(timeout=TIMEOUT_S)
            assert heard == topic(channel, STORE, PLATES)


@pytest.mark.parametrize("channel", list(Channel))
def test_a_node_cannot_write_as_another(broker: StoreBroker, channel: Channel) -> None:
    listening_name = "gateway" if CHANNELS[channel].from_node else PLATES
    with Client(broker, listening_name) as listener, Client(broker, "camera") as camera:
        listener.subscribe(topic(channel, STORE, PLATES))
        camera.publish(topic(channel, STORE, PLATES))
        assert listener.topics_heard() == set()


def test_a_node_hears_neither_events_nor_what_others_are_told(broker: StoreBroker) -> None:
    with (
        Client(broker, "gateway") as gateway,
        Client(broker, "camera") as camera,
        Client(broker, "plates") as plates,
    ):
        camera.subscribe("tebura/#")
        plates.publish(topic(Channel.EVENT, STORE, PLATES))
        gateway.publish(topic(Channel.COMMAND, STORE, PLATES))
        gateway.publish(topic(Channel.COMMAND, STORE, CAMERA))
        assert camera.topics_heard() == {topic(Channel.COMMAND, STORE, CAMERA)}


def test_a_node_cannot_write_into_another_store(broker: StoreBroker) -> None:
    with Client(broker, "gateway") as gateway, Client(broker, "plates") as plates:
        gateway.subscribe("tebura/v1/+/+/event")
        plates.publish(topic(Channel.EVENT, StoreId("other"), PLATES))
        plates.publish(topic(Channel.EVENT, STORE, PLATES))
        assert gateway.topics_heard() == {topic(Channel.EVENT, STORE, PLATES)}


def test_without_a_certificate_only_health_can_be_read(broker: StoreBroker) -> None:
    with (
        Client(broker, None) as anybody,
        Client(broker, "plates") as plates,
        Client(broker, "gateway") as gateway,
    ):
        anybody.subscribe("#")
        gateway.subscribe(f"tebura/v1/{STORE}/+/event")
        for channel in (Channel.EVENT, Channel.POSITION, Channel.HEALTH):
            plates.publish(topic(channel, STORE, PLATES))
        anybody.publish(topic(Channel.EVENT, STORE, NodeId("forged")))
        assert anybody.topics_heard() == {topic(Channel.HEALTH, STORE, PLATES)}
        assert gateway.topics_heard() == {topic(Channel.EVENT, STORE, PLATES)}


@pytest.mark.parametrize("name", ["nobody", "stolen"])
def test_no_or_a_revoked_certificate_does_not_get_in(broker: StoreBroker, name: str) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    own = broker.tls / f"{name}.crt"
    client.tls_set(
        str(broker.tls / "ca.crt"),
        str(own) if own.exists() else None,
        str(own.with_suffix(".key")) if own.exists() else None,
    )
    answers: list[str] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
    # The refusal comes as an alert in the handshake or right after it, as the TLS version has it.
    try:
        client.connect("127.0.0.1", broker.tls_port)
        deadline_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline_s and client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
            pass
    except OSError:
        pass
    assert answers == []


def test_a_message_larger_than_the_contract_allows_never_arrives(broker: StoreBroker) -> None:
    with Client(broker, "gateway") as gateway:
        gateway.subscribe(f"tebura/v1/{STORE}/+/event")
        with Client(broker, "plates") as plates:
            plates.publish(topic(Channel.EVENT, STORE, PLATES), b"x" * (MAX_MESSAGE_BYTES - 512))
            assert gateway.topics_heard() == {topic(Channel.EVENT, STORE, PLATES)}
            plates.publish(topic(Channel.EVENT, STORE, PLATES), b"x" * (MAX_MESSAGE_BYTES + 1))
            assert gateway.topics_heard() == set()
