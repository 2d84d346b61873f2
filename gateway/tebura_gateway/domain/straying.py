"""Tracks that went over to somebody else, as another camera shows.

Where two people overlap in its picture, a camera may lose the one behind and follow the one before
without a break. Another camera goes on seeing both: the track stood with one of its people, and
then stands with another, while the first is where they were.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Xy
from tebura_contract.ids import TrackId

from tebura_gateway.domain.companions import together
from tebura_gateway.domain.sightings import Look, Sightings, Spot
from tebura_gateway.domain.strands import Strands

_LOOKS = 3
"""So many with one person, and then with another, are no chance."""
_SURELY = 0.5
"""How surely a track stands where somebody of another camera does."""
_SLIDE_NS = 3 * SECOND_NS
"""Going over takes no longer than this, nor do so many looks before it, or after it."""
_APART_M, _STEP_M = 0.6, 0.4
"""How far apart the two stand at least, and how far the track went from one to the other."""


@dataclass(frozen=True, slots=True)
class Straying:
    """From `at_ns` on a track is somebody else's; before it, it was last seen at `from_m`."""

    at_ns: int
    track: TrackId
    from_m: Xy
    to_m: Xy


def strayings_of(sightings: Sightings, strands: Strands) -> list[Straying]:
    """All that some other camera shows, in order of time."""
    found: dict[tuple[TrackId, int], Straying] = {}
    for eye, looks in sightings.looks.items():
        for other, theirs in sightings.looks.items():
            if other == eye:
                continue
            for one in _seen_by(looks, {look.moment: look for look in theirs}, strands):
                found.setdefault((one.track, one.at_ns), one)
    return sorted(found.values(), key=lambda one: (one.at_ns, one.track))


@dataclass(slots=True)
class _Stand:
    """Looks in a row at which a track stood where one strand of the other camera did."""

    strand: TrackId
    looks: list[tuple[int, Spot, Spot, Mapping[TrackId, Spot]]]


def _seen_by(
    looks: Sequence[Look], theirs: Mapping[int, Look], strands: Strands
) -> Iterator[Straying]:
    stands: dict[TrackId, list[_Stand]] = {}
    for look in looks:
        other = theirs.get(look.moment)
        if other is None:
            continue
        there = {strands.of(track, other.at_ns): spot for track, spot in other.spots.items()}
        for (track, strand), weight in together(look.spots, there).items():
            if weight < _SURELY:
                continue
            mine = stands.setdefault(track, [])
            if not mine or mine[-1].strand != strand:
                mine.append(_Stand(strand, []))
            mine[-1].looks.append((look.at_ns, look.spots[track], there[strand], there))
    for track, rows in stands.items():
        long = [row for row in rows if len(row.looks) >= _LOOKS]
        for before, after in pairwise(long):
            if before.strand != after.strand and _went_over(before, after):
                at_ns, spot, _, _ = after.looks[0]
                yield Straying(at_ns, track, before.looks[-1][1].xy_m, spot.xy_m)


def _went_over(before: _Stand, after: _Stand) -> bool:
    """Whether the track went, and not the people: both stood about where they were."""
    left_ns, left, left_with, then = before.looks[-1]
    came_ns, came, came_to, now = after.looks[0]
    since_ns, until_ns = before.looks[-_LOOKS][0], after.looks[_LOOKS - 1][0]
    if max(came_ns - left_ns, left_ns - since_ns, until_ns - came_ns) > _SLIDE_NS:
        return False
    second = then.get(after.strand)
    if second is None:
        return False
    # The first may be lost to the other camera meanwhile.
    first = now.get(before.strand, left_with)
    went_m = math.dist(left.xy_m, came.xy_m)
    moved_m = max(math.dist(left_with.xy_m, first.xy_m), math.dist(second.xy_m, came_to.xy_m))
    apart_m = min(math.dist(left_with.xy_m, second.xy_m), math.dist(first.xy_m, came_to.xy_m))
    return went_m >= max(_STEP_M, 2.0 * moved_m) and apart_m >= _APART_M
