"""How somebody carries itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Manner:
    """What a person's movements have of its own.

    `swing` scales the arms' swing, `bend_rad` is how far the back is bent, `phase` where slow
    movements begin; `reads` says that the phone is taken out while there is nothing to do,
    `carries` that the left hand holds a basket, `shoulders` that a bag hangs beside it.
    """

    swing: float = 1.0
    bend_rad: float = 0.0
    phase: float = 0.0
    reads: bool = False
    carries: bool = False
    shoulders: bool = False
