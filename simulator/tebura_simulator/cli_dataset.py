"""The command `dataset`: pictures to train on, with labels."""

import re
from pathlib import Path
from typing import Annotated

import typer

MAX_JOBS = 64


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dataset)


def dataset(
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    seeds: Annotated[str, typer.Option(help="Worlds: A..B, both included, or one.")],
    split: Annotated[str, typer.Option(help="train or test: nothing is in both.")] = "train",
    size: Annotated[str, typer.Option(help="Of pictures: WIDTHxHEIGHT.")] = "640x360",
    per_scene: Annotated[
        int, typer.Option("--per-scene", min=1, max=1000, help="Pictures a world, at most.")
    ] = 12,
    mix: Annotated[
        str,
        typer.Option(help="lessons; high: with racks above heads; shop: as a shop's cameras see."),
    ] = "lessons",
    jobs: Annotated[
        int, typer.Option(min=1, max=MAX_JOBS, help="Processes; the set does not depend on it.")
    ] = 1,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Draw a training set: a shop, cameras, shoppers, clothes and prints of its own for each seed.

    YOLO's pose format (images/, labels/, data.yaml) and crops of hands by what they hold (hands/,
    hands/index.jsonl). What was cut off goes on where it was; a world is drawn whole or not at all.

    Example: tebura-simulate dataset --seeds 0..199 --jobs 2 -o set
    """
    from tebura_contract.codec import encode

    from tebura_simulator.cli import fail
    from tebura_simulator.cli_bench import parse_seeds
    from tebura_simulator.eta import Eta
    from tebura_simulator.scenes.split import Split

    try:
        from tebura_simulator.scenes.dataset import Plan, write_dataset
        from tebura_simulator.scenes.worlds import Mix
    except ImportError as error:
        raise fail(f"drawing needs the scenes extra ({error.name} is missing)") from error
    try:
        plan = Plan(Split(split), out, parse_size(size), per_scene, Mix(mix))
        worlds = parse_seeds(seeds)
        images = people = hands = 0
        tell = Eta("worlds")
        for done, record in enumerate(write_dataset(plan, worlds, jobs), start=1):
            images += len(record.images)
            people += record.people
            hands += len(record.hands)
            tell(done, len(worlds))
            if json:
                typer.echo(encode(record).decode())
    except (ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped; the same command goes on", err=True)
        raise typer.Exit(130) from None
    said = f"{out}: {len(worlds)} worlds, {images} pictures, {people} people, {hands} hands"
    typer.echo(said, err=True)


def parse_size(text: str) -> tuple[int, int]:
    """``WIDTHxHEIGHT``, both even and not tiny.

    Raises:
        ValueError: If it is not.

    >>> parse_size("640x360")
    (640, 360)
    """
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if found is None or int(found[1]) % 2 or int(found[2]) % 2:
        raise ValueError(f"--size {text!r}: expected WIDTHxHEIGHT, both even")
    return int(found[1]), int(found[2])
