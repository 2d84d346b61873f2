"""Distributions as they were measured: a few quantiles, with a line between each two."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantiles:
    """`values` at the `shares` of all that is drawn; shares run from 0 to 1.

    >>> Quantiles((0.0, 0.5, 1.0), (0.0, 10.0, 30.0)).at(0.75).item()
    20.0
    """

    shares: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, share: ArrayLike) -> Floats:
        """The value below which a share of all lies."""
        shares = np.asarray(share, np.float64)
        return np.asarray(np.interp(shares, self.shares, self.values), np.float64)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        return self.at(rng.random(count))

    def scaled(self, factor: float) -> "Quantiles":
        return Quantiles(self.shares, tuple(value * factor for value in self.values))
