"""Strands of all cameras put together: a body is one person in the store, from first to last.

Nobody comes out of the floor: who is first seen away from a door is somebody who is in the store.
A strand that begins is weighed for each body: one that other cameras see must be where it begins,
one that nobody sees stands where it was lost, or walks on, or cannot have gone farther than people
walk, and one that this camera follows already is somebody else. Where two fit about as well, the
strand stays by itself and is a little of both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Xy
from tebura_contract.ids import GateId, TrackId

from tebura_gateway.domain.sightings import APART_NS, Eye, Sightings, Spot, moment_of
from tebura_gateway.domain.strands import Strands
from tebura_gateway.domain.tracks import Stay, Track, apart_m

_LOOKS = 8
"""So many moments at its beginning say whose a strand is."""
_SURE = 0.5
"""A strand less surely one body's than this is none's."""
_NEW_AT_GATE, _NEW_ELSEWHERE = 0.2, 0.004
"""Density a square metre of somebody new. These numbers and those below were chosen on drawn stores
(seeds 1000 to 1007), where they are told whom a track follows; no real shop has said otherwise."""
_ANYWHERE = 0.02
"""The same of somebody lost for long, who may be anywhere but at the door."""
_CALIBRATION_M, _STAND_M, _STEP_M = 0.1, 0.3, 0.5
"""By how much two cameras differ on one floor; how people shift, and how far in half a second."""
_WALK_MPS, _LONGEST_WALK_S = 0.4, 4.0
_WALKS_MPS, _GOES_ON, _GOES_ON_S, _TURNS_MPS = 0.4, 0.8, 2.0, 0.4
"""Who was faster when they were lost was walking; how many go on so, and for how long, and by how
much that may be off after a second."""
_STANDING, _STANDING_S, _WAITING_S = 0.5, 10.0, 3.0
"""How many stand where they were lost, and for how long; at a door for less."""
_TURNED = 0.05
"""Of those last seen at an exit, how many are still there, at first."""
_OVERLAP_NS = SECOND_NS // 5
"""One camera may follow a person twice for a moment, where a track breaks."""
_LEAST = 0.01
_LEAST_DENSITY = 1e-4


@dataclass(frozen=True, slots=True)
class Bodies:
    """Each body as one track, by the strand it began with; and where each strand came from.

    `members` are the tracks that are of one body from first to last, by start. `origins` gives, for
    each strand that did not begin a body for sure, shares of other strands whose people it goes on
    with; what is missing to one is somebody new.
    """

    tracks: Mapping[TrackId, Track]
    members: Mapping[TrackId, Sequence[TrackId]]
    origins: Mapping[TrackId, Mapping[TrackId, float]]


@dataclass(slots=True)
class _Body:
    id: TrackId
    strands: list[Track] = field(default_factory=list)

    def last(self) -> Track:
        return max(self.strands, key=lambda s: (_end_ns(s), s.id))


@dataclass(frozen=True, slots=True)
class _Floor:
    """Where each strand was seen, moment by moment, and which camera follows it."""

    spots: Mapping[TrackId, Mapping[int, Spot]]

    @classmethod
    def of(cls, sightings: Sightings, strands: Strands) -> "_Floor":
        spots: dict[TrackId, dict[int, Spot]] = {}
        for looks in sightings.looks.values():
            for look in looks:
                for track, spot in look.spots.items():
                    strand = strands.of(track, look.at_ns)
                    spots.setdefault(strand, {})[look.moment] = spot
        return cls(spots)

    def first(self, strand: Track) -> Mapping[int, Spot]:
        """Where a strand was seen at first, by moment."""
        spots = self.spots.get(strand.id, {})
        if not spots:
            return _start(strand)
        return {moment: spots[moment] for moment in sorted(spots)[:_LOOKS]}

    def velocity_mps(self, strand: Track) -> Xy | None:
        """How somebody walked when they were lost; None where nothing tells."""
        spots = self.spots.get(strand.id, {})
        last = max(spots, default=0)
        if strand.ended_ns is None or strand.ended_ns - last * APART_NS > SECOND_NS:
            return None
        before = next((moment for moment in (last - 1, last - 2) if moment in spots), None)
        if before is None:
            return None
        (x0, y0), (x1, y1) = spots[before].xy_m, spots[last].xy_m
        gap_s = (last - before) * APART_NS / SECOND_NS
        return ((x1 - x0) / gap_s, (y1 - y0) / gap_s)

    def around(self, strand: Track, moment: int) -> list[tuple[Spot, float]]:
        """Where a strand was seen then, or just before and after, and how far it may have gone."""
        spots = self.spots.get(strand.id, {})
        if moment in spots:
            return [(spots[moment], _CALIBRATION_M)]
        return [(spots[n], _STEP_M) for n in (moment - 1, moment + 1) if n in spots]


def bodies_of(strands: Strands, sightings: Sightings, exits: frozenset[GateId]) -> Bodies:
    """Put strands together in the order in which they began."""
    floor = _Floor.of(sightings, strands)
    alike = _told_alike(sightings, strands)
    bodies: list[_Body] = []
    origins: dict[TrackId, dict[TrackId, float]] = {}
    for strand in sorted(strands.strands.values(), key=lambda s: (s.started_ns, s.id)):
        fits = [
            _fit(strand, body, floor, exits) * _likelier(strand, body, alike) for body in bodies
        ]
        shares = _shares(strand, fits)
        best = max(shares, key=lambda n: shares[n], default=None)
        is_found = best is not None and shares[best] >= _SURE
        if is_found or not _is_at_gate(strand):
            origins[strand.id] = {
                _source(bodies[n], strand).id: share for n, share in shares.items()
            }
        if best is not None and is_found:
            bodies[best].strands.append(strand)
        else:
            bodies.append(_Body(strand.id, [strand]))
    return Bodies({body.id: _merged(body) for body in bodies}, _members(bodies, strands), origins)


def _members(bodies: Sequence[_Body], strands: Strands) -> dict[TrackId, list[TrackId]]:
    body_of = {strand.id: body.id for body in bodies for strand in body.strands}
    members: dict[TrackId, list[TrackId]] = {body.id: [] for body in bodies}
    for track in strands.strands:
        if track in strands.rests:
            continue
        found = {body_of[strand] for strand in strands.all_of(track)}
        if len(found) == 1:
            members[found.pop()].append(track)
    return members


def _shares(strand: Track, fits: Sequence[float]) -> dict[int, float]:
    """How likely a strand goes on for each body, by its index; the rest is somebody new."""
    total = math.fsum(fits) + (_NEW_AT_GATE if _is_at_gate(strand) else _NEW_ELSEWHERE)
    return {n: fit / total for n, fit in enumerate(fits) if fit >= _LEAST * total}


def _told_alike(sightings: Sightings, strands: Strands) -> dict[TrackId, dict[TrackId, float]]:
    """How alike tracks are; a track that went over to somebody else is like several people."""
    return {
        track: {other: told[other] for other in told if strands.all_of(other) == {other}}
        for track, told in sightings.alike().items()
    }


def _likelier(
    strand: Track, body: _Body, alike: Mapping[TrackId, Mapping[TrackId, float]]
) -> float:
    """How much likelier clothes make it that a strand is a body; 1 where they tell nothing."""
    told = alike.get(strand.id, {})
    mine = (one.id for one in body.strands if _eye(one) == _eye(strand))
    return max((told[one] for one in mine if one in told), default=1.0)


def _is_at_gate(strand: Track) -> bool:
    """Whether it began where people come in."""
    return any(stay.from_ns - strand.started_ns <= SECOND_NS for stay in strand.stays)


def _fit(strand: Track, body: _Body, floor: _Floor, exits: frozenset[GateId]) -> float:
    """Density of a body's being where a strand begins."""
    live = [s for s in body.strands if _end_ns(s) > strand.started_ns + _OVERLAP_NS]
    if any(_eye(s) == _eye(strand) for s in live):
        return 0.0
    if live:
        return _fit_seen(strand, live, floor)
    last = body.last()
    if last.ended_xy_m is None or strand.started_xy_m is None:
        return _ANYWHERE
    gap_s = max(0.0, (strand.started_ns - _end_ns(last)) / SECOND_NS)
    is_at_exit = last.was_last_at(exits)
    standing = _STANDING * math.exp(-gap_s / (_WAITING_S if is_at_exit else _STANDING_S))
    velocity_mps = floor.velocity_mps(last)
    fit = _fit_lost(last.ended_xy_m, velocity_mps, strand.started_xy_m, gap_s, standing)
    if is_at_exit and _went_in(body):
        return fit * _TURNED * math.exp(-gap_s)
    is_anywhere = _came_in(body) and not _is_at_gate(strand)
    return max(fit, _ANYWHERE if is_anywhere else 0.0)


def _fit_lost(
    from_m: Xy, velocity_mps: Xy | None, to_m: Xy, gap_s: float, standing: float
) -> float:
    """Density of who was lost there being here so much later: they stand, walk on, or go about."""
    goes_on = 0.0
    if velocity_mps is not None and math.hypot(*velocity_mps) >= _WALKS_MPS:
        goes_on = _GOES_ON * math.exp(-gap_s / _GOES_ON_S)
    vx, vy = velocity_mps or (0.0, 0.0)
    ahead_m = (from_m[0] + vx * gap_s, from_m[1] + vy * gap_s)
    away_m = apart_m(from_m, to_m)
    walked_m = math.hypot(_STAND_M, _WALK_MPS * min(gap_s, _LONGEST_WALK_S))
    stay = standing * _normal(away_m, _STAND_M) + (1.0 - standing) * _normal(away_m, walked_m)
    on_m = math.hypot(_STAND_M, _TURNS_MPS * gap_s)
    return (1.0 - goes_on) * stay + goes_on * _normal(apart_m(ahead_m, to_m), on_m)


def _fit_seen(strand: Track, live: Sequence[Track], floor: _Floor) -> float:
    """The same of a body that other cameras see, over the strand's first looks.

    Where they were never told at one moment, where the strand began has to do.
    """
    mine = floor.first(strand)
    return _fit_looks(mine, live, floor) or _fit_looks(_start(strand), live, floor) or _ANYWHERE


def _fit_looks(mine: Mapping[int, Spot], live: Sequence[Track], floor: _Floor) -> float:
    """0 where there is nothing to compare."""
    logs = []
    for moment, spot in mine.items():
        fits = [
            _normal(apart_m(spot.xy_m, other.xy_m), math.hypot(spot.sd_m, other.sd_m, off_m))
            for one in live
            for other, off_m in floor.around(one, moment)
        ]
        if fits:
            logs.append(math.log(max(fits) + _LEAST_DENSITY))
    return math.exp(math.fsum(logs) / len(logs)) if logs else 0.0


def _start(strand: Track) -> Mapping[int, Spot]:
    """Where a strand began, as a look."""
    if strand.started_xy_m is None:
        return {}
    return {moment_of(strand.started_ns): Spot(strand.started_xy_m, _STAND_M)}


def _came_in(body: _Body) -> bool:
    """Whether it was ever seen at a door; what was not may be no person."""
    return body.last().is_cut or any(strand.stays for strand in body.strands)


def _went_in(body: _Body) -> bool:
    """Whether it began inside, or left a zone and was in one again later."""
    if not _is_at_gate(body.strands[0]):
        return True
    stays = [stay for strand in body.strands for stay in strand.stays]
    left_ns = min((stay.to_ns for stay in stays if stay.to_ns is not None), default=None)
    return left_ns is not None and any(stay.from_ns > left_ns + 2 * SECOND_NS for stay in stays)


def _normal(away_m: float, spread_m: float) -> float:
    """Density a square metre."""
    return math.exp(-0.5 * (away_m / spread_m) ** 2) / (2.0 * math.pi * spread_m**2)


def _source(body: _Body, strand: Track) -> Track:
    """The strand of a body that another one goes on with: of those there then, the longest seen."""
    others = [s for s in body.strands if s.id != strand.id and s.started_ns <= strand.started_ns]
    return max(others or body.strands, key=lambda s: (_end_ns(s), s.id))


def _merged(body: _Body) -> Track:
    """A body as one track."""
    first, last = body.strands[0], body.last()
    return replace(
        first,
        ended_ns=last.ended_ns,
        ended_xy_m=last.ended_xy_m,
        is_cut=last.is_cut,
        stays=_stays(body, last),
    )


def _stays(body: _Body, last: Track) -> tuple[Stay, ...]:
    """Time in gate zones by any camera; who went on elsewhere is not there any more."""
    found = []
    for strand in body.strands:
        for stay in strand.stays:
            is_over = stay.to_ns is None and strand is not last
            found.append(replace(stay, to_ns=strand.ended_ns) if is_over else stay)
    joined: list[Stay] = []
    for stay in sorted(found, key=lambda s: (s.gate, s.from_ns)):
        before = joined[-1] if joined and joined[-1].gate == stay.gate else None
        if before is None or (before.to_ns is not None and before.to_ns < stay.from_ns):
            joined.append(stay)
        elif before.to_ns is not None:
            to_ns = None if stay.to_ns is None else max(stay.to_ns, before.to_ns)
            joined[-1] = replace(before, to_ns=to_ns)
    return tuple(sorted(joined, key=lambda stay: (stay.from_ns, stay.gate)))


def _eye(strand: Track) -> Eye | None:
    return (strand.node, strand.camera) if strand.camera is not None else None


def _end_ns(strand: Track) -> int:
    return 2**62 if strand.ended_ns is None else strand.ended_ns
