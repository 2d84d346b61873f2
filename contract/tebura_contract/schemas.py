"""What travels, described for other languages: JSON Schema 2020-12 and AsyncAPI 3.0.

Both are generated from the types and from the table of topics, so they cannot say another thing;
the documents in `contract/schemas` are kept in step by a test.
"""

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from tebura_contract.codec import ns_schema
from tebura_contract.envelope import CONTENT_TYPE, TYPE_PREFIX, Envelope
from tebura_contract.events import EVENT_TYPES
from tebura_contract.ids import NAME_PATTERN
from tebura_contract.topics import CHANNELS, ROOT, Channel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1"

Document = dict[str, Any]
"""A JSON document on its way out."""


def components(kinds: Iterable[Any], place: str) -> dict[str, Document]:
    """Schemas of these types and all they hold, by name; references begin with `place`."""
    _, found = msgspec.json.schema_components(
        list(kinds), schema_hook=ns_schema, ref_template=f"{place}{{name}}"
    )
    return dict(sorted(found.items()))


def message_types() -> list[type]:
    """Everything that may be the payload of a message, or an event in an envelope."""
    found: list[type] = [*EVENT_TYPES]
    for delivery in CHANNELS.values():
        found += get_args(delivery.payload) or [delivery.payload]
    return found


def json_schema_document() -> Document:
    """Every message and event under `$defs`."""
    return {
        "$schema": DIALECT,
        "$id": f"{ROOT}/messages.json",
        "title": "Messages between the nodes and the gateway of a store",
        "$defs": components(message_types(), "#/$defs/"),
    }


def asyncapi_document() -> Document:
    """The topics as the gateway sees them: it receives what nodes write, and sends the rest."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tebura nodes and gateway",
            "version": VERSION,
            "description": (
                "MQTT 3.1.1 or 5. Events are CloudEvents 1.0 in structured JSON, signed with "
                "their node's key; a node keeps each until the gateway's ack names it. Receivers "
                "ignore fields they do not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.value: _channel(channel) for channel in CHANNELS},
        "operations": {
            f"{_action(channel)}-{channel.value}": {
                "action": _action(channel),
                "channel": {"$ref": f"#/channels/{channel.value}"},
                "bindings": {"mqtt": _binding(channel)},
            }
            for channel in CHANNELS
        },
        "components": {
            "messages": _messages(),
            "schemas": components(message_types(), "#/components/schemas/"),
        },
    }


def _action(channel: Channel) -> str:
    return "receive" if CHANNELS[channel].from_node else "send"


def _binding(channel: Channel) -> Document:
    delivery = CHANNELS[channel]
    return {"qos": delivery.qos, "retain": delivery.retain, "bindingVersion": "0.2.0"}


def _channel(channel: Channel) -> Document:
    described: Document = {
        "address": f"{ROOT}/{{store}}/{{node}}/{channel.value}",
        "parameters": {
            name: {"description": f"the {name}'s name, {NAME_PATTERN}"}
            for name in ("store", "node")
        },
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _names_on(channel)
        },
    }
    max_age_s = CHANNELS[channel].max_age_s
    if max_age_s is not None:
        described["description"] = f"A receiver may drop what is older than {max_age_s:g} s."
    return described


def _names_on(channel: Channel) -> list[str]:
    payload = CHANNELS[channel].payload
    if payload is Envelope:
        return [_tag(kind) for kind in EVENT_TYPES]
    return [kind.__name__ for kind in get_args(payload) or [payload]]


def _messages() -> dict[str, Document]:
    found = {}
    for kind in EVENT_TYPES:
        data = {"data": _ref(kind), "type": {"const": TYPE_PREFIX + _tag(kind)}}
        found[_tag(kind)] = {
            "contentType": CONTENT_TYPE,
            "summary": _first_line(kind),
            "payload": {"allOf": [_ref(Envelope), {"properties": data}]},
        }
    for channel, delivery in CHANNELS.items():
        if delivery.payload is Envelope:
            continue
        for name, kind in zip(
            _names_on(channel), get_args(delivery.payload) or [delivery.payload], strict=True
        ):
            found[name] = {"summary": _first_line(kind), "payload": _ref(kind)}
    return found


def _ref(kind: type) -> Document:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _tag(kind: type[msgspec.Struct]) -> str:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
