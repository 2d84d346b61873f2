"""What came onto a plate, or left it, and was gone again before the plate had come to rest.

Mostly that is a hand. But two people at one plate within a second or so may put one thing back and
take another of its kind: the plate then rests where it was, and no step tells of it. So what passes
is told, too, as what it weighed meanwhile; whose hands were there is for the gateway to ask.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

LEAST_S: Final = 0.1
LEAST_ROWS: Final = 2
"""A plate is away for so long, in so many filtered samples, at least: three glitches among five
samples look like one. Two people's hands are hardly ever nearer in time."""

NEAR_MOST: Final = 0.5
"""Share of the most from which on a plate bears what passes: it overshoots by 5 to 40 %."""

STAYS_SHARE: Final = 0.5
"""What stays is at most this share of what passed: no two packages weigh the same, and what is a
step by itself has not passed."""

LONGER_S: Final = 2.5
"""What lasts for longer than a rest of this plate by so much would have come to rest; what has gone
for so much longer without one is somebody's hand still."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed on one plate, from when to when, and when it was found (store time).

    `size_g`: what the plate was off by.
    """

    plate: int
    size_g: float
    from_ns: int
    to_ns: int
    seen_ns: int


@dataclass(slots=True)
class Away:
    """A plate that left its level: since when, until when as far as is known, by how much."""

    from_ns: int
    to_ns: int
    off_g: list[float] = field(default_factory=list)


class Passing:
    """Follows plates of one scale that left their level.

    Attributes:
        leant_on: Those that have been away for so long that it is somebody's weight; of these only
            the times are kept.
    """

    def __init__(self) -> None:
        self._away: dict[int, Away] = {}
        self.leant_on: dict[int, Away] = {}

    def restore(self, plate: int, away: Away) -> None:
        """Continue from what `away` gave."""
        (self._away if away.off_g else self.leant_on)[plate] = away

    def away(self) -> dict[int, Away]:
        """What to save."""
        return self._away | self.leant_on

    def __bool__(self) -> bool:
        return bool(self._away)

    def __contains__(self, plate: int) -> bool:
        return plate in self._away

    def note(self, at_ns: Ints, off_g: Floats, is_out: Bools) -> None:
        """Take samples: (n,) store time, (n, plates) grams off the level, and where that is out."""
        for plate in np.flatnonzero(is_out.any(axis=0)).tolist():
            if plate not in self.leant_on:
                rows = np.flatnonzero(is_out[:, plate])
                away = self._away.setdefault(plate, Away(int(at_ns[rows[0]]), 0))
                away.to_ns = int(at_ns[rows[-1]])
                away.off_g += off_g[rows, plate].tolist()

    def settle(
        self, is_resting: Bools, stays_g: Floats, rest_s: Floats, now_ns: int
    ) -> Iterator[Passed]:
        """What passed on plates that rest again, at about the level that they left.

        Args:
            is_resting: Where a plate does, (plates,).
            stays_g: How far from that level.
            rest_s: How long a rest of each plate takes.
            now_ns: Store time.
        """
        self.leant_on = {
            plate: away for plate, away in self.leant_on.items() if not is_resting[plate]
        }
        for plate, away in list(self._away.items()):
            lasts_ns, gone_ns = away.to_ns - away.from_ns, now_ns - away.to_ns
            if is_resting[plate]:
                del self._away[plate]
                size_g = _size_g(np.array(away.off_g))
                is_seen = lasts_ns >= ns_from_s(LEAST_S) and len(away.off_g) >= LEAST_ROWS
                if is_seen and abs(stays_g[plate]) <= STAYS_SHARE * abs(size_g):
                    yield Passed(plate, size_g, away.from_ns, away.to_ns, now_ns)
            elif max(lasts_ns, gone_ns) > ns_from_s(rest_s[plate] + LONGER_S):
                del self._away[plate]
                self.leant_on[plate] = Away(away.from_ns, away.to_ns)

    def began_ns(self) -> int | None:
        """Since when the first of them is away."""
        return min((away.from_ns for away in self._away.values()), default=None)


def _size_g(off_g: Floats) -> float:
    """What it weighed: the heavier side of what the plate showed, where that was near its most.

    Hands shake a plate before and after, and two landings that overlap are at their full weight for
    a part of the time only.
    """
    side = float(np.sign(off_g.sum()))
    sizes_g = side * off_g
    return side * float(np.median(sizes_g[sizes_g >= NEAR_MOST * sizes_g.max()]))


def together(passed: Sequence[Passed], near: Sequence[Sequence[int]]) -> list[list[Passed]]:
    """What passed at one time on plates near each other, the heaviest of each first."""
    found: list[list[Passed]] = []
    for one in sorted(passed, key=lambda one: (-abs(one.size_g), one.plate)):
        mine = next((group for group in found if _is_with(one, group[0], near)), None)
        if mine is None:
            found.append([one])
        else:
            mine.append(one)
    return found


def _is_with(one: Passed, first: Passed, near: Sequence[Sequence[int]]) -> bool:
    is_near = one.plate == first.plate or one.plate in near[first.plate]
    return is_near and one.from_ns <= first.to_ns and first.from_ns <= one.to_ns
