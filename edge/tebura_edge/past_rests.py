"""The rests of a scale's plates in the last seconds."""

from collections import deque
from typing import Final

from tebura_edge.samples import Bools, Floats

_KEPT: Final = 64


class PastRests:
    """What the last judgements found, oldest first."""

    def __init__(self) -> None:
        self._rests: deque[tuple[int, Floats, Bools]] = deque(maxlen=_KEPT)

    def add(self, at_ns: int, rest_g: Floats, is_resting: Bools) -> None:
        """Take a judgement: store time, the weight of each plate, and where that rested."""
        self._rests.append((at_ns, rest_g, is_resting))

    def mean_g(self, plate: int, since_ns: int, until_ns: int) -> float | None:
        """Mean of a plate's rests between two times."""
        rests_g = [
            float(rest_g[plate])
            for at_ns, rest_g, is_resting in self._rests
            if since_ns <= at_ns <= until_ns and is_resting[plate]
        ]
        return sum(rests_g) / len(rests_g) if rests_g else None

    def last_g(self, plate: int, until_ns: int) -> float | None:
        """Weight of a plate's last rest that ended by then."""
        for at_ns, rest_g, is_resting in reversed(self._rests):
            if at_ns <= until_ns and is_resting[plate]:
                return float(rest_g[plate])
        return None
