"""How an event travels: CloudEvents 1.0 structured JSON, signed with the node's key.

``source`` is store and node, ``id`` is boot and seq, ``data`` the event. The signature covers every
attribute that matters and the data's exact bytes, so a stolen broker can neither forge nor alter.
"""

import functools
import hmac
import re

import msgspec

from tebura_contract.clock import Ns, StoreTime, rfc3339
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.events import Event, kind_of
from tebura_contract.ids import EventId, NodeId, StoreId

TYPE_PREFIX = "tebura.v1."
CONTENT_TYPE = "application/cloudevents+json"
_SOURCE = re.compile(r"/([a-z0-9][a-z0-9-]*)/([a-z0-9][a-z0-9-]*)")
_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class SignatureError(ValueError):
    """The envelope was not made by the holder of the node's key."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way.

    `storetime` is when it was published, in store time, with its half-width of doubt;
    `monotonic` is the node's own clock at that moment.
    """

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str = "application/json"
    storetime: Ns
    uncertainty: Ns
    monotonic: Ns
    data: msgspec.Raw
    signature: str = ""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope taken apart and checked."""

    store: StoreId
    id: EventId
    event: Event
    published: StoreTime


def seal(
    store: StoreId,
    event_id: EventId,
    event: Event,
    published: StoreTime,
    monotonic_ns: int,
    key: bytes,
) -> bytes:
    """The signed bytes of an event, ready for the outbox and the wire."""
    unsigned = Envelope(
        id=f"{event_id.boot}-{event_id.seq}",
        source=f"/{store}/{event_id.node}",
        type=TYPE_PREFIX + kind_of(event),
        time=rfc3339(published.at_ns),
        storetime=published.at_ns,
        uncertainty=published.uncertainty_ns,
        monotonic=Ns(monotonic_ns),
        data=msgspec.Raw(encode(event)),
    )
    return encode(msgspec.structs.replace(unsigned, signature=_signature(unsigned, key)))


def parse(raw: bytes) -> Envelope:
    """Read the envelope without opening it.

    Raises:
        DecodeError: If it is no envelope of ours, or too large.
    """
    envelope = decode(raw, Envelope)
    identify(envelope)
    return envelope


def identify(envelope: Envelope) -> tuple[StoreId, EventId]:
    """Store and event id of an envelope.

    Raises:
        DecodeError: If ``source`` or ``id`` is malformed.
    """
    source, number = _origin(envelope.source), _ID.fullmatch(envelope.id)
    if source is None or number is None:
        raise DecodeError(f"source {envelope.source!r} or id {envelope.id!r} is malformed")
    store, node = source
    return store, EventId(node, int(number[1]), int(number[2]))


@functools.lru_cache(maxsize=256)
def _origin(source: str) -> tuple[StoreId, NodeId] | None:
    # A store has few nodes, and each says its name with every event.
    match = _SOURCE.fullmatch(source)
    return (StoreId(match[1]), NodeId(match[2])) if match is not None else None


def open_envelope(envelope: Envelope, key: bytes) -> Received:
    """Check the signature, then decode the event.

    Raises:
        SignatureError: If the signature does not fit.
        DecodeError: If the event is of an unknown type or malformed.
    """
    if not hmac.compare_digest(envelope.signature, _signature(envelope, key)):
        raise SignatureError(f"{envelope.source} {envelope.id}: the signature does not fit")
    store, event_id = identify(envelope)
    event: Event = decode(bytes(envelope.data), Event)  # type: ignore[arg-type]
    if envelope.type != TYPE_PREFIX + kind_of(event):
        raise DecodeError(f"type {envelope.type!r} does not fit its data")
    published = StoreTime(at_ns=envelope.storetime, uncertainty_ns=envelope.uncertainty)
    return Received(store=store, id=event_id, event=event, published=published)


def _signature(envelope: Envelope, key: bytes) -> str:
    parts = (
        envelope.source,
        envelope.id,
        envelope.type,
        str(int(envelope.storetime)),
        str(int(envelope.uncertainty)),
        str(int(envelope.monotonic)),
    )
    # Newlines cannot occur in these attributes, so the message is unambiguous.
    message = "\n".join(parts).encode() + b"\n" + bytes(envelope.data)
    return hmac.digest(key, message, "sha256").hex()
