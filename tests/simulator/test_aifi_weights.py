"""Weight logs of the public form become recordings. Made up here; the original is not at hand."""

import gzip
import zipfile
from pathlib import Path

import pytest
from tebura_contract.recording import CountBatch
from tebura_edge.recorder import RecordingReader
from tebura_simulator.cli import app
from typer.testing import CliRunner, Result

LAYOUT = """
[store]
id = "lab"
name = "Lab"
[[gondola]]
id = "1"
store_from_gondola = {}
size_m = [1.0, 0.5, 1.5]
[[gondola.shelf]]
id = "2"
gondola_from_shelf = {}
size_m = [1.0, 0.4, 0.3]
reports_picks = "plates-1"
plate = [
    { id = "3", xy_m = [0.0, 0.0], size_m = [0.3, 0.3] },
    { id = "4", xy_m = [0.4, 0.0], size_m = [0.3, 0.3] },
]
"""
HEADER = "timestamp,reading,gondola,shelf,plate"


def rows(plate: str, start_s: float = 1000.0, grams: float = 500.0, count: int = 120) -> list[str]:
    """Two seconds of one plate at 60 Hz, in the order of the public logs' columns."""
    return [f"{start_s + n / 60:.6f},{grams + n % 3},1.0,2.0,{plate}" for n in range(count)]


def text(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def run(folder: Path, tmp_path: Path) -> Result:
    layout = tmp_path / "layout.toml"
    layout.write_text(LAYOUT)
    command = ["import", "aifi-weights", str(folder), "--layout", str(layout)]
    return CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out.mcap")])


def grams(path: Path) -> dict[str, list[float]]:
    """Readings of each plate of a recording, rows in order."""
    found: dict[str, list[float]] = {}
    with RecordingReader(path) as reader:
        for recorded in reader.messages():
            if not isinstance(recorded.message, CountBatch):
                continue
            for row in recorded.message.counts:
                for plate, count in zip(recorded.message.plates, row, strict=True):
                    if count is not None:
                        found.setdefault(str(plate), []).append(count / 100)
    return found


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_a_log_becomes_a_recording_with_every_reading(logs: Path, tmp_path: Path) -> None:
    (logs / "weight.csv").write_text(text(*rows("3.0"), *rows("4.0", grams=80.0)))
    done = run(logs, tmp_path)
    assert done.exit_code == 0, done.output
    found = grams(tmp_path / "out.mcap")
    assert found["1/2/3"] == [500.0 + n % 3 for n in range(120)]
    assert found["1/2/4"] == [80.0 + n % 3 for n in range(120)]


@pytest.mark.parametrize(
    "header",
    ["Plate number, Shelf,gondola,reading(in grams),timestamp", "plate,shelf,gondola,grams,time"],
)
def test_columns_may_be_in_any_order_and_called_otherwise(
    logs: Path, tmp_path: Path, header: str
) -> None:
    turned = [",".join(row.split(",")[::-1]) for row in rows("3")]
    (logs / "weight.csv").write_text(text(*turned, header=header))
    done = run(logs, tmp_path)
    assert done.exit_code == 0, done.output
    assert len(grams(tmp_path / "out.mcap")["1/2/3"]) == 120


def test_packed_logs_are_read_as_they_are(logs: Path, tmp_path: Path) -> None:
    (logs / "a.csv.gz").write_bytes(gzip.compress(text(*rows("3")).encode()))
    with zipfile.ZipFile(logs / "b.zip", "w") as archive:
        archive.writestr("BASELINE-2/weight.csv", text(*rows("3", 2000.0, 300.0)))
        archive.writestr("__MACOSX/BASELINE-2/._weight.csv", b"\x00\x05")
    done = run(logs, tmp_path)
    assert done.exit_code == 0, done.output
    assert grams(tmp_path / "out-a.mcap")["1/2/3"][0] == 500.0
    assert grams(tmp_path / "out-BASELINE-2-weight.mcap")["1/2/3"][0] == 300.0


def test_parts_of_one_visit_come_as_one_and_visits_each_as_their_own(
    logs: Path, tmp_path: Path
) -> None:
    (logs / "one-left.csv").write_text(text(*rows("3")))
    (logs / "one-right.csv").write_text(text(*rows("4")))
    (logs / "two.csv").write_text(text(*rows("3", 5000.0)))
    (logs / "two-copy.csv").write_text(text(*rows("3", 5000.0)))
    done = run(logs, tmp_path)
    assert done.exit_code == 0, done.output
    assert {p.name for p in tmp_path.glob("out*")} == {
        "out-one-left.mcap",
        "out-two.mcap",
        "out-two-copy.mcap",
    }
    assert set(grams(tmp_path / "out-one-left.mcap")) == {"1/2/3", "1/2/4"}


def test_unknown_plates_and_other_files_are_named_and_left_out(logs: Path, tmp_path: Path) -> None:
    (logs / "planogram.csv").write_text("name,gondola\nTea,1\n")
    (logs / "weight.csv").write_text(text(*rows("3"), "1001.0,5,9.0,9.0,12.0", "1001.5,5,,,"))
    done = run(logs, tmp_path)
    assert done.exit_code == 0, done.output
    assert "planogram.csv: no columns" in done.stderr
    assert "line 122: no plate 9/9/12 in the layout" in done.stderr
    assert set(grams(tmp_path / "out.mcap")) == {"1/2/3"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["noon,5,1,2,3"], "line 2: timestamp 'noon' is no number", id="time"),
        pytest.param(["1.0,heavy,1,2,3"], "line 2: grams 'heavy' is no number", id="reading"),
        pytest.param(["1.0,5,1"], "line 2: 3 values", id="short"),
        pytest.param(["1.0,5,9,9,9"], "no log with plates of the layout", id="other-store"),
        pytest.param([], "no log with plates of the layout", id="empty"),
    ],
)
def test_a_log_that_cannot_be_imported_is_named(
    logs: Path, tmp_path: Path, lines: list[str], said: str
) -> None:
    (logs / "weight.csv").write_text(text(*lines))
    done = run(logs, tmp_path)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out.mcap").exists()


def test_what_is_no_folder_of_logs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    assert "does not exist" in run(tmp_path / "none", tmp_path).stderr
    assert "bad.zip: is no archive" in run(tmp_path / "bad.zip", tmp_path).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["aifi-weights"], "expected nothing, or aifi-weights DIR"),
        (["other", "DIR"], "expected nothing, or aifi-weights DIR"),
        (["aifi-weights", "DIR", "--plates", "p.csv"], "takes no --plates"),
        ([], "nothing to import"),
    ],
)
def test_import_says_what_it_expects(tmp_path: Path, words: list[str], said: str) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text(LAYOUT)
    command = ["import", *words, "--layout", str(layout), "-o", str(tmp_path / "out.mcap")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_help_says_that_it_is_untried_on_the_original() -> None:
    said = " ".join(CliRunner().invoke(app, ["import", "--help"]).stdout.replace("│", "").split())
    assert "Untried on the original" in said
    assert "CC BY 4.0" in said
