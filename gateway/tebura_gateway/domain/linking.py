"""Tracks that began anywhere given to the person each goes on for.

Where cameras do not tell how people stand, a track that begins where and when another ended goes on
for the same person, and one that begins in the open belongs to whoever was lost, if only one person
was. Whatever stays ambiguous stays unbound.
"""

from collections.abc import Mapping, Sequence

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import GateId, MemberId, TrackId, visit_id
from tebura_contract.layout import Layout

from tebura_gateway.domain.doors import Doors
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track, apart_m, exit_gates
from tebura_gateway.domain.visiting import Person, VisitDraft, end_ns, has_left


def link(
    people: list[Person],
    tracks: Mapping[TrackId, Track],
    layout: Layout,
    settings: JudgementSettings,
    doors: Doors | None,
    are_bodies: bool = False,
) -> list[VisitDraft]:
    """Give each further track, by start, to the person it goes on for; else leave it alone.

    Returns:
        Visits of those who came in without a code, where that is possible.
    """
    exits = exit_gates(layout)
    bound = {track.id for person in people for track in person.tracks}
    about = _About(people, exits, settings)
    opened = []
    for track in tracks.values():
        if track.id in bound:
            continue
        person = None
        if not are_bodies:
            there = about.at(track.started_ns)
            person = _follows(track, there, exits, settings) or _only_lost(track, there, exits)
        came = doors.came_in(track) if doors is not None and person is None else None
        if doors is not None and came is not None:
            same = [person for person in people if doors.is_same(person, track)]
            if not same:
                gate, entry = came
                person = Person(entry, gate, track.started_ns, 0, is_walk_up=True)
                people.append(person)
                about.add(person)
                opened.append(VisitDraft(visit_id(entry), MemberId(""), [person]))
            elif len(same) == 1:
                person = same[0]
        if person is not None:
            person.tracks.append(track)
            bound.add(track.id)
    return opened


class _About:
    """Those who came in and have not been gone for long, as time goes on: a few of a day's people.

    Whoever left a while ago is no track's any more.
    """

    def __init__(
        self, people: Sequence[Person], exits: frozenset[GateId], settings: JudgementSettings
    ) -> None:
        self._coming = sorted(people, key=lambda person: person.at_ns, reverse=True)
        self._about: list[Person] = []
        self._exits, self._link_ns = exits, round(settings.link_s * SECOND_NS)

    def add(self, person: Person) -> None:
        self._about.append(person)

    def at(self, at_ns: int) -> list[Person]:
        """At this time, which is never before the one that was last asked for."""
        while self._coming and self._coming[-1].at_ns <= at_ns:
            self._about.append(self._coming.pop())
        self._about = [person for person in self._about if not self._is_long_gone(person, at_ns)]
        return self._about

    def _is_long_gone(self, person: Person, at_ns: int) -> bool:
        last = person.last()
        if last is None or end_ns(last) + self._link_ns >= at_ns:
            return False
        return has_left(person, self._exits)


def _follows(
    track: Track,
    people: Sequence[Person],
    exits: frozenset[GateId],
    settings: JudgementSettings,
) -> Person | None:
    """The one person whose track ended just before this one began, just beside it."""
    near = [person for person in people if _is_followed_by(person, track, exits, settings)]
    return near[0] if len(near) == 1 else None


def _is_followed_by(
    person: Person, track: Track, exits: frozenset[GateId], settings: JudgementSettings
) -> bool:
    last = person.last()
    if last is None or last.ended_ns is None or last.ended_xy_m is None:
        return False
    if track.started_xy_m is None or track.started_ns < person.at_ns:
        return False
    gap_s = (track.started_ns - last.ended_ns) / SECOND_NS
    limit_s, limit_m = settings.link_s, settings.link_m
    if has_left(person, exits):
        # At the gate the next shopper comes in where the last one went out.
        limit_s, limit_m = limit_s / 3, limit_m / 2
    apart = apart_m(last.ended_xy_m, track.started_xy_m)
    return -1.0 <= gap_s <= limit_s and apart <= limit_m + settings.walk_mps * max(gap_s, 0.0)


def _only_lost(track: Track, people: Sequence[Person], exits: frozenset[GateId]) -> Person | None:
    """Whoever is in the store but in no camera's sight, if that is one person and not at a gate.

    With one person in the store, a track of another camera is theirs too. At a gate a track is
    somebody new, unless the camera looked away in between: then it is whoever stood there before.
    """
    is_at_gate = any(stay.from_ns == track.started_ns for stay in track.stays)
    inside = [
        person
        for person in people
        if person.at_ns <= track.started_ns
        and (person.left_ns is None or track.started_ns < person.left_ns)
        and not (has_left(person, exits) and _gone_ns(person) <= track.started_ns)
    ]
    lost = [person for person in inside if person.is_lost(track.started_ns)]
    if is_at_gate:
        return lost[0] if len(lost) == 1 and _is_cut(lost[0]) else None
    if len(lost) == 1:
        return lost[0]
    if len(inside) == 1 and not any(
        other.is_live(track.started_ns) and (other.node, other.camera) == (track.node, track.camera)
        for other in inside[0].tracks
    ):
        return inside[0]
    return None


def _is_cut(person: Person) -> bool:
    last = person.last()
    return last is not None and last.is_cut


def _gone_ns(person: Person) -> int:
    last = person.last()
    assert last is not None
    return end_ns(last)
