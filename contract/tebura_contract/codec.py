"""Bytes to types and back: strict about types, tolerant of fields from a newer sender."""

import re
from typing import Any, TypeVar

import msgspec

from tebura_contract.clock import Ns

T = TypeVar("T")

MAX_MESSAGE_BYTES = 64 * 1024
"""No message of ours is larger; the broker and every receiver refuse what is."""


class DecodeError(ValueError):
    """Bytes from outside that are not what they should be; the text names the place."""


def _to_builtin(value: Any) -> Any:
    if isinstance(value, Ns):
        return str(int(value))
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def _from_builtin(kind: type, value: Any) -> Any:
    if kind is Ns:
        # Nearly all are plain digits, which is quicker seen than by the pattern.
        if type(value) is str and len(value) <= 19 and value.isdigit() and value.isascii():
            return Ns(value)
        if not isinstance(value, str) or _NS.fullmatch(value) is None:
            raise ValueError("nanoseconds are a string of digits")
        return Ns(value)
    raise NotImplementedError(f"cannot decode {kind.__name__}")


_NS = re.compile("-?[0-9]{1,19}")
_ENCODER = msgspec.json.Encoder(enc_hook=_to_builtin)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: Any) -> bytes:
    """One JSON document, without a line break."""
    return _ENCODER.encode(value)


def decode(raw: bytes, kind: type[T], limit_bytes: int = MAX_MESSAGE_BYTES) -> T:
    """Decode and validate in one pass.

    Raises:
        DecodeError: If the bytes are too many, no JSON, or not of that type.
    """
    if len(raw) > limit_bytes:
        raise DecodeError(f"{len(raw)} bytes; at most {limit_bytes} are accepted")
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, dec_hook=_from_builtin)
    try:
        return decoder.decode(raw)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DecodeError(str(error)) from error


def to_plain(value: Any) -> Any:
    """Dicts, lists and scalars, as JSON would hold them."""
    return msgspec.to_builtins(value, enc_hook=_to_builtin)


def from_plain(value: Any, kind: type[T]) -> T:
    """The inverse of `to_plain`.

    Raises:
        DecodeError: If the value is not of that type.
    """
    try:
        return msgspec.convert(value, kind, dec_hook=_from_builtin)
    except (msgspec.ValidationError, ValueError) as error:
        raise DecodeError(str(error)) from error


def ns_schema(kind: type) -> dict[str, Any]:
    """How the one type of ours looks that JSON does not have."""
    if kind is Ns:
        return {"type": "string", "pattern": "^-?[0-9]{1,19}$"}
    raise NotImplementedError(kind)


def json_schema(kind: Any) -> dict[str, Any]:
    """JSON Schema 2020-12 of a type of this contract."""
    return msgspec.json.schema(kind, schema_hook=ns_schema)
