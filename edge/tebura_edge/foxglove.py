"""Pictures as Foxglove's published Protocol Buffers messages, which all viewers show."""

from collections.abc import Mapping

from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage as ImageMessage
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo as VideoMessage
from google.protobuf.message import DecodeError as ProtobufError
from mcap_protobuf.schema import build_file_descriptor_set
from tebura_contract.codec import DecodeError
from tebura_contract.recording import CompressedImage, CompressedVideo, FoxgloveTime

Picture = CompressedVideo | CompressedImage

_MESSAGES: Mapping[type[Picture], type[VideoMessage] | type[ImageMessage]] = {
    CompressedVideo: VideoMessage,
    CompressedImage: ImageMessage,
}


def encode_picture(picture: Picture) -> bytes:
    """The message's bytes."""
    message = _MESSAGES[type(picture)](
        frame_id=picture.frame_id, data=picture.data, format=picture.format
    )
    message.timestamp.seconds = picture.timestamp.sec
    message.timestamp.nanos = picture.timestamp.nsec
    return bytes(message.SerializeToString())


def decode_picture(raw: bytes, kind: type[Picture], limit_bytes: int) -> Picture:
    """The inverse; fields of a newer schema are passed over.

    Raises:
        DecodeError: If the bytes are too many or no such message.
    """
    if len(raw) > limit_bytes:
        raise DecodeError(f"{len(raw)} bytes; at most {limit_bytes} are accepted")
    message = _MESSAGES[kind]()
    try:
        message.ParseFromString(raw)
    except ProtobufError as error:
        raise DecodeError(str(error)) from error
    return kind(
        timestamp=FoxgloveTime(sec=message.timestamp.seconds, nsec=message.timestamp.nanos),
        frame_id=message.frame_id,
        data=message.data,
        format=message.format,
    )


def descriptor(kind: type[Picture]) -> bytes:
    """The ``FileDescriptorSet`` that tells a viewer what the message's bytes mean."""
    return bytes(build_file_descriptor_set(_MESSAGES[kind]).SerializeToString())
