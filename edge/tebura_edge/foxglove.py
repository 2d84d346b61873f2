"""Pictures as Foxglove's published Protocol Buffers messages: the form in which viewers show them.

The wire format is written out here for the two messages there are: a timestamp, two strings and
the bytes of a picture are no reason for a compiler and its run-time library on a node. Field
numbers are those of Foxglove's ``CompressedVideo.proto`` and ``CompressedImage.proto``.
"""

from collections.abc import Mapping

from tebura_contract.codec import DecodeError
from tebura_contract.recording import CompressedImage, CompressedVideo, FoxgloveTime

Picture = CompressedVideo | CompressedImage

_FIELDS: Mapping[type[Picture], Mapping[str, int]] = {
    CompressedVideo: {"timestamp": 1, "frame_id": 2, "data": 3, "format": 4},
    CompressedImage: {"timestamp": 1, "data": 2, "format": 3, "frame_id": 4},
}
_TIMESTAMP = ".google.protobuf.Timestamp"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_INT64, _STRING, _MESSAGE, _RAW, _INT32 = 3, 9, 11, 12, 5
_KINDS = {"timestamp": _MESSAGE, "frame_id": _STRING, "data": _RAW, "format": _STRING}
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


def encode_picture(picture: Picture) -> bytes:
    """The message's bytes."""
    numbers = _FIELDS[type(picture)]
    time = picture.timestamp
    parts = {
        numbers["timestamp"]: _whole(1, time.sec) + _whole(2, time.nsec),
        numbers["frame_id"]: picture.frame_id.encode(),
        numbers["data"]: picture.data,
        numbers["format"]: picture.format.encode(),
    }
    return b"".join(_long(number, parts[number]) for number in sorted(parts))


def decode_picture(raw: bytes, kind: type[Picture], limit_bytes: int) -> Picture:
    """The inverse; fields of a newer schema are passed over.

    Raises:
        DecodeError: If the bytes are too many or no such message.
    """
    if len(raw) > limit_bytes:
        raise DecodeError(f"{len(raw)} bytes; at most {limit_bytes} are accepted")
    numbers = _FIELDS[kind]
    found = _fields(raw)
    try:
        time = _fields(_as_bytes(found.get(numbers["timestamp"], b"")))
        return kind(
            timestamp=FoxgloveTime(sec=_as_int(time.get(1, 0)), nsec=_as_int(time.get(2, 0))),
            frame_id=_as_bytes(found.get(numbers["frame_id"], b"")).decode(),
            data=_as_bytes(found.get(numbers["data"], b"")),
            format=_as_bytes(found.get(numbers["format"], b"")).decode(),
        )
    except UnicodeDecodeError as error:
        raise DecodeError(str(error)) from error


def descriptor(kind: type[Picture]) -> bytes:
    """The ``FileDescriptorSet`` that tells a viewer what the message's bytes mean."""
    timestamp = _long(1, b"Timestamp") + _long(2, _field("seconds", 1, _INT64))
    timestamp += _long(2, _field("nanos", 2, _INT32))
    message = _long(1, kind.__name__.encode())
    for name, number in _FIELDS[kind].items():
        message += _long(2, _field(name, number, _KINDS[name]))
    time_file = "google/protobuf/timestamp.proto"
    files = (
        _file(time_file, "google.protobuf", timestamp),
        _file(f"foxglove/{kind.__name__}.proto", "foxglove", message, time_file),
    )
    return b"".join(_long(1, file) for file in files)


def _file(name: str, package: str, message: bytes, *needs: str) -> bytes:
    file = _long(1, name.encode()) + _long(2, package.encode())
    file += b"".join(_long(3, need.encode()) for need in needs)
    return file + _long(4, message) + _long(12, b"proto3")


def _field(name: str, number: int, kind: int) -> bytes:
    is_optional = 1
    field = _long(1, name.encode()) + _whole(3, number) + _whole(4, is_optional) + _whole(5, kind)
    return field + (_long(6, _TIMESTAMP.encode()) if kind == _MESSAGE else b"")


def _long(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Seven bits a byte, low ones first; negative numbers do not occur here."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(raw: bytes) -> dict[int, int | bytes]:
    """Each field's last value by its number."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(raw):
        key, at = _read_varint(raw, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            found[number], at = _read_varint(raw, at)
            continue
        if kind == _BYTES:
            size, at = _read_varint(raw, at)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise DecodeError(f"field {number} has the unknown wire type {kind}")
        if at + size > len(raw):
            raise DecodeError(f"field {number} is cut short")
        found[number], at = raw[at : at + size], at + size
    return found


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(raw):
            break
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
    raise DecodeError("a number is cut short")


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise DecodeError("a number where bytes belong")
    return value


def _as_int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise DecodeError("bytes where a number belongs")
    return value
