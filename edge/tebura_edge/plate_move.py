"""A plate that came to rest at another level, and when it turned to it.

When in between it turned is the change point that fits best in absolute deviations: a hand that
presses for a moment does not count.
"""

from dataclasses import dataclass

import numpy as np

from tebura_edge.samples import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class PlateMove:
    """One plate came to rest at another level.

    `rested_ns` is when it last rested at the old level, `from_ns` when it was last there,
    `turned_ns` when it changed to the new one, `to_ns` since when it has been there (store time).
    `is_handled`: it moved as no plate does by itself. `blind` says why it could not be watched in
    between.
    """

    plate: int
    before_g: float
    after_g: float
    sigma_g: float
    rested_ns: int
    from_ns: int
    turned_ns: int
    to_ns: int
    is_handled: bool
    blind: str

    @property
    def delta_g(self) -> float:
        return self.after_g - self.before_g


def turn_of(
    at_ns: Ints, track_g: Floats, level_g: float, after_g: float, within_g: float
) -> tuple[int, int]:
    """When a plate turned from one level to another, and since when it has been there.

    Args:
        at_ns: Store time of its samples since it was last at the old one, (n,).
        track_g: The samples, (n,).
        level_g: The old level.
        after_g: The new one.
        within_g: A sample so near is at the new one.
    """
    off_g = np.abs(track_g - after_g)
    turn = int(np.argmin(np.cumsum(np.abs(track_g - level_g) - off_g))) + 1
    return int(at_ns[min(turn, len(at_ns) - 1)]), int(at_ns[behind_last(off_g > within_g)])


def behind_last(flags: Bools) -> int:
    """Index of the sample behind the last one flagged; 0 if none is."""
    flagged = np.flatnonzero(flags)
    return min(int(flagged[-1]) + 1, len(flags) - 1) if len(flagged) else 0
