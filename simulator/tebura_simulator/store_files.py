"""The files a whole store runs from: layout, calibrations, keys, and a configuration for each part.

What is written here is what an owner would write by hand; nothing about it is special to a demo
except that every address is on this machine.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tebura_contract.calibration import Calibration, dump_calibration
from tebura_contract.clock import Ns
from tebura_contract.ids import CameraId, NodeId, PlateId
from tebura_contract.layout import Camera, Layout

KEY_BYTES = 32
ENTRY_KEY = "keys/entry.key"


@dataclass(frozen=True)
class Scale:
    """A scale as a recording has it: its label and the plates of its channels."""

    label: str
    plates: tuple[PlateId, ...]
    rate_hz: float


@dataclass(frozen=True)
class Wiring:
    """Where the parts of a store find each other and their sensors on this machine.

    `mqtt_ports` are where nodes find the broker that do not reach it directly.
    """

    mqtt_port: int
    http_port: int
    stream_urls: Mapping[CameraId, str]
    scales: Mapping[NodeId, Sequence[Scale]]
    mqtt_ports: Mapping[NodeId, int] = field(default_factory=dict)

    def port_of(self, node: NodeId) -> int:
        """Where a node finds the broker."""
        return self.mqtt_ports.get(node, self.mqtt_port)


@dataclass(frozen=True)
class StoreFiles:
    """The folder a store runs in; `nodes` are those that have something to sense."""

    folder: Path
    nodes: tuple[NodeId, ...]
    node_keys: Mapping[NodeId, bytes]
    entry_key: bytes
    staff_token: str

    @property
    def gateway_config(self) -> Path:
        return self.folder / "gateway.toml"

    def node_config(self, node: NodeId) -> Path:
        return self.folder / f"{node}.toml"

    def serial_link(self, label: str) -> Path:
        return self.folder / "serial" / label


def write_store(
    folder: Path,
    layout_toml: bytes,
    layout: Layout,
    calibrations: Mapping[NodeId, Calibration],
    wiring: Wiring,
    now_ns: int,
) -> StoreFiles:
    """Write everything into an empty folder.

    Calibrations are dated `now_ns`: what is replayed was measured today as far as the nodes know.
    """
    for name in ("keys", "calibration", "serial", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "keys").chmod(0o700)
    (folder / "layout.toml").write_bytes(layout_toml)
    for node, calibration in calibrations.items():
        dated = msgspec.structs.replace(calibration, measured_ns=Ns(now_ns))
        (folder / "calibration" / f"{node}.json").write_bytes(dump_calibration(dated))
    nodes = tuple(sorted(n for n in layout.nodes() if _senses(n, layout, wiring)))
    files = StoreFiles(
        folder=folder,
        nodes=nodes,
        # The gateway knows every node of the layout, also one that is not wired up here.
        node_keys={node: secrets.token_bytes(KEY_BYTES) for node in sorted(layout.nodes())},
        entry_key=secrets.token_bytes(KEY_BYTES),
        staff_token=secrets.token_urlsafe(18),
    )
    for node, key in files.node_keys.items():
        _write_secret(folder / "keys" / f"{node}.key", key.hex())
    _write_secret(folder / ENTRY_KEY, files.entry_key.hex())
    _write_secret(folder / "http.key", secrets.token_hex(KEY_BYTES))
    _write_secret(folder / "staff.token", files.staff_token)
    for node in nodes:
        has_calibration = node in calibrations
        files.node_config(node).write_text(
            node_toml(node, layout, wiring, has_calibration), encoding="utf-8"
        )
    files.gateway_config.write_text(gateway_toml(wiring), encoding="utf-8")
    return files


def node_toml(node: NodeId, layout: Layout, wiring: Wiring, has_calibration: bool) -> str:
    """The configuration of one node."""
    lines = [
        f'node = "{node}"',
        'layout = "layout.toml"',
        *([f'calibration = "calibration/{node}.json"'] if has_calibration else []),
        f'state_dir = "state/{node}"',
        f'key_file = "keys/{node}.key"',
        "",
        "[mqtt]",
        f"port = {wiring.port_of(node)}",
        "",
        # A shop's network takes its time; this one is inside one machine.
        "[link]",
        "reconnect_min_s = 0.2",
        "reconnect_max_s = 2.0",
    ]
    for scale in wiring.scales.get(node, ()):
        plates = ", ".join(f'"{plate}"' for plate in scale.plates)
        lines += [
            "",
            "[[scale]]",
            f'label = "{scale.label}"',
            f'port = "serial/{scale.label}"',
            f"rate_hz = {scale.rate_hz:g}",
            f"plates = [{plates}]",
        ]
    for camera in layout.camera:
        if camera.node == node and camera.label in wiring.stream_urls:
            lines += [
                "",
                "[[camera]]",
                f'label = "{camera.label}"',
                f'source = "{wiring.stream_urls[camera.label]}"',
                f'looks_for = "{"codes" if reads_codes(camera, layout) else "people"}"',
            ]
    for gate in layout.gate:
        reader = code_camera(gate.node, layout)
        if gate.node == node and reader is not None:
            lines += [
                "",
                "[[gate]]",
                f'id = "{gate.id}"',
                f'reader = "{reader.label}"',
                f'entry_key_file = "{ENTRY_KEY}"',
            ]
    return "\n".join(lines) + "\n"


def gateway_toml(wiring: Wiring) -> str:
    """The gateway's configuration."""
    return f"""\
layout = "layout.toml"
database = "sqlite:///gateway.db"
node_keys = "keys"
entry_key_file = "{ENTRY_KEY}"

[mqtt]
port = {wiring.mqtt_port}

[http]
host = "127.0.0.1"
port = {wiring.http_port}
secret_file = "http.key"
staff_token_file = "staff.token"
public_live = true

[invoice]
issuer = "手ぶら商店"
registration = "T1234567890123"
"""


def reads_codes(camera: Camera, layout: Layout) -> bool:
    """Whether a camera is the code reader of its node's gate: one that watches no shelf."""
    return not camera.watches and any(gate.node == camera.node for gate in layout.gate)


def code_camera(node: NodeId, layout: Layout) -> Camera | None:
    """The camera that reads codes for a node's gates."""
    return next((c for c in layout.camera if c.node == node and reads_codes(c, layout)), None)


def _senses(node: NodeId, layout: Layout, wiring: Wiring) -> bool:
    return bool(wiring.scales.get(node)) or any(
        camera.node == node and camera.label in wiring.stream_urls for camera in layout.camera
    )


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="ascii")
