"""The commands `cases …`: the named hard cases, listed and recorded."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from tebura_contract.codec import encode

cases_app = typer.Typer(
    name="cases", help="The named hard cases: listed, recorded.", no_args_is_help=True
)


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `cases list --json`."""

    case: str
    title: str
    store: str
    seconds: float
    plates: str


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(cases_app)


@cases_app.command("list")
def list_(
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Name the hard cases, each with its store. What is right is said in the files themselves.

    Example: tebura-simulate cases list
    """
    from tebura_contract.config import ConfigError

    from tebura_simulator.cases import named
    from tebura_simulator.cli import fail
    from tebura_simulator.stores import store
    from tebura_simulator.story.scenario import load_scenario

    for name, case in named().items():
        try:
            scenario = load_scenario(case.path, store(case.store)[0])
        except ConfigError as error:
            raise fail(error) from error
        line = CaseLine(
            case=name,
            title=scenario.title,
            store=case.store,
            seconds=scenario.duration_s,
            plates=scenario.plates.kind.value,
        )
        text = f"{name:28} {case.store:7} {line.plates:8} {line.seconds:3.0f} s  {line.title}"
        typer.echo(encode(line).decode() if json else text)


@cases_app.command()
def record(
    only: Annotated[
        list[str] | None, typer.Argument(help="Cases (default: those the repository keeps).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The folder (default: the repository's).")
    ] = None,
) -> None:
    """Make the recordings of named cases anew; on one machine always the same bytes.

    Example: tebura-simulate cases record leaning knocked-shelf -o recordings
    """
    from tebura_contract.config import ConfigError

    from tebura_simulator.cases import named
    from tebura_simulator.cases import recording as recordings
    from tebura_simulator.cli import fail

    chosen = recordings.recorded()
    if only:
        every = named()
        for name in only:
            if name not in every:
                raise fail(f"no case {name!r}; there are {', '.join(every)}")
        chosen = {name: every[name] for name in dict.fromkeys(only)}
    folder = out or recordings.FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, case in enumerate(chosen.values()):
            path = recordings.record(case, folder)
            typer.echo(f"{path}: {path.stat().st_size:,} bytes")
            if sys.stderr.isatty():
                typer.echo(f"\r{number + 1}/{len(chosen)}", err=True, nl=False)
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
