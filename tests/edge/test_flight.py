"""The flight recorder: whole files of the last hours, within their limit, never in the way."""

from pathlib import Path

import numpy as np
import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import CameraId, NodeId, PlateId
from tebura_contract.recording import CompressedImage, CountBatch
from tebura_edge import flight as flight_module
from tebura_edge.detections import Detections
from tebura_edge.flight import FlightRecorder
from tebura_edge.recorder import RecordingReader
from tebura_edge.role import Counts

NODE = NodeId("plates-1")
START_NS = 1_763_000_000 * SECOND_NS
PLATES = (PlateId("g1/s1/p1"), PlateId("g1/s1/p2"))


@pytest.fixture(autouse=True)
def disk_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight_module, "disk_share", lambda _: 0.5)


def recorder(folder: Path, limit_bytes: int = 10_000_000, file_s: float = 60) -> FlightRecorder:
    return FlightRecorder(
        folder,
        NODE,
        limit_bytes=limit_bytes,
        file_s=file_s,
        plates={"left": PLATES},
        attachments={"layout.toml": b"[store]"},
    )


def counts(at_s: float) -> Counts:
    at_ns = np.array([START_NS + round(at_s * SECOND_NS)], np.int64)
    return Counts("left", at_ns, np.array([[7.0, np.nan]]))


def test_a_flight_can_be_replayed_from_its_file_alone(tmp_path: Path) -> None:
    flight = recorder(tmp_path)
    flight.counts(counts(1))
    flight.detections(Detections.empty(CameraId("aisle"), START_NS + 2 * SECOND_NS))
    flight.image(CameraId("aisle"), START_NS + 3 * SECOND_NS, b"jpeg")
    flight.close()
    (path,) = tmp_path.glob("*.mcap")
    with RecordingReader(path) as reader:
        assert reader.attachment("layout.toml") == b"[store]"
        assert not reader.meta().is_simulated
        messages = [m.message for m in reader.messages()]
    batch = next(m for m in messages if isinstance(m, CountBatch))
    assert batch.plates == PLATES
    assert batch.counts == ((7, None),)
    assert any(isinstance(m, CompressedImage) and m.data == b"jpeg" for m in messages)


def test_files_are_of_some_minutes_and_the_oldest_go_at_the_limit(tmp_path: Path) -> None:
    flight = recorder(tmp_path, limit_bytes=400_000, file_s=10)
    rng = np.random.default_rng(1)
    for second in range(200):
        flight.image(CameraId("aisle"), START_NS + second * SECOND_NS, rng.bytes(6_000))
    flight.close()
    files = sorted(tmp_path.glob("*.mcap"))
    assert 2 <= len(files) < 20
    assert sum(path.stat().st_size for path in files) < 500_000
    with RecordingReader(files[-1]) as reader:
        assert len(list(reader.messages(["/video/aisle"]))) == 10


def test_a_disk_that_is_nearly_full_stops_the_recorder_and_a_later_file_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = recorder(tmp_path, file_s=10)
    monkeypatch.setattr(flight_module, "disk_share", lambda _: 0.9)
    flight.counts(counts(1))
    assert "90%" in flight.trouble
    assert list(tmp_path.glob("*.mcap")) == []
    monkeypatch.setattr(flight_module, "disk_share", lambda _: 0.5)
    flight.counts(counts(2))
    assert list(tmp_path.glob("*.mcap")) == []
    flight.counts(counts(12))
    assert flight.trouble == ""
    flight.close()
    assert len(list(tmp_path.glob("*.mcap"))) == 1


def test_a_folder_that_cannot_be_written_is_trouble_and_no_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    flight = recorder(tmp_path / "file")
    flight.counts(counts(1))
    assert flight.trouble
    flight.close()
