"""Tracks of people as cameras told them, with their stays in gates' zones."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Event, TrackAtGate, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, TrackId

AT_GATE_NS = 3 * SECOND_NS
"""A track this long before or after its stay in the zone may still be who showed the code."""
FROM_DOOR_NS = 4 * SECOND_NS
"""From the door into a gate's zone it takes no longer."""


@dataclass
class Track:
    """One camera's view of a person without a break; `visit` is the number of whose it is."""

    camera: CameraId
    from_ns: int
    foot_xy_m: Xy
    to_ns: int | None = None
    end_xy_m: Xy | None = None
    stays: list[tuple[int, int | None]] = field(default_factory=list)
    visit: int | None = None

    def is_live(self, at_ns: int) -> bool:
        return self.from_ns <= at_ns and (self.to_ns is None or at_ns < self.to_ns)

    def is_from_shop(self) -> bool:
        """Whether it began so long before it came to a gate that it came from inside."""
        return bool(self.stays) and self.stays[0][0] - self.from_ns > FROM_DOOR_NS

    def has_gone(self) -> bool:
        """Whether it ended at a gate, and not in the stay with which it came in."""
        away_ns = None if self.to_ns is None else self.away_from_gate_ns(self.to_ns)
        is_at_gate = away_ns is not None and away_ns <= AT_GATE_NS
        return is_at_gate and (len(self.stays) > 1 or self.is_from_shop())

    def away_from_gate_ns(self, at_ns: int) -> int | None:
        """How far in time from its nearest stay at a gate; None where it never was at one."""
        return min(
            (max(a - at_ns, 0 if b is None else at_ns - b, 0) for a, b in self.stays),
            default=None,
        )


def tracks_of(events: Iterable[Event]) -> dict[TrackId, Track]:
    tracks: dict[TrackId, Track] = {}
    for event in events:
        match event:
            case TrackStarted(track=name):
                tracks.setdefault(name, Track(event.camera, int(event.at_ns), event.foot_xy_m))
            case TrackAtGate(track=name) if name in tracks:
                stays = tracks[name].stays
                if event.is_inside:
                    stays.append((int(event.at_ns), None))
                elif stays:
                    stays[-1] = (stays[-1][0], int(event.at_ns))
            case TrackEnded(track=name) if name in tracks:
                track = tracks[name]
                track.to_ns, track.end_xy_m = int(event.at_ns), event.foot_xy_m
                if track.stays and track.stays[-1][1] is None:
                    track.stays[-1] = (track.stays[-1][0], track.to_ns)
                elif event.gate is not None and not track.stays:
                    track.stays.append((track.to_ns, track.to_ns))
            case _:
                pass
    return tracks
