"""Who is whom: visits from the gate's events, tracks tied to them; a simple version of its own.

A visit begins with a code at the gate and ends with one, or when its last track ends at a gate. The
track that stood in the gate's zone when the code was accepted is the visitor's. A track that begins
where another one of a visitor just ended goes on for it; one that begins where another camera's
track of a visitor walks is the same person; one that begins in mid-shop while just one visitor is
out of sight is that one's. All others are nobody's.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import ShopperEntered, ShopperLeft
from tebura_contract.geometry import Xy
from tebura_contract.ids import GateId, MemberId, TrackId
from tebura_contract.layout import Layout

from tebura_simulator.peers.heard import Heard, account_names
from tebura_simulator.peers.tracks import AT_GATE_NS, Track, tracks_of
from tebura_simulator.reels import Reel

WALK_IN_NS = 6 * SECOND_NS
"""This long from the code until a camera sees the visitor in the gate's zone."""
GAP_NS = 4 * SECOND_NS
"""A broken track is looked for this long."""
GAP_M = 1.0
GAP_MPS = 1.2
"""How far from where a track ended the next may begin: at once, and more for each second."""
SAME_PERSON_M = 0.5
"""Two cameras' tracks of one person lie within this; two people seldom do."""


@dataclass(frozen=True)
class Visit:
    """One person's time in the shop; `to_ns` None while nothing tells of the end."""

    account: str
    from_ns: int
    to_ns: int | None = None


class Presence:
    """Whose track is whose, and who is inside.

    A recording without gate events is one open visit of the only account its truth names.
    """

    def __init__(self, reel: Reel, told: Heard, layout: Layout) -> None:
        self._told = told
        self._tracks = tracks_of(told.events)
        self._end_the_silent()
        names = account_names(reel)
        entries = [event for event in told.events if isinstance(event, ShopperEntered)]
        self._lone = None if entries else _only(names.values())
        self.visits = [Visit(_name(event.member, names), int(event.at_ns)) for event in entries]
        self._tie_at_gates(entries)
        self._tie_the_rest(frozenset(gate.id for gate in layout.gate))
        self._close(names)

    def accounts(self) -> tuple[str, ...]:
        """Everybody who came in."""
        if self._lone is not None:
            return (self._lone,)
        return tuple(dict.fromkeys(visit.account for visit in self.visits))

    def account_of(self, track: TrackId) -> str | None:
        """Whose track it is; None where nobody knows."""
        if self._lone is not None:
            return self._lone
        known = self._tracks.get(track)
        if known is None or known.visit is None:
            return None
        return self.visits[known.visit].account

    def inside(self, at_ns: int) -> list[Visit]:
        """Visits that are open then, by when they began."""
        if self._lone is not None:
            return [Visit(self._lone, 0)]
        return [
            visit
            for visit in self.visits
            if visit.from_ns <= at_ns and (visit.to_ns is None or at_ns <= visit.to_ns)
        ]

    def only_one_inside(self, at_ns: int) -> str | None:
        """The account of everybody inside, if it is one."""
        return _only(dict.fromkeys(visit.account for visit in self.inside(at_ns)))

    def near(self, at_ns: int) -> dict[TrackId, Xy]:
        """Where each track is then."""
        found = {track: walk.at(at_ns) for track, walk in self._told.walks.items()}
        return {track: xy_m for track, xy_m in found.items() if xy_m is not None}

    def nearest_account(self, xy_m: Xy, at_ns: int) -> str | None:
        """Account of the nearest track that is somebody's.

        Without any position: of the only one inside.
        """
        away = [
            (math.dist(xy_m, foot_xy_m), account)
            for track, foot_xy_m in self.near(at_ns).items()
            for account in [self.account_of(track)]
            if account is not None
        ]
        return min(away)[1] if away else self.only_one_inside(at_ns)

    def _end_the_silent(self) -> None:
        """A node that went off told no end: the last position was it."""
        for name, track in self._tracks.items():
            walk = self._told.walks.get(name)
            if track.to_ns is None and walk is not None:
                track.to_ns = max(int(walk.at_ns[-1]), track.from_ns)
                track.end_xy_m = (float(walk.xy_m[-1, 0]), float(walk.xy_m[-1, 1]))

    def _tie_at_gates(self, entries: list[ShopperEntered]) -> None:
        for index, entry in enumerate(entries):
            at_ns = int(entry.at_ns)
            there = [
                (track.is_from_shop(), away_ns, track.from_ns, name)
                for name, track in self._tracks.items()
                for away_ns in [track.away_from_gate_ns(at_ns)]
                if track.visit is None and away_ns is not None and away_ns <= WALK_IN_NS
                if track.to_ns is None or track.to_ns > at_ns
            ]
            if there:
                self._tracks[min(there)[-1]].visit = index

    def _tie_the_rest(self, gates: frozenset[GateId]) -> None:
        for name, track in sorted(self._tracks.items(), key=lambda pair: pair[1].from_ns):
            if track.visit is None:
                track.visit = self._continued(track)
            if track.visit is None:
                track.visit = self._seen_twice(name, track)
            if track.visit is None and gates and not track.stays:
                track.visit = self._only_lost(track.from_ns)

    def _continued(self, track: Track) -> int | None:
        """The visit whose track just ended near by."""
        near = []
        for other in self._tracks.values():
            if other.visit is None or other.to_ns is None or other.end_xy_m is None:
                continue
            gap_ns = track.from_ns - other.to_ns
            away_m = math.dist(other.end_xy_m, track.foot_xy_m)
            reach_m = GAP_M + GAP_MPS * max(gap_ns, 0) / SECOND_NS
            is_near = 0 <= gap_ns <= GAP_NS and away_m <= reach_m
            if is_near and not self._is_seen(other.visit, track.from_ns):
                near.append((away_m, other.visit))
        return min(near)[1] if near else None

    def _seen_twice(self, name: TrackId, track: Track) -> int | None:
        """The visit whose track of another camera walks where this one walks."""
        near = []
        walk = self._told.walks.get(name)
        for other_name, other in self._tracks.items():
            theirs = self._told.walks.get(other_name)
            if other.visit is not None and other.camera != track.camera and theirs and walk:
                apart_m = walk.apart_m(theirs)
                if apart_m is not None and apart_m <= SAME_PERSON_M:
                    near.append((apart_m, other.visit))
        return min(near)[1] if near else None

    def _only_lost(self, at_ns: int) -> int | None:
        """The visit of the only visitor inside whom no track shows."""
        lost = [
            index
            for index, visit in enumerate(self.visits)
            if visit.from_ns < at_ns - AT_GATE_NS
            and not self._is_gone(index, at_ns)
            and not self._is_seen(index, at_ns)
        ]
        return lost[0] if len(lost) == 1 else None

    def _is_seen(self, visit: int, at_ns: int) -> bool:
        return any(t.visit == visit and t.is_live(at_ns) for t in self._tracks.values())

    def _is_gone(self, visit: int, at_ns: int) -> bool:
        """Whether its newest track ended at a gate."""
        mine = [t for t in self._tracks.values() if t.visit == visit and t.from_ns <= at_ns]
        last = max(mine, key=lambda track: track.from_ns, default=None)
        return last is not None and last.has_gone()

    def _close(self, names: dict[MemberId, str]) -> None:
        """Give each visit its end: the code shown on leaving, else its last track's at a gate."""
        for event in self._told.events:
            if isinstance(event, ShopperLeft) and event.member is not None:
                account, at_ns = _name(event.member, names), int(event.at_ns)
                for index, visit in enumerate(self.visits):
                    is_it = visit.account == account and visit.from_ns < at_ns
                    if is_it and visit.to_ns is None:
                        self.visits[index] = replace(visit, to_ns=at_ns)
                        break
        for index, visit in enumerate(self.visits):
            mine = [track for track in self._tracks.values() if track.visit == index]
            last = max(mine, key=lambda track: track.from_ns, default=None)
            if visit.to_ns is None and last is not None and last.has_gone():
                self.visits[index] = replace(visit, to_ns=last.to_ns)


def _name(member: MemberId, names: dict[MemberId, str]) -> str:
    return names.get(member, f"unknown {member}")


def _only(names: Iterable[str]) -> str | None:
    """The one there is; None where there are more or none."""
    several = list(names)
    return several[0] if len(several) == 1 else None
