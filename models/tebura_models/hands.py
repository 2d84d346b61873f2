"""What a hand holds: nothing, a product, or a thing of the shopper's own.

Where the hand is cut out of the picture follows from the arm alone. A cut that followed what is
held would tell by its size what is to be told by looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.events import HandContent

from tebura_models.discriminant import Discriminant, Stored, probabilities, restore, store
from tebura_models.embedding import Embedder, load_embedder
from tebura_models.heads import Floats, Image
from tebura_models.loader import BEST_FIRST, ModelError, Provider, find_entry, read_verified
from tebura_models.manifest import HAND_CONTENT, MANIFEST, HandEntry
from tebura_models.products.photos import embed_views

ARMS = ((7, 9), (8, 10))
"""Elbow and wrist of the left and the right arm, COCO order."""
SHOULDERS, HIPS = (5, 6), (11, 12)
BEYOND_WRIST = 0.3
"""The hand's middle lies this share of the forearm beyond the wrist."""
FOREARMS, TORSOS = 1.6, 0.75
"""A cut's side in forearms, and at least in torsos: a forearm may point at the camera."""
SIDE_PX = 96
LEAST_PX = 12.0
GREY = (114, 114, 114)
SURE = 0.9
"""A hand of which less is likely is unknown."""


class Content(IntEnum):
    """What is told of a hand, by its column."""

    EMPTY = 0
    PRODUCT = 1
    OWN = 2


PRIOR = np.array([0.55, 0.4, 0.05], np.float32)
"""Of a hand near a shelf, before it is looked at."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A square of a picture: its middle and side, pixels."""

    x_px: float
    y_px: float
    side_px: float


def hand_cut(keypoints_px: NDArray[np.floating], arm: int, least_score: float) -> Cut | None:
    """Where the hand of arm 0 (left) or 1 is, by keypoints (17, 3) as x, y, score.

    None where wrist or elbow are not sure enough, or the hand is too small to be looked at.
    """
    elbow, wrist = keypoints_px[list(ARMS[arm])]
    if min(elbow[2], wrist[2]) < least_score:
        return None
    forearm = wrist[:2] - elbow[:2]
    side = FOREARMS * float(np.hypot(*forearm))
    trunk = keypoints_px[[*SHOULDERS, *HIPS]]
    if (trunk[:, 2] >= least_score).all():
        torso = trunk[:2, :2].mean(axis=0) - trunk[2:, :2].mean(axis=0)
        side = max(side, TORSOS * float(np.hypot(*torso)))
    if side < LEAST_PX:
        return None
    x, y = wrist[:2] + BEYOND_WRIST * forearm
    return Cut(float(x), float(y), side)


def cut_out(image_bgr: Image, cut: Cut) -> Image:
    """The square as a picture of 96 pixels a side; grey beyond the picture's edge."""
    scale = SIDE_PX / cut.side_px
    half = SIDE_PX / 2
    matrix = np.array(
        [[scale, 0, half - cut.x_px * scale], [0, scale, half - cut.y_px * scale]], np.float64
    )
    found = cv2.warpAffine(image_bgr, matrix, (SIDE_PX, SIDE_PX), borderValue=GREY)
    return np.asarray(found, np.uint8)


@dataclass(frozen=True, eq=False, slots=True)
class HandReader:
    """Says what hands hold; it belongs to one thread at a time."""

    embedder: Embedder
    discriminant: Discriminant

    def read(self, cuts_bgr: Sequence[Image]) -> Floats:
        """Probabilities (N, 3) of `Content`, of squares that `cut_out` made."""
        if not cuts_bgr:
            return np.zeros((0, len(Content)), np.float32)
        return self.tell(embed_views(self.embedder, cuts_bgr))

    def tell(self, views: Floats) -> Floats:
        """The same of squares that are embedded already (N, views, dimensions)."""
        return probabilities(self.discriminant.evidence(views), PRIOR)


def content_of(moments: Floats) -> HandContent:
    """What one hand holds, by the probabilities (N, 3) of the moments it was looked at.

    Moments of one second look alike: they speak with one voice, not with N.
    """
    if not len(moments):
        return HandContent.UNKNOWN
    told = np.exp(np.log(np.maximum(moments, 1e-9)).mean(axis=0))
    told /= told.sum()
    if told[Content.EMPTY] >= SURE:
        return HandContent.EMPTY
    if told[Content.PRODUCT] >= SURE:
        return HandContent.HOLDING
    return HandContent.UNKNOWN


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: Literal[1] = 1
    network_sha256: str
    discriminant: Stored


def encode_head(embedder: Embedder, discriminant: Discriminant) -> bytes:
    """A file's bytes for what was learnt on an embedding."""
    file = _File(network_sha256=embedder.entry.sha256, discriminant=store(discriminant))
    return msgspec.msgpack.encode(file)


def load_hand_reader(
    name: str = HAND_CONTENT,
    *,
    threads: int = 1,
    providers: Sequence[Provider] = BEST_FIRST,
    manifest: Path = MANIFEST,
) -> HandReader:
    """Open a hand reader and the embedding it stands on.

    Raises:
        ModelError: If a file is not the pinned one, or the two do not belong together.
    """
    entry = find_entry(name, HandEntry, manifest)
    raw = read_verified(entry, manifest)
    embedder = load_embedder(entry.on, threads=threads, providers=providers, manifest=manifest)
    try:
        file = msgspec.msgpack.decode(raw, type=_File)
        discriminant = restore(file.discriminant)
    except (msgspec.DecodeError, ValueError) as error:
        raise ModelError(f"{manifest.parent / entry.file}: tells of no hands: {error}") from error
    if file.network_sha256 != embedder.entry.sha256:
        raise ModelError(f"{manifest.parent / entry.file}: was learnt on another {entry.on}")
    return HandReader(embedder, discriminant)
