"""Is a message an event of a node of ours? Needs the nodes' keys and nothing else.

Done in the writer's thread all the same: two threads that both have much to do in Python wait for
each other at every statement.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError
from tebura_contract.envelope import Envelope, SignatureError, addressed, opened
from tebura_contract.events import Event, began_ns
from tebura_contract.ids import EventId, NodeId, StoreId
from tebura_contract.topics import parse_topic

from tebura_gateway.domain.facts import ended_ns


class DeadReason(StrEnum):
    """Why a message is no event of ours."""

    FORGED = "forged"
    MALFORMED = "malformed"
    OVERSIZE = "oversize"
    UNKNOWN_NODE = "unknown-node"
    WRONG_TOPIC = "wrong-topic"
    UNKNOWN_KIND = "unknown-kind"
    CONFLICT = "conflict"
    PRUNED = "pruned"


class Inbound(msgspec.Struct, frozen=True):
    """A message as it came from the broker; a payload that is too large may be cut."""

    topic: str
    payload: bytes
    size_bytes: int


class Dead(msgspec.Struct, frozen=True):
    """A message that is no event of ours, and why."""

    message: Inbound
    reason: DeadReason
    detail: str
    node: NodeId | None = None


class Arrival(msgspec.Struct, frozen=True):
    """A message with a good signature; without an event it cannot be read, and `why` says so.

    What it speaks of lasted from `from_ns` to `to_ns`; of what cannot be read, when it was said.
    """

    message: Inbound
    envelope: Envelope
    id: EventId
    from_ns: int
    to_ns: int
    event: Event | None
    why: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        return self.id.node, self.id.boot, self.id.seq


def checked(message: Inbound, store: StoreId, node_keys: Mapping[NodeId, bytes]) -> Arrival | Dead:
    """Take a message apart, and look whether its node signed it."""
    if message.size_bytes > MAX_MESSAGE_BYTES:
        detail = f"{message.size_bytes} bytes; at most {MAX_MESSAGE_BYTES}"
        return Dead(message, DeadReason.OVERSIZE, detail)
    try:
        envelope, said_store, event_id = addressed(message.payload)
        topic_store, topic_node, _ = parse_topic(message.topic)
    except (DecodeError, ValueError) as error:
        return Dead(message, DeadReason.MALFORMED, str(error))
    node = event_id.node
    if (said_store, node) != (topic_store, topic_node) or said_store != store:
        detail = f"says {envelope.source} on {message.topic}"
        return Dead(message, DeadReason.WRONG_TOPIC, detail, topic_node)
    key = node_keys.get(node)
    if key is None:
        return Dead(message, DeadReason.UNKNOWN_NODE, f"no key for {node}", node)
    try:
        event = opened(envelope, key)
    except SignatureError as error:
        return Dead(message, DeadReason.FORGED, str(error), node)
    except DecodeError as error:
        at_ns = int(envelope.storetime)
        return Arrival(message, envelope, event_id, at_ns, at_ns, None, str(error))
    from_ns, to_ns = int(began_ns(event)), int(ended_ns(event))
    return Arrival(message, envelope, event_id, from_ns, to_ns, event)
