"""Tracks of people, put together from their beginnings, ends, and stays in gate zones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import NodeStarted, TrackAtGate, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, GateId, NodeId, TrackId
from tebura_contract.layout import Gate, GateDirection, Layout

from tebura_gateway.domain.facts import Fact

_JUST_LEFT_ZONE_NS = 3 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Stay:
    """Time a track spent in a gate's zone; `to_ns` is None while it is still there."""

    gate: GateId
    from_ns: int
    to_ns: int | None


@dataclass(frozen=True, slots=True)
class Track:
    """A person as one camera saw them without a break.

    `is_cut` says that the camera stopped looking, not that the person went.
    """

    id: TrackId
    node: NodeId
    boot: int
    started_ns: int
    camera: CameraId | None = None
    started_xy_m: Xy | None = None
    ended_ns: int | None = None
    ended_xy_m: Xy | None = None
    is_cut: bool = False
    stays: tuple[Stay, ...] = ()

    def is_live(self, at_ns: int) -> bool:
        return self.started_ns <= at_ns and (self.ended_ns is None or at_ns < self.ended_ns)

    def was_last_at(self, exits: frozenset[GateId]) -> bool:
        """Whether it was lost in an exit's zone or just after it stepped out of one."""
        if self.ended_ns is None or self.is_cut:
            return False
        return any(
            stay.gate in exits
            and (stay.to_ns is None or self.ended_ns - stay.to_ns <= _JUST_LEFT_ZONE_NS)
            for stay in self.stays
        )

    def was_lost_inside(self) -> bool:
        """Whether it ended while still in a zone."""
        return any(stay.to_ns is None for stay in self.stays)


@dataclass(slots=True)
class _Draft:
    node: NodeId
    boot: int
    first_ns: int
    started: TrackStarted | None = None
    ended: TrackEnded | None = None
    crossings: list[TrackAtGate] = field(default_factory=list)


def tracks_of(facts: Sequence[Fact], layout: Layout) -> dict[TrackId, Track]:
    """All tracks the facts speak of, by start; `facts` in order."""
    drafts: dict[TrackId, _Draft] = {}
    for fact in facts:
        match fact.event:
            case TrackStarted() | TrackAtGate() | TrackEnded() as event:
                draft = drafts.setdefault(
                    event.track, _Draft(fact.id.node, fact.id.boot, event.at_ns)
                )
                match event:
                    case TrackStarted():
                        draft.started = event
                    case TrackAtGate():
                        draft.crossings.append(event)
                    case TrackEnded():
                        draft.ended = event
            case _:
                pass
    tracks = [_track(name, draft, layout) for name, draft in drafts.items()]
    restarts = [fact for fact in facts if isinstance(fact.event, NodeStarted)]
    tracks = [_cut_by_restart(track, restarts) for track in tracks]
    return {track.id: track for track in sorted(tracks, key=lambda t: (t.started_ns, t.id))}


def _track(name: TrackId, draft: _Draft, layout: Layout) -> Track:
    started, ended = draft.started, draft.ended
    return Track(
        id=name,
        node=draft.node,
        boot=draft.boot,
        started_ns=int(started.at_ns) if started else draft.first_ns,
        camera=started.camera if started else None,
        started_xy_m=started.foot_xy_m if started else None,
        ended_ns=int(ended.at_ns) if ended else None,
        ended_xy_m=ended.foot_xy_m if ended else None,
        stays=_stays(draft, layout),
    )


def _stays(draft: _Draft, layout: Layout) -> tuple[Stay, ...]:
    open_since: dict[GateId, int] = {}
    stays = []
    started = draft.started
    if started is not None:
        # A track may begin inside a zone; whether the node also says so does not matter.
        for gate in layout.gate:
            if is_in_zone(started.foot_xy_m, gate.zone_m):
                open_since[GateId(gate.id)] = int(started.at_ns)
    for crossing in draft.crossings:
        since_ns = open_since.get(crossing.gate)
        if crossing.is_inside:
            open_since.setdefault(crossing.gate, int(crossing.at_ns))
        elif since_ns is not None:
            stays.append(Stay(crossing.gate, since_ns, int(crossing.at_ns)))
            del open_since[crossing.gate]
    ended = draft.ended
    if ended is not None and ended.gate is not None:
        open_since.setdefault(ended.gate, int(ended.at_ns))
    stays += [Stay(gate, since_ns, None) for gate, since_ns in sorted(open_since.items())]
    return tuple(sorted(stays, key=lambda stay: (stay.from_ns, stay.gate)))


def _cut_by_restart(track: Track, restarts: Sequence[Fact]) -> Track:
    """End a track that its node never ended because it died; the next boot says since when."""
    if track.ended_ns is not None:
        return track
    for fact in restarts:
        event = fact.event
        if (
            isinstance(event, NodeStarted)
            and fact.id.node == track.node
            and fact.id.boot > track.boot
        ):
            ended_ns = int(event.at_ns if event.last_alive_ns is None else event.last_alive_ns)
            return replace(track, ended_ns=max(ended_ns, track.started_ns), is_cut=True)
    return track


def exit_gates(layout: Layout) -> frozenset[GateId]:
    return frozenset(
        GateId(gate.id) for gate in layout.gate if gate.direction is not GateDirection.ENTRY
    )


def is_in_zone(xy_m: Xy, zone_m: Sequence[Xy]) -> bool:
    """Whether a point lies in a polygon (even-odd rule); an empty zone holds nothing."""
    x, y = xy_m
    is_inside = False
    for (x1, y1), (x2, y2) in zip(zone_m, [*zone_m[1:], *zone_m[:1]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            is_inside = not is_inside
    return is_inside


def away_from_stay_ns(track: Track, gate: GateId, at_ns: int) -> int | None:
    """How long before or after `at_ns` the track was in the gate's zone; 0: just then."""
    gaps = [
        max(
            stay.from_ns - at_ns,
            at_ns - (stay.to_ns if stay.to_ns is not None else track.ended_ns or at_ns),
            0,
        )
        for stay in track.stays
        if stay.gate == gate
    ]
    return min(gaps, default=None)


def apart_m(a: Xy, b: Xy) -> float:
    return math.dist(a, b)


def gate_of(layout: Layout, gate: GateId) -> Gate | None:
    return next((known for known in layout.gate if known.id == gate), None)
