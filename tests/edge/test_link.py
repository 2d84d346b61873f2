"""The link to a real broker: commands come until they are done, nonsense is refused, TLS holds."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import Ns
from tebura_contract.ids import NodeId
from tebura_contract.messages import ClockAnswer, MemberRevoked, NodeState
from tebura_contract.settings import MqttSettings
from tebura_contract.topics import Channel, topic
from tebura_edge.link import Arrived, Connected, Disconnected, Link, News

from tests.conftest import STOP_TIMEOUT_S, Broker, wait_until_listening
from tests.edge.small_store import MIKA
from tests.edge.wire import STORE, tiny_gateway

NODE = NodeId("gate-1")


@contextmanager
def linked(settings: MqttSettings, folder: Path) -> Iterator[Link]:
    link = Link(
        settings,
        folder / "node.toml",
        STORE,
        NODE,
        boot=1,
        reconnect_s=(0.2, 0.5),
        in_flight=20,
        monotonic_ns=time.monotonic_ns,
        wake=lambda: None,
    )
    link.start()
    try:
        yield link
    finally:
        link.stop()


def wait_news(link: Link, is_it: Callable[[News], bool], timeout_s: float = 10.0) -> News:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        for news in link.news():
            if is_it(news):
                return news
        time.sleep(0.01)
    raise AssertionError("the news never came")


def connect(link: Link) -> None:
    wait_news(link, lambda news: isinstance(news, Connected))
    time.sleep(0.2)  # the subscription is on its way


def is_command(news: News) -> bool:
    return isinstance(news, Arrived) and isinstance(news.message, MemberRevoked)


def test_a_command_comes_again_until_it_is_done(mosquitto: Broker, tmp_path: Path) -> None:
    settings = MqttSettings(port=mosquitto.port)
    with tiny_gateway(mosquitto.port) as gateway:
        with linked(settings, tmp_path) as link:
            connect(link)
            gateway.send(NODE, Channel.COMMAND, MemberRevoked(member=MIKA))
            wait_news(link, is_command)  # taken, and then the node dies
        with linked(settings, tmp_path) as link:
            again = wait_news(link, is_command)
            assert isinstance(again, Arrived)
            link.done(again)
            time.sleep(0.3)
        with linked(settings, tmp_path) as link:
            connect(link)
            time.sleep(0.5)
            assert not any(is_command(news) for news in link.news())


def test_what_is_no_command_is_refused_and_the_next_one_arrives(
    mosquitto: Broker, tmp_path: Path
) -> None:
    sender = Client(CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", mosquitto.port)
    sender.loop_start()
    with linked(MqttSettings(port=mosquitto.port), tmp_path) as link:
        connect(link)
        bad = [
            b"",
            b"\xff\xfe",
            b"[" * 20_000,
            b'{"kind":"open-the-till"}',
            b'{"kind":"member-revoked"}',
            b'{"kind":"member-revoked","member":"' + b"A" * 70_000 + b'"}',
        ]
        for payload in bad:
            sender.publish(topic(Channel.COMMAND, STORE, NODE), payload, qos=1)
        sender.publish(topic(Channel.ACK, STORE, NODE), b'{"boot":"1","seqs":7}', qos=1)
        good = b'{"kind":"member-revoked","member":"%s","from":"a newer gateway"}' % MIKA.encode()
        sender.publish(topic(Channel.COMMAND, STORE, NODE), good, qos=1)
        news = wait_news(link, is_command)
        assert isinstance(news, Arrived)
        assert news.message == MemberRevoked(member=MIKA)
        assert link.refused_count == len(bad) + 1
    sender.disconnect()
    sender.loop_stop()


def test_a_broker_that_dies_is_noticed_and_the_link_comes_back(
    mosquitto: Broker, tmp_path: Path
) -> None:
    with linked(MqttSettings(port=mosquitto.port), tmp_path) as link:
        connect(link)
        mosquitto.kill()
        killed_s = time.monotonic()
        wait_news(link, lambda news: isinstance(news, Disconnected))
        assert time.monotonic() - killed_s < 5
        assert not link.is_connected
        mosquitto.start()
        back_s = time.monotonic()
        wait_news(link, lambda news: isinstance(news, Connected))
        assert time.monotonic() - back_s < 5


def test_the_broker_tells_when_a_node_dies_without_a_word(
    mosquitto: Broker, tmp_path: Path
) -> None:
    with (
        tiny_gateway(mosquitto.port) as gateway,
        linked(MqttSettings(port=mosquitto.port), tmp_path) as link,
    ):
        connect(link)
        wire = cast(socket.socket, link._client.socket())
        wire.shutdown(socket.SHUT_RDWR)
        assert gateway.wait(lambda g: bool(g.healths), 10)
        assert gateway.healths[0].state is NodeState.OFFLINE


def test_an_answer_carries_the_moment_it_arrived(mosquitto: Broker, tmp_path: Path) -> None:
    with (
        tiny_gateway(mosquitto.port) as gateway,
        linked(MqttSettings(port=mosquitto.port), tmp_path) as link,
    ):
        connect(link)
        before_ns = time.monotonic_ns()
        answer = ClockAnswer(
            boot=1, sent_ns=Ns(1), received_store_ns=Ns(2), answered_store_ns=Ns(3)
        )
        gateway.send(NODE, Channel.COMMAND, answer)
        news = wait_news(link, lambda news: isinstance(news, Arrived))
        assert isinstance(news, Arrived)
        assert news.message == answer
        assert before_ns < news.at_ns <= time.monotonic_ns()


def openssl(program: str, folder: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def make_certificates(program: str, folder: Path) -> None:
    """A store's own authority, the broker's certificate and one node's."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl(
        program, folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt",
        "-subj", "/CN=store",
    )  # fmt: skip
    for name, extra in (
        ("broker", "subjectAltName=IP:127.0.0.1"),
        ("node", "basicConstraints=CA:FALSE"),
    ):
        openssl(
            program, folder, "req", "-x509", *curve, "-CA", "ca.crt", "-CAkey", "ca.key",
            "-keyout", f"{name}.key", "-out", f"{name}.crt",
            "-subj", f"/CN={'gate-1' if name == 'node' else 'broker'}", "-addext", extra,
        )  # fmt: skip


def test_a_node_shows_its_certificate_and_one_without_stays_outside(
    tmp_path: Path,
    require_program: Callable[[str], str],
    free_port: Callable[[], int],
) -> None:
    make_certificates(require_program("openssl"), tmp_path)
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nuser root\nallow_anonymous false\n"
        f"cafile {tmp_path}/ca.crt\ncertfile {tmp_path}/broker.crt\nkeyfile {tmp_path}/broker.key\n"
        "require_certificate true\nuse_identity_as_username true\n"
    )
    process = subprocess.Popen(
        [require_program("mosquitto"), "-c", str(tmp_path / "mosquitto.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_listening(port, process)
        known = MqttSettings(port=port, ca_file="ca.crt", cert_file="node.crt", key_file="node.key")
        with linked(known, tmp_path) as link:
            connect(link)
        stranger = MqttSettings(port=port, ca_file="ca.crt")
        with linked(stranger, tmp_path) as link:
            news = wait_news(link, lambda news: isinstance(news, Disconnected | Connected))
            assert isinstance(news, Disconnected)
            assert not link.is_connected
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
