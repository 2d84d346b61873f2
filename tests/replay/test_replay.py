"""Recordings replay through the real roles and judgement to the outcomes they hold."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tebura_contract.codec import decode
from tebura_contract.truth import Outcome, OutcomeKind
from tebura_edge.recorder import RecordingReader
from tebura_simulator.cli import app
from tebura_simulator.outcomes import outcomes
from tebura_simulator.replay import Replay
from typer.testing import CliRunner

LAYOUT = """
[store]
id = "lab"
name = "Lab"
[[product]]
sku = "tea"
name = "Tea"
price_minor = 150
weight_g = 500.0
weight_sd_g = 3.0
[[product]]
sku = "bar"
name = "Bar"
price_minor = 100
weight_g = 60.0
weight_sd_g = 1.0
[[gondola]]
id = "7"
store_from_gondola = {}
size_m = [1.0, 0.5, 1.5]
[[gondola.shelf]]
id = "2"
gondola_from_shelf = {}
size_m = [1.0, 0.4, 0.3]
reports_picks = "plates-1"
plate = [
    { id = "1", xy_m = [0.0, 0.0], size_m = [0.3, 0.3] },
    { id = "2", xy_m = [0.4, 0.0], size_m = [0.3, 0.3] },
]
facing = [
    { id = "a", sku = "tea", x_m = [0.0, 0.3], plates = ["1"] },
    { id = "b", sku = "bar", x_m = [0.4, 0.7], plates = ["2"] },
]
"""
EPOCH_S = 1_700_000_000.0
CHANGES = ((10.0, 1, -500.0), (20.0, 2, -120.0), (30.0, 2, 60.0), (40.0, 1, 750.0))
"""Time, plate, grams: a tea taken, two bars taken, one put back, a bag laid down."""


def write_csv(path: Path, rate_hz: float, clock_step_s: float = 0.0) -> None:
    """Two plates with noise and `CHANGES`; the clock is set back at 35 s."""
    rng = np.random.default_rng(3)
    lines = ["timestamp,gondola,shelf,plate,grams"]
    for n in range(int(60 * rate_hz)):
        t_s = n / rate_hz
        wall_s = EPOCH_S + t_s - (clock_step_s if t_s >= 35.0 else 0.0)
        for plate, start_g in ((1, 3000.0), (2, 600.0)):
            level_g = start_g + sum(g for at_s, p, g in CHANGES if p == plate and t_s >= at_s)
            lines.append(f"{wall_s:.4f},7,2,{plate},{level_g + rng.normal(0, 0.5):.2f}")
    path.write_text("\n".join(lines) + "\n")


def make_recording(folder: Path, rate_hz: float = 10.0, clock_step_s: float = 0.0) -> Path:
    (folder / "layout.toml").write_text(LAYOUT)
    write_csv(folder / "plates.csv", rate_hz, clock_step_s)
    out = folder / "visit.mcap"
    arguments = ["--layout", str(folder / "layout.toml"), "--plates", str(folder / "plates.csv")]
    result = CliRunner().invoke(app, ["import", *arguments, "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


def replayed(recording: Path) -> list[Outcome]:
    result = CliRunner().invoke(app, ["replay", str(recording), "--json"])
    assert result.exit_code == 0, result.output
    return [decode(line.encode(), Outcome) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_each_change_comes_out_once_whatever_the_rate(tmp_path: Path, rate_hz: float) -> None:
    lines = replayed(make_recording(tmp_path, rate_hz))
    assert [(o.kind, o.sku, o.quantity, o.plates) for o in lines] == [
        (OutcomeKind.PICK, "tea", 1, (1,)),
        (OutcomeKind.PICK, "bar", 2, (2,)),
        (OutcomeKind.RETURN, "bar", 1, (2,)),
        (OutcomeKind.FOREIGN, None, 0, (1,)),
    ]
    assert [o.time_s for o in lines] == pytest.approx([c[0] for c in CHANGES], abs=0.6)
    assert [o.delta_g for o in lines] == pytest.approx([c[2] for c in CHANGES], abs=2.0)
    assert {(o.gondola, o.shelf) for o in lines} == {(7, 2)}


def test_without_camera_and_gate_all_is_one_open_visit(tmp_path: Path) -> None:
    lines = replayed(make_recording(tmp_path))
    visits = {o.visit for o in lines if o.kind is not OutcomeKind.FOREIGN}
    assert len(visits) == 1
    assert None not in visits
    assert {o.track for o in lines} == {None}


def test_a_clock_set_back_loses_and_repeats_nothing(tmp_path: Path) -> None:
    lines = replayed(make_recording(tmp_path, clock_step_s=1800.0))
    assert [o.sku for o in lines] == ["tea", "bar", "bar", None]
    assert lines[-1].time_s == pytest.approx(40.0, abs=0.8)


def test_every_promised_field_is_on_the_line(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    result = CliRunner().invoke(app, ["replay", str(recording), "--json"])
    promised = {"kind", "time_s", "gondola", "shelf", "plates", "sku", "quantity", "delta_g"}
    promised |= {"confidence", "candidates", "track", "visit"}
    for line in result.stdout.splitlines():
        assert promised <= set(json.loads(line))


def test_a_paced_replay_tells_the_same_as_a_fast_one(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    fast = CliRunner().invoke(app, ["replay", str(recording), "--json"])
    paced = CliRunner().invoke(app, ["replay", str(recording), "--json", "--speed", "60"])
    assert paced.exit_code == 0
    assert paced.stdout == fast.stdout


def test_a_replay_of_plates_loads_no_camera_code(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    code = (
        "import sys\n"
        "from tebura_simulator.cli import app\n"
        f"app(['replay', {str(recording)!r}, '--json'], standalone_mode=False)\n"
        "loaded = {'cv2', 'onnxruntime', 'av', 'paho', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(CHANGES)


def test_a_speed_that_is_none_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "x.mcap"), "--speed", "fast"])
    assert result.exit_code == 2
    assert "--speed 'fast'" in result.output


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mcap").write_bytes(b"no recording")
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "x.mcap")])
    assert result.exit_code == 2
    assert "x.mcap: is no recording" in result.output


def test_a_recording_cut_short_is_told_as_far_as_it_goes_and_said_to_be_so(tmp_path: Path) -> None:
    whole = make_recording(tmp_path)
    told = replayed(whole)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = CliRunner().invoke(app, ["replay", str(cut), "--json"])
    assert result.exit_code == 2
    assert "cut.mcap: is cut short" in result.stderr
    lines = [decode(line.encode(), Outcome) for line in result.stdout.splitlines()]
    assert 0 < len(lines) < len(told)
    scored = CliRunner().invoke(app, ["score", str(cut), "--json"])
    assert scored.exit_code == 2
    assert "cut.mcap: is cut short" in scored.stderr


def test_a_damaged_recording_is_refused_by_name(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    damaged = bytearray(recording.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    recording.write_bytes(damaged)
    result = CliRunner().invoke(app, ["replay", str(recording), "--json"])
    assert result.exit_code == 2
    assert "visit.mcap: is damaged" in result.stderr


def test_decided_steps_teach_the_node_where_products_are(tmp_path: Path) -> None:
    with RecordingReader(make_recording(tmp_path)) as reader:
        replay = Replay.of(reader)
        for _ in replay.run(reader.messages()):
            pass
    taught = [d.id for d in replay.judgement.decisions.values() if d.sku is not None]
    assert replay.taught == set(taught)
    assert len(outcomes(replay.judgement, replay.start_ns)) == len(CHANGES)
