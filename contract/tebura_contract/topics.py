"""The one table of topics: who writes, who reads, how it is delivered. Nothing else names a topic.

>>> topic(Channel.EVENT, StoreId("demo"), NodeId("plates-1"))
'tebura/v1/demo/plates-1/event'
"""

import functools
from enum import StrEnum
from typing import Any

import msgspec

from tebura_contract.envelope import Envelope
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.messages import Ack, ClockQuestion, Command, Health, Position, Watermark

ROOT = "tebura/v1"


class Channel(StrEnum):
    """Last level of a topic."""

    EVENT = "event"
    WATERMARK = "watermark"
    HEALTH = "health"
    POSITION = "position"
    CLOCK = "clock"
    ACK = "ack"
    COMMAND = "command"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel is carried. `max_age_s` says when a receiver may drop what it holds."""

    payload: Any
    from_node: bool
    qos: int
    retain: bool = False
    max_age_s: float | None = None


CHANNELS: dict[Channel, Delivery] = {
    Channel.EVENT: Delivery(payload=Envelope, from_node=True, qos=1),
    Channel.WATERMARK: Delivery(payload=Watermark, from_node=True, qos=0, max_age_s=60),
    Channel.HEALTH: Delivery(payload=Health, from_node=True, qos=1, retain=True),
    Channel.POSITION: Delivery(payload=Position, from_node=True, qos=0, max_age_s=1),
    Channel.CLOCK: Delivery(payload=ClockQuestion, from_node=True, qos=0, max_age_s=1),
    Channel.ACK: Delivery(payload=Ack, from_node=False, qos=1),
    Channel.COMMAND: Delivery(payload=Command, from_node=False, qos=1),
}


def topic(channel: Channel, store: StoreId, node: NodeId) -> str:
    return f"{ROOT}/{store}/{node}/{channel.value}"


def subscription(channel: Channel, store: StoreId) -> str:
    """Filter for one channel of all nodes of a store."""
    return f"{ROOT}/{store}/+/{channel.value}"


@functools.lru_cache(maxsize=1024)
def parse_topic(text: str) -> tuple[StoreId, NodeId, Channel]:
    """Take a topic apart.

    Raises:
        ValueError: If it is none of ours.
    """
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise ValueError(f"not a topic of ours: {text!r}")
    return StoreId(parts[2]), NodeId(parts[3]), Channel(parts[4])
