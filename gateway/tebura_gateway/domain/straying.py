"""Tracks that went over to somebody else, as another camera shows.

Where two people overlap in its picture, a camera may lose the one behind and follow the one before
without a break. Another camera goes on seeing both: the track stood with one of its people, and
then stands with another, who had been somewhere else. Both may have walked meanwhile.

Or the other camera sees only who came by: one stood, another walked up, and from then on both are
at one place. People keep their distance, so it is one of them: who walked goes on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Xy
from tebura_contract.ids import TrackId

from tebura_gateway.domain.companions import together
from tebura_gateway.domain.sightings import APART_NS, Look, Sightings, Spot, moment_of
from tebura_gateway.domain.strands import Strands

_LOOKS = 3
"""So many with one person, and then with another, are no chance."""
_SURELY = 0.5
"""How surely a track stands where somebody of another camera does."""
_SLIDE_NS, _HIDDEN_NS = 3 * SECOND_NS, 6 * SECOND_NS
"""Going over takes no longer than the first, nor do so many looks before it, or after it; unless
the track is hidden meanwhile."""
_NEAR = 2
"""Whom the other camera did not see just then is about where it sees them so many looks off."""
_APART_M, _SHORTER_M = 0.45, 0.4
"""How far apart the two stand at least, and by how much their ways are shorter than if the other
camera, and not this one, had taken one for the other."""
_CLEARLY_M = 0.6
"""Whom two cameras see so far apart are two, where nothing else tells that they are."""
_STOOD_MPS, _WALKED_MPS = 0.25, 0.5
"""What is no faster stands, what is no slower walks: feet lie off by a decimetre at each look."""

_Seen = Mapping[int, Mapping[TrackId, Spot]]
"""Where each strand of a camera was, by moment."""


@dataclass(frozen=True, slots=True)
class Straying:
    """From `at_ns` on a track is somebody else's; its own was last seen earlier, at `from_m`."""

    at_ns: int
    track: TrackId
    left_ns: int
    from_m: Xy
    to_m: Xy


def strayings_of(sightings: Sightings, strands: Strands) -> list[Straying]:
    """All that some other camera shows, in order of time."""
    found: dict[tuple[TrackId, int], Straying] = {}
    seen = {eye: _by_moment(looks, strands) for eye, looks in sightings.looks.items()}
    for eye, looks in sightings.looks.items():
        for other in sightings.looks:
            if other == eye:
                continue
            for one in _seen_by(looks, seen[other]):
                found.setdefault((one.track, one.at_ns), one)
    return sorted(found.values(), key=lambda one: (one.at_ns, one.track))


def _by_moment(looks: Sequence[Look], strands: Strands) -> _Seen:
    return {
        look.moment: {strands.of(n, look.at_ns): spot for n, spot in look.spots.items()}
        for look in looks
    }


@dataclass(slots=True)
class _Stand:
    """Looks in a row at which a track stood where one strand of the other camera did."""

    strand: TrackId
    looks: list[tuple[int, Spot, Spot]] = field(default_factory=list)


def _seen_by(looks: Sequence[Look], theirs: _Seen) -> Iterator[Straying]:
    stands: dict[TrackId, list[_Stand]] = {}
    own = {look.moment: look.spots for look in looks}
    for look in looks:
        there = theirs.get(look.moment, {})
        for (track, strand), weight in together(look.spots, there).items():
            if weight < _SURELY:
                continue
            mine = stands.setdefault(track, [])
            if not mine or mine[-1].strand != strand:
                mine.append(_Stand(strand))
            mine[-1].looks.append((look.at_ns, look.spots[track], there[strand]))
    for track, rows in stands.items():
        long = [row for row in rows if len(row.looks) >= _LOOKS]
        for before, after in pairwise(long):
            moments = range(moment_of(before.looks[-1][0]) + 1, moment_of(after.looks[0][0]))
            is_hidden = not any(track in own.get(moment, {}) for moment in moments)
            longest_ns = _HIDDEN_NS if is_hidden else _SLIDE_NS
            if before.strand != after.strand and _went_over(before, after, longest_ns, theirs):
                left_ns, left, _ = before.looks[-1]
                at_ns, spot, _ = after.looks[0]
                yield Straying(at_ns, track, left_ns, left.xy_m, spot.xy_m)
        for row in long:
            parted = _parted(track, row, own, theirs)
            if parted is not None:
                yield parted


def _went_over(before: _Stand, after: _Stand, longest_ns: int, theirs: _Seen) -> bool:
    """Whether the track went over, rather than the other camera took one for the other."""
    left_ns, _, first = before.looks[-1]
    came_ns, _, second = after.looks[0]
    since_ns, until_ns = before.looks[-_LOOKS][0], after.looks[_LOOKS - 1][0]
    if came_ns - left_ns > longest_ns or max(left_ns - since_ns, until_ns - came_ns) > _SLIDE_NS:
        return False
    second_then = _near(theirs, after.strand, left_ns)
    if second_then is None:
        return False
    # The first may be lost to the other camera meanwhile.
    first_now = _near(theirs, before.strand, came_ns) or first
    apart_m = min(math.dist(first.xy_m, second_then.xy_m), math.dist(first_now.xy_m, second.xy_m))
    straight_m = math.dist(first.xy_m, first_now.xy_m) + math.dist(second_then.xy_m, second.xy_m)
    crossed_m = math.dist(first.xy_m, second.xy_m) + math.dist(second_then.xy_m, first_now.xy_m)
    return apart_m >= _APART_M and crossed_m - straight_m >= _SHORTER_M


def _parted(track: TrackId, row: _Stand, own: _Seen, theirs: _Seen) -> Straying | None:
    """Whether somebody walked up to one who stood, and this track went on with them."""
    at_ns, spot, _ = row.looks[0]
    first = moment_of(at_ns)
    apart = [
        (moment, mine, other)
        for moment in range(first - _SLIDE_NS // APART_NS, first)
        if (mine := own.get(moment, {}).get(track)) is not None
        and (other := theirs.get(moment, {}).get(row.strand)) is not None
        and math.dist(mine.xy_m, other.xy_m) >= _CLEARLY_M
    ]
    if len(apart) < _LOOKS or row.looks[_LOOKS - 1][0] - at_ns > _SLIDE_NS:
        return None
    has_stood = _speed_mps([(n, mine) for n, mine, _ in apart]) <= _STOOD_MPS
    if not has_stood or _speed_mps([(n, other) for n, _, other in apart]) < _WALKED_MPS:
        return None
    last, left, _ = apart[-1]
    return Straying(at_ns, track, last * APART_NS, left.xy_m, spot.xy_m)


def _speed_mps(way: Sequence[tuple[int, Spot]]) -> float:
    """From the first look to the last."""
    (since, there), (until, here) = way[0], way[-1]
    return math.dist(there.xy_m, here.xy_m) / ((until - since) * APART_NS / SECOND_NS)


def _near(theirs: _Seen, strand: TrackId, at_ns: int) -> Spot | None:
    """Where a strand was then, or where it was seen nearest to then."""
    moment = moment_of(at_ns)
    moments = sorted(range(moment - _NEAR, moment + _NEAR + 1), key=lambda n: abs(n - moment))
    seen = (theirs.get(near, {}).get(strand) for near in moments)
    return next((spot for spot in seen if spot is not None), None)
