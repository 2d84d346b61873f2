"""What a camera's picture is made of: how far away each pixel's surface is, and whose it is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.masks import Mask

CARRIED = ("phone", "bag", "basket", "backpack", "tote")
"""Parts of a person's name that are no part of the person: ``hana/bag`` is what hana carries."""


@dataclass(frozen=True, eq=False)
class Sight:
    """Depth (H, W) in metres along the view, and segments (H, W): places in `names`, -1 for none.

    Names are ``{shopper}/...`` for what belongs to a person, ``{item}`` or ``{item}/...`` for
    packages.
    """

    depth_m: NDArray[np.float64]
    segments: NDArray[np.int32]
    names: tuple[str, ...]

    @property
    def size_px(self) -> tuple[int, int]:
        high, wide = self.segments.shape
        return wide, high

    def body(self, shopper: str) -> Mask:
        """Where a person is seen: skin, hair and clothes, not what it carries."""
        start = f"{shopper}/"
        return self._where(
            index
            for index, name in enumerate(self.names)
            if name.startswith(start) and not name[len(start) :].startswith(CARRIED)
        )

    def own(self, shopper: str, items: Collection[str]) -> Mask:
        """Where a person is seen, or what it carries, or these packages that it holds."""
        start = f"{shopper}/"
        worn = self._where(i for i, name in enumerate(self.names) if name.startswith(start))
        return worn | self.things(items) if items else worn

    def things(self, items: Collection[str]) -> Mask:
        """Where any of these packages is seen."""
        parts = tuple(f"{item}/" for item in items)
        return self._where(
            index
            for index, name in enumerate(self.names)
            if name in items or name.startswith(parts)
        )

    def _where(self, indices: Iterable[int]) -> Mask:
        # One more than there are names: -1 is nobody's.
        table = np.zeros(len(self.names) + 1, np.bool_)
        table[list(indices)] = True
        return np.asarray(table[self.segments])
