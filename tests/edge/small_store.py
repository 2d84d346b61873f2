"""A store of one shelf with two plates and a door, in files a node can be started from."""

import subprocess
import sys
from pathlib import Path

from tebura_contract.calibration import Calibration, PlateCalibration, dump_calibration
from tebura_contract.clock import Ns
from tebura_contract.entry_code import new_member_id
from tebura_contract.ids import NodeId, PlateId

PLATES_NODE = NodeId("plates-1")
GATE_NODE = NodeId("gate-1")
ENTRY_KEY = bytes(range(32))
NODE_KEY = bytes(range(32, 64))
MIKA = new_member_id(b"mika.....")
COUNTS_PER_G = 100

LAYOUT = """
[store]
id = "demo"
name = "small"

[[product]]
sku = "tea"
name = "Tea"
price_minor = 150
weight_g = 200.0
weight_sd_g = 1.0

[[gondola]]
id = "g1"
store_from_gondola = { translation_m = [0.0, 0.0, 0.0] }
size_m = [1.0, 0.4, 1.5]

[[gondola.shelf]]
id = "s1"
gondola_from_shelf = { translation_m = [0.0, 0.0, 0.5] }
size_m = [1.0, 0.4, 0.3]
reports_picks = "plates-1"
plate = [
    { id = "p1", xy_m = [0.0, 0.0], size_m = [0.4, 0.3] },
    { id = "p2", xy_m = [0.5, 0.0], size_m = [0.4, 0.3] },
]
facing = [
    { id = "f1", sku = "tea", x_m = [0.0, 0.4], plates = ["p1"], depth = 5 },
    { id = "f2", sku = "tea", x_m = [0.5, 0.9], plates = ["p2"], depth = 5 },
]

[[camera]]
label = "gate"
node = "gate-1"
[camera.intrinsics]
size_px = [640, 360]
focal_px = [500.0, 500.0]
center_px = [320.0, 180.0]
[camera.store_from_camera]

[[gate]]
id = "door"
node = "gate-1"
direction = "entry"
"""

PLATES_TOML = """
node = "plates-1"
layout = "layout.toml"
calibration = "calibration"
state_dir = "state/plates-1"
key_file = "keys/node.key"

[mqtt]
port = {port}

[link]
reconnect_min_s = 0.2
reconnect_max_s = 1.0

[[scale]]
label = "left"
port = "serial/left"
rate_hz = 10
plates = ["g1/s1/p1", "g1/s1/p2"]
"""

GATE_TOML = """
node = "gate-1"
layout = "layout.toml"
state_dir = "state/gate-1"
key_file = "keys/node.key"

[mqtt]
port = {port}

[[camera]]
label = "gate"
source = "{source}"
looks_for = "codes"

[[gate]]
id = "door"
reader = "gate"
entry_key_file = "keys/entry.key"
"""


def write_store(folder: Path, port: int, source: str = "http://127.0.0.1:9/none") -> None:
    """Layout, calibration, keys, and both nodes' configurations."""
    for name in ("calibration", "keys", "serial"):
        (folder / name).mkdir(parents=True)
    (folder / "layout.toml").write_text(LAYOUT)
    (folder / "keys" / "entry.key").write_text(ENTRY_KEY.hex() + "\n")
    (folder / "keys" / "node.key").write_text(NODE_KEY.hex() + "\n")
    write_calibration(folder / "calibration" / "plates-1.2025-11-01.json")
    (folder / "plates-1.toml").write_text(PLATES_TOML.format(port=port))
    (folder / "gate-1.toml").write_text(GATE_TOML.format(port=port, source=source))


def write_calibration(path: Path, node: NodeId = PLATES_NODE, tare_counts: float = 0.0) -> None:
    measured = PlateCalibration(tare_counts=tare_counts, counts_per_g=COUNTS_PER_G, noise_g=0.5)
    plates = {PlateId("g1/s1/p1"): measured, PlateId("g1/s1/p2"): measured}
    path.write_bytes(
        dump_calibration(
            Calibration(node=node, measured_ns=Ns(1_763_000_000_000_000_000), plates=plates)
        )
    )


def edge(*arguments: str | Path) -> list[str]:
    """The command line of the edge program."""
    return [sys.executable, "-m", "tebura_edge", *map(str, arguments)]


def run_edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the edge program to its end."""
    return subprocess.run(edge(*arguments), capture_output=True, text=True, timeout=60, check=False)
