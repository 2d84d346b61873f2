"""Tracks that left with one person and came back in with the next.

Where one goes out just as another comes in, a camera may follow both as one. Positions alone do not
tell, for people do turn at a door. A code does: somebody came in, and if nobody is at the door but
a track that had come to it from inside and then goes in again, that track went over to them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import TrackId

from tebura_gateway.domain.gates import AT_THE_DOOR_NS, NOBODY, in_zones, is_coming
from tebura_gateway.domain.sightings import Eye, Sightings, Spot, moment_of
from tebura_gateway.domain.strands import Strands
from tebura_gateway.domain.tracks import Stay, Track, away_from_stay_ns
from tebura_gateway.domain.visiting import Person

_GOES_ON_NS = SECOND_NS
"""A track that ends so soon after it left the zone did not go in again."""
_BESIDE_M = 0.8
"""Tracks of two cameras that stand nearer to each other are one person's."""


def handed_over(
    strands: Strands, sightings: Sightings, entries: Sequence[Person], near_ns: int
) -> Strands:
    """Cut each such strand where it turned; whose it was before has gone.

    Args:
        strands: As other evidence tells them.
        sightings: Where they stood.
        entries: Those who were let in, by time.
        near_ns: How far apart a code and its person in the zone may be.
    """
    in_zone = in_zones(strands.strands)
    for entry in entries:
        near = [
            strand
            for strand in in_zone.get(entry.gate, NOBODY).during(
                entry.at_ns - near_ns, entry.at_ns + near_ns
            )
            if (away_ns := away_from_stay_ns(strand, entry.gate, entry.at_ns)) is not None
            and away_ns <= near_ns
        ]
        until_ns = entry.at_ns + near_ns
        paths = [
            _path(strands, sightings, strand, stay.from_ns, until_ns)
            for strand in near
            if (stay := _turning(strands, strand, entry)) is not None
        ]
        if not paths:
            continue
        coming = [
            _path(strands, sightings, strand, strand.started_ns, until_ns).with_ends(strand)
            for strand in near
            if is_coming(strand, entry.gate, entry.at_ns)
            and not _is_cut_inside(strands, strand, strand.stays[0])
        ]
        # Of two who were on their way out nobody can say which one somebody else became.
        is_one = all(_are_one(paths[0], other) for other in (*paths[1:], *coming))
        shown = [path.before(entry.at_ns) for path in paths]
        if shown[0].places and is_one:
            strands = _cut(strands, shown)
            in_zone = in_zones(strands.strands)
    return strands


@dataclass(frozen=True, slots=True)
class _Path:
    """Where a strand stood, by moment: when the camera looked, which of its tracks, and where."""

    eye: Eye | None
    places: Mapping[int, tuple[int, TrackId, Spot]]

    def before(self, at_ns: int) -> "_Path":
        """The part of it until then."""
        return _Path(self.eye, {n: place for n, place in self.places.items() if place[0] <= at_ns})

    def with_ends(self, strand: Track) -> "_Path":
        """Also where the strand began and ended: who was seen for a moment was at no look."""
        ends = ((strand.started_ns, strand.started_xy_m), (strand.ended_ns, strand.ended_xy_m))
        places = {
            moment_of(at_ns): (at_ns, strand.id, Spot(xy_m, 0.0))
            for at_ns, xy_m in ends
            if at_ns is not None and xy_m is not None
        }
        return _Path(self.eye, {**places, **self.places})


def _turning(strands: Strands, strand: Track, entry: Person) -> Stay | None:
    """The stay in the gate's zone to which a strand came from inside and from which it went in."""
    for stay in strand.stays:
        if stay.gate != entry.gate or stay.to_ns is None:
            continue
        is_then = stay.from_ns <= entry.at_ns <= stay.to_ns
        came_from_inside = _is_seen_before(strand, stay) or _is_cut_inside(strands, strand, stay)
        if is_then and came_from_inside and _goes_on(strand, stay.to_ns):
            return stay
    return None


def _is_seen_before(strand: Track, stay: Stay) -> bool:
    """Whether somebody was seen inside before a stay."""
    before = [s.to_ns for s in strand.stays if s.to_ns is not None and s.to_ns <= stay.from_ns]
    return stay.from_ns - max(before, default=strand.started_ns) > AT_THE_DOOR_NS


def _is_cut_inside(strands: Strands, strand: Track, stay: Stay) -> bool:
    """Whether it is the rest of a track that went over to somebody inside, before a stay."""
    return strand.id in strands.rests and stay.from_ns > strand.started_ns


def _goes_on(strand: Track, from_ns: int) -> bool:
    return strand.ended_ns is None or strand.ended_ns - from_ns >= _GOES_ON_NS


def _path(
    strands: Strands, sightings: Sightings, strand: Track, from_ns: int, until_ns: int
) -> _Path:
    eye = (strand.node, strand.camera) if strand.camera is not None else None
    looks = sightings.looks.get(eye, ()) if eye is not None else ()
    places = {
        look.moment: (look.at_ns, track, spot)
        for look in looks
        if from_ns <= look.at_ns <= until_ns
        for track, spot in look.spots.items()
        if strands.of(track, look.at_ns) == strand.id
    }
    return _Path(eye, places)


def _are_one(one: _Path, other: _Path) -> bool:
    """Whether two cameras follow one person there."""
    both = one.places.keys() & other.places.keys()
    away_m = [math.dist(one.places[n][2].xy_m, other.places[n][2].xy_m) for n in both]
    return one.eye != other.eye and bool(away_m) and max(away_m) <= _BESIDE_M


def _cut(strands: Strands, paths: Sequence[_Path]) -> Strands:
    """Cut all at the moment at which the first was farthest out from where it came to the zone."""
    turned = _turned(paths[0])
    for path in paths:
        since = [moment for moment in sorted(path.places) if moment >= turned]
        if since:
            at_ns, track, spot = path.places[since[0]]
            strands = strands.cut(track, at_ns, spot.xy_m, spot.xy_m, has_gone=True)
    return strands


def _turned(path: _Path) -> int:
    """The moment at which somebody was farthest from where they came to the zone."""
    _, _, came = path.places[min(path.places)]
    return max(path.places, key=lambda n: (math.dist(path.places[n][2].xy_m, came.xy_m), -n))
