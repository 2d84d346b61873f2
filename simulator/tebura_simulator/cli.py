"""``tebura-simulate``: recordings in, replays and scores out, and the demo store.

What a command needs is imported when it runs: a replay of plates loads no camera code.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tebura_contract.codec import DecodeError, decode
from tebura_contract.config import ConfigError
from tebura_contract.layout import load_layout

app = typer.Typer(
    name="tebura-simulate",
    help="A simulated store: recordings, replays, scores and the demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
LayoutFile = Annotated[Path, typer.Option("--layout", help="The store's layout file.")]
OutFile = Annotated[Path, typer.Option("-o", "--out", help="The recording to write (MCAP).")]


def fail(problem: object) -> typer.Exit:
    """Say what is wrong on standard error; raise the result."""
    typer.echo(f"tebura-simulate: {problem}", err=True)
    return typer.Exit(2)


@app.callback()
def _group() -> None:
    """Keep the commands' names even while there is only one."""


@app.command("import")
def import_(
    layout: LayoutFile,
    out: OutFile,
    plates: Annotated[
        Path | None,
        typer.Option(help="CSV with the header timestamp,gondola,shelf,plate,grams."),
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option(metavar="CAM=FILE[@EPOCH_S]", help="A camera's film; may be repeated."),
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="What really happened (truth.json).")] = None,
) -> None:
    """Make a recording from CSV plate readings and video files.

    Example: tebura-simulate import --layout shop.toml --plates P.csv
    --video aisle=clip.mp4@1573805516.5 -o visit.mcap
    """
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.importing import ImportFault, ImportPlan, parse_video, write_recording
    from tebura_simulator.plate_csv import PlateCsvError, read_plates, steady_time_s

    try:
        shop = load_layout(layout)
        videos = tuple(parse_video(text) for text in video or [])
        if plates is None and not videos:
            raise ImportFault("nothing to import: give --plates, --video or both")
        readings = None
        if plates is not None:
            readings = read_plates(plates, shop, progress=_progress)
            for plate, line in readings.unknown.items():
                typer.echo(
                    f"{plates}: line {line}: no plate {plate} in the layout; left out", err=True
                )
            for step in steady_time_s(readings)[1]:
                typer.echo(f"{plates}: the clock is set back by {step.back_s:.3f} s", err=True)
        plan = ImportPlan(shop, layout, readings, videos, _checked_truth(truth))
        write_recording(plan, out)
    except (ConfigError, PlateCsvError, ImportFault, RecordingError, OSError) as error:
        raise fail(error) from error
    typer.echo(f"{out}: {out.stat().st_size:,} bytes", err=True)


def _checked_truth(path: Path | None) -> bytes | None:
    from tebura_contract.truth import Truth

    from tebura_simulator.importing import ImportFault

    if path is None:
        return None
    raw = path.read_bytes()
    try:
        decode(raw, Truth, limit_bytes=len(raw) + 1)
    except DecodeError as error:
        raise ImportFault(f"{path}: {error}") from error
    return raw


def _progress(line: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{line:,} lines", err=True, nl=False)


def main() -> None:
    """Entry point of the program."""
    app()


if __name__ == "__main__":
    main()
