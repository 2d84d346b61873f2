"""``tebura-models``: look at, check, judge, train and export networks."""

import contextlib
import hashlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from tebura_contract.config import ConfigError

from tebura_models.manifest import MANIFEST, NetworkEntry, load_manifest

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Networks of Tebura: look at them, check them, judge them, train and export new ones.

    \b
    Examples:
      tebura-models list
      tebura-models verify
      tebura-models evaluate pictures/ --size 384x256 --json
      tebura-models train people.yaml -o runs/ --epochs 50
      tebura-models export runs/pose/weights/best.pt -o people.onnx
      tebura-models augment raw.onnx -o people.onnx --family yolo-pose
      tebura-models narrow big.onnx -o small.onnx
    """,
)
ManifestOption = Annotated[Path, typer.Option("--manifest", help="Manifest of your own networks.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def main() -> None:
    app()


@app.command("list")
def list_networks(manifest: ManifestOption = MANIFEST, as_json: JsonOption = False) -> None:
    """What networks there are, whose they are and what they measured."""
    entries = _entries(manifest)
    if as_json:
        typer.echo(msgspec.json.encode(entries))
        return
    table = Table("name", "task", "licence", "file", "measured")
    for entry in entries:
        figures = [
            f"{m.what} {m.value:g}{f' {m.unit}' if m.unit else ''} at {m.size_px[0]}x{m.size_px[1]}"
            for m in entry.measured
        ]
        table.add_row(entry.name, entry.task, entry.licence, entry.file, "\n".join(figures))
    Console().print(table)


@app.command()
def verify(manifest: ManifestOption = MANIFEST, as_json: JsonOption = False) -> None:
    """Check every file against the manifest, and that ONNX Runtime opens it."""
    from tebura_models.loader import ModelError, load_network

    problems: dict[str, str] = {}
    entries = _entries(manifest)
    for entry in entries:
        try:
            load_network(entry.name, manifest=manifest)
        except ModelError as error:
            problems[entry.name] = str(error)
    if as_json:
        names = [entry.name for entry in entries]
        typer.echo(msgspec.json.encode({name: problems.get(name, "ok") for name in names}))
    else:
        for entry in entries:
            typer.echo(f"{entry.name}: {problems.get(entry.name, 'ok')}")
    if problems:
        raise typer.Exit(1)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Pictures and their COCO-like truth.json.")],
    network: Annotated[str, typer.Option(help="Name in the manifest.")] = "movenet-multipose",
    size: Annotated[str, typer.Option(help="Input size, WIDTHxHEIGHT.")] = "",
    min_score: Annotated[float, typer.Option(help="People below it do not count.")] = 0.2,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    manifest: ManifestOption = MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """How many people a network finds, how exact its keypoints are, how fast it is."""
    from tebura_models.evaluate.people import TruthError, evaluate_people
    from tebura_models.loader import ModelError, load_network

    try:
        opened = load_network(network, threads=threads, manifest=manifest)
        size_px = _size(size) if size else opened.entry.input.size_px
        report = evaluate_people(opened, folder, size_px=size_px, min_score=min_score)
    except (ModelError, TruthError, ConfigError) as error:
        _fail(error)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    for name, value in msgspec.structs.asdict(report).items():
        typer.echo(f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}")


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="Data set YAML in ultralytics' form.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")] = Path("runs"),
    start: Annotated[
        str, typer.Option(help="Architecture .yaml, or weights .pt to begin from.")
    ] = "yolo11n-pose.yaml",
    epochs: Annotated[int, typer.Option(min=1)] = 50,
    size: Annotated[int, typer.Option(min=32, help="Longer side in training.")] = 320,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    device: Annotated[str, typer.Option(help="cpu, or a GPU's number.")] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was cut off.")] = False,
) -> None:
    """Train a people-and-keypoints network (train extra)."""
    from tebura_models.train.extra import TrainExtraMissing
    from tebura_models.train.pose import train_pose

    try:
        # What ultralytics prints goes to stderr: stdout holds the result alone.
        with contextlib.redirect_stdout(sys.stderr):
            best = train_pose(
                data,
                out,
                start=start,
                epochs=epochs,
                size_px=size,
                threads=threads,
                device=device,
                resume=resume,
            )
    except (TrainExtraMissing, FileNotFoundError) as error:
        _fail(error)
    typer.echo(best)


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="Trained weights (.pt).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .onnx to write.")],
    size: Annotated[str, typer.Option(help="Input size, WIDTHxHEIGHT.")] = "384x256",
) -> None:
    """Turn trained weights into ONNX and print the manifest entry that pins them (train extra)."""
    from tebura_models.export.pose import export_pose
    from tebura_models.train.extra import TrainExtraMissing

    size_px = _size(size)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            entry = export_pose(weights, out, size_px=size_px)
    except (TrainExtraMissing, FileNotFoundError) as error:
        _fail(error)
    typer.echo(entry)


@app.command("augment")
def augment_network(
    source: Annotated[Path, typer.Argument(help="A network of a known family, .onnx.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .onnx to write.")],
    family: Annotated[str, typer.Option(help="movenet-multipose or yolo-pose.")],
) -> None:
    """Build preparation and box selection into a network, as all of ours have it (train extra)."""
    from tebura_models.export.augment import AugmentError, Family, augment
    from tebura_models.train.extra import TrainExtraMissing

    try:
        augment(source, out, Family(family))
    except (TrainExtraMissing, FileNotFoundError, AugmentError, ValueError) as error:
        _fail(error)
    typer.echo(f"{out}: {hashlib.sha256(out.read_bytes()).hexdigest()}")


@app.command()
def narrow(
    source: Annotated[Path, typer.Argument(help="Any .onnx.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The smaller .onnx to write.")],
) -> None:
    """Store weights as float16 where nothing is lost (train extra)."""
    from tebura_models.export.narrow import narrow as narrow_weights
    from tebura_models.train.extra import TrainExtraMissing

    try:
        count = narrow_weights(source, out)
    except (TrainExtraMissing, FileNotFoundError) as error:
        _fail(error)
    typer.echo(f"{out}: {count} weights narrowed, {out.stat().st_size} bytes")


def _entries(manifest: Path) -> tuple[NetworkEntry, ...]:
    try:
        return load_manifest(manifest).network
    except ConfigError as error:
        _fail(error)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise typer.BadParameter(f"{text!r} is not WIDTHxHEIGHT, such as 384x256")
    return int(width), int(height)


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    main()
