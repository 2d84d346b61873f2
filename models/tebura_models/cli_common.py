"""What the commands of ``tebura-models`` share."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

ManifestOption = Annotated[Path, typer.Option("--manifest", help="Manifest of your own networks.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
NetworkOption = Annotated[str, typer.Option("--network", help="Name in the manifest.")]
ThreadsOption = Annotated[int, typer.Option(min=1)]


def size_of(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT as numbers."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise typer.BadParameter(f"{text!r} is not WIDTHxHEIGHT, such as 384x256")
    return int(width), int(height)


def fail(error: Exception) -> NoReturn:
    """End with an error a person can act on."""
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)
