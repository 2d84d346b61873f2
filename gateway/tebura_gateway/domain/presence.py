"""Who is in the store, since when, and which tracks are theirs.

A gate's event opens a visit; the track that stands in the gate's zone at that moment is the
person's. Tracks break: one that begins where and when another ended goes on for the same person.
One that begins in the open belongs to whoever was lost, if only one person was. Whatever stays
ambiguous stays unbound, and what such a track reaches for goes to review. Where the shop takes
walk-ups, whoever comes in through a gate without a code opens a visit without an account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import NodeStarted, ShopperEntered, ShopperLeft, TrackStarted
from tebura_contract.ids import EventId, GateId, MemberId, NodeId, TrackId, VisitId, visit_id
from tebura_contract.layout import GateDirection, Layout

from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track, apart_m, away_from_stay_ns, exit_gates, tracks_of

NEVER_NS = -(2**62)
"""The watermark of a node that has not spoken."""
_AT_THE_DOOR_NS = SECOND_NS
_TWO_VIEWS_NS = 2 * SECOND_NS


class Doubt(StrEnum):
    """Why a visit as a whole needs a person: its end was not seen."""

    NOT_SEEN_LEAVING = "not-seen-leaving"
    ENTERED_AGAIN = "entered-again"
    TOO_LONG = "too-long"
    NOT_PAID = "not-paid"  # a walk-up who left without paying at the exit screen


@dataclass(frozen=True, slots=True)
class Visit:
    """A member (or their group) in the store, from the first entry to the last exit.

    A walk-up has no account: `member` is empty.
    """

    id: VisitId
    member: MemberId
    gate: GateId
    entered_ns: int
    people: int = 1
    exited_ns: int | None = None
    tracks: tuple[TrackId, ...] = ()
    doubt: Doubt | None = None

    def is_open(self, from_ns: int, to_ns: int) -> bool:
        """Whether it was going on at some time from `from_ns` to `to_ns`."""
        return self.entered_ns <= to_ns and (self.exited_ns is None or self.exited_ns >= from_ns)


@dataclass(frozen=True, slots=True)
class Presence:
    """All visits, and whose each bound track is; `unsure` tracks were bound by a toss-up."""

    visits: dict[VisitId, Visit]
    owner: dict[TrackId, VisitId]
    unsure: frozenset[TrackId]
    tracks: dict[TrackId, Track]


@dataclass(slots=True)
class _Person:
    """One who passed the gate in; a group's visit has several."""

    entry: EventId
    gate: GateId
    at_ns: int
    uncertainty_ns: int
    tracks: list[Track] = field(default_factory=list)
    left_ns: int | None = None
    is_walk_up: bool = False

    def last(self) -> Track | None:
        """The track that reaches furthest; one still going on reaches furthest of all."""
        return max(self.tracks, key=lambda t: (_end(t), t.id), default=None)

    def is_lost(self, at_ns: int) -> bool:
        """In the store as far as anyone knows, and in nobody's sight."""
        is_inside = self.at_ns <= at_ns and (self.left_ns is None or at_ns < self.left_ns)
        return is_inside and not any(track.is_live(at_ns) for track in self.tracks)


@dataclass(slots=True)
class _Draft:
    id: VisitId
    member: MemberId
    people: list[_Person]
    left_ns: int | None = None
    doubt: Doubt | None = None


def presence_of(
    facts: Sequence[Fact],
    layout: Layout,
    through_ns: Mapping[NodeId, int],
    settings: JudgementSettings,
    closed: Mapping[VisitId, int] | None = None,
) -> Presence:
    """Work out visits and their tracks from facts in order; flagged facts are left out.

    `closed` are the visits that staff said had ended, and when.
    """
    facts = [fact for fact in facts if not fact.flags]
    tracks = tracks_of(facts, layout)
    drafts, people = _entries(facts)
    _leave_by_code(drafts, facts)
    unsure = _bind_at_gates(people, tracks, settings)
    doors = _Doors.of(facts, layout, through_ns, settings) if settings.walk_up else None
    for opened in _link(people, tracks, layout, settings, doors):
        drafts[opened.id] = opened
    _close_by_hand(drafts, closed or {})
    seers = frozenset(track.node for track in tracks.values())
    seen_through_ns = min((through_ns.get(node, NEVER_NS) for node in seers), default=NEVER_NS)
    ends = _Ends(exit_gates(layout), seen_through_ns, _quiet_since_ns(facts, tracks), settings)
    heard_ns = max(through_ns.values(), default=NEVER_NS)
    visits = {}
    for draft in drafts.values():
        visit = _visit(draft, ends, heard_ns)
        visits[visit.id] = visit
    owner = {
        track.id: draft.id
        for draft in drafts.values()
        for person in draft.people
        for track in person.tracks
    }
    return Presence(visits, owner, frozenset(unsure), tracks)


def _entries(facts: Sequence[Fact]) -> tuple[dict[VisitId, _Draft], list[_Person]]:
    drafts: dict[VisitId, _Draft] = {}
    people = []
    for fact in facts:
        event = fact.event
        if not isinstance(event, ShopperEntered):
            continue
        person = _Person(fact.id, event.gate, int(event.at_ns), fact.uncertainty_ns)
        people.append(person)
        joined = drafts.get(event.joins) if event.joins is not None else None
        if joined is not None and joined.member == event.member:
            joined.people.append(person)
        else:
            name = visit_id(fact.id)
            drafts[name] = _Draft(name, event.member, [person])
    return drafts, people


def _leave_by_code(drafts: Mapping[VisitId, _Draft], facts: Sequence[Fact]) -> None:
    """Close visits whose member showed a code at an exit, or came in once more."""
    for fact in facts:
        event = fact.event
        if isinstance(event, ShopperLeft):
            for draft in _open_of(drafts, event.member, int(event.at_ns)):
                draft.left_ns = int(event.at_ns)
        elif isinstance(event, ShopperEntered):
            opened = visit_id(fact.id)
            for draft in _open_of(drafts, event.member, int(event.at_ns)):
                if opened in drafts and draft.id != opened and draft.doubt is None:
                    # Whether the first one left unseen or a friend came in through another
                    # gate cannot be told: a person decides.
                    draft.left_ns = int(event.at_ns)
                    draft.doubt = Doubt.ENTERED_AGAIN
    for draft in drafts.values():
        for person in draft.people:
            person.left_ns = draft.left_ns


def _open_of(drafts: Mapping[VisitId, _Draft], member: MemberId | None, at_ns: int) -> list[_Draft]:
    """The open visits of a member, or the only open one of all where nobody knows who left."""
    found = [
        draft
        for draft in drafts.values()
        if draft.people[0].at_ns < at_ns
        and draft.left_ns is None
        and member in (None, draft.member)
    ]
    if member is None:
        return found if len(found) == 1 and len(found[0].people) == 1 else []
    return found


def _bind_at_gates(
    people: Sequence[_Person], tracks: Mapping[TrackId, Track], settings: JudgementSettings
) -> set[TrackId]:
    """Give each entry the track that stood in the zone, one a camera; say which tossed up."""
    reach_ns = round(settings.entry_s * SECOND_NS)
    taken: set[TrackId] = set()
    unsure: set[TrackId] = set()
    for index, person in enumerate(people):
        later = [other.at_ns for other in people[index + 1 :] if other.gate == person.gate]
        next_ns = min(later, default=2**62)
        by_seer: dict[tuple[NodeId, str], list[tuple[int, int, TrackId]]] = {}
        for track in tracks.values():
            away_ns = away_from_stay_ns(track, person.gate, person.at_ns)
            if track.id not in taken and away_ns is not None and away_ns <= reach_ns:
                # Two that were both near enough, as far as the clocks tell, are a toss-up.
                near_ns = max(0, away_ns - person.uncertainty_ns)
                by_seer.setdefault((track.node, track.camera or ""), []).append(
                    (near_ns, _came_ns(track, person.gate), track.id)
                )
        for found in by_seer.values():
            found.sort()
            first = [name for near_ns, _, name in found if near_ns == found[0][0]]
            # Who showed the code walks on; who still queues stays until their own code.
            walked_on = [name for name in first if _left_zone(tracks[name], person, next_ns)]
            chosen = walked_on[0] if len(walked_on) == 1 else first[0]
            if len(first) > 1 and len(walked_on) != 1:
                unsure.update(first)
            taken.add(chosen)
            person.tracks.append(tracks[chosen])
    return unsure


def _came_ns(track: Track, gate: GateId) -> int:
    return min(stay.from_ns for stay in track.stays if stay.gate == gate)


def _left_zone(track: Track, person: _Person, before_ns: int) -> bool:
    return any(
        stay.gate == person.gate
        and stay.to_ns is not None
        and person.at_ns <= stay.to_ns < before_ns
        for stay in track.stays
    )


def _close_by_hand(drafts: Mapping[VisitId, _Draft], closed: Mapping[VisitId, int]) -> None:
    for name, at_ns in closed.items():
        draft = drafts.get(name)
        if draft is not None and (draft.left_ns is None or at_ns < draft.left_ns):
            draft.left_ns, draft.doubt = at_ns, None


@dataclass(frozen=True, slots=True)
class _Doors:
    """Where somebody without a code may come in, and what is known of that so far."""

    gates: frozenset[GateId]
    started: Mapping[TrackId, EventId]
    heard_ns: int
    settings: JudgementSettings

    @classmethod
    def of(
        cls,
        facts: Sequence[Fact],
        layout: Layout,
        through_ns: Mapping[NodeId, int],
        settings: JudgementSettings,
    ) -> "_Doors":
        doors = [gate for gate in layout.gate if gate.direction is not GateDirection.EXIT]
        return cls(
            gates=frozenset(GateId(gate.id) for gate in doors),
            started={
                fact.event.track: fact.id for fact in facts if isinstance(fact.event, TrackStarted)
            },
            heard_ns=min((through_ns.get(gate.node, NEVER_NS) for gate in doors), default=NEVER_NS),
            settings=settings,
        )

    def came_in(self, track: Track) -> tuple[GateId, EventId] | None:
        """The gate and the event by which a track walked in without a code, as far as is known."""
        entry = self.started.get(track.id)
        for stay in track.stays:
            is_first = stay.from_ns - track.started_ns <= _AT_THE_DOOR_NS
            if entry is None or stay.gate not in self.gates or not is_first or stay.to_ns is None:
                continue
            # A code may still be on its way from the gate.
            if self.heard_ns >= stay.to_ns + self.settings.entry_s * SECOND_NS:
                return stay.gate, entry
        return None

    def is_same(self, person: _Person, track: Track) -> bool:
        """Whether another camera saw this walk-up come in at the same time and place."""
        first = person.tracks[0]
        if not person.is_walk_up or first.started_xy_m is None or track.started_xy_m is None:
            return False
        return (
            (first.node, first.camera) != (track.node, track.camera)
            and abs(first.started_ns - track.started_ns) <= _TWO_VIEWS_NS
            and apart_m(first.started_xy_m, track.started_xy_m) <= self.settings.link_m
        )


def _link(
    people: list[_Person],
    tracks: Mapping[TrackId, Track],
    layout: Layout,
    settings: JudgementSettings,
    doors: _Doors | None,
) -> list[_Draft]:
    """Give each further track, by start, to the person it goes on for; else leave it alone.

    Returns:
        Visits of those who came in without a code, where that is possible.
    """
    exits = exit_gates(layout)
    bound = {track.id for person in people for track in person.tracks}
    opened = []
    for track in tracks.values():
        if track.id in bound:
            continue
        person = _follows(track, people, exits, settings) or _only_lost(track, people, exits)
        came = doors.came_in(track) if doors is not None and person is None else None
        if doors is not None and came is not None:
            same = [person for person in people if doors.is_same(person, track)]
            if not same:
                gate, entry = came
                person = _Person(entry, gate, track.started_ns, 0, is_walk_up=True)
                people.append(person)
                opened.append(_Draft(visit_id(entry), MemberId(""), [person]))
            elif len(same) == 1:
                person = same[0]
        if person is not None:
            person.tracks.append(track)
            bound.add(track.id)
    return opened


def _follows(
    track: Track,
    people: Sequence[_Person],
    exits: frozenset[GateId],
    settings: JudgementSettings,
) -> _Person | None:
    """The one person whose track ended just before this one began, just beside it."""
    near = [person for person in people if _is_followed_by(person, track, exits, settings)]
    return near[0] if len(near) == 1 else None


def _is_followed_by(
    person: _Person, track: Track, exits: frozenset[GateId], settings: JudgementSettings
) -> bool:
    last = person.last()
    if last is None or last.ended_ns is None or last.ended_xy_m is None:
        return False
    if track.started_xy_m is None or track.started_ns < person.at_ns:
        return False
    gap_s = (track.started_ns - last.ended_ns) / SECOND_NS
    limit_s, limit_m = settings.link_s, settings.link_m
    if _has_left(person, exits):
        # At the gate the next shopper comes in where the last one went out.
        limit_s, limit_m = limit_s / 3, limit_m / 2
    apart = apart_m(last.ended_xy_m, track.started_xy_m)
    return -1.0 <= gap_s <= limit_s and apart <= limit_m + settings.walk_mps * max(gap_s, 0.0)


def _only_lost(track: Track, people: Sequence[_Person], exits: frozenset[GateId]) -> _Person | None:
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
        and not (_has_left(person, exits) and _gone_ns(person) <= track.started_ns)
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


def _is_cut(person: _Person) -> bool:
    last = person.last()
    return last is not None and last.is_cut


def _has_left(person: _Person, exits: frozenset[GateId]) -> bool:
    last = person.last()
    return last is not None and last.was_last_at(exits) and _went_in(person)


def _went_in(person: _Person) -> bool:
    """Whether the person was seen outside the gate's zone after entering, and in one again."""
    outside_ns = [
        stay.to_ns
        for track in person.tracks
        for stay in track.stays
        if stay.to_ns is not None and stay.to_ns > person.at_ns
    ] + [
        track.started_ns
        for track in person.tracks
        if track.started_ns > person.at_ns
        and not any(stay.from_ns <= track.started_ns for stay in track.stays)
    ]
    first_ns = min(outside_ns, default=2**62)
    return any(
        stay.from_ns > first_ns + 2 * SECOND_NS for track in person.tracks for stay in track.stays
    )


def _gone_ns(person: _Person) -> int:
    last = person.last()
    assert last is not None
    return _end(last)


def _end(track: Track) -> int:
    return 2**62 if track.ended_ns is None else track.ended_ns


@dataclass(frozen=True, slots=True)
class _Ends:
    """What it takes to say that somebody left."""

    exits: frozenset[GateId]
    seen_through_ns: int
    quiet_since_ns: int | None
    settings: JudgementSettings

    def of(self, person: _Person) -> tuple[int, Doubt | None] | None:
        """When a person left and what is doubtful about it; None: not (known to be) gone."""
        last = person.last()
        if last is None or last.ended_ns is None:
            return None
        has_gone_in = _went_in(person)
        if last.was_last_at(self.exits) and (has_gone_in or last.was_lost_inside()):
            wait_s = self.settings.exit_s if has_gone_in else self.settings.turned_s
            if self.seen_through_ns >= last.ended_ns + wait_s * SECOND_NS:
                return last.ended_ns, None
            return None
        if self.quiet_since_ns is None:
            return None
        quiet_ns = max(self.quiet_since_ns, last.ended_ns)
        if self.seen_through_ns >= quiet_ns + self.settings.empty_s * SECOND_NS:
            # Whoever was still seen until then, under another track, may have been this person.
            return quiet_ns, Doubt.NOT_SEEN_LEAVING
        return None


def _quiet_since_ns(facts: Sequence[Fact], tracks: Mapping[TrackId, Track]) -> int | None:
    """Since when no camera saw anybody; None while one does. A restart looks away until it ends."""
    if not tracks or any(track.ended_ns is None for track in tracks.values()):
        return None
    seers = {track.node for track in tracks.values()}
    restarts = [
        int(fact.event.at_ns)
        for fact in facts
        if isinstance(fact.event, NodeStarted) and fact.id.node in seers
    ]
    return max([_end(track) for track in tracks.values()] + restarts)


def _visit(draft: _Draft, ends: _Ends, heard_ns: int) -> Visit:
    first = draft.people[0]
    exited_ns, doubt = draft.left_ns, draft.doubt
    left = [ends.of(person) for person in draft.people]
    known = [end for end in left if end is not None]
    limit_ns = first.at_ns + round(ends.settings.longest_visit_s * SECOND_NS)
    seen_ns = max((at_ns for at_ns, _ in known), default=NEVER_NS)
    if len(known) == len(left) and (exited_ns is None or seen_ns <= exited_ns):
        exited_ns = seen_ns
        doubt = next((why for _, why in known if why is not None), None)
    elif exited_ns is None and heard_ns >= limit_ns:
        exited_ns, doubt = limit_ns, Doubt.TOO_LONG
    tracks = sorted(
        (track.started_ns, track.id) for person in draft.people for track in person.tracks
    )
    return Visit(
        id=draft.id,
        member=draft.member,
        gate=first.gate,
        entered_ns=first.at_ns,
        people=len(draft.people),
        exited_ns=exited_ns,
        tracks=tuple(name for _, name in tracks),
        doubt=doubt,
    )
