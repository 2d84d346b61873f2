"""``tebura-models``: look at, check, judge, train and export networks."""

import contextlib
import hashlib
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from tebura_contract.config import ConfigError

from tebura_models.cli_common import (
    JsonOption,
    ManifestOption,
    NetworkOption,
    ThreadsOption,
    fail,
    size_of,
)
from tebura_models.cli_evaluate import evaluate
from tebura_models.manifest import EMBEDDING, MANIFEST, AnyEntry, load_manifest

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Networks of Tebura: look at them, check them, judge them, train and export new ones.

    \b
    Examples:
      tebura-models list
      tebura-models verify
      tebura-models enrol photos/ -o products.index
      tebura-models evaluate people pictures/ --size 384x256 --json
      tebura-models evaluate products photos/ --json
      tebura-models train people.yaml -o runs/ --epochs 50
      tebura-models export runs/pose/weights/best.pt -o people.onnx
      tebura-models augment raw.onnx -o people.onnx --family yolo-pose
      tebura-models narrow big.onnx -o small.onnx
    """,
)
app.add_typer(evaluate, name="evaluate")
FEW = 3


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
    from tebura_models.checking import check_network
    from tebura_models.loader import ModelError

    problems: dict[str, str] = {}
    entries = _entries(manifest)
    for entry in entries:
        try:
            check_network(entry, manifest)
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
def enrol(
    photos: Annotated[Path, typer.Argument(help="Folders of photographs, PRODUCT/picture.jpg.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The index to write.")] = Path(
        "products.index"
    ),
    network: NetworkOption = EMBEDDING,
    threads: ThreadsOption = 1,
    manifest: ManifestOption = MANIFEST,
) -> None:
    """Learn a shop's products from photographs: a second or two for twenty, no training extra.

    A product wants three photographs or more, of all its sides, better where it is sold; five to
    ten tell more. Give the whole shop at once: what tells two products apart is learnt from all.
    """
    from tebura_models.embedding import load_embedder
    from tebura_models.loader import ModelError
    from tebura_models.products.index import enrol as learn
    from tebura_models.products.index import save_index
    from tebura_models.products.photos import PhotoError, find_photos

    try:
        found = find_photos(photos)
        index = learn(found, load_embedder(network, threads=threads, manifest=manifest))
        save_index(index, out)
    except (ModelError, PhotoError, ConfigError, OSError) as error:
        fail(error)
    few = [name for name, count in zip(index.names, index.photos, strict=True) if count < FEW]
    typer.echo(f"{out}: {len(index.names)} products, {sum(index.photos)} photographs")
    if few:
        typer.echo(f"fewer than {FEW} photographs: {', '.join(few)}", err=True)


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
        fail(error)
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

    size_px = size_of(size)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            entry = export_pose(weights, out, size_px=size_px)
    except (TrainExtraMissing, FileNotFoundError) as error:
        fail(error)
    typer.echo(entry)


@app.command("augment")
def augment_network(
    source: Annotated[Path, typer.Argument(help="A network of a known family, .onnx.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .onnx to write.")],
    family: Annotated[
        str,
        typer.Option(
            help="movenet-multipose, movenet-arms, yolo-pose, blazeface, facemesh, mobilefacenet, "
            "palms or hand-points.",
        ),
    ],
) -> None:
    """Build preparation and box selection into a network, as all of ours have it (train extra)."""
    from tebura_models.export.augment import AugmentError, Family, augment
    from tebura_models.export.faces import FaceFamily, prepare_faces
    from tebura_models.export.gestures import GestureFamily, prepare_gestures
    from tebura_models.train.extra import TrainExtraMissing

    try:
        if family in set(FaceFamily):
            prepare_faces(source, out, FaceFamily(family))
        elif family in set(GestureFamily):
            prepare_gestures(source, out, GestureFamily(family))
        else:
            augment(source, out, Family(family))
    except (TrainExtraMissing, FileNotFoundError, AugmentError, ValueError) as error:
        fail(error)
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
        fail(error)
    typer.echo(f"{out}: {count} weights narrowed, {out.stat().st_size} bytes")


def _entries(manifest: Path) -> tuple[AnyEntry, ...]:
    try:
        return load_manifest(manifest).network
    except ConfigError as error:
        fail(error)


if __name__ == "__main__":
    main()
