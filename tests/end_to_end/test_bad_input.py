"""Bad input to real processes: each a clear error or a flag; nothing lost, nothing dies."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.codec import decode
from tebura_contract.entry_code import new_member_id
from tebura_contract.envelope import seal
from tebura_contract.events import NodeStarted, ShopperEntered
from tebura_contract.ids import EventId, GateId, NodeId, StoreId
from tebura_contract.messages import Ack
from tebura_contract.topics import Channel, topic
from tebura_simulator.shop_client import ShopClient
from tebura_simulator.stage import GATEWAY, Part, Stage, free_port, python
from tebura_simulator.store_files import StoreFiles, Wiring, write_store
from tebura_simulator.take import Take, load_take

RECORDING = Path("simulator/tebura_simulator/demo/recordings/3-just-looking.mcap")
STORE, NODE = StoreId("demo"), NodeId("gate-1")


class Broker(Protocol):
    port: int


@pytest.fixture(scope="module")
def take(repository: Path) -> Take:
    return load_take(repository / RECORDING)


def files_for(take: Take, folder: Path, mqtt_port: int) -> tuple[StoreFiles, int]:
    http_port = free_port()
    wiring = Wiring(
        mqtt_port=mqtt_port,
        http_port=http_port,
        stream_urls=dict.fromkeys(take.cameras, "http://127.0.0.1:9/none.mjpeg"),
        scales={},
    )
    layout, calibrations = take.layout, take.calibrations
    files = write_store(folder, take.layout_toml, layout, calibrations, wiring, time.time_ns())
    return files, http_port


@pytest.fixture
def files(take: Take, tmp_path: Path) -> StoreFiles:
    return files_for(take, tmp_path / "store", free_port())[0]


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def check_node(files: StoreFiles) -> tuple[int, str]:
    return run(*python("tebura_edge", "run", "--config", str(files.node_config(NODE)), "--check"))


def check_gateway(files: StoreFiles) -> tuple[int, str]:
    return run(*python("tebura_gateway", "run", "--config", str(files.gateway_config), "--check"))


def test_what_the_demo_writes_is_accepted(files: StoreFiles) -> None:
    assert check_node(files)[0] == 0
    assert check_gateway(files)[0] == 0


def test_an_unknown_key_is_named_with_its_place(files: StoreFiles) -> None:
    for config, check, place in (
        (files.node_config(NODE), check_node, "camera[0].rate_hzz"),
        (files.gateway_config, check_gateway, "invoice.isuer"),
    ):
        bad = place.rpartition(".")[2]
        text = config.read_text(encoding="utf-8")
        config.write_text(
            text.replace("looks_for", f"{bad} = 5\nlooks_for").replace(
                "registration", f'{bad} = "x"\nregistration'
            ),
            encoding="utf-8",
        )
        code, said = check(files)
        assert code == 2
        assert f"{place}: unknown key" in said
        assert str(config) in said


def test_two_products_on_one_facing_are_named_and_nothing_starts(files: StoreFiles) -> None:
    layout = files.folder / "layout.toml"
    text = layout.read_text(encoding="utf-8")
    assert 'id = "f2", sku = "mineral-water"' in text
    layout.write_text(
        text.replace('id = "f2", sku = "mineral-water"', 'id = "f1", sku = "mineral-water"'),
        encoding="utf-8",
    )
    for code, said in (check_node(files), check_gateway(files)):
        assert code == 2
        assert "facing f1 holds two products, 'chocolate-bar' and 'mineral-water'" in said


def test_a_corrupt_network_stops_the_node_that_needs_it(
    files: StoreFiles, repository: Path, tmp_path: Path
) -> None:
    package = tmp_path / "altered" / "tebura_models"
    shutil.copytree(repository / "models" / "tebura_models", package)
    for weights in package.rglob("*.onnx"):
        raw = bytearray(weights.read_bytes())
        raw[len(raw) // 2] ^= 1
        weights.write_bytes(raw)
    config = files.node_config(NodeId("camera-1"))
    done = subprocess.run(
        python("tebura_edge", "run", "--config", str(config)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(package.parent), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1
    assert "SHA-256" in done.stdout + done.stderr
    assert ".onnx" in done.stdout + done.stderr


@dataclass
class Wire:
    """A gateway behind a broker that takes anything, and a client that may say anything."""

    files: StoreFiles
    stage: Stage
    client: mqtt.Client
    shop: ShopClient
    address: str
    acked: set[tuple[int, int]]

    def say(self, payload: bytes) -> None:
        name = topic(Channel.EVENT, STORE, NODE)
        self.client.publish(name, payload, qos=1).wait_for_publish(10)

    def wait(self, is_true: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 10
        while not is_true():
            assert self.stage.is_running(GATEWAY), "the gateway died"
            assert time.monotonic() < deadline_s, "waited too long"
            time.sleep(0.05)

    def staff_page(self) -> str:
        with httpx.Client(base_url=self.address, trust_env=False, follow_redirects=True) as browser:
            browser.post("/staff/sign-in", data={"token": self.files.staff_token})
            return browser.get("/staff?lang=en").text


@pytest.fixture
def wire(take: Take, tmp_path: Path, mosquitto: Broker) -> Iterator[Wire]:
    files, http_port = files_for(take, tmp_path / "store", mosquitto.port)
    acked: set[tuple[int, int]] = set()

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        ack = decode(bytes(message.payload), Ack)
        acked.update((ack.boot, seq) for seq in ack.seqs)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    client.subscribe(topic(Channel.ACK, STORE, NODE), qos=1)
    address = f"http://127.0.0.1:{http_port}"
    with Stage(tmp_path) as stage, ShopClient(address, files.staff_token) as shop:
        config = str(files.gateway_config)
        stage.start(Part(GATEWAY, (sys.executable, "-m", "tebura_gateway", "run", "-c", config)))
        stage.wait_ready()
        yield Wire(files, stage, client, shop, address, acked)
    client.disconnect()
    client.loop_stop()


def entry(seq: int, at_ns: int, key: bytes) -> bytes:
    event = ShopperEntered(
        gate=GateId("door"), member=new_member_id(bytes(9)), code_step=seq, at_ns=Ns(at_ns)
    )
    published = StoreTime(at_ns=Ns(at_ns))
    return seal(STORE, EventId(NODE, 1, seq), event, published, 1, key)


def test_forged_huge_and_future_messages_are_flagged_and_the_good_one_counts(wire: Wire) -> None:
    key, now_ns = wire.files.node_keys[NODE], time.time_ns()
    started = NodeStarted(version="1", at_ns=Ns(now_ns), last_alive_ns=None, shelves=())
    published = StoreTime(at_ns=Ns(now_ns))
    wire.say(seal(STORE, EventId(NODE, 1, 0), started, published, 1, key))
    wire.say(entry(1, now_ns, b"somebody else's key, of 32 bytes"))
    wire.say(b"{" + b" " * 2_000_000 + b"}")
    wire.say(b"\xff\x00 no JSON")
    wire.say(entry(2, now_ns + 86_400 * SECOND_NS, key))
    wire.say(entry(1, now_ns, key))
    wire.wait(lambda: {(1, 0), (1, 1), (1, 2)} <= wire.acked)
    wire.wait(lambda: len(wire.shop.visits()) == 1)
    wire.wait(lambda: any(r.reason == "future" for r in wire.shop.reviews()))
    page = wire.staff_page()
    for said in ("signature does not fit", "2,000,002", f"{NODE}/1-2"):
        assert said in page, said
