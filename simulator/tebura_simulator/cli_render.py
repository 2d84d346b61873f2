"""The command `render`: films of scenarios."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from tebura_contract.codec import encode
from tebura_contract.config import ConfigError
from tebura_contract.ids import CameraId

from tebura_simulator.cli_bench import parse_seeds
from tebura_simulator.eta import Eta

MAX_JOBS = 64


class FilmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `render --json`."""

    scene: str
    camera: str
    file: str
    frames: int
    people: int
    bytes: int


@dataclass(frozen=True)
class _Order:
    """What to film, where to, and how it looks."""

    what: tuple[str, ...]
    out: Path
    layout: Path | None
    cameras: tuple[CameraId, ...]
    seeds: str
    look: int | None
    has_noise: bool
    has_masks: bool
    fps: float


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
    from tebura_simulator.cli import fail

    labels = tuple(CameraId(name.strip()) for name in cameras.split(",") if name.strip())
    order = _Order(tuple(what), out, layout, labels, seeds, look, has_noise, has_masks, fps)
    try:
        for line in _filmed(order, jobs, has_cache=has_cache):
            said = f"{line.file}: {line.frames} frames, {line.people} people in them"
            typer.echo(encode(line).decode() if json else said)
    except ImportError as error:
        raise fail(f"drawing needs the scenes extra ({error.name} is missing)") from error
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped; the same command goes on", err=True)
        raise typer.Exit(130) from None


def _filmed(order: _Order, jobs: int, *, has_cache: bool) -> Iterator[FilmLine]:
    """Draw all that is asked for; a line for each film that is there."""
    from tebura_simulator.scenes.filmcache import default_cache
    from tebura_simulator.scenes.filming import Scene
    from tebura_simulator.scenes.films import film
    from tebura_simulator.scenes.look import Look, quiet
    from tebura_simulator.scenes.plots import plots_of

    cache = default_cache() if has_cache else None
    look = Look.plain() if order.look is None else Look.drawn(order.look)
    look = look if order.has_noise else quiet(look)
    for plot in plots_of(order.what, order.layout, parse_seeds(order.seeds)):
        store = plot.drawn.layout
        scene = Scene(plot.drawn.scenario, store, look, order.fps, order.has_masks)
        folder, eta = order.out / plot.name, Eta(f"frames of {plot.name}")
        film(scene, folder, cameras=order.cameras, jobs=jobs, cache=cache, progress=eta)
        for label in order.cameras or tuple(camera.label for camera in store.camera):
            yield _line(plot.name, folder, label)


def _line(scene: str, folder: Path, camera: CameraId) -> FilmLine:
    from tebura_simulator.scenes.films import truth_of_film

    truth, file = truth_of_film(folder, camera), folder / f"{camera}.mp4"
    return FilmLine(
        scene=scene,
        camera=camera,
        file=str(file),
        frames=len(truth.frames),
        people=sum(len(frame.people) for frame in truth.frames),
        bytes=file.stat().st_size,
    )
