"""Everybody's way through the shop on a grid of moments, and who comes close to whom."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.story.footprints import Bools, Floats

Ints = NDArray[np.int64]
GRID_S = 0.1
"""Between two moments that are worked out."""
APART_M = 0.62
"""Between two people who pass or stand side by side, where there is room: shoulders' width."""
CLOSE_M = 0.38
"""Closer than this, one trunk is in the other."""
MOST_M = 0.75
"""Nobody is moved aside by more."""
BODY_HALF_M = 0.25
STIFF = 1e-6
"""Two who give less than this together do not move at all."""


@dataclass(frozen=True)
class Ways:
    """Everybody's way on a grid of moments: (people, moments) or (people, moments, 2).

    `here` is who is there at all, `ahead` where each looks, `gives` how readily it moves aside and
    `most_m` how far at most; `reaches` is how far a hand is out for a shelf, 0 to 1.
    """

    here: Bools
    at_m: Floats
    ahead: Floats
    gives: Floats
    most_m: Floats
    reaches: Floats

    def cut(self, people: Ints, span: slice) -> "Ways":
        """The same of some people for a span of moments."""
        here, reaches = self.here[people, span], self.reaches[people, span]
        at_m, ahead = self.at_m[people, span], self.ahead[people, span]
        gives, most_m = self.gives[people, span], self.most_m[people, span]
        return Ways(here, at_m, ahead, gives, most_m, reaches)


def meeting(ways: Ways) -> Iterator[tuple[int, int]]:
    """The pairs that come close at all."""
    for one in range(len(ways.at_m)):
        for two in range(one + 1, len(ways.at_m)):
            both = ways.here[one] & ways.here[two]
            far_m = np.linalg.norm(ways.at_m[one, both] - ways.at_m[two, both], axis=1)
            # Whoever makes way for somebody may come close to a third.
            if far_m.min(initial=np.inf) < APART_M + 2 * MOST_M:
                yield one, two


def runs(flags: Bools) -> Iterator[tuple[int, int]]:
    """Where flags are set in a row: first, and last plus one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        yield int(first), int(last)
