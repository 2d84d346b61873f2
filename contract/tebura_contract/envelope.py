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
    signature = _signature(unsigned, bytes(unsigned.data), key)
    return encode(msgspec.structs.replace(unsigned, signature=signature))


def parse(raw: bytes) -> Envelope:
    """Read the envelope without opening it.

    Raises:
        DecodeError: If it is no envelope of ours, or too large.
    """
    return addressed(raw)[0]


def addressed(raw: bytes) -> tuple[Envelope, StoreId, EventId]:
    """Read the envelope, its store and its event's id, without opening it.

    Raises:
        DecodeError: If it is no envelope of ours, or too large.
    """
    envelope = decode(raw, Envelope)
    return envelope, *identify(envelope)


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
    event = opened(envelope, key)
    store, event_id = identify(envelope)
    published = StoreTime(at_ns=envelope.storetime, uncertainty_ns=envelope.uncertainty)
    return Received(store=store, id=event_id, event=event, published=published)


def opened(envelope: Envelope, key: bytes) -> Event:
    """The event alone, its signature checked.

    Raises:
        SignatureError: If the signature does not fit.
        DecodeError: If the event is of an unknown type or malformed.
    """
    data = bytes(envelope.data)
    expected = _signature(envelope, data, key)
    # As bytes: of text it compares ASCII only, and raises at anything else.
    if not hmac.compare_digest(envelope.signature.encode(), expected.encode()):
        raise SignatureError(f"{envelope.source} {envelope.id}: the signature does not fit")
    event: Event = decode(data, Event)  # type: ignore[arg-type]
    if envelope.type != TYPE_PREFIX + kind_of(event):
        raise DecodeError(f"type {envelope.type!r} does not fit its data")
    return event


def _signature(envelope: Envelope, data: bytes, key: bytes) -> str:
    # Newlines cannot occur in these attributes, so the message is unambiguous.
    attributes = (
        f"{envelope.source}\n{envelope.id}\n{envelope.type}\n"
        f"{envelope.storetime:d}\n{envelope.uncertainty:d}\n{envelope.monotonic:d}\n"
    )
    begun = _begun(key).copy()
    begun.update(attributes.encode() + data)
    return begun.hexdigest()


@functools.lru_cache(maxsize=256)
def _begun(key: bytes) -> hmac.HMAC:
    # The same for all messages of a node, and as much work as a short message itself.
    return hmac.new(key, digestmod="sha256")
