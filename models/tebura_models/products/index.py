"""A shop's index of its products: what is learnt from their photographs, in a small file."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from tebura_models.embedding import Embedder
from tebura_models.heads import Floats, Image
from tebura_models.loader import ModelError
from tebura_models.products.discriminant import (
    Classes,
    Discriminant,
    best_sharpness,
    fit,
    held_out,
    probabilities,
)
from tebura_models.products.photos import PhotoError, Photos, embed_views, read_photo
from tebura_models.products.series import folds_of, series_of

FOLDS = 4
MIN_HELD_OUT = 30
DEFAULT_SHARPNESS = 0.1
"""Where too few photographs can be held out to find it: less than any set of ours asked for."""
ELSEWHERE = 0.05
"""How likely a product was in hand that no candidate is: carried over from another shelf."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: Literal[1] = 1
    network: str
    network_sha256: str
    names: tuple[str, ...]
    photos: tuple[int, ...]
    dimensions: int
    weights: bytes
    bias: bytes
    sharpness: float


@dataclass(frozen=True, eq=False, slots=True)
class ProductIndex:
    """Products by name, how many photographs of each were seen, and what tells them apart."""

    network: str
    network_sha256: str
    names: tuple[str, ...]
    photos: tuple[int, ...]
    discriminant: Discriminant


@dataclass(frozen=True, eq=False, slots=True)
class Recogniser:
    """An index and the network it was made with; it belongs to one thread at a time."""

    index: ProductIndex
    embedder: Embedder

    def __post_init__(self) -> None:
        """Refuse an index made with another network: its numbers mean nothing here."""
        if self.index.network_sha256 != self.embedder.entry.sha256:
            raise ModelError(
                f"the index was made with {self.index.network} "
                f"{self.index.network_sha256[:12]}, not {self.embedder.entry.name} "
                f"{self.embedder.entry.sha256[:12]}: enrol the photographs again"
            )

    def recognise(
        self, crops_bgr: Sequence[Image], candidates: Collection[str] | None = None
    ) -> Floats:
        """Probabilities (N, products), in the order of the index's names.

        `candidates` are the products of the shelf that was reached into. The others stay possible:
        somebody may hold what was taken elsewhere. Names that the index has not are passed over.
        """
        if not crops_bgr:
            return np.zeros((0, len(self.index.names)), np.float32)
        evidence = self.index.discriminant.evidence(embed_views(self.embedder, crops_bgr))
        return probabilities(evidence, prior(self.index.names, candidates))


def prior(names: Sequence[str], candidates: Collection[str] | None) -> Floats:
    """What is likely in a hand before it is looked at."""
    near = np.array([candidates is None or name in candidates for name in names])
    if near.all() or not near.any():
        return np.full(len(names), 1 / len(names), np.float32)
    share = np.where(near, (1 - ELSEWHERE) / near.sum(), ELSEWHERE / (~near).sum())
    return np.asarray(share, np.float32)


def enrol(photos: Photos, embedder: Embedder) -> ProductIndex:
    """Learn products from their photographs.

    Raises:
        PhotoError: If a file is no picture.
    """
    views = embed_photos(photos, embedder)
    return learn(photos.names, views, np.asarray(photos.products), embedder)


def embed_photos(photos: Photos, embedder: Embedder) -> Floats:
    """(N, views, dimensions), read one after the other: a shop's photographs need not fit memory.

    Raises:
        PhotoError: If a file is no picture.
    """
    return np.concatenate([embed_views(embedder, [read_photo(file)]) for file in photos.files])


def learn(
    names: tuple[str, ...], views: Floats, products: Classes, embedder: Embedder
) -> ProductIndex:
    """An index of pictures (N, views, dimensions); how sure it may be comes from those held out."""
    learnt = fit(views, products, len(names))
    folds = folds_of(series_of(views[:, 0], products), products, FOLDS, seed=0)
    evidence, asked = held_out(views, products, folds)
    sharpness = DEFAULT_SHARPNESS
    if len(asked) >= MIN_HELD_OUT:
        sharpness = best_sharpness(evidence, products[asked])
    return ProductIndex(
        network=embedder.entry.name,
        network_sha256=embedder.entry.sha256,
        names=names,
        photos=tuple(np.bincount(products, minlength=len(names)).tolist()),
        discriminant=Discriminant(learnt.weights, learnt.bias, sharpness),
    )


def save_index(index: ProductIndex, path: Path) -> None:
    """Write an index; the file is there whole or not at all."""
    file = _File(
        network=index.network,
        network_sha256=index.network_sha256,
        names=index.names,
        photos=index.photos,
        dimensions=len(index.discriminant.weights),
        weights=index.discriminant.weights.astype("<f4").tobytes(),
        bias=index.discriminant.bias.astype("<f4").tobytes(),
        sharpness=index.discriminant.sharpness,
    )
    beside = path.with_name(f"{path.name}.part")
    with beside.open("wb") as out:
        out.write(msgspec.msgpack.encode(file))
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)


def load_index(path: Path) -> ProductIndex:
    """Read an index.

    Raises:
        PhotoError: If the file cannot be read or is no index.
    """
    try:
        file = msgspec.msgpack.decode(path.read_bytes(), type=_File)
        weights = np.frombuffer(file.weights, "<f4").reshape(file.dimensions, len(file.names))
        bias = np.frombuffer(file.bias, "<f4").reshape(len(file.names))
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PhotoError(f"{path}: is no index of products: {error}") from error
    return ProductIndex(
        network=file.network,
        network_sha256=file.network_sha256,
        names=file.names,
        photos=file.photos,
        discriminant=Discriminant(weights, bias, file.sharpness),
    )
