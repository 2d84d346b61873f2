"""Photographs of products in folders, and the views of a picture that are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tebura_models.embedding import Embedder
from tebura_models.heads import Floats, Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VIEWS = (1.0, 0.7)
"""Central squares, as shares of the shorter side: with what is around the product, and without."""


class PhotoError(ValueError):
    """Photographs that cannot be used; the text names the file or folder."""


@dataclass(frozen=True, slots=True)
class Photos:
    """Pictures and what is in each: `products[i]` is the row of `names` for `files[i]`."""

    names: tuple[str, ...]
    files: tuple[Path, ...]
    products: tuple[int, ...]


def find_photos(folder: Path) -> Photos:
    """All pictures below a folder; what is in one is the name of the folder it lies in.

    Raises:
        PhotoError: If there are fewer than two products, a picture lies in none, or two folders
            have one name.
    """
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    homes: dict[str, Path] = {}
    for file in files:
        if file.parent == folder:
            raise PhotoError(f"{file}: put it into a folder named after its product")
        home = homes.setdefault(file.parent.name, file.parent)
        if home != file.parent:
            raise PhotoError(f"{file.parent} and {home}: two folders for one product name")
    if len(homes) < 2:
        raise PhotoError(f"{folder}: needs folders of two products or more, PRODUCT/picture.jpg")
    names = tuple(sorted(homes))
    rows = {name: row for row, name in enumerate(names)}
    return Photos(names, tuple(files), tuple(rows[file.parent.name] for file in files))


def read_photo(file: Path) -> Image:
    """A picture as BGR.

    Raises:
        PhotoError: If it is none.
    """
    try:
        raw = np.fromfile(file, np.uint8)
    except OSError as error:
        raise PhotoError(f"{file}: cannot be read: {error.strerror}") from error
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if image is None:
        raise PhotoError(f"{file}: is no picture")
    return np.asarray(image, np.uint8)


def central(image: Image, share: float) -> Image:
    """The central square, `share` of the shorter side."""
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) * share))
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def embed_views(embedder: Embedder, images: Sequence[Image]) -> Floats:
    """(N, views, dimensions): each picture as it is seen with more and with less around it."""
    views = [central(image, share) for image in images for share in VIEWS]
    return embedder.embed(views).reshape(len(images), len(VIEWS), -1)
