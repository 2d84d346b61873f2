"""The commands `scenario …`: scenarios made from labels, and checked."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tebura_simulator.story.cleaned import Cleaned
    from tebura_simulator.story.timeline import Timeline

scenario_app = typer.Typer(
    name="scenario",
    help="Make and check scenarios: who does what in a simulated store.",
    no_args_is_help=True,
)
LayoutFile = Annotated[Path, typer.Option("--layout", help="The store's layout file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(scenario_app)


@scenario_app.command()
def autocheckout(
    visits: Annotated[Path, typer.Argument(help="Labelled visits (JSON).")],
    layout: LayoutFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    seed: Annotated[int, typer.Option(min=0, help="What labels leave open.")] = 0,
    json: Json = False,
) -> None:
    """Turn labelled visits of a real store into scenarios, a file each, and the layout they need.

    Tells every change that was made to the labels: times put in order, articles inferred, places
    added, walks given the time they need.

    Example: tebura-simulate scenario autocheckout visits.json --layout shop.toml -o scenarios
    """
    import msgspec
    from tebura_contract.codec import encode
    from tebura_contract.config import ConfigError
    from tebura_contract.layout import load_layout

    from tebura_simulator.cli import fail
    from tebura_simulator.story.scenario import dump_scenario
    from tebura_simulator.story.visits import LabelError, scenarios_of

    try:
        shop, scenarios, cleaned = scenarios_of(visits.read_bytes(), load_layout(layout), seed)
        out.mkdir(parents=True, exist_ok=True)
        note = f"# Made from {layout.name} for the labelled visits of {visits.name}\n\n"
        (out / "layout.toml").write_bytes(note.encode() + msgspec.toml.encode(shop))
        for name, scenario in scenarios.items():
            (out / f"{name}.toml").write_text(dump_scenario(scenario), encoding="utf-8")
    except LabelError as error:
        raise fail("\n  ".join([f"{visits}:", *error.problems])) from error
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    if json:
        for one in cleaned:
            typer.echo(encode(one).decode())
    else:
        typer.echo(_as_table(cleaned))
    kinds = Counter(one.what for one in cleaned)
    said = ", ".join(f"{count} {what}" for what, count in sorted(kinds.items()))
    typer.echo(f"{out}: {len(scenarios)} scenarios; changes: {said or 'none'}", err=True)


def _as_table(cleaned: "tuple[Cleaned, ...]") -> str:
    rows = [("visit", "event", "what", "why")]
    rows += [
        (one.visit or "(store)", "" if one.event is None else str(one.event), one.what, one.why)
        for one in cleaned
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{wide[0]}}  {row[1]:>{wide[1]}}  {row[2]:<{wide[2]}}  {row[3]}" for row in rows
    )


@scenario_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The scenario (TOML).")],
    layout: LayoutFile,
    json: Json = False,
) -> None:
    """Say what is wrong with a scenario, or who does what when in it.

    Example: tebura-simulate scenario check visit.toml --layout shop.toml
    """
    from tebura_contract.codec import encode
    from tebura_contract.config import ConfigError
    from tebura_contract.layout import load_layout

    from tebura_simulator.cli import fail
    from tebura_simulator.story.scenario import load_scenario
    from tebura_simulator.story.timeline import Timeline
    from tebura_simulator.story.truth import truth_of

    try:
        shop = load_layout(layout)
        timeline = Timeline(load_scenario(file, shop), shop)
    except (ConfigError, ValueError) as error:
        raise fail(error) from error
    truth = truth_of(timeline)
    if json:
        for thing in (*truth.events, *truth.receipts):
            typer.echo(encode(thing).decode())
        return
    typer.echo("\n".join(_course(timeline)))
    for receipt in truth.receipts:
        items = ", ".join(f"{count} {sku}" for sku, count in sorted(receipt.items.items()))
        typer.echo(f"{receipt.shopper} pays for {items or 'nothing'}")


def _course(timeline: "Timeline") -> list[str]:
    """What happens, in order of time."""
    told: list[tuple[float, str]] = []
    for passage in timeline.passages:
        told.append((passage.enter_s, f"{passage.shopper} comes in"))
        told.append((passage.leave_s, f"{passage.shopper} is out"))
    for action in timeline.actions:
        deed = action.kind.value.replace("_", " ")
        what = f" {action.quantity} {action.sku}" if action.sku else ""
        told.append((action.t_s, f"{action.shopper}: {deed}{what}, {action.facing}"))
    for touch in timeline.touches:
        told.append((touch.from_s, f"{touch.shopper}: {touch.kind.value} {touch.facing}"))
    told.append((timeline.duration_s, "the end"))
    return [f"{at_s:8.2f} s  {what}" for at_s, what in sorted(told)]
