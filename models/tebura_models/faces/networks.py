"""The networks that find faces and the points of a face."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tebura_models.heads import Floats
from tebura_models.loader import find_entry
from tebura_models.manifest import FACE_POINTS, FACES, MANIFEST, FaceEntry, FacePointsEntry
from tebura_models.one_picture import OnePictureNetwork, open_one_picture

FACE_ROWS, POINTS, IS_FACE = "faces", "points", "is_face"
"""What they put out: a row a face, or the points of one and how surely it is one."""
FACE_ROW: Final = 17
"""x0, y0, x1, y1; six points as x, y; score. Pixels of the network's picture."""
POINT_COUNT: Final = 468


@dataclass(frozen=True, slots=True)
class FaceNetwork(OnePictureNetwork[FaceEntry]):
    """An open network that finds faces."""

    def run(self) -> Floats:
        """Rows (896, 17) of what was drawn."""
        (rows,) = self._put_out(FACE_ROWS)
        return rows


@dataclass(frozen=True, slots=True)
class PointsNetwork(OnePictureNetwork[FacePointsEntry]):
    """An open network that knows the points of one face."""

    def run(self) -> tuple[Floats, float]:
        """Points (468, 3), x and y in its pixels and z alike, and the logit of a face."""
        points, is_face = self._put_out(POINTS, IS_FACE)
        return points, float(is_face.item())


def load_face_network(
    name: str = FACES, *, threads: int = 1, manifest: Path = MANIFEST
) -> FaceNetwork:
    """Open the network that finds faces.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, FaceEntry, manifest)
    return open_one_picture(entry, FaceNetwork, threads, manifest)


def load_points_network(
    name: str = FACE_POINTS, *, threads: int = 1, manifest: Path = MANIFEST
) -> PointsNetwork:
    """Open the network that knows the points of a face.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, FacePointsEntry, manifest)
    return open_one_picture(entry, PointsNetwork, threads, manifest)
