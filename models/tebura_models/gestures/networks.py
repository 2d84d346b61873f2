"""The networks that find palms and the points of a hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tebura_models.heads import Floats
from tebura_models.loader import find_entry
from tebura_models.manifest import HAND_POINTS as POINTS_NETWORK
from tebura_models.manifest import MANIFEST, PALMS, HandPointsEntry, PalmEntry
from tebura_models.one_picture import OnePictureNetwork, open_one_picture

PALM_ROWS, HAND_POINTS, IS_HAND = "palms", "points", "is_hand"
"""What they put out: a row a palm, or the points of one hand and how surely it is one."""
PALM_ROW: Final = 19
"""x0, y0, x1, y1; seven points as x, y; score. Pixels of the network's picture."""
POINT_COUNT: Final = 21


@dataclass(frozen=True, slots=True)
class PalmNetwork(OnePictureNetwork[PalmEntry]):
    """An open network that finds palms."""

    def run(self) -> Floats:
        """Rows (2016, 19) of what was drawn."""
        (rows,) = self._put_out(PALM_ROWS)
        return rows


@dataclass(frozen=True, slots=True)
class HandPointsNetwork(OnePictureNetwork[HandPointsEntry]):
    """An open network that knows the points of one hand."""

    def run(self) -> tuple[Floats, float]:
        """Points (21, 3), x and y in its pixels and z alike, and how likely it is a hand."""
        points, is_hand = self._put_out(HAND_POINTS, IS_HAND)
        return points, float(is_hand.item())


def load_palm_network(
    name: str = PALMS, *, threads: int = 1, manifest: Path = MANIFEST
) -> PalmNetwork:
    """Open the network that finds palms.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, PalmEntry, manifest)
    return open_one_picture(entry, PalmNetwork, threads, manifest)


def load_hand_points_network(
    name: str = POINTS_NETWORK, *, threads: int = 1, manifest: Path = MANIFEST
) -> HandPointsNetwork:
    """Open the network that knows the points of a hand.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, HandPointsEntry, manifest)
    return open_one_picture(entry, HandPointsNetwork, threads, manifest)
