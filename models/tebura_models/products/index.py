"""A shop's index of its products: what is learnt from their photographs, in a small file."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from tebura_models.discriminant import (
    Discriminant,
    Stored,
    best_sharpness,
    fit,
    held_out,
    probabilities,
    restore,
    store,
)
from tebura_models.embedding import Embedder
from tebura_models.heads import Floats, Image
from tebura_models.loader import ModelError
from tebura_models.products.features import describe, describe_to_learn
from tebura_models.products.photos import VIEWS, PhotoError, Photos, read_photo
from tebura_models.products.series import folds_of, series_of

FOLDS = 4
MIN_HELD_OUT = 30
DEFAULT_SHARPNESS = 0.02
"""Where too few photographs can be held out to find it; 81 groceries asked for 0.036."""
SURE = 0.9
"""A picture whose best product is less likely is of an unknown one."""
ELSEWHERE = 0.05
"""How likely a product was in hand that no candidate is: carried over from another shelf."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: Literal[1] = 1
    network: str
    network_sha256: str
    names: tuple[str, ...]
    photos: tuple[int, ...]
    discriminant: Stored


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
        evidence = self.index.discriminant.evidence(describe(self.embedder, crops_bgr))
        return probabilities(evidence, prior(self.index.names, candidates))

    def named(self, told: Floats) -> list[str | None]:
        """The product of each row of probabilities, None where no one is likely enough."""
        best = told.argmax(axis=1)
        return [
            self.index.names[product] if row[product] >= SURE else None
            for product, row in zip(best, told, strict=True)
        ]


def prior(names: Sequence[str], candidates: Collection[str] | None) -> Floats:
    """What is likely in a hand before it is looked at."""
    near = np.array([candidates is None or name in candidates for name in names])
    if near.all() or not near.any():
        return np.full(len(names), 1 / len(names), np.float32)
    share = np.where(near, (1 - ELSEWHERE) / near.sum(), ELSEWHERE / (~near).sum())
    return np.asarray(share, np.float32)


def enrol(photos: Photos, embedder: Embedder) -> ProductIndex:
    """Learn products from their photographs, read one after the other.

    How sure the index may be comes from photographs held out.

    Raises:
        PhotoError: If a file is no picture.
    """
    pairs = enumerate(photos.files)
    views = np.stack([describe_to_learn(embedder, read_photo(file), n) for n, file in pairs])
    products = np.asarray(photos.products)
    learnt = fit(views, products, len(photos.names))
    as_taken = views[:, : len(VIEWS)]
    network = as_taken[:, 0, : embedder.entry.dimensions]
    folds = folds_of(series_of(network, products), products, FOLDS, seed=0)
    evidence, asked = held_out(views, products, folds, shown=as_taken)
    sharpness = DEFAULT_SHARPNESS
    if len(asked) >= MIN_HELD_OUT:
        sharpness = best_sharpness(evidence, products[asked])
    return ProductIndex(
        network=embedder.entry.name,
        network_sha256=embedder.entry.sha256,
        names=photos.names,
        photos=tuple(np.bincount(products, minlength=len(photos.names)).tolist()),
        discriminant=Discriminant(learnt.weights, learnt.bias, sharpness),
    )


def save_index(index: ProductIndex, path: Path) -> None:
    """Write an index; the file is there whole or not at all."""
    file = _File(
        network=index.network,
        network_sha256=index.network_sha256,
        names=index.names,
        photos=index.photos,
        discriminant=store(index.discriminant),
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
        discriminant = restore(file.discriminant)
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PhotoError(f"{path}: is no index of products: {error}") from error
    return ProductIndex(
        network=file.network,
        network_sha256=file.network_sha256,
        names=file.names,
        photos=file.photos,
        discriminant=discriminant,
    )
