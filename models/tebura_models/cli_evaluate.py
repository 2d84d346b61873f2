"""``tebura-models evaluate``: how good a network is on pictures whose truth is known."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from tebura_contract.config import ConfigError

from tebura_models.cli_common import (
    JsonOption,
    ManifestOption,
    NetworkOption,
    ThreadsOption,
    fail,
    size_of,
)
from tebura_models.manifest import EMBEDDING, FACE_THRESHOLD, MANIFEST

evaluate = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="How good a network is on pictures whose truth is known.",
)


@evaluate.command()
def people(
    folder: Annotated[Path, typer.Argument(help="Pictures and their COCO-like truth.json.")],
    network: NetworkOption = "movenet-shop",
    size: Annotated[str, typer.Option(help="Input size, WIDTHxHEIGHT.")] = "",
    min_score: Annotated[float, typer.Option(help="People below it do not count.")] = 0.2,
    threads: ThreadsOption = 1,
    manifest: ManifestOption = MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """How many people a network finds, how exact its keypoints are, how fast it is."""
    from tebura_models.evaluate.people import TruthError, evaluate_people
    from tebura_models.loader import ModelError, load_network

    try:
        opened = load_network(network, threads=threads, manifest=manifest)
        size_px = size_of(size) if size else opened.entry.input.size_px
        report = evaluate_people(opened, folder, size_px=size_px, min_score=min_score)
    except (ModelError, TruthError, ConfigError) as error:
        fail(error)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    for name, value in msgspec.structs.asdict(report).items():
        typer.echo(f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}")


@evaluate.command()
def products(
    folder: Annotated[Path, typer.Argument(help="Folders of photographs, PRODUCT/picture.jpg.")],
    network: NetworkOption = EMBEDDING,
    seed: Annotated[int, typer.Option(min=0, help="Of the division, and of candidates.")] = 0,
    threads: ThreadsOption = 1,
    manifest: ManifestOption = MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """How well products are told apart: each photograph by those that are not nearly the same.

    Shares with their 95 % intervals. `alike-5` is among the right product and the four that look
    most like it.
    """
    from tebura_models.embedding import load_embedder
    from tebura_models.evaluate.products import Share, evaluate_products
    from tebura_models.loader import ModelError
    from tebura_models.products.photos import PhotoError

    try:
        embedder = load_embedder(network, threads=threads, manifest=manifest)
        report = evaluate_products(embedder, folder, seed=seed)
    except (ModelError, PhotoError, ConfigError) as error:
        fail(error)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    typer.echo(
        f"{report.products} products, {report.pictures} pictures in {report.series} series, "
        f"{report.folds} folds, seed {report.seed}"
    )
    for shown in report.shown:
        typer.echo(f"{shown.shown}:")
        for name, value in msgspec.structs.asdict(shown).items():
            if isinstance(value, Share) and value.share is not None:
                interval = f"{value.low:.3f}..{value.high:.3f}"
                typer.echo(f"  {name:20} {value.share:.3f}  ({interval}, {value.of} pictures)")


@evaluate.command()
def faces(
    pairs: Annotated[Path, typer.Option(help="Pairs of pictures: file_a,file_b,same (CSV).")],
    threshold: Annotated[
        Path, typer.Option(help="What tebura-calibrate gate wrote; else the shipped one.")
    ] = FACE_THRESHOLD,
    threads: ThreadsOption = 1,
    manifest: ManifestOption = MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """How many pairs of one person, and of two, are taken for one person at the threshold."""
    from tebura_contract.face_threshold import FaceThresholdError, load_face_threshold

    from tebura_models.faces.pairs import PairsError, compare_pairs, read_pairs
    from tebura_models.faces.reader import load_face_reader
    from tebura_models.loader import ModelError

    try:
        at = load_face_threshold(threshold)
        listed = read_pairs(pairs)
        reader = load_face_reader(at.network, threads=threads, manifest=manifest)
        report = compare_pairs(reader, listed).report(at.distance)
    except (ModelError, PairsError, FaceThresholdError, ConfigError) as error:
        fail(error)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    typer.echo(f"{at.id}: distance {at.distance:g} on {at.network}")
    for name, value in msgspec.structs.asdict(report).items():
        typer.echo(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
