"""The command `scenario draw`: a scenario from a seed."""

from pathlib import Path
from typing import Annotated

import typer

from tebura_simulator.cli_scenario import scenario_app
from tebura_simulator.story.difficulty import Difficulty


def register(_app: typer.Typer) -> None:
    """Add the command to the group `scenario`."""
    scenario_app.command()(draw)


def draw(
    difficulty: Annotated[Difficulty, typer.Option(help="How hard it is.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenario.")],
    store: Annotated[str, typer.Option(help="A store at hand: corner, demo or kiosk.")] = "corner",
    layout: Annotated[
        Path | None, typer.Option("--layout", help="Another store's layout file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file to write (default: what is said).")
    ] = None,
) -> None:
    """Draw a scenario: who comes when, what each takes and puts back, what breaks.

    Example: tebura-simulate scenario draw --difficulty busy --seed 7 -o busy-7.toml
    """
    from tebura_contract.config import ConfigError
    from tebura_contract.layout import load_layout

    from tebura_simulator import stores
    from tebura_simulator.cli import fail
    from tebura_simulator.story import drawing
    from tebura_simulator.story.scenario import dump_scenario

    if layout is None and store not in stores.names():
        raise fail(f"--store: no store {store!r}; there are {', '.join(stores.names())}")
    try:
        shop = load_layout(layout) if layout is not None else stores.store(store)[0]
        scenario = drawing.draw(shop, difficulty, seed)
        text = dump_scenario(scenario)
        if out is None:
            typer.echo(text, nl=False)
            return
        out.write_text(text, "utf-8")
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    steps = sum(len(person.do) for person in scenario.shopper)
    typer.echo(
        f"{out}: {len(scenario.shopper)} people, {steps} steps, {scenario.duration_s:.0f} s",
        err=True,
    )
