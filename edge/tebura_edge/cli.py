"""``tebura-edge``: run a node, check its configuration, look at a video through its eyes."""

import dataclasses
import signal
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import structlog
import typer
from tebura_contract.config import ConfigError

from tebura_edge import logs
from tebura_edge.config import RecordConfig, Setup, load_setup

BAD_USE = 2
"""Exit status for what the caller must put right: configuration, arguments."""

CANNOT_RUN = 1
"""Exit status when the machine is in the way: the state folder, a network file, a sensor thread."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""A node of Tebura: plates, cameras and gates become facts for the gateway.

    \b
    Examples:
      tebura-edge run --config plates-1.toml --check
      tebura-edge run --config plates-1.toml
      tebura-edge run --config plates-1.toml --record
      tebura-edge annotate aisle.mp4 -o seen.mp4 --layout layout.toml --camera aisle
      tebura-edge bench
    """,
)


def main() -> None:
    app()


@app.command(epilog="Exit status: 0 stopped, 1 the machine is in the way, 2 the configuration is.")
def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The node's configuration file.")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Only read it and all files it names; say what is wrong."),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep a flight recording, as with a [record] table.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More log lines.")] = False,
) -> None:
    """Run one node until it is stopped (SIGTERM, Ctrl-C)."""
    try:
        setup = load_setup(config)
    except ConfigError as error:
        _fail(str(error), BAD_USE)
    if check:
        for warning in setup.warnings:
            typer.echo(f"{config}: {warning}", err=True)
        typer.echo(f"{config}: OK (node {setup.node} of store {setup.layout.store.id})")
        return
    if record and setup.config.record is None:
        setup = _with_record(setup)
    logs.set_up(verbose)
    _serve(setup)


@app.command()
def annotate(
    video: Annotated[Path, typer.Argument(help="What OpenCV reads.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The MP4 to write.")],
    layout: Annotated[Path | None, typer.Option(help="Layout that has this camera.")] = None,
    camera: Annotated[str | None, typer.Option(help="Its label there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The tracks as one JSON object.")] = False,
) -> None:
    """Draw the people, tracks and hands that a node sees in a video."""
    from tebura_models.loader import ModelError

    from tebura_edge.annotate import AnnotateError, annotate_video

    try:
        report = annotate_video(video, out, layout, camera)
    except (AnnotateError, ConfigError, ModelError) as error:
        _fail(str(error), BAD_USE)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    typer.echo(f"{out}: {report.frames} frames, network on {report.provider}")
    for span in report.tracks:
        typer.echo(
            f"  track {span.track}: frame {span.first_frame} to {span.last_frame}, "
            f"seen in {span.frames}"
        )


@app.command(epilog="Exit status: 0 measured, 2 the network or the video cannot be used.")
def bench(
    network: Annotated[str, typer.Option(help="Its name in the manifest.")] = "movenet-shop",
    seconds: Annotated[float, typer.Option(min=10, help="About how long to try.")] = 60.0,
    video: Annotated[
        Path | None, typer.Option(help="What busy cameras see; a clip of ours by default.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=60, help="Pictures a second.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """How many cameras this board holds: everything a camera node does, tried out."""
    from tebura_models.loader import ModelError

    from tebura_edge import bench as board
    from tebura_edge.people import PeopleSettings
    from tebura_edge.sources import SourceError

    try:
        report = board.bench(
            PeopleSettings(model=network),
            seconds,
            video=video or board.AISLE,
            rate_hz=rate,
            progress=lambda text: typer.echo(f"  {text}", err=True),
        )
    except (ModelError, SourceError) as error:
        _fail(str(error), BAD_USE)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    for line in board.lines(report):
        typer.echo(line)


def _serve(setup: Setup) -> None:
    # Only here: reading a configuration needs neither a broker client nor numpy.
    from tebura_edge.clock import SystemClock
    from tebura_edge.node import Node
    from tebura_edge.outbox import OutboxError
    from tebura_edge.roles import NodeError

    log = structlog.get_logger("tebura_edge")
    expected: tuple[type[Exception], ...] = (OutboxError, NodeError)
    if setup.config.camera:
        from tebura_models.loader import ModelError

        expected = (*expected, ModelError)
    try:
        node = Node(setup, SystemClock())
    except expected as error:
        _fail(str(error), CANNOT_RUN)

    def stop(_signal: int, _frame: Any) -> None:
        node.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        node.run()
    except Exception as error:
        log.exception("the node ends")
        raise typer.Exit(CANNOT_RUN) from error


def _with_record(setup: Setup) -> Setup:
    config = msgspec.structs.replace(setup.config, record=RecordConfig())
    return dataclasses.replace(setup, config=config)


def _fail(why: str, status: int) -> NoReturn:
    typer.echo(f"tebura-edge: {why}", err=True)
    raise typer.Exit(status)
