"""The networks that find palms and the points of a hand; they belong to one thread at a time."""

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
from tebura_models.manifest import HAND_POINTS as POINTS_NETWORK
from tebura_models.manifest import MANIFEST, PALMS, HandPointsEntry, PalmEntry

PALM_ROWS, HAND_POINTS, IS_HAND = "palms", "points", "is_hand"
"""What they put out: a row a palm, or the points of one hand and how surely it is one."""
PALM_ROW: Final = 19
"""x0, y0, x1, y1; seven points as x, y; score. Pixels of the network's picture."""
POINT_COUNT: Final = 21


@dataclass(frozen=True, slots=True)
class PalmNetwork:
    """An open network that finds palms."""

    entry: PalmEntry
    session: Any
    picture: NDArray[np.uint8] = field(repr=False)
    """Its input (1, height, width, 3), BGR: drawn into before each run."""

    def run(self) -> Floats:
        """Rows (2016, 19) of what was drawn."""
        (rows,) = self.session.run([PALM_ROWS], {PICTURE: self.picture})
        return np.asarray(rows, np.float32)


@dataclass(frozen=True, slots=True)
class HandPointsNetwork:
    """An open network that knows the points of one hand."""

    entry: HandPointsEntry
    session: Any
    picture: NDArray[np.uint8] = field(repr=False)

    def run(self) -> tuple[Floats, float]:
        """Points (21, 3), x and y in its pixels and z alike, and how likely it is a hand."""
        points, is_hand = self.session.run([HAND_POINTS, IS_HAND], {PICTURE: self.picture})
        return np.asarray(points, np.float32), float(np.asarray(is_hand).item())


OpenedT = TypeVar("OpenedT", PalmNetwork, HandPointsNetwork)


def load_palm_network(
    name: str = PALMS, *, threads: int = 1, manifest: Path = MANIFEST
) -> PalmNetwork:
    """Open the network that finds palms.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    return _opened(find_entry(name, PalmEntry, manifest), PalmNetwork, threads, manifest)


def load_hand_points_network(
    name: str = POINTS_NETWORK, *, threads: int = 1, manifest: Path = MANIFEST
) -> HandPointsNetwork:
    """Open the network that knows the points of a hand.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    entry = find_entry(name, HandPointsEntry, manifest)
    return _opened(entry, HandPointsNetwork, threads, manifest)


def _opened(
    entry: EntryT,
    kind: Callable[[EntryT, Any, NDArray[np.uint8]], OpenedT],
    threads: int,
    manifest: Path,
) -> OpenedT:
    width, height = entry.input.size_px

    def attempt(_: Provider, session: Any, __: tuple[str, ...]) -> OpenedT:
        network: OpenedT = kind(entry, session, np.full((1, height, width, 3), 128, np.uint8))
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
