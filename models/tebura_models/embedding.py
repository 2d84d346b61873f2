"""Pictures as rows of numbers, alike where the pictures are: what products are told apart by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import Floats, Image
from tebura_models.loader import (
    BEST_FIRST,
    PICTURE,
    ModelError,
    Provider,
    find_entry,
    open_first,
    read_verified,
)
from tebura_models.manifest import EMBEDDING, MANIFEST, EmbeddingEntry

NUMBERS = "numbers"
"""What an embedding network puts out."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """An open embedding network; it belongs to one thread at a time."""

    entry: EmbeddingEntry
    provider: Provider
    session: Any
    refused: tuple[str, ...] = ()

    def embed(self, images_bgr: Sequence[Image]) -> Floats:
        """Rows (N, dimensions) of length 1, one a picture; pictures may differ in size.

        Each is brought to the network's own size, its shape is not kept: cut squares.
        """
        rows = np.empty((len(images_bgr), self.entry.dimensions), np.float32)
        for start in range(0, len(images_bgr), self.entry.batch):
            part = images_bgr[start : start + self.entry.batch]
            rows[start : start + len(part)] = self._run(self._laid(part))
        return unit(rows)

    def _laid(self, images_bgr: Sequence[Image]) -> NDArray[np.uint8]:
        width, height = self.entry.input.size_px
        pictures = np.empty((len(images_bgr), height, width, 3), np.uint8)
        for image, picture in zip(images_bgr, pictures, strict=True):
            method = cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_LINEAR
            cv2.resize(image, (width, height), dst=picture, interpolation=method)
        return pictures

    def _run(self, pictures: NDArray[np.uint8]) -> Floats:
        (rows,) = self.session.run([NUMBERS], {PICTURE: pictures})
        return np.asarray(rows, np.float32)


def load_embedder(
    name: str = EMBEDDING,
    *,
    threads: int = 1,
    providers: Sequence[Provider] = BEST_FIRST,
    manifest: Path = MANIFEST,
) -> Embedder:
    """Open an embedding network on the first of `providers` that works.

    Raises:
        ModelError: If the file is not the pinned one, is no network, or no provider takes it.
    """
    entry = find_entry(name, EmbeddingEntry, manifest)

    def attempt(provider: Provider, session: Any, refused: tuple[str, ...]) -> Embedder:
        embedder = Embedder(entry, provider, session, refused)
        width, height = entry.input.size_px
        try:
            rows = embedder._run(np.full((1, height, width, 3), 128, np.uint8))
        except Exception as error:  # the runtime's own exceptions share no public base class
            raise ModelError(f"the first picture fails: {error}") from error
        if rows.shape != (1, entry.dimensions) or not np.isfinite(rows).all():
            raise ModelError(f"puts out {rows.shape}, not finite (1, {entry.dimensions})")
        return embedder

    try:
        raw = read_verified(entry, manifest)
        return open_first(raw, attempt, threads=threads, providers=providers)
    except ModelError as error:
        raise ModelError(f"{manifest.parent / entry.file}: cannot run; {error}") from error


def unit(rows: Floats) -> Floats:
    """Rows brought to length 1."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)
