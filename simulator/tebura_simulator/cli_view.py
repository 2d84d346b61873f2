"""The command `view`: a recording as a page to look at, or as a film."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(view)


def view(
    recordings: Annotated[
        list[Path], typer.Argument(help="MCAP recordings; several of one store are shown as one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="A page, or (NAME.mp4) a film (default: NAME.html).",
        ),
    ] = None,
    open_end: Annotated[
        bool, typer.Option("--open-end", help="Open the page at its end, with the receipts.")
    ] = False,
) -> None:
    """Show a recording in step: cameras, weights, what was said, what was true, people, carts.

    Cameras are shown with what was found in them: people, wrists, the fronts of shelves.

    Example: tebura-simulate view visit.mcap -o visit.html;
    tebura-simulate view visit.mcap -o visit.mp4
    """
    from tebura_contract.calibration import CalibrationError
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.cli import fail
    from tebura_simulator.reels import Reels
    from tebura_simulator.view.directing import scene_of
    from tebura_simulator.view.rendering import page_of
    from tebura_simulator.view.watching import watch

    target = out or Path(recordings[0].with_suffix(".html").name)
    try:
        with Reels(recordings) as reel:
            for now_ns, watched in watch(reel):
                _progress((now_ns - watched.replay.start_ns) / 1e9)
            scene = scene_of(reel, watched, open_end)
            for path in reel.cut_short:
                typer.echo(f"{path}: is cut short; this is what it holds", err=True)
            if target.suffix == ".mp4":
                from tebura_simulator.view.film import write_film

                write_film(target, reel, scene, watched)
            else:
                target.write_text(page_of(scene), "utf-8")
    except (RecordingError, CalibrationError, ValueError, OSError) as error:
        raise fail(error) from error
    typer.echo(f"{target}: {target.stat().st_size:,} bytes", err=True)


def _progress(seconds: float) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{seconds:.1f} s replayed", err=True, nl=False)
