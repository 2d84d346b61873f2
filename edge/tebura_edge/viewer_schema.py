"""A message type's JSON Schema in the narrow form that viewers of recordings read.

Foxglove wants an object at the root and follows no ``$ref``; it knows plain values, objects, and
lists of these, but no list in a list and no "or null". One property that it does not know costs the
whole channel. So definitions are put in place, and a property it could not show is left unnamed:
JSON Schema allows what it does not name, and viewers show the message's own JSON all the same.
"""

from typing import Any

from tebura_contract.codec import json_schema

_PLAIN = {"string", "number", "integer", "boolean"}


def viewer_schema(kind: Any) -> dict[str, Any]:
    """The schema of a message type for the head of a recording's channel."""
    whole = json_schema(kind)
    shown = _shown(whole, whole.get("$defs", {}))
    assert shown is not None, f"{kind} is no object"
    return shown


def _shown(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any] | None:
    """The schema without references; None for what viewers cannot show."""
    if "$ref" in schema:
        return _shown(known[schema["$ref"].removeprefix("#/$defs/")], known)
    if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
        return {"type": "string", "enum": schema["enum"]}
    match schema.get("type"):
        case "object" if "properties" in schema:
            return _object(schema, known)
        case "array":
            return _list(schema, known)
        case kind if kind in _PLAIN:
            return schema
        case _:
            return None


def _object(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _shown(part, known) for name, part in schema["properties"].items()}
    shown = {name: part for name, part in inner.items() if part is not None}
    required = [name for name in schema.get("required", ()) if name in shown]
    about = {key: text for key, text in schema.items() if key in ("title", "description")}
    return about | {"type": "object", "properties": shown, "required": required}


def _list(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any] | None:
    """A list, or a tuple whose parts are all alike, of plain values or objects."""
    parts = schema.get("prefixItems") or [schema.get("items")]
    if not isinstance(parts[0], dict) or any(part != parts[0] for part in parts):
        return None
    inner = _shown(parts[0], known)
    if inner is None or inner["type"] == "array":
        return None
    return {"type": "array", "items": inner}
