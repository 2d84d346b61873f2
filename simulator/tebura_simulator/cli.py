"""``tebura-simulate``: recordings in, replays and scores out, and the demo store.

What a command needs is imported when it runs: a replay of plates loads no camera code.
"""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.config import ConfigError
from tebura_contract.layout import load_layout

from tebura_simulator import (
    cli_bench,
    cli_cases,
    cli_dataset,
    cli_diff,
    cli_draw,
    cli_plates,
    cli_reliability,
    cli_render,
    cli_scenario,
    cli_trace,
    cli_view,
    cli_weigh,
)
from tebura_simulator.eta import Eta

app = typer.Typer(
    name="tebura-simulate",
    help="A simulated store: recordings, replays, scores and the demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

DEMO = Path(__file__).parent / "demo"

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
    logs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[aifi-weights DIR]",
            help="The public weight logs of the AutoCheckout store (CC BY 4.0, Zenodo record "
            "4300738), for whoever has downloaded them. Untried on the original files.",
            show_default=False,
        ),
    ] = None,
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
    --video aisle=clip.mp4@1573805516.5 -o visit.mcap;
    tebura-simulate import aifi-weights logs/ --layout shop.toml -o visit.mcap
    """
    from tebura_edge.recorder import RecordingError

    if logs:
        if plates or video or truth:
            raise fail("import aifi-weights takes no --plates, --video or --truth")
        from tebura_simulator.cli_logs import import_logs

        import_logs(logs, layout, out)
        return
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


@app.command()
def replay(
    recordings: Annotated[
        list[Path], typer.Argument(help="MCAP recordings; several of one store play as one.")
    ],
    speed: Annotated[str, typer.Option(help="max, or a number: 1 as fast as it was.")] = "max",
    processes: Annotated[
        bool, typer.Option(help="Through a whole store of real processes, at the recording's pace.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what a recording shows: a line for each thing taken, put back or unclear.

    What the nodes of a store recorded in flight, each by itself, replays as one when all are given.
    With --processes broker, gateway and nodes run as in a shop, and what a scenario breaks (broker,
    gateway, a node) is killed and started again.

    Example: tebura-simulate replay visit.mcap --json
    """
    from tebura_contract.calibration import CalibrationError
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.reels import Reels
    from tebura_simulator.replay import Replay
    from tebura_simulator.replay_lines import Line, lines, parse_speed
    from tebura_simulator.shop_client import ShopError
    from tebura_simulator.stage import StageError

    try:
        pace = parse_speed(speed)
        with Reels(recordings) as reader:
            if processes:
                from tebura_simulator.live_replay import live_outcomes

                told = live_outcomes(reader, pace or 1.0, _played)
                found = iter([Line(outcome) for outcome in told])
            else:
                found = lines(Replay.of(reader), reader, pace)
            for line in found:
                typer.echo(line.as_json() if json else line.as_text())
            for path in reader.cut_short:
                raise RecordingError(f"{path}: is cut short; this is what it holds")
    except (RecordingError, CalibrationError, StageError, ShopError, ValueError) as error:
        raise fail(error) from error


@app.command("score")
def score_(
    recordings: Annotated[list[Path], typer.Argument(help="MCAP recordings with their truth.")],
    json: Json = False,
) -> None:
    """Replay recordings and compare with what really happened.

    Example: tebura-simulate score visits/*.mcap --json
    """
    from tebura_contract.calibration import CalibrationError
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.scoring.recorded import as_json, as_table, score_recording
    from tebura_simulator.scoring.totals import total

    scores = []
    for path in recordings:
        try:
            scores.append(score_recording(path))
        except (RecordingError, CalibrationError) as error:
            raise fail(error) from error
        if json:
            typer.echo(as_json(scores[-1]))
    if json:
        typer.echo(as_json(total(scores)))
    else:
        typer.echo(as_table([*scores, total(scores)]))


@app.command()
def demo(
    recording: Annotated[
        list[Path] | None,
        typer.Option(help="Play these recordings (one store) instead of the demo's."),
    ] = None,
    json: Json = False,
    serve: Annotated[bool, typer.Option(help="Keep the shop open until Ctrl-C.")] = False,
    speed: Annotated[float, typer.Option(min=0.1, max=4.0, help="1 is as it was.")] = 1.0,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where files, state and logs go.")
    ] = None,
) -> None:
    """Open a whole shop on this machine and play recorded visits to it, up to the receipts.

    Exit status 0 only if every receipt is what it should be.
    """
    from tebura_contract.calibration import CalibrationError
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.demo_command import DemoError, DemoOptions, run_demo
    from tebura_simulator.demo_lock import AlreadyRunning, default_folder
    from tebura_simulator.shop_client import ShopError
    from tebura_simulator.stage import StageError
    from tebura_simulator.visit_report import Verdict

    def tell(verdict: Verdict) -> None:
        if json:
            typer.echo(encode(verdict).decode())

    options = DemoOptions(
        recordings=tuple(recording or sorted((DEMO / "recordings").glob("*.mcap"))),
        folder=(folder or default_folder()).absolute(),
        is_json=json,
        is_serving=serve,
        speed=speed,
    )
    try:
        raise typer.Exit(run_demo(options, tell))
    except (AlreadyRunning, DemoError, StageError, ShopError) as error:
        raise fail(error) from error
    except (RecordingError, CalibrationError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(130) from None


@app.command()
def record(
    scenario: Annotated[Path, typer.Argument(help="What happens (TOML).")],
    out: OutFile,
    layout: Annotated[Path, typer.Option(help="The store's layout file.")] = DEMO / "layout.toml",
    footage: Annotated[
        Path | None,
        typer.Option(help="Folder with the scenario's films, drawn before."),
    ] = None,
    plates_only: Annotated[bool, typer.Option(help="Leave the cameras out.")] = False,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence/--no-evidence",
            help="No films: cameras and gates say what the script has them see, errors included.",
        ),
    ] = False,
) -> None:
    """Play a scenario and record what plates and cameras make of it.

    Example: tebura-simulate record visit.toml --layout shop.toml --evidence -o visit.mcap
    """
    from tebura_simulator.recording_scenario import record_scenario

    if evidence and (footage is not None or plates_only):
        raise fail("--evidence is instead of films: leave --footage and --plates-only out")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            is_filmed = not (plates_only or evidence)
            folder = _footage(scenario, layout, footage, Path(scratch)) if is_filmed else None
            truth = record_scenario(scenario, layout, out, folder, has_evidence=evidence)
    except (ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    said = f"{len(truth.events)} events, {len(truth.receipts)} receipts"
    typer.echo(f"{out}: {out.stat().st_size:,} bytes, {said}", err=True)


def _footage(scenario: Path, layout: Path, given: Path | None, scratch: Path) -> Path:
    """Where the scenario's films are: given, shipped with the demo, or drawn now."""
    shipped = DEMO / "footage" / scenario.stem
    if given is not None or (shipped / "timeline.json").exists():
        return given or shipped
    from tebura_simulator.bench.films import draw_films
    from tebura_simulator.story.scenario import load_scenario

    shop = load_layout(layout)
    draw_films(load_scenario(scenario, shop), shop, scratch, Eta("frames"))
    return scratch


def _played(at_s: float) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{at_s:6.1f} s", err=True, nl=False)


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


cli_bench.register(app)
cli_cases.register(app)
cli_dataset.register(app)
cli_scenario.register(app)
cli_trace.register(app)
cli_diff.register(app)
cli_draw.register(app)
cli_plates.register(app)
cli_reliability.register(app)
cli_render.register(app)
cli_view.register(app)
cli_weigh.register(app)


def main() -> None:
    """Entry point of the program."""
    app()


if __name__ == "__main__":
    main()
