"""What else happened on a shelf just before a step: a hand there for that took nothing here.

Two who stand side by side take two things within a second; one hand is seen, the other's owner is
hidden. The hand lies at one of the two places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS

from tebura_gateway.domain.facts import Step
from tebura_gateway.domain.places import Places

_STAYS_NS = SECOND_NS
"""A hand may be seen there so long before and after what it did."""
Extent = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Others:
    """Steps on other plates of the shelf, by where they were and when they began and ended."""

    steps: Sequence[tuple[Extent, int, int]] = ()

    @classmethod
    def of(cls, step: Step, before: Sequence[Step], places: Places) -> "Others":
        """Those of `before` that are recent enough to matter."""
        found = []
        for other in before:
            is_recent = other.to_ns >= step.from_ns - 2 * _STAYS_NS
            if is_recent and not set(other.plates) & set(step.plates):
                extent_m = places.extent_m(other.shelf, other.plates)
                if extent_m is not None:
                    found.append((extent_m, int(other.from_ns), int(other.to_ns)))
        return cls(found)

    def have(self, x_m: float, extent_m: Extent, from_ns: int, to_ns: int) -> bool:
        """Whether a hand at `x_m` was rather there for one of these than for what is at `extent_m`.

        >>> others = Others([((0.5, 0.7), 10 * SECOND_NS, 11 * SECOND_NS)])
        >>> [others.have(x_m, (0.2, 0.5), 10 * SECOND_NS, 11 * SECOND_NS) for x_m in (0.4, 0.6)]
        [False, True]
        """
        apart_m = off_m(extent_m, x_m)
        return any(
            off_m(there_m, x_m) < apart_m
            and from_ns <= ended_ns + _STAYS_NS
            and to_ns >= began_ns - _STAYS_NS
            for there_m, began_ns, ended_ns in self.steps
        )


def off_m(extent_m: Extent, x_m: float) -> float:
    """How far beside a stretch of a shelf's front something is; 0 before it."""
    return max(extent_m[0] - x_m, x_m - extent_m[1], 0.0)
