"""Reading MCAP files that a power cut left without their index, or torn in the middle."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Attachment, Channel, Chunk, Message, Schema
from mcap.stream_reader import breakup_chunk, read_magic

_HEADER_BYTES = 9  # of a record: opcode and length
_MAGIC_BYTES = 8


@dataclass
class Rescued:
    """What could be read of a file without index.

    Each message is (topic, schema name, log time in ns, bytes), in order of log time.
    """

    messages: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)


def whole_reader(file: BinaryIO) -> SeekingReader | None:
    """A reader that goes by the index, or None when the file ends without one."""
    reader = SeekingReader(file, validate_crcs=True)
    try:
        return reader if reader.get_summary() is not None else None
    except Exception:  # the parser fails in many ways on bytes that are no footer
        return None


def rescue(file: BinaryIO, size_bytes: int) -> Rescued:
    """Read record by record as far as whole and undamaged ones go.

    Raises:
        mcap.exceptions.McapError: If it does not even begin like an MCAP file.
    """
    file.seek(0)
    read_magic(ReadDataStream(file))
    found = Rescued()
    schemas: dict[int, str] = {}
    channels: dict[int, Channel] = {}
    for record in _whole_records(file, size_bytes):
        match record:
            case Attachment():
                found.attachments.append(record)
            case Schema():
                schemas[record.id] = record.name
            case Channel():
                channels[record.id] = record
            case Message():
                channel = channels[record.channel_id]
                name = schemas.get(channel.schema_id, "")
                found.messages.append((channel.topic, name, record.log_time, record.data))
            case _:
                pass
    found.messages.sort(key=lambda entry: entry[2])
    return found


def _whole_records(file: BinaryIO, size_bytes: int) -> Iterator[Any]:
    at = _MAGIC_BYTES
    while at + _HEADER_BYTES <= size_bytes:
        file.seek(at)
        header = file.read(_HEADER_BYTES)
        opcode, length = header[0], int.from_bytes(header[1:], "little")
        at += _HEADER_BYTES + length
        if at > size_bytes or opcode == Opcode.DATA_END:
            return
        try:
            yield from _opened(opcode, ReadDataStream(file), length)
        except Exception:  # torn or damaged: where the next record begins is not to be trusted
            return


def _opened(opcode: int, stream: ReadDataStream, length: int) -> list[Any]:
    match opcode:
        case Opcode.CHUNK:
            return list(breakup_chunk(Chunk.read(stream), validate_crc=True))
        case Opcode.ATTACHMENT:
            return [Attachment.read(stream)]
        case Opcode.SCHEMA:
            return [Schema.read(stream)]
        case Opcode.CHANNEL:
            return [Channel.read(stream)]
        case Opcode.MESSAGE:
            return [Message.read(stream, length)]
        case _:
            return []
