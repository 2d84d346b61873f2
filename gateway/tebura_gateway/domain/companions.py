"""Which strands of different cameras are one person: they stand at one place at the same moments.

Each second, each strand of one camera is weighed against all of another: who stands nearest, by how
much, and whether that one's nearest is this one. Nobody is compared within a camera, where two
strands are two people.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

from tebura_contract.ids import TrackId

from tebura_gateway.domain.sightings import APART_NS, Eye, Sightings, Spot
from tebura_gateway.domain.strands import Strands

_CALIBRATION_M = 0.1
"""By how much two cameras place the same floor apart, beside each one's own deviation."""
_ELSEWHERE_PER_M2 = 0.05
"""Density of being where the other camera sees nobody, or somebody else."""
_LEAST = 0.05


@dataclass(slots=True)
class _Times:
    at_ns: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Companions:
    """By strand, who of other cameras stood where it stood, when, and how surely."""

    _found: Mapping[TrackId, Mapping[TrackId, _Times]]

    def of(self, strand: TrackId) -> dict[TrackId, float]:
        """By companion for how many looks they were together."""
        found = self._found.get(strand, {})
        return {other: math.fsum(times.weights) for other, times in found.items()}

    def until(self, at_ns: int) -> object:
        """All that `near` rests on until then, to be compared."""
        return {
            (strand, other): (times.at_ns[:count], times.weights[:count])
            for strand, others in self._found.items()
            for other, times in others.items()
            if (count := bisect_right(times.at_ns, at_ns))
        }

    def near(self, strand: TrackId, at_ns: int, within_ns: int) -> dict[TrackId, float]:
        """By companion how surely they were together around a time, 0..1."""
        near = {}
        for other, times in self._found.get(strand, {}).items():
            low = bisect_left(times.at_ns, at_ns - within_ns)
            high = bisect_right(times.at_ns, at_ns + within_ns)
            if high > low:
                looks = 2 * within_ns / APART_NS
                near[other] = math.fsum(times.weights[low:high]) / max(high - low, looks / 2)
        return near


def companions_of(sightings: Sightings, strands: Strands) -> Companions:
    """Compare all looks that were taken together."""
    by_moment: dict[int, dict[Eye, tuple[int, Mapping[TrackId, Spot]]]] = {}
    for eye, looks in sightings.looks.items():
        for look in looks:
            spots = {strands.of(track, look.at_ns): spot for track, spot in look.spots.items()}
            by_moment.setdefault(look.moment, {})[eye] = (look.at_ns, spots)
    found: dict[TrackId, dict[TrackId, _Times]] = {}
    for moment in sorted(by_moment):
        for one, other in combinations(sorted(by_moment[moment]), 2):
            at_ns, mine = by_moment[moment][one]
            _, theirs = by_moment[moment][other]
            for (a, b), weight in together(mine, theirs).items():
                for name, companion in ((a, b), (b, a)):
                    times = found.setdefault(name, {}).setdefault(companion, _Times())
                    times.at_ns.append(at_ns)
                    times.weights.append(weight)
    return Companions(found)


def together(
    mine: Mapping[TrackId, Spot], theirs: Mapping[TrackId, Spot]
) -> dict[tuple[TrackId, TrackId], float]:
    """How likely each pair of two cameras is one person, at one moment."""
    fits = {(a, b): _fit(mine[a], theirs[b]) for a in mine for b in theirs}
    of_mine = {a: math.fsum(fits[a, b] for b in theirs) for a in mine}
    of_theirs = {b: math.fsum(fits[a, b] for a in mine) for b in theirs}
    weights = {
        (a, b): fit**2 / ((of_mine[a] + _ELSEWHERE_PER_M2) * (of_theirs[b] + _ELSEWHERE_PER_M2))
        for (a, b), fit in fits.items()
    }
    return {pair: weight for pair, weight in weights.items() if weight >= _LEAST}


def _fit(one: Spot, other: Spot) -> float:
    spread_m2 = one.sd_m**2 + other.sd_m**2 + _CALIBRATION_M**2
    square_m2 = (one.xy_m[0] - other.xy_m[0]) ** 2 + (one.xy_m[1] - other.xy_m[1]) ** 2
    return math.exp(-0.5 * square_m2 / spread_m2) / (2.0 * math.pi * spread_m2)
