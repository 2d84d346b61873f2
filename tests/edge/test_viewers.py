"""Recordings as other people's viewers read them: the index, the schemas, pictures as pictures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from mcap.reader import make_reader
from mcap.records import Channel, Message, Schema
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.codec import DecodeError, encode
from tebura_contract.envelope import seal
from tebura_contract.events import HandContent, NodeStarted
from tebura_contract.ids import CameraId, EventId, NodeId, PlateId, StoreId, TrackId
from tebura_contract.messages import Position, Watermark
from tebura_contract.recording import (
    CompressedImage,
    CompressedVideo,
    CountBatch,
    FoxgloveTime,
    Meta,
    RecordedDetections,
    Screen,
)
from tebura_edge.foxglove import decode_picture, encode_picture
from tebura_edge.recorder import AnyMessage, RecordingReader, RecordingWriter
from tebura_edge.viewer_schema import viewer_schema

START = 1_700_000_000 * SECOND_NS + 250_000_000
CAMERA = CameraId("aisle")
NODE = NodeId("plates-1")
ODD_BYTES = bytes(range(256)) * 3
# What Foxglove's reader of JSON Schema knows; anything else fails the whole channel.
PLAIN = {"boolean", "string", "number", "integer"}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "all.mcap"
    meta = Meta(title="おにぎり", made_by="test", is_simulated=True, start_ns=Ns(START))
    corners = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    started = NodeStarted(version="1", at_ns=Ns(START), last_alive_ns=None, shelves=())
    event = EventId(NODE, 1, 0)
    sealed = seal(StoreId("s"), event, started, StoreTime(at_ns=Ns(START)), 1, b"k" * 32)
    with RecordingWriter(path, meta) as writer:
        writer.attach("layout.toml", b"[store]", "application/toml")
        writer.counts(
            CountBatch(
                scale="s1", plates=(PlateId("g/s/p"),), at_ns=(Ns(START),), counts=((None,),)
            )
        )
        writer.video(CAMERA, START + 1, ODD_BYTES)
        writer.image(CameraId("gate"), START + 2, b"\xff\xd8")
        writer.screen(START + 3, Screen(camera=CAMERA, account="a", corners_px=corners))
        writer.detections(
            RecordedDetections(
                camera=CAMERA,
                node=NODE,
                captured_ns=Ns(START + 4),
                boxes_xyxy_px=(),
                scores=(),
                keypoints_px=(),
            )
        )
        writer.event(NODE, START + 5, sealed)
        writer.watermark(
            NODE, START + 6, Watermark(boot=1, seq=0, at_ns=Ns(1), uncertainty_ns=Ns(0))
        )
        writer.position(
            NODE,
            START + 7,
            Position(
                track=TrackId("t"),
                at_ns=Ns(START + 7),
                foot_xy_m=(1.0, 2.0),
                hand=HandContent.EMPTY,
            ),
        )
    return path


def opened(path: Path) -> list[tuple[Schema, Channel, Message]]:
    with path.open("rb") as file:
        rows = list(make_reader(file, validate_crcs=True).iter_messages())
    return [(schema, channel, message) for schema, channel, message in rows if schema is not None]


def test_a_recording_is_indexed_and_every_channel_has_a_schema(recording: Path) -> None:
    with recording.open("rb") as file:
        summary = make_reader(file).get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.chunk_indexes
        assert summary.statistics.message_count == len(get_args(AnyMessage))
        assert {channel.schema_id for channel in summary.channels.values()} <= set(summary.schemas)
        assert [index.name for index in summary.attachment_indexes] == ["layout.toml"]


def test_every_type_of_message_is_written_in_a_form_that_foxglove_reads(recording: Path) -> None:
    kinds = {
        (schema.encoding, channel.message_encoding) for schema, channel, _ in opened(recording)
    }
    assert kinds == {("jsonschema", "json"), ("protobuf", "protobuf")}
    for schema, _, message in opened(recording):
        if schema.encoding == "jsonschema":
            form = json.loads(schema.data)
            assert list(unreadable(form)) == []
            assert list(contradictions(json.loads(message.data), form)) == []


def unreadable(schema: dict[str, Any], place: str = "") -> Iterable[str]:
    """Where a schema leaves what Foxglove's parser accepts."""
    if schema.get("type") != "object":
        yield place or "root"
        return
    for name, part in schema["properties"].items():
        inner = part["items"] if part.get("type") == "array" else part
        if inner.get("type") == "object":
            yield from unreadable(inner, f"{place}.{name}")
        elif inner.get("type") not in PLAIN:
            yield f"{place}.{name}"


def contradictions(value: Any, schema: dict[str, Any], place: str = "") -> Iterable[str]:
    """Where a message is not what its schema says (as far as our schemas say anything)."""
    types = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": int | float,
        "boolean": bool,
    }
    if not isinstance(value, types[schema["type"]]):
        yield place
    elif isinstance(value, dict):
        yield from (f"{place}.{name} lacks" for name in schema["required"] if name not in value)
        for name, part in schema["properties"].items():
            if name in value:
                yield from contradictions(value[name], part, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from contradictions(inner, schema["items"], f"{place}[]")


def test_a_viewers_schema_names_what_it_can_show_and_no_more() -> None:
    shown = viewer_schema(CountBatch)["properties"]
    assert shown.keys() == {"scale", "plates", "at_ns"}, "rows of counts are lists in a list"
    assert viewer_schema(Position)["properties"]["foot_xy_m"]["items"]["type"] == "number"
    assert "empty" in viewer_schema(Position)["properties"]["hand"]["enum"]


@pytest.mark.parametrize(
    ("topic", "name", "data", "form"),
    [
        pytest.param(
            "/video/aisle", "foxglove.CompressedVideo", ODD_BYTES, "h264", id="a-frame-of-h264"
        ),
        pytest.param("/video/gate", "foxglove.CompressedImage", b"\xff\xd8", "jpeg", id="a-jpeg"),
    ],
)
def test_anybody_reads_pictures_by_the_schema_in_the_file(
    recording: Path, topic: str, name: str, data: bytes, form: str
) -> None:
    schema, message = next(
        (schema, message)
        for schema, channel, message in opened(recording)
        if channel.topic == topic
    )
    assert schema.name == name
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
        pool.Add(file)
    picture: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
    picture.ParseFromString(message.data)
    assert (picture.data, picture.format) == (data, form)
    assert picture.frame_id == topic.removeprefix("/video/")
    assert picture.timestamp.seconds * SECOND_NS + picture.timestamp.nanos == message.log_time


PICTURE = CompressedImage(
    timestamp=FoxgloveTime(sec=1, nsec=2), frame_id="aisle", data=b"{\x0a", format="jpeg"
)


def test_pictures_written_as_json_by_an_older_node_still_read(tmp_path: Path) -> None:
    path = tmp_path / "old.mcap"
    old = CompressedVideo(timestamp=FoxgloveTime(sec=1, nsec=2), frame_id="aisle", data=b"\x01")
    meta = Meta(title="", made_by="test", is_simulated=True, start_ns=Ns(START))
    with RecordingWriter(path, meta) as writer:
        writer._add_raw("/video/aisle", START, CompressedVideo, encode(old))
    with RecordingReader(path) as reader:
        assert [recorded.message for recorded in reader.messages(["/video/aisle"])] == [old]


def test_a_field_of_a_newer_schema_is_passed_over() -> None:
    newer = encode_picture(PICTURE) + b"\x48\x96\x01" + b"\x52\x02hi" + b"\x59" + b"\x00" * 8
    assert decode_picture(newer, CompressedImage, 10_000) == PICTURE


FIELD_ENDS = {6, 10, 16}
"""Where the time, the data and the format of `PICTURE` end: a message may end after any field."""


@pytest.mark.parametrize("size", sorted(set(range(1, 23)) - FIELD_ENDS))
def test_a_picture_cut_short_is_an_error_and_never_a_shorter_picture(size: int) -> None:
    raw = encode_picture(PICTURE)
    assert len(raw) == 23
    with pytest.raises(DecodeError):
        decode_picture(raw[:size], CompressedImage, 10_000)


def test_a_picture_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DecodeError, match="at most"):
        decode_picture(encode_picture(PICTURE), CompressedImage, 5)
