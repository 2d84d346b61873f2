"""Recordings: what was written is read back, also from a file that a power cut ended."""

import random
from pathlib import Path

import pytest
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.envelope import Envelope, open_envelope, seal
from tebura_contract.events import NodeStarted
from tebura_contract.ids import CameraId, EventId, NodeId, PlateId, StoreId
from tebura_contract.recording import (
    CompressedImage,
    CompressedVideo,
    CountBatch,
    Meta,
    RecordedDetections,
    Screen,
)
from tebura_edge.recorder import (
    RecordingError,
    RecordingFull,
    RecordingReader,
    RecordingWriter,
)

START = 1_700_000_000 * SECOND_NS
META = Meta(title="a visit", made_by="test", is_simulated=True, start_ns=Ns(START))
CAMERA = CameraId("shop")


def batch(at_s: float, value: int | None = 7) -> CountBatch:
    at = Ns(START + round(at_s * SECOND_NS))
    return CountBatch(scale="left", plates=(PlateId("1/1/1"),), at_ns=(at,), counts=((value,),))


def write_long(path: Path, seconds: int = 60) -> None:
    with RecordingWriter(path, META) as writer:
        writer.attach("layout.toml", b"[store]", "application/toml")
        for n in range(seconds * 10):
            writer.counts(batch(n / 10, n))


def test_every_kind_of_message_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    screen = Screen(
        camera=CAMERA, account="a", corners_px=((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    )
    seen = RecordedDetections(
        camera=CAMERA,
        node=NodeId("camera-1"),
        captured_ns=Ns(START + 4),
        boxes_xyxy_px=((1.0, 2.0, 3.0, 4.0),),
        scores=(0.5,),
        keypoints_px=(((1.0, 2.0, 0.25),) * 17,),
    )
    event = NodeStarted(version="1", at_ns=Ns(START), last_alive_ns=None, shelves=())
    key = b"k" * 32
    store_time = StoreTime(at_ns=Ns(START + 5))
    event_id = EventId(NodeId("plates-1"), 1, 0)
    with RecordingWriter(path, META) as writer:
        writer.event(
            NodeId("plates-1"),
            START + 5,
            seal(StoreId("demo"), event_id, event, store_time, 1, key),
        )
        writer.detections(seen)
        writer.screen(START + 3, screen)
        writer.video(CAMERA, START + 2, b"\x00\x00\x00\x01\xff")
        writer.image(CameraId("gate"), START + 1, b"\xff\xd8")
        writer.counts(batch(0.0, None))
    with RecordingReader(path) as reader:
        assert reader.meta() == META
        messages = list(reader.messages())
    assert [type(m.message) for m in messages] == [
        Meta,
        CountBatch,
        CompressedImage,
        CompressedVideo,
        Screen,
        RecordedDetections,
        Envelope,
    ]
    assert [m.at_ns - START for m in messages] == [0, 0, 1, 2, 3, 4, 5]
    assert messages[1].message == batch(0.0, None)
    assert messages[3].message.data == b"\x00\x00\x00\x01\xff"  # type: ignore[union-attr]
    assert messages[4].message == screen
    assert messages[5].message == seen
    envelope = messages[6].message
    assert isinstance(envelope, Envelope)
    assert open_envelope(envelope, key).event == event


def test_topics_are_listed_and_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    with RecordingWriter(path, META) as writer:
        writer.counts(batch(1))
        writer.image(CAMERA, START, b"j")
    with RecordingReader(path) as reader:
        assert reader.topics() == ("/counts/left", "/meta", "/video/shop")
        assert [m.topic for m in reader.messages(["/counts/left"])] == ["/counts/left"]


def test_a_clock_that_steps_back_keeps_the_order_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    times_s = [10.0, 11.0, 4.0, 5.0]
    with RecordingWriter(path, META) as writer:
        for at_s in times_s:
            writer.counts(batch(at_s))
    with RecordingReader(path) as reader:
        read = [m.message for m in reader.messages(["/counts/left"])]
    assert read == [batch(at_s) for at_s in times_s]


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9, 0.999])
def test_a_file_cut_short_reads_up_to_the_cut(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "visit.mcap"
    write_long(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with RecordingReader(path) as reader:
        assert reader.is_cut_short
        assert reader.meta() == META
        assert reader.attachment("layout.toml") == b"[store]"
        read = [m.message for m in reader.messages(["/counts/left"])]
        assert "/counts/left" in reader.topics()
    assert read == [batch(n / 10, n) for n in range(len(read))]
    assert len(read) > 0


def test_a_recorder_that_dies_leaves_all_but_the_last_moments(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    writer = RecordingWriter(path, META)
    for n in range(300):
        writer.counts(batch(n / 10, n))
    # No close: what a killed process leaves behind.
    with RecordingReader(path) as reader:
        assert len(list(reader.messages(["/counts/left"]))) >= 300 - 20
    writer.close()


def test_a_damaged_chunk_ends_the_reading_and_what_came_before_is_right(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    write_long(path)
    raw = bytearray(path.read_bytes()[:-200])
    middle = len(raw) // 2
    raw[middle : middle + 40] = bytes(40)
    path.write_bytes(raw)
    with RecordingReader(path) as reader:
        read = [m.message for m in reader.messages(["/counts/left"])]
    assert 0 < len(read) < 600
    assert read == [batch(n / 10, n) for n in range(len(read))]


def test_a_recording_stops_at_its_size_limit_and_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "visit.mcap"
    frame = random.Random(1).randbytes(10_000)
    written = 0
    with RecordingWriter(path, META, limit_bytes=100_000) as writer:
        while True:
            try:
                writer.image(CAMERA, START + written * SECOND_NS, frame)
            except RecordingFull:
                break
            written += 1
    assert path.stat().st_size < 120_000
    with RecordingReader(path) as reader:
        assert len(list(reader.messages(["/video/shop"]))) == written


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"", id="empty"), pytest.param(b"timestamp,gondola\n1,2\n" * 9, id="a-csv")],
)
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plates.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"plates\.csv: is no recording"):
        RecordingReader(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nowhere"):
        RecordingReader(tmp_path / "nowhere.mcap")
