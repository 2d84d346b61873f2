"""Who is in the store, since when, and which tracks are theirs.

A gate's event opens a visit; the track that stands in the gate's zone at that moment is the
person's. Where cameras tell how people stand, tracks are put together first: what one camera lost,
broke or exchanged the others know (`crowd`). Whatever stays ambiguous stays unbound, and what such
a track reaches for goes to review. Where the shop takes walk-ups, whoever comes in through a gate
without a code opens a visit without an account.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import NodeStarted
from tebura_contract.ids import GateId, MemberId, NodeId, TrackId, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.domain.crowd import LOOKS_AHEAD_NS, Crowd, crowd_of
from tebura_gateway.domain.doors import Doors
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.gates import bind_at_gates
from tebura_gateway.domain.linking import link
from tebura_gateway.domain.sightings import Look, Spot, sightings_of
from tebura_gateway.domain.spans import Spans
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track, exit_gates, tracks_of
from tebura_gateway.domain.visiting import (
    NEVER_NS,
    Doubt,
    Person,
    VisitDraft,
    close_by_hand,
    end_ns,
    entries_of,
    leave_by_code,
    went_in,
)

__all__ = ["NEVER_NS", "Doubt", "Presence", "Standing", "Visit", "presence_of"]


@dataclass(frozen=True, slots=True)
class Visit:
    """A member (or their group) in the store, from the first entry to the last exit.

    A walk-up has no account: `member` is empty. `tracks` are theirs from first to last; one that a
    camera exchanged on the way is nobody's alone.
    """

    id: VisitId
    member: MemberId
    gate: GateId
    entered_ns: int
    people: int = 1
    exited_ns: int | None = None
    tracks: tuple[TrackId, ...] = ()
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a camera saw a track stand, and whose it was."""

    track: TrackId
    spot: Spot
    shares: Mapping[VisitId | None, float]


@dataclass(frozen=True, slots=True)
class Presence:
    """All visits, and whose each bound track is; `unsure` tracks were bound by a toss-up.

    `spans` are the visits by when they went on, `started_ns` when tracks began.
    `crowd` knows more where cameras tell how people stand: then tracks are bodies.
    """

    visits: dict[VisitId, Visit]
    owner: dict[TrackId, VisitId]
    unsure: frozenset[TrackId]
    spans: Spans[Visit]
    started_ns: Mapping[TrackId, int]
    crowd: Crowd | None = None

    def until(self, at_ns: int) -> object:
        """All that it answers about times up to then, to be compared."""
        ahead_ns = at_ns + LOOKS_AHEAD_NS
        known = {track for track, started_ns in self.started_ns.items() if started_ns <= ahead_ns}
        return (
            [
                (
                    visit.id,
                    visit.entered_ns,
                    None if visit.exited_ns is None or visit.exited_ns > at_ns else visit.exited_ns,
                )
                for visit in self.visits.values()
                if visit.entered_ns <= at_ns
            ],
            {track: visit for track, visit in self.owner.items() if track in known},
            self.unsure & known,
            self.crowd.until(ahead_ns) if self.crowd is not None else None,
        )

    def owners(self, track: TrackId, at_ns: int) -> Mapping[VisitId | None, float]:
        """Whose a track was at a time; None for what is nobody's who has a visit."""
        if self.crowd is None:
            return {self.owner.get(track): 1.0}
        shares: dict[VisitId | None, float] = {}
        for body, share in self.crowd.beliefs.of(track, at_ns).items():
            visit = self.owner.get(body)
            shares[visit] = shares.get(visit, 0.0) + share
        return shares

    def is_unsure(self, track: TrackId, at_ns: int) -> bool:
        """Whether it was bound to its visit by a toss-up."""
        if self.crowd is None:
            return track in self.unsure
        shares = self.crowd.beliefs.of(track, at_ns)
        return max(shares, key=lambda body: (shares[body], body)) in self.unsure

    def looks(self, from_ns: int, to_ns: int) -> Iterable[Look]:
        """What cameras saw from one moment to another, in order."""
        return self.crowd.within(from_ns, to_ns) if self.crowd is not None else ()

    def spot(self, track: TrackId, at_ns: int) -> Spot | None:
        """Where a track was seen then, if cameras tell."""
        return self.crowd.spot(track, at_ns) if self.crowd is not None else None

    def standing(self, at_ns: int) -> Sequence[Standing]:
        """Everybody any camera saw just then."""
        if self.crowd is None:
            return ()
        return [
            Standing(track, spot, self.owners(track, seen_ns))
            for track, (spot, seen_ns) in self.crowd.standing(at_ns).items()
        ]


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
    tracks: Mapping[TrackId, Track] = tracks_of(facts, layout)
    sightings = sightings_of(facts)
    drafts, people = entries_of(facts)
    crowd = None
    if sightings.looks:
        crowd = crowd_of(tracks, sightings, exit_gates(layout), people, settings)
        tracks = crowd.bodies.tracks
    leave_by_code(drafts, facts)
    unsure = bind_at_gates(people, tracks, settings, are_bodies=crowd is not None)
    doors = Doors.of(facts, layout, through_ns, settings) if settings.walk_up else None
    for opened in link(people, tracks, layout, settings, doors, are_bodies=crowd is not None):
        drafts[opened.id] = opened
    close_by_hand(drafts, closed or {})
    seers = frozenset(track.node for track in tracks.values())
    seen_through_ns = min((through_ns.get(node, NEVER_NS) for node in seers), default=NEVER_NS)
    ends = _Ends(exit_gates(layout), seen_through_ns, _quiet_since_ns(facts, tracks), settings)
    heard_ns = max(through_ns.values(), default=NEVER_NS)
    visits = {}
    for draft in drafts.values():
        visit = _visit(draft, ends, heard_ns)
        if crowd is not None:
            mine = [name for body in visit.tracks for name in crowd.bodies.members[body]]
            visit = replace(visit, tracks=tuple(mine))
        visits[visit.id] = visit
    owner = {
        track.id: draft.id
        for draft in drafts.values()
        for person in draft.people
        for track in person.tracks
    }
    spans = Spans((visit.entered_ns, visit.exited_ns, visit) for visit in visits.values())
    started_ns = {name: int(track.started_ns) for name, track in tracks.items()}
    return Presence(visits, owner, frozenset(unsure), spans, started_ns, crowd)


@dataclass(frozen=True, slots=True)
class _Ends:
    """What it takes to say that somebody left."""

    exits: frozenset[GateId]
    seen_through_ns: int
    quiet_since_ns: int | None
    settings: JudgementSettings

    def of(self, person: Person) -> tuple[int, Doubt | None] | None:
        """When a person left and what is doubtful about it; None: not (known to be) gone."""
        last = person.last()
        if last is None or last.ended_ns is None:
            return None
        has_gone_in = went_in(person)
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
    return max([end_ns(track) for track in tracks.values()] + restarts)


def _visit(draft: VisitDraft, ends: _Ends, heard_ns: int) -> Visit:
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
