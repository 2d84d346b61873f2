"""A node's configuration: what is right starts, what is wrong is named, all of it at once."""

from pathlib import Path

import msgspec
import pytest
from tebura_contract.config import ConfigError
from tebura_edge.camera import CameraSettings
from tebura_edge.config import CameraConfig, PeopleConfig, load_setup
from tebura_edge.people import PeopleSettings
from tebura_edge.roles import face_policy
from tebura_edge.sensing import camera_settings, sensors_of

from tests.edge.small_store import ENTRY_KEY, NODE_KEY, run_edge, write_calibration, write_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_store(tmp_path, port=1883)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_setup(path)
    return caught.value.problems


def test_a_good_configuration_brings_all_that_it_names(store: Path) -> None:
    setup = load_setup(store / "plates-1.toml")
    assert setup.node == "plates-1"
    assert setup.key == NODE_KEY
    assert setup.served_shelves() == ("g1/s1",)
    assert setup.state_dir == store / "state" / "plates-1"
    assert sensors_of(setup)["left"].shelves == ("g1/s1",)
    assert load_setup(store / "gate-1.toml").entry_keys == (ENTRY_KEY,)
    assert repr(NODE_KEY) not in repr(setup)


@pytest.mark.parametrize(
    ("said", "port", "has_light"),
    [("", 8090, True), ("", 0, False), ("light = false\n", 8090, False)],
)
def test_the_light_of_a_screen_is_asked_for_where_there_is_one(
    store: Path, said: str, port: int, *, has_light: bool
) -> None:
    tables = f'[face]\naddress = "https://shop.example"\n{said}[screen]\nport = {port}\n'
    change(store / "gate-1.toml", "[[gate]]", f"{tables}\n[[gate]]")
    policy = face_policy(load_setup(store / "gate-1.toml"))
    assert policy is not None
    assert policy.light is has_light


def test_a_gate_takes_the_new_key_and_the_old_while_the_store_changes_it(store: Path) -> None:
    new = bytes(range(100, 132))
    (store / "keys" / "entry.key").write_text(f"{new.hex()}\n{ENTRY_KEY.hex()}\n")
    assert load_setup(store / "gate-1.toml").entry_keys == (new, ENTRY_KEY)


def test_a_node_has_one_key_of_its_own(store: Path) -> None:
    (store / "keys" / "node.key").write_text(f"{NODE_KEY.hex()}\n{ENTRY_KEY.hex()}\n")
    assert "holds 2 keys" in "\n".join(problems(store / "plates-1.toml"))


def test_all_problems_are_told_together_each_with_its_place(store: Path) -> None:
    path = store / "plates-1.toml"
    change(path, '"g1/s1/p2"]', '"g1/s1/p9"]')
    change(path, "keys/node.key", "keys/none.key")
    change(path, 'calibration = "calibration"', 'calibration = "measured"')
    change(store / "layout.toml", 'sku = "tea", x_m = [0.0', 'sku = "coffee", x_m = [0.0')
    found = "\n".join(problems(path))
    for place in ("layout:", "calibration:", "key_file:", "coffee"):
        assert place in found


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param("rate_hz", "rate_hzz", "scale[0].rate_hzz: unknown key", id="unknown-key"),
        pytest.param('"g1/s1/p2"]', '"g1/s1/p9"]', "no plate 'g1/s1/p9'", id="no-such-plate"),
        pytest.param('"g1/s1/p2"]', '"g1/s1/p1"]', "plates are named twice", id="plate-twice"),
        pytest.param('node = "plates-1"', 'node = "plates-2"', "reported by 'plates-1'", id="node"),
        pytest.param("port = 1883", "port = 99999", "mqtt.port", id="port"),
        pytest.param("reconnect_min_s = 0.2", "reconnect_min_s = 7", "larger than", id="reconnect"),
        pytest.param("[mqtt]", '[mqtt]\nca_file = "ca.crt"', "mqtt.ca_file", id="no-ca-file"),
    ],
)
def test_a_plate_node_names_what_is_wrong(store: Path, old: str, new: str, named: str) -> None:
    change(store / "plates-1.toml", old, new)
    assert named in "\n".join(problems(store / "plates-1.toml"))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param('label = "gate"', 'label = "back"', "no camera 'back'", id="camera"),
        pytest.param(
            'reader = "gate"',
            'reader = "eye"',
            "no barcode reader 'eye', nor a camera",
            id="reader",
        ),
        pytest.param('id = "door"', 'id = "window"', "no gate 'window'", id="gate"),
        pytest.param('node = "gate-1"', 'node = "gate-2"', "belongs to node", id="other-node"),
        pytest.param("source = ", 'source = "0" #', "never by its number", id="by-number"),
        pytest.param("entry.key", "node.tooshort", "cannot be read", id="no-key"),
        pytest.param(
            'reader = "gate"',
            'reader = "gate"\nface = "gate"',
            "gate[0].face: no camera 'gate' that looks for faces",
            id="no-eye-for-faces",
        ),
        pytest.param(
            'reader = "gate"',
            'reader = "gate"\nface = "x"',
            "[face] says where",
            id="no-face-table",
        ),
        pytest.param(
            "[[gate]]",
            '[face]\naddress = "https://shop.example"\nthreshold = "none.json"\n\n[[gate]]',
            "face.threshold: ",
            id="no-threshold",
        ),
        pytest.param(
            "[[gate]]",
            '[face]\naddress = "https://shop.example"\nlight = true\n\n[[gate]]',
            "face.light: the light is the screen's",
            id="light-without-a-screen",
        ),
    ],
)
def test_a_gate_node_names_what_is_wrong(store: Path, old: str, new: str, named: str) -> None:
    change(store / "gate-1.toml", old, new)
    assert named in "\n".join(problems(store / "gate-1.toml"))


@pytest.mark.parametrize(
    ("key", "named"), [("zz" * 32, "not hexadecimal"), ("ab" * 8, "has 8 bytes; at least 32")]
)
def test_a_weak_or_broken_key_is_refused(store: Path, key: str, named: str) -> None:
    (store / "keys" / "node.key").write_text(key)
    assert named in "\n".join(problems(store / "plates-1.toml"))


def test_the_newest_whole_calibration_counts_and_a_corrupt_one_is_named(store: Path) -> None:
    write_calibration(store / "calibration" / "plates-1.2025-11-02.json", tare_counts=5)
    write_calibration(store / "calibration" / "plates-10.2025-11-09.json", tare_counts=99)
    corrupt = store / "calibration" / "plates-1.2025-11-03.json"
    write_calibration(corrupt, tare_counts=7)
    corrupt.write_bytes(corrupt.read_bytes().replace(b'"tare_counts":7', b'"tare_counts":8'))
    setup = load_setup(store / "plates-1.toml")
    assert {plate.tare_counts for plate in setup.calibration.plates.values()} == {5}
    assert any("2025-11-03" in warning and "SHA-256" in warning for warning in setup.warnings)


def test_a_plate_that_was_never_measured_is_named(store: Path) -> None:
    change(store / "plates-1.toml", 'calibration = "calibration"', "")
    assert any("'g1/s1/p1' is not calibrated" in line for line in problems(store / "plates-1.toml"))


def test_the_check_says_ok_or_all_that_is_wrong(store: Path) -> None:
    good = run_edge("run", "--config", store / "plates-1.toml", "--check")
    assert (good.returncode, good.stderr) == (0, "")
    assert "OK (node plates-1 of store demo)" in good.stdout
    change(store / "plates-1.toml", "rate_hz", "rate_hzz")
    change(store / "plates-1.toml", "state_dir", "state_dri")
    bad = run_edge("run", "--config", store / "plates-1.toml", "--check")
    assert bad.returncode == 2
    for named in ("plates-1.toml", "did you mean 'rate_hz'", "did you mean 'state_dir'"):
        assert named in bad.stderr
    assert not (store / "state").exists(), "a check leaves no trace"


def test_a_check_of_a_plate_node_loads_neither_opencv_nor_onnx(store: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from tebura_edge.config import load_setup;"
        f"load_setup(Path({str(store / 'plates-1.toml')!r}));"
        "import tebura_edge.node;"
        "print([m for m in ('cv2', 'onnxruntime') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_camera_and_people_tables_are_what_their_threads_take() -> None:
    names = {f.name for f in msgspec.structs.fields(CameraConfig)}
    assert names == {f.name for f in msgspec.structs.fields(CameraSettings)}
    config = CameraConfig(label="gate", source="rtsp://camera", frozen_after_s=2.0)  # type: ignore[arg-type]
    assert msgspec.to_builtins(camera_settings(config)) == msgspec.to_builtins(config)
    people = msgspec.convert(msgspec.to_builtins(PeopleConfig()), PeopleSettings)
    assert people == PeopleSettings()
