"""The example configurations, read by the programs that the units start."""

import re
from pathlib import Path

import pytest
from tebura_contract.calibration import Calibration, PlateCalibration, dump_calibration
from tebura_contract.clock import Ns
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout, load_layout
from tebura_edge.config import load_setup
from tebura_gateway.config import load_config

KEY = "5a" * 32


@pytest.fixture
def layout(repository: Path) -> Path:
    return repository / "simulator/tebura_simulator/demo/layout.toml"


def placed(example: Path, root: Path) -> Path:
    """The example below `root` instead of the machine's own /etc, /var and /run."""
    text = re.sub(r'(?<=")(?=/(etc|var|run)/)', str(root), example.read_text())
    target = root / example.name
    target.write_text(text)
    return target


def place_layout(layout: Path, root: Path) -> None:
    """The demo's shop, its weighing node named as in the example."""
    (root / "etc/tebura").mkdir(parents=True)
    text = layout.read_text().replace('"plates-1"', '"plates"')
    (root / "etc/tebura/layout.toml").write_text(text)


def test_the_node_reads_its_example(repository: Path, layout: Path, tmp_path: Path) -> None:
    place_layout(layout, tmp_path)
    parsed: Layout = load_layout(layout)
    calibration = Calibration(
        node=NodeId("plates"),
        measured_ns=Ns(0),
        plates={
            plate: PlateCalibration(tare_counts=0, counts_per_g=100.0) for plate in parsed.plates()
        },
    )
    folder = tmp_path / "etc/tebura/calibration"
    folder.mkdir()
    (folder / "plates.2026-01-01.json").write_bytes(dump_calibration(calibration))
    keys = tmp_path / "run/credentials/tebura-edge@plates.service"
    keys.mkdir(parents=True)
    (keys / "keys_event.key").write_text(KEY)
    (keys / "keys_mqtt.pem").write_text("")
    (tmp_path / "etc/tebura/tls").mkdir()
    for name in ("ca.crt", "plates.crt"):
        (tmp_path / "etc/tebura/tls" / name).write_text("")
    setup = load_setup(placed(repository / "systemd/examples/plates.toml", tmp_path))
    assert setup.node == "plates"
    assert setup.key == bytes.fromhex(KEY)


def test_the_gate_reads_its_example(repository: Path, layout: Path, tmp_path: Path) -> None:
    place_layout(layout, tmp_path)
    shop = tmp_path / "etc/tebura/layout.toml"
    shop.write_text(shop.read_text().replace('"gate-1"', '"gate"'))
    keys = tmp_path / "run/credentials/tebura-edge@gate.service"
    keys.mkdir(parents=True)
    for name in ("keys_event.key", "keys_entry.key"):
        (keys / name).write_text(KEY)
    (keys / "keys_mqtt.pem").write_text("")
    (tmp_path / "etc/tebura/tls").mkdir()
    for name in ("ca.crt", "gate.crt"):
        (tmp_path / "etc/tebura/tls" / name).write_text("")
    setup = load_setup(placed(repository / "systemd/examples/gate.toml", tmp_path))
    relay = setup.config.gate[0].relay
    assert relay is not None
    assert (relay.opens, relay.refuses, setup.config.screen.port) == (1, 2, 8090)


def test_the_gateway_reads_its_example(repository: Path, layout: Path, tmp_path: Path) -> None:
    place_layout(layout, tmp_path)
    for folder in ("etc/tebura/keys/gateway", "etc/tebura/tls"):
        (tmp_path / folder).mkdir(parents=True)
    keys = tmp_path / "etc/tebura/keys/gateway"
    for node in load_layout(tmp_path / "etc/tebura/layout.toml").nodes():
        (keys / f"{node}.key").write_text(KEY)
    for name in ("entry.key", "http.key", "staff.token", "mqtt.pem"):
        (keys / name).write_text(KEY)
    for name in ("ca.crt", "gateway.crt"):
        (tmp_path / "etc/tebura/tls" / name).write_text("")
    config = load_config(placed(repository / "systemd/examples/gateway.toml", tmp_path))
    assert config.settings.mqtt.port == 8883


def test_the_examples_name_the_credentials_that_the_unit_makes(repository: Path) -> None:
    unit = (repository / "systemd/tebura-edge@.service").read_text()
    credential = re.search(r"^LoadCredential=(\w+):/etc/tebura/keys/%i$", unit, re.M)
    assert credential is not None
    for node in ("plates", "gate"):
        example = (repository / f"systemd/examples/{node}.toml").read_text()
        named = re.findall(r"/run/credentials/([^/]+)/(\w+?)_", example)
        assert set(named) == {(f"tebura-edge@{node}.service", credential[1])}
