"""The command `render`: films of scenarios."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

MAX_JOBS = 64


class FilmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `render --json`."""

    scene: str
    camera: str
    file: str
    frames: int
    people: int
    bytes: int


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(render)


def render(
    what: Annotated[
        list[str], typer.Argument(help="Scenario files (TOML), named cases, or suites.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="A folder each goes below it.")],
    layout: Annotated[
        Path | None,
        typer.Option("--layout", help="The store of scenario files (default: the demo's)."),
    ] = None,
    cameras: Annotated[
        str, typer.Option(help="Names, with commas between (default: all of the layout).")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Of suites: A..B, both included, or one.")] = "0",
    look: Annotated[
        int | None,
        typer.Option(help="Seed of how all looks (default: plain; people as scripted)."),
    ] = None,
    has_noise: Annotated[
        bool,
        typer.Option(
            "--noise/--no-noise",
            help="Of the look's cameras and lamps; without, films take a fifth of the bytes.",
        ),
    ] = True,
    has_masks: Annotated[
        bool, typer.Option("--masks/--no-masks", help="Masks in the truth, half of its size.")
    ] = True,
    fps: Annotated[float, typer.Option(min=0.5, max=60.0, help="Frames a second.")] = 10.0,
    jobs: Annotated[
        int, typer.Option(min=1, max=MAX_JOBS, help="Processes; films do not depend on it.")
    ] = 1,
    has_cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep films, and use those that are kept.")
    ] = True,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Film scenarios: for each camera a video and what is exactly so in each of its frames.

    What was cut off goes on where it was. Frame i is the moment i / fps of the scenario, to the
    nanosecond that of the counts that `record --footage` puts beside it.

    Example: tebura-simulate render visit.toml --layout shop.toml --jobs 2 -o films
    """
    from tebura_contract.codec import encode
    from tebura_contract.config import ConfigError
    from tebura_contract.ids import CameraId

    from tebura_simulator.cli import fail
    from tebura_simulator.cli_bench import parse_seeds
    from tebura_simulator.eta import Eta

    try:
        from tebura_simulator.scenes.filmcache import default_cache
        from tebura_simulator.scenes.filming import Scene
        from tebura_simulator.scenes.films import film, truth_of_film
        from tebura_simulator.scenes.look import Look, quiet
        from tebura_simulator.scenes.plots import plots_of
    except ImportError as error:
        raise fail(f"drawing needs the scenes extra ({error.name} is missing)") from error

    labels = tuple(CameraId(name.strip()) for name in cameras.split(",") if name.strip())
    cache = default_cache() if has_cache else None
    looks = Look.plain() if look is None else Look.drawn(look)
    if not has_noise:
        looks = quiet(looks)
    try:
        for plot in plots_of(what, layout, parse_seeds(seeds)):
            scene = Scene(plot.drawn.scenario, plot.drawn.layout, looks, fps, has_masks)
            folder = out / plot.name
            film(
                scene,
                folder,
                cameras=labels,
                jobs=jobs,
                cache=cache,
                progress=Eta(f"frames of {plot.name}"),
            )
            for label in labels or tuple(camera.label for camera in plot.drawn.layout.camera):
                truth, file = truth_of_film(folder, label), folder / f"{label}.mp4"
                line = FilmLine(
                    scene=plot.name,
                    camera=label,
                    file=str(file),
                    frames=len(truth.frames),
                    people=sum(len(frame.people) for frame in truth.frames),
                    bytes=file.stat().st_size,
                )
                said = f"{file}: {line.frames} frames, {line.people} people in them"
                typer.echo(encode(line).decode() if json else said)
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped; the same command goes on", err=True)
        raise typer.Exit(130) from None
