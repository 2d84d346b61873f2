"""Recordings: MCAP files with what a node sensed and said, to be replayed or looked at.

The channels and message types are the contract's (`tebura_contract.recording`). Log time is store
time. Chunks are written out at least every `FLUSH_EVERY_NS` of log time, so that a file cut short
by a power failure lacks at most its last moments and still reads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcap.records import Attachment
from mcap.writer import Writer
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.envelope import Envelope
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.messages import Position, Watermark
from tebura_contract.recording import (
    COUNTS_TOPIC,
    DETECTIONS_TOPIC,
    EVENTS_TOPIC,
    META_TOPIC,
    POSITIONS_TOPIC,
    SCHEMA_VERSION,
    SCREEN_TOPIC,
    VIDEO_TOPIC,
    WATERMARKS_TOPIC,
    CompressedImage,
    CompressedVideo,
    CountBatch,
    FoxgloveTime,
    Meta,
    RecordedDetections,
    Screen,
)

from tebura_edge.foxglove import Picture, decode_picture, descriptor, encode_picture
from tebura_edge.rescue import Rescued, rescue, whole_reader
from tebura_edge.viewer_schema import viewer_schema

FLUSH_EVERY_NS = 2 * SECOND_NS
MAX_RECORD_BYTES = 32 * 1024 * 1024
"""No message of a recording is larger: an hour of one plate's counts, or a very large frame."""

_CHUNK_BYTES = 512 * 1024

AnyMessage = (
    Meta
    | CountBatch
    | CompressedVideo
    | CompressedImage
    | Screen
    | RecordedDetections
    | Envelope
    | Watermark
    | Position
)

_SCHEMA_NAMES: dict[type[AnyMessage], str] = {
    Meta: "tebura.Meta",
    CountBatch: "tebura.CountBatch",
    CompressedVideo: "foxglove.CompressedVideo",
    CompressedImage: "foxglove.CompressedImage",
    Screen: "tebura.Screen",
    RecordedDetections: "tebura.RecordedDetections",
    Envelope: "tebura.Envelope",
    Watermark: "tebura.Watermark",
    Position: "tebura.Position",
}
_TYPES: dict[str, type[AnyMessage]] = {name: kind for kind, name in _SCHEMA_NAMES.items()}


class RecordingError(ValueError):
    """A file that is no recording of ours; the text names it and why."""


class RecordingFull(OSError):
    """The recording reached its size limit; what was written so far is whole."""


@dataclass(frozen=True)
class Recorded:
    """One message of a recording with its topic and store time."""

    topic: str
    at_ns: Ns
    message: AnyMessage


class RecordingWriter:
    """Writes one recording; use it as a context manager or call `close`.

    Log times of a topic never run backwards in the file, even where a device's clock stepped back:
    the times inside the messages tell.

    Args:
        path: The file to make; an existing one is replaced.
        meta: Becomes the first message.
        limit_bytes: `RecordingFull` is raised by the write that would go beyond it; the chunk then
            in memory (at most `_CHUNK_BYTES`) still comes on top.
    """

    def __init__(self, path: Path, meta: Meta, limit_bytes: int | None = None) -> None:
        self._file = path.open("wb")
        self._writer = Writer(self._file, chunk_size=_CHUNK_BYTES, enable_data_crcs=False)
        self._writer.start(profile="", library="tebura")
        self._limit_bytes = limit_bytes
        self._schemas: dict[type[AnyMessage], int] = {}
        self._channels: dict[tuple[str, type[AnyMessage]], int] = {}
        self._last_ns: dict[str, int] = {}
        self._flushed_ns = int(meta.start_ns)
        self._start_ns = int(meta.start_ns)
        self._is_closed = False
        self._add(META_TOPIC, int(meta.start_ns), meta)

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counts(self, batch: CountBatch, arrived_ns: int | None = None) -> None:
        """Raw counts of one scale, logged when they arrived.

        Without `arrived_ns` that is the last row's time: when the batch was complete.
        """
        if not batch.at_ns:
            return
        at_ns = int(batch.at_ns[-1]) if arrived_ns is None else arrived_ns
        self._add(COUNTS_TOPIC.format(scale=batch.scale), at_ns, batch)

    def image(self, camera: CameraId, at_ns: int, jpeg: bytes) -> None:
        """One frame as a JPEG."""
        message = CompressedImage(timestamp=_foxglove_time(at_ns), frame_id=camera, data=jpeg)
        self._add(VIDEO_TOPIC.format(camera=camera), at_ns, message)

    def video(self, camera: CameraId, at_ns: int, h264: bytes) -> None:
        """One frame of H.264, Annex B; key frames carry their parameter sets."""
        message = CompressedVideo(timestamp=_foxglove_time(at_ns), frame_id=camera, data=h264)
        self._add(VIDEO_TOPIC.format(camera=camera), at_ns, message)

    def screen(self, at_ns: int, screen: Screen) -> None:
        self._add(SCREEN_TOPIC.format(camera=screen.camera), at_ns, screen)

    def detections(self, detections: RecordedDetections) -> None:
        topic = DETECTIONS_TOPIC.format(camera=detections.camera)
        self._add(topic, int(detections.captured_ns), detections)

    def event(self, node: NodeId, at_ns: int, sealed: bytes) -> None:
        """A published event, as the sealed bytes that went over the wire."""
        self._add_raw(EVENTS_TOPIC.format(node=node), at_ns, Envelope, sealed)

    def watermark(self, node: NodeId, at_ns: int, mark: Watermark) -> None:
        """What a node promised at `at_ns`."""
        self._add(WATERMARKS_TOPIC.format(node=node), at_ns, mark)

    def position(self, node: NodeId, at_ns: int, position: Position) -> None:
        self._add(POSITIONS_TOPIC.format(node=node), at_ns, position)

    def attach(self, name: str, data: bytes, media_type: str) -> None:
        """A whole file beside the messages: the layout, a calibration, the truth."""
        self._writer.add_attachment(self._start_ns, self._start_ns, name, media_type, data)

    def size_bytes(self) -> int:
        """How much of the file is written; the chunk in progress is not in it."""
        return self._file.tell()

    def close(self) -> None:
        """Write the index and close the file; closing twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._writer.finish()  # type: ignore[no-untyped-call]
        finally:
            self._file.close()

    def _add(self, topic: str, at_ns: int, message: AnyMessage) -> None:
        raw = encode_picture(message) if isinstance(message, Picture) else encode(message)
        self._add_raw(topic, at_ns, type(message), raw)

    def _add_raw(self, topic: str, at_ns: int, kind: type[AnyMessage], raw: bytes) -> None:
        if self._limit_bytes is not None and self.size_bytes() + len(raw) > self._limit_bytes:
            raise RecordingFull(f"{self._file.name}: reached {self._limit_bytes} bytes")
        log_ns = max(at_ns, self._last_ns.get(topic, 0))
        channel = self._channel(topic, kind)
        self._writer.add_message(channel, log_ns, raw, publish_time=log_ns)
        self._last_ns[topic] = log_ns
        if log_ns - self._flushed_ns >= FLUSH_EVERY_NS:
            self._flushed_ns = log_ns
            self._writer.flush()  # type: ignore[no-untyped-call]

    def _channel(self, topic: str, kind: type[AnyMessage]) -> int:
        key = (topic, kind)
        if key not in self._channels:
            if kind not in self._schemas:
                self._schemas[kind] = self._schema(kind)
            encoding = "protobuf" if issubclass(kind, Picture) else "json"
            self._channels[key] = self._writer.register_channel(
                topic, encoding, self._schemas[kind]
            )
        return self._channels[key]

    def _schema(self, kind: type[AnyMessage]) -> int:
        """What viewers need: pictures in Protocol Buffers, the one form that all of them show."""
        name = _SCHEMA_NAMES[kind]
        encoding, schema = (
            ("protobuf", descriptor(kind))
            if issubclass(kind, Picture)
            else ("jsonschema", encode(viewer_schema(kind)))
        )
        return int(self._writer.register_schema(name, encoding, schema))


class RecordingReader:
    """Reads a recording, also one that was cut short.

    Raises:
        RecordingError: If the file cannot be read or is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self._whole = whole_reader(self._file)
            self._rescued: Rescued | None = (
                None if self._whole else rescue(self._file, path.stat().st_size)
            )
        except Exception as error:
            self._file.close()
            why = str(error) or ("is empty" if not path.stat().st_size else type(error).__name__)
            raise RecordingError(f"{path}: is no recording: {why}") from error

    def __enter__(self) -> "RecordingReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends without its index; what came before the end is there."""
        return self._whole is None

    def meta(self) -> Meta:
        """What made the recording.

        Raises:
            RecordingError: If it has none, or is of a newer schema.
        """
        for recorded in self.messages([META_TOPIC]):
            assert isinstance(recorded.message, Meta)
            if recorded.message.schema_version > SCHEMA_VERSION:
                raise RecordingError(
                    f"{self.path}: schema {recorded.message.schema_version} is newer than ours "
                    f"({SCHEMA_VERSION})"
                )
            return recorded.message
        raise RecordingError(f"{self.path}: holds no {META_TOPIC}")

    def topics(self) -> tuple[str, ...]:
        """Names of the topics that occur, sorted."""
        if self._rescued is not None:
            return tuple(sorted({topic for topic, _, _, _ in self._rescued.messages}))
        assert self._whole is not None
        summary = self._whole.get_summary()
        assert summary is not None
        return tuple(sorted({channel.topic for channel in summary.channels.values()}))

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[Recorded]:
        """All messages of these topics (default: all) in order of log time, then of writing.

        Messages of types this version does not know are left out.

        Raises:
            RecordingError: If a message is not what its schema says, or the file is damaged.
        """
        wanted = None if topics is None else tuple(topics)
        for topic, schema, log_ns, raw in self._raw_messages(wanted):
            kind = _TYPES.get(schema)
            if kind is None:
                continue
            try:
                message = _decoded(raw, kind)
            except DecodeError as error:
                raise RecordingError(f"{self.path}: {topic} at {log_ns}: {error}") from error
            yield Recorded(topic, Ns(log_ns), message)

    def attachment(self, name: str) -> bytes | None:
        """The bytes of an attachment, the last of that name; None without one."""
        found = None
        for attachment in self._attachments():
            if attachment.name == name:
                found = bytes(attachment.data)
        return found

    def attachments(self) -> tuple[str, ...]:
        """Names of all attachments, in order of writing."""
        return tuple(attachment.name for attachment in self._attachments())

    def _attachments(self) -> Iterator[Attachment]:
        if self._rescued is not None:
            return iter(self._rescued.attachments)
        assert self._whole is not None
        return iter(self._whole.iter_attachments())

    def _raw_messages(
        self, topics: tuple[str, ...] | None
    ) -> Iterator[tuple[str, str, int, bytes]]:
        if self._rescued is not None:
            for entry in self._rescued.messages:
                if topics is None or entry[0] in topics:
                    yield entry
            return
        assert self._whole is not None
        try:
            for schema, channel, message in self._whole.iter_messages(topics):
                yield channel.topic, schema.name if schema else "", message.log_time, message.data
        except Exception as error:  # the parser and its codecs fail in many ways on damaged bytes
            raise RecordingError(f"{self.path}: is damaged: {error}") from error


def _decoded(raw: bytes, kind: type[AnyMessage]) -> AnyMessage:
    """A message; pictures of recordings before 2026-11-22 are JSON as everything else."""
    if issubclass(kind, Picture) and not raw.startswith(b"{"):
        return decode_picture(raw, kind, MAX_RECORD_BYTES)
    return decode(raw, kind, limit_bytes=MAX_RECORD_BYTES)


def _foxglove_time(at_ns: int) -> FoxgloveTime:
    whole_s, rest_ns = divmod(at_ns, SECOND_NS)
    return FoxgloveTime(sec=whole_s, nsec=rest_ns)
