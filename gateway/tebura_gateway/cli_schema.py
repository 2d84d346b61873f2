"""`tebura-gateway schema`: the documents that describe the gateway to other programs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from tebura_contract.schemas import asyncapi_document, json_schema_document


def documents() -> dict[str, dict[str, Any]]:
    """Each document by the name of its file."""
    # Imported here: no other command needs the web server.
    from tebura_gateway.api.app import routed

    return {
        "openapi.json": routed().openapi(),
        "asyncapi.json": asyncapi_document(),
        "messages.json": json_schema_document(),
    }


def as_text(document: dict[str, Any]) -> str:
    """A document as it is written to a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def schema(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write them to.")],
) -> None:
    """Write OpenAPI 3.1, AsyncAPI 3.0 and JSON Schema, generated from the types."""
    output.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (output / name).write_text(as_text(document), encoding="utf-8")
        typer.echo(output / name)
