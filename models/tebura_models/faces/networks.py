"""The networks that find faces and the points of a face; they belong to one thread at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import Floats
from tebura_models.loader import (
    BEST_FIRST,
    PICTURE,
    EntryT,
    ModelError,
    Provider,
    find_entry,
    open_first,
    read_verified,
)
from tebura_models.manifest import FACE_POINTS, FACES, MANIFEST, FaceEntry, FacePointsEntry

FACE_ROWS, POINTS, IS_FACE = "faces", "points", "is_face"
"""What they put out: a row a face, or the points of one and how surely it is one."""
FACE_ROW: Final = 17
"""x0, y0, x1, y1; six points as x, y; score. Pixels of the network's picture."""
POINT_COUNT: Final = 468


@dataclass(frozen=True, slots=True)
class FaceNetwork:
    """An open network that finds faces."""

    entry: FaceEntry
    provider: Provider
    session: Any
    picture: NDArray[np.uint8] = field(repr=False)
    """Its input (1, height, width, 3), BGR: drawn into before each run."""

    def run(self) -> Floats:
        """Rows (896, 17) of what was drawn."""
        (rows,) = self.session.run([FACE_ROWS], {PICTURE: self.picture})
        return np.asarray(rows, np.float32)


@dataclass(frozen=True, slots=True)
class PointsNetwork:
    """An open network that knows the points of one face."""

    entry: FacePointsEntry
    provider: Provider
    session: Any
    picture: NDArray[np.uint8] = field(repr=False)

    def run(self) -> tuple[Floats, float]:
        """Points (468, 3), x and y in its pixels and z alike, and the logit of a face."""
        points, is_face = self.session.run([POINTS, IS_FACE], {PICTURE: self.picture})
        return np.asarray(points, np.float32), float(np.asarray(is_face).item())


OpenedT = TypeVar("OpenedT", FaceNetwork, PointsNetwork)


def load_face_network(
    name: str = FACES, *, threads: int = 1, manifest: Path = MANIFEST
) -> FaceNetwork:
    """Open the network that finds faces.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, FaceEntry, manifest)
    return _opened(entry, FaceNetwork, threads, manifest)


def load_points_network(
    name: str = FACE_POINTS, *, threads: int = 1, manifest: Path = MANIFEST
) -> PointsNetwork:
    """Open the network that knows the points of a face.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, FacePointsEntry, manifest)
    return _opened(entry, PointsNetwork, threads, manifest)


def _opened(
    entry: EntryT,
    kind: Callable[[EntryT, Provider, Any, NDArray[np.uint8]], OpenedT],
    threads: int,
    manifest: Path,
) -> OpenedT:
    width, height = entry.input.size_px

    def attempt(provider: Provider, session: Any, _: tuple[str, ...]) -> OpenedT:
        picture = np.full((1, height, width, 3), 128, np.uint8)
        network: OpenedT = kind(entry, provider, session, picture)
        try:
            network.run()
        except Exception as error:  # the runtime's own exceptions share no public base class
            raise ModelError(f"the first picture fails: {error}") from error
        return network

    try:
        raw = read_verified(entry, manifest)
        return open_first(raw, attempt, threads=threads, providers=BEST_FIRST)
    except ModelError as error:
        raise ModelError(f"{manifest.parent / entry.file}: cannot run; {error}") from error
